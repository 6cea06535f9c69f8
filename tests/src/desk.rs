//! A whole client in virtual time: the phone, its stream and its sessions, wired as the shell wires them, without I/O.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use offhook_jingle::{
    self as jingle, Generation, Reason, SessionId,
    session::{self as dialogue, EndedBy},
};
use offhook_phone::{
    AttemptId, DialError, Event, HttpId, HttpReply, HttpRequest, Input, Output, Phone, PhoneConfig, SessionReport,
    StreamCommand, TokenRequest,
};
use offhook_xmpp::{self as xmpp, Stream, StreamConfig, reconnect::Memory};

/// The client. Frames of the cloud go in by [`receive`](Self::receive); its own are in [`sent`](Self::sent).
#[derive(Debug)]
pub struct Desk {
    /// The client's judgement.
    pub phone: Phone,
    /// The stream of the latest attempt.
    pub stream: Option<(AttemptId, Stream)>,
    /// The sessions that have not ended.
    pub sessions: BTreeMap<SessionId, jingle::Session>,
    /// Frames that went out, oldest first.
    pub sent: VecDeque<String>,
    /// REST requests that nobody answered yet.
    pub requests: VecDeque<(HttpId, u32, HttpRequest)>,
    /// What a process after this one would remember.
    pub memory: Option<Memory>,
    /// Questions for another token that nobody answered yet.
    pub token_requests: VecDeque<TokenRequest>,
    /// How many attempts were dialled, and when.
    pub dialled: Vec<Instant>,
    /// And where to.
    pub addresses: Vec<String>,
    /// The attempts to connect, oldest first.
    pub attempts: Vec<Attempt>,
    /// Whether a WebSocket is open only after [`open`](Self::open), rather than at once.
    pub dials_wait: bool,
    /// The WebSocket that is on its way, if they wait.
    pub dialling: Option<Dialling>,
    /// What the application was told.
    pub events: Vec<Event>,
    /// What the sessions told their media.
    pub media: Vec<(SessionId, dialogue::SessionEvent)>,
    /// Whether what sessions say stays on its way to the phone, as in a mailbox.
    pub mail_waits: bool,
    mail: VecDeque<(SessionId, SessionReport)>,
    /// Now.
    pub now: Instant,
    /// When something wants to be woken.
    wake: Instant,
}

/// One attempt to connect, as it looks from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// When its first request was made, or else its WebSocket dialled.
    pub begun: Instant,
    /// What REST was asked for, but for repetitions.
    pub asked: Vec<String>,
    /// Whether a WebSocket was dialled.
    pub dialled: bool,
}

/// A WebSocket that is on its way.
#[derive(Debug)]
pub struct Dialling {
    /// Whose.
    pub attempt: AttemptId,
    /// Where to.
    pub url: String,
    config: Box<StreamConfig>,
    seed: [u8; 32],
}

impl Desk {
    /// A client that is offline.
    pub fn new(config: PhoneConfig) -> Self {
        Self::seeded(config, [3; 32], Instant::now())
    }

    /// A client that is offline, with this randomness, at this instant.
    pub fn seeded(config: PhoneConfig, seed: [u8; 32], now: Instant) -> Self {
        Self {
            phone: Phone::new(config, seed, now),
            stream: None,
            sessions: BTreeMap::new(),
            sent: VecDeque::new(),
            requests: VecDeque::new(),
            memory: None,
            token_requests: VecDeque::new(),
            dialled: Vec::new(),
            addresses: Vec::new(),
            attempts: Vec::new(),
            dials_wait: false,
            dialling: None,
            events: Vec::new(),
            media: Vec::new(),
            mail_waits: false,
            mail: VecDeque::new(),
            now,
            wake: now,
        }
    }

    /// Logs in as this user (bare JID), up to the stream's first frame.
    pub fn log_in(&mut self, jid: &str) {
        self.command(|phone, now| phone.connect(now).expect("a new client connects"));
        self.answer_login(jid);
    }

    /// Answers the REST requests of a login as this user (bare JID).
    pub fn answer_login(&mut self, jid: &str) {
        while let Some((id, attempt, request)) = self.requests.pop_front() {
            let body = match request.url.path().rsplit('/').next() {
                Some("me") => format!(r#"{{"id":"user-1","chat":{{"jabberId":"{jid}"}}}}"#),
                Some("channels") => r#"{"id":"channel-1"}"#.to_owned(),
                other => panic!("no part of a login: {other:?}"),
            };
            self.reply(id, attempt, 200, &body);
        }
    }

    /// Answers a try of a REST request.
    pub fn reply(&mut self, id: HttpId, attempt: u32, status: u16, body: &str) {
        let reply = HttpReply {
            status,
            correlation: None,
            retry_after: None,
            body: body.to_owned(),
        };
        self.input(Input::Reply {
            id,
            attempt,
            result: Ok(reply),
        });
    }

    /// The WebSocket that was on its way is open.
    pub fn open(&mut self) {
        self.start_stream();
        self.pump();
    }

    fn start_stream(&mut self) {
        if let Some(dialling) = self.dialling.take() {
            let stream = Stream::new(*dialling.config, dialling.seed, self.now);
            self.stream = Some((dialling.attempt, stream));
        }
    }

    /// The WebSocket that was on its way does not open.
    pub fn refuse(&mut self, error: DialError) {
        if let Some(Dialling { attempt, .. }) = self.dialling.take() {
            self.input(Input::DialFailed { attempt, error });
        }
    }

    /// When something wants to be woken.
    pub fn wakes(&self) -> Instant {
        self.wake
    }

    /// The WebSocket breaks.
    pub fn cut(&mut self) {
        let now = self.now;
        if let Some((_, stream)) = &mut self.stream {
            let reason = "cut".to_owned();
            stream.handle_input(now, xmpp::Input::SocketClosed { code: None, reason });
        }
        self.pump();
    }

    /// A frame of the cloud.
    pub fn receive(&mut self, frame: &str) {
        let now = self.now;
        if let Some((_, stream)) = &mut self.stream {
            stream.handle_input(now, xmpp::Input::Frame(frame.to_owned()));
        }
        self.pump();
    }

    /// Lets time pass, waking whoever wants to be woken on the way.
    pub fn pass(&mut self, time: Duration) {
        let until = self.now + time;
        while self.wake <= until {
            self.now = self.now.max(self.wake);
            self.time_out();
            // What is due has been told so; a core that still wants to be woken now would never let time pass.
            assert!(self.wake > self.now, "something wants to be woken again and again");
        }
        self.now = until;
    }

    /// Lets time pass on a stream whose server says something every half minute.
    pub fn pass_with_pings(&mut self, time: Duration) {
        let until = self.now + time;
        while self.now < until {
            self.receive(" ");
            self.pass((until - self.now).min(Duration::from_secs(30)));
        }
    }

    /// A command to the phone.
    pub fn command<T>(&mut self, command: impl FnOnce(&mut Phone, Instant) -> T) -> T {
        let result = command(&mut self.phone, self.now);
        self.pump();
        result
    }

    /// A command to a session that has not ended.
    pub fn session<T>(
        &mut self,
        id: &SessionId,
        command: impl FnOnce(&mut jingle::Session, Instant) -> T,
    ) -> Option<T> {
        let now = self.now;
        let result = self.sessions.get_mut(id).map(|session| command(session, now));
        self.pump();
        result
    }

    /// The generation of a session's latest offer.
    pub fn latest_offer(&self, id: &SessionId) -> Option<Generation> {
        self.media.iter().rev().find_map(|(session, event)| match event {
            dialogue::SessionEvent::Offer { generation, .. } if session == id => Some(*generation),
            _ => None,
        })
    }

    /// How a session ended.
    pub fn end_of(&self, id: &SessionId) -> Option<Reason> {
        self.events.iter().find_map(|event| match event {
            Event::SessionEnded { session, reason, .. } if session == id => Some(*reason),
            _ => None,
        })
    }

    /// Delivers what sessions have said meanwhile.
    pub fn deliver_mail(&mut self) {
        self.mail_waits = false;
        self.pump();
    }

    /// Something that happened outside.
    pub fn input(&mut self, input: Input) {
        self.phone.handle_input(self.now, input);
        self.pump();
    }

    fn time_out(&mut self) {
        let now = self.now;
        if let Some((_, stream)) = &mut self.stream {
            stream.handle_input(now, xmpp::Input::Timeout);
        }
        for session in self.sessions.values_mut() {
            session.handle_input(now, dialogue::Input::Timeout);
        }
        self.input(Input::Timeout);
    }

    /// Carries words between the three until none has more to say.
    fn pump(&mut self) {
        loop {
            let phone = match self.phone.poll_output() {
                Output::Timeout(at) => at,
                output => {
                    self.phone_said(output);
                    continue;
                }
            };
            let stream = match self
                .stream
                .as_mut()
                .map(|(attempt, stream)| (*attempt, stream.poll_output()))
            {
                None => phone,
                Some((_, xmpp::Output::Timeout(at))) => at,
                Some((_, xmpp::Output::Transmit(frame))) => {
                    self.sent.push_back(frame.into_string());
                    continue;
                }
                Some((attempt, xmpp::Output::Event(xmpp::Event::Closed(reason)))) => {
                    let resumption = self.stream.take().and_then(|(_, stream)| stream.into_resumption());
                    let closed = Input::Closed {
                        attempt,
                        reason,
                        resumption: resumption.map(Box::new),
                    };
                    self.phone.handle_input(self.now, closed);
                    continue;
                }
                Some((attempt, xmpp::Output::Event(event))) => {
                    self.phone.handle_input(self.now, Input::Stream { attempt, event });
                    continue;
                }
            };
            match self.poll_sessions() {
                Err(said) => self.session_said(*said),
                Ok(sessions) => match self.next_mail() {
                    Some((session, report)) => self.phone.handle_input(self.now, Input::Session { session, report }),
                    None => {
                        self.wake = phone.min(stream).min(sessions);
                        return;
                    }
                },
            }
        }
    }

    fn next_mail(&mut self) -> Option<(SessionId, SessionReport)> {
        if self.mail_waits { None } else { self.mail.pop_front() }
    }

    /// The first thing that a session has to say, or when the first of them wants to be woken.
    fn poll_sessions(&mut self) -> Result<Instant, Box<(SessionId, dialogue::Output)>> {
        let mut wake = self.now + Duration::from_secs(24 * 60 * 60);
        for (id, session) in &mut self.sessions {
            match session.poll_output() {
                dialogue::Output::Timeout(at) => wake = wake.min(at),
                output => return Err(Box::new((id.clone(), output))),
            }
        }
        Ok(wake)
    }

    fn phone_said(&mut self, output: Output) {
        let now = self.now;
        match output {
            Output::Http { id, attempt, request } => {
                self.asks(attempt, &request);
                self.requests.push_back((id, attempt, request));
            }
            Output::CancelHttp { id, attempt } => {
                self.requests
                    .retain(|(other, number, _)| (*other, *number) != (id, attempt));
            }
            Output::Remember(memory) => self.memory = Some(memory),
            Output::AskToken(request) => self.token_requests.push_back(request),
            Output::DropSession(session) => drop(self.sessions.remove(&session)),
            Output::Dial {
                attempt,
                url,
                config,
                seed,
            } => {
                assert!(
                    self.stream.is_none() && self.dialling.is_none(),
                    "two streams at a time"
                );
                self.addresses.push(url.expose().to_string());
                self.dials();
                self.dialling = Some(Dialling {
                    attempt,
                    url: url.expose().to_string(),
                    config,
                    seed,
                });
                if !self.dials_wait {
                    self.start_stream();
                }
            }
            Output::Abandon(_) => (self.stream, self.dialling) = (None, None),
            Output::Stream(command) => self.stream_command(command),
            Output::StartSession(start) => {
                let id = start.config.id.clone();
                self.sessions
                    .insert(id, jingle::Session::new(start.config, start.seed, now));
            }
            Output::Session { session, input } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    session.handle_input(now, input);
                }
            }
            Output::EndSession { session, farewell, by } => {
                if let Some(session) = self.sessions.get_mut(&session) {
                    drop(match by {
                        EndedBy::Network => session.media_failed(now, farewell.reason),
                        EndedBy::Local | EndedBy::Remote => session.end_with(now, farewell),
                    });
                }
            }
            Output::Event(event) => self.events.push(event),
            // It has no audio that would be of one call.
            Output::Carry { .. } | Output::Timeout(_) => {}
        }
    }

    /// Notes an attempt that begins with REST: what is asked at once belongs together.
    fn asks(&mut self, attempt: u32, request: &HttpRequest) {
        let path = request.url.path();
        let is_login = path.ends_with("users/me") || path.ends_with("notifications/channels");
        if !is_login || attempt > 1 {
            return;
        }
        let (begun, path) = (self.now, path.to_owned());
        match self.attempts.last_mut() {
            Some(last) if last.begun == begun && !last.dialled && !last.asked.contains(&path) => last.asked.push(path),
            Some(_) | None => self.attempts.push(Attempt {
                begun,
                asked: vec![path],
                dialled: false,
            }),
        }
    }

    /// Notes an attempt that begins without REST, or that REST has answered.
    fn dials(&mut self) {
        self.dialled.push(self.now);
        match self.attempts.last_mut() {
            Some(last) if !last.dialled => last.dialled = true,
            Some(_) | None => self.attempts.push(Attempt {
                begun: self.now,
                asked: Vec::new(),
                dialled: true,
            }),
        }
    }

    fn stream_command(&mut self, command: StreamCommand) {
        let now = self.now;
        if self.dialling.is_some() && matches!(command, StreamCommand::Resumed { .. }) {
            // There is no stream that could have missed anything.
            return;
        }
        let (attempt, stream) = self
            .stream
            .as_mut()
            .expect("the phone commands a stream that it dialled");
        match command {
            StreamCommand::Request(request) => {
                let (attempt, token) = (*attempt, request.token);
                // A stream may have ended at this very instant; then the phone is about to hear of it.
                if stream.request(now, request).is_err() {
                    let outcome = xmpp::Outcome::Lost;
                    let event = xmpp::Event::Response { token, outcome };
                    self.phone.handle_input(now, Input::Stream { attempt, event });
                }
            }
            StreamCommand::Reply { ticket, reply } => stream.reply(now, ticket, reply).expect("an open ticket"),
            StreamCommand::Ignore(ticket) => stream.ignore(ticket),
            StreamCommand::Message { to, payload, urgency } => {
                stream.send_message(now, to, payload, urgency).expect("online");
            }
            StreamCommand::RefreshServices => stream.refresh_services(now).expect("online"),
            StreamCommand::Resumed { asleep } => stream.handle_input(now, xmpp::Input::Resumed { asleep }),
            StreamCommand::Close => stream.close(now),
        }
    }

    fn session_said(&mut self, (session, output): (SessionId, dialogue::Output)) {
        let report = match output {
            dialogue::Output::Request { token, to, payload } => SessionReport::Request { token, to, payload },
            dialogue::Output::Reply { ticket, reply } => SessionReport::Reply { ticket, reply },
            dialogue::Output::Message { to, payload } => SessionReport::Message { to, payload },
            dialogue::Output::Farewell { to, payload } => SessionReport::Farewell { to, payload },
            dialogue::Output::Event(dialogue::SessionEvent::Ended { reason, by, .. }) => {
                self.sessions.remove(&session);
                SessionReport::Ended { reason, by }
            }
            dialogue::Output::Event(dialogue::SessionEvent::ConversationChanged { conversation }) => {
                SessionReport::ConversationChanged(conversation)
            }
            dialogue::Output::Event(event) => return self.media.push((session, event)),
            dialogue::Output::Timeout(_) => return,
        };
        self.mail.push_back((session, report));
    }
}
