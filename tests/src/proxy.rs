//! A small HTTP proxy: tunnels (`CONNECT`), and plain requests passed on. Every name is one server's.

use std::{
    io,
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
};

/// How the proxy behaves.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// `user:password`; whoever does not give it gets 407.
    pub credentials: Option<String>,
    /// What `CONNECT` is answered instead of being carried out: a status line and headers.
    pub tunnels_refused: Option<&'static str>,
}

/// The proxy; it runs as long as the test's runtime.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts a proxy for which every name is `server`'s.
    ///
    /// # Panics
    /// When no port can be had.
    pub async fn start(server: SocketAddr, rules: Rules) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = requests.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (rules, log) = (rules.clone(), log.clone());
                // A connection that breaks is its owner's matter.
                tokio::spawn(async move { drop(serve(stream, server, &rules, &log).await) });
            }
        });
        Self { address, requests }
    }

    /// The first line of each connection's first request, oldest first.
    ///
    /// # Panics
    /// When the proxy has panicked.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().expect("nothing panics with it").clone()
    }
}

async fn serve(mut stream: TcpStream, server: SocketAddr, rules: &Rules, log: &Mutex<Vec<String>>) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let text = String::from_utf8_lossy(&head).into_owned();
    let line = text.lines().next().unwrap_or_default().to_owned();
    let tunnel = line.starts_with("CONNECT ");
    log.lock().expect("nothing panics with it").push(line);
    let known = rules.credentials.as_ref().is_none_or(|credentials| {
        let wanted = format!("proxy-authorization: Basic {}", BASE64_STANDARD.encode(credentials));
        text.lines().any(|line| line.eq_ignore_ascii_case(&wanted))
    });
    let refusal = match rules.tunnels_refused {
        _ if !known => Some("407 Who are you?\r\nproxy-authenticate: Basic realm=\"test\""),
        refusal if tunnel => refusal,
        _ => None,
    };
    if let Some(refusal) = refusal {
        let answer = format!("HTTP/1.1 {refusal}\r\ncontent-length: 0\r\n\r\n");
        stream.write_all(answer.as_bytes()).await?;
        return stream.shutdown().await;
    }
    let mut server = TcpStream::connect(server).await?;
    if tunnel {
        stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n").await?;
    } else {
        server.write_all(&head).await?;
    }
    copy_bidirectional(&mut stream, &mut server).await.map(drop)
}
