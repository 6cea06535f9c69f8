//! Decoded samples on their way out, with a little of what was heard before them.

use super::PULL;
use crate::codec::MAX_PACKET_SAMPLES;

/// So much of what was heard is kept: the longest period of a voice, and more.
pub(super) const HISTORY: usize = 2 * PULL;
/// Never more is ready before a packet is decoded, so that it always fits.
const MOST_READY: usize = MAX_PACKET_SAMPLES + 4 * PULL;
const ROOM: usize = HISTORY + MOST_READY + MAX_PACKET_SAMPLES;

/// The samples.
pub(super) struct Line {
    samples: Box<[i16; ROOM]>,
    /// What is ready stands from here ...
    at: usize,
    /// ... to here.
    end: usize,
}

impl Line {
    pub(super) fn new() -> Self {
        Self {
            samples: Box::new([0; ROOM]),
            at: HISTORY,
            end: HISTORY,
        }
    }

    /// How many samples are ready.
    pub(super) fn ready(&self) -> usize {
        self.end - self.at
    }

    /// What was heard, as much as is kept, and then what is ready.
    pub(super) fn all(&self) -> &[i16] {
        &self.samples[self.at - HISTORY..self.end]
    }

    /// What is ready.
    pub(super) fn ahead(&mut self) -> &mut [i16] {
        &mut self.samples[self.at..self.end]
    }

    /// Room for a packet, or as much of one as fits; [`grow`](Self::grow) tells how much of it was filled.
    pub(super) fn room(&mut self) -> &mut [i16; MAX_PACKET_SAMPLES] {
        self.settle();
        self.end = self.end.min(HISTORY + MOST_READY);
        let room = &mut self.samples[self.end..];
        room.first_chunk_mut().expect("what is ready leaves room for a packet")
    }

    /// So much of the room was filled.
    pub(super) fn grow(&mut self, samples: usize) {
        self.end += samples.min(MAX_PACKET_SAMPLES);
    }

    /// Gives up what is ready beyond this.
    pub(super) fn truncate(&mut self, ready: usize) {
        self.end = self.end.min(self.at + ready);
    }

    /// Takes the next samples; silence where there are none.
    pub(super) fn take(&mut self, out: &mut [i16; PULL]) {
        let missing = PULL.saturating_sub(self.ready());
        if missing > 0 {
            self.settle();
            self.samples[self.end..self.end + missing].fill(0);
            self.end += missing;
        }
        out.copy_from_slice(&self.samples[self.at..self.at + PULL]);
        self.at += PULL;
    }

    /// Plays what is `shift` samples later, blending over to it within `blend` samples from now on.
    pub(super) fn cut(&mut self, shift: usize, blend: usize) {
        debug_assert!(shift + blend <= self.ready());
        let at = self.at;
        for index in 0..blend {
            self.samples[at + index] = mixed(self.samples[at + index], self.samples[at + shift + index], index, blend);
        }
        self.samples.copy_within(at + shift + blend..self.end, at + blend);
        self.end -= shift;
    }

    /// Plays what was heard `shift` samples ago again, blending over to it within `blend` samples from now on.
    pub(super) fn repeat(&mut self, shift: usize, blend: usize) {
        debug_assert!(shift <= HISTORY && blend <= PULL && blend <= self.ready());
        self.settle();
        let (at, shift) = (self.at, shift.min(ROOM - self.end));
        let mut seam = [0; PULL];
        for (index, sample) in seam[..blend].iter_mut().enumerate() {
            *sample = mixed(self.samples[at + index], self.samples[at + index - shift], index, blend);
        }
        self.samples.copy_within(at + blend - shift..self.end, at + blend);
        self.samples[at..at + blend].copy_from_slice(&seam[..blend]);
        self.end += shift;
    }

    /// Moves everything to the beginning of the storage.
    fn settle(&mut self) {
        let by = self.at - HISTORY;
        if by > 0 {
            self.samples.copy_within(by..self.end, 0);
            self.at -= by;
            self.end -= by;
        }
    }
}

/// From the one to the other by `index` of `length` steps. A weighted mean of two i16 is an i16.
fn mixed(from: i16, to: i16, index: usize, length: usize) -> i16 {
    let (weight, length) = (index as i32, length as i32);
    ((i32::from(from) * (length - weight) + i32::from(to) * weight) / length) as i16
}
