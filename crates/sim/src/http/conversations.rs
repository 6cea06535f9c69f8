//! Calls that there are: `conversations`, `conversations/{id}`, `conversations/calls/{id}` and its participants.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::refusal;
use super::rest::user;
use crate::conversation::{ConversationError, ParticipantChange, Room};
use crate::inner::Inner;
use crate::record::CallEvent;

type Cloud = State<Arc<Inner>>;

/// How many keys may be pressed in one request.
const MOST_DIGITS: usize = 50;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/api/v2/conversations", get(live))
        .route("/api/v2/conversations/{conversation}", get(one))
        .route("/api/v2/conversations/calls/{conversation}", get(one))
        .route(
            "/api/v2/conversations/calls/{conversation}/participants/{participant}",
            patch(change_participant),
        )
        .route(
            "/api/v2/conversations/{conversation}/participants/{participant}/digits",
            post(digits),
        )
        .route(
            "/api/v2/conversations/calls/{conversation}/communications/{communication}/metadata",
            post(metadata),
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

/// The conversations that the user takes part in now.
async fn live(State(inner): Cloud, headers: HeaderMap) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let rooms = inner.conversations.all();
    let own = rooms.iter().filter(|room| room.is_live_for(&user.id));
    let entities: Vec<_> = own.map(|room| room.describe()).collect();
    Json(json!({ "total": entities.len(), "entities": entities })).into_response()
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

#[derive(Deserialize)]
struct Digits {
    digits: String,
}

/// Keys of a telephone; a comma is a pause.
async fn digits(
    State(inner): Cloud,
    Path((conversation, participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let room = match find(&inner, &headers, &conversation) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    let are_keys = |digits: &str| {
        let is_key = |c: char| c.is_ascii_digit() || "*#,ABCDabcd".contains(c);
        (1..=MOST_DIGITS).contains(&digits.len()) && digits.chars().all(is_key)
    };
    match serde_json::from_slice::<Digits>(&body) {
        Ok(Digits { digits }) if are_keys(&digits) => match room.press(&inner, &participant, &digits) {
            Ok(()) => StatusCode::ACCEPTED.into_response(),
            Err(error) => refused(&error),
        },
        Ok(_) | Err(_) => {
            let message = "digits are keys of a telephone, from one to 50.";
            refusal(StatusCode::BAD_REQUEST, "bad.request", message)
        }
    }
}

/// What a client says of a call when it has it; that it came is recorded.
async fn metadata(
    State(inner): Cloud,
    Path((conversation, communication)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let room = match find(&inner, &headers, &conversation) {
        Ok(room) => room,
        Err(refused) => return *refused,
    };
    match room.session_of(&communication) {
        Some(session) => {
            inner.recorder.call(&session, CallEvent::Metadata);
            StatusCode::ACCEPTED.into_response()
        }
        None => refusal(StatusCode::NOT_FOUND, "not.found", "There is no such communication."),
    }
}
