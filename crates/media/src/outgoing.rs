//! The sending side of the audio: numbers, timestamps, the encoder.

use std::time::Instant;

use rand::RngExt;
use rand::rngs::StdRng;

use crate::codec::{Encoder, LONGEST_PACKET, PacketTime};
use crate::digits::EventPacket;
use crate::level::{SILENCE_DBOV, level_dbov};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

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
    gathered: Gathered,
    /// The last frame went out.
    talking: bool,
    level: f32,
    packets: u64,
    /// How many there were at the peer's last report.
    reported: u64,
    bytes: u64,
}

/// Frames that wait for the rest of their packet.
#[derive(Debug, Default)]
struct Gathered {
    /// The number of the first.
    first: u64,
    /// Empty, and without memory, where packets are no longer than frames.
    samples: Vec<i16>,
}

impl Gathered {
    /// Adds a frame; what is there is dropped when the frame does not continue it or is too much for a packet of this size.
    fn add(&mut self, index: u64, frame: &Frame, size: usize) {
        let frames = self.samples.len() / FRAME_SAMPLES;
        let room = self.samples.len() + FRAME_SAMPLES <= size;
        if self.samples.is_empty() || self.first + frames as u64 != index || !room {
            self.samples.clear();
            self.samples.reserve(LONGEST_PACKET);
            self.first = index;
        }
        self.samples.extend_from_slice(frame);
    }
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
            gathered: Gathered::default(),
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

    /// Encodes a frame, and gives `send` the packets that it completes: two or one, or none yet, and none in a pause that is not sent.
    pub(crate) fn encode(
        &mut self,
        now: Instant,
        frame: &Frame,
        packet_time: PacketTime,
        encoder: &mut Encoder,
        mut send: impl FnMut(Numbers, &[u8]),
    ) {
        let index = self.tick(now);
        self.level = level_dbov(frame);
        let size = packet_time.samples();
        if size <= FRAME_SAMPLES {
            let begin = index * FRAME_SAMPLES as u64;
            for (at, samples) in (begin..).step_by(size).zip(frame.chunks(size)) {
                self.encode_packet(at, samples, encoder, &mut send);
            }
            return;
        }
        self.gathered.add(index, frame, size);
        if self.gathered.samples.len() == size {
            let mut gathered = std::mem::take(&mut self.gathered);
            let begin = gathered.first * FRAME_SAMPLES as u64;
            self.encode_packet(begin, &gathered.samples, encoder, &mut send);
            gathered.samples.clear();
            self.gathered = gathered;
        }
    }

    /// Encodes the samples of one packet, that begin so many samples after the start.
    fn encode_packet(
        &mut self,
        at: u64,
        samples: &[i16],
        encoder: &mut Encoder,
        send: &mut impl FnMut(Numbers, &[u8]),
    ) {
        let ratio = SAMPLE_RATE / encoder.codec().clock_rate();
        let Some(payload) = encoder.encode(samples) else {
            self.talking = false;
            return;
        };
        let numbers = self.number((at / u64::from(ratio)) as u32, payload.len());
        send(numbers, payload);
    }

    /// Numbers a packet that was made elsewhere and plays for this many frames of this many ticks.
    pub(crate) fn ready_made(&mut self, now: Instant, frames: u32, ticks: u32, bytes: usize) -> Numbers {
        let index = self.tick(now);
        self.frames += u64::from(frames.saturating_sub(1));
        self.level = SILENCE_DBOV;
        self.number((index as u32).wrapping_mul(ticks), bytes)
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
        self.tick(now);
        self.level = level_dbov(frame);
        let EventPacket { timestamp, marker, .. } = *event;
        Numbers {
            timestamp,
            marker,
            ..self.number(0, bytes)
        }
    }

    /// The timestamp of a frame that came now, at this many ticks a frame.
    pub(crate) fn due_timestamp(&self, now: Instant, ticks: u32) -> u32 {
        let index = self.due(now).unwrap_or(self.frames);
        self.first_timestamp.wrapping_add((index as u32).wrapping_mul(ticks))
    }

    /// The numbers of the packet that begins this many ticks after the start.
    fn number(&mut self, elapsed: u32, bytes: usize) -> Numbers {
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
            let sent = self.packets(at, PacketTime::Twenty);
            let [numbers] = sent[..] else {
                panic!("one packet, not {sent:?}")
            };
            let frames = numbers.timestamp.wrapping_sub(self.outgoing.first_timestamp) / 960;
            (numbers.sequence, frames, numbers.marker)
        }

        /// The packets that a frame completes.
        fn packets(&mut self, at: Instant, time: PacketTime) -> Vec<Numbers> {
            let mut sent = Vec::new();
            let frame = [0; FRAME_SAMPLES];
            self.outgoing
                .encode(at, &frame, time, &mut self.encoder, |numbers, payload| {
                    assert_eq!(Codec::Opus.packet_samples(payload), Some(time.samples() as u32));
                    sent.push(numbers);
                });
            sent
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

    #[test]
    fn packets_of_any_length_follow_each_other_in_number_and_time() {
        for (time, packets, ticks) in [
            (PacketTime::Ten, 24, 480),
            (PacketTime::Twenty, 12, 960),
            (PacketTime::Forty, 6, 1_920),
            (PacketTime::Sixty, 4, 2_880),
        ] {
            let mut story = Story::new();
            let at = |frame: u64| story.start + Duration::from_millis(20 * frame);
            let times: Vec<Instant> = (0..12).map(at).collect();
            let sent: Vec<Numbers> = times.into_iter().flat_map(|at| story.packets(at, time)).collect();
            assert_eq!(sent.len(), packets, "{time:?}");
            for pair in sent.windows(2) {
                assert_eq!(pair[1].sequence, pair[0].sequence + 1);
                assert_eq!(pair[1].timestamp.wrapping_sub(pair[0].timestamp), ticks, "{time:?}");
            }
        }
    }

    #[test]
    fn what_was_gathered_before_a_pause_is_not_joined_to_what_follows() {
        let mut story = Story::new();
        let start = story.start;
        let at = |frame: u64| start + Duration::from_millis(20 * frame);
        assert_eq!(story.packets(at(0), PacketTime::Forty), []);
        story.skip(20);
        assert_eq!(story.packets(at(2), PacketTime::Forty), []);
        let sent = story.packets(at(3), PacketTime::Forty);
        let since = sent[0].timestamp.wrapping_sub(story.outgoing.first_timestamp);
        assert_eq!((sent.len(), since), (1, 2 * 960));
        // Packets become shorter while a frame waits.
        assert_eq!(story.packets(at(4), PacketTime::Sixty), []);
        assert_eq!(story.packets(at(5), PacketTime::Sixty), []);
        assert_eq!(story.packets(at(6), PacketTime::Forty), []);
        assert_eq!(story.packets(at(7), PacketTime::Forty).len(), 1);
    }
}
