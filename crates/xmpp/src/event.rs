//! What goes into a [`Stream`](crate::Stream) and what comes out of it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use jid::{FullJid, Jid};
use minidom::Element;

use crate::{CloseReason, Frame, IncomingRequest, Outcome, Service, ServicesError, Token, stanza::Summary};

/// What happened outside.
#[derive(Clone, PartialEq, Eq)]
pub enum Input {
    /// A WebSocket text message arrived.
    Frame(String),
    /// The WebSocket is gone, by its closing handshake or without one.
    SocketClosed {
        /// The status code of the WebSocket close frame, if there was one (RFC 6455 section 7.4).
        code: Option<u16>,
        /// The reason in the close frame, or the cause as the operating system names it.
        reason: String,
    },
    /// The instant of [`Output::Timeout`] has come. Calling early or late does no harm.
    Timeout,
    /// The machine was suspended and runs again.
    Resumed {
        /// How long it slept.
        asleep: Duration,
    },
}

/// What to do now.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this as one WebSocket text message.
    Transmit(Frame),
    /// Tell the application.
    Event(Event),
    /// Nothing more until then: call [`Stream::handle_input`](crate::Stream::handle_input) with [`Input::Timeout`] at
    /// this instant, or with another input before.
    Timeout(Instant),
}

/// What the application learns.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The stream is ready for use: authenticated, bound, external services known, keepalive agreed.
    Connected(Connected),
    /// A message arrived.
    Message(Message),
    /// A peer asks something that the application said it answers itself
    /// ([`StreamConfig::handled`](crate::StreamConfig::handled)).
    Request(IncomingRequest),
    /// A request of the application has ended; exactly one for each accepted
    /// [`Stream::request`](crate::Stream::request). If the stream ended in a way that can be resumed, the response comes
    /// from the stream that resumes it, or the request is among those of
    /// [`Resumption::abandon`](crate::Resumption::abandon).
    Response {
        /// The token of the request.
        token: Token,
        /// How it ended.
        outcome: Outcome,
    },
    /// The external services were asked for again and have come; TURN services first, then STUN.
    Services(Vec<Service>),
    /// The external services were asked for again, in vain. Those known before stay in use; the next try is made after
    /// [`Timeouts::services_refresh`](crate::Timeouts::services_refresh) or on demand.
    ServicesFailed(ServicesError),
    /// The stream has ended; exactly once, and the last event. Close the WebSocket once everything before is sent, and
    /// ask [`Stream::into_resumption`](crate::Stream::into_resumption) for what can be gone on with.
    Closed(CloseReason),
}

/// The facts of a connected stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Connected {
    /// The full JID that the server bound; its resource may differ from the one asked for.
    pub jid: FullJid,
    /// TURN services first, then STUN, each in the server's order; none if the stream was resumed, and then those known
    /// before stay in use.
    pub services: Vec<Service>,
    /// Whether the server agreed to ping (the pubsub node `enable.server.side.pings`).
    pub server_pings: bool,
    /// Whether the stream before goes on: nothing was lost, and what hangs on that stream at the server still does.
    pub resumed: bool,
}

/// A message stanza that is not an error.
#[derive(Clone, PartialEq)]
pub struct Message {
    /// The sender; `None` is the account's own server (RFC 6120 section 8.1.2.1).
    pub from: Option<Jid>,
    /// The child elements.
    pub payloads: Vec<Element>,
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frame(text) => write!(f, "Frame({} bytes)", text.len()),
            Self::SocketClosed { code, reason } => f
                .debug_struct("SocketClosed")
                .field("code", code)
                .field("reason", reason)
                .finish(),
            Self::Timeout => f.write_str("Timeout"),
            Self::Resumed { asleep } => f.debug_struct("Resumed").field("asleep", asleep).finish(),
        }
    }
}

impl fmt::Debug for Message {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Message")
            .field("from", &self.from)
            .field("payloads", &self.payloads.iter().map(Summary).collect::<Vec<_>>())
            .finish()
    }
}
