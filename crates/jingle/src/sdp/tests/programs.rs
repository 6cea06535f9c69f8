//! What programs print, and what of it Jingle does not carry.

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;
use crate::{
    SessionId,
    stanza::{Action, Jingle},
};

/// As it comes to the other side: by Jingle, and that in XML.
fn carried(description: &SessionDescription, by: Role) -> SessionDescription {
    let (contents, groups) = to_contents(description, by, |_| by).expect("contents");
    let jingle = Jingle {
        contents,
        groups,
        ..Jingle::new(Action::SessionInitiate, SessionId::new("s"))
    };
    let text = String::from(&jingle.to_element());
    let read = Jingle::parse(&text.parse().expect("XML")).expect("Jingle");
    let back = from_contents(&read.contents, &read.groups, by, 1);
    let (contents, groups) = to_contents(&back, by, |_| by).expect("contents");
    assert_eq!(
        from_contents(&contents, &groups, by, 1),
        back,
        "a second time nothing is lost"
    );
    back
}

/// The line in the words in which it comes back.
fn in_our_words(line: &Line) -> Option<String> {
    let (name, value) = line.as_attribute()?;
    let Some(value) = value else {
        return Some(name.to_owned());
    };
    let words: Vec<_> = value.split_whitespace().collect();
    let said = match name {
        "fmtp" => value.replace("; ", ";").trim_end_matches(';').to_owned(),
        // One channel is what is meant where none is said (RFC 8866 section 6.6).
        "rtpmap" => words.join(" ").trim_end_matches("/1").to_owned(),
        // What a <candidate/> has attributes for.
        "candidate" => {
            let (said, named) = words.split_at(8);
            let kept = ["raddr", "rport", "tcptype"];
            let named = named.chunks(2).filter(|pair| kept.contains(&pair[0]));
            [said]
                .into_iter()
                .chain(named)
                .flatten()
                .copied()
                .collect::<Vec<_>>()
                .join(" ")
        }
        _ => words.join(" "),
    };
    Some(format!("{name}:{said}"))
}

fn attributes_of(section: &MediaSection) -> BTreeSet<String> {
    section.lines.iter().filter_map(in_our_words).collect()
}

/// The names of the attributes that do not come back from Jingle. Nothing else comes back but what is said of all sections or made.
pub(super) fn lost(text: &str) -> Vec<String> {
    let mut description = read(text);
    assert_eq!(description.to_string(), text);
    // Data channels are no calls.
    description.media.retain(MediaSection::is_rtp);
    let mut lost = BTreeSet::new();
    for by in [Role::Initiator, Role::Responder] {
        let back = carried(&description, by);
        assert_eq!(back.media.len(), description.media.len());
        for (section, back) in description.media.iter().zip(&back.media) {
            assert_eq!((&back.kind, &back.formats), (&section.kind, &section.formats));
            assert_eq!(back.is_rejected(), section.is_rejected());
            let (said, back) = (attributes_of(section), attributes_of(back));
            let name = |line: &String| line.split(':').next().unwrap_or_default().to_owned();
            lost.extend(said.difference(&back).map(name));
            let of_all: BTreeSet<_> = description.lines.iter().filter_map(in_our_words).collect();
            for new in back.difference(&said).filter(|line| !of_all.contains(*line)) {
                let made = ["ice-options", "mid", "sendrecv", "extmap-allow-mixed"];
                assert!(made.contains(&name(new).as_str()), "{new} was not said");
            }
        }
    }
    lost.into_iter().collect()
}

macro_rules! program {
    ($name:literal) => {
        include_str!(concat!($name, ".sdp"))
    };
}

/// As libwebrtc, Firefox and aiortc print them.
#[test]
fn what_real_programs_say_keeps_its_meaning() {
    let none: &[&str] = &[];
    assert_eq!(lost(program!("libwebrtc-offer")), ["rtcp"]);
    assert_eq!(lost(program!("libwebrtc-answer")), ["rtcp"]);
    assert_eq!(lost(program!("firefox-offer")), ["rtcp"]);
    assert_eq!(lost(program!("firefox-answer")), none);
    assert_eq!(lost(program!("firefox-bundle-only-offer")), ["bundle-only", "rtcp"]);
    assert_eq!(lost(program!("firefox-bundle-only-answer")), none);
    assert_eq!(lost(program!("aiortc-offer")), ["rtcp"]);
    assert_eq!(lost(program!("aiortc-answer")), ["rtcp"]);
}

macro_rules! recording {
    ($name:literal) => {
        include_str!(concat!("../../../../../tests/recordings/B-", $name, ".jsonl"))
    };
}

/// The descriptions in recordings of a client in Chromium and a gateway, of calls in SDP over XMPP.
fn recorded() -> impl Iterator<Item = String> {
    let recordings = [
        recording!("conn-transfer"),
        recording!("mid-0"),
        recording!("outbound"),
        recording!("reinvite"),
        recording!("relay"),
        recording!("renegotiate"),
        recording!("server-sends-end-of-candidates"),
    ];
    let lines = recordings.into_iter().flat_map(str::lines);
    let stanzas = lines.filter_map(|line| {
        let line: Value = serde_json::from_str(line).expect("a line is a JSON object");
        line["xml"].as_str().map(str::to_owned)
    });
    stanzas.filter(|xml| xml.contains("<genesys-webrtc")).filter_map(|xml| {
        let stanza: minidom::Element = xml.parse().expect("a recorded frame is well-formed");
        let rpc: Value = serde_json::from_str(&stanza.children().next()?.text()).expect("JSON");
        let sdp = rpc["params"]["sdp"].as_str()?;
        sdp.starts_with("v=0").then(|| sdp.to_owned())
    })
}

#[test]
fn what_a_client_in_chromium_and_its_gateway_say_keeps_its_meaning() {
    let mut count = 0;
    for text in recorded() {
        let lost = lost(&text);
        assert!(lost.is_empty() || lost == ["rtcp"], "{lost:?}");
        count += 1;
    }
    assert!(count >= 18, "offers and answers: {count}");
}
