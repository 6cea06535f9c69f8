//! What a call needs to know before it starts.

use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::{Codec, IcePolicy, IceServer, Identity};

/// The DTLS versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum DtlsVersion {
    /// Version 1.2 (RFC 6347).
    #[default]
    V1_2,
    /// 1.3 (RFC 9147) where the peer speaks it, else 1.2.
    Auto,
}

/// Settings of one call. Make them with [`new`](Self::new) and change the fields that matter.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CallConfig {
    /// The DTLS certificate; one serves all calls of a process.
    pub identity: Identity,
    /// The local addresses: one UDP socket is asked for on each, and each becomes a host candidate.
    pub addresses: Vec<IpAddr>,
    /// STUN and TURN servers, in the order of preference. None.
    pub servers: Vec<IceServer>,
    /// Which candidates may be used. All.
    pub policy: IcePolicy,
    /// The codecs to use. An offer lists them in this order; an answer takes those of them that are offered, in the offer's
    /// order. [`Codec::ALL`].
    pub codecs: Vec<Codec>,
    /// The Opus encoder's target, bits a second, unless the peer asks for less. 32 000; what is outside of
    /// [`BIT_RATES`](Self::BIT_RATES) counts as the nearest in it.
    pub bitrate: i32,
    /// The Opus encoder's effort, 0 to 10. 5; more is 10.
    pub complexity: i32,
    /// Whether Opus leaves out the pauses of the speaker (RFC 7587 section 3.1.3); it does anyway when the peer asks for it by
    /// `usedtx=1`. Off: recorders and meters like an even stream.
    pub dtx: bool,
    /// Whether what comes in is decoded. If not, [`Call::pull_pcm`](crate::Call::pull_pcm) gives silence,
    /// [`Call::receive_opus`](crate::Call::receive_opus) the packets, and the call needs no memory for decoder and jitter buffer. On.
    pub decode: bool,
    /// The DTLS versions to speak.
    pub dtls: DtlsVersion,
    /// From the answer on, connecting may take this long. 30 s; more than a day is a day.
    pub connect_limit: Duration,
    /// Silence of the peer after which the call is interrupted. 3 s; more than a day is a day.
    pub interrupted_after: Duration,
    /// Silence of the peer after which the call has failed. 15 s; more than a day is a day.
    pub failed_after: Duration,
    /// Playout is at least this much behind the quickest packets, and as much more as the network's jitter and losses ask for. 15 ms;
    /// at most a second.
    pub playout_delay: Duration,
}

impl CallConfig {
    /// From the least for speech of wide band to the most for mono music of full band, bits a second (RFC 7587 section 3.1.1).
    pub const BIT_RATES: RangeInclusive<i32> = 16_000..=64_000;

    /// The defaults, for this certificate and these local addresses.
    pub fn new(identity: Identity, addresses: Vec<IpAddr>) -> Self {
        Self {
            identity,
            addresses,
            servers: Vec::new(),
            policy: IcePolicy::default(),
            codecs: Codec::ALL.to_vec(),
            bitrate: 32_000,
            complexity: 5,
            dtx: false,
            decode: true,
            dtls: DtlsVersion::default(),
            connect_limit: Duration::from_secs(30),
            interrupted_after: Duration::from_secs(3),
            failed_after: Duration::from_secs(15),
            playout_delay: Duration::from_millis(15),
        }
    }
}
