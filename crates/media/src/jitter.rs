//! The jitter buffer: puts packets back in order and decides what is played when.
//!
//! It knows no codec: it holds payloads, and for every piece of playout says which payload to
//! decode, what to conceal, or that there is nothing. Time is counted in samples at 48 kHz.
//!
//! Playout starts a fixed delay after the packet that travelled fastest, and then stays where it
//! is: what comes too late counts as lost, so that a hiccup of the network or the machine moves
//! nothing. Only what persists moves playout. A packet missed by less than a frame is still played,
//! a frame later, which is how a sender with a slow clock is followed. A step in the path's delay
//! (100 ms of packets all too late) or lateness again and again (three spells in three seconds)
//! holds playout back. A buffer that was too full for seconds lets it catch up by a frame.
//! Sequence numbers and timestamps wrap (RFC 3550 section 5.1) and jump when a sender restarts.

use std::time::{Duration, Instant};

mod pace;

#[cfg(test)]
mod tests;

use pace::Pace;

/// Samples a second of the RTP clock (RFC 7587 section 4.1).
const CLOCK: i64 = 48_000;
/// So much audio waits at most; beyond it, the oldest goes.
const MOST_WAITING: i64 = CLOCK * 5 / 4;
/// Room from the start for a second of packets of the usual length.
const USUAL: usize = 64;
/// A timestamp this far from the last is a new timeline, not a gap.
const RESTART: i64 = 2 * CLOCK;
/// So does a jump of the sequence (RFC 3550 appendix A.1).
const DROPOUT: i64 = 3_000;
/// Playout that finds nothing for this long stops, and starts afresh with the next packet.
const DRY: i64 = CLOCK / 2;
/// A player that did not ask for this long is given what is new, not what it missed.
const STALLED: i64 = CLOCK / 5;
/// Concealment is asked for in multiples of 2.5 ms.
const STEP: i64 = 120;
/// The longest packet: 120 ms.
const LONGEST: i64 = 5_760;
/// The length of a packet before one was seen.
const NOMINAL: i64 = 960;
/// No delay and no instant is further off than this: six thousand years.
const FOREVER: i64 = 1 << 53;

/// Orders the packets of one RTP stream and paces their playout.
#[derive(Debug)]
pub struct JitterBuffer {
    epoch: Instant,
    delay: i64,
    /// Waiting packets by timestamp.
    slots: Vec<Slot>,
    /// Payload buffers that are free again; after warm-up no frame allocates.
    spare: Vec<Vec<u8>>,
    /// The payload being played.
    current: Vec<u8>,
    newest: Option<Newest>,
    playing: Option<Playing>,
    drought: Option<Drought>,
    counters: Counters,
}

/// What to play next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing is due: silence until the next call.
    Silence,
    /// Decode this payload.
    Play {
        /// The payload.
        payload: &'a [u8],
        /// Too much is waiting: drop what this gives, blending over to the packet that follows it.
        squeeze: bool,
    },
    /// One packet is missing and the following one is here: rebuild it from that one's
    /// redundancy (RFC 7587 section 5.2.1).
    Recover {
        /// The payload of the packet that follows the gap.
        next: &'a [u8],
        /// How much is missing, a multiple of 2.5 ms.
        samples: usize,
    },
    /// Invent this many samples, a multiple of 2.5 ms.
    Conceal {
        /// How many.
        samples: usize,
        /// Whether they are known to stand for audio that was lost. A pause of the sender is no loss, and where nothing waits
        /// only the next packet tells which of the two it is.
        lost: bool,
    },
}

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Inserted {
    /// It waits for its turn.
    Waiting,
    /// Its turn is over.
    Late,
    /// It is here already.
    Duplicate,
    /// It begins a new timeline: what waited before it is gone.
    Restarted,
}

/// What the buffer has counted since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counters {
    /// Packets that came, without repetitions.
    pub received: u64,
    /// Packets missing in the sequence so far; one that comes late is no longer missing.
    pub lost: u64,
    /// Packets that came after their turn.
    pub late: u64,
    /// Packets that came again.
    pub duplicate: u64,
    /// Pieces of lost audio that were invented; those where nothing was waiting count when a gap in
    /// the sequence has shown that they were no pause of the sender.
    pub concealed: u64,
    /// Pieces of lost audio rebuilt from the packet after them.
    pub recovered: u64,
}

#[derive(Debug)]
struct Slot {
    sequence: i64,
    timestamp: i64,
    samples: i64,
    arrival: i64,
    payload: Vec<u8>,
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

/// What was invented while nothing was waiting.
#[derive(Debug, Clone, Copy)]
struct Drought {
    /// The sequence number that was played before it.
    after: i64,
    pieces: u64,
}

#[derive(Debug)]
struct Playing {
    /// The timestamp that is to be played next.
    next: i64,
    /// The sequence number that was played last.
    sequence: i64,
    /// The length of the packet that was played last.
    nominal: i64,
    /// When the player last asked.
    asked: i64,
    /// How long nothing was there.
    dry: i64,
    /// The last packet was dropped; the one after it is what is blended over to.
    squeezed: bool,
    pace: Pace,
}

impl JitterBuffer {
    /// An empty buffer that holds audio back by `delay`, at most a second.
    #[must_use]
    pub fn new(delay: Duration, now: Instant) -> Self {
        Self {
            epoch: now,
            delay: samples_in(delay).min(CLOCK),
            slots: Vec::with_capacity(USUAL),
            spare: Vec::with_capacity(USUAL),
            current: Vec::new(),
            newest: None,
            playing: None,
            drought: None,
            counters: Counters::default(),
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.counters
    }

    /// How much audio waits.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        let (Some(first), Some(last)) = (self.slots.first(), self.slots.last()) else {
            return Duration::ZERO;
        };
        let from = self.playing.as_ref().map_or(first.timestamp, |playing| playing.next);
        let samples = (last.timestamp + last.samples - from).max(0);
        Duration::from_micros(samples.unsigned_abs() * 1_000_000 / CLOCK.unsigned_abs())
    }

    /// Forgets the stream, its timeline and all that waits; the counters stay.
    pub fn reset(&mut self) {
        self.stop();
        self.discard(self.slots.len());
        self.newest = None;
        self.drought = None;
    }

    /// Takes a packet: the numbers of its RTP header, how many samples it holds, its payload.
    pub fn insert(&mut self, now: Instant, sequence: u16, timestamp: u32, samples: u32, payload: &[u8]) -> Inserted {
        let arrival = self.at(now);
        let (sequence, timestamp, restarted) = self.place(sequence, timestamp);
        let samples = i64::from(samples).clamp(STEP, LONGEST);
        if !self.count(sequence, Some(timestamp)) {
            self.counters.duplicate += 1;
            return Inserted::Duplicate;
        }
        if let Some(playing) = &mut self.playing {
            let mut early = timestamp - playing.next;
            if early < 0 && playing.dry == -early && playing.dry <= NOMINAL {
                // It was missed by less than a frame: it is played now, and playout is that frame later.
                (playing.next, playing.dry, early) = (timestamp, 0, 0);
            }
            if early < 0 {
                self.counters.late += 1;
                playing.pace.late(arrival, -early);
                return Inserted::Late;
            }
            playing.pace.in_time(arrival, early);
        }
        self.make_room(samples);
        let mut buffer = self.spare.pop().unwrap_or_default();
        buffer.clear();
        buffer.extend_from_slice(payload);
        let slot = Slot {
            sequence,
            timestamp,
            samples,
            arrival,
            payload: buffer,
        };
        let at = self.slots.partition_point(|other| other.timestamp < timestamp);
        self.slots.insert(at, slot);
        if restarted {
            Inserted::Restarted
        } else {
            Inserted::Waiting
        }
    }

    /// Takes note of a packet that holds no audio but has its place in the sequence, such as a
    /// telephone event. Its timestamp says nothing: that of an event stands still while the audio
    /// goes on (RFC 4733 section 2.2), or runs by another clock. Before the first audio and far
    /// away from it the packet is ignored.
    pub fn pass(&mut self, sequence: u16) {
        let Some(newest) = &self.newest else { return };
        let by = newest.ahead(sequence);
        if by.abs() <= DROPOUT && !self.count(newest.sequence + by, None) {
            self.counters.duplicate += 1;
        }
    }

    /// What to play next. Call it until there is enough for this moment's frame.
    pub fn next(&mut self, now: Instant) -> Step<'_> {
        let now = self.at(now);
        if self
            .playing
            .as_ref()
            .is_some_and(|playing| now - playing.asked > STALLED)
        {
            self.stop();
        }
        if self.playing.is_none() && !self.start(now) {
            return Step::Silence;
        }
        let Some(playing) = &mut self.playing else {
            return Step::Silence;
        };
        playing.asked = now;
        if playing.pace.hold() {
            return Step::Conceal {
                samples: NOMINAL as usize,
                lost: false,
            };
        }
        let Some(first) = self.slots.first() else {
            let samples = playing.nominal;
            playing.next += samples;
            playing.dry += samples;
            let after = playing.sequence;
            self.drought.get_or_insert(Drought { after, pieces: 0 }).pieces += 1;
            if playing.dry > DRY {
                self.stop();
            }
            return Step::Conceal {
                samples: samples as usize,
                lost: false,
            };
        };
        // Whatever is shorter than the codec's smallest step is skipped.
        let gap = (first.timestamp - playing.next) / STEP * STEP;
        if gap <= 0 {
            return self.play();
        }
        let lost = self
            .newest
            .is_none_or(|newest| newest.misses(playing.sequence, first.sequence));
        if lost && gap <= first.samples {
            playing.next = first.timestamp;
            self.counters.recovered += 1;
            let next = &self.slots[0].payload;
            return Step::Recover {
                next,
                samples: gap as usize,
            };
        }
        // The last missing packet is left to be recovered.
        let samples = if lost { (gap - first.samples).max(STEP) } else { gap };
        let samples = samples.min(playing.nominal) / STEP * STEP;
        playing.next += samples;
        self.counters.concealed += u64::from(lost);
        Step::Conceal {
            samples: samples as usize,
            lost,
        }
    }

    fn play(&mut self) -> Step<'_> {
        let slot = self.slots.remove(0);
        if let Some(drought) = self.drought.take()
            && self
                .newest
                .is_none_or(|newest| newest.misses(drought.after, slot.sequence))
        {
            self.counters.concealed += drought.pieces;
        }
        let end = slot.timestamp + slot.samples;
        let followed = self.slots.first().is_some_and(|next| next.timestamp - end < STEP);
        let mut squeeze = false;
        if let Some(playing) = &mut self.playing {
            playing.next = end;
            playing.sequence = slot.sequence;
            playing.nominal = (slot.samples / STEP * STEP).clamp(STEP, NOMINAL);
            playing.dry = 0;
            squeeze = followed && !playing.squeezed && playing.pace.squeeze(slot.samples);
            playing.squeezed = squeeze;
        }
        let done = std::mem::replace(&mut self.current, slot.payload);
        self.spare.push(done);
        Step::Play {
            payload: &self.current,
            squeeze,
        }
    }

    /// Begins to play, once the packet that came quickest has waited for the delay.
    fn start(&mut self, now: i64) -> bool {
        let Some(origin) = self.slots.iter().map(|slot| slot.arrival - slot.timestamp).min() else {
            return false;
        };
        let due = now - origin - self.delay;
        // What should have been played by now came in a burst after the fact: pass over it.
        let passed = self
            .slots
            .iter()
            .take_while(|slot| slot.timestamp + slot.samples <= due)
            .count();
        self.discard(passed);
        let Some(first) = self.slots.first().filter(|slot| slot.timestamp <= due) else {
            return false;
        };
        self.playing = Some(Playing {
            next: first.timestamp,
            sequence: first.sequence - 1,
            nominal: NOMINAL,
            asked: now,
            dry: 0,
            squeezed: false,
            pace: Pace::new(now, self.delay),
        });
        true
    }

    fn stop(&mut self) {
        self.playing = None;
    }

    fn discard(&mut self, count: usize) {
        for slot in self.slots.drain(..count) {
            self.spare.push(slot.payload);
        }
    }

    /// Nobody plays, or far too slowly: the oldest goes.
    fn make_room(&mut self, samples: i64) {
        let mut waiting = samples + self.slots.iter().map(|slot| slot.samples).sum::<i64>();
        let mut surplus = 0;
        while let Some(slot) = self.slots.get(surplus).filter(|_| waiting > MOST_WAITING) {
            waiting -= slot.samples;
            surplus += 1;
        }
        if surplus == 0 {
            return;
        }
        self.discard(surplus);
        if let (Some(playing), Some(first)) = (&mut self.playing, self.slots.first()) {
            playing.next = playing.next.max(first.timestamp);
        }
    }

    /// Extends the short numbers of a header to the timeline they belong to.
    fn place(&mut self, sequence: u16, timestamp: u32) -> (i64, i64, bool) {
        if let Some(newest) = &self.newest {
            let by = newest.ahead(sequence);
            let after = i64::from(timestamp.wrapping_sub(newest.timestamp as u32) as i32);
            if after.abs() <= RESTART && by.abs() <= DROPOUT {
                return (newest.sequence + by, newest.timestamp + after, false);
            }
        }
        let restarted = self.newest.is_some();
        if restarted {
            self.reset();
        }
        (i64::from(sequence), i64::from(timestamp), restarted)
    }

    /// Counts a packet; false when it was counted before. One without a timestamp holds no audio.
    fn count(&mut self, sequence: i64, timestamp: Option<i64>) -> bool {
        let newest = self.newest.get_or_insert(Newest {
            first: sequence,
            sequence,
            timestamp: timestamp.unwrap_or(0),
            seen: 0,
            passed: 0,
            received: 0,
            lost_before: self.counters.lost,
        });
        let ahead = sequence - newest.sequence;
        if ahead > 0 {
            newest.seen = newest.seen.checked_shl(ahead as u32).unwrap_or(0);
            newest.passed = newest.passed.checked_shl(ahead as u32).unwrap_or(0);
            newest.sequence = sequence;
        }
        let bit = 1_u64.checked_shl((newest.sequence - sequence) as u32).unwrap_or(0);
        if newest.seen & bit != 0 {
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
        self.counters.received += 1;
        self.counters.lost = newest.lost_before + expected.saturating_sub(newest.received);
        true
    }

    fn at(&self, now: Instant) -> i64 {
        samples_in(now.saturating_duration_since(self.epoch))
    }
}

impl Newest {
    /// How far ahead of the newest this short number is.
    fn ahead(&self, sequence: u16) -> i64 {
        i64::from(sequence.wrapping_sub(self.sequence as u16) as i16)
    }

    /// Whether audio is missing between these two that were to be played: a number that no packet
    /// without audio had. What came after its turn was missing too.
    fn misses(&self, from: i64, to: i64) -> bool {
        let audible = |sequence: i64| {
            let bit = 1_u64.checked_shl((self.sequence - sequence) as u32).unwrap_or(0);
            self.passed & bit == 0
        };
        // As many as the bits reach; one more is beyond them.
        (from + 1..to).rev().take(65).any(audible)
    }
}

fn samples_in(duration: Duration) -> i64 {
    let samples = duration.as_micros() * CLOCK.unsigned_abs() as u128 / 1_000_000;
    samples.min(FOREVER as u128) as i64
}
