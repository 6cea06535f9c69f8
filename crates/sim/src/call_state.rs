//! A call as its owner in the cloud sees it: where it stands, what it hears, and how to end it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jid::FullJid;
use offhook_audio::measure::{self, Likeness, Tone};
use offhook_jingle::{ConversationId, Reason, SessionId};
use offhook_media::{Change, Frame, SAMPLE_RATE, Statistics};
use tokio::sync::{mpsc, watch};

use crate::conversation::Participation;
use crate::gateway::{CallInput, Command, MediaPath, Reinvite, Voice};
use crate::play::Play;

/// Over how much audio [`CallHandle::heard`] is measured.
const HEARD_SAMPLES: usize = SAMPLE_RATE as usize;

/// Where a call stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallState {
    /// The proposal is out; nobody has proceeded.
    Ringing,
    /// A client proceeded and has, or gets, the offer.
    Offered {
        /// The client that proceeded first.
        client: FullJid,
    },
    /// The client's answer was applied.
    Answered {
        /// The client that proceeded first.
        client: FullJid,
    },
    /// Audio flows.
    Connected {
        /// The client that proceeded first.
        client: FullJid,
    },
    /// It is over.
    Ended(Ended),
}

impl CallState {
    /// The word for it in the control API.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Ringing => "ringing",
            Self::Offered { .. } => "offered",
            Self::Answered { .. } => "answered",
            Self::Connected { .. } => "connected",
            Self::Ended(_) => "ended",
        }
    }

    /// The client that has the call, from its proceeding to the end.
    #[must_use]
    pub fn client(&self) -> Option<&FullJid> {
        match self {
            Self::Offered { client } | Self::Answered { client } | Self::Connected { client } => Some(client),
            Self::Ringing | Self::Ended(_) => None,
        }
    }
}

/// How a call ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ended {
    /// The gateway hung up.
    HungUp {
        /// The reason it gave.
        reason: Reason,
    },
    /// The client hung up.
    Terminated {
        /// The reason it gave.
        reason: Reason,
    },
    /// A client rejected the proposal.
    Rejected,
    /// The proposal was retracted on request.
    Retracted,
    /// Nobody proceeded within the ringing time, and the proposal was retracted.
    Unanswered,
    /// Another device of the account took the call, as far as the clients were told.
    HandledElsewhere,
    /// The client refused the offer with an error.
    OfferRefused {
        /// Its condition.
        condition: String,
    },
    /// The client's answer could not be used.
    UnusableAnswer {
        /// What was wrong with it.
        reason: String,
    },
    /// Media failed, or never connected.
    MediaFailed {
        /// Why.
        reason: String,
    },
    /// The cloud stopped.
    CloudStopped,
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HungUp { reason } => write!(f, "the gateway hung up ({reason})"),
            Self::Terminated { reason } => write!(f, "the client hung up ({reason})"),
            Self::Rejected => f.write_str("the client rejected it"),
            Self::Retracted => f.write_str("the gateway retracted it"),
            Self::Unanswered => f.write_str("nobody answered in time"),
            Self::HandledElsewhere => f.write_str("another device took it"),
            Self::OfferRefused { condition } => write!(f, "the client refused the offer: {condition}"),
            Self::UnusableAnswer { reason } => write!(f, "the answer is unusable: {reason}"),
            Self::MediaFailed { reason } => write!(f, "media failed: {reason}"),
            Self::CloudStopped => f.write_str("the cloud stopped"),
        }
    }
}

/// What the gateway heard of the client during the last second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Heard {
    /// Its level in dB relative to full scale.
    pub level_dbov: f32,
    /// Its dominant tone, if one stands out.
    pub tone: Option<Tone>,
    /// How much was heard since media connected, silence included.
    pub duration: Duration,
}

/// A call of the gateway. Clones are the same call; dropping them does not end it.
#[derive(Clone)]
pub struct CallHandle {
    pub(crate) session: SessionId,
    pub(crate) conversation: ConversationId,
    pub(crate) user: String,
    pub(crate) state: watch::Receiver<CallState>,
    pub(crate) input: mpsc::Sender<CallInput>,
    pub(crate) audio: Arc<Mutex<KeptAudio>>,
    pub(crate) undelivered: Arc<AtomicU64>,
    /// How often its media were replaced.
    pub(crate) replaced: watch::Sender<u32>,
    /// What the platform does to the user's part.
    pub(crate) participation: watch::Sender<Participation>,
    /// The user has placed it.
    pub(crate) outbound: bool,
    /// Counts the calls that its session had before it.
    pub(crate) number: u32,
    /// Nobody has to pick it up.
    pub(crate) automatic: bool,
}

impl CallHandle {
    /// The session's id when the call began, which is also the proposal's; a [`Reinvite`] may have
    /// given it another one ([`Cloud::call_of`](crate::Cloud::call_of) finds the call as it is).
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.session
    }

    /// The conversation's id when the call began; a [`Reinvite`] may have moved it to another.
    #[must_use]
    pub fn conversation(&self) -> &ConversationId {
        &self.conversation
    }

    /// The id of the user who is called, or who placed the call.
    #[must_use]
    pub fn user(&self) -> &str {
        &self.user
    }

    /// Where the call stands now.
    #[must_use]
    pub fn state(&self) -> CallState {
        self.state.borrow().clone()
    }

    /// Waits until the state is one that `wanted` accepts, or the call has ended; the state then.
    pub async fn wait_for(&self, mut wanted: impl FnMut(&CallState) -> bool) -> CallState {
        let mut state = self.state.clone();
        let reached = state
            .wait_for(|state| matches!(state, CallState::Ended(_)) || wanted(state))
            .await;
        match reached {
            Ok(state) => state.clone(),
            // The call's task is gone without a word: its runtime was shut down.
            Err(_) => CallState::Ended(Ended::CloudStopped),
        }
    }

    /// Waits until audio flows.
    ///
    /// # Errors
    /// How the call ended, when it ended before.
    pub async fn connected(&self) -> Result<(), Ended> {
        match self
            .wait_for(|state| matches!(state, CallState::Connected { .. }))
            .await
        {
            CallState::Ended(ended) => Err(ended),
            CallState::Ringing
            | CallState::Offered { .. }
            | CallState::Answered { .. }
            | CallState::Connected { .. } => Ok(()),
        }
    }

    /// Waits until the call has ended and everything it held is freed.
    pub async fn ended(&self) -> Ended {
        match self.wait_for(|_| false).await {
            CallState::Ended(ended) => ended,
            CallState::Ringing
            | CallState::Offered { .. }
            | CallState::Answered { .. }
            | CallState::Connected { .. } => Ended::CloudStopped,
        }
    }

    /// Hangs up: a `terminate` with this reason, or a `retract` while it still rings.
    pub fn hang_up(&self, reason: Reason) {
        self.command(Command::HangUp(reason));
    }

    /// Retracts the proposal while it rings; later it hangs up.
    pub fn retract(&self) {
        self.command(Command::Retract);
    }

    /// While it rings: tells the account's clients that another device took the call.
    pub fn handled_elsewhere(&self) {
        self.command(Command::HandledElsewhere);
    }

    /// Replaces the gateway's audio by silence, or lets it through again.
    pub fn set_muted(&self, muted: bool) {
        self.command(Command::SetMuted(muted));
    }

    /// What the platform does to the user's part, as its clients have asked by REST.
    #[must_use]
    pub fn participation(&self) -> Participation {
        *self.participation.borrow()
    }

    /// Mutes or holds the user's part, as `PATCH conversations/calls/{id}/participants/{id}` does.
    pub fn set_participation(&self, participation: Participation) {
        let changed = |now: &mut Participation| std::mem::replace(now, participation) != participation;
        if self.participation.send_if_modified(changed) {
            self.command(Command::Participate(participation));
        }
    }

    /// Presses keys of a telephone (RFC 4733), once the call was answered; a comma is a pause of two seconds. What is no digit
    /// is logged.
    pub fn send_digits(&self, digits: &str) {
        self.command(Command::SendDigits(digits.to_owned()));
    }

    /// The party beyond the gateway says something else from now on; in a call between users, the client hears this
    /// instead of the others until the next of them comes, goes or is held. A source that cannot be opened leaves the
    /// old one and is logged.
    pub fn play(&self, play: Play) {
        self.command(Command::Play(play));
    }

    /// The user picks up, if the call rings on a session that there is.
    pub(crate) fn pick_up(&self) {
        self.command(Command::PickUp);
    }

    /// The client hears these from now on.
    pub(crate) fn hear(&self, voices: Vec<Voice>) {
        self.command(Command::Hear(voices));
    }

    /// Offers new media, once the call was answered. They replace the old ones when they are connected; [`statistics`](Self::statistics) begin anew then.
    pub fn reinvite(&self, reinvite: Reinvite) {
        self.command(Command::Reinvite(reinvite));
    }

    /// Changes the media in place, once the call was answered: offers another direction, or in Jingle a restart of ICE, of which
    /// SDP over XMPP knows nothing. [`CallEvent::Changed`](crate::CallEvent::Changed) is recorded when it is agreed,
    /// [`CallEvent::ChangeRefused`](crate::CallEvent::ChangeRefused) when it is not.
    pub fn change(&self, change: Change) {
        self.command(Command::Change(change));
    }

    /// Tells the client the gateway's last candidate once more. That changes nothing, but the client
    /// acknowledges it, which shows that the session is under its control.
    pub fn repeat_candidate(&self) {
        self.command(Command::RepeatCandidate);
    }

    /// Lets the datagrams of the call travel like this from now on: later, or not at all. Those that are under way arrive.
    pub fn set_path(&self, path: MediaPath) {
        self.command(Command::SetPath(path));
    }

    /// Waits until the media were replaced so many times in all.
    ///
    /// # Errors
    /// How the call ended, when it ended before.
    pub async fn replaced(&self, times: u32) -> Result<(), Ended> {
        let mut replaced = self.replaced.subscribe();
        tokio::select! {
            biased;
            // Cannot fail while `self` holds the sender.
            _ = replaced.wait_for(|replaced| *replaced >= times) => Ok(()),
            ended = self.ended() => Err(ended),
        }
    }

    /// What was heard of the client during the last second.
    #[must_use]
    pub fn heard(&self) -> Heard {
        let (recent, duration) = {
            let audio = crate::lock(&self.audio);
            (audio.recent(HEARD_SAMPLES), audio.duration())
        };
        Heard {
            level_dbov: measure::level_dbov(&recent),
            tone: measure::dominant_tone(&recent),
            duration,
        }
    }

    /// All that was heard of the client since media connected, 48 kHz mono; of a long call the
    /// last part ([`GatewayConfig::keep_audio`](crate::GatewayConfig::keep_audio)).
    #[must_use]
    pub fn heard_pcm(&self) -> Vec<i16> {
        crate::lock(&self.audio).heard()
    }

    /// Seeks what the client has played in all that was heard of it, and says how alike they are; `played` is 48 kHz mono, and has to have
    /// been played to its end. It takes a moment: off the threads of a runtime, if others wait for those.
    #[must_use]
    pub fn likeness(&self, played: &[i16]) -> Likeness {
        measure::compare(played, &self.heard_pcm())
    }

    /// All that was played to the client since media connected, sample by sample beside
    /// [`heard_pcm`](Self::heard_pcm).
    #[must_use]
    pub fn played_pcm(&self) -> Vec<i16> {
        crate::lock(&self.audio).played.iter().copied().collect()
    }

    /// How many stanzas of the gateway were lost because the client they were for was away.
    #[must_use]
    pub fn undelivered(&self) -> u64 {
        self.undelivered.load(Ordering::Relaxed)
    }

    /// The gateway's media figures, as of the last frame.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        crate::lock(&self.audio).statistics
    }

    fn command(&self, command: Command) {
        let call = self.number;
        let input = CallInput::Command { call, command };
        // A call that has ended has nothing to do any more; one whose queue is full is flooded by
        // the test that owns it.
        if let Err(mpsc::error::TrySendError::Full(_)) = self.input.try_send(input) {
            tracing::warn!(session = %self.session, "the call's queue is full; command dropped");
        }
    }
}

impl fmt::Debug for CallHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallHandle")
            .field("session", &self.session)
            .field("conversation", &self.conversation)
            .field("user", &self.user)
            .field("state", &*self.state.borrow())
            .finish_non_exhaustive()
    }
}

/// The audio of one call, both directions, bounded.
pub(crate) struct KeptAudio {
    limit: usize,
    frames: u32,
    heard: VecDeque<i16>,
    played: VecDeque<i16>,
    pub(crate) statistics: Statistics,
}

impl KeptAudio {
    pub(crate) fn new(keep: Duration) -> Self {
        let limit = (keep.as_secs_f64() * f64::from(SAMPLE_RATE)) as usize;
        Self {
            // Never less than what `heard` measures.
            limit: limit.max(HEARD_SAMPLES),
            frames: 0,
            heard: VecDeque::new(),
            played: VecDeque::new(),
            statistics: Statistics::default(),
        }
    }

    pub(crate) fn add(&mut self, played: &Frame, heard: &Frame) {
        self.frames = self.frames.saturating_add(1);
        for (kept, frame) in [(&mut self.played, played), (&mut self.heard, heard)] {
            kept.extend(frame);
            let excess = kept.len().saturating_sub(self.limit);
            kept.drain(..excess);
        }
    }

    /// How many frames were heard so far.
    pub(crate) fn frames(&self) -> u64 {
        self.frames.into()
    }

    /// The frame of this number, counted from 0, if it was heard and is still kept.
    pub(crate) fn frame(&self, number: u64, frame: &mut Frame) -> bool {
        let behind = self.frames().checked_sub(number).filter(|behind| *behind > 0);
        let samples = behind.and_then(|behind| usize::try_from(behind).ok()?.checked_mul(frame.len()));
        let Some(start) = samples.and_then(|samples| self.heard.len().checked_sub(samples)) else {
            return false;
        };
        for (sample, heard) in frame.iter_mut().zip(self.heard.iter().skip(start)) {
            *sample = *heard;
        }
        true
    }

    fn heard(&self) -> Vec<i16> {
        self.heard.iter().copied().collect()
    }

    fn recent(&self, samples: usize) -> Vec<i16> {
        let skip = self.heard.len().saturating_sub(samples);
        self.heard.iter().skip(skip).copied().collect()
    }

    fn duration(&self) -> Duration {
        Duration::from_millis(20) * self.frames
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use offhook_audio::speech::{CLIP_A, CLIP_B};

    #[test]
    fn speech_that_was_heard_is_told_from_speech_that_was_not() {
        let (one, other) = (CLIP_A.samples(), CLIP_B.samples());
        let mut kept = KeptAudio::new(Duration::from_secs(60));
        let silence = [0; offhook_media::FRAME_SAMPLES];
        for _ in 0..30 {
            kept.add(&silence, &silence);
        }
        for frame in one.as_chunks().0 {
            kept.add(&silence, frame);
        }
        assert!(measure::compare(&one, &kept.heard()).passes());
        assert!(!measure::compare(&other, &kept.heard()).passes());
    }
}
