//! The elements of publish-subscribe (XEP-0060) that a subscriber needs, and JSON in them (XEP-0335).

use std::fmt;

use jid::BareJid;
use minidom::Element;

use crate::{ns, stanza::Summary, xml};

/// The payload of the request to subscribe to a node (XEP-0060 section 6.1): send it as a `set` to the service.
pub fn subscribe(node: &str, subscriber: &BareJid) -> Element {
    pubsub("subscribe", node, subscriber)
}

/// The payload of the request to unsubscribe from a node (XEP-0060 section 6.2): send it as a `set` to the service.
pub fn unsubscribe(node: &str, subscriber: &BareJid) -> Element {
    pubsub("unsubscribe", node, subscriber)
}

fn pubsub(verb: &str, node: &str, subscriber: &BareJid) -> Element {
    let mut pubsub = Element::bare("pubsub", ns::PUBSUB);
    pubsub.append_child(xml::element(
        verb,
        ns::PUBSUB,
        &[("node", node), ("jid", subscriber.as_str())],
    ));
    pubsub
}

/// What was published at a node (XEP-0060 section 7.1.2.1).
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The node.
    pub node: String,
    /// The items, in the order of the message. Retractions are passed over.
    pub items: Vec<Item>,
}

/// One published item.
#[derive(Clone, PartialEq)]
pub struct Item {
    /// Its id at the node, if the service told it.
    pub id: Option<String>,
    /// What was published; `None` if the service tells only that something was.
    pub payload: Option<Element>,
}

impl Notification {
    /// Reads an `<event/>`, one of the payloads of a message; `None` if the element is something else.
    ///
    /// ```
    /// use offhook_xmpp::{frame, pubsub};
    ///
    /// let event = frame::parse(
    ///     "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='weather'><item id='1'>\
    ///      <json xmlns='urn:xmpp:json:0'>{\"wind\": 4}</json></item></items></event>",
    ///     &frame::Limits::default(),
    /// )?;
    /// let notification = pubsub::Notification::read(&event).unwrap();
    /// assert_eq!(notification.node, "weather");
    /// let payload = notification.items[0].payload.as_ref().unwrap();
    /// assert_eq!(pubsub::json(payload).as_deref(), Some("{\"wind\": 4}"));
    /// # Ok::<(), offhook_xmpp::FrameError>(())
    /// ```
    pub fn read(event: &Element) -> Option<Self> {
        if !event.is("event", ns::PUBSUB_EVENT) {
            return None;
        }
        let items = event.get_child("items", ns::PUBSUB_EVENT)?;
        Some(Self {
            node: items.attr("node")?.to_owned(),
            items: items
                .children()
                .filter(|child| child.is("item", ns::PUBSUB_EVENT))
                .map(|item| Item {
                    id: item.attr("id").map(str::to_owned),
                    payload: item.children().next().cloned(),
                })
                .collect(),
        })
    }
}

/// The text of a `<json xmlns="urn:xmpp:json:0"/>`, unread; `None` if the element is something else.
pub fn json(element: &Element) -> Option<String> {
    element.is("json", ns::JSON).then(|| element.text())
}

impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("id", &self.id)
            .field("payload", &self.payload.as_ref().map(Summary))
            .finish()
    }
}
