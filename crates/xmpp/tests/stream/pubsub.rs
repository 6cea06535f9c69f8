//! The elements of publish-subscribe.

use offhook_xmpp::{
    BareJid,
    pubsub::{self, Notification},
};

use crate::rig::element;

#[test]
fn subscriptions_name_the_node_and_the_subscriber() {
    let jid = BareJid::new("agent@example.org").unwrap();
    for (verb, element) in [
        ("subscribe", pubsub::subscribe("v2.users", &jid)),
        ("unsubscribe", pubsub::unsubscribe("v2.users", &jid)),
    ] {
        assert!(element.is("pubsub", "http://jabber.org/protocol/pubsub"));
        let inner = element.get_child(verb, "http://jabber.org/protocol/pubsub").unwrap();
        assert_eq!(
            (inner.attr("node"), inner.attr("jid")),
            (Some("v2.users"), Some("agent@example.org"))
        );
    }
}

#[test]
fn notifications_are_read_with_all_their_items() {
    let event = "<event xmlns='http://jabber.org/protocol/pubsub#event'><items node='n'>\
        <item id='1'><json xmlns='urn:xmpp:json:0'>[1, \"&lt;\"]</json></item><retract id='0'/><item/></items></event>";
    let notification = Notification::read(&element(event)).unwrap();
    assert_eq!((notification.node.as_str(), notification.items.len()), ("n", 2));
    let [first, second] = &notification.items[..] else {
        panic!("{notification:?}");
    };
    assert_eq!(first.id.as_deref(), Some("1"));
    assert_eq!(pubsub::json(first.payload.as_ref().unwrap()).unwrap(), "[1, \"<\"]");
    assert_eq!((&second.id, &second.payload), (&None, &None));
    assert!(
        !format!("{notification:?}").contains("[1,"),
        "what was published is not shown"
    );
}

#[test]
fn what_is_no_notification_is_none() {
    for other in [
        "<event xmlns='http://jabber.org/protocol/pubsub'><items node='n'/></event>",
        "<event xmlns='http://jabber.org/protocol/pubsub#event'/>",
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><items/></event>",
        "<event xmlns='http://jabber.org/protocol/pubsub#event'><purge node='n'/></event>",
    ] {
        assert_eq!(Notification::read(&element(other)), None, "{other}");
    }
    assert_eq!(pubsub::json(&element("<json xmlns='urn:other'>1</json>")), None);
}
