//! Races of a whole client in virtual time: what the phone, its stream and its sessions do together when things cross.

use std::time::Duration;

use offhook_jingle::{Generation, Reason, SessionId};
use offhook_phone::{AnswerPolicy, Endpoints, Event, PhoneConfig};
use offhook_tests::desk::Desk;
use offhook_xmpp::fuzzing::Server;

const GATEWAY: &str = "call@gjoll.example.org/1";
const SDP: &str = "v=0\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n";

/// A client that is online, with nothing left to say.
fn online() -> Desk {
    let endpoints = Endpoints::region("mypurecloud.de").unwrap();
    let mut config = PhoneConfig::new(endpoints, "token".into());
    config.answer = AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    };
    let mut desk = Desk::new(config);
    desk.log_in("agent@example.org");
    let mut server = Server::default();
    while let Some(frame) = desk.sent.pop_front() {
        for answer in server.answers(&frame) {
            desk.receive(&answer);
        }
    }
    assert!(desk.phone.is_connected(), "{:?}", desk.events);
    desk
}

fn id() -> SessionId {
    SessionId::new("call-1")
}

fn propose(desk: &mut Desk) {
    let payload =
        "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='conversation-1' inin-sdp-over-xmpp='true'/>";
    desk.receive(&format!(
        "<message xmlns='jabber:client' from='{GATEWAY}'>{payload}</message>"
    ));
}

fn request(desk: &mut Desk, number: u32, from: &str, method: &str, params: &str) {
    let json = format!(
        r#"{{"jsonrpc":"2.0","id":"{number}","method":"{method}","params":{{"sessionId":"call-1",{params}}}}}"#
    );
    desk.receive(&format!(
        "<iq xmlns='jabber:client' type='set' id='r{number}' from='{from}'><genesys-webrtc xmlns='genesys'>{json}</genesys-webrtc></iq>"
    ));
}

fn offer(desk: &mut Desk, number: u32) {
    let sdp = serde_json::to_string(SDP).unwrap();
    request(
        desk,
        number,
        GATEWAY,
        "offer",
        &format!(r#""conversationId":"conversation-1","sdp":{sdp}"#),
    );
}

fn candidate(desk: &mut Desk, number: u32) {
    let line = r"m=audio 9 RTP/AVP 0\r\na=candidate:1 1 udp 1 127.0.0.1 9 typ host\r\n";
    request(desk, number, GATEWAY, "iceCandidate", &format!(r#""sdp":"{line}""#));
}

/// What was answered to the request of this number: `result`, or the error's condition.
fn answer_to(desk: &Desk, number: u32) -> Option<String> {
    let frame = desk
        .sent
        .iter()
        .find(|frame| frame.contains(&format!("id=\"r{number}\"")))?;
    let conditions = ["item-not-found", "resource-constraint", "bad-request"];
    Some(
        conditions
            .into_iter()
            .find(|condition| frame.contains(condition))
            .unwrap_or("result")
            .to_owned(),
    )
}

fn started(desk: &Desk) -> usize {
    desk.events
        .iter()
        .filter(|event| matches!(event, Event::SessionStarted { .. }))
        .count()
}

fn call(desk: &mut Desk) {
    propose(desk);
    desk.command(|phone, now| phone.accept(now, &id())).unwrap();
    offer(desk, 1);
    assert_eq!(started(desk), 1);
}

#[test]
fn candidates_that_overtake_their_offer_are_kept() {
    let mut desk = online();
    propose(&mut desk);
    desk.command(|phone, now| phone.accept(now, &id())).unwrap();
    candidate(&mut desk, 7);
    assert_eq!(answer_to(&desk, 7).as_deref(), Some("result"));
    assert_eq!(started(&desk), 0);
    offer(&mut desk, 8);
    let told: Vec<_> = desk.media.iter().map(|(_, event)| format!("{event:?}")).collect();
    assert!(
        matches!(&told[..], [offer, candidate] if offer.starts_with("Offer") && candidate.starts_with("RemoteCandidate")),
        "{told:?}"
    );
}

#[test]
fn early_candidates_are_few_and_do_not_wait_for_ever() {
    let mut desk = online();
    propose(&mut desk);
    for number in 0..65 {
        candidate(&mut desk, 100 + number);
    }
    // So many answers take a moment at the rate at which stanzas are sent.
    desk.pass(Duration::from_secs(2));
    assert_eq!(answer_to(&desk, 163).as_deref(), Some("result"));
    assert_eq!(answer_to(&desk, 164).as_deref(), Some("resource-constraint"));
    desk.pass_with_pings(Duration::from_secs(61));
    desk.command(|phone, now| phone.accept(now, &id())).unwrap();
    offer(&mut desk, 1);
    assert_eq!(desk.media.len(), 1, "an offer alone: {:?}", desk.media);
}

#[test]
fn a_call_that_was_given_up_is_not_answered_when_its_offer_comes() {
    for gives_up_by_end in [false, true] {
        let mut desk = online();
        propose(&mut desk);
        desk.command(|phone, now| phone.accept(now, &id())).unwrap();
        candidate(&mut desk, 1);
        let given_up = desk.command(|phone, now| {
            if gives_up_by_end {
                phone.end(now, &id(), Reason::Cancel)
            } else {
                phone.reject(now, &id(), false)
            }
        });
        given_up.unwrap();
        offer(&mut desk, 2);
        assert_eq!(answer_to(&desk, 2).as_deref(), Some("item-not-found"));
        assert_eq!((started(&desk), desk.sessions.len()), (0, 0));
    }
}

#[test]
fn an_offer_from_somebody_else_starts_nothing() {
    let mut desk = online();
    propose(&mut desk);
    desk.command(|phone, now| phone.accept(now, &id())).unwrap();
    let sdp = serde_json::to_string(SDP).unwrap();
    request(
        &mut desk,
        1,
        "stranger@gjoll.example.org/1",
        "offer",
        &format!(r#""sdp":{sdp}"#),
    );
    assert_eq!(answer_to(&desk, 1).as_deref(), Some("item-not-found"));
    offer(&mut desk, 2);
    request(
        &mut desk,
        3,
        "stranger@gjoll.example.org/1",
        "terminate",
        r#""reason":"success""#,
    );
    assert_eq!((started(&desk), desk.end_of(&id())), (1, None));
}

#[test]
fn a_terminate_for_no_session_is_no_error() {
    let mut desk = online();
    request(&mut desk, 1, GATEWAY, "terminate", r#""reason":"success""#);
    assert_eq!(answer_to(&desk, 1).as_deref(), Some("result"));
}

#[test]
fn requests_to_a_session_that_has_ended_are_answered_all_the_same() {
    let mut desk = online();
    call(&mut desk);
    desk.mail_waits = true;
    request(&mut desk, 2, GATEWAY, "terminate", r#""reason":"success""#);
    // The phone does not know yet; more than the stream lets wait would make it deaf.
    for number in 0..10 {
        candidate(&mut desk, 100 + number);
    }
    // So many answers take a moment at the rate at which stanzas are sent.
    desk.pass(Duration::from_secs(2));
    desk.deliver_mail();
    assert_eq!(desk.end_of(&id()), Some(Reason::Success));
    for number in [2, 100, 109] {
        assert!(answer_to(&desk, number).is_some(), "request {number}");
    }
}

#[test]
fn a_shutdown_starts_no_session_and_ends() {
    let mut desk = online();
    call(&mut desk);
    let second = "<propose xmlns='urn:xmpp:jingle-message:0' id='call-2' inin-cid='c2' inin-sdp-over-xmpp='true'/>";
    desk.receive(&format!(
        "<message xmlns='jabber:client' from='{GATEWAY}'>{second}</message>"
    ));
    desk.command(|phone, now| phone.accept(now, &SessionId::new("call-2")))
        .unwrap();
    desk.command(|phone, now| phone.shutdown(now));
    desk.receive(&format!(
        "<iq xmlns='jabber:client' type='set' id='r9' from='{GATEWAY}'><genesys-webrtc xmlns='genesys'>\
         {{\"jsonrpc\":\"2.0\",\"id\":\"9\",\"method\":\"offer\",\"params\":{{\"sessionId\":\"call-2\",\"sdp\":\"v=0\"}}}}</genesys-webrtc></iq>"
    ));
    assert_eq!(started(&desk), 1);
    // Nobody acknowledges the terminate or the close.
    desk.pass(Duration::from_secs(10));
    assert_eq!(desk.events.last(), Some(&Event::ShutDown), "{:?}", desk.events);
}

#[test]
fn what_a_session_asks_is_lost_with_the_stream_and_the_session_lives() {
    let mut desk = online();
    call(&mut desk);
    desk.session(&id(), |session, now| {
        session.answer(now, Generation::FIRST, SDP.to_owned())
    })
    .unwrap()
    .unwrap();
    desk.receive("<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>");
    desk.pass(Duration::from_secs(60));
    assert!(
        desk.events
            .iter()
            .any(|event| matches!(event, Event::Disconnected { .. }))
    );
    assert_eq!((desk.end_of(&id()), desk.sessions.len()), (None, 1));
    // Ending it needs no signalling.
    desk.command(|phone, now| phone.end(now, &id(), Reason::Success))
        .unwrap();
    desk.pass(Duration::from_secs(3));
    assert_eq!(desk.end_of(&id()), Some(Reason::Success));
}
