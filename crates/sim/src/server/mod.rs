//! The server's half of one XMPP stream over WebSocket (RFC 7395, RFC 6120), without I/O.
//!
//! One [`Stream`] serves one WebSocket of one account: it negotiates, binds, answers what is meant
//! for the server itself, pings, and hands everything else to its owner to be routed. It can also
//! go wrong on purpose ([`StreamFault`]).
//!
//! After every input, call [`Stream::poll_output`] until it says [`Output::Timeout`].

mod negotiate;
mod services;
mod stream;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use secrecy::SecretString;

pub use stream::Stream;

use crate::config::StreamFault;

/// The pubsub node whose subscription asks for server-side pings.
pub const PINGS_NODE: &str = "enable.server.side.pings";

/// Settings of one stream.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The account that the channel belongs to; no other may sign in.
    pub account: BareJid,
    /// Its token: the SASL password is `authKey:` and this.
    pub token: SecretString,
    /// Time between two server-side pings.
    pub ping_every: Duration,
    /// The UDP address of the STUN server that clients are told of (XEP-0215).
    pub stun: Option<SocketAddr>,
    /// What goes wrong.
    pub fault: Option<StreamFault>,
}

/// What happened outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// A text frame came in.
    Frame(String),
    /// This stanza is for the client. It is dropped while the stream is not bound.
    Deliver(Element),
    /// Close the stream.
    Close,
    /// Close the stream with this error (RFC 6120 section 4.9.3).
    Fail {
        /// The name of the condition element.
        condition: &'static str,
    },
    /// The instant of the last [`Output::Timeout`] has come.
    Timeout,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this text frame.
    Transmit(String),
    /// Something the owner should know.
    Event(Event),
    /// Nothing more to do until this instant, when [`Input::Timeout`] is due.
    Timeout(Instant),
}

/// What a stream tells its owner.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// The client is bound to this address; stanzas can be delivered.
    Bound(FullJid),
    /// The client asked for server-side pings (granted or not): clients do that last, and count as
    /// connected from here on.
    Ready,
    /// A stanza for somebody else. Its `from` is the bound address, whatever the client wrote.
    Stanza {
        /// Whom it is for.
        to: Jid,
        /// The stanza.
        stanza: Element,
    },
    /// The stream is over: send what is left and close the socket. Nothing follows.
    Closed {
        /// Why, in words.
        reason: String,
    },
}
