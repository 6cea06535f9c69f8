//! Voicemail: what callers say when nobody takes their call.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use offhook_audio::{Frame, Played, SAMPLE_RATE, SILENT_FRAME, Source, Tone};
use offhook_jingle::ConversationId;
use serde_json::{Value, json};

use crate::conversation::Room;
use crate::events;
use crate::gateway::mix;
use crate::gauge::Counted;
use crate::inner::Inner;

/// The longest message.
const LONGEST: Duration = Duration::from_secs(180);
/// How many messages are kept; the oldest go first.
const MESSAGES: usize = 100;
/// The most frames that are made up for when the machine was busy: one second.
const MOST_FRAMES: u64 = 50;

/// A message that a caller has left for a user.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct VoicemailMessage {
    /// Its id.
    pub id: String,
    /// The id of the user it is for.
    pub user: String,
    /// The conversation in which it was left.
    pub conversation: ConversationId,
    /// What was said, 48 kHz mono.
    pub samples: Arc<[i16]>,
}

impl VoicemailMessage {
    /// How long it is.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(SAMPLE_RATE))
    }

    /// As REST shows it.
    pub(crate) fn describe(&self) -> Value {
        json!({
            "id": self.id,
            "conversation": { "id": self.conversation.as_str() },
            "read": false,
            "audioRecordingDurationSeconds": self.duration().as_secs(),
            "audioRecordingSizeBytes": self.samples.len() * 2,
            "owner": { "id": self.user },
            "selfUri": format!("/api/v2/voicemail/messages/{}", self.id),
        })
    }

    /// As a WAV file: one channel of 16 bits at 48 kHz.
    pub(crate) fn wav(&self) -> Vec<u8> {
        let bytes = u32::try_from(self.samples.len() * 2).unwrap_or(u32::MAX - 36);
        let mut file = Vec::with_capacity(44 + self.samples.len() * 2);
        file.extend(b"RIFF");
        file.extend((36 + bytes).to_le_bytes());
        file.extend(b"WAVEfmt ");
        file.extend(16_u32.to_le_bytes());
        // PCM, one channel.
        file.extend([1, 0, 1, 0]);
        file.extend(SAMPLE_RATE.to_le_bytes());
        file.extend((SAMPLE_RATE * 2).to_le_bytes());
        // Bytes of all channels' samples, bits of one sample.
        file.extend([2, 0, 16, 0]);
        file.extend(b"data");
        file.extend(bytes.to_le_bytes());
        file.extend(self.samples.iter().flat_map(|sample| sample.to_le_bytes()));
        file
    }
}

/// The messages, the oldest first.
#[derive(Default)]
pub(crate) struct Voicemail(Mutex<VecDeque<VoicemailMessage>>);

impl Voicemail {
    fn add(&self, message: VoicemailMessage) {
        let mut messages = crate::lock(&self.0);
        if messages.len() == MESSAGES {
            messages.pop_front();
        }
        messages.push_back(message);
    }

    pub(crate) fn of_user(&self, user: &str) -> Vec<VoicemailMessage> {
        let messages = crate::lock(&self.0);
        messages
            .iter()
            .filter(|message| message.user == user)
            .cloned()
            .collect()
    }

    pub(crate) fn find(&self, id: &str) -> Option<VoicemailMessage> {
        crate::lock(&self.0).iter().find(|message| message.id == id).cloned()
    }

    pub(crate) fn remove(&self, id: &str) {
        crate::lock(&self.0).retain(|message| message.id != id);
    }
}

/// What callers hear: a tone of half a second, and nothing then.
pub(crate) struct Beep {
    tone: Tone,
    frames: u32,
}

impl Beep {
    /// Its pitch, in hertz.
    const HERTZ: u32 = 1_400;

    pub(crate) fn new() -> Self {
        Self {
            tone: Tone::new(Self::HERTZ),
            frames: 25,
        }
    }
}

impl Source for Beep {
    fn read(&mut self, frame: &mut Frame) -> Played {
        if self.frames == 0 {
            *frame = SILENT_FRAME;
            return Played::End;
        }
        self.frames -= 1;
        self.tone.read(frame)
    }
}

/// Takes the message of who is in the conversation, until that is over or the message is long enough. `task` counts it
/// as alive.
pub(crate) async fn take_message(inner: Arc<Inner>, room: Arc<Room>, part: String, user: String, task: Counted) {
    let longest = if room.has_clients() {
        LONGEST
    } else {
        inner.config.gateway.message.min(LONGEST)
    };
    let most = (longest.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
    let mut callers = mix(&room.heard_by_part(&part));
    let (mut clock, mut stopping) = (inner.clock.subscribe(), inner.stopping.subscribe());
    let (mut samples, mut frame) = (Vec::new(), SILENT_FRAME);
    let mut heard = *clock.borrow_and_update();
    while room.is_live(&part) && samples.len() < most {
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => break,
            changed = clock.changed() => if changed.is_err() { break },
        }
        let tick = *clock.borrow_and_update();
        for _ in 0..tick.saturating_sub(heard).min(MOST_FRAMES) {
            let _ = callers.read(&mut frame);
            samples.extend(frame);
        }
        heard = tick;
    }
    let message = VoicemailMessage {
        id: inner.draw_id(),
        user,
        conversation: room.id(),
        samples: samples.into(),
    };
    let (topic, body) = (
        format!("v2.users.{}.voicemail.messages", message.user),
        message.describe(),
    );
    let user = message.user.clone();
    inner.voicemail.add(message);
    events::publish(&inner, Some(&user), &topic, &body);
    room.leave(&inner, &part);
    drop(task);
}
