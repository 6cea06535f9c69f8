//! Calls that there are: `conversations/{id}`, `conversations/calls/{id}` and its participants.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};

use super::refusal;
use super::rest::user;
use crate::conversation::{ConversationError, ParticipantChange, Room};
use crate::inner::Inner;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/api/v2/conversations/{conversation}", get(one))
        .route("/api/v2/conversations/calls/{conversation}", get(one))
        .route(
            "/api/v2/conversations/calls/{conversation}/participants/{participant}",
            patch(change_participant),
        )
}

/// The conversation of this id, if the user takes part in it, or the answer to that.
pub(super) fn find(inner: &Inner, headers: &HeaderMap, conversation: &str) -> Result<Arc<Room>, Box<Response>> {
    let user = user(inner, headers)?;
    let room = inner.conversations.find(conversation);
    room.filter(|room| room.is_known_to(&user.id)).ok_or_else(|| {
        let message = "There is no such conversation.";
        Box::new(refusal(StatusCode::NOT_FOUND, "not.found", message))
    })
}

/// What a change came to nothing for.
pub(super) fn refused(error: &ConversationError) -> Response {
    let (status, code) = match error {
        ConversationError::NoSuchParticipant { .. } => (StatusCode::NOT_FOUND, "not.found"),
        ConversationError::Consulting | ConversationError::NotConsulting => (StatusCode::CONFLICT, "conflict"),
        ConversationError::Call(_) => (StatusCode::BAD_REQUEST, "bad.request"),
    };
    refusal(status, code, &error.to_string())
}

async fn one(State(inner): Cloud, Path(conversation): Path<String>, headers: HeaderMap) -> Response {
    match find(&inner, &headers, &conversation) {
        Ok(room) => Json(room.describe()).into_response(),
        Err(refused) => *refused,
    }
}

/// `{state: "disconnected"}` hangs up, as the platform's own client does; `muted` and `held` are the platform's to do.
async fn change_participant(
    State(inner): Cloud,
    Path((conversation, participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let room = match find(&inner, &headers, &conversation) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    let Ok(change) = serde_json::from_slice::<ParticipantChange>(&body) else {
        let message = "The request body is not a change of a participant.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    };
    match room.change(&inner, &participant, &change) {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => refused(&error),
    }
}
