//! Conversations with the server's half, in virtual time. What the client says is the wire format
//! of the platform's own JavaScript client.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;

use super::*;
use crate::faults::StreamFault;

const OPEN: &str = "<open xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\" xml:lang=\"en\" \
                    to=\"org.orgspan.mock.local\" version=\"1.0\"/>";
const BIND: &str = "<iq xmlns=\"jabber:client\" id=\"b1\" type=\"set\">\
                    <bind xmlns=\"urn:ietf:params:xml:ns:xmpp-bind\"><resource>phone</resource></bind></iq>";
const PINGS: &str = "<iq xmlns=\"jabber:client\" id=\"p1\" to=\"notifications.mock.local\" type=\"set\">\
                     <pubsub xmlns=\"http://jabber.org/protocol/pubsub\">\
                     <subscribe node=\"enable.server.side.pings\" jid=\"me@org.orgspan.mock.local\"/></pubsub></iq>";

/// A stream and its clock.
struct Conversation {
    stream: Stream,
    now: Instant,
    deadline: Instant,
    events: Vec<Event>,
}

impl Conversation {
    fn new(fault: Option<StreamFault>) -> Self {
        let config = StreamConfig {
            account: "me@org.orgspan.mock.local".parse().unwrap(),
            tokens: vec![SecretString::from("token")],
            ping_every: Duration::from_secs(30),
            switchboard: Switchboard::default(),
            resumable: None,
            fault,
        };
        let stun = ExternalService::new("stun", "127.0.0.1", 3478);
        config.switchboard.set_services(vec![stun]);
        let now = Instant::now();
        Self {
            stream: Stream::new(config, [1; 32], now),
            now,
            deadline: now,
            events: Vec::new(),
        }
    }

    /// One input; what the server sends.
    fn input(&mut self, input: Input) -> Vec<String> {
        self.stream.handle_input(self.now, input);
        let mut sent = Vec::new();
        loop {
            match self.stream.poll_output() {
                Output::Transmit(text) => sent.push(text),
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => {
                    self.deadline = at;
                    return sent;
                }
            }
        }
    }

    fn says(&mut self, text: &str) -> Vec<Element> {
        let sent = self.input(Input::Frame(text.to_owned()));
        sent.iter()
            .map(|text| text.parse().expect("the server writes XML"))
            .collect()
    }

    fn authenticates(&mut self, credentials: &str) -> Vec<Element> {
        let credentials = STANDARD.encode(credentials);
        self.says(&format!(
            "<auth xmlns=\"urn:ietf:params:xml:ns:xmpp-sasl\" mechanism=\"PLAIN\">{credentials}</auth>"
        ))
    }

    /// A conversation with a client that is bound and pinged.
    fn connected(fault: Option<StreamFault>) -> Self {
        let mut conversation = Self::new(fault);
        conversation.says(OPEN);
        conversation.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
        conversation.says(OPEN);
        conversation.says(BIND);
        conversation.says(PINGS);
        conversation.events.clear();
        conversation
    }
}

fn names(elements: &[Element]) -> Vec<&str> {
    elements.iter().map(Element::name).collect()
}

fn condition(answer: &Element) -> Option<&str> {
    answer
        .get_child("error", "jabber:client")?
        .children()
        .next()
        .map(Element::name)
}

#[test]
fn a_client_signs_in_binds_and_asks_for_pings() {
    let mut it = Conversation::new(None);

    let hello = it.says(OPEN);
    assert_eq!(names(&hello), ["open", "features"]);
    assert_eq!(hello[0].attr("from"), Some("org.orgspan.mock.local"));
    let mechanisms = hello[1]
        .get_child("mechanisms", "urn:ietf:params:xml:ns:xmpp-sasl")
        .unwrap();
    assert_eq!(mechanisms.text(), "");
    assert_eq!(mechanisms.children().map(Element::text).collect::<Vec<_>>(), ["PLAIN"]);

    let verdict = it.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
    assert_eq!(names(&verdict), ["success"]);

    let restarted = it.says(OPEN);
    assert_ne!(restarted[0].attr("id"), hello[0].attr("id"));
    assert!(restarted[1].has_child("bind", "urn:ietf:params:xml:ns:xmpp-bind"));

    let bound = it.says(BIND);
    assert_eq!(bound[0].attr("id"), Some("b1"));
    let jid: FullJid = "me@org.orgspan.mock.local/phone".parse().unwrap();
    assert_eq!(
        bound[0].children().next().unwrap().children().next().unwrap().text(),
        jid.as_str()
    );
    assert_eq!(it.events, [Event::Bound(jid.clone())]);
    assert_eq!(it.stream.jid(), Some(&jid));

    let subscribed = it.says(PINGS);
    assert_eq!(subscribed[0].attr("type"), Some("result"));
    assert_eq!(subscribed[0].attr("from"), Some("notifications.mock.local"));
    assert_eq!(it.events[1], Event::Ready);
}

#[test]
fn features_carry_the_prefix_that_clients_look_for() {
    let sent = Conversation::new(None).input(Input::Frame(OPEN.into()));
    assert!(sent[1].starts_with("<stream:features "), "{}", sent[1]);
}

#[test]
fn only_the_channels_account_with_its_token_gets_in() {
    for (credentials, expected) in [
        ("\0me@org.orgspan.mock.local\0authKey:wrong", "not-authorized"),
        ("\0me@org.orgspan.mock.local\0token", "not-authorized"),
        ("\0me\0authKey:token", "not-authorized"),
        ("\0you@org.orgspan.mock.local\0authKey:token", "not-authorized"),
        (
            "you@org.orgspan.mock.local\0me@org.orgspan.mock.local\0authKey:token",
            "invalid-authzid",
        ),
        ("me@org.orgspan.mock.local", "malformed-request"),
        ("\0\0\0\0", "malformed-request"),
    ] {
        let mut it = Conversation::new(None);
        it.says(OPEN);
        let verdict = it.authenticates(credentials);
        assert_eq!(names(&verdict), ["failure"], "{credentials:?}");
        assert_eq!(
            verdict[0].children().next().unwrap().name(),
            expected,
            "{credentials:?}"
        );
        // And once more, rightly.
        let verdict = it.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
        assert_eq!(names(&verdict), ["success"]);
    }
}

#[test]
fn nothing_but_negotiation_is_understood_before_binding() {
    let mut it = Conversation::new(None);
    assert_eq!(names(&it.says(BIND)), ["error", "close"]);
    let mut it = Conversation::new(None);
    it.says(OPEN);
    assert_eq!(names(&it.says(PINGS)), ["error", "close"]);
    assert!(matches!(it.events[..], [Event::Closed { .. }]));
    assert!(it.says(OPEN).is_empty(), "a closed stream says nothing");
}

#[test]
fn pings_come_every_thirty_seconds_once_they_are_asked_for() {
    let mut it = Conversation::connected(None);
    for _ in 0..3 {
        let start = it.now;
        it.now = it.deadline;
        assert_eq!(it.now - start, Duration::from_secs(30));
        let ping: Element = it.input(Input::Timeout)[0].parse().unwrap();
        assert_eq!(ping.attr("from"), Some("notifications.mock.local"));
        assert!(ping.has_child("ping", "urn:xmpp:ping"));
        let answer = format!(
            "<iq xmlns=\"jabber:client\" id=\"{}\" to=\"notifications.mock.local\" type=\"result\"/>",
            ping.attr("id").unwrap()
        );
        assert!(it.says(&answer).is_empty());
    }
}

#[test]
fn refused_pings_leave_it_to_the_client() {
    let mut it = Conversation::connected(Some(StreamFault::RefusePings));
    assert!(it.deadline - it.now > Duration::from_secs(3600));
    let pong = it.says("<iq xmlns='jabber:client' id='x' type='get'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!((pong[0].attr("id"), pong[0].attr("type")), (Some("x"), Some("result")));
}

#[test]
fn external_services_are_told_for_both_questions() {
    let mut it = Conversation::connected(None);
    let mut ask = |kind: &str| {
        let answer = it.says(&format!(
            "<iq xmlns='jabber:client' id='e' to='org.orgspan.mock.local' type='get'>\
             <services xmlns='urn:xmpp:extdisco:1' type='{kind}'/></iq>"
        ));
        assert_eq!(answer[0].attr("type"), Some("result"));
        let services = answer[0].get_child("services", "urn:xmpp:extdisco:1").unwrap();
        services
            .children()
            .map(|it| it.attr("port").unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert!(ask("turn").is_empty());
    assert_eq!(ask("stun"), ["3478"]);
}

#[test]
fn what_is_for_others_is_handed_on_with_the_true_sender() {
    let mut it = Conversation::connected(None);
    let sent = it.says(
        "<message xmlns='jabber:client' from='you@elsewhere' to='peer@gjoll.mock.local/x'>\
         <proceed xmlns='urn:xmpp:jingle-message:0' id='s'/></message>",
    );
    assert!(sent.is_empty());
    let [Event::Stanza { to, stanza }] = &it.events[..] else {
        panic!("{:?}", it.events)
    };
    assert_eq!(to.as_str(), "peer@gjoll.mock.local/x");
    assert_eq!(stanza.attr("from"), Some("me@org.orgspan.mock.local/phone"));
}

#[test]
fn a_message_to_the_own_bare_address_is_handed_on_and_an_iq_is_not() {
    let mut it = Conversation::connected(None);
    it.says(
        "<message xmlns='jabber:client' to='me@org.orgspan.mock.local'>\
         <accept xmlns='urn:xmpp:jingle-message:0' id='s'/></message>",
    );
    assert!(matches!(it.events[..], [Event::Stanza { .. }]));
    let answer = it.says(
        "<iq xmlns='jabber:client' id='q' to='me@org.orgspan.mock.local' type='get'>\
         <query xmlns='jabber:iq:roster'/></iq>",
    );
    assert_eq!(condition(&answer[0]), Some("service-unavailable"));
}

#[test]
fn a_malformed_address_is_refused() {
    let mut it = Conversation::connected(None);
    let answer = it.says("<iq xmlns='jabber:client' id='q' to='@' type='get'><x xmlns='y'/></iq>");
    assert_eq!(condition(&answer[0]), Some("jid-malformed"));
}

#[test]
fn frames_that_are_no_stanzas_end_the_stream() {
    for text in [
        "",
        "hello",
        "<iq",
        "<iq xmlns='jabber:client'><a></iq>",
        "<html xmlns='x'/>",
    ] {
        let mut it = Conversation::connected(None);
        assert_eq!(names(&it.says(text)), ["error", "close"], "{text:?}");
        assert!(matches!(it.events[..], [Event::Closed { .. }]), "{text:?}");
    }
}

#[test]
fn close_is_answered_by_close() {
    let mut it = Conversation::connected(None);
    let sent = it.says("<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>");
    assert_eq!(names(&sent), ["close"]);
    assert_eq!(
        it.events,
        [Event::Closed {
            reason: "the client closed it".into()
        }]
    );
}

#[test]
fn every_fault_goes_wrong_where_it_says() {
    let first = |fault: StreamFault| Conversation::new(Some(fault)).input(Input::Frame(OPEN.into()));
    let parses = |text: &str| text.parse::<Element>().is_ok();
    assert!(!parses(&first(StreamFault::Nonsense)[0]));
    assert!(!parses(&first(StreamFault::MalformedXml)[0]));
    assert!(first(StreamFault::NotXmpp)[0].parse::<Element>().unwrap().name() == "html");
    assert!(first(StreamFault::Silent).is_empty());
    assert!(!first(StreamFault::NoUsableMechanism)[1].contains("PLAIN"));

    let condition = "temporary-auth-failure".to_owned();
    let mut it = Conversation::new(Some(StreamFault::RefuseSasl { condition }));
    it.says(OPEN);
    let verdict = it.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
    assert_eq!(verdict[0].children().next().unwrap().name(), "temporary-auth-failure");

    for (fault, sent) in [
        (StreamFault::RefuseBind, vec!["iq"]),
        (
            StreamFault::StreamError {
                condition: "system-shutdown".into(),
            },
            vec!["iq", "error", "close"],
        ),
    ] {
        let mut it = Conversation::new(Some(fault));
        it.says(OPEN);
        it.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
        it.says(OPEN);
        assert_eq!(names(&it.says(BIND)), sent);
    }

    let mut it = Conversation::connected(Some(StreamFault::NoServices));
    assert!(
        it.says("<iq xmlns='jabber:client' id='e' type='get'><services xmlns='urn:xmpp:extdisco:1'/></iq>")
            .is_empty()
    );
}

#[test]
fn a_client_that_acknowledges_nothing_is_not_remembered_for_ever() {
    let mut it = Conversation::connected(None);
    it.stream.config.resumable = Some(Duration::from_secs(60));
    assert_eq!(
        names(&it.says("<enable xmlns='urn:xmpp:sm:3' resume='true'/>")),
        ["enabled"]
    );
    let ping = "<iq xmlns='jabber:client' id='x' type='get'><ping xmlns='urn:xmpp:ping'/></iq>";
    assert_eq!(names(&it.says(ping)), ["iq", "r"]);
    for _ in 1..1_024 {
        assert_eq!(names(&it.says(ping)), ["iq"], "one question is enough");
    }
    assert_eq!(names(&it.says(PINGS)), ["iq", "error", "close"]);
    assert!(
        matches!(it.events.last(), Some(Event::Closed { .. })),
        "{:?}",
        it.events
    );
    assert!(it.stream.into_resumable().is_none());
}

#[test]
fn acknowledgements_of_what_was_not_sent_end_the_stream() {
    for (h, said) in [
        ("0", vec![]),
        ("", vec!["error", "close"]),
        ("x", vec!["error", "close"]),
        ("1", vec!["error", "close"]),
        ("4294967295", vec!["error", "close"]),
    ] {
        let mut it = Conversation::connected(None);
        it.stream.config.resumable = Some(Duration::from_secs(60));
        it.says("<enable xmlns='urn:xmpp:sm:3' resume='true'/>");
        let answer = it.says(&format!("<a xmlns='urn:xmpp:sm:3' h='{h}'/>"));
        assert_eq!(names(&answer), said, "{h}");
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let all = || {
        let mut it = Conversation::new(None);
        let mut sent = it.input(Input::Frame(OPEN.into()));
        it.authenticates("\0me@org.orgspan.mock.local\0authKey:token");
        sent.extend(it.input(Input::Frame(OPEN.into())));
        sent.extend(it.input(Input::Frame(BIND.replace("<resource>phone</resource>", ""))));
        sent
    };
    assert_eq!(all(), all());
}

#[test]
fn the_token_is_not_in_debug_output() {
    let mut it = Conversation::connected(None);
    it.says(PINGS);
    let StreamConfig { .. } = it.stream.config;
    let text = format!("{:?} {:?}", it.stream, it.stream.config);
    assert!(!text.contains("\"token\"") && text.contains("REDACTED"), "{text}");
}
