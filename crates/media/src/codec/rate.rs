//! Between 48 kHz and 8 kHz, sample by sample.
//!
//! A ratio that is a whole number needs no more than one low-pass filter, here a windowed sinc with a Kaiser window: flat up to
//! 3.3 kHz, 60 dB down from 4.3 kHz on, 2 ms of delay each way.

use std::sync::LazyLock;

/// Samples at 48 kHz for one at 8 kHz.
pub(super) const FACTOR: usize = 6;
/// The filter's length at 48 kHz, a multiple of the factor.
const TAPS: usize = 192;
/// The part of the filter that one output of the interpolator uses.
const PHASE: usize = TAPS / FACTOR;
/// Where the filter has lost half the amplitude, relative to 48 kHz.
const CUTOFF: f64 = 3_800.0 / 48_000.0;
/// The window's shape: 60 dB (Kaiser's formula, 0.1102 (A - 8.7)).
const BETA: f64 = 5.65;

/// The filter; its taps sum up to one.
static FILTER: LazyLock<[f32; TAPS]> = LazyLock::new(|| {
    let middle = (TAPS - 1) as f64 / 2.0;
    let tap = |index: usize| {
        let at = index as f64 - middle;
        let angle = std::f64::consts::TAU * CUTOFF * at;
        // The number of taps is even, so none is at the middle.
        let sinc = angle.sin() / angle;
        sinc * bessel(BETA * (1.0 - (at / middle).powi(2)).max(0.0).sqrt())
    };
    let taps: [f64; TAPS] = std::array::from_fn(tap);
    let sum: f64 = taps.iter().sum();
    taps.map(|tap| (tap / sum) as f32)
});

/// The modified Bessel function of the first kind and order zero.
fn bessel(x: f64) -> f64 {
    let mut term = 1.0;
    let mut sum = 1.0;
    for k in 1..32 {
        term *= (x / 2.0 / f64::from(k)).powi(2);
        sum += term;
    }
    sum
}

/// From 48 kHz to 8 kHz.
pub(super) struct Decimator {
    /// The last samples, the newest last.
    past: [f32; TAPS],
}

impl Default for Decimator {
    fn default() -> Self {
        Self { past: [0.0; TAPS] }
    }
}

impl Decimator {
    /// One sample for these six.
    pub(super) fn take(&mut self, six: &[i16]) -> i16 {
        self.past.copy_within(FACTOR.., 0);
        for (slot, sample) in self.past[TAPS - FACTOR..].iter_mut().zip(six) {
            *slot = f32::from(*sample);
        }
        // The filter is symmetric: its direction does not matter.
        round(
            self.past
                .iter()
                .zip(FILTER.iter())
                .map(|(sample, tap)| sample * tap)
                .sum(),
        )
    }
}

/// From 8 kHz to 48 kHz.
pub(super) struct Interpolator {
    /// The last samples, the newest first.
    past: [f32; PHASE],
}

impl Default for Interpolator {
    fn default() -> Self {
        Self { past: [0.0; PHASE] }
    }
}

impl Interpolator {
    /// Six samples for this one.
    pub(super) fn give(&mut self, sample: i16, six: &mut [i16]) {
        self.past.copy_within(..PHASE - 1, 1);
        self.past[0] = f32::from(sample);
        for (phase, out) in six.iter_mut().enumerate() {
            let taps = FILTER.iter().skip(phase).step_by(FACTOR);
            let sum: f32 = self.past.iter().zip(taps).map(|(sample, tap)| sample * tap).sum();
            *out = round(sum * FACTOR as f32);
        }
    }
}

/// The nearest sample; what is beyond full scale is full scale.
fn round(value: f32) -> i16 {
    value.round() as i16
}
