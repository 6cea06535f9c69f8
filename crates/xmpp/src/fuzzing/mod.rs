//! Bodies of the fuzz targets, as plain functions that stable tests call too.

mod server;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use minidom::Element;

pub use server::{PASSWORD, Server};

use crate::{
    BareJid, Credentials, Event, Input, Jid, Outcome, Output, Payload, Reply, Request, RequestKind, Resumption, Stream,
    StreamConfig, Token, Urgency,
    frame::{self, Limits},
};

/// A ticket of no stream, for tests of what is built on one.
pub fn a_ticket(number: u64) -> crate::Ticket {
    crate::Ticket(number)
}

/// A text frame: as input of the frame parser, and of a stream in each situation that reads it differently.
pub fn xmpp_frame(data: &[u8]) {
    // The WebSocket layer lets no text message through that is not UTF-8.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    parse_print_parse(text);
    // The origin of virtual time; an Instant can be made in no other way.
    #[allow(clippy::disallowed_methods)]
    let start = Instant::now();
    for situation in Situation::ALL {
        let outputs = converse(text, situation, start);
        check(&outputs, situation);
        assert!(
            outputs == converse(text, situation, start),
            "same seed and inputs, other outputs"
        );
    }
}

/// What a stream is doing when the frame comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Situation {
    Opening,
    /// The first message of SCRAM is sent.
    Proving,
    Connected,
    /// Connected, under stream management.
    Managed,
    /// On a new socket, the stream before is being resumed.
    Resuming,
}

impl Situation {
    const ALL: [Self; 5] = [
        Self::Opening,
        Self::Proving,
        Self::Connected,
        Self::Managed,
        Self::Resuming,
    ];

    /// Whether a request was made.
    const fn has_asked(self) -> bool {
        match self {
            Self::Opening | Self::Proving => false,
            Self::Connected | Self::Managed | Self::Resuming => true,
        }
    }
}

/// What can be read can be written, and reads the same again.
fn parse_print_parse(text: &str) {
    let limits = Limits::default();
    let Ok(element) = frame::parse(text, &limits) else {
        return;
    };
    assert!(depth(&element) <= limits.depth);
    let unlimited = Limits {
        bytes: usize::MAX,
        depth: limits.depth,
        attributes: usize::MAX,
        elements: usize::MAX,
    };
    let again = frame::parse(&frame::print(&element), &unlimited).expect("what was written is XML");
    assert!(again == element, "what was written reads differently");
}

fn depth(element: &Element) -> usize {
    1 + element.children().map(depth).max().unwrap_or(0)
}

/// The configuration of the streams that are fuzzed.
pub fn config() -> StreamConfig {
    let jid = BareJid::new("agent@example.org").expect("a literal");
    let pubsub = Jid::new("notifications.example.org").expect("a literal");
    let mut config = StreamConfig::new(jid, Credentials::Token("secret-token".into()), "fuzz", pubsub);
    config.handled = vec![Payload {
        name: "query",
        namespace: "urn:example:handled",
    }];
    config.backlog = 2;
    config
}

/// All that a stream says when the frame comes, and after it until the end.
fn converse(text: &str, situation: Situation, start: Instant) -> Vec<Output> {
    let mut said = Vec::new();
    let mut stream = arrive(situation, start, &mut said);
    let mut now = start;
    for _ in 0..2 {
        stream.handle_input(start, Input::Frame(text.to_owned()));
        now = drain(&mut stream, &mut said);
    }
    for ticket in said.iter().filter_map(ticket).collect::<Vec<_>>() {
        // It may be refused: the same frame may have ended the stream.
        let _ = stream.reply(start, ticket, Reply::Result(None));
    }
    // As above.
    let _ = stream.refresh_services(start);
    stream.handle_input(now, Input::Timeout);
    let later = drain(&mut stream, &mut said);
    assert!(later > now, "a timeout must be over once it was handled");
    stream.close(now);
    stream.handle_input(now + Duration::from_secs(60), Input::Timeout);
    drain(&mut stream, &mut said);
    // What an attempt that came to nothing gives back has no answer any more.
    for token in stream.into_resumption().into_iter().flat_map(Resumption::abandon) {
        let outcome = Outcome::Lost;
        said.push(Output::Event(Event::Response { token, outcome }));
    }
    said
}

/// A stream in this situation; what it said is added, unless it was another stream that said it.
fn arrive(situation: Situation, start: Instant, said: &mut Vec<Output>) -> Stream {
    let mut config = config();
    let mut server = Server::default();
    let frames = match situation {
        Situation::Opening => 0,
        Situation::Proving => {
            config.credentials = Credentials::Password(PASSWORD.into());
            server.mechanisms = vec!["SCRAM-SHA-256"];
            2
        }
        Situation::Connected => usize::MAX,
        Situation::Managed | Situation::Resuming => {
            server.manages_streams = true;
            usize::MAX
        }
    };
    let mut stream = Stream::new(config.clone(), [7; 32], start);
    converse_with(&mut server, &mut stream, start, said, frames);
    if situation.has_asked() {
        let request = Request {
            token: Token(1),
            to: None,
            kind: RequestKind::Get,
            payload: Element::bare("query", "urn:example"),
            urgency: Urgency::Normal,
        };
        stream.request(start, request).expect("the stream is connected");
        drain(&mut stream, said);
    }
    if situation == Situation::Resuming {
        stream.handle_input(
            start,
            Input::SocketClosed {
                code: None,
                reason: String::new(),
            },
        );
        drain(&mut stream, said);
        said.clear();
        server.disconnect();
        config.resumption = stream.into_resumption();
        stream = Stream::new(config, [8; 32], start);
        // Up to the answer to <resume/>.
        converse_with(&mut server, &mut stream, start, said, 5);
    }
    stream
}

/// Lets the server send so many frames.
fn converse_with(server: &mut Server, stream: &mut Stream, now: Instant, said: &mut Vec<Output>, mut frames: usize) {
    let mut read = said.len();
    drain(stream, said);
    let mut answers = VecDeque::new();
    loop {
        for output in &said[read..] {
            if let Output::Transmit(frame) = output {
                answers.extend(server.answers(frame.as_str()));
            }
        }
        read = said.len();
        let Some(answer) = answers.pop_front().filter(|_| frames > 0) else {
            return;
        };
        frames -= 1;
        stream.handle_input(now, Input::Frame(answer));
        drain(stream, said);
    }
}

fn ticket(output: &Output) -> Option<crate::Ticket> {
    match output {
        Output::Event(Event::Request(request)) => Some(request.ticket),
        Output::Event(
            Event::Connected(_)
            | Event::Message(_)
            | Event::Response { .. }
            | Event::Services(_)
            | Event::ServicesFailed(_)
            | Event::Closed(_),
        )
        | Output::Transmit(_)
        | Output::Timeout(_) => None,
    }
}

fn drain(stream: &mut Stream, said: &mut Vec<Output>) -> Instant {
    loop {
        match stream.poll_output() {
            Output::Timeout(at) => return at,
            output @ (Output::Transmit(_) | Output::Event(_)) => said.push(output),
        }
    }
}

/// What must hold of everything that a stream said from its start to its end.
fn check(outputs: &[Output], situation: Situation) {
    let unlimited = Limits {
        bytes: usize::MAX,
        depth: usize::MAX,
        attributes: usize::MAX,
        elements: usize::MAX,
    };
    let (mut closed, mut responses) = (0, 0);
    for output in outputs {
        let given_back = matches!(output, Output::Event(Event::Response { .. })) && situation == Situation::Resuming;
        assert!(
            closed == 0 || given_back,
            "nothing comes after Closed, but {output:?} did"
        );
        match output {
            Output::Transmit(frame) => {
                frame::parse(frame.as_str(), &unlimited).expect("what is sent is XML");
            }
            Output::Event(Event::Response { .. }) => responses += 1,
            Output::Event(Event::Closed(_)) => closed += 1,
            Output::Event(
                Event::Connected(_)
                | Event::Message(_)
                | Event::Request(_)
                | Event::Services(_)
                | Event::ServicesFailed(_),
            )
            | Output::Timeout(_) => {}
        }
    }
    assert_eq!(closed, 1, "a stream closes exactly once");
    assert_eq!(
        responses,
        u32::from(situation.has_asked()),
        "a request gets exactly one response"
    );
}
