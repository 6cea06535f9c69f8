//! Stories of one session on a virtual clock. What a session says is compared as lines of text, so that a story reads as the
//! dialogue it tells.

mod again;
mod candidates;
mod contents;
mod ending;
mod jingle;
mod jingle_table;
mod opening;
mod pair;
mod renewal;
mod restarts;
mod signalling;
mod strangers;
mod table;

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::*;
use crate::{
    InitiationMessage, Ticket, Token,
    genesys::{Method, Rpc},
};

/// One candidate of the peer, of the media whose `ufrag` is this.
fn remote_candidate(ufrag: &str) -> String {
    format!("candidate:1 1 udp 2122063615 127.0.0.1 34507 typ host generation 0 ufrag {ufrag}")
}

/// An offer with these ICE credentials.
fn offer_sdp(ufrag: &str) -> String {
    format!("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:p-{ufrag}\r\n")
}

/// The responder with its surroundings: clock, peer, application.
struct Call {
    session: Session,
    now: Instant,
    tickets: u64,
    /// The tokens of our requests, in the order in which they were made.
    tokens: Vec<Token>,
}

impl Call {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut SessionConfig)) -> Self {
        let account = "me@example.org".parse().expect("a JID");
        let peer = "peer@gjoll.example/media".parse().expect("a JID");
        let mut config = SessionConfig::new(SessionId::new("s"), Dialect::SdpOverXmpp, peer);
        config.announce_to = Some(account);
        config.conversation = Some(ConversationId::new("c"));
        change(&mut config);
        let now = crate::fuzzing::some_instant();
        Self {
            session: Session::new(config, [3; 32], now),
            now,
            tickets: 0,
            tokens: Vec::new(),
        }
    }

    /// Has an offer that waits for its answer.
    fn offered() -> Self {
        let mut call = Self::new();
        call.offer("1", "u0");
        call
    }

    /// Has answered; the peer has not acknowledged.
    fn answering() -> Self {
        let mut call = Self::offered();
        call.answer(0, "v=0\r\n");
        call
    }

    /// Is set up.
    fn answered() -> Self {
        let mut call = Self::answering();
        call.acknowledge();
        call
    }

    /// Was told to end; the peer has not acknowledged.
    fn ending() -> Self {
        let mut call = Self::answered();
        call.end(Reason::Success);
        call
    }

    fn ended() -> Self {
        let mut call = Self::ending();
        call.acknowledge();
        call
    }

    fn says(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.session.poll_output() {
                Output::Timeout(_) => return lines,
                output => {
                    if let Output::Request { token, .. } = &output {
                        self.tokens.push(*token);
                    }
                    lines.push(line(&output));
                }
            }
        }
    }

    fn payload(&mut self, from: &str, payload: Element) -> Vec<String> {
        self.tickets += 1;
        let input = Input::Request {
            ticket: Ticket(self.tickets),
            from: from.parse::<Jid>().expect("a JID"),
            payload,
        };
        self.session.handle_input(self.now, input);
        self.says()
    }

    fn from(&mut self, from: &str, id: &str, method: Method) -> Vec<String> {
        let id = id.to_owned();
        self.payload(from, Rpc { id, method }.to_element())
    }

    fn peer(&mut self, id: &str, method: Method) -> Vec<String> {
        self.from("peer@gjoll.example/media", id, method)
    }

    fn offer(&mut self, id: &str, ufrag: &str) -> Vec<String> {
        self.peer(id, offer(&offer_sdp(ufrag), None))
    }

    fn candidate(&mut self, ufrag: &str) -> Vec<String> {
        let candidate = remote_candidate(ufrag);
        self.peer(
            "k",
            Method::Candidate {
                session: id(),
                mid: Some("audio".to_owned()),
                candidate,
            },
        )
    }

    fn end_of_candidates(&mut self) -> Vec<String> {
        self.peer("e", Method::EndOfCandidates { session: id() })
    }

    fn terminate(&mut self, reason: Reason) -> Vec<String> {
        self.peer("t", Method::Terminate { session: id(), reason })
    }

    fn response(&mut self, token: Token, outcome: Outcome) -> Vec<String> {
        self.session.handle_input(self.now, Input::Response { token, outcome });
        self.says()
    }

    /// The peer acknowledges our latest request.
    fn acknowledge(&mut self) -> Vec<String> {
        let token = *self.tokens.last().expect("a request was made");
        self.response(token, Outcome::Done)
    }

    fn refuse(&mut self, condition: &str) -> Vec<String> {
        let token = *self.tokens.last().expect("a request was made");
        self.response(token, Outcome::Refused(Rejection::new(condition)))
    }

    /// Nobody answers our latest request.
    fn lose(&mut self) -> Vec<String> {
        let token = *self.tokens.last().expect("a request was made");
        self.response(token, Outcome::Lost)
    }

    fn signalling_lost(&mut self) -> Vec<String> {
        self.session.handle_input(self.now, Input::SignallingLost);
        self.says()
    }

    fn signalling_restored(&mut self) -> Vec<String> {
        self.session.handle_input(self.now, Input::SignallingRestored);
        self.says()
    }

    fn handled_elsewhere(&mut self) -> Vec<String> {
        self.session.handle_input(self.now, Input::HandledElsewhere);
        self.says()
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.session.handle_input(self.now, Input::Timeout);
        self.says()
    }

    fn command(&mut self, command: impl FnOnce(&mut Session, Instant) -> Result<(), CommandError>) -> Vec<String> {
        match command(&mut self.session, self.now) {
            Ok(()) => self.says(),
            Err(error) => {
                assert_eq!(self.says(), [""; 0], "a refused command changes nothing");
                vec![format!("error: {error}")]
            }
        }
    }

    fn answer(&mut self, number: u32, sdp: &str) -> Vec<String> {
        self.command(|session, now| session.answer(now, generation(number), sdp.to_owned()))
    }

    fn end(&mut self, reason: Reason) -> Vec<String> {
        self.command(|session, now| session.end(now, reason))
    }

    /// How long the session wants to be left alone.
    fn sleeps(&mut self) -> Duration {
        match self.session.poll_output() {
            Output::Timeout(at) => at - self.now,
            output => panic!("{output:?} is still to be done"),
        }
    }
}

fn id() -> SessionId {
    SessionId::new("s")
}

fn generation(number: u32) -> Generation {
    (0..number).fold(Generation::FIRST, |generation, _| generation.next())
}

fn offer(sdp: &str, conversation: Option<&str>) -> Method {
    Method::Offer {
        session: id(),
        conversation: conversation.map(ConversationId::new),
        sdp: sdp.to_owned(),
        reinvite: false,
    }
}

fn line(output: &Output) -> String {
    match output {
        Output::Request { to, payload, .. } => {
            assert_eq!(to.to_string(), "peer@gjoll.example/media");
            format!("to the peer: {}", method(payload))
        }
        Output::Farewell { to, payload } => {
            assert_eq!(to.to_string(), "peer@gjoll.example/media");
            format!("farewell: {}", method(payload))
        }
        Output::Reply { reply: Reply::Done, .. } => "reply: done".to_owned(),
        Output::Reply {
            reply: Reply::Refused(refusal),
            ..
        } => {
            format!("reply: {}: {refusal}", refusal.condition())
        }
        Output::Message { to, payload } => {
            let accept = InitiationMessage::Accept(id()).to_element();
            assert_eq!((to.to_string().as_str(), payload), ("me@example.org", &accept));
            "to our account: accept".to_owned()
        }
        Output::Event(event) => event_line(event),
        Output::Timeout(_) => String::new(),
    }
}

fn method(payload: &Element) -> String {
    match Rpc::parse(payload).expect("what we send can be read").method {
        Method::Answer { sdp, .. } => format!("answer {sdp:?}"),
        Method::Candidate { mid, candidate, .. } => {
            format!("candidate {} {candidate}", mid.unwrap_or_default())
        }
        Method::EndOfCandidates { .. } => "end of candidates".to_owned(),
        Method::Info { status, .. } => format!("info {status}"),
        Method::Terminate { reason, .. } => format!("terminate {reason}"),
        Method::Mute { media, .. } => format!("mute {media}"),
        Method::Unmute { media, .. } => format!("unmute {media}"),
        offer @ Method::Offer { .. } => panic!("a responder never sends {offer:?}"),
    }
}

fn event_line(event: &SessionEvent) -> String {
    match event {
        SessionEvent::ConversationChanged { conversation } => {
            format!("event: conversation {conversation}")
        }
        SessionEvent::Offer {
            generation,
            kind,
            sdp: _,
        } => {
            format!("event: offer {generation} {kind:?}")
        }
        SessionEvent::RemoteCandidate {
            generation,
            mid,
            candidate,
        } => {
            let mut words = candidate.split(' ').skip_while(|word| *word != "ufrag");
            let ufrag = words.nth(1).unwrap_or("-");
            let mid = mid.as_deref().unwrap_or("-");
            format!("event: candidate {generation} {mid} {ufrag}")
        }
        SessionEvent::RemoteEndOfCandidates { generation } => {
            format!("event: end of candidates {generation}")
        }
        SessionEvent::AnswerAcknowledged { generation } => {
            format!("event: acknowledged {generation}")
        }
        SessionEvent::Answer { generation, sdp: _ } => format!("event: answer {generation}"),
        SessionEvent::OfferDeclined { generation, cause } => format!("event: declined {generation} {cause:?}"),
        SessionEvent::RemoteRinging => "event: ringing".to_owned(),
        SessionEvent::RemoteActive => "event: active".to_owned(),
        SessionEvent::RemoteHeld { held } => format!("event: held {held}"),
        SessionEvent::RemoteMuted { muted, mid } => format!("event: muted {muted} {}", mid.as_deref().unwrap_or("-")),
        SessionEvent::Redirected { to } => format!("event: redirected {to}"),
        SessionEvent::Ended { reason, by, text } => {
            let text = text.as_ref().map(|text| format!(": {text}")).unwrap_or_default();
            format!("event: ended {reason} by {by:?}{text}")
        }
    }
}
