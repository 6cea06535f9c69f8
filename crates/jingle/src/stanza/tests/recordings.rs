//! What a client of a large platform wrote and understood, in the recordings that `tests/recordings` holds.

use std::collections::BTreeMap;

use minidom::{Element, rxml::Namespace};
use serde_json::Value;

use super::{super::*, read};

macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/recordings/", $name, ".jsonl"))
    };
}

/// One JSON object a line.
const RECORDINGS: [&str; 17] = [
    recording!("A-client-terminate"),
    recording!("A-conn-transfer"),
    recording!("A-handled-elsewhere"),
    recording!("A-handled-elsewhere-second"),
    recording!("A-hard-reconnect"),
    recording!("A-mute"),
    recording!("A-outbound"),
    recording!("A-propose-repeats-before-answer"),
    recording!("A-reject"),
    recording!("A-relay"),
    recording!("A-reproposed"),
    recording!("A-retract"),
    recording!("A-sdp-over-xmpp-false"),
    recording!("A-server-session-info"),
    recording!("A-server-terminate"),
    recording!("A-unsolicited-offer"),
    recording!("A-ws-drop"),
];

/// Each Jingle element of the recordings, and whether the client sent it.
fn elements() -> impl Iterator<Item = (bool, Element)> {
    let lines = RECORDINGS.into_iter().flat_map(str::lines);
    lines.filter_map(element)
}

fn element(line: &str) -> Option<(bool, Element)> {
    let line: Value = serde_json::from_str(line).expect("a line is a JSON object");
    let stanza = line["xml"].as_str().filter(|xml| xml.contains("<jingle"))?;
    let stanza: Element = stanza.parse().expect("a recorded frame is well-formed");
    let jingle = stanza.get_child(NAME, NAMESPACE).expect("a jingle element").clone();
    Some((line["dir"] == "sent", jingle))
}

#[test]
fn every_element_is_read_and_written_in_the_same_words() {
    for (_, element) in elements() {
        let written = read(&element).to_element();
        assert_eq!(without_what_we_add(&written, &element), in_our_words(&element));
    }
}

#[test]
fn what_is_written_is_read_as_what_it_was_written_for() {
    for (_, element) in elements() {
        let mut jingle = read(&element);
        let written = jingle.to_element();
        complete(&mut jingle, &written);
        let text = String::from(&written);
        assert_eq!(read(&text.parse().expect("well-formed XML")), jingle);
    }
}

#[test]
fn the_recordings_show_what_they_are_there_for() {
    let mut counts: BTreeMap<(bool, Action), usize> = BTreeMap::new();
    for (sent, element) in elements() {
        *counts.entry((sent, read(&element).action)).or_default() += 1;
    }
    for (sent, action) in [
        (true, Action::SessionAccept),
        (true, Action::TransportInfo),
        (true, Action::SessionInfo),
        (true, Action::SessionTerminate),
        (false, Action::SessionInitiate),
        (false, Action::TransportInfo),
        (false, Action::SessionInfo),
        (false, Action::SessionTerminate),
    ] {
        assert!(counts.contains_key(&(sent, action)), "{sent} {action}: {counts:?}");
    }
}

/// The recorded element, apart from where we differ on purpose.
fn in_our_words(recorded: &Element) -> Element {
    let mut element = recorded.clone();
    for child in element.children_mut() {
        match child.name() {
            // That both send goes without saying.
            "content" if child.attr("senders") == Some("both") => {
                child.attrs_mut().remove(&Namespace::NONE, "senders");
            }
            // A creator that is no party of the session is nobody.
            "mute" | "unmute" if child.attr("creator") == Some("user-1") => {
                child.attrs_mut().remove(&Namespace::NONE, "creator");
            }
            _ => {}
        }
    }
    // Groups come after contents.
    let groups: Vec<_> = std::iter::from_fn(|| element.remove_child("group", ns::GROUPING)).collect();
    for group in groups {
        element.append_child(group);
    }
    element
}

/// What was written for the recorded element, without what XEP-0176 requires of candidates and the recorded client does not write.
fn without_what_we_add(written: &Element, recorded: &Element) -> Element {
    let (mut written, mut recorded) = (written.clone(), recorded.clone());
    let contents = written.children_mut().filter(|child| child.name() == "content");
    for (content, theirs) in contents.zip(recorded.children_mut().filter(|child| child.name() == "content")) {
        for (candidate, theirs) in candidates(content).zip(candidates(theirs)) {
            for name in ["id", "generation", "network"] {
                if theirs.attr(name).is_none() {
                    candidate.attrs_mut().remove(&Namespace::NONE, name);
                }
            }
        }
    }
    written
}

fn candidates(content: &mut Element) -> impl Iterator<Item = &mut Element> {
    let transports = content.children_mut().filter(|child| child.name() == "transport");
    let children = transports.flat_map(Element::children_mut);
    children.filter(|child| child.name() == "candidate")
}

/// Gives the candidates what they were written with.
fn complete(jingle: &mut Jingle, written: &Element) {
    let written = read(written);
    for (content, written) in jingle.contents.iter_mut().zip(&written.contents) {
        if let (Some(ice), Some(written)) = (content.ice_mut(), written.ice()) {
            for (candidate, written) in ice.candidates.iter_mut().zip(&written.candidates) {
                candidate.id = candidate.id.take().or(written.id.clone());
                candidate.generation = candidate.generation.or(Some(0));
                candidate.network_id = candidate.network_id.or(Some(0));
            }
        }
    }
}
