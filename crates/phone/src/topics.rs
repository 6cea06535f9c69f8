//! Notification topics: who wants which, what the server holds, and what to ask it for so that both agree.
//!
//! A subscription lives in one of two places. Those made by REST belong to the *channel* and survive the WebSocket; those made by pubsub
//! (XEP-0060) on the stream belong to the *socket*. One subscription at the server serves however many asked for the topic.

mod answer;
mod event;
mod held;
mod list;
mod published;
mod settle;
mod sync;
mod topic;
mod wanted;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    time::{Duration, Instant},
};

use serde_json::Value;

pub use self::{
    event::{BulkOptions, Notification, SystemTopic, TopicEvent, TopicResult, TopicState, TopicsToken},
    topic::{Priority, Topic, TopicError},
};
use self::{
    held::{Channel, Exchange, Flight, OnSocket},
    settle::Waiting,
    wanted::Wanted,
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
    /// There is another token: what was refused for the last one may be taken now.
    NewToken,
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

/// How long an idle part lets the shell sleep.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Changes that wait for others, to be sent as one list.
#[derive(Debug)]
struct Gathering {
    since: Instant,
    until: Instant,
}

/// The subscriptions of one client.
///
/// Commands are remembered while signalling is down, and carried out when it stands. A command's token comes back in one
/// [`TopicEvent::Settled`]. Every [`Output::Rest`] is answered by one [`Input::Replied`] unless it is cancelled, and every [`Output::Pubsub`]
/// by [`Input::PubsubAnswered`], unless signalling comes back without having been resumed.
#[derive(Debug)]
pub(crate) struct Topics {
    config: TopicsConfig,
    wanted: Wanted,
    online: bool,
    /// The last channel that signalling stood under.
    channel: Option<Channel>,
    socket: BTreeMap<Topic, OnSocket>,
    flight: Option<Flight>,
    exchanges: BTreeMap<Topic, Exchange>,
    waiting: Vec<Waiting>,
    gathering: Option<Gathering>,
    /// REST failed: until when it is left alone.
    rest_pause: Option<Instant>,
    /// Pubsub did not answer: until when it is left alone.
    pubsub_pause: Option<Instant>,
    /// REST refused the list for good; only a change helps.
    blocked: bool,
    /// REST did not know the channel, and has taken no list since: another channel is no remedy.
    gone: bool,
    last_command: TopicsToken,
    last_id: u64,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Topics {
    /// Nothing is wanted yet, and signalling does not stand.
    pub(crate) fn new(config: TopicsConfig, now: Instant) -> Self {
        Self {
            config,
            wanted: Wanted::default(),
            online: false,
            channel: None,
            socket: BTreeMap::new(),
            flight: None,
            exchanges: BTreeMap::new(),
            waiting: Vec::new(),
            gathering: None,
            rest_pause: None,
            pubsub_pause: None,
            blocked: false,
            gone: false,
            last_command: TopicsToken(0),
            last_id: 0,
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Subscribes once more to each of these. With `immediate`, and while signalling stands, pubsub is asked at once for those that the
    /// server does not hold yet; else REST is given the whole list as soon as no more changes follow.
    pub(crate) fn subscribe(
        &mut self,
        now: Instant,
        topics: &[Topic],
        priority: Priority,
        immediate: bool,
    ) -> TopicsToken {
        let command = self.command(now);
        let topics = once(topics.iter());
        for topic in &topics {
            self.wanted.add_single(topic, priority, immediate && self.online);
            self.ask_anew(topic);
        }
        self.wait(command, topics, Vec::new())
    }

    /// Takes back one subscription to each of these, a single one before that of a bulk; the last one to go takes the topic from the
    /// server. A topic that is not subscribed to is none the less unsubscribed afterwards.
    pub(crate) fn unsubscribe(&mut self, now: Instant, topics: &[Topic]) -> TopicsToken {
        let command = self.command(now);
        let mut gone = once(topics.iter());
        gone.iter().for_each(|topic| self.wanted.remove(topic));
        // Those that others still want are settled as they are.
        gone.retain(|topic| !self.wanted.contains(topic));
        self.wait(command, Vec::new(), gone)
    }

    /// Subscribes to a whole list: at once if it only adds, else as soon as no more changes follow.
    pub(crate) fn bulk_subscribe(
        &mut self,
        now: Instant,
        topics: &[(Topic, Priority)],
        options: BulkOptions,
    ) -> TopicsToken {
        let command = self.command(now);
        let mut gone = self.wanted.clear(options.replace, options.force);
        for (topic, priority) in topics {
            self.wanted.add_bulk(topic, *priority);
            self.ask_anew(topic);
        }
        gone.retain(|topic| !self.wanted.contains(topic));
        self.add_missing();
        self.wait(command, once(topics.iter().map(|(topic, _)| topic)), gone)
    }

    /// Subscribes to these at once and for good, whatever the application does, or waits for that again under another channel.
    pub(crate) fn keep(&mut self, now: Instant, topics: &[Topic]) -> TopicsToken {
        let command = self.command(now);
        topics.iter().for_each(|topic| self.wanted.add_own(topic));
        self.add_missing();
        self.wait(command, topics.to_vec(), Vec::new())
    }

    /// Whether the application subscribed to this topic.
    pub(crate) fn is_asked_for(&self, topic: &Topic) -> bool {
        self.wanted.is_asked_for(topic)
    }

    /// Says what happened outside.
    pub(crate) fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        match input {
            Input::Connected { channel, resumed } => self.connected(channel, resumed),
            Input::Disconnected => self.disconnected(),
            Input::Replied { id, result } => self.rest_replied(id, result),
            Input::PubsubAnswered { id, result } => self.pubsub_answered(id, result),
            Input::Published { node, items } => self.published(&node, items),
            Input::NewToken => self.blocked = false,
            Input::Timeout => {}
        }
        self.step();
    }

    /// What to do next; [`Output::Timeout`] when there is nothing more to do before that time.
    #[must_use]
    pub(crate) fn poll_output(&mut self) -> Output {
        let gathered = self.gathering.as_ref().map(|gathering| gathering.until);
        let wakes = [gathered, self.rest_pause, self.pubsub_pause];
        // What is due but waits for an answer needs no clock.
        let next = wakes.into_iter().flatten().filter(|wake| *wake > self.now).min();
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Timeout(next.unwrap_or(self.now + IDLE)))
    }

    /// What every command begins with.
    fn command(&mut self, now: Instant) -> TopicsToken {
        self.now = self.now.max(now);
        self.blocked = false;
        if let Some(gathering) = &mut self.gathering {
            let latest = gathering.since + self.config.debounce_at_most;
            gathering.until = (self.now + self.config.debounce).min(latest);
        }
        self.last_command.0 += 1;
        self.last_command
    }

    /// What every command ends with.
    fn wait(&mut self, token: TopicsToken, subscribed: Vec<Topic>, unsubscribed: Vec<Topic>) -> TopicsToken {
        self.waiting.push(Waiting {
            token,
            subscribed,
            unsubscribed,
        });
        self.step();
        token
    }

    /// A refusal does not hold for those who ask again.
    fn ask_anew(&mut self, topic: &Topic) {
        if let Some(OnSocket::Rejected { .. }) = self.socket.get(topic) {
            self.socket.remove(topic);
        }
        if let Some(channel) = &mut self.channel
            && channel.held.get(topic).is_some_and(|held| !held.may_notify())
        {
            channel.held.remove(topic);
        }
    }

    /// Lets time pass, asks for what is missing, answers commands.
    fn step(&mut self) {
        self.rest_pause = self.rest_pause.filter(|until| *until > self.now);
        self.pubsub_pause = self.pubsub_pause.filter(|until| *until > self.now);
        self.sync();
        self.settle();
    }

    fn emit(&mut self, event: TopicEvent) {
        self.outputs.push_back(Output::Event(event));
    }

    fn next_id(&mut self) -> u64 {
        self.last_id += 1;
        self.last_id
    }
}

/// Each of these once, in their order.
fn once<'a>(topics: impl Iterator<Item = &'a Topic>) -> Vec<Topic> {
    let mut seen = BTreeSet::new();
    topics.filter(|topic| seen.insert(*topic)).cloned().collect()
}
