//! What a listener would say of what is heard: the E-model of ITU-T G.107.
//!
//! It starts from the best that a telephone can be and takes off what the delay and the lost audio cost. It is an estimate from figures alone; nobody
//! has listened.

use std::time::Duration;

use crate::Codec;

/// What is left of the scale for a telephone without any fault of its own: the default values of G.107 (table 2).
const BEST: f64 = 93.2;
/// From this delay on, conversation itself becomes harder (section 7.4, in its simplified form), in milliseconds.
const NOTICED: f64 = 177.3;

/// What a call does to the voice.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Impairment {
    pub(crate) codec: Codec,
    /// From mouth to ear.
    pub(crate) delay: Duration,
    /// The share of the audio that had to be invented, 0 to 1.
    pub(crate) invented: f64,
}

impl Impairment {
    /// The transmission rating R: 0 to 100, of which 93.2 are the most, and below 50 nobody should be asked to talk.
    pub(crate) fn rating(self) -> f32 {
        let delay = self.delay.as_secs_f64() * 1_000.0;
        let of_delay = 0.024 * delay + 0.11 * (delay - NOTICED).max(0.0);
        // Ie, eff (section 7.5) of a codec that costs nothing by itself.
        let lost = self.invented.clamp(0.0, 1.0) * 100.0;
        let of_loss = 95.0 * lost / (lost + robustness(self.codec));
        (BEST - of_delay - of_loss).clamp(0.0, 100.0) as f32
    }
}

/// The factor Bpl: how much loss a codec's concealment can hide. That of G.711 with concealment is in G.113 (appendix I); for Opus there is none, and
/// its concealment is taken to be no worse.
fn robustness(codec: Codec) -> f64 {
    match codec {
        Codec::Opus | Codec::Pcmu | Codec::Pcma => 25.1,
    }
}

/// The mean opinion score of a rating, 1 to 4.5 (G.107 annex B).
pub(crate) fn mean_opinion(rating: f32) -> f32 {
    let rating = f64::from(rating.clamp(0.0, 100.0));
    // The formula falls below 1 for ratings up to 6.5.
    (1.0 + 0.035 * rating + rating * (rating - 60.0) * (100.0 - rating) * 7e-6).clamp(1.0, 4.5) as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rating(delay: u64, invented: f64) -> f32 {
        let delay = Duration::from_millis(delay);
        Impairment {
            codec: Codec::Opus,
            delay,
            invented,
        }
        .rating()
    }

    #[test]
    fn scores_are_those_of_the_recommendation() {
        // G.107, table B.1.
        for (rating, score) in [(90.0, 4.34), (80.0, 4.03), (70.0, 3.60), (60.0, 3.10), (50.0, 2.58)] {
            assert!(
                (mean_opinion(rating) - score).abs() < 0.01,
                "{rating}: {}",
                mean_opinion(rating)
            );
        }
        assert_eq!(
            (mean_opinion(0.0), mean_opinion(3.0), mean_opinion(100.0)),
            (1.0, 1.0, 4.5)
        );
    }

    #[test]
    fn delay_costs_little_until_conversation_suffers() {
        assert!((rating(0, 0.0) - 93.2).abs() < 0.01);
        assert!((rating(100, 0.0) - 90.8).abs() < 0.01);
        assert!((rating(400, 0.0) - 59.1).abs() < 0.1);
    }

    #[test]
    fn invented_audio_costs_more_and_more() {
        let ratings = [0.0, 0.01, 0.05, 0.2, 1.0].map(|invented| rating(50, invented));
        assert!(ratings.is_sorted_by(|better, worse| better > worse), "{ratings:?}");
        assert!(rating(10_000, 1.0) == 0.0);
    }
}
