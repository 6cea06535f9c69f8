//! The rules that were once bugs elsewhere, as far as proposals are concerned.

use super::*;
use crate::{Reason, message::Finish};

#[test]
fn rule_1_what_comes_before_the_offer_finds_the_proposal_still_there() {
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        let candidate = Element::bare("genesys-webrtc", "genesys");
        assert_eq!(phone.payload(GATEWAY, candidate), [""; 0]);
        assert!(phone.proposals.proposal(&id("s")).is_some());
        assert!(phone.offered("s").is_some());
    }
}

#[test]
fn rule_2_a_reinvite_of_what_has_begun_rings_no_more() {
    let mut phone = Phone::accepted();
    phone.offered("s");
    let settled = ["error: nothing more becomes of the session: it was settled before"];
    assert_eq!(phone.unsolicited(GATEWAY, "s", "c"), settled);
    assert_eq!(phone.propose("s", "c"), [""; 0]);
}

#[test]
fn rule_3_the_dialect_is_that_of_whichever_comes_first() {
    for first in [true, false] {
        let mut phone = Phone::new();
        let from: Jid = GATEWAY.parse().expect("a JID");
        let result = phone.proposals.unsolicited(phone.now, from, id("s"), None, first);
        assert_eq!(result, Ok(()));
        let mut other = propose("s", "c");
        other.sdp_over_xmpp = !first;
        phone.message(GATEWAY, &InitiationMessage::Propose(other));
        let pending = phone.proposals.proposal(&id("s")).expect("pending");
        assert_eq!(pending.sdp_over_xmpp, first);
    }
}

#[test]
fn rule_4_the_first_proposals_flags_win() {
    let mut phone = Phone::new();
    let first = propose("s", "c");
    phone.message(GATEWAY, &InitiationMessage::Propose(first));
    let told = phone.proposals.proposal(&id("s")).cloned();
    let mut later = propose("s", "d");
    later.sdp_over_xmpp = false;
    later.auto_answer = true;
    later.private_answer_mode = Some("Auto".to_owned());
    later.media = vec!["video".to_owned()];
    phone.message(GATEWAY, &InitiationMessage::Propose(later));
    assert_eq!(phone.proposals.proposal(&id("s")).cloned(), told);
}

#[test]
fn rule_7_an_offer_finds_its_proposal_whatever_conversation_it_names() {
    let mut phone = Phone::accepted();
    assert_eq!(phone.unsolicited(GATEWAY, "s", "other"), [""; 0]);
    let begun = phone.offered("s").expect("found by its id");
    assert_eq!(begun.conversation, Some(ConversationId::new("c")));
}

#[test]
fn rule_22_a_lost_proceed_is_sent_again_when_the_proposal_repeats() {
    let mut phone = Phone::accepted();
    for _ in 0..3 {
        assert_eq!(phone.propose("s", "c"), ["to one@gjoll.example/a: proceed s"]);
    }
}

#[test]
fn rule_23_ringing_stops_on_retract_finish_accept_and_reject_elsewhere_and_expiry() {
    type Stop = (&'static str, fn(&mut Phone) -> Vec<String>);
    let stops: [Stop; 6] = [
        ("event: s cancelled, retracted", |phone| {
            phone.message(GATEWAY, &InitiationMessage::Retract(Ending::new(id("s"))))
        }),
        ("event: s cancelled, finished, success", |phone| {
            let finish = Finish::because(id("s"), Reason::Success);
            phone.message(GATEWAY, &InitiationMessage::Finish(finish))
        }),
        ("event: s handled elsewhere", |phone| {
            phone.message(THERE, &InitiationMessage::Accept(id("s")))
        }),
        ("event: s handled elsewhere", |phone| {
            phone.message(THERE, &InitiationMessage::Reject(Ending::new(id("s"))))
        }),
        ("event: s handled elsewhere", |phone| {
            phone.message(THERE, &InitiationMessage::Proceed(id("s")))
        }),
        ("event: s cancelled, expired", |phone| {
            phone.wait(Duration::from_secs(120))
        }),
    ];
    for (told, stop) in stops {
        let mut phone = Phone::ringing();
        assert_eq!(stop(&mut phone), [told]);
        assert_eq!(phone.proposals.iter().count(), 0);
        assert_eq!(stop(&mut phone), [""; 0], "told once");
    }
}

#[test]
fn rule_36_a_proposal_with_a_new_id_for_a_known_conversation_replaces_the_id() {
    let mut phone = Phone::ringing();
    assert_eq!(
        phone.propose("t", "c"),
        ["event: instead of s t proposed by one@gjoll.example/a"]
    );
    let ids: Vec<_> = phone.proposals.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(ids, ["t"]);
}

#[test]
fn rule_37_a_late_proposal_proceeds_only_if_the_user_had_accepted() {
    let proceeds = |mut phone: Phone| {
        let said = phone.propose("t", "c");
        said.iter().any(|line| line.contains("proceed t"))
    };
    assert!(!proceeds(Phone::ringing()));
    assert!(proceeds(Phone::accepted()));
}

#[test]
fn rule_39_of_two_clients_that_both_proceed_the_one_that_announces_itself_wins() {
    let mut both = [
        Phone::accepted(),
        Phone::with(|config| config.local = THERE.parse().unwrap()),
    ];
    both[1].propose("s", "c");
    both[1].accept("s");
    // Each hears that the other has claimed it, and goes on: the gateway decides.
    let proceed = InitiationMessage::Proceed(id("s"));
    assert_eq!(both[0].message(THERE, &proceed), [""; 0]);
    assert_eq!(both[1].message(HERE, &proceed), [""; 0]);
    // The first gets the offer and says so.
    assert!(both[0].offered("s").is_some());
    let accept = InitiationMessage::Accept(id("s"));
    assert_eq!(both[0].message(HERE, &accept), [""; 0]);
    assert_eq!(both[1].message(HERE, &accept), ["event: s handled elsewhere"]);
    // What the loser says afterwards does not touch the winner.
    assert_eq!(both[0].message(THERE, &accept), [""; 0]);
}

#[test]
fn rule_42_on_connect_what_is_pending_of_that_conversation_is_cleared() {
    let mut phone = Phone::accepted();
    phone.message(STRANGER, &InitiationMessage::Propose(propose("t", "c")));
    phone.propose("u", "d");
    assert!(phone.offered("s").is_some());
    assert_eq!(phone.connected("c"), ["event: t cancelled, connected otherwise"]);
    let left: Vec<_> = phone.proposals.iter().map(|row| row.id.as_str()).collect();
    assert_eq!(left, ["u"]);
}
