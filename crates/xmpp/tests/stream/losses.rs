//! Sockets that are lost at any time, with anything on its way: over resumptions every stanza arrives once and in order,
//! in both directions, and every request has one answer.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use offhook_xmpp::{
    Element, Event, Input, Outcome, Output, Request, RequestKind, SendRate, Stream, StreamConfig, Token, Urgency,
    fuzzing::{self, Server},
};
use proptest::prelude::*;

use crate::rig::{element, origin};

#[derive(Debug, Clone)]
enum Step {
    /// So many frames arrive at the server.
    ToServer(usize),
    /// So many frames arrive at the client.
    ToClient(usize),
    Message,
    Request,
    ServerMessage,
    /// The server asks how many stanzas were handled.
    ServerAsks,
    Wait(u64),
    /// The socket is lost; so many of the frames that were on their way to the server still arrive.
    Lose(usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => (1..6usize).prop_map(Step::ToServer),
        6 => (1..6usize).prop_map(Step::ToClient),
        6 => Just(Step::Message),
        4 => Just(Step::Request),
        4 => Just(Step::ServerMessage),
        2 => Just(Step::ServerAsks),
        3 => (0..3000u64).prop_map(Step::Wait),
        3 => (0..8usize).prop_map(Step::Lose),
    ];
    prop::collection::vec(step, 0..80)
}

struct World {
    stream: Stream,
    now: Instant,
    deadline: Instant,
    server: Server,
    /// The server has a stream on this socket.
    attached: bool,
    to_server: VecDeque<String>,
    to_client: VecDeque<String>,
    closed: bool,
    sockets: u8,
    /// Names of the messages, in the order of their acceptance and of their arrival.
    said: Vec<String>,
    arrived: Vec<String>,
    server_said: Vec<String>,
    told: Vec<String>,
    responses: BTreeMap<Token, usize>,
}

impl World {
    fn connected(start: Instant) -> Self {
        let mut world = Self {
            stream: Stream::new(config(), [3; 32], start),
            now: start,
            deadline: start,
            server: Server::managing(),
            attached: false,
            to_server: VecDeque::new(),
            to_client: VecDeque::new(),
            closed: false,
            sockets: 0,
            said: Vec::new(),
            arrived: Vec::new(),
            server_said: Vec::new(),
            told: Vec::new(),
            responses: BTreeMap::new(),
        };
        world.pump();
        world.settle();
        assert!(world.stream.jid().is_some());
        world
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::ToServer(frames) => self.deliver_to_server(*frames),
            Step::ToClient(frames) => self.deliver_to_client(*frames),
            Step::Message => {
                let name = format!("m{}", self.said.len());
                let to = "a@b/c".parse().unwrap();
                let payload = Element::bare(name.as_str(), "urn:x");
                if self.stream.send_message(self.now, to, payload, Urgency::Normal).is_ok() {
                    self.said.push(name);
                }
            }
            Step::Request => {
                let token = Token(self.responses.len() as u64);
                let request = Request {
                    token,
                    to: None,
                    kind: RequestKind::Get,
                    payload: Element::bare("q", "urn:x"),
                    urgency: Urgency::Normal,
                };
                if self.stream.request(self.now, request).is_ok() {
                    self.responses.insert(token, 0);
                }
            }
            Step::ServerMessage => {
                let name = format!("s{}", self.server_said.len());
                let stanza = self
                    .server
                    .stanza(format!("<message><{name} xmlns='urn:x'/></message>"));
                if self.attached {
                    self.to_client.push_back(stanza);
                }
                self.server_said.push(name);
            }
            Step::ServerAsks if self.attached => self.to_client.push_back("<r xmlns='urn:xmpp:sm:3'/>".to_owned()),
            Step::ServerAsks => {}
            Step::Wait(milliseconds) => self.wait(Duration::from_millis(*milliseconds)),
            Step::Lose(arriving) => {
                self.deliver_to_server(*arriving);
                self.reconnect();
            }
        }
        self.pump();
        if self.closed {
            self.reconnect();
        }
    }

    fn deliver_to_server(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some(frame) = self.to_server.pop_front() else {
                return;
            };
            let stanza = element(&frame);
            if stanza.name() == "message" {
                self.arrived
                    .extend(stanza.children().map(|child| child.name().to_owned()));
            }
            for answer in self.server.answers(&frame) {
                self.attached |= answer.starts_with("<resumed") || answer.starts_with("<enabled");
                self.to_client.push_back(answer);
            }
        }
    }

    fn deliver_to_client(&mut self, frames: usize) {
        for _ in 0..frames {
            let Some(frame) = self.to_client.pop_front() else {
                return;
            };
            self.stream.handle_input(self.now, Input::Frame(frame));
            self.pump();
        }
    }

    /// What is on its way is lost, and another socket takes over.
    fn reconnect(&mut self) {
        self.to_server.clear();
        self.to_client.clear();
        self.server.disconnect();
        self.attached = false;
        let reason = "reset".to_owned();
        self.stream
            .handle_input(self.now, Input::SocketClosed { code: None, reason });
        self.pump();
        self.to_server.clear();
        self.sockets += 1;
        let old = std::mem::replace(&mut self.stream, Stream::new(config(), [0; 32], self.now));
        let mut config = config();
        config.resumption = Some(old.into_resumption().expect("the server promised to resume"));
        self.stream = Stream::new(config, [self.sockets; 32], self.now);
        self.closed = false;
        self.pump();
    }

    fn wait(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.deadline <= until && !self.closed {
            self.now = self.deadline;
            self.stream.handle_input(self.now, Input::Timeout);
            self.pump();
            assert!(self.deadline > self.now, "a timeout must be over once it was handled");
        }
        self.now = until;
    }

    /// Everything arrives, and what waits for the rate is sent.
    fn settle(&mut self) {
        loop {
            self.deliver_to_server(usize::MAX);
            self.deliver_to_client(usize::MAX);
            if self.to_server.is_empty() && self.to_client.is_empty() {
                self.wait(Duration::from_millis(500));
                if self.closed {
                    self.reconnect();
                }
                if self.to_server.is_empty() && self.to_client.is_empty() {
                    return;
                }
            }
        }
    }

    fn pump(&mut self) {
        loop {
            match self.stream.poll_output() {
                Output::Timeout(at) => return self.deadline = at,
                Output::Transmit(frame) => self.to_server.push_back(frame.into_string()),
                Output::Event(Event::Message(message)) => {
                    self.told
                        .extend(message.payloads.iter().map(|payload| payload.name().to_owned()));
                }
                Output::Event(Event::Response { token, outcome }) => {
                    // It may take longer than a request waits, but nothing is lost.
                    assert!(matches!(outcome, Outcome::Result(_) | Outcome::TimedOut), "{outcome:?}");
                    *self.responses.get_mut(&token).expect("a response has a request") += 1;
                }
                Output::Event(Event::Connected(connected)) => assert_eq!(connected.resumed, self.sockets > 0),
                Output::Event(Event::Closed(_)) => self.closed = true,
                Output::Event(event) => panic!("{event:?}"),
            }
        }
    }
}

/// So slow that stanzas wait.
fn config() -> StreamConfig {
    let mut config = fuzzing::config();
    config.rate = SendRate {
        burst: 3,
        per_second: 4,
    };
    config
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_stanza_is_lost_or_told_twice(steps in steps()) {
        let mut world = World::connected(origin());
        for step in &steps {
            world.apply(step);
        }
        world.settle();
        prop_assert!(!world.server.acknowledged_too_much);
        prop_assert_eq!(&world.arrived, &world.said);
        prop_assert_eq!(&world.told, &world.server_said);
        prop_assert!(world.responses.values().all(|count| *count == 1), "{:?}", world.responses);
    }
}
