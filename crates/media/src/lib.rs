//! One WebRTC audio call without I/O: ICE, DTLS-SRTP, Opus and G.711 over [str0m].
//!
//! A [`Call`] is one peer connection with one audio stream. It answers an offer (or makes one),
//! trickles its candidates, connects, turns 20 ms frames of 48 kHz mono PCM into packets and
//! packets into frames, and says when the path is interrupted, recovered or lost. It opens no
//! socket, starts no thread and reads no clock: datagrams, time and randomness are given to it,
//! and what it wants done comes out of [`Call::poll_output`]. So thousands fit into one process,
//! and a test runs an hour of call in seconds.
//!
//! ```
//! use std::net::{Ipv4Addr, SocketAddr};
//! use std::time::{Duration, Instant};
//!
//! use offhook_media::{Call, CallConfig, Event, FRAME_SAMPLES, Identity, Input, Output};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut now = Instant::now();
//! let config = CallConfig::new(Identity::generate()?, vec![Ipv4Addr::LOCALHOST.into()]);
//! let (gateway, offer) = Call::offerer(config.clone(), [1; 32], now);
//! let (phone, answer) = Call::answerer(config, &offer, [2; 32], now)?;
//! let mut calls = [gateway, phone];
//! calls[0].accept_answer(now, &answer)?;
//!
//! let address = |call: usize| SocketAddr::from((Ipv4Addr::LOCALHOST, 40_000 + call as u16));
//! let mut sockets = Vec::new();
//! let mut connected = 0;
//! while connected < 2 {
//!     for one in 0..2 {
//!         let other = 1 - one;
//!         loop {
//!             match calls[one].poll_output() {
//!                 // Where a shell binds a UDP socket, ...
//!                 Output::Open { socket, .. } => {
//!                     sockets.push((one, socket));
//!                     calls[one].handle_input(now, Input::Opened { socket, address: address(one) });
//!                 }
//!                 // ... sends to the network, ...
//!                 Output::Transmit { payload, .. } => {
//!                     for (_, socket) in sockets.iter().filter(|(call, _)| *call == other) {
//!                         let (socket, source) = (*socket, address(one));
//!                         calls[other].handle_input(now, Input::Datagram { socket, source, payload: &payload });
//!                     }
//!                 }
//!                 // ... and trickles candidates through the signalling.
//!                 Output::Event(Event::LocalCandidate { candidate, .. }) => {
//!                     calls[other].add_remote_candidate(now, &candidate)?;
//!                 }
//!                 Output::Event(Event::Connected) => connected += 1,
//!                 Output::Event(_) => {}
//!                 // Only with STUN and TURN servers, or when interfaces change.
//!                 Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {}
//!                 Output::Timeout(_) => break,
//!             }
//!         }
//!         calls[one].handle_input(now, Input::Timeout);
//!     }
//!     now += Duration::from_millis(5);
//! }
//! calls[0].push_pcm(now, &[1_000; FRAME_SAMPLES]);
//! # Ok(())
//! # }
//! ```
//!
//! # What is done, and what is not
//!
//! | document | state |
//! |---|---|
//! | RFC 8866 SDP, RFC 8829 JSEP | offers read leniently, answers written in the offer's terms; one audio section, all others declined; later offers change a running call: directions ([`Direction`]), payload numbers, credentials |
//! | RFC 8445 ICE, RFC 8838 trickle, RFC 8839 | host, server reflexive and relayed candidates, peer reflexive ones discovered; new ones when interfaces change; the policies `all` and `relay`; restarts by either side, during which the old path plays on |
//! | RFC 8489 STUN, RFC 7064 | Binding over UDP, without authentication; `stuns:` is asked like `stun:` |
//! | RFC 8656 TURN, RFC 7065 | allocations over UDP, TCP and TLS with long-term credentials (401, 438), refreshed, given back at the end and made anew after 437, a broken stream or a silent server; permissions, channels. One address of the server's family; no ALTERNATE-SERVER, no TCP to peers (RFC 6062) |
//! | RFC 8842, RFC 5763, RFC 5764 DTLS-SRTP | DTLS 1.2, or 1.3 by configuration, with ECDSA certificates, fingerprints by sha-256 (sha-1 when the peer has no other); peers with RSA certificates are not supported by the backend and end as [`FailureReason::Security`] |
//! | RFC 3550 RTP and RTCP, RFC 5761 | one stream in each direction; the peer's SSRC is learned from its packets and may change |
//! | RFC 6716, RFC 7587 Opus | 48 kHz mono, 10, 20, 40 or 60 ms sent as the peer's `ptime` and `maxptime` ask, any length received, stereo as mono, in-band FEC both ways, loss concealment by a trained network; the peer's `useinbandfec`, `usedtx`, `cbr` and `maxaveragebitrate` are honoured. Deep redundancy (DRED) is decoded from everybody, and sent, where losses are bursty or many, to peers whose description says `x-dred=12`: our own. Ready-made packets go out ([`Call::send_opus`], [`OpusClip`]), and come out ([`Call::receive_opus`]), without a codec |
//! | RFC 3551 PCMU and PCMA (G.711) | packets as long as those of Opus sent, any length up to 120 ms received, resampled from and to 48 kHz, lost packets concealed; each side sends the first format of the other's description that it knows, and takes every one that both descriptions name |
//! | RFC 4733 telephone-event | digits both ways, at 8 and 48 kHz: sent for 100 ms each with their ends three times, told once each with their duration; no other events, no tones in the audio itself |
//! | RFC 7675 consent | proved by answers to our own checks, one a second; a peer that answers none for half a minute ends the call, and in silence that long nothing but checks is sent |
//!
//! # Randomness
//!
//! The seed decides ICE credentials, SSRC, names and first numbers. str0m draws transaction ids
//! and the like from `fastrand`, which is one generator for each **thread**: simulations that
//! want the same events every time run one per thread and compare events, not bytes.
//! TURN transactions have ids from the system's generator.
//! [`Identity::generate`] uses the crypto library's own randomness.
//!
//! [str0m]: https://docs.rs/str0m

mod call;
mod candidate;
mod checks;
mod clip;
mod codec;
mod config;
mod digits;
mod dtls;
mod error;
mod fade;
#[doc(hidden)]
pub mod fuzzing;
mod gather;
mod handover;
mod identity;
mod io;
pub mod jitter;
mod level;
mod listening;
mod outgoing;
mod path;
mod playout;
mod rating;
mod sdp;
mod servers;
mod statistics;

pub use call::{Call, Change};
pub use clip::{ClipError, OpusClip};
pub use codec::Codec;
pub use config::{CallConfig, DtlsVersion};
pub use digits::{Digit, DigitsError};
pub use error::{AnswerError, CandidateError, ChangeError, OfferError, OfferErrorKind, ReofferError, SendOpusError};
pub use handover::ReceivedPacket;
pub use identity::{Identity, IdentityError};
pub use io::{Applied, Datagram, Event, FailureReason, Input, Output, SocketId, StreamSecurity};
pub use sdp::Direction;
pub use servers::{IcePolicy, IceServer, ServerError, ServerKind, TurnTransport};
pub use statistics::{CandidateType, DtlsProtocol, SetupTimes, Statistics};

/// Samples a second of every PCM frame, and the clock of the RTP stream.
pub const SAMPLE_RATE: u32 = 48_000;

/// Samples in one frame: 20 ms of mono.
pub const FRAME_SAMPLES: usize = 960;

/// Twenty milliseconds of 48 kHz mono PCM.
pub type Frame = [i16; FRAME_SAMPLES];
