//! Two who propose to each other at the same time (XEP-0353 section 4.1).

use proptest::{prelude::*, sample::Index};

use super::*;

fn calling() -> Phone {
    let mut phone = Phone::new();
    phone.call(JULIET, "m");
    phone
}

fn theirs(session: &str) -> InitiationMessage {
    InitiationMessage::Propose(Propose::new(id(session)))
}

#[test]
fn the_lower_id_of_theirs_overrules_ours() {
    let mut phone = calling();
    assert_eq!(
        phone.message(PHONE, &theirs("l")),
        [
            "to juliet@capulet.example: retract m, expired, to break a tie",
            "event: m overruled by l",
            "event: l proposed by juliet@capulet.example/phone, in Jingle",
        ]
    );
    assert_eq!(phone.accept("l"), [format!("to {PHONE}: proceed l")]);
    let late = InitiationMessage::Reject(Ending::tie_break(id("m")));
    assert_eq!(phone.message(PHONE, &late), [""; 0]);
}

#[test]
fn the_lower_id_of_ours_overrules_theirs() {
    let mut phone = calling();
    let reject = [format!("to {PHONE}: reject n, expired, to break a tie")];
    assert_eq!(phone.message(PHONE, &theirs("n")), reject);
    assert_eq!(phone.message(PHONE, &theirs("n")), reject, "the first word may be lost");
    assert_eq!(phone.proposals.iter().count(), 0);
    let said = phone.message(TABLET, &InitiationMessage::Proceed(id("m")));
    assert_eq!(said, [format!("event: m is asked for by {TABLET}")]);
    assert_eq!(phone.message(PHONE, &theirs("n")), [""; 0], "it rings no more");
    let retract = InitiationMessage::Retract(Ending::tie_break(id("n")));
    assert_eq!(phone.message(PHONE, &retract), [""; 0]);
}

#[test]
fn who_learns_by_the_rejection_that_there_was_a_tie_gets_the_other_proposal_afterwards() {
    let mut phone = calling();
    let reject = InitiationMessage::Reject(Ending::tie_break(id("m")));
    let said = phone.message(PHONE, &reject);
    assert_eq!(said, [format!("event: m rejected by {PHONE}, expired, to break a tie")]);
    assert_eq!(phone.message(PHONE, &theirs("l")).len(), 1);
}

#[test]
fn of_equal_ids_that_of_the_lower_jid_stays() {
    let mut phone = calling();
    // "juliet@..." is lower than "me@...".
    assert_eq!(
        phone.message(PHONE, &theirs("m")),
        [
            "to juliet@capulet.example: retract m, expired, to break a tie",
            "event: m overruled by m",
            "event: m proposed by juliet@capulet.example/phone, in Jingle",
        ]
    );
    let mut phone = Phone::new();
    phone.call("romeo@montague.example", "m");
    let said = phone.message("romeo@montague.example/orchard", &theirs("m"));
    let reject = "to romeo@montague.example/orchard: reject m, expired, to break a tie";
    assert_eq!(said, [reject]);
}

#[test]
fn ids_are_compared_by_octets() {
    let mut phone = Phone::new();
    phone.call(JULIET, "a");
    let said = phone.message(PHONE, &theirs("B"));
    assert_eq!(said[0], "to juliet@capulet.example: retract a, expired, to break a tie");
}

#[test]
fn what_was_answered_has_no_tie_to_break() {
    let mut phone = calling();
    phone.message(TABLET, &InitiationMessage::Proceed(id("m")));
    let said = phone.message(PHONE, &theirs("l"));
    assert_eq!(said, ["event: l proposed by juliet@capulet.example/phone, in Jingle"]);
    let said = phone.message(PHONE, &theirs("m"));
    let in_use = "event: refused juliet@capulet.example/phone: a session of this id is pending with somebody else";
    assert_eq!(said, [in_use]);
}

#[test]
fn who_was_not_called_has_no_tie_to_break() {
    let mut phone = calling();
    assert_eq!(phone.propose("l", "c"), ["event: l proposed by one@gjoll.example/a"]);
    assert_eq!(
        phone.propose("m", "c"),
        ["event: refused one@gjoll.example/a: a session of this id is pending with somebody else"]
    );
}

#[test]
fn of_several_proposals_of_ours_the_lowest_decides() {
    let mut phone = calling();
    phone.call(JULIET, "o");
    let said = phone.message(PHONE, &theirs("n"));
    assert_eq!(said, [format!("to {PHONE}: reject n, expired, to break a tie")]);
    let said = phone.message(PHONE, &theirs("l"));
    assert_eq!(said.len(), 5, "both give way: {said:?}");
    assert_eq!(phone.proposals.iter_own().count(), 0);
}

#[test]
fn what_is_settled_or_ignored_breaks_no_tie() {
    for ignore in [true, false] {
        let mut phone = Phone::new();
        phone.message(PHONE, &theirs("l"));
        phone.reject("l", ignore);
        phone.call(JULIET, "m");
        assert_eq!(phone.message(PHONE, &theirs("l")), [""; 0]);
        assert_eq!(phone.proposals.iter_own().count(), 1);
    }
}

/// Two tables and what is on its way between them.
struct Pair {
    tables: [Proposals; 2],
    /// What is on its way to each, in order.
    ways: [VecDeque<Element>; 2],
    now: Instant,
}

const BOTH: [&str; 2] = ["juliet@capulet.example/balcony", "romeo@montague.example/orchard"];

impl Pair {
    fn new() -> Self {
        let now = crate::fuzzing::some_instant();
        let table = |jid: &str| Proposals::new(ProposalsConfig::new(jid.parse().expect("a full JID")), now);
        Self {
            tables: BOTH.map(table),
            ways: Default::default(),
            now,
        }
    }

    fn drain(&mut self, who: usize) {
        loop {
            match self.tables[who].poll_output() {
                Output::Message { to, payload } => {
                    let account: Jid = BOTH[1 - who].parse().expect("a JID");
                    if to.to_bare() == account.to_bare() {
                        self.ways[1 - who].push_back(payload);
                    }
                }
                Output::Event(_) => {}
                Output::Timeout(_) => return,
            }
        }
    }

    fn propose(&mut self, who: usize, session: &str) {
        let other: Jid = BOTH[1 - who].parse().expect("a JID");
        let to = other.to_bare().into();
        let propose = Propose::new(id(session));
        // Their proposal of this id may be here already.
        let _ = self.tables[who].propose(self.now, to, propose);
        self.drain(who);
    }

    fn deliver(&mut self, who: usize) {
        if let Some(payload) = self.ways[who].pop_front() {
            let from = BOTH[1 - who].parse().expect("a JID");
            let input = Input::Message { from, payload };
            self.tables[who].handle_input(self.now, input);
            self.drain(who);
        }
    }

    /// What is proposed to this one: one of them.
    fn ringing(&self, who: usize, pick: Index) -> Option<SessionId> {
        let ringing: Vec<_> = self.tables[who].iter().map(|known| known.id.clone()).collect();
        (!ringing.is_empty()).then(|| pick.get(&ringing).clone())
    }

    fn step(&mut self, step: Step, ids: &[String; 2], pick: Index) {
        match step {
            Step::Propose(who) => self.propose(who, &ids[who]),
            Step::Deliver(who) => self.deliver(who),
            Step::Accept(who) => {
                if let Some(id) = self.ringing(who, pick) {
                    let _ = self.tables[who].accept(self.now, &id);
                    self.drain(who);
                }
            }
            Step::Reject(who) => {
                if let Some(id) = self.ringing(who, pick) {
                    self.tables[who].reject(self.now, &id, false).expect("it rings");
                    self.drain(who);
                }
            }
            Step::Retract(who) => {
                let _ = self.tables[who].retract(self.now, &id(&ids[who]));
                self.drain(who);
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Propose(usize),
    Deliver(usize),
    Accept(usize),
    Reject(usize),
    Retract(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let who = 0..2_usize;
    prop_oneof![
        3 => who.clone().prop_map(Step::Propose),
        6 => who.clone().prop_map(Step::Deliver),
        3 => who.clone().prop_map(Step::Accept),
        1 => who.clone().prop_map(Step::Reject),
        1 => who.prop_map(Step::Retract),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Each proposes once, at any time and under any id, may take that back, and accepts or rejects what rings, in any order. Once all has
    /// arrived, both hold the same sessions: what one proposes rings at the other, and is asked for if that one accepted it.
    #[test]
    fn both_agree_once_all_has_arrived(
        ids in ["[ab]", "[ab]"],
        steps in prop::collection::vec((step(), any::<Index>()), 0..24),
    ) {
        let mut pair = Pair::new();
        let mut proposed = [false; 2];
        let mut declined = false;
        for (step, pick) in steps {
            if let Step::Propose(who) = step {
                // An id names one session, and is not used again.
                if std::mem::replace(&mut proposed[who], true) {
                    continue;
                }
            }
            declined |= matches!(step, Step::Reject(_) | Step::Retract(_));
            pair.step(step, &ids, pick);
        }
        while pair.ways.iter().any(|way| !way.is_empty()) {
            pair.deliver(0);
            pair.deliver(1);
        }
        for who in 0..2 {
            let asked = |own: &OwnProposal| (own.propose.id.clone(), own.proceeded.is_some());
            let ours: Vec<_> = pair.tables[who].iter_own().map(asked).collect();
            let theirs = pair.tables[1 - who].iter();
            let theirs: Vec<_> = theirs.map(|known| (known.id.clone(), known.accepted)).collect();
            prop_assert_eq!(ours, theirs);
        }
        let alive = pair.tables.iter().map(|table| table.iter_own().count()).sum::<usize>();
        prop_assert!(alive > 0 || declined || proposed == [false; 2], "a tie loses no call");
    }
}
