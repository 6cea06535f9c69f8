//! Offers that nobody proposed.

use super::*;

const RINGS: &str = "event: s proposed by one@gjoll.example/a, with its offer";

fn offered() -> Phone {
    let mut phone = Phone::new();
    assert_eq!(phone.unsolicited(GATEWAY, "s", "c"), [RINGS]);
    phone
}

#[test]
fn an_offer_without_a_proposal_rings_and_has_to_be_accepted() {
    let mut phone = offered();
    assert_eq!(phone.accept("s"), [""; 0], "nobody waits for proceed");
    let proposal = phone.offered("s").expect("pending until now");
    assert!(proposal.accepted && proposal.unsolicited && proposal.sdp_over_xmpp);
    assert_eq!(proposal.media, [""; 0], "its offer says that");
    assert_eq!(proposal.conversation, Some(ConversationId::new("c")));
}

#[test]
fn it_is_rejected_and_ignored_and_rings_as_any_other() {
    let mut phone = offered();
    assert_eq!(phone.ring("s"), [""; 0], "its session can say so");
    assert_eq!(
        phone.reject("s", false),
        ["to me@example.org: reject s", "to one@gjoll.example/a: reject s"]
    );
    let mut ignored = offered();
    assert_eq!(ignored.reject("s", true), [""; 0]);
    for mut phone in [phone, ignored] {
        let settled = ["error: nothing more becomes of the session: it was settled before"];
        assert_eq!(phone.unsolicited(GATEWAY, "s", "c"), settled);
        assert_eq!(phone.propose("s", "c"), [""; 0]);
    }
}

#[test]
fn its_repetition_is_told_until_it_is_accepted() {
    let mut phone = offered();
    phone.wait(Duration::from_secs(100));
    assert_eq!(phone.unsolicited(GATEWAY, "s", "other"), [RINGS]);
    assert_eq!(phone.wait(Duration::from_secs(119)), [""; 0], "the proposer is there");
    phone.accept("s");
    assert_eq!(phone.unsolicited(GATEWAY, "s", "c"), [""; 0]);
    assert_eq!(
        phone.proposals.proposal(&id("s")).expect("pending").conversation,
        Some(ConversationId::new("c"))
    );
}

#[test]
fn a_proposal_that_its_offer_overtook_waits_for_proceed() {
    let mut phone = offered();
    phone.ring("s");
    assert_eq!(phone.propose("s", "c"), ["to one@gjoll.example/a: ringing s", RINGS]);
    assert_eq!(phone.accept("s"), ["to one@gjoll.example/a: proceed s"]);

    let mut phone = offered();
    phone.accept("s");
    assert_eq!(phone.propose("s", "c"), ["to one@gjoll.example/a: proceed s"]);
}

#[test]
fn the_offer_of_what_was_proposed_changes_nothing() {
    let mut phone = Phone::ringing();
    assert_eq!(phone.unsolicited(GATEWAY, "s", "c"), [""; 0]);
    assert_eq!(phone.accept("s"), ["to one@gjoll.example/a: proceed s"]);
}

#[test]
fn an_offer_under_another_id_takes_the_place_of_its_conversations_proposal() {
    let mut phone = Phone::accepted();
    assert_eq!(
        phone.unsolicited(GATEWAY, "t", "c"),
        ["event: instead of s t proposed by one@gjoll.example/a, with its offer, accepted"]
    );
    assert!(phone.offered("t").is_some());
}

#[test]
fn another_resource_of_ours_may_take_it() {
    let mut phone = offered();
    let accept = InitiationMessage::Accept(id("s"));
    assert_eq!(phone.message(THERE, &accept), ["event: s handled elsewhere"]);
}

#[test]
fn it_is_withdrawn_and_expires_as_any_other() {
    let mut phone = offered();
    let retract = InitiationMessage::Retract(Ending::new(id("s")));
    assert_eq!(phone.message(GATEWAY, &retract), ["event: s cancelled, retracted"]);
    let mut phone = offered();
    let said = phone.wait(Duration::from_secs(120));
    assert_eq!(said, ["event: s cancelled, expired"]);
}

#[test]
fn the_id_of_somebody_elses_proposal_is_refused() {
    let in_use = ["error: a session of this id is pending with somebody else"];
    let mut phone = Phone::ringing();
    assert_eq!(phone.unsolicited("two@gjoll.example/b", "s", "d"), in_use);
    phone.call(JULIET, "o");
    assert_eq!(phone.unsolicited(GATEWAY, "o", "d"), in_use);
    assert_eq!(phone.unsolicited(HERE, "t", "d"), ["error: it comes from ourselves"]);
}

#[test]
fn the_limits_hold_for_offers_too() {
    let mut phone = Phone::with(|config| (config.limit, config.limit_per_sender) = (2, 1));
    phone.unsolicited(GATEWAY, "s", "c");
    let from = GATEWAY.parse().expect("a JID");
    let refused = phone.proposals.unsolicited(phone.now, from, id("t"), None, false);
    assert_eq!(refused, Err(ProposalRefusal::TooManyOfSender { limit: 1 }));
    phone.unsolicited("two@gjoll.example/b", "t", "d");
    let from = "three@gjoll.example/b".parse().expect("a JID");
    let refused = phone.proposals.unsolicited(phone.now, from, id("u"), None, false);
    let cause = refused.expect_err("there is no place");
    assert_eq!(cause, ProposalRefusal::TableFull { limit: 2 });
    assert!(cause.is_limit() && !ProposalRefusal::Settled.is_limit());
    assert_eq!(phone.says(), [""; 0]);
}
