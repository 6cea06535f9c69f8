//! What we propose: the initiator's side.

use super::*;
use crate::{Reason, message::Finish};

fn calling() -> Phone {
    let mut phone = Phone::new();
    assert_eq!(phone.call(JULIET, "o"), ["to juliet@capulet.example: propose o"]);
    phone
}

fn proceeded() -> Phone {
    let mut phone = calling();
    let said = phone.message(PHONE, &InitiationMessage::Proceed(id("o")));
    assert_eq!(said, ["event: o is asked for by juliet@capulet.example/phone"]);
    phone
}

fn jid(text: &str) -> Jid {
    text.parse().expect("a JID")
}

#[test]
fn a_call_rings_here_and_there_and_one_resource_takes_it() {
    let mut phone = calling();
    let ringing = InitiationMessage::Ringing(id("o"));
    assert_eq!(phone.message(PHONE, &ringing), [format!("event: o rings at {PHONE}")]);
    assert_eq!(phone.message(TABLET, &ringing), [format!("event: o rings at {TABLET}")]);
    assert_eq!(phone.message(TABLET, &ringing), [""; 0]);
    let proceed = InitiationMessage::Proceed(id("o"));
    let said = phone.message(TABLET, &proceed);
    assert_eq!(said, [format!("event: o is asked for by {TABLET}")]);
    assert_eq!(phone.message(TABLET, &proceed), [""; 0]);
    assert_eq!(phone.message(PHONE, &proceed), [""; 0], "the first one has it");
    assert_eq!(phone.message(PHONE, &ringing), [""; 0]);
    let own = phone.proposals.begun(phone.now, &id("o")).expect("pending until now");
    assert_eq!((own.proceeded, own.to), (Some(jid(TABLET)), jid(JULIET)));
    assert_eq!(own.ringing, [jid(PHONE), jid(TABLET)].into());
    assert_eq!(phone.message(PHONE, &proceed), [""; 0]);
    assert_eq!(phone.proposals.begun(phone.now, &id("o")), None);
    for from in [PHONE, STRANGER] {
        let propose = InitiationMessage::Propose(Propose::new(id("o")));
        assert_eq!(phone.message(from, &propose), [""; 0], "the id is taken");
    }
    assert_eq!(phone.wait(Duration::from_secs(3600)), [""; 0]);
}

#[test]
fn one_resource_may_be_called_alone_and_another_may_answer() {
    let mut phone = Phone::new();
    assert_eq!(phone.call(PHONE, "o"), [format!("to {PHONE}: propose o")]);
    // Servers hand what is for an absent resource to the others.
    let said = phone.message(TABLET, &InitiationMessage::Proceed(id("o")));
    assert_eq!(said, [format!("event: o is asked for by {TABLET}")]);
}

#[test]
fn nobody_but_the_called_account_touches_a_proposal_of_ours() {
    let farewell = Finish::because(id("o"), Reason::Success);
    for message in [
        InitiationMessage::Ringing(id("o")),
        InitiationMessage::Proceed(id("o")),
        InitiationMessage::Reject(Ending::new(id("o"))),
        InitiationMessage::Accept(id("o")),
        InitiationMessage::Retract(Ending::new(id("o"))),
        InitiationMessage::Finish(farewell),
    ] {
        for mut phone in [calling(), proceeded()] {
            for from in [STRANGER, THERE, HERE, GATEWAY, "juliet@capulet.other/phone"] {
                assert_eq!(phone.message(from, &message), [""; 0], "{from}");
            }
            assert!(phone.proposals.own(&id("o")).is_some());
        }
    }
}

#[test]
fn the_called_account_cannot_take_our_proposal_back() {
    let mut phone = calling();
    let retract = InitiationMessage::Retract(Ending::new(id("o")));
    assert_eq!(phone.message(PHONE, &retract), [""; 0]);
    assert_eq!(phone.message(PHONE, &InitiationMessage::Accept(id("o"))), [""; 0]);
    assert_eq!(phone.proposals.iter_own().count(), 1);
}

#[test]
fn one_resource_declines_for_all_until_another_has_it() {
    let mut busy = Ending::because(id("o"), Reason::Busy);
    busy.farewell.as_mut().expect("a reason").text = Some("asleep".to_owned());
    let reject = InitiationMessage::Reject(busy);
    let mut phone = calling();
    let said = phone.message(TABLET, &reject);
    assert_eq!(said, [format!("event: o rejected by {TABLET}, busy (asleep)")]);
    assert_eq!(phone.message(PHONE, &InitiationMessage::Proceed(id("o"))), [""; 0]);

    let mut phone = proceeded();
    assert_eq!(phone.message(TABLET, &reject), [""; 0]);
    let said = phone.message(PHONE, &reject);
    assert_eq!(said, [format!("event: o rejected by {PHONE}, busy (asleep)")]);
}

#[test]
fn what_the_called_account_finishes_is_over() {
    let finish = InitiationMessage::Finish(Finish::migrated(id("o"), id("p")));
    let mut phone = calling();
    let said = phone.message(TABLET, &finish);
    assert_eq!(said, [format!("event: o finished by {TABLET}, expired, for p")]);
    let mut phone = proceeded();
    assert_eq!(phone.message(TABLET, &finish), [""; 0]);
    assert_eq!(phone.message(PHONE, &finish).len(), 1);
    assert_eq!(phone.proposals.iter_own().count(), 0);
}

#[test]
fn we_take_it_back_also_while_proceed_is_on_its_way() {
    for mut phone in [calling(), proceeded()] {
        assert_eq!(phone.retract("o"), ["to juliet@capulet.example: retract o, cancel"]);
        assert_eq!(phone.message(PHONE, &InitiationMessage::Proceed(id("o"))), [""; 0]);
        let gone = "error: we propose no session o; it may just have been declined, begun or given up";
        assert_eq!(phone.retract("o"), [gone]);
        assert_eq!(phone.repeat("o"), [gone]);
    }
    let mut phone = calling();
    let result = phone
        .proposals
        .retract_because(phone.now, &id("o"), Reason::Gone.into());
    let said = phone.result(result);
    assert_eq!(said, ["to juliet@capulet.example: retract o, gone"]);
}

#[test]
fn what_nobody_answers_is_taken_back_after_a_minute() {
    let mut phone = calling();
    let wakes = phone.now + Duration::from_secs(60);
    assert_eq!(phone.proposals.poll_output(), Output::Timeout(wakes));
    assert_eq!(phone.wait(Duration::from_secs(30)), [""; 0]);
    phone.message(PHONE, &InitiationMessage::Ringing(id("o")));
    assert_eq!(phone.repeat("o"), ["to juliet@capulet.example: propose o"]);
    assert_eq!(phone.wait(Duration::from_secs(29)), [""; 0]);
    let over = ["to juliet@capulet.example: retract o, cancel", "event: o timed out"];
    assert_eq!(phone.wait(Duration::from_secs(1)), over);

    let mut phone = Phone::with(|config| config.give_up_after = Duration::from_secs(5));
    phone.call(JULIET, "o");
    assert_eq!(phone.wait(Duration::from_secs(5)), over);
}

#[test]
fn what_is_asked_for_and_not_begun_is_taken_back_too() {
    let mut phone = calling();
    phone.wait(Duration::from_secs(59));
    phone.message(PHONE, &InitiationMessage::Proceed(id("o")));
    assert_eq!(phone.wait(Duration::from_secs(59)), [""; 0]);
    assert_eq!(phone.wait(Duration::from_secs(1)).len(), 2);
}

#[test]
fn what_reaches_nobody_is_over() {
    let message = InitiationMessage::Propose(Propose::new(id("o")));
    let mut phone = calling();
    assert_eq!(phone.undelivered(STRANGER, &message), [""; 0]);
    assert_eq!(phone.undelivered(TABLET, &message), [""; 0], "another may take it");
    assert_eq!(phone.undelivered(JULIET, &message), ["event: o reaches nobody"]);
    assert_eq!(phone.undelivered(JULIET, &message), [""; 0]);
    let mut phone = proceeded();
    assert_eq!(phone.undelivered(JULIET, &message), [""; 0]);
}

#[test]
fn a_proposal_that_makes_no_sense_is_refused() {
    let mut phone = Phone::with(|config| config.limit_own = 2);
    phone.propose("s", "c");
    assert_eq!(phone.call(JULIET, ""), ["error: a session needs an id; take a UUID"]);
    assert_eq!(
        phone.call(HERE, "o"),
        ["error: nobody can call himself; name another resource, or the bare JID for all others"]
    );
    phone.call(JULIET, "o");
    for id in ["s", "o"] {
        let in_use = format!("error: a session {id} is pending already; take an id that was never used");
        assert_eq!(phone.call(JULIET, id), [in_use]);
    }
    phone.call("me@example.org", "p");
    assert_eq!(
        phone.call(JULIET, "q"),
        ["error: 2 proposals of our own are pending already; retract one, or wait for an answer"]
    );
    phone.message(PHONE, &InitiationMessage::Proceed(id("o")));
    let asked = ["error: session o was asked for already; begin it"];
    assert_eq!(phone.repeat("o"), asked);
}

#[test]
fn our_other_devices_may_be_called() {
    let mut phone = Phone::new();
    phone.call("me@example.org", "o");
    let ours = InitiationMessage::Propose(Propose::new(id("o")));
    assert_eq!(phone.message(HERE, &ours), [""; 0], "the server gives it to us too");
    let said = phone.message(THERE, &InitiationMessage::Proceed(id("o")));
    assert_eq!(said, ["event: o is asked for by me@example.org/there"]);
    let said = phone.message(THERE, &InitiationMessage::Reject(Ending::new(id("o"))));
    assert_eq!(said, ["event: o rejected by me@example.org/there"]);
}

#[test]
fn no_more_ringing_resources_are_told_than_the_limit() {
    let mut phone = Phone::with(|config| config.limit_ringing = 2);
    phone.call(JULIET, "o");
    let said: Vec<_> = (0..5)
        .map(|number| {
            let from = format!("{JULIET}/{number}");
            phone.message(&from, &InitiationMessage::Ringing(id("o"))).len()
        })
        .collect();
    assert_eq!(said, [1, 1, 0, 0, 0]);
}

#[test]
fn all_devices_are_told_of_the_end_of_what_had_begun() {
    let mut phone = proceeded();
    phone.proposals.begun(phone.now, &id("o"));
    let finish = Finish::because(id("o"), Reason::Success);
    phone.proposals.finish(phone.now, jid(PHONE), finish);
    assert_eq!(phone.says(), ["to juliet@capulet.example/phone: finish o, success"]);
}
