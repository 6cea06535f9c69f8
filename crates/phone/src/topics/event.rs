//! What is told about topics: notifications, and what became of subscriptions.

use serde::Serialize;
use serde_json::Value;

use super::Topic;
use crate::http::ReplyError;

/// Names one command about topics; the event that answers it carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TopicsToken(pub u64);

/// How a bulk subscription treats what was subscribed before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BulkOptions {
    /// Take the place of what earlier bulk subscriptions asked for, rather than adding to it.
    pub replace: bool,
    /// Drop single subscriptions too, however many asked for them.
    pub force: bool,
}

/// What happened to topics.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum TopicEvent {
    /// Something was published on a topic.
    Notified(Notification),
    /// The platform says something about the subscriptions themselves.
    System(SystemTopic),
    /// A command about topics has been carried out, or cannot be; told once for each.
    Settled {
        /// Which.
        command: TopicsToken,
        /// What became of each topic that the command subscribed to, in its order; nothing for those that it unsubscribed from. An
        /// error means that the server was asked and did not take the list; the topics stay wanted, and are asked for again.
        result: Result<Vec<TopicResult>, ReplyError>,
    },
    /// A topic that is wanted was refused when topics were asked for again, for instance under a new channel.
    Rejected(TopicResult),
    /// Asking again for the topics failed; it is tried again later if that can help.
    ResubscribeFailed(ReplyError),
}

/// What became of the subscription to a topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TopicResult {
    /// Which.
    pub topic: Topic,
    /// What.
    #[serde(flatten)]
    pub state: TopicState,
}

/// Whether notifications of a topic will come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "state")]
#[non_exhaustive]
pub enum TopicState {
    /// They will.
    Permitted,
    /// The server took the list, but said nothing about this topic, or did not answer.
    Unknown,
    /// They will not.
    #[serde(rename_all = "camelCase")]
    Rejected {
        /// Why, in the server's words.
        reason: Option<String>,
        /// Which permissions the user lacks for it.
        missing_permissions: Vec<String>,
    },
    /// They will not: there are more topics than the server takes, and this one is among the least important.
    TooMany,
    /// Nobody wanted the topic any more when the server was asked.
    Withdrawn,
}

/// Something that was published on a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The topic: the pubsub node (XEP-0060).
    pub topic: String,
    /// The payload: an object of `topicName`, `version`, `metadata` and `eventBody`.
    pub data: Value,
    /// The payload as it was sent.
    pub raw: String,
    /// `metadata.CorrelationId`: what support asks for.
    pub correlation: Option<String>,
}

impl Notification {
    /// Field `eventBody` of the payload: what happened.
    pub fn body(&self) -> Option<&Value> {
        self.data.get("eventBody")
    }
}

/// What the platform says about the subscriptions themselves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SystemTopic {
    /// This connection gets no notifications any more; the next one needs a new channel.
    NoLongerSubscribed,
    /// Another connection took this one's address; the next one needs a new channel.
    DuplicateId,
    /// The subscriptions end soon; they are renewed without further ado.
    SubscriptionsExpiring,
}
