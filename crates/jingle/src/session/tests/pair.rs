//! Two sessions that talk to each other in Jingle, on a virtual clock. Each test is the dialogue that its reader sees.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{
    Dialect, Generation, Jid, Reason, Session, SessionConfig, Ticket, Token,
    session::{CommandError, Input, Outcome, Output, Rejection, Reply, SessionEvent},
    stanza::{Action, Farewell, Info, Jingle, Role},
};

/// The initiator and the responder of one session.
pub(super) struct Pair {
    pub(super) romeo: End,
    pub(super) juliet: End,
    pub(super) now: Instant,
}

/// One of them, and what it says that the other has not heard.
pub(super) struct End {
    pub(super) session: Session,
    pub(super) name: &'static str,
    /// What is on its way, in the order in which it was said, which XMPP keeps.
    pub(super) said: VecDeque<Stanza>,
    /// What the other asks is known under the other's token.
    tickets: Vec<Token>,
    /// The latest request of its own.
    pub(super) latest: Option<Token>,
    /// What it was told, and not looked at.
    pub(super) events: Vec<SessionEvent>,
}

/// A stanza on its way.
pub(super) enum Stanza {
    /// A request of its own.
    Ask(Token, minidom::Element),
    /// A reply, with the token of what it answers.
    Reply(Token, Outcome),
}

pub(super) fn jid(text: &str) -> Jid {
    text.parse().expect("the JIDs of this file are well formed")
}

/// A description of one section of sound with these ICE credentials.
pub(super) fn sound(ufrag: &str) -> String {
    described(ufrag, "AA:BB", "sendrecv")
}

pub(super) fn described(ufrag: &str, fingerprint: &str, direction: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\na=group:BUNDLE audio\r\n{}",
        section("audio", "audio", ufrag, fingerprint, direction)
    )
}

pub(super) fn section(kind: &str, mid: &str, ufrag: &str, fingerprint: &str, direction: &str) -> String {
    let setup = if ufrag.starts_with('r') { "actpass" } else { "active" };
    format!(
        "m={kind} 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtcp-mux\r\na={direction}\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:password-of-{ufrag}-0123456789\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:{setup}\r\na=rtpmap:96 opus/48000/2\r\n"
    )
}

pub(super) fn candidate(number: u32) -> String {
    format!(
        "candidate:{number} 1 udp 2122063615 192.0.2.1 {} typ host",
        40_000 + number
    )
}

impl Pair {
    /// The initiator has offered, and nobody has heard it.
    pub(super) fn new() -> Self {
        Self::of(Dialect::Jingle)
    }

    pub(super) fn of(dialect: Dialect) -> Self {
        let now = crate::fuzzing::some_instant();
        let config = |peer| SessionConfig::new(super::id(), dialect, jid(peer));
        let romeo = Session::initiate(config("juliet@example.org/balcony"), [1; 32], now, &sound("r0"))
            .expect("the offer can be read");
        let juliet = Session::new(config("romeo@example.org/orchard"), [2; 32], now);
        let end = |session, name| End {
            session,
            name,
            said: VecDeque::new(),
            tickets: Vec::new(),
            latest: None,
            events: Vec::new(),
        };
        let mut pair = Self {
            romeo: end(romeo, "romeo"),
            juliet: end(juliet, "juliet"),
            now,
        };
        pair.romeo.drain();
        pair
    }

    /// Is set up.
    pub(super) fn talking() -> Self {
        let mut pair = Self::new();
        pair.settle();
        pair.juliet(|juliet, now| juliet.answer(now, Generation::FIRST, sound("j0")));
        pair.settle();
        pair.romeo.events.clear();
        pair.juliet.events.clear();
        pair
    }

    pub(super) fn romeo<R>(&mut self, command: impl FnOnce(&mut Session, Instant) -> Result<R, CommandError>) -> R {
        let result = command(&mut self.romeo.session, self.now).expect("romeo may do that");
        self.romeo.drain();
        result
    }

    pub(super) fn juliet<R>(&mut self, command: impl FnOnce(&mut Session, Instant) -> Result<R, CommandError>) -> R {
        let result = command(&mut self.juliet.session, self.now).expect("juliet may do that");
        self.juliet.drain();
        result
    }

    /// Delivers one stanza of each; says what was delivered.
    fn step(&mut self) -> Vec<String> {
        let mut said = carry(&mut self.romeo, &mut self.juliet, self.now);
        said.extend(carry(&mut self.juliet, &mut self.romeo, self.now));
        said
    }

    /// Delivers until nothing is on its way; says what was delivered.
    pub(super) fn settle(&mut self) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let step = self.step();
            if step.is_empty() {
                return said;
            }
            said.extend(step);
        }
    }

    pub(super) fn wait(&mut self, time: Duration) {
        self.now += time;
        for end in [&mut self.romeo, &mut self.juliet] {
            end.session.handle_input(self.now, Input::Timeout);
            end.drain();
        }
    }

    /// A stanza of the responder's side that nobody here would write, and the answer to it.
    pub(super) fn ask_romeo(&mut self, jingle: Jingle) -> String {
        let from = jid("juliet@example.org/balcony");
        ask(&mut self.romeo, self.now, from, jingle)
    }

    /// A stanza of the initiator's side that nobody here would write, and the answer to it.
    pub(super) fn ask_juliet(&mut self, jingle: Jingle) -> String {
        let from = jid("romeo@example.org/orchard");
        ask(&mut self.juliet, self.now, from, jingle)
    }
}

fn ask(end: &mut End, now: Instant, from: Jid, jingle: Jingle) -> String {
    let ticket = Ticket(u64::MAX);
    let payload = jingle.to_element();
    end.session.handle_input(now, Input::Request { ticket, from, payload });
    let mut answer = String::new();
    let mut others = Vec::new();
    loop {
        match end.session.poll_output() {
            Output::Reply { ticket: to, reply } if to == ticket => answer = reply_line(&reply),
            Output::Timeout(_) => break,
            output => others.push(output),
        }
    }
    for output in others {
        end.take(output);
    }
    answer
}

fn reply_line(reply: &Reply) -> String {
    match reply {
        Reply::Done => "done".to_owned(),
        Reply::Refused(refusal) => {
            let application = refusal
                .application()
                .map(|condition| format!(" {}", condition.as_str()));
            format!(
                "{} {}{}",
                refusal.error_type(),
                refusal.condition(),
                application.unwrap_or_default()
            )
        }
    }
}

/// Carries one reply or request from the one to the other.
fn carry(from: &mut End, to: &mut End, now: Instant) -> Vec<String> {
    let (token, payload) = match from.said.pop_front() {
        None => return Vec::new(),
        Some(Stanza::Ask(token, payload)) => (token, payload),
        Some(Stanza::Reply(token, outcome)) => {
            let refused = (outcome != Outcome::Done).then(|| format!("{}: {outcome:?}", from.name));
            to.session.handle_input(now, Input::Response { token, outcome });
            to.drain();
            return vec![refused.unwrap_or_default()];
        }
    };
    let said = format!("{}: {}", from.name, said(&payload));
    let ticket = Ticket(to.tickets.len() as u64);
    to.tickets.push(token);
    let jid = if from.name == "romeo" {
        jid("romeo@example.org/orchard")
    } else {
        jid("juliet@example.org/balcony")
    };
    let input = Input::Request {
        ticket,
        from: jid,
        payload,
    };
    to.session.handle_input(now, input);
    to.drain();
    vec![said]
}

/// What a stanza says, in short.
pub(super) fn said(payload: &minidom::Element) -> String {
    let Ok(jingle) = Jingle::parse(payload) else {
        return payload.name().to_owned();
    };
    let contents = jingle.contents.iter().map(|content| {
        let ice = content.ice();
        let ufrag = ice.and_then(|ice| ice.ufrag.as_deref()).unwrap_or_default();
        let senders = content.senders.as_str();
        let extra = match ice {
            Some(ice) if ice.gathering_complete => " gathering-complete".to_owned(),
            Some(ice) if !ice.candidates.is_empty() => format!(" {} candidates", ice.candidates.len()),
            Some(_) | None => String::new(),
        };
        format!(" [{} {senders} {ufrag}{extra}]", content.name)
    });
    let info = jingle.info.as_ref().map(|info| match info {
        Info::Mute { name, .. } => format!(" mute {}", name.as_deref().unwrap_or_default()),
        Info::Unmute { name, .. } => format!(" unmute {}", name.as_deref().unwrap_or_default()),
        other => format!(" {other:?}").to_lowercase(),
    });
    let reason = jingle.reason.as_ref().map(|farewell| {
        let text = farewell.text.as_ref().map(|text| format!(" {text:?}"));
        format!(" {}{}", farewell.reason, text.unwrap_or_default())
    });
    let parts = contents.chain(info).chain(reason).collect::<String>();
    format!("{}{parts}", jingle.action)
}

impl End {
    pub(super) fn drain(&mut self) {
        loop {
            match self.session.poll_output() {
                Output::Timeout(_) => return,
                output => self.take(output),
            }
        }
    }

    fn take(&mut self, output: Output) {
        match output {
            Output::Request { token, payload, .. } => {
                self.latest = Some(token);
                self.said.push_back(Stanza::Ask(token, payload));
            }
            Output::Reply { ticket, reply } => {
                let token = self.tickets[usize::try_from(ticket.0).expect("a small number")];
                let outcome = match reply {
                    Reply::Done => Outcome::Done,
                    Reply::Refused(refusal) => Outcome::Refused(Rejection {
                        application: refusal.application(),
                        ..Rejection::new(refusal.condition())
                    }),
                };
                self.said.push_back(Stanza::Reply(token, outcome));
            }
            Output::Event(event) => self.events.push(event),
            Output::Message { .. } | Output::Farewell { .. } | Output::Timeout(_) => {}
        }
    }

    /// Takes the next stanza, which is a request, off its way.
    pub(super) fn lose(&mut self) -> (Token, minidom::Element) {
        match self.said.pop_front() {
            Some(Stanza::Ask(token, payload)) => (token, payload),
            Some(Stanza::Reply(..)) | None => panic!("{} asks nothing", self.name),
        }
    }

    /// What it was told since it was looked at, in short.
    pub(super) fn told(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).iter().map(super::event_line).collect()
    }

    /// The latest description that it was told.
    pub(super) fn described(&self) -> &str {
        let sdp = self.events.iter().rev().find_map(|event| match event {
            SessionEvent::Offer { sdp, .. } | SessionEvent::Answer { sdp, .. } => Some(sdp.as_str()),
            _ => None,
        });
        sdp.expect("a description was told")
    }
}

/// A stanza about a content of this name.
pub(super) fn about(action: Action, name: &str) -> Jingle {
    Jingle {
        contents: vec![crate::stanza::Content::new(Role::Initiator, name)],
        ..Jingle::new(action, super::id())
    }
}

pub(super) fn terminate(reason: Reason) -> Jingle {
    Jingle {
        reason: Some(Farewell::new(reason)),
        ..Jingle::new(Action::SessionTerminate, super::id())
    }
}
