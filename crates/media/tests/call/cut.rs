//! Paths that are never found, get lost, come back, or lead to the wrong peer.

use std::time::Duration;

use offhook_media::{Call, Event, FailureReason, Input, Output, SocketId};

use crate::listen::{level, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, Voice, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_cut_interrupts_after_three_seconds_and_fails_after_fifteen() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.run(5 * SECOND);
    let cut_at = pair.elapsed();
    pair.network.cut = true;

    pair.run(20 * SECOND);

    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["connected", "interrupted", "failed"]);
        let interrupted = side.at(&Event::Interrupted).expect("interrupted") - cut_at;
        assert!((2.9..3.2).contains(&interrupted.as_secs_f64()), "{interrupted:?}");
        let reason = FailureReason::PathLost { seconds: 15 };
        let failed = side.at(&Event::Failed(reason)).expect("failed") - cut_at;
        assert!((14.9..15.2).contains(&failed.as_secs_f64()), "{failed:?}");
        assert!(!side.call.is_connected());
    }
}

#[test]
fn a_failed_call_sends_nothing_more() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.network.cut = true;
    pair.run(16 * SECOND);
    let sent = pair.network.sent;

    pair.network.cut = false;
    pair.run(10 * SECOND);

    assert_eq!(pair.network.sent, sent);
    assert_eq!(pair.offerer.names().last(), Some(&"failed"));
}

#[test]
fn a_path_that_comes_back_is_taken_up_again() {
    // Around 14 s the engine's timers of the outage run out when the path is back already.
    for silence in [4_000, 8_000, 12_000, 13_800, 14_200, 14_600] {
        let mut pair = Pair::new(Setting {
            seed: silence,
            ..Setting::default()
        });
        pair.connect();
        pair.run(5 * SECOND);
        pair.network.cut = true;
        pair.run(Duration::from_millis(silence));
        pair.network.cut = false;

        pair.run(15 * SECOND);

        for (side, hertz) in [(&pair.answerer, 440.0), (&pair.offerer, 1_000.0)] {
            assert_eq!(side.names(), ["connected", "interrupted", "recovered"], "{silence} ms");
            assert!(purity(side.heard_last(3 * SECOND), hertz) > 0.98, "{silence} ms");
        }
    }
}

#[test]
fn a_call_that_finds_no_path_fails() {
    let mut pair = Pair::new(Setting {
        trickle: false,
        ..Setting::default()
    });

    pair.run(40 * SECOND);

    let reason = FailureReason::NeverConnected { seconds: 30 };
    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["failed"]);
        assert_eq!(side.at(&Event::Failed(reason.clone())), Some(30 * SECOND));
    }
}

#[test]
fn one_sides_candidates_are_enough() {
    let mut pair = Pair::new(Setting {
        trickle: false,
        ..Setting::default()
    });
    pair.run(SECOND);
    let candidate = pair.offerer.events.iter().find_map(|(_, event)| match event {
        Event::LocalCandidate { candidate, .. } => Some(candidate.clone()),
        _ => None,
    });
    let now = pair.now;

    pair.answerer
        .call
        .add_remote_candidate(now, &candidate.expect("a local candidate"))
        .expect("a good candidate");

    pair.connect();
}

#[test]
fn an_unexpected_certificate_is_a_security_failure() {
    fn forged(text: String) -> String {
        let at = text.find("a=fingerprint:sha-256 ").expect("a fingerprint") + 22;
        let digit = if text.as_bytes()[at] == b'0' { "1" } else { "0" };
        format!("{}{digit}{}", &text[..at], &text[at + 1..])
    }
    let mut with_answer = Pair::new(Setting {
        answer: forged,
        ..Setting::default()
    });
    with_answer.run(5 * SECOND);
    let mut with_offer = Pair::new(Setting {
        offer: forged,
        ..Setting::default()
    });
    with_offer.run(5 * SECOND);

    for side in [&with_answer.offerer, &with_offer.answerer] {
        let failed = side.events.iter().find_map(|(_, event)| match event {
            Event::Failed(FailureReason::Security(why)) => Some(why),
            _ => None,
        });
        assert!(
            failed.is_some_and(|why| why.contains("fingerprint")),
            "{:?}",
            side.events
        );
        assert!(!side.names().contains(&"connected"));
        assert_eq!(level(&side.heard), -130.0);
    }
}

#[test]
fn a_peer_that_refuses_the_handshake_is_the_reason_and_not_the_path() {
    let mut pair = Pair::new(Setting::default());
    // The checks of ICE get through, DTLS is refused by a fatal alert: handshake_failure, as of a peer with an RSA certificate.
    pair.network.swallows = |payload| matches!(payload.first(), Some(20..=63));
    pair.run(2 * SECOND);
    let ours = "192.0.2.2:40002".parse().expect("an address");
    let peer = "192.0.2.1:40001".parse().expect("an address");
    pair.deliver(&peer, &ours, &[21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 2, 40]);
    pair.run(SECOND);
    assert_eq!(
        pair.answerer.names(),
        [""; 0],
        "one alert, which may be forged, ends nothing"
    );

    pair.run(30 * SECOND);

    let failed = pair.answerer.events.iter().find_map(|(_, event)| match event {
        Event::Failed(FailureReason::Security(why)) => Some(why),
        _ => None,
    });
    assert!(
        failed.is_some_and(|why| why.contains("alert") && why.contains("RSA")),
        "{:?}",
        pair.answerer.events
    );
}

#[test]
fn the_peer_closing_its_media_is_a_failure_unless_the_signalling_is_faster() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.run(SECOND);
    let (now, closed_at) = (pair.now, pair.elapsed());

    pair.offerer.call.close(now);
    pair.run(5 * SECOND);

    assert_eq!(pair.offerer.names(), ["connected"]);
    assert_eq!(pair.answerer.names(), ["connected", "failed"]);
    let failed = pair
        .answerer
        .at(&Event::Failed(FailureReason::ClosedByPeer))
        .expect("failed");
    assert!((failed - closed_at).as_secs_f64() < 3.2);
}

#[test]
fn a_closed_call_says_goodbye_and_is_quiet() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    pair.run(SECOND);
    let now = pair.now;

    pair.answerer.call.close(now);

    let mut farewells = 0;
    let idle = loop {
        match pair.answerer.call.poll_output() {
            Output::Transmit { .. } => farewells += 1,
            Output::Timeout(at) => break at,
            other => panic!("after closing: {other:?}"),
        }
    };
    assert!(farewells > 0);
    assert!(idle > now + 3_600 * SECOND);
    pair.answerer.call.handle_input(idle, Input::Timeout);
    assert!(matches!(pair.answerer.call.poll_output(), Output::Timeout(_)));
}

#[test]
fn a_call_on_a_bad_path_is_not_interrupted_while_it_is_on_hold() {
    let on_hold = |text: String| text.replace("a=sendrecv", "a=inactive");
    let weather = Weather {
        loss: 0.03,
        ..Weather::CLEAR
    };
    let mut pair = Pair::new(Setting {
        offer: on_hold,
        weather,
        ..Setting::default()
    });
    pair.connect();

    pair.run(120 * SECOND);

    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["connected"]);
        assert_eq!(side.call.statistics().packets_sent, 0);
    }
}

#[test]
fn without_a_socket_there_is_no_call() {
    let now = an_instant();
    let (mut call, _) = Call::offerer(config(1), seed(1, 1), now);
    let Output::Open { socket, .. } = call.poll_output() else {
        panic!("no socket asked for")
    };

    call.handle_input(
        now,
        Input::Refused {
            socket,
            reason: "address not available".into(),
        },
    );

    let Output::Event(Event::Failed(reason)) = call.poll_output() else {
        panic!("no failure")
    };
    assert_eq!(reason, FailureReason::NoSocket("address not available".into()));
}

#[test]
fn a_socket_that_is_said_to_be_open_again_stays_as_it_is() {
    let mut pair = Pair::new(Setting::default());
    pair.connect();
    let now = pair.now;
    for address in ["0.0.0.0:1", "192.0.2.2:7777"] {
        let address = address.parse().expect("an address");
        let socket = SocketId(0);
        pair.answerer.call.handle_input(now, Input::Opened { socket, address });
    }

    pair.run(2 * SECOND);

    assert_eq!(pair.answerer.names(), ["connected"]);
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
}

#[test]
fn nothing_follows_a_failure() {
    let now = an_instant();
    let (mut call, _) = Call::offerer(config(1), seed(1, 1), now);
    let Output::Open { socket, .. } = call.poll_output() else {
        panic!("no socket asked for")
    };
    let address = "0.0.0.0:1".parse().expect("an address");

    call.handle_input(now, Input::Opened { socket, address });

    assert!(matches!(call.poll_output(), Output::Event(Event::Failed(_))));
    assert!(matches!(call.poll_output(), Output::Timeout(_)));
}

#[test]
fn limits_without_end_end_no_call() {
    for which in 0..4 {
        let now = an_instant();
        let mut patient = config(2);
        let limit = match which {
            0 => &mut patient.connect_limit,
            1 => &mut patient.interrupted_after,
            2 => &mut patient.failed_after,
            _ => &mut patient.playout_delay,
        };
        *limit = Duration::MAX;
        let (mut offerer, offer) = Call::offerer(config(1), seed(1, 1), now);
        let (answerer, answer) = Call::answerer(patient, &offer, seed(1, 2), now).expect("an offer like ours");
        offerer.accept_answer(now, &answer).expect("an answer like ours");
        let mut pair = Pair::of(offerer, answerer, now, Setting::default());
        pair.connect();
        pair.run(5 * SECOND);
        assert_eq!(pair.answerer.names(), ["connected"]);
        assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
    }
}

#[test]
fn noise_from_strangers_and_from_the_peers_address_changes_nothing() {
    let mut pair = Pair::new(Setting::default());
    pair.run(Duration::from_millis(50));
    let ours = "192.0.2.2:40002".parse().expect("an address");
    let peer = "192.0.2.1:40001".parse().expect("an address");
    let stranger = "203.0.113.9:9".parse().expect("an address");
    let noise = |round: usize| -> Vec<u8> {
        let first = [0, 1, 20, 22, 23, 63, 128, 144, 191, 255][round % 10];
        let mut bytes: Vec<u8> = (0..round * 7 % 300).map(|at| (at * round) as u8).collect();
        bytes.insert(0, first);
        bytes
    };
    for round in 0..400 {
        pair.deliver(&stranger, &ours, &noise(round));
        if round == 200 {
            pair.connect();
        }
        if round > 200 {
            pair.deliver(&peer, &ours, &noise(round));
        }
    }

    pair.run(5 * SECOND);

    assert_eq!(pair.answerer.names(), ["connected"]);
    assert!(purity(pair.answerer.heard_last(3 * SECOND), 440.0) > 0.98);
}

#[test]
fn silence_is_sent_as_audio_too() {
    let mut pair = Pair::new(Setting::default());
    pair.offerer.voice = Voice::Nothing;
    pair.connect();
    pair.run(5 * SECOND);

    assert!(pair.answerer.call.statistics().packets_received > 240);
    assert!(level(pair.answerer.heard_last(SECOND)) < -80.0);
}
