//! The whole machine at one glance: every state with every event, as a table that is kept beside this file.

use std::fmt::Write;

use super::*;

type State = (&'static str, fn() -> Call);
type Event = (&'static str, fn(&mut Call) -> Vec<String>);

const STATES: [State; 7] = [
    ("awaiting its offer", Call::new),
    ("offered", Call::offered),
    ("answering", Call::answering),
    ("answered", Call::answered),
    ("offered a renegotiation", || {
        let mut call = Call::answered();
        call.peer("r", offer(&format!("{}a=sendonly\r\n", offer_sdp("u0")), None));
        call
    }),
    ("ending", Call::ending),
    ("ended", Call::ended),
];

const EVENTS: [Event; 25] = [
    ("offer, same id", |call| call.offer("1", "u0")),
    ("offer, same ICE", |call| call.offer("2", "u0")),
    ("offer, other ICE", |call| call.offer("2", "u1")),
    ("candidate", |call| call.candidate("u0")),
    ("candidate, other ICE", |call| call.candidate("u1")),
    ("end of candidates", Call::end_of_candidates),
    ("terminate", |call| call.terminate(Reason::Success)),
    ("answer by the peer", |call| {
        let sdp = String::new();
        call.peer("a", Method::Answer { session: id(), sdp })
    }),
    ("terminate by a stranger", |call| {
        let reason = Reason::Success;
        call.from(
            "mallory@example.org/x",
            "t",
            Method::Terminate { session: id(), reason },
        )
    }),
    ("latest request done", |call| latest(call, Outcome::Done)),
    ("latest request refused", |call| {
        latest(call, Outcome::Refused(Rejection::new("not-acceptable")))
    }),
    ("latest request lost", |call| latest(call, Outcome::Lost)),
    ("handled elsewhere", Call::handled_elsewhere),
    ("2 s", |call| call.wait(Duration::from_secs(2))),
    ("60 s", |call| call.wait(Duration::from_secs(60))),
    ("120 s", |call| call.wait(Duration::from_secs(120))),
    ("signalling lost", Call::signalling_lost),
    ("signalling restored", Call::signalling_restored),
    ("answer!", |call| call.answer(0, "v=0\r\n")),
    ("local candidate!", |call| {
        call.command(|session, now| session.local_candidate(now, Generation::FIRST, "audio", "candidate:2"))
    }),
    ("end of candidates!", |call| {
        call.command(|session, now| session.end_of_candidates(now, Generation::FIRST))
    }),
    ("media connected!", |call| {
        call.command(|session, now| session.media_connected(now, Generation::FIRST))
    }),
    ("media failed!", fail),
    ("mute!", |call| {
        call.command(|session, now| session.set_muted(now, true))
    }),
    ("end!", |call| call.end(Reason::Success)),
];

fn latest(call: &mut Call, outcome: Outcome) -> Vec<String> {
    let token = call.tokens.last().copied().unwrap_or(Token(99));
    call.response(token, outcome)
}

#[test]
fn every_state_with_every_event() {
    let mut table = String::from("| state | event | says | then |\n|---|---|---|---|\n");
    for (state, begin) in STATES {
        for (event, happen) in EVENTS {
            let mut call = begin();
            let said = happen(&mut call).join("; ");
            let then = call.session.state.name();
            writeln!(table, "| {state} | {event} | {said} | {then} |").expect("a String takes all");
        }
    }
    insta::assert_snapshot!(table);
}

/// The states of a session whose signalling is lost.
const LOST: [State; 7] = [
    ("awaiting its offer", || lost(Call::new())),
    ("offered", || lost(Call::offered())),
    ("offered, media failed", || {
        let mut call = lost(Call::offered());
        fail(&mut call);
        call
    }),
    ("answering, the answer on its way", || lost(Call::answering())),
    ("answering, the answer due", || {
        let mut call = lost(Call::offered());
        call.answer(0, "v=0\r\n");
        call
    }),
    ("answered", || lost(Call::answered())),
    ("answered, media failed", || {
        let mut call = lost(Call::answered());
        fail(&mut call);
        call
    }),
];

fn lost(mut call: Call) -> Call {
    call.signalling_lost();
    call
}

fn fail(call: &mut Call) -> Vec<String> {
    call.command(|session, now| session.media_failed(now, Reason::FailedTransport))
}

/// With what is said when signalling is back, and the state that this leads to.
#[test]
fn every_state_without_signalling_with_every_event() {
    let mut table =
        String::from("| state | event | says | then | says when restored | then |\n|---|---|---|---|---|---|\n");
    for (state, begin) in LOST {
        for (event, happen) in EVENTS {
            let mut call = begin();
            let said = happen(&mut call).join("; ");
            let then = call.session.state.name();
            let restored = call.signalling_restored().join("; ");
            let finally = call.session.state.name();
            writeln!(
                table,
                "| {state} | {event} | {said} | {then} | {restored} | {finally} |"
            )
            .expect("a String takes all");
        }
    }
    insta::assert_snapshot!(table);
}
