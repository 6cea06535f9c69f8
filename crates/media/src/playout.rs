//! From packets to the frames that are heard: jitter buffer and decoder together.

use std::time::{Duration, Instant};

use crate::codec::{MAX_PACKET_SAMPLES, OpusDecoder, STEP_SAMPLES, packet_samples};
use crate::jitter::{Counters, Inserted, JitterBuffer, Step};
use crate::level::{SILENCE_DBOV, level_dbov};
use crate::{FRAME_SAMPLES, Frame, OfferError};

/// The length of a blend where a frame is dropped: 10 ms.
const BLEND: usize = 480;

/// The receiving side of the audio.
pub(crate) struct Playout {
    buffer: JitterBuffer,
    decoder: OpusDecoder,
    /// Decoded samples, of which `ready` have not been heard.
    decoded: Box<[i16; MAX_PACKET_SAMPLES]>,
    ready: std::ops::Range<usize>,
    /// A frame that is being dropped.
    dropped: Box<[i16; MAX_PACKET_SAMPLES]>,
    level: f32,
}

impl Playout {
    pub(crate) fn new(delay: Duration, now: Instant) -> Result<Self, OfferError> {
        Ok(Self {
            buffer: JitterBuffer::new(delay, now),
            decoder: OpusDecoder::new()?,
            decoded: Box::new([0; MAX_PACKET_SAMPLES]),
            ready: 0..0,
            dropped: Box::new([0; MAX_PACKET_SAMPLES]),
            level: SILENCE_DBOV,
        })
    }

    /// Takes a packet; `None` when its payload is no Opus.
    pub(crate) fn insert(&mut self, now: Instant, sequence: u16, timestamp: u32, payload: &[u8]) -> Option<Inserted> {
        let samples = packet_samples(payload)?;
        Some(self.buffer.insert(now, sequence, timestamp, samples, payload))
    }

    /// Takes note of a packet of the stream that holds no audio.
    pub(crate) fn pass(&mut self, sequence: u16, timestamp: u32) {
        self.buffer.pass(sequence, timestamp);
    }

    /// Forgets the stream: another source begins.
    pub(crate) fn reset(&mut self) {
        self.buffer.reset();
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
        self.buffer.counters()
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
            } => decode(&mut self.decoder, payload, &mut self.decoded[..]),
            Step::Play { payload, squeeze: true } => {
                decode(&mut self.decoder, payload, &mut self.dropped[..]);
                return self.squeeze(now);
            }
            Step::Recover { next, samples } => {
                let samples = fitting(samples);
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

    /// Plays the frame after the dropped one, blending from the one to the other.
    fn squeeze(&mut self, now: Instant) -> bool {
        if let Step::Play { payload, .. } = self.buffer.next(now) {
            let samples = decode(&mut self.decoder, payload, &mut self.decoded[..]);
            for index in 0..BLEND.min(samples) {
                let (old, new) = (i32::from(self.dropped[index]), i32::from(self.decoded[index]));
                let weight = index as i32;
                let mixed = (old * (BLEND as i32 - weight) + new * weight) / BLEND as i32;
                // A weighted mean of two i16 is an i16.
                self.decoded[index] = mixed as i16;
            }
            self.ready = 0..samples;
        } else {
            self.decoded.copy_from_slice(&self.dropped[..]);
            self.ready = 0..FRAME_SAMPLES;
        }
        true
    }
}

/// Decodes, or leaves a frame of silence where the payload is broken.
fn decode(decoder: &mut OpusDecoder, payload: &[u8], out: &mut [i16]) -> usize {
    match decoder.decode(payload, out) {
        Some(samples) if samples > 0 => samples.min(out.len()),
        Some(_) | None => {
            out[..FRAME_SAMPLES].fill(0);
            FRAME_SAMPLES
        }
    }
}

fn fitting(samples: usize) -> usize {
    samples.clamp(STEP_SAMPLES, MAX_PACKET_SAMPLES) / STEP_SAMPLES * STEP_SAMPLES
}
