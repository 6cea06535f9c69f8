//! The whole machine at one glance: every state of a proposal with every event, as a table that is kept beside this file.

use std::fmt::Write;

use super::*;
use crate::{Reason, message::Finish};

type State = (&'static str, fn() -> Phone);
type Event = (&'static str, fn(&mut Phone) -> Vec<String>);

const STATES: [State; 10] = [
    ("unknown", Phone::new),
    ("ringing", Phone::ringing),
    ("ringing, and we said so", || {
        let mut phone = Phone::ringing();
        phone.ring("s");
        phone
    }),
    ("accepted", Phone::accepted),
    ("offered without a proposal", || {
        let mut phone = Phone::new();
        phone.unsolicited(GATEWAY, "s", "c");
        phone
    }),
    ("offered without a proposal, accepted", || {
        let mut phone = Phone::new();
        phone.unsolicited(GATEWAY, "s", "c");
        phone.accept("s");
        phone
    }),
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
    ("finished", || {
        let mut phone = Phone::ringing();
        phone.message(GATEWAY, &finish());
        phone
    }),
];

fn finish() -> InitiationMessage {
    InitiationMessage::Finish(Finish::because(id("s"), Reason::Success))
}

const EVENTS: [Event; 27] = [
    ("propose", |phone| phone.propose("s", "c")),
    ("propose by another", |phone| {
        phone.message(STRANGER, &InitiationMessage::Propose(propose("s", "c")))
    }),
    ("propose, other id", |phone| phone.propose("t", "c")),
    ("propose by ourselves", |phone| {
        phone.message(HERE, &InitiationMessage::Propose(propose("s", "c")))
    }),
    ("retract", |phone| {
        phone.message(GATEWAY, &InitiationMessage::Retract(Ending::new(id("s"))))
    }),
    ("retract by another", |phone| {
        phone.message(STRANGER, &InitiationMessage::Retract(Ending::new(id("s"))))
    }),
    ("finish", |phone| phone.message(GATEWAY, &finish())),
    ("finish by another", |phone| phone.message(STRANGER, &finish())),
    ("finish elsewhere", |phone| phone.message(THERE, &finish())),
    ("proceed elsewhere", |phone| {
        phone.message(THERE, &InitiationMessage::Proceed(id("s")))
    }),
    ("accept elsewhere", |phone| {
        phone.message(THERE, &InitiationMessage::Accept(id("s")))
    }),
    ("reject elsewhere", |phone| {
        phone.message(THERE, &InitiationMessage::Reject(Ending::new(id("s"))))
    }),
    ("accept, our echo", |phone| {
        phone.message(HERE, &InitiationMessage::Accept(id("s")))
    }),
    ("reject, our echo", |phone| {
        phone.message(HERE, &InitiationMessage::Reject(Ending::new(id("s"))))
    }),
    ("accept by a stranger", |phone| {
        phone.message(STRANGER, &InitiationMessage::Accept(id("s")))
    }),
    ("ringing by a stranger", |phone| {
        phone.message(STRANGER, &InitiationMessage::Ringing(id("s")))
    }),
    ("proceed comes back", |phone| {
        phone.undelivered(GATEWAY, &InitiationMessage::Proceed(id("s")))
    }),
    ("120 s", |phone| phone.wait(Duration::from_secs(120))),
    ("ring!", |phone| phone.ring("s")),
    ("accept!", |phone| phone.accept("s")),
    ("reject!", |phone| phone.reject("s", false)),
    ("ignore!", |phone| phone.reject("s", true)),
    ("unsolicited!", |phone| phone.unsolicited(GATEWAY, "s", "c")),
    ("unsolicited, by another!", |phone| {
        phone.unsolicited(STRANGER, "s", "c")
    }),
    ("unsolicited, other id!", |phone| phone.unsolicited(GATEWAY, "t", "c")),
    ("conversation connected!", |phone| phone.connected("c")),
    ("offered!", |phone| {
        phone
            .offered("s")
            .map(|proposal| proposal_line(&proposal))
            .into_iter()
            .collect()
    }),
];

/// The states of a proposal of ours.
const OWN_STATES: [State; 8] = [
    ("not proposed", Phone::new),
    ("proposed", calling),
    ("ringing", || {
        let mut phone = calling();
        phone.message(PHONE, &InitiationMessage::Ringing(id("m")));
        phone
    }),
    ("asked for", asked),
    ("begun", || {
        let mut phone = asked();
        phone.proposals.begun(phone.now, &id("m"));
        phone
    }),
    ("rejected", || {
        let mut phone = calling();
        phone.message(PHONE, &InitiationMessage::Reject(Ending::new(id("m"))));
        phone
    }),
    ("retracted", || {
        let mut phone = calling();
        phone.retract("m");
        phone
    }),
    ("overruled", || {
        let mut phone = calling();
        phone.message(PHONE, &InitiationMessage::Propose(Propose::new(id("l"))));
        phone
    }),
];

fn calling() -> Phone {
    let mut phone = Phone::new();
    phone.call(JULIET, "m");
    phone
}

fn asked() -> Phone {
    let mut phone = calling();
    phone.message(PHONE, &InitiationMessage::Proceed(id("m")));
    phone
}

fn theirs(phone: &mut Phone, session: &str) -> Vec<String> {
    phone.message(PHONE, &InitiationMessage::Propose(Propose::new(id(session))))
}

const OWN_EVENTS: [Event; 25] = [
    ("ringing", |phone| {
        phone.message(PHONE, &InitiationMessage::Ringing(id("m")))
    }),
    ("ringing by another resource", |phone| {
        phone.message(TABLET, &InitiationMessage::Ringing(id("m")))
    }),
    ("proceed", |phone| {
        phone.message(PHONE, &InitiationMessage::Proceed(id("m")))
    }),
    ("proceed by another resource", |phone| {
        phone.message(TABLET, &InitiationMessage::Proceed(id("m")))
    }),
    ("proceed by a stranger", |phone| {
        phone.message(STRANGER, &InitiationMessage::Proceed(id("m")))
    }),
    ("proceed by our own account", |phone| {
        phone.message(THERE, &InitiationMessage::Proceed(id("m")))
    }),
    ("reject", |phone| {
        let busy = Ending::because(id("m"), Reason::Busy);
        phone.message(PHONE, &InitiationMessage::Reject(busy))
    }),
    ("reject by another resource", |phone| {
        phone.message(TABLET, &InitiationMessage::Reject(Ending::new(id("m"))))
    }),
    ("reject by a stranger", |phone| {
        phone.message(STRANGER, &InitiationMessage::Reject(Ending::new(id("m"))))
    }),
    ("reject to break a tie", |phone| {
        phone.message(PHONE, &InitiationMessage::Reject(Ending::tie_break(id("m"))))
    }),
    ("accept", |phone| {
        phone.message(PHONE, &InitiationMessage::Accept(id("m")))
    }),
    ("finish", |phone| {
        let finish = Finish::migrated(id("m"), id("n"));
        phone.message(PHONE, &InitiationMessage::Finish(finish))
    }),
    ("finish by another resource", |phone| {
        let finish = Finish::because(id("m"), Reason::Success);
        phone.message(TABLET, &InitiationMessage::Finish(finish))
    }),
    ("retract", |phone| {
        phone.message(PHONE, &InitiationMessage::Retract(Ending::new(id("m"))))
    }),
    ("propose, lower id", |phone| theirs(phone, "l")),
    ("propose, same id", |phone| theirs(phone, "m")),
    ("propose, higher id", |phone| theirs(phone, "n")),
    ("propose by a stranger, same id", |phone| {
        phone.message(STRANGER, &InitiationMessage::Propose(Propose::new(id("m"))))
    }),
    ("propose comes back", |phone| {
        phone.undelivered(JULIET, &InitiationMessage::Propose(Propose::new(id("m"))))
    }),
    ("60 s", |phone| phone.wait(Duration::from_secs(60))),
    ("propose!", |phone| phone.call(JULIET, "m")),
    ("repeat!", |phone| phone.repeat("m")),
    ("retract!", |phone| phone.retract("m")),
    ("begun!", |phone| {
        let begun = phone.proposals.begun(phone.now, &id("m"));
        let by = begun.map(|own| own.proceeded.map_or("nobody".to_owned(), |by| by.to_string()));
        by.map(|by| format!("with {by}")).into_iter().collect()
    }),
    ("unsolicited offer!", |phone| phone.unsolicited(PHONE, "m", "c")),
];

/// What is pending: first what was proposed to us, then what we proposed.
fn pending(phone: &Phone) -> String {
    let theirs = phone.proposals.iter().map(|known| known.id.to_string());
    let ours = phone.proposals.iter_own().map(|own| format!("our {}", own.propose.id));
    theirs.chain(ours).collect::<Vec<_>>().join(", ")
}

fn table(states: &[State], events: &[Event]) -> String {
    let mut table = String::from("| state | event | says | pending |\n|---|---|---|---|\n");
    for (state, begin) in states {
        for (event, happen) in events {
            let mut phone = begin();
            let said = happen(&mut phone).join("; ");
            let pending = pending(&phone);
            writeln!(table, "| {state} | {event} | {said} | {pending} |").expect("a String takes all");
        }
    }
    table
}

#[test]
fn every_state_with_every_event() {
    let table = table(&STATES, &EVENTS);
    insta::assert_snapshot!(table);
}

#[test]
fn every_state_of_our_own_with_every_event() {
    let table = table(&OWN_STATES, &OWN_EVENTS);
    insta::assert_snapshot!(table);
}
