//! What is said again because nobody knows whether it was heard, and what comes when nobody waits for it any more.

use std::time::Duration;

use super::pair::*;
use crate::{
    Generation,
    session::{Input, OfferKind, Outcome, Phase, SessionEvent},
    stanza::{Action, Content, Jingle, Senders},
};

const FIRST: Generation = Generation::FIRST;

fn lines(said: Vec<String>) -> Vec<String> {
    said.into_iter().filter(|line| !line.is_empty()).collect()
}

fn two(ufrag: &str, direction: &str) -> String {
    let section = section("audio", "more", ufrag, "AA:BB", direction);
    format!("{}{section}", sound(ufrag))
}

fn read(payload: &minidom::Element) -> Jingle {
    Jingle::parse(payload).expect("what is said can be read")
}

/// Takes the next request of Romeo off its way, as if it had gone down with his stream, and gives him another one.
fn lose_romeos(pair: &mut Pair) {
    let (token, _) = pair.romeo.lose();
    let outcome = Outcome::Lost;
    for input in [
        Input::SignallingLost,
        Input::Response { token, outcome },
        Input::SignallingRestored,
    ] {
        pair.romeo.session.handle_input(pair.now, input);
        pair.romeo.drain();
    }
}

#[test]
fn a_change_that_is_said_again_is_the_same_one_whether_it_is_answered_or_not() {
    for (offer, answer, action) in [
        (two("r0", "sendrecv"), two("j0", "sendrecv"), "content-accept"),
        (
            described("r1", "CC:DD", "sendrecv"),
            described("j1", "EE:FF", "sendrecv"),
            "transport-accept",
        ),
    ] {
        let mut pair = Pair::talking();
        let generation = pair.romeo(|romeo, now| romeo.offer(now, &offer));
        let (_, payload) = pair.romeo.lose();
        let words = read(&payload);
        assert_eq!(pair.ask_juliet(words.clone()), "done");
        assert_eq!(pair.juliet.told().len(), 1);
        // She has not answered yet.
        assert_eq!(pair.ask_juliet(words.clone()), "done");
        assert_eq!(pair.juliet.told(), [""; 0]);
        pair.juliet(|juliet, now| juliet.answer(now, generation, answer));
        let (_, lost) = pair.juliet.lose();
        // Her answer is on its way, or lost.
        assert_eq!(pair.ask_juliet(words), "done");
        assert_eq!(pair.juliet.told(), [""; 0]);
        let (_, again) = pair.juliet.lose();
        assert_eq!(lost, again);
        let answer = read(&again);
        assert!(said(&again).starts_with(action));
        // He has both.
        assert_eq!(pair.ask_romeo(answer.clone()), "done");
        assert_eq!(pair.romeo.told(), [format!("event: answer {generation}")]);
        assert_eq!(pair.ask_romeo(answer), "done");
        assert_eq!(pair.romeo.told(), [""; 0]);
    }
}

#[test]
fn a_responder_knows_an_answer_that_is_said_again_too() {
    let mut pair = Pair::talking();
    let generation = pair.juliet(|juliet, now| juliet.offer(now, &described("j1", "CC:DD", "sendrecv")));
    pair.settle();
    pair.romeo(|romeo, now| romeo.answer(now, generation, described("r1", "EE:FF", "sendrecv")));
    let (_, payload) = pair.romeo.lose();
    assert_eq!(pair.ask_juliet(read(&payload)), "done");
    assert_eq!(pair.ask_juliet(read(&payload)), "done");
    assert_eq!(pair.juliet.told(), ["event: answer 1"]);
}

#[test]
fn a_restart_that_crosses_another_and_is_lost_is_said_again() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    pair.juliet(|juliet, now| juliet.offer(now, &sound("j1")));
    let (_, payload) = pair.juliet.lose();
    assert_eq!(pair.ask_romeo(read(&payload)), "done");
    assert_eq!(pair.romeo.told(), ["event: answer 1"]);
    lose_romeos(&mut pair);
    assert_eq!(lines(pair.settle()), ["romeo: transport-info [audio both r1]"]);
    assert_eq!(pair.romeo.told(), ["event: acknowledged 1"]);
    assert_eq!(pair.juliet.told(), ["event: answer 1"]);
}

#[test]
fn an_answer_that_is_said_again_is_none_to_an_offer_of_new_media() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &described("r1", "CC:DD", "sendrecv")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, generation, described("j1", "EE:FF", "sendrecv")));
    let (_, payload) = pair.juliet.lose();
    assert_eq!(pair.ask_romeo(read(&payload)), "done");
    assert_eq!(pair.romeo.told(), ["event: answer 1"]);
    pair.romeo(|romeo, now| romeo.offer(now, &described("r2", "01:02", "sendrecv")));
    assert_eq!(pair.ask_romeo(read(&payload)), "done");
    assert_eq!(pair.romeo.told(), [""; 0]);
    assert_eq!(pair.romeo.session.phase(), Phase::Offering);
}

#[test]
fn what_changes_nothing_is_acknowledged_and_not_told() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    let (_, payload) = pair.romeo.lose();
    assert_eq!(pair.ask_juliet(read(&payload)), "done");
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, described("j0", "AA:BB", "recvonly")));
    assert_eq!(
        pair.juliet.told(),
        ["event: offer 0 Renegotiation", "event: acknowledged 0"]
    );
    assert_eq!(pair.ask_juliet(read(&payload)), "done");
    assert_eq!(pair.juliet.told(), [""; 0]);
}

#[test]
fn declined_terms_hold_since_their_acknowledgement() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.decline(now, FIRST));
    pair.juliet.events.clear();
    pair.romeo(|romeo, now| romeo.offer(now, &described("r1", "AA:BB", "sendonly")));
    pair.settle();
    assert!(pair.juliet.described().contains("a=sendonly\r\n"));
}

#[test]
fn a_newer_transport_takes_the_place_of_one_that_nobody_has_answered() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    pair.settle();
    // He has given it up.
    pair.wait(Duration::from_secs(30));
    assert_eq!(pair.romeo.told(), ["event: declined 1 TimedOut"]);
    let next = pair.romeo(|romeo, now| romeo.offer(now, &sound("r2")));
    pair.settle();
    assert_eq!(pair.juliet.told(), ["event: offer 1 Restart", "event: offer 2 Restart"]);
    // Declining goes back to before both.
    let mut other = Pair::talking();
    other.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    other.settle();
    other.wait(Duration::from_secs(30));
    other.romeo(|romeo, now| romeo.offer(now, &described("r2", "CC:DD", "sendrecv")));
    other.settle();
    other.juliet(|juliet, now| juliet.decline(now, next));
    assert_eq!(other.juliet.session.generation(), Some(FIRST));
    pair.juliet(|juliet, now| juliet.answer(now, next, sound("j2")));
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 2"]);
}

#[test]
fn an_answer_that_is_refused_ends_the_session_though_another_offer_has_come() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &described("r1", "CC:DD", "sendrecv")));
    pair.settle();
    pair.wait(Duration::from_secs(30));
    pair.juliet(|juliet, now| juliet.answer(now, generation, described("j1", "EE:FF", "sendrecv")));
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    let said = lines(pair.settle());
    assert_eq!(
        said.last().map(String::as_str),
        Some("juliet: session-terminate failed-application")
    );
}

#[test]
fn two_that_take_each_others_answers_for_restarts_come_to_an_end() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    let (_, payload) = pair.romeo.lose();
    pair.wait(Duration::from_secs(30));
    assert_eq!(pair.ask_juliet(read(&payload)), "done");
    for number in 1.. {
        let offered = |events: &[SessionEvent]| match events.last() {
            Some(SessionEvent::Offer {
                generation,
                kind: OfferKind::Restart,
                ..
            }) => Some(*generation),
            _ => None,
        };
        if let Some(generation) = offered(&pair.juliet.events) {
            pair.juliet.events.clear();
            pair.juliet(|juliet, now| juliet.answer(now, generation, sound(&format!("j{number}"))));
        } else if let Some(generation) = offered(&pair.romeo.events) {
            pair.romeo.events.clear();
            pair.romeo(|romeo, now| romeo.answer(now, generation, sound(&format!("r{}", number + 1))));
        } else {
            break;
        }
        let said = lines(pair.settle());
        assert!(number < 20, "it never ends: {said:?}");
    }
    assert!(pair.romeo.session.is_ended() && pair.juliet.session.is_ended());
}

#[test]
fn what_was_rejected_may_be_added_again_and_is_not_spoken_of() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &two("r0", "sendrecv")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, two("j0", "inactive")));
    assert_eq!(
        lines(pair.settle()),
        ["juliet: content-reject [more both ] failed-application"]
    );
    // A description keeps its rejected section; Jingle has no such content.
    pair.juliet(|juliet, now| juliet.offer(now, &two("j1", "inactive")));
    assert_eq!(lines(pair.settle()), ["juliet: transport-info [audio both j1]"]);
    pair.romeo(|romeo, now| romeo.answer(now, pair_generation(1), sound("r1")));
    pair.settle();
    pair.romeo(|romeo, now| romeo.offer(now, &two("r1", "sendrecv")));
    assert_eq!(lines(pair.settle()), ["romeo: content-add [more both r1]"]);
    pair.juliet(|juliet, now| juliet.answer(now, pair_generation(1), two("j1", "sendrecv")));
    assert_eq!(lines(pair.settle()), ["juliet: content-accept [more both j1]"]);
    // An acceptance that is said again brings no second content of the name.
    let content = Content {
        senders: Senders::Both,
        ..about(Action::ContentAccept, "more").contents.remove(0)
    };
    let accept = Jingle {
        contents: vec![content],
        ..about(Action::ContentAccept, "more")
    };
    pair.ask_romeo(accept);
    pair.romeo(|romeo, now| romeo.offer(now, &two("r1", "sendonly")));
    pair.settle();
    assert_eq!(pair.romeo.described().matches("a=mid:more").count(), 1);
}

fn pair_generation(number: u32) -> Generation {
    (0..number).fold(FIRST, |generation, _| generation.next())
}
