//! The control API: what a person or a script does with the simulated cloud. See the README.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use offhook_audio::SourceSpec;
use offhook_jingle::{ConversationId, Dialect, Reason, SessionId};
use offhook_media::{Change, Direction};
use serde::Deserialize;
use serde_json::{Value, json};

use super::refusal;
use crate::call_state::{CallHandle, CallState};
use crate::config::CallFaults;
use crate::gateway::{self, CallError, CallRequest, MediaPath, Reinvite};
use crate::inner::Inner;
use crate::play::Play;

type Cloud = State<Arc<Inner>>;

pub(super) fn router() -> Router<Arc<Inner>> {
    Router::new()
        .route("/users", get(users))
        .route("/calls", get(calls).post(call))
        .route("/calls/{session}", get(one_call))
        .route("/calls/{session}/{action}", post(act))
        .route("/records", get(records))
        .route("/ladder", get(ladder))
        .route("/live", get(live))
}

async fn users(State(inner): Cloud) -> Response {
    let users: Vec<Value> = inner
        .config
        .users
        .iter()
        .map(|user| {
            let connected = inner.hub.connected(&user.id);
            let connected: Vec<_> = connected.iter().map(|jid| jid.as_str()).collect();
            json!({
                "id": user.id,
                "name": user.name,
                "jid": user.jid.as_str(),
                "connected": connected,
            })
        })
        .collect();
    Json(users).into_response()
}

async fn live(State(inner): Cloud) -> Response {
    Json(inner.gauge.live()).into_response()
}

#[derive(Default, Deserialize)]
struct Since {
    #[serde(default)]
    since: u64,
}

async fn records(State(inner): Cloud, Query(query): Query<Since>) -> Response {
    Json(inner.recorder.since(query.since)).into_response()
}

async fn ladder(State(inner): Cloud, Query(query): Query<Since>) -> String {
    let records = inner.recorder.since(query.since);
    records.iter().map(|record| format!("{record}\n")).collect()
}

async fn calls(State(inner): Cloud) -> Response {
    let calls: Vec<_> = inner.calls.all().iter().map(describe).collect();
    Json(calls).into_response()
}

async fn one_call(State(inner): Cloud, Path(session): Path<String>) -> Response {
    match inner.calls.find(&SessionId::new(session)) {
        Some(call) => Json(describe(&call)).into_response(),
        None => no_such_call(),
    }
}

fn no_such_call() -> Response {
    refusal(StatusCode::NOT_FOUND, "not.found", "there is no call of this session")
}

pub(super) fn bad_request(message: &str) -> Response {
    refusal(StatusCode::BAD_REQUEST, "bad.request", message)
}

/// What is to be said about a call, and what was heard in it.
fn describe(call: &CallHandle) -> Value {
    let (state, heard, figures) = (call.state(), call.heard(), call.statistics());
    let ended = match &state {
        CallState::Ended(ended) => Some(ended.to_string()),
        CallState::Ringing | CallState::Offered { .. } | CallState::Answered { .. } | CallState::Connected { .. } => {
            None
        }
    };
    json!({
        "session": call.session().as_str(),
        "conversation": call.conversation().as_str(),
        "user": call.user(),
        "state": state.name(),
        "client": state.client().map(|client| client.as_str()),
        "ended": ended,
        "heard": {
            "seconds": heard.duration.as_secs_f64(),
            "levelDbov": heard.level_dbov,
            "toneHertz": heard.tone.map(|tone| tone.hertz),
        },
        "packetsSent": figures.packets_sent,
        "packetsReceived": figures.packets_received,
        "packetsLost": figures.packets_lost,
        "undelivered": call.undelivered(),
    })
}

/// A dialect in JSON.
#[derive(Clone, Copy, Deserialize)]
enum DialectName {
    #[serde(rename = "jingle")]
    Jingle,
    #[serde(rename = "sdp-over-xmpp")]
    SdpOverXmpp,
}

impl From<DialectName> for Dialect {
    fn from(name: DialectName) -> Self {
        match name {
            DialectName::Jingle => Self::Jingle,
            DialectName::SdpOverXmpp => Self::SdpOverXmpp,
        }
    }
}

/// The body of `POST calls`; every field may be absent.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct NewCall {
    user: Option<String>,
    auto_answer: bool,
    dialect: Option<DialectName>,
    play: Option<String>,
    duration_seconds: Option<f64>,
    ring_seconds: Option<f64>,
    muted: bool,
}

async fn call(State(inner): Cloud, Json(body): Json<NewCall>) -> Response {
    let play = match body.play.as_deref().map(str::parse::<SourceSpec>).transpose() {
        Ok(spec) => spec.map(Play::Spec),
        Err(error) => return bad_request(&error.to_string()),
    };
    let (Ok(duration), Ok(ring)) = (seconds(body.duration_seconds), seconds(body.ring_seconds)) else {
        return bad_request("seconds must be a number from 0 to a day");
    };
    let faults = CallFaults {
        muted: body.muted,
        ..inner.config.gateway.faults.clone()
    };
    let request = CallRequest {
        user: body.user,
        auto_answer: body.auto_answer,
        dialect: body.dialect.map(Dialect::from),
        play,
        duration,
        ring,
        faults: Some(faults),
        ..CallRequest::default()
    };
    match gateway::start(&inner, request) {
        Ok(call) => (StatusCode::CREATED, Json(describe(&call))).into_response(),
        Err(error @ CallError::UnknownUser { .. }) => refusal(StatusCode::NOT_FOUND, "not.found", &error.to_string()),
        Err(error @ CallError::NotConnected { .. }) => {
            refusal(StatusCode::CONFLICT, "not.connected", &error.to_string())
        }
        Err(error) => bad_request(&error.to_string()),
    }
}

fn seconds(number: Option<f64>) -> Result<Option<Duration>, ()> {
    match number {
        None => Ok(None),
        Some(number) if (0.0..=86_400.0).contains(&number) => Ok(Some(Duration::from_secs_f64(number))),
        Some(_) => Err(()),
    }
}

/// The body of the actions that take one; all fields may be absent, and the body too.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
struct Action {
    reason: Option<String>,
    source: Option<String>,
    digits: String,
    conversation: Option<String>,
    repeat: u32,
    new_session: bool,
    lose_answer: bool,
    delay_seconds: Option<f64>,
    jitter_seconds: Option<f64>,
    loss: f32,
    reorder: f32,
    cut: bool,
}

/// How the datagrams of a call travel, or what is wrong with that.
fn media_path(body: &Action) -> Result<MediaPath, &'static str> {
    let time = |given| {
        let time = seconds(given).map(Option::unwrap_or_default);
        time.map_err(|()| "seconds must be a number from 0 to a day")
    };
    if ![body.loss, body.reorder]
        .iter()
        .all(|share| (0.0..=1.0).contains(share))
    {
        return Err("a share must be a number from 0 to 1");
    }
    Ok(MediaPath {
        delay: time(body.delay_seconds)?,
        jitter: time(body.jitter_seconds)?,
        loss: body.loss,
        reorder: body.reorder,
        cut: body.cut,
    })
}

async fn act(
    State(inner): Cloud,
    Path((session, action)): Path<(String, String)>,
    body: Option<Json<Action>>,
) -> Response {
    let Some(call) = inner.calls.find(&SessionId::new(session)) else {
        return no_such_call();
    };
    let Json(body) = body.unwrap_or_default();
    match action.as_str() {
        "hangup" => match body.reason.as_deref().unwrap_or("success").parse::<Reason>() {
            Ok(reason) => call.hang_up(reason),
            Err(error) => return bad_request(&error.to_string()),
        },
        "retract" => call.retract(),
        "handled-elsewhere" => call.handled_elsewhere(),
        "reinvite" => call.reinvite(Reinvite {
            conversation: body.conversation.map(ConversationId::new),
            repeat: body.repeat,
            new_session: body.new_session,
            lose_answer: body.lose_answer,
        }),
        "path" => match media_path(&body) {
            Ok(path) => call.set_path(path),
            Err(message) => return bad_request(message),
        },
        "hold" => call.change(Change::Direction(Direction::SendOnly)),
        "unhold" => call.change(Change::Direction(Direction::SendRecv)),
        "restart" => call.change(Change::Restart),
        "mute" => call.set_muted(true),
        "unmute" => call.set_muted(false),
        "digits" => call.send_digits(&body.digits),
        "play" => match body.source.as_deref().unwrap_or_default().parse::<SourceSpec>() {
            Ok(spec) => call.play(Play::Spec(spec)),
            Err(error) => return bad_request(&error.to_string()),
        },
        _ => return refusal(StatusCode::NOT_FOUND, "not.found", "there is no such action"),
    }
    StatusCode::ACCEPTED.into_response()
}
