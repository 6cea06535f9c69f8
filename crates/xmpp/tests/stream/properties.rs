//! What holds for every sequence of inputs and commands.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use offhook_xmpp::{
    Condition, Element, ErrorKind, Event, Input, Jid, Output, Reply, Request, RequestKind, Resumption, StanzaError,
    Stream, Ticket, Token, Urgency,
    frame::{self, Limits},
    fuzzing::{self, Server},
};
use proptest::prelude::*;

use crate::rig::{CLOSE, OPEN, origin};

/// One step of a run.
#[derive(Debug, Clone)]
enum Step {
    /// The obedient server's next answer, if it owes one.
    Obey,
    /// Its next answer, broken at a place of the text.
    Mangle(usize),
    Frame(String),
    /// An answer with the id of the frame that was sent last.
    Answer {
        kind: &'static str,
        from: &'static str,
    },
    Timeout,
    Wait(u64),
    Resume,
    SocketClosed,
    Request,
    Reply(bool),
    SendMessage,
    SendPresence,
    RefreshServices,
    Close,
}

fn frames() -> impl Strategy<Value = String> {
    prop_oneof![
        9 => prop::sample::select(vec![
            OPEN,
            " ",
            "<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<features xmlns='http://etherx.jabber.org/streams'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></features>",
            "<message><a xmlns='urn:a'/></message>",
            "<message type='error'/>",
            "<iq type='get' id='1' from='a@b/c'><ping xmlns='urn:xmpp:ping'/></iq>",
            "<iq type='set' id='1' from='a@b/c'><query xmlns='urn:example:handled'/></iq>",
            "<iq type='set' id='1'/>",
            "<presence/>",
            "<r xmlns='urn:xmpp:sm:3'/>",
            "<a xmlns='urn:xmpp:sm:3' h='3'/>",
            "<iq type='get' id='1' from='a@b/c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        ]).prop_map(str::to_owned),
        1 => prop::sample::select(vec![
            CLOSE,
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>",
            "<error xmlns='http://etherx.jabber.org/streams'/>",
        ]).prop_map(str::to_owned),
        1 => ".{0,40}",
        1 => "<[a-c]( [a-c]='[a-c&<]{0,3}'){0,3}>[a-z<&;/!?\\[\\]-]{0,10}</[a-c]>",
    ]
}

/// Mostly all of the way to *connected* or part of it, then anything.
fn steps() -> impl Strategy<Value = Vec<Step>> {
    let answer = (
        prop::sample::select(vec!["result", "error", "get", "set", "throttled"]),
        prop::sample::select(vec!["", " from='example.org'", " from='mallory@example.net/x'"]),
    );
    let step = prop_oneof![
        12 => Just(Step::Obey),
        1 => any::<usize>().prop_map(Step::Mangle),
        12 => frames().prop_map(Step::Frame),
        8 => answer.prop_map(|(kind, from)| Step::Answer { kind, from }),
        2 => Just(Step::Timeout),
        8 => (0u64..20_000).prop_map(Step::Wait),
        2 => Just(Step::Resume),
        1 => Just(Step::SocketClosed),
        12 => Just(Step::Request),
        6 => any::<bool>().prop_map(Step::Reply),
        4 => Just(Step::SendMessage),
        1 => Just(Step::SendPresence),
        2 => Just(Step::RefreshServices),
        1 => Just(Step::Close),
    ];
    let obeyed = prop_oneof![2 => Just(9usize), 1 => 0..9usize];
    (obeyed, prop::collection::vec(step, 0..40)).prop_map(|(obeyed, mut steps)| {
        steps.splice(..0, vec![Step::Obey; obeyed]);
        steps
    })
}

/// A run of a stream, with what is known about it from outside.
struct Run {
    stream: Stream,
    now: Instant,
    deadline: Instant,
    server: Server,
    answers: Vec<String>,
    last_id: String,
    /// Responses to each request that was accepted.
    responses: BTreeMap<Token, usize>,
    tickets: Vec<Ticket>,
    closed: bool,
    outputs: Vec<Output>,
}

impl Run {
    fn of(steps: &[Step], managed: bool, start: Instant) -> Vec<Output> {
        let mut run = Self {
            stream: Stream::new(fuzzing::config(), [9; 32], start),
            now: start,
            deadline: start,
            server: if managed { Server::managing() } else { Server::default() },
            answers: Vec::new(),
            last_id: "none".to_owned(),
            responses: BTreeMap::new(),
            tickets: Vec::new(),
            closed: false,
            outputs: Vec::new(),
        };
        run.drain();
        for step in steps {
            run.apply(step);
            run.drain();
        }
        run.input(Input::SocketClosed {
            code: None,
            reason: String::new(),
        });
        run.drain();
        assert!(run.closed, "a stream ends with its socket at the latest");
        let waiting = run.stream.into_resumption().into_iter().flat_map(Resumption::abandon);
        for token in waiting {
            *run.responses.get_mut(&token).expect("it was asked") += 1;
        }
        assert!(run.responses.values().all(|count| *count == 1), "{:?}", run.responses);
        run.outputs
    }

    fn input(&mut self, input: Input) {
        self.stream.handle_input(self.now, input);
    }

    fn apply(&mut self, step: &Step) {
        match step {
            Step::Obey if !self.answers.is_empty() => {
                let answer = self.answers.remove(0);
                self.input(Input::Frame(answer));
            }
            Step::Mangle(at) if !self.answers.is_empty() => {
                let mut answer = self.answers.remove(0);
                answer.remove(at % answer.len());
                self.input(Input::Frame(answer));
            }
            Step::Obey | Step::Mangle(_) => {}
            Step::Frame(text) => self.input(Input::Frame(text.clone())),
            Step::Answer { kind, from } => {
                let id = &self.last_id;
                self.input(Input::Frame(match *kind {
                    "throttled" => {
                        format!("<iq type='error' id='{id}'{from}><error type='wait' code='429'/></iq>")
                    }
                    kind => format!("<iq type='{kind}' id='{id}'{from}/>"),
                }));
            }
            Step::Timeout => self.fire(),
            Step::Wait(milliseconds) => {
                let until = self.now + Duration::from_millis(*milliseconds);
                while self.deadline <= until {
                    self.fire();
                }
                self.now = until;
            }
            Step::Resume => self.input(Input::Resumed {
                asleep: Duration::from_secs(60),
            }),
            Step::SocketClosed => self.input(Input::SocketClosed {
                code: Some(1000),
                reason: String::new(),
            }),
            Step::Request => {
                let token = Token(self.responses.len() as u64);
                let request = Request {
                    token,
                    to: None,
                    kind: RequestKind::Get,
                    payload: Element::bare("a", "urn:a"),
                    urgency: Urgency::Normal,
                };
                if self.stream.request(self.now, request).is_ok() {
                    self.responses.insert(token, 0);
                }
            }
            Step::Reply(grant) => self.reply(*grant),
            Step::SendMessage => {
                let to = Jid::new("a@b/c").unwrap();
                // Refused unless connected, and then nothing is sent, which `drain` checks after the end.
                let _ = self
                    .stream
                    .send_message(self.now, to, Element::bare("a", "urn:a"), Urgency::Normal);
            }
            // Both are refused unless connected.
            Step::SendPresence => drop(self.stream.send_presence(self.now)),
            Step::RefreshServices => drop(self.stream.refresh_services(self.now)),
            Step::Close => self.stream.close(self.now),
        }
    }

    fn reply(&mut self, grant: bool) {
        let Some(ticket) = self.tickets.pop() else {
            return;
        };
        let reply = if grant {
            Reply::Result(Some(Element::bare("a", "urn:a")))
        } else {
            Reply::Error(StanzaError {
                alternative: Some("<&".to_owned()),
                text: Some("<>".to_owned()),
                ..StanzaError::new(ErrorKind::Modify, Condition::Gone)
            })
        };
        let first = self.stream.reply(self.now, ticket, reply.clone());
        let second = self.stream.reply(self.now, ticket, reply);
        assert!(second.is_err(), "a ticket is good for one reply");
        assert!(first.is_ok() || self.stream.request(self.now, probe()).is_err());
    }

    /// Calls the stream when it wants to be called.
    fn fire(&mut self) {
        self.now = self.now.max(self.deadline);
        self.input(Input::Timeout);
        self.drain();
        assert!(self.deadline > self.now, "a timeout must be over once it was handled");
    }

    fn drain(&mut self) {
        loop {
            let output = self.stream.poll_output();
            match &output {
                Output::Timeout(at) => {
                    self.deadline = *at;
                    return;
                }
                Output::Transmit(frame) => {
                    let element = frame::parse(frame.as_str(), &Limits::default()).expect("what is sent is XML");
                    if let Some(id) = element.attr("id") {
                        self.last_id = id.to_owned();
                    }
                    self.answers.extend(self.server.answers(frame.as_str()));
                }
                Output::Event(Event::Response { token, .. }) => {
                    *self.responses.get_mut(token).expect("a response has a request") += 1;
                }
                Output::Event(Event::Request(request)) => self.tickets.push(request.ticket),
                Output::Event(
                    Event::Connected(_)
                    | Event::Message(_)
                    | Event::Services(_)
                    | Event::ServicesFailed(_)
                    | Event::Closed(_),
                ) => {}
            }
            assert!(!self.closed, "nothing comes after Closed, but {output:?} did");
            self.closed = matches!(output, Output::Event(Event::Closed(_)));
            self.outputs.push(output);
        }
    }
}

/// A request that is only made where it must be refused.
fn probe() -> Request {
    Request {
        token: Token(u64::MAX),
        to: None,
        kind: RequestKind::Get,
        payload: Element::bare("a", "urn:a"),
        urgency: Urgency::Normal,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_ends_once_answers_everything_and_repeats(steps in steps(), managed in any::<bool>()) {
        let start = origin();
        let outputs = Run::of(&steps, managed, start);
        prop_assert!(outputs == Run::of(&steps, managed, start), "same seed and inputs, other outputs");
    }

    #[test]
    fn any_text_is_read_or_refused(text in prop_oneof![frames(), "\\PC{0,200}"]) {
        fuzzing::xmpp_frame(text.as_bytes());
    }
}
