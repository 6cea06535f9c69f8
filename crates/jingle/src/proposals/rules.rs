//! What each message and command does to what was proposed to us: the responder's side.

use std::time::Instant;

use jid::Jid;
use tracing::debug;

use super::{
    CancelCause, ProposalError, ProposalEvent, ProposalRefusal, Proposals,
    own::TieBreak,
    pending::{Origin, Pending},
};
use crate::{
    InitiationMessage, SessionId,
    message::{Ending, Finish, Propose},
};

impl Proposals {
    pub(super) fn on_message(&mut self, now: Instant, from: Jid, message: InitiationMessage) {
        let id = message.id();
        if from == self.config.local {
            debug!(session = %id, "our own message came back");
            return;
        }
        match message {
            InitiationMessage::Propose(propose) => self.on_propose(now, from, propose),
            InitiationMessage::Retract(ending) => self.on_retract(now, from, ending),
            message if self.concerns_ours(&from, message.id()) => self.on_answer(now, from, message),
            InitiationMessage::Accept(id) | InitiationMessage::Reject(Ending { id, .. }) => {
                self.on_settled(now, &from, &id);
            }
            InitiationMessage::Proceed(id) => self.on_claimed(now, &from, &id),
            InitiationMessage::Finish(finish) => self.on_finished(now, from, finish),
            InitiationMessage::Ringing(id) => debug!(session = %id, "somebody rings for nothing of ours"),
        }
    }

    fn on_propose(&mut self, now: Instant, from: Jid, propose: Propose) {
        let id = propose.id.clone();
        if self.is_taken_by_ours(&id, &from) {
            self.refuse(from, Some(id), ProposalRefusal::IdInUse);
        } else if self.ignored.contains(now, &id) || self.settled.contains(now, &id) {
            debug!(session = %id, "proposal of a session that is settled or ignored");
        } else if self.rows.get(&id).is_some() {
            self.on_repeated(now, &from, &id);
        } else {
            self.on_first(now, from, propose);
        }
    }

    /// A proposal that the table does not hold.
    fn on_first(&mut self, now: Instant, from: Jid, propose: Propose) {
        let id = propose.id.clone();
        let tie = self.own.tie_break(&id, &from);
        if tie == TieBreak::Ours {
            // Again, if it comes again: our first word may be lost. Who was refused so is not told to anybody here.
            debug!(session = %id, "a proposal of ours, made at the same time, overrules it");
            self.withdrawn.insert(now, (id.clone(), from.clone()));
            self.send(from, &InitiationMessage::Reject(Ending::tie_break(id)));
            return;
        }
        if self.withdrawn.contains(now, &(id.clone(), from.clone())) {
            debug!(session = %id, "proposal of a session that is withdrawn");
            return;
        }
        if let TieBreak::Theirs(ours) = tie {
            self.give_way(ours, &id);
        }
        if let Err(cause) = self.admit(now, from.clone(), propose, Origin::Propose) {
            self.refuse(from, Some(id), cause);
        }
    }

    /// Takes a session that is new into the table, if there is a place.
    pub(super) fn admit(
        &mut self,
        now: Instant,
        from: Jid,
        propose: Propose,
        origin: Origin,
    ) -> Result<(), ProposalRefusal> {
        let old = self.renamed(&from, &propose);
        let (limit, limit_per_sender) = (self.config.limit, self.config.limit_per_sender);
        if old.is_none() && self.rows.len() >= limit {
            return Err(ProposalRefusal::TableFull { limit });
        }
        let sender = from.to_bare();
        let has_row = old.as_ref().and_then(|old| self.proposal(old));
        let has_row = has_row.is_some_and(|old| old.from.to_bare() == sender);
        if !has_row && self.rows.of_sender(&sender) >= limit_per_sender {
            let limit = limit_per_sender;
            return Err(ProposalRefusal::TooManyOfSender { limit });
        }
        let expires = now + self.config.expiry;
        match old.and_then(|old| Some((self.rows.remove(&old)?, old))) {
            Some((mut row, old)) => {
                row.rename(from, propose, origin, expires);
                self.on_renamed(old, row);
            }
            None => {
                let row = Pending::new(from, propose, origin, expires);
                self.tell(ProposalEvent::Proposed(row.proposal().clone()));
                self.rows.insert(row);
            }
        }
        Ok(())
    }

    /// The first one's fields stay. After `proceed` the repetition says that it was lost, so it is sent again and nobody told.
    fn on_repeated(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        let Some(row) = self.rows.get_mut(id) else {
            return;
        };
        if row.proposal().from != *from {
            debug!(session = %id, "proposal repeated by somebody else");
            return;
        }
        let late = !row.is_proposed();
        row.set_proposed();
        let (proposal, rings) = (row.proposal().clone(), row.rings());
        self.rows.renew(id, now + self.config.expiry);
        if proposal.accepted {
            self.send(proposal.from, &InitiationMessage::Proceed(proposal.id));
            return;
        }
        if late && rings {
            self.send(proposal.from.clone(), &InitiationMessage::Ringing(id.clone()));
        }
        self.tell(ProposalEvent::Proposed(proposal));
    }

    /// The pending proposal that this one renames: of the same conversation, from the same service. (A gateway may speak from
    /// another address of its domain; a stranger who names the conversation gets a row of his own.)
    fn renamed(&self, from: &Jid, propose: &Propose) -> Option<SessionId> {
        let conversation = propose.conversation.as_ref()?;
        self.rows.of_conversation(conversation, from).cloned()
    }

    /// What was said under the old id holds for the new one. Nobody waits for it who offered without having proposed.
    fn on_renamed(&mut self, old: SessionId, row: Pending) {
        let (proposed, rings) = (row.is_proposed(), row.rings());
        let proposal = row.proposal().clone();
        self.rows.insert(row);
        let id = proposal.id.clone();
        let said = match (proposal.accepted, rings) {
            (true, _) => Some(InitiationMessage::Proceed(id)),
            (false, true) => Some(InitiationMessage::Ringing(id)),
            (false, false) => None,
        };
        if let Some(message) = said.filter(|_| proposed) {
            self.send(proposal.from.clone(), &message);
        }
        self.tell(ProposalEvent::Replaced { old, proposal });
    }

    fn is_of_our_account(&self, from: &Jid) -> bool {
        from.to_bare() == self.config.local.to_bare()
    }

    /// `accept` or `reject` by another resource of ours.
    fn on_settled(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        if !self.is_of_our_account(from) {
            debug!(session = %id, "settled by somebody who is not of our account");
        } else if self.rows.remove(id).is_some() {
            self.settled.insert(now, id.clone());
            self.tell(ProposalEvent::HandledElsewhere { id: id.clone() });
        }
    }

    /// `proceed` by another resource of ours, of which a carbon (XEP-0280) tells: the ringing stops (XEP-0353 section 3.4). If we sent
    /// one too, then the proposer decides which of us begins, and that one will say `accept`.
    fn on_claimed(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        if self.proposal(id).is_some_and(|proposal| !proposal.accepted) {
            self.on_settled(now, from, id);
        } else {
            debug!(session = %id, "proceed for no call of ours");
        }
    }

    fn on_retract(&mut self, now: Instant, from: Jid, ending: Ending) {
        let Ending {
            id,
            farewell,
            tie_break,
        } = ending;
        self.on_withdrawn(now, from, id, CancelCause::Retracted { farewell, tie_break });
    }

    fn on_finished(&mut self, now: Instant, from: Jid, finish: Finish) {
        let Finish {
            id,
            farewell,
            migrated_to,
        } = finish;
        if self.is_of_our_account(&from) && self.proposal(&id).is_some_and(|proposal| proposal.from != from) {
            self.on_settled(now, &from, &id);
        } else {
            let cause = CancelCause::Finished { farewell, migrated_to };
            self.on_withdrawn(now, from, id, cause);
        }
    }

    fn on_withdrawn(&mut self, now: Instant, from: Jid, id: SessionId, cause: CancelCause) {
        match self.proposal(&id) {
            Some(proposal) if proposal.from == from => {
                // What is taken back may be proposed again; what is finished is over.
                if matches!(cause, CancelCause::Finished { .. }) {
                    self.withdrawn.insert(now, (id.clone(), from));
                }
                self.cancel(id, cause);
            }
            Some(_) => debug!(session = %id, "withdrawn by somebody who did not propose it"),
            None => {
                // Its proposal may still be on the way, and must not ring then. Others' proposals of that id may.
                debug!(session = %id, "withdrawn, but not pending");
                self.withdrawn.insert(now, (id, from));
            }
        }
    }

    pub(super) fn cancel(&mut self, id: SessionId, cause: CancelCause) {
        if self.rows.remove(&id).is_some() {
            self.tell(ProposalEvent::Cancelled { id, cause });
        }
    }

    /// What we said to a proposer came back: who is not there to hear `proceed` sends no offer.
    pub(super) fn on_undelivered(&mut self, from: &Jid, id: SessionId) {
        let waits = self.proposal(&id);
        let waits = waits.is_some_and(|proposal| proposal.from == *from && proposal.accepted);
        if waits {
            self.cancel(id, CancelCause::Unreachable);
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        while let Some(id) = self.rows.due(now) {
            self.cancel(id, CancelCause::Expired);
        }
        while let Some(id) = self.own.due(now) {
            self.time_out(&id);
        }
    }

    pub(super) fn rings(&mut self, id: &SessionId) -> Result<(), ProposalError> {
        let row = self.pending(id)?;
        if row.proposal().accepted {
            return Err(ProposalError::AlreadyAccepted { id: id.clone() });
        }
        let told = row.rings() || !row.is_proposed();
        row.set_rings();
        if !told {
            let to = row.proposal().from.clone();
            self.send(to, &InitiationMessage::Ringing(id.clone()));
        }
        Ok(())
    }

    pub(super) fn proceed(&mut self, id: &SessionId) -> Result<(), ProposalError> {
        let row = self.pending(id)?;
        if row.proposal().accepted {
            return Err(ProposalError::AlreadyAccepted { id: id.clone() });
        }
        row.set_accepted();
        if row.is_proposed() {
            let to = row.proposal().from.clone();
            self.send(to, &InitiationMessage::Proceed(id.clone()));
        }
        Ok(())
    }

    fn pending(&mut self, id: &SessionId) -> Result<&mut Pending, ProposalError> {
        let row = self.rows.get_mut(id);
        row.ok_or_else(|| ProposalError::Unknown { id: id.clone() })
    }

    fn leave(&mut self, id: &SessionId) -> Result<Pending, ProposalError> {
        let row = self.rows.remove(id);
        row.ok_or_else(|| ProposalError::Unknown { id: id.clone() })
    }

    pub(super) fn ignore(&mut self, now: Instant, id: &SessionId) -> Result<(), ProposalError> {
        self.leave(id)?;
        self.ignored.insert(now, id.clone());
        Ok(())
    }

    pub(super) fn decline(&mut self, now: Instant, ending: Ending) -> Result<(), ProposalError> {
        let row = self.leave(&ending.id)?;
        self.settled.insert(now, ending.id.clone());
        let reject = InitiationMessage::Reject(ending);
        // Our other resources first: they are ringing too.
        self.send(self.config.local.to_bare().into(), &reject);
        self.send(row.into_proposal().from, &reject);
        Ok(())
    }

    /// An offer that nobody proposed; its `propose` is what can be known of it.
    pub(super) fn on_unsolicited(&mut self, now: Instant, from: Jid, propose: Propose) -> Result<(), ProposalRefusal> {
        let id = &propose.id;
        if from == self.config.local {
            return Err(ProposalRefusal::OurOwn);
        }
        if self.own.get(id).is_some() {
            return Err(ProposalRefusal::IdInUse);
        }
        if self.is_over(now, id, &from) {
            return Err(ProposalRefusal::Settled);
        }
        match self.rows.get(id).map(Pending::proposal) {
            None => self.admit(now, from, propose, Origin::Offer),
            Some(proposal) if proposal.from != from => Err(ProposalRefusal::IdInUse),
            Some(proposal) => {
                let again = proposal.unsolicited && !proposal.accepted;
                let again = again.then(|| ProposalEvent::Proposed(proposal.clone()));
                self.rows.renew(id, now + self.config.expiry);
                self.outputs.extend(again.map(super::Output::Event));
                Ok(())
            }
        }
    }

    pub(super) fn refuse(&mut self, from: Jid, id: Option<SessionId>, cause: ProposalRefusal) {
        debug!(%cause, "message initiation refused");
        self.tell(ProposalEvent::Refused { from, id, cause });
    }
}
