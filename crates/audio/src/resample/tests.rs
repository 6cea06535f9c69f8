use proptest::prelude::*;

use super::*;
use crate::measure::{compare, dominant_tone};
use crate::speech::CLIP_A;

fn sine(hertz: f64, rate: u32, samples: usize) -> Vec<f32> {
    (0..samples)
        .map(|n| (std::f64::consts::TAU * hertz * n as f64 / f64::from(rate)).sin() as f32 * 0.25)
        .collect()
}

fn resampled(samples: &[f32], rate: u32) -> Vec<i16> {
    let mut resampler = Resampler::new(rate).expect("a rate in range");
    resampler.push(samples);
    resampler.finish()
}

#[test]
fn a_tone_keeps_its_pitch_and_its_level_from_every_usual_rate() {
    for rate in [
        8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000,
    ] {
        let out = resampled(&sine(1000.0, rate, rate as usize), rate);
        assert_eq!(out.len(), 48_000);
        let tone = dominant_tone(&out).expect("a tone");
        assert!(
            (tone.hertz - 1000.0).abs() < 0.5,
            "from {rate} Hz it became {} Hz",
            tone.hertz
        );
        assert!(
            (tone.dbov + 15.05).abs() < 0.1,
            "from {rate} Hz it came out at {} dBov",
            tone.dbov
        );
    }
}

#[test]
fn what_a_lower_rate_cannot_carry_does_not_fold_back() {
    // 30 kHz is above what 48 kHz can hold: dropping samples would turn it into 18 kHz.
    let out = resampled(&sine(30_000.0, 96_000, 96_000), 96_000);
    // Where a tone begins and ends there is a click of all frequencies; between them there is nothing.
    assert!(crate::measure::level_dbov(&out[1000..47_000]) < -100.0);
}

#[test]
fn speech_comes_out_where_it_went_in() {
    let played = CLIP_A.samples();
    let down: Vec<f32> = played.chunks(2).map(|pair| f32::from(pair[0]) / 32768.0).collect();
    let likeness = compare(&played, &resampled(&down, 24_000));
    assert!(likeness.median() > 0.999, "{likeness:?}");
    assert!(
        likeness.delay.abs() <= 6
            && likeness
                .windows
                .iter()
                .all(|window| (window.lag + likeness.delay).abs() <= 1)
    );
}

#[test]
fn audio_of_48_khz_passes_unchanged() {
    let samples: Vec<i16> = (i16::MIN..=i16::MAX).collect();
    let floats: Vec<f32> = samples.iter().map(|&sample| f32::from(sample) / 32768.0).collect();
    assert_eq!(resampled(&floats, 48_000), samples);
}

#[test]
fn a_rate_out_of_range_is_refused() {
    for rate in [0, 999, 768_001, u32::MAX] {
        assert_eq!(Resampler::new(rate).err(), Some(RateError { rate }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn the_length_is_exact_and_pieces_make_no_difference(
        rate in prop_oneof![Just(8_000u32), Just(16_000), Just(44_100), Just(48_000), RATES],
        samples in prop::collection::vec(-1.5f32..1.5, 0..5000),
        cuts in prop::collection::vec(0usize..5000, 0..6),
    ) {
        let whole = resampled(&samples, rate);
        prop_assert_eq!(whole.len() as u64, (samples.len() as u64 * 48_000).div_ceil(u64::from(rate)));

        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(samples.len())).collect();
        cuts.extend([0, samples.len()]);
        cuts.sort_unstable();
        let mut resampler = Resampler::new(rate).expect("a rate in range");
        for piece in cuts.windows(2) {
            resampler.push(&samples[piece[0]..piece[1]]);
        }
        prop_assert_eq!(resampler.finish(), whole);
    }

    #[test]
    fn what_is_no_number_is_silence(rate in prop_oneof![Just(48_000u32), Just(16_000)], length in 0usize..3000) {
        let samples: Vec<f32> = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY].into_iter().cycle().take(length).collect();
        prop_assert!(resampled(&samples, rate).iter().all(|&sample| sample == 0));
    }
}
