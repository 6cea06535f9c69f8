//! Packets in their order: those that wait, and what their numbers say of those that are missing.
//!
//! Sequence numbers and timestamps are extended to numbers that do not wrap (RFC 3550 section 5.1). A jump of either, as when
//! a sender restarts, begins a new timeline.

use super::CLOCK;

/// So much audio waits at most; beyond it, the oldest goes.
const MOST_WAITING: i64 = CLOCK * 5 / 4;
/// Room from the start for so many packets, ...
const USUAL: usize = 16;
/// ... each of this many bytes: more than Opus needs at 64 kbit/s.
const USUAL_BYTES: usize = 256;
/// A timestamp this far before the last is a new timeline, ...
const BACK: i64 = 2 * CLOCK;
/// ... and so is one this far after it, longer than an outage that a call survives without being interrupted.
const AHEAD: i64 = 10 * CLOCK;
/// So does a jump of the sequence (RFC 3550 appendix A.1).
const DROPOUT: i64 = 3_000;
/// Whatever is shorter is no audio that could be missed.
const SHORTEST: i64 = 120;
/// The longest packet: 120 ms.
const LONGEST: i64 = 5_760;

/// The waiting packets of one RTP stream.
#[derive(Debug)]
pub(super) struct Queue {
    /// By timestamp.
    slots: Vec<Slot>,
    /// Payload buffers that are free again; after warm-up no packet allocates.
    spare: Vec<Vec<u8>>,
    newest: Option<Newest>,
    pub(super) received: u64,
    pub(super) lost: u64,
    pub(super) duplicate: u64,
}

/// A packet that waits.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) sequence: i64,
    pub(super) timestamp: i64,
    pub(super) samples: i64,
    pub(super) arrival: i64,
    pub(super) payload: Vec<u8>,
}

/// The numbers of a packet on its timeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) sequence: i64,
    pub(super) timestamp: i64,
}

/// The furthest point of the stream, to which short numbers are extended.
#[derive(Debug, Clone, Copy)]
struct Newest {
    first: i64,
    sequence: i64,
    timestamp: i64,
    /// Which of the last 64 sequence numbers came; the lowest bit is the newest.
    seen: u64,
    /// Which of those held no audio.
    passed: u64,
    /// Packets of this timeline that came, and those counted lost before it.
    received: u64,
    lost_before: u64,
}

impl Queue {
    pub(super) fn new() -> Self {
        Self {
            slots: Vec::with_capacity(2 * USUAL),
            spare: (0..USUAL).map(|_| Vec::with_capacity(USUAL_BYTES)).collect(),
            newest: None,
            received: 0,
            lost: 0,
            duplicate: 0,
        }
    }

    pub(super) fn first(&self) -> Option<&Slot> {
        self.slots.first()
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The end of the last packet that waits.
    pub(super) fn end(&self) -> Option<i64> {
        self.slots.last().map(|slot| slot.timestamp + slot.samples)
    }

    /// Forgets the timeline and what waits; the counters stay.
    pub(super) fn reset(&mut self) {
        self.discard(self.slots.len());
        self.newest = None;
    }

    /// Extends the short numbers of a header to the timeline they belong to; `None` when it is a new one.
    pub(super) fn place(&self, sequence: u16, timestamp: u32) -> Option<Place> {
        let newest = self.newest.as_ref()?;
        let by = newest.ahead(sequence);
        let after = i64::from(timestamp.wrapping_sub(newest.timestamp as u32) as i32);
        ((-BACK..=AHEAD).contains(&after) && by.abs() <= DROPOUT).then(|| Place {
            sequence: newest.sequence + by,
            timestamp: newest.timestamp + after,
        })
    }

    /// Whether packets have set a timeline.
    pub(super) fn has_timeline(&self) -> bool {
        self.newest.is_some()
    }

    /// Counts a packet with audio; false when it was counted before.
    pub(super) fn count(&mut self, place: Place) -> bool {
        self.note(place.sequence, Some(place.timestamp))
    }

    /// Takes note of a packet that holds no audio but has its place in the sequence. Its timestamp says nothing: that of an
    /// event stands still while the audio goes on (RFC 4733 section 2.2), or runs by another clock. Before the first audio and
    /// far away from it the packet is ignored.
    pub(super) fn pass(&mut self, sequence: u16) {
        let Some(newest) = &self.newest else { return };
        let by = newest.ahead(sequence);
        if by.abs() <= DROPOUT {
            self.note(newest.sequence + by, None);
        }
    }

    /// Puts a packet in its place; returns how many samples had to go for it.
    pub(super) fn push(&mut self, arrival: i64, place: Place, samples: u32, payload: &[u8]) {
        let samples = i64::from(samples).clamp(SHORTEST, LONGEST);
        self.make_room(samples);
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        let slot = Slot {
            sequence: place.sequence,
            timestamp: place.timestamp,
            samples,
            arrival,
            payload: buffer,
        };
        let at = self.slots.partition_point(|other| other.timestamp < place.timestamp);
        self.slots.insert(at, slot);
    }

    /// Gives up the oldest packets.
    pub(super) fn discard(&mut self, count: usize) {
        for slot in self.slots.drain(..count) {
            self.spare.push(slot.payload);
        }
    }

    /// How many packets with audio are missing between these two numbers. What came after its turn was missing too.
    pub(super) fn missing(&self, from: i64, to: i64) -> usize {
        let Some(newest) = &self.newest else { return 0 };
        let audible = |sequence: &i64| {
            let bit = 1_u64.checked_shl((newest.sequence - *sequence) as u32).unwrap_or(0);
            newest.passed & bit == 0
        };
        // As many as the bits reach; one more is beyond them.
        (from + 1..to).rev().take(65).filter(audible).count()
    }

    /// Nobody plays, or far too slowly: the oldest goes.
    fn make_room(&mut self, samples: i64) {
        let mut waiting = samples + self.slots.iter().map(|slot| slot.samples).sum::<i64>();
        let mut surplus = 0;
        while let Some(slot) = self.slots.get(surplus).filter(|_| waiting > MOST_WAITING) {
            waiting -= slot.samples;
            surplus += 1;
        }
        self.discard(surplus);
    }

    /// Counts a packet; false when it was counted before. One without a timestamp holds no audio.
    fn note(&mut self, sequence: i64, timestamp: Option<i64>) -> bool {
        let newest = self.newest.get_or_insert(Newest {
            first: sequence,
            sequence,
            timestamp: timestamp.unwrap_or(0),
            seen: 0,
            passed: 0,
            received: 0,
            lost_before: self.lost,
        });
        let ahead = sequence - newest.sequence;
        if ahead > 0 {
            newest.seen = newest.seen.checked_shl(ahead as u32).unwrap_or(0);
            newest.passed = newest.passed.checked_shl(ahead as u32).unwrap_or(0);
            newest.sequence = sequence;
        }
        let bit = 1_u64.checked_shl((newest.sequence - sequence) as u32).unwrap_or(0);
        if newest.seen & bit != 0 {
            self.duplicate += 1;
            return false;
        }
        newest.seen |= bit;
        newest.first = newest.first.min(sequence);
        match timestamp {
            Some(timestamp) => newest.timestamp = newest.timestamp.max(timestamp),
            None => newest.passed |= bit,
        }
        newest.received += 1;
        let expected = (newest.sequence - newest.first + 1).unsigned_abs();
        self.received += 1;
        self.lost = newest.lost_before + expected.saturating_sub(newest.received);
        true
    }
}

impl Newest {
    /// How far ahead of the newest this short number is.
    fn ahead(&self, sequence: u16) -> i64 {
        i64::from(sequence.wrapping_sub(self.sequence as u16) as i16)
    }
}
