//! The whole machine at one glance: every state of a proposal with every event, as a table that is kept beside this file.

use std::fmt::Write;

use super::*;

type State = (&'static str, fn() -> Phone);
type Event = (&'static str, fn(&mut Phone) -> Vec<String>);

const STATES: [State; 6] = [
    ("unknown", Phone::new),
    ("ringing", Phone::ringing),
    ("accepted", Phone::accepted),
    ("ignored", || {
        let mut phone = Phone::ringing();
        phone.reject("s", true);
        phone
    }),
    ("rejected", || {
        let mut phone = Phone::ringing();
        phone.reject("s", false);
        phone
    }),
    ("offered", || {
        let mut phone = Phone::accepted();
        phone.offered("s");
        phone
    }),
];

const EVENTS: [Event; 16] = [
    ("propose", |phone| phone.propose("s", "c")),
    ("propose by another", |phone| {
        phone.message(STRANGER, &InitiationMessage::Propose(propose("s", "c")))
    }),
    ("propose, other id", |phone| phone.propose("t", "c")),
    ("propose by ourselves", |phone| {
        phone.message(HERE, &InitiationMessage::Propose(propose("s", "c")))
    }),
    ("retract", |phone| {
        phone.message(GATEWAY, &InitiationMessage::Retract(id("s")))
    }),
    ("retract by another", |phone| {
        phone.message(STRANGER, &InitiationMessage::Retract(id("s")))
    }),
    ("accept elsewhere", |phone| {
        phone.message(THERE, &InitiationMessage::Accept(id("s")))
    }),
    ("reject elsewhere", |phone| {
        phone.message(THERE, &InitiationMessage::Reject(id("s")))
    }),
    ("accept, our echo", |phone| {
        phone.message(HERE, &InitiationMessage::Accept(id("s")))
    }),
    ("reject, our echo", |phone| {
        phone.message(HERE, &InitiationMessage::Reject(id("s")))
    }),
    ("accept by a stranger", |phone| {
        phone.message(STRANGER, &InitiationMessage::Accept(id("s")))
    }),
    ("120 s", |phone| phone.wait(Duration::from_secs(120))),
    ("accept!", |phone| phone.accept("s")),
    ("reject!", |phone| phone.reject("s", false)),
    ("ignore!", |phone| phone.reject("s", true)),
    ("offered!", |phone| {
        phone
            .offered("s")
            .map(|proposal| proposal_line(&proposal))
            .into_iter()
            .collect()
    }),
];

#[test]
fn every_state_with_every_event() {
    let mut table = String::from("| state | event | says | pending |\n|---|---|---|---|\n");
    for (state, begin) in STATES {
        for (event, happen) in EVENTS {
            let mut phone = begin();
            let said = happen(&mut phone).join("; ");
            let pending: Vec<_> = phone.proposals.iter().map(|known| known.id.as_str()).collect();
            let pending = pending.join(", ");
            writeln!(table, "| {state} | {event} | {said} | {pending} |").expect("a String takes all");
        }
    }
    insta::assert_snapshot!(table);
}
