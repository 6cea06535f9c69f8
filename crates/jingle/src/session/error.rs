//! What a session answers to requests that it does not take, and to commands that it cannot carry out.

use crate::{
    Generation,
    genesys::RpcError,
    sdp::SdpError,
    stanza::{Action, JingleCondition, JingleError},
};

/// Why a request of the peer (or of a stranger) was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The sender is not the session's peer.
    #[error("the sender is not the peer of this session")]
    ForeignSender,
    /// The request speaks of another session.
    #[error("the request speaks of another session")]
    OtherSession,
    /// The request cannot be read as one of SDP over XMPP.
    #[error(transparent)]
    Malformed(RpcError),
    /// The request cannot be read as one of Jingle.
    #[error(transparent)]
    MalformedJingle(JingleError),
    /// The request is of the dialect that this session does not speak.
    #[error("the session speaks another dialect")]
    OtherDialect,
    /// The method is one that only the other role understands.
    #[error("the method `{method}` is not for this side of a session")]
    OtherRole {
        /// The method.
        method: &'static str,
    },
    /// The action does not fit what has been said so far (XEP-0166 section 7.2).
    #[error("`{action}` does not fit the state of the session")]
    OutOfOrder {
        /// The action.
        action: Action,
    },
    /// We asked for a change at the same time, and as the initiator go first (XEP-0166 section 7.2.16).
    #[error("a change of ours goes first")]
    TieBreak,
    /// The `session-info` says something that nobody here knows (XEP-0166 section 6.8).
    #[error("session-info with <{name} xmlns='{namespace}'/> is not understood")]
    UnsupportedInfo {
        /// The name of its element.
        name: String,
        /// The namespace of its element.
        namespace: String,
    },
    /// The action is not supported.
    #[error("the action `{action}` is not supported")]
    UnsupportedAction {
        /// The action.
        action: Action,
    },
    /// The action speaks of a content that the session does not have, or adds one that it has.
    #[error("no such content, or one too many: {name:?}")]
    WrongContent {
        /// The content's name.
        name: String,
    },
    /// The action says nothing of what it is for: no content, no transport, no description.
    #[error("`{action}` without what it is about")]
    NothingSaid {
        /// The action.
        action: Action,
    },
    /// The session would have more contents than it may.
    #[error("more than {limit} contents")]
    TooManyContents {
        /// [`Limits::contents`](super::Limits::contents).
        limit: usize,
    },
    /// The peer sent more candidates than are held for it.
    #[error("more than {limit} candidates")]
    TooManyCandidates {
        /// [`Limits::early_candidates`](super::Limits::early_candidates) or
        /// [`Limits::remote_candidates`](super::Limits::remote_candidates).
        limit: usize,
    },
    /// The peer restarts ICE again and again.
    #[error("more than {limit} restarts of ICE")]
    TooManyRestarts {
        /// [`Limits::restarts`](super::Limits::restarts).
        limit: usize,
    },
    /// The request is of neither dialect. Said by whoever keeps the sessions.
    #[error("neither Jingle nor SDP over XMPP")]
    NotForSessions,
    /// There are as many sessions as may be. Said by whoever keeps the sessions.
    #[error("{limit} sessions are there already")]
    TooManySessions {
        /// How many.
        limit: usize,
    },
    /// Whoever is asked does not take calls that were not proposed. Said by whoever keeps the sessions.
    #[error("calls have to be proposed first")]
    Unsolicited,
}

impl Refusal {
    /// The stanza error's defined condition (RFC 6120 section 8.3.3).
    pub fn condition(&self) -> &'static str {
        match self {
            // As if the session were not there: a stranger learns nothing of it (XEP-0166 section 12).
            Refusal::ForeignSender | Refusal::OtherSession => "item-not-found",
            Refusal::Malformed(RpcError::UnknownMethod { .. })
            | Refusal::UnsupportedInfo { .. }
            | Refusal::UnsupportedAction { .. } => "feature-not-implemented",
            Refusal::Malformed(error) if error.is_limit() => "resource-constraint",
            Refusal::MalformedJingle(error) if error.is_limit() => "resource-constraint",
            Refusal::Malformed(_)
            | Refusal::MalformedJingle(_)
            | Refusal::WrongContent { .. }
            | Refusal::NothingSaid { .. } => "bad-request",
            Refusal::OtherRole { .. } | Refusal::OutOfOrder { .. } | Refusal::OtherDialect => "unexpected-request",
            Refusal::TieBreak => "conflict",
            Refusal::TooManyContents { .. }
            | Refusal::TooManyCandidates { .. }
            | Refusal::TooManyRestarts { .. }
            | Refusal::TooManySessions { .. } => "resource-constraint",
            Refusal::Unsolicited | Refusal::NotForSessions => "service-unavailable",
        }
    }

    /// The stanza error's type (RFC 6120 section 8.3.2).
    pub fn error_type(&self) -> &'static str {
        match self.condition() {
            "item-not-found" | "service-unavailable" | "conflict" => "cancel",
            "feature-not-implemented" => match self {
                Refusal::UnsupportedInfo { .. } => "modify",
                _ => "cancel",
            },
            "bad-request" => "modify",
            _ => "wait",
        }
    }

    /// The condition of Jingle that goes beside it (XEP-0166 section 10).
    pub fn application(&self) -> Option<JingleCondition> {
        match self {
            Refusal::ForeignSender | Refusal::OtherSession => Some(JingleCondition::UnknownSession),
            Refusal::OutOfOrder { .. } => Some(JingleCondition::OutOfOrder),
            Refusal::TieBreak => Some(JingleCondition::TieBreak),
            Refusal::UnsupportedInfo { .. } => Some(JingleCondition::UnsupportedInfo),
            Refusal::Malformed(_)
            | Refusal::MalformedJingle(_)
            | Refusal::OtherDialect
            | Refusal::OtherRole { .. }
            | Refusal::UnsupportedAction { .. }
            | Refusal::WrongContent { .. }
            | Refusal::NothingSaid { .. }
            | Refusal::TooManyContents { .. }
            | Refusal::TooManyCandidates { .. }
            | Refusal::TooManyRestarts { .. }
            | Refusal::TooManySessions { .. }
            | Refusal::NotForSessions
            | Refusal::Unsolicited => None,
        }
    }
}

/// Why a command could not be carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The session has ended, or is ending.
    #[error("the session has ended; nothing more can be done with it")]
    Ended,
    /// No offer has come yet.
    #[error("no offer has come yet; wait for the event `Offer`")]
    NoOffer,
    /// There is no offer that waits for an answer.
    #[error("no offer of the peer waits for an answer; answer each event `Offer` once")]
    NothingToAnswer,
    /// The generation was replaced by a later offer.
    #[error("generation {given} was replaced by generation {latest}; drop it")]
    Superseded {
        /// The generation that was given.
        given: Generation,
        /// The latest one.
        latest: Generation,
    },
    /// The generation does not exist yet.
    #[error("there is no generation {given} yet; the latest is {latest}")]
    UnknownGeneration {
        /// The generation that was given.
        given: Generation,
        /// The latest one.
        latest: Generation,
    },
    /// The text is not the value of a candidate line.
    #[error("not a candidate: give the value of one `a=` line, `candidate:...`, without a line break")]
    NotACandidate,
    /// The identification tag is empty or holds white space.
    #[error("not an identification tag: it is empty or holds white space or control characters")]
    NotAMid,
    /// Too many candidates were given that the peer cannot be told yet.
    #[error("{limit} candidates wait to be told already; give the answer first, or wait for signalling to come back")]
    TooManyHeld {
        /// [`Limits::held`](super::Limits::held).
        limit: usize,
    },
    /// A first offer cannot be declined, only the session ended.
    #[error("a first offer cannot be declined; end the session instead")]
    FirstOffer,
    /// The dialect has no words for that.
    #[error("SDP over XMPP has no word for {what}")]
    NotInDialect {
        /// What was to be said.
        what: &'static str,
    },
    /// An offer is being negotiated already.
    #[error("an offer is being negotiated; wait for its answer")]
    Negotiating,
    /// The description cannot be read.
    #[error("the description cannot be used: {0}")]
    Description(#[from] SdpError),
    /// The description has a section that the offer does not have.
    #[error("the offer has no media description with the mid {mid:?}")]
    UnknownMid {
        /// The identification tag.
        mid: String,
    },
    /// The description has more sections than a session may have contents.
    #[error("a session has at most {limit} contents")]
    TooManyContents {
        /// [`Limits::contents`](super::Limits::contents).
        limit: usize,
    },
    /// The description changes nothing.
    #[error("the offer is what holds already")]
    NothingNew,
    /// Jingle has no stanza for so many changes at once.
    #[error("the offer changes {one} and {other}; Jingle needs one offer for each")]
    TooManyChanges {
        /// The one.
        one: &'static str,
        /// The other.
        other: &'static str,
    },
}
