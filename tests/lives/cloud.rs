//! The cloud of a life: REST, one stream, its gateway and the topics it holds, and everything that may be wrong with them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use offhook_phone::{AttemptId, DialError, HttpFailure, HttpReply, HttpRequest, Method, Topic};
use offhook_tests::gateway::{self, GATEWAY};
use offhook_xmpp::fuzzing::Server;
use secrecy::ExposeSecret;

use crate::step::{DialFault, Habits, RestFault};

/// How long the server keeps a stream whose socket is gone, as it promised.
const RESUMABLE: Duration = Duration::from_secs(30);

/// How many streams one channel is dialled for: the first, and nine soft reconnects.
const CHANNEL_USES: u32 = 10;

/// How often one request is throttled at most: two fewer than a client repeats it.
const THROTTLED: u8 = 2;

pub struct Cloud {
    server: Server,
    habits: Habits,
    pub socket: Option<Socket>,
    /// Since when the client is away.
    parted: Option<Instant>,
    /// What each channel holds.
    channels: BTreeMap<String, BTreeSet<String>>,
    last_channel: u32,
    /// What pubsub has added on the socket.
    on_socket: BTreeSet<String>,
    /// The only token that is accepted.
    pub token: String,
    tokens: u32,
    pub calls: Vec<Call>,
    faults: Faults,
    throttled: BTreeMap<String, u8>,
    /// The channels that no stream may be dialled under any more.
    spoilt: BTreeSet<String>,
    /// How many WebSockets were dialled under each.
    dialled: BTreeMap<String, u32>,
    /// How many streams were resumed.
    pub resumed: u64,
    /// The client has agreed to go to another server.
    pub transferring: bool,
    /// A list of topics was refused, so that the client waits for a change of it.
    pub list_refused: bool,
    number: u32,
}

/// The client's socket.
#[derive(Debug)]
pub struct Socket {
    pub attempt: AttemptId,
    channel: String,
    /// The client can be reached by it.
    bound: bool,
    /// Nothing goes through it any more.
    pub stalled: bool,
    /// How many frames it still takes.
    frames_left: Option<u8>,
    /// The server pings.
    pub pings: bool,
}

/// A call of the gateway.
#[derive(Debug)]
pub struct Call {
    pub id: String,
    pub conversation: String,
    /// The gateway has ended it.
    pub over: bool,
    /// The client has told its end.
    pub told: bool,
}

/// What goes wrong from now on, and how often.
#[derive(Debug, Default)]
pub struct Faults {
    pub login: Option<(RestFault, u8)>,
    pub subscribing: Option<(RestFault, u8)>,
    pub dial: Option<(DialFault, u8)>,
    pub sasl: Option<(&'static str, u8)>,
    /// So many streams die away after so many frames.
    pub die_away: Option<(u8, u8)>,
    pub pings_unanswered: bool,
    pub pings_stop: bool,
    pub throttle: u8,
}

/// What becomes of a REST request.
pub enum Replied {
    With(Result<HttpReply, HttpFailure>),
    Never,
}

/// Takes one of those that are left.
fn take<T: Copy>(fault: &mut Option<(T, u8)>) -> Option<T> {
    let (kind, times) = fault.as_mut()?;
    let kind = *kind;
    *times -= 1;
    if *times == 0 {
        *fault = None;
    }
    Some(kind)
}

impl Cloud {
    pub fn new(habits: &Habits) -> Self {
        let mut server = Server::default();
        server.manages_streams = habits.manages_streams;
        server.wants_session = habits.wants_session;
        Self {
            server,
            habits: habits.clone(),
            socket: None,
            parted: None,
            channels: BTreeMap::new(),
            last_channel: 0,
            on_socket: BTreeSet::new(),
            token: "token-0".to_owned(),
            tokens: 0,
            calls: Vec::new(),
            faults: Faults::default(),
            throttled: BTreeMap::new(),
            spoilt: BTreeSet::new(),
            dialled: BTreeMap::new(),
            resumed: 0,
            transferring: false,
            list_refused: false,
            number: 0,
        }
    }

    pub fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    /// Whether the client's stream does all it should.
    pub fn is_well(&self) -> bool {
        let streams = self.socket.as_ref().is_some_and(|socket| {
            socket.bound
                && !socket.stalled
                && socket.frames_left.is_none()
                && (socket.pings || !self.habits.pings_by_itself)
        });
        streams && !self.faults.pings_unanswered && !self.faults.pings_stop
    }

    pub fn revoke_token(&mut self) {
        self.tokens += 1;
        self.token = format!("token-{}", self.tokens);
    }

    pub fn forget_streams(&mut self) {
        self.server.forget();
    }

    pub fn forget_channels(&mut self) {
        self.channels.clear();
    }

    /// The next stream is to be under a channel that none of the others was under.
    pub fn spoil_channel(&mut self) {
        self.spoilt.extend(self.dialled.keys().cloned());
    }

    fn number(&mut self) -> u32 {
        self.number += 1;
        self.number
    }

    /// The topics that the client is told of.
    pub fn topics(&self) -> BTreeSet<String> {
        let channel = self
            .socket
            .as_ref()
            .and_then(|socket| self.channels.get(&socket.channel));
        channel.into_iter().flatten().chain(&self.on_socket).cloned().collect()
    }

    // REST.

    pub fn rest(&mut self, request: &HttpRequest) -> Replied {
        let path = request.url.path().trim_start_matches("/api/v2/").to_owned();
        let is_list = path.ends_with("subscriptions");
        let is_call = path == "conversations/calls";
        let fault = match () {
            () if is_call => None,
            () if is_list => take(&mut self.faults.subscribing),
            () => take(&mut self.faults.login),
        };
        match fault {
            None => Replied::With(Ok(self.serve(request, &path))),
            Some(RestFault::Status { status, retry_after }) => {
                self.list_refused |= is_list && matches!(status, 401 | 403);
                Replied::With(Ok(reply(status, retry_after, "{}".to_owned())))
            }
            Some(RestFault::Unreachable) => Replied::With(Err(HttpFailure::Unreachable {
                host: "api.mypurecloud.de:443".to_owned(),
                reason: "no route".to_owned(),
            })),
            Some(RestFault::ReplyLost) => {
                self.serve(request, &path);
                Replied::With(Err(HttpFailure::Broken {
                    host: "api.mypurecloud.de:443".to_owned(),
                    reason: "it broke off".to_owned(),
                }))
            }
            Some(RestFault::Silence) => Replied::Never,
        }
    }

    fn serve(&mut self, request: &HttpRequest, path: &str) -> HttpReply {
        if request.token.expose_secret() != self.token {
            self.list_refused |= path.ends_with("subscriptions");
            return reply(401, None, "{}".to_owned());
        }
        match path {
            "users/me" => reply(
                200,
                None,
                r#"{"id":"user-1","chat":{"jabberId":"agent@example.org"}}"#.to_owned(),
            ),
            "notifications/channels" => {
                self.last_channel += 1;
                let id = format!("channel-{}", self.last_channel);
                let body = format!(r#"{{"id":"{id}"}}"#);
                self.channels.insert(id, BTreeSet::new());
                reply(200, None, body)
            }
            "conversations/calls" => {
                let conversation = self.new_call();
                reply(202, None, format!(r#"{{"id":"{conversation}"}}"#))
            }
            list => self.list(request, list),
        }
    }

    fn list(&mut self, request: &HttpRequest, path: &str) -> HttpReply {
        let channel = path.split('/').nth(2).unwrap_or_default();
        let Some(held) = self.channels.get_mut(channel) else {
            return reply(404, None, "{}".to_owned());
        };
        let names = request.body.as_ref().and_then(|body| body.as_array());
        let names = names.into_iter().flatten().filter_map(|name| name.get("id")?.as_str());
        let mut entities = Vec::new();
        if request.method == Method::Put {
            held.clear();
            if self.habits.one_list {
                self.on_socket.clear();
            }
        }
        for name in names {
            let topics = Topic::split(name).expect("the client asks for topics");
            held.extend(topics.iter().map(ToString::to_string));
            entities.push(format!(r#"{{"id":"{name}","state":"Permitted"}}"#));
        }
        reply(200, None, format!(r#"{{"entities":[{}]}}"#, entities.join(",")))
    }

    // The WebSocket.

    /// Why the WebSocket does not open, if it does not; and when that is known.
    pub fn dial(&mut self, url: &str) -> Option<DialError> {
        let host = || "streaming.mypurecloud.de:443".to_owned();
        let channel = url.rsplit('/').next().unwrap_or_default();
        assert!(
            !self.spoilt.contains(channel),
            "{channel} is of no more use, and is dialled"
        );
        let times = self.dialled.entry(channel.to_owned()).or_default();
        *times += 1;
        assert!(*times <= CHANNEL_USES, "{channel} is dialled too often");
        match take(&mut self.faults.dial) {
            None if self.channels.contains_key(channel) => None,
            None => Some(DialError::Refused {
                host: host(),
                status: 404,
                retry_after: None,
            }),
            Some(DialFault::Unreachable) => Some(DialError::Unreachable {
                host: host(),
                reason: "no route".to_owned(),
            }),
            Some(DialFault::TimesOut) => Some(DialError::TimedOut { host: host() }),
            Some(DialFault::Refused { status, retry_after }) => Some(DialError::Refused {
                host: host(),
                status,
                retry_after: retry_after.map(Duration::from_secs),
            }),
            Some(DialFault::NotWebSocket) => Some(DialError::NotWebSocket {
                host: host(),
                reason: "no subprotocol".to_owned(),
            }),
        }
    }

    /// Opens the WebSocket, unless its channel was forgotten meanwhile.
    pub fn opened(&mut self, now: Instant, attempt: AttemptId, url: &str) -> bool {
        let channel = url.rsplit('/').next().unwrap_or_default();
        if !self.channels.contains_key(channel) {
            return false;
        }
        if self.parted.take().is_none_or(|parted| now > parted + RESUMABLE) {
            self.server.forget();
        }
        self.server.disconnect();
        let after = self.faults.die_away.map(|(after, _)| after);
        take(&mut self.faults.die_away);
        self.socket = Some(Socket {
            attempt,
            channel: channel.to_owned(),
            bound: false,
            stalled: false,
            frames_left: after,
            pings: false,
        });
        true
    }

    /// The socket is gone.
    pub fn parted(&mut self, now: Instant) {
        self.socket = None;
        self.parted = Some(now);
        self.server.disconnect();
    }

    /// A stanza for the client: what goes through its socket, if anything does.
    pub fn stanza(&mut self, stanza: String) -> Option<String> {
        let stanza = self.server.stanza(stanza);
        let socket = self.socket.as_ref();
        socket.filter(|socket| socket.bound && !socket.stalled).map(|_| stanza)
    }

    pub fn ping(&mut self) -> Option<String> {
        if self.faults.pings_stop {
            return None;
        }
        let id = self.number();
        self.stanza(format!(
            "<iq type='get' id='ping-{id}' from='example.org'><ping xmlns='urn:xmpp:ping'/></iq>"
        ))
    }

    /// A frame of the client, and what is sent in return.
    pub fn frame(&mut self, frame: &str) -> Vec<String> {
        let Some(socket) = self.socket.as_mut().filter(|socket| !socket.stalled) else {
            return Vec::new();
        };
        if let Some(left) = &mut socket.frames_left {
            if *left == 0 {
                socket.stalled = true;
                return Vec::new();
            }
            *left -= 1;
        }
        let name = frame[1..].split([' ', '/', '>']).next().unwrap_or_default();
        match name {
            "close" => {
                self.server.forget();
                let answer = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".to_owned();
                Vec::from_iter(self.habits.closes.then_some(answer))
            }
            "auth" => self.authenticate(frame),
            "resume" => {
                let answers = self.server.answers(frame);
                let resumed = answers.first().is_some_and(|answer| answer.starts_with("<resumed"));
                self.resumed += u64::from(resumed);
                if let Some(socket) = &mut self.socket {
                    socket.bound = resumed;
                    // It goes on as it was.
                    socket.pings = resumed && self.habits.pings_by_itself;
                }
                answers
            }
            "message" => self.message(frame),
            "iq" => self.request(frame),
            "presence" => {
                self.server.handled_elsewhere();
                Vec::new()
            }
            _ => self.server.answers(frame),
        }
    }

    fn authenticate(&mut self, frame: &str) -> Vec<String> {
        let text = frame.split(['<', '>']).nth(2).unwrap_or_default();
        let proof = BASE64_STANDARD.decode(text).unwrap_or_default();
        let knows = proof.ends_with(format!(":{}", self.token).as_bytes());
        match take(&mut self.faults.sasl).or((!knows).then_some("not-authorized")) {
            Some(condition) => vec![format!(
                "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><{condition}/></failure>"
            )],
            None => self.server.answers(frame),
        }
    }

    /// The gateway hears of its proposals.
    fn message(&mut self, frame: &str) -> Vec<String> {
        self.server.handled_elsewhere();
        if !frame.contains("<proceed") {
            return Vec::new();
        }
        let proceed = frame.split("<proceed").nth(1).unwrap_or_default();
        let id = attribute(proceed, "id").to_owned();
        let call = self.calls.iter().find(|call| call.id == id && !call.over);
        let Some(conversation) = call.map(|call| call.conversation.clone()) else {
            return Vec::new();
        };
        let params = format!(r#","conversationId":"{conversation}"{}"#, gateway::offer("u"));
        let offer = gateway::request(GATEWAY, &format!("o-{id}"), "offer", &id, &params);
        self.stanza(offer).into_iter().collect()
    }

    fn request(&mut self, frame: &str) -> Vec<String> {
        let id = attribute(frame, "id").to_owned();
        let to = attribute(frame, "to").to_owned();
        if matches!(attribute(frame, "type"), "result" | "error") {
            self.transferring |= id.starts_with("x-");
            self.server.handled_elsewhere();
            return Vec::new();
        }
        let is_ping = frame.contains("\"urn:xmpp:ping\"");
        if is_ping && self.faults.pings_unanswered {
            self.server.handled_elsewhere();
            return Vec::new();
        }
        let times = self.throttled.get(&id).copied().unwrap_or_default();
        if self.faults.throttle > 0 && !is_ping && times < THROTTLED {
            self.faults.throttle -= 1;
            self.throttled.insert(id.clone(), times + 1);
            return self.refuse(
                &id,
                &to,
                "<error type='wait' code='429'><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>",
            );
        }
        if frame.contains("\"terminate\"") {
            let session = json_word(frame, "sessionId");
            if let Some(call) = self.calls.iter_mut().find(|call| call.id == session) {
                call.told = true;
                call.over = true;
            }
        }
        if frame.contains("urn:ietf:params:xml:ns:xmpp-bind") {
            self.on_socket.clear();
            if let Some(socket) = &mut self.socket {
                socket.bound = true;
            }
        }
        if frame.contains("enable.server.side.pings") {
            if !self.habits.pings_by_itself {
                return self.refuse(&id, &to, "<error type='cancel'><feature-not-implemented xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>");
            }
            if let Some(socket) = &mut self.socket {
                socket.pings = true;
            }
        } else if let Some(subscribe) = frame.split("<subscribe").nth(1) {
            self.on_socket.insert(attribute(subscribe, "node").to_owned());
        } else if let Some(unsubscribe) = frame.split("<unsubscribe").nth(1) {
            let node = attribute(unsubscribe, "node");
            self.on_socket.remove(node);
            if let Some(socket) = self.socket.as_ref().filter(|_| self.habits.one_list)
                && let Some(held) = self.channels.get_mut(&socket.channel)
            {
                held.remove(node);
            }
        }
        self.server.answers(frame)
    }

    fn refuse(&mut self, id: &str, to: &str, error: &str) -> Vec<String> {
        self.server.handled_elsewhere();
        let from = if to.is_empty() {
            String::new()
        } else {
            format!(" from='{to}'")
        };
        vec![
            self.server
                .stanza(format!("<iq type='error' id='{id}'{from}>{error}</iq>")),
        ]
    }

    // The gateway.

    fn new_call(&mut self) -> String {
        let number = self.number();
        let conversation = format!("c-{number}");
        self.calls.push(Call {
            id: format!("call-{number}"),
            conversation: conversation.clone(),
            over: false,
            told: false,
        });
        conversation
    }

    /// Offers a call; one that was placed by the client, or a new one.
    pub fn propose(&mut self, placed: Option<&str>, auto: bool) -> Option<String> {
        let conversation = placed.map_or_else(|| self.new_call(), ToOwned::to_owned);
        let call = self.calls.iter().find(|call| call.conversation == conversation)?;
        let attributes = format!("inin-cid='{conversation}' inin-autoanswer='{auto}' inin-sdp-over-xmpp='true'");
        let propose = gateway::message(GATEWAY, "propose", &call.id, &attributes);
        self.stanza(propose)
    }

    pub fn retract(&mut self, id: &str) -> Option<String> {
        self.stanza(gateway::message(GATEWAY, "retract", id, ""))
    }

    /// Asks the client for something about a call.
    pub fn ask(&mut self, id: &str, method: &str, params: &str) -> Option<String> {
        let number = self.number();
        let request = gateway::request(GATEWAY, &format!("q-{number}"), method, id, params);
        self.stanza(request)
    }

    pub fn terminate(&mut self, id: &str) -> Option<String> {
        if let Some(call) = self.call(id) {
            call.over = true;
        }
        self.ask(id, "terminate", r#","reason":"success""#)
    }

    pub fn call(&mut self, id: &str) -> Option<&mut Call> {
        self.calls.iter_mut().find(|call| call.id == id)
    }

    pub fn system(&mut self, topic: &str) -> Option<String> {
        self.stanza(format!(
            "<message xmlns='jabber:client' from='notifications.mypurecloud.de'><event xmlns='http://jabber.org/protocol/pubsub#event'>\
             <items node='{topic}'><item id='i'><json xmlns='urn:xmpp:json:0'>{{\"message\":\"m\"}}</json></item></items></event></message>"
        ))
    }

    /// What the client holds is gone, and it is told so: its subscriptions are to be made again.
    pub fn drop_topics(&mut self) {
        self.on_socket.clear();
        self.channels.values_mut().for_each(BTreeSet::clear);
    }

    pub fn transfer(&mut self) -> Option<String> {
        let number = self.number();
        self.stanza(format!(
            "<iq type='set' id='x-{number}' from='example.org'><query xmlns='urn:xmpp:cxfr'/></iq>"
        ))
    }

    /// The client has counted no stanza that was not one.
    pub fn is_content(&self) -> bool {
        !self.server.acknowledged_too_much
    }
}

fn reply(status: u16, retry_after: Option<u64>, body: String) -> HttpReply {
    HttpReply {
        status,
        correlation: None,
        retry_after: retry_after.map(Duration::from_secs),
        body,
    }
}

/// The first attribute of this name.
fn attribute<'a>(frame: &'a str, name: &str) -> &'a str {
    let start = format!(" {name}=\"");
    let value = frame.split_once(&start).map(|(_, rest)| rest);
    value.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

/// The text of this field in a frame's JSON.
fn json_word<'a>(frame: &'a str, name: &str) -> &'a str {
    let start = format!("\"{name}\":\"");
    let value = frame.split_once(&start).map(|(_, rest)| rest);
    value.and_then(|rest| rest.split('"').next()).unwrap_or_default()
}

impl Socket {
    /// It takes all that comes.
    pub fn heal(&mut self) {
        self.frames_left = None;
    }
}
