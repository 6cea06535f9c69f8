//! What the supervisor tells a session, and what the session does about it.

use std::time::Duration;

use actix::{ActorContext, Context, Handler, Message};
use offhook_jingle::{
    ConversationId,
    session::{self as dialogue, EndedBy},
    stanza::Farewell,
};
use offhook_media as media;

use super::{Session, stage::Flow};
use crate::clock;

/// For a session: something for its dialogue.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Deliver(pub(crate) dialogue::Input);

/// For a session: end.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct End {
    pub(crate) farewell: Farewell,
    pub(crate) by: EndedBy,
}

/// For a session: go, as you are.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Abandon;

/// For a session: the machine was suspended for so long.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Woken(pub(crate) Duration);

/// For a session that stays open between calls: this is your call from now on, or there is none.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Carry(pub(crate) Option<ConversationId>);

impl Handler<Deliver> for Session {
    type Result = ();

    fn handle(&mut self, Deliver(input): Deliver, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        self.dialogue.handle_input(clock::now(), input);
        self.pump(context);
    }
}

impl Handler<End> for Session {
    type Result = ();

    fn handle(&mut self, End { farewell, by }: End, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        // The far end need not be reached for our side to fall silent.
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.flow = Flow::Over;
        }
        // It is refused only when the session is ending already.
        drop(match by {
            EndedBy::Network => self.dialogue.media_failed(clock::now(), farewell.reason),
            EndedBy::Local | EndedBy::Remote => self.dialogue.end_with(clock::now(), farewell),
        });
        self.pump(context);
    }
}

impl Handler<Abandon> for Session {
    type Result = ();

    fn handle(&mut self, Abandon: Abandon, context: &mut Context<Self>) {
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.close();
        }
        self.obituary.settled = true;
        context.stop();
    }
}

impl Handler<Woken> for Session {
    type Result = ();

    fn handle(&mut self, Woken(asleep): Woken, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        for media in self.media.iter_mut().chain(&mut self.next) {
            media.call.handle_input(clock::now(), media::Input::Resumed { asleep });
        }
        self.pump(context);
    }
}

impl Handler<Carry> for Session {
    type Result = ();

    fn handle(&mut self, Carry(conversation): Carry, context: &mut Context<Self>) {
        let _entered = self.span.clone().entered();
        self.carries(conversation, context);
        self.pump(context);
    }
}
