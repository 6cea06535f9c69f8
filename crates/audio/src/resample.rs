//! Resampling to 48 kHz.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Async, FixedAsync, Indexing, Resampler as _, SincInterpolationParameters, WindowFunction};

use crate::SAMPLE_RATE;

/// The rates that can be resampled, in hertz: from telephone speech to the fastest sound cards.
pub const RATES: std::ops::RangeInclusive<u32> = 1_000..=768_000;

/// Samples that go through the filter at a time.
const CHUNK: usize = 1024;

/// Why nothing can be resampled from this rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a rate of {rate} Hz cannot be resampled; it must be from 1000 to 768000 Hz")]
pub struct RateError {
    /// The rate asked for, in hertz.
    pub rate: u32,
}

/// Turns mono audio of any rate into audio of 48 kHz, piece by piece.
///
/// The filter's delay is taken out: the first sample out is the first sample in, and `n` samples in make
/// `n * 48000 / rate` samples out, rounded up. Audio that is at 48 kHz already passes unchanged.
pub struct Resampler {
    filter: Option<Filter>,
    rate: u32,
    taken: u64,
    made: Vec<i16>,
}

struct Filter {
    inner: Async<f32>,
    pending: Vec<f32>,
    output: Vec<f32>,
    /// Samples at the head of the output that are only the filter's delay.
    delay: usize,
}

impl Resampler {
    /// A resampler from `rate` (in hertz) to 48 kHz.
    ///
    /// # Errors
    /// [`RateError`] when the rate is not within [`RATES`].
    pub fn new(rate: u32) -> Result<Self, RateError> {
        if !RATES.contains(&rate) {
            return Err(RateError { rate });
        }
        let filter = if rate == SAMPLE_RATE {
            None
        } else {
            Some(Filter::new(rate)?)
        };
        Ok(Self {
            filter,
            rate,
            taken: 0,
            made: Vec::new(),
        })
    }

    /// Takes samples, full scale being -1 to 1. What lies outside is clipped; what is no number is silence.
    pub fn push(&mut self, samples: &[f32]) {
        self.taken += samples.len() as u64;
        let Some(filter) = &mut self.filter else {
            self.made.extend(samples.iter().map(|&sample| to_pcm(sample)));
            return;
        };
        filter
            .pending
            .extend(samples.iter().map(|&sample| within_scale(sample)));
        let mut start = 0;
        while filter.pending.len() - start >= filter.inner.input_frames_next() {
            start += filter.run(start, None, &mut self.made);
        }
        filter.pending.drain(..start);
    }

    /// How many samples of 48 kHz are ready.
    #[must_use]
    pub fn ready(&self) -> usize {
        self.made.len()
    }

    /// Lets the rest through the filter and hands over everything.
    #[must_use]
    pub fn finish(mut self) -> Vec<i16> {
        let due = (self.taken * u64::from(SAMPLE_RATE)).div_ceil(u64::from(self.rate)) as usize;
        if let Some(filter) = &mut self.filter {
            let mut left = filter.pending.len();
            while self.made.len() < due {
                filter.run(0, Some(left), &mut self.made);
                left = 0;
            }
        }
        self.made.truncate(due);
        self.made
    }
}

impl Filter {
    fn new(rate: u32) -> Result<Self, RateError> {
        let ratio = f64::from(SAMPLE_RATE) / f64::from(rate);
        let parameters = SincInterpolationParameters::new(128, WindowFunction::BlackmanHarris2);
        let inner =
            Async::new_sinc(ratio, 1.0, &parameters, CHUNK, 1, FixedAsync::Input).map_err(|_| RateError { rate })?;
        let output = vec![0.0; inner.output_frames_max()];
        let delay = inner.output_delay();
        Ok(Self {
            inner,
            pending: Vec::new(),
            output,
            delay,
        })
    }

    /// Runs one chunk from `start` of what is pending, `partial` samples of it when it is shorter than a chunk, and says
    /// how many samples that took.
    fn run(&mut self, start: usize, partial: Option<usize>, made: &mut Vec<i16>) -> usize {
        let input = &self.pending[start..];
        let input = InterleavedSlice::new(input, 1, input.len()).expect("one channel is as long as the slice");
        let frames = self.output.len();
        let mut output =
            InterleavedSlice::new_mut(&mut self.output, 1, frames).expect("one channel is as long as the slice");
        let indexing = Indexing {
            partial_len: partial,
            ..Indexing::new()
        };
        let (taken, given) = self
            .inner
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .expect("the buffers are as long as the filter asked for");
        let skipped = self.delay.min(given);
        self.delay -= skipped;
        made.extend(self.output[skipped..given].iter().map(|&sample| to_pcm(sample)));
        taken
    }
}

fn within_scale(sample: f32) -> f32 {
    if sample.is_finite() {
        sample.clamp(-1.0, 1.0)
    } else {
        0.0
    }
}

pub(crate) fn to_pcm(sample: f32) -> i16 {
    (within_scale(sample) * 32768.0).round().clamp(-32768.0, 32767.0) as i16
}

#[cfg(test)]
mod tests;
