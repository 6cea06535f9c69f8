//! The way to *connected* with a server that does everything right, or nearly.

use offhook_xmpp::{Event, Stage};

use crate::rig::{After, Rig, config, element};

/// Ids are random; everything else of a frame is not.
fn without_id(frame: &str) -> String {
    let id = element(frame).attr("id").map(str::to_owned);
    id.map_or(frame.to_owned(), |id| frame.replace(&id, "ID"))
}

#[test]
fn connects_in_the_order_of_the_platform() {
    let mut rig = Rig::new(config());
    while let Some(answer) = rig.answers.pop_front() {
        rig.receive(&answer);
    }

    let (sent, events) = rig.take();
    let sent: Vec<String> = sent.iter().map(|frame| without_id(frame)).collect();
    insta::assert_snapshot!(sent.join("\n"), @r#"
    <open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="example.org" version="1.0" xml:lang="en"/>
    <auth xmlns="urn:ietf:params:xml:ns:xmpp-sasl" mechanism="PLAIN">AGFnZW50QGV4YW1wbGUub3JnAGF1dGhLZXk6YS12ZXJ5LXNlY3JldC10b2tlbg==</auth>
    <open xmlns="urn:ietf:params:xml:ns:xmpp-framing" to="example.org" version="1.0" xml:lang="en"/>
    <iq xmlns="jabber:client" id="ID" type="set"><bind xmlns="urn:ietf:params:xml:ns:xmpp-bind"><resource>desk</resource></bind></iq>
    <iq xmlns="jabber:client" id="ID" to="example.org" type="get"><services xmlns="urn:xmpp:extdisco:1" type="turn"/></iq>
    <iq xmlns="jabber:client" id="ID" to="example.org" type="get"><services xmlns="urn:xmpp:extdisco:1" type="stun"/></iq>
    <iq xmlns="jabber:client" id="ID" to="notifications.example.org" type="set"><pubsub xmlns="http://jabber.org/protocol/pubsub"><subscribe jid="agent@example.org" node="enable.server.side.pings"/></pubsub></iq>
    "#);
    let [Event::Connected(connected)] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!(connected.jid.as_str(), "agent@example.org/desk");
    assert_eq!(rig.stream.jid(), Some(&connected.jid));
    assert!(connected.server_pings);
    let urls: Vec<String> = connected.services.iter().map(|service| service.url()).collect();
    assert_eq!(urls, ["turn:turn.example.org:3478", "stun:stun.example.org:3478"]);
    assert!(connected.services[0].restricted);
}

#[test]
fn ids_are_version_4_uuids_and_differ() {
    let mut rig = Rig::connected();
    let (first, second) = (rig.ask(1, None), rig.ask(2, None));
    assert_ne!(first, second);
    assert_eq!((first.len(), first.as_bytes()[14]), (36, b'4'));
}

#[test]
fn features_are_read_with_and_without_a_prefix() {
    let mut rig = Rig::at(After::Features);
    rig.receive(
        "<features xmlns='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <mechanism>SCRAM-SHA-1</mechanism><mechanism>PLAIN</mechanism></mechanisms></features>",
    );
    assert_eq!(rig.only_sent().attr("mechanism"), Some("PLAIN"));
}

#[test]
fn a_server_that_wants_a_session_request_gets_one() {
    let mut rig = Rig::new(config());
    rig.server.wants_session = true;
    rig.obey(6);
    let question = element(rig.sent.last().unwrap());
    assert!(question.has_child("session", "urn:ietf:params:xml:ns:xmpp-session"));
    assert_eq!(rig.events, []);

    rig.obey(4);
    assert!(matches!(rig.only_event(), Event::Connected(_)));
}

#[test]
fn a_session_that_is_optional_is_not_asked_for() {
    let mut rig = Rig::at(After::AuthenticatedFeatures);
    rig.receive(
        "<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>\
         <session xmlns='urn:ietf:params:xml:ns:xmpp-session'><optional/></session></features>",
    );
    rig.answers.drain(..1);
    rig.obey(1);
    assert!(rig.sent.last().unwrap().contains("extdisco"), "{:?}", rig.sent);
}

#[test]
fn the_server_may_bind_another_resource() {
    let mut rig = Rig::at(After::Binding);
    let answer = rig.answers.pop_front().unwrap().replace("/desk", "/other");
    rig.receive(&answer);
    rig.obey(3);
    assert_eq!(rig.stream.jid().unwrap().as_str(), "agent@example.org/other");
}

#[test]
fn both_lists_of_services_may_come_in_either_order_and_be_empty() {
    let mut rig = Rig::at(After::ExternalServices);
    rig.answers.swap(0, 1);
    rig.obey(1);
    let turn = rig.answers.pop_front().unwrap();
    let empty = turn.split("<services").next().unwrap().to_owned() + "</iq>";
    rig.receive(&empty);
    rig.obey(1);
    let Event::Connected(connected) = rig.only_event() else {
        panic!("not connected");
    };
    assert_eq!(connected.services.len(), 1);
    assert_eq!(connected.services[0].kind, "stun");
}

#[test]
fn services_that_cannot_be_used_are_passed_over() {
    let mut rig = Rig::at(After::ExternalServices);
    let turn = rig.answers.pop_front().unwrap();
    let start = turn.find("<service ").unwrap();
    let end = turn.find("</services>").unwrap();
    let services = "<service type='turns' host='[2001:db8::1]' transport='TCP'/>\
         <service type='turn' port='1'/><service type='turn' host='' port='1'/>\
         <service type='turn' host='h' port='70000'/><service type='stun' host='h' port='1'/>\
         <other type='turn' host='h' port='1'/>";
    rig.receive(&format!("{}{services}{}", &turn[..start], &turn[end..]));
    rig.obey(2);
    let Event::Connected(connected) = rig.only_event() else {
        panic!("not connected");
    };
    let urls: Vec<String> = connected.services.iter().map(|service| service.url()).collect();
    assert_eq!(
        urls,
        ["turns:[2001:db8::1]:5349?transport=tcp", "stun:stun.example.org:3478"]
    );
}

#[test]
fn without_server_pings_the_stream_connects_all_the_same() {
    // Refused.
    let mut rig = Rig::at(After::SubscribingPings);
    let answer = rig.answers.pop_front().unwrap().replace("'result'", "'error'");
    rig.receive(&answer);
    assert!(matches!(rig.only_event(), Event::Connected(connected) if !connected.server_pings));

    // Unanswered.
    let mut rig = Rig::at(After::SubscribingPings);
    rig.seconds(14);
    assert_eq!(rig.events, []);
    rig.seconds(1);
    assert!(matches!(rig.only_event(), Event::Connected(connected) if !connected.server_pings));

    // A result that comes too late changes nothing.
    rig.obey(1);
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn the_steps_take_their_own_time() {
    let mut rig = Rig::at(After::Binding);
    rig.seconds(14);
    rig.obey(1);
    rig.seconds(14);
    rig.obey(2);
    rig.seconds(14);
    rig.obey(1);
    assert!(matches!(rig.only_event(), Event::Connected(_)));
}

#[test]
fn a_connected_stream_wants_to_be_called_when_the_server_has_been_silent() {
    let rig = Rig::connected();
    assert_eq!(rig.deadline, rig.now + std::time::Duration::from_secs(35));
}

#[test]
fn stages_read_as_what_is_going_on() {
    assert_eq!(Stage::Binding.to_string(), "binding a resource");
}
