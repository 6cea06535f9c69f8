//! Calls in each codec, and in two at a time.

use std::time::Duration;

use offhook_media::{Call, Codec};

use crate::listen::{level, longest_gap, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

/// A pair whose sides know these codecs.
fn pair(offerer: &[Codec], answerer: &[Codec], setting: Setting) -> Pair {
    let now = an_instant();
    let (mut first, mut second) = (config(1), config(2));
    (first.codecs, second.codecs) = (offerer.to_vec(), answerer.to_vec());
    let (mut offerer, offer) = Call::offerer(first, seed(setting.seed, 1), now);
    let offer = (setting.offer)(offer);
    let (answerer, answer) = Call::answerer(second, &offer, seed(setting.seed, 2), now).expect("answered");
    offerer
        .accept_answer(now, &(setting.answer)(answer))
        .expect("an answer that fits");
    Pair::of(offerer, answerer, now, setting)
}

#[test]
fn g711_is_heard_both_ways() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        for (offerer, answerer) in [(&[codec][..], &Codec::ALL[..]), (&Codec::ALL[..], &[codec][..])] {
            let mut pair = pair(offerer, answerer, Setting::default());
            pair.connect();
            pair.run(4 * SECOND);
            for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
                let heard = side.heard_last(2 * SECOND);
                assert!(purity(heard, hertz) > 0.98, "{codec}: {}", purity(heard, hertz));
                assert!((level(heard) + 9.0).abs() < 1.0, "{codec} at {} dBov", level(heard));
                let statistics = side.call.statistics();
                assert_eq!((statistics.packets_lost, statistics.frames_concealed), (0, 0));
                // 160 bytes in every packet.
                assert_eq!(statistics.bytes_sent, statistics.packets_sent * 160);
            }
        }
    }
}

#[test]
fn the_remotes_order_decides_what_is_sent() {
    let mut pair = pair(&[Codec::Pcma, Codec::Opus], &Codec::ALL, Setting::default());
    pair.connect();
    pair.run(SECOND);
    for side in [&pair.answerer, &pair.offerer] {
        let statistics = side.call.statistics();
        assert_eq!(statistics.bytes_sent, statistics.packets_sent * 160, "{statistics:?}");
    }
}

#[test]
fn each_side_may_send_another_codec_of_those_agreed() {
    // An answer may order as it likes (RFC 3264 section 6.1).
    let answer = |text: String| text.replace("SAVPF 96 0 8", "SAVPF 8 96 0");
    let mut pair = pair(
        &Codec::ALL,
        &Codec::ALL,
        Setting {
            answer,
            ..Setting::default()
        },
    );
    pair.connect();
    pair.run(3 * SECOND);

    let (offerer, answerer) = (pair.offerer.call.statistics(), pair.answerer.call.statistics());
    assert_eq!(offerer.bytes_sent, offerer.packets_sent * 160);
    assert_ne!(answerer.bytes_sent, answerer.packets_sent * 160);
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
    assert!(purity(pair.offerer.heard_last(SECOND), 1_000.0) > 0.98);
}

/// Changes a description on its way.
type Change = fn(String) -> String;

/// Packets of this codec, as long as both descriptions ask for, are heard; how many each side sends in two seconds is told.
fn packets_sent(codec: Codec, change: Change) -> [u64; 2] {
    let setting = Setting {
        offer: change,
        answer: change,
        ..Setting::default()
    };
    let mut pair = pair(&[codec], &[codec], setting);
    pair.connect();
    pair.run(2 * SECOND);
    let sent = |pair: &Pair| [&pair.offerer, &pair.answerer].map(|side| side.call.statistics().packets_sent);
    let before = sent(&pair);
    pair.run(2 * SECOND);
    let after = sent(&pair);
    for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
        let heard = side.heard_last(SECOND);
        assert!(purity(heard, hertz) > 0.98, "{codec}: {}", purity(heard, hertz));
        assert_eq!(side.call.statistics().packets_lost, 0);
    }
    [after[0] - before[0], after[1] - before[1]]
}

#[test]
fn the_peers_packet_time_decides_how_long_packets_are() {
    let cases: [(Change, u64); 5] = [
        (|text| text + "a=ptime:10\r\n", 200),
        (|text| text, 100),
        (|text| text + "a=ptime:40\r\na=maxptime:120\r\n", 50),
        (|text| text + "a=ptime:60\r\n", 33),
        (|text| text + "a=ptime:60\r\na=maxptime:40\r\n", 50),
    ];
    for codec in [Codec::Opus, Codec::Pcmu] {
        for (change, packets) in cases {
            for sent in packets_sent(codec, change) {
                assert!(sent.abs_diff(packets) <= 1, "{codec}: {sent} packets, not {packets}");
            }
        }
    }
}

#[test]
fn losses_of_g711_are_concealed_and_counted_as_such() {
    let weather = Weather {
        loss: 0.05,
        ..Weather::CLEAR
    };
    let setting = Setting {
        weather,
        ..Setting::default()
    };
    let mut pair = pair(&[Codec::Pcmu], &Codec::ALL, setting);
    pair.connect();
    pair.run(10 * SECOND);

    let statistics = pair.answerer.call.statistics();
    assert!(statistics.packets_lost > 5, "{statistics:?}");
    assert_eq!(statistics.frames_recovered, 0);
    assert!(statistics.frames_concealed > 5, "{statistics:?}");
    let heard = pair.answerer.heard_last(8 * SECOND);
    assert!(purity(heard, 440.0) > 0.9, "{}", purity(heard, 440.0));
    assert!(longest_gap(heard, -40.0) <= 2);
}

#[test]
fn no_codec_in_common_is_refused() {
    let now = an_instant();
    let (mut first, mut second) = (config(1), config(2));
    (first.codecs, second.codecs) = (vec![Codec::Pcmu], vec![Codec::Opus]);
    let (_, offer) = Call::offerer(first, seed(1, 1), now);
    let error = Call::answerer(second, &offer, seed(1, 2), now).expect_err("nothing in common");
    assert!(error.to_string().contains("PCMU"), "{error}");
}
