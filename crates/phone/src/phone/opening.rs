//! How a session begins: by the offer of a proposal that was accepted.

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{ConversationId, SessionId, session};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{Phone, lines::SESSIONS, ringing::Ringing};

/// For how many proposals candidates are kept that come before their offer, and how many for each.
const EARLY: (usize, usize) = (10, 64);

/// How long they are kept.
const EARLY_FOR: Duration = Duration::from_secs(60);

/// What a proposer sent before its offer, acknowledged already.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) until: Instant,
    payloads: Vec<Element>,
}

impl Phone {
    pub(super) fn proposed_by(&self, id: &SessionId, from: &Jid) -> bool {
        self.proposal(id).is_some_and(|proposal| proposal.from == *from)
    }

    /// Keeps a candidate that overtook its offer.
    pub(super) fn keep_early(&mut self, ticket: xmpp::Ticket, id: &SessionId, payload: Element) {
        let until = self.now + EARLY_FOR;
        let early = &mut self.lines.early;
        let (proposals, candidates) = EARLY;
        let room = match early.get(id) {
            Some(early) => early.payloads.len() < candidates,
            None => early.len() < proposals,
        };
        if !room {
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        early
            .entry(id.clone())
            .or_insert_with(|| Early {
                until,
                payloads: Vec::new(),
            })
            .payloads
            .push(payload);
        self.reply(ticket, xmpp::Reply::Result(None));
    }

    /// The first offer of a proposal that was accepted, from its proposer: the proposal becomes a session.
    pub(super) fn offered(
        &mut self,
        ticket: xmpp::Ticket,
        id: &SessionId,
        from: Jid,
        payload: Element,
        conversation: Option<&ConversationId>,
    ) {
        let accepted = self.proposal(id).is_some_and(|proposal| proposal.accepted);
        if !(accepted && self.takes_calls() && self.proposed_by(id, &from)) {
            return self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound);
        }
        if self.lines.sessions.len() >= SESSIONS {
            tracing::warn!(session = %id, limit = SESSIONS, "too many sessions");
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        let now = self.now;
        let Some(Ringing { proposals, local, .. }) = &mut self.ringing else {
            return;
        };
        let Some(proposal) = proposals.offered(now, id) else {
            return;
        };
        let conversation = conversation.cloned().or(proposal.conversation);
        let mut config = session::SessionConfig::new(id.clone(), local.to_bare(), from.clone());
        config.conversation.clone_from(&conversation);
        self.drain_proposals();
        self.start_session(config, conversation);
        self.deliver(id, Some(ticket), from.clone(), payload);
        let early = self
            .lines
            .early
            .remove(id)
            .map(|early| early.payloads)
            .unwrap_or_default();
        for payload in early {
            self.deliver(id, None, from.clone(), payload);
        }
    }
}
