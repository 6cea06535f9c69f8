//! Our client in the place of the page.

use std::{fs, path::PathBuf, time::Duration};

use offhook::{
    Client, ConnectFailure, ConnectionState, Destination, Endpoints, Engine, EngineConfig, Event, OutboundCall, Reason,
    SessionId, SourceSpec,
};
use offhook_audio::measure::{dominant_tone, level_dbov};
use offhook_tests::softphone::{Diary, LIMIT, within};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

use crate::place::{MICROPHONE, Place};

/// What is listened to at a time: half a second.
const WINDOW: usize = 24_000;
/// Bytes of a WAV file before its samples.
const HEADER: usize = 44;
/// Bytes of one moment: what was sent and what was heard.
const PAIR: usize = 4;

/// One client. Dropped, it ends.
#[derive(Debug)]
pub struct Ours {
    client: Client,
    diary: Diary,
    recordings: TempDir,
}

impl Ours {
    pub fn new(place: &Place) -> Self {
        Self::of(place, place.token(), MICROPHONE)
    }

    /// The client of whoever has this token, which plays this tone.
    pub fn of(place: &Place, token: String, hertz: u32) -> Self {
        let plain = place.plain();
        let endpoints = Endpoints::new(&format!("http://{plain}"), &format!("ws://{plain}"), None, false)
            .expect("URLs of loopback");
        let recordings = tempfile::tempdir().expect("a folder");
        let client = Client::builder(endpoints, token)
            // It stands in for the streaming client; what the softphone above that does is tested in `tests/handles.rs`.
            .softphone(false)
            .engine(Engine::new(&EngineConfig::default()).expect("threads"))
            .play(SourceSpec::Tone { hertz })
            .record_to(recordings.path())
            .build()
            .expect("there is loopback");
        Self {
            diary: Diary::of(&client),
            client,
            recordings,
        }
    }

    pub async fn connect(&mut self) {
        within(self.client.connect()).await.expect("it connects");
        self.diary.connected().await;
    }

    /// Tries to connect, and is refused for its token.
    pub async fn is_refused(&mut self, token: &str) {
        within(self.client.set_token(token)).await.expect("it runs");
        match within(self.client.connect()).await {
            Err(ConnectFailure::Failed(error)) if error.credentials_refused() => {}
            result => panic!("{result:?}"),
        }
    }

    /// Waits until it has lost its connection and gives up.
    pub async fn gives_up(&mut self) {
        self.until(|event| {
            matches!(
                event,
                Event::Disconnected {
                    reconnecting: false,
                    ..
                }
            )
        })
        .await;
    }

    pub async fn is_connected_again(&mut self) {
        self.diary.connected().await;
    }

    pub async fn is_disconnected(&mut self) {
        let (_, reconnecting) = self.diary.disconnected().await;
        assert!(reconnecting, "it comes back by itself");
    }

    pub async fn is_proposed(&mut self, session: &str) {
        self.until(|event| matches!(event, Event::Proposed(proposal) if proposal.id.as_str() == session))
            .await;
    }

    pub async fn is_cancelled(&mut self, session: &str) {
        self.until(|event| matches!(event, Event::ProposalCancelled(id) if id.as_str() == session))
            .await;
    }

    pub async fn is_handled(&mut self, session: &str) {
        self.until(|event| matches!(event, Event::ProposalHandled(id) if id.as_str() == session))
            .await;
    }

    pub async fn is_up(&mut self, session: &str) {
        let up = ConnectionState::Connected;
        self.until(
            |event| matches!(event, Event::ConnectionState { session: id, state } if id.as_str() == session && *state == up),
        )
        .await;
    }

    pub async fn has_ended(&mut self, session: &str) -> Reason {
        let (_, reason) = self
            .diary
            .until(|event| match event {
                Event::SessionEnded {
                    session: id, reason, ..
                } if id.as_str() == session => Some(*reason),
                _ => None,
            })
            .await;
        reason
    }

    pub async fn accept(&mut self, session: &str) {
        within(self.client.accept(&SessionId::new(session)))
            .await
            .expect("it is proposed");
    }

    pub async fn reject(&mut self, session: &str) {
        within(self.client.reject(&SessionId::new(session), false))
            .await
            .expect("it is proposed");
    }

    pub async fn end(&mut self, session: &str) {
        within(self.client.end(&SessionId::new(session), Reason::Success))
            .await
            .expect("it lives");
    }

    pub async fn mute(&mut self, session: &str, muted: bool) {
        within(self.client.set_muted(&SessionId::new(session), muted))
            .await
            .expect("it has media");
    }

    pub async fn press(&mut self, session: &str, digits: &str) {
        within(self.client.send_digits(&SessionId::new(session), digits))
            .await
            .expect("it has media");
    }

    pub async fn dial(&mut self, whom: Destination) -> String {
        let placed = within(self.client.place_call(OutboundCall::to(whom))).await;
        placed.expect("it is placed").conversation().as_str().to_owned()
    }

    /// Waits until this is heard in a conversation, from now on.
    pub async fn hears(&mut self, conversation: &str, right: impl Fn(&[i16]) -> bool) {
        let limit = Instant::now() + LIMIT;
        let start = self.heard(conversation).len();
        loop {
            let heard = self.heard(conversation);
            if heard.len() >= start + WINDOW && right(&heard[heard.len() - WINDOW..]) {
                return;
            }
            assert!(
                Instant::now() < limit,
                "it hears {:?} at {} dBov",
                dominant_tone(&heard),
                level_dbov(&heard)
            );
            sleep(Duration::from_millis(100)).await;
        }
    }

    /// All that was recorded of the far end so far.
    fn heard(&self, conversation: &str) -> Vec<i16> {
        let Some(path) = self.recording(conversation) else {
            return Vec::new();
        };
        let bytes = fs::read(path).expect("it is there");
        let pairs = bytes.get(HEADER..).unwrap_or_default().chunks_exact(PAIR);
        pairs.map(|pair| i16::from_le_bytes([pair[2], pair[3]])).collect()
    }

    /// The latest file of a conversation.
    fn recording(&self, conversation: &str) -> Option<PathBuf> {
        let files = fs::read_dir(self.recordings.path()).expect("it is there");
        let paths = files.map(|file| file.expect("a file").path());
        paths.filter(|path| path.to_string_lossy().contains(conversation)).max()
    }

    async fn until(&mut self, is: impl Fn(&Event) -> bool) {
        self.diary.until(|event| is(event).then_some(())).await;
    }
}
