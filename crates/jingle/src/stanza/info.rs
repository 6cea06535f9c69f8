//! What is said of a session as a whole: informational messages (XEP-0167 section 8) and why it ends (XEP-0166 section 7.4).

use super::Role;
use crate::{Reason, SessionId};

/// The payload of a session-info.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Info {
    /// The responder's phone rings.
    Ringing,
    /// The sender takes part: of a call that was on hold or muted, or whose media have just connected.
    Active,
    /// The sender has put the call on hold.
    Hold,
    /// The sender has taken the call off hold.
    Unhold,
    /// The sender sends no sound from now on.
    Mute {
        /// Together with the name: the content that it is about. XEP-0167 wants it said; a word that is no role counts as unsaid.
        creator: Option<Role>,
        /// Unsaid: all contents.
        name: Option<String>,
    },
    /// The sender sends sound again.
    Unmute {
        /// As of a mute.
        creator: Option<Role>,
        /// As of a mute.
        name: Option<String>,
    },
    /// Anything else, which calls for an `unsupported-info` error.
    Unknown {
        /// The name of the element.
        name: String,
        /// Its namespace.
        namespace: String,
    },
}

/// A `<reason/>`: why a session or a content ends, or is refused (XEP-0166 section 7.4).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The condition. An unknown one, or none, is read as [`Reason::GeneralError`].
    pub reason: Reason,
    /// Of [`Reason::AlternativeSession`]: the session that goes on.
    pub alternative: Option<SessionId>,
    /// `text`: for people to read.
    pub text: Option<String>,
}

impl Farewell {
    /// The condition alone.
    pub fn new(reason: Reason) -> Self {
        Self {
            reason,
            alternative: None,
            text: None,
        }
    }
}

impl From<Reason> for Farewell {
    fn from(reason: Reason) -> Self {
        Self::new(reason)
    }
}
