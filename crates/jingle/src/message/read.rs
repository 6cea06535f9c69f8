//! Reads the elements: tolerant of whatever has no meaning here.

use minidom::Element;

use super::{
    ATTRIBUTE_LIMIT, DESCRIPTION_LIMIT, Ending, Finish, InitiationMessage, MessageError, NAMESPACE, Propose, write::RTP,
};
use crate::{
    ConversationId, Farewell, SessionId,
    stanza::{JingleLimits, ns, read_farewell},
};

pub(super) fn message(element: &Element) -> Option<Result<InitiationMessage, MessageError>> {
    if element.ns() != NAMESPACE {
        return None;
    }
    Some(match element.name() {
        "propose" => propose(element).map(InitiationMessage::Propose),
        "ringing" => id(element, "ringing").map(InitiationMessage::Ringing),
        "proceed" => id(element, "proceed").map(InitiationMessage::Proceed),
        "accept" => id(element, "accept").map(InitiationMessage::Accept),
        "reject" => ending(element, "reject").map(InitiationMessage::Reject),
        "retract" => ending(element, "retract").map(InitiationMessage::Retract),
        "finish" => finish(element).map(InitiationMessage::Finish),
        _ => return None,
    })
}

fn id(element: &Element, name: &'static str) -> Result<SessionId, MessageError> {
    match present(text(element, "id")?) {
        Some(id) => Ok(SessionId::new(id)),
        None => Err(MessageError::MissingId { element: name }),
    }
}

fn propose(element: &Element) -> Result<Propose, MessageError> {
    let words = |name| Ok(text(element, name)?.map(str::to_owned));
    let conversation = |name| Ok(present(text(element, name)?).map(ConversationId::new));
    let (media, other_applications) = descriptions(element)?;
    Ok(Propose {
        id: id(element, "propose")?,
        media,
        other_applications,
        conversation: conversation("inin-cid")?,
        persistent_conversation: conversation("inin-persistent-cid")?,
        auto_answer: flag(element, "inin-autoanswer"),
        sdp_over_xmpp: flag(element, "inin-sdp-over-xmpp"),
        private_answer_mode: words("inin-priv-answer-mode")?,
        user_id: words("inin-user-id")?,
        original_from: words("inin-ofrom")?,
        meeting_id: words("inin-meeting-id")?,
    })
}

/// The media that are proposed, and the namespaces of what is no RTP session.
fn descriptions(element: &Element) -> Result<(Vec<String>, Vec<String>), MessageError> {
    let (mut media, mut others) = (Vec::new(), Vec::new());
    for description in element.children().filter(|child| child.name() == "description") {
        if !description.has_ns(RTP) {
            note(&mut others, &description.ns());
        } else if let Some(word) = present(text(description, "media")?) {
            note(&mut media, word);
        }
    }
    Ok((media, others))
}

fn note(words: &mut Vec<String>, word: &str) {
    let fits = words.len() < DESCRIPTION_LIMIT && word.len() <= ATTRIBUTE_LIMIT;
    if fits && !words.iter().any(|known| known == word) {
        words.push(word.to_owned());
    }
}

fn ending(element: &Element, name: &'static str) -> Result<Ending, MessageError> {
    Ok(Ending {
        id: id(element, name)?,
        farewell: farewell(element),
        tie_break: element.has_child("tie-break", NAMESPACE),
    })
}

/// The schemas of versions 0.4 to 0.6 define a `reason` of their own beside the examples that use Jingle's.
fn farewell(message: &Element) -> Option<Farewell> {
    let ours = |element: &&Element| element.has_ns(ns::JINGLE) || element.has_ns(NAMESPACE);
    let mut children = message.children().filter(ours);
    let limits = JingleLimits {
        text: ATTRIBUTE_LIMIT,
        ..JingleLimits::default()
    };
    let reason = children.find(|element| element.name() == "reason")?;
    Some(read_farewell(reason, &limits))
}

fn finish(element: &Element) -> Result<Finish, MessageError> {
    let migrated = element.get_child("migrated", NAMESPACE);
    let successor = migrated.map_or(Ok(None), |migrated| text(migrated, "to"))?;
    Ok(Finish {
        id: id(element, "finish")?,
        farewell: farewell(element),
        migrated_to: present(successor).map(SessionId::new),
    })
}

fn text<'a>(element: &'a Element, attribute: &'static str) -> Result<Option<&'a str>, MessageError> {
    match element.attr(attribute) {
        Some(text) if text.len() > ATTRIBUTE_LIMIT => Err(MessageError::TooLong {
            attribute,
            bytes: text.len(),
            limit: ATTRIBUTE_LIMIT,
        }),
        text => Ok(text),
    }
}

fn present(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

/// A boolean of XML Schema; anything else counts as false.
fn flag(element: &Element, attribute: &str) -> bool {
    matches!(element.attr(attribute), Some("true" | "1"))
}
