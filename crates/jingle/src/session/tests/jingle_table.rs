//! The machine in Jingle, in both roles, at one glance: every state with every action of the peer and every command, as a table that
//! is kept beside this file.

use std::fmt::Write;

use super::{event_line, pair::*};
use crate::{
    Generation, Reason, Ticket,
    session::{CommandError, EndedBy, Input, Outcome, Output, Rejection, Reply},
    stanza::{Action, Application, Content, Ice, Info, Jingle, JingleCondition, Rtp, Senders, Transport},
};

type State = (&'static str, fn() -> End);
type Event = (&'static str, fn(&mut End) -> Vec<String>);

const INITIATOR: [State; 8] = [
    ("offering", || Pair::new().romeo),
    ("offering, acknowledged", || {
        let mut pair = Pair::new();
        pair.settle();
        pair.romeo
    }),
    ("answered", || Pair::talking().romeo),
    ("offering a direction", || changing("r0", "AA:BB", "sendonly")),
    ("offering a restart", || changing("r1", "AA:BB", "sendrecv")),
    ("offering a transport", || changing("r1", "CC:DD", "sendrecv")),
    ("offered a direction", || {
        let mut pair = Pair::talking();
        pair.juliet(|juliet, now| juliet.offer(now, &described("j0", "AA:BB", "sendonly")));
        pair.settle();
        pair.romeo
    }),
    ("ending", || {
        let mut pair = Pair::talking();
        pair.romeo(|romeo, now| romeo.end(now, Reason::Success));
        pair.romeo
    }),
];

const RESPONDER: [State; 9] = [
    ("awaiting its offer", || {
        let mut pair = Pair::new();
        pair.romeo.lose();
        pair.juliet
    }),
    ("offered", || {
        let mut pair = Pair::new();
        pair.settle();
        pair.juliet
    }),
    ("answering", || {
        let mut pair = Pair::new();
        pair.settle();
        pair.juliet(|juliet, now| juliet.answer(now, Generation::FIRST, sound("j0")));
        pair.juliet
    }),
    ("answered", || Pair::talking().juliet),
    ("offered a direction", || offered("r0", "AA:BB", "sendonly")),
    ("offered a restart", || offered("r1", "AA:BB", "sendrecv")),
    ("offered a transport", || offered("r1", "CC:DD", "sendrecv")),
    ("offering a direction", || {
        let mut pair = Pair::talking();
        pair.juliet(|juliet, now| juliet.offer(now, &described("j0", "AA:BB", "sendonly")));
        pair.juliet
    }),
    ("ended", || {
        let mut pair = Pair::talking();
        pair.ask_juliet(terminate(Reason::Success));
        pair.juliet
    }),
];

fn changing(ufrag: &str, fingerprint: &str, direction: &str) -> End {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described(ufrag, fingerprint, direction)));
    pair.romeo
}

fn offered(ufrag: &str, fingerprint: &str, direction: &str) -> End {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described(ufrag, fingerprint, direction)));
    pair.settle();
    pair.juliet
}

const EVENTS: [Event; 35] = [
    ("session-initiate", |end| {
        hear(end, with(Action::SessionInitiate, sound_of("x0")))
    }),
    ("session-accept", |end| {
        hear(end, with(Action::SessionAccept, sound_of("x0")))
    }),
    ("session-terminate", |end| hear(end, terminate(Reason::Busy))),
    ("session-info ringing", |end| hear(end, info(Info::Ringing))),
    ("session-info hold", |end| hear(end, info(Info::Hold))),
    ("session-info of nothing", |end| {
        hear(end, Jingle::new(Action::SessionInfo, super::id()))
    }),
    ("session-info unknown", |end| {
        hear(
            end,
            info(Info::Unknown {
                name: "dance".to_owned(),
                namespace: "urn:example".to_owned(),
            }),
        )
    }),
    ("transport-info", |end| hear(end, trickle(None))),
    ("transport-info, new ICE", |end| {
        let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
        content.transport = Some(Transport::Ice(Ice::new("x1", "password-of-x1")));
        hear(end, with(Action::TransportInfo, content))
    }),
    ("transport-info, gathering-complete", |end| {
        hear(
            end,
            trickle(Some(Ice {
                gathering_complete: true,
                ..Ice::default()
            })),
        )
    }),
    ("transport-replace", |end| {
        hear(end, with(Action::TransportReplace, sound_of("x2")))
    }),
    ("transport-replace, not ICE", |end| {
        let mut content = sound_of("x2");
        content.transport = Some(Transport::Other(minidom::Element::bare("transport", "urn:example")));
        hear(end, with(Action::TransportReplace, content))
    }),
    ("transport-accept", |end| {
        hear(end, with(Action::TransportAccept, sound_of("x1")))
    }),
    ("transport-reject", |end| {
        hear(end, about(Action::TransportReject, "audio"))
    }),
    ("content-add", |end| {
        let mut content = sound_of("x0");
        content.name = "video".to_owned();
        hear(end, with(Action::ContentAdd, content))
    }),
    ("content-accept", |end| hear(end, about(Action::ContentAccept, "video"))),
    ("content-reject", |end| hear(end, about(Action::ContentReject, "video"))),
    ("content-modify", |end| {
        let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
        content.senders = Senders::Initiator;
        hear(end, with(Action::ContentModify, content))
    }),
    ("content-remove", |end| hear(end, about(Action::ContentRemove, "audio"))),
    ("description-info", |end| {
        let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
        content.description = Some(Application::Rtp(Rtp {
            ssrc: Some(7),
            ..Rtp::new("audio")
        }));
        hear(end, with(Action::DescriptionInfo, content))
    }),
    ("security-info", |end| hear(end, about(Action::SecurityInfo, "audio"))),
    ("latest request done", |end| respond(end, Outcome::Done)),
    ("latest request refused", |end| {
        respond(end, Outcome::Refused(Rejection::new("bad-request")))
    }),
    ("latest request loses a tie", |end| {
        respond(
            end,
            Outcome::Refused(Rejection {
                application: Some(JingleCondition::TieBreak),
                ..Rejection::new("conflict")
            }),
        )
    }),
    ("latest request lost", |end| respond(end, Outcome::Lost)),
    ("signalling lost", |end| {
        end.session
            .handle_input(crate::fuzzing::some_instant(), Input::SignallingLost);
        says(end, Vec::new())
    }),
    ("answer!", |end| {
        command(end, |session, now| session.answer(now, latest(session), sound("y1")))
    }),
    ("decline!", |end| {
        command(end, |session, now| session.decline(now, latest(session)))
    }),
    ("offer a direction!", |end| {
        let own = if end.name == "romeo" { "r0" } else { "j0" };
        command(end, |session, now| {
            session.offer(now, &described(own, "AA:BB", "inactive")).map(drop)
        })
    }),
    ("offer a restart!", |end| {
        command(end, |session, now| session.offer(now, &sound("y1")).map(drop))
    }),
    ("local candidate!", |end| {
        command(end, |session, now| {
            session.local_candidate(now, latest(session), "audio", &candidate(1))
        })
    }),
    ("media connected!", |end| {
        command(end, |session, now| session.media_connected(now, latest(session)))
    }),
    ("hold!", |end| command(end, |session, now| session.set_held(now, true))),
    ("ring!", |end| command(end, |session, now| session.ring(now))),
    ("end!", |end| {
        command(end, |session, now| session.end(now, Reason::Success))
    }),
];

fn latest(session: &crate::Session) -> Generation {
    session.latest_generation().unwrap_or(Generation::FIRST)
}

fn with(action: Action, content: Content) -> Jingle {
    Jingle {
        contents: vec![content],
        ..Jingle::new(action, super::id())
    }
}

fn info(info: Info) -> Jingle {
    Jingle {
        info: Some(info),
        ..Jingle::new(Action::SessionInfo, super::id())
    }
}

fn trickle(ice: Option<Ice>) -> Jingle {
    let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
    content.transport = Some(Transport::Ice(ice.unwrap_or_else(|| Ice {
        candidates: vec![candidate(1).parse().expect("a candidate")],
        ..Ice::default()
    })));
    with(Action::TransportInfo, content)
}

fn sound_of(ufrag: &str) -> Content {
    let mut content = Content::new(crate::stanza::Role::Initiator, "audio");
    content.description = Some(Application::Rtp(Rtp::new("audio")));
    content.transport = Some(Transport::Ice(Ice::new(ufrag, format!("password-of-{ufrag}"))));
    content
}

fn hear(end: &mut End, jingle: Jingle) -> Vec<String> {
    let from = if end.name == "romeo" {
        "juliet@example.org/balcony"
    } else {
        "romeo@example.org/orchard"
    };
    let input = Input::Request {
        ticket: Ticket(u64::MAX),
        from: jid(from),
        payload: jingle.to_element(),
    };
    end.session.handle_input(crate::fuzzing::some_instant(), input);
    says(end, Vec::new())
}

fn respond(end: &mut End, outcome: Outcome) -> Vec<String> {
    let Some(token) = end.latest else {
        return vec!["(no request)".to_owned()];
    };
    end.session
        .handle_input(crate::fuzzing::some_instant(), Input::Response { token, outcome });
    says(end, Vec::new())
}

fn command(
    end: &mut End,
    command: impl FnOnce(&mut crate::Session, std::time::Instant) -> Result<(), CommandError>,
) -> Vec<String> {
    let result = command(&mut end.session, crate::fuzzing::some_instant());
    let error = result.err().map(|error| format!("error: {error}"));
    says(end, error.into_iter().collect())
}

fn says(end: &mut End, mut lines: Vec<String>) -> Vec<String> {
    loop {
        lines.push(match end.session.poll_output() {
            Output::Timeout(_) => return lines,
            Output::Request { payload, .. } => said(&payload),
            Output::Reply { reply: Reply::Done, .. } => "reply: done".to_owned(),
            Output::Reply {
                reply: Reply::Refused(refusal),
                ..
            } => {
                let application = refusal
                    .application()
                    .map(|condition| format!(" {}", condition.as_str()));
                format!("reply: {}{}", refusal.condition(), application.unwrap_or_default())
            }
            Output::Message { .. } => "accept".to_owned(),
            Output::Farewell { payload, .. } => format!("farewell: {}", said(&payload)),
            Output::Event(event) => event_line(&event),
        });
    }
}

/// The table, and the edges of the diagram.
fn table(states: &[State]) -> String {
    let mut table = String::from("| state | event | says | then |\n|---|---|---|---|\n");
    for (state, begin) in states {
        for (event, happen) in EVENTS {
            let mut end = begin();
            end.drain();
            let said = happen(&mut end).join("; ");
            let then = end.session.state.name();
            writeln!(table, "| {state} | {event} | {said} | {then} |").expect("a String takes all");
        }
    }
    table
}

#[test]
fn every_state_of_the_initiator_with_every_event() {
    insta::assert_snapshot!(table(&INITIATOR));
}

#[test]
fn every_state_of_the_responder_with_every_event() {
    insta::assert_snapshot!(table(&RESPONDER));
}

/// The diagram of `docs/jingle.md`, which is made of what the machine does.
#[test]
fn the_diagram_in_the_documentation_is_of_this_machine() {
    let mut edges = std::collections::BTreeMap::<(&str, &str), Vec<&str>>::new();
    for (_, begin) in INITIATOR.iter().chain(&RESPONDER) {
        for (event, happen) in EVENTS {
            let mut end = begin();
            end.drain();
            let before = end.session.state.name();
            happen(&mut end);
            let then = end.session.state.name();
            let events = edges.entry((before, then)).or_default();
            if before != then && !events.contains(&event) {
                events.push(event);
            }
        }
    }
    let mut diagram = String::from(
        "```mermaid\nstateDiagram-v2\n    [*] --> AwaitingOffer: responder\n    [*] --> Offering: initiator\n",
    );
    for ((before, then), events) in edges.into_iter().filter(|(_, events)| !events.is_empty()) {
        writeln!(diagram, "    {before} --> {then}: {}", events.join(", ")).expect("a String takes all");
    }
    diagram.push_str("    Ended --> [*]\n```\n");
    let page = include_str!("../../../../../docs/jingle.md");
    assert!(
        page.contains(&diagram),
        "docs/jingle.md should have this diagram:\n{diagram}"
    );
}

#[test]
fn whoever_ends_by_itself_ends_by_the_network() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.media_failed(now, Reason::FailedTransport));
    pair.settle();
    let by = EndedBy::Network;
    assert_eq!(pair.romeo.told(), [format!("event: ended failed-transport by {by:?}")]);
}
