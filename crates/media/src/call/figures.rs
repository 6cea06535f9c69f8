//! What a call measures on its way: packets, times, the path in use.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use str0m::CandidateKind;

use crate::checks::Way;
use crate::statistics::{CandidateType, DtlsProtocol, SetupTimes};
use crate::{SAMPLE_RATE, Statistics};

/// Candidates whose kinds are remembered, each side's.
const MOST: usize = 100;

/// The figures of one call.
#[derive(Debug)]
pub(super) struct Figures {
    since: Instant,
    packets: u64,
    bytes: u64,
    round_trip: Option<Duration>,
    loss_reported: Option<f32>,
    dtls_version: Option<DtlsProtocol>,
    jitter: Jitter,
    setup: SetupTimes,
    interruptions: u32,
    interrupted: Duration,
    interrupted_since: Option<Instant>,
    local: Vec<(SocketAddr, CandidateType)>,
    remote: Vec<(SocketAddr, CandidateType)>,
    /// The addresses that our media last went between.
    path: Option<Way>,
}

/// Interarrival jitter (RFC 3550 section 6.4.1 and appendix A.8), in seconds.
#[derive(Debug, Default)]
struct Jitter {
    last: Option<(Instant, u32)>,
    seconds: f64,
}

impl Jitter {
    fn arrived(&mut self, now: Instant, timestamp: u32, clock: u32) {
        if let Some((then, former)) = self.last {
            let apart = f64::from(timestamp.wrapping_sub(former) as i32) / f64::from(clock);
            let passed = now.saturating_duration_since(then).as_secs_f64();
            // A pause of the sender, or numbers that begin anew, say nothing of the network.
            if apart.abs() < 1.0 && passed < 1.0 {
                self.seconds += ((passed - apart).abs() - self.seconds) / 16.0;
            }
        }
        self.last = Some((now, timestamp));
    }
}

impl Figures {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            since: now,
            packets: 0,
            bytes: 0,
            round_trip: None,
            loss_reported: None,
            dtls_version: None,
            jitter: Jitter::default(),
            setup: SetupTimes::default(),
            interruptions: 0,
            interrupted: Duration::ZERO,
            interrupted_since: None,
            local: Vec::new(),
            remote: Vec::new(),
            path: None,
        }
    }

    /// A packet came; with audio in it, of this timestamp at 48 kHz.
    pub(super) fn received(&mut self, now: Instant, bytes: usize, timestamp: Option<u32>) {
        self.packets += 1;
        self.bytes += bytes as u64;
        if let Some(timestamp) = timestamp {
            self.jitter.arrived(now, timestamp, SAMPLE_RATE);
        }
        let first = &mut self.setup.first_received;
        first.get_or_insert(now.saturating_duration_since(self.since));
    }

    pub(super) fn sent(&mut self, now: Instant) {
        let first = &mut self.setup.first_sent;
        first.get_or_insert(now.saturating_duration_since(self.since));
    }

    pub(super) fn ice(&mut self, now: Instant) {
        let first = &mut self.setup.ice;
        first.get_or_insert(now.saturating_duration_since(self.since));
    }

    /// One of our checks, sent then, was answered.
    pub(super) fn round_trip(&mut self, now: Instant, sent: Instant) {
        self.round_trip = Some(now.saturating_duration_since(sent));
    }

    pub(super) fn loss_reported(&mut self, fraction: f32) {
        self.loss_reported = Some(fraction);
    }

    /// The handshake is through, in this version.
    pub(super) fn secured(&mut self, version: Option<DtlsProtocol>) {
        self.dtls_version = version;
    }

    pub(super) fn local_candidate(&mut self, address: SocketAddr, kind: CandidateKind) {
        remember(&mut self.local, address, kind);
    }

    pub(super) fn remote_candidate(&mut self, address: SocketAddr, kind: CandidateKind) {
        remember(&mut self.remote, address, kind);
    }

    /// Something that is no check goes out: this is the path in use.
    pub(super) fn path(&mut self, way: Way) {
        self.path = Some(way);
    }

    pub(super) fn gathered(&mut self, now: Instant) {
        let first = &mut self.setup.gathered;
        first.get_or_insert(now.saturating_duration_since(self.since));
    }

    pub(super) fn connected(&mut self, now: Instant) {
        let first = &mut self.setup.dtls;
        first.get_or_insert(now.saturating_duration_since(self.since));
    }

    pub(super) fn interrupted(&mut self, now: Instant) {
        self.interruptions += 1;
        self.interrupted_since = Some(now);
    }

    /// The interruption is over, if there was one: by recovery or by the call's end.
    pub(super) fn uninterrupted(&mut self, now: Instant) {
        self.interrupted = self.interrupted_until(now);
        self.interrupted_since = None;
    }

    fn interrupted_until(&self, now: Instant) -> Duration {
        let running = self.interrupted_since.map(|since| now.saturating_duration_since(since));
        self.interrupted + running.unwrap_or_default()
    }

    /// Fills in what is measured here.
    pub(super) fn write(&self, now: Instant, first_check: Option<Instant>, statistics: &mut Statistics) {
        statistics.packets_received = self.packets;
        statistics.bytes_received = self.bytes;
        statistics.round_trip = self.round_trip;
        statistics.loss_reported_fraction = self.loss_reported;
        statistics.jitter = Duration::from_secs_f64(self.jitter.seconds);
        statistics.interruptions = self.interruptions;
        statistics.interrupted = self.interrupted_until(now);
        statistics.local_candidate = self.path.map(|(local, _)| kind_of(&self.local, local));
        statistics.remote_candidate = self.path.map(|(_, remote)| kind_of(&self.remote, remote));
        statistics.dtls_version = self.dtls_version;
        statistics.setup = self.setup;
        statistics.setup.first_check = first_check.map(|at| at.saturating_duration_since(self.since));
    }
}

fn remember(known: &mut Vec<(SocketAddr, CandidateType)>, address: SocketAddr, kind: CandidateKind) {
    if known.len() < MOST && !known.iter().any(|(other, _)| *other == address) {
        let kind = match kind {
            CandidateKind::Host => CandidateType::Host,
            CandidateKind::PeerReflexive => CandidateType::PeerReflexive,
            CandidateKind::ServerReflexive => CandidateType::ServerReflexive,
            CandidateKind::Relayed => CandidateType::Relayed,
        };
        known.push((address, kind));
    }
}

/// An address that nobody told of was learned from a check.
fn kind_of(known: &[(SocketAddr, CandidateType)], address: SocketAddr) -> CandidateType {
    let told = known.iter().find(|(other, _)| *other == address);
    told.map_or(CandidateType::PeerReflexive, |(_, kind)| *kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;

    #[test]
    fn jitter_is_that_of_the_network_alone() {
        let start = an_instant();
        let mut jitter = Jitter::default();
        for packet in 0..200_u32 {
            let late = Duration::from_millis(if packet % 2 == 0 { 0 } else { 10 });
            // A pause of the sender in the middle, over which its clock goes on.
            let pause = if packet < 100 { 0 } else { 5_000 };
            let at = start + Duration::from_millis(u64::from(20 * packet + pause)) + late;
            jitter.arrived(at, 48 * (20 * packet + pause), SAMPLE_RATE);
        }
        assert!((0.009..0.0101).contains(&jitter.seconds), "{} s", jitter.seconds);
    }
}
