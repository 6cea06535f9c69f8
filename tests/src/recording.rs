//! Recordings of a client's WebSockets, one JSON object a line: `{dir: "sent" | "recv", ms, ws, xml}`; and of its HTTP requests, likewise:
//! `{ms, proto, method, url, body, response, ...}`.

use std::{fs, path::Path, time::Duration};

use offhook_xmpp::{
    Element,
    frame::{self, Limits},
};
use serde_json::Value;

/// One text frame.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Whether the recorded client sent it.
    pub sent: bool,
    /// When, from the start.
    pub at: Duration,
    /// On which of the client's WebSockets, from 1 on.
    pub socket: usize,
    /// Its text.
    pub text: String,
    /// Its element.
    pub element: Element,
}

/// An HTTP request and its reply.
#[derive(Debug, Clone)]
pub struct Exchange {
    /// When it was asked, by a clock of its own.
    pub at: Duration,
    /// Method, or `WebSocket` for an upgrade.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// What was sent.
    pub body: String,
    /// What came back.
    pub response: String,
}

/// Reads a recording of WebSockets.
///
/// # Panics
/// When the file is not as it should be: it is part of the test.
pub fn read(path: &Path) -> Vec<Frame> {
    lines(path).map(|line| frame(&line)).collect()
}

/// Reads a recording of HTTP requests.
///
/// # Panics
/// When the file is not as it should be.
pub fn read_http(path: &Path) -> Vec<Exchange> {
    lines(path).map(|line| exchange(&line)).collect()
}

fn lines(path: &Path) -> impl Iterator<Item = Value> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let json = |line: &str| serde_json::from_str(line).expect("a line is a JSON object");
    text.lines().map(json).collect::<Vec<_>>().into_iter()
}

fn at(json: &Value) -> Duration {
    Duration::from_millis(json["ms"].as_u64().expect("what is recorded has its time"))
}

fn exchange(json: &Value) -> Exchange {
    let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}")).to_owned();
    Exchange {
        at: at(json),
        method: match json["proto"].as_str() {
            Some("wss") => "WebSocket".to_owned(),
            _ => text("method"),
        },
        path: text("url"),
        body: text("body"),
        response: text("response"),
    }
}

fn frame(json: &Value) -> Frame {
    let text = json["xml"].as_str().expect("a frame has its text").to_owned();
    Frame {
        sent: json["dir"] == "sent",
        at: at(json),
        socket: json["ws"]
            .as_u64()
            .and_then(|number| number.try_into().ok())
            .expect("a frame has its socket"),
        element: frame::parse(&text, &Limits::default()).expect("a recorded frame is well-formed"),
        text,
    }
}

const ICE: &str = "urn:xmpp:jingle:transports:ice-udp:1";
const RTP_INFO: &str = "urn:xmpp:jingle:apps:rtp:info:1";

/// Attributes that only one of two clients writes.
const ON_PURPOSE: [(&str, &str, &str); 5] = [
    // Difference on purpose: candidates are written in full (XEP-0176 section 5.3), whatever the recorded client leaves out.
    ("candidate", ICE, "id"),
    ("candidate", ICE, "generation"),
    ("candidate", ICE, "network"),
    // Difference on purpose: who is muted is named as the party that created the content (XEP-0167 section 7.1.6); the recorded
    // client writes what its application calls itself.
    ("mute", RTP_INFO, "creator"),
    ("unmute", RTP_INFO, "creator"),
];

/// What a frame says, in a form in which equal meanings are equal texts: attributes in order, and so children of different names;
/// without stanza ids, JSON-RPC ids, the sender's own address, the body of an answer of SDP over XMPP, and what a client says of itself
/// when it is asked what it is.
pub fn meaning(element: &Element) -> String {
    let stanza = ["iq", "message"].contains(&element.name());
    let mut attributes: Vec<_> = element
        .attrs()
        .iter()
        .map(|((_, name), value)| (name.as_str(), value))
        .filter(|(name, _)| !(stanza && ["id", "from"].contains(name)))
        .filter(|(name, _)| !ON_PURPOSE.contains(&(element.name(), element.ns().as_str(), name)))
        // Both are how XML Schema writes what is true.
        .map(|(name, value)| {
            (
                name,
                if name == "resume" && value == "1" {
                    "true"
                } else {
                    value
                },
            )
        })
        .map(|(name, value)| format!(" {name}={value:?}"))
        .collect();
    attributes.sort();
    let text = element.text();
    let text = if element.name() == "genesys-webrtc" {
        json_meaning(&text)
    } else {
        text
    };
    let children: String = if element.is("query", "http://jabber.org/protocol/disco#info") {
        String::new()
    } else {
        let mut children: Vec<_> = element.children().collect();
        children.sort_by_key(|child| (child.name(), child.ns()));
        children.into_iter().map(meaning).collect()
    };
    format!(
        "<{} {}{}>{text}{children}</>",
        element.name(),
        element.ns(),
        attributes.concat()
    )
}

fn json_meaning(text: &str) -> String {
    let mut json: Value = serde_json::from_str(text).expect("a request is JSON");
    json["id"] = Value::Null;
    if json["method"] == "answer" {
        json["params"]["sdp"] = Value::Null;
    }
    json.to_string()
}
