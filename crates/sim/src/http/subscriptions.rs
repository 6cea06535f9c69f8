//! The topics of a notification channel: `notifications/channels/{id}/subscriptions`.

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use axum::{Json, http};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal;
use super::rest::user;
use crate::channels::{TOPICS, Topics, expand};
use crate::inner::Inner;

type Cloud = State<Arc<Inner>>;

pub(super) fn routes() -> MethodRouter<Arc<Inner>> {
    get(list).post(change).put(change).delete(remove)
}

#[derive(Deserialize)]
struct Options {
    #[serde(rename = "ignoreErrors", default)]
    ignore_errors: bool,
}

#[derive(Deserialize)]
struct Asked {
    id: String,
}

/// The channel exists and is the user's, or the answer to that.
fn check(inner: &Inner, headers: &HeaderMap, channel: &str) -> Result<(), Box<Response>> {
    let user = user(inner, headers)?;
    match inner.user_of_channel(channel) {
        Some(owner) if owner.id == user.id => Ok(()),
        Some(_) | None => Err(Box::new(no_such_channel())),
    }
}

fn no_such_channel() -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", "There is no such channel.")
}

fn listing(entities: Vec<Value>) -> Response {
    Json(json!({ "entities": entities })).into_response()
}

async fn list(State(inner): Cloud, Path(channel): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = check(&inner, &headers, &channel) {
        return *refused;
    }
    let topics = inner.channels.topics(&channel);
    listing(topics.iter().map(|topic| json!({ "id": topic })).collect())
}

/// `POST` adds topics, `PUT` replaces those that there are. A topic that is rejected fails the
/// request, unless errors are to be ignored: then each topic has a result of its own.
async fn change(
    State(inner): Cloud,
    Path(channel): Path<String>,
    Query(options): Query<Options>,
    method: http::Method,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if let Err(refused) = check(&inner, &headers, &channel) {
        return *refused;
    }
    let Ok(asked) = serde_json::from_slice::<Vec<Asked>>(&body) else {
        let message = "The request body is not a list of objects with an id.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    };
    let topics: BTreeSet<String> = asked.iter().flat_map(|asked| expand(&asked.id)).collect();
    let rejections: Vec<_> = topics
        .iter()
        .filter_map(|topic| inner.switchboard.rejection(topic))
        .collect();
    if let (Some(rejected), false) = (rejections.first(), options.ignore_errors) {
        let message = format!("The topic {} is not permitted.", rejected.topic);
        return refusal(StatusCode::FORBIDDEN, "not.authorized", &message);
    }
    let is_rejected = |topic: &String| rejections.iter().any(|rejected| rejected.topic == *topic);
    let permitted = topics.iter().filter(|topic| !is_rejected(topic)).cloned();
    let changed = inner.channels.change(&channel, |all| {
        if method == http::Method::PUT {
            all.clear();
        }
        all.extend(permitted);
    });
    match changed {
        None => no_such_channel(),
        Some(Topics::TooMany) => {
            let message = format!("A channel has at most {TOPICS} topics.");
            refusal(StatusCode::BAD_REQUEST, "too.many.topics", &message)
        }
        Some(Topics::Changed) if !options.ignore_errors => {
            listing(asked.iter().map(|asked| json!({ "id": asked.id })).collect())
        }
        Some(Topics::Changed) => {
            // A combined topic is permitted as such, beside the rejections of some of its parts.
            let permitted = asked
                .iter()
                .filter(|asked| !expand(&asked.id).iter().all(is_rejected))
                .map(|asked| json!({ "id": asked.id, "state": "Permitted" }));
            let rejected = rejections.iter().map(|rejected| {
                json!({
                    "id": rejected.topic,
                    "state": "Rejected",
                    "rejectionReason": rejected.reason,
                    "missingPermissions": rejected.missing_permissions,
                })
            });
            listing(permitted.chain(rejected).collect())
        }
    }
}

async fn remove(State(inner): Cloud, Path(channel): Path<String>, headers: HeaderMap) -> Response {
    if let Err(refused) = check(&inner, &headers, &channel) {
        return *refused;
    }
    match inner.channels.change(&channel, BTreeSet::clear) {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => no_such_channel(),
    }
}
