//! A connection is lost and comes back: what was said meanwhile, and when the next attempt is made.

use std::time::Duration;

use offhook::{EndedBy, Reason};
use offhook_sim::{Cloud, CloudConfig, CloudFaults, Cut, Direction, Ended, Reinvite, RestFault, UpgradeFault};
use offhook_tests::softphone::{self, builder, call, connected, ended, goes_on, poll, within};

use crate::{asked, cloud, frames, outage};

#[tokio::test]
async fn a_stream_is_resumed_without_another_login_and_what_was_said_meanwhile_is_heard() {
    let cloud = Cloud::start(CloudConfig {
        stream_management: Some(Duration::from_secs(60)),
        ..CloudConfig::default()
    })
    .await
    .unwrap();
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;
    let requests = asked(&cloud, "/").len();

    assert_eq!(cloud.cut(&Cut::Reset, None), 1);
    diary.disconnected().await;
    let reason = Reason::Success;
    call.hang_up(reason);
    assert_eq!(within(call.ended()).await, Ended::HungUp { reason });
    diary.connected().await;
    let (_, end) = diary.until(ended).await;
    assert_eq!(end, (call.session().clone(), reason, EndedBy::Remote));

    assert_eq!(call.undelivered(), 0);
    assert_eq!(asked(&cloud, "/").len(), requests, "REST is not asked again");
    assert_eq!(
        frames(&cloud, Direction::ToCloud, "bind").len(),
        1,
        "nor is a resource bound"
    );
    assert_eq!(frames(&cloud, Direction::ToClient, "<resumed>").len(), 1);
    softphone::call(&cloud, &mut diary).await;
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_hang_up_during_an_outage_is_heard_after_it() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;
    cloud.set_faults(outage(Duration::from_secs(3)));
    cloud.drop_streams();
    diary.disconnected().await;

    client.end(call.session(), Reason::Success).await.unwrap();
    let (at, end) = diary.until(ended).await;
    assert_eq!(end, (call.session().clone(), Reason::Success, EndedBy::Local));
    let back = diary.connected().await;
    assert!(back > at, "the session ends here without waiting for the far end");
    poll(|| frames(&cloud, Direction::ToCloud, "terminate success").len() == 1).await;
    // What the media said may have been faster.
    let end = within(call.ended()).await;
    let heard = match &end {
        Ended::Terminated { reason } => *reason == Reason::Success,
        Ended::MediaFailed { reason } => reason.contains("closed"),
        _ => false,
    };
    assert!(heard, "{end}");
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn the_gateway_reinvites_and_hangs_up_after_the_connection_has_come_back() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;
    cloud.drop_streams();
    diary.disconnected().await;
    goes_on(&call).await;
    diary.connected().await;
    call.reinvite(Reinvite::default());
    within(call.replaced(1)).await.unwrap();
    goes_on(&call).await;
    call.hang_up(Reason::Expired);
    let (_, end) = diary.until(ended).await;
    assert_eq!(end, (call.session().clone(), Reason::Expired, EndedBy::Remote));
    client.shutdown().await;
    cloud.stop().await;
}

#[tokio::test]
async fn a_server_that_asks_for_patience_is_left_alone_for_as_long() {
    const PATIENCE: Duration = Duration::from_secs(3);
    let rest = CloudFaults {
        rest: vec![RestFault {
            path: "/api/v2/users/me".to_owned(),
            times: Some(1),
            retry_after: Some(PATIENCE),
            ..RestFault::default()
        }],
        ..CloudFaults::default()
    };
    let upgrade = CloudFaults {
        upgrade: Some(UpgradeFault {
            times: Some(1),
            retry_after: Some(PATIENCE),
            ..UpgradeFault::default()
        }),
        ..CloudFaults::default()
    };
    for faults in [rest, upgrade] {
        let cloud = cloud().await;
        cloud.set_faults(faults);
        let (client, _) = connected(builder(&cloud).keep_trying(true)).await;
        // The first attempt asks for two things at once, and takes one back when the other is refused.
        let asked = asked(&cloud, "/api/v2/");
        let opened = frames(&cloud, Direction::ToCloud, "<open>")[0];
        let waited = opened - asked[0];
        assert!(
            (PATIENCE..PATIENCE * 2).contains(&waited),
            "connected after {waited:?}; REST was asked at {asked:?}"
        );
        let mut again = asked.iter().map(|at| *at - asked[0]);
        assert!(
            again.all(|after| after < PATIENCE / 3 || after >= PATIENCE),
            "{asked:?}"
        );
        client.shutdown().await;
        cloud.stop().await;
    }
}
