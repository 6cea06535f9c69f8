//! The vocabulary of IQ exchanges (RFC 6120 section 8.2.3): requests in both directions, their answers and errors.

use std::fmt;

use jid::Jid;
use minidom::Element;

use crate::conditions::{Condition, ErrorKind};

/// The application's name for a request it made; it comes back in [`Event::Response`](crate::Event::Response).
///
/// The stream attaches no meaning to the number and does not require it to be unique.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Token(pub u64);

/// The stream's name for a request of a peer that waits for [`Stream::reply`](crate::Stream::reply).
///
/// It is valid for one reply, on the stream that gave it out or the one that resumed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket(pub(crate) u64);

/// The two kinds of IQ request (RFC 6120 section 8.2.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// Asks for information.
    Get,
    /// Provides data or changes something.
    Set,
}

impl RequestKind {
    /// The value of the `type` attribute.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "get",
            Self::Set => "set",
        }
    }
}

/// Which of the stanzas that wait for the [`SendRate`](crate::SendRate) go first. Within one urgency they keep their
/// order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Urgency {
    /// Before all others: somebody waits, as with the signalling of a call.
    High,
    /// What is neither.
    #[default]
    Normal,
    /// After all others: nobody notices when it comes.
    Low,
}

/// A request of the application to another entity.
///
/// On the wire it carries the bound JID as `from`, an id of the stream's choosing, and the payload.
#[derive(Clone, PartialEq)]
pub struct Request {
    /// Comes back with the outcome.
    pub token: Token,
    /// Who is asked; `None` is the account at its own server.
    pub to: Option<Jid>,
    /// Get or set.
    pub kind: RequestKind,
    /// The one child element of the IQ.
    pub payload: Element,
    /// Its place among the stanzas that wait for the send rate.
    pub urgency: Urgency,
}

/// A request of a peer, for the application to answer with [`Stream::reply`](crate::Stream::reply).
#[derive(Clone, PartialEq)]
pub struct IncomingRequest {
    /// What the reply is addressed with.
    pub ticket: Ticket,
    /// Get or set.
    pub kind: RequestKind,
    /// Who asks; `None` is the account's own server on behalf of the account (RFC 6120 section 8.1.2.1).
    pub from: Option<Jid>,
    /// The one child element of the IQ.
    pub payload: Element,
}

/// How a request of the application ended.
#[derive(Clone, PartialEq)]
pub enum Outcome {
    /// The peer did as asked; with the payload of its answer, if there was one.
    Result(Option<Element>),
    /// The peer refused.
    Error(StanzaError),
    /// No answer came within [`Timeouts::request`](crate::Timeouts::request).
    TimedOut,
    /// The stream ended first: whether the peer received the request is unknown.
    Lost,
}

/// The application's answer to an [`IncomingRequest`].
#[derive(Clone, PartialEq)]
pub enum Reply {
    /// Done, with the payload if the request's protocol has one.
    Result(Option<Element>),
    /// Refused.
    Error(StanzaError),
}

/// A stanza error (RFC 6120 section 8.3).
#[derive(Clone, PartialEq)]
pub struct StanzaError {
    /// What the sender may do about it.
    pub kind: ErrorKind,
    /// The cause.
    pub condition: Condition,
    /// Where else to ask, an XMPP URI as a rule: what [`Condition::Gone`] and [`Condition::Redirect`] say in their text (RFC 6120
    /// section 8.3.3). No other condition has one.
    pub alternative: Option<String>,
    /// The application-specific condition beside it, such as `<unknown-session xmlns="urn:xmpp:jingle:errors:1"/>`.
    pub application: Option<Element>,
    /// Words for a log.
    pub text: Option<String>,
}

impl StanzaError {
    /// An error that says no more than its kind and condition.
    pub fn new(kind: ErrorKind, condition: Condition) -> Self {
        Self {
            kind,
            condition,
            alternative: None,
            application: None,
            text: None,
        }
    }
}

/// The stream is not connected: before [`Event::Connected`](crate::Event::Connected), after
/// [`Stream::close`](crate::Stream::close), or closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the stream is not connected: wait for the Connected event, or open a new stream")]
pub struct NotConnected;

/// Why a request or message was not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// As [`struct@NotConnected`].
    #[error("the stream is not connected: wait for the Connected event, or open a new stream")]
    NotConnected,
    /// As many stanzas wait for the send rate as may.
    #[error("{limit} stanzas already wait for the send rate: make fewer requests")]
    QueueFull {
        /// [`StreamConfig::queue`](crate::StreamConfig::queue).
        limit: usize,
    },
}

/// Why a reply could not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// As [`NotConnected`].
    #[error("the stream is not connected, so the peer cannot be answered any more")]
    NotConnected,
    /// The ticket was already used, or belongs to another stream.
    #[error("no request waits under this ticket: each request is answered once, on the stream it came from")]
    UnknownTicket,
    /// As many stanzas wait for the send rate as may; the ticket stays valid.
    #[error("{limit} stanzas already wait for the send rate: reply again later")]
    QueueFull {
        /// [`StreamConfig::queue`](crate::StreamConfig::queue).
        limit: usize,
    },
}

/// Shows which element it is and nothing of what is in it: payloads carry TURN passwords and SDP.
pub(crate) struct Summary<'a>(pub(crate) &'a Element);

impl fmt::Debug for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns={:?}>", self.0.name(), self.0.ns())
    }
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("token", &self.token)
            .field("to", &self.to)
            .field("kind", &self.kind)
            .field("payload", &Summary(&self.payload))
            .field("urgency", &self.urgency)
            .finish()
    }
}

impl fmt::Debug for IncomingRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IncomingRequest")
            .field("ticket", &self.ticket)
            .field("kind", &self.kind)
            .field("from", &self.from)
            .field("payload", &Summary(&self.payload))
            .finish()
    }
}

impl fmt::Debug for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(payload) => f.debug_tuple("Result").field(&payload.as_ref().map(Summary)).finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
            Self::TimedOut => f.write_str("TimedOut"),
            Self::Lost => f.write_str("Lost"),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Result(payload) => f.debug_tuple("Result").field(&payload.as_ref().map(Summary)).finish(),
            Self::Error(error) => f.debug_tuple("Error").field(error).finish(),
        }
    }
}

impl fmt::Debug for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StanzaError")
            .field("kind", &self.kind)
            .field("condition", &self.condition)
            .field("alternative", &self.alternative)
            .field("application", &self.application.as_ref().map(Summary))
            .field("text", &self.text)
            .finish()
    }
}

impl fmt::Display for StanzaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.condition, self.kind)?;
        match &self.text {
            Some(text) => write!(f, ": {text}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for StanzaError {}
