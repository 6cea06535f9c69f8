//! What each message and command does to the table.

use std::time::Instant;

use jid::Jid;
use tracing::debug;

use super::{CancelCause, Output, Pending, ProposalError, ProposalEvent, ProposalRefusal, Proposals};
use crate::{InitiationMessage, SessionId, message::Propose};

impl Proposals {
    pub(super) fn on_message(&mut self, now: Instant, from: Jid, message: InitiationMessage) {
        match message {
            InitiationMessage::Propose(propose) => self.on_propose(now, from, propose),
            InitiationMessage::Accept(id) | InitiationMessage::Reject(id) => {
                self.on_settled(now, &from, &id);
            }
            InitiationMessage::Retract(id) => self.on_retract(now, &from, &id),
            // For the initiator of a session, which this table is not.
            InitiationMessage::Proceed(id) => debug!(session = %id, "proceed for no call of ours"),
        }
    }

    fn on_propose(&mut self, now: Instant, from: Jid, propose: Propose) {
        let id = propose.id.clone();
        if from == self.config.local {
            debug!(session = %id, "our own proposal came back");
        } else if self.ignored.contains(now, &id) || self.settled.contains(now, &id) {
            debug!(session = %id, "proposal of a session that is settled or ignored");
        } else if self.pending.contains_key(&id) {
            self.on_repeated(now, &from, &id);
        } else if let Some(old) = self.renamed(&from, &propose) {
            self.on_renamed(now, from, old, propose);
        } else if self.pending.len() >= self.config.limit {
            let limit = self.config.limit;
            self.refuse(from, Some(id), ProposalRefusal::TableFull { limit });
        } else if self.of_sender(&from) >= self.config.limit_per_sender {
            let limit = self.config.limit_per_sender;
            self.refuse(from, Some(id), ProposalRefusal::TooManyOfSender { limit });
        } else {
            let pending = Pending::new(from, propose, now + self.config.expiry);
            self.tell(ProposalEvent::Proposed(pending.proposal().clone()));
            self.pending.insert(id, pending);
        }
    }

    /// How many rows a sender has.
    fn of_sender(&self, from: &Jid) -> usize {
        let sender = from.to_bare();
        self.iter().filter(|proposal| proposal.from.to_bare() == sender).count()
    }

    /// The first one's fields stay. After `proceed` the repetition says that it was lost, so it is sent again and nobody told.
    fn on_repeated(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        let expires = now + self.config.expiry;
        let Some(pending) = self.pending.get_mut(id) else {
            return;
        };
        if pending.proposal().from != *from {
            debug!(session = %id, "proposal repeated by somebody else");
            return;
        }
        pending.renew(expires);
        let proposal = pending.proposal().clone();
        if proposal.accepted {
            self.send(proposal.from, &InitiationMessage::Proceed(proposal.id));
        } else {
            self.tell(ProposalEvent::Proposed(proposal));
        }
    }

    /// The pending proposal that this one renames: of the same conversation, from the same service. (A gateway may speak from
    /// another address of its domain; a stranger who names the conversation gets a row of his own.)
    fn renamed(&self, from: &Jid, propose: &Propose) -> Option<SessionId> {
        let conversation = propose.conversation.as_ref()?;
        let old = self.iter().find(|pending| {
            pending.conversation.as_ref() == Some(conversation) && pending.from.domain() == from.domain()
        })?;
        Some(old.id.clone())
    }

    fn on_renamed(&mut self, now: Instant, from: Jid, old: SessionId, propose: Propose) {
        let Some(mut pending) = self.pending.remove(&old) else {
            return;
        };
        pending.rename(from, propose, now + self.config.expiry);
        let proposal = pending.proposal().clone();
        self.pending.insert(proposal.id.clone(), pending);
        if proposal.accepted {
            let proceed = InitiationMessage::Proceed(proposal.id.clone());
            self.send(proposal.from.clone(), &proceed);
        }
        self.tell(ProposalEvent::Replaced { old, proposal });
    }

    /// `accept` or `reject` by another resource of ours. Our own, reflected by the server, means nothing.
    fn on_settled(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        if *from == self.config.local {
            debug!(session = %id, "our own message came back");
        } else if from.to_bare() != self.config.local.to_bare() {
            debug!(session = %id, "settled by somebody who is not of our account");
        } else if self.pending.remove(id).is_some() {
            self.settled.insert(now, id.clone());
            self.tell(ProposalEvent::HandledElsewhere { id: id.clone() });
        }
    }

    fn on_retract(&mut self, now: Instant, from: &Jid, id: &SessionId) {
        match self.proposal(id) {
            Some(proposal) if proposal.from == *from => {
                self.pending.remove(id);
                self.tell(ProposalEvent::Cancelled {
                    id: id.clone(),
                    cause: CancelCause::Retracted,
                });
            }
            Some(_) => debug!(session = %id, "retracted by somebody who did not propose it"),
            None => {
                // Its proposal may still be on the way, and must not ring then.
                debug!(session = %id, "retracted, but not pending");
                self.settled.insert(now, id.clone());
            }
        }
    }

    pub(super) fn expire(&mut self, now: Instant) {
        let due = |pending: &Pending| pending.expires() <= now;
        let ids: Vec<_> = self
            .pending
            .iter()
            .filter(|(_, pending)| due(pending))
            .map(|(id, _)| id.clone())
            .collect();
        for id in ids {
            self.pending.remove(&id);
            self.tell(ProposalEvent::Cancelled {
                id,
                cause: CancelCause::Expired,
            });
        }
    }

    pub(super) fn proceed(&mut self, id: &SessionId) -> Result<(), ProposalError> {
        let pending = self
            .pending
            .get_mut(id)
            .ok_or_else(|| ProposalError::Unknown { id: id.clone() })?;
        if pending.proposal().accepted {
            return Err(ProposalError::AlreadyAccepted { id: id.clone() });
        }
        pending.set_accepted();
        let to = pending.proposal().from.clone();
        self.send(to, &InitiationMessage::Proceed(id.clone()));
        Ok(())
    }

    pub(super) fn decline(&mut self, now: Instant, id: &SessionId, ignore: bool) -> Result<(), ProposalError> {
        let pending = self
            .pending
            .remove(id)
            .ok_or_else(|| ProposalError::Unknown { id: id.clone() })?;
        if ignore {
            self.ignored.insert(now, id.clone());
        } else {
            self.settled.insert(now, id.clone());
            let reject = InitiationMessage::Reject(id.clone());
            // Our other resources first: they are ringing too.
            self.send(self.config.local.to_bare().into(), &reject);
            self.send(pending.into_proposal().from, &reject);
        }
        Ok(())
    }

    pub(super) fn refuse(&mut self, from: Jid, id: Option<SessionId>, cause: ProposalRefusal) {
        debug!(%cause, "message initiation refused");
        self.tell(ProposalEvent::Refused { from, id, cause });
    }

    fn send(&mut self, to: Jid, message: &InitiationMessage) {
        let payload = message.to_element();
        self.outputs.push_back(Output::Message { to, payload });
    }

    fn tell(&mut self, event: ProposalEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}
