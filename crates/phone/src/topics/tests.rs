//! Stories of subscriptions, in virtual time.

mod faults;
mod model;
mod places;

use serde_json::json;

use super::*;
use crate::http::{HttpFailure, HttpReply};

/// Where virtual time begins.
#[allow(clippy::disallowed_methods)]
fn an_instant() -> Instant {
    Instant::now()
}

fn topics(names: &[&str]) -> Vec<Topic> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn ordinary(names: &[&str]) -> Vec<(Topic, Priority)> {
    let topics = topics(names).into_iter();
    topics.map(|topic| (topic, Priority::default())).collect()
}

/// What REST answers.
fn reply(status: u16, retry_after: Option<u64>, body: &str) -> Result<Reply, ReplyError> {
    let reply = HttpReply {
        status,
        correlation: None,
        retry_after: retry_after.map(Duration::from_secs),
        body: body.into(),
    };
    Reply::judge("the list", &"".into(), Ok(reply))
}

/// The topics of one client, their virtual time, and everything they said that was not looked at yet.
struct Story {
    topics: Topics,
    now: Instant,
    said: Vec<Output>,
    rest: RestId,
    pubsub: Vec<PubsubId>,
}

impl Story {
    fn new(config: TopicsConfig) -> Self {
        let now = an_instant();
        Self {
            topics: Topics::new(config, now),
            now,
            said: Vec::new(),
            rest: RestId(0),
            pubsub: Vec::new(),
        }
    }

    /// Signalling stands under channel `c1`, and nothing is wanted.
    fn online() -> Self {
        let mut story = Self::new(TopicsConfig::default());
        story.connect("c1");
        assert!(story.tell().is_empty());
        story
    }

    /// The channel holds `u.a`, a list that was sent; the socket holds `u.p`, by pubsub.
    fn with_both() -> Self {
        let mut story = Self::online();
        story.subscribe(&["u.a"]);
        story.pass(100);
        story.granted();
        story.immediate(&["u.p"]);
        story.answer(Ok(()));
        story.tell();
        story
    }

    fn input(&mut self, input: Input) {
        self.topics.handle_input(self.now, input);
    }

    fn connect(&mut self, channel: &str) {
        let channel = Some(ChannelId(channel.to_owned()));
        self.input(Input::Connected {
            channel,
            resumed: false,
        });
    }

    /// Signalling is lost and comes back.
    fn reconnect(&mut self, channel: &str) {
        self.input(Input::Disconnected);
        self.connect(channel);
    }

    fn subscribe(&mut self, names: &[&str]) -> u64 {
        let priority = Priority::default();
        self.topics.subscribe(self.now, &topics(names), priority, false).0
    }

    fn immediate(&mut self, names: &[&str]) -> u64 {
        let priority = Priority::default();
        self.topics.subscribe(self.now, &topics(names), priority, true).0
    }

    fn unsubscribe(&mut self, names: &[&str]) -> u64 {
        self.topics.unsubscribe(self.now, &topics(names)).0
    }

    fn bulk(&mut self, names: &[&str], replace: bool, force: bool) -> u64 {
        let options = BulkOptions { replace, force };
        self.topics.bulk_subscribe(self.now, &ordinary(names), options).0
    }

    fn drain(&mut self) -> Instant {
        loop {
            match self.topics.poll_output() {
                Output::Timeout(at) => return at,
                output => self.said.push(output),
            }
        }
    }

    /// Lets milliseconds pass, timeout by timeout.
    fn pass(&mut self, milliseconds: u64) {
        let end = self.now + Duration::from_millis(milliseconds);
        while self.now < end {
            self.now = self.drain().min(end);
            self.input(Input::Timeout);
        }
    }

    /// What was said since the last look.
    fn tell(&mut self) -> Vec<String> {
        self.drain();
        let said = std::mem::take(&mut self.said);
        said.into_iter().map(|output| self.line(output)).collect()
    }

    fn line(&mut self, output: Output) -> String {
        match output {
            Output::Rest { id, method, path, body } => {
                self.rest = id;
                let names = body.as_array().unwrap().iter();
                let names: Vec<&str> = names.map(|name| name["id"].as_str().unwrap()).collect();
                assert!(path.starts_with("notifications/channels/"), "{path}");
                format!("{method} {}", names.join(" "))
            }
            Output::CancelRest(_) => "cancel".to_owned(),
            Output::Pubsub { id, action, node } => {
                self.pubsub.push(id);
                format!("{action:?} {node}")
            }
            Output::ChannelGone => "channel gone".to_owned(),
            Output::Event(TopicEvent::Settled {
                command,
                result: Ok(results),
            }) => {
                let states = results
                    .into_iter()
                    .map(|result| format!(" {}={}", result.topic, state(&result.state)));
                format!("{}:{}", command.0, states.collect::<String>())
            }
            Output::Event(TopicEvent::Settled {
                command,
                result: Err(error),
            }) => format!("{}: {error}", command.0),
            Output::Event(TopicEvent::Rejected(result)) => format!("{} {}", result.topic, state(&result.state)),
            Output::Event(TopicEvent::ResubscribeFailed(error)) => format!("not again: {error}"),
            Output::Event(TopicEvent::System(system)) => format!("{system:?}"),
            Output::Event(TopicEvent::Notified(it)) => format!("{} {:?} {}", it.topic, it.correlation, it.raw),
            Output::Timeout(_) => unreachable!("drain stops there"),
        }
    }

    fn replied(&mut self, result: Result<Reply, ReplyError>) {
        self.tell();
        let id = self.rest;
        self.input(Input::Replied { id, result });
    }

    /// REST takes the list, and says nothing more.
    fn granted(&mut self) {
        self.replied(reply(200, None, "{}"));
    }

    /// Answers the oldest pubsub request.
    fn answer(&mut self, result: Result<(), PubsubFailure>) {
        let said = self.tell();
        assert!(!self.pubsub.is_empty(), "pubsub was not asked: {said:?}");
        let id = self.pubsub.remove(0);
        self.input(Input::PubsubAnswered { id, result });
    }
}

fn state(state: &TopicState) -> String {
    match state {
        TopicState::Rejected {
            reason,
            missing_permissions,
        } => format!(
            "Rejected({} {})",
            reason.as_deref().unwrap_or_default(),
            missing_permissions.join(",")
        ),
        TopicState::Permitted | TopicState::Unknown | TopicState::TooMany | TopicState::Withdrawn => {
            format!("{state:?}")
        }
    }
}

#[test]
fn the_recorded_client_asks_for_the_same() {
    let mut story = Story::new(TopicsConfig {
        partial: false,
        ..TopicsConfig::default()
    });
    story.connect("streaming-0-50665e2ee2444e2e870517dbbf");
    let user = "v2.users.11111111-2222-4333-8444-555555555555";
    story.immediate(&[&format!("{user}.conversations")]);
    assert_eq!(story.tell(), [format!("Subscribe {user}.conversations")]);
    story.answer(Ok(()));
    story.subscribe(&[&format!("{user}.presence")]);
    story.pass(99);
    assert_eq!(story.tell(), [format!("1: {user}.conversations=Permitted")]);
    story.pass(1);
    story.drain();
    let [Output::Rest { method, path, body, .. }] = &story.said[..] else {
        panic!("{:?}", story.said)
    };
    assert_eq!(*method, Method::Put);
    assert_eq!(
        path,
        "notifications/channels/streaming-0-50665e2ee2444e2e870517dbbf/subscriptions"
    );
    let list = json!([{"id": "v2.users.11111111-2222-4333-8444-555555555555?conversations&presence"}]);
    assert_eq!(body, &list);
    let recorded = r#"{"entities":[{"id":"v2.users.11111111-2222-4333-8444-555555555555?conversations&presence","state":"Permitted",
        "selfUri":"/api/v2/notifications/channels/streaming-0-50665e2ee2444e2e870517dbbf/subscriptions/..."}]}"#;
    story.replied(reply(200, None, recorded));
    assert_eq!(story.tell(), [format!("2: {user}.presence=Permitted")]);

    // The same channel again: it has kept both.
    story.reconnect("streaming-0-50665e2ee2444e2e870517dbbf");
    story.pass(1000);
    assert!(story.tell().is_empty());

    // A new channel: one list.
    story.input(Input::Published {
        node: "x.no_longer_subscribed".into(),
        items: vec!["{}".into()],
    });
    story.reconnect("streaming-0-58f70a1f0b7845cf864b2e5992");
    story.pass(100);
    assert_eq!(
        story.tell(),
        [
            "NoLongerSubscribed".to_owned(),
            format!("PUT {user}?conversations&presence")
        ]
    );
}

#[test]
fn one_subscription_at_the_server_serves_however_many_asked() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.a"]);
    story.granted();
    assert_eq!(story.tell(), ["1: u.a=Unknown"]);
    story.subscribe(&["u.a", "u.a"]);
    story.immediate(&["u.a"]);
    story.bulk(&["u.a"], false, false);
    assert_eq!(story.tell(), ["2: u.a=Unknown", "3: u.a=Unknown", "4: u.a=Unknown"]);
    for command in 5..8 {
        story.unsubscribe(&["u.a"]);
        assert_eq!(story.tell(), [format!("{command}:")]);
    }
    story.pass(1000);
    assert!(story.tell().is_empty(), "somebody still wants it");
    story.unsubscribe(&["u.a"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT "]);
    story.granted();
    assert_eq!(story.tell(), ["8:"]);
    story.unsubscribe(&["u.a"]);
    assert_eq!(story.tell(), ["9:"], "nothing to do is done at once");
}

#[test]
fn changes_that_follow_each_other_are_one_list_after_a_second_at_most() {
    let mut story = Story::online();
    for _ in 0..30 {
        story.subscribe(&["u.a"]);
        story.pass(30);
        story.subscribe(&["u.b"]);
    }
    assert!(story.tell().is_empty());
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&b"]);

    let mut story = Story::online();
    for _ in 0..40 {
        story.subscribe(&["u.a"]);
        story.pass(30);
    }
    assert_eq!(story.tell(), ["PUT u.a"], "changes without end do not keep it back");
}

#[test]
fn only_one_list_is_under_way_and_the_next_one_says_the_latest() {
    let mut story = Story::online();
    story.subscribe(&["u.a"]);
    story.pass(100);
    story.subscribe(&["u.b"]);
    story.pass(500);
    story.unsubscribe(&["u.a"]);
    story.pass(500);
    assert_eq!(story.tell(), ["PUT u.a"]);
    story.granted();
    assert!(story.tell().is_empty(), "the first list may have put it there");
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.b"]);
    story.granted();
    assert_eq!(story.tell(), ["1: u.a=Withdrawn", "2: u.b=Unknown", "3:"]);
}

#[test]
fn a_bulk_that_only_adds_is_posted_at_once_with_what_is_new() {
    let mut story = Story::online();
    story.bulk(&["u.a", "u.b"], false, false);
    assert_eq!(story.tell(), ["POST u?a&b"]);
    story.granted();
    assert_eq!(story.tell(), ["1: u.a=Unknown u.b=Unknown"]);
    story.bulk(&["u.b", "u.c"], false, false);
    assert_eq!(story.tell(), ["POST u.c"]);
    story.granted();
    assert_eq!(story.tell(), ["2: u.b=Unknown u.c=Unknown"]);
}

#[test]
fn a_bulk_that_replaces_keeps_what_was_subscribed_singly_unless_forced() {
    let mut story = Story::online();
    story.bulk(&["u.a"], false, false);
    story.granted();
    story.subscribe(&["u.s"]);
    story.pass(100);
    story.granted();
    story.tell();
    story.bulk(&["u.b"], true, false);
    assert!(story.tell().is_empty(), "it is gathered");
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?b&s"]);
    story.granted();
    assert_eq!(story.tell(), ["3: u.b=Unknown"]);
    story.bulk(&["u.c"], true, true);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u.c"]);
}

#[test]
fn commands_wait_for_signalling() {
    let mut story = Story::new(TopicsConfig::default());
    story.subscribe(&["u.a", "u.b"]);
    story.immediate(&["u.c"]);
    story.unsubscribe(&["u.b"]);
    story.pass(60_000);
    assert!(story.tell().is_empty());
    story.connect("c1");
    assert_eq!(story.tell(), ["3:"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT u?a&c"], "pubsub is not asked: one list takes all");
    story.granted();
    assert_eq!(story.tell(), ["1: u.a=Unknown u.b=Withdrawn", "2: u.c=Unknown"]);
}

#[test]
fn refusals_name_the_missing_permissions_and_a_topic_alone_is_known_better() {
    let mut story = Story::online();
    story.subscribe(&["u.a", "u.b", "v.c"]);
    story.pass(100);
    assert!(matches!(&story.topics.poll_output(), Output::Rest { path, .. } if path.ends_with("?ignoreErrors=true")));
    let answer = json!({"entities": [
        {"id": "u.b", "state": "Rejected", "rejectionReason": "no", "missingPermissions": ["p:q", "r:s"]},
        {"id": "u?a&b", "state": "Permitted"},
    ]});
    story.rest = story.topics.flight.as_ref().unwrap().id;
    story.replied(reply(200, None, &answer.to_string()));
    assert_eq!(story.tell(), ["1: u.a=Permitted u.b=Rejected(no p:q,r:s) v.c=Unknown"]);
    story.pass(3_600_000);
    assert!(story.tell().is_empty(), "a refusal is not asked for again by itself");
    story.subscribe(&["u.b"]);
    story.pass(100);
    assert_eq!(
        story.tell(),
        ["PUT u?a&b v.c"],
        "but whoever subscribes again asks again"
    );
}

#[test]
fn more_topics_than_a_channel_takes_leave_out_the_least_important() {
    let mut story = Story::new(TopicsConfig {
        limit: 2,
        ..TopicsConfig::default()
    });
    story.connect("c1");
    let important = Priority(7);
    story.topics.subscribe(story.now, &topics(&["z.z"]), important, false);
    story.subscribe(&["a.a", "b.b"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT z.z a.a"]);
    story.granted();
    assert_eq!(story.tell(), ["1: z.z=Unknown", "2: a.a=Unknown b.b=TooMany"]);
    story.unsubscribe(&["a.a"]);
    story.pass(100);
    assert_eq!(story.tell(), ["PUT z.z b.b"], "there is room again");
}

#[test]
fn notifications_come_with_their_data_and_their_text() {
    let mut story = Story::online();
    let text = r#"{"topicName": "u.a", "version": "2", "metadata": {"CorrelationId": "k"}, "eventBody": {"n": 1.50}}"#;
    story.input(Input::Published {
        node: "u.a".into(),
        items: vec![text.to_owned(), "{".to_owned(), "{}".to_owned()],
    });
    let Output::Event(TopicEvent::Notified(first)) = story.topics.poll_output() else {
        panic!()
    };
    assert_eq!(first.body(), Some(&json!({"n": 1.5})));
    assert_eq!((first.raw.as_str(), first.correlation.as_deref()), (text, Some("k")));
    assert_eq!(story.tell(), ["u.a None {}"], "what is no JSON is passed over");
}

#[test]
fn system_topics_are_known_whatever_stands_around_their_names() {
    let mut story = Story::online();
    for node in [
        "x.no_longer_subscribed",
        "duplicate_id",
        "v2.channel.streaming-subscriptions-expiring",
    ] {
        story.input(Input::Published {
            node: node.into(),
            items: Vec::new(),
        });
    }
    story.pass(1000);
    assert_eq!(
        story.tell(),
        ["NoLongerSubscribed", "DuplicateId", "SubscriptionsExpiring"]
    );
}

#[test]
fn names_of_topics_are_checked() {
    let long = format!("u.{}", "x".repeat(198));
    for bad in ["", ".", "a..b", "a.", "a b", "a\u{0}", "a&b", "a?b", &long] {
        assert!(bad.parse::<Topic>().is_err(), "{bad:?}");
    }
    for bad in ["a?", "a?b&", "?b", "a?b?c", "a?b&&c"] {
        assert!(Topic::split(bad).is_err(), "{bad:?}");
    }
    assert_eq!(Topic::split("v2.u.x").unwrap(), ["v2.u.x"]);
    assert!(long[..199].parse::<Topic>().is_ok());
}
