//! What goes into a call and what comes out of it: datagrams, sockets, streams, time and events.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::Digit;

/// Names one socket of one call, be it UDP or a stream. The call gives the number out in [`Output::Open`] or
/// [`Output::Connect`]; the shell gives it back with everything that concerns this socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

/// What happened outside.
#[derive(Debug)]
pub enum Input<'a> {
    /// The socket asked for by [`Output::Open`] is bound.
    Opened {
        /// Which one.
        socket: SocketId,
        /// The address and port it is bound to.
        address: SocketAddr,
    },
    /// The stream asked for by [`Output::Connect`] stands, TLS and all.
    Connected {
        /// Which one.
        socket: SocketId,
        /// The address and port of this end.
        local: SocketAddr,
        /// Those of the server.
        remote: SocketAddr,
    },
    /// The socket asked for by [`Output::Open`] could not be bound, the stream asked for by [`Output::Connect`] could not be
    /// connected, or one of them has broken or was closed by the other end.
    Refused {
        /// Which one.
        socket: SocketId,
        /// The operating system's words, for the log.
        reason: String,
    },
    /// What [`Output::Resolve`] asked for.
    Resolved {
        /// The name.
        name: &'a str,
        /// Its addresses, the preferred ones first; none when it has none or could not be asked for.
        addresses: Vec<IpAddr>,
    },
    /// Bytes came in on a stream, cut anyhow.
    Received {
        /// On which stream.
        socket: SocketId,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The network interfaces have changed: these are the local addresses now, in the place of those in
    /// [`CallConfig::addresses`](crate::CallConfig::addresses).
    Addresses(Vec<IpAddr>),
    /// A datagram came in.
    Datagram {
        /// On which socket.
        socket: SocketId,
        /// From whom.
        source: SocketAddr,
        /// Its bytes.
        payload: &'a [u8],
    },
    /// The instant of the last [`Output::Timeout`] has come.
    Timeout,
    /// The machine was suspended, and `now` does not tell. A call whose path is dead ends soon after; one that lives is heard
    /// of again within moments.
    Resumed {
        /// For how long.
        asleep: Duration,
    },
}

/// What is to be done.
#[derive(Debug)]
pub enum Output {
    /// Bind a UDP socket on this address, any port, and answer with [`Input::Opened`] or
    /// [`Input::Refused`].
    Open {
        /// The name of the socket to be.
        socket: SocketId,
        /// The local address to bind.
        address: IpAddr,
    },
    /// Connect a stream to a server, whose name is to be resolved and, for TLS, verified, and answer with
    /// [`Input::Connected`] or [`Input::Refused`].
    Connect {
        /// The name of the stream to be.
        socket: SocketId,
        /// The server's name, or its address.
        host: String,
        /// Its port.
        port: u16,
        /// What runs over TCP.
        security: StreamSecurity,
    },
    /// Resolve a name to its addresses and answer with [`Input::Resolved`]. Each is asked for once.
    Resolve {
        /// The name.
        name: String,
    },
    /// Send a datagram, or write these bytes to a stream: all or none, and none when it is congested.
    Transmit {
        /// From which socket.
        socket: SocketId,
        /// To whom; of a stream, to its other end.
        destination: SocketAddr,
        /// Its bytes.
        payload: Datagram,
    },
    /// Close this socket, after what was sent. Nothing is said of it any more.
    Close {
        /// Which one.
        socket: SocketId,
    },
    /// Something the application should know.
    Event(Event),
    /// Nothing more to do until this instant, when [`Input::Timeout`] is due.
    Timeout(Instant),
}

/// What runs over the TCP connection of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StreamSecurity {
    /// Nothing.
    Plain,
    /// TLS, the server's certificate being verified for its name.
    Tls,
}

/// The bytes of one outgoing datagram.
#[derive(Clone, PartialEq, Eq)]
pub struct Datagram(pub(crate) Vec<u8>);

impl AsRef<[u8]> for Datagram {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl std::ops::Deref for Datagram {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Datagram> for Vec<u8> {
    fn from(datagram: Datagram) -> Self {
        datagram.0
    }
}

impl std::fmt::Debug for Datagram {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Datagram({} bytes)", self.0.len())
    }
}

/// What a call tells the application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A local ICE candidate was found: trickle it to the peer (RFC 8838).
    LocalCandidate {
        /// The mid of the audio section.
        mid: String,
        /// The attribute's text, `candidate:...`, without `a=` and line end.
        candidate: String,
    },
    /// No more local candidates will follow.
    EndOfCandidates,
    /// ICE and DTLS are through: audio flows. Raised once.
    Connected,
    /// Nothing was heard from the peer for about three seconds.
    Interrupted,
    /// The peer is heard again after [`Event::Interrupted`].
    Recovered,
    /// The peer pressed a key of its telephone, and let go of it (RFC 4733).
    Digit {
        /// Which one.
        digit: Digit,
        /// For how long, as far as was heard.
        duration: Duration,
    },
    /// The call is over; nothing follows. Raised at most once.
    Failed(FailureReason),
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum FailureReason {
    /// No media path was found in time.
    #[error(
        "no media path to the peer was found within {seconds} s; check that UDP is allowed between the two addresses"
    )]
    NeverConnected {
        /// How long it was tried.
        seconds: u64,
    },
    /// The path was lost and did not come back.
    #[error("nothing was heard from the peer for {seconds} s; the media path is gone")]
    PathLost {
        /// How long it was silent.
        seconds: u64,
    },
    /// The peer is heard, but answers none of our checks any more (RFC 7675).
    #[error("the peer no longer answers the checks of the media path; it may not hear us")]
    ConsentLost,
    /// The peer closed its end of the media (DTLS close_notify), and no signalling followed.
    #[error("the peer closed the media connection")]
    ClosedByPeer,
    /// The DTLS handshake failed, or its certificate is not the one that was announced.
    #[error("the DTLS handshake failed: {0}")]
    Security(String),
    /// Only relayed candidates are allowed, and no server relays for us.
    #[error("no TURN server relays for this call, and nothing else is allowed: {0}")]
    NoRelay(String),
    /// No socket could be bound.
    #[error("no UDP socket could be opened: {0}")]
    NoSocket(String),
    /// The media engine gave up.
    #[error("the media engine stopped: {0}")]
    Engine(String),
}

/// What became of a remote candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// It is being tried.
    Added,
    /// It is of a kind that is left out on purpose (TCP, `.local`, empty, end of candidates).
    Ignored,
}
