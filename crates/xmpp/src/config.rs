//! What a [`Stream`](crate::Stream) has to be told before it starts.

use std::{ops::RangeInclusive, time::Duration};

use jid::{BareJid, Jid};
use secrecy::SecretString;

use crate::{Disco, Resumption, frame::Limits};

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
    /// `urn:xmpp:ping` and `disco#info` with a result, the rest with `service-unavailable`.
    pub handled: Vec<Payload>,
    /// How many requests of peers may wait for a reply of the application, and how many stanzas are kept for it until
    /// the stream is connected (256; of the latter no more than fit in one frame of the largest size). A request beyond
    /// it is refused with `resource-constraint`, a message dropped.
    pub backlog: usize,
    /// What a frame from the server may hold.
    pub limits: Limits,
    /// What the client says of itself when it is asked (XEP-0030), and in its presence (XEP-0115).
    pub disco: Disco,
    /// The stream to go on with (XEP-0198 section 5), from [`Stream::into_resumption`](crate::Stream::into_resumption).
    pub resumption: Option<Resumption>,
    /// How fast stanzas are sent.
    pub rate: SendRate,
    /// How many stanzas may wait for the rate, and how many that the server has not acknowledged are kept for a
    /// resumption (1024). A request or message beyond the first is refused; beyond the second the stream goes on, but
    /// cannot be resumed any more.
    pub queue: usize,
    /// The iteration counts that SCRAM accepts (4096, the least that RFC 7677 section 4 allows, to 100 000, which takes
    /// about 50 ms): whoever asks for more keeps the client busy.
    pub scram_iterations: RangeInclusive<u32>,
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
            disco: Disco::default(),
            resumption: None,
            rate: SendRate::default(),
            queue: 1024,
            scram_iterations: 4096..=100_000,
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
    /// None: a guest, by SASL ANONYMOUS (RFC 4505).
    Guest,
    /// A password. Of SCRAM-SHA-256 (RFC 7677), SCRAM-SHA-1 (RFC 5802) and PLAIN the first that the server offers is
    /// used; the user name is the local part of the JID.
    Password(SecretString),
}

/// A token bucket: how many stanzas may be sent at once, and how many a second after that. What is no stanza never waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SendRate {
    /// Stanzas that may follow each other at once (20). Zero counts as one.
    pub burst: u32,
    /// Stanzas a second beyond (25). Zero counts as one.
    pub per_second: u32,
}

impl Default for SendRate {
    fn default() -> Self {
        Self {
            burst: 20,
            per_second: 25,
        }
    }
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
    /// For the answer to a request of the application, from when it was sent (15 s).
    pub request: Duration,
    /// For any frame, where the server agreed to ping (35 s: it pings every 30 s or so).
    pub watchdog: Duration,
    /// From connected, an answered ping or a missed one to the next ping of ours, where the server does not ping (14 s).
    pub ping_every: Duration,
    /// For the answer to such a ping (15 s); the second in a row that is missed ends the stream.
    pub ping: Duration,
    /// For the answer to the ping that is sent when the machine wakes from a suspend (5 s).
    pub wake: Duration,
    /// From a request that the server throttled to its repetition (5 s).
    pub throttled: Duration,
    /// From one list of external services to the next (6 h).
    pub services_refresh: Duration,
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
            watchdog: Duration::from_secs(35),
            ping_every: Duration::from_secs(14),
            ping: Duration::from_secs(15),
            wake: Duration::from_secs(5),
            throttled: Duration::from_secs(5),
            services_refresh: Duration::from_secs(6 * 60 * 60),
            close: Duration::from_secs(5),
        }
    }
}
