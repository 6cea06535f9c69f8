//! Two calls that talk.

use std::time::Duration;

use offhook_media::{Call, DtlsProtocol, DtlsVersion, Event};

use crate::listen::{level, purity};
use crate::pair::{Pair, Setting, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_offerer_and_an_answerer_hear_each_other() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    assert!(
        pair.elapsed() < Duration::from_millis(600),
        "connected after {:?}",
        pair.elapsed()
    );

    pair.run(5 * SECOND);

    for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
        let heard = side.heard_last(3 * SECOND);
        assert!(purity(heard, hertz) > 0.98, "{hertz} Hz: {}", purity(heard, hertz));
        assert!((level(heard) + 9.0).abs() < 1.0, "{hertz} Hz at {} dBov", level(heard));
        let statistics = side.call.statistics();
        assert_eq!(statistics.packets_lost, 0);
        assert_eq!(statistics.frames_concealed, 0);
        assert!((statistics.level_received_dbov + 9.0).abs() < 1.0, "{statistics:?}");
        assert!((statistics.level_sent_dbov + 9.0).abs() < 1.0, "{statistics:?}");
        assert!(statistics.packets_sent > 240, "{statistics:?}");
        assert!(statistics.packets_received > 240, "{statistics:?}");
        assert_eq!(statistics.round_trip, Some(Duration::from_millis(40)));
        assert_eq!(side.names(), ["connected"]);
        assert!(side.events.iter().any(|(_, event)| *event == Event::EndOfCandidates));
    }
}

#[test]
fn either_side_may_speak_dtls_1_3() {
    for (ours, theirs, agreed) in [
        (DtlsVersion::Auto, DtlsVersion::Auto, DtlsProtocol::V1_3),
        (DtlsVersion::Auto, DtlsVersion::V1_2, DtlsProtocol::V1_2),
        (DtlsVersion::V1_2, DtlsVersion::Auto, DtlsProtocol::V1_2),
    ] {
        let now = an_instant();
        let (mut first, mut second) = (config(1), config(2));
        (first.dtls, second.dtls) = (ours, theirs);
        let (mut offerer, offer) = Call::offerer(first, seed(1, 1), now);
        let (answerer, answer) = Call::answerer(second, &offer, seed(1, 2), now).expect("answered");
        offerer.accept_answer(now, &answer).expect("an answer that fits");
        let mut pair = Pair::of(offerer, answerer, now, Setting::default());
        pair.connect();
        pair.run(2 * SECOND);
        assert!(
            purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98,
            "{ours:?} {theirs:?}"
        );
        for side in [&pair.offerer, &pair.answerer] {
            let version = side.call.statistics().dtls_version;
            assert_eq!(version, Some(agreed), "{ours:?} {theirs:?}");
        }
    }
}

#[test]
fn an_offer_waits_for_its_answer_as_long_as_it_takes() {
    let now = an_instant();
    let (offerer, offer) = Call::offerer(config(1), seed(1, 1), now);
    let (answerer, answer) = Call::answerer(config(2), &offer, seed(1, 2), now).expect("answered");
    let mut pair = Pair::of(offerer, answerer, now, Setting::default());
    pair.run(25 * SECOND);
    assert_eq!(pair.offerer.names(), [""; 0]);

    let late = pair.now;
    pair.offerer
        .call
        .accept_answer(late, &answer)
        .expect("an answer that fits");

    pair.connect();
}

#[test]
fn a_call_can_move_between_threads() {
    fn movable<T: Send>() {}
    movable::<Call>();
    movable::<Event>();
}
