//! The send rate and what waits for it.

use std::time::Duration;

use offhook_xmpp::{
    Element, Event, Outcome, Reply, ReplyError, Request, RequestError, RequestKind, SendRate, Token, Urgency,
};

use proptest::prelude::*;

use crate::rig::{CLOSE_SENT, Rig, config, element};

/// A connected stream that may send three stanzas at once and two a second after that, and keep four waiting.
fn slow() -> Rig {
    let mut config = config();
    config.rate = SendRate {
        burst: 3,
        per_second: 2,
    };
    config.queue = 4;
    let mut rig = Rig::with(config, Default::default());
    // The way to connected has used the burst.
    rig.seconds(2);
    rig.take();
    rig
}

fn send(rig: &mut Rig, name: &str, urgency: Urgency) -> Result<(), RequestError> {
    let to = "a@b/c".parse().unwrap();
    let result = rig
        .stream
        .send_message(rig.now, to, Element::bare(name, "urn:x"), urgency);
    rig.pump();
    result
}

#[test]
fn twenty_stanzas_go_at_once_and_25_a_second_after_that() {
    let mut rig = Rig::connected();
    rig.seconds(1);
    for _ in 0..100 {
        send(&mut rig, "a", Urgency::Normal).unwrap();
    }
    assert_eq!(rig.take().0.len(), 20);
    rig.wait(Duration::from_millis(39));
    assert_eq!(rig.take().0.len(), 0);
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.take().0.len(), 1);
    rig.seconds(1);
    assert_eq!(rig.take().0.len(), 25);
    rig.seconds(10);
    assert_eq!(rig.take().0.len(), 54);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_span_of_time_sees_more_than_the_rate(waits in prop::collection::vec((0..400u64, 1..6usize), 1..60)) {
        let mut config = config();
        config.rate = SendRate { burst: 5, per_second: 10 };
        let mut rig = Rig::with(config, Default::default());
        rig.seconds(1);
        rig.take();
        let start = rig.now;
        // When each stanza was sent; the stream is looked at every millisecond.
        let mut sent = Vec::new();
        for (wait, stanzas) in waits {
            for _ in 0..stanzas {
                send(&mut rig, "a", Urgency::Normal).unwrap();
            }
            for _ in 0..=wait {
                let elapsed = (rig.now - start).as_millis();
                sent.extend(rig.take().0.iter().map(|_| elapsed));
                rig.wait(Duration::from_millis(1));
            }
        }
        for (index, from) in sent.iter().enumerate() {
            for (count, to) in sent[index..].iter().enumerate() {
                // One stanza is out; five at once, then one each 100 ms.
                prop_assert!(count < 5 + ((to - from) / 100) as usize, "{count} more from {from} to {to}");
            }
        }
    }
}

#[test]
fn the_urgent_go_first_and_each_urgency_keeps_its_order() {
    let mut rig = slow();
    for name in ["a", "b", "c"] {
        send(&mut rig, name, Urgency::Low).unwrap();
    }
    rig.take();
    for (name, urgency) in [
        ("low", Urgency::Low),
        ("normal-1", Urgency::Normal),
        ("high", Urgency::High),
        ("normal-2", Urgency::Normal),
    ] {
        send(&mut rig, name, urgency).unwrap();
    }
    assert_eq!(rig.take().0.len(), 0);
    rig.seconds(2);
    let order = ["message/high", "message/normal-1", "message/normal-2", "message/low"];
    assert_eq!(rig.names_sent(), order);
}

#[test]
fn beyond_the_queue_nothing_is_accepted() {
    let mut rig = slow();
    for _ in 0..7 {
        send(&mut rig, "a", Urgency::Normal).unwrap();
    }
    let full = RequestError::QueueFull { limit: 4 };
    assert_eq!(send(&mut rig, "a", Urgency::High), Err(full));
    assert_eq!(rig.try_ask(1, None), Err(full));
    rig.wait(Duration::from_millis(500));
    send(&mut rig, "a", Urgency::Normal).unwrap();
}

#[test]
fn a_reply_that_does_not_fit_can_be_made_later() {
    let mut rig = slow();
    rig.receive("<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    let ticket = rig.only_ticket();
    for _ in 0..7 {
        send(&mut rig, "a", Urgency::Normal).unwrap();
    }
    let reply = |rig: &mut Rig| rig.stream.reply(rig.now, ticket, Reply::Result(None));
    assert_eq!(reply(&mut rig), Err(ReplyError::QueueFull { limit: 4 }));
    rig.wait(Duration::from_millis(500));
    assert_eq!(reply(&mut rig), Ok(()));
    rig.take();
    rig.wait(Duration::from_millis(500));
    assert_eq!(
        rig.only_sent().name(),
        "iq",
        "replies go before what may follow from them"
    );
}

#[test]
fn a_flood_of_pings_is_answered_as_far_as_there_is_room() {
    let mut rig = slow();
    for _ in 0..100 {
        rig.receive("<iq type='get' id='1'><ping xmlns='urn:xmpp:ping'/></iq>");
    }
    rig.seconds(30);
    assert_eq!(rig.take().0.len(), 3 + 4);
}

#[test]
fn the_time_of_an_answer_starts_when_its_request_is_sent() {
    let mut rig = slow();
    for _ in 0..5 {
        send(&mut rig, "a", Urgency::Normal).unwrap();
    }
    rig.try_ask(1, None).unwrap();
    rig.take();
    rig.wait(Duration::from_millis(1500));
    rig.wait(Duration::from_millis(14_999));
    assert_eq!(rig.events, []);
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::TimedOut));
}

#[test]
fn a_close_waits_for_nothing_and_loses_nothing() {
    let mut rig = slow();
    for _ in 0..6 {
        send(&mut rig, "a", Urgency::Normal).unwrap();
    }
    rig.take();
    rig.close();
    let (sent, _) = rig.take();
    assert_eq!(sent.len(), 4);
    assert_eq!(sent[3], CLOSE_SENT);
}

#[test]
fn a_throttled_request_waits_for_its_answer_again() {
    let mut rig = Rig::connected();
    let request = Request {
        token: Token(1),
        to: None,
        kind: RequestKind::Get,
        payload: Element::bare("a", "urn:a"),
        urgency: Urgency::Low,
    };
    rig.stream.request(rig.now, request).unwrap();
    rig.pump();
    let first = rig.take().0.remove(0);
    let id = element(&first).attr("id").unwrap().to_owned();
    rig.seconds(14);
    let throttled = format!("<iq type='error' id='{id}'><error type='wait' code='429'/></iq>");
    rig.receive(&throttled);
    rig.seconds(5);
    assert_eq!(rig.take(), (vec![first], vec![]), "the same to the byte");
    rig.seconds(14);
    assert_eq!(rig.events, []);
    rig.receive(&format!("<iq type='result' id='{id}'/>"));
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::Result(None)));
}

#[test]
fn other_errors_are_told_at_once() {
    for error in ["type='wait'", "type='cancel' code='429'", "type='wait' code='500'"] {
        let mut rig = Rig::connected();
        let id = rig.ask(1, None);
        rig.receive(&format!("<iq type='error' id='{id}'><error {error}/></iq>"));
        assert!(matches!(rig.only_outcome().1, Outcome::Error(_)), "{error}");
    }
}

#[test]
fn a_throttled_request_is_not_repeated_after_a_close() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    rig.close();
    rig.take();
    rig.receive(&format!(
        "<iq type='error' id='{id}'><error type='wait' code='429'/></iq>"
    ));
    // It was not carried out.
    assert_eq!(rig.only_outcome().1, Outcome::Lost);

    let mut rig = Rig::connected();
    let id = rig.ask(1, None);
    rig.receive(&format!(
        "<iq type='error' id='{id}'><error type='wait' code='429'/></iq>"
    ));
    rig.seconds(4);
    rig.close();
    rig.take();
    rig.seconds(5);
    let (sent, events) = rig.take();
    assert_eq!(sent, [""; 0]);
    let outcome = Outcome::Lost;
    let token = Token(1);
    assert_eq!(events[0], Event::Response { token, outcome });
}
