//! Commands as JSON lines, each answered by one `reply`.

mod audio;

use offhook::{
    Call, Client, ConversationId, Destination, Engine, IceServer, Initiation, Jid, OutboundCall, Priority, Reason,
    SessionId, Topic,
};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::event::{ice_servers, named};

/// Why a command was not carried out.
struct Refusal {
    code: &'static str,
    message: String,
}

type Answer = Result<Value, Refusal>;

/// What commands act on.
#[derive(Clone)]
pub struct Desk {
    pub client: Client,
    pub engine: Engine,
}

/// What came of a line.
pub struct Done {
    /// To be written, the reply last.
    pub lines: Vec<Value>,
    /// The program ends.
    pub quit: bool,
}

/// Carries out one line.
pub async fn carry_out(line: &str, desk: &Desk) -> Done {
    let mut done = Done {
        lines: Vec::new(),
        quit: false,
    };
    let command: Map<String, Value> = match serde_json::from_str(line) {
        Ok(Value::Object(command)) => command,
        Ok(_) => return done.with(reply(None, Err(bad("a command is a JSON object")))),
        Err(error) => return done.with(reply(None, Err(bad(format!("not JSON: {error}"))))),
    };
    let id = command.get("id").cloned();
    let Some(name) = command.get("command").and_then(Value::as_str) else {
        return done.with(reply(id, Err(bad("the field `command` is missing"))));
    };
    let answer = answer(name, &command, desk).await;
    if let (Err(refusal), "acceptRtcSession" | "rejectRtcSession" | "cancelRtcSession") = (&answer, name) {
        let error = json!({"code": refusal.code, "message": refusal.message});
        let fields = json!({"error": error, "sessionId": command.get("sessionId"), "details": {}});
        done.lines.push(named("rtcSessionError", fields));
    }
    done.quit = name == "quit";
    done.with(reply(id, answer))
}

/// The result of `listSessions`, without having been asked.
pub async fn list_sessions(desk: &Desk) -> Done {
    Done {
        lines: vec![reply(None, Ok(listed(desk).await))],
        quit: false,
    }
}

impl Done {
    fn with(mut self, line: Value) -> Self {
        self.lines.push(line);
        self
    }
}

async fn answer(name: &str, command: &Map<String, Value>, desk: &Desk) -> Answer {
    let client = &desk.client;
    match name {
        "quit" => Ok(json!({})),
        "connect" => done(client.connect().await),
        "disconnect" => done(client.disconnect().await),
        "acceptRtcSession" => done(client.accept(&session(command)?).await),
        "rejectRtcSession" => {
            let ignore = command.get("ignore").and_then(Value::as_bool).unwrap_or_default();
            done(client.reject(&session(command)?, ignore).await)
        }
        "acceptSession" => done(client.accept_session(&session(command)?).await),
        "placeCall" => {
            let call = client.place_call(outbound(command)?).await.map_err(failed)?;
            Ok(json!({"conversationId": call.conversation()}))
        }
        "endCall" => {
            let call = call(text(command, "conversationId")?, client).await?;
            done(call.end().await)
        }
        "setMute" => {
            let muted = flag(command, "muted")?;
            match named_call(command, client).await? {
                Some(call) => done(call.mute(muted).await),
                None => done(client.set_muted(&session(command)?, muted).await),
            }
        }
        "setHeld" => {
            let held = flag(command, "held")?;
            match named_call(command, client).await? {
                Some(call) => done(call.hold(held).await),
                None => done(client.hold(&session(command)?, held).await),
            }
        }
        "sendDigits" => {
            let digits = text(command, "digits")?;
            match named_call(command, client).await? {
                Some(call) => done(call.send_digits(digits).await),
                None => done(client.send_digits(&session(command)?, digits).await),
            }
        }
        "claimAlertingLeader" => done(client.claim_alerting_leader().await),
        "setSource" => audio::set_source(command, client).await,
        "setSink" => audio::set_sink(command, client).await,
        "startRecording" => audio::start_recording(command, client).await,
        "stopRecording" => audio::stop_recording(command, client).await,
        "listDevices" => audio::list_devices().await,
        "getIceServers" => {
            let secrets = command.get("secrets").and_then(Value::as_bool).unwrap_or_default();
            Ok(json!({"iceServers": ice_servers(&client.ice_servers().await, secrets)}))
        }
        "setIceServers" => done(client.set_ice_servers(servers(command)?).await),
        "refreshIceServers" => done(client.refresh_ice_servers().await),
        "subscribe" => {
            let results = client.subscribe(topics(command)?, Priority::default(), false).await;
            Ok(json!({"topics": results.map_err(failed)?}))
        }
        "unsubscribe" => done(client.unsubscribe(topics(command)?).await),
        "listSessions" => Ok(listed(desk).await),
        "endRtcSessions" => end_sessions(command, client).await,
        "setAccessToken" => done(client.set_token(text(command, "token")?).await),
        "initiateRtcSession" => {
            let session = client.initiate(initiation(command)?).await.map_err(failed)?;
            Ok(json!({"sessionId": session}))
        }
        "cancelRtcSession" => done(client.cancel(&session(command)?).await),
        other => Err(bad(format!("there is no command `{other}`"))),
    }
}

async fn listed(desk: &Desk) -> Value {
    let sessions = desk.client.sessions().await;
    let listed = sessions
        .into_iter()
        .map(|(session, conversation)| json!({"sessionId": session, "conversationId": conversation}));
    json!({"sessions": listed.collect::<Vec<_>>(), "tasks": desk.engine.tasks()})
}

/// Ends all sessions, or those with one far end, and refuses what rings; answers when all have ended.
async fn end_sessions(command: &Map<String, Value>, client: &Client) -> Answer {
    let jid = command.get("options").and_then(|options| options.get("jid"));
    let peer = match jid.filter(|jid| !jid.is_null()) {
        None => None,
        Some(jid) => {
            let jid = jid.as_str().ok_or_else(|| bad("`options.jid` is a text"))?;
            let peer = jid.parse::<Jid>();
            Some(peer.map_err(|error| bad(format!("`options.jid` is no JID: {error}")))?)
        }
    };
    let reason = match command.get("reason") {
        None => Reason::Success,
        Some(reason) => {
            let reason = reason.as_str().ok_or_else(|| bad("`reason` is a text"))?;
            reason
                .parse()
                .map_err(|error: offhook::UnknownReason| bad(error.to_string()))?
        }
    };
    let ended = client.end_sessions(peer, reason).await.map_err(failed)?;
    Ok(json!({"sessionIds": ended}))
}

/// The fields of the extension's `initiateRtcSession`, of which those for video are refused.
fn initiation(command: &Map<String, Value>) -> Result<Initiation, Refusal> {
    let video = command.get("provideVideo").and_then(Value::as_bool).unwrap_or_default();
    if video || command.contains_key("mediaPurpose") {
        return Err(not_supported(
            "sessions have audio alone: leave `provideVideo` and `mediaPurpose` out",
        ));
    }
    let to = text(command, "jid")?.parse::<Jid>();
    let mut initiation = Initiation::to(to.map_err(|error| bad(format!("`jid` is no JID: {error}")))?);
    initiation.conversation = command
        .get("conversationId")
        .and_then(Value::as_str)
        .map(ConversationId::new);
    Ok(initiation)
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

/// Field `iceServers`, as `RTCIceServer` of WebRTC: `urls` is a text or an array of them.
fn servers(command: &Map<String, Value>) -> Result<Vec<IceServer>, Refusal> {
    let wrong = || bad("`iceServers` is an array of objects with `urls`, and `username` and `credential` where needed");
    let given = command.get("iceServers").and_then(Value::as_array).ok_or_else(wrong)?;
    let read = |server: &Value| {
        let texts = |value: &Value| value.as_str().map(str::to_owned);
        let urls = match server.get("urls")? {
            Value::Array(urls) => urls.iter().map(texts).collect::<Option<Vec<_>>>()?,
            url => vec![texts(url)?],
        };
        Some(IceServer {
            urls,
            username: server.get("username").and_then(texts),
            credential: server.get("credential").and_then(texts).map(SecretString::from),
        })
    };
    given.iter().map(|server| read(server).ok_or_else(wrong)).collect()
}

/// Field `topics`, where one text may combine several.
fn topics(command: &Map<String, Value>) -> Result<Vec<Topic>, Refusal> {
    let wrong = || bad("`topics` is an array of texts");
    let given = command.get("topics").and_then(Value::as_array).ok_or_else(wrong)?;
    let mut topics = Vec::new();
    for topic in given {
        let topic = topic.as_str().ok_or_else(wrong)?;
        topics.extend(Topic::split(topic).map_err(|error| bad(error.to_string()))?);
    }
    Ok(topics)
}

/// The session that is named, or the one that carries the conversation that is named.
async fn either(command: &Map<String, Value>, client: &Client) -> Result<SessionId, Refusal> {
    match (command.get("sessionId"), command.get("conversationId")) {
        (Some(_), _) => session(command),
        (None, Some(_)) => carrying(text(command, "conversationId")?, client).await,
        (None, None) => Err(bad("name one of `sessionId`, `conversationId`")),
    }
}

async fn carrying(conversation: &str, client: &Client) -> Result<SessionId, Refusal> {
    let call = call(conversation, client).await?;
    call.session().ok_or_else(|| Refusal {
        code: "not_found",
        message: format!("no session carries conversation {conversation}"),
    })
}

async fn call(conversation: &str, client: &Client) -> Result<Call, Refusal> {
    let call = client.call(&ConversationId::new(conversation)).await;
    let call = call.filter(|call| !call.state().is_ended());
    call.ok_or_else(|| Refusal {
        code: "not_found",
        message: format!("no call has conversation {conversation}"),
    })
}

/// The call that is named by its conversation; none if a session is named.
async fn named_call(command: &Map<String, Value>, client: &Client) -> Result<Option<Call>, Refusal> {
    match command.get("sessionId") {
        Some(_) => Ok(None),
        None if command.contains_key("conversationId") => {
            Ok(Some(call(text(command, "conversationId")?, client).await?))
        }
        None => Err(bad("name one of `sessionId`, `conversationId`")),
    }
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

fn flag(command: &Map<String, Value>, name: &str) -> Result<bool, Refusal> {
    let flag = command.get(name).and_then(Value::as_bool);
    flag.ok_or_else(|| bad(format!("the field `{name}` is missing or neither true nor false")))
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

fn not_supported(message: &str) -> Refusal {
    Refusal {
        code: "not_supported",
        message: message.to_owned(),
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
