//! What a [`Stream`](crate::Stream) has to be told before it starts.

use std::time::Duration;

use jid::{BareJid, Jid};
use secrecy::SecretString;

use crate::frame::Limits;

/// Everything one connection attempt needs to know.
#[derive(Debug, Clone)]
pub struct StreamConfig {
    /// The account; its domain is the server that is addressed.
    pub jid: BareJid,
    /// How the account proves who it is.
    pub credentials: Credentials,
    /// The resource to ask for (RFC 6120 section 7). Keep it over reconnects, so that peers find the client again.
    pub resource: String,
    /// The service on which server-side pings are subscribed to.
    pub pubsub: Jid,
    /// IQ payloads that the application answers itself. Any other request is answered by the stream:
    /// `urn:xmpp:ping` with a result, the rest with `service-unavailable`.
    pub handled: Vec<Payload>,
    /// How many requests of peers may wait for a reply of the application, and how many stanzas are kept for it until
    /// the stream is connected (256; of the latter no more than fit in one frame of the largest size). A request beyond
    /// it is refused with `resource-constraint`, a message dropped.
    pub backlog: usize,
    /// What a frame from the server may hold.
    pub limits: Limits,
    /// How long is waited for what.
    pub timeouts: Timeouts,
}

impl StreamConfig {
    /// A configuration with the default limits and timeouts, in which the application answers no requests.
    pub fn new(jid: BareJid, credentials: Credentials, resource: impl Into<String>, pubsub: Jid) -> Self {
        Self {
            jid,
            credentials,
            resource: resource.into(),
            pubsub,
            handled: Vec::new(),
            backlog: 256,
            limits: Limits::default(),
            timeouts: Timeouts::default(),
        }
    }
}

/// How the account proves who it is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Credentials {
    /// An OAuth access token. It is sent by SASL PLAIN (RFC 4616) and by nothing else, whatever the server offers: the
    /// user name is the whole bare JID and the password is `authKey:` with the token behind it.
    Token(SecretString),
}

/// Names an IQ payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Payload {
    /// Local name of the element.
    pub name: &'static str,
    /// Its namespace.
    pub namespace: &'static str,
}

/// How long is waited for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timeouts {
    /// From the start until a resource is bound and the session has started (15 s).
    pub attempt: Duration,
    /// For both lists of external services (15 s); without them the attempt fails.
    pub services: Duration,
    /// For the answer to the subscription to server-side pings (15 s); without it the stream connects all the same.
    pub subscription: Duration,
    /// For the answer to a request of the application (15 s).
    pub request: Duration,
    /// For the server's `<close/>` after ours (5 s).
    pub close: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            attempt: Duration::from_secs(15),
            services: Duration::from_secs(15),
            subscription: Duration::from_secs(15),
            request: Duration::from_secs(15),
            close: Duration::from_secs(5),
        }
    }
}
