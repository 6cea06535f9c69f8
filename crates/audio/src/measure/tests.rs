use proptest::prelude::*;

use super::*;
use crate::Source as _;
use crate::speech::{CLIP_A, CLIP_B};

fn noise(length: usize, amplitude: i32) -> Vec<i16> {
    // A linear congruential generator: the same noise in every run.
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        ((state >> 16) as i32 % (2 * amplitude + 1) - amplitude) as i16
    };
    (0..length).map(|_| next()).collect()
}

fn tone(hertz: u32, frames: usize) -> Vec<i16> {
    let mut source = crate::Tone::new(hertz);
    let mut samples = Vec::new();
    for _ in 0..frames {
        let mut frame = crate::SILENT_FRAME;
        let _ = source.read(&mut frame);
        samples.extend_from_slice(&frame);
    }
    samples
}

/// `samples` with silence before and behind.
fn within_silence(before: usize, samples: &[i16], behind: usize) -> Vec<i16> {
    [&vec![0; before], samples, &vec![0; behind]].concat()
}

#[test]
fn levels_are_those_of_rfc_6464() {
    assert_eq!(level_dbov(&[]), SILENCE_DBOV);
    assert_eq!(level_dbov(&[0; 960]), SILENCE_DBOV);
    assert_eq!(level_dbov(&[i16::MIN; 960]), 0.0);
    let sine: Vec<i16> = tone(1000, 50)
        .iter()
        .map(|&sample| (i32::from(sample) * 32767 / 8192) as i16)
        .collect();
    assert!((level_dbov(&sine) + 3.01).abs() < 0.01);
    // RFC 6464 ends at -127 though a single 1 in much silence is quieter.
    assert_eq!(level_dbov(&within_silence(1_000_000, &[1], 0)), SILENCE_DBOV);
}

#[test]
fn silence_speech_noise_and_a_blink_have_no_dominant_tone() {
    for samples in [
        vec![0; 48_000],
        CLIP_A.samples().to_vec(),
        noise(48_000, 9000),
        tone(440, 8),
    ] {
        assert_eq!(dominant_tone(&samples), None);
    }
}

#[test]
fn a_tone_is_found_under_noise_with_its_own_level() {
    let mixed: Vec<i16> = tone(697, 100)
        .iter()
        .zip(noise(96_000, 3000))
        .map(|(tone, noise)| tone + noise)
        .collect();
    let found = dominant_tone(&mixed).expect("a tone");
    assert!((found.hertz - 697.0).abs() < 0.5, "{found:?}");
    assert!((found.dbov + 15.05).abs() < 0.2, "{found:?}");
    assert!(level_dbov(&mixed) > found.dbov);
}

#[test]
fn of_three_equal_tones_none_dominates() {
    let tones = [tone(697, 100), tone(1209, 100), tone(2000, 100)];
    let mixed: Vec<i16> = (0..96_000)
        .map(|n| tones.iter().map(|tone| tone[n] / 2).sum())
        .collect();
    assert_eq!(dominant_tone(&mixed), None);
}

#[test]
fn what_was_played_is_found_in_what_was_heard() {
    for clip in [&CLIP_A, &CLIP_B] {
        let played = clip.samples();
        let quieter: Vec<i16> = played.iter().map(|&sample| sample / 3).collect();
        let likeness = compare(&played, &within_silence(61_234, &quieter, 30_000));
        assert!(likeness.passes());
        assert!(likeness.median() > 0.999, "{likeness:?}");
        assert!(
            likeness
                .windows
                .iter()
                .all(|window| likeness.delay + window.lag == 61_234),
            "{likeness:?}"
        );
        assert_eq!(likeness.windows.len() + likeness.skipped, played.len() / 24_000);
    }
}

#[test]
fn hearing_that_begins_in_mid_speech_is_a_negative_delay() {
    let played = CLIP_B.samples();
    let likeness = compare(&played, &played[30_000..]);
    assert!((likeness.delay + 30_000).abs() <= 6, "{likeness:?}");
    // The first half second was not heard at all; of the second one a quarter is missing.
    assert!(likeness.windows[0].correlation < 0.5, "{likeness:?}");
    assert!(
        likeness.windows[2..].iter().all(|window| window.correlation > 0.999),
        "{likeness:?}"
    );
}

#[test]
fn a_stretched_pause_is_followed_within_60_ms() {
    let played = CLIP_A.samples();
    // A jitter buffer holds back the second half by 40 ms, then catches up 10 ms a window later.
    let heard = [&played[..120_000], &[0; 1920], &played[120_000..]].concat();
    let likeness = compare(&played, &heard);
    assert!(likeness.passes(), "{likeness:?}");
    let lags: Vec<i64> = likeness.windows.iter().map(|window| window.lag).collect();
    assert!(
        lags.contains(&0) && (lags.contains(&1920) || lags.contains(&-1920)),
        "{lags:?}"
    );
}

#[test]
fn speech_that_repeats_and_is_heard_by_another_clock_is_found_where_it_is() {
    let speech = [CLIP_A.samples(), CLIP_B.samples()].concat().repeat(4);
    // Every 4,000 samples one is missing: 250 ppm.
    let heard: Vec<i16> = speech.chunks(4_000).flat_map(|part| &part[1..]).copied().collect();
    let played = &speech[..20 * 48_000];
    let likeness = compare(played, &within_silence(4_800, &heard[..20 * 48_000], 4_800));
    assert!(
        likeness.passes() && (likeness.delay - 4_800).abs() < 480,
        "{likeness:?}"
    );
}

#[test]
fn other_speech_noise_silence_and_nothing_do_not_pass() {
    let played = CLIP_A.samples();
    for heard in [
        CLIP_B.samples().to_vec(),
        noise(300_000, 9000),
        vec![0; 300_000],
        Vec::new(),
    ] {
        let likeness = compare(&played, &heard);
        assert!(!likeness.passes());
        assert!(likeness.median() < 0.6, "{likeness:?}");
    }
}

#[test]
fn speech_full_of_gaps_does_not_pass() {
    let mut heard = CLIP_A.samples().to_vec();
    // A quarter of the packets is lost, and their place left silent.
    for frame in heard.chunks_mut(960).step_by(4) {
        frame.fill(0);
    }
    let likeness = compare(&CLIP_A.samples(), &heard);
    assert!(!likeness.passes(), "{likeness:?}");
    assert!(likeness.median() > 0.6, "and yet it is recognised: {likeness:?}");
}

#[test]
fn too_little_speech_is_no_ground_to_judge_on() {
    assert!(!compare(&[], &[]).passes());
    assert!(!compare(&vec![0; 480_000], &vec![0; 480_000]).passes());
    let second = &CLIP_A.samples()[20_000..68_000];
    let likeness = compare(second, second);
    assert_eq!(
        (likeness.median(), likeness.share_at_least(0.99), likeness.passes()),
        (1.0, 1.0, false)
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn comparing_any_two_stretches_gives_numbers_in_range(
        played in prop::collection::vec(any::<i16>(), 0..60_000),
        heard in prop::collection::vec(any::<i16>(), 0..60_000),
    ) {
        let likeness = compare(&played, &heard);
        for window in &likeness.windows {
            prop_assert!((-1.0..=1.0).contains(&window.correlation) && window.lag.abs() <= 2880);
        }
    }
}
