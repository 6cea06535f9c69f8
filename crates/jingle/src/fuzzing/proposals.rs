//! Drives a watched table of proposals by bytes.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    time::{Duration, Instant},
};

use crate::{
    ConversationId, FullJid, InitiationMessage, Jid, ProposalEvent, Proposals, ProposalsConfig, SessionId,
    message::{Ending, Finish, Propose},
    proposals::{Input, LapseCause, Output},
    reason::Reason,
};

const LIMIT: usize = 3;
const LIMIT_PER_SENDER: usize = 2;
const EVERYBODY: [&str; 7] = [
    "one@gjoll.example/a",
    "two@gjoll.example/b",
    "mallory@example.org/x",
    "me@example.org/here",
    "me@example.org/there",
    "juliet@capulet.example/phone",
    "juliet@capulet.example/tablet",
];
const CALLEES: [&str; 5] = [
    "juliet@capulet.example",
    "juliet@capulet.example/tablet",
    "me@example.org",
    "one@gjoll.example/a",
    "me@example.org/here",
];

/// A proposal of ours, as the application knows it.
struct Own {
    to: Jid,
    proceeded: Option<Jid>,
}

struct Watched {
    proposals: Proposals,
    now: Instant,
    begin: Instant,
    /// What the application knows to be pending: it must always be what is pending.
    ringing: BTreeSet<SessionId>,
    accepted: BTreeSet<SessionId>,
    own: BTreeMap<SessionId, Own>,
    /// Of what we said since the last input or command: the sessions that were taken back.
    retracted: BTreeMap<SessionId, bool>,
    log: Vec<String>,
}

fn jid(text: &str) -> Jid {
    text.parse().expect("the JIDs of this file are well formed")
}

fn local() -> FullJid {
    let jid = jid(EVERYBODY[3]).try_into_full();
    jid.expect("our own JID has a resource")
}

fn id(index: u8) -> SessionId {
    SessionId::new(format!("s{}", index % 5))
}

fn conversation(index: u8) -> Option<ConversationId> {
    let number = index % 4;
    (number > 0).then(|| ConversationId::new(number.to_string()))
}

/// See [`super::proposal_operations`].
pub(super) fn operations(data: &[u8]) -> Vec<String> {
    let begin = super::some_instant();
    let mut config = ProposalsConfig::new(local());
    config.limit = LIMIT;
    config.limit_per_sender = LIMIT_PER_SENDER;
    config.limit_own = LIMIT;
    config.limit_ringing = 1;
    config.memory = 2;
    let mut watched = Watched {
        proposals: Proposals::new(config, begin),
        now: begin,
        begin,
        ringing: BTreeSet::new(),
        accepted: BTreeSet::new(),
        own: BTreeMap::new(),
        retracted: BTreeMap::new(),
        log: Vec::new(),
    };
    for operation in data.chunks_exact(2) {
        watched.operate(operation[0], operation[1]);
    }
    watched.wait(Duration::from_secs(120));
    assert!(watched.ringing.is_empty(), "something rings for ever");
    assert!(watched.own.is_empty(), "something is proposed for ever");
    watched.log
}

impl Watched {
    fn operate(&mut self, operation: u8, detail: u8) {
        let from = jid(EVERYBODY[usize::from(detail % 7)]);
        let id = id(detail / 7);
        let odd = detail & 1 == 1;
        match operation % 21 {
            0..=2 => {
                let mut propose = Propose::new(id);
                propose.conversation = conversation(detail / 35);
                propose.sdp_over_xmpp = odd;
                self.message(from, &InitiationMessage::Propose(propose));
            }
            3 => self.message(from, &InitiationMessage::Accept(id)),
            4 => self.message(from, &InitiationMessage::Reject(ending(id, odd))),
            5 => self.message(from, &InitiationMessage::Retract(ending(id, odd))),
            6 => {
                let result = self.proposals.accept(self.now, &id);
                if self.is_done(result, self.ringing.contains(&id) && !self.accepted.contains(&id)) {
                    self.accepted.insert(id);
                }
                self.drain();
            }
            7 => {
                let result = if detail.is_multiple_of(3) {
                    self.proposals.reject_because(self.now, &id, Reason::Busy.into())
                } else {
                    self.proposals.reject(self.now, &id, odd)
                };
                self.is_done(result, self.ringing.contains(&id));
                self.forget(&id);
                self.drain();
            }
            8 => {
                let known = self.proposals.offered(self.now, &id).is_some();
                assert_eq!(known, self.forget(&id));
                self.drain();
            }
            9 => self.wait(Duration::from_secs(u64::from(detail))),
            10 => self.message(from, &InitiationMessage::Ringing(id)),
            11 => self.message(from, &InitiationMessage::Proceed(id)),
            12 => self.message(from, &InitiationMessage::Finish(Finish::migrated(id, self::id(detail)))),
            13 => {
                let result = self.proposals.ring(self.now, &id);
                self.is_done(result, self.ringing.contains(&id) && !self.accepted.contains(&id));
                self.drain();
            }
            14 => self.unsolicited(from, id, detail),
            15 => self.propose(id, detail),
            16 => {
                let result = self.proposals.repeat(self.now, &id);
                let open = self.own.get(&id).is_some_and(|own| own.proceeded.is_none());
                self.is_done(result, open);
                self.drain();
            }
            17 => {
                let result = self.proposals.retract(self.now, &id);
                self.is_done(result, self.own.contains_key(&id));
                self.own.remove(&id);
                self.drain();
            }
            18 => {
                let begun = self.proposals.begun(self.now, &id).map(|own| own.proceeded);
                assert_eq!(begun, self.own.remove(&id).map(|own| own.proceeded));
                self.drain();
            }
            19 => {
                let message = if odd {
                    InitiationMessage::Propose(Propose::new(id))
                } else {
                    InitiationMessage::Proceed(id)
                };
                let payload = message.to_element();
                let input = Input::Undelivered { from, payload };
                self.proposals.handle_input(self.now, input);
                self.drain();
            }
            _ => {
                if let Some(conversation) = conversation(detail) {
                    self.proposals.conversation_connected(self.now, &conversation);
                    self.drain();
                    let mut left = self.proposals.iter();
                    assert!(!left.any(|row| row.conversation.as_ref() == Some(&conversation)));
                }
            }
        }
    }

    /// What a message may touch depends on who sent it, and on nothing that it says.
    fn message(&mut self, from: Jid, message: &InitiationMessage) {
        let rows: Vec<_> = self.proposals.iter().cloned().collect();
        let own: Vec<_> = self.proposals.iter_own().cloned().collect();
        let begin = self.log.len();
        let payload = message.to_element();
        let input = Input::Message {
            from: from.clone(),
            payload,
        };
        self.proposals.handle_input(self.now, input);
        self.drain();
        if from == local() {
            assert_eq!(self.log.len(), begin + 1, "we listen to ourselves");
        }
        let is_ours = from.to_bare() == local().to_bare();
        for row in rows {
            let may = is_ours || row.from == from || row.from.domain() == from.domain();
            assert!(
                may || self.proposals.proposal(&row.id) == Some(&row),
                "{from} {message:?}"
            );
        }
        for own in own {
            let is_callee = own.to.to_bare() == from.to_bare();
            let same = self.proposals.own(&own.propose.id) == Some(&own);
            assert!(is_callee || same, "{from} {message:?}");
        }
    }

    fn unsolicited(&mut self, from: Jid, id: SessionId, detail: u8) {
        let conversation = conversation(detail / 35);
        let odd = detail & 1 == 1;
        let result = self
            .proposals
            .unsolicited(self.now, from.clone(), id.clone(), conversation, odd);
        match result {
            Ok(()) => {
                let row = self.proposals.proposal(&id);
                assert_eq!(row.map(|row| &row.from), Some(&from), "the table has no place for it");
            }
            Err(cause) => self.refused(cause),
        }
        self.drain();
    }

    fn propose(&mut self, id: SessionId, detail: u8) {
        let to = jid(CALLEES[usize::from(detail % 5)]);
        let result = self.proposals.propose(self.now, to.clone(), Propose::new(id.clone()));
        let in_use = self.own.contains_key(&id) || self.ringing.contains(&id);
        let fits = self.own.len() < LIMIT && to != local() && !in_use;
        if self.is_done(result, fits) {
            self.own.insert(id, Own { to, proceeded: None });
        }
        self.drain();
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.proposals.handle_input(self.now, Input::Timeout);
        self.drain();
    }

    /// Whether a command was carried out, which it must be just when it made sense.
    fn is_done<E: Display>(&mut self, result: Result<(), E>, sense: bool) -> bool {
        let done = result.is_ok();
        if let Err(error) = result {
            self.refused(error);
        }
        assert_eq!(done, sense);
        done
    }

    /// A command that is refused has not said anything.
    fn refused(&mut self, error: impl Display) {
        self.log.push(error.to_string());
        assert!(matches!(self.proposals.poll_output(), Output::Timeout(_)));
    }

    fn forget(&mut self, id: &SessionId) -> bool {
        self.accepted.remove(id);
        self.ringing.remove(id)
    }

    fn drain(&mut self) {
        self.retracted.clear();
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
        let own = self.proposals.iter_own().map(|own| &own.propose.id);
        assert!(own.eq(self.own.keys()), "the application knows what it proposes");
        assert!(pending.len() <= LIMIT && self.own.len() <= LIMIT);
        self.check_rows();
    }

    /// No sender has more than its share, and no conversation two proposals from one domain.
    fn check_rows(&self) {
        let (mut senders, mut conversations) = (BTreeMap::new(), BTreeSet::new());
        for row in self.proposals.iter() {
            let count: &mut usize = senders.entry(row.from.to_bare()).or_default();
            *count += 1;
            assert!(*count <= LIMIT_PER_SENDER, "{} fills the table", row.from);
            if let Some(conversation) = &row.conversation {
                let place = (conversation, row.from.domain().as_str());
                assert!(conversations.insert(place), "{place:?} has two proposals");
            }
        }
    }

    fn watch(&mut self, output: Output) {
        match output {
            Output::Message { to, payload } => {
                let printed = String::from(&payload);
                let read: crate::Element = printed.parse().expect("what we send is XML");
                let message = InitiationMessage::parse(&read);
                let message = message.expect("what we send has a meaning");
                self.watch_message(&to, message.expect("what we send can be read"));
            }
            Output::Event(event) => self.watch_event(event),
            Output::Timeout(_) => {}
        }
    }

    fn watch_message(&mut self, to: &Jid, message: InitiationMessage) {
        match message {
            InitiationMessage::Proceed(id) => {
                let renamed = self.proposals.proposal(&id).is_some_and(|known| known.accepted);
                assert!(renamed, "proceed without accept");
            }
            InitiationMessage::Ringing(id) => {
                let row = self.proposals.proposal(&id).expect("what rings is pending");
                assert!(!row.accepted && row.from == *to, "{row:?}");
            }
            InitiationMessage::Propose(propose) => {
                let own = self.proposals.own(&propose.id).expect("what we propose is ours");
                assert_eq!((&own.to, &own.proceeded), (to, &None));
            }
            InitiationMessage::Reject(ending) if ending.tie_break => {
                let overrules = |own: &Own| own.proceeded.is_none() && own.to.to_bare() == to.to_bare();
                let lowest = self.own.iter().find(|(_, own)| overrules(own));
                let lowest = lowest.map(|(id, _)| id);
                assert!(
                    lowest.is_some_and(|lowest| *lowest <= ending.id),
                    "nothing overrules it"
                );
            }
            InitiationMessage::Reject(_) => {}
            InitiationMessage::Retract(ending) => {
                let again = self.retracted.insert(ending.id, ending.tie_break);
                assert_eq!(again, None, "retracted twice");
            }
            InitiationMessage::Accept(_) | InitiationMessage::Finish(_) => panic!("nobody asked us to say that"),
        }
    }

    fn watch_event(&mut self, event: ProposalEvent) {
        match event {
            ProposalEvent::Proposed(proposal) => {
                assert!(!self.accepted.contains(&proposal.id), "told after proceed");
                assert!(!self.own.contains_key(&proposal.id), "two sessions of one id");
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
            ProposalEvent::Ringing { id, by } => self.watch_answer(&id, &by, false),
            ProposalEvent::Proceeded { id, by } => {
                self.watch_answer(&id, &by, false);
                let own = self.own.get_mut(&id).expect("it is ours");
                assert_eq!(own.proceeded.replace(by), None, "asked for twice");
            }
            ProposalEvent::Rejected { id, by, .. } | ProposalEvent::Finished { id, by, .. } => {
                self.watch_answer(&id, &by, true);
                self.own.remove(&id);
            }
            ProposalEvent::Lapsed { id, cause } => {
                assert!(self.own.remove(&id).is_some(), "not ours");
                let said = match cause {
                    LapseCause::TimedOut => Some(false),
                    LapseCause::Overruled { .. } => Some(true),
                    LapseCause::Unreachable => None,
                };
                assert_eq!(self.retracted.get(&id).copied(), said);
            }
        }
    }

    /// Only the called account answers, and after `proceed` only the resource that sent it ends.
    fn watch_answer(&self, id: &SessionId, by: &Jid, ends: bool) {
        let own = self.own.get(id).expect("an answer to what we never proposed");
        assert_eq!(own.to.to_bare(), by.to_bare());
        match &own.proceeded {
            Some(peer) => assert!(ends && peer == by),
            None => assert_ne!(*by, local()),
        }
    }
}

fn ending(id: SessionId, tie_break: bool) -> Ending {
    if tie_break {
        Ending::tie_break(id)
    } else {
        Ending::new(id)
    }
}
