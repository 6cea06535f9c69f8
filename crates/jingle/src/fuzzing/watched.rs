//! A session under watch: whatever is done to it, its invariants are checked, and everything that it says is kept.

use std::time::{Duration, Instant};

use minidom::Element;

use crate::{
    Generation, Jid, Reason, Session, SessionConfig, SessionEvent, SessionId, Ticket, Token,
    genesys::{Method, NAME, NAMESPACE, Rpc, RpcLimits},
    message::{self, InitiationMessage},
    session::{CommandError, Input, Outcome, Output, Refusal, Reply},
};

/// The name of the session under watch.
pub(super) const SESSION: &str = "s";

pub(super) struct Watched {
    session: Session,
    now: Instant,
    begin: Instant,
    /// All outputs as text, instants as the time since the beginning.
    pub(super) log: Vec<String>,
    /// Requests of ours that have no response yet.
    pub(super) open: Vec<Token>,
    /// The latest generation that was offered, and whether the offer waits for an answer.
    pub(super) latest: Option<Generation>,
    pub(super) unanswered: bool,
    tickets: u64,
    accepts: usize,
    ended: bool,
}

fn jid(text: &str) -> Jid {
    text.parse().expect("the JIDs of this file are well formed")
}

pub(super) fn peer() -> Jid {
    jid("peer@gjoll.example/media")
}

pub(super) fn stranger() -> Jid {
    jid("mallory@example.org/x")
}

impl Watched {
    pub(super) fn new() -> Self {
        let begin = super::some_instant();
        let account = jid("me@example.org").into_bare();
        let config = SessionConfig::new(SessionId::new(SESSION), account, peer());
        Self {
            session: Session::new(config, [1; 32], begin),
            now: begin,
            begin,
            log: Vec::new(),
            open: Vec::new(),
            latest: None,
            unanswered: false,
            tickets: 0,
            accepts: 0,
            ended: false,
        }
    }

    pub(super) fn is_ended(&self) -> bool {
        self.ended
    }

    /// A `genesys-webrtc` request with this text arrives.
    pub(super) fn text(&mut self, from: Jid, text: &str) {
        let payload = Element::builder(NAME, NAMESPACE).append(text).build();
        self.request(from, payload);
    }

    /// A request with this method arrives.
    pub(super) fn rpc(&mut self, from: Jid, id: &str, method: Method) {
        let id = id.to_owned();
        self.request(from, Rpc { id, method }.to_element());
    }

    fn request(&mut self, from: Jid, payload: Element) {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        let foreign = from != peer();
        let was_ended = self.ended;
        self.session
            .handle_input(self.now, Input::Request { ticket, from, payload });
        let outputs = self.drain();
        let replies: Vec<_> = outputs
            .iter()
            .filter_map(|output| match output {
                Output::Reply { ticket: to, reply } if *to == ticket => Some(reply.clone()),
                _ => None,
            })
            .collect();
        let ended_before_it = was_ended || (self.ended && replies.is_empty());
        if foreign && !ended_before_it {
            let refused = Output::Reply {
                ticket,
                reply: Reply::Refused(Refusal::ForeignSender),
            };
            assert_eq!(outputs, [refused], "a stranger touched the session");
        }
        let expected = usize::from(!ended_before_it);
        assert_eq!(replies.len(), expected, "a request has exactly one reply");
    }

    pub(super) fn respond(&mut self, token: Token, outcome: Outcome) {
        self.input(Input::Response { token, outcome });
    }

    pub(super) fn handled_elsewhere(&mut self) {
        self.input(Input::HandledElsewhere);
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.input(Input::Timeout);
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        self.drain();
    }

    /// A command of the application. One that is refused must not have said anything.
    pub(super) fn command(&mut self, command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError>) {
        let result = command(&mut self.session, self.now);
        let outputs = self.drain();
        if let Err(error) = result {
            assert_eq!(outputs, [], "a refused command changed something");
            self.log.push(error.to_string());
        }
    }

    pub(super) fn answer(&mut self) {
        let generation = self.latest.unwrap_or(Generation::FIRST);
        let sdp = "v=0\na=setup:active".to_owned();
        let answered = self.unanswered;
        self.unanswered = false;
        self.command(|session, now| {
            let result = session.answer(now, generation, sdp);
            assert_eq!(result.is_ok(), answered, "an offer has exactly one answer");
            result
        });
    }

    /// The application ends the session; then there is nothing left to answer.
    pub(super) fn end(&mut self, by_network: bool) {
        self.unanswered = false;
        self.command(|session, now| {
            if by_network {
                session.media_failed(now, Reason::FailedTransport)
            } else {
                session.end(now, Reason::Success)
            }
        });
    }

    /// Whatever happened, the session can be ended, and is then over.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.end(false);
        self.wait(Duration::from_secs(2));
        assert!(self.ended, "a session that was told to end has not ended");
        self.log
    }

    fn drain(&mut self) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let output = self.session.poll_output();
            if let Output::Timeout(at) = output {
                assert!(at > self.now, "a deadline has passed unnoticed");
                self.log.push(format!("{:?}", at - self.begin));
                return outputs;
            }
            assert!(!self.ended, "{output:?} after the end");
            self.watch(&output);
            self.log.push(format!("{output:?}"));
            outputs.push(output);
        }
    }

    fn watch(&mut self, output: &Output) {
        match output {
            Output::Request { token, to, payload } => {
                assert_eq!(*to, peer());
                self.open.push(*token);
                watch_request(payload);
            }
            Output::Message { to, payload } => {
                assert_eq!(to.to_string(), "me@example.org");
                let accept = InitiationMessage::Accept(SessionId::new(SESSION));
                assert_eq!(payload.ns(), message::NAMESPACE);
                assert_eq!(InitiationMessage::parse(payload), Some(Ok(accept)));
                self.accepts += 1;
                assert_eq!(self.accepts, 1, "accept is sent once");
            }
            Output::Farewell { to, payload } => {
                assert_eq!(*to, peer());
                watch_request(payload);
            }
            Output::Event(event) => self.watch_event(event),
            Output::Reply { .. } | Output::Timeout(_) => {}
        }
    }

    fn watch_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Offer { generation, .. } => {
                assert!(self.latest.is_none_or(|latest| latest <= *generation));
                self.latest = Some(*generation);
                self.unanswered = true;
            }
            SessionEvent::RemoteCandidate { generation, .. } | SessionEvent::RemoteEndOfCandidates { generation } => {
                assert_eq!(Some(*generation), self.latest, "a candidate for no offer");
            }
            SessionEvent::AnswerAcknowledged { generation } => {
                assert_eq!(Some(*generation), self.latest);
                assert!(!self.unanswered, "acknowledged before it was given");
            }
            SessionEvent::Ended { .. } => {
                self.ended = true;
                self.unanswered = false;
            }
            SessionEvent::ConversationChanged { .. } => {}
        }
    }
}

/// What we send can be printed and read back, and its SDP has whole lines.
fn watch_request(payload: &Element) {
    let printed = String::from(payload);
    let read: Element = printed.parse().expect("what we send is well-formed XML");
    let unlimited = RpcLimits {
        text: usize::MAX,
        sdp: usize::MAX,
        candidate: usize::MAX,
        word: usize::MAX,
    };
    let rpc = Rpc::parse_within(&read, &unlimited).expect("what we send can be read");
    assert_eq!(rpc.session().as_str(), SESSION);
    let json: serde_json::Value = serde_json::from_str(&read.text()).expect("what we send is JSON");
    if let Some(sdp) = json["params"]["sdp"].as_str() {
        let lines = sdp.strip_suffix("\r\n").expect("the last line ends in CRLF");
        assert!(
            lines.split("\r\n").all(|line| !line.contains(['\r', '\n'])),
            "every line ends in CRLF"
        );
    }
}
