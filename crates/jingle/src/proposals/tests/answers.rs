//! What we say to a proposal, and what happens if we say nothing.

use super::*;

#[test]
fn a_proposal_rings_and_is_accepted_and_leaves_when_its_offer_comes() {
    let mut phone = Phone::new();
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
    assert_eq!(phone.accept("s"), ["to one@gjoll.example/a: proceed s"]);
    let proposal = phone.offered("s").expect("pending until now");
    assert!(proposal.accepted && proposal.sdp_over_xmpp);
    assert_eq!(proposal.conversation, Some(ConversationId::new("c")));
    assert_eq!(phone.proposals.proposal(&id("s")), None);
    assert_eq!(phone.offered("s"), None);
}

#[test]
fn a_rejection_goes_to_our_other_resources_and_to_the_proposer() {
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        assert_eq!(
            phone.reject("s", false),
            ["to me@example.org: reject s", "to one@gjoll.example/a: reject s"]
        );
        assert_eq!(phone.proposals.iter().count(), 0);
        // It comes back to us from the server, and means nothing.
        assert_eq!(
            phone.message(HERE, &InitiationMessage::Reject(Ending::new(id("s")))),
            [""; 0]
        );
    }
}

#[test]
fn an_ignored_proposal_is_answered_by_nothing_for_six_hours() {
    let mut phone = Phone::ringing();
    assert_eq!(phone.reject("s", true), [""; 0]);
    assert_eq!(phone.propose("s", "c"), [""; 0]);
    assert_eq!(phone.wait(Duration::from_secs(6 * 3600 - 1)), [""; 0]);
    assert_eq!(phone.propose("s", "c"), [""; 0]);
    phone.wait(Duration::from_secs(1));
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
}

#[test]
fn only_the_proposer_can_retract() {
    let retract = InitiationMessage::Retract(Ending::new(id("s")));
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        for from in [STRANGER, THERE, "one@gjoll.example", "one@gjoll.example/b"] {
            assert_eq!(phone.message(from, &retract), [""; 0], "{from}");
        }
        assert_eq!(phone.message(GATEWAY, &retract), ["event: s cancelled, retracted"]);
        assert_eq!(phone.message(GATEWAY, &retract), [""; 0]);
    }
}

#[test]
fn what_was_retracted_can_be_proposed_again() {
    let mut phone = Phone::ringing();
    phone.message(GATEWAY, &InitiationMessage::Retract(Ending::new(id("s"))));
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
}

#[test]
fn a_proposal_that_nobody_withdraws_expires() {
    for mut phone in [Phone::ringing(), Phone::accepted()] {
        let begin = phone.now;
        let wakes = phone.proposals.poll_output();
        assert_eq!(wakes, Output::Timeout(begin + Duration::from_secs(120)));
        assert_eq!(phone.wait(Duration::from_secs(119)), [""; 0]);
        assert_eq!(phone.wait(Duration::from_secs(1)), ["event: s cancelled, expired"]);
        let idle = phone.now + Duration::from_secs(24 * 3600);
        assert_eq!(phone.proposals.poll_output(), Output::Timeout(idle));
    }
}

#[test]
fn commands_for_what_is_not_pending_are_refused() {
    let mut phone = Phone::accepted();
    let gone =
        "error: no proposal of session x is pending; it may just have been retracted, expired or taken elsewhere";
    assert_eq!(phone.accept("x"), [gone]);
    assert_eq!(phone.reject("x", false), [gone]);
    assert_eq!(phone.reject("x", true), [gone]);
    assert_eq!(
        phone.accept("s"),
        ["error: the proposal of session s is accepted already; wait for its offer"]
    );
}

#[test]
fn a_silent_set_up_is_never_an_automatic_answer() {
    let mut phone = Phone::new();
    let mut says = |session: &str, auto_answer, mode: Option<&str>| {
        let mut propose = propose(session, session);
        propose.auto_answer = auto_answer;
        propose.private_answer_mode = mode.map(str::to_owned);
        phone.message(GATEWAY, &InitiationMessage::Propose(propose)).concat()
    };
    let by = "proposed by one@gjoll.example/a";
    assert_eq!(says("1", true, None), format!("event: 1 {by}, answer by yourself"));
    assert_eq!(says("2", true, Some("Auto")), format!("event: 2 {by}, silently"));
    assert_eq!(
        says("3", true, Some("Manual")),
        format!("event: 3 {by}, answer by yourself")
    );
}

#[test]
fn proposals_beyond_the_limit_are_refused_and_the_others_stay() {
    let mut phone = Phone::with(|config| config.limit = 1);
    phone.propose("s", "c");
    let refused = ["event: refused one@gjoll.example/a: 1 proposals are pending already"];
    assert_eq!(phone.propose("t", "d"), refused);
    assert_eq!(phone.propose("s", "c"), ["event: s proposed by one@gjoll.example/a"]);
    phone.reject("s", false);
    assert_eq!(phone.propose("t", "d"), ["event: t proposed by one@gjoll.example/a"]);
}

#[test]
fn one_sender_cannot_fill_the_table() {
    let mut phone = Phone::with(|config| config.limit_per_sender = 1);
    phone.propose("s", "c");
    let refused = ["event: refused one@gjoll.example/a: 1 proposals of this sender are pending already"];
    assert_eq!(phone.propose("t", "d"), refused);
    let propose = InitiationMessage::Propose(crate::message::Propose::new(id("u")));
    let told = phone.message("two@gjoll.example/a", &propose);
    assert_eq!(told, ["event: u proposed by two@gjoll.example/a, in Jingle"]);
}

#[test]
fn a_retraction_that_overtakes_its_proposal_silences_it() {
    let mut phone = Phone::new();
    assert_eq!(
        phone.message(GATEWAY, &InitiationMessage::Retract(Ending::new(id("s")))),
        [""; 0]
    );
    assert_eq!(phone.propose("s", "c"), [""; 0]);
}

#[test]
fn a_message_that_cannot_be_read_is_told_and_others_are_passed_over() {
    let mut phone = Phone::new();
    let nameless = Element::bare("propose", crate::message::NAMESPACE);
    assert_eq!(
        phone.payload(GATEWAY, nameless),
        ["event: refused one@gjoll.example/a: <propose/> names no session: its `id` is absent or empty"]
    );
    assert_eq!(phone.payload(GATEWAY, Element::bare("body", "jabber:client")), [""; 0]);
    assert_eq!(phone.message(GATEWAY, &InitiationMessage::Proceed(id("s"))), [""; 0]);
}
