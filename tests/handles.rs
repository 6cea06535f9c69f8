//! Calls as an application holds them: the conversation of the cloud and the session that carries it in one handle.

use std::time::Duration;

use offhook::{
    AnswerPolicy, Call, CallEnd, CallOver, CallState, Client, CommandError, Destination, Direction, Endpoints, Event,
    OutboundCall, Reason,
};
use offhook_sim::{CallEvent, CallHandle, CallRequest, Cloud, CloudConfig, Participant, Station, User, What};
use offhook_tests::softphone::{Diary, builder, call, connected, goes_on, poll, within};
use secrecy::ExposeSecret;

fn number() -> OutboundCall {
    OutboundCall::to(Destination::PhoneNumber("+4930123".into()))
}

async fn cloud_of(users: Vec<User>) -> Cloud {
    let config = CloudConfig {
        users,
        ..CloudConfig::default()
    };
    Cloud::start(config).await.expect("there is loopback")
}

/// Waits until a call is as wished.
async fn becomes(call: &mut Call, wished: impl Fn(&offhook::TrackedCall) -> bool) {
    within(async {
        while !wished(&call.now()) {
            call.changed().await.expect("it goes on");
        }
    })
    .await;
}

fn user_in(cloud: &Cloud, call: &Call) -> Participant {
    let conversation = cloud.conversation(call.conversation()).expect("the cloud knows it");
    conversation.of_user(&cloud.user().id).expect("the user takes part")
}

/// The handle of a call that the gateway made, as soon as the client knows of it.
async fn handle(client: &Client, diary: &mut Diary, call: &CallHandle) -> Call {
    let conversation = call.conversation();
    if let Some(call) = client.call(conversation).await {
        return call;
    }
    diary
        .until(|event| matches!(event, Event::CallState(told) if told.conversation == *conversation).then_some(()))
        .await;
    client.call(conversation).await.expect("it was told")
}

#[tokio::test]
async fn a_placed_call_is_one_object_to_await_mute_hold_and_end() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud).answer(AnswerPolicy::default())).await;
    let mut call = within(client.place_call(number())).await.expect("it is placed");
    let session = within(call.connected()).await.expect("it is answered");
    assert_eq!(
        client.sessions().await,
        [(session.clone(), Some(call.conversation().clone()))]
    );
    let far = within(cloud.call_of(call.conversation())).await;
    goes_on(&far).await;
    // The cloud tells whom the user talks to, before or after the media are there.
    becomes(&mut call, |call| call.remote.is_some() && call.participant.is_some()).await;
    assert_eq!(call.now().direction, Some(Direction::Outbound));

    within(call.mute(true)).await.expect("the cloud mutes");
    assert!(user_in(&cloud, &call).muted);
    becomes(&mut call, |call| call.muted).await;
    within(call.mute(false)).await.expect("and takes that back");
    within(call.hold(true)).await.expect("the cloud holds");
    assert!(user_in(&cloud, &call).held);
    becomes(&mut call, |call| call.held && !call.muted).await;
    within(call.hold(false)).await.expect("and takes that back");
    becomes(&mut call, |call| !call.held).await;
    within(call.send_digits("12#")).await.expect("the cloud presses keys");
    let pressed = cloud.records().into_iter().any(
        |record| matches!(record.what, What::Call { event: CallEvent::UserDigits { digits }, .. } if digits == "12#"),
    );
    assert!(pressed, "the digits came by REST");

    within(call.end()).await.expect("it ends");
    assert!(call.state().is_ended());
    assert_eq!(
        within(call.ended()).await,
        client.call(call.conversation()).await.map(|call| match call.state() {
            CallState::Ended(end) => end,
            other => panic!("{other:?}"),
        })
    );
    within(call.end()).await.expect("what is over may be ended");
    assert!(client.calls().await.is_empty());
    diary.until(offhook_tests::softphone::ended).await;
    let told: Vec<_> = diary
        .told()
        .iter()
        .filter_map(|(_, event)| match event {
            Event::CallState(call) => Some(call.clone()),
            _ => None,
        })
        .collect();
    assert!(
        told.windows(2).all(|pair| pair[0] != pair[1]),
        "nothing is told twice: {told:#?}"
    );
    client.shutdown().await;
}

#[tokio::test]
async fn a_call_that_comes_in_has_a_handle_and_ends_with_the_far_end() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let mut near = handle(&client, &mut diary, &far).await;
    becomes(&mut near, |call| {
        call.state == CallState::Connected && call.remote.is_some()
    })
    .await;
    assert_eq!(near.now().direction, Some(Direction::Inbound));
    let purpose = near.now().remote.and_then(|party| party.purpose);
    assert_eq!(purpose.as_deref(), Some("customer"));
    let metadata = |cloud: &Cloud| {
        cloud.records().into_iter().any(|record| {
            matches!(
                record.what,
                What::Call {
                    event: CallEvent::Metadata,
                    ..
                }
            )
        })
    };
    poll(|| metadata(&cloud)).await;
    far.hang_up(Reason::Success);
    let end = within(near.ended()).await.expect("it is over");
    assert!(
        matches!(end, CallEnd::Cloud | CallEnd::Session(Reason::Success)),
        "{end:?}"
    );
    assert!(matches!(within(near.connected()).await, Err(CallOver(Some(over))) if over == end));
    let mute = within(near.mute(true)).await.expect_err("it is over");
    let unknown = CommandError::UnknownCall(near.conversation().clone());
    assert_eq!(mute, offhook::CallChangeFailure::Command(unknown));
    client.shutdown().await;
}

#[tokio::test]
async fn a_call_that_rings_is_sent_to_voicemail_and_leaves_a_message() {
    let mut config = CloudConfig::default();
    config.gateway.message = Duration::from_secs(1);
    let cloud = Cloud::start(config).await.expect("there is loopback");
    let never = AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    };
    let (client, mut diary) = connected(builder(&cloud).answer(never)).await;
    let far = cloud.call(CallRequest::default()).expect("the client is connected");
    let near = handle(&client, &mut diary, &far).await;
    assert_eq!(near.state(), CallState::Alerting);
    within(near.to_voicemail()).await.expect("the cloud takes it");
    assert!(within(near.ended()).await.is_some());
    poll(|| !cloud.voicemail(&cloud.user().id).is_empty()).await;
    let message = &cloud.voicemail(&cloud.user().id)[0];
    assert_eq!(message.conversation, *far.conversation());
    assert!(
        message.duration() > Duration::from_millis(500),
        "{:?}",
        message.duration()
    );
    within(client.shutdown()).await;
}

#[tokio::test]
async fn a_call_that_rings_is_declined() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud).answer(AnswerPolicy::default())).await;
    let far = cloud.call(CallRequest::default()).expect("the client is connected");
    let mut near = handle(&client, &mut diary, &far).await;
    becomes(&mut near, |call| call.participant.is_some()).await;
    assert_eq!(near.state(), CallState::Alerting);
    within(near.decline()).await.expect("the cloud takes it back");
    assert!(within(near.ended()).await.is_some());
    client.shutdown().await;
}

#[tokio::test]
async fn another_clients_call_is_elsewhere_and_both_know_its_end() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (first, mut diary) = connected(builder(&cloud)).await;
    let (second, mut watching) = connected(builder(&cloud).answer(AnswerPolicy::default())).await;
    let far = call(&cloud, &mut diary).await;
    let mut seen = handle(&second, &mut watching, &far).await;
    becomes(&mut seen, |call| call.state == CallState::Elsewhere).await;
    assert_eq!(seen.session(), None);
    let near = handle(&first, &mut diary, &far).await;
    within(near.end()).await.expect("it ends");
    assert_eq!(within(seen.ended()).await, Some(CallEnd::Cloud));
    first.shutdown().await;
    second.shutdown().await;
}

#[tokio::test]
async fn a_station_with_lines_holds_the_first_call_for_the_second() {
    let user = User {
        station: Some(Station {
            id: "desk".into(),
            lines: 3,
            relayed: false,
            persistent: false,
        }),
        ..User::default()
    };
    let cloud = cloud_of(vec![user]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    diary
        .until(|event| matches!(event, Event::Station(Some(station)) if station.lines == 3).then_some(()))
        .await;
    assert_eq!(
        client.station().await.map(|station| station.id),
        Some("desk".to_owned())
    );
    let one = call(&cloud, &mut diary).await;
    let mut first = handle(&client, &mut diary, &one).await;
    becomes(&mut first, |call| call.participant.is_some()).await;
    let other = call(&cloud, &mut diary).await;
    becomes(&mut first, |call| call.held).await;
    let mut second = handle(&client, &mut diary, &other).await;
    becomes(&mut second, |call| call.participant.is_some()).await;
    within(first.hold(false)).await.expect("the cloud takes it back");
    becomes(&mut second, |call| call.held).await;
    client.shutdown().await;
}

#[tokio::test]
async fn rule_32_a_call_that_ended_while_signalling_was_away_is_over_when_it_is_back() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (watcher, mut watching) = connected(builder(&cloud).answer(AnswerPolicy::default())).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let mut seen = handle(&watcher, &mut watching, &far).await;
    becomes(&mut seen, |call| call.state == CallState::Elsewhere).await;
    within(watcher.disconnect()).await.expect("it is connected");
    watching.disconnected().await;
    far.hang_up(Reason::Success);
    diary.until(offhook_tests::softphone::ended).await;
    assert_eq!(seen.state(), CallState::Elsewhere, "nobody tells it");
    within(watcher.connect()).await.expect("it comes back");
    assert_eq!(within(seen.ended()).await, Some(CallEnd::Cloud));
    client.shutdown().await;
    watcher.shutdown().await;
}

#[tokio::test]
async fn the_client_that_rings_can_be_chosen() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    // When the station is told, so is everything else that the client watches.
    diary
        .until(|event| matches!(event, Event::Station(_)).then_some(()))
        .await;
    within(client.claim_alerting_leader())
        .await
        .expect("the cloud takes it");
    let (_, ours) = diary
        .until(|event| match event {
            Event::AlertingLeader { ours, .. } => Some(*ours),
            _ => None,
        })
        .await;
    assert!(ours);
    assert!(cloud.alerting_leader(&cloud.user().id).is_some());
    client.shutdown().await;
}

#[tokio::test]
async fn only_so_many_calls_are_answered_at_once() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud).calls_at_once(1)).await;
    let first = call(&cloud, &mut diary).await;
    let second = cloud.call(CallRequest::default()).expect("the client is connected");
    let proposed = second.session().clone();
    diary
        .until(|event| matches!(event, Event::Proposed(proposal) if proposal.id == proposed).then_some(()))
        .await;
    assert_eq!(client.sessions().await.len(), 1);
    first.hang_up(Reason::Success);
    assert_eq!(diary.media_up().await, proposed);
    client.shutdown().await;
}

#[tokio::test]
async fn sessions_end_by_their_far_end() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let (_, peer) = diary
        .told()
        .iter()
        .find_map(|(at, event)| match event {
            Event::SessionStarted { peer, .. } => Some((*at, peer.clone())),
            _ => None,
        })
        .expect("it has started");
    let nobody = "nobody@example.org".parse().expect("a JID");
    assert_eq!(
        within(client.end_sessions(Some(nobody), Reason::Success)).await,
        Ok(vec![])
    );
    let bare = peer.to_bare().into();
    let ended = within(client.end_sessions(Some(bare), Reason::Success)).await;
    assert_eq!(ended, Ok(vec![far.session().clone()]));
    assert!(client.sessions().await.is_empty());
    client.shutdown().await;
}

#[tokio::test]
async fn without_the_softphone_a_call_is_what_its_session_shows() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud).softphone(false)).await;
    let far = call(&cloud, &mut diary).await;
    let near = handle(&client, &mut diary, &far).await;
    assert_eq!(within(near.connected()).await.as_ref(), Ok(far.session()));
    assert_eq!(
        within(near.mute(true)).await,
        Err(offhook::CallChangeFailure::Command(CommandError::NoSoftphone))
    );
    within(near.end()).await.expect("the session is ended");
    assert_eq!(near.state(), CallState::Ended(CallEnd::Session(Reason::Success)));
    let asked = cloud.records().into_iter().filter(|record| {
        matches!(&record.what, What::RestRequest { path, .. } if path.contains("/conversations") || path.contains("subscriptions"))
    });
    assert_eq!(asked.count(), 0);
    client.shutdown().await;
}

/// Everything works where the application's runtime has several threads, and the last handle ends what goes on.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_client_is_used_from_many_threads_and_ends_with_its_last_handle() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let calls = (0..4).map(|_| {
        let client = client.clone();
        tokio::spawn(async move {
            let call = client.place_call(number()).await.expect("it is placed");
            call.connected().await.expect("it is answered");
            call
        })
    });
    let calls: Vec<_> = calls.collect();
    let mut placed = Vec::new();
    for call in calls {
        placed.push(within(call).await.expect("no panic"));
    }
    assert_eq!(client.calls().await.len(), 4);
    drop(client);
    diary.until(|event| (*event == Event::ShutDown).then_some(())).await;
    for call in placed {
        within(call.ended()).await;
        assert!(call.end().await.is_ok(), "handles of calls do not keep a client");
    }
}

/// Everything works inside an actix system, beside the application's own actors.
#[test]
fn a_client_lives_inside_an_actix_system() {
    actix::System::new().block_on(async {
        let cloud = cloud_of(vec![User::default()]).await;
        let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).expect("URLs");
        let client = Client::builder(endpoints, cloud.default_token().expose_secret())
            .build()
            .expect("it is built");
        within(client.connect()).await.expect("it connects");
        let call = within(client.place_call(number())).await.expect("it is placed");
        within(call.connected()).await.expect("it is answered");
        within(call.end()).await.expect("it ends");
        within(client.shutdown()).await;
    });
}

/// A call that is dropped while it is placed is placed all the same, and nothing hangs on whoever has stopped waiting.
#[tokio::test]
async fn what_is_waited_for_may_be_given_up() {
    let cloud = cloud_of(vec![User::default()]).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let _ = tokio::time::timeout(Duration::ZERO, client.place_call(number())).await;
    let session = diary.media_up().await;
    let calls = client.calls().await;
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].session(), Some(session));
    let _ = tokio::time::timeout(Duration::ZERO, calls[0].end()).await;
    within(calls[0].ended()).await.expect("it ends all the same");
    client.shutdown().await;
}
