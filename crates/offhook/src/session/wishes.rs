//! What the application asks of a running session, and how it is told what came of it.

use actix::{Context, Handler, Message};
use offhook_jingle::SessionId;
use offhook_media::Change;
use offhook_phone::CommandError;
use tokio::sync::oneshot;

use super::{AudioWish, Session, SoundFailure};
use crate::error::ChangeFailure;

/// For a session: do this.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) enum Wish {
    /// Be silent to the far end, or be heard again.
    Muted(bool, oneshot::Sender<Result<(), SoundFailure>>),
    /// Press these keys.
    Digits(String, oneshot::Sender<Result<(), SoundFailure>>),
    /// Hold the far end, or take it back.
    Held(bool, oneshot::Sender<Result<(), ChangeFailure>>),
    /// Restart ICE.
    Restart(oneshot::Sender<Result<(), ChangeFailure>>),
    /// Let the media begin.
    Accept(oneshot::Sender<Result<(), CommandError>>),
    /// Change the audio at our end.
    Audio(AudioWish),
}

impl Wish {
    /// There is no such session.
    pub(crate) fn refuse(self, session: SessionId) {
        // Whoever asked may have stopped waiting.
        match self {
            Self::Muted(_, reply) | Self::Digits(_, reply) => {
                drop(reply.send(Err(CommandError::UnknownSession(session).into())));
            }
            Self::Accept(reply) => drop(reply.send(Err(CommandError::UnknownSession(session)))),
            Self::Held(_, reply) | Self::Restart(reply) => drop(reply.send(Err(ChangeFailure::NoMedia))),
            Self::Audio(wish) => wish.refuse(session),
        }
    }
}

impl Handler<Wish> for Session {
    type Result = ();

    fn handle(&mut self, wish: Wish, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        match wish {
            Wish::Muted(muted, reply) => {
                self.set_muted(muted);
                drop(reply.send(Ok(())));
            }
            Wish::Digits(digits, reply) => drop(reply.send(self.send_digits(&digits))),
            Wish::Accept(reply) => drop(reply.send(self.accept(context))),
            // The far end has to agree first.
            Wish::Held(held, reply) => self.hold(held, Some(reply)),
            Wish::Restart(reply) => self.change(Change::Restart, Some(reply)),
            Wish::Audio(wish) => self.audio(wish, context),
        }
        self.pump(context);
    }
}
