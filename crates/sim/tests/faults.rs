//! REST, WebSockets and streams that are refused, as often as it was asked for.

mod support;

use std::time::Duration;

use offhook_sim::{
    Cloud, CloudConfig, CloudFaults, ExternalService, Outage, RestFault, StreamFault, Throttle, UpgradeFault, What,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::{Client, channel, cloud, http};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Error as WebSocketError;

const ME: &str = "/api/v2/users/me";
const CHANNELS: &str = "/api/v2/notifications/channels?connectionType=streaming";

async fn rest(cloud: &Cloud, method: &str, path: &str) -> (u16, String) {
    let token = cloud.default_token();
    let address = cloud.address().to_string();
    let (head, _) = http::exchange(&address, method, path, Some(token.expose_secret()), None).await;
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    (status, head)
}

async fn status(cloud: &Cloud, path: &str) -> u16 {
    rest(cloud, "GET", path).await.0
}

async fn control(cloud: &Cloud, method: &str, path: &str, body: Value) -> (u16, Value) {
    http::request(cloud, method, path, None, Some(&body.to_string())).await
}

/// The status and `Retry-After` of a refused WebSocket; `None` when it opens.
async fn upgrade(cloud: &Cloud, channel: &str) -> Option<(u16, Option<String>)> {
    match Client::open_on(cloud, cloud.user(), channel).await {
        Ok(_) => None,
        Err(WebSocketError::Http(reply)) => {
            let retry_after = reply.headers().get("retry-after");
            let retry_after = retry_after.map(|it| it.to_str().expect("a number").to_owned());
            Some((reply.status().as_u16(), retry_after))
        }
        Err(error) => panic!("{error}"),
    }
}

#[tokio::test]
async fn rest_is_refused_by_path_and_method_as_often_as_told() {
    let cloud = cloud(CloudConfig::default()).await;
    cloud.set_faults(CloudFaults {
        rest: vec![
            RestFault {
                path: "/api/v2/notifications".into(),
                method: Some("POST".into()),
                status: 429,
                times: Some(2),
                retry_after: Some(Duration::from_secs(3)),
                ..RestFault::default()
            },
            RestFault {
                path: ME.into(),
                status: 401,
                ..RestFault::default()
            },
        ],
        ..CloudFaults::default()
    });
    for _ in 0..2 {
        let (status, head) = rest(&cloud, "POST", CHANNELS).await;
        assert_eq!(status, 429);
        assert!(head.contains("retry-after: 3\r\n"), "{head}");
        assert!(head.contains("inin-correlation-id"), "{head}");
    }
    assert_eq!(rest(&cloud, "POST", CHANNELS).await.0, 200);
    for _ in 0..3 {
        assert_eq!(status(&cloud, ME).await, 401);
    }
    assert_eq!(cloud.faults().rest.len(), 1);
    cloud.set_faults(CloudFaults::default());
    assert_eq!(status(&cloud, ME).await, 200);
    cloud.stop().await;
}

#[tokio::test]
async fn web_sockets_are_refused_as_often_as_told() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    for refused in [401, 403, 503] {
        cloud.set_faults(CloudFaults {
            upgrade: Some(UpgradeFault {
                status: refused,
                times: Some(2),
                retry_after: Some(Duration::from_secs(5)),
            }),
            ..CloudFaults::default()
        });
        for _ in 0..2 {
            assert_eq!(upgrade(&cloud, &channel).await, Some((refused, Some("5".into()))));
        }
        assert_eq!(upgrade(&cloud, &channel).await, None);
        assert_eq!(cloud.faults(), CloudFaults::default());
    }
    let refusals = cloud.records().into_iter();
    let refusals = refusals.filter(|record| matches!(record.what, What::UpgradeRefused { .. }));
    assert_eq!(refusals.count(), 6);
    cloud.stop().await;
}

#[tokio::test]
async fn an_outage_refuses_all_that_is_new_until_it_is_over() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let outage = |lasts| CloudFaults {
        outage: Some(Outage {
            lasts,
            retry_after: Some(Duration::from_secs(7)),
            ..Outage::default()
        }),
        ..CloudFaults::default()
    };
    cloud.set_faults(outage(None));
    let (status_, head) = rest(&cloud, "GET", ME).await;
    assert_eq!(status_, 503);
    assert!(head.contains("retry-after: 7\r\n"), "{head}");
    assert_eq!(upgrade(&cloud, &channel).await, Some((503, Some("7".into()))));
    // Streams that are open go on, and the control API answers.
    let pong = client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(pong.attr("type"), Some("result"));
    assert_eq!(control(&cloud, "DELETE", "/control/faults", Value::Null).await.0, 204);
    assert_eq!(status(&cloud, ME).await, 200);

    // One that ends by itself.
    cloud.set_faults(outage(Some(Duration::from_millis(300))));
    assert_eq!(status(&cloud, ME).await, 503);
    let start = std::time::Instant::now();
    while status(&cloud, ME).await == 503 {
        assert!(start.elapsed() < support::LIMIT, "the outage does not end");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(cloud.faults(), CloudFaults::default());
    assert_eq!(upgrade(&cloud, &channel).await, None);
    cloud.stop().await;
}

#[tokio::test]
async fn an_outage_may_reset_connections() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    let (status_, faults) = control(
        &cloud,
        "POST",
        "/control/faults",
        json!({ "outage": { "reset": true } }),
    )
    .await;
    assert_eq!((status_, &faults["outage"]["reset"]), (200, &json!(true)));
    let mut socket = TcpStream::connect(cloud.address()).await.expect("it listens");
    let request = format!("GET {ME} HTTP/1.1\r\nhost: x\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it goes out");
    let error = socket.read_to_end(&mut Vec::new()).await.expect_err("a reset");
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
    let refused = Client::open_on(&cloud, cloud.user(), &channel).await;
    assert!(matches!(refused, Err(WebSocketError::Io(_))));
    let resets = cloud.records().into_iter();
    let resets = resets.filter(|record| matches!(record.what, What::ConnectionReset { .. }));
    assert_eq!(resets.count(), 2);
    control(&cloud, "POST", "/control/faults", json!({ "outage": null })).await;
    assert_eq!(status(&cloud, ME).await, 200);
    cloud.stop().await;
}

#[tokio::test]
async fn sasl_fails_on_as_many_streams_as_told() {
    let cloud = cloud(CloudConfig::default()).await;
    let condition = "temporary-auth-failure".to_owned();
    cloud.set_faults(CloudFaults {
        stream: Some(StreamFault::RefuseSasl { condition }),
        streams: Some(2),
        ..CloudFaults::default()
    });
    let user = cloud.user().clone();
    let domain = user.jid.domain();
    for _ in 0..2 {
        let mut client = Client::open(&cloud, &user).await;
        client
            .send(&format!(
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}'/>"
            ))
            .await;
        client.authenticate(user.jid.as_str(), user.token.expose_secret()).await;
        let failure = client.until(|it| it.name() == "failure").await;
        assert_eq!(
            failure.children().next().map(|it| it.name()),
            Some("temporary-auth-failure")
        );
    }
    Client::connect(&cloud, "one").await;
    assert_eq!(cloud.faults(), CloudFaults::default());
    cloud.stop().await;
}

#[tokio::test]
async fn requests_are_put_off_as_often_as_told_on_open_streams_too() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    cloud.set_faults(CloudFaults {
        throttle: Some(Throttle {
            times: Some(2),
            payload: Some("services".into()),
        }),
        ..CloudFaults::default()
    });
    let services = "<services xmlns='urn:xmpp:extdisco:1' type='stun'/>";
    for left in [Some(1), None] {
        let pong = client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
        assert_eq!(pong.attr("type"), Some("result"));
        let answer = client.ask("", services).await;
        let error = answer.get_child("error", "jabber:client").expect("an error");
        assert_eq!((error.attr("type"), error.attr("code")), (Some("wait"), Some("429")));
        assert_eq!(cloud.faults().throttle.and_then(|it| it.times), left);
    }
    assert_eq!(client.ask("", services).await.attr("type"), Some("result"));
    cloud.stop().await;
}

#[tokio::test]
async fn faults_are_set_looked_at_and_lifted_by_the_control_api() {
    let cloud = cloud(CloudConfig::default()).await;
    let path = "/control/faults";
    let (status, _) = control(
        &cloud,
        "POST",
        path,
        json!({
            "stream": { "kind": "refuseSasl", "condition": "not-authorized" },
            "streams": 1,
            "rest": [{ "path": ME, "status": 500, "times": 2, "retryAfterSeconds": 1 }],
            "upgrade": { "status": 403 },
        }),
    )
    .await;
    assert_eq!(status, 200);
    assert_eq!(rest(&cloud, "GET", ME).await.0, 500);
    // What is not named stays; `null` lifts.
    control(
        &cloud,
        "POST",
        path,
        json!({ "throttle": { "times": 3 }, "upgrade": null }),
    )
    .await;
    let faults = cloud.faults();
    assert_eq!(faults.rest[0].times, Some(1));
    assert_eq!(faults.upgrade, None);
    assert_eq!(faults.streams, Some(1));
    assert_eq!(faults.throttle.and_then(|it| it.times), Some(3));
    for wrong in [
        json!({ "rst": [] }),
        json!({ "upgrade": { "status": "x" } }),
        json!({ "x": null }),
    ] {
        assert_eq!(control(&cloud, "POST", path, wrong.clone()).await.0, 400, "{wrong}");
    }
    assert_eq!(cloud.faults().streams, Some(1));
    let (_, seen) = http::request(&cloud, "GET", path, None, None).await;
    assert_eq!(seen["stream"]["kind"], "refuseSasl");
    assert_eq!(control(&cloud, "DELETE", path, Value::Null).await.0, 204);
    assert_eq!(cloud.faults(), CloudFaults::default());
    cloud.stop().await;
}

#[tokio::test]
async fn a_token_that_was_replaced_is_worth_nothing_and_open_streams_stay() {
    let cloud = cloud(CloudConfig::default()).await;
    let user = cloud.user().clone();
    let mut client = Client::connect(&cloud, "one").await;
    cloud.set_token(&user.id, "second").expect("a user");
    let me = async |token: &str| http::request(&cloud, "GET", ME, Some(token), None).await.0;
    assert_eq!((me(user.token.expose_secret()).await, me("second").await), (401, 200));
    assert_eq!(cloud.default_token().expose_secret(), "second");
    let pong = client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(pong.attr("type"), Some("result"));

    // SASL takes the new one alone.
    let channel = channel(&cloud, "second").await;
    let mut client = Client::open_on(&cloud, &user, &channel).await.expect("opens");
    let domain = user.jid.domain();
    client
        .send(&format!(
            "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='{domain}'/>"
        ))
        .await;
    client.authenticate(user.jid.as_str(), user.token.expose_secret()).await;
    let failure = client.until(|it| it.name() == "failure").await;
    assert_eq!(failure.children().next().map(|it| it.name()), Some("not-authorized"));
    client.authenticate(user.jid.as_str(), "second").await;
    assert_eq!(client.next().await.name(), "success");

    let path = format!("/control/users/{}/token", user.id);
    assert_eq!(control(&cloud, "POST", &path, json!({ "token": "third" })).await.0, 204);
    assert_eq!((me("second").await, me("third").await), (401, 200));
    let path = "/control/users/nobody/token";
    assert_eq!(control(&cloud, "POST", path, json!({ "token": "x" })).await.0, 404);
    cloud.stop().await;
}

#[tokio::test]
async fn clients_are_told_of_the_services_that_were_set() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let mut ask = async |kind: &str| {
        let answer = client
            .ask("", &format!("<services xmlns='urn:xmpp:extdisco:1' type='{kind}'/>"))
            .await;
        let services = answer.children().next().expect("services").children().cloned();
        services.collect::<Vec<_>>()
    };
    assert_eq!(ask("stun").await.len(), 1);
    let mut turn = ExternalService::new("turn", "turn.test", 3478);
    turn.username = Some("me".into());
    turn.password = Some("secret".into());
    assert!(!format!("{turn:?}").contains("secret"));
    cloud.set_services(Some(vec![turn]));
    assert!(ask("stun").await.is_empty());
    let [turn] = &ask("turn").await[..] else { panic!("one") };
    assert_eq!(
        (turn.attr("username"), turn.attr("password")),
        (Some("me"), Some("secret"))
    );

    let services = json!([{ "type": "turns", "host": "x", "port": 443, "transport": "tcp", "password": "hidden" }]);
    assert_eq!(control(&cloud, "PUT", "/control/services", services).await.0, 204);
    assert_eq!(ask("turn").await[0].attr("transport"), Some("tcp"));
    let (_, seen) = http::request(&cloud, "GET", "/control/services", None, None).await;
    assert!(seen[0]["host"] == "x" && !seen.to_string().contains("hidden"), "{seen}");
    control(&cloud, "DELETE", "/control/services", Value::Null).await;
    assert_eq!(ask("stun").await.len(), 1);
    cloud.stop().await;
}
