//! A resampler whose ratio may be changed while it runs.

use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Adjustable as _, Async, FixedAsync, Resampler as _, SincInterpolationParameters, WindowFunction};

use super::pace::Pace;
use crate::resample::RateError;
use crate::{FRAME_SAMPLES, SAMPLE_RATE, resample::RATES};

/// Taps of the filter: enough for all that Opus carries of speech, at half of what files are resampled with.
const TAPS: usize = 64;

/// One frame of 48 kHz at a time, from or to as many samples of the device as its pace makes of them.
pub(crate) struct Ratio {
    inner: Async<f32>,
    /// What goes in next.
    pub(crate) input: Vec<f32>,
    /// What came out last.
    output: Vec<f32>,
}

impl Ratio {
    /// From a device of this rate: each run makes one frame.
    pub(crate) fn from_device(rate: u32) -> Result<Self, RateError> {
        Self::new(rate, f64::from(SAMPLE_RATE) / f64::from(rate), FixedAsync::Output)
    }

    /// To a device of this rate: each run takes one frame.
    pub(crate) fn to_device(rate: u32) -> Result<Self, RateError> {
        Self::new(rate, f64::from(rate) / f64::from(SAMPLE_RATE), FixedAsync::Input)
    }

    fn new(rate: u32, ratio: f64, fixed: FixedAsync) -> Result<Self, RateError> {
        let error = RateError { rate };
        if !RATES.contains(&rate) {
            return Err(error);
        }
        let parameters = SincInterpolationParameters::new(TAPS, WindowFunction::BlackmanHarris2);
        let inner = Async::new_sinc(ratio, 2.0 * Pace::FARTHEST - 1.0, &parameters, FRAME_SAMPLES, 1, fixed)
            .map_err(|_| error)?;
        Ok(Self {
            input: vec![0.0; inner.input_frames_max()],
            output: vec![0.0; inner.output_frames_max()],
            inner,
        })
    }

    /// How many samples go in next.
    pub(crate) fn wanted(&self) -> usize {
        self.inner.input_frames_next()
    }

    /// Takes more input for each output from now on, by this part; changed over the next run, not at once.
    pub(crate) fn set_pace(&mut self, pace: f64) {
        self.inner
            .set_resample_ratio_relative(1.0 / (1.0 + pace), true)
            .expect("a pace is within what the resampler was made for");
    }

    /// Runs what was put into `input`, and gives what comes out.
    pub(crate) fn run(&mut self) -> &[f32] {
        let (wanted, room) = (self.wanted(), self.output.len());
        let input =
            InterleavedSlice::new(&self.input[..wanted], 1, wanted).expect("one channel is as long as the slice");
        let mut output =
            InterleavedSlice::new_mut(&mut self.output, 1, room).expect("one channel is as long as the slice");
        let (_, given) = self
            .inner
            .process_into_buffer(&input, &mut output, None)
            .expect("the buffers are as long as the filter asks for");
        &self.output[..given]
    }
}
