//! The end of a stream, from either side.

use offhook_xmpp::{CloseReason, Event, Outcome, Token};

use crate::rig::{After, CLOSE, CLOSE_SENT, Rig};

#[test]
fn our_close_waits_for_the_servers() {
    let mut rig = Rig::connected();
    rig.close();
    assert_eq!(rig.take(), (vec![CLOSE_SENT.to_owned()], vec![]));
    rig.close();
    assert_eq!(rig.take(), (vec![], vec![]), "once is enough");
    rig.receive(CLOSE);
    assert_eq!(rig.closed(), CloseReason::ByUs);
    assert_eq!(rig.sent, [""; 0]);
}

#[test]
fn our_close_ends_with_the_socket_or_in_five_seconds_or_by_any_fault() {
    let mut rig = Rig::connected();
    rig.close();
    rig.socket_closes();
    assert_eq!(rig.closed(), CloseReason::ByUs);

    let mut rig = Rig::connected();
    rig.close();
    rig.seconds(4);
    assert_eq!(rig.events, []);
    rig.seconds(1);
    assert_eq!(rig.closed(), CloseReason::ByUs);

    let mut rig = Rig::connected();
    rig.close();
    rig.receive("<<");
    assert_eq!(rig.closed(), CloseReason::ByUs);
}

#[test]
fn an_attempt_can_be_closed_at_any_time_and_never_becomes_live() {
    for frames in 0..After::Connected as usize {
        let mut rig = Rig::new(crate::rig::config());
        rig.obey(frames);
        rig.close();
        rig.take();
        while let Some(answer) = rig.answers.pop_front() {
            rig.receive(&answer);
        }
        rig.seconds(4);
        assert_eq!(rig.take(), (vec![], vec![]), "after {frames} frames");
        rig.seconds(1);
        assert_eq!(rig.closed(), CloseReason::ByUs);
    }
}

#[test]
fn what_was_asked_before_the_close_may_still_be_answered() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    rig.ask(2, None);
    rig.close();
    rig.take();
    rig.receive(&format!("<iq type='result' id='{id}'/>"));
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::Result(None)));
    rig.receive("<message><a xmlns='urn:a'/></message>");
    assert!(matches!(rig.only_event(), Event::Message(_)));
    rig.receive("<iq type='get' id='p'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(rig.take(), (vec![], vec![]), "nothing is written after our close");
    assert!(rig.try_ask(3, None).is_err());

    rig.receive(CLOSE);
    let (_, events) = rig.take();
    let lost = Event::Response {
        token: Token(2),
        outcome: Outcome::Lost,
    };
    assert_eq!(events, [lost, Event::Closed(CloseReason::ByUs)]);
}

#[test]
fn a_request_can_time_out_while_closing() {
    let mut rig = Rig::connected();
    rig.ask(1, None);
    rig.seconds(13);
    rig.close();
    rig.seconds(2);
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::TimedOut));
}

#[test]
fn the_servers_close_is_answered() {
    let mut rig = Rig::connected();
    rig.receive(CLOSE);
    assert_eq!(rig.sent, [CLOSE_SENT]);
    assert_eq!(rig.closed(), CloseReason::ByPeer);
}
