//! A session under watch: whatever is done to it, its invariants are checked, and everything that it says is kept.

use std::time::{Duration, Instant};

use minidom::Element;

use super::ledger::{Ledger, Place, Wish};
use crate::{
    Dialect, Generation, Jid, Reason, Session, SessionConfig, SessionEvent, SessionId, Ticket, Token,
    genesys::{Method, NAME, NAMESPACE, Rpc, RpcLimits},
    message::{self, InitiationMessage},
    session::{CommandError, EndedBy, Input, Outcome, Output, Refusal, Reply, Timers},
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
    /// Whether signalling is lost.
    lost: bool,
    ledger: Ledger,
    /// How many answers and candidates there were: no two are the same.
    named: u32,
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
        let mut config = SessionConfig::new(SessionId::new(SESSION), Dialect::SdpOverXmpp, peer());
        config.announce_to = Some(account);
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
            lost: false,
            ledger: Ledger::default(),
            named: 0,
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
        self.ledger.on_outcome(token, &outcome);
        self.input(Input::Response { token, outcome });
    }

    pub(super) fn handled_elsewhere(&mut self) {
        self.input(Input::HandledElsewhere);
    }

    pub(super) fn signalling_lost(&mut self) {
        self.lost = true;
        self.input(Input::SignallingLost);
        assert!(
            self.ended || !self.ledger.told_terminate(),
            "nobody can acknowledge that"
        );
    }

    /// What is said at once is what was due, in its order; what is said later comes after it.
    pub(super) fn signalling_restored(&mut self) {
        self.lost = false;
        let gone = self.ledger.gone().filter(|_| !self.ended);
        self.session.handle_input(self.now, Input::SignallingRestored);
        let outputs = self.drain();
        let said = outputs.iter().filter_map(|output| match output {
            Output::Request { payload, .. } => Some(Place::of(&read(payload))),
            Output::Message { .. } => Some(Place::Accept),
            Output::Reply { .. } | Output::Farewell { .. } | Output::Event(_) | Output::Timeout(_) => None,
        });
        let in_order = |one: &Place, next: &Place| one < next || (*one == Place::Candidate && one == next);
        assert!(said.is_sorted_by(in_order), "said out of order, or twice");
        if gone.is_some() {
            assert!(self.ledger.told_terminate(), "the end of dead media was not told");
        } else if !self.ended && !self.ledger.told_terminate() && !self.unanswered {
            self.ledger.check_all_told();
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        self.input(Input::Timeout);
    }

    fn input(&mut self, input: Input) {
        self.session.handle_input(self.now, input);
        self.drain();
    }

    /// A command of the application, and what it wants the peer to know by it. One that is refused must not have said anything.
    fn command(&mut self, wish: Option<Wish>, command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError>) {
        let result = command(&mut self.session, self.now);
        if let (Ok(()), Some(wish)) = (&result, wish) {
            self.ledger.wish(wish);
        }
        let outputs = self.drain();
        if let Err(error) = result {
            assert_eq!(outputs, [], "a refused command changed something");
            self.log.push(error.to_string());
        }
    }

    pub(super) fn answer(&mut self) {
        let generation = self.generation();
        let line = format!("a=answer:{}", self.name());
        let sdp = format!("v=0\n{line}");
        let answered = self.unanswered;
        self.unanswered = false;
        self.command(Some(Wish::Answer(line)), |session, now| {
            let result = session.answer(now, generation, sdp);
            assert_eq!(result.is_ok(), answered, "an offer has exactly one answer");
            result
        });
    }

    pub(super) fn local_candidate(&mut self, mid: &str) {
        let generation = self.generation();
        let candidate = format!("candidate:{} 1 udp 1 192.0.2.1 9 typ host", self.name());
        self.command(Some(Wish::Candidate(candidate.clone())), |session, now| {
            session.local_candidate(now, generation, mid, &candidate)
        });
    }

    pub(super) fn end_of_candidates(&mut self) {
        let generation = self.generation();
        self.command(Some(Wish::EndOfCandidates), |session, now| {
            session.end_of_candidates(now, generation)
        });
    }

    pub(super) fn media_connected(&mut self) {
        let generation = self.generation();
        self.command(Some(Wish::Activity), |session, now| {
            session.media_connected(now, generation)
        });
    }

    pub(super) fn mute(&mut self, muted: bool) {
        self.command(Some(Wish::Muted(muted)), |session, now| session.set_muted(now, muted));
    }

    fn generation(&self) -> Generation {
        self.latest.unwrap_or(Generation::FIRST)
    }

    fn name(&mut self) -> u32 {
        self.named += 1;
        self.named
    }

    /// The application ends the session; then there is nothing left to answer.
    pub(super) fn end(&mut self) {
        self.unanswered = false;
        self.command(None, |session, now| session.end(now, Reason::Success));
    }

    /// The media fail. Without signalling the session outlives that, if it has any media.
    pub(super) fn fail(&mut self) {
        let outlived = self.lost && self.latest.is_some();
        self.unanswered &= outlived;
        let wish = outlived.then_some(Wish::Gone(self.now));
        self.command(wish, |session, now| session.media_failed(now, Reason::FailedTransport));
    }

    /// Whatever happened, the peer can be told everything, and the session can be ended and is then over.
    pub(super) fn finish(mut self) -> Vec<String> {
        self.signalling_lost();
        for token in std::mem::take(&mut self.open) {
            self.respond(token, Outcome::Lost);
        }
        self.signalling_restored();
        self.end();
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
                let gone = self.ledger.gone().filter(|_| !self.ended && self.lost);
                assert!(
                    gone.is_none_or(|since| self.now < since + Timers::default().gone),
                    "media that are gone keep the session"
                );
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
                assert!(!self.lost, "{payload:?} without signalling");
                self.open.push(*token);
                let method = watch_request(payload);
                assert!(self.accepts > 0 || !matches!(method, Method::Answer { .. }));
                // Whoever is ending has no offer to answer.
                self.unanswered &= !matches!(method, Method::Terminate { .. });
                self.ledger.on_told(Some(*token), method);
            }
            Output::Message { to, payload } => {
                assert_eq!(to.to_string(), "me@example.org");
                assert!(!self.lost, "{payload:?} without signalling");
                let accept = InitiationMessage::Accept(SessionId::new(SESSION));
                assert_eq!(payload.ns(), message::NAMESPACE);
                assert_eq!(InitiationMessage::parse(payload), Some(Ok(accept)));
                self.accepts += 1;
                assert_eq!(self.accepts, 1, "accept is sent once");
            }
            Output::Farewell { to, payload } => {
                assert_eq!(*to, peer());
                let method = watch_request(payload);
                assert!(matches!(method, Method::Terminate { .. }));
                self.ledger.on_told(None, method);
            }
            Output::Event(event) => self.watch_event(event),
            Output::Reply { .. } | Output::Timeout(_) => {}
        }
    }

    fn watch_event(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::Offer { generation, .. } => {
                assert!(self.latest.is_none_or(|latest| latest <= *generation));
                self.ledger.on_offer(self.latest != Some(*generation));
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
            SessionEvent::Ended { reason, by, text: _ } => {
                assert_eq!(self.ledger.told_terminate(), self.tells(*reason, *by), "{event:?}");
                self.ended = true;
                self.unanswered = false;
            }
            SessionEvent::ConversationChanged { .. }
            | SessionEvent::RemoteActive
            | SessionEvent::RemoteMuted { .. } => {}
            SessionEvent::Answer { .. }
            | SessionEvent::OfferDeclined { .. }
            | SessionEvent::RemoteRinging
            | SessionEvent::RemoteHeld { .. }
            | SessionEvent::Redirected { .. } => panic!("a responder in this dialect is never told {event:?}"),
        }
    }

    /// Whether a peer has to be told of an end like this. Who ended the session itself knows; so does who never offered, or
    /// whose offer another resource of ours took.
    fn tells(&self, reason: Reason, by: EndedBy) -> bool {
        match by {
            EndedBy::Local => true,
            EndedBy::Network => !matches!(reason, Reason::Timeout | Reason::Cancel),
            EndedBy::Remote => reason == Reason::FailedApplication && self.ledger.refused(),
        }
    }
}

fn read(payload: &Element) -> Method {
    Rpc::parse(payload).expect("what we send can be read").method
}

/// What we send can be printed and read back, and its SDP has whole lines.
fn watch_request(payload: &Element) -> Method {
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
    rpc.method
}
