//! Calls that the cloud's own TURN servers relay.

use offhook::{CandidateType, ConnectionState, Event, IcePolicy};
use offhook_sim::{Cloud, CloudConfig, CloudFaults};
use offhook_tests::softphone::{Diary, builder, call, connected, goes_on, within};

/// A cloud that offers of its servers those of this transport.
async fn cloud(transport: &str) -> Cloud {
    let config = CloudConfig {
        turn: true,
        ..CloudConfig::default()
    };
    let cloud = Cloud::start(config).await.expect("loopback");
    let services = cloud.services().into_iter();
    let wanted: Vec<_> = services
        .filter(|service| service.kind == "turn" && service.transport == transport)
        .collect();
    assert_eq!(wanted.len(), 1);
    cloud.set_services(Some(wanted));
    cloud
}

async fn state(diary: &mut Diary, wanted: ConnectionState) {
    let is = |event: &Event| matches!(event, Event::ConnectionState { state, .. } if *state == wanted);
    diary.until(|event| is(event).then_some(())).await;
}

async fn is_relayed_and_outlives_a_dead_server(transport: &str) {
    let cloud = cloud(transport).await;
    let (client, mut diary) = connected(builder(&cloud).ice_policy(IcePolicy::Relay)).await;
    let call = call(&cloud, &mut diary).await;
    within(goes_on(&call)).await;
    let statistics = client.statistics(call.session()).await.expect("it runs");
    assert_eq!(statistics.local_candidate, Some(CandidateType::Relayed));

    cloud.set_faults(CloudFaults {
        dead_turn: true,
        ..CloudFaults::default()
    });
    state(&mut diary, ConnectionState::Interrupted).await;
    cloud.set_faults(CloudFaults::default());
    state(&mut diary, ConnectionState::Connected).await;

    within(goes_on(&call)).await;
    client.shutdown().await;
}

#[tokio::test]
async fn a_call_is_relayed_over_udp_and_outlives_the_death_of_the_server() {
    is_relayed_and_outlives_a_dead_server("udp").await;
}

#[tokio::test]
async fn a_call_is_relayed_over_tcp_and_outlives_the_death_of_the_server() {
    is_relayed_and_outlives_a_dead_server("tcp").await;
}

#[tokio::test]
async fn a_cloud_without_turn_tells_of_none() {
    let cloud = Cloud::start(CloudConfig::default()).await.expect("loopback");
    let kinds: Vec<_> = cloud.services().into_iter().map(|service| service.kind).collect();
    assert_eq!(kinds, ["stun"]);
}
