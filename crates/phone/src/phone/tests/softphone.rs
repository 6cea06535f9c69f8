//! The softphone: conversations and stations by REST and notifications, what is done with calls, sessions that stay open.

use offhook_jingle::session;
use serde_json::{Value, json};

use super::{life::with_session, *};
use crate::{
    conversations::{CallEnd, CallState, TrackedCall},
    error::CallChangeError,
};

const CONVERSATIONS: &str = "v2.users.u.conversations";

/// What the user's station may be.
#[derive(Clone, Copy, Default)]
pub(super) struct Lines {
    pub(super) lines: u32,
    pub(super) persistent: bool,
    pub(super) relayed: bool,
}

pub(super) const ONE: Lines = Lines {
    lines: 1,
    persistent: false,
    relayed: false,
};

impl Story {
    /// A softphone that is online, knows its station, and has nothing left to say.
    pub(super) fn softphone(answer: AnswerPolicy, lines: Lines) -> Self {
        let mut story = Self::new(answer);
        story.phone.config.softphone = true;
        story.phone.connect(story.now).unwrap();
        let attempt = story.reach_dial();
        story.stream(attempt, connected());
        story.watches();
        story.lists(&[]);
        story.has_station(lines);
        story.said.clear();
        story
    }

    /// The phone subscribes to what it watches.
    fn watches(&mut self) {
        let (id, subscriptions) = self.request("subscriptions");
        let topics = json!([{"id": "v2.users.u?alertingleader&conversations&station"}]);
        assert_eq!(subscriptions.body, Some(topics));
        self.reply(id, 200, r#"{"entities":[]}"#);
    }

    fn lists(&mut self, conversations: &[Value]) {
        let (list, _) = self.request("api/v2/conversations");
        self.reply(list, 200, &json!({ "entities": conversations }).to_string());
    }

    fn has_station(&mut self, lines: Lines) {
        let (user, request) = self.request("users/me");
        assert_eq!(request.url.query(), Some("expand=station"));
        let station = json!({"id": "u", "chat": {"jabberId": "agent@org.example"}, "station": {"effectiveStation": {"id": "st 1"}}});
        self.reply(user, 200, &station.to_string());
        let (station, _) = self.request("stations/st+1");
        let body = json!({"id": "st 1", "webRtcCallAppearances": lines.lines, "webRtcPersistentEnabled": lines.persistent,
            "webRtcForceTurn": lines.relayed});
        self.reply(station, 200, &body.to_string());
    }

    /// The cloud tells of a conversation, in which the user has one leg.
    pub(super) fn tells(&mut self, conversation: &str, state: &str, more: Value) {
        let mut leg = json!({"id": format!("leg of {conversation}"), "state": state, "muted": false, "held": false});
        let mut part = json!({"id": format!("part of {conversation}"), "userId": "u", "purpose": "agent"});
        for (name, value) in more.as_object().into_iter().flatten() {
            let target = if name == "purpose" { &mut part } else { &mut leg };
            target[name] = value.clone();
        }
        part["calls"] = json!([leg]);
        self.notifies(CONVERSATIONS, &json!({"id": conversation, "participants": [part]}));
    }

    pub(super) fn notifies(&mut self, topic: &str, body: &Value) {
        let json = json!({"topicName": topic, "eventBody": body}).to_string();
        let json = json.replace('&', "&amp;").replace('<', "&lt;");
        let notification = format!(
            "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='{topic}'><item id='i'>\
             <json xmlns='urn:xmpp:json:0'>{json}</json></item></items></event>"
        );
        self.message("notifications.mypurecloud.de", notification.parse().unwrap());
    }

    /// A session for this conversation, with its media connected.
    pub(super) fn carries(&mut self, session: &str, conversation: &str) -> SessionId {
        let id = SessionId::new(session);
        self.propose(session, conversation, true);
        self.offers(GATEWAY, session, conversation, false);
        self.reports(&id, SessionReport::Active(true));
        id
    }

    /// Where calls stand, as they were told since the last look.
    pub(super) fn calls(&mut self) -> Vec<(String, CallState)> {
        let calls = self.all_events().into_iter().filter_map(|event| match event {
            Event::Call(call) => Some((call.conversation.to_string(), call.state)),
            _ => None,
        });
        calls.collect()
    }

    pub(super) fn call_of(&self, conversation: &str) -> TrackedCall {
        let call = self.phone.call(&ConversationId::new(conversation));
        call.expect("a call").clone()
    }

    pub(super) fn changes(&mut self, conversation: &str, change: CallChange) -> CallToken {
        let conversation = ConversationId::new(conversation);
        let changed = self.phone.change_call(self.now, &conversation, change);
        changed.expect("there is such a call")
    }

    /// The requests about calls, as `PATCH .../participants/part {"muted":true}`.
    pub(super) fn asked(&mut self) -> Vec<String> {
        self.drain();
        let asked = self.said.iter().filter_map(|output| match output {
            Output::Http { request, .. } if request.url.path().contains("/conversations/") => {
                let body = request.body.as_ref().map(ToString::to_string).unwrap_or_default();
                let path = request.url.path().trim_start_matches("/api/v2/conversations/");
                Some(format!("{:?} {path} {body}", request.method))
            }
            _ => None,
        });
        asked.filter(|asked| !asked.contains("/metadata")).collect()
    }

    /// How the last change went.
    fn came_of(&mut self, token: CallToken) -> Option<Result<(), CallChangeError>> {
        self.events().into_iter().find_map(|event| match event {
            Event::CallChanged { call, result } if call == token => Some(result),
            _ => None,
        })
    }

    pub(super) fn ends(&mut self, session: &SessionId) -> bool {
        self.drain();
        self.said
            .iter()
            .any(|output| matches!(output, Output::EndSession { session: ended, .. } if ended == session))
    }
}

#[test]
fn the_phone_watches_conversations_and_tells_of_nobody_elses() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    story.tells("c", "alerting", json!({}));
    let events = story.all_events();
    assert!(
        matches!(&events[..], [Event::Call(call)] if call.state == CallState::Alerting),
        "the notification itself nobody asked for: {events:?}"
    );
    let topic: crate::Topic = CONVERSATIONS.parse().unwrap();
    story
        .phone
        .subscribe(
            story.now,
            std::slice::from_ref(&topic),
            crate::Priority::default(),
            false,
        )
        .unwrap();
    story.tells("c", "connected", json!({}));
    let told = story.events();
    assert!(
        told.iter()
            .any(|event| matches!(event, Event::Topics(crate::TopicEvent::Notified(_)))),
        "{told:?}"
    );
    story.phone.unsubscribe(story.now, &[topic]).unwrap();
    story.tells("c", "disconnected", json!({}));
    assert_eq!(
        story.calls(),
        [("c".into(), CallState::Ended(CallEnd::Cloud))],
        "the phone goes on watching"
    );
}

#[test]
fn a_placed_call_is_dialing_at_once_and_ends_if_it_is_refused_or_never_proposed() {
    let mut story = Story::softphone(only_placed(), ONE);
    let posted = call(&mut story);
    story.reply(posted, 200, r#"{"id":"c"}"#);
    assert_eq!(story.calls(), [("c".into(), CallState::Dialing)]);
    story.tells("c", "disconnected", json!({"errorInfo": {"code": "error.number"}}));
    assert_eq!(story.calls(), [("c".into(), CallState::Ended(CallEnd::Cloud))]);
    assert_eq!(
        story.call_of("c").error.map(|error| error.code).as_deref(),
        Some("error.number")
    );

    let posted = call(&mut story);
    story.reply(posted, 200, r#"{"id":"d"}"#);
    story.pass(Duration::from_secs(121));
    let ended = CallState::Ended(CallEnd::NoProposal);
    assert_eq!(story.calls(), [("d".into(), CallState::Dialing), ("d".into(), ended)]);
}

#[test]
fn what_the_application_does_with_a_call_is_asked_of_rest() {
    let part = "calls/c/participants/part+of+c";
    let cases = [
        (
            CallChange::Muted(true),
            json!({}),
            format!(r#"Patch {part} {{"muted":true}}"#),
        ),
        (
            CallChange::Held(true),
            json!({}),
            format!(r#"Patch {part} {{"held":true}}"#),
        ),
        (
            CallChange::Held(false),
            json!({}),
            format!(r#"Patch {part} {{"held":false}}"#),
        ),
        (
            CallChange::Answered,
            json!({}),
            format!(r#"Patch {part} {{"state":"connected"}}"#),
        ),
        (
            CallChange::Ended,
            json!({}),
            format!(r#"Patch {part} {{"state":"disconnected"}}"#),
        ),
        (
            CallChange::Declined,
            json!({}),
            format!(r#"Patch {part} {{"state":"disconnected"}}"#),
        ),
        (
            CallChange::Declined,
            json!({"purpose": "user"}),
            format!(r#"Post {part}/replace {{"voicemail":true}}"#),
        ),
        (
            CallChange::Voicemail,
            json!({}),
            format!(r#"Post {part}/replace {{"voicemail":true}}"#),
        ),
        (
            CallChange::Digits("12#".into()),
            json!({}),
            r##"Post c/participants/part+of+c/digits {"digits":"12#"}"##.into(),
        ),
    ];
    for (change, more, expected) in cases {
        let mut story = Story::softphone(AnswerPolicy::default(), ONE);
        story.carries("s", "c");
        story.tells("c", "connected", more);
        let token = story.changes("c", change.clone());
        assert_eq!(story.asked(), [expected], "{change:?}");
        let place = story
            .said
            .iter()
            .rposition(|output| matches!(output, Output::Http { .. }));
        let Some(Output::Http { id, .. }) = story.said.remove(place.unwrap()) else {
            panic!()
        };
        story.said.clear();
        story.reply(id, 202, "");
        assert_eq!(story.came_of(token), Some(Ok(())), "{change:?}");
    }
}

#[test]
fn the_users_part_is_read_when_no_notification_has_told_it() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    story.carries("s", "c");
    story.said.clear();
    let token = story.changes("c", CallChange::Muted(true));
    let (find, _) = story.request("conversations/calls/c");
    let part = json!({"id": "p", "userId": "u", "purpose": "agent", "calls": [{"id": "l", "state": "connected"}]});
    story.reply(find, 200, &json!({"id": "c", "participants": [part]}).to_string());
    let (patch, _) = story.request("conversations/calls/c/participants/p");
    story.reply(patch, 500, r#"{"message":"out of order"}"#);
    let Some(Err(CallChangeError::Rest(error))) = story.came_of(token) else {
        panic!()
    };
    assert!(error.to_string().ends_with("out of order"), "{error}");
    let unknown = ConversationId::new("nobody's");
    assert_eq!(
        story.phone.change_call(story.now, &unknown, CallChange::Muted(true)),
        Err(CommandError::UnknownCall(unknown))
    );
}

#[test]
fn hanging_up_ends_the_session_when_rest_fails_or_the_session_does_not_follow() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    let session = story.carries("s", "c");
    story.tells("c", "connected", json!({}));
    let token = story.changes("c", CallChange::Ended);
    let (patch, _) = story.request("participants/part+of+c");
    assert!(!story.ends(&session));
    story.reply(patch, 202, "");
    assert_eq!(story.came_of(token), Some(Ok(())));
    story.pass(Duration::from_secs(6));
    assert!(story.ends(&session), "it has had its time");

    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    let session = story.carries("s", "c");
    story.tells("c", "connected", json!({}));
    let token = story.changes("c", CallChange::Ended);
    let (patch, _) = story.request("participants/part+of+c");
    story.reply(patch, 404, "");
    assert!(story.ends(&session));
    assert_eq!(story.came_of(token), Some(Ok(())));
}

#[test]
fn without_the_softphone_calls_are_what_sessions_show_and_can_be_ended() {
    let mut story = Story::online(AnswerPolicy::default());
    let session = with_session(&mut story);
    story.reports(&session, SessionReport::Active(true));
    assert_eq!(story.call_of("conversation-1").state, CallState::Connected);
    let conversation = ConversationId::new("conversation-1");
    assert_eq!(
        story
            .phone
            .change_call(story.now, &conversation, CallChange::Muted(true)),
        Err(CommandError::NoSoftphone)
    );
    story.said.clear();
    story.changes("conversation-1", CallChange::Ended);
    assert!(story.ends(&session));
}

#[test]
fn rule_31_hold_on_an_inactive_call_does_nothing() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    story.tells("c", "alerting", json!({}));
    story.said.clear();
    let token = story.changes("c", CallChange::Held(true));
    assert_eq!(story.asked(), [""; 0]);
    assert_eq!(story.came_of(token), Some(Ok(())));
}

const THREE: Lines = Lines {
    lines: 3,
    persistent: true,
    relayed: false,
};

#[test]
fn a_call_that_is_accepted_puts_others_on_hold_where_there_are_lines_for_several() {
    for (lines, held) in [(ONE, 0), (THREE, 1)] {
        let mut story = Story::softphone(AnswerPolicy::default(), lines);
        story.carries("s", "c");
        story.tells("c", "connected", json!({}));
        story.said.clear();
        story.propose("t", "d", true);
        let asked = story.asked();
        assert_eq!(asked.len(), held, "{asked:?}");
        assert!(
            asked
                .iter()
                .all(|asked| asked.ends_with(r#"calls/c/participants/part+of+c {"held":true}"#))
        );
    }
}

#[test]
fn rule_33_a_persistent_connection_that_is_set_up_holds_nobody_and_is_no_call() {
    let mut story = Story::softphone(AnswerPolicy::default(), THREE);
    story.carries("s", "c");
    story.tells("c", "connected", json!({}));
    story.all_events();
    let silent = "<propose xmlns='urn:xmpp:jingle-message:0' id='p' inin-cid='standing' inin-sdp-over-xmpp='true' \
                  inin-priv-answer-mode='Auto'/>";
    story.message(GATEWAY, silent.parse().unwrap());
    assert_eq!(story.asked(), [""; 0]);
    story.offers(GATEWAY, "p", "standing", false);
    story.reports(&SessionId::new("p"), SessionReport::Active(true));
    assert_eq!(story.calls(), []);
}

#[test]
fn rule_35_taking_a_call_back_holds_only_live_real_calls() {
    let mut story = Story::softphone(AnswerPolicy::default(), THREE);
    for (session, conversation) in [("s", "mine"), ("t", "talking"), ("v", "held")] {
        story.carries(session, conversation);
    }
    story.tells("mine", "connected", json!({"held": true}));
    story.tells("talking", "connected", json!({}));
    story.tells("held", "connected", json!({"held": true}));
    story.tells("rings", "alerting", json!({}));
    story.tells("elsewhere", "connected", json!({}));
    story.said.clear();
    story.changes("mine", CallChange::Held(false));
    let asked = story.asked();
    let expected = [
        r#"Patch calls/talking/participants/part+of+talking {"held":true}"#,
        r#"Patch calls/mine/participants/part+of+mine {"held":false}"#,
    ];
    assert_eq!(asked, expected);
}

#[test]
fn calls_beyond_the_most_at_once_ring_until_another_has_ended() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    story.phone.config.calls_at_once = Some(1);
    let session = story.carries("s", "c");
    story.said.clear();
    story.propose("t", "d", true);
    assert_eq!(story.messages(), [""; 0]);
    let reason = Reason::Success;
    let by = session::EndedBy::Remote;
    story.reports(&session, SessionReport::Ended { reason, by });
    assert_eq!(story.messages(), [format!("proceed t -> {GATEWAY}")]);
}

#[test]
fn everything_with_one_far_end_is_ended_at_once() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    let one = story.carries("s", "c");
    story.propose("t", "d", false);
    let jid = |text: &str| text.parse::<jid::Jid>().unwrap();
    let ended = |story: &mut Story, at: &str| {
        let at = jid(at);
        story.phone.end_all(story.now, Some(&at), Reason::Success).unwrap()
    };
    assert_eq!(ended(&mut story, "call@gjoll.example/other"), EndedAll::default());
    let all = EndedAll {
        proposals: vec![SessionId::new("t")],
        sessions: vec![one.clone()],
    };
    assert_eq!(ended(&mut story, "call@gjoll.example"), all);
    assert!(story.ends(&one));
}

#[test]
fn rule_41_a_call_that_the_cloud_ends_before_its_media_connect_ends_its_session() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    story.propose("s", "c", true);
    story.offers(GATEWAY, "s", "c", false);
    story.tells("c", "connected", json!({}));
    assert!(!story.ends(&SessionId::new("s")));
    story.tells("c", "disconnected", json!({}));
    assert!(story.ends(&SessionId::new("s")));
}

#[test]
fn rule_32_calls_that_ended_while_signalling_was_away_end_when_it_is_back() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    for conversation in ["over", "on"] {
        story.tells(conversation, "connected", json!({}));
    }
    let attempt = story.attempt();
    story.closed(attempt, xmpp::CloseReason::ByPeer);
    story.said.clear();
    story.wait_for_attempt();
    let attempt = story.dialled().expect("the channel is known");
    story.stream(attempt, connected());
    let leg = json!({"id": "leg of on", "state": "connected"});
    let part = json!({"id": "part of on", "userId": "u", "purpose": "agent", "calls": [leg]});
    story.lists(&[json!({"id": "on", "participants": [part]})]);
    assert_eq!(story.calls(), [("over".into(), CallState::Ended(CallEnd::Cloud))]);
}

#[test]
fn a_station_may_want_relayed_media() {
    let mut story = Story::softphone(AnswerPolicy::default(), Lines { relayed: true, ..ONE });
    story.propose("s", "c", true);
    story.offers(GATEWAY, "s", "c", false);
    let policy = story.said.iter().find_map(|output| match output {
        Output::StartSession(start) => Some(start.ice.policy),
        _ => None,
    });
    assert_eq!(policy, Some(IcePolicy::Relay));
    let station = story.phone.station().expect("a station");
    assert_eq!((station.id.as_str(), station.lines), ("st 1", 1));
}

#[test]
fn the_connection_that_rings_is_claimed_and_told() {
    let mut story = Story::softphone(AnswerPolicy::default(), ONE);
    let token = story.phone.claim_alerting_leader(story.now).unwrap();
    let (claim, request) = story.request("users/alertingleader");
    assert_eq!(request.body, Some(json!({"connectionId": "channel-1"})));
    story.reply(claim, 202, "");
    assert_eq!(story.came_of(token), Some(Ok(())));
    for (connection, ours) in [
        (json!("channel-1"), true),
        (json!("another"), false),
        (Value::Null, false),
    ] {
        story.notifies("v2.users.u.alertingleader", &json!({"connectionId": connection}));
        let told = story.events();
        assert!(
            matches!(told[..], [Event::AlertingLeader { ours: told, .. }] if told == ours),
            "{told:?}"
        );
    }
}
