//! Every timer of a stream, and the rules about connections that are a stream's to keep.

use std::time::Duration;

use offhook_xmpp::{CloseReason, Event, Input, Outcome, Stage, Token};

use crate::rig::{After, CLOSE, CLOSE_SENT, Rig, config, element};

/// Nothing happens one millisecond before `after`, then what is returned.
fn exactly_after(rig: &mut Rig, after: Duration) -> (Vec<String>, Vec<Event>) {
    let short = after - Duration::from_millis(1);
    rig.wait(short);
    assert_eq!(rig.take(), (vec![], vec![]), "before {after:?}");
    rig.wait(Duration::from_millis(1));
    rig.take()
}

fn closed(events: Vec<Event>) -> CloseReason {
    match &events[..] {
        [Event::Closed(reason)] => reason.clone(),
        other => panic!("{other:?}"),
    }
}

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn timer_attempt_15_s() {
    let mut rig = Rig::at(After::Opening);
    let (_, events) = exactly_after(&mut rig, seconds(15));
    let stage = Stage::Opening;
    assert_eq!(closed(events), CloseReason::TimedOut { stage });
}

#[test]
fn timer_external_services_15_s_one_try() {
    let mut rig = Rig::at(After::ExternalServices);
    let (sent, events) = exactly_after(&mut rig, seconds(15));
    assert_eq!(sent, [CLOSE_SENT]);
    let stage = Stage::ExternalServices;
    assert_eq!(closed(events), CloseReason::TimedOut { stage });
}

#[test]
fn timer_ping_subscription_15_s_then_client_pings() {
    let mut rig = Rig::at(After::SubscribingPings);
    let (_, events) = exactly_after(&mut rig, seconds(15));
    assert!(matches!(&events[..], [Event::Connected(connected)] if !connected.server_pings));
    let (sent, _) = exactly_after(&mut rig, seconds(14));
    assert!(element(&sent[0]).has_child("ping", "urn:xmpp:ping"));
}

#[test]
fn timer_iq_reply_15_s() {
    let mut rig = Rig::connected();
    rig.ask(1, None);
    let (_, events) = exactly_after(&mut rig, seconds(15));
    let (token, outcome) = (Token(1), Outcome::TimedOut);
    assert_eq!(events, [Event::Response { token, outcome }]);
}

#[test]
fn timer_explicit_disconnect_5_s() {
    let mut rig = Rig::connected();
    rig.close();
    rig.take();
    let (_, events) = exactly_after(&mut rig, seconds(5));
    assert_eq!(closed(events), CloseReason::ByUs);
}

#[test]
fn timer_watchdog_35_s_is_reset_by_any_frame() {
    let frames = [
        "<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<message/>",
        "<presence/>",
        "<iq type='result' id='unknown'/>",
        "<a xmlns='urn:nobody:knows'/>",
        " ",
    ];
    let mut rig = Rig::connected();
    for frame in frames {
        rig.wait(Duration::from_millis(34_999));
        rig.receive(frame);
        rig.sent.clear();
        rig.events.retain(|event| matches!(event, Event::Closed(_)));
        assert_eq!(rig.events, [], "{frame}");
    }
    let (_, events) = exactly_after(&mut rig, seconds(35));
    assert_eq!(closed(events), CloseReason::Silent { after: seconds(35) });
}

#[test]
fn timer_client_pings_every_14_s_after_the_last_pong() {
    let mut rig = Rig::pinging();
    for answer in ["result", "error"] {
        let (sent, _) = exactly_after(&mut rig, seconds(14));
        let ping = element(&sent[0]);
        assert!(ping.has_child("ping", "urn:xmpp:ping"));
        assert_eq!((ping.attr("type"), ping.attr("to")), (Some("get"), None));
        rig.seconds(10);
        let pong = rig.answers.pop_front().unwrap().replace("result", answer);
        rig.receive(&pong);
        assert_eq!(rig.take(), (vec![], vec![]));
    }
}

#[test]
fn timer_client_pings_rule_of_two() {
    let mut rig = Rig::pinging();
    // A miss, and a pong after it: the count starts again.
    exactly_after(&mut rig, seconds(14));
    rig.answers.clear();
    exactly_after(&mut rig, seconds(15 + 14));
    rig.obey(1);
    for _ in 0..2 {
        let (sent, _) = exactly_after(&mut rig, seconds(14));
        assert_eq!(sent.len(), 1);
        rig.wait(Duration::from_millis(14_999));
        assert_eq!(rig.take(), (vec![], vec![]));
        rig.wait(Duration::from_millis(1));
    }
    assert_eq!(rig.sent, [CLOSE_SENT]);
    assert_eq!(rig.closed(), CloseReason::PingsUnanswered);
}

#[test]
fn timer_throttled_request_5_s() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    rig.receive(&throttled(&id));
    assert_eq!(rig.take(), (vec![], vec![]));
    let (sent, _) = exactly_after(&mut rig, seconds(5));
    assert_eq!(element(&sent[0]).attr("id"), Some(id.as_str()));
}

#[test]
fn timer_throttled_request_is_repeated_five_times() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    for _ in 0..5 {
        rig.receive(&throttled(&id));
        let (sent, _) = exactly_after(&mut rig, seconds(5));
        assert_eq!(sent.len(), 1);
    }
    rig.receive(&throttled(&id));
    let (token, outcome) = rig.only_outcome();
    assert_eq!(token, Token(1));
    assert!(matches!(outcome, Outcome::Error(_)));
}

fn throttled(id: &str) -> String {
    format!(
        "<iq type='error' id='{id}'><error type='wait' code='429'>\
         <resource-constraint xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
    )
}

#[test]
fn a_server_that_throttles_does_not_make_connecting_longer() {
    // All that the server says is that it is asked too much.
    fn throttle(rig: &mut Rig, until: Duration) {
        let end = rig.now + until;
        loop {
            rig.answers.clear();
            for frame in std::mem::take(&mut rig.sent) {
                if frame.starts_with("<iq") {
                    let iq = element(&frame);
                    let to = iq.attr("to").unwrap();
                    let answer = throttled(iq.attr("id").unwrap());
                    rig.receive(&answer.replace("<iq ", &format!("<iq from='{to}' ")));
                }
            }
            if rig.deadline >= end {
                break;
            }
            rig.wait(rig.deadline - rig.now);
        }
        rig.wait(end - rig.now);
    }
    let mut rig = Rig::new(config());
    rig.obey(After::Binding as usize);
    rig.take();
    let bound = rig.answers.pop_front().unwrap();
    rig.receive(&bound);
    throttle(&mut rig, seconds(15));
    let stage = Stage::ExternalServices;
    assert_eq!(rig.closed(), CloseReason::TimedOut { stage });

    let mut rig = Rig::new(config());
    rig.obey(After::ExternalServices as usize);
    rig.take();
    rig.obey(2);
    throttle(&mut rig, seconds(15));
    assert!(matches!(rig.only_event(), Event::Connected(connected) if !connected.server_pings));
}

#[test]
fn timer_services_6_h() {
    let mut rig = Rig::connected();
    let mut left = seconds(6 * 60 * 60);
    while left > seconds(30) {
        rig.seconds(30);
        left -= seconds(30);
        rig.receive(" ");
        assert_eq!(rig.take(), (vec![], vec![]));
    }
    let (sent, _) = exactly_after(&mut rig, left);
    assert_eq!(sent.len(), 2, "{sent:?}");
    rig.obey_all();
    assert!(matches!(rig.only_event(), Event::Services(services) if services.len() == 2));
}

#[test]
fn rule_10_after_a_suspend_the_server_is_asked_at_once() {
    let mut rig = Rig::connected();
    // The clock may have run on meanwhile: the watchdog is no proof.
    rig.now += seconds(3600);
    let asleep = seconds(3600);
    rig.input(Input::Resumed { asleep });
    rig.input(Input::Resumed { asleep });
    let (sent, events) = rig.take();
    assert_eq!((sent.len(), events.len()), (1, 0), "{events:?}");
    assert!(element(&sent[0]).has_child("ping", "urn:xmpp:ping"));
    // What was in the socket before is no answer.
    rig.receive("<message type='error'/>");
    let (sent, events) = exactly_after(&mut rig, seconds(5));
    assert_eq!(sent, [CLOSE_SENT]);
    assert_eq!(closed(events), CloseReason::Silent { after: seconds(5) });
}

#[test]
fn rule_10_a_server_that_answers_after_a_suspend_is_kept() {
    for answer in ["result", "error"] {
        let mut rig = Rig::connected();
        rig.input(Input::Resumed { asleep: seconds(60) });
        let pong = rig.answers.pop_front().unwrap().replace("result", answer);
        rig.receive(&pong);
        rig.take();
        rig.seconds(34);
        assert_eq!(rig.take(), (vec![], vec![]));
    }
}

#[test]
fn rule_10_what_was_asked_before_a_suspend_may_be_answered_after_it() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    rig.now += seconds(3600);
    rig.input(Input::Resumed { asleep: seconds(3600) });
    assert_eq!(rig.events, []);
    rig.receive(&format!("<iq type='result' id='{id}'/>"));
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::Result(None)));
}

#[test]
fn rule_13_missed_pings_do_not_wait_for_a_close_handshake() {
    let mut rig = Rig::pinging();
    rig.seconds(57);
    rig.take();
    let (sent, events) = exactly_after(&mut rig, seconds(1));
    assert_eq!(sent, [CLOSE_SENT], "14 + 15 + 14 + 15 s");
    assert_eq!(closed(events), CloseReason::PingsUnanswered);
}

#[test]
fn rule_14_silence_of_35_s_under_server_pings_ends_the_stream() {
    let mut rig = Rig::connected();
    let (sent, events) = exactly_after(&mut rig, seconds(35));
    assert_eq!(sent, [CLOSE_SENT], "and waits for nothing");
    let reason = closed(events);
    assert_eq!(reason, CloseReason::Silent { after: seconds(35) });
    assert_eq!(reason.to_string(), "nothing came from the server for 35 s");
}

#[test]
fn rule_14_a_stream_that_can_be_resumed_is_not_closed() {
    let mut rig = Rig::managed();
    let (sent, events) = exactly_after(&mut rig, seconds(35));
    assert_eq!(sent, [""; 0], "a close would end it at the server");
    assert_eq!(closed(events), CloseReason::Silent { after: seconds(35) });
    assert!(rig.resumption().is_some());
}

#[test]
fn rule_16_a_failure_after_the_socket_opened_tells_that_it_is_to_be_closed() {
    for frames in 1..After::Connected as usize {
        let mut rig = Rig::new(config());
        rig.obey(frames);
        rig.take();
        rig.receive("<<");
        let (sent, events) = rig.take();
        assert_eq!(sent, [CLOSE_SENT]);
        assert!(matches!(closed(events), CloseReason::BadFrame(_)));
        // And that is the end of it: the next attempt is another stream.
        rig.seconds(3600);
        assert_eq!(rig.stream.jid(), None);
        assert_eq!(rig.take(), (vec![], vec![]));
    }
}

#[test]
fn rule_18_a_remote_close_during_set_up_is_a_failed_attempt() {
    for frames in 0..After::Connected as usize {
        for frame in [CLOSE, "<error xmlns='http://etherx.jabber.org/streams'/>"] {
            let mut rig = Rig::new(config());
            rig.obey(frames);
            rig.take();
            rig.receive(frame);
            let (_, events) = rig.take();
            assert!(matches!(
                closed(events),
                CloseReason::ByPeer | CloseReason::StreamError { .. }
            ));
            assert!(rig.try_ask(1, None).is_err());
        }
    }
}
