//! Jingle Message Initiation (XEP-0353): the elements that propose a session before any session stanza is sent, and those that tell
//! all devices of both parties what became of it.
//!
//! These are payloads of `<message/>`. On a plain XMPP server such a message is of `type="chat"` and has a `<store/>` hint beside the
//! payload (XEP-0353 section 3); on Genesys Cloud it has neither. That is for whoever writes the stanza.

mod read;
mod write;

use minidom::Element;

use crate::{ConversationId, Farewell, Reason, SessionId};

/// The namespace of XEP-0353.
pub const NAMESPACE: &str = "urn:xmpp:jingle-message:0";

/// The longest attribute that [`InitiationMessage::parse`] takes, in bytes; the text of a [`Farewell`] is cut there.
pub const ATTRIBUTE_LIMIT: usize = 1024;

/// The most media, and the most other applications, that are read of one `propose`; further ones are passed over.
pub const DESCRIPTION_LIMIT: usize = 16;

/// One element of Jingle Message Initiation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InitiationMessage {
    /// The initiator proposes a session (XEP-0353 section 3.1).
    Propose(Propose),
    /// A resource of the responder rings (section 3.2).
    Ringing(SessionId),
    /// A resource of the responder asks the initiator to begin (section 3.4).
    Proceed(SessionId),
    /// A resource of the responder tells the others that it has the session.
    Accept(SessionId),
    /// The responder declines (section 3.5).
    Reject(Ending),
    /// The initiator takes the proposal back (section 3.3).
    Retract(Ending),
    /// A party tells that the session is over (section 3.7).
    Finish(Finish),
}

/// What a `propose` says, the gateway's own attributes (`inin-*`) included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Propose {
    /// `id`: the name that the session will have.
    pub id: SessionId,
    /// The media of the RTP sessions that are proposed (XEP-0167), each once: `audio`, `video`.
    pub media: Vec<String>,
    /// The namespaces of what else is proposed, such as a file transfer, each once.
    pub other_applications: Vec<String>,
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
    /// A proposal of the session `id` with audio, and nothing else said.
    pub fn new(id: SessionId) -> Self {
        Self {
            id,
            media: vec!["audio".to_owned()],
            other_applications: Vec::new(),
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

/// What `reject` and `retract` say: that nothing becomes of the proposal, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    /// The session that was proposed.
    pub id: SessionId,
    /// Why: `busy` and `cancel` as a rule. Others may tell more about the user than the user wants to tell (section 6).
    pub farewell: Option<Farewell>,
    /// `<tie-break/>`: both parties proposed at the same time, and this proposal gives way (section 4.1).
    pub tie_break: bool,
}

impl Ending {
    /// The end of the proposal of session `id`, without a reason: the form that the clients of Genesys Cloud write.
    pub fn new(id: SessionId) -> Self {
        Self {
            id,
            farewell: None,
            tie_break: false,
        }
    }

    /// The end of the proposal of session `id` for this reason.
    pub fn because(id: SessionId, farewell: impl Into<Farewell>) -> Self {
        Self {
            id,
            farewell: Some(farewell.into()),
            tie_break: false,
        }
    }

    /// The end of the proposal of session `id` because another one, made at the same time, overrules it (section 4.1).
    pub fn tie_break(id: SessionId) -> Self {
        Self {
            id,
            farewell: Some(Reason::Expired.into()),
            tie_break: true,
        }
    }
}

/// What `finish` says: that a session which had been accepted is over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finish {
    /// The session that is over.
    pub id: SessionId,
    /// Why: `success` or `expired` as a rule.
    pub farewell: Option<Farewell>,
    /// `<migrated/>`: the session that takes its place (section 4.2).
    pub migrated_to: Option<SessionId>,
}

impl Finish {
    /// The end of the session `id` for this reason.
    pub fn because(id: SessionId, farewell: impl Into<Farewell>) -> Self {
        Self {
            id,
            farewell: Some(farewell.into()),
            migrated_to: None,
        }
    }

    /// The end of the session `id` in favour of `successor`, which the same party proposed (section 4.2).
    pub fn migrated(id: SessionId, successor: SessionId) -> Self {
        Self {
            id,
            farewell: Some(Reason::Expired.into()),
            migrated_to: Some(successor),
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
    /// Reads an element; `None` if it is not one of the seven that this type knows. Children and attributes that have no meaning
    /// here are passed over.
    ///
    /// # Errors
    /// [`MessageError`] inside the `Some`, if it is one of the seven and breaks the rules of its kind.
    pub fn parse(element: &Element) -> Option<Result<Self, MessageError>> {
        read::message(element)
    }

    /// The session that the element speaks of.
    pub fn id(&self) -> &SessionId {
        match self {
            InitiationMessage::Propose(propose) => &propose.id,
            InitiationMessage::Ringing(id) | InitiationMessage::Proceed(id) | InitiationMessage::Accept(id) => id,
            InitiationMessage::Reject(ending) | InitiationMessage::Retract(ending) => &ending.id,
            InitiationMessage::Finish(finish) => &finish.id,
        }
    }

    /// Writes the element, as the payload of a `<message/>`.
    pub fn to_element(&self) -> Element {
        write::message(self)
    }
}

#[cfg(test)]
mod tests;
