//! Recordings of a client's WebSocket: one JSON object a line, `{dir: "sent" | "recv", ms, ws, xml}`.

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
    /// Its text.
    pub text: String,
    /// Its element.
    pub element: Element,
}

/// Reads a recording.
///
/// # Panics
/// When the file is not as it should be: it is part of the test.
pub fn read(path: &Path) -> Vec<Frame> {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    text.lines().map(frame).collect()
}

fn frame(line: &str) -> Frame {
    let json: Value = serde_json::from_str(line).expect("a line is a JSON object");
    let text = json["xml"].as_str().expect("a frame has its text").to_owned();
    Frame {
        sent: json["dir"] == "sent",
        at: Duration::from_millis(json["ms"].as_u64().expect("a frame has its time")),
        element: frame::parse(&text, &Limits::default()).expect("a recorded frame is well-formed"),
        text,
    }
}

/// What a frame says, in a form in which equal meanings are equal texts: attributes in order; without stanza ids, JSON-RPC ids,
/// the sender's own address, and the body of an answer.
pub fn meaning(element: &Element) -> String {
    let stanza = ["iq", "message"].contains(&element.name());
    let mut attributes: Vec<_> = element
        .attrs()
        .iter()
        .map(|((_, name), value)| (name.as_str(), value))
        .filter(|(name, _)| !(stanza && ["id", "from"].contains(name)))
        .map(|(name, value)| format!(" {name}={value:?}"))
        .collect();
    attributes.sort();
    let text = element.text();
    let text = if element.name() == "genesys-webrtc" {
        json_meaning(&text)
    } else {
        text
    };
    let children: String = element.children().map(meaning).collect();
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
