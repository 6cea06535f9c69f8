//! Why a request of the SDP-over-XMPP dialect cannot be read.

/// Why an element is not a request of this dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpcError {
    /// The element is another one.
    #[error("not a <genesys-webrtc xmlns=\"genesys\"/> element")]
    OtherElement,
    /// The text of the element is longer than allowed.
    #[error("the request has {bytes} bytes of text; at most {limit} are read")]
    TooLarge {
        /// The length of the text in bytes.
        bytes: usize,
        /// [`RpcLimits::text`](super::RpcLimits::text).
        limit: usize,
    },
    /// The text is not JSON (or nested beyond reason).
    #[error("the text is not JSON: it breaks off at line {line}, column {column}")]
    NotJson {
        /// Counted from 1.
        line: usize,
        /// Counted from 1.
        column: usize,
    },
    /// A field that the method needs is absent.
    #[error("the field `{field}` is absent")]
    Missing {
        /// The name of the field.
        field: &'static str,
    },
    /// A field holds another kind of value.
    #[error("the field `{field}` is not {expected}")]
    WrongType {
        /// The name of the field.
        field: &'static str,
        /// What it has to be.
        expected: &'static str,
    },
    /// A field is longer than allowed.
    #[error("the field `{field}` has {bytes} bytes; at most {limit} are read")]
    FieldTooLong {
        /// The name of the field.
        field: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The member of [`RpcLimits`](super::RpcLimits) that applies.
        limit: usize,
    },
    /// An id holds a character that no XML stanza can carry back.
    #[error("the field `{field}` holds a character that XML does not allow")]
    NotXmlText {
        /// The name of the field.
        field: &'static str,
    },
    /// The method is none that this crate knows.
    #[error("the method {method:?} is unknown")]
    UnknownMethod {
        /// As the peer wrote it.
        method: String,
    },
    /// The fragment of an `iceCandidate` holds neither a candidate nor the end of candidates.
    #[error("the fragment holds neither `a=candidate:` nor `a=end-of-candidates`")]
    NoCandidate,
}

impl RpcError {
    /// Whether it is about a limit: the request may be well formed, but is more than is taken.
    pub fn is_limit(&self) -> bool {
        match self {
            RpcError::TooLarge { .. } | RpcError::FieldTooLong { .. } => true,
            RpcError::OtherElement
            | RpcError::NotJson { .. }
            | RpcError::Missing { .. }
            | RpcError::WrongType { .. }
            | RpcError::NotXmlText { .. }
            | RpcError::UnknownMethod { .. }
            | RpcError::NoCandidate => false,
        }
    }
}
