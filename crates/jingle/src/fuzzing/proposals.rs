//! Drives a watched table of proposals by bytes.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use crate::{
    ConversationId, FullJid, InitiationMessage, Jid, ProposalEvent, Proposals, ProposalsConfig, SessionId,
    message::Propose,
    proposals::{Input, Output, ProposalError},
};

const LIMIT: usize = 3;

struct Watched {
    proposals: Proposals,
    now: Instant,
    begin: Instant,
    /// What the application knows to be pending: it must always be what is pending.
    ringing: BTreeSet<SessionId>,
    accepted: BTreeSet<SessionId>,
    log: Vec<String>,
}

fn jid(index: u8) -> Jid {
    let text = match index % 5 {
        0 => "one@gjoll.example/a",
        1 => "two@gjoll.example/b",
        2 => "mallory@example.org/x",
        3 => "me@example.org/here",
        _ => "me@example.org/there",
    };
    text.parse().expect("the JIDs of this file are well formed")
}

fn local() -> FullJid {
    let jid = jid(3).try_into_full();
    jid.expect("our own JID has a resource")
}

fn id(index: u8) -> SessionId {
    SessionId::new(format!("s{}", index % 5))
}

/// See [`super::proposal_operations`].
pub(super) fn operations(data: &[u8]) -> Vec<String> {
    let begin = super::some_instant();
    let mut config = ProposalsConfig::new(local());
    config.limit = LIMIT;
    config.memory = 2;
    let mut watched = Watched {
        proposals: Proposals::new(config, begin),
        now: begin,
        begin,
        ringing: BTreeSet::new(),
        accepted: BTreeSet::new(),
        log: Vec::new(),
    };
    for operation in data.chunks_exact(2) {
        watched.operate(operation[0], operation[1]);
    }
    watched.wait(Duration::from_secs(120));
    assert!(watched.ringing.is_empty(), "something rings for ever");
    watched.log
}

impl Watched {
    fn operate(&mut self, operation: u8, detail: u8) {
        let from = jid(detail);
        let id = id(detail / 5);
        match operation % 10 {
            0..=2 => {
                let mut propose = Propose::new(id);
                let conversation = detail / 25 % 4;
                propose.conversation = (conversation > 0).then(|| ConversationId::new(conversation.to_string()));
                propose.sdp_over_xmpp = detail & 1 == 1;
                self.message(from, &InitiationMessage::Propose(propose));
            }
            3 => self.message(from, &InitiationMessage::Accept(id)),
            4 => self.message(from, &InitiationMessage::Reject(id)),
            5 => self.message(from, &InitiationMessage::Retract(id)),
            6 => self.command(&id, Proposals::accept, false),
            7 => {
                let ignore = detail & 1 == 1;
                self.command(&id, |table, now, id| table.reject(now, id, ignore), true);
            }
            8 => {
                let known = self.proposals.offered(self.now, &id).is_some();
                assert_eq!(known, self.forget(&id));
                self.drain();
            }
            _ => self.wait(Duration::from_secs(u64::from(detail))),
        }
    }

    fn message(&mut self, from: Jid, message: &InitiationMessage) {
        let payload = message.to_element();
        self.proposals.handle_input(self.now, Input::Message { from, payload });
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.proposals.handle_input(self.now, Input::Timeout);
        self.drain();
    }

    fn command(
        &mut self,
        id: &SessionId,
        command: impl FnOnce(&mut Proposals, Instant, &SessionId) -> Result<(), ProposalError>,
        leaves: bool,
    ) {
        match command(&mut self.proposals, self.now, id) {
            Ok(()) if leaves => assert!(self.forget(id)),
            Ok(()) => assert!(self.accepted.insert(id.clone()), "accepted twice"),
            Err(error) => {
                let known = self.ringing.contains(id);
                assert_eq!(known, matches!(error, ProposalError::AlreadyAccepted { .. }));
                assert!(matches!(self.proposals.poll_output(), Output::Timeout(_)));
            }
        }
        self.drain();
    }

    fn forget(&mut self, id: &SessionId) -> bool {
        self.accepted.remove(id);
        self.ringing.remove(id)
    }

    fn drain(&mut self) {
        loop {
            let output = self.proposals.poll_output();
            if let Output::Timeout(at) = output {
                assert!(at > self.now, "a deadline has passed unnoticed");
                self.log.push(format!("{:?}", at - self.begin));
                break;
            }
            self.log.push(format!("{output:?}"));
            self.watch(output);
        }
        let pending: BTreeSet<_> = self.proposals.iter().map(|known| known.id.clone()).collect();
        assert_eq!(self.ringing, pending, "the application knows what is pending");
        assert!(pending.len() <= LIMIT);
    }

    fn watch(&mut self, output: Output) {
        match output {
            Output::Message { to: _, payload } => {
                let printed = String::from(&payload);
                let read: crate::Element = printed.parse().expect("what we send is XML");
                if let Some(Ok(InitiationMessage::Proceed(id))) = InitiationMessage::parse(&read) {
                    let renamed = self.proposals.proposal(&id).is_some_and(|known| known.accepted);
                    assert!(renamed, "proceed without accept");
                }
            }
            Output::Event(event) => self.watch_event(event),
            Output::Timeout(_) => {}
        }
    }

    fn watch_event(&mut self, event: ProposalEvent) {
        match event {
            ProposalEvent::Proposed(proposal) => {
                assert!(!self.accepted.contains(&proposal.id), "told after proceed");
                assert_ne!(proposal.from, local());
                self.ringing.insert(proposal.id);
            }
            ProposalEvent::Replaced { old, proposal } => {
                assert_eq!(self.accepted.contains(&old), proposal.accepted);
                assert!(self.forget(&old));
                if proposal.accepted {
                    self.accepted.insert(proposal.id.clone());
                }
                self.ringing.insert(proposal.id);
            }
            ProposalEvent::Cancelled { id, .. } | ProposalEvent::HandledElsewhere { id } => {
                assert!(self.forget(&id), "stops what does not ring");
            }
            ProposalEvent::Refused { .. } => {}
        }
    }
}
