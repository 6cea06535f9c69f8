//! Session descriptions, from text to Jingle and back.

use super::stanza;
use crate::{
    Candidate,
    sdp::{self, SdpLimits, SessionDescription},
    stanza::{Action, Content, Jingle, JingleLimits, Role},
};

/// Limits that no description exceeds which is read.
const WIDE: JingleLimits = JingleLimits {
    contents: usize::MAX,
    candidates: usize::MAX,
    payload_types: usize::MAX,
    entries: usize::MAX,
    text: usize::MAX,
    foreign: usize::MAX,
    foreign_depth: usize::MAX,
};

/// What is made of long words may be longer than what is read.
const ANY: SdpLimits = SdpLimits {
    text: usize::MAX,
    lines: usize::MAX,
    sections: usize::MAX,
};

/// See [`super::sdp_roundtrip`].
pub(super) fn text(data: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(data);
    if text.starts_with('<') {
        return of_a_peer(&text);
    }
    for line in text.lines() {
        if let Ok(candidate) = line.parse::<Candidate>() {
            assert_eq!(candidate.to_string().parse(), Ok(candidate), "a candidate is read back");
        }
    }
    let description: SessionDescription = match text.parse() {
        Ok(description) => description,
        Err(error) => return vec![format!("{error}")],
    };
    assert_eq!(description.to_string().parse(), Ok(description.clone()));
    [Role::Initiator, Role::Responder]
        .map(|by| through_jingle(&description, by))
        .to_vec()
}

/// What a peer says by Jingle is a description of as many sections, whatever is in it.
fn of_a_peer(text: &str) -> Vec<String> {
    let Some(Ok(jingle)) = stanza::root(text).map(|element| Jingle::parse(&element)) else {
        return Vec::new();
    };
    let by = [Role::Initiator, Role::Responder];
    let said = by.map(|by| {
        let description = sdp::from_contents(&jingle.contents, &jingle.groups, by, 1);
        assert_eq!(description.media.len(), jingle.contents.len());
        let read = SessionDescription::parse_within(&description.to_string(), &ANY);
        assert_eq!(read, Ok(description.clone()), "what is made can be read");
        through_jingle(&description, by)
    });
    said.to_vec()
}

/// What Jingle can say of it is the same after any number of times.
fn through_jingle(description: &SessionDescription, by: Role) -> String {
    let (contents, groups) = match sdp::to_contents(description, by, |_| by) {
        Ok(said) => said,
        Err(error) => return error.to_string(),
    };
    let back = sdp::from_contents(&contents, &groups, by, 1);
    let text = back.to_string();
    let read = SessionDescription::parse_within(&text, &ANY);
    assert_eq!(read, Ok(back.clone()), "what is made can be read");
    // No section of SDP is without a format, so one that was gets one.
    let lacks_formats = |content: &Content| content.rtp().is_some_and(|rtp| rtp.payload_types.is_empty());
    if !contents.iter().any(lacks_formats) {
        let again = sdp::to_contents(&back, by, |_| by).expect("what is made has a form in Jingle");
        assert_eq!(again, (contents.clone(), groups.clone()), "it keeps its meaning");
    }
    let jingle = Jingle {
        contents,
        groups,
        ..Jingle::new(Action::SessionInitiate, crate::SessionId::new("s"))
    };
    let element = jingle.to_element();
    if let Err(error) = Jingle::parse_within(&element, &WIDE) {
        panic!("what is said can be read: {error}");
    }
    format!("{}{text}", String::from(&element))
}
