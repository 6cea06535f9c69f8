//! IQ stanzas and stanza errors as elements (RFC 6120 sections 8.2.3 and 8.3).

use jid::Jid;
use minidom::Element;

use crate::{Condition, ErrorKind, Reply, RequestKind, StanzaError, ns, xml};

/// An IQ stanza that was received.
pub(super) enum Iq {
    /// A request that has to be answered.
    Request {
        id: String,
        from: Option<Jid>,
        kind: RequestKind,
        /// None if the request has not exactly one child.
        payload: Option<Element>,
    },
    /// An answer to a request.
    Answer {
        id: String,
        from: Option<Jid>,
        answer: Answer,
    },
    /// Without an id, a known type or a sound sender there is nothing that can be done about it.
    Unusable,
}

/// What was answered to a request.
pub(super) enum Answer {
    Result(Option<Element>),
    Error {
        error: StanzaError,
        /// The server wants fewer requests: an error of type `wait` with the old-style code 429.
        throttled: bool,
    },
    /// Nothing, in time.
    Silence,
}

impl Iq {
    pub(super) fn read(stanza: Element) -> Self {
        let (Some(id), Ok(from)) = (stanza.attr("id").map(str::to_owned), xml::address(&stanza, "from")) else {
            return Self::Unusable;
        };
        let kind = match stanza.attr("type") {
            Some("get") => RequestKind::Get,
            Some("set") => RequestKind::Set,
            Some("result") => {
                let answer = Answer::Result(children(stanza).next());
                return Self::Answer { id, from, answer };
            }
            Some("error") => {
                let error = read_error(&stanza);
                let code = stanza
                    .get_child("error", ns::CLIENT)
                    .and_then(|error| error.attr("code"));
                let throttled = error.kind == ErrorKind::Wait && code == Some("429");
                let answer = Answer::Error { error, throttled };
                return Self::Answer { id, from, answer };
            }
            Some(_) | None => return Self::Unusable,
        };
        let mut payloads = children(stanza);
        let payload = payloads.next().filter(|_| payloads.next().is_none());
        Self::Request {
            id,
            from,
            kind,
            payload,
        }
    }
}

/// The child elements of a stanza, taken out of it.
pub(super) fn children(mut stanza: Element) -> impl Iterator<Item = Element> {
    stanza.take_nodes().into_iter().filter_map(minidom::Node::into_element)
}

/// A request as it is sent.
pub(super) fn request(id: &str, to: Option<&Jid>, from: Option<&Jid>, kind: RequestKind, payload: Element) -> Element {
    let mut iq = xml::element("iq", ns::CLIENT, &[("id", id), ("type", kind.as_str())]);
    if let Some(to) = to {
        xml::set_attribute(&mut iq, "to", to.as_str());
    }
    if let Some(from) = from {
        xml::set_attribute(&mut iq, "from", from.as_str());
    }
    iq.append_child(payload);
    iq
}

/// The reply to a request with this id and sender.
pub(super) fn reply(id: &str, to: Option<&Jid>, reply: Reply) -> Element {
    let mut iq = xml::element("iq", ns::CLIENT, &[("id", id)]);
    if let Some(to) = to {
        xml::set_attribute(&mut iq, "to", to.as_str());
    }
    let payload = match reply {
        Reply::Result(payload) => {
            xml::set_attribute(&mut iq, "type", "result");
            payload
        }
        Reply::Error(error) => {
            xml::set_attribute(&mut iq, "type", "error");
            Some(write_error(error))
        }
    };
    if let Some(payload) = payload {
        iq.append_child(payload);
    }
    iq
}

/// A refusal with nothing more to say than its condition.
pub(super) fn refusal(kind: ErrorKind, condition: Condition) -> Reply {
    Reply::Error(StanzaError::new(kind, condition))
}

fn write_error(error: StanzaError) -> Element {
    let mut element = xml::element("error", ns::CLIENT, &[("type", error.kind.as_str())]);
    let condition = element.append_child(Element::bare(error.condition.as_str(), ns::STANZA_ERRORS));
    if let Some(alternative) = error.alternative.filter(|_| has_alternative(error.condition)) {
        condition.append_text_node(alternative);
    }
    if let Some(text) = error.text {
        let child = element.append_child(Element::bare("text", ns::STANZA_ERRORS));
        xml::set_language(child, "en");
        child.append_text_node(text);
    }
    if let Some(application) = error.application {
        element.append_child(application);
    }
    element
}

/// Whether the text of this condition is an address.
fn has_alternative(condition: Condition) -> bool {
    matches!(condition, Condition::Gone | Condition::Redirect)
}

/// Reads the `<error/>` of a stanza, with the meaning that RFC 6120 gives to what is missing or unknown.
fn read_error(stanza: &Element) -> StanzaError {
    let Some(error) = stanza.get_child("error", ns::CLIENT) else {
        return StanzaError::new(ErrorKind::Cancel, Condition::UndefinedCondition);
    };
    let mut defined = error.children().filter(|child| child.has_ns(ns::STANZA_ERRORS));
    let defined = defined.find_map(|child| Some((Condition::from_name(child.name())?, child)));
    let condition = defined.map_or(Condition::UndefinedCondition, |(condition, _)| condition);
    let alternative = defined
        .filter(|_| has_alternative(condition))
        .map(|(_, child)| child.text().trim().to_owned());
    StanzaError {
        kind: error
            .attr("type")
            .and_then(ErrorKind::from_name)
            .unwrap_or(ErrorKind::Cancel),
        condition,
        alternative: alternative.filter(|alternative| !alternative.is_empty()),
        application: error.children().find(|child| !child.has_ns(ns::STANZA_ERRORS)).cloned(),
        text: xml::words(error, ns::STANZA_ERRORS),
    }
}
