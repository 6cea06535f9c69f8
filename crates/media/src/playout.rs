//! From packets to the frames that are heard: jitter buffer and decoder together.

use std::time::{Duration, Instant};

use crate::codec::{Codec, Decoder, MAX_PACKET_SAMPLES, Redundancy, STEP_SAMPLES};
use crate::jitter::{Counters, Inserted, JitterBuffer, Step};
use crate::level::{SILENCE_DBOV, level_dbov};
use crate::{FRAME_SAMPLES, Frame, OfferError};

/// The length of a blend where a frame is dropped: 10 ms.
const BLEND: usize = 480;
/// The length of the fade where a stream ends in favour of another: 5 ms.
const FADE: usize = 240;

/// The receiving side of the audio.
pub(crate) struct Playout {
    buffer: JitterBuffer,
    decoder: Decoder,
    /// Decoded samples, of which `ready` have not been heard.
    decoded: Box<[i16; MAX_PACKET_SAMPLES]>,
    ready: std::ops::Range<usize>,
    /// A frame that is being dropped.
    dropped: Box<[i16; MAX_PACKET_SAMPLES]>,
    /// Pieces that the buffer asked to be rebuilt from packets that knew nothing of them.
    invented: u64,
    level: f32,
}

impl Playout {
    /// A player of a stream in this codec.
    pub(crate) fn new(codec: Codec, delay: Duration, now: Instant) -> Result<Self, OfferError> {
        Ok(Self {
            buffer: JitterBuffer::new(delay, now),
            decoder: Decoder::new(codec)?,
            decoded: Box::new([0; MAX_PACKET_SAMPLES]),
            ready: 0..0,
            dropped: Box::new([0; MAX_PACKET_SAMPLES]),
            invented: 0,
            level: SILENCE_DBOV,
        })
    }

    /// Takes a packet of this codec; `None` when its payload is none. A codec other than the last one's begins a new stream.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        codec: Codec,
        payload: &[u8],
    ) -> Option<Inserted> {
        let samples = codec.packet_samples(payload)?;
        if codec != self.decoder.codec() {
            let next = Decoder::new(codec).ok()?;
            self.reset();
            self.decoder = next;
        }
        let timestamp = codec.timestamp_at_48k(timestamp);
        let inserted = self.buffer.insert(now, sequence, timestamp, samples, payload);
        match inserted {
            Inserted::Restarted => self.fade_out(),
            Inserted::Waiting | Inserted::Late | Inserted::Duplicate => {}
        }
        Some(inserted)
    }

    /// Takes note of a packet of the stream that holds no audio.
    pub(crate) fn pass(&mut self, sequence: u16) {
        self.buffer.pass(sequence);
    }

    /// Forgets the stream: another source begins.
    pub(crate) fn reset(&mut self) {
        self.buffer.reset();
        self.fade_out();
    }

    /// Of what was decoded ahead a last moment is still heard, and the decoder forgets the stream:
    /// what it kept of one would sound in the first frames of the next.
    fn fade_out(&mut self) {
        if self.ready.is_empty() && self.level > SILENCE_DBOV {
            self.decoder.conceal(&mut self.decoded[..FADE]);
            self.ready = 0..FADE;
        }
        self.ready.end = self.ready.end.min(self.ready.start + FADE);
        let (length, fading) = (self.ready.len() as i32, &mut self.decoded[self.ready.clone()]);
        for (index, sample) in fading.iter_mut().enumerate() {
            // A share of an i16 is an i16.
            *sample = (i32::from(*sample) * (length - index as i32) / length) as i16;
        }
        self.decoder.reset();
    }

    /// The next 20 ms to be heard.
    pub(crate) fn pull(&mut self, now: Instant, frame: &mut Frame) {
        let mut filled = 0;
        while filled < FRAME_SAMPLES {
            if self.ready.is_empty() && !self.refill(now) {
                frame[filled..].fill(0);
                break;
            }
            let count = self.ready.len().min(FRAME_SAMPLES - filled);
            let from = self.ready.start;
            frame[filled..filled + count].copy_from_slice(&self.decoded[from..from + count]);
            self.ready.start += count;
            filled += count;
        }
        self.level = level_dbov(frame);
    }

    pub(crate) fn level_dbov(&self) -> f32 {
        self.level
    }

    pub(crate) fn counters(&self) -> Counters {
        let mut counters = self.buffer.counters();
        counters.concealed += self.invented;
        counters.recovered -= self.invented;
        counters
    }

    /// What is buffered, decoded or not.
    pub(crate) fn waiting(&self) -> Duration {
        self.buffer.waiting() + Duration::from_micros(self.ready.len() as u64 * 1_000 / 48)
    }

    fn refill(&mut self, now: Instant) -> bool {
        let samples = match self.buffer.next(now) {
            Step::Silence => return false,
            Step::Play {
                payload,
                squeeze: false,
            } => self.decoder.decode(payload, &mut self.decoded),
            Step::Play { payload, squeeze: true } => {
                let dropped = self.decoder.decode(payload, &mut self.dropped);
                return self.squeeze(now, dropped);
            }
            Step::Recover { next, samples } => {
                let samples = fitting(samples);
                match self.decoder.redundancy(next) {
                    Redundancy::None => self.invented += 1,
                    Redundancy::Previous | Redundancy::Deep => {}
                }
                self.decoder.recover(next, &mut self.decoded[..samples]);
                samples
            }
            Step::Conceal { samples, lost: _ } => {
                let samples = fitting(samples);
                self.decoder.conceal(&mut self.decoded[..samples]);
                samples
            }
        };
        self.ready = 0..samples;
        true
    }

    /// Plays the packet after the dropped one, blending from the one to the other.
    fn squeeze(&mut self, now: Instant, dropped: usize) -> bool {
        if let Step::Play { payload, .. } = self.buffer.next(now) {
            let samples = self.decoder.decode(payload, &mut self.decoded);
            let blend = BLEND.min(samples).min(dropped);
            for index in 0..blend {
                let (old, new) = (i32::from(self.dropped[index]), i32::from(self.decoded[index]));
                let weight = index as i32;
                let mixed = (old * (blend as i32 - weight) + new * weight) / blend as i32;
                // A weighted mean of two i16 is an i16.
                self.decoded[index] = mixed as i16;
            }
            self.ready = 0..samples;
        } else {
            self.decoded.copy_from_slice(&self.dropped[..]);
            self.ready = 0..dropped;
        }
        true
    }
}

fn fitting(samples: usize) -> usize {
    samples.clamp(STEP_SAMPLES, MAX_PACKET_SAMPLES) / STEP_SAMPLES * STEP_SAMPLES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Encoder, EncoderSettings};
    use crate::fuzzing::an_instant;

    const FRAME: Duration = Duration::from_millis(20);

    /// A player that is given a tone from an encoder of its own, packet by packet.
    struct Story {
        now: Instant,
        playout: Playout,
        heard: Vec<i16>,
    }

    impl Story {
        fn new() -> Self {
            let now = an_instant();
            let playout = Playout::new(Codec::Opus, 2 * FRAME, now).expect("a decoder");
            Self {
                now,
                playout,
                heard: Vec::new(),
            }
        }

        /// Half a second of this tone from these numbers on.
        fn tone(&mut self, hertz: f64, amplitude: f64, sequence: u16, timestamp: u32) {
            let settings = EncoderSettings {
                bitrate: 32_000,
                complexity: 1,
                in_band_fec: true,
                ..EncoderSettings::default()
            };
            let mut encoder = Encoder::new(Codec::Opus, settings).expect("an encoder");
            for number in 0..25_u16 {
                let mut frame = [0; FRAME_SAMPLES];
                for (index, sample) in frame.iter_mut().enumerate() {
                    let at = (usize::from(number) * FRAME_SAMPLES + index) as f64;
                    *sample = (amplitude * (at * hertz / 48_000.0 * std::f64::consts::TAU).sin()) as i16;
                }
                let packet = encoder.encode(&frame).expect("a packet");
                let timestamp = timestamp + u32::from(number) * 960;
                let numbers = (sequence + number, timestamp);
                self.playout.insert(self.now, numbers, Codec::Opus, packet);
                let mut heard = [0; FRAME_SAMPLES];
                self.playout.pull(self.now, &mut heard);
                self.heard.extend_from_slice(&heard);
                self.now += FRAME;
            }
        }
    }

    #[test]
    fn a_new_stream_sounds_as_if_there_had_been_no_other() {
        let mut fresh = Story::new();
        fresh.tone(300.0, 1_000.0, 7, 9);
        for restarted in [false, true] {
            let mut story = Story::new();
            story.tone(3_000.0, 16_000.0, 100, 100);
            if !restarted {
                story.playout.reset();
            }
            let before = story.heard.len();
            story.tone(300.0, 1_000.0, 20_000, 50_000_000);
            let heard = &story.heard[before..];
            // After the fade of the former stream.
            assert!(heard[FADE..] == fresh.heard[FADE..], "restarted: {restarted}");
        }
    }

    #[test]
    fn the_former_stream_fades_out() {
        let mut story = Story::new();
        story.tone(400.0, 16_000.0, 100, 100);
        let before = story.heard.len();
        story.playout.reset();
        story.tone(300.0, 1_000.0, 7, 9);
        let around = &story.heard[before - 480..before + 480];
        // The steepest step of a 400 Hz tone of this amplitude is 840.
        let steepest = around
            .windows(2)
            .map(|pair| i32::from(pair[1]).abs_diff(i32::from(pair[0])));
        assert!(steepest.max().unwrap_or_default() < 1_200);
        assert!(story.heard[before..][..120].iter().any(|sample| sample.abs() > 2_000));
        assert!(story.heard[before + FADE..][..480].iter().all(|sample| *sample == 0));
    }
}
