//! Topics by hand (XEP-0060).

use minidom::Element;
use serde_json::Value;

use super::Client;

const EVENT: &str = "http://jabber.org/protocol/pubsub#event";

/// The next event: its node and payload.
pub async fn event(client: &mut Client) -> (String, Value) {
    let message = client.until(|it| it.has_child("event", EVENT)).await;
    assert_eq!(message.name(), "message");
    let items = message
        .get_child("event", EVENT)
        .and_then(|event| event.get_child("items", EVENT))
        .expect("items");
    let json = items
        .get_child("item", EVENT)
        .and_then(|item| item.get_child("json", "urn:xmpp:json:0"))
        .map(Element::text)
        .expect("JSON");
    let node = items.attr("node").expect("a node").to_owned();
    (node, serde_json::from_str(&json).expect("JSON"))
}

/// Subscribes to a node, or unsubscribes.
pub async fn pubsub(client: &mut Client, verb: &str, node: &str) -> Element {
    let jid = client.bare.clone();
    let request =
        format!("<pubsub xmlns='http://jabber.org/protocol/pubsub'><{verb} node='{node}' jid='{jid}'/></pubsub>");
    client.ask("notifications.127.0.0.1", &request).await
}
