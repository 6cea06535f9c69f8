//! The part of the control API that makes things go wrong, and that speaks for the platform: faults,
//! cuts, events, transfers, external services, tokens. See the README.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::control::bad_request;
use super::refusal;
use crate::cloud::TokenError;
use crate::events::{self, SystemEvent};
use crate::faults::Cut;
use crate::inner::Inner;
use crate::server::ExternalService;

type Cloud = State<Arc<Inner>>;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/faults", get(faults).post(change_faults).delete(lift_faults))
        .route("/streams/drop", post(cut))
        .route("/events", post(publish))
        .route("/transfers", get(transfers).post(transfer))
        .route("/services", get(services).put(set_services).delete(reset_services))
        .route("/users/{user}/token", post(set_token))
}

async fn faults(State(inner): Cloud) -> Response {
    Json(inner.faults.left(Instant::now())).into_response()
}

/// Sets the faults that the body names; `null` lifts one.
async fn change_faults(State(inner): Cloud, Json(change): Json<Map<String, Value>>) -> Response {
    let now = Instant::now();
    match inner.faults.merge(&change, now) {
        Ok(()) => Json(inner.faults.left(now)).into_response(),
        Err(message) => bad_request(&message),
    }
}

async fn lift_faults(State(inner): Cloud) -> Response {
    inner.faults.set(Default::default(), Instant::now());
    StatusCode::NO_CONTENT.into_response()
}

/// How many clients something reached, or why it cannot be: a user that does not exist.
fn reached(inner: &Inner, user: Option<&str>, act: impl FnOnce(Option<&str>) -> usize) -> Response {
    match user {
        Some(user) if inner.user(user).is_none() => no_such_user(user),
        Some(_) | None => Json(json!({ "clients": act(user) })).into_response(),
    }
}

fn no_such_user(user: &str) -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", &format!("there is no user {user}"))
}

#[derive(Deserialize)]
struct NewCut {
    #[serde(flatten)]
    cut: Cut,
    user: Option<String>,
}

async fn cut(State(inner): Cloud, Json(body): Json<NewCut>) -> Response {
    match &body.cut {
        Cut::CloseFrame { code } if !(1000..5000).contains(code) => {
            return bad_request("the code of a close frame is from 1000 to 4999");
        }
        Cut::StreamError { condition } if !is_name(condition) => {
            return bad_request("the condition of a stream error is lower-case letters and hyphens");
        }
        Cut::CloseFrame { .. } | Cut::StreamError { .. } | Cut::Reset | Cut::Fin | Cut::Close | Cut::Stall => {}
    }
    reached(&inner, body.user.as_deref(), |user| inner.hub.cut(user, &body.cut))
}

fn is_name(condition: &str) -> bool {
    !condition.is_empty() && condition.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// An event of a topic, or a system event.
#[derive(Deserialize)]
#[serde(untagged)]
enum NewEvent {
    Topic(TopicEvent),
    System(NewSystemEvent),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TopicEvent {
    topic: String,
    #[serde(default)]
    event_body: Value,
    user: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSystemEvent {
    system: SystemEvent,
    user: Option<String>,
    /// Whether the server closes the streams afterwards.
    #[serde(default)]
    close: bool,
}

async fn publish(State(inner): Cloud, Json(body): Json<NewEvent>) -> Response {
    match &body {
        NewEvent::Topic(event) => reached(&inner, event.user.as_deref(), |user| {
            events::publish(&inner, user, &event.topic, &event.event_body)
        }),
        NewEvent::System(event) => reached(&inner, event.user.as_deref(), |user| {
            let told = events::tell(&inner, user, event.system);
            if event.close {
                inner.hub.cut(user, &Cut::Close);
            }
            told
        }),
    }
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Whom {
    user: Option<String>,
}

async fn transfer(State(inner): Cloud, body: Option<Json<Whom>>) -> Response {
    let Json(body) = body.unwrap_or_default();
    reached(&inner, body.user.as_deref(), |user| events::transfer(&inner, user))
}

async fn transfers(State(inner): Cloud) -> Response {
    Json(inner.transfers.all()).into_response()
}

/// An external service. A password goes in and does not come out.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Service {
    #[serde(rename = "type")]
    kind: String,
    host: String,
    port: u16,
    #[serde(default = "udp")]
    transport: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing)]
    password: Option<String>,
}

fn udp() -> String {
    "udp".to_owned()
}

async fn services(State(inner): Cloud) -> Response {
    let services = inner.switchboard.services().into_iter().map(|service| Service {
        kind: service.kind,
        host: service.host,
        port: service.port,
        transport: service.transport,
        username: service.username,
        password: None,
    });
    Json(Vec::from_iter(services)).into_response()
}

async fn set_services(State(inner): Cloud, Json(body): Json<Vec<Service>>) -> Response {
    let services = body.into_iter().map(|service| ExternalService {
        kind: service.kind,
        host: service.host,
        port: service.port,
        transport: service.transport,
        username: service.username,
        password: service.password.map(SecretString::from),
    });
    inner.set_services(Some(services.collect()));
    StatusCode::NO_CONTENT.into_response()
}

async fn reset_services(State(inner): Cloud) -> Response {
    inner.set_services(None);
    StatusCode::NO_CONTENT.into_response()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
}

async fn set_token(State(inner): Cloud, Path(user): Path<String>, Json(body): Json<NewToken>) -> Response {
    match inner.set_token(&user, SecretString::from(body.token)) {
        Ok(()) => StatusCode::NO_CONTENT.into_response(),
        Err(TokenError::UnknownUser { user }) => no_such_user(&user),
        Err(error @ TokenError::Taken) => refusal(StatusCode::CONFLICT, "conflict", &error.to_string()),
    }
}
