//! One session, the responder's side, in the SDP-over-XMPP dialect ([`genesys`]).
//!
//! A session begins when a proposal is accepted ([`Proposals::accept`](crate::Proposals::accept)). It reads what the peer
//! sends, tells the application of offers and candidates, writes the answer and our own candidates, and ends exactly once.

mod commands;
mod config;
mod early;
mod error;
mod ice;
mod news;
mod outputs;
mod requests;
mod signalling;
mod states;
mod transition;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

pub use config::{Limits, SessionConfig, Timers};
pub use error::{CommandError, Refusal};
pub use outputs::{EndedBy, Input, OfferKind, Outcome, Output, Reply, SessionEvent};

use crate::{ConversationId, Generation, Reason, SessionId, genesys, idle::IDLE};
use early::Early;
use news::News;
use signalling::Signalling;
use states::{AwaitingOffer, Ending, State};

/// One session. See the [module](self).
///
/// The methods fall in three classes: what happened outside goes into [`handle_input`](Self::handle_input); what the
/// application wants are commands ([`answer`](Self::answer), [`local_candidate`](Self::local_candidate), [`end`](Self::end) and
/// the like); after each of either, drain [`poll_output`](Self::poll_output) until [`Output::Timeout`].
///
/// Between [`Input::SignallingLost`] and [`Input::SignallingRestored`] there is no [`Output::Request`] and no
/// [`Output::Message`]. What was to be said meanwhile, and what was said and [lost](Outcome::Lost), is said when signalling is
/// back, as far as it still matters: `accept` to our other resources, the latest answer, the candidates of the latest media,
/// their end, the latest activity and the latest muting, in this order.
///
/// What the peer does wrong comes out as a refusing [`Output::Reply`]; an `Err` means that a command makes no sense now, and
/// that nothing has changed.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    state: State,
    signalling: Signalling,
    muted: bool,
    /// Whether our other resources were told that this one has the session.
    announced: bool,
    /// How many requests were made, and so the next token.
    requests: u64,
    random: StdRng,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Session {
    /// A session that waits for its offer. All ids that it writes come from `seed`.
    pub fn new(config: SessionConfig, seed: [u8; 32], now: Instant) -> Self {
        let awaiting = AwaitingOffer {
            early: Early::default(),
            deadline: now + config.timers.offer,
        };
        Self {
            config,
            state: State::AwaitingOffer(awaiting),
            signalling: Signalling::Up,
            muted: false,
            announced: false,
            requests: 0,
            random: StdRng::from_seed(seed),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// The session's name.
    pub fn id(&self) -> &SessionId {
        &self.config.id
    }

    /// The conversation that the session belongs to now.
    pub fn conversation(&self) -> Option<&ConversationId> {
        self.config.conversation.as_ref()
    }

    /// Whether [`SessionEvent::Ended`] was told or is about to be.
    pub fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = now;
        self.on_deadline(now);
        match input {
            Input::Request { ticket, from, payload } => self.on_request(now, ticket, &from, &payload),
            Input::Response { token, outcome } => self.on_response(now, token, outcome),
            Input::HandledElsewhere => self.on_handled_elsewhere(),
            Input::SignallingLost => self.on_signalling_lost(),
            Input::SignallingRestored => self.on_signalling_restored(now),
            Input::Timeout => {}
        }
    }

    /// Answers the latest [`SessionEvent::Offer`]. The first answer of the session is preceded by `accept` to our own bare JID,
    /// which silences our other resources (XEP-0353 section 3.2). What was given for these media before is sent after it.
    ///
    /// # Errors
    /// [`CommandError`], if no offer waits for an answer, or the latest is of another generation.
    pub fn answer(&mut self, now: Instant, generation: Generation, sdp: String) -> Result<(), CommandError> {
        self.now = now;
        self.answer_offer(generation, sdp)
    }

    /// Tells the peer one candidate of ours: the value of its `a=` line, `candidate:...`.
    ///
    /// # Errors
    /// [`CommandError`], if the text is no candidate, the generation is not the latest, or there is no live session.
    pub fn local_candidate(
        &mut self,
        now: Instant,
        generation: Generation,
        mid: &str,
        candidate: &str,
    ) -> Result<(), CommandError> {
        self.now = now;
        self.check_generation(generation)?;
        if !genesys::is_mid(mid) {
            return Err(CommandError::NotAMid);
        }
        if !genesys::is_candidate(candidate) {
            return Err(CommandError::NotACandidate);
        }
        self.tell_peer(News::Candidate {
            mid: mid.to_owned(),
            candidate: candidate.to_owned(),
        })
    }

    /// Tells the peer that it has all our candidates.
    ///
    /// # Errors
    /// [`CommandError`], if the generation is not the latest, or there is no live session.
    pub fn end_of_candidates(&mut self, now: Instant, generation: Generation) -> Result<(), CommandError> {
        self.now = now;
        self.check_generation(generation)?;
        self.tell_peer(News::EndOfCandidates)
    }

    /// ICE became connected, for the first time or again: tells the peer that the session is active.
    ///
    /// # Errors
    /// [`CommandError`], if the generation is not the latest (only that one speaks of its state), or there is no live session.
    pub fn media_connected(&mut self, now: Instant, generation: Generation) -> Result<(), CommandError> {
        self.now = now;
        self.check_generation(generation)?;
        self.tell_peer(News::Active)
    }

    /// The media are dead, or cannot come to life: ends the session like [`end`](Self::end), but by [`EndedBy::Network`].
    ///
    /// While signalling is lost, a session that has media to lose ends later, and with [`Reason::Gone`]: when signalling is
    /// back, or after 120 s ([`Timers::gone`]) without it. An offer of new media before that saves it.
    ///
    /// # Errors
    /// [`CommandError::Ended`], if the session has ended or is ending.
    pub fn media_failed(&mut self, now: Instant, reason: Reason) -> Result<(), CommandError> {
        self.now = now;
        if self.outlive_media(now) {
            return Ok(());
        }
        self.end_by(now, reason, EndedBy::Network)
    }

    /// Tells the peer that we send no sound from now on, or do again. What it was told last is not told again.
    ///
    /// # Errors
    /// [`CommandError`], if there is no live session.
    pub fn set_muted(&mut self, now: Instant, muted: bool) -> Result<(), CommandError> {
        self.now = now;
        self.latest_generation()?;
        if muted != self.muted {
            self.tell_peer(News::Muted(muted))?;
            self.muted = muted;
        }
        Ok(())
    }

    /// Ends the session: tells the peer, and after its acknowledgement, or 2 s ([`Timers::end`]), tells
    /// [`SessionEvent::Ended`]. The media may be closed at once. While signalling is lost, the session is over at once, and
    /// what its peer is owed comes out as [`Output::Farewell`].
    ///
    /// # Errors
    /// [`CommandError::Ended`], if the session has ended or is ending.
    pub fn end(&mut self, now: Instant, reason: Reason) -> Result<(), CommandError> {
        self.now = now;
        self.end_by(now, reason, EndedBy::Local)
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more until the next input or command, and after
    /// [`SessionEvent::Ended`] nothing ever.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        Output::Timeout(self.state.deadline().unwrap_or(self.now + IDLE))
    }

    /// An id for JSON-RPC, as the platform's own client has them: UUID version 4.
    fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        let uuid = uuid::Builder::from_random_bytes(bytes).into_uuid();
        uuid.to_string()
    }
}
