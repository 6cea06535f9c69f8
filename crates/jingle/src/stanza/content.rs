//! Contents: one kind of media each, and how it travels (XEP-0166 section 7.3).

use std::{fmt, str::FromStr};

use minidom::Element;

use super::{Ice, Rtp};

/// One `<content/>` (XEP-0166 section 7.3).
#[derive(Debug, Clone, PartialEq)]
pub struct Content {
    /// Which party added the content to the session. Together with the name it identifies the content; a peer that leaves it out means
    /// the initiator.
    pub creator: Role,
    /// The content's name, of no meaning but to tell it from others.
    pub name: String,
    /// Who sends in it. Unsaid is [`Senders::Both`], also in actions in which it has no meaning.
    pub senders: Senders,
    /// `disposition`: what the content is for; unsaid is `session`.
    pub disposition: Option<String>,
    /// What is sent.
    pub description: Option<Application>,
    /// How it is sent.
    pub transport: Option<Transport>,
}

impl Content {
    /// A content that both sides send in, and of which nothing else is said.
    pub fn new(creator: Role, name: impl Into<String>) -> Self {
        Self {
            creator,
            name: name.into(),
            senders: Senders::Both,
            disposition: None,
            description: None,
            transport: None,
        }
    }

    /// The description, if it is one of RTP.
    pub fn rtp(&self) -> Option<&Rtp> {
        match &self.description {
            Some(Application::Rtp(rtp)) => Some(rtp),
            Some(Application::Other(_)) | None => None,
        }
    }

    /// The transport, if it is ICE.
    pub fn ice(&self) -> Option<&Ice> {
        match &self.transport {
            Some(Transport::Ice(ice)) => Some(ice),
            Some(Transport::Other(_)) | None => None,
        }
    }

    /// The transport, if it is ICE.
    pub fn ice_mut(&mut self) -> Option<&mut Ice> {
        match &mut self.transport {
            Some(Transport::Ice(ice)) => Some(ice),
            Some(Transport::Other(_)) | None => None,
        }
    }
}

/// What is sent in a content: its `<description/>`.
#[derive(Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are RTP, and there are few of them")]
pub enum Application {
    /// RTP (XEP-0167).
    Rtp(Rtp),
    /// Any other format, kept as it came. Its `Debug` names it and shows nothing of it.
    Other(Element),
}

/// How a content is sent: its `<transport/>`.
#[derive(Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "nearly all are ICE, and there are few of them")]
pub enum Transport {
    /// ICE (XEP-0176, XEP-0371).
    Ice(Ice),
    /// Any other method, kept as it came. Its `Debug` names it and shows nothing of it.
    Other(Element),
}

/// An element of which only the name is printed: what is in it may be secret.
struct Named<'a>(&'a Element);

impl fmt::Debug for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} xmlns={:?}/>", self.0.name(), self.0.ns())
    }
}

impl fmt::Debug for Application {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Application::Rtp(rtp) => f.debug_tuple("Rtp").field(rtp).finish(),
            Application::Other(element) => f.debug_tuple("Other").field(&Named(element)).finish(),
        }
    }
}

impl fmt::Debug for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Transport::Ice(ice) => f.debug_tuple("Ice").field(ice).finish(),
            Transport::Other(element) => f.debug_tuple("Other").field(&Named(element)).finish(),
        }
    }
}

/// The text is none of the words that the attribute may have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not one of the words {expected}")]
pub struct UnknownWord {
    /// The words, separated by commas.
    pub expected: &'static str,
}

/// The two parties of a session; also the `creator` of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Whoever sent the session-initiate.
    Initiator,
    /// Whoever it was sent to.
    Responder,
}

impl Role {
    /// The role as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Initiator => "initiator",
            Role::Responder => "responder",
        }
    }

    /// The role of the other party.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Role::Initiator => Role::Responder,
            Role::Responder => Role::Initiator,
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "initiator" => Ok(Role::Initiator),
            "responder" => Ok(Role::Responder),
            _ => Err(UnknownWord {
                expected: "initiator, responder",
            }),
        }
    }
}

/// Which parties send in a content, or use a header extension.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Senders {
    /// Both; what is meant where nothing is said.
    #[default]
    Both,
    /// The initiator only.
    Initiator,
    /// Nobody.
    None,
    /// The responder only.
    Responder,
}

impl Senders {
    /// The word as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Senders::Both => "both",
            Senders::Initiator => "initiator",
            Senders::None => "none",
            Senders::Responder => "responder",
        }
    }

    /// Whether this party sends.
    pub fn includes(self, role: Role) -> bool {
        match self {
            Senders::Both => true,
            Senders::Initiator => role == Role::Initiator,
            Senders::None => false,
            Senders::Responder => role == Role::Responder,
        }
    }
}

impl fmt::Display for Senders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Senders {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "both" => Ok(Senders::Both),
            "initiator" => Ok(Senders::Initiator),
            "none" => Ok(Senders::None),
            "responder" => Ok(Senders::Responder),
            _ => Err(UnknownWord {
                expected: "both, initiator, none, responder",
            }),
        }
    }
}
