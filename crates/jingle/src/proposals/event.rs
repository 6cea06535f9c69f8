//! What the table of proposals tells.

use jid::Jid;

use super::{Proposal, ProposalRefusal};
use crate::{Farewell, SessionId};

/// Something the application should know about a proposal: of what was proposed to us first, then of what we proposed.
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
    /// Another resource of the account took the proposal, or rejected it; ringing stops here.
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
    /// A resource of the account to which we proposed rings. Told once for each.
    Ringing {
        /// The session that we proposed.
        id: SessionId,
        /// Who rings.
        by: Jid,
    },
    /// A resource asks us to begin: initiate the session with it, and tell the table by [`begun`](super::Proposals::begun). Told once: the
    /// first resource has it.
    Proceeded {
        /// The session that we proposed.
        id: SessionId,
        /// The peer of the session.
        by: Jid,
    },
    /// Our proposal is declined, for all resources of the account, and gone.
    Rejected {
        /// The session that we proposed.
        id: SessionId,
        /// Who declined.
        by: Jid,
        /// Why, if that was said.
        farewell: Option<Farewell>,
        /// Not for want of an answer: the other party proposed at the same time, and its proposal overrules ours. It is on its way
        /// to us, or was here already (XEP-0353 section 4.1).
        tie_break: bool,
    },
    /// The other party says that the session which we proposed is over (XEP-0353 section 3.7); the proposal is gone.
    Finished {
        /// The session that we proposed.
        id: SessionId,
        /// Who said so.
        by: Jid,
        /// Why, if that was said.
        farewell: Option<Farewell>,
        /// The session that takes its place.
        migrated_to: Option<SessionId>,
    },
    /// Our proposal went away by itself. The other party has been told, if it can be.
    Lapsed {
        /// The session that we proposed.
        id: SessionId,
        /// Why it is gone.
        cause: LapseCause,
    },
}

/// Why a proposal that was made to us went away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CancelCause {
    /// The proposer took it back (XEP-0353 section 3.3).
    Retracted {
        /// Why, if that was said.
        farewell: Option<Farewell>,
        /// In favour of what we proposed at the same time (section 4.1).
        tie_break: bool,
    },
    /// The proposer says that the session is over (section 3.7), so that there is nothing left to accept.
    Finished {
        /// Why, if that was said.
        farewell: Option<Farewell>,
        /// The session that takes its place.
        migrated_to: Option<SessionId>,
    },
    /// The proposer neither withdrew nor repeated it for
    /// [`ProposalsConfig::expiry`](super::ProposalsConfig::expiry).
    Expired,
    /// Its conversation is connected by another session: see
    /// [`conversation_connected`](super::Proposals::conversation_connected).
    Connected,
    /// Our `proceed` came back: the proposer is not there.
    Unreachable,
}

/// Why a proposal of ours went away by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LapseCause {
    /// Nobody answered, or the session was not begun, for
    /// [`ProposalsConfig::give_up_after`](super::ProposalsConfig::give_up_after). It was retracted.
    TimedOut,
    /// The other party proposed to us at the same time, and that overrules ours (XEP-0353 section 4.1). Ours was retracted.
    Overruled {
        /// The session that is proposed to us.
        by: SessionId,
    },
    /// It came back: there is nobody who could take it.
    Unreachable,
}
