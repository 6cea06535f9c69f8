//! What servers and proxies answer, and what is made of it.

use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

use super::*;
use crate::proxy::Proxy;

/// A server that answers each request as told; `KEY` stands for the proof that it has read the WebSocket's key.
async fn server(answers: &'static [&'static str]) -> (String, tokio::task::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        // Nobody else is answered.
        drop(listener);
        serve(stream, answers).await
    });
    (address, serving)
}

async fn serve(stream: TcpStream, answers: &[&str]) -> Vec<String> {
    let (mut stream, mut requests) = (BufReader::new(stream), Vec::new());
    for answer in answers {
        let (mut request, mut line) = (String::new(), String::new());
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).await.unwrap() == 0 {
                return requests;
            }
            request += &line;
        }
        let key = request
            .lines()
            .find_map(|line| line.strip_prefix("sec-websocket-key: "));
        let proof =
            key.map(|key| BASE64_STANDARD.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, format!("{key}{GUID}").as_bytes())));
        let answer = answer.replace("KEY", &proof.unwrap_or_default());
        stream.write_all(answer.as_bytes()).await.unwrap();
        requests.push(request);
    }
    requests
}

fn dialer(proxy: &Proxy) -> Dialer {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    Dialer::new(Arc::new(tls), Arc::new(Proxies::new(proxy)))
}

async fn dial(url: &str) -> Result<Socket, DialError> {
    let opened = dialer(&Proxy::None).open(&url.parse().unwrap()).await?;
    assert_eq!(opened.local, Some(std::net::Ipv4Addr::LOCALHOST.into()));
    Ok(opened.socket)
}

async fn refusal(answer: &'static [&'static str]) -> (String, DialError) {
    let (host, _) = server(answer).await;
    let error = dial(&format!("ws://{host}/")).await.map(drop).unwrap_err();
    (host, error)
}

const SWITCHED: &str = "HTTP/1.1 101 Switching Protocols\r\nupgrade: WebSocket\r\nconnection: keep-alive, Upgrade\r\n\
                        sec-websocket-accept: KEY\r\nsec-websocket-protocol: xmpp\r\n\r\nearly frame";

#[tokio::test]
async fn a_websocket_opens_and_what_came_with_the_answer_is_kept() {
    let (host, serving) = server(&[SWITCHED]).await;
    let mut socket = dial(&format!("ws://{host}/stream?a=b#c")).await.unwrap();
    let mut frame = [0; 11];
    socket.read_exact(&mut frame).await.unwrap();
    assert_eq!(&frame, b"early frame");
    let requests = serving.await.unwrap();
    assert!(
        requests[0].starts_with("GET /stream?a=b HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    for header in [
        &format!("host: {host}"),
        "sec-websocket-protocol: xmpp",
        "sec-websocket-version: 13",
    ] {
        assert!(
            requests[0].lines().any(|line| line == header),
            "{header}: {}",
            requests[0]
        );
    }
}

#[tokio::test]
async fn a_refusal_keeps_its_status_and_says_when_to_come_back() {
    let refused = |host, status, retry_after: Option<u64>| DialError::Refused {
        host,
        status,
        retry_after: retry_after.map(Duration::from_secs),
    };
    let (host, error) = refusal(&["HTTP/1.1 401 Unauthorized\r\ncontent-length: 4\r\n\r\nhush"]).await;
    assert_eq!(error, refused(host, 401, None));
    let (host, error) = refusal(&["HTTP/1.1 503 Busy\r\nretry-after: 7\r\ncontent-length: 1000\r\n\r\n"]).await;
    assert_eq!(error, refused(host.clone(), 503, Some(7)));
    assert_eq!(error.to_string(), format!("{host} refused the WebSocket with HTTP 503"));
    let (host, error) = refusal(&["HTTP/1.1 307 Elsewhere\r\nlocation: http://localhost/\r\n\r\n"]).await;
    assert_eq!(error, refused(host, 307, None));
}

#[tokio::test]
async fn what_is_no_websocket_is_told() {
    for (answer, expected) in [
        (
            &["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"],
            "it answered HTTP 200 OK",
        ),
        (&["220 mail.test ESMTP\r\n\r\n"], "invalid HTTP version parsed"),
        (
            &["HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: no\r\n\r\n"],
            "it did not read the key of our request",
        ),
        (
            &["HTTP/1.1 101 Yes\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"],
            "it switched to another protocol",
        ),
        (
            &["HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n\r\n"],
            "it does not speak the subprotocol xmpp",
        ),
        (
            &[
                "HTTP/1.1 101 Yes\r\nupgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-accept: KEY\r\n\
               sec-websocket-protocol: xmpp\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n",
            ],
            "it wants an extension that it was not offered",
        ),
    ] {
        let (host, error) = refusal(answer).await;
        let reason = expected.to_owned();
        assert_eq!(error, DialError::NotWebSocket { host, reason });
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_hangs_up_is_unreachable() {
    let (host, error) = refusal(&[]).await;
    assert!(
        matches!(&error, DialError::Unreachable { host: tried, .. } if *tried == host),
        "{error}"
    );
    let error = dial(&format!("wss://{host}/")).await.map(drop).unwrap_err();
    assert!(
        matches!(&error, DialError::Unreachable { reason, .. } if reason.contains("refused")),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_without_an_end_is_not_read_to_its_end() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.read_u8().await.unwrap();
        stream.write_all(b"HTTP/1.1 503 Busy\r\n").await.unwrap();
        while stream
            .write_all(b"x: xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n")
            .await
            .is_ok()
        {}
    });
    let error = dial(&format!("ws://{host}/")).await.map(drop).unwrap_err();
    assert!(matches!(&error, DialError::NotWebSocket { .. }), "{error}");
}

#[tokio::test]
async fn a_proxy_connects_us_by_the_name_of_the_server() {
    let (proxy, serving) = server(&["HTTP/1.1 200 Connected\r\ncontent-length: 9\r\n\r\n", SWITCHED]).await;
    let proxy = Proxy::Url(format!("http://user:pass%20word@{proxy}").parse().unwrap());
    dialer(&proxy)
        .open(&"ws://server.invalid/stream".parse().unwrap())
        .await
        .unwrap();
    let requests = serving.await.unwrap();
    assert!(
        requests[0].starts_with("CONNECT server.invalid:80 HTTP/1.1\r\n"),
        "{}",
        requests[0]
    );
    // user:pass word
    assert!(
        requests[0].contains("proxy-authorization: Basic dXNlcjpwYXNzIHdvcmQ=\r\n"),
        "{}",
        requests[0]
    );
    assert!(
        requests[1].starts_with("GET /stream HTTP/1.1\r\nhost: server.invalid\r\n"),
        "{}",
        requests[1]
    );
    assert!(
        !requests[1].contains("proxy-authorization"),
        "the credentials are the proxy's alone"
    );
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_with_its_status() {
    for (answer, status, after, hint) in [
        (
            &["HTTP/1.1 407 Who?\r\nproxy-authenticate: Basic\r\n\r\n"],
            407,
            None,
            "password",
        ),
        (
            &["HTTP/1.1 503 Busy\r\nretry-after: 3\r\n\r\n"],
            503,
            Some(Duration::from_secs(3)),
            "HTTP 503",
        ),
    ] {
        let (proxy, _) = server(answer).await;
        let named = Proxy::Url(format!("http://user:hush@{proxy}").parse().unwrap());
        let error = dialer(&named)
            .open(&"wss://server.invalid/".parse().unwrap())
            .await
            .map(drop)
            .unwrap_err();
        let expected = DialError::ProxyRefused {
            host: "server.invalid:443".into(),
            proxy: format!("http://{proxy}"),
            status,
            retry_after: after,
        };
        assert_eq!(error, expected);
        let text = error.to_string();
        assert!(text.contains(hint) && !text.contains("hush"), "{text}");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_answers_nonsense_is_told() {
    let (proxy, serving) = server(&["nonsense\r\n\r\n"]).await;
    let named = Proxy::Url(format!("http://{proxy}").parse().unwrap());
    let open = async || {
        let dialer = dialer(&named);
        dialer
            .open(&"wss://server.invalid/".parse().unwrap())
            .await
            .map(drop)
            .unwrap_err()
    };
    for _ in ["nonsense", "not there"] {
        let error = open().await;
        assert!(
            matches!(&error, DialError::Proxy { host, .. } if host == "server.invalid:443"),
            "{error}"
        );
    }
    serving.await.unwrap();
}
