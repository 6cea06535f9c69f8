//! What the server holds for us, as far as it is known: on the channel (by REST) and on the socket (by pubsub).

use std::collections::{BTreeMap, BTreeSet};

use super::{PubsubAction, PubsubId, RestId, Topic, TopicState, TopicsToken};
use crate::phone::ChannelId;

/// The subscriptions of a channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) id: ChannelId,
    /// Whether `held` is all that the server has; a request whose end is not known makes it doubtful.
    pub(super) certain: bool,
    pub(super) held: BTreeMap<Topic, OnChannel>,
}

/// One topic on the channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnChannel {
    /// What the server said.
    Answered(TopicState),
    /// It may be there: pubsub was asked meanwhile to take it away.
    Unsure,
}

impl OnChannel {
    /// Whether the server may send notifications for it.
    pub(super) fn may_notify(&self) -> bool {
        match self {
            Self::Unsure | Self::Answered(TopicState::Permitted | TopicState::Unknown) => true,
            Self::Answered(TopicState::Rejected { .. } | TopicState::TooMany | TopicState::Withdrawn) => false,
        }
    }
}

impl Channel {
    pub(super) fn new(id: ChannelId) -> Self {
        Self {
            id,
            certain: true,
            held: BTreeMap::new(),
        }
    }

    /// What the server said about a topic, if that still holds.
    pub(super) fn answer(&self, topic: &Topic) -> Option<&TopicState> {
        match self.held.get(topic) {
            Some(OnChannel::Answered(state)) if self.certain => Some(state),
            Some(OnChannel::Answered(_) | OnChannel::Unsure) | None => None,
        }
    }

    /// Whether the channel surely has the topic.
    pub(super) fn has(&self, topic: &Topic) -> bool {
        matches!(self.answer(topic), Some(TopicState::Permitted | TopicState::Unknown))
    }

    /// Whether something is, or may be, on the channel that should not be.
    pub(super) fn has_surplus(&self, is_wanted: impl Fn(&Topic) -> bool) -> bool {
        let surplus = |(topic, held): (&Topic, &OnChannel)| held.may_notify() && !is_wanted(topic);
        !self.certain || self.held.iter().any(surplus)
    }
}

/// One topic on the socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OnSocket {
    /// Subscribed.
    Yes,
    /// It was on an earlier socket, or the channel's list has run over it since: pubsub is asked again.
    Stale,
    /// Pubsub did not answer. REST is asked instead where there is a channel.
    Doubtful,
    /// The service refused it.
    Rejected { reason: String },
}

/// The REST request that is under way; there is never more than one, so that the server sees them in order.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) id: RestId,
    /// Whether its list takes the place of what the channel holds.
    pub(super) replace: bool,
    pub(super) topics: BTreeSet<Topic>,
    pub(super) left_out: Vec<Topic>,
    /// Topics that pubsub was asked to take away since it was sent.
    pub(super) unsure: BTreeSet<Topic>,
    /// The subscriptions are to be renewed since it was sent.
    pub(super) outdated: bool,
    /// The last command that it could have taken into account.
    pub(super) last: TopicsToken,
}

/// A pubsub request for a topic that is under way.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) id: PubsubId,
    pub(super) action: PubsubAction,
    /// Meanwhile a list without this topic was taken, or all subscriptions expired.
    pub(super) overrun: bool,
}
