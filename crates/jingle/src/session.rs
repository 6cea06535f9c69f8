//! One session, in either role and either dialect.
//!
//! A responder's session begins when a proposal is accepted ([`Proposals::accept`](crate::Proposals::accept)) or when its first
//! stanza comes; an initiator's begins with its offer. It reads what the peer sends, tells the application of offers, answers and
//! candidates, writes ours, and ends exactly once. The application speaks SDP and candidate lines, whatever the [`Dialect`].

mod commands;
mod config;
mod early;
mod error;
mod heard;
mod ice;
mod jingle;
mod news;
mod offering;
mod outputs;
mod phase;
mod requests;
mod rpc;
mod signalling;
mod states;
mod terms;
mod transition;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Instant};

use rand::{Rng, SeedableRng, rngs::StdRng};

pub use config::{Dialect, Limits, SessionConfig, Timers};
pub use error::{CommandError, Refusal};
pub use outputs::{DeclineCause, EndedBy, Input, OfferKind, Outcome, Output, Rejection, Reply, SessionEvent};
pub use phase::Phase;

use crate::{
    Candidate, ConversationId, Generation, Reason, SessionId, genesys,
    idle::IDLE,
    stanza::{Farewell, Role},
};
use early::Early;
use news::News;
use signalling::Signalling;
use states::{AwaitingOffer, Ending, State};

/// One session. See the [module](self).
///
/// The methods fall in three classes: what happened outside goes into [`handle_input`](Self::handle_input); what the
/// application wants are commands ([`answer`](Self::answer), [`offer`](Self::offer), [`local_candidate`](Self::local_candidate),
/// [`end`](Self::end) and the like); after each of either, drain [`poll_output`](Self::poll_output) until [`Output::Timeout`].
///
/// Between [`Input::SignallingLost`] and [`Input::SignallingRestored`] there is no [`Output::Request`] and no
/// [`Output::Message`]. What was to be said meanwhile, and what was said and [lost](Outcome::Lost), is said when signalling is
/// back, as far as it still matters: `accept` to our other resources, the latest offer or answer, the candidates of the latest
/// media, their end, the latest activity, the latest muting and holding, in this order.
///
/// What the peer does wrong comes out as a refusing [`Output::Reply`]; an `Err` means that a command makes no sense now, and
/// that nothing has changed.
#[derive(Debug)]
pub struct Session {
    config: SessionConfig,
    role: Role,
    state: State,
    signalling: Signalling,
    muted: bool,
    held: bool,
    /// Whether the peer has put us on hold.
    remote_held: bool,
    /// Whether our other resources were told that this one has the session.
    announced: bool,
    /// How many requests were made, and so the next token.
    requests: u64,
    random: StdRng,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Session {
    /// The responder's session, which waits for its offer. All ids that it writes come from `seed`.
    pub fn new(config: SessionConfig, seed: [u8; 32], now: Instant) -> Self {
        let awaiting = AwaitingOffer {
            early: Early::default(),
            deadline: now + config.timers.offer,
        };
        Self::with(config, Role::Responder, State::AwaitingOffer(awaiting), seed, now)
    }

    /// The initiator's session, which begins with this offer: `session-initiate` (XEP-0166 section 6.2), or an `offer` of SDP over
    /// XMPP. It ends in [`SessionEvent::Answer`], or the session ends.
    ///
    /// # Errors
    /// [`CommandError::Description`], if Jingle is to be spoken and the offer cannot be read.
    pub fn initiate(config: SessionConfig, seed: [u8; 32], now: Instant, offer: &str) -> Result<Self, CommandError> {
        Self::initiate_while(Signalling::Up, config, seed, now, offer)
    }

    /// The same while there is no stream: the offer is made when signalling is back.
    ///
    /// # Errors
    /// As [`initiate`](Self::initiate).
    pub fn initiate_later(
        config: SessionConfig,
        seed: [u8; 32],
        now: Instant,
        offer: &str,
    ) -> Result<Self, CommandError> {
        Self::initiate_while(Signalling::Lost, config, seed, now, offer)
    }

    fn initiate_while(
        signalling: Signalling,
        config: SessionConfig,
        seed: [u8; 32],
        now: Instant,
        offer: &str,
    ) -> Result<Self, CommandError> {
        let mut session = Self::with(config, Role::Initiator, State::Ended, seed, now);
        session.signalling = signalling;
        session.begin_offering(now, offer)?;
        Ok(session)
    }

    fn with(config: SessionConfig, role: Role, state: State, seed: [u8; 32], now: Instant) -> Self {
        Self {
            config,
            role,
            state,
            signalling: Signalling::Up,
            muted: false,
            held: false,
            remote_held: false,
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

    /// Which side began it.
    pub fn role(&self) -> Role {
        self.role
    }

    /// How it talks.
    pub fn dialect(&self) -> Dialect {
        self.config.dialect
    }

    /// The other side.
    pub fn peer(&self) -> &jid::Jid {
        &self.config.peer
    }

    /// Whether it is ours, and its first offer waits for an answer.
    pub fn is_calling(&self) -> bool {
        match &self.state {
            State::Offering(offering) => offering.ours.is_first,
            State::AwaitingOffer(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended => false,
        }
    }

    /// Whether its first offer has still to come.
    pub(crate) fn is_awaiting_offer(&self) -> bool {
        matches!(self.state, State::AwaitingOffer(_))
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

    /// Answers the latest [`SessionEvent::Offer`]. The first answer of the session is preceded by `accept` to our own bare JID
    /// ([`SessionConfig::announce_to`]). What was given for these media before is sent after it. Sections that the answer rejects
    /// or leaves out are not accepted.
    ///
    /// # Errors
    /// [`CommandError`], if no offer waits for an answer, the latest is of another generation, or Jingle is spoken and the answer
    /// cannot be read or speaks of what was not offered.
    pub fn answer(&mut self, now: Instant, generation: Generation, sdp: String) -> Result<(), CommandError> {
        self.now = now;
        self.answer_offer(generation, sdp)
    }

    /// Declines the latest [`SessionEvent::Offer`], which must not be the first: what held before it holds again. In Jingle
    /// `content-reject` or `transport-reject` says so; new terms and a restart of ICE have no such word, and the peer goes on
    /// without us.
    ///
    /// # Errors
    /// [`CommandError`], if no such offer waits, or the dialect cannot decline it.
    pub fn decline(&mut self, now: Instant, generation: Generation) -> Result<(), CommandError> {
        self.now = now;
        self.decline_offer(generation)
    }

    /// Offers a change of a session that is set up; the description is our whole side, as it is to be. Other ICE credentials
    /// begin a new generation, which is returned. It ends in [`SessionEvent::Answer`] or [`SessionEvent::OfferDeclined`].
    ///
    /// In Jingle the difference to what holds is said, which may be of one kind: new contents (`content-add`), contents that
    /// are gone or have the port 0 now (`content-remove`), other ICE credentials (`transport-info` with the same fingerprints, else
    /// `transport-replace`), other directions (`content-modify`), or other descriptions (`description-info`).
    ///
    /// # Errors
    /// [`CommandError`], if an offer is negotiated already, nothing changes, too much changes, or the dialect has no such offer:
    /// in SDP over XMPP only the initiator makes any.
    pub fn offer(&mut self, now: Instant, sdp: &str) -> Result<Generation, CommandError> {
        self.now = now;
        self.offer_change(now, sdp)
    }

    /// Tells the peer that its call rings here (XEP-0167 section 7.1.5).
    ///
    /// # Errors
    /// [`CommandError`], if no first offer waits for its answer, or the dialect has no word for it.
    pub fn ring(&mut self, now: Instant) -> Result<(), CommandError> {
        self.now = now;
        self.say_ringing()
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
        let is_candidate = match self.config.dialect {
            Dialect::SdpOverXmpp => genesys::is_candidate(candidate),
            Dialect::Jingle => candidate.parse::<Candidate>().is_ok(),
        };
        if !is_candidate {
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
        self.end_by(now, reason.into(), EndedBy::Network)
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

    /// Puts the peer on hold, or takes it back, by `session-info` (XEP-0167 section 7.1.3). What it was told last is not told
    /// again. That is courtesy: what is sent and played is the media's, and [`offer`](Self::offer) can say it in directions.
    ///
    /// # Errors
    /// [`CommandError`], if there is no live session, or the dialect has no word for it.
    pub fn set_held(&mut self, now: Instant, held: bool) -> Result<(), CommandError> {
        self.now = now;
        self.latest_generation()?;
        if self.config.dialect == Dialect::SdpOverXmpp {
            return Err(CommandError::NotInDialect { what: "holding" });
        }
        if held != self.held {
            self.tell_peer(News::Held(held))?;
            self.held = held;
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
        self.end_with(now, reason.into())
    }

    /// As [`end`](Self::end), with a text for the peer's user or the session that takes over (XEP-0166 section 7.4). SDP over
    /// XMPP has room for the condition only.
    ///
    /// # Errors
    /// As [`end`](Self::end).
    pub fn end_with(&mut self, now: Instant, farewell: Farewell) -> Result<(), CommandError> {
        self.now = now;
        self.end_by(now, farewell, EndedBy::Local)
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
