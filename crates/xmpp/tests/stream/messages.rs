//! Messages in both directions.

use offhook_xmpp::{Element, Event, Urgency};

use crate::rig::{After, Rig, config, element};

const PROPOSE: &str = "<message from='x@gateway.example.org/1' to='agent@example.org/desk'>\
    <propose xmlns='urn:xmpp:jingle-message:0' id='1'/></message>";

#[test]
fn a_message_has_no_id_type_or_sender() {
    let mut rig = Rig::connected();
    let payload = element("<proceed xmlns='urn:xmpp:jingle-message:0' id='1'/>");
    let to = "x@gateway.example.org/1".parse().unwrap();
    rig.stream.send_message(rig.now, to, payload, Urgency::Normal).unwrap();
    rig.pump();
    assert_eq!(
        rig.take().0,
        ["<message xmlns=\"jabber:client\" to=\"x@gateway.example.org/1\">\
          <proceed xmlns=\"urn:xmpp:jingle-message:0\" id=\"1\"/></message>"]
    );
}

#[test]
fn every_message_is_told_but_errors() {
    let mut rig = Rig::connected();
    rig.receive(PROPOSE);
    let Event::Message(message) = rig.only_event() else {
        panic!("no message");
    };
    assert_eq!(message.from.unwrap().as_str(), "x@gateway.example.org/1");
    let expected = element("<propose xmlns='urn:xmpp:jingle-message:0' id='1'/>");
    assert_eq!(message.payloads, [expected]);

    rig.receive("<message type='headline'> <a xmlns='urn:a'/> text <b xmlns='urn:b'/></message>");
    let Event::Message(message) = rig.only_event() else {
        panic!("no message");
    };
    assert_eq!(message.from, None);
    let expected = [Element::bare("a", "urn:a"), Element::bare("b", "urn:b")];
    assert_eq!(message.payloads, expected);

    rig.receive(&PROPOSE.replace("<message", "<message type='error'"));
    rig.receive(&PROPOSE.replace("x@gateway", "@@"));
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn what_comes_early_is_told_after_connected() {
    let mut rig = Rig::at(After::ExternalServices);
    rig.receive(PROPOSE);
    rig.obey(2);
    rig.receive("<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    assert_eq!(rig.events, []);
    rig.obey(1);
    let (_, events) = rig.take();
    assert!(
        matches!(events[..], [Event::Connected(_), Event::Message(_), Event::Request(_)]),
        "{events:?}"
    );
}

#[test]
fn what_comes_early_is_bounded() {
    let mut config = config();
    config.backlog = 2;
    let mut rig = Rig::new(config);
    rig.obey(After::SubscribingPings as usize);
    for _ in 0..5 {
        rig.receive(PROPOSE);
    }
    rig.take();
    rig.receive("<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    assert_eq!(rig.only_sent().attr("type"), Some("error"));
    rig.obey(1);
    assert_eq!(rig.take().1.len(), 3, "Connected and two messages");
}

#[test]
fn what_comes_early_is_bounded_in_size() {
    let mut config = config();
    config.limits.bytes = 10_000;
    let mut rig = Rig::new(config);
    rig.obey(After::SubscribingPings as usize);
    for _ in 0..3 {
        rig.receive(&format!("<message><a>{}</a></message>", "x".repeat(4_000)));
    }
    rig.obey(1);
    assert_eq!(rig.take().1.len(), 3, "Connected and two messages");
}
