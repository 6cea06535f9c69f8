//! How a session begins: by the offer of a proposal that was accepted, or by an offer of new media for the conversation that
//! another session carries.

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    ConversationId, Dialect, Envelope, SessionId,
    session::{self, Refusal, Reply},
    stanza::Role,
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{
    Phone,
    lines::SESSIONS,
    ringing::{Ringing, is_gateway},
    routing::stanza_reply,
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
    pub(super) dialect: Dialect,
    pub(super) from: Jid,
    pub(super) payload: Element,
    pub(super) conversation: Option<ConversationId>,
    /// The peer says that it knows the conversation already.
    pub(super) reinvite: bool,
}

impl Phone {
    /// The dialect that a proposer has announced for its session.
    pub(super) fn proposed_dialect(&self, id: &SessionId, from: &Jid) -> Option<Dialect> {
        let proposal = self.proposal(id).filter(|proposal| proposal.from == *from)?;
        Some(if proposal.sdp_over_xmpp {
            Dialect::SdpOverXmpp
        } else {
            Dialect::Jingle
        })
    }

    /// A candidate of a session that there is not: kept if it may have overtaken its offer.
    pub(super) fn came_early(&mut self, ticket: xmpp::Ticket, from: Jid, payload: Element, envelope: &Envelope) {
        let id = &envelope.session;
        let proposed = match self.proposal(id) {
            Some(proposal) if proposal.from == from => true,
            Some(_) => return self.answer_for_nobody(ticket, envelope),
            None => false,
        };
        // Gateways that speak SDP over XMPP also offer without having proposed.
        let expected = proposed || (envelope.dialect == Dialect::SdpOverXmpp && is_gateway(&from));
        let of_another = self.lines.early.get(id).is_some_and(|early| early.from != from);
        if !expected || of_another {
            return self.answer_for_nobody(ticket, envelope);
        }
        if proposed {
            self.make_room_for(id);
        }
        let early = &mut self.lines.early;
        let (sessions, candidates) = EARLY;
        let room = match early.get(id) {
            Some(early) => early.payloads.len() < candidates,
            None => early.len() < sessions,
        };
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

    /// What may never have an offer, such as the last candidates of a session that has ended, gives way to what was proposed.
    fn make_room_for(&mut self, id: &SessionId) {
        let early = &self.lines.early;
        if early.contains_key(id) || early.len() < EARLY.0 {
            return;
        }
        let unproposed = early.iter().filter(|(id, _)| self.proposal(id).is_none());
        let oldest = unproposed
            .min_by_key(|(_, early)| early.until)
            .map(|(id, _)| id.clone());
        if let Some(oldest) = oldest {
            self.lines.forget_early(&oldest);
        }
    }

    /// The first offer of a session.
    pub(super) fn offered(&mut self, ticket: xmpp::Ticket, opening: Opening) {
        let proposal = self.proposal(&opening.session);
        let proposal = proposal.filter(|proposal| proposal.from == opening.from);
        let accepted = proposal.is_some_and(|proposal| proposal.accepted);
        // What was accepted once is not asked about again because it goes on elsewhere.
        let goes_on = opening.reinvite && self.replaced_by(&opening).is_some();
        // The gateway has not heard yet that we have hung up.
        if opening.reinvite && self.is_leaving(opening.conversation.as_ref()) {
            return self.refuse_opening(ticket, &opening);
        }
        let ours = self.is_our_proposal(&opening.session, &opening.from);
        if !(accepted || goes_on || ours) {
            return self.offered_unasked(ticket, opening);
        }
        if !self.takes_calls() {
            return self.refuse_opening(ticket, &opening);
        }
        if !self.has_room() {
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        self.begin(Some(ticket), opening);
    }

    /// Whether there may be one more session.
    pub(super) fn has_room(&self) -> bool {
        let room = self.lines.sessions.len() < SESSIONS;
        if !room {
            tracing::warn!(limit = SESSIONS, "too many sessions");
        }
        room
    }

    /// Answers an offer that nobody wants.
    pub(super) fn refuse_opening(&mut self, ticket: xmpp::Ticket, opening: &Opening) {
        let refusal = match opening.dialect {
            Dialect::Jingle => Refusal::Unsolicited,
            Dialect::SdpOverXmpp => Refusal::OtherSession,
        };
        self.reply(ticket, stanza_reply(Reply::Refused(refusal), opening.dialect));
    }

    /// The session begins with its offer, which has a ticket unless it was acknowledged when it came.
    pub(super) fn begin(&mut self, ticket: Option<xmpp::Ticket>, opening: Opening) {
        let replaced = self.replaced_by(&opening);
        let now = self.now;
        let Some(Ringing { proposals, local, .. }) = &mut self.ringing else {
            return;
        };
        let Opening {
            session: id,
            dialect,
            from,
            payload,
            conversation,
            ..
        } = opening;
        let proposal = proposals.offered(now, &id);
        let silent = proposal.as_ref().is_some_and(|proposal| proposal.silent);
        let ours = proposals.begun(now, &id).and_then(|own| own.propose.conversation);
        let mut config = session::SessionConfig::new(id.clone(), dialect, from.clone());
        config.conversation = conversation
            .or_else(|| proposal.and_then(|proposal| proposal.conversation))
            .or(ours);
        config.announce_to = Some(local.to_bare());
        self.drain_proposals();
        drop(self.kept.forget(&id));
        match &replaced {
            Some(replaced) => self.start_replacement(config, replaced),
            None => self.start_session(config, Role::Responder, silent),
        }
        self.deliver(&id, ticket, from.clone(), payload);
        if let Some(replaced) = replaced {
            self.end_replaced(replaced, &id);
        }
        let early = self.lines.early.remove(&id).filter(|early| early.from == from);
        for payload in early.into_iter().flat_map(|early| early.payloads) {
            self.deliver(&id, None, from.clone(), payload);
        }
    }
}
