//! One row of the table: a session that was proposed to us.

use std::time::Instant;

use jid::Jid;

use crate::{ConversationId, SessionId, message::Propose};

/// A session that was proposed to us and is not under way yet, as its first `propose` described it, or its offer if that came
/// without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proposal {
    /// The session that is proposed.
    pub id: SessionId,
    /// The media that are proposed: `audio`, `video`. Empty if the proposer did not say.
    pub media: Vec<String>,
    /// The namespaces of what is proposed and is no RTP session, such as a file transfer.
    pub other_applications: Vec<String>,
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
    /// Its offer came without a proposal, and is with the parent: see [`unsolicited`](super::Proposals::unsolicited).
    pub unsolicited: bool,
    /// We accepted: `proceed` was sent, unless nobody asked for it.
    pub accepted: bool,
    /// The platform's id of the user that is called.
    pub user_id: Option<String>,
    /// The JID that the call originally came from.
    pub original_from: Option<String>,
    /// The meeting that the session belongs to.
    pub meeting_id: Option<String>,
}

/// What made a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A `propose`.
    Propose,
    /// An offer that nobody had proposed.
    Offer,
}

impl Proposal {
    fn new(from: Jid, propose: Propose, origin: Origin) -> Self {
        let silent = propose.private_answer_mode.as_deref() == Some("Auto");
        Self {
            id: propose.id,
            media: propose.media,
            other_applications: propose.other_applications,
            conversation: propose.conversation,
            persistent_conversation: propose.persistent_conversation,
            from,
            // The two are never combined: a silent set-up must not look like a call that is answered.
            auto_answer: propose.auto_answer && !silent,
            sdp_over_xmpp: propose.sdp_over_xmpp,
            silent,
            unsolicited: origin == Origin::Offer,
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
    /// Somebody proposed it, and so waits for `ringing` and `proceed`.
    proposed: bool,
    /// The application rings.
    rings: bool,
    expires: Instant,
}

impl Pending {
    pub(super) fn new(from: Jid, propose: Propose, origin: Origin, expires: Instant) -> Self {
        Self {
            proposal: Proposal::new(from, propose, origin),
            proposed: origin == Origin::Propose,
            rings: false,
            expires,
        }
    }

    pub(super) fn proposal(&self) -> &Proposal {
        &self.proposal
    }

    pub(super) fn into_proposal(self) -> Proposal {
        self.proposal
    }

    pub(super) fn is_proposed(&self) -> bool {
        self.proposed
    }

    pub(super) fn rings(&self) -> bool {
        self.rings
    }

    pub(super) fn expires(&self) -> Instant {
        self.expires
    }

    pub(super) fn set_accepted(&mut self) {
        self.proposal.accepted = true;
    }

    pub(super) fn set_rings(&mut self) {
        self.rings = true;
    }

    pub(super) fn set_proposed(&mut self) {
        self.proposed = true;
    }

    /// The proposer is still there.
    pub(super) fn renew(&mut self, expires: Instant) {
        self.expires = expires;
    }

    /// The conversation's session gets another name. The dialect belongs to the name, so it is the new one's; everything
    /// else stays as it was first said.
    pub(super) fn rename(&mut self, from: Jid, propose: Propose, origin: Origin, expires: Instant) {
        self.proposal.id = propose.id;
        self.proposal.from = from;
        self.proposal.sdp_over_xmpp = propose.sdp_over_xmpp;
        self.proposal.unsolicited = origin == Origin::Offer;
        self.proposed = origin == Origin::Propose;
        self.expires = expires;
    }
}
