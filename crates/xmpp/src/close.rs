//! Why a stream ended.

use std::{fmt, time::Duration};

use crate::{FrameError, SaslCondition, StanzaError, StreamCondition};

/// The steps of a connection attempt in which the server is waited for, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stage {
    /// Our `<open/>` is sent, the server's is awaited.
    Opening,
    /// The features before authentication are awaited.
    Features,
    /// The credentials are sent, the verdict is awaited.
    Authenticating,
    /// The server's `<open/>` after authentication is awaited.
    Reopening,
    /// The features after authentication are awaited.
    AuthenticatedFeatures,
    /// The result of resource binding is awaited.
    Binding,
    /// The result of the legacy session request is awaited (RFC 3921 section 3).
    StartingSession,
    /// The answer to the request to resume a stream is awaited (XEP-0198 section 5).
    Resuming,
    /// The two lists of external services are awaited.
    ExternalServices,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Opening => "opening the stream",
            Self::Features => "waiting for the stream features",
            Self::Authenticating => "authenticating",
            Self::Reopening => "reopening the authenticated stream",
            Self::AuthenticatedFeatures => "waiting for the features of the authenticated stream",
            Self::Binding => "binding a resource",
            Self::StartingSession => "starting the session",
            Self::Resuming => "resuming the stream before",
            Self::ExternalServices => "asking for the external services",
        })
    }
}

/// What is wrong with the server's part of a SCRAM exchange (RFC 5802).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScramError {
    /// A message is not base64, lacks an attribute or has a mandatory extension.
    #[error("its message cannot be read")]
    Malformed,
    /// The nonce does not begin with ours, or adds nothing to it.
    #[error("its nonce does not continue ours")]
    Nonce,
    /// The iteration count is outside [`StreamConfig::scram_iterations`](crate::StreamConfig::scram_iterations).
    #[error("it asks for {asked} iterations, outside the {least} to {most} allowed")]
    Iterations {
        /// What the server asks for.
        asked: u32,
        /// The fewest allowed.
        least: u32,
        /// The most allowed.
        most: u32,
    },
    /// The server did not prove that it knows the account: it may be somebody else.
    #[error("it did not prove that it knows the account")]
    ServerSignature,
}

/// Why a stream ended.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CloseReason {
    /// [`Stream::close`](crate::Stream::close) was called.
    #[error("closed by us")]
    ByUs,
    /// The server sent `<close/>`.
    #[error("the server closed the stream")]
    ByPeer,
    /// The first frame was not an `<open/>` of RFC 7395.
    #[error("the server does not speak XMPP over WebSocket (RFC 7395): check the streaming address")]
    NotXmpp,
    /// A frame broke a limit or is not the XML that XMPP allows.
    #[error("the server sent a frame that cannot be accepted: {0}")]
    BadFrame(#[source] FrameError),
    /// The server sent an element that has no place in this step.
    #[error("the server sent <{name} xmlns={namespace:?}> while {stage}")]
    UnexpectedElement {
        /// What was going on.
        stage: Stage,
        /// Local name of the element.
        name: String,
        /// Its namespace.
        namespace: String,
    },
    /// The server offers no mechanism that these credentials can be used with.
    #[error(
        "the server offers no authentication mechanism that these credentials can be used with, but {offered:?}: an access token needs PLAIN, a password SCRAM or PLAIN, a guest ANONYMOUS"
    )]
    NoUsableMechanism {
        /// What the server offers.
        offered: Vec<String>,
    },
    /// The server refused the credentials or the way they were sent.
    #[error("the server refused to authenticate us: {condition}{}", .text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    AuthenticationRefused {
        /// The cause.
        condition: SaslCondition,
        /// The server's words, without the credentials should it repeat them.
        text: Option<String>,
    },
    /// The server's part of a SCRAM exchange is not what RFC 5802 wants.
    #[error("the server broke the SCRAM exchange: {0}")]
    ScramBroken(#[source] ScramError),
    /// The authenticated stream does not offer resource binding.
    #[error("the server does not offer resource binding after authentication")]
    BindNotOffered,
    /// The server refused to bind a resource.
    #[error("the server refused to bind a resource: {0}")]
    BindRefused(#[source] Box<StanzaError>),
    /// The server's answer to the binding holds no full JID.
    #[error("the server bound a resource but did not say under which full JID")]
    BindInvalid,
    /// The server refused to start the session it requires.
    #[error("the server refused to start a session: {0}")]
    SessionRefused(#[source] Box<StanzaError>),
    /// The server did not tell its external services.
    #[error("the server refused to list its external services: {0}")]
    ExternalServicesFailed(#[source] Box<StanzaError>),
    /// The server ended the stream with an error.
    #[error("the server ended the stream with an error: {condition}{}", .text.as_ref().map(|text| format!(" ({text})")).unwrap_or_default())]
    StreamError {
        /// The cause.
        condition: StreamCondition,
        /// The server's words.
        text: Option<String>,
    },
    /// The server stayed silent.
    #[error("the server did not answer in time while {stage}")]
    TimedOut {
        /// What was going on.
        stage: Stage,
    },
    /// Nothing came from a server that had agreed to ping, or no answer to the ping after a suspend.
    #[error("nothing came from the server for {} s", .after.as_secs())]
    Silent {
        /// How long was waited.
        after: Duration,
    },
    /// Two pings in a row got no answer.
    #[error("the server answered neither of two pings")]
    PingsUnanswered,
    /// The server resumed a stream and says that it handled more of it than it was sent (XEP-0198 section 4).
    #[error("the server acknowledged {handled} stanzas of {sent} that were sent")]
    HandledCountTooHigh {
        /// What the server says.
        handled: u32,
        /// What was sent.
        sent: u32,
    },
    /// The server resumed a stream, but not the one it was asked for or without saying how much of it it handled.
    #[error("the server resumed the stream before without saying which, or how much of it it handled")]
    ResumptionBroken,
    /// The WebSocket ended without a `<close/>`.
    #[error("the WebSocket closed{}{}", .code.map(|code| format!(" with code {code}")).unwrap_or_default(), if .reason.is_empty() { String::new() } else { format!(": {}", .reason) })]
    SocketClosed {
        /// Status code of the WebSocket close frame.
        code: Option<u16>,
        /// Reason of the WebSocket close frame, without the credentials should it repeat them, or the cause as the operating
        /// system names it.
        reason: String,
    },
}

impl CloseReason {
    /// Whether the server will not have these credentials, so that another attempt with them is pointless: a refusal
    /// other than for the manner of the exchange ([`SaslCondition::is_retryable`]), or no mechanism they fit. A server that
    /// breaks a SCRAM exchange has refused nothing.
    pub fn credentials_refused(&self) -> bool {
        match self {
            Self::AuthenticationRefused { condition, .. } => !condition.is_retryable(),
            Self::NoUsableMechanism { .. } => true,
            Self::ByUs
            | Self::ByPeer
            | Self::NotXmpp
            | Self::BadFrame(_)
            | Self::UnexpectedElement { .. }
            | Self::BindNotOffered
            | Self::BindRefused(_)
            | Self::BindInvalid
            | Self::SessionRefused(_)
            | Self::ExternalServicesFailed(_)
            | Self::StreamError { .. }
            | Self::TimedOut { .. }
            | Self::ScramBroken(_)
            | Self::Silent { .. }
            | Self::PingsUnanswered
            | Self::HandledCountTooHigh { .. }
            | Self::ResumptionBroken
            | Self::SocketClosed { .. } => false,
        }
    }
}
