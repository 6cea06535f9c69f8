//! Loudness of a frame.

/// The level that stands for digital silence.
pub(crate) const SILENCE_DBOV: f32 = -127.0;

/// The level of these samples in dBov: the root mean square relative to full scale, from 0 down
/// to -127 (RFC 6464 section 3 uses the same scale with its sign turned).
pub(crate) fn level_dbov(samples: &[i16]) -> f32 {
    if samples.is_empty() {
        return SILENCE_DBOV;
    }
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let mean = energy / samples.len() as f64;
    if mean == 0.0 {
        return SILENCE_DBOV;
    }
    let dbov = 10.0 * (mean / f64::from(i16::MAX).powi(2)).log10();
    (dbov as f32).clamp(SILENCE_DBOV, 0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_scale_is_zero_and_silence_is_the_floor() {
        assert_eq!(level_dbov(&[i16::MAX; 960]), 0.0);
        assert_eq!(level_dbov(&[0; 960]), SILENCE_DBOV);
        assert_eq!(level_dbov(&[]), SILENCE_DBOV);
    }

    #[test]
    fn half_the_amplitude_is_six_decibels_less() {
        assert!((level_dbov(&[i16::MAX / 2; 960]) + 6.02).abs() < 0.01);
    }
}
