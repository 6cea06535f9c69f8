//! Packets that are handed on without being decoded: in order, each once, with their times.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::Codec;
use crate::jitter::Counters;

/// How long packets behind a gap wait for those that fill it.
const PATIENCE: Duration = Duration::from_millis(60);
/// How many are kept for an application that takes none: ten seconds of packets of 20 ms.
const MOST: usize = 512;
/// A step of the sequence numbers beyond this is a new stream (RFC 3550 appendix A.1).
const STEP: u16 = 3_000;

/// A packet of the peer as it came, from [`Call::receive_opus`](crate::Call::receive_opus).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedPacket<'a> {
    /// What the payload is: Opus, or G.711 where both descriptions name it and the peer chose it.
    pub codec: Codec,
    /// The sequence number, which never wraps: a step of more than one is a loss.
    pub sequence: u64,
    /// The time of its first sample by the peer's clock, in samples at 48 kHz, as in RTP: it begins anywhere, and wraps.
    pub timestamp: u32,
    /// When it came in.
    pub arrived: Instant,
    /// The payload.
    pub payload: &'a [u8],
}

/// Puts packets in order.
#[derive(Debug, Default)]
pub(crate) struct Handover {
    /// By their numbers.
    waiting: VecDeque<Waiting>,
    /// The number that comes next; `None` before the first packet of a stream.
    next: Option<u64>,
    /// The numbers of this stream are not below.
    floor: u64,
    given: Option<Waiting>,
    /// Buffers that are used again.
    spare: Vec<Vec<u8>>,
    lost: u64,
    late: u64,
    duplicate: u64,
}

#[derive(Debug)]
struct Waiting {
    /// `None` where there is no audio in it.
    codec: Option<Codec>,
    sequence: u64,
    timestamp: u32,
    arrived: Instant,
    payload: Vec<u8>,
}

impl Handover {
    /// Takes a packet; one without a codec only has a number.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        codec: Option<Codec>,
        payload: &[u8],
    ) {
        let sequence = self.extended(sequence);
        if self.next.is_some_and(|next| sequence < next) {
            self.late += 1;
            return;
        }
        let place = self.waiting.partition_point(|other| other.sequence < sequence);
        if self.waiting.get(place).is_some_and(|other| other.sequence == sequence) {
            self.duplicate += 1;
            return;
        }
        self.next.get_or_insert(sequence);
        let mut bytes = self.spare.pop().unwrap_or_default();
        bytes.clear();
        bytes.extend_from_slice(payload);
        let packet = Waiting {
            codec,
            sequence,
            timestamp: codec.map_or(timestamp, |codec| codec.timestamp_at_48k(timestamp)),
            arrived: now,
            payload: bytes,
        };
        self.waiting.insert(place, packet);
        if self.waiting.len() > MOST
            && let Some(oldest) = self.take()
        {
            self.lost += u64::from(oldest.codec.is_some());
            self.spare.push(oldest.payload);
        }
    }

    /// The next packet, when it is there or will not come any more.
    pub(crate) fn next(&mut self, now: Instant) -> Option<ReceivedPacket<'_>> {
        loop {
            let first = self.waiting.front()?;
            let in_order = self.next == Some(first.sequence);
            if !in_order && now.saturating_duration_since(first.arrived) < PATIENCE {
                return None;
            }
            let packet = self.take()?;
            let Some(codec) = packet.codec else {
                self.spare.push(packet.payload);
                continue;
            };
            if let Some(former) = self.given.take() {
                self.spare.push(former.payload);
            }
            let packet = self.given.insert(packet);
            return Some(ReceivedPacket {
                codec,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                arrived: packet.arrived,
                payload: &packet.payload,
            });
        }
    }

    /// Another source begins: what still waits is not given.
    pub(crate) fn reset(&mut self) {
        while let Some(packet) = self.waiting.pop_front() {
            self.spare.push(packet.payload);
        }
        self.floor = self.next.take().unwrap_or(self.floor);
    }

    pub(crate) fn counters(&self) -> Counters {
        Counters {
            lost: self.lost,
            late: self.late,
            duplicate: self.duplicate,
            ..Counters::default()
        }
    }

    /// What waits for a packet before it, or to be taken.
    pub(crate) fn waiting(&self, now: Instant) -> Duration {
        let first = self.waiting.front();
        first.map_or(Duration::ZERO, |first| now.saturating_duration_since(first.arrived))
    }

    fn take(&mut self) -> Option<Waiting> {
        let packet = self.waiting.pop_front()?;
        let next = self.next.unwrap_or(packet.sequence);
        self.lost += packet.sequence.saturating_sub(next);
        self.next = Some(packet.sequence + 1);
        Some(packet)
    }

    /// The number without wraps: the one nearest to what came last. Numbers far away are those of a new stream.
    fn extended(&mut self, sequence: u16) -> u64 {
        let last = self.waiting.back().map(|packet| packet.sequence);
        if let Some(reference) = last.or(self.next) {
            let ahead = sequence.wrapping_sub(reference as u16).cast_signed();
            if ahead.unsigned_abs() <= STEP {
                return reference.saturating_add_signed(i64::from(ahead));
            }
            self.reset();
        }
        self.floor + u64::from(sequence.wrapping_sub(self.floor as u16))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;

    struct Story {
        start: Instant,
        handover: Handover,
    }

    impl Story {
        fn new() -> Self {
            let (start, handover) = (an_instant(), Handover::default());
            Self { start, handover }
        }

        fn comes(&mut self, millis: u64, sequence: u16) {
            let at = self.start + Duration::from_millis(millis);
            let numbers = (sequence, u32::from(sequence) * 960);
            self.handover
                .insert(at, numbers, Some(Codec::Opus), &sequence.to_be_bytes());
        }

        fn given(&mut self, millis: u64) -> Vec<u16> {
            let at = self.start + Duration::from_millis(millis);
            let mut all = Vec::new();
            while let Some(packet) = self.handover.next(at) {
                assert_eq!(packet.payload, (packet.sequence as u16).to_be_bytes());
                all.push(packet.sequence as u16);
            }
            all
        }
    }

    #[test]
    fn packets_are_put_in_order_and_given_once() {
        let mut story = Story::new();
        story.comes(0, 65_534);
        assert_eq!(story.given(0), [65_534]);
        story.comes(20, 0);
        story.comes(21, 0);
        assert_eq!(story.given(21), []);
        story.comes(30, 65_535);
        assert_eq!(story.given(30), [65_535, 0]);
        story.comes(31, 65_535);
        let counters = story.handover.counters();
        assert_eq!((counters.lost, counters.late, counters.duplicate), (0, 1, 1));
    }

    #[test]
    fn a_lost_packet_is_waited_for_and_given_up() {
        let mut story = Story::new();
        story.comes(0, 5);
        story.comes(40, 7);
        assert_eq!(story.given(99), [5]);
        assert_eq!(story.given(100), [7]);
        assert_eq!(story.handover.counters().lost, 1);
    }

    #[test]
    fn numbers_of_another_stream_go_on_at_once_and_their_order_is_kept() {
        let mut story = Story::new();
        story.comes(0, 5);
        assert_eq!(story.given(0), [5]);
        story.comes(20, 40_000);
        story.comes(40, 40_001);
        assert_eq!(story.given(40), [40_000, 40_001]);
        story.comes(60, 3);
        assert_eq!(story.given(60), [3]);
        assert_eq!(story.handover.counters().lost, 0);
    }

    #[test]
    fn what_nobody_takes_is_bounded() {
        let mut story = Story::new();
        for sequence in 0..2_000 {
            story.comes(u64::from(sequence) * 20, sequence);
        }
        assert_eq!(story.given(40_000).len(), MOST);
        assert_eq!(story.handover.counters().lost, 2_000 - MOST as u64);
    }
}
