//! What becomes of the peer's packets: they are played, or handed on as they are.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::handover::{Handover, ReceivedPacket};
use crate::jitter::Counters;
use crate::level::SILENCE_DBOV;
use crate::playout::Playout;
use crate::rating::{Impairment, mean_opinion};
use crate::{CallConfig, Codec, FRAME_SAMPLES, Frame, OfferError, Statistics};

/// A frame of the sender, and what Opus looks ahead.
const CODEC_DELAY: Duration = Duration::from_micros(26_500);

/// The receiving side of the audio.
pub(crate) enum Listening {
    Played(Box<Playout>),
    /// Without a decoder and a jitter buffer, which are most of a call's memory.
    HandedOn(Handover),
}

impl Listening {
    pub(crate) fn new(config: &CallConfig, codec: Codec, now: Instant) -> Result<Self, OfferError> {
        if !config.decode {
            return Ok(Self::HandedOn(Handover::default()));
        }
        let playout = Playout::new(codec, config.playout_delay, now)?;
        Ok(Self::Played(Box::new(playout)))
    }

    /// Takes a packet of this codec; returns what the player makes of it.
    pub(crate) fn insert(
        &mut self,
        now: Instant,
        numbers: (u16, u32),
        codec: Codec,
        payload: &[u8],
    ) -> Option<impl Debug + use<>> {
        match self {
            Self::Played(playout) => Some(playout.insert(now, numbers, codec, payload)),
            Self::HandedOn(handover) => {
                handover.insert(now, numbers, Some(codec), payload);
                None
            }
        }
    }

    /// Takes note of a packet of the stream that holds no audio.
    pub(crate) fn pass(&mut self, now: Instant, sequence: u16) {
        match self {
            Self::Played(playout) => playout.pass(sequence),
            Self::HandedOn(handover) => handover.insert(now, (sequence, 0), None, &[]),
        }
    }

    /// Forgets the stream: another source begins.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Played(playout) => playout.reset(),
            Self::HandedOn(handover) => handover.reset(),
        }
    }

    /// The next 20 ms to be heard.
    pub(crate) fn pull(&mut self, now: Instant, frame: &mut Frame) {
        match self {
            Self::Played(playout) => playout.pull(now, frame),
            Self::HandedOn(_) => frame.fill(0),
        }
    }

    /// The next packet that is handed on.
    pub(crate) fn next(&mut self, now: Instant) -> Option<ReceivedPacket<'_>> {
        match self {
            Self::Played(_) => None,
            Self::HandedOn(handover) => handover.next(now),
        }
    }

    fn level_dbov(&self) -> f32 {
        match self {
            Self::Played(playout) => playout.level_dbov(),
            Self::HandedOn(_) => SILENCE_DBOV,
        }
    }

    /// Fills in what is counted here, and what a listener would say of it. The round trip is filled in before.
    pub(crate) fn write(&self, now: Instant, codec: Codec, statistics: &mut Statistics) {
        let counters = self.counters();
        statistics.packets_lost = counters.lost;
        statistics.packets_late = counters.late;
        statistics.packets_duplicate = counters.duplicate;
        statistics.frames_concealed = counters.concealed_samples.div_ceil(FRAME_SAMPLES as u64);
        statistics.frames_recovered = counters.recovered + counters.recovered_deep;
        statistics.frames_recovered_deep = counters.recovered_deep;
        statistics.concealed = duration(counters.concealed_samples);
        statistics.shortened = duration(counters.shortened_samples);
        statistics.lengthened = duration(counters.lengthened_samples);
        statistics.level_received_dbov = self.level_dbov();
        statistics.playout_delay = self.waiting(now);
        let invented = match self {
            Self::Played(playout) => playout.invented(),
            Self::HandedOn(_) => None,
        };
        if let Some(invented) = invented {
            let way = statistics.round_trip.unwrap_or_default() / 2;
            let impairment = Impairment {
                codec,
                delay: way + statistics.playout_delay + CODEC_DELAY,
                invented,
            };
            let rating = impairment.rating();
            statistics.r_factor = Some(rating);
            statistics.mos = Some(mean_opinion(rating));
        }
    }

    fn counters(&self) -> Counters {
        match self {
            Self::Played(playout) => playout.counters(),
            Self::HandedOn(handover) => handover.counters(),
        }
    }

    /// What is held back.
    fn waiting(&self, now: Instant) -> Duration {
        match self {
            Self::Played(playout) => playout.waiting(),
            Self::HandedOn(handover) => handover.waiting(now),
        }
    }
}

fn duration(samples: u64) -> Duration {
    Duration::from_micros(samples * 1_000 / 48)
}
