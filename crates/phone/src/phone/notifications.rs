//! Notification topics: what the application wants to hear of, by REST or by pubsub (XEP-0060), and what is heard.

use std::{collections::BTreeMap, time::Instant};

use jid::Jid;
use offhook_xmpp::{self as xmpp, pubsub};

use super::{Output, Phone, StreamCommand, signalling::State};
use crate::{
    error::CommandError,
    event::Event,
    http::{HttpId, ReplyError},
    rest::{Reply, Retry},
    topics::{
        self, BulkOptions, Priority, PubsubAction, PubsubFailure, PubsubId, RestId, SystemTopic, Topic, TopicEvent,
        TopicsToken,
    },
};

const SUBSCRIPTIONS: &str = "subscribing to topics (notifications/channels/{id}/subscriptions)";

/// Which of the phone's requests are about topics.
#[derive(Debug, Default)]
pub(super) struct Subscribing {
    rest: BTreeMap<HttpId, RestId>,
    pubsub: BTreeMap<xmpp::Token, PubsubId>,
}

impl Subscribing {
    /// The pubsub requests that have no outcome yet.
    pub(super) fn tokens(&self) -> impl Iterator<Item = xmpp::Token> {
        self.pubsub.keys().copied()
    }
}

impl Phone {
    /// Subscribes to topics, once more for those that are subscribed to already. They are asked for now or with the next
    /// connection; with `immediate` by pubsub on the stream, else by REST for the channel. What became of them is told by
    /// [`TopicEvent::Settled`].
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn subscribe(
        &mut self,
        now: Instant,
        wanted: &[Topic],
        priority: Priority,
        immediate: bool,
    ) -> Result<TopicsToken, CommandError> {
        self.command(now)?;
        let token = self.topics.subscribe(self.now, wanted, priority, immediate);
        self.drain_topics();
        Ok(token)
    }

    /// Takes back one subscription to each topic; with the last one, the server is asked for it no more.
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn unsubscribe(&mut self, now: Instant, unwanted: &[Topic]) -> Result<TopicsToken, CommandError> {
        self.command(now)?;
        let token = self.topics.unsubscribe(self.now, unwanted);
        self.drain_topics();
        Ok(token)
    }

    /// Subscribes to a whole list.
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn bulk_subscribe(
        &mut self,
        now: Instant,
        wanted: &[(Topic, Priority)],
        options: BulkOptions,
    ) -> Result<TopicsToken, CommandError> {
        self.command(now)?;
        let token = self.topics.bulk_subscribe(self.now, wanted, options);
        self.drain_topics();
        Ok(token)
    }

    pub(super) fn topics_input(&mut self, input: topics::Input) {
        self.topics.handle_input(self.now, input);
        self.drain_topics();
    }

    pub(super) fn drain_topics(&mut self) {
        loop {
            match self.topics.poll_output() {
                topics::Output::Rest { id, method, path, body } => {
                    let request = self.ask(SUBSCRIPTIONS, method, &path, Some(body), Retry::Patient);
                    self.subscribing.rest.insert(request, id);
                }
                topics::Output::CancelRest(id) => {
                    let cancelled = self.subscribing.rest.extract_if(.., |_, topic| *topic == id);
                    for (request, _) in cancelled.collect::<Vec<_>>() {
                        self.cancel_request(request);
                    }
                }
                topics::Output::Pubsub { id, action, node } => self.ask_pubsub(id, action, &node),
                topics::Output::ChannelGone => {
                    tracing::warn!("the API does not know the channel any more");
                    self.superseded();
                }
                topics::Output::Event(event) => self.topic_event(event),
                topics::Output::Timeout(wake) => {
                    self.topics_wake = wake;
                    return;
                }
            }
        }
    }

    fn topic_event(&mut self, event: TopicEvent) {
        match &event {
            TopicEvent::System(SystemTopic::NoLongerSubscribed | SystemTopic::DuplicateId) => {
                tracing::warn!(?event, "the next connection needs a new channel");
                self.superseded();
            }
            TopicEvent::Notified(notification) if self.watched(notification) => return,
            TopicEvent::Settled { command, .. } if self.watching_settled(*command) => return,
            TopicEvent::Rejected(result) if self.is_only_watched(&result.topic) => {
                return tracing::warn!(?result, "the cloud does not tell of the user's calls");
            }
            TopicEvent::System(SystemTopic::SubscriptionsExpiring)
            | TopicEvent::Notified(_)
            | TopicEvent::Settled { .. }
            | TopicEvent::Rejected(_)
            | TopicEvent::ResubscribeFailed(_) => {}
        }
        self.emit(Event::Topics(event));
    }

    fn ask_pubsub(&mut self, id: PubsubId, action: PubsubAction, node: &Topic) {
        let account = match &self.ringing {
            Some(ringing) if self.is_connected() => ringing.local.to_bare(),
            _ => {
                let result = Err(PubsubFailure::NoAnswer);
                return self
                    .topics
                    .handle_input(self.now, topics::Input::PubsubAnswered { id, result });
            }
        };
        let payload = match action {
            PubsubAction::Subscribe => pubsub::subscribe(node.as_str(), &account),
            PubsubAction::Unsubscribe => pubsub::unsubscribe(node.as_str(), &account),
        };
        let token = xmpp::Token(self.ids.next());
        self.subscribing.pubsub.insert(token, id);
        let request = xmpp::Request {
            token,
            to: Some(self.config.endpoints.pubsub().clone()),
            kind: xmpp::RequestKind::Set,
            payload,
            urgency: xmpp::Urgency::Normal,
        };
        self.outputs.push_back(Output::Stream(StreamCommand::Request(request)));
    }

    /// The outcome of a pubsub request; whether it was one.
    pub(super) fn pubsub_answered(&mut self, token: xmpp::Token, outcome: &xmpp::Outcome) -> bool {
        let Some(id) = self.subscribing.pubsub.remove(&token) else {
            return false;
        };
        let result = match outcome {
            xmpp::Outcome::Result(_) => Ok(()),
            xmpp::Outcome::Error(error) => Err(PubsubFailure::Refused {
                reason: error.to_string(),
            }),
            xmpp::Outcome::TimedOut | xmpp::Outcome::Lost => Err(PubsubFailure::NoAnswer),
        };
        self.topics_input(topics::Input::PubsubAnswered { id, result });
        true
    }

    /// Takes a reply that is about topics, or gives it back.
    pub(super) fn topics_replied(
        &mut self,
        request: HttpId,
        result: Result<Reply, ReplyError>,
    ) -> Option<Result<Reply, ReplyError>> {
        match self.subscribing.rest.remove(&request) {
            None => Some(result),
            Some(id) => {
                self.topics_input(topics::Input::Replied { id, result });
                None
            }
        }
    }

    /// A message's payload, if it is a notification of the pubsub service; whether it was.
    pub(super) fn notified(&mut self, from: &Jid, payload: &minidom::Element) -> bool {
        let Some(notification) = pubsub::Notification::read(payload) else {
            return false;
        };
        // The platform is free to name its service as it likes, but users are no services.
        if from.node().is_some() {
            tracing::debug!(%from, "a notification of another user is passed over");
            return true;
        }
        let json = |item: pubsub::Item| item.payload.as_ref().and_then(pubsub::json);
        let items = notification.items.into_iter().filter_map(json).collect();
        let node = notification.node;
        self.topics_input(topics::Input::Published { node, items });
        true
    }

    /// Says where topics live now: under the channel of the stream that stands.
    pub(super) fn topics_connected(&mut self, resumed: bool) {
        if let State::Online { .. } = self.signalling.state {
            let channel = self.signalling.channel.clone();
            self.topics_input(topics::Input::Connected { channel, resumed });
        }
    }
}
