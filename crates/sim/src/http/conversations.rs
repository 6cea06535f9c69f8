//! Calls that there are: `conversations/{id}`, `conversations/calls/{id}` and its participants.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, patch};
use axum::{Json, Router};
use offhook_jingle::Reason;

use super::refusal;
use super::rest::user;
use crate::call_state::CallHandle;
use crate::conversation::{self, ParticipantChange};
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

/// The call of this conversation, if it is the user's, or the answer to that.
fn find(inner: &Inner, headers: &HeaderMap, conversation: &str) -> Result<CallHandle, Box<Response>> {
    let user = user(inner, headers)?;
    let call = inner.calls.of_conversation(conversation);
    call.filter(|call| call.user() == user.id).ok_or_else(|| {
        let message = "There is no such conversation.";
        Box::new(refusal(StatusCode::NOT_FOUND, "not.found", message))
    })
}

async fn one(State(inner): Cloud, Path(conversation): Path<String>, headers: HeaderMap) -> Response {
    match find(&inner, &headers, &conversation) {
        Ok(call) => Json(conversation::describe(&call)).into_response(),
        Err(refused) => *refused,
    }
}

/// `{state: "disconnected"}` hangs up, as the platform's own client does; `muted` and `held` are the platform's to do.
async fn change_participant(
    State(inner): Cloud,
    Path((conversation, _participant)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let call = match find(&inner, &headers, &conversation) {
        Ok(call) => call,
        Err(refused) => return *refused,
    };
    let Ok(change) = serde_json::from_slice::<ParticipantChange>(&body) else {
        let message = "The request body is not a change of a participant.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    };
    call.set_participation(change.applied_to(call.participation()));
    if change.state.as_deref() == Some("disconnected") {
        call.hang_up(Reason::Success);
    }
    StatusCode::ACCEPTED.into_response()
}
