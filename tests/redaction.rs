//! What is logged at TRACE, by `tracing` and by `log`, over whole runs of a client: no secret, in whatever spelling; and of which session.

use std::{
    fmt, fs, io,
    sync::{Arc, Mutex, OnceLock},
    thread,
    time::Duration,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use offhook::{
    AnswerPolicy, Client, ConnectFailure, ConversationId, Destination, Endpoints, Engine, EngineConfig, IceServer,
    OutboundCall, Proxy as Named, Reason, SessionId,
};
use offhook_sim::{CallRequest, Cloud, CloudConfig, CloudFaults, ExternalService, StreamFault, User};
use offhook_tests::{
    authority::certificate,
    proxy::{Proxy, Rules},
    softphone::{self, Diary},
};
use secrecy::ExposeSecret;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
    runtime,
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tracing_subscriber::fmt::format::FmtSpan;

const LIMIT: Duration = Duration::from_secs(20);

/// The servers' threads. What they log is theirs: they read what a client must not write down.
const SERVERS: &str = "servers";

/// All that was logged in this process, but by servers.
#[derive(Clone, Copy)]
struct Logged;

static LOGGED: Mutex<String> = Mutex::new(String::new());

impl Logged {
    /// Collects from now on.
    fn collect() -> Self {
        static COLLECTING: OnceLock<()> = OnceLock::new();
        COLLECTING.get_or_init(|| {
            let events = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::TRACE)
                .with_span_events(FmtSpan::NEW)
                .with_ansi(false)
                .with_writer(|| Logged)
                .finish();
            tracing::subscriber::set_global_default(events).unwrap();
            log::set_boxed_logger(Box::new(Logged)).unwrap();
            log::set_max_level(log::LevelFilter::Trace);
        });
        Self
    }

    fn write(self, line: fmt::Arguments<'_>) {
        if thread::current().name() != Some(SERVERS) {
            fmt::Write::write_fmt(&mut *LOGGED.lock().unwrap(), line).unwrap();
        }
    }

    /// Nothing of a secret is there, and those who know it were listened to.
    fn must_not_hold(self, secrets: &[&str], heard: &[&str]) {
        let logged = LOGGED.lock().unwrap().clone();
        for target in heard {
            let found = logged
                .lines()
                .any(|line| line.contains("TRACE") && line.contains(target));
            assert!(found, "nothing was heard of {target}, so that this proves nothing");
        }
        for secret in secrets {
            for spelling in spellings(secret) {
                let found = logged.lines().find(|line| line.contains(&spelling));
                assert_eq!(found, None, "{secret} is logged as {spelling}");
            }
        }
    }
}

impl Logged {
    /// Something is logged in the session's span, which names its conversation.
    fn must_name(self, session: &SessionId, conversation: &ConversationId) {
        let span = format!("session{{session={session} conversation=\"{conversation}\"}}: ");
        let logged = LOGGED.lock().unwrap();
        let named = |target: &str| logged.lines().any(|line| line.contains(&format!("{span}{target}")));
        assert!(named("offhook"), "nothing says {span}");
        assert!(named("str0m"), "the media library says nothing in {span}");
    }
}

impl io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Logged::write(*self, format_args!("{}", String::from_utf8_lossy(bytes)));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl log::Log for Logged {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        self.write(format_args!(
            "{} {}: {}\n",
            record.level(),
            record.target(),
            record.args()
        ));
    }

    fn flush(&self) {}
}

/// As it is, in Base64 wherever in a text it stands, as numbers, and in hexadecimal.
fn spellings(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let encoded = (0..3).map(|before| {
        let text = BASE64_STANDARD.encode([&vec![0; before], bytes].concat());
        // The first and the last group may hold something of the neighbours.
        text[4..text.len() - 4].to_owned()
    });
    let numbers = format!("{bytes:?}");
    let hexadecimal = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    encoded
        .chain([secret.to_owned(), numbers[1..numbers.len() - 1].to_owned(), hexadecimal])
        .collect()
}

/// Where servers run.
fn servers() -> runtime::Runtime {
    runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name(SERVERS)
        .enable_all()
        .build()
        .unwrap()
}

fn client(cloud: &Cloud, token: &str, proxy: &Named) -> Client {
    let mut config = EngineConfig::default();
    config.proxy = proxy.clone();
    Client::builder(
        Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).unwrap(),
        token,
    )
    .engine(Engine::new(&config).unwrap())
    .answer(AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    })
    .build()
    .unwrap()
}

fn must_not_tell(failure: &ConnectFailure, secrets: &[&str]) {
    for secret in secrets {
        let told = format!("{failure} {failure:?}");
        assert!(
            spellings(secret).iter().all(|spelling| !told.contains(spelling)),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_whole_run_logs_no_token_no_login_and_no_password() {
    let logged = Logged::collect();
    let (token, wrong, password) = ("token-Gr8-of-the-run", "wrong-0ne-of-the-run", "pass-W0rd-of-the-run");
    let (turn, own_turn) = ("turn-5ecret-of-the-run", "0wn-turn-secret-of-the-run");
    let servers = servers();
    let (cloud, proxy) = servers
        .spawn(async move {
            let config = CloudConfig {
                users: vec![User::new("agent", token)],
                services: Some(vec![ExternalService {
                    username: Some("agent".into()),
                    password: Some(turn.into()),
                    ..ExternalService::new("turn", "127.0.0.1", 3478)
                }]),
                ..CloudConfig::default()
            };
            let cloud = Cloud::start(config).await.unwrap();
            let rules = Rules {
                credentials: Some(format!("desk:{password}")),
                ..Rules::default()
            };
            let proxy = Proxy::start(cloud.address(), rules).await;
            (Arc::new(cloud), proxy)
        })
        .await
        .unwrap();
    let through = |password: &str| Named::Url(format!("http://desk:{password}@{}", proxy.address).parse().unwrap());

    for way in [Named::None, through(password)] {
        let client = client(&cloud, token, &way);
        let mut diary = Diary::of(&client);
        timeout(LIMIT, client.connect()).await.unwrap().unwrap();
        let [server] = &client.ice_servers().await.servers[..] else {
            panic!("the cloud offers one server")
        };
        let told = server.credential.as_ref().map(ExposeSecret::expose_secret);
        assert_eq!(told, Some(turn), "the client knows what it must not show");
        let own = IceServer {
            // With a STUN server, since without one nothing but relayed candidates may be used.
            urls: vec!["stun:127.0.0.1:3479".into(), "turn:127.0.0.1:3479".into()],
            username: Some("agent".into()),
            credential: Some(own_turn.into()),
        };
        client.set_ice_servers(vec![own]).await.unwrap();

        let number = OutboundCall::to(Destination::PhoneNumber("+4930123".into()));
        timeout(LIMIT, client.place_call(number)).await.unwrap().unwrap();
        let session = diary.media_up().await;
        client.end(&session, Reason::Success).await.unwrap();
        diary.until(softphone::ended).await;

        let calling = cloud.clone();
        let call = servers
            .spawn(async move { calling.call(CallRequest::default()).unwrap() })
            .await
            .unwrap();
        diary.media_up().await;
        call.hang_up(Reason::Success);
        diary.until(softphone::ended).await;
        logged.must_name(call.session(), call.conversation());

        cloud.drop_streams();
        assert!(diary.disconnected().await.1, "it is brought back");
        diary.connected().await;
        client.shutdown().await;
    }

    let secrets = [token, wrong, password, turn, own_turn];
    for (token, way) in [(wrong, Named::None), (token, through(wrong))] {
        let client = client(&cloud, token, &way);
        must_not_tell(&timeout(LIMIT, client.connect()).await.unwrap().unwrap_err(), &secrets);
        client.shutdown().await;
    }
    let condition = "not-authorized".to_owned();
    cloud.set_faults(CloudFaults {
        stream: Some(StreamFault::RefuseSasl { condition }),
        ..CloudFaults::default()
    });
    let client = client(&cloud, token, &Named::None);
    must_not_tell(&timeout(LIMIT, client.connect()).await.unwrap().unwrap_err(), &secrets);
    client.shutdown().await;

    logged.must_not_hold(&secrets, &["offhook_xmpp", "offhook", "hyper_util", "reqwest", "str0m"]);
    servers.shutdown_background();
}

/// An API over HTTP/2 and TLS, which accepts no token: what it was sent as `authorization`, and its port.
async fn api_over_http2(config: rustls::ServerConfig, tokens: Arc<Mutex<Vec<String>>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let acceptor = TlsAcceptor::from(Arc::new(config));
        while let Ok((stream, _)) = listener.accept().await {
            let stream = acceptor.accept(stream).await.unwrap();
            let tokens = tokens.clone();
            tokio::spawn(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                while let Some(Ok((request, mut respond))) = connection.accept().await {
                    let token = request.headers()["authorization"].to_str().unwrap();
                    tokens.lock().unwrap().push(token.to_owned());
                    let mut reply = hyper::Response::new(());
                    *reply.status_mut() = hyper::StatusCode::UNAUTHORIZED;
                    respond.send_response(reply, true).unwrap();
                }
            });
        }
    });
    port
}

#[tokio::test]
async fn http2_and_tls_log_no_token() {
    let logged = Logged::collect();
    let token = "token-0f-the-second-run";
    let (mut config, authority) = certificate();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let (servers, tokens) = (servers(), Arc::default());
    let port = servers
        .spawn(api_over_http2(config, Arc::clone(&tokens)))
        .await
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let anchor = folder.path().join("authority.pem");
    fs::write(&anchor, authority).unwrap();
    let mut config = EngineConfig::default();
    config.trust_anchors.push(anchor);
    let (api, streaming) = (format!("https://localhost:{port}"), format!("wss://localhost:{port}"));
    let client = Client::builder(Endpoints::new(&api, &streaming, None, false).unwrap(), token)
        .engine(Engine::new(&config).unwrap())
        .build()
        .unwrap();
    let failure = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
    must_not_tell(&failure, &[token]);
    client.shutdown().await;
    let expected = format!("Bearer {token}");
    assert!(tokens.lock().unwrap().contains(&expected), "{failure}");
    logged.must_not_hold(&[token], &["h2::", "rustls::"]);
    servers.shutdown_background();
}

#[tokio::test]
async fn a_guest_logs_no_jwt_though_it_is_in_the_address_of_the_websocket() {
    let logged = Logged::collect();
    // {"data":{"jid":"guest@org.example"}}
    let jwt = "e30.eyJkYXRhIjp7ImppZCI6Imd1ZXN0QG9yZy5leGFtcGxlIn19.c2lnbmF0dXJlLW9mLXRoZS1ndWVzdA";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap();
    let endpoints = Endpoints::new(&format!("http://{host}"), &format!("ws://{host}"), None, false).unwrap();
    let client = Client::guest(endpoints, jwt)
        .engine(Engine::new(&EngineConfig::default()).unwrap())
        .build()
        .unwrap();
    let refusing = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = vec![0; 4096];
        let length = stream.read(&mut request).await.unwrap();
        let answer = b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer).await.unwrap();
        String::from_utf8(request[..length].to_vec()).unwrap()
    };
    let (request, failure) = timeout(LIMIT, async { tokio::join!(refusing, client.connect()) })
        .await
        .unwrap();
    assert!(request.starts_with(&format!("GET /stream/jwt/{jwt} ")), "{request}");
    must_not_tell(&failure.unwrap_err(), &[jwt]);
    client.shutdown().await;
    logged.must_not_hold(&[jwt], &["hyper_util"]);
}
