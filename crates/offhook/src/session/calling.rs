//! A session that begins with an offer of ours: the far end asked for it, as we had proposed.

use offhook_jingle::{
    self as jingle, Reason,
    session::{CommandError, SessionConfig},
};
use offhook_media::{AnswerError, Call};
use offhook_phone::IceServers;

use super::{Session, Setup, offers, stage::Media};
use crate::{clock, event::ConnectionState};

/// The dialogue, and the media that are offered in it.
pub(super) fn begin(
    config: SessionConfig,
    seed: [u8; 32],
    setup: &Setup,
    ice: &IceServers,
) -> (jingle::Session, Option<Media>) {
    let now = clock::now();
    let (call, offer) = Call::offerer(offers::media_config(setup, ice), clock::seed(), now);
    match jingle::Session::initiate(config.clone(), seed, now, &offer) {
        Ok(dialogue) => {
            let media = dialogue
                .generation()
                .map(|generation| Media::new(1, generation, call, setup.marked));
            (dialogue, media)
        }
        Err(error) => (ended(config, seed, &error), None),
    }
}

/// What our own media offer can be read; if not, nobody is called.
fn ended(config: SessionConfig, seed: [u8; 32], error: &CommandError) -> jingle::Session {
    tracing::error!(session = %config.id, %error, "our own offer cannot be described");
    let mut dialogue = jingle::Session::new(config, seed, clock::now());
    // It is refused only when the session is ending already.
    drop(dialogue.media_failed(clock::now(), Reason::FailedApplication));
    dialogue
}

impl Session {
    /// The far end answers the offer that the session began with.
    pub(super) fn first_answered(&mut self, sdp: &str) {
        let Some(media) = &mut self.media else { return };
        match media.call.accept_answer(clock::now(), sdp) {
            Ok(()) => self.changed(ConnectionState::Connecting),
            // It came again.
            Err(AnswerError::NotExpected) => {}
            Err(error) => self.failed(error.into()),
        }
    }
}
