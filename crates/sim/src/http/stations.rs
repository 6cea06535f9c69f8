//! Where users are called: `stations`, `users/{id}/station`, `users/alertingleader`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, patch, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::control::bad_request;
use super::refusal;
use super::rest::user;
use crate::config::{Station, User};
use crate::inner::Inner;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    let associated = "/api/v2/users/{user}/station/associatedstation";
    Router::new()
        .route("/api/v2/stations/{station}", get(station))
        .route(associated, delete(disassociate))
        .route(&format!("{associated}/{{station}}"), put(associate))
        .route("/api/v2/users/alertingleader", get(leader).put(lead))
        .route("/api/v2/apps/users/{user}/connections/{connection}", patch(alertable))
}

pub(super) fn control() -> Router<Arc<Inner>> {
    Router::new().route("/users/{user}/station", post(set_station).delete(unset_station))
}

fn no_such_station() -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", "There is no such station.")
}

async fn station(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match user(&inner, &headers) {
        Ok(_) => inner
            .stations
            .describe(&id)
            .map_or_else(no_such_station, |body| Json(body).into_response()),
        Err(refused) => *refused,
    }
}

/// The user of the token, who has to be the one of the path: everybody changes what is theirs.
fn own<'a>(inner: &'a Inner, headers: &HeaderMap, id: &str) -> Result<&'a User, Box<Response>> {
    let user = user(inner, headers)?;
    let message = "Only what is the user's own can be changed.";
    let refused = || Box::new(refusal(StatusCode::FORBIDDEN, "missing.permissions", message));
    (user.id == id).then_some(user).ok_or_else(refused)
}

async fn associate(State(inner): Cloud, Path((id, station)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let user = match own(&inner, &headers, &id) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    match inner.stations.find(&station) {
        Some(station) => {
            inner.stations.associate(&inner, user, Some(station));
            StatusCode::ACCEPTED.into_response()
        }
        None => no_such_station(),
    }
}

async fn disassociate(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match own(&inner, &headers, &id) {
        Ok(user) => {
            inner.stations.associate(&inner, user, None);
            StatusCode::ACCEPTED.into_response()
        }
        Err(refused) => *refused,
    }
}

/// As the platform, 400 if nobody leads.
async fn leader(State(inner): Cloud, headers: HeaderMap) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    match inner.leaders.of_user(&user.id) {
        Some(connection) => Json(json!({ "connectionId": connection })).into_response(),
        None => bad_request("No connection of the user can ring."),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Lead {
    connection_id: String,
}

async fn lead(State(inner): Cloud, headers: HeaderMap, body: Bytes) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let Ok(Lead { connection_id }) = serde_json::from_slice(&body) else {
        return bad_request("A connectionId is required.");
    };
    inner.leaders.set(&inner, &user.id, Some(connection_id));
    StatusCode::ACCEPTED.into_response()
}

#[derive(Deserialize)]
struct CanRing {
    alertable: bool,
}

async fn alertable(
    State(inner): Cloud,
    Path((id, connection)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let user = match own(&inner, &headers, &id) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let Ok(CanRing { alertable }) = serde_json::from_slice(&body) else {
        return bad_request("alertable is required.");
    };
    inner.leaders.set_alertable(&inner, &user.id, &connection, alertable);
    Json(json!({ "id": connection, "alertable": alertable })).into_response()
}

/// A station as the control API takes it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewStation {
    id: String,
    #[serde(default = "one")]
    lines: u32,
    #[serde(default)]
    relayed: bool,
    #[serde(default)]
    persistent: bool,
}

fn one() -> u32 {
    1
}

fn no_such_user() -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", "there is no such user")
}

async fn set_station(State(inner): Cloud, Path(id): Path<String>, Json(body): Json<NewStation>) -> Response {
    let Some(user) = inner.user(&id) else {
        return no_such_user();
    };
    let station = Station {
        id: body.id,
        lines: body.lines,
        relayed: body.relayed,
        persistent: body.persistent,
    };
    inner.stations.associate(&inner, user, Some(station));
    StatusCode::NO_CONTENT.into_response()
}

async fn unset_station(State(inner): Cloud, Path(id): Path<String>) -> Response {
    let Some(user) = inner.user(&id) else {
        return no_such_user();
    };
    inner.stations.associate(&inner, user, None);
    StatusCode::NO_CONTENT.into_response()
}
