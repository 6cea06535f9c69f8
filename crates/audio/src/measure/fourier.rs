//! A discrete Fourier transform for measuring: radix 2, in place. Not for the media path.

use std::f64::consts::TAU;

/// A transform of one length.
pub(super) struct Fourier {
    /// `exp(-2 pi i k / n)` for the first half of the circle.
    twiddles: Vec<(f32, f32)>,
}

/// A complex spectrum, real and imaginary parts apart.
pub(super) struct Spectrum {
    pub(super) re: Vec<f32>,
    pub(super) im: Vec<f32>,
}

impl Fourier {
    /// A transform of at least `length` points; the next power of two is taken.
    pub(super) fn at_least(length: usize) -> Self {
        let points = length.next_power_of_two().max(2);
        let twiddles = (0..points / 2)
            .map(|k| {
                let angle = TAU * k as f64 / points as f64;
                (angle.cos() as f32, -angle.sin() as f32)
            })
            .collect();
        Self { twiddles }
    }

    pub(super) fn points(&self) -> usize {
        self.twiddles.len() * 2
    }

    /// The spectrum of real samples, padded with zeros (or cut) to the transform's length.
    pub(super) fn forward(&self, samples: impl Iterator<Item = f32>) -> Spectrum {
        let mut re: Vec<f32> = samples.take(self.points()).collect();
        re.resize(self.points(), 0.0);
        let mut im = vec![0.0; self.points()];
        self.run(&mut re, &mut im);
        Spectrum { re, im }
    }

    /// The samples of a spectrum; their imaginary parts, which are zero for the spectra made here, are let fall.
    pub(super) fn inverse(&self, spectrum: Spectrum) -> Vec<f32> {
        let Spectrum { mut re, mut im } = spectrum;
        // Exchanging the parts before and after turns the forward transform into the inverse one.
        self.run(&mut im, &mut re);
        let scale = 1.0 / self.points() as f32;
        re.iter_mut().for_each(|value| *value *= scale);
        re
    }

    fn run(&self, re: &mut [f32], im: &mut [f32]) {
        let points = self.points();
        let shift = usize::BITS - points.trailing_zeros();
        for index in 0..points {
            let reversed = index.reverse_bits() >> shift;
            if index < reversed {
                re.swap(index, reversed);
                im.swap(index, reversed);
            }
        }
        let mut half = 1;
        while half < points {
            let stride = self.twiddles.len() / half;
            for start in (0..points).step_by(half * 2) {
                for k in 0..half {
                    let (cosine, sine) = self.twiddles[k * stride];
                    let (low, high) = (start + k, start + k + half);
                    let turned_re = re[high] * cosine - im[high] * sine;
                    let turned_im = re[high] * sine + im[high] * cosine;
                    re[high] = re[low] - turned_re;
                    im[high] = im[low] - turned_im;
                    re[low] += turned_re;
                    im[low] += turned_im;
                }
            }
            half *= 2;
        }
    }
}

/// The correlation of `pattern` with `signal` at every lag: element `n` belongs to the lag `n - (pattern.len() - 1)`, the
/// number of samples by which the pattern is shifted to the right. There are `pattern.len() + signal.len() - 1` lags.
pub(super) fn cross_correlation(pattern: &[f32], signal: &[f32]) -> Vec<f32> {
    Correlator::new(signal, pattern.len()).with(pattern)
}

/// Correlates one signal with several patterns.
pub(super) struct Correlator {
    fourier: Fourier,
    signal: Spectrum,
    length: usize,
}

impl Correlator {
    /// For patterns of up to so many samples.
    pub(super) fn new(signal: &[f32], longest: usize) -> Self {
        let fourier = Fourier::at_least(longest + signal.len());
        Self {
            signal: fourier.forward(signal.iter().copied()),
            length: signal.len(),
            fourier,
        }
    }

    /// As [`cross_correlation`] has it.
    pub(super) fn with(&self, pattern: &[f32]) -> Vec<f32> {
        if pattern.is_empty() || self.length == 0 {
            return Vec::new();
        }
        // Convolution with the reversed pattern is correlation with the pattern.
        let mut product = self.fourier.forward(pattern.iter().rev().copied());
        for k in 0..self.fourier.points() {
            let (re, im) = (product.re[k], product.im[k]);
            product.re[k] = self.signal.re[k] * re - self.signal.im[k] * im;
            product.im[k] = self.signal.re[k] * im + self.signal.im[k] * re;
        }
        let mut correlation = self.fourier.inverse(product);
        correlation.truncate(pattern.len() + self.length - 1);
        correlation
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn correlating_by_spectra_is_correlating_by_the_definition(
            pattern in prop::collection::vec(-1.0f32..1.0, 1..40),
            signal in prop::collection::vec(-1.0f32..1.0, 1..90),
        ) {
            let correlation = cross_correlation(&pattern, &signal);
            prop_assert_eq!(correlation.len(), pattern.len() + signal.len() - 1);
            for (n, &found) in correlation.iter().enumerate() {
                let lag = n as i64 - (pattern.len() as i64 - 1);
                let expected: f32 = pattern
                    .iter()
                    .enumerate()
                    .filter_map(|(i, p)| Some(p * signal.get(usize::try_from(i as i64 + lag).ok()?)?))
                    .sum();
                prop_assert!((found - expected).abs() < 1e-4, "lag {}: {} instead of {}", lag, found, expected);
            }
        }
    }

    #[test]
    fn nothing_correlates_with_nothing() {
        assert!(cross_correlation(&[], &[1.0]).is_empty());
        assert!(cross_correlation(&[1.0], &[]).is_empty());
    }
}
