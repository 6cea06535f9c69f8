//! Session descriptions, as far as one audio call needs them (RFC 8866, RFC 8829).
//!
//! Reading is lenient and total: any text gives a description or a typed refusal. What real
//! endpoints leave out (`a=group`, `a=mid`, a direction, `a=ssrc`) has a default, and what they
//! put at session level is inherited. Writing is strict: an answer speaks in the terms of its
//! offer (its profile, mid, payload numbers, sections and their order), and every line ends in
//! CRLF.

mod audio;
mod description;
mod formats;
mod revise;
mod write;

#[cfg(test)]
mod tests;

pub(crate) use audio::{Credentials, OUR_UFRAG, RemoteAudio, Setup};
pub(crate) use description::Description;
pub(crate) use formats::{AudioFormat, Formats, Wishes};
pub(crate) use revise::revise;
pub(crate) use write::{LocalAudio, answer, offer};

/// Media direction, from the point of view of the side whose description it stands in
/// (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Audio goes both ways.
    SendRecv,
    /// This side sends and does not listen: it has put the other on hold (RFC 3264 section 8.4).
    SendOnly,
    /// This side listens and does not send.
    RecvOnly,
    /// No audio goes either way; the path is kept.
    Inactive,
}

impl Direction {
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }

    /// What both allow.
    pub(crate) fn within(self, other: Self) -> Self {
        match (self.sends() && other.sends(), self.receives() && other.receives()) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// The same stream as the other side sees it.
    pub(crate) fn reversed(self) -> Self {
        match self {
            Self::SendRecv => Self::SendRecv,
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            Self::Inactive => Self::Inactive,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    fn from_attribute(name: &str) -> Option<Self> {
        match name {
            "sendrecv" => Some(Self::SendRecv),
            "sendonly" => Some(Self::SendOnly),
            "recvonly" => Some(Self::RecvOnly),
            "inactive" => Some(Self::Inactive),
            _ => None,
        }
    }
}
