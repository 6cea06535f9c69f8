//! Requests in both directions.

use offhook_xmpp::{
    Condition, Element, ErrorKind, Event, Outcome, Reply, ReplyError, RequestKind, StanzaError, Token, Urgency,
};

use crate::rig::{After, HANDLED, Rig, config};

const PEER: &str = "peer@gateway.example.org/1";

fn query(id: &str, kind: &str) -> String {
    format!("<iq type='{kind}' id='{id}' from='{PEER}'><query xmlns='urn:example:handled'/></iq>")
}

#[test]
fn a_request_carries_our_address_and_ends_with_its_result() {
    let mut rig = Rig::connected();
    rig.try_ask(7, Some(PEER)).unwrap();
    let sent = rig.only_sent();
    assert_eq!(sent.attr("from"), Some("agent@example.org/desk"));
    assert_eq!((sent.attr("to"), sent.attr("type")), (Some(PEER), Some("set")));

    let id = sent.attr("id").unwrap();
    rig.receive(&format!(
        "<iq type='result' id='{id}' from='{PEER}'><fine xmlns='urn:example'/></iq>"
    ));
    let fine = Element::bare("fine", "urn:example");
    assert_eq!(rig.only_outcome(), (Token(7), Outcome::Result(Some(fine))));
}

#[test]
fn a_result_may_be_empty() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, Some(PEER));
    rig.receive(&format!("<iq type='result' id='{id}' from='{PEER}'/>"));
    assert_eq!(rig.only_outcome().1, Outcome::Result(None));
}

#[test]
fn a_refusal_is_told_with_all_its_parts() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, Some(PEER));
    rig.receive(&format!(
        "<iq type='error' id='{id}' from='{PEER}'><question xmlns='urn:example'/><error type='cancel'>\
         <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
         <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>gone</text>\
         <unknown-session xmlns='urn:xmpp:jingle:errors:1'/></error></iq>"
    ));
    let error = StanzaError {
        kind: ErrorKind::Cancel,
        condition: Condition::ItemNotFound,
        alternative: None,
        application: Some(Element::bare("unknown-session", "urn:xmpp:jingle:errors:1")),
        text: Some("gone".to_owned()),
    };
    assert_eq!(error.to_string(), "item-not-found (cancel): gone");
    assert_eq!(rig.only_outcome().1, Outcome::Error(error));
}

#[test]
fn a_refusal_may_say_where_else_to_ask() {
    let cases = [
        (
            "redirect",
            " xmpp:voicemail@example.org ",
            Some("xmpp:voicemail@example.org"),
        ),
        ("gone", "xmpp:new@example.org", Some("xmpp:new@example.org")),
        ("redirect", "  ", None),
        ("item-not-found", "xmpp:new@example.org", None),
    ];
    for (condition, text, alternative) in cases {
        let mut rig = Rig::connected();
        let id = rig.ask(1, Some(PEER));
        rig.receive(&format!(
            "<iq type='error' id='{id}' from='{PEER}'><error type='modify'>\
             <{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>{text}</{condition}></error></iq>"
        ));
        let Outcome::Error(error) = rig.only_outcome().1 else {
            panic!("it is refused")
        };
        assert_eq!(error.condition.as_str(), condition);
        assert_eq!(error.alternative.as_deref(), alternative, "{condition}");
    }
}

#[test]
fn an_answer_from_somebody_else_is_no_answer() {
    for from in [
        " from='peer@gateway.example.org/2'",
        " from='peer@gateway.example.org'",
        " from='example.org'",
        " from='not @ jid'",
        "",
    ] {
        let mut rig = Rig::connected();
        let id = rig.ask(1, Some(PEER));
        rig.receive(&format!("<iq type='result' id='{id}'{from}/>"));
        assert_eq!(rig.take(), (vec![], vec![]), "{from}");
    }
}

#[test]
fn our_own_server_may_name_itself_in_several_ways() {
    for to in [None, Some("example.org"), Some("agent@example.org")] {
        let mut rig = Rig::connected();
        let id = rig.ask(1, to);
        rig.receive(&format!("<iq type='result' id='{id}'/>"));
        assert_eq!(rig.only_outcome().1, Outcome::Result(None), "{to:?}");
    }
    for from in ["example.org", "agent@example.org", "agent@example.org/desk"] {
        let mut rig = Rig::connected();
        let id = rig.ask(1, None);
        rig.receive(&format!("<iq type='result' id='{id}' from='{from}'/>"));
        assert_eq!(rig.only_outcome().1, Outcome::Result(None), "{from}");
    }
}

#[test]
fn a_request_without_an_answer_times_out_on_its_own() {
    let mut rig = Rig::connected();
    let first = rig.ask(1, Some(PEER));
    rig.seconds(5);
    rig.ask(2, Some(PEER));
    rig.seconds(9);
    assert_eq!(rig.events, []);
    rig.seconds(1);
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::TimedOut));
    rig.receive(&format!("<iq type='result' id='{first}' from='{PEER}'/>"));
    assert_eq!(rig.events, [], "too late");
    rig.seconds(5);
    assert_eq!(rig.only_outcome(), (Token(2), Outcome::TimedOut));
}

#[test]
fn an_answer_is_taken_once() {
    let mut rig = Rig::connected();
    let id = rig.ask(1, Some(PEER));
    rig.receive(&format!("<iq type='result' id='{id}' from='{PEER}'/>"));
    rig.take();
    rig.receive(&format!("<iq type='result' id='{id}' from='{PEER}'/>"));
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn what_waits_when_the_stream_ends_is_lost_first() {
    let mut rig = Rig::connected();
    rig.ask(1, Some(PEER));
    rig.ask(2, None);
    rig.socket_closes();
    let (_, events) = rig.take();
    let lost = |token| Event::Response {
        token: Token(token),
        outcome: Outcome::Lost,
    };
    assert_eq!(events[..2], [lost(1), lost(2)]);
    assert!(matches!(events[2..], [Event::Closed(_)]));
}

#[test]
fn nothing_can_be_sent_before_connected() {
    let mut rig = Rig::at(After::SubscribingPings);
    assert!(rig.try_ask(1, None).is_err());
    let to = PEER.parse().unwrap();
    assert!(
        rig.stream
            .send_message(rig.now, to, Element::bare("x", "urn:x"), Urgency::Normal)
            .is_err()
    );
    rig.pump();
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn a_ping_is_answered_by_the_stream() {
    for (from, to) in [
        ("from='notifications.example.org'", Some("notifications.example.org")),
        ("", None),
    ] {
        let mut rig = Rig::connected();
        rig.receive(&format!(
            "<iq type='get' id='p1' {from}><ping xmlns='urn:xmpp:ping'/></iq>"
        ));
        let pong = rig.only_sent();
        assert_eq!(
            (pong.attr("type"), pong.attr("id"), pong.attr("to")),
            (Some("result"), Some("p1"), to)
        );
        assert_eq!(pong.children().count(), 0);
    }
}

#[test]
fn a_ping_is_answered_before_connected() {
    let mut rig = Rig::at(After::ExternalServices);
    rig.receive("<iq type='get' id='p1'><ping xmlns='urn:xmpp:ping'/></iq>");
    assert_eq!(rig.only_sent().attr("type"), Some("result"));
}

#[test]
fn an_unknown_request_is_refused() {
    for request in [
        "<iq type='get' id='q' from='a@b/c'><query xmlns='jabber:iq:version'/></iq>",
        "<iq type='set' id='q' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
    ] {
        let mut rig = Rig::connected();
        rig.receive(request);
        let reply = rig.only_sent();
        assert_eq!((reply.attr("type"), reply.attr("to")), (Some("error"), Some("a@b/c")));
        let error = reply.get_child("error", "jabber:client").unwrap();
        assert_eq!(error.attr("type"), Some("cancel"));
        assert!(error.has_child("service-unavailable", "urn:ietf:params:xml:ns:xmpp-stanzas"));
        assert_eq!(rig.events, []);
    }
}

#[test]
fn a_request_needs_exactly_one_payload() {
    for payloads in [
        "",
        "<query xmlns='urn:example:handled'/><query xmlns='urn:example:handled'/>",
    ] {
        let mut rig = Rig::connected();
        rig.receive(&format!("<iq type='set' id='q' from='a@b/c'>{payloads}</iq>"));
        let reply = rig.only_sent();
        let error = reply.get_child("error", "jabber:client").unwrap();
        assert!(error.has_child("bad-request", "urn:ietf:params:xml:ns:xmpp-stanzas"));
    }
}

#[test]
fn what_cannot_be_answered_is_ignored() {
    let mut rig = Rig::connected();
    for stanza in [
        "<iq type='get' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='get' id='1' from='@'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq type='what' id='1' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<iq id='1' from='a@b/c'/>",
        "<presence from='a@b/c'/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
    ] {
        rig.receive(stanza);
        assert_eq!(rig.take(), (vec![], vec![]), "{stanza}");
    }
}

#[test]
fn a_request_the_application_handles_waits_for_its_reply() {
    let mut rig = Rig::connected();
    rig.receive(&query("same", "set"));
    assert_eq!(rig.sent, [""; 0]);
    let Event::Request(request) = rig.only_event() else {
        panic!("no request");
    };
    assert_eq!(request.kind, RequestKind::Set);
    assert_eq!(request.from.unwrap().as_str(), PEER);
    assert!(request.payload.is(HANDLED.name, HANDLED.namespace));

    rig.stream.reply(rig.now, request.ticket, Reply::Result(None)).unwrap();
    rig.pump();
    let reply = rig.only_sent();
    assert_eq!(
        (
            reply.attr("type"),
            reply.attr("id"),
            reply.attr("to"),
            reply.attr("from")
        ),
        (Some("result"), Some("same"), Some(PEER), None)
    );
}

#[test]
fn a_refusal_of_the_application_is_written_with_all_its_parts() {
    let mut rig = Rig::connected();
    rig.receive(&query("q", "get"));
    let ticket = rig.only_ticket();
    let error = StanzaError {
        kind: ErrorKind::Wait,
        condition: Condition::UnexpectedRequest,
        alternative: None,
        application: Some(Element::bare("out-of-order", "urn:xmpp:jingle:errors:1")),
        text: Some("later <please>".to_owned()),
    };
    rig.stream.reply(rig.now, ticket, Reply::Error(error)).unwrap();
    rig.pump();
    assert_eq!(
        rig.take().0,
        [format!(
            "<iq xmlns=\"jabber:client\" id=\"q\" to=\"{PEER}\" type=\"error\"><error type=\"wait\">\
             <unexpected-request xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"/>\
             <text xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\" xml:lang=\"en\">later &lt;please&gt;</text>\
             <out-of-order xmlns=\"urn:xmpp:jingle:errors:1\"/></error></iq>"
        )]
    );
}

#[test]
fn a_redirection_of_the_application_is_written_with_its_address_and_no_other_error_is() {
    for (condition, written) in [
        (Condition::Redirect, ">xmpp:voicemail@example.org</redirect>"),
        (Condition::ItemNotFound, "/>"),
    ] {
        let mut rig = Rig::connected();
        rig.receive(&query("q", "set"));
        let ticket = rig.only_ticket();
        let error = StanzaError {
            alternative: Some("xmpp:voicemail@example.org".to_owned()),
            ..StanzaError::new(ErrorKind::Modify, condition)
        };
        rig.stream.reply(rig.now, ticket, Reply::Error(error)).unwrap();
        rig.pump();
        let expected = format!(
            "<iq xmlns=\"jabber:client\" id=\"q\" to=\"{PEER}\" type=\"error\"><error type=\"modify\">\
             <{condition} xmlns=\"urn:ietf:params:xml:ns:xmpp-stanzas\"{written}</error></iq>"
        );
        assert_eq!(rig.take().0, [expected]);
    }
}

#[test]
fn a_ticket_is_good_for_one_reply() {
    let mut rig = Rig::connected();
    rig.receive(&query("q", "set"));
    let ticket = rig.only_ticket();
    rig.stream.reply(rig.now, ticket, Reply::Result(None)).unwrap();
    rig.pump();
    rig.take();
    let again = rig.stream.reply(rig.now, ticket, Reply::Result(None));
    assert_eq!(again, Err(ReplyError::UnknownTicket));
    rig.close();
    rig.take();
    let late = rig.stream.reply(rig.now, ticket, Reply::Result(None));
    assert_eq!(late, Err(ReplyError::NotConnected));
    rig.pump();
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn requests_beyond_the_backlog_are_refused() {
    let mut config = config();
    config.backlog = 2;
    let mut rig = Rig::new(config);
    rig.obey(After::Connected as usize);
    rig.take();
    rig.receive(&query("1", "set"));
    rig.receive(&query("2", "set"));
    let (sent, events) = rig.take();
    assert_eq!((sent.len(), events.len()), (0, 2));

    rig.receive(&query("3", "set"));
    let reply = rig.only_sent();
    let error = reply.get_child("error", "jabber:client").unwrap();
    assert!(error.has_child("resource-constraint", "urn:ietf:params:xml:ns:xmpp-stanzas"));

    let Event::Request(first) = &events[0] else {
        panic!("no request");
    };
    rig.stream.reply(rig.now, first.ticket, Reply::Result(None)).unwrap();
    rig.pump();
    rig.take();
    rig.receive(&query("4", "set"));
    assert!(matches!(rig.only_event(), Event::Request(_)));
}
