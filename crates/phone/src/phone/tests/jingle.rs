//! What the phone does for a session in Jingle as it does for one in SDP over XMPP.

use offhook_jingle::{
    Dialect,
    session::{self, Refusal, Rejection, Reply},
    stanza::JingleCondition,
};

use super::*;

fn call_1() -> SessionId {
    SessionId::new("call-1")
}

fn jingle(action: &str, inside: &str) -> minidom::Element {
    format!("<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='call-1'>{inside}</jingle>")
        .parse()
        .unwrap()
}

/// A session in Jingle, with nothing left to say.
fn with_session() -> Story {
    let mut story = Story::online(AnswerPolicy::default());
    let propose =
        "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='conversation-1' inin-autoanswer='true'/>";
    story.message(GATEWAY, propose.parse().unwrap());
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
    story.incoming(
        Some(GATEWAY),
        jingle("session-initiate", "<content creator='initiator' name='audio'/>"),
    );
    let started = story.said.iter().find_map(|output| match output {
        Output::StartSession(start) => Some((start.config.dialect, start.config.conversation.clone())),
        _ => None,
    });
    // Jingle names no conversation; its proposal did.
    assert_eq!(
        started,
        Some((Dialect::Jingle, Some(ConversationId::new("conversation-1"))))
    );
    story.said.clear();
    story
}

impl Story {
    fn asks(&mut self, token: u64, payload: minidom::Element) {
        let request = SessionReport::Request {
            token: offhook_jingle::Token(token),
            to: GATEWAY.parse().unwrap(),
            payload,
        };
        self.reports(&call_1(), request);
    }
}

#[test]
fn candidates_before_the_offer_are_kept_if_the_session_was_proposed() {
    let mut story = Story::online(AnswerPolicy::default());
    let propose = "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-autoanswer='true'/>";
    story.message(GATEWAY, propose.parse().unwrap());
    story.incoming(Some(GATEWAY), jingle("transport-info", ""));
    assert_eq!(story.told(&call_1()), []);
    story.incoming(Some(GATEWAY), jingle("session-initiate", ""));
    let actions: Vec<_> = story
        .told(&call_1())
        .into_iter()
        .map(|input| match input {
            session::Input::Request { payload, .. } => payload.attr("action").unwrap().to_owned(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(actions, ["session-initiate", "transport-info"]);
}

#[test]
fn answers_and_ends_go_before_candidates() {
    let mut story = with_session();
    for action in ["transport-info", "session-accept", "session-info", "session-terminate"] {
        story.asks(1, jingle(action, ""));
    }
    let urgencies: Vec<_> = story
        .requests_sent()
        .into_iter()
        .map(|request| request.urgency)
        .collect();
    let high = xmpp::Urgency::High;
    assert_eq!(urgencies, [xmpp::Urgency::Normal, high, high, high]);
}

#[test]
fn a_hang_up_is_owed_until_it_was_heard() {
    let mut story = with_session();
    let reason = "<reason><success/></reason>";
    story.asks(1, jingle("session-terminate", reason));
    assert_eq!(story.requests_sent().len(), 1);
    let (reason, by) = (Reason::Success, EndedBy::Local);
    story.reports(&call_1(), SessionReport::Ended { reason, by });
    // Lost with its stream, though the session is over.
    story.lose();
    story.said.clear();
    story.return_softly();
    let said = story.requests_sent();
    assert_eq!(said.len(), 1);
    assert_eq!(said[0].payload.attr("action"), Some("session-terminate"));
    // Heard at last.
    let (token, outcome) = (said[0].token, xmpp::Outcome::Result(None));
    story.stream(story.attempt(), xmpp::Event::Response { token, outcome });
    story.lose();
    story.said.clear();
    story.return_softly();
    assert_eq!(story.requests_sent().len(), 0);
}

#[test]
fn a_session_that_fails_is_ended_in_its_own_dialect() {
    let mut story = with_session();
    story.input(Input::SessionLost { session: call_1() });
    let said = story.requests_sent();
    let [request] = &said[..] else { panic!("{said:?}") };
    assert_eq!(request.payload.attr("action"), Some("session-terminate"));
    let reason = request
        .payload
        .children()
        .next()
        .and_then(|reason| reason.children().next());
    assert_eq!(reason.map(|reason| reason.name()), Some("general-error"));
}

#[test]
fn what_a_peer_refuses_is_told_with_all_that_it_says() {
    let mut story = with_session();
    let cases = [
        (
            xmpp::StanzaError {
                application: Some(JingleCondition::UnknownSession.to_element()),
                ..xmpp::StanzaError::new(xmpp::ErrorKind::Cancel, xmpp::Condition::ItemNotFound)
            },
            Rejection {
                application: Some(JingleCondition::UnknownSession),
                ..Rejection::new("item-not-found")
            },
        ),
        (
            xmpp::StanzaError {
                alternative: Some("xmpp:voicemail@example.org".into()),
                ..xmpp::StanzaError::new(xmpp::ErrorKind::Modify, xmpp::Condition::Redirect)
            },
            Rejection {
                redirect: Some("xmpp:voicemail@example.org".into()),
                ..Rejection::new("redirect")
            },
        ),
    ];
    for (error, rejection) in cases {
        story.asks(7, jingle("session-info", ""));
        let token = story.requests_sent()[0].token;
        let outcome = xmpp::Outcome::Error(error);
        story.stream(story.attempt(), xmpp::Event::Response { token, outcome });
        let told = story.told(&call_1());
        let [session::Input::Response { outcome, .. }] = &told[..] else {
            panic!("{told:?}")
        };
        assert_eq!(*outcome, session::Outcome::Refused(rejection));
    }
}

#[test]
fn what_a_session_refuses_is_said_in_jingles_words() {
    let mut story = with_session();
    story.incoming(Some(GATEWAY), jingle("session-info", ""));
    let [session::Input::Request { ticket, .. }] = story.told(&call_1())[..] else {
        panic!("the session is asked")
    };
    let reply = Reply::Refused(Refusal::TieBreak);
    story.reports(&call_1(), SessionReport::Reply { ticket, reply });
    let replied = story.said.iter().find_map(|output| match output {
        Output::Stream(StreamCommand::Reply {
            reply: xmpp::Reply::Error(error),
            ..
        }) => Some(error.clone()),
        _ => None,
    });
    let expected = xmpp::StanzaError {
        application: Some(JingleCondition::TieBreak.to_element()),
        ..xmpp::StanzaError::new(xmpp::ErrorKind::Cancel, xmpp::Condition::Conflict)
    };
    assert_eq!(replied, Some(expected));
}
