//! Who the user is, and what their clients report: `users`, `organizations`, `diagnostics`.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::json;

use super::refusal;
use super::rest::user;
use crate::config::{ORGANISATION, User};
use crate::inner::Inner;
use crate::queue::RoutingStatus;
use crate::record::{Direction, What};
use crate::reports::Report;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> Router<Arc<Inner>> {
    Router::new()
        .route("/api/v2/users/me", get(users_me))
        .route("/api/v2/organizations/me", get(organization))
        .route("/api/v2/diagnostics/{*kind}", post(diagnostics))
        .route(
            "/api/v2/users/{user}/routingstatus",
            get(routing_status).put(set_routing_status),
        )
}

#[derive(Deserialize)]
struct Expand {
    #[serde(default)]
    expand: String,
}

async fn users_me(State(inner): Cloud, Query(query): Query<Expand>, headers: HeaderMap) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    let mut body = json!({
        "id": user.id,
        "name": user.name,
        "state": "active",
        "version": 1,
        "chat": { "jabberId": user.jid.as_str() },
        "selfUri": format!("/api/v2/users/{}", user.id),
    });
    if query.expand.split(',').any(|wish| wish == "station") {
        let station = inner.stations.reference(&user.id);
        body["station"] = json!({ "associatedStation": station, "effectiveStation": station });
    }
    Json(body).into_response()
}

async fn organization(State(inner): Cloud, headers: HeaderMap) -> Response {
    match user(&inner, &headers) {
        Ok(_) => Json(json!({
            "id": "organization-1",
            "name": "Acme",
            "thirdPartyOrgName": "acme",
            "domain": ORGANISATION,
            "state": "active",
        }))
        .into_response(),
        Err(refused) => *refused,
    }
}

/// Taken and kept, and written down that it was.
async fn diagnostics(State(inner): Cloud, Path(kind): Path<String>, body: Bytes) -> Response {
    let bytes = body.len();
    inner.reports.add(Report {
        kind: kind.clone(),
        body: body.as_ref().into(),
    });
    inner
        .recorder
        .add(Direction::ToCloud, What::Diagnostics { report: kind, bytes });
    StatusCode::ACCEPTED.into_response()
}

/// Nobody but the user, whose token the request carries, has a routing status here.
fn own<'a>(inner: &'a Inner, headers: &HeaderMap, id: &str) -> Result<&'a User, Box<Response>> {
    let user = user(inner, headers)?;
    let message = "Only the user's own routing status can be seen and set.";
    let refused = || Box::new(refusal(StatusCode::FORBIDDEN, "missing.permissions", message));
    (user.id == id).then_some(user).ok_or_else(refused)
}

async fn routing_status(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap) -> Response {
    match own(&inner, &headers, &id) {
        Ok(_) => Json(json!({ "userId": id, "status": inner.floor.status(&id) })).into_response(),
        Err(refused) => *refused,
    }
}

#[derive(Deserialize)]
struct NewStatus {
    status: RoutingStatus,
}

async fn set_routing_status(State(inner): Cloud, Path(id): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    if let Err(refused) = own(&inner, &headers, &id) {
        return *refused;
    }
    let Ok(NewStatus { status }) = serde_json::from_slice(&body) else {
        let message = "The request body is not a routing status.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    };
    inner.floor.set(&inner, &id, status);
    Json(json!({ "userId": id, "status": inner.floor.status(&id) })).into_response()
}
