//! Calls whose terms change while they run: hold and unhold, other numbers, ICE restarts.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use offhook_media::{AnswerError, Call, Change, ChangeError, Direction, Input, Output, ReofferError, SocketId};
use str0m::ice::{StunMessage, TransId};

use crate::listen::{level, longest_gap, purity};
use crate::network::Weather;
use crate::pair::{Pair, Setting, Side, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);
/// Nothing is heard.
const SILENCE: f64 = -80.0;

#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Offerer,
    Answerer,
}

/// The one who changes something, and the other.
fn sides(pair: &mut Pair, by: By) -> (&mut Side, &mut Side) {
    match by {
        By::Offerer => (&mut pair.offerer, &mut pair.answerer),
        By::Answerer => (&mut pair.answerer, &mut pair.offerer),
    }
}

/// Offers a change; the answer comes after so long, and is this.
fn change(pair: &mut Pair, by: By, change: Change, delay: Duration) -> String {
    let now = pair.now;
    let (ours, theirs) = sides(pair, by);
    let offer = ours.call.offer(now, change).expect("a call that can change");
    let answer = theirs
        .call
        .accept_offer(now, &offer)
        .expect("an offer that can be answered");
    pair.run(delay);
    let now = pair.now;
    let (ours, _) = sides(pair, by);
    ours.call.accept_answer(now, &answer).expect("an answer that fits");
    answer
}

fn connected(seed: u64) -> Pair {
    let mut pair = Pair::new(Setting {
        seed,
        ..Setting::default()
    });
    pair.connect();
    pair.run(2 * SECOND);
    pair
}

/// What each side hears: the offerer 1000 Hz, the answerer 440 Hz.
fn hears(side: &Side, hertz: f64) -> bool {
    purity(side.heard_last(SECOND), hertz) > 0.98
}

fn is_silent(side: &Side) -> bool {
    level(side.heard_last(SECOND)) < SILENCE
}

fn ufrag(description: &str) -> &str {
    attribute(description, "a=ice-ufrag:")
}

fn attribute<'a>(description: &'a str, name: &str) -> &'a str {
    let mut values = description.split("\r\n").filter_map(|line| line.strip_prefix(name));
    values.next().expect("it is described")
}

/// How a side describes itself now.
fn description(side: &mut Side, now: Instant) -> String {
    let unchanged = Change::Direction(Direction::SendRecv);
    let described = side.call.offer(now, unchanged).expect("a call that can change");
    side.call.withdraw_offer(now);
    described
}

/// Whether a side answers a check by this user name, from a new port of its peer.
fn answers(side: &mut Side, now: Instant, username: &str, password: &str) -> bool {
    let hmac = str0m::crypto::from_feature_flags().sha1_hmac_provider;
    let mut check = [0; 256];
    let length = StunMessage::binding_request(username, TransId::new(), true, 7, 1, false)
        .to_bytes(Some(password.as_bytes()), &mut check, |key, parts| {
            hmac.sha1_hmac(key, parts)
        })
        .expect("room for a check");
    let source = SocketAddr::from(([192, 0, 2, 77], 7_777));
    let input = Input::Datagram {
        socket: SocketId(0),
        source,
        payload: &check[..length],
    };
    side.call.handle_input(now, input);
    let mut answered = false;
    loop {
        match side.call.poll_output() {
            Output::Timeout(_) => return answered,
            Output::Transmit {
                destination, payload, ..
            } => answered |= destination == source && payload[..2] == [0x01, 0x01],
            Output::Open { .. }
            | Output::Connect { .. }
            | Output::Resolve { .. }
            | Output::Close { .. }
            | Output::Event(_) => {}
        }
    }
}

/// A browser that restarts checks us from its new ports, by its new name and the name that we had, before it has our answer. If that
/// was answered, it would never come to our new name.
#[test]
fn a_check_is_answered_by_the_names_of_one_generation_alone() {
    let mut pair = connected(11);
    let now = pair.now;
    let (before, peer_before) = (
        description(&mut pair.answerer, now),
        description(&mut pair.offerer, now),
    );
    let (ours, theirs) = (ufrag(&before), ufrag(&peer_before));
    let password = attribute(&before, "a=ice-pwd:");
    assert!(!answers(&mut pair.answerer, now, &format!("{ours}:new"), password));
    assert!(answers(&mut pair.answerer, now, &format!("{ours}:{theirs}"), password));

    change(&mut pair, By::Offerer, Change::Restart, Duration::ZERO);

    let now = pair.now;
    let (after, peer_after) = (
        description(&mut pair.answerer, now),
        description(&mut pair.offerer, now),
    );
    let (new, their_new) = (ufrag(&after), ufrag(&peer_after));
    let new_password = attribute(&after, "a=ice-pwd:");
    assert!(!answers(
        &mut pair.answerer,
        now,
        &format!("{ours}:{their_new}"),
        password
    ));
    assert!(!answers(
        &mut pair.answerer,
        now,
        &format!("{new}:{theirs}"),
        new_password
    ));
    assert!(answers(&mut pair.answerer, now, &format!("{ours}:{theirs}"), password));
    assert!(answers(
        &mut pair.answerer,
        now,
        &format!("{new}:{their_new}"),
        new_password
    ));
}

#[test]
fn either_side_holds_and_unholds_by_direction() {
    for by in [By::Offerer, By::Answerer] {
        let mut pair = connected(1);
        let answer = change(&mut pair, by, Change::Direction(Direction::SendOnly), SECOND / 10);
        assert!(answer.contains("a=recvonly\r\n"), "{answer}");
        pair.run(2 * SECOND);
        let (holder, held) = sides(&mut pair, by);
        let own = if by == By::Offerer { 440.0 } else { 1_000.0 };
        assert!(is_silent(holder), "{by:?}: the holder listens");
        assert!(hears(held, own), "{by:?}: the other hears what the holder plays");

        change(&mut pair, by, Change::Direction(Direction::Inactive), SECOND / 10);
        pair.run(10 * SECOND);
        assert!(is_silent(&pair.offerer) && is_silent(&pair.answerer), "{by:?}");

        change(&mut pair, by, Change::Direction(Direction::SendRecv), SECOND / 10);
        pair.run(2 * SECOND);
        assert!(hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0), "{by:?}");
        for side in [&pair.offerer, &pair.answerer] {
            assert_eq!(side.names(), ["connected"], "{by:?}");
        }
    }
}

#[test]
fn whoever_holds_goes_on_holding_when_the_other_offers_more() {
    let mut pair = connected(2);
    change(
        &mut pair,
        By::Answerer,
        Change::Direction(Direction::SendOnly),
        Duration::ZERO,
    );

    let answer = change(
        &mut pair,
        By::Offerer,
        Change::Direction(Direction::SendRecv),
        Duration::ZERO,
    );

    assert!(answer.contains("a=sendonly\r\n"), "{answer}");
    pair.run(2 * SECOND);
    assert!(is_silent(&pair.answerer) && hears(&pair.offerer, 1_000.0));
}

#[test]
fn descriptions_of_one_session_count_up_and_keep_the_rest() {
    let mut pair = connected(3);
    let now = pair.now;
    let first = pair.offerer.call.offer(now, Change::Direction(Direction::SendOnly));
    let first = first.expect("a call that can change");
    pair.offerer.call.withdraw_offer(now);
    let second = pair.offerer.call.offer(now, Change::Restart);
    let second = second.expect("a call that can change");

    let origin = |text: &str| -> Vec<u64> {
        let line = text
            .split("\r\n")
            .find(|line| line.starts_with("o="))
            .expect("an origin");
        line.split(' ').filter_map(|word| word.parse().ok()).collect()
    };
    let (one, two) = (origin(&first), origin(&second));
    assert_eq!(one[0], two[0]);
    assert_eq!((one[1], two[1]), (2, 3));
    assert!(first.contains("a=setup:actpass\r\n") && second.contains("a=setup:actpass\r\n"));
    assert!(first.contains("a=sendonly\r\n") && second.contains("a=sendrecv\r\n"));
    assert_ne!(ufrag(&first), ufrag(&second));
    let rest = |text: &str| -> Vec<String> {
        let changing = ["o=", "a=ice-ufrag", "a=ice-pwd", "a=send"];
        let lines = text.split("\r\n").map(str::to_owned);
        lines
            .filter(|line| !changing.iter().any(|start| line.starts_with(start)))
            .collect()
    };
    assert_eq!(rest(&first), rest(&second));
}

#[test]
fn a_restart_by_either_side_loses_no_audio() {
    // The answer may take its time: the old path plays meanwhile.
    for by in [By::Offerer, By::Answerer] {
        for delay in [Duration::ZERO, SECOND / 5, 10 * SECOND] {
            let mut pair = connected(4);
            let before = pair.answerer.heard.len();
            let former = pair.events_of_candidates();
            let answer = change(&mut pair, by, Change::Restart, delay);
            pair.run(5 * SECOND);

            assert!(
                hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0),
                "{by:?} {delay:?}"
            );
            for side in [&pair.offerer, &pair.answerer] {
                assert_eq!(side.names(), ["connected"], "{by:?} {delay:?}");
                assert_eq!(longest_gap(&side.heard[before..], SILENCE), 0, "{by:?} {delay:?}");
                assert_eq!(side.call.statistics().packets_lost, 0, "{by:?} {delay:?}");
            }
            assert!(!former.iter().any(|candidate| candidate.contains(ufrag(&answer))));
            let told = pair.events_of_candidates();
            assert!(
                told.iter().any(|candidate| candidate.contains(ufrag(&answer))),
                "{told:?}"
            );
        }
    }
}

#[test]
fn a_restart_on_hold_is_no_interruption() {
    let mut pair = connected(5);
    change(
        &mut pair,
        By::Offerer,
        Change::Direction(Direction::Inactive),
        Duration::ZERO,
    );
    pair.run(5 * SECOND);
    change(&mut pair, By::Offerer, Change::Restart, 2 * SECOND);
    pair.run(60 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["connected"]);
    }
}

#[test]
fn restarts_may_follow_one_another_and_lose_packets() {
    let mut pair = Pair::new(Setting {
        weather: Weather {
            loss: 0.05,
            ..Weather::CLEAR
        },
        ..Setting::default()
    });
    pair.connect();
    for round in 0..30 {
        let by = if round % 2 == 0 { By::Offerer } else { By::Answerer };
        change(&mut pair, by, Change::Restart, SECOND / 10);
        pair.run(SECOND);
    }
    pair.run(5 * SECOND);
    for side in [&pair.offerer, &pair.answerer] {
        assert_eq!(side.names(), ["connected"]);
        assert!(level(side.heard_last(SECOND)) > -12.0);
    }
}

#[test]
fn an_offer_that_is_withdrawn_changes_nothing() {
    for wanted in [Change::Restart, Change::Direction(Direction::Inactive)] {
        let mut pair = connected(6);
        let now = pair.now;
        pair.offerer.call.offer(now, wanted).expect("a call that can change");
        assert_eq!(pair.offerer.call.offer(now, wanted), Err(ChangeError::Pending));
        pair.run(5 * SECOND);
        let now = pair.now;
        pair.offerer.call.withdraw_offer(now);
        pair.run(40 * SECOND);
        assert!(
            hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0),
            "{wanted:?}"
        );
        assert_eq!(pair.offerer.names(), ["connected"]);
        assert_eq!(pair.answerer.names(), ["connected"]);

        change(&mut pair, By::Answerer, Change::Restart, SECOND / 10);
        pair.run(5 * SECOND);
        assert!(
            hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0),
            "{wanted:?}"
        );
    }
}

#[test]
fn offers_that_cross_are_refused_until_one_is_withdrawn() {
    let mut pair = connected(7);
    let now = pair.now;
    let ours = pair.answerer.call.offer(now, Change::Restart);
    ours.expect("a call that can change");
    let theirs = pair.offerer.call.offer(now, Change::Direction(Direction::SendOnly));
    let theirs = theirs.expect("a call that can change");
    assert_eq!(
        pair.answerer.call.accept_offer(now, &theirs),
        Err(ReofferError::Crossing)
    );

    pair.answerer.call.withdraw_offer(now);
    let answer = pair.answerer.call.accept_offer(now, &theirs);
    let answer = answer.expect("an offer that can be answered");
    pair.offerer.call.accept_answer(now, &answer).expect("an answer");
    pair.run(2 * SECOND);
    assert!(hears(&pair.answerer, 440.0) && is_silent(&pair.offerer));
}

#[test]
fn another_certificate_or_role_needs_another_call() {
    let mut pair = connected(8);
    let now = pair.now;
    let offer = pair.offerer.call.offer(now, Change::Restart);
    let offer = offer.expect("a call that can change");
    let at = offer.find("a=fingerprint:sha-256 ").expect("a fingerprint") + 22;
    let digit = if offer.as_bytes()[at] == b'0' { "1" } else { "0" };
    let other_certificate = format!("{}{digit}{}", &offer[..at], &offer[at + 1..]);
    // The answerer began the handshake.
    let other_role = offer.replace("a=setup:actpass", "a=setup:active");
    for text in [other_certificate, other_role] {
        let refused = pair.answerer.call.accept_offer(now, &text);
        assert_eq!(refused, Err(ReofferError::OtherAssociation));
    }
    let same_role = offer.replace("a=setup:actpass", "a=setup:passive");
    let answer = pair.answerer.call.accept_offer(now, &same_role);
    let answer = answer.expect("an offer that can be answered");
    assert!(answer.contains("a=setup:active\r\n"), "{answer}");
    let other_role = answer.replace("a=setup:active", "a=setup:passive");
    let refused = pair.offerer.call.accept_answer(now, &other_role);
    assert_eq!(refused, Err(AnswerError::OtherAssociation));
    pair.offerer.call.accept_answer(now, &answer).expect("an answer");
    pair.run(2 * SECOND);
    assert!(hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0));
}

#[test]
fn an_answer_restarts_if_and_only_if_the_offer_does() {
    let mut pair = connected(9);
    let now = pair.now;
    for (wanted, other) in [
        (Change::Restart, Change::Direction(Direction::SendRecv)),
        (Change::Direction(Direction::SendRecv), Change::Restart),
    ] {
        pair.offerer.call.offer(now, wanted).expect("a call that can change");
        // The other side answers something else, of which its call must know nothing.
        let offered = pair.answerer.call.offer(now, other).expect("a call that can change");
        pair.answerer.call.withdraw_offer(now);
        let asked = wanted == Change::Restart;
        let refused = pair.offerer.call.accept_answer(now, &offered);
        assert_eq!(refused, Err(AnswerError::Restart { asked }));
        pair.offerer.call.withdraw_offer(now);
    }
    pair.run(3 * SECOND);
    assert!(hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0));
}

#[test]
fn an_offer_may_number_the_formats_anew() {
    let mut pair = connected(10);
    let now = pair.now;
    let offer = pair.offerer.call.offer(now, Change::Direction(Direction::SendRecv));
    let offer = offer.expect("a call that can change");
    pair.offerer.call.withdraw_offer(now);
    let renumbered = offer.replace("SAVPF 96 ", "SAVPF 111 ").replace(":96 ", ":111 ");

    let answer = pair.answerer.call.accept_offer(now, &renumbered);

    let answer = answer.expect("an offer that can be answered");
    assert!(answer.contains("m=audio 9 UDP/TLS/RTP/SAVPF 111 "), "{answer}");
    // The offerer is not the one to hear that: it goes on with its own number, which is no audio now.
    pair.run(2 * SECOND);
    assert!(is_silent(&pair.answerer));
    assert_eq!(pair.answerer.names(), ["connected"]);
}

#[test]
fn nothing_is_changed_before_it_is_agreed_and_after_it_is_over() {
    let now = an_instant();
    let (mut call, offer) = Call::offerer(config(1), seed(1, 1), now);
    assert_eq!(call.offer(now, Change::Restart), Err(ChangeError::NotAgreed));
    assert_eq!(call.accept_offer(now, &offer), Err(ReofferError::NotAgreed));
    let (mut answerer, answer) = Call::answerer(config(2), &offer, seed(1, 2), now).expect("answered");
    call.accept_answer(now, &answer).expect("an answer");
    assert_eq!(call.accept_answer(now, &answer), Err(AnswerError::NotExpected));
    answerer.close(now);
    assert_eq!(answerer.offer(now, Change::Restart), Err(ChangeError::NotAgreed));
    assert_eq!(answerer.accept_offer(now, &offer), Err(ReofferError::NotAgreed));
}

#[test]
fn an_offer_may_prefer_another_codec() {
    let mut pair = connected(12);
    let now = pair.now;
    let offer = pair.offerer.call.offer(now, Change::Direction(Direction::SendRecv));
    let offer = offer.expect("a call that can change");
    let other = offer.replace("SAVPF 96 0 8", "SAVPF 0 8 96");
    assert_ne!(offer, other);
    let answer = pair.answerer.call.accept_offer(now, &other);
    let answer = answer.expect("an offer that can be answered");
    pair.offerer.call.accept_answer(now, &answer).expect("an answer");
    let before = pair.answerer.call.statistics();
    pair.run(2 * SECOND);

    assert!(hears(&pair.answerer, 440.0) && hears(&pair.offerer, 1_000.0));
    let after = pair.answerer.call.statistics();
    let bytes = after.bytes_received - before.bytes_received;
    let packets = after.packets_received - before.packets_received;
    assert!(
        bytes >= 158 * packets,
        "G.711 has 160 bytes in 20 ms: {bytes} in {packets}"
    );
}
