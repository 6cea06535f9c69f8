//! How a session ends: exactly once, on whose side, and for what reason.

use super::*;

#[test]
fn our_end_waits_for_the_acknowledgement() {
    let mut call = Call::answered();
    assert_eq!(call.end(Reason::Success), ["to the peer: terminate success"]);
    assert!(!call.session.is_ended());
    assert_eq!(call.sleeps(), Duration::from_secs(2));
    assert_eq!(call.acknowledge(), ["event: ended success by Local"]);
}

#[test]
fn our_end_waits_two_seconds_at_most() {
    let mut call = Call::ending();
    assert_eq!(call.wait(Duration::from_millis(1999)), [""; 0]);
    assert_eq!(call.wait(Duration::from_millis(1)), ["event: ended success by Local"]);
}

#[test]
fn a_terminate_that_is_refused_or_lost_ends_the_session_too() {
    assert_eq!(
        Call::ending().refuse("item-not-found"),
        ["event: ended success by Local"]
    );
    let mut call = Call::ending();
    assert_eq!(
        call.lose(),
        ["farewell: terminate success", "event: ended success by Local"]
    );
}

#[test]
fn the_peer_ends_a_session_in_any_state() {
    for mut call in [Call::new(), Call::offered(), Call::answering(), Call::answered()] {
        assert_eq!(
            call.terminate(Reason::Gone),
            ["reply: done", "event: ended gone by Remote"]
        );
    }
}

#[test]
fn whoever_hears_of_the_end_finds_the_session_ended() {
    let mut call = Call::answered();
    let payload = Rpc {
        id: "t".to_owned(),
        method: Method::Terminate {
            session: id(),
            reason: Reason::Success,
        },
    };
    let input = Input::Request {
        ticket: Ticket(1),
        from: "peer@gjoll.example/media".parse().expect("a JID"),
        payload: payload.to_element(),
    };
    call.session.handle_input(call.now, input);
    // Before a single output is taken.
    assert!(call.session.is_ended());
}

#[test]
fn two_ends_that_cross_are_one_end_and_ours() {
    let mut call = Call::answered();
    call.end(Reason::Decline);
    assert_eq!(
        call.terminate(Reason::Success),
        ["reply: done", "event: ended decline by Local"]
    );
    assert_eq!(call.acknowledge(), [""; 0]);
    assert_eq!(call.wait(Duration::from_secs(2)), [""; 0]);
}

#[test]
fn dead_media_end_the_session_by_the_network() {
    let mut call = Call::answered();
    assert_eq!(
        call.command(|session, now| session.media_failed(now, Reason::FailedTransport)),
        ["to the peer: terminate failed-transport"]
    );
    assert_eq!(call.acknowledge(), ["event: ended failed-transport by Network"]);
}

#[test]
fn a_session_that_ends_takes_no_new_offer() {
    let mut call = Call::ending();
    assert_eq!(call.offer("2", "u1"), ["reply: done"]);
    assert_eq!(call.candidate("u1"), ["reply: done"]);
}

#[test]
fn nothing_comes_after_the_end() {
    let mut call = Call::ended();
    assert!(call.session.is_ended());
    assert_eq!(call.offer("2", "u1"), [""; 0]);
    assert_eq!(call.terminate(Reason::Success), [""; 0]);
    assert_eq!(call.handled_elsewhere(), [""; 0]);
    assert_eq!(call.wait(Duration::from_secs(3600)), [""; 0]);
    let over = ["error: the session has ended; nothing more can be done with it"];
    assert_eq!(call.end(Reason::Success), over);
    assert_eq!(call.answer(0, "v=0\r\n"), over);
    assert_eq!(call.command(|session, now| session.set_muted(now, false)), over);
}
