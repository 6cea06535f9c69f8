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

const EVENTS: [Event; 22] = [
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
        latest(
            call,
            Outcome::Refused {
                condition: "not-acceptable".to_owned(),
            },
        )
    }),
    ("latest request lost", |call| latest(call, Outcome::Lost)),
    ("handled elsewhere", Call::handled_elsewhere),
    ("2 s", |call| call.wait(Duration::from_secs(2))),
    ("60 s", |call| call.wait(Duration::from_secs(60))),
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
    ("media failed!", |call| {
        call.command(|session, now| session.media_failed(now, Reason::FailedTransport))
    }),
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
