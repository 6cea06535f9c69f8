//! The part of the control API that is about conversations.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use offhook_audio::SourceSpec;
use serde::Deserialize;
use serde_json::{Value, json};

use super::conversations::refused;
use super::refusal;
use crate::conversation::{Conversation, ConversationError, Destination, Participation, SpeakTo};
use crate::gateway::{self, CallRequest};
use crate::inner::Inner;
use crate::play::Play;
use crate::queue::RoutingStatus;

type Cloud = State<Arc<Inner>>;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/conversations", get(all).post(call_between))
        .route("/queues/{queue}/calls", post(call_queue))
        .route("/users/{user}/routing", post(set_routing))
        .route("/conversations/{conversation}", get(one))
        .route("/conversations/{conversation}/participants", post(add))
        .route(
            "/conversations/{conversation}/participants/{participant}/{action}",
            post(act),
        )
        .route(
            "/conversations/{conversation}/consultation",
            post(speak_to).delete(end_consultation),
        )
}

fn describe(conversation: &Conversation) -> Value {
    json!({ "id": conversation.id().as_str(), "participants": conversation.participants() })
}

fn find(inner: &Arc<Inner>, conversation: &str) -> Result<Conversation, Box<Response>> {
    let room = inner.conversations.find(conversation);
    let found = room.map(|room| Conversation {
        inner: Arc::clone(inner),
        room,
    });
    let message = "there is no such conversation";
    found.ok_or_else(|| Box::new(refusal(StatusCode::NOT_FOUND, "not.found", message)))
}

async fn all(State(inner): Cloud) -> Response {
    let rooms = inner.conversations.all().into_iter().map(|room| {
        describe(&Conversation {
            inner: Arc::clone(&inner),
            room,
        })
    });
    Json(rooms.collect::<Vec<_>>()).into_response()
}

async fn one(State(inner): Cloud, Path(conversation): Path<String>) -> Response {
    match find(&inner, &conversation) {
        Ok(conversation) => Json(describe(&conversation)).into_response(),
        Err(refused) => *refused,
    }
}

/// Two users who are to speak with each other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Two {
    caller: String,
    called: String,
}

async fn call_between(State(inner): Cloud, Json(body): Json<Two>) -> Response {
    let request = |user| CallRequest {
        user: Some(user),
        ..CallRequest::default()
    };
    let caller = CallRequest {
        auto_answer: true,
        outbound: true,
        ..request(body.caller)
    };
    match gateway::connect(&inner, caller, request(body.called)) {
        Ok((call, _)) => match find(&inner, call.conversation().as_str()) {
            Ok(conversation) => (StatusCode::CREATED, Json(describe(&conversation))).into_response(),
            Err(refused) => *refused,
        },
        Err(error) => refused(&error.into()),
    }
}

/// What an action may need.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Action {
    user: Option<String>,
    number: Option<String>,
    queue: Option<String>,
    speak_to: Option<SpeakTo>,
}

impl Action {
    fn destination(&self) -> Result<Destination, Box<Response>> {
        let user = self.user.clone().map(Destination::User);
        let queue = self.queue.clone().map(Destination::Queue);
        let named = user.or(queue).or(self.number.clone().map(Destination::Number));
        let message = "one of `user`, `queue` and `number` says who is to come";
        named.ok_or_else(|| Box::new(super::control::bad_request(message)))
    }
}

/// The new participant, or why there is none.
fn came(result: Result<String, ConversationError>) -> Response {
    match result {
        Ok(participant) => (StatusCode::CREATED, Json(json!({ "participant": participant }))).into_response(),
        Err(error) => refused(&error),
    }
}

fn done(result: Result<(), ConversationError>) -> Response {
    match result {
        Ok(()) => StatusCode::ACCEPTED.into_response(),
        Err(error) => refused(&error),
    }
}

async fn add(State(inner): Cloud, Path(conversation): Path<String>, Json(body): Json<Action>) -> Response {
    let asked = find(&inner, &conversation).and_then(|conversation| Ok((conversation, body.destination()?)));
    match asked {
        Ok((conversation, destination)) => came(conversation.add(&destination)),
        Err(refused) => *refused,
    }
}

async fn act(
    State(inner): Cloud,
    Path((conversation, participant, action)): Path<(String, String, String)>,
    body: Option<Json<Action>>,
) -> Response {
    let conversation = match find(&inner, &conversation) {
        Ok(conversation) => conversation,
        Err(refused) => return *refused,
    };
    let Json(body) = body.unwrap_or_default();
    let parts = conversation.participants();
    let now = parts.iter().find(|part| part.id == participant);
    let now = now.map_or_else(Participation::default, |part| Participation {
        muted: part.muted,
        held: part.held,
    });
    let set = |wanted| done(conversation.set_participation(&participant, wanted));
    match action.as_str() {
        "mute" => set(Participation { muted: true, ..now }),
        "unmute" => set(Participation { muted: false, ..now }),
        "hold" => set(Participation { held: true, ..now }),
        "unhold" => set(Participation { held: false, ..now }),
        "disconnect" => done(conversation.disconnect(&participant)),
        "replace" => match body.destination() {
            Ok(destination) => came(conversation.replace(&participant, &destination)),
            Err(refused) => *refused,
        },
        "consult" => match body.destination() {
            Ok(destination) => {
                let speak_to = body.speak_to.unwrap_or(SpeakTo::Destination);
                came(conversation.consult(&participant, &destination, speak_to))
            }
            Err(refused) => *refused,
        },
        _ => refusal(StatusCode::NOT_FOUND, "not.found", "there is no such action"),
    }
}

async fn speak_to(State(inner): Cloud, Path(conversation): Path<String>, Json(body): Json<Action>) -> Response {
    match find(&inner, &conversation) {
        Ok(conversation) => done(conversation.speak_to(body.speak_to.unwrap_or(SpeakTo::Destination))),
        Err(refused) => *refused,
    }
}

async fn end_consultation(State(inner): Cloud, Path(conversation): Path<String>) -> Response {
    match find(&inner, &conversation) {
        Ok(conversation) => done(conversation.end_consultation()),
        Err(refused) => *refused,
    }
}

/// What a customer who calls a queue says.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Customer {
    play: Option<String>,
}

async fn call_queue(State(inner): Cloud, Path(queue): Path<String>, body: Option<Json<Customer>>) -> Response {
    let Json(customer) = body.unwrap_or_default();
    let play = match customer.play.as_deref().map(str::parse::<SourceSpec>).transpose() {
        Ok(spec) => spec.map(Play::Spec),
        Err(error) => return super::control::bad_request(&error.to_string()),
    };
    let request = CallRequest {
        play,
        ..CallRequest::default()
    };
    match gateway::call_queue(&inner, &queue, request) {
        Ok(room) => (StatusCode::CREATED, Json(describe(&Conversation { inner, room }))).into_response(),
        Err(error) => refused(&error.into()),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Routing {
    status: RoutingStatus,
}

async fn set_routing(State(inner): Cloud, Path(user): Path<String>, Json(body): Json<Routing>) -> Response {
    if inner.user(&user).is_none() {
        return refusal(StatusCode::NOT_FOUND, "not.found", "there is no such user");
    }
    inner.floor.set(&inner, &user, body.status);
    StatusCode::NO_CONTENT.into_response()
}
