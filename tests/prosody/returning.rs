//! Coming back by the reconnect policy.

use std::time::{Duration, Instant, SystemTime};

use offhook_tests::prosody::{Client, LIMIT, Prosody, config};
use offhook_xmpp::{
    CloseReason, Connected, Reconnect, Resumption,
    reconnect::{self, Failure, FailureKind, Input, Loss, ReconnectConfig, Status},
};
use tokio::{
    sync::Notify,
    time::{sleep_until, timeout},
};

/// Tries until alice is connected, going on with `resumption` if the server still knows it; tells of each failure.
async fn seek(
    policy: &mut Reconnect,
    port: u16,
    resumption: Option<Resumption>,
    failed: &Notify,
) -> (Client, Connected) {
    let sought = async {
        loop {
            match policy.poll_output() {
                reconnect::Output::Attempt { .. } => {
                    let mut config = config("alice", "desk");
                    config.resumption = resumption.clone();
                    if let Ok(mut alice) = Client::dial(port, config).await {
                        let connected = alice.connected().await;
                        policy.handle_input(Instant::now(), Input::Connected);
                        return (alice, connected);
                    }
                    failed.notify_one();
                    let failure = Failure {
                        kind: FailureKind::Transient,
                        retry_after: None,
                    };
                    policy.handle_input(Instant::now(), Input::Failed(failure));
                }
                reconnect::Output::Remember(_) => {}
                reconnect::Output::GaveUp(why) => panic!("{why}"),
                reconnect::Output::Timeout(at) => {
                    sleep_until(at.into()).await;
                    policy.handle_input(Instant::now(), Input::Timeout);
                }
            }
        }
    };
    timeout(LIMIT, sought).await.expect("it comes back")
}

/// Quick, so that the test is.
fn policy() -> Reconnect {
    let mut config = ReconnectConfig::default();
    config.first_delay = Duration::from_millis(50);
    config.cap = Duration::from_millis(400);
    config.least_gap = Duration::from_millis(20);
    let wall = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    Reconnect::new(config, None, wall, [7; 32], Instant::now())
}

/// Takes the server away, lets alice fail at least once, and brings it back.
async fn comes_back_after(away: impl AsyncFnOnce(&mut Prosody)) {
    let mut prosody = Prosody::start().await;
    let (mut policy, port, failed) = (policy(), prosody.port(), Notify::new());
    policy.connect(Instant::now());
    let (alice, connected) = seek(&mut policy, port, None, &failed).await;
    let jid = connected.jid;

    away(&mut prosody).await;
    let (reason, resumption) = alice.closed().await;
    assert!(matches!(reason, CloseReason::SocketClosed { .. }), "{reason}");
    assert!(resumption.is_some(), "nobody said that the stream is over");
    let lost = Input::Lost(Loss::Dropped { retry_after: None });
    policy.handle_input(Instant::now(), lost);
    let mended = async {
        failed.notified().await;
        prosody.begin().await;
    };
    let ((alice, connected), ()) = tokio::join!(seek(&mut policy, port, resumption, &failed), mended);
    assert!(!connected.resumed, "the server remembers no stream");
    assert_eq!(connected.jid, jid);
    assert!(matches!(policy.state(), Status::Connected { .. }));
    alice.leave().await;
}

/// Prosody says no goodbye on a WebSocket: it lets go of the sockets before it closes the streams.
#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_server_that_is_restarted_is_found_again() {
    comes_back_after(Prosody::stop).await;
}

#[tokio::test]
#[ignore = "needs Prosody: cargo xtask test installs it and runs this"]
async fn a_server_that_lost_its_power_is_found_again() {
    comes_back_after(Prosody::kill).await;
}
