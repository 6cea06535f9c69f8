//! Whole calls: the client's shell against the simulated cloud, over loopback sockets.

use std::{
    num::NonZero,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use offhook::{
    AnswerPolicy, Client, ClientBuilder, CommandError, ConnectFailure, ConnectionState, Destination, EndedBy,
    Endpoints, Engine, EngineConfig, Event, Events, OutboundCall, Reason, SessionError, SessionId, SourceSpec,
};
use offhook_audio::{Frame, Played, Source};
use offhook_sim::{
    CallFaults, CallHandle, CallRequest, CallState, Cloud, CloudConfig, CloudFaults, Ended, GatewayConfig, OfferFault,
    OutboundOrder, StreamFault,
};
use secrecy::ExposeSecret;
use tokio::{net::TcpListener, time::timeout};

/// How long anything may take before a test fails.
const LIMIT: Duration = Duration::from_secs(20);

fn endpoints(cloud: &Cloud) -> Endpoints {
    Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).unwrap()
}

/// A client for the cloud's user on an engine of its own.
fn builder(cloud: &Cloud) -> ClientBuilder {
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    Client::builder(endpoints(cloud), cloud.default_token().expose_secret()).engine(engine)
}

async fn connected(builder: ClientBuilder) -> (Client, Events) {
    let client = builder.build().unwrap();
    let events = client.events();
    timeout(LIMIT, client.connect()).await.unwrap().unwrap();
    (client, events)
}

async fn connected_always(cloud: &Cloud) -> (Client, Events) {
    connected(builder(cloud).answer(AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    }))
    .await
}

async fn until<T>(events: &mut Events, wanted: impl Fn(&Event) -> Option<T>) -> T {
    let waiting = async {
        loop {
            let event = events.next().await.expect("the client lives");
            if let Some(found) = wanted(&event) {
                return found;
            }
        }
    };
    timeout(LIMIT, waiting).await.expect("the event comes in time")
}

async fn media_up(events: &mut Events) -> SessionId {
    until(events, |event| match event {
        Event::ConnectionState {
            session,
            state: ConnectionState::Connected,
        } => Some(session.clone()),
        _ => None,
    })
    .await
}

async fn ended(events: &mut Events) -> (SessionId, Reason, EndedBy) {
    until(events, |event| match event {
        Event::SessionEnded {
            session, reason, by, ..
        } => Some((session.clone(), *reason, *by)),
        _ => None,
    })
    .await
}

async fn failure(events: &mut Events) -> SessionError {
    until(events, |event| match event {
        Event::SessionError { error, .. } => Some(error.clone()),
        _ => None,
    })
    .await
}

/// Waits for a state of which nobody tells.
async fn poll(mut reached: impl FnMut() -> bool) {
    let polling = async {
        while !reached() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(LIMIT, polling).await.expect("it is reached in time");
}

/// The far end has received so many packets: audio flows.
async fn receives(call: &CallHandle, packets: u64) {
    poll(|| call.statistics().packets_received >= packets).await;
}

fn number() -> OutboundCall {
    OutboundCall::to(Destination::PhoneNumber("+4930123".into()))
}

fn called(cloud: &Cloud, faults: CallFaults) -> CallHandle {
    cloud
        .call(CallRequest {
            faults: Some(faults),
            ..CallRequest::default()
        })
        .unwrap()
}

#[tokio::test]
async fn an_outbound_call_is_answered_whichever_comes_first() {
    let gap = Duration::from_millis(50);
    for outbound in [OutboundOrder::ReplyFirst { gap }, OutboundOrder::ProposalFirst { gap }] {
        let gateway = GatewayConfig {
            outbound,
            ..GatewayConfig::default()
        };
        let cloud = Cloud::start(CloudConfig {
            gateway,
            ..CloudConfig::default()
        })
        .await
        .unwrap();
        let only_placed = AnswerPolicy {
            placed: true,
            auto: false,
            always: false,
        };
        let (client, mut events) = connected(builder(&cloud).answer(only_placed)).await;
        let placed = timeout(LIMIT, client.place_call(number())).await.unwrap().unwrap();
        let conversation = placed.conversation().clone();
        let session = media_up(&mut events).await;
        assert_eq!(client.sessions().await, [(session.clone(), Some(conversation.clone()))]);
        client.end(&session, Reason::Success).await.unwrap();
        assert_eq!(ended(&mut events).await, (session, Reason::Success, EndedBy::Local));
        let call = timeout(LIMIT, cloud.call_of(&conversation)).await.unwrap();
        assert_eq!(
            timeout(LIMIT, call.ended()).await.unwrap(),
            Ended::Terminated {
                reason: Reason::Success
            }
        );
        assert_eq!(client.sessions().await, []);
        client.shutdown().await;
        cloud.stop().await;
    }
}

#[tokio::test]
async fn an_inbound_call_rings_until_it_is_accepted_and_the_far_end_hears_us() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (client, mut events) = connected(builder(&cloud).play(SourceSpec::Tone { hertz: 1000 })).await;
    let call = called(
        &cloud,
        CallFaults {
            repeat_propose: 2,
            early_candidates: true,
            ..CallFaults::default()
        },
    );
    let proposal = until(&mut events, |event| match event {
        Event::Proposed(proposal) => Some(proposal.clone()),
        _ => None,
    })
    .await;
    assert_eq!(client.sessions().await, []);
    client.accept(&proposal.id).await.unwrap();
    media_up(&mut events).await;
    poll(|| call.heard().tone.is_some_and(|tone| (tone.hertz - 1000.0).abs() < 5.0)).await;
    call.hang_up(Reason::Success);
    assert_eq!(
        ended(&mut events).await,
        (proposal.id, Reason::Success, EndedBy::Remote)
    );
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_rejected_or_retracted_proposal_is_over_for_both() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (client, mut events) = connected(builder(&cloud)).await;
    let proposed = |event: &Event| match event {
        Event::Proposed(proposal) => Some(proposal.id.clone()),
        _ => None,
    };
    let call = called(&cloud, CallFaults::default());
    let session = until(&mut events, proposed).await;
    client.reject(&session, false).await.unwrap();
    assert_eq!(timeout(LIMIT, call.ended()).await.unwrap(), Ended::Rejected);
    assert_eq!(
        client.accept(&session).await,
        Err(CommandError::UnknownProposal(session))
    );

    let call = called(&cloud, CallFaults::default());
    let session = until(&mut events, proposed).await;
    call.retract();
    let gone = until(&mut events, |event| match event {
        Event::ProposalCancelled(id) => Some(id.clone()),
        _ => None,
    });
    assert_eq!(gone.await, session);
    client.shutdown().await;
    cloud.stop().await;
}

/// A call that is up, and whose client has just lost its WebSocket.
async fn call_without_signalling(cloud: &Cloud, events: &mut Events) -> (CallHandle, SessionId) {
    let call = called(cloud, CallFaults::default());
    let session = media_up(events).await;
    timeout(LIMIT, call.connected()).await.unwrap().unwrap();
    cloud.drop_streams();
    until(events, |event| {
        matches!(event, Event::Disconnected { error: Some(_), .. }).then_some(())
    })
    .await;
    (call, session)
}

#[tokio::test]
async fn a_dropped_websocket_ends_no_call() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (client, mut events) = connected_always(&cloud).await;
    let (call, session) = call_without_signalling(&cloud, &mut events).await;
    let before = call.statistics().packets_received;
    receives(&call, before + 25).await;
    assert_eq!(client.sessions().await.len(), 1);
    client.connect().await.unwrap();
    call.hang_up(Reason::Success);
    assert_eq!(ended(&mut events).await.0, session);
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_hang_up_while_signalling_is_down_is_heard_at_once_in_the_media_or_later_in_words() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (client, mut events) = connected_always(&cloud).await;
    let (call, session) = call_without_signalling(&cloud, &mut events).await;
    client.end(&session, Reason::Success).await.unwrap();
    assert_eq!(ended(&mut events).await, (session, Reason::Success, EndedBy::Local));
    let end = timeout(LIMIT, call.ended()).await.unwrap();
    assert!(
        matches!(&end, Ended::MediaFailed { reason } if reason.contains("closed"))
            || matches!(
                &end,
                Ended::Terminated {
                    reason: Reason::Success
                }
            ),
        "{end}"
    );
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn offers_that_cannot_be_answered_end_the_call_with_a_reason() {
    let cases = [
        (OfferFault::NotSdp, Reason::IncompatibleParameters, "invalid_offer"),
        (OfferFault::NoAudio, Reason::UnsupportedApplications, "invalid_offer"),
        (OfferFault::WrongFingerprint, Reason::SecurityError, "media_failed"),
    ];
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let (client, mut events) = connected_always(&cloud).await;
    for (offer, reason, code) in cases {
        let call = called(
            &cloud,
            CallFaults {
                offer: Some(offer),
                ..CallFaults::default()
            },
        );
        let error = failure(&mut events).await;
        assert_eq!((error.code(), error.ends_with()), (code, Some(reason)), "{error}");
        assert_eq!(ended(&mut events).await.1, reason);
        let CallState::Ended(how) = timeout(LIMIT, call.wait_for(|state| matches!(state, CallState::Ended(_))))
            .await
            .unwrap()
        else {
            panic!("it is waited for")
        };
        assert_eq!(how, Ended::Terminated { reason });
    }
    // The client goes on.
    called(&cloud, CallFaults::default());
    media_up(&mut events).await;
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn servers_that_are_not_as_they_should_be_are_named() {
    let cases = [
        (
            StreamFault::RefuseSasl {
                condition: "not-authorized".into(),
            },
            "not-authorized",
        ),
        (StreamFault::NoUsableMechanism, "PLAIN"),
        (StreamFault::Nonsense, "XMPP"),
        (StreamFault::MalformedXml, "well-formed"),
        (StreamFault::NotXmpp, "XMPP"),
        (StreamFault::RefuseBind, "bind"),
    ];
    for (fault, word) in cases {
        let faults = CloudFaults {
            stream: Some(fault.clone()),
            ..CloudFaults::default()
        };
        let cloud = Cloud::start(CloudConfig {
            faults,
            ..CloudConfig::default()
        })
        .await
        .unwrap();
        let client = builder(&cloud).build().unwrap();
        let error = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
        assert!(error.to_string().contains(word), "{fault:?}: {error}");
        client.shutdown().await;
        cloud.stop().await;
    }
}

#[tokio::test]
async fn a_wrong_token_is_said_to_be_wrong() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let client = Client::builder(endpoints(&cloud), "not the token").build().unwrap();
    let error = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
    let ConnectFailure::Failed(error) = error else {
        panic!("{error}")
    };
    assert!(
        error.credentials_refused() && error.code() == "invalid_token",
        "{error}"
    );
    assert!(error.to_string().contains("access token"), "{error}");
    assert!(!format!("{error:?} {client:?}").contains("not the token"));
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_host_that_cannot_be_reached_is_named() {
    // A port that was free a moment ago and is closed again.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let endpoints = Endpoints::new(&format!("http://{address}"), &format!("ws://{address}"), None, false).unwrap();
    let client = Client::builder(endpoints, "token").build().unwrap();
    let error = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
    assert!(error.to_string().contains(&address), "{error}");
    client.shutdown().await;
}

#[tokio::test]
async fn a_server_without_a_websocket_refuses_one() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    // The API is right; the streaming address leads into the API, which has no such resource.
    let nowhere = format!("{}/api/v2", cloud.streaming_url());
    let endpoints = Endpoints::new(&cloud.api_url(), &nowhere, None, false).unwrap();
    let client = Client::builder(endpoints, cloud.default_token().expose_secret())
        .build()
        .unwrap();
    let error = timeout(LIMIT, client.connect()).await.unwrap().unwrap_err();
    assert!(
        error.to_string().contains("refused the WebSocket with HTTP 404"),
        "{error}"
    );
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_wav_file_that_is_none_is_refused_before_any_call() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let path = std::path::PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
    let error = builder(&cloud)
        .play(SourceSpec::File { path, repeat: false })
        .build()
        .unwrap_err();
    let text = error.to_string();
    assert!(text.contains("Cargo.toml") && text.contains("WAV"), "{text}");
    cloud.stop().await;
}

/// A source that fails as broken application code does.
struct Broken;

impl Source for Broken {
    fn read(&mut self, _: &mut Frame) -> Played {
        panic!("this source is broken")
    }
}

#[tokio::test]
async fn a_session_that_panics_ends_and_no_other_notices() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let first = AtomicBool::new(true);
    let policy = AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    };
    let mixed = builder(&cloud).answer(policy).play_with(move || {
        if first.swap(false, Ordering::Relaxed) {
            Box::new(offhook_audio::Silence)
        } else {
            Box::new(Broken)
        }
    });
    let (client, mut events) = connected(mixed).await;
    let good = called(&cloud, CallFaults::default());
    let session = media_up(&mut events).await;
    let bad = called(&cloud, CallFaults::default());
    let (failed, reason, by) = ended(&mut events).await;
    assert_ne!(failed, session);
    assert_eq!((reason, by), (Reason::GeneralError, EndedBy::Local));
    assert_eq!(
        timeout(LIMIT, bad.ended()).await.unwrap(),
        Ended::Terminated {
            reason: Reason::GeneralError
        }
    );
    let before = good.statistics().packets_received;
    receives(&good, before + 25).await;
    client.shutdown().await;
    assert_eq!(
        timeout(LIMIT, good.ended()).await.unwrap(),
        Ended::Terminated {
            reason: Reason::Success
        }
    );
    cloud.stop().await;
}

#[tokio::test]
async fn a_session_that_cannot_be_made_ends_and_no_other_notices() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let mut one_thread = EngineConfig::default();
    one_thread.media_threads = NonZero::new(1);
    let engine = Engine::new(&one_thread).unwrap();
    let made = AtomicUsize::new(0);
    let policy = AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    };
    let second_fails = builder(&cloud).engine(engine).answer(policy).play_with(move || {
        assert_ne!(
            made.fetch_add(1, Ordering::Relaxed),
            1,
            "the second source cannot be made"
        );
        Box::new(offhook_audio::Silence)
    });
    let (client, mut events) = connected(second_fails).await;
    let first = called(&cloud, CallFaults::default());
    media_up(&mut events).await;
    let second = called(&cloud, CallFaults::default());
    assert_eq!(ended(&mut events).await.1, Reason::GeneralError);
    assert_eq!(
        timeout(LIMIT, second.ended()).await.unwrap(),
        Ended::Terminated {
            reason: Reason::GeneralError
        }
    );
    let before = first.statistics().packets_received;
    receives(&first, before + 25).await;
    called(&cloud, CallFaults::default());
    media_up(&mut events).await;
    timeout(LIMIT, client.shutdown()).await.unwrap();
    cloud.stop().await;
}

#[tokio::test]
async fn dropping_the_last_handle_ends_everything_and_leaves_no_task() {
    let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
    let engine = Engine::new(&EngineConfig::default()).unwrap();
    let mut left = Vec::new();
    for _ in 0..5 {
        let policy = AnswerPolicy {
            always: true,
            ..AnswerPolicy::default()
        };
        let (client, mut events) = connected(builder(&cloud).engine(engine.clone()).answer(policy)).await;
        let call = called(&cloud, CallFaults::default());
        media_up(&mut events).await;
        let busy = engine.tasks();
        drop(client);
        assert_eq!(
            timeout(LIMIT, call.ended()).await.unwrap(),
            Ended::Terminated {
                reason: Reason::Success
            }
        );
        until(&mut events, |event| (*event == Event::ShutDown).then_some(())).await;
        assert!(
            timeout(LIMIT, events.next()).await.unwrap().is_none(),
            "nothing comes after the last event"
        );
        // The actors' tasks end on the engine's own threads, after the last event.
        poll(|| engine.tasks() < busy).await;
        left.push(engine.tasks());
    }
    // What stays is the frame clocks and the HTTP client's idle connection, from the first client on.
    poll(|| engine.tasks() <= left[0]).await;
    cloud.stop().await;
}
