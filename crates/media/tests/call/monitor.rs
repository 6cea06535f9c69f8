//! What keeps a call alive, what does not, and what it measures meanwhile.

use std::time::Duration;

use offhook_media::{CandidateType, Event, FailureReason, Input};

use crate::pair::{Pair, Setting, Side};

const SECOND: Duration = Duration::from_secs(1);

fn on_hold(text: String) -> String {
    text.replace("a=sendrecv", "a=inactive")
}

/// A pair that has talked for a while.
fn talking() -> Pair {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.run(5 * SECOND);
    pair
}

fn sleep(pair: &mut Pair, asleep: Duration) {
    let now = pair.now;
    for side in [&mut pair.offerer, &mut pair.answerer] {
        side.call.handle_input(now, Input::Resumed { asleep });
    }
}

fn failed_at(side: &Side) -> Option<Duration> {
    let failed = |event: &Event| matches!(event, Event::Failed(_));
    side.events.iter().find(|(_, event)| failed(event)).map(|(at, _)| *at)
}

#[test]
fn what_anybody_can_send_from_the_peers_address_keeps_no_call_alive() {
    let mut pair = talking();
    let ours = "192.0.2.2:40002".parse().expect("an address");
    let peer = "192.0.2.1:40001".parse().expect("an address");
    let cut_at = pair.elapsed();
    pair.network.cut = true;

    for round in 0..400_u32 {
        let first = [0x80, 0x80, 23, 1][round as usize % 4];
        let mut forged = vec![first, 96, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9];
        forged.extend_from_slice(&round.to_be_bytes().repeat(10));
        pair.deliver(&peer, &ours, &forged);
        pair.run(Duration::from_millis(20));
    }

    let interrupted = pair.answerer.at(&Event::Interrupted).expect("interrupted") - cut_at;
    assert!((2.9..3.2).contains(&interrupted.as_secs_f64()), "{interrupted:?}");
    assert_eq!(pair.answerer.names(), ["connected", "interrupted"]);
}

#[test]
fn on_hold_the_answers_to_our_checks_keep_the_call_and_their_absence_ends_it() {
    let mut pair = Pair::new(Setting {
        offer: on_hold,
        ..Setting::default()
    });
    pair.connect();
    pair.run(60 * SECOND);
    assert_eq!(pair.offerer.names(), ["connected"]);
    let cut_at = pair.elapsed();
    pair.network.cut = true;

    pair.run(20 * SECOND);

    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["connected", "interrupted", "failed"]);
        let interrupted = side.at(&Event::Interrupted).expect("interrupted") - cut_at;
        assert!((1.8..3.2).contains(&interrupted.as_secs_f64()), "{interrupted:?}");
    }
}

#[test]
fn a_peer_that_answers_no_check_is_sent_nothing_after_half_a_minute() {
    let mut pair = talking();
    let since = pair.elapsed();
    // The offerer's checks and the answerer's answers are lost, its media are not.
    pair.network.unanswered = true;

    pair.run(40 * SECOND);

    let lost = pair.offerer.at(&Event::Failed(FailureReason::ConsentLost));
    let after = lost.expect("consent is lost") - since;
    assert!((28.9..30.1).contains(&after.as_secs_f64()), "{after:?}");
    let sent = pair.offerer.call.statistics().packets_sent;
    pair.run(5 * SECOND);
    assert_eq!(pair.offerer.call.statistics().packets_sent, sent);
}

#[test]
fn in_a_long_silence_nothing_but_checks_is_sent() {
    let mut pair = Pair::patient(Duration::from_secs(300));
    pair.connect();
    pair.run(5 * SECOND);
    pair.network.cut = true;
    pair.run(31 * SECOND);
    let before = (pair.network.sent, pair.network.checks);

    pair.run(8 * SECOND);

    let sent = pair.network.sent - before.0;
    assert!(sent > 10, "checks go on: {sent}");
    assert_eq!(pair.network.checks - before.1, sent, "nothing but checks");
}

#[test]
fn rule_10_a_wake_up_ends_calls_whose_path_is_dead_and_no_others() {
    let mut dead = talking();
    dead.network.cut = true;
    let woken = dead.elapsed();
    sleep(&mut dead, 600 * SECOND);
    dead.run(5 * SECOND);
    for side in [&dead.offerer, &dead.answerer] {
        assert_eq!(side.names(), ["connected", "interrupted", "failed"]);
        let failed = failed_at(side).expect("failed") - woken;
        assert!(failed <= 3 * SECOND, "{failed:?}");
    }

    for offer in [|text| text, on_hold] {
        let mut alive = Pair::new(Setting {
            offer,
            ..Setting::default()
        });
        alive.connect();
        alive.run(5 * SECOND);
        sleep(&mut alive, 600 * SECOND);
        alive.run(60 * SECOND);
        for side in [&alive.offerer, &alive.answerer] {
            assert_eq!(side.names(), ["connected", "interrupted", "recovered"]);
            assert!(side.call.is_connected());
        }
    }
}

#[test]
fn rule_38_a_call_is_active_while_it_is_heard_and_at_no_other_time() {
    let mut pair = Pair::new(Setting::default());
    assert!(!pair.answerer.call.is_connected(), "an answer is no connection");
    pair.connect();
    pair.run(5 * SECOND);
    assert!(pair.answerer.call.is_connected());

    pair.network.cut = true;
    pair.run(4 * SECOND);
    assert!(!pair.answerer.call.is_connected(), "interrupted");

    pair.network.cut = false;
    pair.run(2 * SECOND);
    assert!(pair.answerer.call.is_connected(), "recovered");

    let now = pair.now;
    pair.answerer.call.close(now);
    assert!(!pair.answerer.call.is_connected(), "closed");
}

#[test]
fn rule_41_a_call_that_is_cut_off_before_ice_completes_ends() {
    let mut pair = Pair::new(Setting::default());
    pair.network.cut = true;

    pair.run(40 * SECOND);

    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["failed"]);
        assert_eq!(failed_at(side), Some(30 * SECOND));
    }

    let mut woken = Pair::new(Setting::default());
    woken.network.cut = true;
    woken.run(SECOND);
    sleep(&mut woken, 60 * SECOND);
    woken.run(5 * SECOND);
    assert_eq!(woken.answerer.names(), ["failed"], "the time slept counts");
}

#[test]
fn statistics_tell_the_path_its_times_and_its_interruptions() {
    let mut pair = talking();
    pair.network.cut = true;
    pair.run(5 * SECOND);
    let during = pair.answerer.call.statistics();
    assert_eq!(during.interruptions, 1);
    assert!((1.9..2.1).contains(&during.interrupted.as_secs_f64()), "{during:?}");
    pair.network.cut = false;
    pair.run(10 * SECOND);

    let after = pair.answerer.call.statistics();
    assert_eq!(after.interruptions, 1);
    assert!((2.0..3.1).contains(&after.interrupted.as_secs_f64()), "{after:?}");
    assert_eq!(after.local_candidate, Some(CandidateType::Host));
    assert_eq!(after.remote_candidate, Some(CandidateType::Host));
    assert_eq!(after.round_trip, Some(Duration::from_millis(40)));
    assert!(after.jitter < Duration::from_millis(1), "{after:?}");
    let setup = after.setup;
    let steps = [
        setup.gathered,
        setup.first_check,
        setup.ice,
        setup.dtls,
        setup.first_sent,
    ];
    assert!(steps.iter().all(Option::is_some), "{setup:?}");
    assert!(steps.is_sorted(), "{setup:?}");
    assert!(setup.first_received.is_some(), "{setup:?}");
}

#[test]
fn every_figure_is_named_with_its_unit() {
    let pair = talking();

    let json = serde_json::to_value(pair.answerer.call.statistics()).expect("figures");

    let object = json.as_object().expect("an object");
    let numbers_of_things = ["packets", "frames", "interruptions", "bytes"];
    let units = ["Ms", "Dbov", "Fraction"];
    let words = [
        "localCandidate",
        "remoteCandidate",
        "dtlsVersion",
        "setup",
        "rFactor",
        "mos",
    ];
    for name in object.keys() {
        assert!(
            numbers_of_things.iter().any(|what| name.starts_with(what))
                || units.iter().any(|unit| name.ends_with(unit))
                || words.contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!(json["roundTripMs"], 40.0);
    assert_eq!(json["localCandidate"], "host");
    assert_eq!(json["dtlsVersion"], "1.2");
    assert!(json["mos"].as_f64().is_some_and(|score| score > 4.2), "{json}");
    let setup = json["setup"].as_object().expect("an object");
    assert!(setup.keys().all(|name| name.ends_with("Ms")), "{setup:?}");
}
