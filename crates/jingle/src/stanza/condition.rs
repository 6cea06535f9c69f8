//! What an error reply says beyond the conditions of XMPP (XEP-0166 section 10).

use minidom::Element;

use super::ns;

/// The conditions that Jingle adds to those of RFC 6120 in the error reply to a request (XEP-0166 section 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum JingleCondition {
    /// The request cannot occur at this point of the session; with `unexpected-request`.
    OutOfOrder,
    /// Both parties asked for what only one can have, and the other one's request goes first; with `conflict`.
    TieBreak,
    /// The request names a content that the session does not have; with `item-not-found`. Of no XEP, but what clients send.
    UnknownContent,
    /// The request names a session that the recipient does not have; with `item-not-found`.
    UnknownSession,
    /// The payload of a session-info is not understood; with `feature-not-implemented`.
    UnsupportedInfo,
    /// What was sent in the clear belongs into an encrypted channel (section 9); with `not-acceptable`.
    SecurityRequired,
}

impl JingleCondition {
    /// All conditions.
    pub const ALL: [JingleCondition; 6] = [
        JingleCondition::OutOfOrder,
        JingleCondition::TieBreak,
        JingleCondition::UnknownContent,
        JingleCondition::UnknownSession,
        JingleCondition::UnsupportedInfo,
        JingleCondition::SecurityRequired,
    ];

    /// The condition as it is named on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            JingleCondition::OutOfOrder => "out-of-order",
            JingleCondition::TieBreak => "tie-break",
            JingleCondition::UnknownContent => "unknown-content",
            JingleCondition::UnknownSession => "unknown-session",
            JingleCondition::UnsupportedInfo => "unsupported-info",
            JingleCondition::SecurityRequired => "security-required",
        }
    }

    /// Reads the condition's own element; `None` if it is another one.
    pub fn from_element(element: &Element) -> Option<Self> {
        if element.ns() != ns::ERRORS {
            return None;
        }
        let mut all = Self::ALL.into_iter();
        all.find(|condition| condition.as_str() == element.name())
    }

    /// Reads the condition out of an `<error/>` element, whose child it is.
    pub fn of_error(error: &Element) -> Option<Self> {
        error.children().find_map(Self::from_element)
    }

    /// Writes the condition's own element, which goes into the `<error/>` beside the condition of RFC 6120.
    pub fn to_element(self) -> Element {
        Element::bare(self.as_str(), ns::ERRORS)
    }
}
