//! Proposals that come again, with the same id or another.

use super::*;

#[test]
fn a_repetition_is_told_again_with_the_fields_of_the_first() {
    let mut phone = Phone::ringing();
    let mut other = propose("s", "other");
    other.sdp_over_xmpp = false;
    other.auto_answer = true;
    let said = phone.message(GATEWAY, &InitiationMessage::Propose(other));
    assert_eq!(said, ["event: s proposed by one@gjoll.example/a"]);
    let pending = phone.proposals.proposal(&id("s")).expect("pending");
    assert_eq!(pending.conversation, Some(ConversationId::new("c")));
}

#[test]
fn the_dialect_of_the_first_proposal_stays_in_either_order() {
    for first in [true, false] {
        let mut phone = Phone::new();
        for sdp_over_xmpp in [first, !first] {
            let mut propose = propose("s", "c");
            propose.sdp_over_xmpp = sdp_over_xmpp;
            phone.message(GATEWAY, &InitiationMessage::Propose(propose));
        }
        let pending = phone.proposals.proposal(&id("s")).expect("pending");
        assert_eq!(pending.sdp_over_xmpp, first);
    }
}

#[test]
fn a_repetition_after_proceed_gets_proceed_again_and_nobody_is_told() {
    let mut phone = Phone::accepted();
    assert_eq!(phone.propose("s", "c"), ["to one@gjoll.example/a: proceed s"]);
    assert_eq!(phone.propose("s", "c"), ["to one@gjoll.example/a: proceed s"]);
}

#[test]
fn a_repetition_says_that_the_proposer_is_still_there() {
    let mut phone = Phone::ringing();
    phone.wait(Duration::from_secs(100));
    phone.propose("s", "c");
    assert_eq!(phone.wait(Duration::from_secs(119)), [""; 0]);
    assert_eq!(phone.wait(Duration::from_secs(1)), ["event: s cancelled, expired"]);
}

#[test]
fn a_repetition_by_somebody_else_changes_nothing() {
    let propose = InitiationMessage::Propose(propose("s", "c"));
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        assert_eq!(phone.message(STRANGER, &propose), [""; 0]);
        assert_eq!(phone.message("two@gjoll.example/b", &propose), [""; 0]);
    }
}

#[test]
fn a_repetition_that_crosses_the_offer_or_the_rejection_does_not_ring_again() {
    let mut phone = Phone::accepted();
    phone.offered("s");
    assert_eq!(phone.propose("s", "c"), [""; 0]);

    let mut phone = Phone::ringing();
    phone.reject("s", false);
    assert_eq!(phone.propose("s", "c"), [""; 0]);
    phone.wait(Duration::from_secs(120));
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
}

#[test]
fn a_new_id_for_the_same_conversation_renames_the_pending_proposal() {
    let mut phone = Phone::ringing();
    assert_eq!(
        phone.propose("t", "c"),
        ["event: instead of s t proposed by one@gjoll.example/a"]
    );
    assert_eq!(phone.accept("t"), ["to one@gjoll.example/a: proceed t"]);
    assert!(phone.accept("s")[0].starts_with("error: no proposal of session s"));
}

#[test]
fn what_was_accepted_stays_accepted_under_its_new_id() {
    let mut phone = Phone::accepted();
    assert_eq!(
        phone.propose("t", "c"),
        [
            "to one@gjoll.example/a: proceed t",
            "event: instead of s t proposed by one@gjoll.example/a, accepted"
        ]
    );
}

#[test]
fn the_new_id_brings_its_own_dialect_and_address_and_nothing_else() {
    let mut phone = Phone::ringing();
    let mut renamed = propose("t", "c");
    renamed.sdp_over_xmpp = false;
    renamed.auto_answer = true;
    assert_eq!(
        phone.message("two@gjoll.example/b", &InitiationMessage::Propose(renamed)),
        ["event: instead of s t proposed by two@gjoll.example/b, in Jingle"]
    );
}

#[test]
fn a_stranger_cannot_rename_a_proposal() {
    let mut phone = Phone::accepted();
    let theirs = InitiationMessage::Propose(propose("t", "c"));
    assert_eq!(
        phone.message(STRANGER, &theirs),
        ["event: t proposed by mallory@example.org/x"]
    );
    assert!(phone.proposals.proposal(&id("s")).is_some());
}

#[test]
fn proposals_without_a_conversation_are_all_different() {
    let mut phone = Phone::new();
    for session in ["s", "t"] {
        let said = phone.message(GATEWAY, &InitiationMessage::Propose(Propose::new(id(session))));
        assert_eq!(said, [format!("event: {session} proposed by {GATEWAY}, in Jingle")]);
    }
}
