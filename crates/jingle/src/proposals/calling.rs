//! What each message and command does to what we proposed: the initiator's side.

use std::time::Instant;

use jid::Jid;
use tracing::debug;

use super::{LapseCause, ProposalEvent, Proposals, ProposeError, own::Own};
use crate::{
    InitiationMessage, Reason, SessionId,
    message::{Ending, Finish, Propose},
};

impl Proposals {
    pub(super) fn call(&mut self, now: Instant, to: Jid, propose: Propose) -> Result<(), ProposeError> {
        let id = propose.id.clone();
        let limit = self.config.limit_own;
        if id.as_str().is_empty() {
            return Err(ProposeError::NoId);
        }
        if to == self.config.local {
            return Err(ProposeError::Ourselves);
        }
        if self.own.get(&id).is_some() || self.rows.get(&id).is_some() {
            return Err(ProposeError::IdInUse { id });
        }
        if self.own.len() >= limit {
            return Err(ProposeError::TooMany { limit });
        }
        let until = now + self.config.give_up_after;
        let own = Own::new(self.config.local.clone(), to.clone(), propose.clone(), until);
        self.own.insert(own);
        self.send(to, &InitiationMessage::Propose(propose));
        Ok(())
    }

    pub(super) fn call_again(&mut self, id: &SessionId) -> Result<(), ProposeError> {
        let own = self.own.get(id);
        let own = own.ok_or_else(|| ProposeError::Unknown { id: id.clone() })?;
        if own.proposal.proceeded.is_some() {
            return Err(ProposeError::AlreadyProceeded { id: id.clone() });
        }
        let (to, propose) = (own.proposal.to.clone(), own.proposal.propose.clone());
        self.send(to, &InitiationMessage::Propose(propose));
        Ok(())
    }

    /// Takes a proposal of ours back: all resources that were called hear it.
    pub(super) fn take_back(&mut self, ending: Ending) -> Result<(), ProposeError> {
        let own = self.own.remove(&ending.id);
        let own = own.ok_or_else(|| ProposeError::Unknown { id: ending.id.clone() })?;
        self.send(own.proposal.to, &InitiationMessage::Retract(ending));
        Ok(())
    }

    /// Whether the id of a proposal by this one names a session that we proposed to somebody else, or that is answered. If it is of the
    /// one whom we called, and nobody has answered, then there is a tie to break.
    pub(super) fn is_taken_by_ours(&self, id: &SessionId, from: &Jid) -> bool {
        self.own
            .get(id)
            .is_some_and(|own| !own.is_of_callee(from) || own.proposal.proceeded.is_some())
    }

    /// Whether what this one says of the session is said of a proposal of ours.
    pub(super) fn concerns_ours(&self, from: &Jid, id: &SessionId) -> bool {
        self.own.get(id).is_some_and(|own| own.is_of_callee(from))
    }

    /// A resource of the account that we called says something of our proposal.
    pub(super) fn on_answer(&mut self, now: Instant, from: Jid, message: InitiationMessage) {
        match message {
            InitiationMessage::Ringing(id) => self.on_ringing(from, id),
            InitiationMessage::Proceed(id) => self.on_proceed(now, from, id),
            InitiationMessage::Reject(ending) => self.on_reject(from, ending),
            InitiationMessage::Finish(finish) => self.on_finish(from, finish),
            // It is for the other resources of that account.
            InitiationMessage::Accept(id) => debug!(session = %id, "the called account tells itself who has the call"),
            InitiationMessage::Propose(_) | InitiationMessage::Retract(_) => {
                debug!(session = %message.id(), "only a proposer says this, and we are the one");
            }
        }
    }

    fn on_ringing(&mut self, by: Jid, id: SessionId) {
        let answered = self.own(&id).is_none_or(|own| own.proceeded.is_some());
        if !answered && self.own.rings(&id, by.clone(), self.config.limit_ringing) {
            self.tell(ProposalEvent::Ringing { id, by });
        }
    }

    fn on_proceed(&mut self, now: Instant, by: Jid, id: SessionId) {
        if self.own(&id).is_some_and(|own| own.proceeded.is_some()) {
            debug!(session = %id, %by, "the first that asked us to begin has the session");
            return;
        }
        let until = now + self.config.give_up_after;
        self.own.proceed(&id, by.clone(), until);
        self.tell(ProposalEvent::Proceeded { id, by });
    }

    fn on_reject(&mut self, by: Jid, ending: Ending) {
        let Ending {
            id,
            farewell,
            tie_break,
        } = ending;
        if self.leave_to(&id, &by) {
            self.tell(ProposalEvent::Rejected {
                id,
                by,
                farewell,
                tie_break,
            });
        }
    }

    fn on_finish(&mut self, by: Jid, finish: Finish) {
        let Finish {
            id,
            farewell,
            migrated_to,
        } = finish;
        if self.leave_to(&id, &by) {
            self.tell(ProposalEvent::Finished {
                id,
                by,
                farewell,
                migrated_to,
            });
        }
    }

    /// Removes the row of our own that this one ends, if it may.
    fn leave_to(&mut self, id: &SessionId, by: &Jid) -> bool {
        let may = self.own.get(id).is_some_and(|own| own.is_ended_by(by));
        if !may {
            debug!(session = %id, %by, "another resource of that account has the session");
        }
        may && self.own.remove(id).is_some()
    }

    /// Theirs overrules these of ours (XEP-0353 section 4.1).
    pub(super) fn give_way(&mut self, ours: Vec<SessionId>, theirs: &SessionId) {
        for id in ours {
            let by = theirs.clone();
            self.lapse(Ending::tie_break(id), LapseCause::Overruled { by });
        }
    }

    pub(super) fn time_out(&mut self, id: &SessionId) {
        let ending = Ending::because(id.clone(), Reason::Cancel);
        self.lapse(ending, LapseCause::TimedOut);
    }

    fn lapse(&mut self, ending: Ending, cause: LapseCause) {
        let id = ending.id.clone();
        if self.take_back(ending).is_ok() {
            self.tell(ProposalEvent::Lapsed { id, cause });
        }
    }

    /// A proposal of ours came back. If it went to all resources of an account, then one of them alone cannot refuse it so.
    pub(super) fn on_uncalled(&mut self, from: &Jid, id: SessionId) {
        let open = self
            .own(&id)
            .is_some_and(|own| own.to == *from && own.proceeded.is_none());
        if open && self.own.remove(&id).is_some() {
            let cause = LapseCause::Unreachable;
            self.tell(ProposalEvent::Lapsed { id, cause });
        }
    }
}
