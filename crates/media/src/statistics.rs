//! Figures of a running call.

use std::time::Duration;

/// A snapshot of a call's counters since its start.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
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
    /// Frames rebuilt from the next packet's forward error correction.
    pub frames_recovered: u64,
    /// Level of the last frames sent, dBov (0 is full scale, -127 silence).
    pub level_sent_dbov: f32,
    /// Level of the last frames played, dBov.
    pub level_received_dbov: f32,
    /// What the jitter buffer holds now.
    pub playout_delay: Duration,
    /// Smoothed round trip of the ICE checks, when known.
    pub round_trip: Option<Duration>,
}
