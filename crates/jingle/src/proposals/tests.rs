//! Stories of the ringing table on a virtual clock.

mod answers;
mod calling;
mod crossing;
mod elsewhere;
mod index;
mod repeated;
mod ringing;
mod rules;
mod table;
mod unsolicited;

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::*;
use crate::{
    ConversationId, Farewell,
    message::{Ending, Propose},
};

const GATEWAY: &str = "one@gjoll.example/a";
const HERE: &str = "me@example.org/here";
const THERE: &str = "me@example.org/there";
const STRANGER: &str = "mallory@example.org/x";
const JULIET: &str = "juliet@capulet.example";
const PHONE: &str = "juliet@capulet.example/phone";
const TABLET: &str = "juliet@capulet.example/tablet";

/// The table with its surroundings. What it says comes as lines of text.
struct Phone {
    proposals: Proposals,
    now: Instant,
}

fn id(text: &str) -> SessionId {
    SessionId::new(text)
}

fn propose(session: &str, conversation: &str) -> Propose {
    let mut propose = Propose::new(id(session));
    propose.conversation = Some(ConversationId::new(conversation));
    propose.sdp_over_xmpp = true;
    propose
}

impl Phone {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut ProposalsConfig)) -> Self {
        let mut config = ProposalsConfig::new(HERE.parse().expect("a full JID"));
        change(&mut config);
        let now = crate::fuzzing::some_instant();
        Self {
            proposals: Proposals::new(config, now),
            now,
        }
    }

    fn ringing() -> Self {
        let mut phone = Self::new();
        phone.propose("s", "c");
        phone
    }

    fn accepted() -> Self {
        let mut phone = Self::ringing();
        phone.accept("s");
        phone
    }

    fn message(&mut self, from: &str, message: &InitiationMessage) -> Vec<String> {
        self.payload(from, message.to_element())
    }

    fn payload(&mut self, from: &str, payload: Element) -> Vec<String> {
        let from: Jid = from.parse().expect("a JID");
        self.proposals.handle_input(self.now, Input::Message { from, payload });
        self.says()
    }

    fn propose(&mut self, session: &str, conversation: &str) -> Vec<String> {
        let propose = propose(session, conversation);
        self.message(GATEWAY, &InitiationMessage::Propose(propose))
    }

    fn accept(&mut self, session: &str) -> Vec<String> {
        let result = self.proposals.accept(self.now, &id(session));
        self.result(result)
    }

    fn reject(&mut self, session: &str, ignore: bool) -> Vec<String> {
        let result = self.proposals.reject(self.now, &id(session), ignore);
        self.result(result)
    }

    fn offered(&mut self, session: &str) -> Option<Proposal> {
        let proposal = self.proposals.offered(self.now, &id(session));
        assert_eq!(self.says(), [""; 0]);
        proposal
    }

    fn ring(&mut self, session: &str) -> Vec<String> {
        let result = self.proposals.ring(self.now, &id(session));
        self.result(result)
    }

    fn unsolicited(&mut self, from: &str, session: &str, conversation: &str) -> Vec<String> {
        let from = from.parse().expect("a JID");
        let conversation = Some(ConversationId::new(conversation));
        let result = self
            .proposals
            .unsolicited(self.now, from, id(session), conversation, true);
        self.result(result)
    }

    fn connected(&mut self, conversation: &str) -> Vec<String> {
        let conversation = ConversationId::new(conversation);
        self.proposals.conversation_connected(self.now, &conversation);
        self.says()
    }

    fn undelivered(&mut self, from: &str, message: &InitiationMessage) -> Vec<String> {
        let from: Jid = from.parse().expect("a JID");
        let payload = message.to_element();
        let input = Input::Undelivered { from, payload };
        self.proposals.handle_input(self.now, input);
        self.says()
    }

    fn call(&mut self, to: &str, session: &str) -> Vec<String> {
        let to = to.parse().expect("a JID");
        let result = self.proposals.propose(self.now, to, Propose::new(id(session)));
        self.result(result)
    }

    fn retract(&mut self, session: &str) -> Vec<String> {
        let result = self.proposals.retract(self.now, &id(session));
        self.result(result)
    }

    fn repeat(&mut self, session: &str) -> Vec<String> {
        let result = self.proposals.repeat(self.now, &id(session));
        self.result(result)
    }

    fn result<E: std::fmt::Display>(&mut self, result: Result<(), E>) -> Vec<String> {
        match result {
            Ok(()) => self.says(),
            Err(error) => {
                assert_eq!(self.says(), [""; 0], "a refused command changes nothing");
                vec![format!("error: {error}")]
            }
        }
    }

    fn wait(&mut self, time: Duration) -> Vec<String> {
        self.now += time;
        self.proposals.handle_input(self.now, Input::Timeout);
        self.says()
    }

    fn says(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            match self.proposals.poll_output() {
                Output::Timeout(_) => return lines,
                Output::Message { to, payload } => {
                    let message = InitiationMessage::parse(&payload);
                    let message = message.expect("we say what we can read").expect("and read it");
                    let (name, id) = (payload.name(), message.id());
                    lines.push(format!("to {to}: {name} {id}{}", why_line(&message)));
                }
                Output::Event(event) => lines.push(event_line(&event)),
            }
        }
    }
}

fn event_line(event: &ProposalEvent) -> String {
    match event {
        ProposalEvent::Proposed(proposal) => format!("event: {}", proposal_line(proposal)),
        ProposalEvent::Replaced { old, proposal } => {
            format!("event: instead of {old} {}", proposal_line(proposal))
        }
        ProposalEvent::Cancelled { id, cause } => format!("event: {id} cancelled, {}", cause_line(cause)),
        ProposalEvent::HandledElsewhere { id } => format!("event: {id} handled elsewhere"),
        ProposalEvent::Refused { from, id: _, cause } => format!("event: refused {from}: {cause}"),
        ProposalEvent::Ringing { id, by } => format!("event: {id} rings at {by}"),
        ProposalEvent::Proceeded { id, by } => format!("event: {id} is asked for by {by}"),
        ProposalEvent::Rejected {
            id,
            by,
            farewell,
            tie_break,
        } => format!(
            "event: {id} rejected by {by}{}",
            reason_line(farewell.as_ref(), *tie_break, None)
        ),
        ProposalEvent::Finished {
            id,
            by,
            farewell,
            migrated_to,
        } => format!(
            "event: {id} finished by {by}{}",
            reason_line(farewell.as_ref(), false, migrated_to.as_ref())
        ),
        ProposalEvent::Lapsed { id, cause } => match cause {
            LapseCause::TimedOut => format!("event: {id} timed out"),
            LapseCause::Overruled { by } => format!("event: {id} overruled by {by}"),
            LapseCause::Unreachable => format!("event: {id} reaches nobody"),
        },
    }
}

fn cause_line(cause: &CancelCause) -> String {
    match cause {
        CancelCause::Retracted { farewell, tie_break } => {
            format!("retracted{}", reason_line(farewell.as_ref(), *tie_break, None))
        }
        CancelCause::Finished { farewell, migrated_to } => {
            format!(
                "finished{}",
                reason_line(farewell.as_ref(), false, migrated_to.as_ref())
            )
        }
        CancelCause::Expired => "expired".to_owned(),
        CancelCause::Connected => "connected otherwise".to_owned(),
        CancelCause::Unreachable => "the proposer is gone".to_owned(),
    }
}

/// Why a message says that something is over, if it does.
fn why_line(message: &InitiationMessage) -> String {
    match message {
        InitiationMessage::Reject(ending) | InitiationMessage::Retract(ending) => {
            reason_line(ending.farewell.as_ref(), ending.tie_break, None)
        }
        InitiationMessage::Finish(finish) => reason_line(finish.farewell.as_ref(), false, finish.migrated_to.as_ref()),
        InitiationMessage::Propose(_)
        | InitiationMessage::Ringing(_)
        | InitiationMessage::Proceed(_)
        | InitiationMessage::Accept(_) => String::new(),
    }
}

fn reason_line(farewell: Option<&Farewell>, tie_break: bool, migrated_to: Option<&SessionId>) -> String {
    let mut line = String::new();
    if let Some(Farewell { reason, text, .. }) = farewell {
        line.push_str(&format!(", {reason}"));
        line.extend(text.iter().map(|text| format!(" ({text})")));
    }
    if tie_break {
        line.push_str(", to break a tie");
    }
    line.extend(migrated_to.map(|to| format!(", for {to}")));
    line
}

fn proposal_line(proposal: &Proposal) -> String {
    let mut line = format!("{} proposed by {}", proposal.id, proposal.from);
    for (flag, word) in [
        (proposal.auto_answer, ", answer by yourself"),
        (proposal.silent, ", silently"),
        (!proposal.sdp_over_xmpp, ", in Jingle"),
        (proposal.unsolicited, ", with its offer"),
        (proposal.accepted, ", accepted"),
    ] {
        line.push_str(if flag { word } else { "" });
    }
    line
}
