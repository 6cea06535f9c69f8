//! Stream management: stanzas that survive the loss of a socket (XEP-0198).

mod support;

use std::time::Duration;

use minidom::Element;
use offhook_jingle::Reason;
use offhook_jingle::genesys::Method;
use offhook_sim::{CallRequest, CallState, Cloud, CloudConfig, Cut, Live};
use serde_json::json;
use support::phone::Phone;
use support::{Client, cloud, soon};

const SM: &str = "urn:xmpp:sm:3";

async fn resumable() -> Cloud {
    cloud(CloudConfig {
        stream_management: Some(Duration::from_secs(60)),
        ..CloudConfig::default()
    })
    .await
}

/// A connected client whose stream can be resumed, and the id for that.
async fn managed(cloud: &Cloud) -> (Client, String) {
    let mut client = Client::connect(cloud, "one").await;
    client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    let enabled = client.until(|it| it.is("enabled", SM)).await;
    assert_eq!(
        (enabled.attr("resume"), enabled.attr("max")),
        (Some("true"), Some("60"))
    );
    let id = enabled.attr("id").expect("an id").to_owned();
    (client, id)
}

/// A new socket, and the answer to its wish to resume.
async fn resume(cloud: &Cloud, id: &str, handled: u32) -> (Client, Element) {
    let user = cloud.user().clone();
    let mut client = Client::open(cloud, &user).await;
    let features = client.sign_in(&user).await;
    assert!(features.has_child("sm", SM));
    client
        .send(&format!("<resume xmlns='urn:xmpp:sm:3' previd='{id}' h='{handled}'/>"))
        .await;
    let answer = client.next().await;
    (client, answer)
}

async fn ping(client: &mut Client) {
    let pong = client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    assert_eq!(pong.attr("type"), Some("result"));
}

/// The next stanza that carries an event: its topic.
async fn topic(client: &mut Client) -> String {
    let event = "http://jabber.org/protocol/pubsub#event";
    let message = client.until(|it| it.has_child("event", event)).await;
    let items = message.get_child("event", event).and_then(|it| it.children().next());
    items.and_then(|it| it.attr("node")).expect("a node").to_owned()
}

async fn subscribe(client: &mut Client, node: &str) {
    let jid = client.bare.clone();
    let request =
        format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'><subscribe node='{node}' jid='{jid}'/></pubsub>");
    client.ask("notifications.127.0.0.1", &request).await;
}

#[tokio::test]
async fn nothing_is_managed_unless_it_is_configured() {
    let cloud = cloud(CloudConfig::default()).await;
    let user = cloud.user().clone();
    let mut client = Client::open(&cloud, &user).await;
    assert!(!client.sign_in(&user).await.has_child("sm", SM));
    client.bind(&user, "one").await;
    client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    assert!(client.next().await.is("failed", SM));
    cloud.stop().await;
}

#[tokio::test]
async fn a_lost_socket_loses_no_stanza_and_no_topic() {
    let cloud = resumable().await;
    for cut in [Cut::Reset, Cut::Fin, Cut::CloseFrame { code: 1001 }, Cut::Stall] {
        let (mut client, id) = managed(&cloud).await;
        ping(&mut client).await;
        subscribe(&mut client, "v2.a.b").await;
        // Told before and not acknowledged, and told while it is away.
        cloud.publish(None, "v2.a.b", &json!(1));
        topic(&mut client).await;
        cloud.cut(&cut, None);
        for number in 2..5 {
            assert_eq!(cloud.publish(None, "v2.a.b", &json!(number)), 1, "{cut:?}");
        }
        let (mut client, resumed) = resume(&cloud, &id, 2).await;
        assert!(resumed.is("resumed", SM), "{cut:?}: {resumed:?}");
        assert_eq!(resumed.attr("previd"), Some(id.as_str()));
        assert_eq!(resumed.attr("h"), Some("2"), "a ping and a subscription");
        for _ in 1..5 {
            assert_eq!(topic(&mut client).await, "v2.a.b");
        }
        // The address, the topics and the pings are as they were.
        let jid = cloud.connected(&cloud.user().id).pop().expect("it is connected");
        assert_eq!(cloud.topics(&jid), ["v2.a.b"]);
        client.close().await;
        soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn acknowledgements_are_given_asked_for_and_checked() {
    let cloud = resumable().await;
    let (mut client, _) = managed(&cloud).await;
    ping(&mut client).await;
    client.until(|it| it.is("r", SM)).await;
    client.send("<r xmlns='urn:xmpp:sm:3'/>").await;
    let handled = client.until(|it| it.is("a", SM)).await;
    assert_eq!(handled.attr("h"), Some("1"));
    client.send("<a xmlns='urn:xmpp:sm:3' h='1'/>").await;
    ping(&mut client).await;
    client.until(|it| it.is("r", SM)).await;
    client.send("<a xmlns='urn:xmpp:sm:3' h='3'/>").await;
    assert_eq!(client.until(|it| it.name() == "error").await.children().count(), 1);
    cloud.stop().await;
}

#[tokio::test]
async fn a_stream_that_was_closed_or_is_unknown_or_too_old_is_not_resumed() {
    let cloud = resumable().await;
    let condition = "policy-violation".to_owned();
    for cut in [Cut::Close, Cut::StreamError { condition }] {
        let (mut client, id) = managed(&cloud).await;
        cloud.cut(&cut, None);
        client.end().await;
        let (mut client, failed) = resume(&cloud, &id, 0).await;
        assert!(failed.is("failed", SM), "{cut:?}: {failed:?}");
        // It binds anew over the same stream.
        client.bind(cloud.user(), "one").await;
        client.close().await;
    }
    cloud.stop().await;

    let cloud = support::cloud(CloudConfig {
        stream_management: Some(Duration::ZERO),
        ..CloudConfig::default()
    })
    .await;
    let mut client = Client::connect(&cloud, "one").await;
    client.send("<enable xmlns='urn:xmpp:sm:3' resume='true'/>").await;
    let enabled = client.until(|it| it.is("enabled", SM)).await;
    cloud.drop_streams();
    soon("the end", cloud.wait_live(|live| *live == Live::default())).await;
    let (_, failed) = resume(&cloud, enabled.attr("id").expect("an id"), 0).await;
    assert!(failed.is("failed", SM));
    cloud.stop().await;
}

/// Whoever binds the address anew has it; the old stream is over.
#[tokio::test]
async fn binding_anew_ends_what_could_be_resumed() {
    let cloud = resumable().await;
    let (_, id) = managed(&cloud).await;
    cloud.drop_streams();
    let mut client = Client::connect(&cloud, "one").await;
    ping(&mut client).await;
    let (_, failed) = resume(&cloud, &id, 0).await;
    assert!(failed.is("failed", SM));
    cloud.stop().await;
}

#[tokio::test]
async fn what_the_gateway_says_while_the_socket_is_lost_arrives() {
    let cloud = resumable().await;
    let (mut client, id) = managed(&cloud).await;
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let phone = Phone::answer(&mut client, 1_000).await;
    let answered = |state: &CallState| matches!(state, CallState::Answered { .. });
    soon("the answer", call.wait_for(answered)).await;
    cloud.cut(&Cut::Reset, None);
    call.hang_up(Reason::Busy);
    soon("the end", call.ended()).await;
    assert_eq!(call.undelivered(), 0);
    let (mut client, resumed) = resume(&cloud, &id, 0).await;
    assert!(resumed.is("resumed", SM), "{resumed:?}");
    let terminated = client
        .until(|it| {
            it.get_child("genesys-webrtc", "genesys")
                .is_some_and(|rpc| rpc.text().contains("terminate"))
        })
        .await;
    let rpc = terminated.get_child("genesys-webrtc", "genesys").expect("just found");
    let rpc = offhook_jingle::genesys::Rpc::parse(rpc).expect("a readable request");
    assert!(matches!(
        rpc.method,
        Method::Terminate {
            reason: Reason::Busy,
            ..
        }
    ));
    drop(phone);
    cloud.stop().await;
}
