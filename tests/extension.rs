//! The documented extension of the streaming client, name by name, as the guide's table has it: a test for each row.

use offhook::{
    AnswerPolicy, CommandError, ConnectionState, EndedBy, Event, IceServer, Reason, SessionAcceptance, SessionId,
    SessionType,
};
use offhook_sim::{CallRequest, Cloud, CloudConfig, Direction, What};
use offhook_tests::softphone::{Diary, builder, call, connected, ended, poll, within};

async fn cloud() -> Cloud {
    Cloud::start(CloudConfig::default()).await.expect("there is loopback")
}

fn nobody() -> AnswerPolicy {
    AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    }
}

async fn proposed(diary: &mut Diary) -> offhook::Proposal {
    let (_, proposal) = diary
        .until(|event| match event {
            Event::Proposed(proposal) => Some(proposal.clone()),
            _ => None,
        })
        .await;
    proposal
}

fn sent(cloud: &Cloud, wanted: &str) -> usize {
    let records = cloud.records().into_iter();
    let frames = records.filter(|record| {
        record.direction == Direction::ToCloud
            && matches!(&record.what, What::Frame { summary, .. } if summary == wanted)
    });
    frames.count()
}

#[tokio::test]
async fn set_ice_servers_get_ice_servers_and_rtc_ice_servers() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let own = IceServer {
        urls: vec!["stun:192.0.2.1:3478".into()],
        username: None,
        credential: None,
    };
    within(client.set_ice_servers(vec![own.clone()]))
        .await
        .expect("it is taken");
    diary
        .until(|event| matches!(event, Event::IceServers(known) if known.servers == [own.clone()]).then_some(()))
        .await;
    assert_eq!(client.ice_servers().await.servers, [own]);
    client.shutdown().await;
}

#[tokio::test]
async fn refresh_ice_servers() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let offered = client.ice_servers().await;
    within(client.set_ice_servers(Vec::new())).await.expect("it is taken");
    within(client.refresh_ice_servers()).await.expect("it is asked for");
    diary
        .until(|event| matches!(event, Event::IceServers(known) if *known == offered).then_some(()))
        .await;
    client.shutdown().await;
}

#[tokio::test]
async fn on_and_off() {
    let cloud = cloud().await;
    let (client, mut listening) = connected(builder(&cloud)).await;
    drop(client.events());
    call(&cloud, &mut listening).await;
    let mut later = Diary::of(&client);
    client.shutdown().await;
    later.until(|event| (*event == Event::ShutDown).then_some(())).await;
    assert_eq!(
        later.count(|event| matches!(event, Event::SessionStarted { .. })),
        0,
        "what was before is not told"
    );
}

#[tokio::test]
async fn request_incoming_rtc_session_and_accept_rtc_session() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(nobody())).await;
    let far = cloud.call(CallRequest::default()).expect("the client is connected");
    let proposal = proposed(&mut diary).await;
    assert_eq!(proposal.id, *far.session());
    assert_eq!(proposal.conversation.as_ref(), Some(far.conversation()));
    assert_eq!((proposal.auto_answer, proposal.accepted), (false, false));
    assert_eq!(SessionType::of(&proposal.from), SessionType::Softphone);
    within(client.accept(&proposal.id)).await.expect("it rings");
    assert_eq!(diary.media_up().await, proposal.id);
    client.shutdown().await;
}

#[tokio::test]
async fn auto_answer() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(AnswerPolicy::default())).await;
    let request = CallRequest {
        auto_answer: true,
        ..CallRequest::default()
    };
    cloud.call(request).expect("the client is connected");
    assert!(proposed(&mut diary).await.auto_answer);
    diary.media_up().await;
    client.shutdown().await;
}

#[tokio::test]
async fn reject_rtc_session() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(nobody())).await;
    cloud.call(CallRequest::default()).expect("the client is connected");
    let proposal = proposed(&mut diary).await;
    within(client.reject(&proposal.id, false)).await.expect("it rings");
    poll(|| sent(&cloud, "<reject>") == 2).await;
    let unknown = SessionId::new("unknown");
    let refused = within(client.reject(&unknown, false)).await;
    assert_eq!(refused, Err(CommandError::UnknownProposal(unknown)));
    client.shutdown().await;
}

#[tokio::test]
async fn reject_rtc_session_with_ignore() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(nobody())).await;
    cloud.call(CallRequest::default()).expect("the client is connected");
    let proposal = proposed(&mut diary).await;
    within(client.reject(&proposal.id, true)).await.expect("it rings");
    assert!(client.proposals().await.is_empty());
    assert_eq!(sent(&cloud, "<reject>"), 0);
    client.shutdown().await;
}

#[tokio::test]
async fn cancel_incoming_rtc_session() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(nobody())).await;
    let far = cloud.call(CallRequest::default()).expect("the client is connected");
    let proposal = proposed(&mut diary).await;
    far.hang_up(Reason::Cancel);
    diary
        .until(|event| (*event == Event::ProposalCancelled(proposal.id.clone())).then_some(()))
        .await;
    client.shutdown().await;
}

#[tokio::test]
async fn handled_incoming_rtc_session() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud).answer(nobody())).await;
    let (other, mut answering) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut answering).await;
    diary
        .until(|event| (*event == Event::ProposalHandled(far.session().clone())).then_some(()))
        .await;
    client.shutdown().await;
    other.shutdown().await;
}

#[tokio::test]
async fn incoming_rtc_session_and_the_second_step_of_accepting() {
    let cloud = cloud().await;
    let manual = builder(&cloud).accept_sessions(SessionAcceptance::Manual);
    let (client, mut diary) = connected(manual).await;
    let far = cloud.call(CallRequest::default()).expect("the client is connected");
    let (_, (session, conversation, peer)) = diary
        .until(|event| match event {
            Event::SessionStarted {
                session,
                conversation,
                peer,
            } => Some((session.clone(), conversation.clone(), peer.clone())),
            _ => None,
        })
        .await;
    assert_eq!(
        (&session, conversation.as_ref()),
        (far.session(), Some(far.conversation()))
    );
    assert_eq!(SessionType::of(&peer), SessionType::Softphone);
    assert_eq!(sent(&cloud, "answer"), 0, "nobody has accepted its media");
    within(client.accept_session(&session)).await.expect("it waits");
    assert_eq!(diary.media_up().await, session);
    client.shutdown().await;
}

#[tokio::test]
async fn rule_27_rtc_session_accepted_announces_the_winner_once() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    assert_eq!(sent(&cloud, "<accept>"), 1, "to the user's other clients, by itself");
    far.reinvite(offhook_sim::Reinvite::default());
    poll(|| sent(&cloud, "answer") == 2).await;
    assert_eq!(sent(&cloud, "<accept>"), 1);
    client.shutdown().await;
}

#[tokio::test]
async fn end_rtc_sessions() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let one = call(&cloud, &mut diary).await;
    let two = call(&cloud, &mut diary).await;
    let mut all = within(client.end_sessions(None, Reason::Busy))
        .await
        .expect("it is running");
    all.sort();
    let mut expected = vec![one.session().clone(), two.session().clone()];
    expected.sort();
    assert_eq!(all, expected);
    for _ in 0..2 {
        let (_, (_, reason, by)) = diary.until(ended).await;
        assert_eq!((reason, by), (Reason::Busy, EndedBy::Local));
    }
    client.shutdown().await;
}

#[tokio::test]
async fn get_all_sessions() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    assert_eq!(client.sessions().await, []);
    let far = call(&cloud, &mut diary).await;
    let listed = [(far.session().clone(), Some(far.conversation().clone()))];
    assert_eq!(client.sessions().await, listed);
    client.shutdown().await;
}

#[test]
fn get_session_type_by_jid() {
    let of = |jid: &str| SessionType::of(&jid.parse().expect("a JID")).as_str();
    assert_eq!(of("acd-call@gjoll.example/1"), "softphone");
    assert_eq!(of("acd-call@conference.example/1"), "acdScreenShare");
    assert_eq!(of("screenrecording-1@conference.example"), "screenRecording");
    assert_eq!(of("somebody@example.com"), "unknown");
}

#[tokio::test]
async fn rtc_session_survivability() {
    for survives in [true, false] {
        let cloud = cloud().await;
        let (client, mut diary) = connected(builder(&cloud).rtc_session_survivability(survives)).await;
        call(&cloud, &mut diary).await;
        cloud.drop_streams();
        diary.disconnected().await;
        diary.connected().await;
        assert_eq!(client.sessions().await.len(), usize::from(survives));
        client.shutdown().await;
    }
}

#[tokio::test]
async fn change_connection_state_change_active_and_end_of_candidates() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let id = far.session().clone();
    let told = |diary: &Diary, wanted: Event| diary.told().iter().any(|(_, event)| *event == wanted);
    for state in [
        ConnectionState::Starting,
        ConnectionState::Connecting,
        ConnectionState::Connected,
    ] {
        let session = id.clone();
        assert!(told(&diary, Event::ConnectionState { session, state }), "{state:?}");
    }
    assert!(told(&diary, Event::EndOfCandidates(id.clone())));
    let active = |active| Event::ActiveChanged {
        session: id.clone(),
        active,
    };
    if !told(&diary, active(true)) {
        diary.until(|event| (*event == active(true)).then_some(())).await;
    }
    within(client.end(&id, Reason::Success)).await.expect("it lives");
    diary.until(|event| (*event == active(false)).then_some(())).await;
    client.shutdown().await;
}

#[tokio::test]
async fn change_interrupted() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    let cut = offhook_sim::MediaPath {
        cut: true,
        ..offhook_sim::MediaPath::default()
    };
    far.set_path(cut);
    diary
        .until(|event| {
            matches!(
                event,
                Event::ConnectionState {
                    state: ConnectionState::Interrupted,
                    ..
                }
            )
            .then_some(())
        })
        .await;
    far.set_path(offhook_sim::MediaPath::default());
    diary
        .until(|event| {
            matches!(
                event,
                Event::ConnectionState {
                    state: ConnectionState::Connected,
                    ..
                }
            )
            .then_some(())
        })
        .await;
    client.shutdown().await;
}

#[tokio::test]
async fn terminated() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let far = call(&cloud, &mut diary).await;
    far.hang_up(Reason::Busy);
    let (_, end) = diary.until(ended).await;
    assert_eq!(end, (far.session().clone(), Reason::Busy, EndedBy::Remote));
    client.shutdown().await;
}

#[tokio::test]
async fn rtc_session_error() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let faults = offhook_sim::CallFaults {
        offer: Some(offhook_sim::OfferFault::NoAudio),
        ..offhook_sim::CallFaults::default()
    };
    let request = CallRequest {
        faults: Some(faults),
        ..CallRequest::default()
    };
    cloud.call(request).expect("the client is connected");
    let (_, code) = diary
        .until(|event| match event {
            Event::SessionError { error, .. } => Some(error.code()),
            _ => None,
        })
        .await;
    assert_eq!(code, "invalid_offer");
    client.shutdown().await;
}
