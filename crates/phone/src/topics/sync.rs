//! Bringing the server to what is wanted: what to ask, in which way, and what its answers mean.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{
    Gathering, Output, PubsubAction, PubsubFailure, PubsubId, RestId, Topic, TopicEvent, TopicState, Topics,
    answer::Answer,
    held::{Channel, Exchange, Flight, OnChannel, OnSocket},
    list::List,
    wanted::Want,
};
use crate::{
    http::{Method, ReplyError},
    phone::ChannelId,
    rest::Reply,
};

/// The longest that a `Retry-After` is believed.
const LONGEST_PAUSE: Duration = Duration::from_secs(24 * 60 * 60);

impl Topics {
    /// Signalling stands, under this channel.
    pub(super) fn connected(&mut self, channel: Option<ChannelId>, resumed: bool) {
        if self.online {
            self.disconnected();
        }
        self.online = true;
        let same = self.channel.as_ref().map(|channel| &channel.id) == channel.as_ref();
        if same && resumed {
            return;
        }
        (self.rest_pause, self.pubsub_pause, self.blocked) = (None, None, false);
        if same {
            // The channel has kept what it holds; what was on the socket is asked for again, or taken away for good.
            for (topic, _) in std::mem::take(&mut self.exchanges) {
                self.socket.insert(topic, OnSocket::Stale);
            }
            self.socket.retain(|_, held| !matches!(held, OnSocket::Rejected { .. }));
            self.socket.values_mut().for_each(|held| *held = OnSocket::Stale);
        } else {
            // Nothing is left of the old channel, nor of its socket: one list for all.
            self.exchanges.clear();
            self.socket.clear();
            self.wanted.leave_to_rest();
            self.channel = channel.map(Channel::new);
        }
    }

    /// Signalling is gone. Pubsub requests may still be answered if the stream is resumed; REST begins anew when signalling stands again.
    pub(super) fn disconnected(&mut self) {
        self.online = false;
        self.gathering = None;
        if let Some(flight) = self.flight.take() {
            self.outputs.push_back(Output::CancelRest(flight.id));
            self.doubt_channel();
        }
    }

    /// All subscriptions are to be made again, those under way too.
    pub(super) fn renew(&mut self) {
        self.blocked = false;
        if let Some(flight) = &mut self.flight {
            flight.outdated = true;
        }
        match &mut self.channel {
            Some(channel) => {
                let untouched = self.wanted.is_empty()
                    && channel.held.is_empty()
                    && self.socket.is_empty()
                    && self.exchanges.is_empty();
                channel.certain &= untouched;
            }
            None => {
                self.socket.values_mut().for_each(|held| *held = OnSocket::Stale);
                self.exchanges.values_mut().for_each(|exchange| exchange.overrun = true);
            }
        }
    }

    fn doubt_channel(&mut self) {
        if let Some(channel) = &mut self.channel {
            channel.certain = false;
        }
    }

    /// Asks for what is missing and takes away what is too much.
    pub(super) fn sync(&mut self) {
        if self.online {
            self.sync_pubsub();
            self.sync_rest();
        }
    }

    fn sync_pubsub(&mut self) {
        if self.pubsub_pause.is_some() {
            return;
        }
        let wanted = self
            .wanted
            .iter()
            .filter(|(topic, want)| self.wants_pubsub(topic, want));
        let subscribe: Vec<Topic> = wanted.map(|(topic, _)| topic.clone()).collect();
        let surplus = self.socket.iter().filter(|(topic, held)| {
            !self.wanted.contains(topic)
                && !matches!(held, OnSocket::Rejected { .. })
                && !self.exchanges.contains_key(topic)
        });
        let unsubscribe: Vec<Topic> = surplus.map(|(topic, _)| topic.clone()).collect();
        for topic in subscribe {
            self.ask_pubsub(PubsubAction::Subscribe, topic);
        }
        for topic in unsubscribe {
            self.doubt(&topic);
            self.ask_pubsub(PubsubAction::Unsubscribe, topic);
        }
    }

    /// Whether pubsub is to be asked for a wanted topic now.
    fn wants_pubsub(&self, topic: &Topic, want: &Want) -> bool {
        let held = self.socket.get(topic);
        let Some(channel) = &self.channel else {
            let missing = matches!(held, Some(OnSocket::Stale | OnSocket::Doubtful) | None);
            return missing && !self.exchanges.contains_key(topic);
        };
        let flying = self.flight.as_ref().is_some_and(|flight| flight.topics.contains(topic));
        let wants = match held {
            Some(OnSocket::Stale) => !channel.has(topic),
            Some(OnSocket::Yes | OnSocket::Doubtful | OnSocket::Rejected { .. }) => false,
            None => want.immediate && channel.answer(topic).is_none(),
        };
        wants && !flying && !self.exchanges.contains_key(topic)
    }

    /// Some servers keep one list for both ways: what pubsub takes away may be gone from the channel too, or not.
    fn doubt(&mut self, topic: &Topic) {
        let held = self.channel.as_mut().and_then(|channel| channel.held.get_mut(topic));
        if let Some(held) = held.filter(|held| held.may_notify()) {
            *held = OnChannel::Unsure;
        }
        if let Some(flight) = &mut self.flight {
            flight.unsure.insert(topic.clone());
        }
    }

    fn ask_pubsub(&mut self, action: PubsubAction, topic: Topic) {
        let id = PubsubId(self.next_id());
        self.socket.remove(&topic);
        self.outputs.push_back(Output::Pubsub {
            id,
            action,
            node: topic.clone(),
        });
        let exchange = Exchange {
            id,
            action,
            overrun: false,
        };
        self.exchanges.insert(topic, exchange);
    }

    pub(super) fn pubsub_answered(&mut self, id: PubsubId, result: Result<(), PubsubFailure>) {
        let asked = self.exchanges.iter().find(|(_, exchange)| exchange.id == id);
        let Some(topic) = asked.map(|(topic, _)| topic.clone()) else {
            tracing::debug!(?id, "an answer of an earlier socket");
            return;
        };
        let Some(Exchange { action, overrun, .. }) = self.exchanges.remove(&topic) else {
            return;
        };
        let held = match (action, result) {
            (PubsubAction::Subscribe, Ok(())) if overrun => Some(OnSocket::Stale),
            (PubsubAction::Subscribe, Ok(())) => Some(OnSocket::Yes),
            (PubsubAction::Subscribe, Err(PubsubFailure::Refused { reason })) => Some(OnSocket::Rejected { reason }),
            // What was not subscribed cannot be unsubscribed: that is fine too.
            (PubsubAction::Unsubscribe, Ok(()) | Err(PubsubFailure::Refused { .. })) => None,
            (PubsubAction::Subscribe | PubsubAction::Unsubscribe, Err(PubsubFailure::NoAnswer)) => {
                self.pubsub_pause = Some(self.now + self.config.again);
                self.wanted.leave_one_to_rest(&topic);
                Some(OnSocket::Doubtful)
            }
        };
        let refused = matches!(held, Some(OnSocket::Rejected { .. }));
        match held {
            Some(held) => self.socket.insert(topic.clone(), held),
            None => self.socket.remove(&topic),
        };
        if refused {
            self.tell_rejected(vec![topic]);
        }
    }

    /// Whether REST is to be asked for a wanted topic.
    fn wants_rest(&self, channel: &Channel, topic: &Topic, want: &Want) -> bool {
        let missing = match channel.held.get(topic) {
            Some(OnChannel::Answered(_)) => false,
            Some(OnChannel::Unsure) | None => true,
        };
        let by_rest = match self.socket.get(topic) {
            Some(OnSocket::Yes | OnSocket::Stale | OnSocket::Rejected { .. }) => false,
            Some(OnSocket::Doubtful) => true,
            None => !want.immediate || self.pubsub_pause.is_some(),
        };
        missing && by_rest && !self.exchanges.contains_key(topic)
    }

    fn sync_rest(&mut self) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.flight.is_none()) else {
            return;
        };
        let surplus = channel.has_surplus(|topic| self.wanted.contains(topic));
        let missing = self
            .wanted
            .iter()
            .any(|(topic, want)| self.wants_rest(channel, topic, want));
        if !surplus && !missing {
            self.gathering = None;
        } else if self.rest_pause.is_none() && !self.blocked {
            let now = self.now;
            let gathering = self.gathering.get_or_insert(Gathering {
                since: now,
                until: now + self.config.debounce,
            });
            if gathering.until <= now && !self.is_taking_away() {
                self.gathering = None;
                self.send_all();
            }
        }
    }

    /// Whether pubsub is taking away a topic that is wanted again. The list must not overtake that.
    fn is_taking_away(&self) -> bool {
        let taking = |exchange: &Exchange| exchange.action == PubsubAction::Unsubscribe;
        let mut exchanges = self.exchanges.iter();
        exchanges.any(|(topic, exchange)| taking(exchange) && self.wanted.contains(topic))
    }

    fn everything(&self) -> List {
        let all = self.wanted.iter().map(|(topic, want)| (topic, want.priority));
        List::new(all, self.config.limit)
    }

    /// Sends the whole list, to take the place of what the channel holds.
    fn send_all(&mut self) {
        let list = self.everything();
        if !list.left_out.is_empty() {
            let (limit, left_out) = (self.config.limit, list.left_out.len());
            tracing::warn!(limit, left_out, first = %list.left_out[0], "more topics than a channel takes");
        }
        self.ask_rest(Method::Put, list);
    }

    /// Adds what is missing at once, if that is all there is to do.
    pub(super) fn add_missing(&mut self) {
        let Some(channel) = self.channel.as_ref().filter(|_| self.online && self.flight.is_none()) else {
            return;
        };
        let surplus = channel.has_surplus(|topic| self.wanted.contains(topic));
        if surplus || self.rest_pause.is_some() || !self.everything().left_out.is_empty() {
            return;
        }
        let missing = self
            .wanted
            .iter()
            .filter(|(topic, want)| self.wants_rest(channel, topic, want));
        let list = List::new(missing.map(|(topic, want)| (topic, want.priority)), self.config.limit);
        if !list.topics.is_empty() {
            self.ask_rest(Method::Post, list);
        }
    }

    fn ask_rest(&mut self, method: Method, list: List) {
        let Some(channel) = &self.channel else {
            return;
        };
        let channel: String = url::form_urlencoded::byte_serialize(channel.id.0.as_bytes()).collect();
        let errors = if self.config.partial { "?ignoreErrors=true" } else { "" };
        let id = RestId(self.next_id());
        self.outputs.push_back(Output::Rest {
            id,
            method,
            path: format!("notifications/channels/{channel}/subscriptions{errors}"),
            body: list.body(),
        });
        self.flight = Some(Flight {
            id,
            replace: method == Method::Put,
            topics: list.topics.into_iter().collect(),
            left_out: list.left_out,
            unsure: BTreeSet::new(),
            outdated: false,
            last: self.last_command,
        });
    }

    pub(super) fn rest_replied(&mut self, id: RestId, result: Result<Reply, ReplyError>) {
        let Some(flight) = self.flight.take_if(|flight| flight.id == id) else {
            tracing::debug!(?id, "a reply that nobody waits for any more");
            return;
        };
        match result {
            Ok(reply) => self.list_taken(flight, &reply),
            Err(error) => self.list_failed(&flight, error),
        }
    }

    fn list_taken(&mut self, flight: Flight, reply: &Reply) {
        let Some(channel) = &mut self.channel else {
            return;
        };
        self.gone = false;
        let answer = reply.json::<Answer>().unwrap_or_else(|error| {
            tracing::warn!(%error, "subscribed, but the answer cannot be read");
            Answer::default()
        });
        let states = answer.states();
        let silent = if self.config.partial {
            TopicState::Unknown
        } else {
            TopicState::Permitted
        };
        let known = match flight.replace {
            true => std::mem::take(&mut channel.held),
            false => BTreeMap::new(),
        };
        channel.certain = (channel.certain || flight.replace) && !flight.outdated;
        if flight.replace {
            overrun(&mut self.socket, &mut self.exchanges, &flight);
        }
        let said = flight.topics.into_iter().map(|topic| match states.get(&topic) {
            _ if flight.unsure.contains(&topic) => (topic, OnChannel::Unsure),
            state => (topic, OnChannel::Answered(state.unwrap_or(&silent).clone())),
        });
        let left_out = flight.left_out.into_iter();
        let left_out = left_out.map(|topic| (topic, OnChannel::Answered(TopicState::TooMany)));
        let mut news = Vec::new();
        for (topic, held) in said.chain(left_out) {
            if !held.may_notify() && known.get(&topic) != Some(&held) {
                news.push(topic.clone());
            }
            channel.held.insert(topic, held);
        }
        self.tell_rejected(news);
    }

    fn list_failed(&mut self, flight: &Flight, error: ReplyError) {
        self.doubt_channel();
        let told = self.settle_failed(flight.last, &error);
        if error.is_transient() {
            let wait = error.retry_after().unwrap_or_default().min(LONGEST_PAUSE);
            self.rest_pause = Some(self.now + wait.max(self.config.again));
        } else {
            // The same list would fail again; a command that has come since may have changed it.
            self.blocked = self.waiting.iter().all(|waiting| waiting.token <= flight.last);
        }
        let is_gone = matches!(error, ReplyError::Status { status: 404 | 410, .. });
        if is_gone && !std::mem::replace(&mut self.gone, true) {
            self.outputs.push_back(Output::ChannelGone);
        }
        if !told {
            self.emit(TopicEvent::ResubscribeFailed(error));
        }
    }
}

/// Where a server keeps one list for both ways, a list without a topic has taken away what pubsub had added.
fn overrun(socket: &mut BTreeMap<Topic, OnSocket>, exchanges: &mut BTreeMap<Topic, Exchange>, flight: &Flight) {
    for (topic, held) in socket.iter_mut() {
        if *held == OnSocket::Yes && !flight.topics.contains(topic) {
            *held = OnSocket::Stale;
        }
    }
    for (topic, exchange) in exchanges {
        exchange.overrun |= !flight.topics.contains(topic);
    }
}
