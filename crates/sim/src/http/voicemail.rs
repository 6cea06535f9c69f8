//! Messages that callers have left: `voicemail/messages`.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::json;

use super::refusal;
use super::rest::user;
use crate::inner::Inner;
use crate::voicemail::VoicemailMessage;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/api/v2/voicemail/messages", get(all))
        .route("/api/v2/voicemail/messages/{message}", get(one).delete(remove))
        .route("/api/v2/voicemail/messages/{message}/media", get(media))
}

pub(super) fn control() -> Router<Arc<Inner>> {
    Router::new().route("/voicemail/{message}", get(wav))
}

/// The user's message of this id, or the answer to that.
fn find(inner: &Inner, headers: &HeaderMap, id: &str) -> Result<VoicemailMessage, Box<Response>> {
    let user = user(inner, headers)?;
    let message = inner.voicemail.find(id).filter(|message| message.user == user.id);
    message.ok_or_else(|| Box::new(no_such_message()))
}

fn no_such_message() -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", "There is no such message.")
}

async fn all(State(inner): Cloud, headers: HeaderMap) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let messages = inner.voicemail.of_user(&user.id);
    let entities: Vec<_> = messages.iter().rev().map(VoicemailMessage::describe).collect();
    let total = entities.len();
    Json(json!({ "entities": entities, "pageNumber": 1, "pageCount": 1, "total": total })).into_response()
}

async fn one(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&inner, &headers, &id) {
        Ok(message) => Json(message.describe()).into_response(),
        Err(refused) => *refused,
    }
}

async fn remove(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&inner, &headers, &id) {
        Ok(message) => {
            inner.voicemail.remove(&message.id);
            StatusCode::ACCEPTED.into_response()
        }
        Err(refused) => *refused,
    }
}

/// Where the recording is, which needs no token then.
async fn media(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match find(&inner, &headers, &id) {
        Ok(message) => {
            let uri = format!("{}/control/voicemail/{}", inner.base("http"), message.id);
            Json(json!({ "id": message.id, "mediaFileUri": uri })).into_response()
        }
        Err(refused) => *refused,
    }
}

async fn wav(State(inner): Cloud, Path(id): Path<String>) -> Response {
    match inner.voicemail.find(&id) {
        Some(message) => ([(header::CONTENT_TYPE, "audio/wav")], message.wav()).into_response(),
        None => no_such_message(),
    }
}
