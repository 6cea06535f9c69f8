//! Which commands are carried out: those for whose topics nothing is left to ask.

use super::{
    Topic, TopicEvent, TopicResult, TopicState, Topics, TopicsToken,
    held::{OnChannel, OnSocket},
};
use crate::http::ReplyError;

/// A command that is not answered yet.
#[derive(Debug)]
pub(super) struct Waiting {
    pub(super) token: TopicsToken,
    /// What it subscribed to, in its order.
    pub(super) subscribed: Vec<Topic>,
    /// What it unsubscribed from.
    pub(super) unsubscribed: Vec<Topic>,
}

impl Waiting {
    fn topics(&self) -> impl Iterator<Item = &Topic> {
        self.subscribed.iter().chain(&self.unsubscribed)
    }
}

impl Topics {
    /// Answers the commands that wait for nothing any more.
    pub(super) fn settle(&mut self) {
        for waiting in std::mem::take(&mut self.waiting) {
            if waiting.topics().all(|topic| self.is_settled(topic)) {
                let results = waiting.subscribed.into_iter().map(|topic| self.result(topic)).collect();
                self.answer(waiting.token, Ok(results));
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// Tells the commands up to `last` that REST failed, if they waited for it; whether there was one.
    pub(super) fn settle_failed(&mut self, last: TopicsToken, error: &ReplyError) -> bool {
        let mut told = false;
        for waiting in std::mem::take(&mut self.waiting) {
            let by_rest = |topic: &Topic| !self.is_settled(topic) && !self.exchanges.contains_key(topic);
            if waiting.token <= last && waiting.topics().any(by_rest) {
                told = true;
                self.answer(waiting.token, Err(error.clone()));
            } else {
                self.waiting.push(waiting);
            }
        }
        told
    }

    /// Tells of refused topics that no command waits for.
    pub(super) fn tell_rejected(&mut self, topics: Vec<Topic>) {
        for topic in topics {
            let awaited = self.waiting.iter().any(|waiting| waiting.subscribed.contains(&topic));
            if !awaited && self.wanted.contains(&topic) {
                let result = self.result(topic);
                self.emit(TopicEvent::Rejected(result));
            }
        }
    }

    fn answer(&mut self, command: TopicsToken, result: Result<Vec<TopicResult>, ReplyError>) {
        self.emit(TopicEvent::Settled { command, result });
    }

    /// Whether nothing is left to ask for a topic.
    fn is_settled(&self, topic: &Topic) -> bool {
        if !self.online || self.exchanges.contains_key(topic) {
            return false;
        }
        let socket = self.socket.get(topic);
        let given_up = self.pubsub_pause.is_some();
        if self.wanted.contains(topic) {
            match socket {
                Some(OnSocket::Yes | OnSocket::Rejected { .. }) => true,
                Some(OnSocket::Stale | OnSocket::Doubtful) if self.channel.is_none() => given_up,
                Some(OnSocket::Stale | OnSocket::Doubtful) | None => self
                    .channel
                    .as_ref()
                    .is_some_and(|channel| channel.answer(topic).is_some()),
            }
        } else {
            let off_socket = match socket {
                Some(OnSocket::Yes | OnSocket::Stale | OnSocket::Doubtful) => given_up,
                Some(OnSocket::Rejected { .. }) | None => true,
            };
            let flying = self.flight.as_ref().is_some_and(|flight| flight.topics.contains(topic));
            let off_channel = self
                .channel
                .as_ref()
                .is_none_or(|channel| channel.certain && !channel.held.get(topic).is_some_and(OnChannel::may_notify));
            off_socket && off_channel && !flying
        }
    }

    fn result(&self, topic: Topic) -> TopicResult {
        let answer = self.channel.as_ref().and_then(|channel| channel.answer(&topic));
        let state = match self.socket.get(&topic) {
            _ if !self.wanted.contains(&topic) => TopicState::Withdrawn,
            Some(OnSocket::Yes) => TopicState::Permitted,
            Some(OnSocket::Rejected { reason }) => TopicState::Rejected {
                reason: Some(reason.clone()),
                missing_permissions: Vec::new(),
            },
            Some(OnSocket::Stale | OnSocket::Doubtful) | None => answer.cloned().unwrap_or(TopicState::Unknown),
        };
        TopicResult { topic, state }
    }
}
