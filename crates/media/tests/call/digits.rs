//! Digits both ways, and mute.

use std::time::Duration;

use offhook_media::{Call, Codec, DigitsError, Event};

use crate::listen::{level, longest_gap, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, Side, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

/// The digits that this side was told of.
fn digits(side: &Side) -> String {
    let digit = |event: &Event| match event {
        Event::Digit { digit, .. } => Some(digit.as_char()),
        _ => None,
    };
    side.events.iter().filter_map(|(_, event)| digit(event)).collect()
}

fn with_offer(offer: fn(String) -> String) -> Pair {
    let mut pair = Pair::new(Setting {
        offer,
        ..Setting::default()
    });
    pair.connect();
    pair.run(SECOND);
    pair
}

#[test]
fn digits_are_heard_both_ways_at_either_clock() {
    let cases: [fn(String) -> String; 3] = [
        |text| text,
        |text| text.replace("SAVPF 96 0 8 101 126", "SAVPF 0 126"),
        // Events at 8 kHz beside Opus.
        |text| text.replace("SAVPF 96 0 8 101 126", "SAVPF 96 126"),
    ];
    for offer in cases {
        let mut pair = with_offer(offer);
        let now = pair.now;
        pair.offerer.call.send_digits(now, "0123456789").expect("digits");
        pair.answerer.call.send_digits(now, "*#abcd,1").expect("digits");
        pair.run(5 * SECOND);

        assert_eq!(digits(&pair.answerer), "0123456789");
        assert_eq!(digits(&pair.offerer), "*#ABCD1");
        for (_, event) in &pair.answerer.events {
            if let Event::Digit { duration, .. } = event {
                assert_eq!(*duration, Duration::from_millis(100));
            }
        }
        for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
            assert!(purity(side.heard_last(SECOND), hertz) > 0.98);
            let statistics = side.call.statistics();
            assert_eq!(
                (statistics.packets_lost, statistics.packets_late),
                (0, 0),
                "{statistics:?}"
            );
        }
    }
}

#[test]
fn digits_that_wait_can_be_taken_to_another_call() {
    let mut pair = with_offer(|text| text);
    let now = pair.now;
    pair.offerer.call.send_digits(now, "12,#").expect("digits");
    pair.run(Duration::from_millis(100));
    assert_eq!(pair.offerer.call.take_digits(), "2,#");
    assert_eq!(pair.offerer.call.take_digits(), "");
    pair.run(SECOND);
    assert_eq!(digits(&pair.answerer), "1", "what has begun is heard to its end");
}

#[test]
fn every_digit_is_told_once_whatever_the_network_does_to_its_packets() {
    let weather = Weather {
        jitter: Duration::from_millis(30),
        loss: 0.1,
        ..Weather::CLEAR
    };
    for number in 1..=5 {
        let mut pair = Pair::new(Setting {
            seed: number,
            weather,
            ..Setting::default()
        });
        pair.connect();
        pair.run(SECOND);
        let now = pair.now;
        pair.offerer.call.send_digits(now, "1122334455*0#").expect("digits");
        pair.run(5 * SECOND);
        assert_eq!(digits(&pair.answerer), "1122334455*0#", "seed {number}");
    }
}

#[test]
fn digits_wait_until_there_is_a_path() {
    let mut pair = Pair::new(Setting::default());
    let now = pair.now;
    pair.offerer.call.send_digits(now, "42").expect("digits");
    pair.answerer.call.send_digits(now, "7").expect("digits");
    pair.connect();
    pair.run(2 * SECOND);
    assert_eq!(
        (digits(&pair.answerer), digits(&pair.offerer)),
        ("42".into(), "7".into())
    );
}

#[test]
fn digits_that_nobody_takes_are_refused() {
    let mut pair = with_offer(|text| text.replace(" 101 126", ""));
    let now = pair.now;
    assert_eq!(
        pair.answerer.call.send_digits(now, "1"),
        Err(DigitsError::NotNegotiated)
    );
    assert_eq!(pair.offerer.call.send_digits(now, "1"), Err(DigitsError::NotNegotiated));

    pair.offerer.call.close(now);
    assert_eq!(pair.offerer.call.send_digits(now, "1"), Err(DigitsError::Over));
}

#[test]
fn what_is_no_digit_is_refused_at_any_time() {
    let (mut call, _) = Call::offerer(config(1), seed(1, 1), an_instant());
    let error = call.send_digits(an_instant(), "12+").expect_err("no digit");
    assert_eq!(error, DigitsError::Unknown { character: '+' });
    assert!(error.to_string().contains("'+'"));
}

#[test]
fn a_muted_side_is_silent_and_goes_on_sending() {
    for codecs in [vec![Codec::Opus], vec![Codec::Pcma]] {
        let now = an_instant();
        let (mut first, second) = (config(1), config(2));
        first.codecs = codecs;
        let (mut offerer, offer) = Call::offerer(first, seed(1, 1), now);
        let (answerer, answer) = Call::answerer(second, &offer, seed(1, 2), now).expect("answered");
        offerer.accept_answer(now, &answer).expect("an answer that fits");
        let mut pair = Pair::of(offerer, answerer, now, Setting::default());
        pair.connect();
        pair.run(SECOND);

        let now = pair.now;
        pair.offerer.call.set_muted(now, true);
        pair.offerer.call.send_digits(now, "5").expect("a digit");
        let before = pair.answerer.call.statistics().packets_received;
        pair.run(3 * SECOND);
        assert!(pair.offerer.call.is_muted());
        assert!(level(pair.answerer.heard_last(SECOND)) < -60.0);
        assert!(pair.answerer.call.statistics().packets_received >= before + 149);
        assert!(pair.offerer.call.statistics().level_sent_dbov < -100.0);
        assert_eq!(digits(&pair.answerer), "5");
        assert!(purity(pair.offerer.heard_last(SECOND), 1_000.0) > 0.98);

        let now = pair.now;
        pair.offerer.call.set_muted(now, false);
        pair.run(2 * SECOND);
        let heard = pair.answerer.heard_last(SECOND);
        assert!(purity(heard, 440.0) > 0.98 && longest_gap(heard, -20.0) == 0);
        assert_eq!(pair.answerer.names(), ["connected"]);
    }
}
