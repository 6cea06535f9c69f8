//! Audio over networks that lose, delay and reorder.

use std::time::Duration;

use crate::listen::{lag, longest_gap, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, Voice};

const SECOND: Duration = Duration::from_secs(1);
const RATE: usize = 48_000;

/// Sound that is like itself at no other time: noise below 2 kHz, from a seed.
fn clip(seconds: usize) -> Vec<i16> {
    let mut state = 0x2545_f491_u32;
    let (mut slow, mut slower) = (0.0, 0.0);
    let mut sample = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        slow += (f64::from(state as i32) / 8.0e4 - slow) * 0.1;
        slower += (slow - slower) * 0.1;
        slower as i16
    };
    (0..seconds * RATE).map(|_| sample()).collect()
}

/// The lag of half-second windows of what was heard, in milliseconds.
fn lags(played: &[i16], heard: &[i16]) -> Vec<usize> {
    let window = RATE / 2;
    let count = (heard.len() - RATE / 2) / window;
    let lag_of = |index: usize| {
        let from = index * window;
        lag(&played[from..from + window], &heard[from..], 0, RATE / 2 - 1) * 1_000 / RATE
    };
    (0..count).map(lag_of).collect()
}

fn heard_of_clip(weather: Weather, seconds: u32) -> (Pair, Vec<i16>) {
    let mut pair = Pair::new(Setting {
        weather,
        ..Setting::default()
    });
    let played = clip(seconds as usize + 5);
    pair.connect();
    pair.run(SECOND);
    pair.answerer.heard.clear();
    pair.offerer.voice = Voice::Clip(played.clone());
    pair.offerer.restart();
    pair.run(seconds * SECOND);
    (pair, played)
}

#[test]
fn playout_does_not_move_on_a_clean_network() {
    let (pair, played) = heard_of_clip(Weather::CLEAR, 20);

    let lags = lags(&played, &pair.answerer.heard);

    let (least, most) = (lags.iter().min().unwrap(), lags.iter().max().unwrap());
    assert!(lags.len() > 35);
    assert!(most - least <= 1, "lags move between {least} and {most} ms");
    // 20 ms of network, 15 to 35 of delay, 6.5 of codec, a frame of clock.
    assert!((41..=82).contains(least), "{least} ms");
}

#[test]
fn playout_stays_where_it_is_in_light_jitter() {
    let weather = Weather {
        jitter: Duration::from_millis(25),
        ..Weather::CLEAR
    };
    let (pair, played) = heard_of_clip(weather, 20);

    let lags = lags(&played, &pair.answerer.heard);

    let (least, most) = (lags.iter().min().unwrap(), lags.iter().max().unwrap());
    assert!(most - least <= 20, "lags move between {least} and {most} ms");
    let statistics = pair.answerer.call.statistics();
    assert!(statistics.frames_concealed < 10, "{statistics:?}");
}

#[test]
fn a_tenth_lost_leaves_no_long_gap() {
    let weather = Weather {
        loss: 0.1,
        ..Weather::CLEAR
    };
    let mut pair = Pair::new(Setting {
        weather,
        ..Setting::default()
    });
    pair.connect();
    pair.run(60 * SECOND);

    for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
        let heard = side.heard_last(55 * SECOND);
        let gap = longest_gap(heard, -30.0);
        assert!(gap <= 5, "a gap of {gap} frames");
        let clear = heard
            .chunks_exact(RATE / 5)
            .filter(|window| purity(window, hertz) > 0.9);
        let share = clear.count() as f64 / 275.0;
        assert!(share > 0.85, "{share} of the windows carry the tone");
        let statistics = side.call.statistics();
        let lost = statistics.packets_lost as f64 / statistics.packets_received as f64;
        assert!((0.07..0.15).contains(&lost), "{statistics:?}");
        assert!(
            statistics.frames_recovered > statistics.frames_concealed,
            "{statistics:?}"
        );
        assert_eq!(side.names(), ["connected"]);
    }
}

#[test]
fn packets_that_overtake_each_other_are_put_in_order() {
    let weather = Weather {
        jitter: Duration::from_millis(45),
        ..Weather::CLEAR
    };
    let mut pair = Pair::new(Setting {
        weather,
        ..Setting::default()
    });
    pair.connect();
    pair.run(30 * SECOND);

    for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
        // The tone loses its phase where the sound was stretched.
        let windows = side.heard_last(20 * SECOND).chunks_exact(RATE / 5);
        let clear = windows.filter(|window| purity(window, hertz) > 0.9).count();
        assert!(clear >= 75, "{clear} of 100 windows carry the tone");
        assert_eq!(longest_gap(side.heard_last(20 * SECOND), -30.0), 0);
    }
}

#[test]
fn heavy_jitter_widens_the_buffer_until_hardly_anything_is_late() {
    let weather = Weather {
        jitter: Duration::from_millis(150),
        ..Weather::CLEAR
    };
    let mut pair = Pair::new(Setting {
        weather,
        ..Setting::default()
    });
    pair.connect();
    pair.run(30 * SECOND);
    let before = pair.answerer.call.statistics();

    pair.run(30 * SECOND);

    let after = pair.answerer.call.statistics();
    let late = after.packets_late - before.packets_late;
    assert!(late < 1_500 / 20, "{late} of 1500 packets late");
    assert!(after.playout_delay < Duration::from_millis(300), "{after:?}");
}

#[test]
fn a_longer_way_is_followed_and_a_shorter_one_is_caught_up_with() {
    let (mut pair, _) = heard_of_clip(Weather::CLEAR, 5);
    pair.network.weather.delay = Duration::from_millis(180);
    pair.run(5 * SECOND);
    let followed = pair.answerer.call.statistics();
    pair.run(5 * SECOND);
    let settled = pair.answerer.call.statistics();
    assert_eq!(settled.packets_late, followed.packets_late);
    assert_eq!(settled.frames_concealed, followed.frames_concealed);

    pair.network.weather.delay = Duration::from_millis(20);
    pair.run(40 * SECOND);

    let caught_up = pair.answerer.call.statistics();
    assert!(caught_up.playout_delay <= Duration::from_millis(90), "{caught_up:?}");
    assert_eq!(pair.answerer.names(), ["connected"]);
}

#[test]
fn connecting_takes_little_longer_on_a_bad_path() {
    for seed in 0..20 {
        let weather = Weather {
            loss: 0.05,
            ..Weather::CLEAR
        };
        let mut pair = Pair::new(Setting {
            seed,
            weather,
            ..Setting::default()
        });
        pair.connect();
        assert!(pair.elapsed() < 3 * SECOND, "seed {seed}: {:?}", pair.elapsed());
    }
}

#[test]
fn a_long_call_wraps_its_sequence_numbers() {
    // This seed's first number is 31563; 50 packets a second reach 65536 in less than 12 minutes.
    let offer = |text: String| text.replace("a=sendrecv", "a=sendonly");
    let mut pair = Pair::new(Setting {
        seed: 16,
        offer,
        ..Setting::default()
    });
    pair.connect();
    pair.offerer.voice = Voice::Nothing;
    pair.run(12 * 60 * SECOND);
    pair.offerer.voice = Voice::Tone(440.0);
    pair.run(3 * SECOND);

    let (first, last) = pair.network.sequences.expect("packets");
    assert!(last < first, "from {first} to {last}");
    let statistics = pair.answerer.call.statistics();
    assert_eq!((statistics.packets_lost, statistics.frames_concealed), (0, 0));
    assert_eq!(
        statistics.packets_received,
        pair.offerer.call.statistics().packets_sent - 1
    );
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
}
