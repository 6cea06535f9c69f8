//! Notification topics: who wants which, what the server holds, and what to ask it for so that both agree.
//!
//! A subscription lives in one of two places. Those made by REST belong to the *channel* and survive the WebSocket; those made by pubsub
//! (XEP-0060) on the stream belong to the *socket*. One subscription at the server serves however many asked for the topic.

mod event;
mod topic;

use std::time::{Duration, Instant};

use serde_json::Value;

pub use self::{
    event::{BulkOptions, Notification, SystemTopic, TopicEvent, TopicResult, TopicState, TopicsToken},
    topic::{Priority, Topic, TopicError},
};
use crate::{
    http::{Method, ReplyError},
    phone::ChannelId,
    rest::Reply,
};

/// How topics are subscribed to.
#[derive(Debug, Clone)]
pub(crate) struct TopicsConfig {
    /// How long changes are gathered before the whole list is sent: 100 ms.
    pub(crate) debounce: Duration,
    /// The longest that changes are gathered, however many follow each other: 1 s.
    pub(crate) debounce_at_most: Duration,
    /// How long after a failure the server is asked again: 30 s.
    pub(crate) again: Duration,
    /// How many names one channel takes: 1000.
    pub(crate) limit: usize,
    /// Whether a topic that is refused leaves the others alone (`?ignoreErrors=true`), and is told with its reason.
    pub(crate) partial: bool,
}

impl Default for TopicsConfig {
    fn default() -> Self {
        Self {
            debounce: Duration::from_millis(100),
            debounce_at_most: Duration::from_secs(1),
            again: Duration::from_secs(30),
            limit: 1000,
            partial: true,
        }
    }
}

/// Names one REST request about topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct RestId(pub(crate) u64);

/// Names one pubsub request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PubsubId(pub(crate) u64);

/// What a pubsub request asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PubsubAction {
    Subscribe,
    Unsubscribe,
}

/// Why a pubsub request was not granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PubsubFailure {
    /// The service answered with an error.
    Refused { reason: String },
    /// There was no answer, whether it was asked or not.
    NoAnswer,
}

/// What happened outside.
#[derive(Debug)]
pub(crate) enum Input {
    /// Signalling stands.
    Connected {
        /// The channel of its WebSocket; without one (guests, other servers) everything goes by pubsub.
        channel: Option<ChannelId>,
        /// Whether the stream was resumed (XEP-0198): then nothing was lost.
        resumed: bool,
    },
    /// Signalling is gone.
    Disconnected,
    /// The end of an [`Output::Rest`].
    Replied {
        id: RestId,
        result: Result<Reply, ReplyError>,
    },
    /// The end of an [`Output::Pubsub`].
    PubsubAnswered {
        id: PubsubId,
        result: Result<(), PubsubFailure>,
    },
    /// Something was published: the texts of the items' JSON payloads.
    Published { node: String, items: Vec<String> },
    /// Time has passed.
    Timeout,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Make a REST request, patiently; the path is below `/api/v2/`.
    Rest {
        id: RestId,
        method: Method,
        path: String,
        body: Value,
    },
    /// Forget that request.
    CancelRest(RestId),
    /// Ask the pubsub service, for our bare JID.
    Pubsub {
        id: PubsubId,
        action: PubsubAction,
        node: Topic,
    },
    /// The API does not know the channel any more.
    ChannelGone,
    /// Tell the application.
    Event(TopicEvent),
    /// Nothing more to do before this time.
    Timeout(Instant),
}

/// The subscriptions of one client.
#[derive(Debug)]
pub(crate) struct Topics {
    config: TopicsConfig,
    now: Instant,
}

impl Topics {
    pub(crate) fn new(config: TopicsConfig, now: Instant) -> Self {
        Self { config, now }
    }

    /// Subscribes once more to each of these. With `immediate`, topics that the server does not hold yet are asked for by pubsub at once.
    pub(crate) fn subscribe(&mut self, now: Instant, _: &[Topic], _: Priority, _: bool) -> TopicsToken {
        self.now = now;
        TopicsToken(0)
    }

    /// Takes back one subscription to each of these, of whichever kind; the last one that goes takes the topic from the server.
    pub(crate) fn unsubscribe(&mut self, now: Instant, _: &[Topic]) -> TopicsToken {
        self.now = now;
        TopicsToken(0)
    }

    /// Subscribes to a whole list.
    pub(crate) fn bulk_subscribe(&mut self, now: Instant, _: &[(Topic, Priority)], _: BulkOptions) -> TopicsToken {
        self.now = now;
        TopicsToken(0)
    }

    pub(crate) fn handle_input(&mut self, now: Instant, _: Input) {
        self.now = now;
    }

    #[must_use]
    pub(crate) fn poll_output(&mut self) -> Output {
        Output::Timeout(self.now + self.config.again)
    }
}
