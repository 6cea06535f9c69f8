//! One row of the table, and the memory of rows that are gone.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use jid::Jid;

use crate::{ConversationId, SessionId, message::Propose};

/// A session that was proposed and has no offer yet, as its first `propose` described it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The session that is proposed.
    pub id: SessionId,
    /// The conversation that it belongs to.
    pub conversation: Option<ConversationId>,
    /// The conversation of a persistent connection, if it is to become one.
    pub persistent_conversation: Option<ConversationId>,
    /// Who proposes: `proceed` goes there, and only this JID may retract.
    pub from: Jid,
    /// The proposer asks to be accepted without a question to the user. Never together with `silent`.
    pub auto_answer: bool,
    /// The session will speak SDP over XMPP; otherwise Jingle.
    pub sdp_over_xmpp: bool,
    /// The proposal sets a persistent connection up (`inin-priv-answer-mode="Auto"`): accept it, and show the user no call.
    pub silent: bool,
    /// `proceed` was sent.
    pub accepted: bool,
    /// The platform's id of the user that is called.
    pub user_id: Option<String>,
    /// The JID that the call originally came from.
    pub original_from: Option<String>,
    /// The meeting that the session belongs to.
    pub meeting_id: Option<String>,
}

impl Proposal {
    fn new(from: Jid, propose: Propose) -> Self {
        let silent = propose.private_answer_mode.as_deref() == Some("Auto");
        Self {
            id: propose.id,
            conversation: propose.conversation,
            persistent_conversation: propose.persistent_conversation,
            from,
            // The two are never combined: a silent set-up must not look like a call that is answered.
            auto_answer: propose.auto_answer && !silent,
            sdp_over_xmpp: propose.sdp_over_xmpp,
            silent,
            accepted: false,
            user_id: propose.user_id,
            original_from: propose.original_from,
            meeting_id: propose.meeting_id,
        }
    }
}

/// A row of the table.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    proposal: Proposal,
    expires: Instant,
}

impl Pending {
    pub(super) fn new(from: Jid, propose: Propose, expires: Instant) -> Self {
        Self {
            proposal: Proposal::new(from, propose),
            expires,
        }
    }

    pub(super) fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    pub(super) fn into_proposal(self) -> Proposal {
        self.proposal
    }

    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    /// The proposer is still there.
    pub(super) fn renew(&mut self, expires: Instant) {
        self.expires = expires;
    }

    pub(super) fn set_accepted(&mut self) {
        self.proposal.accepted = true;
    }

    /// The conversation's session gets another name. The dialect belongs to the name, so it is the new one's; everything
    /// else stays as it was first said.
    pub(super) fn rename(&mut self, from: Jid, propose: Propose, expires: Instant) {
        self.proposal.id = propose.id;
        self.proposal.from = from;
        self.proposal.sdp_over_xmpp = propose.sdp_over_xmpp;
        self.expires = expires;
    }
}

/// Ids remembered for a while, the oldest forgotten first when there are too many.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    keep: Duration,
    limit: usize,
    until: BTreeMap<SessionId, Instant>,
    order: VecDeque<SessionId>,
}

impl Memory {
    pub(super) fn new(keep: Duration, limit: usize) -> Self {
        Self {
            keep,
            limit,
            until: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }

    pub(super) fn insert(&mut self, now: Instant, id: SessionId) {
        self.forget(&id);
        self.until.insert(id.clone(), now + self.keep);
        self.order.push_back(id);
        while self.order.len() > self.limit {
            if let Some(oldest) = self.order.pop_front() {
                self.until.remove(&oldest);
            }
        }
    }

    pub(super) fn contains(&mut self, now: Instant, id: &SessionId) -> bool {
        while let Some(oldest) = self.order.front() {
            // All are kept equally long, so the front is always the next to go.
            if self.until.get(oldest).is_some_and(|until| *until > now) {
                break;
            }
            self.until.remove(oldest);
            self.order.pop_front();
        }
        self.until.contains_key(id)
    }

    fn forget(&mut self, id: &SessionId) {
        if self.until.remove(id).is_some() {
            self.order.retain(|other| other != id);
        }
    }
}
