//! Jingle Message Initiation (XEP-0353): the elements that propose a session before any session stanza is sent.

use minidom::{Element, rxml::NcName};

use crate::{ConversationId, SessionId};

/// The namespace of XEP-0353.
pub const NAMESPACE: &str = "urn:xmpp:jingle-message:0";

/// The longest attribute that [`InitiationMessage::parse`] takes, in bytes.
pub const ATTRIBUTE_LIMIT: usize = 1024;

/// One element of Jingle Message Initiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitiationMessage {
    /// The initiator proposes a session (XEP-0353 section 3.1).
    Propose(Propose),
    /// A resource of the responder asks the initiator to begin (section 3.2).
    Proceed(SessionId),
    /// A resource of the responder tells the others that it has the session.
    Accept(SessionId),
    /// The responder declines (section 3.4).
    Reject(SessionId),
    /// The initiator takes the proposal back (section 3.5).
    Retract(SessionId),
}

/// What a `propose` says, the gateway's own attributes (`inin-*`) included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Propose {
    /// `id`: the name that the session will have.
    pub id: SessionId,
    /// `inin-cid`: the conversation that the session belongs to.
    pub conversation: Option<ConversationId>,
    /// `inin-persistent-cid`: the conversation of a persistent connection.
    pub persistent_conversation: Option<ConversationId>,
    /// `inin-autoanswer`: accept without asking the user.
    pub auto_answer: bool,
    /// `inin-sdp-over-xmpp`: the session speaks SDP over XMPP rather than Jingle.
    pub sdp_over_xmpp: bool,
    /// `inin-priv-answer-mode`: `Auto` sets a persistent connection up without telling the user.
    pub private_answer_mode: Option<String>,
    /// `inin-user-id`: the platform's id of the user that is called.
    pub user_id: Option<String>,
    /// `inin-ofrom`: the JID that the call originally came from.
    pub original_from: Option<String>,
    /// `inin-meeting-id`: the meeting that the session belongs to.
    pub meeting_id: Option<String>,
}

impl Propose {
    /// A proposal of the session `id` with nothing else said.
    pub fn new(id: SessionId) -> Self {
        Self {
            id,
            conversation: None,
            persistent_conversation: None,
            auto_answer: false,
            sdp_over_xmpp: false,
            private_answer_mode: None,
            user_id: None,
            original_from: None,
            meeting_id: None,
        }
    }
}

/// Why an element of Jingle Message Initiation cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MessageError {
    /// The `id` attribute, which XEP-0353 requires, is absent or empty.
    #[error("<{element}/> names no session: its `id` is absent or empty")]
    MissingId {
        /// The name of the element.
        element: &'static str,
    },
    /// An attribute is longer than [`ATTRIBUTE_LIMIT`].
    #[error("the attribute `{attribute}` has {bytes} bytes; at most {limit} are read")]
    TooLong {
        /// The name of the attribute.
        attribute: &'static str,
        /// Its length in bytes.
        bytes: usize,
        /// The longest that is read.
        limit: usize,
    },
}

impl InitiationMessage {
    /// Reads an element; `None` if it is not one of the five that this type knows.
    ///
    /// # Errors
    /// [`MessageError`] inside the `Some`, if it is one of the five and breaks the rules of its kind.
    pub fn parse(element: &Element) -> Option<Result<Self, MessageError>> {
        if element.ns() != NAMESPACE {
            return None;
        }
        Some(match element.name() {
            "propose" => read_propose(element).map(InitiationMessage::Propose),
            "proceed" => read_id(element, "proceed").map(InitiationMessage::Proceed),
            "accept" => read_id(element, "accept").map(InitiationMessage::Accept),
            "reject" => read_id(element, "reject").map(InitiationMessage::Reject),
            "retract" => read_id(element, "retract").map(InitiationMessage::Retract),
            // `ringing` and `finish` (XEP-0353 0.4) and whatever comes later.
            _ => return None,
        })
    }

    /// The session that the element speaks of.
    pub fn id(&self) -> &SessionId {
        match self {
            InitiationMessage::Propose(propose) => &propose.id,
            InitiationMessage::Proceed(id)
            | InitiationMessage::Accept(id)
            | InitiationMessage::Reject(id)
            | InitiationMessage::Retract(id) => id,
        }
    }

    /// Writes the element, as the payload of a `<message/>`.
    pub fn to_element(&self) -> Element {
        match self {
            InitiationMessage::Propose(propose) => write_propose(propose),
            InitiationMessage::Proceed(id) => write("proceed", id),
            InitiationMessage::Accept(id) => write("accept", id),
            InitiationMessage::Reject(id) => write("reject", id),
            InitiationMessage::Retract(id) => write("retract", id),
        }
    }
}

fn read_id(element: &Element, name: &'static str) -> Result<SessionId, MessageError> {
    match read_text(element, "id")? {
        Some(id) if !id.is_empty() => Ok(SessionId::new(id)),
        Some(_) | None => Err(MessageError::MissingId { element: name }),
    }
}

fn read_propose(element: &Element) -> Result<Propose, MessageError> {
    let text = |name| Ok(read_text(element, name)?.map(str::to_owned));
    let conversation = |name| Ok(present(read_text(element, name)?).map(ConversationId::new));
    Ok(Propose {
        id: read_id(element, "propose")?,
        conversation: conversation("inin-cid")?,
        persistent_conversation: conversation("inin-persistent-cid")?,
        auto_answer: read_flag(element, "inin-autoanswer"),
        sdp_over_xmpp: read_flag(element, "inin-sdp-over-xmpp"),
        private_answer_mode: text("inin-priv-answer-mode")?,
        user_id: text("inin-user-id")?,
        original_from: text("inin-ofrom")?,
        meeting_id: text("inin-meeting-id")?,
    })
}

fn read_text<'a>(element: &'a Element, attribute: &'static str) -> Result<Option<&'a str>, MessageError> {
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
fn read_flag(element: &Element, attribute: &str) -> bool {
    matches!(element.attr(attribute), Some("true" | "1"))
}

fn attribute(name: &'static str) -> NcName {
    NcName::try_from(name).expect("the names written in this file are XML names without a colon")
}

fn write(name: &str, id: &SessionId) -> Element {
    Element::builder(name, NAMESPACE)
        .attr(attribute("id"), id.as_str())
        .build()
}

fn write_propose(propose: &Propose) -> Element {
    let mut element = Element::builder("propose", NAMESPACE)
        .attr(attribute("id"), propose.id.as_str())
        .append(
            Element::builder("description", "urn:xmpp:jingle:apps:rtp:1")
                .attr(attribute("media"), "audio")
                .build(),
        );
    let conversation = propose.conversation.as_ref().map(ConversationId::as_str);
    let persistent = propose.persistent_conversation.as_ref();
    let attributes: [(&'static str, Option<&str>); 8] = [
        ("inin-cid", conversation),
        ("inin-persistent-cid", persistent.map(ConversationId::as_str)),
        (
            "inin-autoanswer",
            Some(if propose.auto_answer { "true" } else { "false" }),
        ),
        // Absent in Jingle proposals: its absence is how they are told apart.
        ("inin-sdp-over-xmpp", propose.sdp_over_xmpp.then_some("true")),
        ("inin-priv-answer-mode", propose.private_answer_mode.as_deref()),
        ("inin-user-id", propose.user_id.as_deref()),
        ("inin-ofrom", propose.original_from.as_deref()),
        ("inin-meeting-id", propose.meeting_id.as_deref()),
    ];
    for (name, value) in attributes {
        element = element.attr(attribute(name), value);
    }
    element.build()
}

#[cfg(test)]
mod tests;
