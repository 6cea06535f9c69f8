//! Stanzas as the cloud writes them (RFC 6120 section 8).

use minidom::Element;
use minidom::rxml::{Namespace, NcName};
use offhook_jingle::stanza::{JingleCondition, NAMESPACE as JINGLE};

pub(crate) mod ns {
    //! Namespaces.

    pub(crate) const BIND: &str = "urn:ietf:params:xml:ns:xmpp-bind";
    pub(crate) const CLIENT: &str = "jabber:client";
    pub(crate) const CXFR: &str = "urn:xmpp:cxfr";
    pub(crate) const EXTDISCO: &str = "urn:xmpp:extdisco:1";
    pub(crate) const FRAMING: &str = "urn:ietf:params:xml:ns:xmpp-framing";
    pub(crate) const GENESYS: &str = "genesys";
    pub(crate) const JSON: &str = "urn:xmpp:json:0";
    pub(crate) const PING: &str = "urn:xmpp:ping";
    pub(crate) const PUBSUB: &str = "http://jabber.org/protocol/pubsub";
    pub(crate) const PUBSUB_EVENT: &str = "http://jabber.org/protocol/pubsub#event";
    pub(crate) const SASL: &str = "urn:ietf:params:xml:ns:xmpp-sasl";
    pub(crate) const SM: &str = "urn:xmpp:sm:3";
    pub(crate) const STANZAS: &str = "urn:ietf:params:xml:ns:xmpp-stanzas";
    pub(crate) const STREAM: &str = "http://etherx.jabber.org/streams";
    pub(crate) const STREAMS: &str = "urn:ietf:params:xml:ns:xmpp-streams";
}

/// An element with attributes.
pub(crate) fn element(name: &str, namespace: &str, attributes: &[(&'static str, &str)]) -> Element {
    let mut element = Element::bare(name, namespace);
    for &(name, value) in attributes {
        set(&mut element, name, value);
    }
    element
}

/// Sets one attribute without a namespace.
pub(crate) fn set(element: &mut Element, name: &'static str, value: &str) {
    let name = NcName::try_from(name).expect("the names in this crate are XML names");
    element.set_attr(Namespace::NONE, name, value);
}

/// An element with these children.
pub(crate) fn parent(mut element: Element, children: impl IntoIterator<Item = Element>) -> Element {
    for child in children {
        element.append_child(child);
    }
    element
}

/// Whether this is an IQ that wants an answer.
pub(crate) fn is_request(stanza: &Element) -> bool {
    stanza.name() == "iq" && matches!(stanza.attr("type"), Some("get" | "set"))
}

/// The result of an IQ, from who was asked to who asked.
pub(crate) fn result(request: &Element, payload: Option<Element>) -> Element {
    parent(answer(request, "result"), payload)
}

/// The error of an IQ (RFC 6120 section 8.3), from who was asked to who asked.
pub(crate) fn error(request: &Element, kind: &str, condition: &str) -> Element {
    let error = element("error", ns::CLIENT, &[("type", kind)]);
    let error = parent(error, [Element::bare(condition, ns::STANZAS)]);
    parent(answer(request, "error"), [error])
}

/// The error of an IQ about a session that there is not, in the dialect's words (XEP-0166 section 10).
pub(crate) fn no_such_session(request: &Element) -> Element {
    let error = element("error", ns::CLIENT, &[("type", "cancel")]);
    let mut conditions = vec![Element::bare("item-not-found", ns::STANZAS)];
    if request.children().any(|payload| payload.is("jingle", JINGLE)) {
        conditions.push(JingleCondition::UnknownSession.to_element());
    }
    parent(answer(request, "error"), [parent(error, conditions)])
}

/// The error of an IQ that is to be sent again later, with the code that the platform gives it.
pub(crate) fn throttled(request: &Element) -> Element {
    let error = element("error", ns::CLIENT, &[("type", "wait"), ("code", "429")]);
    let error = parent(error, [Element::bare("policy-violation", ns::STANZAS)]);
    parent(answer(request, "error"), [error])
}

fn answer(request: &Element, kind: &str) -> Element {
    let mut answer = element("iq", ns::CLIENT, &[("type", kind)]);
    for (ours, theirs) in [("id", "id"), ("from", "to"), ("to", "from")] {
        if let Some(value) = request.attr(theirs) {
            set(&mut answer, ours, value);
        }
    }
    answer
}
