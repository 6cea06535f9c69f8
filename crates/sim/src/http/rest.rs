//! The platform's REST requests that a softphone client makes.

use std::sync::Arc;
use std::time::Instant;

use axum::body::Bytes;
use axum::extract::{ConnectInfo, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use offhook_jingle::ConversationId;
use serde::Deserialize;
use serde_json::{Value, json};

use super::transfers::Whom;
use super::{
    account, conversations, oauth, refusal, refused_on_request, stations, subscriptions, transfers, voicemail,
};
use crate::config::{OutboundOrder, User};
use crate::conversation::{Conversation, ConversationError, Destination};
use crate::faults::Refused;
use crate::gateway::{self, CallRequest};
use crate::gauge::Kind;
use crate::inner::Inner;
use crate::record::{Direction, What};
use crate::wire::Fate;

type Cloud = State<Arc<Inner>>;

pub(super) fn router(inner: &Arc<Inner>) -> Router<Arc<Inner>> {
    Router::new()
        .route("/api/v2/notifications/channels", post(open_channel))
        .route(
            "/api/v2/notifications/channels/{channel}/subscriptions",
            subscriptions::routes(),
        )
        .route("/api/v2/conversations/calls", post(place_call))
        .merge(account::routes())
        .merge(conversations::routes())
        .merge(transfers::routes())
        .merge(voicemail::routes())
        .merge(oauth::routes())
        .merge(stations::routes())
        .layer(middleware::from_fn_with_state(Arc::clone(inner), exchange))
}

/// Around every exchange: records, faults, the correlation id.
async fn exchange(State(inner): Cloud, ConnectInfo(fate): ConnectInfo<Fate>, request: Request, next: Next) -> Response {
    let method = request.method().to_string();
    let path = request
        .uri()
        .path_and_query()
        .map_or_else(String::new, ToString::to_string);
    inner.recorder.add(
        Direction::ToCloud,
        What::RestRequest {
            method: method.clone(),
            path: path.clone(),
        },
    );
    let refused = inner.faults.refuse_rest(&method, request.uri().path(), Instant::now());
    let mut response = match refused {
        Some(Refused::Reset) => return refused_on_request(&inner, &fate, &path, Refused::Reset),
        Some(refused @ Refused::Status { .. }) => refused_on_request(&inner, &fate, &path, refused),
        None => next.run(request).await,
    };
    if let Ok(id) = HeaderValue::from_str(&inner.draw_id()) {
        response.headers_mut().insert("inin-correlation-id", id);
    }
    let status = response.status().as_u16();
    inner
        .recorder
        .add(Direction::ToClient, What::RestReply { method, path, status });
    response
}

/// The user whose token the request carries.
pub(super) fn user<'a>(inner: &'a Inner, headers: &HeaderMap) -> Result<&'a User, Box<Response>> {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "))
        .and_then(|token| inner.user_of_token(token.trim()))
        .ok_or_else(|| {
            let message = "No authentication bearer token specified in authorization header, or an unknown one.";
            Box::new(refusal(StatusCode::UNAUTHORIZED, "authentication.required", message))
        })
}

#[derive(Deserialize)]
struct ChannelQuery {
    #[serde(rename = "connectionType")]
    connection_type: Option<String>,
}

async fn open_channel(State(inner): Cloud, Query(query): Query<ChannelQuery>, headers: HeaderMap) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user,
        Err(refused) => return *refused,
    };
    if query.connection_type.as_deref() != Some("streaming") {
        let message = "Only channels with connectionType=streaming are simulated.";
        return refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    }
    let id = inner.open_channel(user);
    Json(json!({
        "connectUri": format!("{}/stream/channels/{id}", inner.base("ws")),
        "id": id,
        // Channels of the simulated cloud do not expire.
        "expires": "2099-12-31T23:59:59.000Z",
    }))
    .into_response()
}

async fn place_call(State(inner): Cloud, headers: HeaderMap, body: Bytes) -> Response {
    let user = match user(&inner, &headers) {
        Ok(user) => user.clone(),
        Err(refused) => return *refused,
    };
    let refused = |message: &str| refusal(StatusCode::BAD_REQUEST, "bad.request", message);
    if let Err(message) = check_destination(&body) {
        return refused(message);
    }
    if inner.hub.connected(&user.id).is_empty() {
        return refused("The user has no connected softphone to place the call with.");
    }
    let called = match called(&inner, &body) {
        Ok(called) => called,
        Err(message) => return refused(message),
    };
    let conversation = ConversationId::new(inner.draw_id());
    let request = CallRequest {
        user: Some(user.id),
        conversation: Some(conversation.clone()),
        auto_answer: true,
        outbound: true,
        duration: inner.config.gateway.outbound_duration,
        ..CallRequest::default()
    };
    match inner.config.gateway.outbound {
        OutboundOrder::ReplyFirst { gap } => {
            let (task, cloud) = (inner.gauge.count(Kind::Task), Arc::clone(&inner));
            let mut stopping = inner.stopping.subscribe();
            tokio::spawn(async move {
                let stopped = stopping.wait_for(|stopping| *stopping);
                if tokio::time::timeout(gap, stopped).await.is_err()
                    && let Err(error) = place(&cloud, request, &called)
                {
                    tracing::warn!(%error, "the outbound call was not placed");
                }
                drop(task);
            });
        }
        OutboundOrder::ProposalFirst { gap } => {
            if let Err(error) = place(&inner, request, &called) {
                return refused(&error.to_string());
            }
            tokio::time::sleep(gap).await;
        }
    }
    let body = json!({
        "id": conversation.as_str(),
        "selfUri": format!("/api/v2/conversations/calls/{conversation}"),
    });
    (StatusCode::ACCEPTED, Json(body)).into_response()
}

/// Calls the one who asked for it, and those who are to be called.
fn place(inner: &Arc<Inner>, request: CallRequest, called: &[Destination]) -> Result<(), ConversationError> {
    let conversation = request.conversation.clone();
    let others = match called {
        [Destination::User(user), others @ ..] => {
            let called = CallRequest {
                user: Some(user.clone()),
                ..CallRequest::default()
            };
            gateway::connect(inner, request, called)?;
            others
        }
        [Destination::Queue(queue), others @ ..] => {
            gateway::connect_queue(inner, request, queue)?;
            others
        }
        // A voicemail is not called but transferred to.
        [] | [Destination::Number(_) | Destination::Voicemail(_), ..] => {
            gateway::start(inner, request)?;
            called.get(1..).unwrap_or_default()
        }
    };
    let room = conversation.and_then(|id| inner.conversations.find(id.as_str()));
    let Some(room) = room.filter(|_| !others.is_empty()) else {
        return Ok(());
    };
    let inner = Arc::clone(inner);
    let conversation = Conversation { inner, room };
    others.iter().try_for_each(|other| conversation.add(other).map(drop))
}

/// Who is to be called: users of the cloud, or others, for whom the gateway stands.
fn called(inner: &Inner, body: &[u8]) -> Result<Vec<Destination>, &'static str> {
    let body: Body = serde_json::from_slice(body).map_err(|_| "The request body does not say whom to call.")?;
    let user = body.call_user_id.filter(|id| inner.user(id).is_some());
    // With a number, it is the queue in whose name that is called.
    let queue = body
        .call_queue_id
        .filter(|id| body.phone_number.is_none() && inner.queue(id).is_ok());
    let destination = user.map(Destination::User).or(queue.map(Destination::Queue));
    let destinations: Vec<_> = match destination {
        Some(destination) => vec![destination],
        None => body.participants.into_iter().filter_map(Whom::destination).collect(),
    };
    for destination in &destinations {
        if let Destination::User(user) = destination
            && inner.hub.connected(user).is_empty()
        {
            return Err("The user that is called has no connected softphone.");
        }
    }
    Ok(destinations)
}

/// What counts of the body when a call is placed.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Body {
    call_user_id: Option<String>,
    call_queue_id: Option<String>,
    phone_number: Option<String>,
    participants: Vec<Whom>,
}

/// Whether the body says whom to call.
fn check_destination(body: &[u8]) -> Result<(), &'static str> {
    let Ok(Value::Object(body)) = serde_json::from_slice(body) else {
        return Err("The request body is not a JSON object.");
    };
    let is_text = |name: &str| {
        body.get(name)
            .and_then(Value::as_str)
            .is_some_and(|text| !text.trim().is_empty())
    };
    let participants = body
        .get("participants")
        .and_then(Value::as_array)
        .is_some_and(|list| !list.is_empty());
    let texts = ["phoneNumber", "callUserId", "callQueueId"];
    if participants || texts.into_iter().any(is_text) {
        Ok(())
    } else {
        Err("One of phoneNumber, callUserId, callQueueId or participants is required.")
    }
}
