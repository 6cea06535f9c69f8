//! A stream between two sockets (XEP-0198 section 5).

use std::{
    fmt,
    time::{Duration, Instant},
};

use jid::FullJid;

use super::session::Session;
use crate::Token;

/// What is needed to go on with a stream whose socket was lost: [`Stream::into_resumption`](crate::Stream::into_resumption)
/// gives it, [`StreamConfig::resumption`](crate::StreamConfig::resumption) takes it.
///
/// In it are the stanzas that the server has not acknowledged or that waited to be sent, the requests that wait for an
/// answer, the requests of peers that wait for a reply, and how many stanzas of the server were handled.
#[derive(Clone)]
pub struct Resumption(pub(super) Box<Session>);

impl Resumption {
    /// The full JID of the stream.
    pub fn jid(&self) -> &FullJid {
        self.0.jid()
    }

    /// How long the server keeps the stream after it noticed that the socket is gone, if it said so.
    pub fn max(&self) -> Option<Duration> {
        self.0.promise()?.max
    }

    /// When the server forgets the stream at the earliest, given when its socket closed.
    pub fn expires(&self, closed_at: Instant) -> Option<Instant> {
        closed_at.checked_add(self.max()?)
    }

    /// Where the server would like to see the client come back: a host with or without a port, or an address.
    pub fn location(&self) -> Option<&str> {
        self.0.promise()?.location.as_deref()
    }

    /// The tokens of the requests that wait in it. A request that is not among them and has had no response was made too
    /// late: the stream never took it.
    pub fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.tokens()
    }

    /// Gives the stream up: the tokens of the requests whose outcome will never be known, in the order in which they were
    /// made. Whether the messages in it arrived is not known either.
    pub fn abandon(self) -> Vec<Token> {
        self.0.abandon().collect()
    }
}

impl fmt::Debug for Resumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resumption")
            .field("jid", self.jid())
            .finish_non_exhaustive()
    }
}
