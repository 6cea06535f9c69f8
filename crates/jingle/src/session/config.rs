//! What a session is told when it begins.

use std::time::Duration;

use jid::{BareJid, FullJid, Jid};

use crate::{ConversationId, SessionId, genesys::RpcLimits, stanza::JingleLimits};

/// How the two sides of a session talk. It is fixed for a session's life, by its proposal or its first stanza.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// Jingle ([`stanza`](crate::stanza)), XEP-0166 and its family.
    Jingle,
    /// SDP over XMPP ([`genesys`](crate::genesys)).
    SdpOverXmpp,
}

/// What a session is told when it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionConfig {
    /// The session's name: of its proposal, or else drawn by its initiator.
    pub id: SessionId,
    /// The conversation, from the proposal; an offer may name another.
    pub conversation: Option<ConversationId>,
    /// How it talks.
    pub dialect: Dialect,
    /// The other side. Only stanzas from exactly this JID act on the session.
    pub peer: Jid,
    /// Our own full JID, which `session-initiate` then names as its initiator (XEP-0166 section 7.1); left out unless told.
    pub local: Option<FullJid>,
    /// Our own bare JID, for a session that was proposed: `accept` goes there before the first answer, and silences our other
    /// resources (XEP-0353 section 3.2). Nobody is told of a session without one.
    pub announce_to: Option<BareJid>,
    /// How much the peer may ask to be held.
    pub limits: Limits,
    /// How long the session waits.
    pub timers: Timers,
}

impl SessionConfig {
    /// The defaults for this session.
    pub fn new(id: SessionId, dialect: Dialect, peer: Jid) -> Self {
        Self {
            id,
            conversation: None,
            dialect,
            peer,
            local: None,
            announce_to: None,
            limits: Limits::default(),
            timers: Timers::default(),
        }
    }
}

/// How much the peer may ask to be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The sizes up to which a request of SDP over XMPP is read.
    pub rpc: RpcLimits,
    /// The sizes up to which a Jingle stanza is read.
    pub jingle: JingleLimits,
    /// The most contents of one session (XEP-0166 section 7.3): 16 unless told otherwise.
    pub contents: usize,
    /// The most candidates kept for an offer that has not come yet: 64 unless told otherwise.
    pub early_candidates: usize,
    /// The most remote candidates of one generation: 256 unless told otherwise.
    pub remote_candidates: usize,
    /// The most restarts of ICE that are taken of the peer within [`Timers::change`]: 4 unless told otherwise. What says a restart
    /// and what answers one look the same, so two sides that have lost sight of each other's turn would go on for ever.
    pub restarts: usize,
    /// The most candidates of ours that wait to be told: for the answer, or for signalling to come back. 64 unless told otherwise.
    pub held: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            rpc: RpcLimits::default(),
            jingle: JingleLimits::default(),
            contents: 16,
            early_candidates: 64,
            remote_candidates: 256,
            restarts: 4,
            held: 64,
        }
    }
}

/// How long a session waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For the first offer; then the session ends with `timeout`: 60 s unless told otherwise.
    pub offer: Duration,
    /// For the answer to our first offer; then the session ends with `timeout`: 120 s unless told otherwise.
    pub answer: Duration,
    /// For the answer to a later offer of ours; then what held before holds again: 30 s unless told otherwise.
    pub change: Duration,
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
            answer: Duration::from_secs(120),
            change: Duration::from_secs(30),
            early_candidate: Duration::from_secs(60),
            end: Duration::from_secs(2),
            gone: Duration::from_secs(120),
        }
    }
}
