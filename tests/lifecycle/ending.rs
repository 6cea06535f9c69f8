//! Ends: of the connection, of the client, of a session that fails, and what the next process knows of failures.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use offhook::{Client, ConnectError, ConnectFailure, EndedBy, Event, Reason};
use offhook_audio::{Frame, Played, Source};
use offhook_sim::{CallRequest, CloudFaults, Cut, Ended, StreamFault};
use offhook_tests::softphone::{builder, call, connected, ended, goes_on, is_controllable, within};

use crate::{asked, cloud, outage};

/// How long `disconnect` and `shutdown` may take, and some patience with a busy machine.
const CLOSING: Duration = Duration::from_millis(5500);

#[tokio::test]
async fn a_server_that_says_nothing_holds_up_neither_disconnect_nor_shutdown() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    let call = call(&cloud, &mut diary).await;
    assert_eq!(cloud.cut(&Cut::Stall, None), 1);
    let asked = Instant::now();
    client.disconnect().await.unwrap();
    let (at, reconnecting) = diary.disconnected().await;
    assert!(!reconnecting);
    assert!(at - asked <= CLOSING, "disconnect took {:?}", at - asked);
    // The call goes on, and comes back under control with the next connection.
    goes_on(&call).await;
    within(client.connect()).await.unwrap();
    diary.connected().await;
    is_controllable(&cloud, &call).await;

    assert_eq!(cloud.cut(&Cut::Stall, None), 1);
    let asked = Instant::now();
    client.shutdown().await;
    assert!(asked.elapsed() <= CLOSING, "shutdown took {:?}", asked.elapsed());
    let told = diary.to_the_end().await;
    let ends: Vec<_> = told.iter().filter_map(|(_, event)| ended(event)).collect();
    assert_eq!(ends, [(call.session().clone(), Reason::Success, EndedBy::Local)]);
    cloud.stop().await;
}

#[tokio::test]
async fn an_attempt_that_is_under_way_is_given_up_at_once() {
    let cloud = cloud().await;
    cloud.set_faults(CloudFaults {
        stream: Some(StreamFault::Silent),
        ..CloudFaults::default()
    });
    for shutdown in [false, true] {
        let streams = cloud.live().streams;
        let client = builder(&cloud).build().unwrap();
        let connecting = tokio::spawn({
            let client = client.clone();
            async move { client.connect().await }
        });
        within(cloud.wait_live(|live| live.streams > streams)).await;
        let asked = Instant::now();
        if shutdown {
            client.shutdown().await;
        } else {
            client.disconnect().await.unwrap();
        }
        let failure = within(connecting).await.unwrap();
        assert!(asked.elapsed() <= CLOSING, "it took {:?}", asked.elapsed());
        assert_eq!(failure, Err(ConnectFailure::Failed(ConnectError::Cancelled)));
        client.shutdown().await;
        within(cloud.wait_live(|live| live.streams == 0)).await;
    }
    cloud.stop().await;
}

#[tokio::test]
async fn an_attempt_to_come_back_is_given_up_at_once() {
    let cloud = cloud().await;
    let (client, mut diary) = connected(builder(&cloud)).await;
    cloud.set_faults(outage(Duration::from_secs(60)));
    cloud.drop_streams();
    assert!(diary.disconnected().await.1);
    let asked = Instant::now();
    client.disconnect().await.unwrap();
    assert!(!diary.disconnected().await.1);
    client.shutdown().await;
    assert!(asked.elapsed() <= CLOSING, "it took {:?}", asked.elapsed());
    cloud.stop().await;
}

#[tokio::test]
async fn a_process_that_is_restarted_waits_as_its_predecessor_would_have() {
    let cloud = cloud().await;
    let directory = tempfile::tempdir().unwrap();
    let made = |directory: &Path, user: &str| {
        let builder = builder(&cloud).state_directory(directory, "test", user);
        builder.build().unwrap()
    };
    cloud.set_faults(outage(Duration::from_secs(60)));
    let first = made(directory.path(), "agent");
    assert!(within(first.connect()).await.is_err());
    first.shutdown().await;
    drop(first);
    cloud.set_faults(CloudFaults::default());

    let failed = *asked(&cloud, "/api/v2/users/me").last().unwrap();
    let connect = async |client: Client| {
        within(client.connect()).await.unwrap();
        client.shutdown().await;
        *asked(&cloud, "/api/v2/users/me").last().unwrap()
    };
    // Somebody else's failures are nobody's business.
    let other = connect(made(directory.path(), "another agent")).await;
    assert!(
        other - failed < Duration::from_secs(2),
        "it waited {:?}",
        other - failed
    );
    let second = connect(made(directory.path(), "agent")).await;
    let gap = second - failed;
    assert!(
        (Duration::from_millis(1950)..Duration::from_secs(10)).contains(&gap),
        "it waited {gap:?}"
    );
    cloud.stop().await;
}

/// A source that fails as broken application code does, once it is told to.
struct Breakable(Arc<AtomicBool>);

impl Source for Breakable {
    fn read(&mut self, _: &mut Frame) -> Played {
        assert!(!self.0.load(Ordering::Relaxed), "this source is broken");
        Played::Full
    }
}

#[tokio::test]
async fn a_session_that_panics_ends_alone_with_and_without_a_connection() {
    let cloud = cloud().await;
    let (broken, made) = (Arc::new(AtomicBool::new(false)), AtomicUsize::new(0));
    let breaks = broken.clone();
    let builder = builder(&cloud).play_with(move || {
        if made.fetch_add(1, Ordering::Relaxed) == 0 {
            Box::new(offhook_audio::Silence)
        } else {
            Box::new(Breakable(breaks.clone()))
        }
    });
    let (client, mut diary) = connected(builder).await;
    let good = call(&cloud, &mut diary).await;
    let failure = (Reason::GeneralError, EndedBy::Local);
    for connection in [true, false] {
        broken.store(false, Ordering::Relaxed);
        let bad = call(&cloud, &mut diary).await;
        if !connection {
            cloud.drop_streams();
            diary.disconnected().await;
        }
        broken.store(true, Ordering::Relaxed);
        let (_, (session, reason, by)) = diary.until(ended).await;
        assert_eq!((&session, (reason, by)), (bad.session(), failure));
        if !connection {
            diary.connected().await;
        }
        let reason = Reason::GeneralError;
        assert_eq!(within(bad.ended()).await, Ended::Terminated { reason });
        goes_on(&good).await;
        is_controllable(&cloud, &good).await;
    }
    // After a reconnect too: a new session fails at its first frame.
    let bad = cloud.call(CallRequest::default()).unwrap();
    let (_, (session, reason, by)) = diary.until(ended).await;
    assert_eq!((&session, (reason, by)), (bad.session(), failure));
    goes_on(&good).await;
    assert_eq!(
        diary.count(|event| matches!(event, Event::Disconnected { .. })),
        1,
        "the connection was lost only when it was cut"
    );
    good.hang_up(Reason::Success);
    let (_, end) = diary.until(ended).await;
    assert_eq!(end, (good.session().clone(), Reason::Success, EndedBy::Remote));
    client.shutdown().await;
    cloud.stop().await;
}
