//! Conversations: who takes part, how their calls are, and who hears whom. REST and the topic
//! `v2.users.{id}.conversations` show them.

mod part;
mod room;
mod table;
mod transfer;

use std::fmt;
use std::sync::Arc;

use offhook_jingle::{ConversationId, SessionId};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::call_state::{CallHandle, CallState};
use crate::gateway::CallError;
use crate::gauge::Counted;
use crate::inner::Inner;

pub(crate) use part::Part;
pub(crate) use room::Room;
pub(crate) use table::Conversations;
pub(crate) use transfer::enqueue;

/// What the platform does to the user's part of a call, at the user's own wish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Participation {
    /// The others do not hear the user.
    pub muted: bool,
    /// The call is on hold: the user hears nobody, and the others hear silence, or
    /// [`GatewayConfig::hold`](crate::GatewayConfig::hold) if there are several connected.
    pub held: bool,
}

/// A change of a participant as `PATCH` has it; everything else in the body has no effect.
#[derive(Debug, Clone, Default, Deserialize)]
pub(crate) struct ParticipantChange {
    pub(crate) state: Option<String>,
    muted: Option<bool>,
    held: Option<bool>,
}

impl ParticipantChange {
    /// What comes of it.
    pub(crate) fn applied_to(&self, now: Participation) -> Participation {
        Participation {
            muted: self.muted.unwrap_or(now.muted),
            held: self.held.unwrap_or(now.held),
        }
    }
}

/// As what somebody takes part in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum Purpose {
    /// A party beyond the gateway, that has called.
    Customer,
    /// A party beyond the gateway, that was called.
    External,
    /// A user whom the platform has given a call of a party beyond it, or who has called such a party.
    Agent,
    /// A queue, in which the conversation waits.
    Acd,
    /// The voicemail of a user, for whom a message is left.
    Voicemail,
    /// A user who was called by another one, has called one, or was brought into the conversation.
    User,
}

impl Purpose {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::External => "external",
            Self::Agent => "agent",
            Self::Acd => "acd",
            Self::Voicemail => "voicemail",
            Self::User => "user",
        }
    }
}

/// Where a participant stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub enum ParticipantState {
    /// It rings there.
    Alerting,
    /// It is called, or calls; nobody has answered.
    Contacting,
    /// It takes part.
    Connected,
    /// It takes part no more.
    Disconnected,
}

impl ParticipantState {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Alerting => "alerting",
            Self::Contacting => "contacting",
            Self::Connected => "connected",
            Self::Disconnected => "disconnected",
        }
    }
}

/// One who takes part in a conversation, or has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Participant {
    /// The id, by which it is changed.
    pub id: String,
    /// As what it takes part.
    pub purpose: Purpose,
    /// The id of the user, or of the one whose voicemail it is; `None` is a party beyond the gateway, or a queue.
    pub user: Option<String>,
    /// Where it stands.
    pub state: ParticipantState,
    /// The others do not hear it.
    pub muted: bool,
    /// It hears nobody, and nobody hears it.
    pub held: bool,
    /// It is left out while others consult each other.
    pub apart: bool,
    /// The session of its call; `None` is who has none.
    #[serde(serialize_with = "session_as_text")]
    pub session: Option<SessionId>,
}

fn session_as_text<S: serde::Serializer>(session: &Option<SessionId>, serializer: S) -> Result<S::Ok, S::Error> {
    session.as_ref().map(SessionId::as_str).serialize(serializer)
}

/// Who is to come into a conversation.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Destination {
    /// A user of the cloud, by the id. All of the user's connected clients are called.
    User(String),
    /// A number or an address beyond the gateway: it answers at once, and what the gateway plays is heard of it.
    Number(String),
    /// A queue, by its id: it gives the conversation to the member who is idle for the longest time.
    Queue(String),
    /// The voicemail of a user, by the id: it records what is said until the others have left, three minutes at most. A
    /// party beyond the gateway says as much as [`GatewayConfig::message`](crate::GatewayConfig::message) lets it.
    Voicemail(String),
}

/// With whom the one speaks who consults somebody about a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SpeakTo {
    /// With the one who is consulted.
    Destination,
    /// With the one whose call it is.
    Object,
    /// With both, who hear each other too.
    Both,
}

/// Why a conversation could not be changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ConversationError {
    /// The conversation has no such participant, or it takes part no more.
    #[error("no participant {participant} takes part in the conversation")]
    NoSuchParticipant {
        /// The id that was asked for.
        participant: String,
    },
    /// Somebody is consulted already.
    #[error("somebody is consulted already; end that first")]
    Consulting,
    /// Nobody is consulted.
    #[error("nobody is consulted; begin that first")]
    NotConsulting,
    /// Nobody could be called.
    #[error(transparent)]
    Call(#[from] CallError),
}

/// A conversation of the cloud. Clones are the same conversation; dropping them does not end it.
#[derive(Clone)]
pub struct Conversation {
    pub(crate) inner: Arc<Inner>,
    pub(crate) room: Arc<Room>,
}

impl Conversation {
    /// Its id.
    #[must_use]
    pub fn id(&self) -> ConversationId {
        self.room.id()
    }

    /// Who takes part, and who has, in the order in which they came.
    #[must_use]
    pub fn participants(&self) -> Vec<Participant> {
        self.room.participants()
    }

    /// The newest part of this user; a voicemail is none.
    #[must_use]
    pub fn of_user(&self, user: &str) -> Option<Participant> {
        let parts = self.participants().into_iter().rev();
        let is_own = |part: &Participant| part.user.as_deref() == Some(user) && part.purpose != Purpose::Voicemail;
        parts.into_iter().find(is_own)
    }

    /// Mutes or holds a participant, or takes that back: `PATCH .../participants/{id}`.
    ///
    /// # Errors
    /// When nobody of this id takes part.
    pub fn set_participation(&self, participant: &str, participation: Participation) -> Result<(), ConversationError> {
        self.room.set_participation(&self.inner, participant, participation)
    }

    /// Ends somebody's part: `PATCH .../participants/{id}` with the state `disconnected`.
    ///
    /// # Errors
    /// When nobody of this id takes part.
    pub fn disconnect(&self, participant: &str) -> Result<(), ConversationError> {
        self.room.disconnect(&self.inner, participant)
    }

    /// Brings another one into the conversation, who hears all others and is heard by them; the new participant's id.
    /// So two become a conference of three: `POST .../participants`.
    ///
    /// # Errors
    /// When the user does not exist or has no connected client.
    pub fn add(&self, destination: &Destination) -> Result<String, ConversationError> {
        transfer::add(&self.inner, &self.room, destination)
    }

    /// Transfers the conversation blindly: another one comes in the place of this participant, who leaves at once
    /// (`POST .../participants/{id}/replace`); the new participant's id. If it is a user who rejects the call or does not
    /// answer in time, the one who has left is called again.
    ///
    /// # Errors
    /// When nobody of this id takes part, or the user does not exist or has no connected client: nothing has changed
    /// then.
    pub fn replace(&self, participant: &str, destination: &Destination) -> Result<String, ConversationError> {
        transfer::replace(&self.inner, &self.room, participant, destination)
    }

    /// Begins a consultation (`POST .../participants/{id}/consult`): calls somebody about the call of `object`, who is
    /// left out meanwhile unless `speak_to` says otherwise; the new participant's id. When the one who consults, that
    /// is everybody else, leaves, the two are connected.
    ///
    /// # Errors
    /// When nobody of this id takes part, somebody is consulted already, or the user does not exist or has no connected
    /// client.
    pub fn consult(
        &self,
        object: &str,
        destination: &Destination,
        speak_to: SpeakTo,
    ) -> Result<String, ConversationError> {
        transfer::consult(&self.inner, &self.room, object, destination, speak_to)
    }

    /// Changes with whom the one speaks who consults: `PATCH .../participants/{id}/consult`.
    ///
    /// # Errors
    /// When nobody is consulted.
    pub fn speak_to(&self, speak_to: SpeakTo) -> Result<(), ConversationError> {
        self.room.speak_to(&self.inner, speak_to)
    }

    /// Ends a consultation: who was consulted leaves, and the others hear each other again (`DELETE
    /// .../participants/{id}/consult`).
    ///
    /// # Errors
    /// When nobody is consulted.
    pub fn end_consultation(&self) -> Result<(), ConversationError> {
        self.room.end_consultation(&self.inner)
    }
}

impl fmt::Debug for Conversation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Conversation")
            .field("id", &self.id())
            .field("participants", &self.participants())
            .finish_non_exhaustive()
    }
}

/// Brings the conversation up to date, now and whenever this call of it changes, until the call is over. `task` counts
/// it as alive.
pub(crate) async fn follow(inner: Arc<Inner>, room: Arc<Room>, call: CallHandle, task: Counted) {
    let (mut state, mut participation) = (call.state.clone(), call.participation.subscribe());
    loop {
        state.borrow_and_update();
        participation.borrow_and_update();
        transfer::succeed(&inner, &room);
        room.update(&inner);
        if matches!(*call.state.borrow(), CallState::Ended(_)) {
            break;
        }
        let over = tokio::select! {
            changed = state.changed() => changed.is_err(),
            changed = participation.changed() => changed.is_err(),
        };
        if over {
            break;
        }
    }
    inner.floor.freed(call.user());
    drop(task);
}
