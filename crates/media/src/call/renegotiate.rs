//! Later offers and answers for a running call (RFC 3264 section 8, RFC 8829 section 5): hold and
//! unhold by direction, formats with other numbers, and new ICE credentials over the same DTLS.
//!
//! An offer of ours changes nothing until its answer is there, so that withdrawing it needs no
//! more than forgetting it.

use std::time::Instant;

use rand::rngs::StdRng;
use str0m::Candidate;

use super::restart::Former;
use super::{Agreed, Call, Negotiation, audio, ice_text};
use crate::codec::Encoder;
use crate::sdp::{
    self, AudioFormat, Credentials, Description, Direction, Formats, LocalAudio, OUR_UFRAG, RemoteAudio, Setup,
};
use crate::{AnswerError, CallConfig, ChangeError, Event, OfferError, Output, ReofferError};

/// What an offer of ours is to change in a running call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Change {
    /// In which directions audio goes, as we see it: [`Direction::SendOnly`] puts the peer on hold.
    /// It holds for later offers of the peer too, which get no more than that.
    Direction(Direction),
    /// New ICE credentials (RFC 8445 section 9): the path is looked for anew, while the old one
    /// plays on.
    Restart,
}

/// What later descriptions are made from and measured against.
pub(super) struct Terms {
    /// For new credentials.
    rng: StdRng,
    /// Our latest description that holds.
    said: String,
    /// What the peer said of its side.
    pub(super) remote: Option<Box<RemoteAudio>>,
    /// The most that we allow.
    wish: Direction,
    pending: Option<Box<Pending>>,
    /// The peer's candidates, those of the latest generation last.
    pub(super) candidates: Generations,
    /// Our credentials before the last restart.
    pub(super) former: Option<Former>,
}

/// The peer's candidates of this and the former generation.
#[derive(Default)]
pub(super) struct Generations {
    pub(super) former: Vec<Candidate>,
    pub(super) latest: Vec<Candidate>,
}

/// An offer of ours that waits for its answer.
struct Pending {
    local: LocalAudio,
    wish: Direction,
    said: String,
    restarts: bool,
    /// The peer's candidates that outrun the answer.
    early: Vec<String>,
}

impl Terms {
    pub(super) fn new(rng: StdRng) -> Self {
        Self {
            rng,
            said: String::new(),
            remote: None,
            wish: Direction::SendRecv,
            pending: None,
            candidates: Generations::default(),
            former: None,
        }
    }

    pub(super) fn say(&mut self, description: &str) {
        description.clone_into(&mut self.said);
    }

    pub(super) fn agree(&mut self, remote: RemoteAudio) {
        self.remote = Some(Box::new(remote));
    }

    /// The user fragment that our candidates are told under.
    pub(super) fn ufrag<'a>(&'a self, local: &'a LocalAudio) -> &'a str {
        let offered = self.pending.as_ref().map(|pending| &pending.local);
        &offered.unwrap_or(local).credentials.ufrag
    }

    /// Keeps a candidate of another generation, if that may be the one that our offer begins.
    pub(super) fn keep_early(&mut self, candidate: &str, limit: usize) -> bool {
        match &mut self.pending {
            Some(pending) if pending.restarts && pending.early.len() < limit => {
                pending.early.push(candidate.to_owned());
                true
            }
            Some(_) | None => false,
        }
    }

    pub(super) fn remember(&mut self, candidate: &Candidate) {
        self.candidates.latest.push(candidate.clone());
    }

    /// What our offer that waits for its answer lists.
    fn offered_formats(&self, config: &CallConfig) -> Result<Formats, OfferError> {
        let said = self.pending.as_ref().map_or(&self.said, |pending| &pending.said);
        RemoteAudio::find(&Description::read(said)?, &config.codecs).map(|ours| ours.formats)
    }

    fn new_credentials(&mut self) -> Credentials {
        Credentials {
            ufrag: ice_text(&mut self.rng, OUR_UFRAG),
            password: ice_text(&mut self.rng, 24),
        }
    }
}

impl Call {
    /// Applies a later offer of the peer to the running call and returns the answer. New ICE
    /// credentials restart ICE: the old path goes on until the new one works, and our candidates
    /// are told again.
    ///
    /// # Errors
    /// When the offer cannot be applied. Nothing has changed then; on
    /// [`ReofferError::OtherAssociation`] a new call can answer it.
    pub fn accept_offer(&mut self, now: Instant, sdp: &str) -> Result<String, ReofferError> {
        if self.path.is_over() || !matches!(self.negotiation, Negotiation::Agreed(_)) {
            return Err(ReofferError::NotAgreed);
        }
        if self.terms.pending.is_some() {
            return Err(ReofferError::Crossing);
        }
        let description = Description::read(sdp)?;
        let remote = RemoteAudio::find(&description, &self.config.codecs)?;
        if !self.continues(&remote) {
            return Err(ReofferError::OtherAssociation);
        }
        let encoder = self.encoder_for(&remote)?;

        self.now = now;
        let restarts = self.is_restart(&remote);
        let mut local = self.local.clone();
        local.version += 1;
        local.direction = remote.direction.reversed().within(self.terms.wish);
        if restarts {
            local.credentials = self.terms.new_credentials();
        }
        let answer = sdp::answer(&description, &remote, &local);
        self.terms.say(&answer);
        self.adopt(now, local, remote, encoder);
        if restarts {
            self.tell_candidates_again();
        }
        tracing::debug!(mid = %self.mid, restarts, direction = self.local.direction.as_str(), "later offer answered");
        Ok(answer)
    }

    /// Makes an offer that changes the running call. It comes into force by
    /// [`accept_answer`](Self::accept_answer); if there is none, take it back by
    /// [`withdraw_offer`](Self::withdraw_offer).
    ///
    /// # Errors
    /// When nothing is agreed yet, another offer waits for its answer, or the call is over.
    pub fn offer(&mut self, now: Instant, change: Change) -> Result<String, ChangeError> {
        if self.path.is_over() || !matches!(self.negotiation, Negotiation::Agreed(_)) {
            return Err(ChangeError::NotAgreed);
        }
        if self.terms.pending.is_some() {
            return Err(ChangeError::Pending);
        }
        self.now = now;
        let mut local = self.local.clone();
        local.version += 1;
        // RFC 8829 section 5.2.2; the peer keeps the roles that there are.
        local.setup = Setup::ActPass;
        let wish = match change {
            Change::Direction(direction) => direction,
            Change::Restart => self.terms.wish,
        };
        local.direction = wish;
        let restarts = change == Change::Restart;
        if restarts {
            local.credentials = self.terms.new_credentials();
        }
        let said = sdp::revise(&self.terms.said, &local);
        self.terms.pending = Some(Box::new(Pending {
            local,
            wish,
            said: said.clone(),
            restarts,
            early: Vec::new(),
        }));
        if restarts {
            self.tell_candidates_again();
        }
        tracing::debug!(mid = %self.mid, ?change, "change offered");
        Ok(said)
    }

    /// Takes back an offer that is declined or not answered; what held before it goes on.
    pub fn withdraw_offer(&mut self, now: Instant) {
        self.now = now;
        let withdrawn = self.terms.pending.take();
        if let Some(pending) = withdrawn.filter(|_| !self.path.is_over()) {
            // What goes out next is newer than what was withdrawn.
            self.local.version = pending.local.version;
            if pending.restarts && !self.unsay(&pending.local.credentials.ufrag) {
                self.tell_candidates_again();
            }
            tracing::debug!(mid = %self.mid, "offer withdrawn");
        }
    }

    /// Takes back candidates under this user fragment; whether they were still to be told.
    fn unsay(&mut self, ufrag: &str) -> bool {
        let is_taken_back = |output: &Output| matches!(output, Output::Event(Event::LocalCandidate { candidate, .. }) if candidate.ends_with(ufrag));
        let before = self.outputs.len();
        self.outputs.retain(|output| !is_taken_back(output));
        before > self.outputs.len()
    }

    /// The answer to an offer of a change.
    pub(super) fn accept_later_answer(&mut self, now: Instant, sdp: &str) -> Result<(), AnswerError> {
        let Some(restarts) = self.terms.pending.as_ref().map(|pending| pending.restarts) else {
            return Err(AnswerError::NotExpected);
        };
        if self.path.is_over() {
            return Err(AnswerError::NotExpected);
        }
        let description = Description::read(sdp)?;
        let mut remote = RemoteAudio::find(&description, &self.config.codecs)?;
        if !self.continues(&remote) {
            return Err(AnswerError::OtherAssociation);
        }
        if self.is_restart(&remote) != restarts {
            return Err(AnswerError::Restart { asked: restarts });
        }
        remote.formats.confirm(&self.terms.offered_formats(&self.config)?)?;
        let encoder = self.encoder_for(&remote)?;
        let Some(pending) = self.terms.pending.take() else {
            return Err(AnswerError::NotExpected);
        };
        self.now = now;
        let Pending {
            mut local,
            wish,
            said,
            restarts: _,
            early,
        } = *pending;
        local.setup = self.local.setup;
        // Where the direction is one attribute of both sides, as in Jingle, the answer may repeat the former one.
        local.direction = wish.within(remote.direction.reversed());
        self.terms.wish = wish;
        self.terms.say(&said);
        self.adopt(now, local, remote, encoder);
        for candidate in early {
            self.try_again(now, &candidate);
        }
        tracing::debug!(mid = %self.mid, restarts, direction = self.local.direction.as_str(), "change answered");
        Ok(())
    }

    /// Whether the description goes on with the DTLS association that there is (RFC 8842 section 5.5).
    fn continues(&self, remote: &RemoteAudio) -> bool {
        let Some(former) = &self.terms.remote else {
            return false;
        };
        let roles_fit = match remote.setup {
            Setup::ActPass => true,
            Setup::Active => self.local.setup == Setup::Passive,
            Setup::Passive => self.local.setup == Setup::Active,
        };
        roles_fit && remote.fingerprint == former.fingerprint
    }

    fn is_restart(&self, remote: &RemoteAudio) -> bool {
        let former = self.terms.remote.as_ref();
        former.is_none_or(|former| former.credentials != remote.credentials)
    }

    /// Another encoder, when the peer wishes to be spoken to in another way.
    fn encoder_for(&self, remote: &RemoteAudio) -> Result<Option<Encoder>, OfferError> {
        let former = self.terms.remote.as_ref().map(|former| former.formats.preferred());
        let AudioFormat { codec, wishes, .. } = *remote.formats.preferred();
        if former.is_some_and(|former| (former.codec, former.wishes) == (codec, wishes)) {
            return Ok(None);
        }
        Encoder::new(codec, audio::encoder_settings(&self.config, wishes)).map(Some)
    }

    /// Both sides have agreed on something else; nothing can fail any more.
    fn adopt(&mut self, now: Instant, local: LocalAudio, remote: RemoteAudio, encoder: Option<Encoder>) {
        let restarts = self.is_restart(&remote);
        let before = std::mem::replace(&mut self.local, local);
        if let Negotiation::Agreed(agreed) = &mut self.negotiation {
            agreed.turn(self.local.direction);
            agreed.formats.clone_from(&remote.formats);
            agreed.ufrag.clone_from(&remote.credentials.ufrag);
            if let Some(encoder) = encoder {
                agreed.encoder = encoder;
            }
        }
        if let Some(mid) = &remote.mid {
            self.mid.clone_from(mid);
        }
        let candidates = remote.candidates.clone();
        if restarts {
            self.restart_engine(now, before.credentials, &remote.credentials);
        }
        self.terms.agree(remote);
        for candidate in candidates {
            self.try_again(now, &candidate);
        }
    }

    /// Tries a candidate of which the caller has heard already, or never will.
    fn try_again(&mut self, now: Instant, candidate: &str) {
        if let Err(error) = self.try_candidate(now, candidate) {
            tracing::debug!(mid = %self.mid, %error, "candidate left out");
        }
    }
}

impl Agreed {
    fn turn(&mut self, direction: Direction) {
        if self.direction.receives() && !direction.receives() {
            // What was buffered is not to be heard after the pause.
            self.playout.reset();
        }
        self.direction = direction;
    }
}
