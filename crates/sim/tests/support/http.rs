//! HTTP/1.1 by hand: one request, one connection.

use offhook_sim::Cloud;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::soon;

/// Status and JSON body (`null` when there is none or it is no JSON).
pub async fn request(cloud: &Cloud, method: &str, path: &str, token: Option<&str>, body: Option<&str>) -> (u16, Value) {
    let (head, body) = exchange(&cloud.address().to_string(), method, path, token, body).await;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .expect("a status");
    (status, serde_json::from_str(&body).unwrap_or(Value::Null))
}

/// Head and body of the reply.
pub async fn exchange(
    address: &str,
    method: &str,
    path: &str,
    token: Option<&str>,
    body: Option<&str>,
) -> (String, String) {
    let mut request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n");
    if let Some(token) = token {
        request.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    if body.is_some() {
        request.push_str("content-type: application/json\r\n");
    }
    let body = body.unwrap_or_default();
    request.push_str(&format!("content-length: {}\r\n\r\n{body}", body.len()));
    soon("the HTTP reply", async {
        let mut socket = TcpStream::connect(address).await.expect("the cloud listens");
        socket
            .write_all(request.as_bytes())
            .await
            .expect("the request goes out");
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.expect("the reply comes in");
        let (head, body) = reply.split_once("\r\n\r\n").expect("a head");
        (head.to_owned(), body.to_owned())
    })
    .await
}
