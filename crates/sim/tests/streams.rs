//! Streaming WebSockets and the hub between them.

mod support;

use std::time::Duration;

use offhook_sim::{CloudConfig, CloudFaults, Live, StreamFault, What};
use secrecy::ExposeSecret;
use support::{Client, cloud, http, soon};
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' to='acme.orgspan.offhook.test' version='1.0'/>";

#[tokio::test]
async fn a_client_connects_leaves_and_leaves_nothing_behind() {
    let cloud = cloud(CloudConfig::default()).await;
    let user = cloud.user().id.clone();
    assert!(cloud.connected(&user).is_empty());
    let mut client = Client::connect(&cloud, "one").await;
    assert_eq!(soon("a client", cloud.wait_connected(&user)).await.as_str(), client.jid);
    client.close().await;
    soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    assert!(cloud.connected(&user).is_empty());
    cloud.stop().await;
}

#[tokio::test]
async fn a_socket_that_just_goes_away_is_cleaned_up() {
    let cloud = cloud(CloudConfig::default()).await;
    let client = Client::connect(&cloud, "one").await;
    drop(client);
    soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_second_stream_of_the_same_address_pushes_the_first_one_out() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut first = Client::connect(&cloud, "one").await;
    let second = Client::connect(&cloud, "one").await;
    let error = first.next().await;
    assert!(
        error.has_child("conflict", "urn:ietf:params:xml:ns:xmpp-streams"),
        "{error:?}"
    );
    assert_eq!(first.next().await.name(), "close");
    soon("the first one's end", cloud.wait_live(|live| live.streams == 1)).await;
    let connected = cloud.connected(&cloud.user().id);
    assert_eq!(
        connected.iter().map(|jid| jid.as_str()).collect::<Vec<_>>(),
        [second.jid.as_str()]
    );
    cloud.stop().await;
}

#[tokio::test]
async fn clients_of_one_account_reach_each_other_and_nobody_else() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut one = Client::connect(&cloud, "one").await;
    let mut two = Client::connect(&cloud, "two").await;
    let to = two.jid.clone();
    one.initiate(&to, "ringing", "s").await;
    let (from, _) = two.initiation("ringing").await;
    assert_eq!(from, one.jid);
    for stranger in [
        "you@elsewhere.test/x",
        "peer-1@gjoll.offhook.test/x",
        "me@acme.orgspan.offhook.test/gone",
    ] {
        let answer = one.ask(stranger, "<query xmlns='x'/>").await;
        assert_eq!(answer.attr("type"), Some("error"), "{stranger}");
        assert_eq!(answer.attr("from"), Some(stranger));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn pings_come_over_the_socket() {
    let config = CloudConfig {
        ping_every: Duration::from_millis(20),
        ..CloudConfig::default()
    };
    let cloud = cloud(config).await;
    let mut client = Client::connect(&cloud, "one").await;
    for _ in 0..3 {
        let ping = client.until(|stanza| stanza.has_child("ping", "urn:xmpp:ping")).await;
        assert_eq!(ping.attr("from"), Some("notifications.127.0.0.1"));
    }
    cloud.stop().await;
}

#[tokio::test]
async fn only_a_known_channel_with_the_right_subprotocol_is_opened() {
    let cloud = cloud(CloudConfig::default()).await;
    let token = cloud.default_token();
    let path = "/api/v2/notifications/channels";
    let (status, _) = http::request(&cloud, "POST", path, Some(token.expose_secret()), None).await;
    assert_eq!(status, 400);
    let path = format!("{path}?connectionType=streaming");
    let (_, channel) = http::request(&cloud, "POST", &path, Some(token.expose_secret()), None).await;
    let channel = channel["id"].as_str().expect("an id");
    for (channel, protocol, refused) in [
        ("unknown", "xmpp", Some(404)),
        (channel, "soap", Some(400)),
        (channel, "xmpp", None),
        (channel, "xmpp", None),
    ] {
        let url = format!("{}/stream/channels/{channel}", cloud.streaming_url());
        let mut request = url.into_client_request().expect("a URL");
        request
            .headers_mut()
            .insert("sec-websocket-protocol", protocol.parse().expect("a header value"));
        let opened = soon("the WebSocket", tokio_tungstenite::connect_async(request)).await;
        let status = match opened {
            Ok(_) => None,
            Err(tokio_tungstenite::tungstenite::Error::Http(reply)) => Some(reply.status().as_u16()),
            Err(error) => panic!("{error}"),
        };
        assert_eq!(status, refused, "{channel} {protocol}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn faults_are_for_streams_that_open_from_then_on() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut good = Client::connect(&cloud, "one").await;
    cloud.set_faults(CloudFaults {
        stream: Some(StreamFault::Nonsense),
        ..CloudFaults::default()
    });
    let user = cloud.user().clone();
    let mut bad = Client::open(&cloud, &user).await;
    bad.send(OPEN).await;
    assert!(bad.next_text().await.is_some_and(|text| text.starts_with("Hello")));
    let pong = good.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(pong.attr("type"), Some("result"));
    cloud.stop().await;
}

#[tokio::test]
async fn stopping_closes_streams_properly_and_says_so_in_the_records() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let mut records = cloud.subscribe();
    let (frame, ()) = tokio::join!(client.next(), cloud.stop());
    assert_eq!(frame.name(), "close");
    let mut said = None;
    while let Ok(record) = records.try_recv() {
        if let What::SocketClosed { reason, .. } = record.what {
            said = Some(reason);
        }
    }
    assert_eq!(said.as_deref(), Some("the server closed it"));
}
