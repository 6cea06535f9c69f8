//! What a session answers to requests that it does not take, and to commands that it cannot carry out.

use crate::{Generation, genesys::RpcError};

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
    /// The request cannot be read.
    #[error(transparent)]
    Malformed(RpcError),
    /// The method is one that only an initiator understands.
    #[error("the method `{method}` is for the initiator of a session")]
    NotForResponder {
        /// The method.
        method: &'static str,
    },
    /// The peer sent more candidates than are held for it.
    #[error("more than {limit} candidates")]
    TooManyCandidates {
        /// [`Limits::early_candidates`](super::Limits::early_candidates) or
        /// [`Limits::remote_candidates`](super::Limits::remote_candidates).
        limit: usize,
    },
}

impl Refusal {
    /// The stanza error's defined condition (RFC 6120 section 8.3.3).
    pub fn condition(&self) -> &'static str {
        match self {
            // As if the session were not there: a stranger learns nothing of it (XEP-0166 section 12).
            Refusal::ForeignSender | Refusal::OtherSession => "item-not-found",
            Refusal::Malformed(RpcError::UnknownMethod { .. }) => "feature-not-implemented",
            Refusal::Malformed(RpcError::TooLarge { .. } | RpcError::FieldTooLong { .. }) => "not-acceptable",
            Refusal::Malformed(
                RpcError::OtherElement
                | RpcError::NotJson { .. }
                | RpcError::Missing { .. }
                | RpcError::WrongType { .. }
                | RpcError::NotXmlText { .. }
                | RpcError::NoCandidate,
            ) => "bad-request",
            Refusal::NotForResponder { .. } => "unexpected-request",
            Refusal::TooManyCandidates { .. } => "resource-constraint",
        }
    }

    /// The stanza error's type (RFC 6120 section 8.3.2).
    pub fn error_type(&self) -> &'static str {
        match self {
            Refusal::ForeignSender | Refusal::OtherSession => "cancel",
            Refusal::Malformed(RpcError::UnknownMethod { .. }) => "cancel",
            Refusal::Malformed(_) => "modify",
            Refusal::NotForResponder { .. } | Refusal::TooManyCandidates { .. } => "wait",
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
    #[error("the offer is answered already; answer each event `Offer` once")]
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
}
