//! Where the browser brings the code: one address of the loopback, for one visit.

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};
use url::Url;

use crate::exit::Exit;

/// Longest head of a request that is read.
const LONGEST: usize = 8192;

/// A server of one page.
pub struct Redirect {
    listener: TcpListener,
    uri: String,
}

impl Redirect {
    /// Port 0 is any that is free.
    pub async fn listen(port: u16) -> Result<Self, Exit> {
        let failed = |error| Exit::other(format!("port {port} of the loopback cannot be listened to: {error}"));
        let listener = TcpListener::bind(("127.0.0.1", port)).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        Ok(Self {
            listener,
            uri: format!("http://{address}/"),
        })
    }

    /// What the application has to be registered with.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// Waits until a browser brings the answer to the question of this state; other visits are for nothing.
    pub async fn code(&self, state: &str) -> Result<String, Exit> {
        loop {
            let Ok((mut stream, _)) = self.listener.accept().await else {
                continue;
            };
            let Some(url) = self.asked(&mut stream).await else {
                continue;
            };
            let find = |name: &str| {
                url.query_pairs()
                    .find(|(other, _)| other == name)
                    .map(|(_, value)| value)
            };
            if find("state").as_deref() != Some(state) {
                say(&mut stream, "404 Not Found", "This is not what was asked for.").await;
                continue;
            }
            if let Some(code) = find("code") {
                say(&mut stream, "200 OK", "You are logged in. This page can be closed.").await;
                return Ok(code.into_owned());
            }
            say(&mut stream, "200 OK", "You are not logged in. This page can be closed.").await;
            let error = find("error_description").or_else(|| find("error")).unwrap_or_default();
            return Err(Exit::refused_login(&format!("the login was refused: {error}")));
        }
    }

    /// What a browser asks for.
    async fn asked(&self, stream: &mut TcpStream) -> Option<Url> {
        let mut head = Vec::new();
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if head.len() > LONGEST || stream.read_buf(&mut head).await.ok()? == 0 {
                return None;
            }
        }
        let head = String::from_utf8(head).ok()?;
        let target = head.strip_prefix("GET ")?.split(' ').next()?;
        Url::parse(&self.uri).ok()?.join(target).ok()
    }
}

/// A browser that does not wait for the words gets none.
async fn say(stream: &mut TcpStream, status: &str, words: &str) {
    let page = format!("<!doctype html><meta charset=utf-8><title>offhook</title><p>{words}</p>");
    let reply = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{page}",
        page.len()
    );
    drop(stream.write_all(reply.as_bytes()).await);
    drop(stream.shutdown().await);
}
