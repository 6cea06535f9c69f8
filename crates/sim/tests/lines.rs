//! Sessions that stay between calls: the next call has the session that there is.

mod support;

use std::time::Duration;

use offhook_jingle::Reason;
use offhook_sim::{
    CallError, CallEvent, CallHandle, CallRequest, CallState, Cloud, CloudConfig, Ended, GatewayConfig, Station, What,
};
use serde_json::{Value, json};
use support::desk::{Desk, GATEWAY, call_of, speak, three_in, to};
use support::pubsub::{event, pubsub};
use support::{JINGLE_MESSAGE, call_event, http, soon};

/// What the gateway hears of Anna, in hertz.
const ANNA: f32 = 600.0;

/// Anna, whose sessions stay, in a call with a customer, and somebody else.
async fn anna_in(gateway: GatewayConfig) -> (Cloud, Desk, Desk) {
    let config = CloudConfig {
        gateway,
        ..CloudConfig::default()
    };
    let (cloud, [mut anna, ben, _]) = three_in(config).await;
    let user = cloud.users()[0].clone();
    let station = Station {
        persistent: true,
        ..user.station.expect("she has one")
    };
    cloud.set_station(&user.id, Some(station)).expect("Anna");
    pubsub(
        &mut anna.client,
        "subscribe",
        &format!("v2.users.{}.conversations", user.id),
    )
    .await;
    cloud.call(to(&cloud, 0)).expect("she is connected");
    anna.answer().await;
    assert_eq!(speak([&mut anna]).await, [[GATEWAY]]);
    (cloud, anna, ben)
}

/// Hangs up as the platform does; the call ends, and its session stays.
async fn hang_up(call: &CallHandle) {
    call.hang_up(Reason::Success);
    let reason = Reason::Success;
    assert_eq!(soon("the end", call.ended()).await, Ended::HungUp { reason });
}

/// The next state of Anna's part in the conversation of this call.
async fn told(anna: &mut Desk, call: &CallHandle) -> Value {
    loop {
        let (_, payload) = event(&mut anna.client).await;
        let body = &payload["eventBody"];
        if body["id"] == call.conversation().as_str() {
            let parts = body["participants"].as_array().expect("a list");
            let own = parts.iter().find(|part| part["userId"] == call.user());
            return own.expect("she takes part")["calls"][0]["state"].clone();
        }
    }
}

/// Anna changes her part by REST.
async fn patch(cloud: &Cloud, call: &CallHandle, change: &Value) {
    let conversation = cloud.conversation(call.conversation()).expect("it lives");
    let part = conversation.of_user(call.user()).expect("she takes part").id;
    let path = format!(
        "/api/v2/conversations/calls/{}/participants/{part}",
        call.conversation()
    );
    let (status, _) = http::request(cloud, "PATCH", &path, Some("token-Anna"), Some(&change.to_string())).await;
    assert_eq!(status, 202);
}

/// How often something was proposed, and how often a session was ended by the gateway.
fn proposed_and_terminated(cloud: &Cloud) -> (usize, usize) {
    let frames = support::frames(cloud);
    let count = |what: &str| frames.iter().filter(|frame| frame.starts_with(what)).count();
    (count("<propose>"), count("terminate"))
}

async fn is_heard(call: &CallHandle, anna: &mut Desk) {
    assert_eq!(speak([anna]).await, [[GATEWAY]]);
    let tone = call.heard().tone.expect("she says something");
    assert!((tone.hertz - ANNA).abs() < 3.0, "{tone:?}");
}

#[tokio::test]
async fn the_next_call_rings_without_a_proposal_and_is_picked_up_by_rest() {
    let (cloud, mut anna, _) = anna_in(GatewayConfig::default()).await;
    let first = call_of(&cloud, 0);
    patch(&cloud, &first, &json!({ "state": "disconnected" })).await;
    assert!(matches!(soon("the end", first.ended()).await, Ended::HungUp { .. }));
    assert_eq!(speak([&mut anna]).await, [Vec::<u32>::new()], "nobody is there");

    let second = cloud.call(to(&cloud, 0)).expect("she is connected");
    assert_eq!(second.session(), first.session());
    assert_ne!(second.conversation(), first.conversation());
    assert_eq!(told(&mut anna, &second).await, "alerting");
    assert_eq!(speak([&mut anna]).await, [Vec::<u32>::new()], "she has not picked up");
    assert_eq!(second.state(), CallState::Ringing);
    first.hang_up(Reason::Success);
    patch(&cloud, &second, &json!({ "state": "connected" })).await;
    soon("the call", second.connected()).await.expect("it goes on");
    assert_eq!(told(&mut anna, &second).await, "connected");
    is_heard(&second, &mut anna).await;
    assert_eq!(proposed_and_terminated(&cloud), (1, 0));
    hang_up(&second).await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_call_that_is_not_picked_up_leaves_the_session_to_the_next_one() {
    let (cloud, mut anna, _) = anna_in(GatewayConfig::default()).await;
    hang_up(&call_of(&cloud, 0)).await;
    let missed = CallRequest {
        ring: Some(Duration::from_millis(200)),
        ..to(&cloud, 0)
    };
    let missed = cloud.call(missed).expect("she is connected");
    assert_eq!(soon("the end", missed.ended()).await, Ended::Unanswered);
    let rejected = cloud.call(to(&cloud, 0)).expect("she is connected");
    patch(&cloud, &rejected, &json!({ "state": "disconnected" })).await;
    assert_eq!(soon("the end", rejected.ended()).await, Ended::Retracted);

    // What is to be answered automatically needs nobody.
    let automatic = CallRequest {
        auto_answer: true,
        ..to(&cloud, 0)
    };
    let automatic = cloud.call(automatic).expect("she is connected");
    soon("the call", automatic.connected()).await.expect("it goes on");
    assert_eq!(told(&mut anna, &automatic).await, "alerting");
    assert_eq!(told(&mut anna, &automatic).await, "connected");
    is_heard(&automatic, &mut anna).await;
    assert_eq!(proposed_and_terminated(&cloud), (1, 0));
    cloud.stop().await;
}

#[tokio::test]
async fn a_user_calls_another_one_with_the_session_that_there_is() {
    let (cloud, mut anna, mut ben) = anna_in(GatewayConfig::default()).await;
    hang_up(&call_of(&cloud, 0)).await;
    let body = json!({ "callUserId": cloud.users()[1].id }).to_string();
    let path = "/api/v2/conversations/calls";
    let (status, _) = http::request(&cloud, "POST", path, Some("token-Anna"), Some(&body)).await;
    assert_eq!(status, 202);
    ben.answer().await;
    let call = call_of(&cloud, 0);
    soon("the call", call.connected()).await.expect("it goes on");
    assert_eq!(told(&mut anna, &call).await, "contacting");
    assert_eq!(told(&mut anna, &call).await, "connected");
    assert_eq!(speak([&mut anna, &mut ben]).await, [[1_000], [600]]);
    // Ben's station keeps no session.
    ben.phone.take().expect("a call").hang_up(&mut ben.client).await;
    let reason = Reason::Success;
    assert_eq!(soon("the end", call.ended()).await, Ended::HungUp { reason });
    assert_eq!(proposed_and_terminated(&cloud), (2, 1), "the one termination is Ben's");
    cloud.stop().await;
}

#[tokio::test]
async fn without_a_session_that_stays_the_next_call_is_proposed() {
    let gateway = GatewayConfig {
        keep_session: Duration::from_millis(300),
        ..GatewayConfig::default()
    };
    let (cloud, mut anna, _) = anna_in(gateway).await;
    // The gateway has waited for long enough.
    hang_up(&call_of(&cloud, 0)).await;
    call_event(&cloud, |event| matches!(event, CallEvent::SessionEnded { .. })).await;
    anna.phone = None;
    assert_eq!(proposed_and_terminated(&cloud), (1, 1));
    cloud.call(to(&cloud, 0)).expect("she is connected");
    anna.answer().await;
    assert_eq!(proposed_and_terminated(&cloud).0, 2);

    // The client ends the session in mid-call, and the call with it.
    let call = call_of(&cloud, 0);
    anna.phone.take().expect("a call").hang_up(&mut anna.client).await;
    let reason = Reason::Success;
    assert_eq!(soon("the end", call.ended()).await, Ended::Terminated { reason });
    let call = cloud.call(to(&cloud, 0)).expect("she is connected");
    let again = |stanza: &minidom::Element| {
        let propose = stanza.get_child("propose", JINGLE_MESSAGE);
        propose.is_some_and(|propose| propose.attr("id") == Some(call.session().as_str()))
    };
    anna.client.until(again).await;
    call.retract();
    soon("the end", call.ended()).await;
    soon(
        "nothing",
        cloud.wait_live(|live| live.calls == 0 && live.media_sockets == 0),
    )
    .await;
    cloud.stop().await;
}

#[tokio::test]
async fn while_the_session_has_a_call_another_one_is_proposed() {
    let (cloud, mut anna, _) = anna_in(GatewayConfig::default()).await;
    let first = call_of(&cloud, 0);
    let second = cloud.call(to(&cloud, 0)).expect("she is connected");
    assert_ne!(second.session(), first.session());
    let mut phone = anna.phone.take();
    anna.answer().await;
    // The session stays that is free first; the other one ends with its call.
    hang_up(&second).await;
    std::mem::swap(&mut phone, &mut anna.phone);
    hang_up(&first).await;
    assert_eq!(proposed_and_terminated(&cloud), (2, 1));
    let third = cloud.call(to(&cloud, 0)).expect("she is connected");
    assert_eq!(third.session(), second.session());
    cloud.stop().await;
}

#[tokio::test]
async fn the_end_of_the_cloud_is_the_end_of_sessions_without_calls() {
    let (cloud, anna, _) = anna_in(GatewayConfig::default()).await;
    hang_up(&call_of(&cloud, 0)).await;
    assert_eq!(cloud.live().calls, 1, "it stays");
    let mut records = cloud.subscribe();
    soon("the end", cloud.stop()).await;
    let mut ended = false;
    while let Ok(record) = records.try_recv() {
        ended |= matches!(
            record.what,
            What::Call {
                event: CallEvent::SessionEnded { .. },
                ..
            }
        );
    }
    assert!(ended);
    drop(anna);
}

#[tokio::test]
async fn where_lines_are_enforced_nobody_has_more_calls_than_lines() {
    let gateway = GatewayConfig {
        enforce_lines: true,
        ..GatewayConfig::default()
    };
    let (cloud, _anna, _ben) = anna_in(gateway).await;
    let busy = cloud.call(to(&cloud, 0)).expect_err("she has one line");
    assert!(
        matches!(&busy, CallError::Busy { user } if *user == cloud.users()[0].id),
        "{busy}"
    );
    let station = cloud.station(&cloud.users()[0].id).expect("she has one");
    let two = Station { lines: 2, ..station };
    cloud.set_station(&cloud.users()[0].id, Some(two)).expect("Anna");
    cloud.call(to(&cloud, 0)).expect("she has two lines");
    cloud.call(to(&cloud, 0)).expect_err("and no third one");
    cloud.stop().await;
}
