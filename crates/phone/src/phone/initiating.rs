//! Sessions that we propose: to the clients of another user, by their address and without a call of the platform.

use std::time::Instant;

use jid::Jid;
use offhook_jingle::{
    ConversationId, Dialect, Farewell, SessionId, message::Propose, proposals::LapseCause, session::SessionConfig,
    stanza::Role,
};

use super::{Phone, lines::SESSIONS};
use crate::{
    error::{CommandError, InitiateError, InitiationFailure},
    event::Event,
};

/// What [`Phone::initiate`] proposes: a session with audio (XEP-0353 section 3.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Initiation {
    /// Who is called: all clients of a user by their bare address, or one of them by its full one.
    pub to: Jid,
    /// The conversation that the session belongs to (`inin-cid`), if it does.
    pub conversation: Option<ConversationId>,
}

impl Initiation {
    /// A session with this one, of no conversation.
    pub fn to(to: Jid) -> Self {
        Self { to, conversation: None }
    }
}

impl Phone {
    /// Proposes a session to somebody. When one of the clients there wants it, the offer is ours to make, in Jingle, and
    /// [`Event::SessionStarted`] comes; if nobody does, [`Event::InitiationFailed`].
    ///
    /// # Errors
    /// [`InitiateError`]; nothing was sent.
    pub fn initiate(&mut self, now: Instant, initiation: Initiation) -> Result<SessionId, InitiateError> {
        self.command(now)?;
        let Initiation { to, conversation } = initiation;
        if to.domain().as_str().starts_with("conference") {
            return Err(InitiateError::Conference(to));
        }
        if !self.is_connected() {
            return Err(CommandError::NotConnected.into());
        }
        let id = SessionId::new(self.ids.uuid());
        let propose = Propose {
            conversation,
            ..Propose::new(id.clone())
        };
        if let Some(ringing) = &mut self.ringing {
            ringing.proposals.propose(self.now, to, propose)?;
        }
        self.drain_proposals();
        Ok(id)
    }

    /// Takes a proposal of ours back (`retract`), of which nothing more is told.
    ///
    /// # Errors
    /// When there is none of this id (any more), or signalling neither stands nor is coming back.
    pub fn cancel(&mut self, now: Instant, session: &SessionId) -> Result<(), CommandError> {
        self.command(now)?;
        self.with_proposals(session, |proposals, now, id| proposals.retract(now, id).is_ok())
    }

    /// Whether a proposal of ours has this id.
    pub(super) fn is_proposed_by_us(&self, session: &SessionId) -> bool {
        let ringing = self.ringing.as_ref();
        ringing.is_some_and(|ringing| ringing.proposals.own(session).is_some())
    }

    /// Whether an offer is what we proposed ourselves: whoever was called may begin instead of asking us to.
    pub(super) fn is_our_proposal(&self, session: &SessionId, from: &Jid) -> bool {
        let ringing = self.ringing.as_ref();
        let own = ringing.and_then(|ringing| ringing.proposals.own(session));
        own.is_some_and(|own| own.to.to_bare() == from.to_bare())
    }

    /// One of those that were called asks us to begin.
    pub(super) fn proceeded(&mut self, id: &SessionId, by: Jid) {
        if !self.has_room() {
            // It is there, as somebody wants it.
            drop(self.with_proposals(id, |proposals, now, id| proposals.retract(now, id).is_ok()));
            return self.not_begun(id.clone(), InitiationFailure::TooMany { limit: SESSIONS });
        }
        let now = self.now;
        let Some(ringing) = &mut self.ringing else { return };
        let Some(own) = ringing.proposals.begun(now, id) else {
            return;
        };
        let mut config = SessionConfig::new(id.clone(), Dialect::Jingle, by);
        config.conversation = own.propose.conversation;
        config.local = Some(ringing.local.clone());
        self.start_session(config, Role::Initiator, false);
    }

    /// Nothing becomes of a proposal of ours.
    pub(super) fn not_begun(&mut self, session: SessionId, failure: InitiationFailure) {
        self.emit(Event::InitiationFailed { session, failure });
    }

    /// Our proposals to this address, or all.
    pub(super) fn proposed_to(&self, meant: impl Fn(&Jid) -> bool) -> Vec<SessionId> {
        let own = self.ringing.iter().flat_map(|ringing| ringing.proposals.iter_own());
        own.filter(|own| meant(&own.to))
            .map(|own| own.propose.id.clone())
            .collect()
    }
}

impl InitiationFailure {
    pub(super) fn declined(by: Jid, farewell: Option<Farewell>) -> Self {
        Self::Declined {
            by,
            reason: farewell.map(|farewell| farewell.reason),
        }
    }
}

impl From<LapseCause> for InitiationFailure {
    fn from(cause: LapseCause) -> Self {
        match cause {
            LapseCause::TimedOut => Self::Unanswered,
            LapseCause::Overruled { by } => Self::Overruled(by),
            LapseCause::Unreachable => Self::Unreachable,
        }
    }
}
