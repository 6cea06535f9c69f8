//! A persistent connection: the session stays open between calls, and the next call has it.

use offhook::{
    AnswerPolicy, Call, CallState, Client, ClientBuilder, Destination, Event, OutboundCall, Reason, SessionId,
    SourceSpec,
};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, Station, User};
use offhook_tests::agent::Agent;
use offhook_tests::softphone::{Diary, builder, call, connected, goes_on, poll, within};
use secrecy::ExposeSecret as _;
use serde_json::Value;

/// A cloud whose user has a station with persistent connection.
async fn cloud() -> Cloud {
    let user = User {
        station: Some(Station {
            id: "desk".into(),
            lines: 1,
            relayed: false,
            persistent: true,
        }),
        ..User::default()
    };
    let config = CloudConfig {
        users: vec![user],
        ..CloudConfig::default()
    };
    Cloud::start(config).await.expect("there is loopback")
}

/// Such a cloud and the client, which plays a tone.
async fn standing(answer: AnswerPolicy) -> (Cloud, Client, Diary) {
    standing_with(|client| client.answer(answer)).await
}

async fn standing_with(more: impl FnOnce(ClientBuilder) -> ClientBuilder) -> (Cloud, Client, Diary) {
    let cloud = cloud().await;
    let client = more(builder(&cloud).play(SourceSpec::Tone { hertz: 440 }));
    let (client, mut diary) = connected(client).await;
    diary
        .until(|event| matches!(event, Event::Station(Some(station)) if station.persistent).then_some(()))
        .await;
    (cloud, client, diary)
}

fn always() -> AnswerPolicy {
    AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    }
}

/// The handle of a call of the gateway, as soon as it is connected here.
async fn here(client: &Client, diary: &mut Diary, far: &CallHandle) -> Call {
    let conversation = far.conversation();
    if let Some(call) = client.call(conversation).await
        && call.state() == CallState::Connected
        && call.now().participant.is_some()
    {
        return call;
    }
    diary
        .until(|event| {
            matches!(event, Event::CallState(told)
                if told.conversation == *conversation && told.state == CallState::Connected && told.participant.is_some())
            .then_some(())
        })
        .await;
    client.call(conversation).await.expect("it is connected")
}

async fn is_heard(far: &CallHandle) {
    let heard = || far.heard().tone.is_some_and(|tone| (tone.hertz - 440.0).abs() < 5.0);
    poll(heard).await;
}

/// The first call, which brings the session up and leaves it open.
async fn first_call(cloud: &Cloud, client: &Client, diary: &mut Diary) -> SessionId {
    let far = cloud
        .call(CallRequest {
            auto_answer: true,
            ..CallRequest::default()
        })
        .expect("the client is connected");
    let near = here(client, diary, &far).await;
    is_heard(&far).await;
    within(near.end()).await.expect("it ends");
    within(far.ended()).await;
    let session = far.session().clone();
    assert_eq!(client.sessions().await.len(), 1, "the session stays open");
    session
}

#[tokio::test]
async fn calls_come_and_go_on_one_session_and_each_is_told_as_started() {
    let (cloud, client, mut diary) = standing(always()).await;
    let session = first_call(&cloud, &client, &mut diary).await;
    for _ in 0..3 {
        let far = cloud.call(CallRequest::default()).expect("the client is connected");
        assert_eq!(*far.session(), session);
        let near = here(&client, &mut diary, &far).await;
        assert_eq!(near.session().as_ref(), Some(&session));
        is_heard(&far).await;
        within(near.end()).await.expect("it ends");
        within(far.ended()).await;
    }
    let started = diary.count(|event| matches!(event, Event::SessionStarted { session: told, .. } if *told == session));
    assert_eq!(started, 4, "once for each call");
    assert_eq!(diary.count(|event| matches!(event, Event::SessionEnded { .. })), 0);
    client.shutdown().await;
    poll(|| cloud.live().calls == 0).await;
}

#[tokio::test]
async fn each_call_on_the_session_is_recorded_by_itself_and_begins_unmuted() {
    let folder = tempfile::tempdir().expect("a folder");
    let (cloud, client, mut diary) = standing_with(|client| client.answer(always()).record_to(folder.path())).await;
    let session = first_call(&cloud, &client, &mut diary).await;
    let mut conversations = Vec::new();
    for _ in 0..2 {
        let far = cloud.call(CallRequest::default()).expect("the client is connected");
        let near = here(&client, &mut diary, &far).await;
        is_heard(&far).await;
        within(client.set_muted(&session, true)).await.expect("it lives");
        poll(|| far.heard().level_dbov < -60.0).await;
        within(near.end()).await.expect("it ends");
        within(far.ended()).await;
        conversations.push(far.conversation().clone());
    }
    client.shutdown().await;

    let files = std::fs::read_dir(folder.path()).expect("it is there");
    let files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    assert_eq!(files.len(), 3, "{files:?}");
    for conversation in conversations {
        let mut named = files
            .iter()
            .filter(|path| path.to_string_lossy().contains(conversation.as_str()));
        let recorded = offhook_audio::read_wav(named.next().expect("it was recorded")).expect("it is complete");
        assert!(offhook_audio::measure::level_dbov(&recorded) > -40.0);
    }
}

#[tokio::test]
async fn a_call_on_the_session_rings_and_is_accepted_or_refused_by_the_program() {
    let (cloud, client, mut diary) = standing(AnswerPolicy::default()).await;
    let session = first_call(&cloud, &client, &mut diary).await;
    for accepted in [true, false] {
        let far = cloud.call(CallRequest::default()).expect("the client is connected");
        let wanted = far.conversation().clone();
        let (_, proposal) = diary
            .until(|event| match event {
                Event::Proposed(proposal) if proposal.conversation.as_ref() == Some(&wanted) => Some(proposal.clone()),
                _ => None,
            })
            .await;
        assert_eq!((&proposal.id, proposal.accepted), (&session, false));
        assert_eq!(client.proposals().await, [proposal]);
        if accepted {
            within(client.accept(&session)).await.expect("it rings");
            let near = here(&client, &mut diary, &far).await;
            within(near.end()).await.expect("it ends");
        } else {
            within(client.reject(&session, false)).await.expect("it rings");
            diary
                .until(|event| (*event == Event::ProposalCancelled(session.clone())).then_some(()))
                .await;
        }
        within(far.ended()).await;
        assert!(client.proposals().await.is_empty());
    }
    client.shutdown().await;
}

#[tokio::test]
async fn a_placed_call_has_the_session_too_and_it_outlives_a_lost_connection() {
    let (cloud, client, mut diary) = standing(AnswerPolicy::default()).await;
    let session = first_call(&cloud, &client, &mut diary).await;
    cloud.drop_streams();
    diary.disconnected().await;
    diary.connected().await;
    let number = Destination::PhoneNumber("+4930".into());
    let placed = within(client.place_call(OutboundCall::to(number)))
        .await
        .expect("it is placed");
    assert_eq!(within(placed.connected()).await, Ok(session));
    let far = within(cloud.call_of(placed.conversation())).await;
    goes_on(&far).await;
    within(placed.end()).await.expect("it ends");
    client.shutdown().await;
}

#[tokio::test]
async fn without_a_persistent_station_a_session_ends_with_its_call() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("there is loopback");
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let near = here(&client, &mut diary, &far).await;
    within(near.end()).await.expect("it ends");
    diary.until(offhook_tests::softphone::ended).await;
    assert!(client.sessions().await.is_empty());
    client.shutdown().await;
}

#[tokio::test]
async fn an_agent_that_handles_so_many_calls_counts_those_of_one_session() {
    let cloud = cloud().await;
    let mut agent = agent(&cloud, "run", &["--answer", "always", "--calls", "2"]);
    agent.tells("connected", |_| true).await;
    let mut sessions = Vec::new();
    for _ in 0..2 {
        within(cloud.wait_connected(&cloud.user().id)).await;
        let far = cloud.call(CallRequest::default()).expect("the agent is connected");
        let is = |told: &Value| told["conversationId"] == far.conversation().as_str() && told["state"] == "connected";
        agent.tells("callState", is).await;
        far.hang_up(Reason::Success);
        within(far.ended()).await;
        sessions.push(far.session().clone());
    }
    assert_eq!(sessions[0], sessions[1]);
    assert!(agent.ends().await.success());
}

#[tokio::test]
async fn an_agent_that_calls_ends_with_the_call_though_its_session_stays() {
    let cloud = cloud().await;
    let mut agent = agent(&cloud, "call", &["+4930123"]);
    agent
        .tells("change:connectionState", |told| told["connectionState"] == "connected")
        .await;
    let far = cloud.calls().pop().expect("it was placed");
    is_heard(&far).await;
    far.hang_up(Reason::Success);
    assert!(agent.ends().await.success());
}

/// The program, which plays a tone.
fn agent(cloud: &Cloud, does: &str, options: &[&str]) -> Agent {
    let options = [&["--play", "tone:440"], options].concat();
    Agent::start("", does, cloud, cloud.default_token().expose_secret(), &options)
}
