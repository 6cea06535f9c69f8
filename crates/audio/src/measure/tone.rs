//! Finding the one tone that a stretch of audio consists of.

use std::f32::consts::TAU;

use super::fourier::Fourier;
use super::{SILENCE_DBOV, level_dbov};
use crate::SAMPLE_RATE;

/// A tone that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tone {
    /// Its pitch in hertz, good to about half a hertz.
    pub hertz: f32,
    /// The level of the tone alone, in dBov.
    pub dbov: f32,
}

/// Points of one spectrum: 171 ms, bins of 5.9 Hz.
const POINTS: usize = 8192;
/// Spectra that are averaged at most, spread over the whole stretch.
const SPECTRA: usize = 32;
/// Bins to each side of the peak that the Hann window spreads a tone over.
const SPREAD: usize = 3;
/// The share of the power that the strongest tone must have to dominate.
const SHARE: f32 = 0.5;
/// Below this level there is no tone, only residue.
const FLOOR_DBOV: f32 = -70.0;

/// The tone that makes up at least half of the power of `samples`, if one does.
///
/// At least 171 ms (8192 samples) are needed; shorter audio, silence, speech and noise have no dominant tone.
#[must_use]
pub fn dominant_tone(samples: &[i16]) -> Option<Tone> {
    let level = level_dbov(samples);
    if samples.len() < POINTS || level < FLOOR_DBOV {
        return None;
    }
    let power = average_power(samples);
    // Bin 0 and what the window spreads of it is direct current, not a tone.
    let (peak, _) = power
        .iter()
        .enumerate()
        .skip(SPREAD)
        .max_by(|a, b| a.1.total_cmp(b.1))?;
    let around = &power[peak - SPREAD..(peak + SPREAD + 1).min(power.len())];
    let share = around.iter().sum::<f32>() / power.iter().sum::<f32>();
    if share < SHARE {
        return None;
    }
    let bin = peak as f32 + offset_of_maximum(&power, peak);
    let hertz = bin * SAMPLE_RATE as f32 / POINTS as f32;
    Some(Tone {
        hertz,
        dbov: (level + 10.0 * share.log10()).max(SILENCE_DBOV),
    })
}

/// The power of each bin below half the sample rate, averaged over spectra of Hann-windowed stretches.
fn average_power(samples: &[i16]) -> Vec<f32> {
    let fourier = Fourier::at_least(POINTS);
    let window: Vec<f32> = (0..POINTS)
        .map(|n| 0.5 - 0.5 * (TAU * n as f32 / POINTS as f32).cos())
        .collect();
    let room = samples.len() - POINTS;
    let spectra = (room / (POINTS / 2) + 1).min(SPECTRA);
    let mut power = vec![0.0; POINTS / 2];
    for n in 0..spectra {
        let start = if spectra == 1 { 0 } else { room * n / (spectra - 1) };
        let stretch = samples[start..start + POINTS].iter().zip(&window);
        let spectrum = fourier.forward(stretch.map(|(&sample, weight)| f32::from(sample) / 32768.0 * weight));
        for (bin, sum) in power.iter_mut().enumerate() {
            *sum += spectrum.re[bin].powi(2) + spectrum.im[bin].powi(2);
        }
    }
    power
}

/// How far from `peak` (in bins, -0.5 to 0.5) the maximum lies of a parabola through the logarithms around it.
fn offset_of_maximum(power: &[f32], peak: usize) -> f32 {
    let Some(&right) = power.get(peak + 1) else { return 0.0 };
    let [left, middle, right] = [power[peak - 1], power[peak], right].map(|value| value.max(f32::MIN_POSITIVE).ln());
    let curvature = left - 2.0 * middle + right;
    if curvature.abs() < f32::EPSILON {
        0.0
    } else {
        (0.5 * (left - right) / curvature).clamp(-0.5, 0.5)
    }
}
