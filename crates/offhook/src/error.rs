//! Why something that a client was asked for did not happen, by operation.

use std::{io, path::PathBuf};

use offhook_audio::{SinkError, SourceError};
use offhook_media::IdentityError;
use offhook_phone::{CallChangeError, CallEnd, CommandError, ConnectError, PlaceCallError, ReplyError};
use thiserror::Error;

use crate::engine::EngineError;

/// Why a client could not be made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The engine did not start.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What should be played cannot be.
    #[error("what should be played cannot be: {0}")]
    Source(#[from] SourceError),
    /// Where it should be heard is not there.
    #[error("calls cannot be heard there: {0}")]
    Sink(#[from] SinkError),
    /// No DTLS certificate could be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The directory for recordings cannot be made.
    #[error("the directory for recordings {} cannot be made: {reason}", path.display())]
    Recordings {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The state directory cannot be used.
    #[error("the state directory {} cannot be used: {reason}", path.display())]
    State {
        /// The directory.
        path: PathBuf,
        /// What the system said.
        reason: io::Error,
    },
    /// The machine's network interfaces cannot be listed.
    #[error("the network interfaces cannot be listed: {0}")]
    Interfaces(#[source] io::Error),
    /// No interface has a usable address.
    #[error("no network interface has an IPv4 address that media could use; name one with `addresses`")]
    NoAddress,
}

/// Why `connect` did not connect.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConnectFailure {
    /// The attempt failed.
    #[error(transparent)]
    Failed(#[from] ConnectError),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why `place_call` placed no call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallFailure {
    /// The API refused.
    #[error(transparent)]
    Refused(#[from] PlaceCallError),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why a call was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallChangeFailure {
    /// The cloud did not do it.
    #[error(transparent)]
    Refused(#[from] CallChangeError),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// A call was over before what was waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the call is over: {}", .0.map_or("the client was shut down", |end| end.as_str()))]
pub struct CallOver(
    /// What ended it; none if the client was shut down.
    pub Option<CallEnd>,
);

/// Why subscribing to topics, or taking it back, did not go through.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TopicsFailure {
    /// The API refused, or was not reached. The topics stay wanted, and are asked for again with the next connection.
    #[error(transparent)]
    Refused(#[from] ReplyError),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// Why the media of a session were not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChangeFailure {
    /// In SDP over XMPP only the gateway makes offers.
    #[error("in SDP over XMPP only the gateway can change a session; ask the platform's API for it")]
    NotInDialect,
    /// There is no such session, or none of its media are agreed.
    #[error("the session has no media that could be changed")]
    NoMedia,
    /// Another change is under way.
    #[error("another change of the session is under way; wait for it")]
    Negotiating,
    /// The far end declined the change, made one at the same time, or did not answer.
    #[error("the far end did not take the change")]
    Declined,
    /// The change cannot be said, or its answer cannot be used.
    #[error("the change cannot be made: {0}")]
    Refused(String),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}
