//! Commands as JSON lines, each answered by one `reply`.

use offhook::{Client, ConversationId, Destination, Engine, OutboundCall, Reason, Service, SessionId};
use serde_json::{Map, Value, json};

use super::event::{ice_servers, named};

/// Commands that are planned and not there, with what is missing.
const PLANNED: [(&str, &str); 16] = [
    ("setIceServers", "media use host candidates"),
    ("refreshIceServers", "external services are asked for at connect only"),
    ("acceptSession", "offers are answered at once"),
    ("cancelRtcSession", "sessions are not initiated"),
    ("initiateRtcSession", "sessions are not initiated"),
    ("setMute", "there is no mute"),
    ("setHeld", "there is no hold"),
    ("sendDigits", "there is no DTMF"),
    ("setSource", "the source is fixed by --play"),
    ("setSink", "there are no sinks"),
    ("startRecording", "recording is fixed by --record"),
    ("stopRecording", "recording is fixed by --record"),
    ("listDevices", "there are no sound devices"),
    ("subscribe", "there are no notifications"),
    ("unsubscribe", "there are no notifications"),
    ("claimAlertingLeader", "there are no notifications"),
];

/// What a line of standard input asks for, beyond the client.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// Go on.
    Nothing,
    /// End the program.
    Quit,
    /// Reply when all these sessions have ended.
    Ends(Vec<SessionId>, Value),
}

/// Why a command was not carried out.
struct Refusal {
    code: &'static str,
    message: String,
}

type Answer = Result<Value, Refusal>;

/// What commands act on.
#[derive(Clone, Copy)]
pub struct Desk<'a> {
    pub client: &'a Client,
    pub engine: &'a Engine,
    /// The ICE servers that were told last.
    pub servers: &'a [Service],
}

/// Carries out one line and gives its reply.
pub async fn carry_out(line: &str, desk: Desk<'_>) -> (Option<Value>, After) {
    let command: Map<String, Value> = match serde_json::from_str(line) {
        Ok(Value::Object(command)) => command,
        Ok(_) => {
            return (
                Some(reply(None, Err(bad("a command is a JSON object")))),
                After::Nothing,
            );
        }
        Err(error) => {
            return (
                Some(reply(None, Err(bad(format!("not JSON: {error}"))))),
                After::Nothing,
            );
        }
    };
    let id = command.get("id").cloned();
    let Some(name) = command.get("command").and_then(Value::as_str) else {
        return (
            Some(reply(id, Err(bad("the field `command` is missing")))),
            After::Nothing,
        );
    };
    if name == "endRtcSessions" {
        return match end_sessions(&command, desk.client).await {
            Ok(ends) => (None, After::Ends(ends, id.unwrap_or(Value::Null))),
            Err(refusal) => (Some(reply(id, Err(refusal))), After::Nothing),
        };
    }
    let after = if name == "quit" { After::Quit } else { After::Nothing };
    (Some(reply(id, answer(name, &command, desk).await)), after)
}

/// The reply to `endRtcSessions`, once all have ended.
pub fn ended(id: Value, sessions: &[SessionId]) -> Value {
    let id = if id.is_null() { None } else { Some(id) };
    reply(id, Ok(json!({"sessionIds": sessions})))
}

async fn answer(name: &str, command: &Map<String, Value>, desk: Desk<'_>) -> Answer {
    let Desk {
        client,
        engine,
        servers,
    } = desk;
    match name {
        "quit" => Ok(json!({})),
        "connect" => done(client.connect().await),
        "disconnect" => done(client.disconnect().await),
        "acceptRtcSession" => done(client.accept(&session(command)?).await),
        "rejectRtcSession" => {
            let ignore = command.get("ignore").and_then(Value::as_bool).unwrap_or_default();
            done(client.reject(&session(command)?, ignore).await)
        }
        "placeCall" => {
            let conversation = client.place_call(outbound(command)?).await.map_err(failed)?;
            Ok(json!({"conversationId": conversation}))
        }
        "endCall" => {
            let conversation = ConversationId::new(text(command, "conversationId")?);
            let sessions = client.sessions().await;
            let carried = sessions
                .into_iter()
                .find(|(_, carried)| carried.as_ref() == Some(&conversation));
            let (session, _) = carried.ok_or_else(|| Refusal {
                code: "not_found",
                message: format!("no session carries conversation {conversation}"),
            })?;
            done(client.end(&session, Reason::Success).await)
        }
        "getIceServers" => {
            let secrets = command.get("secrets").and_then(Value::as_bool).unwrap_or_default();
            Ok(json!({"iceServers": ice_servers(servers, secrets)}))
        }
        "listSessions" => {
            let sessions = client.sessions().await;
            let listed = sessions
                .into_iter()
                .map(|(session, conversation)| json!({"sessionId": session, "conversationId": conversation}));
            Ok(json!({"sessions": listed.collect::<Vec<_>>(), "tasks": engine.tasks()}))
        }
        "setAccessToken" => Err(not_yet(name, "the token is fixed at start")),
        other => match PLANNED.iter().find(|(planned, _)| *planned == other) {
            Some((planned, missing)) => Err(not_yet(planned, missing)),
            None => Err(bad(format!("there is no command `{other}`"))),
        },
    }
}

/// Tells sessions to end; gives those that were told.
async fn end_sessions(command: &Map<String, Value>, client: &Client) -> Result<Vec<SessionId>, Refusal> {
    if command.get("options").and_then(|options| options.get("jid")).is_some() {
        return Err(not_yet(
            "endRtcSessions with options.jid",
            "sessions are ended by id or all at once",
        ));
    }
    let reason = match command.get("reason").and_then(Value::as_str) {
        None => Reason::Success,
        Some(reason) => reason
            .parse()
            .map_err(|error: offhook::UnknownReason| bad(error.to_string()))?,
    };
    let mut told = Vec::new();
    for (session, _) in client.sessions().await {
        if client.end(&session, reason).await.is_ok() {
            told.push(session);
        }
    }
    Ok(told)
}

fn outbound(command: &Map<String, Value>) -> Result<OutboundCall, Refusal> {
    let named = |name: &str| command.get(name).and_then(Value::as_str).map(str::to_owned);
    let destination = None
        .or_else(|| named("phoneNumber").map(Destination::PhoneNumber))
        .or_else(|| named("callUserId").map(Destination::User))
        .or_else(|| named("callQueueId").map(Destination::Queue))
        .ok_or_else(|| bad("name one of `phoneNumber`, `callUserId`, `callQueueId`"))?;
    let mut call = OutboundCall::to(destination);
    call.caller_id = named("callerId");
    Ok(call)
}

fn session(command: &Map<String, Value>) -> Result<SessionId, Refusal> {
    text(command, "sessionId").map(SessionId::new)
}

fn text<'a>(command: &'a Map<String, Value>, field: &str) -> Result<&'a str, Refusal> {
    command
        .get(field)
        .and_then(Value::as_str)
        .ok_or_else(|| bad(format!("the field `{field}` is missing or no text")))
}

fn done<T, E: std::fmt::Display>(result: Result<T, E>) -> Answer {
    result.map(|_| json!({})).map_err(failed)
}

fn failed(error: impl std::fmt::Display) -> Refusal {
    Refusal {
        code: "failed",
        message: error.to_string(),
    }
}

fn bad(message: impl Into<String>) -> Refusal {
    Refusal {
        code: "bad_command",
        message: message.into(),
    }
}

fn not_yet(name: &str, missing: &str) -> Refusal {
    Refusal {
        code: "not_supported",
        message: format!("{name} is not there yet: {missing}"),
    }
}

fn reply(id: Option<Value>, answer: Answer) -> Value {
    let mut reply = match answer {
        Ok(result) => named("reply", json!({"ok": true, "result": result})),
        Err(Refusal { code, message }) => named(
            "reply",
            json!({"ok": false, "error": {"code": code, "message": message}}),
        ),
    };
    if let Some(id) = id {
        reply["id"] = id;
    }
    reply
}
