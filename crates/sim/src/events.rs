//! What the cloud tells its clients by itself: notifications, system events, connection transfers.

use std::sync::Mutex;

use jid::FullJid;
use minidom::Element;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::inner::Inner;
use crate::stanza::{element, ns, parent};

/// How many connection transfers are remembered.
const TRANSFERS: usize = 256;

/// The service that notifications come from. Clients do not look at it.
const SERVICE: &str = "notifications.offhook.test";

/// An event about a channel or its subscriptions, which no topic asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SystemEvent {
    /// Another connection uses the same channel.
    DuplicateId,
    /// The channel's subscriptions are gone.
    NoLongerSubscribed,
    /// The channel's subscriptions run out and have to be made again.
    SubscriptionsExpiring,
}

impl SystemEvent {
    /// The pubsub node of the event.
    fn node(self) -> &'static str {
        match self {
            Self::DuplicateId => "channel.duplicate_id",
            Self::NoLongerSubscribed => "channel.no_longer_subscribed",
            Self::SubscriptionsExpiring => "streaming-subscriptions-expiring",
        }
    }
}

/// A client that was asked to move to another connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Transfer {
    /// The client.
    #[serde(serialize_with = "as_text")]
    pub client: FullJid,
    /// Whether it answered.
    pub acknowledged: bool,
}

fn as_text<S: serde::Serializer>(jid: &FullJid, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(jid.as_str())
}

/// The connection transfers so far, by the ids of their requests.
#[derive(Debug, Default)]
pub(crate) struct Transfers(Mutex<Vec<(String, Transfer)>>);

impl Transfers {
    pub(crate) fn all(&self) -> Vec<Transfer> {
        let transfers = crate::lock(&self.0);
        transfers.iter().map(|(_, transfer)| transfer.clone()).collect()
    }

    /// A client has answered a request of the server's; if it was a transfer, it is acknowledged.
    pub(crate) fn answered(&self, client: &FullJid, id: &str) {
        for (request, transfer) in &mut *crate::lock(&self.0) {
            if request == id && transfer.client == *client {
                transfer.acknowledged = true;
            }
        }
    }
}

/// Publishes an event of a topic to all clients, or to those of one user, that are subscribed to
/// it by their channel or their socket; how many there are.
pub(crate) fn publish(inner: &Inner, user: Option<&str>, topic: &str, body: &Value) -> usize {
    publish_action(inner, user, topic, body, None)
}

/// The same with what was done, which topics of stations say beside their body.
pub(crate) fn publish_action(
    inner: &Inner,
    user: Option<&str>,
    topic: &str,
    body: &Value,
    action: Option<&str>,
) -> usize {
    let mut payload = json!({
        "topicName": topic,
        "version": "2",
        "eventBody": body,
        "metadata": { "CorrelationId": inner.draw_id() },
    });
    if let Some(action) = action {
        payload["metadata"]["action"] = json!(action);
    }
    let clients = inner.hub.subscribed(&inner.channels, user, topic);
    let reached = clients
        .iter()
        .filter(|client| inner.hub.deliver(client, notification(inner, client, topic, &payload)));
    reached.count()
}

/// Tells all clients, or those of one user, of a system event; how many there are.
pub(crate) fn tell(inner: &Inner, user: Option<&str>, event: SystemEvent) -> usize {
    let clients = inner.hub.bound(user);
    let payload = json!({});
    let reached = clients.iter().filter(|client| {
        inner
            .hub
            .deliver(client, notification(inner, client, event.node(), &payload))
    });
    reached.count()
}

/// Asks all clients, or those of one user, to move to another connection; how many there are.
pub(crate) fn transfer(inner: &Inner, user: Option<&str>) -> usize {
    let clients = inner.hub.bound(user);
    for client in &clients {
        let id = inner.draw_id();
        let transfer = Transfer {
            client: client.clone(),
            acknowledged: false,
        };
        let mut transfers = crate::lock(&inner.transfers.0);
        if transfers.len() == TRANSFERS {
            transfers.remove(0);
        }
        transfers.push((id.clone(), transfer));
        drop(transfers);
        let attributes = [
            ("type", "set"),
            ("id", id.as_str()),
            ("from", client.domain().as_str()),
            ("to", client.as_str()),
        ];
        let request = parent(
            element("iq", ns::CLIENT, &attributes),
            [Element::bare("query", ns::CXFR)],
        );
        inner.hub.deliver(client, request);
    }
    clients.len()
}

/// XEP-0060 section 7.1.2.1, with the payload as JSON (XEP-0335).
fn notification(inner: &Inner, to: &FullJid, node: &str, payload: &Value) -> Element {
    let (message, item) = (inner.draw_id(), inner.draw_id());
    let mut json = Element::bare("json", ns::JSON);
    json.append_text(payload.to_string());
    let item = parent(element("item", ns::PUBSUB_EVENT, &[("id", &item)]), [json]);
    let items = parent(element("items", ns::PUBSUB_EVENT, &[("node", node)]), [item]);
    let event = parent(Element::bare("event", ns::PUBSUB_EVENT), [items]);
    let attributes = [("from", SERVICE), ("to", to.as_str()), ("id", message.as_str())];
    parent(element("message", ns::CLIENT, &attributes), [event])
}
