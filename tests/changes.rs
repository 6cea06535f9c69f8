//! Calls whose media change while they run, by either side and in both dialects: hold, ICE restart, new media.

use std::time::Duration;

use offhook::{ChangeFailure, Client, ClientBuilder, ConnectionState, Event, Reason, SessionId, SourceSpec};
use offhook_audio::measure::level_dbov;
use offhook_jingle::Dialect;
use offhook_media::{Change, Direction};
use offhook_sim::{CallEvent, CallHandle, Cloud, CloudConfig, GatewayConfig, Reinvite, What};
use offhook_tests::softphone::{self, Diary, within};
use tokio::time::sleep;

const DIALECTS: [Dialect; 2] = [Dialect::Jingle, Dialect::SdpOverXmpp];
/// Nothing is heard.
const SILENCE_DBOV: f32 = -60.0;

/// A call that is up, with all that belongs to it.
struct Story {
    cloud: Cloud,
    client: Client,
    diary: Diary,
    call: CallHandle,
    session: SessionId,
}

impl Story {
    async fn begin(dialect: Dialect) -> Self {
        Self::begin_with(dialect, |builder| builder).await
    }

    async fn begin_with(dialect: Dialect, equip: impl FnOnce(ClientBuilder) -> ClientBuilder) -> Self {
        let gateway = GatewayConfig {
            dialect,
            ..GatewayConfig::default()
        };
        let config = CloudConfig {
            gateway,
            ..CloudConfig::default()
        };
        let cloud = Cloud::start(config).await.expect("loopback");
        let builder = softphone::builder(&cloud).play(SourceSpec::Tone { hertz: 1000 });
        let (client, mut diary) = softphone::connected(equip(builder)).await;
        let call = softphone::call(&cloud, &mut diary).await;
        let session = call.session().clone();
        Self {
            cloud,
            client,
            diary,
            call,
            session,
        }
    }

    /// The gateway has recorded this change so many times.
    async fn changed(&self, to: &str, times: usize) {
        let wanted = CallEvent::Changed { to: to.to_owned() };
        let is = |what: &What| matches!(what, What::Call { event, .. } if *event == wanted);
        let count = || self.cloud.records().iter().filter(|record| is(&record.what)).count();
        softphone::poll(|| count() >= times).await;
    }

    async fn received(&self) -> u64 {
        let statistics = self.client.statistics(&self.session).await;
        statistics.expect("it lives").packets_received
    }

    /// Each hears the other.
    async fn both_are_heard(&self) {
        let heard = || self.call.heard().tone.map(|tone| f64::from(tone.hertz));
        softphone::poll(|| heard().is_some_and(|hertz| (hertz - 1000.0).abs() < 5.0)).await;
        let before = self.received().await;
        within(async {
            while self.received().await < before + 25 {
                sleep(Duration::from_millis(10)).await;
            }
        })
        .await;
    }

    async fn gateway_hears_nothing(&self) {
        softphone::poll(|| self.call.heard().level_dbov < SILENCE_DBOV).await;
    }

    async fn client_hears_nothing(&self) {
        within(async {
            loop {
                let before = self.received().await;
                sleep(Duration::from_millis(200)).await;
                if self.received().await == before {
                    return;
                }
            }
        })
        .await;
    }

    /// Hangs up; what was told of the connection's state.
    async fn end(mut self) -> Vec<ConnectionState> {
        self.call.hang_up(Reason::Success);
        let (_, end) = self.diary.until(softphone::ended).await;
        assert_eq!(end.1, Reason::Success);
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

/// One connection, from the first to the last.
const UNDISTURBED: [ConnectionState; 4] = [
    ConnectionState::Starting,
    ConnectionState::Connecting,
    ConnectionState::Connected,
    ConnectionState::Closed,
];

#[tokio::test]
async fn the_gateway_holds_and_unholds() {
    for dialect in DIALECTS {
        let story = Story::begin(dialect).await;
        story.both_are_heard().await;
        story.call.change(Change::Direction(Direction::SendOnly));
        story.changed("sendonly", 1).await;
        story.gateway_hears_nothing().await;
        let before = story.received().await;
        softphone::poll(|| story.call.statistics().packets_sent > before + 50).await;
        assert!(
            story.received().await > before,
            "{dialect:?}: what the holder plays is heard"
        );

        story.call.change(Change::Direction(Direction::Inactive));
        story.changed("inactive", 1).await;
        story.client_hears_nothing().await;

        story.call.change(Change::Direction(Direction::SendRecv));
        story.changed("sendrecv", 1).await;
        story.both_are_heard().await;
        assert_eq!(story.end().await, UNDISTURBED, "{dialect:?}");
    }
}

#[tokio::test]
async fn the_client_holds_and_unholds_in_jingle() {
    let story = Story::begin(Dialect::Jingle).await;
    story.both_are_heard().await;
    within(story.client.hold(&story.session, true)).await.expect("a hold");
    story.changed("inactive", 1).await;
    story.gateway_hears_nothing().await;
    story.client_hears_nothing().await;
    let held = CallEvent::Info { status: "hold".into() };
    let is = |what: &What| matches!(what, What::Call { event, .. } if *event == held);
    assert!(story.cloud.records().iter().any(|record| is(&record.what)));

    within(story.client.hold(&story.session, false))
        .await
        .expect("an unhold");
    story.changed("sendrecv", 1).await;
    story.both_are_heard().await;
    assert_eq!(story.end().await, UNDISTURBED);
}

#[tokio::test]
async fn in_sdp_over_xmpp_only_the_gateway_changes_media() {
    let story = Story::begin(Dialect::SdpOverXmpp).await;
    let refused = Err(ChangeFailure::NotInDialect);
    assert_eq!(within(story.client.hold(&story.session, true)).await, refused);
    assert_eq!(within(story.client.restart_ice(&story.session)).await, refused);
    let nobody = SessionId::new("nobody");
    assert_eq!(
        within(story.client.restart_ice(&nobody)).await,
        Err(ChangeFailure::NoMedia)
    );
    story.both_are_heard().await;
    assert_eq!(story.end().await, UNDISTURBED);
}

#[tokio::test]
async fn either_side_restarts_ice_and_hardly_a_packet_is_lost() {
    let story = Story::begin(Dialect::Jingle).await;
    story.both_are_heard().await;
    for round in 0..2 {
        story.call.change(Change::Restart);
        story.changed("restart", 2 * round + 1).await;
        softphone::goes_on(&story.call).await;
        within(story.client.restart_ice(&story.session))
            .await
            .expect("a restart");
        story.changed("restart", 2 * round + 2).await;
        softphone::goes_on(&story.call).await;
    }
    story.both_are_heard().await;
    let ours = story.client.statistics(&story.session).await.expect("it lives");
    // One that goes out in the moment of a restart may be.
    let lost = [ours.packets_lost, story.call.statistics().packets_lost];
    assert!(lost.iter().all(|lost| *lost <= 1), "{lost:?}");
    softphone::is_controllable(&story.cloud, &story.call).await;
    assert_eq!(story.end().await, UNDISTURBED);
}

#[tokio::test]
async fn a_change_after_another_in_either_dialect_finds_the_media_that_took_over() {
    let story = Story::begin(Dialect::SdpOverXmpp).await;
    story.call.reinvite(Reinvite::default());
    within(story.call.replaced(1)).await.expect("the call lives");
    story.both_are_heard().await;
    story.call.change(Change::Direction(Direction::Inactive));
    story.changed("inactive", 1).await;
    story.client_hears_nothing().await;
    story.gateway_hears_nothing().await;
    // Held media are replaced all the same.
    story.call.reinvite(Reinvite::default());
    within(story.call.replaced(2)).await.expect("the call lives");
    story.both_are_heard().await;
    assert_eq!(story.end().await, UNDISTURBED);
}

#[tokio::test]
async fn new_media_take_over_without_a_gap() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().to_owned();
    let story = Story::begin_with(Dialect::SdpOverXmpp, |builder| builder.record_to(path)).await;
    story.both_are_heard().await;
    let mut counted = story.received().await;
    for times in 1..=3 {
        story.call.reinvite(Reinvite::default());
        within(story.call.replaced(times)).await.expect("the call lives");
        story.both_are_heard().await;
        let now = story.received().await;
        assert!(now > counted + 20, "figures go on: {now} after {counted}");
        counted = now;
    }
    assert_eq!(story.end().await, UNDISTURBED);

    let files: Vec<_> = std::fs::read_dir(folder.path()).expect("the folder").collect();
    assert_eq!(files.len(), 1, "one recording");
    let file = std::fs::read(files[0].as_ref().expect("a file").path()).expect("it can be read");
    let heard = right_channel(&file);
    let quiet: Vec<bool> = heard
        .chunks_exact(960)
        .map(|frame| level_dbov(frame) < SILENCE_DBOV)
        .collect();
    // Before the first packet and after the last.
    let first = quiet.iter().position(|quiet| !quiet).expect("audio");
    let last = quiet.iter().rposition(|quiet| !quiet).expect("audio");
    let gap = quiet[first..last].split(|quiet| !quiet).map(<[bool]>::len).max();
    assert!(gap <= Some(10), "{gap:?} frames of silence in a row");
}

/// What was heard, of a stereo recording with 16 bits a sample.
fn right_channel(wav: &[u8]) -> Vec<i16> {
    let data = wav.windows(4).position(|word| word == b"data").expect("a data chunk") + 8;
    let frames = wav[data..].chunks_exact(4);
    frames.map(|frame| i16::from_le_bytes([frame[2], frame[3]])).collect()
}

/// Longer than a client tries to connect media.
const GIVEN_UP: Duration = Duration::from_secs(32);

#[tokio::test]
async fn new_media_that_come_to_nothing_leave_the_old_ones() {
    let story = Story::begin(Dialect::SdpOverXmpp).await;
    story.call.reinvite(Reinvite {
        lose_answer: true,
        ..Reinvite::default()
    });
    let begun = story.received().await;
    within(async {
        while story.received().await < begun + GIVEN_UP.as_millis() as u64 / 20 {
            sleep(Duration::from_millis(100)).await;
        }
    })
    .await;
    story.both_are_heard().await;
    softphone::is_controllable(&story.cloud, &story.call).await;
    // Another attempt is welcome.
    story.call.reinvite(Reinvite::default());
    within(story.call.replaced(1)).await.expect("the call lives");
    story.both_are_heard().await;
    assert_eq!(story.end().await, UNDISTURBED);
}

#[tokio::test]
async fn a_reinvite_is_not_noticed_by_whoever_watches_the_session() {
    let mut story = Story::begin(Dialect::SdpOverXmpp).await;
    story.call.reinvite(Reinvite {
        repeat: 3,
        ..Reinvite::default()
    });
    within(story.call.replaced(1)).await.expect("the call lives");
    story.both_are_heard().await;
    story.call.hang_up(Reason::Success);
    story.diary.until(softphone::ended).await;
    let count = |wished: fn(&Event) -> bool| story.diary.count(wished);
    assert_eq!(count(|event| matches!(event, Event::SessionStarted { .. })), 1);
    assert_eq!(
        count(|event| matches!(event, Event::ActiveChanged { active: true, .. })),
        1
    );
    within(story.client.shutdown()).await;
    story.cloud.stop().await;
}
