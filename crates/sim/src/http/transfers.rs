//! Others come into a conversation: `conversations/calls/{id}/participants`, `.../replace`, `.../consult`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use super::control::bad_request;
use super::conversations::{find, refused};
use crate::conversation::{Conversation, Destination, SpeakTo};
use crate::inner::Inner;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    let participants = "/api/v2/conversations/calls/{conversation}/participants";
    Router::new()
        .route(participants, post(add))
        .route(&format!("{participants}/{{participant}}/replace"), post(replace))
        .route(
            &format!("{participants}/{{participant}}/consult"),
            post(consult).patch(speak_to).delete(end_consultation),
        )
}

/// Whom a body names; what else is in it has no effect.
#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Whom {
    user_id: Option<String>,
    queue_id: Option<String>,
    address: Option<String>,
    /// That of the participant that is replaced.
    voicemail: bool,
}

impl Whom {
    pub(super) fn destination(self) -> Option<Destination> {
        let user = self.user_id.map(Destination::User);
        let queue = self.queue_id.map(Destination::Queue);
        user.or(queue).or(self.address.map(Destination::Number))
    }
}

#[derive(Deserialize)]
struct Added {
    participants: Vec<Whom>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Consulted {
    speak_to: Option<SpeakTo>,
    #[serde(default)]
    destination: Whom,
}

/// The user's conversation and what the body says, or the answer to that.
fn asked<T: DeserializeOwned>(
    inner: &Arc<Inner>,
    headers: &HeaderMap,
    conversation: &str,
    body: &[u8],
) -> Result<(Conversation, T), Box<Response>> {
    let room = find(inner, headers, conversation)?;
    let inner = Arc::clone(inner);
    match serde_json::from_slice(body) {
        Ok(body) => Ok((Conversation { inner, room }, body)),
        Err(error) => Err(Box::new(bad_request(&format!(
            "The request body is not usable: {error}."
        )))),
    }
}

const NOBODY: &str = "A userId, a queueId or an address is required.";

async fn add(State(inner): Cloud, Path(conversation): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let (conversation, added) = match asked::<Added>(&inner, &headers, &conversation, &body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let Some(destinations) = added
        .participants
        .into_iter()
        .map(Whom::destination)
        .collect::<Option<Vec<_>>>()
    else {
        return bad_request(NOBODY);
    };
    for destination in destinations {
        if let Err(error) = conversation.add(&destination) {
            return refused(&error);
        }
    }
    StatusCode::ACCEPTED.into_response()
}

async fn replace(
    State(inner): Cloud,
    Path((conversation, participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (conversation, whom) = match asked::<Whom>(&inner, &headers, &conversation, &body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let voicemail = whom
        .voicemail
        .then(|| conversation.room.user_of(&participant))
        .flatten();
    let Some(destination) = voicemail.map(Destination::Voicemail).or(whom.destination()) else {
        return bad_request(NOBODY);
    };
    match conversation.replace(&participant, &destination) {
        Ok(_) => StatusCode::ACCEPTED.into_response(),
        Err(error) => refused(&error),
    }
}

/// The participant is the one whose call it is that somebody is asked about.
async fn consult(
    State(inner): Cloud,
    Path((conversation, participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (conversation, consulted) = match asked::<Consulted>(&inner, &headers, &conversation, &body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let Some(destination) = consulted.destination.destination() else {
        return bad_request(NOBODY);
    };
    let speak_to = consulted.speak_to.unwrap_or(SpeakTo::Destination);
    match conversation.consult(&participant, &destination, speak_to) {
        Ok(id) => (StatusCode::CREATED, Json(json!({ "destinationParticipantId": id }))).into_response(),
        Err(error) => refused(&error),
    }
}

async fn speak_to(
    State(inner): Cloud,
    Path((conversation, _participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let (conversation, consulted) = match asked::<Consulted>(&inner, &headers, &conversation, &body) {
        Ok(asked) => asked,
        Err(refused) => return *refused,
    };
    let Some(speak_to) = consulted.speak_to else {
        return bad_request("speakTo is required.");
    };
    match conversation.speak_to(speak_to) {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => refused(&error),
    }
}

async fn end_consultation(
    State(inner): Cloud,
    Path((conversation, _participant)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let room = match find(&inner, &headers, &conversation) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    match (Conversation { inner, room }).end_consultation() {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => refused(&error),
    }
}
