//! How a session begins: by the offer of a proposal that was accepted, or by an offer of new media for the conversation that
//! another session carries.

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{ConversationId, SessionId, session};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{
    Phone,
    lines::SESSIONS,
    replacing::Replaced,
    ringing::{Ringing, is_gateway},
};

/// For how many sessions candidates are kept that come before their offer, and how many for each.
const EARLY: (usize, usize) = (10, 64);

/// How long they are kept.
const EARLY_FOR: Duration = Duration::from_secs(60);

/// What a peer sent before its offer, acknowledged already.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) until: Instant,
    from: Jid,
    payloads: Vec<Element>,
}

/// An offer of a session that there is not.
#[derive(Debug)]
pub(super) struct Opening {
    pub(super) session: SessionId,
    pub(super) from: Jid,
    pub(super) payload: Element,
    pub(super) conversation: Option<ConversationId>,
    /// The peer says that it knows the conversation already.
    pub(super) reinvite: bool,
}

impl Phone {
    fn proposed_by(&self, id: &SessionId, from: &Jid) -> bool {
        self.proposal(id).is_some_and(|proposal| proposal.from == *from)
    }

    /// A candidate of a session that there is not: kept if it may have overtaken its offer.
    pub(super) fn came_early(&mut self, ticket: xmpp::Ticket, id: &SessionId, from: Jid, payload: Element) {
        let expected = match self.proposal(id) {
            Some(proposal) => proposal.from == from,
            // Gateways also offer without having proposed.
            None => is_gateway(&from),
        };
        let early = &mut self.lines.early;
        let (sessions, candidates) = EARLY;
        let (of_another, room) = match early.get(id) {
            Some(early) => (early.from != from, early.payloads.len() < candidates),
            None => (false, early.len() < sessions),
        };
        if !expected || of_another {
            return self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound);
        }
        if !room {
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        let until = self.now + EARLY_FOR;
        let early = early.entry(id.clone()).or_insert_with(|| Early {
            until,
            from,
            payloads: Vec::new(),
        });
        early.payloads.push(payload);
        self.reply(ticket, xmpp::Reply::Result(None));
    }

    /// The first offer of a session.
    pub(super) fn offered(&mut self, ticket: xmpp::Ticket, opening: Opening) {
        let proposal = self
            .proposal(&opening.session)
            .filter(|_| self.proposed_by(&opening.session, &opening.from));
        let accepted = proposal.is_some_and(|proposal| proposal.accepted);
        let conversation = opening
            .conversation
            .clone()
            .or_else(|| proposal.and_then(|proposal| proposal.conversation.clone()));
        let replaced = conversation
            .as_ref()
            .and_then(|conversation| self.replaced_by(&opening, conversation));
        // What was accepted once is not asked about again because it goes on elsewhere.
        let goes_on = opening.reinvite && replaced.is_some();
        if !(self.takes_calls() && (accepted || goes_on)) {
            return self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound);
        }
        if self.lines.sessions.len() >= SESSIONS {
            tracing::warn!(session = %opening.session, limit = SESSIONS, "too many sessions");
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        self.begin(ticket, opening, conversation, replaced);
    }

    fn begin(
        &mut self,
        ticket: xmpp::Ticket,
        opening: Opening,
        conversation: Option<ConversationId>,
        replaced: Option<Replaced>,
    ) {
        let Opening {
            session: id,
            from,
            payload,
            ..
        } = opening;
        let now = self.now;
        let Some(Ringing { proposals, local, .. }) = &mut self.ringing else {
            return;
        };
        let mut config = session::SessionConfig::new(id.clone(), local.to_bare(), from.clone());
        config.conversation = conversation;
        // One that rings under this id has come to its offer too.
        drop(proposals.offered(now, &id));
        self.drain_proposals();
        match &replaced {
            Some(replaced) => self.start_replacement(config, replaced),
            None => self.start_session(config),
        }
        self.deliver(&id, Some(ticket), from.clone(), payload);
        if let Some(replaced) = replaced {
            self.end_replaced(replaced);
        }
        let early = self.lines.early.remove(&id).filter(|early| early.from == from);
        for payload in early.into_iter().flat_map(|early| early.payloads) {
            self.deliver(&id, None, from.clone(), payload);
        }
    }
}
