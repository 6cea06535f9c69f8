//! Who sends: as seen from here in SDP, and by role in Jingle.

use crate::stanza::{Role, Senders};

/// Who sends, as seen from the one who describes (RFC 8866 section 6.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum Direction {
    /// Both sides; what holds where nothing is said.
    #[default]
    SendRecv,
    /// Who describes.
    SendOnly,
    /// The other side.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// All of them.
    pub const ALL: [Direction; 4] = [
        Direction::SendRecv,
        Direction::SendOnly,
        Direction::RecvOnly,
        Direction::Inactive,
    ];

    /// The name of the attribute.
    pub fn as_str(self) -> &'static str {
        match self {
            Direction::SendRecv => "sendrecv",
            Direction::SendOnly => "sendonly",
            Direction::RecvOnly => "recvonly",
            Direction::Inactive => "inactive",
        }
    }

    /// The direction of this name.
    pub fn of(name: &str) -> Option<Self> {
        Direction::ALL.into_iter().find(|direction| direction.as_str() == name)
    }

    /// As Jingle says it, if `by` describes (XEP-0166 section 7.3).
    pub fn senders(self, by: Role) -> Senders {
        match (self, by) {
            (Direction::SendRecv, _) => Senders::Both,
            (Direction::SendOnly, Role::Initiator) | (Direction::RecvOnly, Role::Responder) => Senders::Initiator,
            (Direction::RecvOnly, Role::Initiator) | (Direction::SendOnly, Role::Responder) => Senders::Responder,
            (Direction::Inactive, _) => Senders::None,
        }
    }

    /// As SDP says it, if `by` describes.
    pub fn of_senders(senders: Senders, by: Role) -> Self {
        match (senders, by) {
            (Senders::Both, _) => Direction::SendRecv,
            (Senders::Initiator, Role::Initiator) | (Senders::Responder, Role::Responder) => Direction::SendOnly,
            (Senders::Initiator, Role::Responder) | (Senders::Responder, Role::Initiator) => Direction::RecvOnly,
            (Senders::None, _) => Direction::Inactive,
        }
    }
}
