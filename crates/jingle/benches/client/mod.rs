//! A client that lives recorded calls: an endpoint, and the part of an application and of a stream around it.

use std::{
    collections::VecDeque,
    hint::black_box,
    time::{Duration, Instant},
};

use minidom::rxml::NcName;
use offhook_jingle::{
    Element, Endpoint, EndpointConfig, EndpointEvent, Generation, Reason, Session, SessionEvent, SessionId, Ticket,
    Token,
    endpoint::{Input, Output},
    session::{CommandError, Outcome, Reply},
};

use crate::recorded::{Call, Received, Stanza, Step};

/// Who the client is in the recordings.
const LOCAL: &str = "5f0c0ffee0c0ffee0c0ffee0@mockorg.orgspan.mock.local/desk";

/// The most sessions at once.
const SESSIONS: usize = 20_000;

/// A recorded call has no other media than its first.
const MEDIA: Generation = Generation::FIRST;

/// What each thing that happens takes.
const PACE: Duration = Duration::from_millis(1);

/// Whether stanzas that are sent are written as text, as those that arrive as text are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    Elements,
    Text,
}

/// A client. Of its calls, one at a time goes through its steps; others may stay where they are.
pub struct Client {
    endpoint: Endpoint,
    wire: Wire,
    now: Instant,
    tickets: u64,
    /// What the call in hand has asked of its peer, and has no result of.
    asked: VecDeque<Token>,
    /// The session of the call in hand.
    call: SessionId,
    /// How many sessions there are.
    sessions: usize,
    /// How many stanzas were received and sent, the results of IQs too.
    stanzas: u64,
}

impl Client {
    pub fn new(wire: Wire) -> Self {
        let mut config = EndpointConfig::new(LOCAL.parse().expect("a JID"));
        config.sessions = SESSIONS;
        let now = some_instant();
        Self {
            endpoint: Endpoint::new(config, [7; 32], now),
            wire,
            now,
            tickets: 0,
            asked: VecDeque::new(),
            call: SessionId::new(""),
            sessions: 0,
            stanzas: 0,
        }
    }

    /// How many stanzas were received and sent, the results of IQs too.
    pub fn stanzas(&self) -> u64 {
        self.stanzas
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.sessions
    }

    /// Lives this call, or this part of one, to which everything has come that was asked before.
    pub fn live(&mut self, call: Call) {
        self.call = call.session;
        for step in call.steps {
            self.now += PACE;
            self.step(step);
            self.drain();
        }
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Receive(Received::Text(text)) => self.receive(Stanza::read(&text)),
            Step::Receive(Received::Read(stanza)) => self.receive(stanza),
            Step::Acknowledge => {
                self.stanzas += 1;
                let token = self.asked.pop_front().expect("something was asked");
                let outcome = Outcome::Done;
                self.endpoint.handle_input(self.now, Input::Response { token, outcome });
            }
            Step::Accept => self.endpoint.accept(self.now, &self.call).expect("it rings"),
            Step::Answer(sdp) => self.session(|session, now| session.answer(now, MEDIA, sdp)),
            Step::Candidate(mid, candidate) => {
                self.session(|session, now| session.local_candidate(now, MEDIA, &mid, &candidate));
            }
            Step::EndOfCandidates => self.session(|session, now| session.end_of_candidates(now, MEDIA)),
            Step::Connect => self.session(|session, now| session.media_connected(now, MEDIA)),
            Step::End => self.session(|session, now| session.end(now, Reason::Success)),
        }
    }

    fn session(&mut self, command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError>) {
        let done = self.endpoint.with_session(self.now, &self.call, command);
        done.expect("a session").expect("what was recorded makes sense");
    }

    fn receive(&mut self, Stanza { set, from, payload }: Stanza) {
        self.stanzas += 1;
        let input = if set {
            self.tickets += 1;
            let ticket = Ticket(self.tickets);
            Input::Request { ticket, from, payload }
        } else {
            Input::Message { from, payload }
        };
        self.endpoint.handle_input(self.now, input);
    }

    /// Does what the endpoint says.
    fn drain(&mut self) {
        loop {
            match self.endpoint.poll_output() {
                Output::Request { token, to, payload } => {
                    self.asked.push_back(token);
                    self.send("iq", Some("set"), to.as_str(), Some(payload));
                }
                Output::Reply { reply, .. } => {
                    assert_eq!(reply, Reply::Done);
                    self.send("iq", Some("result"), "peer@gjoll.mock.local/media", None);
                }
                Output::Message { to, payload } => self.send("message", None, to.as_str(), Some(payload)),
                Output::Event(EndpointEvent::Started { .. }) => self.sessions += 1,
                Output::Event(EndpointEvent::Session {
                    event: SessionEvent::Ended { .. },
                    ..
                }) => self.sessions -= 1,
                Output::Event(event) => drop(black_box(event)),
                Output::Ignore { .. } => panic!("there is one dialect"),
                Output::Farewell { .. } => panic!("there is signalling"),
                Output::Timeout(_) => return,
            }
        }
    }

    fn send(&mut self, name: &str, kind: Option<&str>, to: &str, payload: Option<Element>) {
        self.stanzas += 1;
        if self.wire == Wire::Elements {
            black_box(payload);
            return;
        }
        let name_of = |attribute: &'static str| NcName::try_from(attribute).expect("a name");
        let stanza = Element::builder(name, "jabber:client")
            .attr(name_of("to"), to)
            .attr(name_of("type"), kind)
            .attr(name_of("id"), kind.map(|_| "1899bea1-70df-4579-994c-59829e5feb57"))
            .append_all(payload)
            .build();
        black_box(String::from(&stanza));
    }
}

/// An instant has to come from somewhere; time passes by the steps of the calls.
#[allow(clippy::disallowed_methods)]
fn some_instant() -> Instant {
    Instant::now()
}
