//! What a `<jingle/>` element asks: the actions of XEP-0166 section 7.2.

use std::{fmt, str::FromStr};

/// The actions of XEP-0166 section 7.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Action {
    /// The contents that were added are taken.
    ContentAccept,
    /// Further contents are offered.
    ContentAdd,
    /// Who sends in a content is to change.
    ContentModify,
    /// The contents that were added are refused.
    ContentReject,
    /// Contents are taken out of the session.
    ContentRemove,
    /// More is said of the application formats, nothing of it up for negotiation.
    DescriptionInfo,
    /// More is said of security.
    SecurityInfo,
    /// The responder takes the session.
    SessionAccept,
    /// Something is said of the session as a whole, such as ringing; see [`Info`](super::Info).
    SessionInfo,
    /// The initiator begins a session.
    SessionInitiate,
    /// The session is over.
    SessionTerminate,
    /// The transport that was to replace another is taken.
    TransportAccept,
    /// More is said of the transports: candidates.
    TransportInfo,
    /// The transport that was to replace another is refused.
    TransportReject,
    /// A transport is to be replaced.
    TransportReplace,
}

impl Action {
    /// All actions, in the order of the XEP.
    pub const ALL: [Action; 15] = [
        Action::ContentAccept,
        Action::ContentAdd,
        Action::ContentModify,
        Action::ContentReject,
        Action::ContentRemove,
        Action::DescriptionInfo,
        Action::SecurityInfo,
        Action::SessionAccept,
        Action::SessionInfo,
        Action::SessionInitiate,
        Action::SessionTerminate,
        Action::TransportAccept,
        Action::TransportInfo,
        Action::TransportReject,
        Action::TransportReplace,
    ];

    /// The action as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::ContentAccept => "content-accept",
            Action::ContentAdd => "content-add",
            Action::ContentModify => "content-modify",
            Action::ContentReject => "content-reject",
            Action::ContentRemove => "content-remove",
            Action::DescriptionInfo => "description-info",
            Action::SecurityInfo => "security-info",
            Action::SessionAccept => "session-accept",
            Action::SessionInfo => "session-info",
            Action::SessionInitiate => "session-initiate",
            Action::SessionTerminate => "session-terminate",
            Action::TransportAccept => "transport-accept",
            Action::TransportInfo => "transport-info",
            Action::TransportReject => "transport-reject",
            Action::TransportReplace => "transport-replace",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the actions of XEP-0166 section 7.2.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Jingle action; use one of XEP-0166 section 7.2, such as `session-initiate`")]
pub struct UnknownAction;

impl FromStr for Action {
    type Err = UnknownAction;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Action::ALL
            .into_iter()
            .find(|action| action.as_str() == text)
            .ok_or(UnknownAction)
    }
}
