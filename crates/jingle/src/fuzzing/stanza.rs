//! Elements that a peer may put into a stanza, each read by all readers of this crate.

use minidom::Element;

use crate::{
    genesys::Rpc,
    message::InitiationMessage,
    stanza::{Jingle, JingleCondition, JingleLimits},
};

/// Elements inside one another, at most: those who read frames hand on no deeper ones, and all who copy or print elements recurse.
const DEPTH: usize = 256;

/// Limits that real elements exceed.
const NARROW: JingleLimits = JingleLimits {
    contents: 1,
    candidates: 1,
    payload_types: 2,
    entries: 1,
    text: 32,
    foreign: 64,
    foreign_depth: 2,
};

/// The element that the text is, if it is none that frames are too deep for.
pub(super) fn root(text: &str) -> Option<Element> {
    // No element is inside more elements than begin before it.
    let depth = text.matches('<').count() - text.matches("</").count();
    (depth <= DEPTH).then(|| text.parse().ok())?
}

/// See [`super::jingle_stanza`].
pub(super) fn text(data: &[u8]) -> Vec<String> {
    let Some(root) = std::str::from_utf8(data).ok().and_then(root) else {
        return Vec::new();
    };
    // A stanza, or the payload of one.
    std::iter::once(&root)
        .chain(root.children())
        .flat_map(element)
        .collect()
}

/// What the readers make of the element. What they understand, they write so that they understand the same.
fn element(element: &Element) -> Vec<String> {
    let mut outcome = vec![jingle(element)];
    if let Some(Ok(message)) = InitiationMessage::parse(element) {
        assert_eq!(
            InitiationMessage::parse(&message.to_element()),
            Some(Ok(message.clone()))
        );
        outcome.push(format!("{message:?}"));
    }
    if let Ok(rpc) = Rpc::parse(element) {
        let written = rpc.to_element();
        // Lines of SDP that get their CRLF may make it too long.
        if let Ok(again) = Rpc::parse(&written) {
            assert_eq!(again.to_element(), written);
        }
        outcome.push(format!("{rpc:?}"));
    }
    outcome.extend(JingleCondition::of_error(element).map(|condition| format!("{condition:?}")));
    outcome
}

fn jingle(element: &Element) -> String {
    let narrow = Jingle::parse_within(element, &NARROW);
    let jingle = match Jingle::parse(element) {
        Ok(jingle) => jingle,
        Err(error) => {
            assert!(
                narrow.is_err(),
                "what is too much for wide limits is too much for narrow ones"
            );
            return format!("{error:?}: {error}");
        }
    };
    let written = jingle.to_element();
    let mut again = Jingle::parse(&written).expect("what is written can be read");
    assert_eq!(again.to_element(), written, "what is written is written again as it is");
    let printed = String::from(&written);
    let parsed: Element = printed.parse().expect("what is printed is well-formed");
    assert_eq!(Jingle::parse(&parsed).as_ref(), Ok(&again), "XML carries all of it");
    // What was said is said still; ids, generations and networks of candidates were added.
    for (content, was) in again.contents.iter_mut().zip(&jingle.contents) {
        if let (Some(ice), Some(was)) = (content.ice_mut(), was.ice()) {
            for (candidate, was) in ice.candidates.iter_mut().zip(&was.candidates) {
                candidate.id.clone_from(&was.id);
                candidate.generation = was.generation;
                candidate.network_id = was.network_id;
            }
        }
    }
    assert_eq!(again, jingle);
    format!("{:?} {printed}", narrow.err())
}
