//! Web pages of other origins: REST is open to them, the control API is not.

mod support;

use offhook_sim::{Cloud, CloudConfig};
use support::{cloud, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The reply to a page's request, in lower case.
async fn asked_by_page(cloud: &Cloud, method: &str, path: &str, more: &str) -> String {
    let address = cloud.address();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\norigin: https://app.test\r\n{more}\r\n"
    );
    soon("the HTTP reply", async {
        let mut socket = TcpStream::connect(address).await.expect("the cloud listens");
        socket.write_all(request.as_bytes()).await.expect("it goes out");
        let mut reply = String::new();
        socket.read_to_string(&mut reply).await.expect("the reply comes in");
        reply.to_lowercase()
    })
    .await
}

#[tokio::test]
async fn a_page_may_ask_what_a_softphone_asks() {
    let cloud = cloud(CloudConfig::default()).await;
    let wish = "access-control-request-method: POST\r\naccess-control-request-headers: authorization\r\n";
    let leave = asked_by_page(&cloud, "OPTIONS", "/api/v2/notifications/channels", wish).await;
    assert!(leave.starts_with("http/1.1 204"), "{leave}");
    for line in [
        "access-control-allow-origin: https://app.test\r\n",
        "access-control-allow-headers: authorization\r\n",
        "access-control-allow-methods: get, post, put, patch, delete\r\n",
    ] {
        assert!(leave.contains(line), "{line}{leave}");
    }
    assert!(cloud.records().is_empty(), "asking for leave is no request: {leave}");

    // What is refused can be read too.
    let refused = asked_by_page(&cloud, "GET", "/api/v2/users/me", "").await;
    assert!(refused.starts_with("http/1.1 401"), "{refused}");
    assert!(
        refused.contains("access-control-allow-origin: https://app.test\r\n"),
        "{refused}"
    );
}

#[tokio::test]
async fn no_page_drives_the_cloud() {
    let cloud = cloud(CloudConfig::default()).await;
    for (method, more) in [("OPTIONS", "access-control-request-method: POST\r\n"), ("GET", "")] {
        let reply = asked_by_page(&cloud, method, "/control/calls", more).await;
        assert!(!reply.contains("access-control-"), "{reply}");
    }
}
