//! Our client on a bad way: stanzas that come late, twice or in another order, and datagrams that are lost, late and out of order.

use std::time::Duration;

use offhook::{ConnectionState, EndedBy, Event, Reason};
use offhook_jingle::Dialect;
use offhook_sim::{
    CallFaults, CallRequest, Cloud, CloudConfig, CloudFaults, DeliveryFault, DeliveryHow, Ended, MediaPath, Towards,
};
use offhook_tests::softphone::{self, Diary, ended, goes_on, within};

const DIALECTS: [Dialect; 2] = [Dialect::SdpOverXmpp, Dialect::Jingle];

async fn cloud() -> Cloud {
    Cloud::start(CloudConfig::default()).await.expect("loopback")
}

/// A call to the client comes up, is heard, and ends once, by the gateway.
async fn a_whole_call(cloud: &Cloud, diary: &mut Diary, request: CallRequest) {
    let call = cloud.call(request).expect("the client is connected");
    within(call.connected()).await.expect("it lives");
    let connected = |event: &Event| match event {
        Event::ConnectionState { session, state } => {
            (session == call.session() && *state == ConnectionState::Connected).then_some(())
        }
        _ => None,
    };
    diary.until(connected).await;
    goes_on(&call).await;
    call.hang_up(Reason::Success);
    let (_, (session, reason, by)) = diary.until(ended).await;
    assert_eq!(
        (&session, reason, by),
        (call.session(), Reason::Success, EndedBy::Remote)
    );
    let how = Ended::HungUp {
        reason: Reason::Success,
    };
    assert_eq!(within(call.ended()).await, how);
}

async fn survives(how: DeliveryHow) {
    for dialect in DIALECTS {
        let cloud = cloud().await;
        let (client, mut diary) = softphone::connected(softphone::builder(&cloud)).await;
        let fault = |towards| DeliveryFault {
            how,
            towards,
            ..DeliveryFault::default()
        };
        cloud.set_faults(CloudFaults {
            delivery: vec![fault(Towards::Client), fault(Towards::Cloud)],
            ..CloudFaults::default()
        });
        let request = CallRequest {
            dialect: Some(dialect),
            ..CallRequest::default()
        };
        a_whole_call(&cloud, &mut diary, request.clone()).await;
        cloud.set_faults(CloudFaults::default());
        a_whole_call(&cloud, &mut diary, request).await;
        client.shutdown().await;
        cloud.stop().await;
    }
}

#[tokio::test]
async fn a_call_is_held_though_every_stanza_comes_late() {
    survives(DeliveryHow::Delay {
        seconds: Duration::from_millis(150),
    })
    .await;
}

#[tokio::test]
async fn a_call_is_held_though_every_stanza_comes_twice() {
    survives(DeliveryHow::Duplicate).await;
}

#[tokio::test]
async fn a_call_is_held_though_stanzas_overtake_each_other() {
    survives(DeliveryHow::Reorder).await;
}

#[tokio::test]
async fn a_call_is_held_though_datagrams_are_lost_late_and_out_of_order() {
    let cloud = cloud().await;
    let (client, mut diary) = softphone::connected(softphone::builder(&cloud)).await;
    for dialect in DIALECTS {
        let path = MediaPath {
            delay: Duration::from_millis(20),
            jitter: Duration::from_millis(30),
            loss: 0.1,
            reorder: 0.1,
            cut: false,
        };
        let request = CallRequest {
            dialect: Some(dialect),
            faults: Some(CallFaults {
                path,
                ..CallFaults::default()
            }),
            ..CallRequest::default()
        };
        a_whole_call(&cloud, &mut diary, request).await;
    }
    client.shutdown().await;
    cloud.stop().await;
}
