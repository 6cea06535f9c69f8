//! Calls whose media path is cut, and machines that sleep in a call.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime},
};

use offhook::{Client, ConnectionState, EndedBy, Engine, EngineConfig, Event, Reason, WallClock};
use offhook_jingle::Dialect;
use offhook_sim::{CallEvent, CallHandle, Cloud, CloudConfig, Ended, GatewayConfig, MediaPath, What};
use offhook_tests::softphone::{self, Diary, goes_on, is_controllable, poll, within};

const CUT: MediaPath = MediaPath {
    cut: true,
    ..MediaPath::CLEAR
};

/// A call that is up, on a machine whose suspends are made up.
struct Story {
    cloud: Cloud,
    client: Client,
    diary: Diary,
    call: CallHandle,
    /// How many seconds the machine has slept.
    slept: Arc<AtomicU64>,
}

impl Story {
    async fn begin(dialect: Dialect) -> Self {
        let gateway = GatewayConfig {
            dialect,
            ..GatewayConfig::default()
        };
        let config = CloudConfig {
            gateway,
            ..CloudConfig::default()
        };
        let cloud = Cloud::start(config).await.expect("loopback");
        let slept = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&slept);
        let mut engine = EngineConfig::default();
        engine.wall_clock =
            WallClock::new(move || SystemTime::now() + Duration::from_secs(seen.load(Ordering::Relaxed)));
        let builder = softphone::builder(&cloud).engine(Engine::new(&engine).expect("threads"));
        let (client, mut diary) = softphone::connected(builder).await;
        let call = softphone::call(&cloud, &mut diary).await;
        Self {
            cloud,
            client,
            diary,
            call,
            slept,
        }
    }

    /// Reads on until the media are so.
    async fn comes_to(&mut self, wanted: ConnectionState) {
        self.diary
            .until(|event| match event {
                Event::ConnectionState { state, .. } => (*state == wanted).then_some(()),
                _ => None,
            })
            .await;
    }

    /// How many ICE restarts the gateway has seen.
    fn restarts(&self) -> usize {
        let restart = CallEvent::Changed {
            to: "restart".to_owned(),
        };
        let is = |what: &What| matches!(what, What::Call { event, .. } if *event == restart);
        self.cloud.records().iter().filter(|record| is(&record.what)).count()
    }

    /// Ends the call, which is under control; how its media stood in turn.
    async fn end(mut self) -> Vec<ConnectionState> {
        is_controllable(&self.cloud, &self.call).await;
        within(self.client.end(self.call.session(), Reason::Success))
            .await
            .expect("it lives");
        self.diary.until(softphone::ended).await;
        within(self.client.shutdown()).await;
        let told = self.diary.to_the_end().await;
        self.cloud.stop().await;
        let states = told.into_iter().filter_map(|(_, event)| match event {
            Event::ConnectionState { state, .. } => Some(state),
            _ => None,
        });
        states.collect()
    }
}

/// A call that was interrupted once.
const INTERRUPTED_ONCE: [ConnectionState; 6] = [
    ConnectionState::Starting,
    ConnectionState::Connecting,
    ConnectionState::Connected,
    ConnectionState::Interrupted,
    ConnectionState::Connected,
    ConnectionState::Closed,
];

#[tokio::test]
async fn media_that_are_cut_off_are_restarted_by_themselves_where_the_dialect_can() {
    for (dialect, restarts) in [(Dialect::Jingle, 1), (Dialect::SdpOverXmpp, 0)] {
        let mut story = Story::begin(dialect).await;
        story.call.set_path(CUT);
        story.comes_to(ConnectionState::Interrupted).await;
        if restarts > 0 {
            poll(|| story.restarts() > 0).await;
        }
        story.call.set_path(MediaPath::default());
        story.comes_to(ConnectionState::Connected).await;
        goes_on(&story.call).await;
        let figures = story.client.statistics(story.call.session()).await.expect("it lives");
        assert_eq!(figures.interruptions, 1, "{dialect:?}");
        assert!(figures.interrupted > Duration::ZERO, "{dialect:?}");
        assert_eq!(story.restarts(), restarts, "{dialect:?}");
        assert_eq!(story.end().await, INTERRUPTED_ONCE, "{dialect:?}");
    }
}

#[tokio::test]
async fn a_call_whose_path_lives_goes_on_after_the_machine_has_slept() {
    let mut story = Story::begin(Dialect::SdpOverXmpp).await;
    story.slept.store(60, Ordering::Relaxed);
    story.comes_to(ConnectionState::Interrupted).await;
    story.comes_to(ConnectionState::Connected).await;
    goes_on(&story.call).await;
    assert_eq!(story.end().await, INTERRUPTED_ONCE);
}

#[tokio::test]
async fn a_call_whose_path_has_died_while_the_machine_slept_ends_soon() {
    // In Jingle the path would be restarted first, and have its time once more.
    let mut story = Story::begin(Dialect::SdpOverXmpp).await;
    story.call.set_path(CUT);
    story.slept.store(60, Ordering::Relaxed);
    story.comes_to(ConnectionState::Failed).await;
    let (_, (_, reason, by)) = story.diary.until(softphone::ended).await;
    assert_eq!((reason, by), (Reason::FailedTransport, EndedBy::Network));
    let terminated = Ended::Terminated {
        reason: Reason::FailedTransport,
    };
    assert_eq!(within(story.call.ended()).await, terminated);
    within(story.client.shutdown()).await;
    story.cloud.stop().await;
}
