//! A stream, the clock it lives by and the server it talks to.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use offhook_xmpp::{
    BareJid, CloseReason, Credentials, Element, Event, Input, Jid, Outcome, Output, Payload, Request, RequestKind,
    Resumption, Stream, StreamConfig, Ticket, Token, Urgency,
    frame::{self, Limits},
    fuzzing::Server,
};

pub const TOKEN: &str = "a-very-secret-token";
pub const OPEN: &str = "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' version='1.0' id='x'/>";
pub const CLOSE: &str = "<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>";
pub const CLOSE_SENT: &str = "<close xmlns=\"urn:ietf:params:xml:ns:xmpp-framing\"/>";
pub const HANDLED: Payload = Payload {
    name: "query",
    namespace: "urn:example:handled",
};

/// How many frames of the server bring a stream to a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Opening = 0,
    Features = 1,
    Authenticating = 2,
    Reopening = 3,
    AuthenticatedFeatures = 4,
    Binding = 5,
    ExternalServices = 6,
    SubscribingPings = 8,
    Connected = 9,
}

pub fn config() -> StreamConfig {
    let mut config = StreamConfig::new(
        BareJid::new("agent@example.org").unwrap(),
        Credentials::Token(TOKEN.into()),
        "desk",
        Jid::new("notifications.example.org").unwrap(),
    );
    config.handled = vec![HANDLED];
    config
}

/// The origin of virtual time: an `Instant` can be made in no other way.
#[allow(clippy::disallowed_methods)]
pub fn origin() -> Instant {
    Instant::now()
}

pub struct Rig {
    pub stream: Stream,
    pub now: Instant,
    /// When the stream wants to be called again.
    pub deadline: Instant,
    pub server: Server,
    /// What the server will send.
    pub answers: VecDeque<String>,
    /// Everything the stream sent and told since it was last taken.
    pub sent: Vec<String>,
    pub events: Vec<Event>,
}

impl Rig {
    pub fn new(config: StreamConfig) -> Self {
        Self::starting(config, Server::default())
    }

    /// A stream that has just begun, with a server that is like this.
    pub fn starting(config: StreamConfig, server: Server) -> Self {
        let start = origin();
        let mut rig = Self {
            stream: Stream::new(config, [1; 32], start),
            now: start,
            deadline: start,
            server,
            answers: VecDeque::new(),
            sent: Vec::new(),
            events: Vec::new(),
        };
        rig.pump();
        rig
    }

    /// A stream at this stage, whose outputs until then have been taken.
    pub fn at(after: After) -> Self {
        let mut rig = Self::new(config());
        rig.obey(after as usize);
        rig.take();
        rig
    }

    /// A connected stream of this configuration with a server that is like this.
    pub fn with(config: StreamConfig, server: Server) -> Self {
        let mut rig = Self::starting(config, server);
        rig.obey_all();
        rig
    }

    /// A connected stream that the server manages.
    pub fn managed() -> Self {
        let mut rig = Self::with(config(), Server::managing());
        rig.take();
        rig
    }

    /// A connected stream whose server does not ping.
    pub fn pinging() -> Self {
        let mut rig = Self::at(After::SubscribingPings);
        let refusal = rig.answers.pop_front().unwrap().replace("'result'", "'error'");
        rig.receive(&refusal);
        rig.take();
        rig
    }

    /// Lets the server send all it has to say.
    pub fn obey_all(&mut self) {
        while let Some(answer) = self.answers.pop_front() {
            self.receive(&answer);
        }
    }

    /// Everything that was on its way to the client is lost, and the stream ends.
    pub fn lose_socket(&mut self) -> Option<Resumption> {
        self.answers.clear();
        self.server.disconnect();
        self.socket_closes();
        self.resumption()
    }

    /// What the stream leaves to the next.
    pub fn resumption(&mut self) -> Option<Resumption> {
        let stream = Stream::new(config(), [1; 32], self.now);
        std::mem::replace(&mut self.stream, stream).into_resumption()
    }

    /// Opens another stream on a new socket.
    pub fn reconnect(&mut self, resumption: Option<Resumption>) {
        let mut config = config();
        config.resumption = resumption;
        self.stream = Stream::new(config, [2; 32], self.now);
        self.pump();
    }

    pub fn connected() -> Self {
        Self::at(After::Connected)
    }

    /// Lets the server send its next answers.
    pub fn obey(&mut self, frames: usize) {
        for _ in 0..frames {
            let answer = self.answers.pop_front().expect("the server has something to say");
            self.receive(&answer);
        }
    }

    pub fn receive(&mut self, text: &str) {
        self.input(Input::Frame(text.to_owned()));
    }

    pub fn input(&mut self, input: Input) {
        self.stream.handle_input(self.now, input);
        self.pump();
    }

    pub fn socket_closes(&mut self) {
        self.input(Input::SocketClosed {
            code: Some(1006),
            reason: "reset".to_owned(),
        });
    }

    /// Lets time pass; the stream is called whenever it wants to be.
    pub fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.deadline <= until {
            self.now = self.deadline;
            self.input(Input::Timeout);
            assert!(self.deadline > self.now, "a timeout must be over once it was handled");
        }
        self.now = until;
    }

    pub fn seconds(&mut self, seconds: u64) {
        self.wait(Duration::from_secs(seconds));
    }

    pub fn pump(&mut self) {
        loop {
            match self.stream.poll_output() {
                Output::Transmit(frame) => {
                    self.answers.extend(self.server.answers(frame.as_str()));
                    self.sent.push(frame.into_string());
                }
                Output::Event(event) => self.events.push(event),
                Output::Timeout(at) => break self.deadline = at,
            }
        }
    }

    /// What the stream sent and told since the last time.
    pub fn take(&mut self) -> (Vec<String>, Vec<Event>) {
        (std::mem::take(&mut self.sent), std::mem::take(&mut self.events))
    }

    /// The one frame that was sent since the last time.
    pub fn only_sent(&mut self) -> Element {
        let (sent, _) = self.take();
        assert_eq!(sent.len(), 1, "{sent:?}");
        element(&sent[0])
    }

    /// The one event since the last time.
    pub fn only_event(&mut self) -> Event {
        let mut events = std::mem::take(&mut self.events);
        assert_eq!(events.len(), 1, "{events:?}");
        events.remove(0)
    }

    pub fn only_outcome(&mut self) -> (Token, Outcome) {
        match self.only_event() {
            Event::Response { token, outcome } => (token, outcome),
            other => panic!("{other:?} is no response"),
        }
    }

    pub fn only_ticket(&mut self) -> Ticket {
        match self.only_event() {
            Event::Request(request) => request.ticket,
            other => panic!("{other:?} is no request"),
        }
    }

    /// The reason why the stream closed, with nothing else told.
    pub fn closed(&mut self) -> CloseReason {
        match self.only_event() {
            Event::Closed(reason) => reason,
            other => panic!("{other:?} is not the end"),
        }
    }

    /// The names of the outermost elements and their first children that were sent since the last time.
    pub fn names_sent(&mut self) -> Vec<String> {
        let sent = std::mem::take(&mut self.sent);
        sent.iter().map(|frame| name(frame)).collect()
    }

    /// Makes a request and returns the id it got.
    pub fn ask(&mut self, token: u64, to: Option<&str>) -> String {
        self.try_ask(token, to).unwrap();
        self.only_sent().attr("id").unwrap().to_owned()
    }

    pub fn try_ask(&mut self, token: u64, to: Option<&str>) -> Result<(), offhook_xmpp::RequestError> {
        let request = Request {
            token: Token(token),
            to: to.map(|to| Jid::new(to).unwrap()),
            kind: RequestKind::Set,
            payload: Element::bare("question", "urn:example"),
            urgency: Urgency::Normal,
        };
        let result = self.stream.request(self.now, request);
        self.pump();
        result
    }

    pub fn close(&mut self) {
        self.stream.close(self.now);
        self.pump();
    }
}

pub fn element(text: &str) -> Element {
    frame::parse(text, &Limits::default()).unwrap()
}

/// The names of the outermost element and its first child.
pub fn name(frame: &str) -> String {
    let frame = element(frame);
    let inner = frame.children().next().map(|child| format!("/{}", child.name()));
    frame.name().to_owned() + &inner.unwrap_or_default()
}
