//! Queues that distribute calls.

mod support;

use std::time::Duration;

use offhook_jingle::{ConversationId, Reason};
use offhook_sim::{
    CallError, CallRequest, Cloud, CloudConfig, Destination, Ended, ParticipantState, Purpose, Queue, RoutingStatus,
};
use serde_json::json;
use support::desk::{Desk, GATEWAY, MUSIC, call_of, part, speak, three_in};
use support::{http, soon};

const IDLE: RoutingStatus = RoutingStatus::Idle;

async fn support_desk(ring: Duration) -> (Cloud, [Desk; 3]) {
    let members = ["user-anna", "user-ben", "user-cleo"];
    let queue = Queue {
        ring,
        ..Queue::new("support", members)
    };
    three_in(CloudConfig {
        queues: vec![queue],
        ..CloudConfig::default()
    })
    .await
}

fn customer(cloud: &Cloud) -> offhook_sim::Conversation {
    cloud
        .call_queue("queue-support", CallRequest::default())
        .expect("there is the queue")
}

/// Rejects the proposal that comes next.
async fn reject(desk: &mut Desk) {
    let (peer, propose) = desk.client.initiation("propose").await;
    let session = propose.attr("id").expect("an id").to_owned();
    desk.client.initiate(&peer, "reject", &session).await;
}

#[tokio::test]
async fn a_call_goes_to_who_is_idle_for_the_longest_time() {
    let (cloud, [mut anna, mut ben, _]) = support_desk(Duration::from_secs(20)).await;
    // Nobody is on queue, so the call waits; Ben comes first, and is not connected to it before he has answered.
    let first = customer(&cloud);
    let states = || {
        first
            .participants()
            .iter()
            .map(|part| (part.purpose, part.state))
            .collect::<Vec<_>>()
    };
    let there = ParticipantState::Connected;
    assert_eq!(states(), [(Purpose::Customer, there), (Purpose::Acd, there)]);
    cloud.set_routing_status("user-ben", IDLE).expect("Ben");
    ben.answer().await;
    assert_eq!(speak([&mut ben]).await, [[GATEWAY]]);
    let gone = ParticipantState::Disconnected;
    assert_eq!(
        states(),
        [
            (Purpose::Customer, there),
            (Purpose::Acd, gone),
            (Purpose::Agent, there)
        ]
    );
    assert_eq!(cloud.routing_status("user-ben"), RoutingStatus::Interacting);

    // Ben is busy: the next one is Anna's, and when both are free, the one who was free first is called.
    cloud.set_routing_status("user-anna", IDLE).expect("Anna");
    customer(&cloud);
    anna.answer().await;
    for desk in [&mut anna, &mut ben] {
        desk.phone
            .take()
            .expect("it has answered")
            .hang_up(&mut desk.client)
            .await;
    }
    for number in [0, 1] {
        soon("the end", call_of(&cloud, number).ended()).await;
    }
    let (before, third) = (call_of(&cloud, 0), customer(&cloud));
    anna.answer().await;
    assert_ne!(call_of(&cloud, 0).session(), before.session());
    third
        .disconnect(&third.participants()[0].id)
        .expect("the customer is there");
    let reason = Reason::Success;
    assert_eq!(
        soon("the end", call_of(&cloud, 0).ended()).await,
        Ended::HungUp { reason }
    );
    cloud.stop().await;
}

#[tokio::test]
async fn who_does_not_answer_gets_no_more_and_the_next_one_does() {
    let (cloud, [mut anna, mut ben, mut cleo]) = support_desk(Duration::from_millis(500)).await;
    for user in ["user-anna", "user-ben", "user-cleo"] {
        cloud.set_routing_status(user, IDLE).expect("a member");
    }
    customer(&cloud);
    anna.client.initiation("retract").await;
    reject(&mut ben).await;
    cleo.answer().await;
    assert_eq!(speak([&mut cleo]).await, [[GATEWAY]]);
    assert_eq!(cloud.routing_status("user-anna"), RoutingStatus::NotResponding);
    assert_eq!(cloud.routing_status("user-ben"), IDLE);
    assert_eq!(soon("Anna's end", call_of(&cloud, 0).ended()).await, Ended::Unanswered);
    cloud.stop().await;
}

#[tokio::test]
async fn a_customer_who_gives_up_leaves_the_queue() {
    let (cloud, [mut anna, ..]) = support_desk(Duration::from_secs(20)).await;
    let waiting = customer(&cloud);
    waiting
        .disconnect(&waiting.participants()[0].id)
        .expect("the customer is there");
    let over = |conversation: &offhook_sim::Conversation| {
        let parts = conversation.participants();
        parts.iter().all(|part| part.state == ParticipantState::Disconnected)
    };
    assert!(over(&waiting));
    cloud.set_routing_status("user-anna", IDLE).expect("Anna");
    let ringing = customer(&cloud);
    anna.client.initiation("propose").await;
    ringing
        .disconnect(&ringing.participants()[0].id)
        .expect("the customer is there");
    anna.client.initiation("retract").await;
    soon("the end", call_of(&cloud, 0).ended()).await;
    assert!(over(&ringing));
    let nowhere = cloud.call_queue("nowhere", CallRequest::default());
    assert!(matches!(nowhere, Err(CallError::UnknownQueue { .. })));
    cloud.stop().await;
}

#[tokio::test]
async fn users_call_queues_and_transfer_to_them() {
    let (cloud, [mut anna, mut ben, mut cleo]) = support_desk(Duration::from_secs(20)).await;
    let body = json!({ "callQueueId": "queue-support" }).to_string();
    let path = "/api/v2/conversations/calls";
    let (status, placed) = http::request(&cloud, "POST", path, Some("token-Anna"), Some(&body)).await;
    assert_eq!(status, 202);
    anna.answer().await;
    assert_eq!(speak([&mut anna]).await, [[MUSIC]], "while she waits");
    let path = "/api/v2/users/user-ben/routingstatus";
    let body = json!({ "status": "IDLE" }).to_string();
    let (status, now) = http::request(&cloud, "PUT", path, Some("token-Ben"), Some(&body)).await;
    assert_eq!((status, &now["status"]), (200, &json!("IDLE")));
    assert_eq!(
        http::request(&cloud, "PUT", path, Some("token-Anna"), Some(&body))
            .await
            .0,
        403
    );
    assert_eq!(
        http::request(&cloud, "PUT", path, Some("token-Ben"), Some("{}"))
            .await
            .0,
        400
    );
    ben.answer().await;
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    let (_, now) = http::request(&cloud, "GET", path, Some("token-Ben"), None).await;
    assert_eq!(now["status"], "INTERACTING");

    let id = ConversationId::new(placed["id"].as_str().expect("an id"));
    let conversation = cloud.conversation(&id).expect("it lives");
    let body = json!({ "status": "IDLE" }).to_string();
    http::request(&cloud, "POST", "/control/users/user-cleo/routing", None, Some(&body)).await;
    let ben_part = part(&cloud, &conversation, 1);
    let queue = Destination::Queue("queue-support".into());
    conversation.replace(&ben_part, &queue).expect("there is the queue");
    soon("Ben's end", call_of(&cloud, 1).ended()).await;
    cleo.answer().await;
    assert_eq!(speak([&mut anna, &mut cleo]).await, [[1_700], [600]]);

    let body = json!({ "play": "tone:600" }).to_string();
    let (status, waiting) =
        http::request(&cloud, "POST", "/control/queues/queue-support/calls", None, Some(&body)).await;
    assert_eq!((status, &waiting["participants"][1]["purpose"]), (201, &json!("acd")));
    ben.answer().await;
    assert_eq!(speak([&mut ben]).await, [[600]]);
    assert_eq!(
        http::request(&cloud, "POST", "/control/queues/none/calls", None, None)
            .await
            .0,
        400
    );
    cloud.stop().await;
}
