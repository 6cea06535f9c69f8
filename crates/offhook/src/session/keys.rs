//! What the application asks of a session's sound: mute and digits.

use actix::{Context, Handler, Message};
use offhook_jingle::SessionId;
use offhook_media::DigitsError;
use offhook_phone::CommandError;
use thiserror::Error;
use tokio::sync::oneshot;

use super::{
    Session,
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
    /// The command was not taken.
    #[error(transparent)]
    Command(#[from] CommandError),
}

/// For a session: be muted or not, or press these digits.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Sounding {
    pub(crate) wish: Wish,
    pub(crate) reply: oneshot::Sender<Result<(), SoundFailure>>,
}

/// What is wanted.
pub(crate) enum Wish {
    Muted(bool),
    Digits(String),
}

impl Sounding {
    /// There is no such session.
    pub(crate) fn refuse(self, session: SessionId) {
        // Whoever asked may have stopped waiting.
        let _ = self.reply.send(Err(CommandError::UnknownSession(session).into()));
    }
}

impl Session {
    fn set_muted(&mut self, muted: bool) {
        self.sound.muted = muted;
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.call.set_muted(clock::now(), muted);
        }
        // The gateway may know, but only the silence counts: a session that is ending is not told.
        if let Err(error) = self.dialogue.set_muted(clock::now(), muted) {
            tracing::debug!(%error, "the far end is not told of the mute");
        }
    }

    fn send_digits(&mut self, digits: &str) -> Result<(), SoundFailure> {
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

impl Handler<Sounding> for Session {
    type Result = ();

    fn handle(&mut self, Sounding { wish, reply }: Sounding, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        let result = match wish {
            Wish::Muted(muted) => {
                self.set_muted(muted);
                Ok(())
            }
            Wish::Digits(digits) => self.send_digits(&digits),
        };
        let _ = reply.send(result);
        self.pump(context);
    }
}
