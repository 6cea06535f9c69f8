//! What the name of a session means before there is such a session, and after it.

use super::*;

fn call(phone: &mut Phone, peer: &str, now: Instant) -> SessionId {
    let peer = peer.parse().expect("a JID");
    let called = phone.endpoint.call(now, peer, Dialect::Jingle, &sound("r0"));
    called.expect("room for it")
}

/// The latest request, which stays on its way.
fn latest(phone: &Phone) -> (Token, Element) {
    match phone.said.back() {
        Some(Stanza::Request(token, payload)) => (*token, payload.clone()),
        Some(Stanza::Reply(..) | Stanza::Message(..)) | None => panic!("nothing is asked"),
    }
}

fn end(phone: &mut Phone, id: &SessionId, now: Instant) {
    let ended = phone
        .endpoint
        .with_session(now, id, |session, now| session.end(now, Reason::Busy));
    assert_eq!(ended, Ok(Ok(())));
    phone.drain();
}

#[test]
fn a_call_without_signalling_is_made_when_it_is_back() {
    let now = crate::fuzzing::some_instant();
    let mut romeo = romeo();
    romeo.endpoint.handle_input(now, Input::SignallingLost);
    call(&mut romeo, "juliet@capulet.example/balcony", now);
    romeo.drain();
    assert!(romeo.said.is_empty());
    romeo.endpoint.handle_input(now, Input::SignallingRestored);
    romeo.drain();
    assert_eq!(romeo.said.len(), 1);
}

#[test]
fn an_endpoint_with_nothing_to_do_wants_not_to_be_woken() {
    let now = crate::fuzzing::some_instant();
    let wake = |phone: &mut Phone| match phone.endpoint.poll_output() {
        Output::Timeout(wake) => wake,
        output => panic!("{output:?}"),
    };
    let mut romeo = romeo();
    assert!(wake(&mut romeo) > now + Duration::from_secs(60 * 60));
    call(&mut romeo, "juliet@capulet.example/balcony", now);
    romeo.drain();
    assert_eq!(wake(&mut romeo), now + Timers::default().answer);
}

#[test]
fn an_offer_that_is_said_again_does_not_begin_what_is_over() {
    let now = crate::fuzzing::some_instant();
    let mut juliet = juliet();
    let (romeo, id) = ("romeo@example.org/orchard", SessionId::new("a"));
    assert_eq!(juliet.asked(romeo, initiate(&id)), ["done"]);
    let terminate = Jingle::new(Action::SessionTerminate, id.clone()).to_element();
    assert_eq!(juliet.asked(romeo, terminate), ["done"]);
    assert_eq!(juliet.asked(romeo, initiate(&id)), ["item-not-found unknown-session"]);
    // Nor what was rejected before it began.
    let propose = InitiationMessage::Propose(Propose::new(SessionId::new("b"))).to_element();
    let from = romeo.parse().expect("a JID");
    juliet
        .endpoint
        .handle_input(now, Input::Message { from, payload: propose });
    juliet
        .endpoint
        .reject(now, &SessionId::new("b"), false)
        .expect("it rings");
    juliet.drain();
    let refused = juliet.asked(romeo, initiate(&SessionId::new("b")));
    assert_eq!(refused, ["item-not-found unknown-session"]);
}

#[test]
fn what_we_propose_is_ours_to_begin() {
    let now = crate::fuzzing::some_instant();
    let mut romeo = romeo();
    let to = "juliet@capulet.example".parse().expect("a JID");
    let propose = Propose::new(SessionId::new(""));
    let id = romeo.endpoint.propose(now, to, propose).expect("room for it");
    romeo.drain();
    for from in ["juliet@capulet.example/balcony", "mallory@example.org/x"] {
        assert_eq!(romeo.asked(from, initiate(&id)), ["item-not-found unknown-session"]);
    }
    assert_eq!(romeo.endpoint.sessions().count(), 0);
}

/// Nobody should give a name twice; who does gets no answers that were meant for the first.
#[test]
fn a_session_hears_nothing_of_what_another_of_its_name_has_asked() {
    let begin = crate::fuzzing::some_instant();
    let mut juliet = juliet();
    let (romeo, id) = ("romeo@example.org/orchard", SessionId::new("a"));
    assert_eq!(juliet.asked(romeo, initiate(&id)), ["done"]);
    end(&mut juliet, &id, begin);
    let (first, _) = latest(&juliet);
    juliet
        .endpoint
        .handle_input(begin + Duration::from_secs(3), Input::Timeout);
    juliet.drain();
    let later = begin + Duration::from_secs(300);
    assert_eq!(juliet.ended().len(), 1);
    let (ticket, from) = (Ticket(u64::MAX - 1), romeo.parse().expect("a JID"));
    let payload = initiate(&id);
    juliet
        .endpoint
        .handle_input(later, Input::Request { ticket, from, payload });
    juliet.drain();
    end(&mut juliet, &id, later);
    let (second, _) = latest(&juliet);
    for (token, ends) in [(first, 1), (second, 2)] {
        let outcome = Outcome::Done;
        juliet.endpoint.handle_input(later, Input::Response { token, outcome });
        juliet.drain();
        assert_eq!(juliet.ended().len(), ends);
    }
}
