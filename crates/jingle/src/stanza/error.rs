//! Why a `<jingle/>` element cannot be read.

/// Why an element is no request of Jingle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JingleError {
    /// The element is another one.
    #[error("not a <jingle xmlns=\"urn:xmpp:jingle:1\"/> element")]
    OtherElement,
    /// The action is none of XEP-0166 section 7.2.
    #[error("the action {action:?} is unknown")]
    UnknownAction {
        /// As the peer wrote it.
        action: String,
    },
    /// An attribute that cannot be done without is absent or empty.
    #[error("<{element}/> has no attribute `{attribute}`")]
    Missing {
        /// The name of the element.
        element: &'static str,
        /// The name of the attribute.
        attribute: &'static str,
    },
    /// An attribute does not have the form that it needs.
    #[error("the attribute `{attribute}` of <{element}/> is not {expected}")]
    Malformed {
        /// The name of the element.
        element: &'static str,
        /// The name of the attribute.
        attribute: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// An element whose text is the point of it has none.
    #[error("<{element}/> is empty")]
    Empty {
        /// The name of the element.
        element: &'static str,
    },
    /// Two contents have the same creator and name.
    #[error("the content {name:?} occurs twice")]
    RepeatedContent {
        /// Their name.
        name: String,
    },
    /// A description or transport of another kind has something in a namespace that belongs to XML itself, and could not be written
    /// again.
    #[error("an element is in a namespace that belongs to XML itself")]
    ReservedNamespace,
    /// A list is longer than allowed.
    #[error("more than {limit} {what}")]
    TooMany {
        /// What there are too many of.
        what: &'static str,
        /// The member of [`JingleLimits`](super::JingleLimits) that applies.
        limit: usize,
    },
    /// A text is longer than allowed.
    #[error("{what} has {bytes} bytes; at most {limit} are read")]
    TooLong {
        /// What is too long: the name of the attribute or element.
        what: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The member of [`JingleLimits`](super::JingleLimits) that applies.
        limit: usize,
    },
}

impl JingleError {
    /// Whether the element is sound but larger than this side takes (`resource-constraint`), rather than broken (`bad-request`).
    pub fn is_limit(&self) -> bool {
        match self {
            JingleError::TooMany { .. } | JingleError::TooLong { .. } => true,
            JingleError::OtherElement
            | JingleError::UnknownAction { .. }
            | JingleError::Missing { .. }
            | JingleError::Malformed { .. }
            | JingleError::Empty { .. }
            | JingleError::RepeatedContent { .. }
            | JingleError::ReservedNamespace => false,
        }
    }
}
