//! What the supervisor tells a session.

use std::time::Duration;

use actix::Message;
use offhook_jingle::{
    ConversationId,
    session::{self as dialogue, EndedBy},
    stanza::Farewell,
};

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
