//! What becomes of the peer's packets: they are played, or handed on as they are.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::handover::{Handover, ReceivedPacket};
use crate::jitter::Counters;
use crate::level::SILENCE_DBOV;
use crate::playout::Playout;
use crate::{CallConfig, Codec, Frame, OfferError};

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

    pub(crate) fn level_dbov(&self) -> f32 {
        match self {
            Self::Played(playout) => playout.level_dbov(),
            Self::HandedOn(_) => SILENCE_DBOV,
        }
    }

    pub(crate) fn counters(&self) -> Counters {
        match self {
            Self::Played(playout) => playout.counters(),
            Self::HandedOn(handover) => handover.counters(),
        }
    }

    /// What is held back.
    pub(crate) fn waiting(&self, now: Instant) -> Duration {
        match self {
            Self::Played(playout) => playout.waiting(),
            Self::HandedOn(handover) => handover.waiting(now),
        }
    }
}
