//! What was heard, in numbers.

use offhook_media::SAMPLE_RATE;

/// The share of the energy that is at this frequency, 0 to 1 (Goertzel's filter).
pub fn purity(samples: &[i16], hertz: f64) -> f64 {
    let step = std::f64::consts::TAU * hertz / f64::from(SAMPLE_RATE);
    let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
    for (index, sample) in samples.iter().enumerate() {
        let value = f64::from(*sample);
        re += value * (step * index as f64).cos();
        im += value * (step * index as f64).sin();
        energy += value * value;
    }
    if energy == 0.0 {
        0.0
    } else {
        2.0 * (re * re + im * im) / (samples.len() as f64 * energy)
    }
}

/// The level in decibels below full scale.
pub fn level(samples: &[i16]) -> f64 {
    let energy: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    10.0 * (energy / samples.len() as f64 / 32_767_f64.powi(2)).max(1e-13).log10()
}

/// The longest run of frames quieter than this, in frames of 20 ms.
pub fn longest_gap(samples: &[i16], quieter_than: f64) -> usize {
    let mut longest = 0;
    let mut run = 0;
    for frame in samples.chunks_exact(960) {
        run = if level(frame) < quieter_than { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

/// How far `heard` lies behind `played`, in samples, by the best correlation within the limits.
pub fn lag(played: &[i16], heard: &[i16], least: usize, most: usize) -> usize {
    let length = played.len().min(heard.len().saturating_sub(most));
    let score = |lag: usize| -> f64 {
        let pairs = played[..length].iter().zip(&heard[lag..lag + length]);
        pairs.step_by(24).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let scores: Vec<(usize, f64)> = (least..most).step_by(24).map(|lag| (lag, score(lag))).collect();
    scores
        .iter()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |best| best.0)
}
