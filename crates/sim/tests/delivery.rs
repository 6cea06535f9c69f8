//! Stanzas that come late, twice, in another order, or never.

mod support;

use std::time::Duration;

use offhook_sim::{CallRequest, CallState, Cloud, CloudConfig, CloudFaults, DeliveryFault, DeliveryHow, Towards, User};
use serde_json::{Value, json};
use support::pubsub::{event, pubsub};
use support::{Client, cloud, http, soon};

const TOPIC: &str = "v2.users.user-agent.conversations";

async fn control(cloud: &Cloud, method: &str, body: Value) -> (u16, Value) {
    http::request(cloud, method, "/control/faults", None, Some(&body.to_string())).await
}

fn fault(how: DeliveryHow) -> DeliveryFault {
    DeliveryFault {
        how,
        ..DeliveryFault::default()
    }
}

fn set(cloud: &Cloud, faults: impl IntoIterator<Item = DeliveryFault>) {
    cloud.set_faults(CloudFaults {
        delivery: faults.into_iter().collect(),
        ..CloudFaults::default()
    });
}

/// The numbers in the next events, in the order in which they come.
async fn numbers(client: &mut Client, count: usize) -> Vec<u64> {
    let mut numbers = Vec::new();
    while numbers.len() < count {
        let (_, body) = event(client).await;
        numbers.extend(body["eventBody"]["number"].as_u64());
    }
    numbers
}

#[tokio::test]
async fn a_retract_that_is_delayed_comes_after_what_followed_it() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let delay = json!({ "how": { "kind": "delay", "seconds": 0.4 }, "payload": "retract", "stanzas": 1 });
    let (status, stands) = control(&cloud, "POST", json!({ "delivery": [delay] })).await;
    assert_eq!(status, 200, "{stands}");
    assert_eq!(stands["delivery"][0]["how"]["seconds"], 0.4);

    let first = cloud.call(CallRequest::default()).expect("the client is connected");
    client.initiation("propose").await;
    first.retract();
    soon("the end", first.ended()).await;
    let second = cloud.call(CallRequest::default()).expect("the client is connected");
    let (_, proposal) = client.initiation("propose").await;
    assert_eq!(proposal.attr("id"), Some(second.session().as_str()));
    assert!(client.skipped_names().is_empty(), "the retract is not there yet");
    let (_, retract) = client.initiation("retract").await;
    assert_eq!(retract.attr("id"), Some(first.session().as_str()));
    assert!(cloud.faults().delivery.is_empty(), "it was for one");
    cloud.stop().await;
}

#[tokio::test]
async fn events_come_twice_or_in_another_order_as_many_as_told() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    pubsub(&mut client, "subscribe", TOPIC).await;
    let once = |how| DeliveryFault {
        stanzas: Some(1),
        ..fault(how)
    };
    set(&cloud, [once(DeliveryHow::Duplicate), once(DeliveryHow::Reorder)]);
    for number in 1..=4 {
        assert_eq!(cloud.publish(None, TOPIC, &json!({ "number": number })), 1);
    }
    assert_eq!(numbers(&mut client, 5).await, [1, 1, 3, 2, 4]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_fault_is_for_one_user_or_one_connection() {
    let config = CloudConfig {
        users: vec![User::default(), User::new("Other", "other token")],
        ..CloudConfig::default()
    };
    let cloud = cloud(config).await;
    let other = cloud.users()[1].clone();
    let mut one = Client::connect(&cloud, "one").await;
    let mut two = Client::connect(&cloud, "two").await;
    let mut three = Client::connect_as(&cloud, &other, "three").await;
    for client in [&mut one, &mut two] {
        pubsub(client, "subscribe", TOPIC).await;
    }
    let theirs = "v2.users.user-other.conversations";
    pubsub(&mut three, "subscribe", theirs).await;
    let of_the_user = DeliveryFault {
        user: Some(other.id.clone()),
        ..fault(DeliveryHow::Lose)
    };
    let of_one = DeliveryFault {
        connection: Some(two.jid.clone()),
        stanzas: Some(1),
        ..fault(DeliveryHow::Lose)
    };
    set(&cloud, [of_the_user, of_one]);
    for number in 1..=2 {
        cloud.publish(None, TOPIC, &json!({ "number": number }));
        cloud.publish(None, theirs, &json!({ "number": number }));
    }
    assert_eq!(numbers(&mut one, 2).await, [1, 2]);
    assert_eq!(numbers(&mut two, 1).await, [2]);
    set(&cloud, []);
    cloud.publish(None, theirs, &json!({ "number": 3 }));
    assert_eq!(numbers(&mut three, 1).await, [3]);
    cloud.stop().await;
}

#[tokio::test]
async fn a_proceed_can_be_lost_on_its_way() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    let lost = DeliveryFault {
        towards: Towards::Cloud,
        payload: Some("proceed".to_owned()),
        stanzas: Some(1),
        ..fault(DeliveryHow::Lose)
    };
    set(&cloud, [lost]);
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    let (peer, _) = client.initiation("propose").await;
    client.initiate(&peer, "proceed", call.session().as_str()).await;
    // What was sent after it has been there: it is answered.
    client
        .ask(cloud.user().jid.domain().as_str(), "<ping xmlns='urn:xmpp:ping'/>")
        .await;
    assert_eq!(call.state(), CallState::Ringing);
    client.initiate(&peer, "proceed", call.session().as_str()).await;
    client.offer(call.session()).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_stanza_that_nothing_overtakes_comes_all_the_same() {
    let cloud = cloud(CloudConfig::default()).await;
    let mut client = Client::connect(&cloud, "one").await;
    set(&cloud, [fault(DeliveryHow::Reorder)]);
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    assert!(client.hears_nothing(Duration::from_millis(100)).await);
    let (_, proposal) = client.initiation("propose").await;
    assert_eq!(proposal.attr("id"), Some(call.session().as_str()));
    cloud.stop().await;
}

#[tokio::test]
async fn what_is_no_fault_is_refused_and_changes_nothing() {
    let cloud = cloud(CloudConfig::default()).await;
    for how in [
        json!({ "kind": "delay" }),
        json!({ "kind": "delay", "seconds": -1 }),
        json!({ "kind": "delay", "seconds": 1e9 }),
        json!({ "kind": "sing" }),
    ] {
        let (status, reply) = control(&cloud, "POST", json!({ "delivery": [{ "how": how }] })).await;
        assert_eq!(status, 400, "{reply}");
        assert!(reply["message"].is_string());
    }
    assert_eq!(cloud.faults(), CloudFaults::default());
    cloud.stop().await;
}
