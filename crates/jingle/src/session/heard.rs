//! What the peer says and what we say, whatever the dialect. The dialects ([`rpc`](super::rpc), [`jingle`](super::jingle)) turn
//! stanzas into the one and the other into stanzas; the session itself knows no stanza.

use minidom::Element;

use super::{SessionEvent, early::Trickled, terms::Side};
use crate::{
    ConversationId,
    genesys::{Method, Rpc},
    stanza::{Action, Farewell, Jingle},
};

/// What the peer says.
#[derive(Debug)]
pub(super) enum Heard {
    Offer(Box<HeardOffer>),
    Answer {
        /// Of what kind of offer.
        change: Change,
        remote: Side,
        sdp: String,
        action: Action,
    },
    /// It does not take our offer.
    Declined {
        change: Change,
        action: Action,
    },
    Trickled(Vec<Trickled>),
    News(SessionEvent),
    Terminate(Farewell),
    /// It removed the last content, which leaves a session of nothing.
    Emptied,
    /// It asked for something that can be declined at once, with these words.
    Unacceptable(Words),
    /// To be acknowledged; it means nothing here.
    Nothing,
}

/// An offer of the peer.
#[derive(Debug)]
pub(super) struct HeardOffer {
    /// By which repetitions are known; empty if there is no such name.
    pub(super) mark: String,
    pub(super) conversation: Option<ConversationId>,
    pub(super) sdp: String,
    pub(super) change: Change,
    /// All that the peer says of its side, this offer included.
    pub(super) remote: Side,
    /// Candidates that came with it.
    pub(super) trickled: Vec<Trickled>,
    /// The whole stanza, where a mark does not tell repetitions.
    pub(super) stanza: Option<Element>,
}

/// What an offer is about, and so how it is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// The session itself: `session-initiate`, or any offer of SDP over XMPP.
    Session,
    /// More contents, by these names: `content-add`.
    Contents(Vec<String>),
    /// Another transport: `transport-replace`.
    Transport,
    /// New ICE credentials for the same transport: `transport-info`, answered by the same.
    Restart,
    /// What needs no answer beyond its acknowledgement: `content-modify`, `content-remove`, `description-info`.
    Terms,
}

impl Change {
    /// Whether an answer about the other is one about this: that takes the same kind.
    pub(super) fn is_answered_by(&self, other: &Change) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

/// One thing to say to the peer, before it gets its number.
#[derive(Debug, Clone)]
pub(super) enum Words {
    Rpc(Method),
    Jingle(Jingle),
}

impl Words {
    /// With an id for the dialect that has one of its own.
    pub(super) fn element(self, id: impl FnOnce() -> String) -> Element {
        match self {
            Words::Rpc(method) => Rpc { id: id(), method }.to_element(),
            Words::Jingle(jingle) => jingle.to_element(),
        }
    }
}
