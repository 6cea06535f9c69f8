//! Stream management (XEP-0198): counts, acknowledgements, and streams that live longer than their socket.

use std::time::Duration;

use offhook_xmpp::{CloseReason, Element, Event, Outcome, Reply, Stage, Token, Urgency, fuzzing::Server};

use crate::rig::{After, CLOSE, CLOSE_SENT, Rig, config, element, name};

const SM: &str = "urn:xmpp:sm:3";
const MESSAGE: &str = "<message><a xmlns='urn:a'/></message>";

fn send(rig: &mut Rig, name: &str) {
    let to = "a@b/c".parse().unwrap();
    let payload = Element::bare(name, "urn:x");
    rig.stream.send_message(rig.now, to, payload, Urgency::Normal).unwrap();
    rig.pump();
}

/// A request that the server gets and whose answer is lost with the socket.
fn ask(rig: &mut Rig, token: u64) {
    rig.try_ask(token, None).unwrap();
    rig.take();
}

fn response(token: u64, outcome: Outcome) -> Event {
    Event::Response {
        token: Token(token),
        outcome,
    }
}

fn resumed(event: &Event) -> bool {
    matches!(event, Event::Connected(connected) if connected.resumed && connected.services.is_empty())
}

#[test]
fn management_is_asked_for_after_the_binding_where_it_is_offered() {
    let mut rig = Rig::with(config(), Server::managing());
    let names = rig.names_sent();
    let enable = names.iter().position(|name| name == "enable").unwrap();
    assert_eq!(
        names[enable - 1..][..4],
        ["iq/bind", "enable", "iq/services", "iq/services"]
    );
    assert!(matches!(&rig.events[..], [Event::Connected(connected)] if !connected.resumed));

    let rig = Rig::connected();
    assert!(!rig.sent.iter().any(|frame| frame.contains(SM)));
}

#[test]
fn each_stanza_is_followed_by_the_request_to_acknowledge_it() {
    let mut rig = Rig::managed();
    send(&mut rig, "a");
    assert_eq!(rig.names_sent(), ["message/a", "r"]);
    rig.obey_all();
    assert_eq!(rig.take(), (vec![], vec![]), "an acknowledgement is not answered");
}

#[test]
fn stanzas_of_the_server_are_counted_from_its_consent() {
    let mut rig = Rig::managed();
    let asked = |rig: &mut Rig| {
        rig.receive("<r xmlns='urn:xmpp:sm:3'/>");
        let (mut sent, _) = rig.take();
        element(&sent.pop().unwrap()).attr("h").unwrap().to_owned()
    };
    // It counts on its own here.
    rig.server.forget();
    // Two lists of services and the subscription.
    assert_eq!(asked(&mut rig), "3");
    for frame in [
        MESSAGE,
        "<presence/>",
        "<iq type='get' id='1'/>",
        "<iq/>",
        "<x xmlns='urn:x'/>",
        " ",
    ] {
        rig.receive(frame);
    }
    assert_eq!(asked(&mut rig), "7");
}

#[test]
fn a_stream_whose_socket_is_lost_goes_on_without_losing_anything() {
    let mut rig = Rig::managed();
    rig.receive("<iq type='set' id='7' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    // The server's own count knows of it.
    rig.server.stanza(String::new());
    let ticket = rig.only_ticket();
    ask(&mut rig, 1);
    let resumption = rig.lose_socket();
    assert!(
        matches!(rig.closed(), CloseReason::SocketClosed { .. }),
        "and no request is lost"
    );
    assert_eq!(rig.sent, [""; 0]);

    rig.server.stanza(MESSAGE.to_owned());
    rig.reconnect(resumption);
    rig.obey_all();
    let (sent, events) = rig.take();
    let names: Vec<String> = sent.iter().map(|frame| name(frame)).collect();
    assert_eq!(names, ["open", "auth", "open", "resume"]);
    assert!(resumed(&events[0]), "{events:?}");
    assert_eq!(events[1], response(1, Outcome::Result(None)));
    assert!(matches!(events[2..], [Event::Message(_)]));
    assert_eq!(rig.stream.jid().unwrap().as_str(), "agent@example.org/desk");

    // A ticket outlives the socket.
    rig.stream.reply(rig.now, ticket, Reply::Result(None)).unwrap();
    rig.pump();
    assert_eq!(element(&rig.take().0[0]).attr("id"), Some("7"));
}

#[test]
fn what_the_server_did_not_get_is_sent_again_in_order() {
    let mut rig = Rig::managed();
    rig.obey_all();
    let handled = rig.server.answers("<r xmlns='urn:xmpp:sm:3'/>").remove(0);
    for name in ["a", "b", "c"] {
        send(&mut rig, name);
    }
    rig.take();
    rig.answers.clear();
    rig.socket_closes();
    let resumption = rig.resumption();
    rig.reconnect(resumption);
    let previd = "previd='resumption-1' ";
    // The server got the first of the three.
    let got: u32 = element(&handled).attr("h").unwrap().parse().unwrap();
    rig.server = Server::managing();
    let open = rig.sent[0].clone();
    rig.answers = rig.server.answers(&open).into();
    rig.obey(5);
    rig.take();
    rig.receive(&format!("<resumed xmlns='{SM}' {previd} h='{}'/>", got + 1));
    assert_eq!(rig.names_sent(), ["message/b", "message/c", "r"]);
    rig.events.clear();

    // What was sent again counts once.
    rig.receive(&format!("<a xmlns='{SM}' h='{}'/>", got + 3));
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn what_waited_for_the_rate_is_sent_after_the_resumption() {
    let mut rig = Rig::managed();
    rig.seconds(1);
    for _ in 0..25 {
        send(&mut rig, "a");
    }
    rig.take();
    let resumption = rig.lose_socket();
    rig.take();
    rig.reconnect(resumption);
    rig.obey_all();
    rig.wait(Duration::from_millis(200));
    let names = rig.names_sent();
    assert_eq!(names.iter().filter(|name| *name == "message/a").count(), 5, "{names:?}");
}

#[test]
fn an_answer_has_its_time_anew_after_the_resumption() {
    let mut rig = Rig::managed();
    ask(&mut rig, 1);
    rig.seconds(10);
    let resumption = rig.lose_socket();
    rig.take();
    rig.now += Duration::from_secs(20);
    rig.reconnect(resumption);
    rig.obey(6);
    assert!(resumed(&rig.only_event()));
    rig.answers.clear();
    rig.wait(Duration::from_millis(14_999));
    assert_eq!(rig.events, []);
    rig.wait(Duration::from_millis(1));
    assert_eq!(rig.only_outcome(), (Token(1), Outcome::TimedOut));
}

#[test]
fn a_stream_that_was_resumed_is_watched_as_before() {
    // By the watchdog.
    let mut rig = Rig::managed();
    rig.seconds(30);
    let resumption = rig.lose_socket();
    rig.reconnect(resumption);
    rig.obey_all();
    rig.take();
    rig.wait(Duration::from_millis(34_999));
    assert_eq!(rig.events, []);
    rig.wait(Duration::from_millis(1));
    assert!(matches!(rig.closed(), CloseReason::Silent { .. }));

    // By pings of ours, one of which was on its way.
    let mut rig = Rig::starting(config(), Server::managing());
    while let Some(answer) = rig.answers.pop_front() {
        let refused = answer.contains("from='notifications.example.org'");
        rig.receive(&answer.replace("'result'", if refused { "'error'" } else { "'result'" }));
    }
    rig.seconds(14);
    rig.take();
    let resumption = rig.lose_socket();
    rig.reconnect(resumption);
    rig.obey_all();
    assert!(matches!(&rig.events[1..], [Event::Connected(connected)] if !connected.server_pings));
    rig.take();
    rig.seconds(13);
    assert_eq!(rig.take(), (vec![], vec![]));
    rig.seconds(1);
    assert_eq!(rig.names_sent(), ["iq/ping", "r"]);
}

#[test]
fn a_server_that_forgot_the_stream_gets_a_new_one() {
    let mut rig = Rig::managed();
    rig.receive("<iq type='set' id='7' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    let ticket = rig.only_ticket();
    ask(&mut rig, 1);
    ask(&mut rig, 2);
    let resumption = rig.lose_socket();
    rig.take();
    rig.server.forget();
    rig.reconnect(resumption);
    rig.obey_all();
    let (sent, events) = rig.take();
    assert_eq!(events[..2], [response(1, Outcome::Lost), response(2, Outcome::Lost)]);
    assert!(
        matches!(&events[2..], [Event::Connected(connected)] if !connected.resumed && connected.services.len() == 2)
    );
    let names: Vec<String> = sent.iter().map(|frame| name(frame)).collect();
    assert_eq!(names[3..6], ["resume", "iq/bind", "enable"]);
    assert!(
        rig.stream.reply(rig.now, ticket, Reply::Result(None)).is_err(),
        "the peer asked another stream"
    );
    // No ticket is given out twice.
    rig.receive("<iq type='set' id='8' from='a@b/c'><query xmlns='urn:example:handled'/></iq>");
    assert_ne!(rig.only_ticket(), ticket);
    assert!(rig.lose_socket().is_some(), "and the new one can be resumed");
}

#[test]
fn a_server_that_manages_no_streams_any_more_gets_a_new_one() {
    let mut rig = Rig::managed();
    ask(&mut rig, 1);
    let resumption = rig.lose_socket();
    rig.take();
    rig.server.manages_streams = false;
    rig.reconnect(resumption);
    rig.obey_all();
    let (_, events) = rig.take();
    assert_eq!(events[0], response(1, Outcome::Lost));
    assert!(matches!(&events[1..], [Event::Connected(connected)] if !connected.resumed));
    assert!(rig.lose_socket().is_none());
    assert!(matches!(rig.closed(), CloseReason::SocketClosed { .. }));
}

#[test]
fn an_attempt_that_dies_before_the_answer_gives_the_stream_back() {
    // Up to the answer to <resume/>.
    for frames in 0..6 {
        let mut rig = Rig::managed();
        ask(&mut rig, 1);
        let mut resumption = rig.lose_socket();
        for _ in 0..2 {
            rig.take();
            rig.reconnect(resumption);
            rig.obey(frames);
            resumption = rig.lose_socket();
            assert!(
                matches!(rig.closed(), CloseReason::SocketClosed { .. }),
                "and tells nothing else"
            );
        }
        rig.reconnect(resumption);
        rig.obey_all();
        assert_eq!(rig.events[1..], [response(1, Outcome::Result(None))]);
    }
}

#[test]
fn a_server_that_does_not_answer_the_resumption_ends_the_attempt() {
    let mut rig = Rig::managed();
    ask(&mut rig, 1);
    let resumption = rig.lose_socket();
    rig.take();
    rig.reconnect(resumption);
    rig.obey(5);
    rig.seconds(15);
    let stage = Stage::Resuming;
    assert_eq!(rig.closed(), CloseReason::TimedOut { stage });
    assert_eq!(rig.resumption().unwrap().abandon(), [Token(1)]);
}

#[test]
fn streams_that_were_closed_are_not_resumed() {
    let mut rig = Rig::managed();
    rig.close();
    assert_eq!(
        rig.names_sent(),
        ["a", "close"],
        "the last acknowledgement goes with it"
    );
    rig.socket_closes();
    assert!(rig.resumption().is_none());

    for frame in [CLOSE, "<error xmlns='http://etherx.jabber.org/streams'/>", "<<"] {
        let mut rig = Rig::managed();
        ask(&mut rig, 1);
        rig.receive(frame);
        assert_eq!(rig.events[0], response(1, Outcome::Lost));
        assert!(rig.sent.last().is_some_and(|frame| frame == CLOSE_SENT));
        assert!(rig.resumption().is_none(), "{frame}");
    }
}

#[test]
fn streams_that_were_not_connected_are_not_resumed() {
    let mut rig = Rig::new(config());
    rig.server.manages_streams = true;
    rig.obey(After::SubscribingPings as usize);
    assert!(rig.lose_socket().is_none());
}

#[test]
fn what_the_server_promised_can_be_read() {
    let mut rig = Rig::with(config(), Server::managing());
    let (_, events) = rig.take();
    assert_eq!(events.len(), 1);
    let closed_at = rig.now;
    let resumption = rig.lose_socket().unwrap();
    assert_eq!(resumption.jid().as_str(), "agent@example.org/desk");
    assert_eq!(resumption.max(), Some(Duration::from_secs(30)));
    assert_eq!(resumption.expires(closed_at), Some(closed_at + Duration::from_secs(30)));
    assert_eq!(resumption.location(), None);
    let shown = format!("{resumption:?}");
    assert!(!shown.contains("resumption-1"), "{shown}");
}

/// A stream at the point where the server has to answer the request to enable management.
fn enabling() -> Rig {
    let mut rig = Rig::new(config());
    rig.server.manages_streams = true;
    rig.obey(After::Binding as usize + 1);
    let enabled = rig.answers.pop_front().unwrap();
    assert!(enabled.starts_with("<enabled"), "{enabled}");
    rig
}

#[test]
fn without_the_servers_promise_nothing_is_resumed() {
    for answer in [
        "<failed xmlns='urn:xmpp:sm:3'/>",
        "<enabled xmlns='urn:xmpp:sm:3'/>",
        "<enabled xmlns='urn:xmpp:sm:3' id='x' resume='false'/>",
        "<enabled xmlns='urn:xmpp:sm:3' resume='true'/>",
    ] {
        let mut rig = enabling();
        rig.receive(answer);
        rig.obey_all();
        assert!(matches!(rig.only_event(), Event::Connected(_)));
        ask(&mut rig, 1);
        assert!(rig.lose_socket().is_none());
        assert_eq!(rig.events[0], response(1, Outcome::Lost), "{answer}");
    }
}

#[test]
fn where_to_come_back_to_is_told() {
    let mut rig = enabling();
    rig.receive("<enabled xmlns='urn:xmpp:sm:3' id='x' resume='1' location='other.example.org:5222'/>");
    rig.obey_all();
    let resumption = rig.lose_socket().unwrap();
    assert_eq!(resumption.location(), Some("other.example.org:5222"));
    assert_eq!((resumption.max(), resumption.expires(rig.now)), (None, None));
}

#[test]
fn an_acknowledgement_of_more_than_was_sent_costs_the_resumption_and_not_the_stream() {
    for count in ["4", "100", "4294967295"] {
        let mut rig = Rig::managed();
        rig.receive(&format!("<a xmlns='{SM}' h='{count}'/>"));
        assert_eq!(rig.take(), (vec![], vec![]));
        rig.receive(&format!("<r xmlns='{SM}'/>"));
        assert_eq!(rig.names_sent(), ["a"], "the stream goes on");
        assert!(rig.lose_socket().is_none());
    }
    for odd in ["", " h='-1'", " h='many'"] {
        let mut rig = Rig::managed();
        rig.receive(&format!("<a xmlns='{SM}'{odd}/>"));
        assert_eq!(rig.take(), (vec![], vec![]), "{odd}");
    }
}

#[test]
fn a_resumption_that_cannot_be_counted_on_ends_the_stream() {
    for (resumed, reason) in [
        ("previd='resumption-1' h='99'", "HandledCountTooHigh"),
        ("previd='other' h='3'", "ResumptionBroken"),
        ("h='3'", "ResumptionBroken"),
        ("previd='resumption-1'", "ResumptionBroken"),
    ] {
        let mut rig = Rig::managed();
        ask(&mut rig, 1);
        let resumption = rig.lose_socket();
        rig.take();
        rig.reconnect(resumption);
        rig.obey(5);
        rig.take();
        rig.receive(&format!("<resumed xmlns='{SM}' {resumed}/>"));
        let (_, events) = rig.take();
        assert_eq!(events[0], response(1, Outcome::Lost));
        let [_, Event::Closed(closed)] = &events[..] else {
            panic!("{events:?}");
        };
        assert!(format!("{closed:?}").starts_with(reason), "{closed:?}");
        assert!(rig.resumption().is_none());
    }
}

#[test]
fn a_server_that_acknowledges_nothing_costs_the_resumption_and_no_more() {
    let mut config = config();
    config.queue = 8;
    let mut rig = Rig::with(config, Server::managing());
    rig.take();
    for _ in 0..9 {
        send(&mut rig, "a");
    }
    rig.answers.clear();
    send(&mut rig, "a");
    assert_eq!(rig.names_sent().last().unwrap(), "r");
    assert!(rig.lose_socket().is_none());
}

#[test]
fn nonzas_of_management_mean_nothing_where_it_is_off() {
    let mut rig = Rig::connected();
    for name in ["r", "a", "enabled", "failed", "resumed"] {
        rig.receive(&format!("<{name} xmlns='{SM}' h='5'/>"));
        assert_eq!(rig.take(), (vec![], vec![]), "{name}");
    }
}
