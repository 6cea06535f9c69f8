//! Figures of a running call.

use std::fmt;
use std::time::Duration;

use serde::{Serialize, Serializer};

/// A snapshot of a call's counters since its start.
///
/// As JSON and the like, every field's name ends in its unit (`roundTripMs`, `levelSentDbov`) unless it is a number of things.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Statistics {
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets received.
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// RTP packets that never came, by the sequence numbers.
    pub packets_lost: u64,
    /// Packets that came too late to be played.
    pub packets_late: u64,
    /// Packets that came twice.
    pub packets_duplicate: u64,
    /// Pieces of lost audio, mostly frames, that had to be invented. Pauses of the sender do not count.
    pub frames_concealed: u64,
    /// Frames rebuilt from the redundancy of a later packet, of either kind.
    pub frames_recovered: u64,
    /// Those of them that were rebuilt from deep redundancy.
    pub frames_recovered_deep: u64,
    /// How much sound was invented in place of audio that was lost or late.
    #[serde(rename = "concealedMs", serialize_with = "milliseconds")]
    pub concealed: Duration,
    /// How much sound was left out, unheard, to make up for delay.
    #[serde(rename = "shortenedMs", serialize_with = "milliseconds")]
    pub shortened: Duration,
    /// How much sound was put in, unheard, to gain delay.
    #[serde(rename = "lengthenedMs", serialize_with = "milliseconds")]
    pub lengthened: Duration,
    /// Level of the last frames sent, dBov (0 is full scale, -127 silence).
    pub level_sent_dbov: f32,
    /// Level of the last frames played, dBov.
    pub level_received_dbov: f32,
    /// What the jitter buffer holds now.
    #[serde(rename = "playoutDelayMs", serialize_with = "milliseconds")]
    pub playout_delay: Duration,
    /// How irregularly the peer's packets come in: the interarrival jitter of RFC 3550 section 6.4.1.
    #[serde(rename = "jitterMs", serialize_with = "milliseconds")]
    pub jitter: Duration,
    /// The share of our packets that the peer reports as lost of late, 0 to 1, when it reports.
    pub loss_reported_fraction: Option<f32>,
    /// Round trip of the last answered ICE check, when known.
    #[serde(rename = "roundTripMs", serialize_with = "maybe_milliseconds")]
    pub round_trip: Option<Duration>,
    /// The kind of our candidate on the path in use.
    pub local_candidate: Option<CandidateType>,
    /// The kind of the peer's candidate on the path in use.
    pub remote_candidate: Option<CandidateType>,
    /// The version of DTLS on which the two sides agreed.
    pub dtls_version: Option<DtlsProtocol>,
    /// What a listener would say of what is heard, estimated from the delay and from how much was invented: the transmission rating R of
    /// the E-model, 0 to 93.2 (ITU-T G.107). None before anything was played, and where packets are handed on undecoded.
    pub r_factor: Option<f32>,
    /// The same as a mean opinion score, 1 to 4.5 (ITU-T G.107 annex B).
    pub mos: Option<f32>,
    /// How many times the call was interrupted.
    pub interruptions: u32,
    /// How long it was interrupted in all, up to now.
    #[serde(rename = "interruptedMs", serialize_with = "milliseconds")]
    pub interrupted: Duration,
    /// How the call came up.
    pub setup: SetupTimes,
}

/// When the steps of connecting were done, each counted from the call's beginning: the offer being
/// accepted, or made. A step that has not been done has no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct SetupTimes {
    /// All local candidates were known.
    #[serde(rename = "gatheredMs", serialize_with = "maybe_milliseconds")]
    pub gathered: Option<Duration>,
    /// The first ICE check was sent.
    #[serde(rename = "firstCheckMs", serialize_with = "maybe_milliseconds")]
    pub first_check: Option<Duration>,
    /// ICE had found a path.
    #[serde(rename = "iceMs", serialize_with = "maybe_milliseconds")]
    pub ice: Option<Duration>,
    /// The DTLS handshake was done.
    #[serde(rename = "dtlsMs", serialize_with = "maybe_milliseconds")]
    pub dtls: Option<Duration>,
    /// The first audio packet was sent.
    #[serde(rename = "firstSentMs", serialize_with = "maybe_milliseconds")]
    pub first_sent: Option<Duration>,
    /// The first audio packet of the peer came in.
    #[serde(rename = "firstReceivedMs", serialize_with = "maybe_milliseconds")]
    pub first_received: Option<Duration>,
}

/// The kinds of ICE candidates (RFC 8445 section 5.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum CandidateType {
    /// An address of the machine.
    #[serde(rename = "host")]
    Host,
    /// What a STUN server sees of it.
    #[serde(rename = "srflx")]
    ServerReflexive,
    /// What the peer sees of it, learned from a check.
    #[serde(rename = "prflx")]
    PeerReflexive,
    /// An address of a TURN server.
    #[serde(rename = "relay")]
    Relayed,
}

impl CandidateType {
    /// The word of SDP (RFC 8839 section 5.1).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }
}

impl fmt::Display for CandidateType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A version of DTLS that two sides agreed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum DtlsProtocol {
    /// RFC 6347.
    #[serde(rename = "1.2")]
    V1_2,
    /// RFC 9147.
    #[serde(rename = "1.3")]
    V1_3,
}

impl DtlsProtocol {
    /// Its number.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V1_2 => "1.2",
            Self::V1_3 => "1.3",
        }
    }
}

impl fmt::Display for DtlsProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// To a tenth of a millisecond: a finer clock would only make the numbers longer.
fn in_milliseconds(duration: &Duration) -> f64 {
    (duration.as_secs_f64() * 10_000.0).round() / 10.0
}

fn milliseconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(in_milliseconds(duration))
}

fn maybe_milliseconds<S: Serializer>(duration: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    duration.as_ref().map(in_milliseconds).serialize(serializer)
}
