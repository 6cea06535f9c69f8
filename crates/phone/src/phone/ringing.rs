//! What rings: the table of proposals, and which of them are accepted without asking.

use std::time::Instant;

use jid::Jid;
use offhook_jingle::{
    ConversationId, Proposal, Proposals, SessionId,
    proposals::{self, ProposalEvent, ProposalsConfig},
};
use offhook_xmpp as xmpp;

use super::{AnswerPolicy, Phone, SessionType};
use crate::{
    error::{CommandError, InitiationFailure},
    event::Event,
};

/// The ringing table and what the phone keeps beside it.
#[derive(Debug)]
pub(super) struct Ringing {
    pub(super) proposals: Proposals,
    /// Our own address, as bound last.
    pub(super) local: xmpp::FullJid,
    /// When the table wants to be woken.
    pub(super) wake: Instant,
}

impl Phone {
    pub(super) fn proposal(&self, session: &SessionId) -> Option<&Proposal> {
        self.ringing
            .as_ref()
            .and_then(|ringing| ringing.proposals.proposal(session))
    }

    /// Lets the ringing table act on one of its proposals, if what it says can be said, now or once signalling is back.
    pub(super) fn with_proposals(
        &mut self,
        session: &SessionId,
        act: impl FnOnce(&mut Proposals, Instant, &SessionId) -> bool,
    ) -> Result<(), CommandError> {
        if !self.is_connected() && !self.is_coming_back() {
            return Err(CommandError::NotConnected);
        }
        let now = self.now;
        let done = self
            .ringing
            .as_mut()
            .is_some_and(|ringing| act(&mut ringing.proposals, now, session));
        self.drain_proposals();
        if done {
            Ok(())
        } else {
            Err(CommandError::UnknownProposal(session.clone()))
        }
    }

    /// Carries out what the ringing table says.
    pub(super) fn drain_proposals(&mut self) {
        while let Some(ringing) = &mut self.ringing {
            match ringing.proposals.poll_output() {
                proposals::Output::Message { to, payload } => self.send_message(to, payload),
                proposals::Output::Event(event) => self.proposal_event(event),
                proposals::Output::Timeout(wake) => {
                    ringing.wake = wake;
                    break;
                }
            }
        }
    }

    pub(super) fn proposal_event(&mut self, event: ProposalEvent) {
        match event {
            ProposalEvent::Proposed(proposal) => self.proposed(proposal),
            ProposalEvent::Replaced { old, proposal } => {
                self.forget_unbegun(&old);
                self.emit(Event::ProposalCancelled(old));
                self.proposed(proposal);
            }
            ProposalEvent::Cancelled { id, .. } => {
                self.forget_unbegun(&id);
                self.emit(Event::ProposalCancelled(id));
            }
            ProposalEvent::HandledElsewhere { id } => {
                self.forget_unbegun(&id);
                self.emit(Event::ProposalHandled(id));
            }
            ProposalEvent::Refused { from, id, cause } => {
                tracing::debug!(%from, ?id, %cause, "a message about a proposal is passed over");
            }
            ProposalEvent::Proceeded { id, by } => self.proceeded(&id, by),
            ProposalEvent::Rejected { id, by, farewell, .. } => {
                self.not_begun(id, InitiationFailure::declined(by, farewell));
            }
            ProposalEvent::Lapsed { id, cause } => self.not_begun(id, cause.into()),
            ProposalEvent::Ringing { id, .. } | ProposalEvent::Finished { id, .. } => {
                tracing::debug!(%id, "a word about a session of ours");
            }
        }
    }

    /// What came early for a proposal goes with it.
    fn forget_unbegun(&mut self, session: &SessionId) {
        self.lines.forget_early(session);
        drop(self.kept.forget(session));
    }

    /// Accepts a proposal when the policy says so, and tells the application.
    pub(super) fn proposed(&mut self, mut proposal: Proposal) {
        if self.is_wanted(&proposal) {
            self.accept_by_policy(&proposal.id);
            proposal.accepted = self.proposal(&proposal.id).is_some_and(|proposal| proposal.accepted);
        }
        let session = proposal.id.clone();
        self.emit(Event::Proposed(proposal));
        self.begin_kept(&session);
    }

    /// Whether the policy accepts a proposal that was not accepted yet. Policies are for calls: nobody but a gateway opens
    /// the microphone without asking.
    pub(super) fn is_wanted(&self, proposal: &Proposal) -> bool {
        let AnswerPolicy { placed, auto, always } = self.config.answer;
        let ours = proposal
            .conversation
            .as_ref()
            .is_some_and(|id| self.outbound.is_placed(id));
        let wanted = always || (auto && (proposal.auto_answer || proposal.silent)) || (placed && ours);
        wanted && !proposal.accepted && is_gateway(&proposal.from) && (proposal.silent || self.takes_another())
    }

    /// Whether one more call may be accepted without asking.
    fn takes_another(&self) -> bool {
        let Some(most) = self.config.calls_at_once else {
            return true;
        };
        let coming = self.ringing.iter().flat_map(|ringing| ringing.proposals.iter());
        let coming = coming.filter(|proposal| proposal.accepted && !proposal.silent).count();
        let idle = usize::from(self.is_standing_by());
        self.lines.sessions.len() + coming < most + idle
    }

    /// Judges again what rings, since no answer could go out before.
    pub(super) fn judge_proposals(&mut self) {
        let ringing = self.ringing.iter().flat_map(|ringing| ringing.proposals.iter());
        let wanted: Vec<_> = ringing
            .filter(|proposal| self.is_wanted(proposal))
            .map(|proposal| proposal.id.clone())
            .collect();
        for session in wanted {
            self.accept_by_policy(&session);
            self.begin_kept(&session);
        }
    }

    /// Accepts a proposal; once is enough.
    pub(super) fn accept_proposal(&mut self, session: &SessionId) -> Result<(), CommandError> {
        let proposal = self
            .proposal(session)
            .ok_or_else(|| CommandError::UnknownProposal(session.clone()))?;
        if proposal.accepted {
            return Ok(());
        }
        let call = proposal.conversation.clone().filter(|_| !proposal.silent);
        self.with_proposals(session, |proposals, now, id| proposals.accept(now, id).is_ok())?;
        if let Some(conversation) = call {
            self.hold_others(&conversation);
        }
        Ok(())
    }

    pub(super) fn accept_by_policy(&mut self, session: &SessionId) {
        if let Err(error) = self.accept_proposal(session) {
            tracing::warn!(%session, %error, "a proposal that should be accepted cannot be");
        }
    }

    /// Makes the ringing table, or moves it to a new stream.
    pub(super) fn bind_proposals(&mut self, jid: &xmpp::FullJid) {
        let (local, wake) = (jid.clone(), self.now);
        match &mut self.ringing {
            Some(ringing) => {
                ringing.proposals.set_local(local.clone());
                ringing.local = local;
            }
            None => {
                let config = ProposalsConfig {
                    expiry: self.config.proposal_expiry,
                    ..ProposalsConfig::new(jid.clone())
                };
                self.ringing = Some(Ringing {
                    proposals: Proposals::new(config, self.now),
                    local,
                    wake,
                });
            }
        }
        self.drain_proposals();
    }

    /// The media of a conversation are connected: nobody looks for what still rings for it.
    pub(super) fn clear_proposals(&mut self, conversation: &ConversationId) {
        let rings = |proposal: &&Proposal| proposal.conversation.as_ref() == Some(conversation) && !proposal.accepted;
        let ringing = self.ringing.iter().flat_map(|ringing| ringing.proposals.iter());
        let cleared: Vec<_> = ringing.filter(rings).map(|proposal| proposal.id.clone()).collect();
        for session in cleared {
            self.drop_proposal(&session);
        }
    }

    /// Nobody will answer what rings.
    pub(super) fn drop_proposals(&mut self) {
        self.kept.clear();
        if let Some(ringing) = self.ringing.take() {
            for proposal in ringing.proposals.iter() {
                self.emit(Event::ProposalCancelled(proposal.id.clone()));
            }
            for own in ringing.proposals.iter_own() {
                self.not_begun(own.propose.id.clone(), InitiationFailure::Disconnected);
            }
        }
    }

    pub(super) fn expire_proposals(&mut self) {
        if let Some(ringing) = &mut self.ringing {
            ringing.proposals.handle_input(self.now, proposals::Input::Timeout);
        }
        self.drain_proposals();
    }
}

/// Whether this is the far end of softphone media.
pub(super) fn is_gateway(jid: &Jid) -> bool {
    SessionType::of(jid) == SessionType::Softphone
}
