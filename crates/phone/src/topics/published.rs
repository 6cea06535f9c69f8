//! What is published on topics: notifications, and what the platform says about subscriptions.

use serde_json::Value;

use super::{Notification, SystemTopic, TopicEvent, Topics};

impl SystemTopic {
    /// The system topic that a node names, whatever stands around its name.
    fn of(node: &str) -> Option<Self> {
        let names = [
            ("no_longer_subscribed", Self::NoLongerSubscribed),
            ("duplicate_id", Self::DuplicateId),
            ("streaming-subscriptions-expiring", Self::SubscriptionsExpiring),
        ];
        names
            .into_iter()
            .find(|(name, _)| node.contains(name))
            .map(|(_, system)| system)
    }
}

impl Topics {
    pub(super) fn published(&mut self, node: &str, items: Vec<String>) {
        if let Some(system) = SystemTopic::of(node) {
            if system == SystemTopic::SubscriptionsExpiring {
                self.renew();
            }
            return self.emit(TopicEvent::System(system));
        }
        for raw in items {
            match serde_json::from_str::<Value>(&raw) {
                Ok(data) => self.emit(TopicEvent::Notified(Notification::new(node, data, raw))),
                Err(error) => tracing::warn!(node, %error, "a notification that is no JSON"),
            }
        }
    }
}

impl Notification {
    fn new(node: &str, data: Value, raw: String) -> Self {
        let metadata = data.get("metadata");
        let correlation = metadata.and_then(|metadata| metadata.get("CorrelationId"));
        Self {
            topic: node.to_owned(),
            correlation: correlation.and_then(Value::as_str).map(str::to_owned),
            data,
            raw,
        }
    }
}
