//! What a session plays and where it records.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use offhook_audio::{FRAME_SAMPLES, Frame, Recording, Source};
use offhook_jingle::{ConversationId, SessionId};

use super::SessionError;
use crate::clock;

/// Makes the source that a session plays.
pub(crate) type SourceFactory = Arc<dyn Fn() -> Box<dyn Source> + Send + Sync>;

/// The two ends of a session's audio, and the two frames that go round.
pub(super) struct Sound {
    source: Box<dyn Source>,
    recording: Option<Recording>,
    /// The far end is to hear silence, which the media see to; those that are to come, too.
    pub(super) muted: bool,
    pub(super) sent: Frame,
    pub(super) heard: Frame,
}

impl Sound {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self {
            source,
            recording: None,
            muted: false,
            sent: [0; FRAME_SAMPLES],
            heard: [0; FRAME_SAMPLES],
        }
    }

    pub(super) fn is_recording(&self) -> bool {
        self.recording.is_some()
    }

    /// Starts to record into a new file of this directory.
    pub(super) fn record(
        &mut self,
        directory: &Path,
        session: &SessionId,
        conversation: Option<&ConversationId>,
    ) -> Result<(), SessionError> {
        let name = conversation.map_or(session.as_str(), ConversationId::as_str);
        let path = directory.join(format!("{}-{}.wav", clock::utc_stamp(), file_name(name)));
        let recording = Recording::create(&path).map_err(|error| SessionError::Recording {
            path,
            reason: error.to_string(),
        })?;
        self.recording = Some(recording);
        Ok(())
    }

    /// Fills `sent` with the next 20 ms; of a muted source they pass unheard.
    pub(super) fn play(&mut self) {
        // At its end a source fills with silence, which is what a far end should hear of it.
        let _ = self.source.read(&mut self.sent);
    }

    /// Keeps the 20 ms that were just sent and heard.
    pub(super) fn keep(&mut self) {
        if let Some(recording) = &mut self.recording {
            if self.muted {
                self.sent.fill(0);
            }
            recording.write(&self.sent, &self.heard);
        }
    }

    /// The recording, to be completed.
    pub(super) fn take_recording(&mut self) -> Option<Recording> {
        self.recording.take()
    }
}

/// Completes a recording; waits for the disk, so it is called off the media threads.
pub(super) fn complete(recording: Recording) -> Result<(), SessionError> {
    let path: PathBuf = recording.path().to_owned();
    match recording.finish() {
        Ok(_) => Ok(()),
        Err(error) => Err(SessionError::Recording {
            path,
            reason: error.to_string(),
        }),
    }
}

/// The part of an id that is safe in a file name.
fn file_name(id: &str) -> String {
    id.chars()
        .filter(|c| c.is_ascii_alphanumeric() || *c == '-')
        .take(64)
        .collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_id_cannot_leave_the_directory() {
        assert_eq!(super::file_name("../../etc/x-1"), "etcx-1");
    }
}
