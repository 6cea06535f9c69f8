//! What can go wrong with one session, beyond its peer's decisions.

use std::path::PathBuf;

use offhook_audio::{RecordingError, SinkError, SourceFault};
use offhook_jingle::Reason;
use offhook_media::{AnswerError, FailureReason, OfferError, OfferErrorKind};
use thiserror::Error;

/// What went wrong with a session.
#[derive(Debug, Clone, PartialEq, Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The offer cannot be answered; the session ends.
    #[error("the offer cannot be answered: {0}")]
    Offer(#[from] OfferError),
    /// The answer to our offer cannot be used; the session ends.
    #[error("{0}")]
    Answer(#[from] AnswerError),
    /// The media failed; the session ends.
    #[error("the media failed: {0}")]
    Media(#[from] FailureReason),
}

/// What went wrong with the audio of a session at our end; the session goes on.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AudioError {
    /// The source is broken: the far end hears silence until another is set.
    #[error("the source: {0}")]
    Source(#[from] SourceFault),
    /// A prompt is broken, and over.
    #[error("a prompt: {0}")]
    Prompt(SourceFault),
    /// The sink takes no more, or has lost something; it is closed.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The recording is not, or not all, on disk; it has ended.
    #[error("recording to {}: {reason}", path.display())]
    Recording {
        /// The file.
        path: PathBuf,
        /// Whether it could not be created or is incomplete, and what the system said.
        reason: String,
    },
}

impl AudioError {
    /// The error's short name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Source(_) => "source_failed",
            Self::Prompt(_) => "prompt_failed",
            Self::Sink(_) => "sink_failed",
            Self::Recording { .. } => "recording_failed",
        }
    }
}

impl From<RecordingError> for AudioError {
    fn from(error: RecordingError) -> Self {
        let path = error.path().to_owned();
        let reason = match error {
            RecordingError::Create { source, .. } => format!("cannot be created: {source}"),
            RecordingError::Write { source, .. } => format!("incomplete: {source}"),
            other => other.to_string(),
        };
        Self::Recording { path, reason }
    }
}

impl SessionError {
    /// The reason that the session's peer is told (XEP-0166 section 7.4), if the session cannot go on.
    pub fn ends_with(&self) -> Option<Reason> {
        match self {
            Self::Offer(error) => Some(match error.kind() {
                OfferErrorKind::NotSdp | OfferErrorKind::Incompatible => Reason::IncompatibleParameters,
                OfferErrorKind::NoAudio => Reason::UnsupportedApplications,
                OfferErrorKind::Local => Reason::FailedApplication,
            }),
            Self::Answer(_) => Some(Reason::IncompatibleParameters),
            Self::Media(FailureReason::Security(_)) => Some(Reason::SecurityError),
            Self::Media(FailureReason::Engine(_)) => Some(Reason::MediaError),
            Self::Media(_) => Some(Reason::FailedTransport),
        }
    }

    /// The error's short name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Offer(_) => "invalid_offer",
            Self::Answer(_) => "invalid_answer",
            Self::Media(_) => "media_failed",
        }
    }
}
