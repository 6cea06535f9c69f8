//! What a phone answers when something cannot be done, by operation.

use std::time::Duration;

use jid::Jid;
use offhook_jingle::{ConversationId, Reason, SessionId, proposals::ProposeError};
use offhook_xmpp::CloseReason;
use thiserror::Error;

use crate::http::ReplyError;

/// Why the WebSocket of an attempt could not be opened.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum DialError {
    /// The name does not resolve, nothing listens, or TLS failed.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port that were tried.
        host: String,
        /// What the system or the TLS library said.
        reason: String,
    },
    /// The server refused to open a WebSocket: it is busy, or this is not for us.
    #[error("{host} refused the WebSocket with HTTP {status}{}", hint(*status))]
    Refused {
        /// Host and port that answered.
        host: String,
        /// The status code, 300 or above.
        status: u16,
        /// When the server wants to be asked again, at most a day from now.
        retry_after: Option<Duration>,
    },
    /// The proxy on the way cannot be reached, or cannot be used.
    #[error("cannot reach {host} through the proxy {proxy}: {reason}")]
    Proxy {
        /// Host and port that should be reached.
        host: String,
        /// The proxy, without its credentials.
        proxy: String,
        /// What the system or the TLS library said, or what is wrong with the proxy's address.
        reason: String,
    },
    /// The proxy on the way refused to connect us (RFC 9110 section 9.3.6).
    #[error("the proxy {proxy} refused to connect to {host} with HTTP {status}{}", hint(*status))]
    ProxyRefused {
        /// Host and port that should be reached.
        host: String,
        /// The proxy, without its credentials.
        proxy: String,
        /// The status code; 407 asks for other credentials.
        status: u16,
        /// When the proxy wants to be asked again, at most a day from now.
        retry_after: Option<Duration>,
    },
    /// An HTTP server answered, but not with a WebSocket of subprotocol `xmpp` (RFC 7395 section 3.1).
    #[error("{host} is no XMPP WebSocket server: {reason}")]
    NotWebSocket {
        /// Host and port that answered.
        host: String,
        /// What it answered.
        reason: String,
    },
    /// Nothing answered in time.
    #[error("{host} did not open the WebSocket in time")]
    TimedOut {
        /// Host and port that were tried.
        host: String,
    },
}

fn hint(status: u16) -> &'static str {
    match status {
        404 => ": is this the address of the streaming API?",
        407 => ": put a user name and a password it knows into its URL",
        _ => "",
    }
}

/// Why signalling is not, or no longer, connected.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum ConnectError {
    /// A REST request of the login went wrong.
    #[error("logging in: {0}")]
    Rest(#[from] ReplyError),
    /// `users/me` names no usable chat address, so the user cannot take calls.
    #[error("logging in: the user's chat address {jid:?} is not a bare JID ({reason})")]
    Account {
        /// What `chat.jabberId` was.
        jid: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A guest's JWT does not say which server it is for.
    #[error("logging in as a guest: the JWT cannot be used: {reason}")]
    Guest {
        /// What is wrong with it.
        reason: String,
    },
    /// The WebSocket did not open.
    #[error("connecting: {0}")]
    Dial(#[from] DialError),
    /// The XMPP stream closed.
    #[error("{0}")]
    Stream(CloseReason),
    /// The application called `disconnect` before the attempt had succeeded.
    #[error("the attempt was cancelled by a disconnect")]
    Cancelled,
}

impl ConnectError {
    /// Whether trying again with the same token is pointless (HTTP 401 and 403, SASL refusals, a JWT that cannot be
    /// used).
    pub fn credentials_refused(&self) -> bool {
        match self {
            Self::Rest(ReplyError::CredentialsRefused { .. }) => true,
            Self::Stream(reason) => reason.credentials_refused(),
            Self::Dial(DialError::Refused { status, .. }) => matches!(status, 401 | 403),
            Self::Guest { .. } => true,
            Self::Rest(_) | Self::Account { .. } | Self::Dial(_) | Self::Cancelled => false,
        }
    }

    /// How long the server wants to be left alone (`Retry-After`).
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Rest(error) => error.retry_after(),
            Self::Dial(DialError::Refused { retry_after, .. } | DialError::ProxyRefused { retry_after, .. }) => {
                *retry_after
            }
            Self::Dial(_) | Self::Account { .. } | Self::Guest { .. } | Self::Stream(_) | Self::Cancelled => None,
        }
    }

    /// Whether the channel may be what is wrong: the manner of authentication was refused, or nobody knows the channel.
    pub(crate) fn wants_new_channel(&self) -> bool {
        match self {
            Self::Stream(CloseReason::AuthenticationRefused { .. }) => true,
            Self::Dial(DialError::Refused { status, .. }) => matches!(status, 400 | 404 | 410),
            Self::Dial(_)
            | Self::Stream(_)
            | Self::Rest(_)
            | Self::Account { .. }
            | Self::Guest { .. }
            | Self::Cancelled => false,
        }
    }

    /// The error's short name for programs: `invalid_token`, `cancelled` or `connection_failed`.
    pub fn code(&self) -> &'static str {
        match self {
            error if error.credentials_refused() => "invalid_token",
            Self::Cancelled => "cancelled",
            Self::Rest(_) | Self::Account { .. } | Self::Guest { .. } | Self::Dial(_) | Self::Stream(_) => {
                "connection_failed"
            }
        }
    }
}

/// Why a call was not placed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum PlaceCallError {
    /// `POST conversations/calls` went wrong.
    #[error("placing the call: {0}")]
    Rest(#[from] ReplyError),
}

/// Why a call was not changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CallChangeError {
    /// REST went wrong.
    #[error("{0}")]
    Rest(#[from] ReplyError),
    /// The cloud shows no part of the user in the conversation, and no session carries it alone.
    #[error("the user has no part in this call that could be changed")]
    NoPart,
    /// The call ended meanwhile.
    #[error("the call is over")]
    Over,
}

/// Why a session was not proposed; nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InitiateError {
    /// As with any command.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// Nobody can be called like this.
    #[error("{0}")]
    Propose(#[from] ProposeError),
    /// Conferences are joined by presence, and for their video.
    #[error("{0} is a conference, and only sessions with one other client are proposed")]
    Conference(Jid),
}

/// Why nothing became of a session that we proposed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum InitiationFailure {
    /// Somebody said no, for all clients of the user.
    #[error("{by} declined{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default())]
    Declined {
        /// Who.
        by: Jid,
        /// Why, if that was said.
        reason: Option<Reason>,
    },
    /// Nobody answered for a minute.
    #[error("nobody answered")]
    Unanswered,
    /// There is nobody who could.
    #[error("there is no client at this address")]
    Unreachable,
    /// The other side proposed a session at the same time, which overrules ours (XEP-0353 section 4.1).
    #[error("the other side proposes session {0} at the same time: answer that one")]
    Overruled(SessionId),
    /// Somebody wants it, and there are as many sessions as there may be.
    #[error("{limit} sessions are under way, and no more begin: end some")]
    TooMany {
        /// How many there may be.
        limit: usize,
    },
    /// Signalling has ended.
    #[error("the connection has ended")]
    Disconnected,
}

impl InitiationFailure {
    /// A short name of the kind of failure, for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Declined { .. } => "declined",
            Self::Unanswered => "not_answered",
            Self::Unreachable => "unreachable",
            Self::Overruled(_) => "overruled",
            Self::TooMany { .. } => "too_many_sessions",
            Self::Disconnected => "disconnected",
        }
    }
}

/// Why a command was not carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CommandError {
    /// The command needs signalling.
    #[error("not connected: call connect first, or wait until the connection is back")]
    NotConnected,
    /// No proposal rings under this id: it was answered, cancelled, handled elsewhere, or never came.
    #[error("no proposal {0} is ringing")]
    UnknownProposal(SessionId),
    /// Neither a proposal nor a session has this id.
    #[error("no session {0}")]
    UnknownSession(SessionId),
    /// No live call has this conversation.
    #[error("no call with conversation {0}")]
    UnknownCall(ConversationId),
    /// The command needs the softphone, which is turned off.
    #[error(
        "the softphone is turned off: turn it on (`PhoneConfig::softphone`, `ClientBuilder::softphone`) to change calls"
    )]
    NoSoftphone,
    /// The command is for users; a guest has neither REST nor calls.
    #[error("a guest cannot do this: log in as a user, with an access token")]
    Guest,
    /// The phone was shut down.
    #[error("the client was shut down")]
    ShutDown,
}
