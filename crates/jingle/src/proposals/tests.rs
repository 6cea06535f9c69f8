//! Stories of the ringing table on a virtual clock.

mod answers;
mod elsewhere;
mod repeated;
mod table;

use std::time::{Duration, Instant};

use jid::Jid;
use minidom::Element;

use super::*;
use crate::{ConversationId, message::Propose};

const GATEWAY: &str = "one@gjoll.example/a";
const HERE: &str = "me@example.org/here";
const THERE: &str = "me@example.org/there";
const STRANGER: &str = "mallory@example.org/x";

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

    fn result(&mut self, result: Result<(), ProposalError>) -> Vec<String> {
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
                    let id = payload.attr("id").unwrap_or_default();
                    lines.push(format!("to {to}: {} {id}", payload.name()));
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
        ProposalEvent::Cancelled { id, cause } => format!("event: {id} cancelled, {cause:?}"),
        ProposalEvent::HandledElsewhere { id } => format!("event: {id} handled elsewhere"),
        ProposalEvent::Refused { from, id: _, cause } => format!("event: refused {from}: {cause}"),
    }
}

fn proposal_line(proposal: &Proposal) -> String {
    let mut line = format!("{} proposed by {}", proposal.id, proposal.from);
    for (flag, word) in [
        (proposal.auto_answer, ", answer by yourself"),
        (proposal.silent, ", silently"),
        (!proposal.sdp_over_xmpp, ", in Jingle"),
        (proposal.accepted, ", accepted"),
    ] {
        line.push_str(if flag { word } else { "" });
    }
    line
}
