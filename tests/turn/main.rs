//! Whole calls over coturn, a TURN server that others wrote: `apt-get install coturn`.
//!
//! Each test starts a server of its own, in a temporary folder and on free ports of the loopback, and stops it. The simulated
//! cloud offers this server and no STUN, so that media may be relayed only.

use std::time::Duration;

use offhook::{ConnectionState, Engine, EngineConfig, Event, Reason, SessionError};
use offhook_media::FailureReason;
use offhook_sim::{CallRequest, Cloud, CloudConfig, ExternalService};
use offhook_tests::{
    coturn::Coturn,
    softphone::{Diary, builder, call, connected, ended, goes_on, within},
};
use tokio::time::sleep;

/// A cloud that offers this service and no other.
async fn cloud(service: ExternalService) -> Cloud {
    let cloud = Cloud::start(CloudConfig::default())
        .await
        .expect("the loopback is there");
    cloud.set_services(Some(vec![service]));
    cloud
}

async fn state(diary: &mut Diary, wanted: ConnectionState) {
    let is = |event: &Event| matches!(event, Event::ConnectionState { state, .. } if *state == wanted);
    diary.until(|event| is(event).then_some(())).await;
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn a_call_is_relayed_over_udp_and_over_tcp() {
    for transport in ["udp", "tcp"] {
        let coturn = Coturn::start("").await;
        let cloud = cloud(coturn.service("turn", transport)).await;
        let (client, mut diary) = connected(builder(&cloud)).await;

        let call = call(&cloud, &mut diary).await;

        coturn.logged("ALLOCATE processed, success").await;
        sleep(Duration::from_secs(1)).await;
        goes_on(&call).await;
        let session = call.session().clone();
        let statistics = client.statistics(&session).await.expect("the session is there");
        assert!(statistics.packets_received > 25, "{transport}: {statistics:?}");
        client.shutdown().await;
        coturn.logged("usage: realm").await;
    }
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn a_call_is_relayed_over_tls_by_a_server_that_is_who_it_says() {
    let coturn = Coturn::start("").await;
    let cloud = cloud(coturn.service("turns", "tcp")).await;
    let mut config = EngineConfig::default();
    config.trust_anchors.push(coturn.authority());
    let engine = Engine::new(&config).expect("threads");
    let (client, mut diary) = connected(builder(&cloud).engine(engine)).await;

    let call = call(&cloud, &mut diary).await;

    goes_on(&call).await;
    client.shutdown().await;
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn a_server_whom_nobody_vouches_for_relays_nothing() {
    let coturn = Coturn::start("").await;
    let cloud = cloud(coturn.service("turns", "tcp")).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let offered = cloud.call(CallRequest::default()).expect("the client is connected");

    state(&mut diary, ConnectionState::Connecting).await;
    sleep(Duration::from_secs(3)).await;

    assert_eq!(offered.statistics().packets_received, 0);
    assert!(!coturn.has_logged("ALLOCATE processed, success"));
    client.shutdown().await;
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn wrong_credentials_end_the_call_and_say_why() {
    let coturn = Coturn::start("").await;
    let mut service = coturn.service("turn", "udp");
    service.password = Some("wrong".into());
    let cloud = cloud(service).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let _call = cloud.call(CallRequest::default()).expect("the client is connected");

    let (_, error) = diary
        .until(|event| match event {
            Event::SessionError { error, .. } => Some(error.clone()),
            _ => None,
        })
        .await;
    let (_, (_, reason, _)) = diary.until(ended).await;

    assert!(
        matches!(error, SessionError::Media(FailureReason::NoRelay(_))),
        "{error}"
    );
    assert_eq!(reason, Reason::FailedTransport);
    client.shutdown().await;
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn a_nonce_that_has_gone_stale_is_renewed() {
    // Allocations are refreshed a minute before they run out: here, after ten seconds.
    let coturn = Coturn::start("stale-nonce=4\nmax-allocate-lifetime=70\n").await;
    let cloud = cloud(coturn.service("turn", "udp")).await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;

    coturn.logged("tale nonce").await;
    coturn.logged("refreshed").await;

    goes_on(&call).await;
    client.shutdown().await;
}

#[tokio::test]
#[ignore = "needs coturn: cargo xtask test installs it and runs this"]
async fn a_server_that_is_killed_in_mid_call_and_comes_back_carries_it_on() {
    for transport in ["udp", "tcp"] {
        let mut coturn = Coturn::start("").await;
        let cloud = cloud(coturn.service("turn", transport)).await;
        let (client, mut diary) = connected(builder(&cloud)).await;
        let call = call(&cloud, &mut diary).await;

        coturn.kill().await;
        state(&mut diary, ConnectionState::Interrupted).await;
        coturn.begin().await;
        state(&mut diary, ConnectionState::Connected).await;

        within(goes_on(&call)).await;
        client.shutdown().await;
    }
}
