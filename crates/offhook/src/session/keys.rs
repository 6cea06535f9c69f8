//! What the application asks of a session's sound: mute and digits.

use offhook_audio::MixerFull;
use offhook_media::DigitsError;
use offhook_phone::CommandError;
use thiserror::Error;

use super::{
    AudioError, Session,
    stage::{Flow, Media},
};
use crate::clock;

/// Why a session's sound is not as asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SoundFailure {
    /// The session has no media yet.
    #[error("the session has no media yet: wait until it is connected")]
    NoMedia,
    /// The digits cannot be sent.
    #[error(transparent)]
    Digits(#[from] DigitsError),
    /// As many prompts play as may.
    #[error(transparent)]
    Prompts(#[from] MixerFull),
    /// The session is recorded already.
    #[error("the session is recorded already: stop that recording first")]
    Recording,
    /// The session is not recorded.
    #[error("the session is not recorded")]
    NotRecording,
    /// The recording failed.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

impl Session {
    pub(super) fn set_muted(&mut self, muted: bool) {
        self.sound.muted = muted;
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.call.set_muted(clock::now(), muted);
        }
        // The gateway may know, but only the silence counts: a session that is ending is not told.
        if let Err(error) = self.dialogue.set_muted(clock::now(), muted) {
            tracing::debug!(%error, "the far end is not told of the mute");
        }
    }

    pub(super) fn send_digits(&mut self, digits: &str) -> Result<(), SoundFailure> {
        let next = self.next.as_mut().filter(|next| next.flow == Flow::Up);
        let media = next.or(self.media.as_mut()).ok_or(SoundFailure::NoMedia)?;
        media.call.send_digits(clock::now(), digits)?;
        Ok(())
    }
}

/// The digits that wait in one go out in the other, which takes its place.
pub(super) fn hand_digits_over(from: &mut Media, to: &mut Media) {
    let waiting = from.call.take_digits();
    if let Err(error) = to.call.send_digits(clock::now(), &waiting)
        && !waiting.is_empty()
    {
        tracing::warn!(%error, dropped = waiting.len(), "new media take no digits");
    }
}
