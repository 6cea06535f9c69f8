//! Rules 25, 26 and 43: a conversation goes on in another session, which its gateway began since it lost sight of the first one.

use offhook_jingle::session;

use super::{
    life::{terminate, with_session},
    *,
};

/// Another address at the same service.
const ANOTHER: &str = "call-2@gjoll.example/1";

impl Story {
    /// An offer of new media for a conversation.
    pub(super) fn offers(&mut self, from: &str, session: &str, conversation: &str, reinvite: bool) {
        let json = format!(
            r#"{{"jsonrpc":"2.0","id":"o-{session}","method":"offer","params":{{"sessionId":"{session}","conversationId":"{conversation}","sdp":"v=0\r\n","reinvite":{reinvite}}}}}"#
        );
        self.request_of(from, &json);
    }

    fn refused(&mut self) -> Option<xmpp::Condition> {
        self.drain();
        let refused = self.said.iter().find_map(|output| match output {
            Output::Stream(StreamCommand::Reply {
                reply: xmpp::Reply::Error(error),
                ..
            }) => Some(error.condition),
            _ => None,
        });
        self.said.clear();
        refused
    }

    /// What became of sessions, as lines of text, in order.
    fn became(&mut self) -> Vec<String> {
        self.drain();
        let said = std::mem::take(&mut self.said);
        let told = said.into_iter().filter_map(|output| match output {
            Output::StartSession(start) => Some(format!("start {}", start.config.id)),
            Output::EndSession { session, farewell, .. } => {
                let instead = farewell
                    .alternative
                    .map_or(String::new(), |id| format!(", {id} instead"));
                Some(format!("end {session}: {}{instead}", farewell.reason))
            }
            Output::Session {
                session,
                input: session::Input::Request { .. },
            } => Some(format!("request to {session}")),
            Output::Event(Event::SessionStarted { session, .. }) => Some(format!("{session} started")),
            Output::Event(Event::SessionReplaced {
                session,
                replaced,
                conversation,
                reconnects,
                ..
            }) => Some(format!(
                "{session} replaces {replaced} for {conversation}, reconnect {reconnects}"
            )),
            Output::Event(Event::SessionEnded {
                session,
                conversation,
                reason,
                ..
            }) => {
                let carried = conversation.as_ref().map_or("nothing", ConversationId::as_str);
                Some(format!("{session} ended with {carried}: {reason}"))
            }
            _ => None,
        });
        told.collect()
    }

    fn carried(&self) -> Vec<(&str, Option<&str>)> {
        let sessions = self.phone.sessions();
        sessions
            .map(|(session, carried)| (session.as_str(), carried.map(ConversationId::as_str)))
            .collect()
    }
}

/// `call-1` carries `conversation-1`, and its WebSocket has been lost and is back.
fn returned() -> Story {
    let mut story = Story::online(AnswerPolicy::default());
    with_session(&mut story);
    story.lose();
    story.return_softly();
    story.said.clear();
    story
}

fn ended(reason: Reason) -> SessionReport {
    let by = EndedBy::Local;
    SessionReport::Ended { reason, by }
}

#[test]
fn rule_26_a_conversation_that_goes_on_in_another_session_does_not_start_again() {
    let mut story = returned();
    story.offers(ANOTHER, "call-2", "conversation-1", true);
    assert_eq!(
        story.became(),
        [
            "start call-2",
            "call-2 replaces call-1 for conversation-1, reconnect 1",
            "request to call-2",
            "end call-1: alternative-session, call-2 instead",
        ]
    );
    let conversation = ConversationId::new("conversation-1");
    assert_eq!(story.phone.session_of(&conversation), Some(&SessionId::new("call-2")));
    // And once more.
    story.lose();
    story.return_softly();
    story.became();
    story.offers(GATEWAY, "call-3", "conversation-1", true);
    let third = "call-3 replaces call-2 for conversation-1, reconnect 2";
    assert_eq!(story.became()[1], third);
    assert_eq!(story.phone.reconnects(&SessionId::new("call-3")), Some(2));
}

#[test]
fn rule_26_the_same_is_true_of_a_session_that_was_proposed_first() {
    let mut story = returned();
    story.propose("call-2", "conversation-1", true);
    story.became();
    story.offers(GATEWAY, "call-2", "conversation-1", false);
    assert_eq!(
        story.became()[1],
        "call-2 replaces call-1 for conversation-1, reconnect 1"
    );
}

#[test]
fn rule_25_a_late_or_repeated_reinvite_does_not_end_its_own_session() {
    let mut story = returned();
    story.offers(ANOTHER, "call-2", "conversation-1", true);
    story.became();
    // The offer again, before and after the old session is gone.
    story.offers(ANOTHER, "call-2", "conversation-1", true);
    assert_eq!(story.became(), ["request to call-2"]);
    story.reports(&SessionId::new("call-1"), ended(Reason::AlternativeSession));
    story.became();
    story.offers(ANOTHER, "call-2", "conversation-1", true);
    assert_eq!(story.became(), ["request to call-2"]);
    assert_eq!(story.carried(), [("call-2", Some("conversation-1"))]);
}

#[test]
fn rule_43_the_end_of_the_old_session_is_not_that_of_the_new_one() {
    let mut story = returned();
    story.offers(GATEWAY, "call-2", "conversation-1", true);
    story.became();
    assert_eq!(story.carried(), [("call-1", None), ("call-2", Some("conversation-1"))]);
    // What the old one still says of its conversation changes nothing.
    let old = SessionId::new("call-1");
    let changed = SessionReport::ConversationChanged(ConversationId::new("conversation-1"));
    story.reports(&old, changed);
    story.reports(&old, ended(Reason::AlternativeSession));
    assert_eq!(story.became(), ["call-1 ended with nothing: alternative-session"]);
    // Nor does the gateway's end of it, late.
    story.incoming(Some(GATEWAY), terminate(&old));
    assert_eq!(story.became(), [""; 0]);
    assert_eq!(story.carried(), [("call-2", Some("conversation-1"))]);
    story.reports(&SessionId::new("call-2"), ended(Reason::Success));
    assert_eq!(story.became(), ["call-2 ended with conversation-1: success"]);
}

#[test]
fn a_call_lasts_from_its_first_session_on() {
    let mut story = returned();
    story.pass(Duration::from_secs(40));
    story.offers(GATEWAY, "call-2", "conversation-1", true);
    story.pass(Duration::from_secs(2));
    story.events();
    story.reports(&SessionId::new("call-2"), ended(Reason::Success));
    let [Event::SessionEnded { lasted, .. }] = story.events()[..] else {
        panic!("it has ended")
    };
    assert!(lasted >= Duration::from_secs(42), "{lasted:?}");
}

#[test]
fn nobody_but_a_gateway_of_the_same_service_takes_a_conversation_over() {
    // A gateway elsewhere may call us, as far as it goes.
    for (from, rings) in [
        ("colleague@org.example/1", false),
        ("colleague@gjoll/1", true),
        ("call-1@gjoll.elsewhere.example/1", true),
    ] {
        let mut story = returned();
        story.offers(from, "call-2", "conversation-1", true);
        assert_eq!(
            story.refused(),
            (!rings).then_some(xmpp::Condition::ItemNotFound),
            "{from}"
        );
        assert_eq!(story.phone.proposals().count(), usize::from(rings));
        assert_eq!(story.carried(), [("call-1", Some("conversation-1"))]);
    }
}

#[test]
fn an_offer_that_is_no_reinvite_or_of_another_conversation_rings() {
    for (conversation, reinvite) in [("conversation-1", false), ("conversation-2", true)] {
        let mut story = returned();
        story.offers(GATEWAY, "call-2", conversation, reinvite);
        assert_eq!(story.refused(), None);
        assert_eq!(story.carried(), [("call-1", Some("conversation-1"))]);
        story.phone.accept(story.now, &SessionId::new("call-2")).unwrap();
        let became = story.became();
        let replaced = became.iter().any(|line| line.contains("replaces"));
        assert_eq!(replaced, conversation == "conversation-1", "{became:?}");
    }
}

#[test]
fn a_call_that_was_hung_up_does_not_go_on() {
    let mut story = returned();
    story
        .phone
        .end(story.now, &SessionId::new("call-1"), Reason::Success)
        .unwrap();
    story.offers(GATEWAY, "call-2", "conversation-1", true);
    assert_eq!(story.refused(), Some(xmpp::Condition::ItemNotFound));
}

#[test]
fn candidates_that_overtake_the_offer_of_the_new_session_are_kept_for_it() {
    let mut story = returned();
    let candidate = r#"{"jsonrpc":"2.0","id":"c","method":"iceCandidate","params":{"sessionId":"call-2","sdp":"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"}}"#;
    story.request_of(ANOTHER, candidate);
    // Of another sender, and so not for this session.
    story.request_of(GATEWAY, candidate);
    assert_eq!(story.refused(), Some(xmpp::Condition::ItemNotFound));
    story.offers(ANOTHER, "call-2", "conversation-1", true);
    let told = story.told(&SessionId::new("call-2"));
    assert_eq!(told.len(), 2, "the offer, and the candidate: {told:?}");
}
