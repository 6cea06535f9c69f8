//! Offers that come before anybody has accepted them.

use offhook_jingle::{Dialect, session};

use super::*;

fn never() -> AnswerPolicy {
    AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    }
}

fn initiate(session: &str) -> minidom::Element {
    let content = "<content creator='initiator' name='audio'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></content>";
    format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='{session}'>{content}</jingle>")
        .parse()
        .unwrap()
}

fn rpc(method: &str, session: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"1","method":"{method}","params":{{"sessionId":"{session}"{params}}}}}"#)
}

fn offer(session: &str) -> String {
    rpc(
        "offer",
        session,
        r#","conversationId":"conversation-1","sdp":"v=0\r\n""#,
    )
}

fn candidate(session: &str) -> String {
    let line = r#","sdp":"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n""#;
    rpc("iceCandidate", session, line)
}

fn call_1() -> SessionId {
    SessionId::new("call-1")
}

impl Story {
    /// Offers, in one dialect or the other.
    fn offered(&mut self, from: &str, session: &str, dialect: Dialect) {
        match dialect {
            Dialect::Jingle => self.incoming(Some(from), initiate(session)),
            Dialect::SdpOverXmpp => self.request_of(from, &offer(session)),
        }
    }

    /// How the last request was answered: `result`, or the error's condition.
    fn answered(&mut self) -> String {
        self.drain();
        let replied = self.said.iter().rev().find_map(|output| match output {
            Output::Stream(StreamCommand::Reply { reply, .. }) => Some(reply.clone()),
            _ => None,
        });
        match replied.expect("every request is answered") {
            xmpp::Reply::Result(_) => "result".to_owned(),
            xmpp::Reply::Error(error) => error.condition.to_string(),
        }
    }

    fn started(&self) -> Option<(SessionId, Dialect)> {
        self.said.iter().find_map(|output| match output {
            Output::StartSession(start) => Some((start.config.id.clone(), start.config.dialect)),
            _ => None,
        })
    }
}

const DIALECTS: [Dialect; 2] = [Dialect::Jingle, Dialect::SdpOverXmpp];

#[test]
fn a_gateways_offer_without_a_proposal_rings_and_begins_when_it_is_accepted() {
    for dialect in DIALECTS {
        let mut story = Story::online(never());
        story.offered(GATEWAY, "call-1", dialect);
        assert_eq!(story.answered(), "result");
        if dialect == Dialect::SdpOverXmpp {
            story.request_of(GATEWAY, &candidate("call-1"));
        }
        assert_eq!(story.started(), None);
        let events = story.events();
        let [Event::Proposed(proposal)] = &events[..] else {
            panic!("{events:?}")
        };
        assert!(proposal.unsolicited && !proposal.accepted);
        story.phone.accept(story.now, &call_1()).unwrap();
        assert_eq!(story.messages(), [""; 0], "nobody waits for a proceed");
        assert_eq!(story.started(), Some((call_1(), dialect)));
        let told = story.told(&call_1());
        let requests = |input: &&session::Input| matches!(input, session::Input::Request { .. });
        let expected = if dialect == Dialect::SdpOverXmpp { 2 } else { 1 };
        assert_eq!(
            told.iter().filter(requests).count(),
            expected,
            "the offer, then what came after it"
        );
        assert!(matches!(story.events()[..], [Event::SessionStarted { .. }]));
        assert_eq!(story.phone.proposals().count(), 0);
    }
}

#[test]
fn a_policy_accepts_it_as_any_proposal() {
    let always = AnswerPolicy {
        always: true,
        ..never()
    };
    for dialect in DIALECTS {
        let mut story = Story::online(always);
        story.offered(GATEWAY, "call-1", dialect);
        assert_eq!(story.started(), Some((call_1(), dialect)));
        let events = story.events();
        assert!(
            matches!(&events[..], [Event::Proposed(proposal), Event::SessionStarted { .. }] if proposal.accepted),
            "{events:?}"
        );
    }
}

#[test]
fn nobody_else_may_offer_without_a_proposal() {
    for from in ["colleague@org.example/1", "gjoll@org.example/1"] {
        let mut story = Story::online(AnswerPolicy {
            always: true,
            ..never()
        });
        story.offered(from, "call-1", Dialect::Jingle);
        assert_eq!(story.answered(), "service-unavailable");
        story.offered(from, "call-1", Dialect::SdpOverXmpp);
        assert_eq!(story.answered(), "item-not-found");
        assert_eq!(story.events(), []);
    }
}

#[test]
fn an_offer_that_does_not_wait_for_proceed_begins_when_it_is_accepted() {
    for dialect in DIALECTS {
        let mut story = Story::online(never());
        let sdp = dialect == Dialect::SdpOverXmpp;
        let propose =
            format!("<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='c' inin-sdp-over-xmpp='{sdp}'/>");
        // Of anybody, since the proposer is known to the application.
        let colleague = "colleague@org.example/1";
        story.message(colleague, propose.parse().unwrap());
        story.offered(colleague, "call-1", dialect);
        assert_eq!((story.answered().as_str(), story.started()), ("result", None));
        story.phone.accept(story.now, &call_1()).unwrap();
        assert_eq!(story.messages(), [format!("proceed call-1 -> {colleague}")]);
        assert_eq!(story.started(), Some((call_1(), dialect)));
    }
}

#[test]
fn an_offer_that_is_declined_is_told_so_and_one_that_is_ignored_is_not() {
    for (dialect, ignore) in [(DIALECTS[0], false), (DIALECTS[1], false), (DIALECTS[0], true)] {
        let mut story = Story::online(never());
        story.offered(GATEWAY, "call-1", dialect);
        story.said.clear();
        story.phone.reject(story.now, &call_1(), ignore).unwrap();
        let said: Vec<_> = story
            .requests_sent()
            .iter()
            .map(|request| String::from(&request.payload))
            .collect();
        if ignore {
            assert_eq!(said, [""; 0]);
        } else {
            assert!(said.len() == 1 && said[0].contains("decline"), "{said:?}");
        }
        // It can be accepted no more.
        assert!(story.phone.accept(story.now, &call_1()).is_err());
        story.offered(GATEWAY, "call-1", dialect);
        assert_ne!(story.answered(), "result");
    }
}

#[test]
fn an_offer_is_kept_for_a_minute_and_then_told_as_cancelled() {
    for dialect in DIALECTS {
        let mut story = Story::online(never());
        story.offered(GATEWAY, "call-1", dialect);
        story.pass(Duration::from_millis(59_999));
        assert_eq!(story.phone.proposals().count(), 1);
        story.events();
        story.pass(Duration::from_millis(1));
        let said: Vec<_> = story
            .requests_sent()
            .iter()
            .map(|request| String::from(&request.payload))
            .collect();
        assert!(said.len() == 1 && said[0].contains("expired"), "{said:?}");
        assert_eq!(story.events(), [Event::ProposalCancelled(call_1())]);
    }
}

#[test]
fn whoever_offered_may_take_it_back_and_nobody_else() {
    let jingle = "<jingle xmlns='urn:xmpp:jingle:1' action='session-terminate' sid='call-1'/>";
    let retract = "<retract xmlns='urn:xmpp:jingle-message:0' id='call-1'/>";
    for from in [GATEWAY, "mallory@gjoll.example/1"] {
        for by_message in [true, false] {
            let mut story = Story::online(never());
            story.offered(GATEWAY, "call-1", Dialect::Jingle);
            story.events();
            if by_message {
                story.message(from, retract.parse().unwrap());
            } else {
                story.incoming(Some(from), jingle.parse().unwrap());
                assert_eq!(story.answered(), "result");
            }
            let gone = story.events() == [Event::ProposalCancelled(call_1())];
            assert_eq!(gone, from == GATEWAY);
            assert_eq!(story.phone.accept(story.now, &call_1()).is_err(), gone);
            story.drain();
            assert_eq!(story.started().is_none(), gone);
        }
    }
}

#[test]
fn no_more_than_ten_offers_are_kept() {
    let mut story = Story::online(never());
    for number in 0..11 {
        let from = format!("call-{number}@gjoll.example/1");
        let offer = offer(&format!("call-{number}")).replace("conversation-1", &format!("conversation-{number}"));
        story.request_of(&from, &offer);
        let expected = if number < 10 { "result" } else { "resource-constraint" };
        assert_eq!(story.answered(), expected, "{number}");
    }
    assert_eq!(story.phone.proposals().count(), 10);
}

#[test]
fn what_was_accepted_while_signalling_was_away_begins_when_it_is_back() {
    let mut story = Story::online(never());
    story.offered(GATEWAY, "call-1", Dialect::Jingle);
    story.lose();
    story.phone.accept(story.now, &call_1()).unwrap();
    story.drain();
    assert_eq!(story.started(), None, "it could not speak");
    story.said.clear();
    story.return_softly();
    assert_eq!(story.started(), Some((call_1(), Dialect::Jingle)));
    assert!(!story.told(&call_1()).contains(&session::Input::SignallingRestored));
}

#[test]
fn the_other_dialect_is_dropped_for_an_offer_too() {
    for dialect in DIALECTS {
        let mut story = Story::online(never());
        story.offered(GATEWAY, "call-1", dialect);
        story.said.clear();
        let other = if dialect == Dialect::Jingle {
            DIALECTS[1]
        } else {
            DIALECTS[0]
        };
        story.offered(GATEWAY, "call-1", other);
        let said = story.said.make_contiguous();
        let dropped = matches!(said, [Output::Stream(StreamCommand::Ignore(_))]);
        assert!(dropped, "{:?}", story.said);
    }
}
