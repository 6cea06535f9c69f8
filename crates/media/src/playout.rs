//! What a call hears: the jitter buffer in frames of 20 ms, and its level.

use std::time::{Duration, Instant};

use crate::codec::Codec;
use crate::jitter::{Counters, Delays, Inserted, JitterBuffer, PULL, Packet};
use crate::level::{SILENCE_DBOV, level_dbov};
use crate::{Frame, OfferError};

/// The receiving side of the audio.
pub(crate) struct Playout {
    buffer: JitterBuffer,
    level: f32,
    /// Samples that were pulled since the first packet was played.
    heard: u64,
}

impl Playout {
    /// A player of a stream in this codec, at least this much behind it.
    pub(crate) fn new(codec: Codec, least: Duration, now: Instant) -> Result<Self, OfferError> {
        let delays = Delays {
            least,
            ..Delays::default()
        };
        let buffer = JitterBuffer::new(codec, delays, now)?;
        let level = SILENCE_DBOV;
        Ok(Self {
            buffer,
            level,
            heard: 0,
        })
    }

    /// Takes a packet of this codec.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        (sequence, timestamp): (u16, u32),
        codec: Codec,
        payload: &[u8],
    ) -> Inserted {
        let packet = Packet {
            codec,
            sequence,
            timestamp,
            payload,
        };
        self.buffer.insert(now, &packet)
    }

    /// Takes note of a packet of the stream that holds no audio.
    pub(crate) fn pass(&mut self, sequence: u16) {
        self.buffer.pass(sequence);
    }

    /// Forgets the stream: another source begins.
    pub(crate) fn reset(&mut self) {
        self.buffer.reset();
    }

    /// The next 20 ms to be heard.
    pub(crate) fn pull(&mut self, now: Instant, frame: &mut Frame) {
        let (halves, _) = frame.as_chunks_mut::<PULL>();
        for half in halves {
            self.buffer.pull(now, half);
        }
        self.level = level_dbov(frame);
        if self.buffer.counters().played > 0 {
            self.heard += frame.len() as u64;
        }
    }

    /// The share of the sound so far that was invented, 0 to 1; none before there was any.
    pub(crate) fn invented(&self) -> Option<f64> {
        let concealed = self.counters().concealed_samples as f64;
        (self.heard > 0).then(|| (concealed / self.heard as f64).min(1.0))
    }

    pub(crate) fn level_dbov(&self) -> f32 {
        self.level
    }

    pub(crate) fn counters(&self) -> Counters {
        self.buffer.counters()
    }

    /// What is buffered, decoded or not.
    pub(crate) fn waiting(&self) -> Duration {
        self.buffer.waiting()
    }
}
