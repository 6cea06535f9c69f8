//! What a stretch of audio holds: its level, its tone, and its likeness to another one.
//!
//! All samples are 48 kHz mono. Levels are in dBov as RFC 6464 counts them: 0 is the loudest there can be (a square wave
//! at full scale), a sine at full scale is at -3, and [`SILENCE_DBOV`] is silence.

mod band;
mod fourier;
mod likeness;
mod tone;

pub use likeness::{Likeness, WINDOW, Window, compare};
pub use tone::{Tone, dominant_tone};

/// The level of digital silence (RFC 6464 section 3).
pub const SILENCE_DBOV: f32 = -127.0;

/// The root mean square of the samples against the overload point, in dBov: from 0 down to [`SILENCE_DBOV`], which is also
/// the level of no samples at all.
#[must_use]
pub fn level_dbov(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let power: f64 = samples.iter().map(|&sample| f64::from(sample).powi(2)).sum::<f64>() / samples.len() as f64;
    (10.0 * (power / 32768.0f64.powi(2)).log10()).clamp(f64::from(SILENCE_DBOV), 0.0) as f32
}

#[cfg(test)]
mod tests;
