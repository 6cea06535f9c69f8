//! Why the table does not take a message in, and why a command cannot be carried out.

use crate::{SessionId, message::MessageError};

/// Why a message, or an offer without a proposal, was not taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalRefusal {
    /// [`ProposalsConfig::limit`](super::ProposalsConfig::limit) is reached.
    #[error("{limit} proposals are pending already")]
    TableFull {
        /// The limit.
        limit: usize,
    },
    /// [`ProposalsConfig::limit_per_sender`](super::ProposalsConfig::limit_per_sender) is reached.
    #[error("{limit} proposals of this sender are pending already")]
    TooManyOfSender {
        /// The limit.
        limit: usize,
    },
    /// The element breaks the rules of its kind.
    #[error(transparent)]
    Malformed(MessageError),
    /// A session of this id is pending with somebody else.
    #[error("a session of this id is pending with somebody else")]
    IdInUse,
    /// The session was rejected, ignored, withdrawn, taken by another resource of ours, or has begun: nothing more becomes of it.
    #[error("nothing more becomes of the session: it was settled before")]
    Settled,
    /// It comes from our own full JID.
    #[error("it comes from ourselves")]
    OurOwn,
}

impl ProposalRefusal {
    /// Whether a limit is the cause, so that a request is answered by `resource-constraint`.
    pub fn is_limit(&self) -> bool {
        match self {
            ProposalRefusal::TableFull { .. } | ProposalRefusal::TooManyOfSender { .. } => true,
            ProposalRefusal::Malformed(_)
            | ProposalRefusal::IdInUse
            | ProposalRefusal::Settled
            | ProposalRefusal::OurOwn => false,
        }
    }
}

/// Why a command about a proposal that was made to us could not be carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposalError {
    /// No such proposal: it was never made, or it has left the table.
    #[error("no proposal of session {id} is pending; it may just have been retracted, expired or taken elsewhere")]
    Unknown {
        /// The id that was asked for.
        id: SessionId,
    },
    /// `proceed` was sent already; the offer is on its way.
    #[error("the proposal of session {id} is accepted already; wait for its offer")]
    AlreadyAccepted {
        /// The id that was asked for.
        id: SessionId,
    },
}

/// Why a command about a proposal of our own could not be carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProposeError {
    /// The id is empty. XEP-0353 requires one, and recommends a UUID of version 4.
    #[error("a session needs an id; take a UUID")]
    NoId,
    /// A session of this id is pending already, by our proposal or somebody else's.
    #[error("a session {id} is pending already; take an id that was never used")]
    IdInUse {
        /// The id that was given.
        id: SessionId,
    },
    /// [`ProposalsConfig::limit_own`](super::ProposalsConfig::limit_own) is reached.
    #[error("{limit} proposals of our own are pending already; retract one, or wait for an answer")]
    TooMany {
        /// The limit.
        limit: usize,
    },
    /// Our own full JID was called.
    #[error("nobody can call himself; name another resource, or the bare JID for all others")]
    Ourselves,
    /// No such proposal of ours: it was never made, or it has left the table.
    #[error("we propose no session {id}; it may just have been declined, begun or given up")]
    Unknown {
        /// The id that was asked for.
        id: SessionId,
    },
    /// Somebody asked us to begin already: there is nothing to repeat.
    #[error("session {id} was asked for already; begin it")]
    AlreadyProceeded {
        /// The id that was asked for.
        id: SessionId,
    },
}
