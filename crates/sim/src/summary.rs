//! Says in a few words what a frame is, without its secrets.

use std::collections::{HashMap, VecDeque};

use minidom::Element;
use offhook_jingle::stanza::NAMESPACE as JINGLE;
use offhook_xmpp::frame::{self, Limits};

use crate::record::Direction;
use crate::said::Said;
use crate::stanza::ns;

/// How many unanswered requests of a stream are remembered.
const REQUESTS: usize = 256;

/// Summarises the frames of one stream. It remembers requests, so that their answers can be named.
#[derive(Debug, Default)]
pub(crate) struct Summariser {
    requests: HashMap<(Direction, String), String>,
    order: VecDeque<(Direction, String)>,
}

impl Summariser {
    pub(crate) fn frame(&mut self, direction: Direction, text: &str) -> (String, Said) {
        match frame::parse(text, &Limits::default()) {
            Ok(element) => (self.element(direction, &element), Said::by(&element)),
            Err(_) => ("text that is no XML".to_owned(), Said::Stream),
        }
    }

    fn element(&mut self, direction: Direction, element: &Element) -> String {
        match element.name() {
            "features" => match first_child(element) {
                Some(child) if child.name() == "mechanisms" => {
                    let names: Vec<_> = child.children().map(Element::text).collect();
                    format!("<stream:features> {}", names.join(" "))
                }
                Some(child) => format!("<stream:features> {}", child.name()),
                None => "<stream:features>".to_owned(),
            },
            "auth" => format!("<auth> {} ***", element.attr("mechanism").unwrap_or("?")),
            "failure" => with_condition("<failure>", element),
            "error" => with_condition("<stream:error>", element),
            "message" => {
                let names: Vec<_> = element.children().map(|child| format!("<{}>", child.name())).collect();
                if names.is_empty() {
                    "<message>".to_owned()
                } else {
                    names.join(" ")
                }
            }
            "iq" => self.iq(direction, element),
            name => format!("<{name}>"),
        }
    }

    fn iq(&mut self, direction: Direction, iq: &Element) -> String {
        let kind = iq.attr("type").unwrap_or("?");
        let id = iq.attr("id").unwrap_or_default().to_owned();
        match kind {
            "result" => match self.answered(direction, id) {
                Some(request) => format!("result of {request}"),
                None => "result".to_owned(),
            },
            "error" => {
                let error = iq.get_child("error", ns::CLIENT);
                let condition = error.and_then(first_child).map_or("?", Element::name).to_owned();
                match self.answered(direction, id) {
                    Some(request) => format!("error {condition} of {request}"),
                    None => format!("error {condition}"),
                }
            }
            _ => {
                let request = match first_child(iq) {
                    Some(payload) => payload_words(payload),
                    None => format!("empty iq {kind}"),
                };
                self.asked(direction, id, request.clone());
                request
            }
        }
    }

    fn asked(&mut self, direction: Direction, id: String, request: String) {
        if self.order.len() == REQUESTS
            && let Some(oldest) = self.order.pop_front()
        {
            self.requests.remove(&oldest);
        }
        self.order.push_back((direction, id.clone()));
        self.requests.insert((direction, id), request);
    }

    /// The request that an answer in this direction belongs to.
    fn answered(&mut self, direction: Direction, id: String) -> Option<String> {
        let asked = match direction {
            Direction::ToCloud => Direction::ToClient,
            Direction::ToClient | Direction::Inside => Direction::ToCloud,
        };
        let key = (asked, id);
        self.order.retain(|known| *known != key);
        self.requests.remove(&key)
    }
}

fn first_child(element: &Element) -> Option<&Element> {
    element.children().next()
}

fn with_condition(name: &str, element: &Element) -> String {
    match first_child(element) {
        Some(condition) => format!("{name} {}", condition.name()),
        None => name.to_owned(),
    }
}

fn payload_words(payload: &Element) -> String {
    match (payload.name(), payload.ns().as_str()) {
        ("genesys-webrtc", ns::GENESYS) => genesys_words(&payload.text()),
        ("bind", ns::BIND) => "bind".to_owned(),
        ("ping", ns::PING) => "ping".to_owned(),
        ("services", ns::EXTDISCO) => {
            format!("external services ({})", payload.attr("type").unwrap_or("all"))
        }
        ("pubsub", ns::PUBSUB) => match payload.get_child("subscribe", ns::PUBSUB) {
            Some(subscribe) => format!("subscribe {}", subscribe.attr("node").unwrap_or("?")),
            None => match payload.get_child("unsubscribe", ns::PUBSUB) {
                Some(unsubscribe) => format!("unsubscribe {}", unsubscribe.attr("node").unwrap_or("?")),
                None => "pubsub".to_owned(),
            },
        },
        ("query", ns::CXFR) => "connection transfer".to_owned(),
        ("jingle", JINGLE) => jingle_words(payload),
        (name, _) => format!("<{name}>"),
    }
}

/// The action of a Jingle request, with the one thing in it that is worth a word.
fn jingle_words(jingle: &Element) -> String {
    let action = jingle.attr("action").unwrap_or("jingle without an action");
    let detail = match action {
        "session-info" => first_child(jingle),
        "session-terminate" => jingle
            .children()
            .find(|child| child.name() == "reason")
            .and_then(first_child),
        _ => None,
    };
    let mut transports = jingle
        .children()
        .flat_map(Element::children)
        .flat_map(Element::children);
    match detail {
        Some(detail) => format!("{action} {}", detail.name()),
        None if transports.any(|child| child.name() == "gathering-complete") => format!("{action} (end)"),
        None => action.to_owned(),
    }
}

/// The method of a JSON-RPC request, with the one parameter that is worth a word. Session
/// descriptions and candidates stay out: they hold addresses and keys.
fn genesys_words(json: &str) -> String {
    let Ok(request) = serde_json::from_str::<serde_json::Value>(json) else {
        return "genesys-webrtc that is no JSON".to_owned();
    };
    let method = request["method"].as_str().unwrap_or("genesys-webrtc without a method");
    let params = &request["params"];
    let detail = match method {
        "info" => params["status"].as_str(),
        "terminate" => params["reason"].as_str(),
        "offer" => (params["reinvite"] == true).then_some("(reinvite)"),
        "iceCandidate" => params["sdp"]
            .as_str()
            .filter(|fragment| fragment.contains("a=end-of-candidates"))
            .map(|_| "(end)"),
        _ => None,
    };
    match detail {
        Some(detail) => format!("{method} {detail}"),
        None => method.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(frames: &[(Direction, &str)]) -> Vec<String> {
        let mut summariser = Summariser::default();
        frames
            .iter()
            .map(|(direction, text)| summariser.frame(*direction, text).0)
            .collect()
    }

    #[test]
    fn an_answer_is_named_after_its_request() {
        use Direction::{ToClient, ToCloud};
        let rpc = |method: &str, params: &str| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='{method}'><genesys-webrtc xmlns='genesys'>\
                 {{\"method\":\"{method}\",\"params\":{params}}}</genesys-webrtc></iq>"
            )
        };
        let (answer, info) = (rpc("answer", "{}"), rpc("info", r#"{"status":"active"}"#));
        let last = rpc("iceCandidate", r#"{"sdp":"a=end-of-candidates\r\n"}"#);
        assert_eq!(
            words(&[
                (ToCloud, &answer),
                (ToCloud, &info),
                (ToCloud, &last),
                (ToClient, "<iq xmlns='jabber:client' type='result' id='info'/>"),
                (
                    ToClient,
                    "<iq xmlns='jabber:client' type='error' id='answer'><error type='cancel'>\
                     <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>"
                ),
                (ToClient, "<iq xmlns='jabber:client' type='result' id='answer'/>"),
            ]),
            [
                "answer",
                "info active",
                "iceCandidate (end)",
                "result of info active",
                "error item-not-found of answer",
                "result",
            ]
        );
    }

    #[test]
    fn jingle_is_named_by_its_action_and_what_is_worth_a_word() {
        let jingle = |action: &str, inside: &str| {
            format!(
                "<iq xmlns='jabber:client' type='set' id='1'><jingle xmlns='urn:xmpp:jingle:1' sid='s' action='{action}'>\
                 {inside}</jingle></iq>"
            )
        };
        let end = "<content><transport xmlns='urn:t'><gathering-complete/></transport></content>";
        let said = [
            jingle("session-accept", "<content/>"),
            jingle("transport-info", end),
            jingle("session-info", "<active xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>"),
            jingle("session-terminate", "<reason><success/></reason>"),
        ];
        let said: Vec<_> = said.iter().map(|text| (Direction::ToCloud, text.as_str())).collect();
        let expected = [
            "session-accept",
            "transport-info (end)",
            "session-info active",
            "session-terminate success",
        ];
        assert_eq!(words(&said), expected);
    }

    #[test]
    fn credentials_and_session_descriptions_stay_out() {
        use Direction::ToCloud;
        let auth = "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>c2VjcmV0</auth>";
        let offer = "<iq xmlns='jabber:client' type='set' id='1'><genesys-webrtc xmlns='genesys'>\
                     {\"method\":\"offer\",\"params\":{\"sdp\":\"a=ice-pwd:secret\"}}</genesys-webrtc></iq>";
        assert_eq!(
            words(&[(ToCloud, auth), (ToCloud, offer), (ToCloud, "secret")]),
            ["<auth> PLAIN ***", "offer", "text that is no XML"]
        );
    }
}
