//! Topics, events, system events and connection transfers.

mod support;

use offhook_sim::{CallRequest, Cloud, CloudConfig, CloudFaults, RejectedTopic, SystemEvent, Transfer, User};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::pubsub::{event, pubsub};
use support::{Client, channel, cloud, http};

async fn rest(cloud: &Cloud, method: &str, channel: &str, query: &str, topics: &[&str]) -> (u16, Value) {
    let path = format!("/api/v2/notifications/channels/{channel}/subscriptions{query}");
    let token = cloud.default_token();
    let body: Vec<_> = topics.iter().map(|topic| json!({ "id": topic })).collect();
    let body = json!(body).to_string();
    let body = (!matches!(method, "GET" | "DELETE")).then_some(body.as_str());
    http::request(cloud, method, &path, Some(token.expose_secret()), body).await
}

fn ids(listing: &Value) -> Vec<&str> {
    let entities = listing["entities"].as_array().expect("a list");
    entities.iter().map(|it| it["id"].as_str().expect("an id")).collect()
}

#[tokio::test]
async fn topics_of_a_channel_are_added_replaced_listed_and_removed() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    let client = Client::connect_on(&cloud, &channel, "one").await;
    let jid = client.jid.parse().expect("an address");
    let (status, listing) = rest(&cloud, "POST", &channel, "", &["v2.users.1?presence&calls"]).await;
    assert_eq!((status, ids(&listing)), (200, vec!["v2.users.1?presence&calls"]));
    rest(&cloud, "POST", &channel, "", &["v2.a.b"]).await;
    assert_eq!(
        cloud.topics(&jid),
        ["v2.a.b", "v2.users.1.calls", "v2.users.1.presence"]
    );
    rest(&cloud, "PUT", &channel, "", &["v2.users.1.calls", "v2.c.d"]).await;
    let (_, listing) = rest(&cloud, "GET", &channel, "", &[]).await;
    assert_eq!(ids(&listing), ["v2.c.d", "v2.users.1.calls"]);
    assert_eq!(rest(&cloud, "DELETE", &channel, "", &[]).await.0, 204);
    assert!(cloud.topics(&jid).is_empty());
    cloud.stop().await;
}

#[tokio::test]
async fn only_the_own_channels_can_be_subscribed_and_only_with_topics() {
    let users = vec![User::new("Anna", "a"), User::new("Ben", "b")];
    let config = CloudConfig {
        users,
        ..CloudConfig::default()
    };
    let cloud = cloud(config).await;
    let bens = channel(&cloud, "b").await;
    for other in ["unknown", &bens] {
        assert_eq!(rest(&cloud, "POST", other, "", &["v2.a.b"]).await.0, 404, "{other}");
    }
    let own = channel(&cloud, "a").await;
    let path = format!("/api/v2/notifications/channels/{own}/subscriptions");
    for body in ["", "{}", "[1]", r#"[{"topic":"x"}]"#] {
        let (status, _) = http::request(&cloud, "POST", &path, Some("a"), Some(body)).await;
        assert_eq!(status, 400, "{body}");
    }
    let many: Vec<_> = (0..1_001).map(|number| format!("v2.topic.{number}")).collect();
    let many: Vec<_> = many.iter().map(String::as_str).collect();
    assert_eq!(rest(&cloud, "PUT", &own, "", &many).await.0, 400);
    assert_eq!(rest(&cloud, "PUT", &own, "", &many[1..]).await.0, 200);
    assert_eq!(http::request(&cloud, "POST", &path, Some("x"), Some("[]")).await.0, 401);
    cloud.stop().await;
}

#[tokio::test]
async fn a_rejected_topic_fails_the_request_unless_errors_are_ignored() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    cloud.set_faults(CloudFaults {
        rejected_topics: vec![RejectedTopic {
            topic: "v2.users.1.calls".into(),
            reason: Some("no".into()),
            missing_permissions: vec!["calls:view".into()],
        }],
        ..CloudFaults::default()
    });
    let topics = ["v2.users.1?presence&calls", "v2.a.b"];
    assert_eq!(rest(&cloud, "PUT", &channel, "", &topics).await.0, 403);
    assert_eq!(ids(&rest(&cloud, "GET", &channel, "", &[]).await.1).len(), 0);
    let (status, listing) = rest(&cloud, "PUT", &channel, "?ignoreErrors=true", &topics).await;
    assert_eq!(status, 200);
    assert_eq!(
        listing["entities"],
        json!([
            { "id": "v2.users.1?presence&calls", "state": "Permitted" },
            { "id": "v2.a.b", "state": "Permitted" },
            {
                "id": "v2.users.1.calls",
                "state": "Rejected",
                "rejectionReason": "no",
                "missingPermissions": ["calls:view"],
            },
        ])
    );
    let kept = rest(&cloud, "GET", &channel, "", &[]).await.1;
    assert_eq!(ids(&kept), ["v2.a.b", "v2.users.1.presence"]);

    let mut client = Client::connect_on(&cloud, &channel, "one").await;
    let refused = pubsub(&mut client, "subscribe", "v2.users.1.calls").await;
    assert_eq!(refused.attr("type"), Some("error"));
    cloud.stop().await;
}

/// Topics of the channel survive the socket; those of the stream do not.
#[tokio::test]
async fn events_reach_who_is_subscribed_by_channel_or_stream() {
    let cloud = cloud(CloudConfig::default()).await;
    let channel = channel(&cloud, cloud.default_token().expose_secret()).await;
    let mut client = Client::connect_on(&cloud, &channel, "one").await;
    let mut other = Client::connect(&cloud, "two").await;
    rest(&cloud, "POST", &channel, "", &["v2.users.1?calls&presence"]).await;
    let granted = pubsub(&mut client, "subscribe", "v2.own").await;
    assert_eq!(granted.attr("type"), Some("result"));

    let body = json!({ "text": "<&> \u{e4}", "list": [1, null] });
    assert_eq!(cloud.publish(None, "v2.users.1.calls", &body), 1);
    let (node, payload) = event(&mut client).await;
    assert_eq!(node, "v2.users.1.calls");
    assert_eq!(payload["topicName"], "v2.users.1.calls");
    assert_eq!(payload["version"], "2");
    assert!(payload["metadata"].is_object());
    assert_eq!(payload["eventBody"], body);
    assert_eq!(cloud.publish(None, "v2.own", &body), 1);
    assert_eq!(event(&mut client).await.0, "v2.own");
    assert_eq!(cloud.publish(None, "v2.users.1", &body), 0);
    assert_eq!(cloud.publish(Some("nobody"), "v2.own", &body), 0);

    pubsub(&mut client, "unsubscribe", "v2.own").await;
    assert_eq!(cloud.publish(None, "v2.own", &body), 0);
    pubsub(&mut client, "subscribe", "v2.own").await;
    pubsub(&mut other, "subscribe", "v2.own").await;
    assert_eq!(cloud.publish(None, "v2.own", &body), 2);

    cloud.drop_streams();
    let mut client = Client::connect_on(&cloud, &channel, "one").await;
    let jid = client.jid.parse().expect("an address");
    assert_eq!(cloud.topics(&jid), ["v2.users.1.calls", "v2.users.1.presence"]);
    assert_eq!(cloud.publish(None, "v2.users.1.presence", &body), 1);
    assert_eq!(event(&mut client).await.0, "v2.users.1.presence");
    cloud.stop().await;
}

#[tokio::test]
async fn system_events_reach_everybody_and_may_come_before_the_end() {
    let cloud = cloud(CloudConfig::default()).await;
    for (system, node, name) in [
        (SystemEvent::DuplicateId, "channel.duplicate_id", "duplicate_id"),
        (
            SystemEvent::NoLongerSubscribed,
            "channel.no_longer_subscribed",
            "no_longer_subscribed",
        ),
        (
            SystemEvent::SubscriptionsExpiring,
            "streaming-subscriptions-expiring",
            "subscriptions_expiring",
        ),
    ] {
        let mut client = Client::connect(&cloud, "one").await;
        assert_eq!(cloud.system_event(system, None), 1);
        assert_eq!(event(&mut client).await, (node.to_owned(), json!({})));
        let pong = client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
        assert_eq!(pong.attr("type"), Some("result"));
        let body = json!({ "system": name, "close": true }).to_string();
        let reply = http::request(&cloud, "POST", "/control/events", None, Some(&body)).await;
        assert_eq!(reply, (200, json!({ "clients": 1 })));
        assert_eq!(event(&mut client).await.0, node);
        assert_eq!(client.next().await.name(), "close");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn events_are_published_by_the_control_api() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    pubsub(&mut client, "subscribe", "v2.a.b").await;
    let body = json!({ "topic": "v2.a.b", "eventBody": { "x": 1 }, "user": cloud.user().id }).to_string();
    let reply = http::request(&cloud, "POST", "/control/events", None, Some(&body)).await;
    assert_eq!(reply, (200, json!({ "clients": 1 })));
    assert_eq!(event(&mut client).await.1["eventBody"], json!({ "x": 1 }));
    for (body, status) in [
        (json!({ "topic": "v2.a.b", "user": "nobody" }), 404),
        (json!({ "system": "flood" }), 422),
        (json!({}), 422),
    ] {
        let reply = http::request(&cloud, "POST", "/control/events", None, Some(&body.to_string())).await;
        assert_eq!(reply.0, status, "{body}");
    }
    cloud.stop().await;
}

#[tokio::test]
async fn a_connection_transfer_is_noted_with_its_acknowledgement() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let jid = client.jid.clone();
    assert_eq!(cloud.transfer(None), 1);
    let request = client.until(|it| it.has_child("query", "urn:xmpp:cxfr")).await;
    assert_eq!(request.attr("from"), Some("acme.orgspan.offhook.test"));
    assert_eq!(request.attr("to"), Some(jid.as_str()));
    assert!(matches!(
        &cloud.transfers()[..],
        [Transfer {
            acknowledged: false,
            ..
        }]
    ));
    let id = request.attr("id").expect("an id");
    client
        .send(&format!(
            "<iq xmlns='jabber:client' type='result' id='{id}' to='acme.orgspan.offhook.test'/>"
        ))
        .await;
    let reply = http::request(&cloud, "POST", "/control/transfers", None, None).await;
    assert_eq!(reply, (200, json!({ "clients": 1 })));
    client.until(|it| it.has_child("query", "urn:xmpp:cxfr")).await;
    client.ask("", "<ping xmlns='urn:xmpp:ping'/>").await;
    let (_, transfers) = http::request(&cloud, "GET", "/control/transfers", None, None).await;
    assert_eq!(
        transfers,
        json!([{ "client": jid, "acknowledged": true }, { "client": jid, "acknowledged": false }])
    );
    cloud.stop().await;
}

#[tokio::test]
async fn a_conversation_is_published_as_it_changes() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let topic = format!("v2.users.{}.conversations", cloud.user().id);
    pubsub(&mut client, "subscribe", &topic).await;
    let call = cloud.call(CallRequest::default()).expect("it is connected");
    let path = format!("/api/v2/conversations/calls/{}", call.conversation());
    let token = cloud.default_token();

    let mut conversation = Value::Null;
    for (change, state, muted, held) in [
        (None, "alerting", false, false),
        (Some(json!({ "muted": true })), "alerting", true, false),
        (Some(json!({ "held": true })), "alerting", true, true),
        (Some(json!({ "state": "disconnected" })), "disconnected", true, true),
    ] {
        if let Some(change) = change {
            let agent = conversation["participants"][1]["id"]
                .as_str()
                .expect("an id")
                .to_owned();
            let (path, change) = (format!("{path}/participants/{agent}"), change.to_string());
            let (status, _) = http::request(&cloud, "PATCH", &path, Some(token.expose_secret()), Some(&change)).await;
            assert_eq!(status, 202);
        }
        let (node, payload) = event(&mut client).await;
        assert_eq!(node, topic);
        conversation = payload["eventBody"].clone();
        assert_eq!(conversation["id"], call.conversation().as_str());
        let agent = &conversation["participants"][1];
        assert_eq!(agent["userId"], cloud.user().id.as_str());
        let seen = &agent["calls"][0];
        assert_eq!(seen["direction"], "inbound");
        assert_eq!(
            (&seen["state"], &seen["muted"], &seen["held"]),
            (&json!(state), &json!(muted), &json!(held))
        );
        for path in [&path, &path.replace("/calls", "")] {
            let (status, asked) = http::request(&cloud, "GET", path, Some(token.expose_secret()), None).await;
            assert_eq!((status, &asked), (200, &conversation));
        }
    }
    call.ended().await;
}
