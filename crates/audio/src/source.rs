//! Sources: what the far end of a call is made to hear.

mod spec;

use std::sync::{Arc, OnceLock};

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

pub use spec::{Loaded, SourceError, SourceSpec, SourceSpecError};

/// Where the frames that a far end hears come from.
///
/// The call is the clock: it asks for one frame every 20 ms, and, after its thread was held up, for up to 25 at once. It asks from its
/// first frame to its last, whether the far end is muted or on hold; a source never runs ahead of a call or behind it.
///
/// What a source promises: it fills the whole frame each time, it does not block, allocate or take a lock that others hold for long
/// (other calls share its thread), and it does not panic, which would end the call. What it has not got in time is silence:
///
/// | | the source | the call |
/// |---|---|---|
/// | underrun | fills up with silence and says [`Played::Underrun`] | sends it, and asks again |
/// | overrun | is the affair of whoever writes into it: a bounded queue drops and counts, or makes the writer wait ([`channel`](crate::channel)) | never knows |
/// | end | fills up with silence, and says [`Played::End`] from then on | sends it; another source may be set |
/// | error | fills up with silence, and says [`Played::Failed`] from then on | sends it, and tells the application once |
pub trait Source: Send {
    /// Fills the whole frame, and says with what.
    fn read(&mut self, frame: &mut Frame) -> Played;

    /// What the next [`read`](Self::read) will give, as a ready-made Opus packet of 20 ms, mono, if the source has it as one. A call sends
    /// it as it is where the far end takes Opus, and then has the source [`skip`](Self::skip) the frame, or read it to record it.
    fn packet(&mut self) -> Option<&[u8]> {
        None
    }

    /// As [`read`](Self::read), when nobody wants the samples.
    fn skip(&mut self) -> Played {
        self.read(&mut [0; FRAME_SAMPLES])
    }
}

impl<S: Source + ?Sized> Source for Box<S> {
    fn read(&mut self, frame: &mut Frame) -> Played {
        (**self).read(frame)
    }

    fn packet(&mut self) -> Option<&[u8]> {
        (**self).packet()
    }

    fn skip(&mut self) -> Played {
        (**self).skip()
    }
}

/// What a [`Source`] put into a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[must_use]
pub enum Played {
    /// The frame is full of the source's audio.
    Full,
    /// The source has less than a frame at this time: the rest (possibly all of it) is silence. There may be more later.
    Underrun,
    /// The source is at its end: the rest of this frame (possibly all of it) is silence, and so are all later frames.
    End,
    /// The source is broken: the rest of this frame (possibly all of it) is silence, and so are all later frames.
    Failed(SourceFault),
}

impl Played {
    /// Whether there will be nothing but silence from now on.
    #[must_use]
    pub fn is_over(self) -> bool {
        match self {
            Self::Full | Self::Underrun => false,
            Self::End | Self::Failed(_) => true,
        }
    }
}

/// Why a [`Source`] that was open gives no more audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum SourceFault {
    /// What the audio came from is gone, such as a device that was unplugged.
    #[error("what the audio came from is gone")]
    Gone,
    /// Reading the audio failed.
    #[error("reading the audio failed: {0}")]
    Read(std::io::ErrorKind),
    /// The audio cannot be decoded any further.
    #[error("the audio is damaged")]
    Damaged,
}

/// A source that has nothing to say and never ends.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silence;

impl Source for Silence {
    fn read(&mut self, frame: &mut Frame) -> Played {
        frame.fill(0);
        Played::Full
    }
}

/// A sine of a whole number of hertz that never ends, at about -15 dBov.
///
/// The phase is counted in whole samples, so the tone is exact however long it lasts.
#[derive(Debug, Clone)]
pub struct Tone {
    /// Steps through [`Tone::second`] for each sample.
    step: usize,
    /// Where in the second the next sample lies.
    position: usize,
}

impl Tone {
    /// The largest sample of a tone: a quarter of full scale, loud and far from clipping.
    pub const PEAK: i16 = 8192;

    /// The pitches a tone can have, in hertz: what a person hears and 48 kHz carry.
    pub const RANGE: std::ops::RangeInclusive<u32> = 20..=20_000;

    /// A tone of this pitch, taken to the nearest end of [`Tone::RANGE`] when it lies outside.
    #[must_use]
    pub fn new(hertz: u32) -> Self {
        let hertz = hertz.clamp(*Self::RANGE.start(), *Self::RANGE.end());
        Self {
            step: hertz as usize,
            position: 0,
        }
    }

    /// One second of a sine of 1 Hz, shared by all tones: any other whole pitch is this one in larger steps.
    fn second() -> &'static [i16] {
        static SECOND: OnceLock<Box<[i16]>> = OnceLock::new();
        SECOND.get_or_init(|| {
            (0..SAMPLE_RATE)
                .map(|n| {
                    let phase = std::f64::consts::TAU * f64::from(n) / f64::from(SAMPLE_RATE);
                    (phase.sin() * f64::from(Self::PEAK)).round() as i16
                })
                .collect()
        })
    }
}

impl Source for Tone {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let second = Self::second();
        for sample in frame {
            *sample = second[self.position];
            self.position = (self.position + self.step) % second.len();
        }
        Played::Full
    }
}

/// Audio in memory, played once or over and over. The samples are shared: a thousand calls can play one clip.
#[derive(Debug, Clone)]
pub struct Clip {
    samples: Arc<[i16]>,
    position: usize,
    repeat: bool,
}

impl Clip {
    /// Plays `samples` (48 kHz, mono) once.
    #[must_use]
    pub fn once(samples: Arc<[i16]>) -> Self {
        Self {
            samples,
            position: 0,
            repeat: false,
        }
    }

    /// Plays `samples` (48 kHz, mono) again and again, without a gap.
    #[must_use]
    pub fn repeated(samples: Arc<[i16]>) -> Self {
        Self {
            samples,
            position: 0,
            repeat: true,
        }
    }
}

impl Source for Clip {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let mut filled = 0;
        while filled < FRAME_SAMPLES {
            if self.position == self.samples.len() {
                if !self.repeat || self.samples.is_empty() {
                    frame[filled..].fill(0);
                    return Played::End;
                }
                self.position = 0;
            }
            let length = (FRAME_SAMPLES - filled).min(self.samples.len() - self.position);
            let part = &self.samples[self.position..self.position + length];
            frame[filled..filled + length].copy_from_slice(part);
            filled += length;
            self.position += length;
        }
        Played::Full
    }
}

#[cfg(test)]
mod tests;
