//! The jitter buffer: packets in as the network brings them, 10 ms of sound out whenever asked.
//!
//! # How it works
//!
//! Time is counted in samples at 48 kHz. A packet's *transit* is its arrival less its timestamp; the least transit of the last two
//! seconds is the *base*, the way of the quickest packets. Playout *leads* by how much later than the base it needs a packet: a
//! packet that took longer than the lead comes too late. From how much longer packets take and how many are missing follows a
//! target for the lead, and everything else brings the lead there without being heard:
//!
//! - As long as packets come in time and the lead is near its target, what is heard is what the decoder makes of them, sample by
//!   sample. There is no other way through.
//! - Playout begins as soon as the lead is at its target.
//! - If the lead is not where it should be, the sound is shortened or lengthened by periods of the voice, or in pauses; the further
//!   away it is, the sooner and the less choosily. While the sender pauses, the pause itself becomes shorter or longer.
//! - If nothing is there, the decoder continues the sound, and playout waits: what comes late is still heard, and the lead is longer from then on.
//!   If the next packet shows that others were lost, what was invented stands for them.
//! - If packets are missing and one after them is there, the last of them is rebuilt from its redundancy; those before are invented by the
//!   decoder.
//!
//! Playout that finds nothing for a second stops, and starts afresh with the next packet.

use std::time::{Duration, Instant};

mod line;
mod packets;
mod queue;
mod stretch;
mod target;

#[cfg(test)]
mod tests;

use line::Line;
pub use packets::{Counters, Delays, Inserted, Packet};
use queue::{Place, Queue};
use stretch::Pauses;
use target::Target;

use crate::codec::{Decoder, Redundancy, STEP_SAMPLES};
use crate::{Codec, OfferError};

/// Samples in what [`JitterBuffer::pull`] gives: 10 ms.
pub const PULL: usize = 480;

/// Samples a second.
const CLOCK: i64 = 48_000;
/// A gap shorter than what codecs invent at least is none: 2.5 ms.
const STEP: i64 = STEP_SAMPLES as i64;
/// Playout that finds nothing for this long stops.
const DRY: i64 = CLOCK;
/// So far back deep redundancy reaches for certain: 100 ms.
const DEEP: i64 = CLOCK / 10;
/// A player that did not ask for this long is given what is new, not what it missed.
const STALLED: i64 = CLOCK / 5;
/// The length of the fade where a stream begins or ends: 5 ms.
const FADE: usize = 240;
/// No delay and no instant is further off than this: six thousand years.
const FOREVER: i64 = 1 << 53;
/// Where the network gives no reason for more than the least delay, the lead may be this much more: less than what playout in steps of 20 ms
/// begins with at most.
const IDLE_EXCESS: i64 = CLOCK * 21 / 1_000;
/// Elsewhere this much more ...
const EXCESS: i64 = CLOCK * 14 / 1_000;
/// ... or less.
const SHORTAGE: i64 = CLOCK * 5 / 2_000;

/// Turns the packets of one RTP stream into sound.
pub struct JitterBuffer {
    epoch: Instant,
    decoder: Decoder,
    queue: Queue,
    target: Target,
    line: Line,
    pauses: Pauses,
    playing: Option<Playing>,
    most: i64,
    delay: i64,
    counters: Counters,
}

struct Playing {
    /// The timestamp of what is to be decoded next.
    next: i64,
    /// The sequence number that was decoded last.
    sequence: i64,
    /// When the player last asked.
    asked: i64,
    /// The lead, averaged over the last packets; none before the first, and after it has moved at once.
    lead: Option<i64>,
    /// What was invented since the last packet while nothing was there ...
    held: i64,
    /// ... and how much of it does not yet stand for anything.
    invented: i64,
    /// The packet after the gap that was counted last.
    counted: i64,
    /// Pulls until the sound may be stretched again.
    rest: u32,
    /// Pulls in which it should have been stretched and was not.
    unstretched: u32,
    /// Nothing was played yet.
    fresh: bool,
}

impl JitterBuffer {
    /// An empty buffer for a stream in this codec.
    ///
    /// # Errors
    ///
    /// The codec's library refuses to make a decoder.
    pub fn new(codec: Codec, delays: Delays, now: Instant) -> Result<Self, OfferError> {
        let least = samples_in(delays.least).clamp(0, CLOCK);
        let most = samples_in(delays.most).clamp(least, 2 * CLOCK);
        Ok(Self {
            epoch: now,
            decoder: Decoder::new(codec)?,
            queue: Queue::new(),
            target: Target::new(least, most),
            line: Line::new(),
            pauses: Pauses::new(),
            playing: None,
            most: most + CLOCK / 10,
            delay: 0,
            counters: Counters::default(),
        })
    }

    /// What was counted so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters {
            received: self.queue.received,
            lost: self.queue.lost,
            duplicate: self.queue.duplicate,
            ..self.counters
        }
    }

    /// How much audio waits, decoded or not.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        let ready = self.line.ready() as i64;
        let from = match &self.playing {
            Some(playing) => Some(playing.next),
            None => self.queue.first().map(|first| first.timestamp),
        };
        let queued = match (from, self.queue.end()) {
            (Some(from), Some(end)) => (end - from).max(0),
            (None, _) | (_, None) => 0,
        };
        duration_of(ready + queued)
    }

    /// How much audio is in memory: less than [`waiting`](Self::waiting) where packets are missing.
    pub(crate) fn held(&self) -> Duration {
        let queued: i64 = self.queue.slots().iter().map(|slot| slot.samples).sum();
        duration_of(self.line.ready() as i64 + queued)
    }

    /// How far behind the quickest packets playout should be, as the network is.
    #[must_use]
    pub fn target(&self) -> Duration {
        duration_of(self.target.value())
    }

    /// How far behind the quickest packets playout was when it last decoded one.
    #[must_use]
    pub fn delay(&self) -> Duration {
        duration_of(self.delay)
    }

    /// Forgets the stream: another source begins. The counters stay.
    pub fn reset(&mut self) {
        self.queue.reset();
        self.target.restart();
        self.fade_out();
        self.playing = None;
    }

    /// Takes a packet. A codec other than the last one's begins a new stream.
    pub fn insert(&mut self, now: Instant, packet: &Packet<'_>) -> Inserted {
        let Some(samples) = packet.codec.packet_samples(packet.payload) else {
            return Inserted::Unreadable;
        };
        if packet.codec != self.decoder.codec() {
            let Ok(decoder) = Decoder::new(packet.codec) else {
                return Inserted::Unreadable;
            };
            self.reset();
            self.decoder = decoder;
        }
        let arrival = self.at(now);
        let timestamp = packet.codec.timestamp_at_48k(packet.timestamp);
        let (place, restarted) = match self.queue.place(packet.sequence, timestamp) {
            Some(place) => (place, false),
            None => {
                let restarted = self.queue.has_timeline();
                if restarted {
                    self.reset();
                }
                let (sequence, timestamp) = (i64::from(packet.sequence), i64::from(timestamp));
                (Place { sequence, timestamp }, restarted)
            }
        };
        if !self.queue.count(place) {
            return Inserted::Duplicate;
        }
        self.target.came(arrival, place.timestamp, i64::from(samples));
        if let Some(playing) = &self.playing
            && (place.sequence <= playing.sequence || place.timestamp + i64::from(samples) <= playing.next)
        {
            self.counters.late += 1;
            self.target.came_late();
            return Inserted::Late;
        }
        self.queue.push(arrival, place, samples, packet.payload);
        if restarted {
            Inserted::Restarted
        } else {
            Inserted::Waiting
        }
    }

    /// Takes note of a packet of the stream that holds no audio, such as a telephone event.
    pub fn pass(&mut self, sequence: u16) {
        self.queue.pass(sequence);
    }

    /// The next 10 ms to be heard; silence where there is nothing.
    pub fn pull(&mut self, now: Instant, out: &mut [i16; PULL]) {
        let now = self.at(now);
        if self
            .playing
            .as_ref()
            .is_some_and(|playing| now - playing.asked > STALLED)
        {
            self.playing = None;
        }
        if self.playing.is_none() {
            self.start(now);
        }
        if let Some(playing) = &mut self.playing {
            playing.asked = now;
        }
        while self.line.ready() < PULL && self.refill(now) {}
        self.adapt(now);
        self.line.take(out);
        self.pauses.hear(out);
    }

    /// Begins to play, once the packet that came quickest has waited long enough.
    fn start(&mut self, now: i64) {
        let Some(base) = self.target.base() else { return };
        let due = now - base - self.target.value();
        // What should have been played by now came in a burst after the fact: pass over it.
        let slots = self.queue.slots().iter();
        let passed = slots.take_while(|slot| slot.timestamp + slot.samples <= due).count();
        self.queue.discard(passed);
        let Some(first) = self.queue.first().filter(|slot| slot.timestamp <= due) else {
            return;
        };
        self.playing = Some(Playing {
            next: first.timestamp,
            sequence: first.sequence - 1,
            asked: now,
            lead: None,
            held: 0,
            invented: 0,
            counted: first.sequence,
            rest: 0,
            unstretched: 0,
            fresh: true,
        });
    }

    /// Makes some samples ready; false when there is nothing to be heard.
    fn refill(&mut self, now: i64) -> bool {
        let (Some(base), Some(playing)) = (self.target.base(), &mut self.playing) else {
            return false;
        };
        if self.queue.first().is_none() {
            return self.wait();
        }
        pass_over(
            &mut self.queue,
            playing,
            now - base - self.target.value(),
            now - base - self.most,
        );
        let Some(first) = self.queue.first() else { return false };
        if first.timestamp < now - base - self.most {
            // Even the newest is far too late: the path has become that much longer.
            self.target.restart();
            self.target.came(first.arrival, first.timestamp, first.samples);
        }
        let base = self.target.base().unwrap_or(base);
        let missing = self.queue.missing(playing.sequence, first.sequence);
        let gap = first.timestamp - playing.next;
        let covered = gap.clamp(0, playing.invented);
        playing.next += covered;
        playing.invented -= covered;
        if playing.held > 0 {
            // A pause of the sender was no loss.
            let audible = missing > 0 || gap < STEP;
            self.counters.concealed_samples += if audible { playing.held.unsigned_abs() } else { 0 };
            (playing.held, playing.lead) = (0, None);
        }
        if missing > 0 && playing.counted != first.sequence {
            playing.counted = first.sequence;
            self.target.missed(missing);
        }
        let gap = first.timestamp - playing.next;
        let lead = playing.measure(now - playing.next - base);
        if gap < STEP {
            self.play(now);
            return true;
        }
        if missing == 0 {
            self.pause(gap, lead - self.target.value());
            return true;
        }
        self.fill(gap, covered);
        true
    }

    /// The sender pauses until the packet that is there, and the lead is this much more than it should be.
    fn pause(&mut self, gap: i64, excess: i64) {
        let tolerance = self.tolerance();
        let Some(playing) = &mut self.playing else { return };
        if excess > tolerance {
            playing.next += excess.min(gap);
            playing.lead = None;
            return;
        }
        let samples = gap.min(PULL as i64) / STEP * STEP;
        // Where the lead is short, the pause becomes longer.
        playing.next += if excess < -SHORTAGE { 0 } else { samples };
        playing.lead = None;
        self.conceal(samples as usize);
    }

    /// Something lost is to be heard, and the packet after it is there.
    fn fill(&mut self, gap: i64, covered: i64) {
        let (Some(first), Some(playing)) = (self.queue.first(), &mut self.playing) else {
            return;
        };
        let length = first.samples / STEP * STEP;
        let redundancy = self.decoder.redundancy(&first.payload);
        let reach = match redundancy {
            Redundancy::None => 0,
            Redundancy::Previous => length,
            Redundancy::Deep => DEEP,
        };
        if gap / STEP * STEP > reach {
            // What can be rebuilt is left to be so.
            let samples = (gap / STEP * STEP - reach).min(PULL as i64);
            playing.next += samples;
            self.counters.concealed_samples += samples.unsigned_abs();
            return self.conceal(samples as usize);
        }
        let samples = match redundancy {
            // Where a part of it was invented already, the whole of it is still heard.
            Redundancy::Previous if covered > 0 => length,
            Redundancy::None | Redundancy::Previous | Redundancy::Deep => gap / STEP * STEP,
        };
        self.decoder
            .recover(&first.payload, &mut self.line.room()[..samples as usize]);
        self.line.grow(samples as usize);
        playing.next = first.timestamp;
        let packets = (samples.unsigned_abs()).div_ceil(length.unsigned_abs());
        match redundancy {
            Redundancy::None | Redundancy::Previous => self.counters.recovered += packets,
            Redundancy::Deep => self.counters.recovered_deep += packets,
        }
    }

    /// Nothing is there: the sound is continued for a while.
    fn wait(&mut self) -> bool {
        let Some(playing) = &mut self.playing else { return false };
        if playing.held >= DRY {
            self.playing = None;
            return false;
        }
        playing.held += PULL as i64;
        playing.invented += PULL as i64;
        self.conceal(PULL);
        true
    }

    fn conceal(&mut self, samples: usize) {
        self.decoder.conceal(&mut self.line.room()[..samples]);
        self.line.grow(samples);
    }

    /// Decodes the first packet.
    fn play(&mut self, now: i64) {
        let (Some(first), Some(playing)) = (self.queue.first(), &mut self.playing) else {
            return;
        };
        let before = self.line.ready();
        let decoded = self.decoder.decode(&first.payload, self.line.room());
        self.line.grow(decoded);
        if std::mem::take(&mut playing.fresh) {
            fade_in(&mut self.line.ahead()[before..]);
        }
        playing.next = first.timestamp + first.samples;
        playing.sequence = first.sequence;
        playing.invented = 0;
        if let Some(base) = self.target.base() {
            self.delay = now - first.timestamp - base + before as i64;
        }
        self.counters.played += 1;
        self.counters.waited += duration_of(now - first.arrival + before as i64);
        self.target.reaches(match self.decoder.redundancy(&first.payload) {
            Redundancy::None => 0,
            Redundancy::Previous => 1,
            Redundancy::Deep => (DEEP / first.samples).unsigned_abs() as usize,
        });
        self.queue.discard(1);
    }

    /// How much more lead than its target is left alone.
    fn tolerance(&self) -> i64 {
        if self.target.is_least() { IDLE_EXCESS } else { EXCESS }
    }

    /// Stretches the sound if the lead is not where it should be.
    fn adapt(&mut self, now: i64) {
        let (target, tolerance) = (self.target.value(), self.tolerance());
        let Some(playing) = &mut self.playing else { return };
        playing.rest = playing.rest.saturating_sub(1);
        let Some(excess) = playing.lead.map(|lead| lead - target) else {
            return;
        };
        if playing.rest > 0 {
            return;
        }
        let gate = gate(excess.abs(), playing.unstretched);
        if excess > tolerance {
            while self.line.ready() < stretch::ENOUGH && self.follows(now) {
                self.play(now);
            }
            let most = excess.unsigned_abs() as usize;
            let cut = stretch::shorten(&mut self.line, most, gate, &self.pauses);
            self.stretched(-(cut as i64), excess);
            self.counters.shortened_samples += cut as u64;
        } else if excess < -SHORTAGE {
            let most = excess.unsigned_abs() as usize + PULL;
            let added = stretch::lengthen(&mut self.line, most, gate, &self.pauses);
            self.stretched(added as i64, excess);
            self.counters.lengthened_samples += added as u64;
        }
    }

    fn stretched(&mut self, by: i64, excess: i64) {
        let Some(playing) = &mut self.playing else { return };
        if by == 0 {
            playing.unstretched += 1;
        } else {
            playing.unstretched /= 2;
            playing.lead = playing.lead.map(|lead| lead + by);
            playing.rest = if excess.abs() > CLOCK / 20 { 2 } else { 5 };
        }
    }

    /// Whether the next packet is there and follows what was decoded last, and is not so late that it will be passed over.
    fn follows(&self, now: i64) -> bool {
        let (Some(first), Some(playing), Some(base)) = (self.queue.first(), &self.playing, self.target.base()) else {
            return false;
        };
        let is_next = first.timestamp - playing.next < STEP && first.sequence == playing.sequence + 1;
        is_next && first.timestamp >= now - base - self.most
    }

    /// Of what was decoded ahead a last moment is still heard, and the decoder forgets the stream: what it kept of one would
    /// sound in the first frames of the next.
    fn fade_out(&mut self) {
        if self.line.ready() == 0 && self.playing.is_some() {
            self.conceal(FADE);
        }
        self.line.truncate(FADE);
        let fading = self.line.ahead();
        let length = fading.len() as i32;
        for (index, sample) in fading.iter_mut().enumerate() {
            // A share of an i16 is an i16.
            *sample = (i32::from(*sample) * (length - index as i32) / length) as i16;
        }
        self.decoder.reset();
    }

    fn at(&self, now: Instant) -> i64 {
        samples_in(now.saturating_duration_since(self.epoch))
    }
}

impl Playing {
    /// Takes the lead as it is, and returns it as it was of late.
    fn measure(&mut self, lead: i64) -> i64 {
        let lead = self.lead.map_or(lead, |before| before + (lead - before) / 4);
        self.lead = Some(lead);
        lead
    }
}

/// Goes on with a packet that is due if playout is far too late.
fn pass_over(queue: &mut Queue, playing: &mut Playing, due: i64, far_too_late: i64) {
    if playing.next >= far_too_late {
        return;
    }
    let slots = queue.slots();
    let passed = slots
        .iter()
        .take_while(|slot| slot.timestamp + slot.samples <= due)
        .count();
    queue.discard(passed.min(slots.len() - 1));
    if let Some(first) = queue.first() {
        playing.next = first.timestamp;
        playing.sequence = first.sequence - 1;
        playing.invented = 0;
        playing.lead = None;
    }
}

/// How like itself the sound must be where the lead is this far off, and was for so many pulls: a sound that has neither periods nor pauses is
/// stretched nevertheless in the end.
fn gate(off: i64, pulls: u32) -> f32 {
    let patience = match off * 1_000 / CLOCK {
        ..=20 => 0.93,
        21..=40 => 0.88,
        41..=80 => 0.8,
        _ => 0.6,
    };
    // 0.2 a second, from the second second on.
    patience - pulls.saturating_sub(100) as f32 * 0.002
}

/// A stream that begins in the middle of a sound begins softly; the first sound of a decoder does so by itself.
fn fade_in(samples: &mut [i16]) {
    const CLICK: u16 = 100;
    if samples.first().is_none_or(|first| first.unsigned_abs() < CLICK) {
        return;
    }
    for (index, sample) in samples.iter_mut().take(FADE).enumerate() {
        // A share of an i16 is an i16.
        *sample = (i32::from(*sample) * index as i32 / FADE as i32) as i16;
    }
}

fn duration_of(samples: i64) -> Duration {
    Duration::from_micros(samples.max(0).unsigned_abs() * 1_000_000 / CLOCK.unsigned_abs())
}

fn samples_in(duration: Duration) -> i64 {
    let samples = duration.as_micros() * CLOCK.unsigned_abs() as u128 / 1_000_000;
    samples.min(FOREVER as u128) as i64
}
