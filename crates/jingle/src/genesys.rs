//! SDP over XMPP: the dialect in which Genesys Cloud gateways speak of a session, JSON-RPC 2.0 shaped requests in an element of an
//! IQ set. No JSON-RPC response exists; the IQ result is the only acknowledgement.
//!
//! This is the one module of the crate that only one vendor's platform needs. [`Rpc::parse`] and [`Rpc::to_element`] serve both
//! ends: the names and the order of what is written are those of the platform's own client.

mod error;
mod fragment;
mod read;
mod write;

#[cfg(test)]
mod tests;

use minidom::Element;

pub use error::RpcError;
pub(crate) use fragment::{is_candidate, is_mid};

use crate::{ConversationId, Reason, SessionId};

/// The name of the element.
pub const NAME: &str = "genesys-webrtc";
/// The namespace of the element.
pub const NAMESPACE: &str = "genesys";

/// One request: what it asks, and the id that tells its repetitions from new requests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rpc {
    /// The JSON-RPC `id`. A number is read as its decimal text; an absent or `null` one (a JSON-RPC notification) as the empty
    /// text, which equals no other id.
    pub id: String,
    /// The method and its parameters.
    pub method: Method,
}

/// The methods of the dialect, each with its parameters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Method {
    /// `offer`, by the gateway: begins a session, or renews the media of a live one.
    Offer {
        /// `sessionId`.
        session: SessionId,
        /// `conversationId`.
        conversation: Option<ConversationId>,
        /// The whole offer, without candidates.
        sdp: String,
        /// `reinvite`: the gateway means new media under the known session id.
        reinvite: bool,
    },
    /// `answer`, by the client.
    Answer {
        /// `sessionId`.
        session: SessionId,
        /// The whole answer, without candidates.
        sdp: String,
    },
    /// `iceCandidate`, by both: one trickled candidate (RFC 8838).
    Candidate {
        /// `sessionId`.
        session: SessionId,
        /// The media description that the candidate is for, if the fragment says so.
        mid: Option<String>,
        /// The value of the `a=` line: `candidate:...`.
        candidate: String,
    },
    /// `iceCandidate` whose fragment says `a=end-of-candidates` (RFC 8840 section 4.4).
    EndOfCandidates {
        /// `sessionId`.
        session: SessionId,
    },
    /// `info`, by the client: the state of its media.
    Info {
        /// `sessionId`.
        session: SessionId,
        /// `active` whenever ICE becomes connected.
        status: String,
    },
    /// `terminate`, by both.
    Terminate {
        /// `sessionId`.
        session: SessionId,
        /// Absent is read as [`Reason::Success`], an unknown word as [`Reason::GeneralError`].
        reason: Reason,
    },
    /// `mute`, by the client: it sends no sound from now on.
    Mute {
        /// `sessionId`.
        session: SessionId,
        /// `type`: the kind of media, `audio`.
        media: String,
    },
    /// `unmute`, by the client.
    Unmute {
        /// `sessionId`.
        session: SessionId,
        /// `type`: the kind of media, `audio`.
        media: String,
    },
}

/// The sizes up to which a request is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RpcLimits {
    /// The JSON text, in bytes: 256 KiB unless told otherwise.
    pub text: usize,
    /// An `sdp` parameter of an offer or answer, in bytes: 64 KiB unless told otherwise.
    pub sdp: usize,
    /// An `sdp` parameter of a candidate, in bytes: 4 KiB unless told otherwise.
    pub candidate: usize,
    /// Any other text (ids, method, status, reason), in bytes: 1 KiB unless told otherwise.
    pub word: usize,
}

impl Default for RpcLimits {
    fn default() -> Self {
        Self {
            text: 256 * 1024,
            sdp: 64 * 1024,
            candidate: 4 * 1024,
            word: 1024,
        }
    }
}

impl Rpc {
    /// Reads the element, with the default [`RpcLimits`].
    ///
    /// # Errors
    /// [`RpcError`], if the element is none of this dialect, too large, or does not have the shape of a known method.
    pub fn parse(element: &Element) -> Result<Self, RpcError> {
        Self::parse_within(element, &RpcLimits::default())
    }

    /// Reads the element, with these limits.
    ///
    /// # Errors
    /// As [`Rpc::parse`].
    pub fn parse_within(element: &Element, limits: &RpcLimits) -> Result<Self, RpcError> {
        read::rpc(element, limits)
    }

    /// Writes the element, as the payload of an IQ set. Every line of SDP in it ends in CRLF, whatever it was given with.
    pub fn to_element(&self) -> Element {
        write::element(self)
    }

    /// The session that the request speaks of.
    pub fn session(&self) -> &SessionId {
        self.method.session()
    }
}

impl Method {
    /// The session that the method speaks of.
    pub fn session(&self) -> &SessionId {
        match self {
            Method::Offer { session, .. }
            | Method::Answer { session, .. }
            | Method::Candidate { session, .. }
            | Method::EndOfCandidates { session }
            | Method::Info { session, .. }
            | Method::Terminate { session, .. }
            | Method::Mute { session, .. }
            | Method::Unmute { session, .. } => session,
        }
    }

    /// The method as it is named on the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Method::Offer { .. } => "offer",
            Method::Answer { .. } => "answer",
            Method::Candidate { .. } | Method::EndOfCandidates { .. } => "iceCandidate",
            Method::Info { .. } => "info",
            Method::Terminate { .. } => "terminate",
            Method::Mute { .. } => "mute",
            Method::Unmute { .. } => "unmute",
        }
    }
}
