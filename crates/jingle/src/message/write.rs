//! Writes the elements: what XEP-0353 and the platform ask for, and nothing else.

use minidom::{Element, ElementBuilder, rxml::NcName};

use super::{Ending, Finish, InitiationMessage, NAMESPACE, Propose};
use crate::{ConversationId, SessionId, stanza::write_farewell};

/// The namespace of RTP sessions in Jingle (XEP-0167).
pub(super) const RTP: &str = "urn:xmpp:jingle:apps:rtp:1";

pub(super) fn message(message: &InitiationMessage) -> Element {
    match message {
        InitiationMessage::Propose(said) => propose(said),
        InitiationMessage::Ringing(id) => element("ringing", id).build(),
        InitiationMessage::Proceed(id) => element("proceed", id).build(),
        InitiationMessage::Accept(id) => element("accept", id).build(),
        InitiationMessage::Reject(said) => ending("reject", said),
        InitiationMessage::Retract(said) => ending("retract", said),
        InitiationMessage::Finish(said) => finish(said),
    }
}

pub(super) fn attribute(name: &'static str) -> NcName {
    NcName::try_from(name).expect("the names written here are XML names without a colon")
}

fn element(name: &str, id: &SessionId) -> ElementBuilder {
    Element::builder(name, NAMESPACE).attr(attribute("id"), id.as_str())
}

fn ending(name: &str, said: &Ending) -> Element {
    let tie_break = said.tie_break.then(|| Element::bare("tie-break", NAMESPACE));
    element(name, &said.id)
        .append_all(said.farewell.as_ref().map(write_farewell))
        .append_all(tie_break)
        .build()
}

fn finish(said: &Finish) -> Element {
    let migrated = |to: &SessionId| {
        Element::builder("migrated", NAMESPACE)
            .attr(attribute("to"), to.as_str())
            .build()
    };
    element("finish", &said.id)
        .append_all(said.farewell.as_ref().map(write_farewell))
        .append_all(said.migrated_to.as_ref().map(migrated))
        .build()
}

fn propose(said: &Propose) -> Element {
    let media = said.media.iter().map(|media| {
        Element::builder("description", RTP)
            .attr(attribute("media"), media.as_str())
            .build()
    });
    let others = said.other_applications.iter();
    let others = others.map(|namespace| Element::bare("description", namespace.as_str()));
    let mut element = element("propose", &said.id).append_all(media).append_all(others);
    let conversation = said.conversation.as_ref().map(ConversationId::as_str);
    let persistent = said.persistent_conversation.as_ref();
    // The platform's gateways always say whether; whoever is no gateway has nothing to say of it.
    let auto_answer = match (said.auto_answer, conversation) {
        (true, _) => Some("true"),
        (false, Some(_)) => Some("false"),
        (false, None) => None,
    };
    let attributes: [(&'static str, Option<&str>); 8] = [
        ("inin-cid", conversation),
        ("inin-persistent-cid", persistent.map(ConversationId::as_str)),
        ("inin-autoanswer", auto_answer),
        // Absent in Jingle proposals: its absence is how they are told apart.
        ("inin-sdp-over-xmpp", said.sdp_over_xmpp.then_some("true")),
        ("inin-priv-answer-mode", said.private_answer_mode.as_deref()),
        ("inin-user-id", said.user_id.as_deref()),
        ("inin-ofrom", said.original_from.as_deref()),
        ("inin-meeting-id", said.meeting_id.as_deref()),
    ];
    for (name, value) in attributes {
        element = element.attr(attribute(name), value);
    }
    element.build()
}
