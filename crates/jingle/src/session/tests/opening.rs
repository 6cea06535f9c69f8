//! From the proposal to the acknowledged answer.

use super::*;

#[test]
fn the_offer_reaches_the_application_as_it_came() {
    let mut call = Call::new();
    let sdp = offer_sdp("u0");
    let payload = Rpc {
        id: "1".to_owned(),
        method: offer(&sdp, Some("c")),
    }
    .to_element();
    let from = "peer@gjoll.example/media".parse().expect("a JID");
    let ticket = Ticket(9);
    call.session
        .handle_input(call.now, Input::Request { ticket, from, payload });

    assert_eq!(
        call.session.poll_output(),
        Output::Reply {
            ticket,
            reply: Reply::Done
        }
    );
    let (generation, kind) = (Generation::FIRST, OfferKind::Initial);
    let event = SessionEvent::Offer { generation, sdp, kind };
    assert_eq!(call.session.poll_output(), Output::Event(event));
    assert_eq!(call.says(), [""; 0]);
}

#[test]
fn accept_silences_our_other_resources_before_the_answer_goes_out() {
    let mut call = Call::offered();
    assert_eq!(
        call.answer(0, "v=0\r\na=setup:active\r\n"),
        [
            "to our account: accept",
            r#"to the peer: answer "v=0\r\na=setup:active\r\n""#
        ]
    );
    assert_eq!(call.acknowledge(), ["event: acknowledged 0"]);
}

#[test]
fn rule_5_every_line_of_the_answer_ends_in_crlf_whatever_the_application_gave() {
    for given in [
        "v=0\na=setup:active",
        "v=0\r\na=setup:active\n",
        "v=0\n\na=setup:active\r\n\r\n",
    ] {
        let mut call = Call::offered();
        let said = call.answer(0, given);
        assert_eq!(said[1], r#"to the peer: answer "v=0\r\na=setup:active\r\n""#);
    }
}

#[test]
fn an_offer_is_answered_once() {
    let mut call = Call::answering();
    let refused = ["error: no offer of the peer waits for an answer; answer each event `Offer` once"];
    assert_eq!(call.answer(0, "v=0\r\n"), refused);
    call.acknowledge();
    assert_eq!(call.answer(0, "v=0\r\n"), refused);
}

#[test]
fn nothing_can_be_answered_before_the_offer() {
    let mut call = Call::new();
    let refused = ["error: no offer has come yet; wait for the event `Offer`"];
    assert_eq!(call.answer(0, "v=0\r\n"), refused);
    assert_eq!(call.command(|session, now| session.set_muted(now, false)), refused);
    assert_eq!(
        call.command(|session, now| session.media_connected(now, Generation::FIRST)),
        refused
    );
}

#[test]
fn a_session_whose_offer_never_comes_ends_after_a_minute() {
    let mut call = Call::new();
    assert_eq!(call.sleeps(), Duration::from_secs(60));
    assert_eq!(call.wait(Duration::from_secs(59)), [""; 0]);
    assert_eq!(call.wait(Duration::from_secs(1)), ["event: ended timeout by Network"]);
    assert!(call.session.is_ended());
}

#[test]
fn an_offer_may_wait_for_its_answer_as_long_as_the_user_thinks() {
    let mut call = Call::offered();
    assert_eq!(call.sleeps(), Duration::from_secs(24 * 60 * 60));
    assert_eq!(call.wait(Duration::from_secs(3600)), [""; 0]);
    assert_eq!(call.answer(0, "v=0\r\n").len(), 2);
}

#[test]
fn another_resource_that_accepts_ends_a_session_without_an_offer_and_no_other() {
    assert_eq!(Call::new().handled_elsewhere(), ["event: ended cancel by Network"]);
    // Our own reflected `accept` must not end our own session, even if somebody takes it for another's.
    for mut call in [Call::offered(), Call::answering(), Call::answered(), Call::ending()] {
        assert_eq!(call.handled_elsewhere(), [""; 0]);
        assert!(!call.session.is_ended());
    }
}

#[test]
fn an_answer_that_the_peer_refuses_ends_the_session() {
    let mut call = Call::answering();
    assert_eq!(
        call.refuse("not-acceptable"),
        ["to the peer: terminate failed-application"]
    );
    assert_eq!(call.acknowledge(), ["event: ended failed-application by Remote"]);

    let mut call = Call::answering();
    assert_eq!(call.refuse("item-not-found"), ["event: ended gone by Remote"]);
}

#[test]
fn an_answer_that_is_lost_leaves_the_session_as_it_is() {
    let mut call = Call::answering();
    let token = *call.tokens.last().expect("the answer");
    assert_eq!(call.response(token, Outcome::Lost), [""; 0]);
    assert!(!call.session.is_ended());
}

#[test]
fn the_same_seed_gives_the_same_stanzas_and_another_seed_others() {
    let tell = |seed| {
        let mut call = Call::new();
        call.session = Session::new(call.session.config, seed, call.now);
        call.offer("1", "u0");
        let answered = call.session.answer(call.now, Generation::FIRST, "v=0".to_owned());
        assert_eq!(answered, Ok(()));
        (call.session.poll_output(), call.session.poll_output())
    };
    assert_eq!(tell([1; 32]), tell([1; 32]));
    assert_ne!(tell([1; 32]).1, tell([2; 32]).1);
}
