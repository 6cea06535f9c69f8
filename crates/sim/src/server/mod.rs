//! The server's half of one XMPP stream over WebSocket (RFC 7395, RFC 6120), without I/O.
//!
//! One [`Stream`] serves one WebSocket of one account: it negotiates, binds, answers what is meant
//! for the server itself, pings, and hands everything else to its owner to be routed. It can also
//! go wrong on purpose ([`StreamFault`]).
//!
//! After every input, call [`Stream::poll_output`] until it says [`Output::Timeout`].

mod management;
mod negotiate;
mod services;
mod stream;
mod switchboard;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use secrecy::SecretString;

pub use management::Resumable;
pub use stream::Stream;
pub use switchboard::{ExternalService, Switchboard};

use crate::faults::StreamFault;

/// The pubsub node whose subscription asks for server-side pings.
pub const PINGS_NODE: &str = "enable.server.side.pings";

/// Settings of one stream.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The account that the channel belongs to; no other may sign in.
    pub account: BareJid,
    /// Its tokens: the SASL password is `authKey:` and one of these.
    pub tokens: Vec<SecretString>,
    /// Time between two server-side pings.
    pub ping_every: Duration,
    /// The external services, throttling and rejected topics, which can change at any time.
    pub switchboard: Switchboard,
    /// For how long it can be resumed when its socket is lost (XEP-0198); `None` offers no stream
    /// management.
    pub resumable: Option<Duration>,
    /// What goes wrong.
    pub fault: Option<StreamFault>,
}

/// What happened outside.
#[derive(Debug)]
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
        condition: String,
    },
    /// The answer to [`Event::Resume`]: what is left of that stream, if anything.
    Resumed(Option<Resumable>),
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
    /// The stream can be resumed by this id from now on.
    Resumable {
        /// The id.
        id: String,
    },
    /// The client wants to resume the stream with this id; [`Input::Resumed`] is the answer.
    Resume {
        /// The id.
        id: String,
    },
    /// The client asked for server-side pings (granted or not): clients do that last, and count as
    /// connected from here on.
    Ready,
    /// The client subscribed to this topic by the pubsub service.
    Subscribed {
        /// The pubsub node, which is the topic.
        node: String,
    },
    /// The client gave up a subscription.
    Unsubscribed {
        /// The pubsub node, which is the topic.
        node: String,
    },
    /// The client answered a request of the server's, whether with a result or an error.
    Answered {
        /// The request's id.
        id: String,
    },
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
