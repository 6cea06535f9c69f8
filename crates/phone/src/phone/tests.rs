//! Stories that need no stream: login, attempts that are given up, proposals, placed calls, the end.

mod attempts;
mod explored;
mod initiated;
mod jingle;
mod kept;
mod life;
mod moving;
mod replaced;
mod reporting;
mod rules;
mod softphone;
mod standing;

use offhook_jingle::{InitiationMessage, message::Ending};
use offhook_xmpp as xmpp;
use proptest::prelude::*;

use super::*;
use crate::{
    error::ConnectError,
    http::{HttpId, HttpReply, HttpRequest},
};

const USER: &str = r#"{"id":"u","chat":{"jabberId":"agent@org.example"}}"#;
const GATEWAY: &str = "call@gjoll.example/1";

/// Where virtual time begins.
#[allow(clippy::disallowed_methods)]
fn an_instant() -> Instant {
    Instant::now()
}

/// A phone, its virtual time, and everything it said that was not looked at yet.
struct Story {
    phone: Phone,
    now: Instant,
    said: VecDeque<Output>,
}

impl Story {
    fn new(answer: AnswerPolicy) -> Self {
        let endpoints = Endpoints::region("mypurecloud.de").unwrap();
        let config = PhoneConfig {
            answer,
            ..PhoneConfig::new(endpoints, "secret-token".into())
        };
        let now = an_instant();
        Self {
            phone: Phone::new(config, [1; 32], now),
            now,
            said: VecDeque::new(),
        }
    }

    /// A phone that is online, with nothing left to say.
    fn online(answer: AnswerPolicy) -> Self {
        let mut story = Self::new(answer);
        story.phone.connect(story.now).unwrap();
        let attempt = story.reach_dial();
        story.stream(attempt, connected());
        story.said.clear();
        story
    }

    fn drain(&mut self) {
        loop {
            match self.phone.poll_output() {
                Output::Timeout(_) => return,
                output => self.said.push_back(output),
            }
        }
    }

    fn input(&mut self, input: Input) {
        self.phone.handle_input(self.now, input);
        self.drain();
    }

    fn stream(&mut self, attempt: AttemptId, event: xmpp::Event) {
        self.input(Input::Stream { attempt, event });
    }

    /// The next REST request that was not looked at.
    fn request(&mut self, path: &str) -> (HttpId, HttpRequest) {
        self.drain();
        let place = self
            .said
            .iter()
            .position(|output| matches!(output, Output::Http { request, .. } if request.url.path().ends_with(path)));
        match self
            .said
            .remove(place.unwrap_or_else(|| panic!("no request for {path}: {:?}", self.said)))
        {
            Some(Output::Http { id, request, .. }) => (id, request),
            other => panic!("{other:?}"),
        }
    }

    fn reply(&mut self, id: HttpId, status: u16, body: &str) {
        let reply = HttpReply {
            status,
            correlation: None,
            retry_after: None,
            body: body.into(),
        };
        self.input(Input::Reply {
            id,
            attempt: 1,
            result: Ok(reply),
        });
    }

    fn reach_dial(&mut self) -> AttemptId {
        let (channel, _) = self.request("notifications/channels");
        if self.phone.signalling.account.is_none() {
            let (user, _) = self.request("users/me");
            self.reply(user, 200, USER);
        }
        self.reply(channel, 200, r#"{"id":"channel-1"}"#);
        self.dialled().expect("both replies are there")
    }

    fn dialled(&mut self) -> Option<AttemptId> {
        self.drain();
        self.said.iter().find_map(|output| match output {
            Output::Dial { attempt, .. } => Some(*attempt),
            _ => None,
        })
    }

    /// What was told since the last look, but for what becomes of calls (the module `softphone` looks at those).
    fn events(&mut self) -> Vec<Event> {
        let mut events = self.all_events();
        events.retain(|event| !matches!(event, Event::Call(_)));
        events
    }

    fn all_events(&mut self) -> Vec<Event> {
        self.drain();
        let said = std::mem::take(&mut self.said);
        said.into_iter()
            .filter_map(|output| match output {
                Output::Event(event) => Some(event),
                _ => None,
            })
            .collect()
    }

    /// The messages that went out, as `proceed call-1 -> gateway`.
    fn messages(&mut self) -> Vec<String> {
        self.drain();
        let said = self.said.iter().filter_map(|output| match output {
            Output::Stream(StreamCommand::Message { to, payload, .. }) => Some(format!(
                "{} {} -> {to}",
                payload.name(),
                payload.attr("id").unwrap_or_default()
            )),
            _ => None,
        });
        said.collect()
    }

    fn attempt(&self) -> AttemptId {
        match self.phone.signalling.state {
            signalling::State::Online { attempt, .. } => attempt,
            _ => panic!("not online"),
        }
    }

    /// The stream of an attempt closes, and cannot be resumed.
    fn closed(&mut self, attempt: AttemptId, reason: xmpp::CloseReason) {
        self.input(Input::Closed {
            attempt,
            reason,
            resumption: None,
        });
    }

    /// Lets time pass until an attempt is made.
    fn wait_for_attempt(&mut self) {
        while let SignallingState::Waiting { until } = self.phone.signalling() {
            self.now = until;
            self.input(Input::Timeout);
        }
    }

    /// Lets time pass.
    fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        loop {
            self.drain();
            let Output::Timeout(wake) = self.phone.poll_output() else {
                continue;
            };
            if wake > until {
                break;
            }
            self.now = self.now.max(wake);
            self.input(Input::Timeout);
        }
        self.now = until;
    }

    fn propose(&mut self, id: &str, conversation: &str, auto: bool) {
        let text = format!(
            "<propose xmlns='urn:xmpp:jingle-message:0' id='{id}' inin-cid='{conversation}' inin-autoanswer='{auto}' \
             inin-sdp-over-xmpp='true'/>"
        );
        self.message(GATEWAY, text.parse().unwrap());
    }

    fn message(&mut self, from: &str, payload: minidom::Element) {
        let message = xmpp::Message {
            from: Some(from.parse().unwrap()),
            payloads: vec![payload],
        };
        self.stream(self.attempt(), xmpp::Event::Message(message));
    }
}

fn connected() -> xmpp::Event {
    let jid = xmpp::FullJid::new("agent@org.example/desk").unwrap();
    xmpp::Event::Connected(xmpp::Connected {
        jid,
        services: Vec::new(),
        server_pings: true,
        resumed: false,
    })
}

fn only_placed() -> AnswerPolicy {
    AnswerPolicy {
        placed: true,
        auto: false,
        always: false,
    }
}

fn call(story: &mut Story) -> HttpId {
    let to = OutboundCall::to(Destination::PhoneNumber("+4930".into()));
    story.phone.place_call(story.now, &to).unwrap();
    let (id, request) = story.request("conversations/calls");
    assert_eq!(request.body.unwrap().to_string(), r#"{"phoneNumber":"+4930"}"#);
    id
}

#[test]
fn login_asks_for_the_user_and_the_channel_at_once_and_dials_with_both() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    let (channel, request) = story.request("notifications/channels");
    assert_eq!(request.url.query(), Some("connectionType=streaming"));
    story.reply(channel, 200, r#"{"id":"channel-1"}"#);
    assert_eq!(story.dialled(), None, "the user is not known yet");
    story.reply(user, 200, USER);
    let attempt = story.dialled().unwrap();
    story.stream(attempt, connected());
    assert!(matches!(
        story.events()[..],
        [Event::Connected { .. }, Event::IceServers(_)]
    ));
}

#[test]
fn a_refused_token_ends_the_attempt_and_the_other_reply_changes_nothing() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    let (channel, _) = story.request("notifications/channels");
    story.reply(user, 401, "");
    let [Event::ConnectFailed(error)] = &story.events()[..] else {
        panic!()
    };
    assert!(
        error.credentials_refused() && error.code() == "invalid_token",
        "{error}"
    );
    story.reply(channel, 200, r#"{"id":"channel-1"}"#);
    assert_eq!(story.dialled(), None);
}

#[test]
fn a_user_without_a_chat_address_is_an_error_that_names_it() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let (user, _) = story.request("users/me");
    story.reply(user, 200, r#"{"id":"u","chat":{"jabberId":"@"}}"#);
    let [Event::ConnectFailed(error @ ConnectError::Account { .. })] = &story.events()[..] else {
        panic!()
    };
    assert!(error.to_string().contains("\"@\""), "{error}");
}

#[test]
fn disconnect_during_an_attempt_cancels_it_and_it_can_never_go_live() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    let attempt = story.reach_dial();
    story.phone.disconnect(story.now).unwrap();
    story.drain();
    assert!(
        story
            .said
            .iter()
            .any(|output| matches!(output, Output::Abandon(id) if *id == attempt))
    );
    assert_eq!(story.events(), [Event::ConnectFailed(ConnectError::Cancelled)]);
    story.stream(attempt, connected());
    assert!(!story.phone.is_connected());
    assert_eq!(story.events(), []);
}

#[test]
fn connecting_while_the_old_stream_closes_waits_for_its_end() {
    let mut story = Story::online(AnswerPolicy::default());
    let attempt = story.attempt();
    story.phone.disconnect(story.now).unwrap();
    story.phone.connect(story.now).unwrap();
    assert!(story.events().is_empty());
    story.closed(attempt, xmpp::CloseReason::ByUs);
    story.wait_for_attempt();
    story.reach_dial();
}

#[test]
fn the_resource_stays_over_connections() {
    let mut story = Story::new(AnswerPolicy::default());
    let mut resources = Vec::new();
    for _ in 0..2 {
        story.phone.connect(story.now).unwrap();
        story.wait_for_attempt();
        let attempt = story.reach_dial();
        resources.extend(story.said.drain(..).filter_map(|output| match output {
            Output::Dial { config, .. } => Some(config.resource),
            _ => None,
        }));
        story.stream(attempt, connected());
        story.phone.disconnect(story.now).unwrap();
        story.closed(attempt, xmpp::CloseReason::ByUs);
        story.said.clear();
    }
    assert_eq!(resources.len(), 2);
    assert_eq!(resources[0], resources[1]);
}

#[test]
fn a_placed_call_is_accepted_when_its_proposal_comes_after_the_reply() {
    let mut story = Story::online(only_placed());
    let posted = call(&mut story);
    story.reply(posted, 200, r#"{"id":"conversation-1"}"#);
    story.propose("call-1", "conversation-1", false);
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
}

#[test]
fn a_placed_call_is_accepted_when_its_proposal_comes_before_the_reply() {
    let mut story = Story::online(only_placed());
    let posted = call(&mut story);
    story.propose("call-1", "conversation-1", false);
    story.propose("call-2", "conversation-2", false);
    assert_eq!(story.messages(), [""; 0], "nobody knows yet whose calls these are");
    story.reply(posted, 200, r#"{"id":"conversation-1"}"#);
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
}

#[test]
fn a_placed_call_whose_proposal_never_comes_is_forgotten() {
    let mut story = Story::online(only_placed());
    let posted = call(&mut story);
    story.reply(posted, 200, r#"{"id":"conversation-1"}"#);
    story.now += Duration::from_secs(121);
    story.input(Input::Timeout);
    story.propose("call-1", "conversation-1", false);
    assert_eq!(story.messages(), [""; 0]);
}

#[test]
fn a_refused_call_says_why() {
    let mut story = Story::online(only_placed());
    let posted = call(&mut story);
    story.reply(posted, 400, r#"{"message":"not a number"}"#);
    let [Event::CallRefused { error, .. }] = &story.events()[..] else {
        panic!()
    };
    assert!(error.to_string().ends_with("HTTP 400: not a number"), "{error}");
}

#[test]
fn policies_decide_what_is_accepted_without_asking() {
    let never = AnswerPolicy {
        placed: false,
        auto: false,
        always: false,
    };
    let cases = [
        (never, false, false),
        (never, true, false),
        (AnswerPolicy { auto: true, ..never }, false, false),
        (AnswerPolicy { auto: true, ..never }, true, true),
        (AnswerPolicy { always: true, ..never }, false, true),
    ];
    for (policy, asks, accepted) in cases {
        let mut story = Story::online(policy);
        story.propose("call-1", "conversation-1", asks);
        assert_eq!(
            story.messages().len(),
            usize::from(accepted),
            "{policy:?}, asks: {asks}"
        );
        assert!(
            matches!(story.events()[..], [Event::Proposed(_)]),
            "it is told either way"
        );
    }
}

#[test]
fn nobody_but_a_gateway_opens_the_microphone_without_asking() {
    let mut story = Story::online(AnswerPolicy {
        placed: true,
        auto: true,
        always: true,
    });
    let propose = "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='c' inin-autoanswer='true' \
                   inin-sdp-over-xmpp='true'/>";
    story.message(
        "call@gjoll.example/1",
        propose
            .replace("call-1", "call-0")
            .replace("'c'", "'d'")
            .parse()
            .unwrap(),
    );
    // A resource is anybody's to choose.
    story.message("colleague@org.example/gjoll", propose.parse().unwrap());
    assert_eq!(story.messages(), ["proceed call-0 -> call@gjoll.example/1"]);
    assert!(
        story.phone.accept(story.now, &SessionId::new("call-1")).is_ok(),
        "the application may"
    );
}

#[test]
fn what_rings_is_judged_again_when_signalling_is_back() {
    let mut story = Story::online(only_placed());
    let posted = call(&mut story);
    story.propose("call-1", "conversation-1", false);
    let attempt = story.attempt();
    story.closed(attempt, xmpp::CloseReason::ByPeer);
    story.reply(posted, 200, r#"{"id":"conversation-1"}"#);
    story.said.clear();
    story.wait_for_attempt();
    let attempt = story.dialled().expect("the channel is known");
    story.stream(attempt, connected());
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
}

#[test]
fn connecting_that_is_taken_back_while_closing_is_answered() {
    let mut story = Story::online(AnswerPolicy::default());
    story.phone.disconnect(story.now).unwrap();
    story.phone.connect(story.now).unwrap();
    story.phone.disconnect(story.now).unwrap();
    assert_eq!(story.events(), [Event::ConnectFailed(ConnectError::Cancelled)]);
}

#[test]
fn ending_a_proposal_rejects_it() {
    let mut story = Story::online(AnswerPolicy::default());
    story.propose("call-1", "conversation-1", false);
    story
        .phone
        .end(story.now, &SessionId::new("call-1"), Reason::Decline)
        .unwrap();
    assert_eq!(
        story.messages(),
        [
            "reject call-1 -> agent@org.example".into(),
            format!("reject call-1 -> {GATEWAY}")
        ]
    );
    let unknown = SessionId::new("call-1");
    assert_eq!(
        story.phone.end(story.now, &unknown, Reason::Decline),
        Err(CommandError::UnknownSession(unknown.clone()))
    );
}

#[test]
fn a_retracted_proposal_is_told_as_cancelled() {
    let mut story = Story::online(AnswerPolicy::default());
    story.propose("call-1", "conversation-1", false);
    story.message(
        GATEWAY,
        InitiationMessage::Retract(Ending::new(SessionId::new("call-1"))).to_element(),
    );
    let id = SessionId::new("call-1");
    assert!(matches!(&story.events()[..], [Event::Proposed(_), Event::ProposalCancelled(gone)] if *gone == id));
}

#[test]
fn shutdown_closes_and_is_final() {
    let mut story = Story::online(AnswerPolicy::default());
    let attempt = story.attempt();
    story.phone.shutdown(story.now);
    assert_eq!(story.events(), [], "the stream is still closing");
    story.closed(attempt, xmpp::CloseReason::ByUs);
    assert!(matches!(
        story.events()[..],
        [Event::Disconnected { .. }, Event::ShutDown]
    ));
    assert_eq!(story.phone.connect(story.now), Err(CommandError::ShutDown));
}

#[test]
fn nothing_that_is_said_shows_the_token() {
    let mut story = Story::new(AnswerPolicy::default());
    story.phone.connect(story.now).unwrap();
    story.drain();
    story.reply(HttpId(1), 200, USER);
    story.reply(HttpId(2), 200, r#"{"id":"c"}"#);
    assert!(story.dialled().is_some());
    for shown in [format!("{:?}", story.said), format!("{:?}", story.phone)] {
        assert!(!shown.contains("secret-token"));
    }
}

/// One thing that may happen, chosen by numbers.
fn happen(story: &mut Story, kind: u8, which: u8) {
    let id = SessionId::new(format!("call-{}", which % 4));
    let attempt = AttemptId(u64::from(which));
    let now = story.now;
    match kind % 14 {
        0 => drop(story.phone.connect(now)),
        1 => drop(story.phone.disconnect(now)),
        2 => story.reply(HttpId(u64::from(which)), 200, USER),
        3 => story.reply(HttpId(u64::from(which)), 200, r#"{"id":"conversation-1"}"#),
        4 => story.stream(attempt, connected()),
        5 => story.closed(attempt, xmpp::CloseReason::ByPeer),
        6 if story.phone.is_connected() => story.propose(id.as_str(), "conversation-1", which > 128),
        7 if story.phone.is_connected() => {
            story.message(GATEWAY, InitiationMessage::Retract(Ending::new(id)).to_element());
        }
        8 => drop(story.phone.accept(now, &id)),
        9 => drop(story.phone.reject(now, &id, which > 128)),
        10 => drop(story.phone.end(now, &id, Reason::Success)),
        11 => drop(
            story
                .phone
                .place_call(now, &OutboundCall::to(Destination::Queue("q".into()))),
        ),
        12 => story.now += Duration::from_secs(u64::from(which)),
        13 if which == 255 => story.phone.shutdown(now),
        _ => story.input(Input::Timeout),
    }
    story.drain();
}

proptest! {
    #[test]
    fn the_same_seed_and_inputs_give_the_same_outputs(steps in prop::collection::vec((any::<u8>(), any::<u8>()), 0..60)) {
        let start = an_instant();
        let run = || {
            let mut story = Story::new(AnswerPolicy::default());
            story.now = start;
            story.phone = Phone::new(story.phone.config.clone(), [2; 32], start);
            for (kind, which) in &steps {
                happen(&mut story, *kind, *which);
            }
            format!("{:?}", story.said)
        };
        prop_assert_eq!(run(), run());
    }
}
