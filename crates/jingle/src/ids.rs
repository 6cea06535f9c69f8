//! Names of sessions, conversations, media generations, and of requests in flight.

use std::fmt;

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$meta:meta])* $name:ident) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The id with this text, taken as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text of the id.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), self.0)
            }
        }
    };
}

text_id! {
    /// Names one media session: the `id` of its proposal (XEP-0353), the `sid` of a Jingle session
    /// (XEP-0166 section 7.2), and the `sessionId` of every SDP-over-XMPP stanza.
    SessionId
}

text_id! {
    /// Names a call as the platform sees it: `inin-cid` of a proposal, `conversationId` of an offer, and the `id` that REST
    /// answers and notifications carry.
    ConversationId
}

/// Numbers the media of one session: an offer with new ICE credentials begins the next generation under the same
/// [`SessionId`], a renegotiation of the same media stays in its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Generation(u32);

impl Generation {
    /// The generation that a session's first offer begins.
    pub const FIRST: Generation = Generation(0);

    /// How many generations came before this one.
    pub fn number(self) -> u32 {
        self.0
    }

    pub(crate) fn next(self) -> Generation {
        // A peer would have to send four thousand million offers to saturate this.
        Generation(self.0.saturating_add(1))
    }
}

impl fmt::Display for Generation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// Numbers a request that a session makes of its peer. The parent sends it and returns the outcome under the same number,
/// which is unique within one session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// Numbers a request that the peer makes of a session. The parent chooses it, and finds it again on the reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub u64);
