//! The telephone band: what of speech is compared.
//!
//! An Opus encoder set up for speech takes out what lies below the voice with a filter that follows the voice's pitch and
//! turns the phase of the lowest harmonics: at 32 kb/s and without a lost packet, whole-band speech correlates with itself
//! at 0.85, and at 0.97 within the telephone band, where the words are.

use std::f32::consts::{FRAC_1_SQRT_2, TAU};

/// The lower edge of the band, in hertz.
const LOWEST: f32 = 300.0;
/// The upper edge of the band, in hertz.
const HIGHEST: f32 = 3400.0;

/// A second-order filter with the coefficients of its transfer function (the first of the denominator being 1).
#[derive(Debug, Clone, Copy)]
struct Biquad {
    forward: [f32; 3],
    back: [f32; 2],
    state: [f32; 2],
}

impl Biquad {
    /// A Butterworth filter that lets pass what lies above (`high_pass`) or below `corner`.
    fn butterworth(corner: f32, rate: f32, high_pass: bool) -> Self {
        let (sine, cosine) = (TAU * corner / rate).sin_cos();
        let alpha = sine * FRAC_1_SQRT_2;
        let scale = 1.0 / (1.0 + alpha);
        let (outer, middle) = if high_pass {
            ((1.0 + cosine) / 2.0, -1.0 - cosine)
        } else {
            ((1.0 - cosine) / 2.0, 1.0 - cosine)
        };
        Self {
            forward: [outer * scale, middle * scale, outer * scale],
            back: [-2.0 * cosine * scale, (1.0 - alpha) * scale],
            state: [0.0; 2],
        }
    }

    fn step(&mut self, sample: f32) -> f32 {
        let out = self.forward[0] * sample + self.state[0];
        self.state[0] = self.forward[1] * sample - self.back[0] * out + self.state[1];
        self.state[1] = self.forward[2] * sample - self.back[1] * out;
        out
    }
}

/// Leaves only the telephone band of samples of this rate.
pub(super) fn to_telephone_band(samples: &mut [f32], rate: u32) {
    let mut above = Biquad::butterworth(LOWEST, rate as f32, true);
    let mut below = Biquad::butterworth(HIGHEST, rate as f32, false);
    for sample in samples {
        *sample = below.step(above.step(*sample));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gain(hertz: f32, rate: u32) -> f32 {
        let mut samples: Vec<f32> = (0..rate)
            .map(|n| (TAU * hertz * n as f32 / rate as f32).sin())
            .collect();
        let power = |samples: &[f32]| samples.iter().map(|sample| sample * sample).sum::<f32>();
        let before = power(&samples);
        to_telephone_band(&mut samples, rate);
        10.0 * (power(&samples) / before).log10()
    }

    #[test]
    fn the_voice_passes_and_what_lies_around_it_does_not() {
        for rate in [8_000, 48_000] {
            assert!(gain(1000.0, rate).abs() < 0.3);
            for edge in [300.0, 3400.0] {
                assert!(
                    (gain(edge, rate) + 3.0).abs() < 0.3,
                    "{edge} Hz at {rate} Hz: {} dB",
                    gain(edge, rate)
                );
            }
            assert!(gain(60.0, rate) < -27.0);
        }
        assert!(gain(16_000.0, 48_000) < -27.0);
    }
}
