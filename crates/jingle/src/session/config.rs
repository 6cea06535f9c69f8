//! What a session is told when it begins.

use std::time::Duration;

use jid::{BareJid, Jid};

use crate::{ConversationId, SessionId, genesys::RpcLimits};

/// What a session is told when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// The session's name, from its proposal.
    pub id: SessionId,
    /// The conversation, from the proposal; an offer may name another.
    pub conversation: Option<ConversationId>,
    /// Our own bare JID: `accept` goes there, for our other resources.
    pub account: BareJid,
    /// Who proposed. Only stanzas from exactly this JID act on the session.
    pub peer: Jid,
    /// How much the peer may ask to be held.
    pub limits: Limits,
    /// How long the session waits.
    pub timers: Timers,
}

impl SessionConfig {
    /// The defaults for this session.
    pub fn new(id: SessionId, account: BareJid, peer: Jid) -> Self {
        Self {
            id,
            conversation: None,
            account,
            peer,
            limits: Limits::default(),
            timers: Timers::default(),
        }
    }
}

/// How much the peer may ask to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The sizes up to which a request is read.
    pub rpc: RpcLimits,
    /// The most candidates kept for an offer that has not come yet: 64 unless told otherwise.
    pub early_candidates: usize,
    /// The most remote candidates of one generation: 256 unless told otherwise.
    pub remote_candidates: usize,
    /// The most candidates of ours that wait to be told: for the answer, or for signalling to come back. 64 unless told otherwise.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rpc: RpcLimits::default(),
            early_candidates: 64,
            remote_candidates: 256,
            held: 64,
        }
    }
}

/// How long a session waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For the first offer; then the session ends with `timeout`: 60 s unless told otherwise.
    pub offer: Duration,
    /// How long a candidate is kept for its offer: 60 s unless told otherwise.
    pub early_candidate: Duration,
    /// For the peer to acknowledge our `terminate`; then the session ends anyway: 2 s unless told otherwise.
    pub end: Duration,
    /// For signalling to come back to a session whose media failed meanwhile; then it ends with `gone`: 120 s unless told
    /// otherwise.
    pub gone: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            offer: Duration::from_secs(60),
            early_candidate: Duration::from_secs(60),
            end: Duration::from_secs(2),
            gone: Duration::from_secs(120),
        }
    }
}
