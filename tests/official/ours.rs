//! The agent in the place of the page.

use std::{fs, path::PathBuf, time::Duration};

use offhook::{Destination, OutboundCall};
use offhook_audio::measure::{dominant_tone, level_dbov};
use offhook_sim::Cloud;
use offhook_tests::{agent::Agent, softphone::LIMIT};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// What is listened to at a time: half a second.
const WINDOW: usize = 24_000;
/// Bytes of a WAV file before its samples.
const HEADER: usize = 44;
/// Bytes of one moment: what was sent and what was heard.
const PAIR: usize = 4;
/// How far from its pitch a tone may be heard, in hertz.
const NEAR: f32 = 3.0;
/// How the agent ends when its token is refused.
const REFUSED: i32 = 3;

/// One agent, which runs from when it connects. Dropped, it ends.
#[derive(Debug)]
pub struct Ours {
    agent: Option<Agent>,
    hertz: u32,
    recordings: TempDir,
}

impl Ours {
    /// One that plays this tone.
    pub fn new(hertz: u32) -> Self {
        Self {
            agent: None,
            hertz,
            recordings: tempfile::tempdir().expect("a folder"),
        }
    }

    /// Connects for whoever has this token.
    pub async fn connect(&mut self, cloud: &Cloud, token: &str) {
        self.start(cloud, token).tells("connected", |_| true).await;
    }

    /// Tries to connect, and is refused for its token.
    pub async fn is_refused(&mut self, cloud: &Cloud, token: &str) {
        let status = self.start(cloud, token).ends().await;
        assert_eq!(status.code(), Some(REFUSED));
    }

    fn start(&mut self, cloud: &Cloud, token: &str) -> &mut Agent {
        let play = format!("tone:{}", self.hertz);
        let folder = self.recordings.path().display().to_string();
        let options = ["--play", &play, "--record", &folder];
        self.agent.insert(Agent::start("", "run", cloud, token, &options))
    }

    /// It has been told to connect.
    fn agent(&mut self) -> &mut Agent {
        self.agent.as_mut().expect("it was told to connect")
    }

    /// Waits until it has lost its connection and gives up.
    pub async fn gives_up(&mut self) {
        self.agent()
            .tells("disconnected", |told| told["reconnecting"] == false)
            .await;
    }

    pub async fn is_connected_again(&mut self) {
        self.agent().tells("connected", |_| true).await;
    }

    pub async fn is_disconnected(&mut self) {
        self.agent()
            .tells("disconnected", |told| told["reconnecting"] == true)
            .await;
    }

    /// What the proposal says.
    pub async fn is_proposed(&mut self, session: &str) -> Value {
        self.agent().tells_of("requestIncomingRtcSession", session).await
    }

    pub async fn is_cancelled(&mut self, session: &str) {
        self.agent().tells_of("cancelIncomingRtcSession", session).await;
    }

    pub async fn is_handled(&mut self, session: &str) {
        self.agent().tells_of("handledIncomingRtcSession", session).await;
    }

    /// Waits until a conversation is connected, and so are its media.
    pub async fn is_up(&mut self, conversation: &str) {
        self.call_is(conversation, "connected").await;
    }

    /// Waits until a conversation is over.
    pub async fn is_over(&mut self, conversation: &str) {
        self.call_is(conversation, "ended").await;
    }

    async fn call_is(&mut self, conversation: &str, state: &str) {
        let is = |told: &Value| told["conversationId"] == conversation && told["state"] == state;
        self.agent().tells("callState", is).await;
    }

    /// Waits until a session has ended; the reason.
    pub async fn has_ended(&mut self, session: &str) -> String {
        let told = self.agent().tells_of("terminated", session).await;
        told["reason"].as_str().expect("a reason").to_owned()
    }

    pub async fn accept(&mut self, session: &str) {
        self.does("acceptRtcSession", json!({ "sessionId": session })).await;
    }

    pub async fn reject(&mut self, session: &str) {
        self.does("rejectRtcSession", json!({ "sessionId": session })).await;
    }

    pub async fn end(&mut self, conversation: &str) {
        self.does("endCall", json!({ "conversationId": conversation })).await;
    }

    pub async fn mute(&mut self, session: &str, muted: bool) {
        self.does("setMute", json!({ "sessionId": session, "muted": muted }))
            .await;
    }

    pub async fn hold(&mut self, conversation: &str, held: bool) {
        self.does("setHeld", json!({ "conversationId": conversation, "held": held }))
            .await;
    }

    pub async fn press(&mut self, session: &str, digits: &str) {
        self.does("sendDigits", json!({ "sessionId": session, "digits": digits }))
            .await;
    }

    /// The conversation.
    pub async fn dial(&mut self, whom: Destination) -> String {
        let whom = serde_json::to_value(OutboundCall::to(whom)).expect("JSON");
        let placed = self.does("placeCall", whom).await;
        placed["conversationId"].as_str().expect("an id").to_owned()
    }

    /// Proposes a session to a client at this address; its id.
    pub async fn initiate(&mut self, jid: &str) -> String {
        let proposed = self.does("initiateRtcSession", json!({ "jid": jid })).await;
        proposed["sessionId"].as_str().expect("an id").to_owned()
    }

    async fn does(&mut self, name: &str, mut fields: Value) -> Value {
        fields["command"] = name.into();
        self.agent().does(fields).await
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
}

/// Whether this tone is what is heard.
pub fn is_tone(hertz: u32) -> impl Fn(&[i16]) -> bool {
    #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
    let pitch = hertz as f32;
    move |heard| dominant_tone(heard).is_some_and(|tone| (tone.hertz - pitch).abs() < NEAR)
}
