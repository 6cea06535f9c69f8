//! What a client tells of how its calls are doing.

use std::time::Duration;

use futures_util::StreamExt as _;
use offhook::{
    CandidateType, ConnectionState, DtlsProtocol, DtlsVersion, Event, Reason, SessionId, SourceSpec, Statistics,
};
use offhook_jingle::Dialect;
use offhook_sim::{Cloud, CloudConfig, GatewayConfig, Reinvite};
use offhook_tests::softphone::{self, Diary, within};

async fn told(diary: &mut Diary, of: &SessionId) -> Statistics {
    let (_, statistics) = diary
        .until(|event| match event {
            Event::Statistics { session, statistics } if session == of => Some(**statistics),
            _ => None,
        })
        .await;
    statistics
}

#[tokio::test]
async fn the_figures_of_a_call_are_told_now_and_then_and_when_it_ends() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let builder = softphone::builder(&cloud)
        .play(SourceSpec::Tone { hertz: 1000 })
        .statistics_every(Some(Duration::from_millis(300)));
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;

    let first = told(&mut diary, call.session()).await;
    let second = told(&mut diary, call.session()).await;

    assert!(second.packets_sent > first.packets_sent, "{first:?} {second:?}");
    assert!(second.packets_received > first.packets_received, "{first:?} {second:?}");
    assert_eq!(second.local_candidate, Some(CandidateType::Host));
    let setup = second.setup;
    let steps = [
        setup.gathered,
        setup.first_check,
        setup.ice,
        setup.dtls,
        setup.first_sent,
        setup.first_received,
    ];
    assert!(steps.iter().all(Option::is_some), "{setup:?}");
    assert!(setup.ice <= setup.dtls && setup.dtls <= setup.first_sent, "{setup:?}");

    let before = diary.told().len();
    within(client.end(call.session(), Reason::Success))
        .await
        .expect("it lives");
    let (_, ()) = diary
        .until(|event| matches!(event, Event::SessionEnded { .. }).then_some(()))
        .await;
    let since = diary.told()[before..].iter().map(|(_, event)| event);
    let mut last = since.clone().filter_map(|event| match event {
        Event::Statistics { statistics, .. } => Some(statistics.packets_sent),
        _ => None,
    });
    assert!(
        last.next_back().is_some_and(|sent| sent >= second.packets_sent),
        "the last figures"
    );
    let closed = |event: &Event| {
        matches!(
            event,
            Event::ConnectionState {
                state: ConnectionState::Closed,
                ..
            }
        )
    };
    let after_closing = since.skip_while(|event| !closed(event));
    assert_eq!(
        after_closing
            .filter(|event| matches!(event, Event::Statistics { .. }))
            .count(),
        0
    );
    client.shutdown().await;
}

#[tokio::test]
async fn the_figures_of_a_session_are_a_stream_that_ends_with_it() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let builder = softphone::builder(&cloud).statistics_every(Some(Duration::from_millis(200)));
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let other = softphone::call(&cloud, &mut diary).await;
    let mut figures = client.statistics_of(call.session());
    let first = within(figures.next()).await.expect("it lives");
    let second = within(figures.next()).await.expect("it lives");
    assert!(second.packets_sent > first.packets_sent && second.mos.is_some());
    call.hang_up(Reason::Success);
    while within(figures.next()).await.is_some() {}
    softphone::goes_on(&other).await;
    let mut figures = client.statistics_of(other.session());
    within(figures.next()).await.expect("it lives");
    drop((client, diary));
    while within(figures.next()).await.is_some() {}
}

#[tokio::test]
async fn figures_that_nobody_wants_are_not_told() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud).statistics_every(None)).await;
    let call = softphone::call(&cloud, &mut diary).await;
    assert!(
        client.statistics(call.session()).await.is_some(),
        "unless they are asked for"
    );

    client.shutdown().await;

    let told = diary.to_the_end().await;
    let figures = told
        .iter()
        .filter(|(_, event)| matches!(event, Event::Statistics { .. }));
    assert_eq!(figures.count(), 0);
}

#[tokio::test]
async fn rule_43_the_end_of_old_media_is_not_that_of_new_ones_under_the_same_id_and_figures_go_on() {
    let config = CloudConfig {
        gateway: GatewayConfig {
            dialect: Dialect::SdpOverXmpp,
            ..GatewayConfig::default()
        },
        ..CloudConfig::default()
    };
    let cloud = Cloud::start(config).await.expect("loopback");
    let builder = softphone::builder(&cloud).statistics_every(Some(Duration::from_millis(200)));
    let (client, mut diary) = softphone::connected(builder).await;
    let call = softphone::call(&cloud, &mut diary).await;
    let before = told(&mut diary, call.session()).await;

    call.reinvite(Reinvite::default());
    within(call.replaced(1)).await.expect("the call lives");
    softphone::goes_on(&call).await;

    let mut last = before;
    for _ in 0..10 {
        let now = told(&mut diary, call.session()).await;
        assert!(now.packets_received >= last.packets_received, "{last:?} {now:?}");
        assert!(now.packets_sent >= last.packets_sent, "{last:?} {now:?}");
        last = now;
    }
    assert!(
        last.packets_received > before.packets_received + 25,
        "{before:?} {last:?}"
    );
    assert_eq!(diary.count(|event| matches!(event, Event::SessionEnded { .. })), 0);
    let live: Vec<SessionId> = client.sessions().await.into_iter().map(|(id, _)| id).collect();
    assert_eq!(live, [call.session().clone()]);
    client.shutdown().await;
}

#[tokio::test]
async fn media_are_encrypted_with_the_newest_version_that_both_sides_speak() {
    let config = CloudConfig {
        gateway: GatewayConfig {
            dtls: DtlsVersion::Auto,
            ..GatewayConfig::default()
        },
        ..CloudConfig::default()
    };
    let cloud = Cloud::start(config).await.expect("loopback");
    for (versions, spoken) in [
        (DtlsVersion::V1_2, DtlsProtocol::V1_2),
        (DtlsVersion::Auto, DtlsProtocol::V1_3),
    ] {
        let builder = softphone::builder(&cloud)
            .dtls(versions)
            .statistics_every(Some(Duration::from_millis(200)));
        let (client, mut diary) = softphone::connected(builder).await;
        let call = softphone::call(&cloud, &mut diary).await;
        softphone::goes_on(&call).await;

        let figures = told(&mut diary, call.session()).await;

        assert_eq!(figures.dtls_version, Some(spoken));
        client.shutdown().await;
    }
}
