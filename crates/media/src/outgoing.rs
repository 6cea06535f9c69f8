//! The sending side of the audio: numbers, timestamps, the encoder.

use std::time::Instant;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::Frame;
use crate::codec::Encoder;
use crate::digits::EventPacket;
use crate::level::{SILENCE_DBOV, level_dbov};

/// A pause of the caller longer than this many frames is a pause of the audio; a shorter one is a
/// hiccup that the caller makes up for.
const PAUSE_FRAMES: u64 = 10;
const FRAME_MICROS: u128 = 20_000;

/// Numbers the packets of the stream that we send.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// The next sequence number, extended.
    sequence: u64,
    first_timestamp: u32,
    started: Option<Instant>,
    /// Frames since the start, whether they were sent or not.
    frames: u64,
    /// The last frame went out.
    talking: bool,
    level: f32,
    packets: u64,
    /// How many there were at the peer's last report.
    reported: u64,
    bytes: u64,
}

/// The header fields of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Numbers {
    pub(crate) sequence: u64,
    pub(crate) timestamp: u32,
    /// The first packet after a pause (RFC 3551 section 4.1).
    pub(crate) marker: bool,
}

impl Outgoing {
    pub(crate) fn new(rng: &mut StdRng) -> Self {
        Self {
            // The rollover counter must be zero at the start (RFC 3711 section 3.3.1); the lower
            // half leaves time until it first turns.
            sequence: u64::from(rng.random::<u16>() >> 1),
            first_timestamp: rng.random(),
            started: None,
            frames: 0,
            talking: false,
            level: SILENCE_DBOV,
            packets: 0,
            reported: 0,
            bytes: 0,
        }
    }

    /// Moves on by a frame that is not sent.
    pub(crate) fn skip(&mut self, now: Instant, frame: &Frame) {
        self.tick(now);
        self.level = level_dbov(frame);
        self.talking = false;
    }

    /// Encodes a frame and numbers its packet; none in a pause that is not sent.
    pub(crate) fn encode<'a>(
        &mut self,
        now: Instant,
        frame: &Frame,
        encoder: &'a mut Encoder,
    ) -> Option<(Numbers, &'a [u8])> {
        let index = self.tick(now);
        self.level = level_dbov(frame);
        let ticks = encoder.codec().frame_ticks();
        let Some(payload) = encoder.encode(frame) else {
            self.talking = false;
            return None;
        };
        let numbers = self.number(index, ticks, payload.len());
        Some((numbers, payload))
    }

    /// Numbers a packet that was made elsewhere and plays for this many frames of this many ticks.
    pub(crate) fn ready_made(&mut self, now: Instant, frames: u32, ticks: u32, bytes: usize) -> Numbers {
        let index = self.tick(now);
        self.frames += u64::from(frames.saturating_sub(1));
        self.level = SILENCE_DBOV;
        self.number(index, ticks, bytes)
    }

    /// Moves on by this many frames that are not sent.
    pub(crate) fn skip_ready_made(&mut self, now: Instant, frames: u32) {
        self.tick(now);
        self.frames += u64::from(frames.saturating_sub(1));
        self.level = SILENCE_DBOV;
        self.talking = false;
    }

    /// Numbers the packet of a telephone event that takes the place of this frame (RFC 4733 section 2.5.1).
    pub(crate) fn event(&mut self, now: Instant, frame: &Frame, event: &EventPacket, bytes: usize) -> Numbers {
        let index = self.tick(now);
        self.level = level_dbov(frame);
        let EventPacket { timestamp, marker, .. } = *event;
        Numbers {
            timestamp,
            marker,
            ..self.number(index, 0, bytes)
        }
    }

    /// The timestamp of a frame that came now, at this many ticks a frame.
    pub(crate) fn due_timestamp(&self, now: Instant, ticks: u32) -> u32 {
        let index = self.due(now).unwrap_or(self.frames);
        self.first_timestamp.wrapping_add((index as u32).wrapping_mul(ticks))
    }

    /// The numbers of the packet of this frame, at this many ticks a frame.
    fn number(&mut self, index: u64, ticks: u32, bytes: usize) -> Numbers {
        let elapsed = (index as u32).wrapping_mul(ticks);
        let numbers = Numbers {
            sequence: self.sequence,
            timestamp: self.first_timestamp.wrapping_add(elapsed),
            marker: !self.talking,
        };
        self.sequence += 1;
        self.talking = true;
        self.packets += 1;
        self.bytes += bytes as u64;
        numbers
    }

    pub(crate) fn level_dbov(&self) -> f32 {
        self.level
    }

    pub(crate) fn packets(&self) -> u64 {
        self.packets
    }

    /// The peer reports: how many packets went out since it last did.
    pub(crate) fn since_report(&mut self) -> u64 {
        self.packets - std::mem::replace(&mut self.reported, self.packets)
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The number of this frame. Timestamps count frames, not the caller's clock, whose ticks
    /// jitter; only a real pause (a suspended machine) makes them jump.
    fn tick(&mut self, now: Instant) -> u64 {
        self.frames = self.due(now).unwrap_or(self.frames);
        self.started.get_or_insert(now);
        let index = self.frames;
        self.frames += 1;
        index
    }

    /// The number of the frame that is due, when that is far ahead of the frames that came.
    fn due(&self, now: Instant) -> Option<u64> {
        let elapsed = now.saturating_duration_since(self.started?).as_micros() / FRAME_MICROS;
        Some(elapsed as u64).filter(|due| *due > self.frames + PAUSE_FRAMES)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rand::SeedableRng;

    use super::*;
    use crate::FRAME_SAMPLES;
    use crate::codec::{Codec, EncoderSettings};
    use crate::fuzzing::an_instant;

    struct Story {
        start: Instant,
        outgoing: Outgoing,
        encoder: Encoder,
    }

    impl Story {
        fn new() -> Self {
            let settings = EncoderSettings {
                bitrate: 32_000,
                complexity: 0,
                in_band_fec: true,
                ..EncoderSettings::default()
            };
            Self {
                start: an_instant(),
                outgoing: Outgoing::new(&mut StdRng::from_seed([3; 32])),
                encoder: Encoder::new(Codec::Opus, settings).expect("an encoder"),
            }
        }

        /// The numbers of a frame sent at this time; the timestamp in frames since the first.
        fn send(&mut self, millis: u64) -> (u64, u32, bool) {
            let at = self.start + Duration::from_millis(millis);
            let (numbers, payload) = self
                .outgoing
                .encode(at, &[0; FRAME_SAMPLES], &mut self.encoder)
                .expect("a packet");
            assert!(!payload.is_empty());
            let frames = numbers.timestamp.wrapping_sub(self.outgoing.first_timestamp) / 960;
            (numbers.sequence, frames, numbers.marker)
        }

        fn skip(&mut self, millis: u64) {
            self.outgoing
                .skip(self.start + Duration::from_millis(millis), &[0; FRAME_SAMPLES]);
        }
    }

    #[test]
    fn frames_count_on_and_the_first_is_marked() {
        let mut story = Story::new();
        let (first, _, marker) = story.send(0);
        assert!(marker && first < 32_768);
        assert_eq!(story.send(20), (first + 1, 1, false));
        assert_eq!(story.send(43), (first + 2, 2, false));
    }

    #[test]
    fn what_is_not_sent_takes_time_but_no_number() {
        let mut story = Story::new();
        story.skip(0);
        story.skip(20);
        let (first, frames, marker) = story.send(40);
        assert_eq!((frames, marker), (2, true));
        story.skip(60);
        assert_eq!(story.send(80), (first + 1, 4, true));
    }

    #[test]
    fn a_hiccup_of_the_caller_is_made_up_for_and_a_pause_is_not() {
        let mut story = Story::new();
        let (first, ..) = story.send(0);
        // Five ticks at once: as if they had come in time.
        for frame in 1..6 {
            assert_eq!(story.send(100).1, frame);
        }
        assert_eq!(story.send(3_600_000), (first + 6, 180_000, false));
    }
}
