//! What the table of proposals tells, and what it answers to commands that cannot be carried out.

use jid::Jid;

use super::Proposal;
use crate::{SessionId, message::MessageError};

/// Something the application should know about a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProposalEvent {
    /// A session is proposed: decide by [`accept`](super::Proposals::accept) or [`reject`](super::Proposals::reject). Told again each time
    /// that the proposer repeats it, until it is accepted.
    Proposed(Proposal),
    /// The proposer renamed the session: same conversation, other id. What was decided about the old id holds for the new one, a
    /// `proceed` included.
    Replaced {
        /// The id that is gone.
        old: SessionId,
        /// The proposal under its new id.
        proposal: Proposal,
    },
    /// The proposal is gone; ringing stops.
    Cancelled {
        /// The session that was proposed.
        id: SessionId,
        /// Why it is gone.
        cause: CancelCause,
    },
    /// Another resource of the account accepted or rejected; ringing stops here.
    HandledElsewhere {
        /// The session that was proposed.
        id: SessionId,
    },
    /// A message was not taken in. Nobody is told on the wire.
    Refused {
        /// Who sent it.
        from: Jid,
        /// The session it spoke of, where it could be read.
        id: Option<SessionId>,
        /// Why.
        cause: ProposalRefusal,
    },
}

/// Why a proposal went away by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CancelCause {
    /// The proposer took it back (XEP-0353 section 3.5).
    Retracted,
    /// The proposer neither withdrew nor repeated it for
    /// [`ProposalsConfig::expiry`](super::ProposalsConfig::expiry).
    Expired,
}

/// Why a message was not taken in.
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
}

/// Why a command could not be carried out; nothing has changed.
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
