//! Whole calls in Jingle, and in both dialects at once: the client's shell against the simulated cloud, with real media.

use std::time::Duration;

use offhook::{
    AnswerPolicy, Client, ClientBuilder, Destination, EndedBy, Event, OutboundCall, Reason, SessionId, SourceSpec,
};
use offhook_jingle::Dialect;
use offhook_sim::{
    CallEvent, CallFaults, CallHandle, CallRequest, Cloud, CloudConfig, Cut, Ended, GatewayConfig, OfferFault,
    OtherDialect, Reinvite, What,
};
use offhook_tests::softphone::{self, Diary, within};
use tokio::time::sleep;

/// A cloud whose calls speak Jingle.
async fn cloud() -> Cloud {
    let gateway = GatewayConfig {
        dialect: Dialect::Jingle,
        ..GatewayConfig::default()
    };
    let config = CloudConfig {
        gateway,
        ..CloudConfig::default()
    };
    Cloud::start(config).await.unwrap()
}

/// A client that plays a tone of its own.
fn builder(cloud: &Cloud) -> ClientBuilder {
    softphone::builder(cloud).play(SourceSpec::Tone { hertz: 1000 })
}

fn faulty(cloud: &Cloud, faults: CallFaults) -> CallHandle {
    let request = CallRequest {
        faults: Some(faults),
        ..CallRequest::default()
    };
    cloud.call(request).unwrap()
}

/// Each hears the other's tone.
async fn both_are_heard(client: &Client, call: &CallHandle, session: &SessionId) {
    let heard = |call: &CallHandle| call.heard().tone.map(|tone| f64::from(tone.hertz));
    softphone::poll(|| heard(call).is_some_and(|hertz| (hertz - 1000.0).abs() < 5.0)).await;
    within(async {
        while client.statistics(session).await.expect("it lives").packets_received < 25 {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// What was said of sessions over the wire, without what is said about connections.
fn said(cloud: &Cloud) -> Vec<String> {
    let frames = cloud.records().into_iter().filter_map(|record| match record.what {
        What::Frame { summary, .. } => Some(summary),
        _ => None,
    });
    frames.collect()
}

async fn is_over(client: Client, cloud: Cloud) {
    assert_eq!(client.sessions().await, []);
    within(client.shutdown()).await;
    cloud.stop().await;
}

#[tokio::test]
async fn candidates_of_ipv6_go_through_either_dialect() {
    for dialect in [Dialect::Jingle, Dialect::SdpOverXmpp] {
        let here = std::net::IpAddr::V6(std::net::Ipv6Addr::LOCALHOST);
        let gateway = GatewayConfig {
            addresses: vec![here],
            dialect,
            ..GatewayConfig::default()
        };
        let config = CloudConfig {
            gateway,
            ..CloudConfig::default()
        };
        let cloud = Cloud::start(config).await.unwrap();
        let (client, mut diary) = softphone::connected(builder(&cloud).addresses([here])).await;
        let call = softphone::call(&cloud, &mut diary).await;
        both_are_heard(&client, &call, call.session()).await;
        call.hang_up(Reason::Success);
        diary.until(softphone::ended).await;
        is_over(client, cloud).await;
    }
}

#[tokio::test]
async fn the_gateway_calls_in_jingle_and_hangs_up() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(builder(&cloud)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let session = call.session().clone();
    both_are_heard(&client, &call, &session).await;
    softphone::is_controllable(&cloud, &call).await;
    let told = CallEvent::Info {
        status: "active".into(),
    };
    let active = |what: &What| matches!(what, What::Call { event, .. } if *event == told);
    assert!(cloud.records().iter().any(|record| active(&record.what)));
    call.hang_up(Reason::Success);
    let (_, end) = diary.until(softphone::ended).await;
    assert_eq!(end, (session, Reason::Success, EndedBy::Remote));
    let said = said(&cloud);
    for word in [
        "session-initiate",
        "session-accept",
        "transport-info (end)",
        "result of session-accept",
    ] {
        assert!(said.iter().any(|frame| frame == word), "{word}: {said:?}");
    }
    let foreign = ["offer", "answer", "iceCandidate"];
    assert!(!said.iter().any(|frame| foreign.contains(&frame.as_str())), "{said:?}");
    is_over(client, cloud).await;
}

#[tokio::test]
async fn a_placed_call_is_answered_in_jingle_and_the_client_hangs_up() {
    let cloud = cloud().await;
    let only_placed = AnswerPolicy {
        placed: true,
        auto: false,
        always: false,
    };
    let (client, mut diary) = softphone::connected(builder(&cloud).answer(only_placed)).await;
    let number = OutboundCall::to(Destination::PhoneNumber("+4930123".into()));
    let placed = within(client.place_call(number)).await.unwrap();
    let session = diary.media_up().await;
    let call = within(cloud.call_of(placed.conversation())).await;
    both_are_heard(&client, &call, &session).await;
    client.end(&session, Reason::Success).await.unwrap();
    let (_, end) = diary.until(softphone::ended).await;
    assert_eq!(end, (session, Reason::Success, EndedBy::Local));
    let reason = Reason::Success;
    assert_eq!(within(call.ended()).await, Ended::Terminated { reason });
    is_over(client, cloud).await;
}

#[tokio::test]
async fn a_call_in_jingle_is_rejected_or_retracted() {
    let cloud = cloud().await;
    let never = AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    };
    let (client, mut diary) = softphone::connected(builder(&cloud).answer(never)).await;
    let proposed = |event: &Event| match event {
        Event::Proposed(proposal) => Some(proposal.id.clone()),
        _ => None,
    };
    let call = cloud.call(CallRequest::default()).unwrap();
    let (_, session) = diary.until(proposed).await;
    client.reject(&session, false).await.unwrap();
    assert_eq!(within(call.ended()).await, Ended::Rejected);

    let call = cloud.call(CallRequest::default()).unwrap();
    let (_, session) = diary.until(proposed).await;
    call.retract();
    let cancelled = |event: &Event| (*event == Event::ProposalCancelled(session.clone())).then_some(());
    diary.until(cancelled).await;
    is_over(client, cloud).await;
}

#[tokio::test]
async fn a_call_in_jingle_outlives_its_websocket() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(builder(&cloud)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    for cut in [Cut::Reset, Cut::Close] {
        cloud.cut(&cut, None);
        diary.disconnected().await;
        softphone::goes_on(&call).await;
        diary.connected().await;
        softphone::is_controllable(&cloud, &call).await;
    }
    cloud.cut(&Cut::Fin, None);
    diary.disconnected().await;
    // Heard in the media at once, or in words later.
    client.end(call.session(), Reason::Success).await.unwrap();
    let (_, end) = diary.until(softphone::ended).await;
    assert_eq!(end, (call.session().clone(), Reason::Success, EndedBy::Local));
    let end = within(call.ended()).await;
    let reason = Reason::Success;
    let heard = matches!(&end, Ended::MediaFailed { reason } if reason.contains("closed"));
    assert!(heard || end == Ended::Terminated { reason }, "{end}");
    is_over(client, cloud).await;
}

#[tokio::test]
async fn a_call_in_jingle_goes_on_in_another_session() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(builder(&cloud)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    call.reinvite(Reinvite {
        new_session: true,
        ..Reinvite::default()
    });
    let replaced = |event: &Event| match event {
        Event::SessionReplaced { session, replaced, .. } => Some((session.clone(), replaced.clone())),
        _ => None,
    };
    let (_, (session, former)) = diary.until(replaced).await;
    assert_eq!(former, *call.session());
    let (_, end) = diary.until(softphone::ended).await;
    assert_eq!(end, (former.clone(), Reason::AlternativeSession, EndedBy::Local));
    within(call.replaced(1)).await.unwrap();
    both_are_heard(&client, &call, &session).await;
    let left = CallEvent::Left {
        session: former,
        reason: Reason::AlternativeSession,
    };
    let was_left = |what: &What| matches!(what, What::Call { event, .. } if *event == left);
    assert!(cloud.records().iter().any(|record| was_left(&record.what)));
    call.hang_up(Reason::Success);
    diary.until(softphone::ended).await;
    is_over(client, cloud).await;
}

/// Plays one call to its end, however the gateway offers it.
async fn is_answered_all_the_same(client: &Client, diary: &mut Diary, call: &CallHandle) {
    let session = diary.media_up().await;
    assert_eq!(session, *call.session());
    both_are_heard(client, call, &session).await;
    call.hang_up(Reason::Success);
    diary.until(softphone::ended).await;
    within(call.ended()).await;
}

#[tokio::test]
async fn both_dialects_may_race_for_one_session() {
    for dialect in [Dialect::Jingle, Dialect::SdpOverXmpp] {
        for order in [OtherDialect::First, OtherDialect::Last] {
            let cloud = Cloud::start(CloudConfig::default()).await.unwrap();
            let (client, mut diary) = softphone::connected(builder(&cloud)).await;
            let request = CallRequest {
                dialect: Some(dialect),
                faults: Some(CallFaults {
                    other_dialect: Some(order),
                    ..CallFaults::default()
                }),
                ..CallRequest::default()
            };
            let call = cloud.call(request).unwrap();
            is_answered_all_the_same(&client, &mut diary, &call).await;
            let said = said(&cloud);
            assert!(said.contains(&"offer".to_owned()) && said.contains(&"session-initiate".to_owned()));
            let (right, wrong) = match dialect {
                Dialect::Jingle => ("session-accept", "answer"),
                Dialect::SdpOverXmpp => ("answer", "session-accept"),
            };
            let count = |word: &str| said.iter().filter(|frame| *frame == word).count();
            assert_eq!((count(right), count(wrong)), (1, 0), "{dialect:?} {order:?}");
            assert!(!said.iter().any(|frame| frame.starts_with("error")), "{said:?}");
            is_over(client, cloud).await;
        }
    }
}

#[tokio::test]
async fn what_gateways_do_to_proposals_and_candidates_they_may_do_in_jingle_too() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(builder(&cloud)).await;
    let oddities = [
        CallFaults {
            early_candidates: true,
            ..CallFaults::default()
        },
        CallFaults {
            repeat_propose: 3,
            ..CallFaults::default()
        },
        CallFaults {
            no_acknowledgements: true,
            ..CallFaults::default()
        },
    ];
    for faults in oddities {
        let call = faulty(&cloud, faults);
        is_answered_all_the_same(&client, &mut diary, &call).await;
    }
    is_over(client, cloud).await;
}

#[tokio::test]
async fn offers_in_jingle_that_cannot_be_answered_come_to_an_end() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(builder(&cloud)).await;
    let reason = Reason::UnsupportedApplications;
    for offer in [OfferFault::NoAudio, OfferFault::NotSdp] {
        let call = faulty(
            &cloud,
            CallFaults {
                offer: Some(offer),
                ..CallFaults::default()
            },
        );
        assert_eq!(diary.until(softphone::ended).await.1.1, reason, "{offer:?}");
        assert_eq!(within(call.ended()).await, Ended::Terminated { reason });
    }
    // The client goes on.
    let call = cloud.call(CallRequest::default()).unwrap();
    is_answered_all_the_same(&client, &mut diary, &call).await;
    is_over(client, cloud).await;
}
