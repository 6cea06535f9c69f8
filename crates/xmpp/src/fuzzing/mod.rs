//! Bodies of the fuzz targets, as plain functions that stable tests call too.

mod server;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use minidom::Element;

pub use server::Server;

use crate::{
    BareJid, Credentials, Event, Input, Jid, Output, Payload, Reply, Request, RequestKind, Stream, StreamConfig, Token,
    frame::{self, Limits},
};

/// A text frame: as input of the frame parser, of a stream that is opening and of one that is connected.
pub fn xmpp_frame(data: &[u8]) {
    // The WebSocket layer lets no text message through that is not UTF-8.
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    parse_print_parse(text);
    // The origin of virtual time; an Instant can be made in no other way.
    #[allow(clippy::disallowed_methods)]
    let start = Instant::now();
    for connected in [false, true] {
        let outputs = converse(text, connected, start);
        check(&outputs, connected);
        assert!(
            outputs == converse(text, connected, start),
            "same seed and inputs, other outputs"
        );
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
fn converse(text: &str, connected: bool, start: Instant) -> Vec<Output> {
    let mut stream = Stream::new(config(), [7; 32], start);
    let mut said = Vec::new();
    let mut now = drain(&mut stream, &mut said);
    if connected {
        connect(&mut stream, start, &mut said);
        let request = Request {
            token: Token(1),
            to: None,
            kind: RequestKind::Get,
            payload: Element::bare("query", "urn:example"),
        };
        stream.request(start, request).expect("the stream is connected");
        drain(&mut stream, &mut said);
    }
    for _ in 0..2 {
        stream.handle_input(start, Input::Frame(text.to_owned()));
        now = drain(&mut stream, &mut said);
    }
    for ticket in said.iter().filter_map(ticket).collect::<Vec<_>>() {
        // It may be refused: the same frame may have ended the stream.
        let _ = stream.reply(start, ticket, Reply::Result(None));
    }
    stream.handle_input(now, Input::Timeout);
    let later = drain(&mut stream, &mut said);
    assert!(later > now, "a timeout must be over once it was handled");
    stream.close(now);
    stream.handle_input(now + Duration::from_secs(60), Input::Timeout);
    drain(&mut stream, &mut said);
    said
}

fn ticket(output: &Output) -> Option<crate::Ticket> {
    match output {
        Output::Event(Event::Request(request)) => Some(request.ticket),
        Output::Event(Event::Connected(_) | Event::Message(_) | Event::Response { .. } | Event::Closed(_))
        | Output::Transmit(_)
        | Output::Timeout(_) => None,
    }
}

fn connect(stream: &mut Stream, now: Instant, said: &mut Vec<Output>) {
    let mut server = Server::default();
    let mut unread: VecDeque<Output> = said.iter().cloned().collect();
    while let Some(output) = unread.pop_front() {
        let Output::Transmit(frame) = output else {
            continue;
        };
        for answer in server.answers(frame.as_str()) {
            stream.handle_input(now, Input::Frame(answer));
            let already = said.len();
            drain(stream, said);
            unread.extend(said[already..].iter().cloned());
        }
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
fn check(outputs: &[Output], connected: bool) {
    let unlimited = Limits {
        bytes: usize::MAX,
        depth: usize::MAX,
        attributes: usize::MAX,
        elements: usize::MAX,
    };
    let (mut closed, mut responses) = (0, 0);
    for output in outputs {
        assert_eq!(closed, 0, "nothing comes after Closed, but {output:?} did");
        match output {
            Output::Transmit(frame) => {
                frame::parse(frame.as_str(), &unlimited).expect("what is sent is XML");
            }
            Output::Event(Event::Response { .. }) => responses += 1,
            Output::Event(Event::Closed(_)) => closed += 1,
            Output::Event(Event::Connected(_) | Event::Message(_) | Event::Request(_)) | Output::Timeout(_) => {}
        }
    }
    assert_eq!(closed, 1, "a stream closes exactly once");
    assert_eq!(responses, u32::from(connected), "a request gets exactly one response");
}
