//! What rings: `ringing` to the proposer, and what else stops it (XEP-0353 sections 3.2, 3.3, 3.7).

use super::*;
use crate::{Reason, message::Finish};

#[test]
fn the_proposer_hears_once_that_we_ring() {
    let mut phone = Phone::ringing();
    assert_eq!(phone.ring("s"), ["to one@gjoll.example/a: ringing s"]);
    assert_eq!(phone.ring("s"), [""; 0]);
    phone.propose("s", "c");
    assert_eq!(phone.ring("s"), [""; 0], "its repetition rings no more than it did");
    phone.accept("s");
    assert_eq!(
        phone.ring("s"),
        ["error: the proposal of session s is accepted already; wait for its offer"]
    );
}

#[test]
fn what_rings_rings_under_its_new_id_too() {
    let mut phone = Phone::ringing();
    phone.ring("s");
    assert_eq!(
        phone.propose("t", "c"),
        [
            "to one@gjoll.example/a: ringing t",
            "event: instead of s t proposed by one@gjoll.example/a"
        ]
    );
    assert_eq!(phone.ring("t"), [""; 0]);
}

#[test]
fn nothing_rings_that_is_not_pending() {
    let mut phone = Phone::new();
    assert!(phone.ring("s")[0].starts_with("error: no proposal of session s is pending"));
}

#[test]
fn the_proposer_may_finish_what_is_not_under_way_and_nobody_else() {
    let finish = InitiationMessage::Finish(Finish::migrated(id("s"), id("t")));
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        for from in [STRANGER, "one@gjoll.example", "one@gjoll.example/b"] {
            assert_eq!(phone.message(from, &finish), [""; 0], "{from}");
        }
        let said = phone.message(GATEWAY, &finish);
        assert_eq!(said, ["event: s cancelled, finished, expired, for t"]);
        assert_eq!(phone.propose("s", "c"), [""; 0], "a repetition crossing on the way");
    }
}

#[test]
fn another_resource_of_ours_that_finished_it_had_it() {
    let finish = InitiationMessage::Finish(Finish::because(id("s"), Reason::Success));
    let mut phone = Phone::ringing();
    assert_eq!(phone.message(HERE, &finish), [""; 0]);
    assert_eq!(phone.message(THERE, &finish), ["event: s handled elsewhere"]);

    // Unless it was that one that called us.
    let mut phone = Phone::new();
    phone.message(THERE, &InitiationMessage::Propose(propose("s", "c")));
    let said = phone.message(THERE, &finish);
    assert_eq!(said, ["event: s cancelled, finished, success"]);
}

#[test]
fn whoever_rejects_may_say_why() {
    let mut phone = Phone::ringing();
    let why = Farewell {
        reason: Reason::Busy,
        alternative: None,
        text: Some("at lunch".to_owned()),
    };
    let result = phone.proposals.reject_because(phone.now, &id("s"), why);
    assert_eq!(
        phone.result(result),
        [
            "to me@example.org: reject s, busy (at lunch)",
            "to one@gjoll.example/a: reject s, busy (at lunch)"
        ]
    );
}

#[test]
fn whoever_retracts_may_say_why() {
    let mut phone = Phone::ringing();
    let retract = InitiationMessage::Retract(Ending::because(id("s"), Reason::Cancel));
    assert_eq!(
        phone.message(GATEWAY, &retract),
        ["event: s cancelled, retracted, cancel"]
    );
}

#[test]
fn a_proposer_who_cannot_hear_proceed_is_gone() {
    let proceed = InitiationMessage::Proceed(id("s"));
    assert_eq!(Phone::ringing().undelivered(GATEWAY, &proceed), [""; 0], "we sent none");
    let mut phone = Phone::accepted();
    assert_eq!(phone.undelivered(STRANGER, &proceed), [""; 0]);
    assert_eq!(
        phone.undelivered(GATEWAY, &proceed),
        ["event: s cancelled, the proposer is gone"]
    );
    assert_eq!(phone.propose("s", "c").len(), 1, "it may come back");
}

#[test]
fn what_comes_back_otherwise_means_nothing() {
    let mut phone = Phone::ringing();
    for message in [
        InitiationMessage::Propose(propose("t", "d")),
        InitiationMessage::Ringing(id("s")),
        InitiationMessage::Reject(Ending::new(id("s"))),
        InitiationMessage::Retract(Ending::new(id("s"))),
    ] {
        assert_eq!(phone.undelivered(GATEWAY, &message), [""; 0]);
    }
    assert_eq!(phone.proposals.iter().count(), 1);
}

#[test]
fn a_proposal_tells_its_media_and_what_else_it_is_of() {
    let mut phone = Phone::new();
    let mut both = propose("s", "c");
    both.media.push("video".to_owned());
    both.other_applications.push("urn:example:whiteboard".to_owned());
    phone.message(GATEWAY, &InitiationMessage::Propose(both));
    let pending = phone.proposals.proposal(&id("s")).expect("pending");
    assert_eq!(pending.media, ["audio", "video"]);
    assert_eq!(pending.other_applications, ["urn:example:whiteboard"]);
}

#[test]
fn what_a_stranger_withdraws_silences_nobody_else() {
    let mut phone = Phone::new();
    let retract = InitiationMessage::Retract(Ending::new(id("s")));
    assert_eq!(phone.message(STRANGER, &retract), [""; 0]);
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
}
