//! Two phones and a third, what is under way between them, and the clock. Whatever happens to a phone happens to its model too, and
//! then both are compared.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use offhook_jingle::{
    Element, Endpoint, EndpointConfig, EndpointEvent, SessionId, Ticket, Token,
    endpoint::{Input, Output, Unsolicited},
    session::{Outcome, Rejection},
};

use super::{
    app::App,
    model::{Limits, Model},
    network::{Cargo, Network, Packet, Reply},
    seen, wire,
    words::{self, Act, Answer, Ask, Effect, Happening, Message, Time, To, Who},
};

/// How long a request waits for its answer.
pub const PATIENCE: Time = 15_000;

/// Nothing is under way for longer than that.
const LONGEST: Time = 60_000;

/// What was said lately, for those who repeat it.
const OVERHEARD: usize = 24;

/// How the world is, by its first bytes.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    /// Who takes calls that nobody proposed, a bit for each.
    pub takes: u8,
    /// What one says to another arrives in its order.
    pub in_order: bool,
    /// Other resources of an account hear what one of them says by messages (XEP-0280).
    pub carbons: bool,
    /// Whoever is called answers in the end.
    pub answers: bool,
    /// Nobody speaks in the name of somebody else but Mallory, whom nobody believes, and servers carry what they are given.
    pub honest: bool,
}

/// One phone.
pub struct Phone {
    pub who: Who,
    pub endpoint: Endpoint,
    pub model: Model,
    pub app: App,
    pub up: bool,
    /// Its requests that have no outcome: by their number on the network, which they are to the endpoint and since when.
    pub waiting: BTreeMap<u64, (u64, Time)>,
    /// What it owes somebody as soon as it can.
    owed: Vec<(Who, Element)>,
}

pub struct World {
    pub manner: Manner,
    pub phones: [Phone; 3],
    pub network: Network,
    pub now: Time,
    begin: Instant,
    requests: u64,
    tickets: BTreeMap<u64, (Who, u64, Ask)>,
    /// Sessions whose beginning arrives twice. Who refuses the first may take the second, which nobody waits for any more.
    pub doubled: BTreeSet<SessionId>,
    /// What was said by whom to whom, the latest last.
    pub overheard: Vec<(Who, Who, Element)>,
    /// Sessions of which somebody told a lie, or of which something was lost for good: on these nobody need agree.
    pub spoilt: BTreeSet<SessionId>,
    /// Line by line, if anybody wants to know.
    log: Option<Vec<String>>,
    pub tally: BTreeMap<&'static str, u64>,
}

fn limits(takes: bool) -> Limits {
    Limits {
        takes,
        sessions: 4,
        proposals: 3,
        per_sender: 2,
        own: 3,
        early_candidates: 3,
        overtaken: 2,
        remote_candidates: 6,
        restarts: 4,
        held: 3,
        expiry: 120_000,
        ignore: 6 * 60 * 60 * 1000,
        give_up: 60_000,
        offer: 60_000,
        answer: 120_000,
        change: 30_000,
        early: 60_000,
        end: 2000,
        gone: 120_000,
    }
}

fn config(who: Who, limits: &Limits) -> EndpointConfig {
    let jid = who.jid().parse().expect("a full JID");
    let mut config = EndpointConfig::new(jid);
    if limits.takes {
        config.unsolicited = Unsolicited::Take;
    }
    config.sessions = limits.sessions;
    config.overtaken = limits.overtaken;
    config.proposals.limit = limits.proposals;
    config.proposals.limit_per_sender = limits.per_sender;
    config.proposals.limit_own = limits.own;
    config.limits.early_candidates = limits.early_candidates;
    config.limits.remote_candidates = limits.remote_candidates;
    config.limits.held = limits.held;
    config
}

/// An instant has to come from somewhere; nothing that is looked at depends on which it is.
#[allow(
    clippy::disallowed_methods,
    reason = "a test, of which nothing depends on the instant"
)]
fn some_instant() -> Instant {
    Instant::now()
}

impl World {
    pub fn new(manner: Manner, kept: bool) -> Self {
        let begin = some_instant();
        let phone = |who: Who| {
            let limits = limits(manner.takes >> who as u8 & 1 == 1);
            let seed = [who as u8 + 1; 32];
            Phone {
                who,
                endpoint: Endpoint::new(config(who, &limits), seed, begin),
                model: Model::new(who, limits),
                app: App::default(),
                up: true,
                waiting: BTreeMap::new(),
                owed: Vec::new(),
            }
        };
        Self {
            manner,
            phones: Who::ALL.map(phone),
            network: Network::default(),
            now: 0,
            begin,
            requests: 0,
            tickets: BTreeMap::new(),
            doubled: BTreeSet::new(),
            overheard: Vec::new(),
            spoilt: BTreeSet::new(),
            log: kept.then(Vec::new),
            tally: BTreeMap::new(),
        }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(line());
        }
    }

    pub fn take_log(&mut self) -> Vec<String> {
        self.log.take().unwrap_or_default()
    }

    pub fn count(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    pub fn instant(&self) -> Instant {
        self.begin + Duration::from_millis(self.now)
    }

    pub fn phone(&self, who: Who) -> &Phone {
        &self.phones[who as usize]
    }

    pub fn phone_mut(&mut self, who: Who) -> &mut Phone {
        &mut self.phones[who as usize]
    }

    /// Something happens to a phone.
    pub fn happens(&mut self, who: Who, happening: &Happening, input: Input) {
        let (instant, now) = (self.instant(), self.now);
        self.note(|| format!("{now} {who:?} {happening:?}"));
        let phone = self.phone_mut(who);
        phone.endpoint.handle_input(instant, input);
        let expected = phone.model.happens(now, happening);
        self.compare(who, expected);
    }

    /// A phone does something; both do it, and say whether they could.
    pub fn command<R>(
        &mut self,
        who: Who,
        command: impl FnOnce(&mut Phone, Instant) -> (Result<R, String>, Result<(), &'static str>, Vec<Effect>),
    ) -> Option<R> {
        let instant = self.instant();
        let (done, expected, effects) = command(self.phone_mut(who), instant);
        let refusal = done.as_ref().err().map(String::as_str);
        assert_eq!(
            refusal,
            expected.err(),
            "whether the command can be carried out (left: it says)"
        );
        if let Err(refusal) = &done {
            self.note(|| format!("  refused: {refusal}"));
        }
        self.compare(who, effects);
        done.ok()
    }

    /// What the phone does and is, beside what it should.
    fn compare(&mut self, who: Who, expected: Vec<Effect>) {
        let mut outputs = Vec::new();
        let wake = loop {
            match self.phone_mut(who).endpoint.poll_output() {
                Output::Timeout(wake) => break wake,
                output => outputs.push(output),
            }
        };
        let mut seen = Vec::new();
        for output in &outputs {
            let app = &mut self.phone_mut(who).app;
            if let Output::Event(event @ EndpointEvent::Started { .. }) = output {
                app.on_event(event);
            }
            seen.extend(seen::effect(output, |id| app.role(id)));
            if let Output::Event(event) = output
                && !matches!(event, EndpointEvent::Started { .. })
            {
                app.on_event(event);
            }
        }
        for (effect, output) in seen.iter().zip(&outputs) {
            self.note(|| format!("    {effect:?}{}", seen::trace(output)));
        }
        for (what, is_it) in KINDS {
            let of = |effects: &'_ [Effect]| {
                effects
                    .iter()
                    .filter(|effect| is_it(effect))
                    .cloned()
                    .collect::<Vec<_>>()
            };
            let equal = seen
                .iter()
                .filter(|effect| is_it(effect))
                .eq(expected.iter().filter(|effect| is_it(effect)));
            assert!(
                equal,
                "{who:?} {what}\n  {:#?}\nand should have\n  {:#?}",
                of(&seen),
                of(&expected)
            );
        }
        let phone = self.phone(who);
        let (tables, expected) = (seen::tables(&phone.endpoint), seen::model_tables(&phone.model));
        assert!(
            tables == expected,
            "{who:?} has\n  {tables:#?}\nand should have\n  {expected:#?}"
        );
        self.check_wake(who, wake);
        for output in outputs {
            self.carry_out(who, output);
        }
    }

    /// It wants to be woken when it has something to do, and not all the time.
    fn check_wake(&self, who: Who, wake: Instant) {
        const LONG: Duration = Duration::from_secs(60 * 60);
        let deadline = self.phone(who).model.deadline();
        let expected = deadline.map(|deadline| self.begin + Duration::from_millis(deadline));
        let now = self.instant();
        match expected {
            Some(expected) => assert!(
                wake == expected,
                "{who:?} wants to be woken in {:?}, and should in {:?}",
                wake - now,
                expected - now
            ),
            None => assert!(
                wake > now + LONG,
                "{who:?} wants to be woken in {:?} for nothing",
                wake - now
            ),
        }
    }

    fn carry_out(&mut self, who: Who, output: Output) {
        match output {
            Output::Request { token, to, payload } => {
                assert!(self.phone(who).up, "{who:?} asks something without signalling");
                let to = seen::who(&to);
                self.requests += 1;
                let (number, now) = (self.requests, self.now);
                self.phone_mut(who).waiting.insert(number, (token.0, now));
                self.send(who, to, Cargo::Request(number, payload), false);
            }
            Output::Farewell { to, payload } => {
                let to = seen::who(&to);
                if self.phone(who).up {
                    self.send(who, to, Cargo::Request(0, payload), true);
                } else {
                    self.phone_mut(who).owed.push((to, payload));
                }
            }
            Output::Message { to, payload } => {
                assert!(self.phone(who).up, "{who:?} says something without signalling");
                self.distribute(who, seen::to(&to), &payload);
            }
            Output::Reply { ticket, reply } => {
                let Some((from, number, ask)) = self.tickets.remove(&ticket.0) else {
                    panic!("{who:?} replies twice, or to nothing");
                };
                let Some(Effect::Reply(_, answer)) = seen::effect(&Output::Reply { ticket, reply }, |_| unreachable!())
                else {
                    unreachable!("it is a reply")
                };
                if answer != Answer::Done && ask.begins() && self.doubled.contains(&ask.id) {
                    self.spoilt.insert(ask.id);
                }
                self.send(who, from, Cargo::Reply(number, Reply::Answer(answer)), false);
            }
            Output::Ignore { ticket } => drop(self.tickets.remove(&ticket.0)),
            Output::Event(_) | Output::Timeout(_) => {}
        }
    }

    pub fn send(&mut self, from: Who, to: Who, cargo: Cargo, sure: bool) {
        if let Cargo::Message(element) | Cargo::Request(_, element) = &cargo
            && to != Who::Mallory
        {
            self.overheard.push((from, to, element.clone()));
            let old = self.overheard.len().saturating_sub(OVERHEARD);
            self.overheard.drain(..old);
        }
        let since = self.now;
        self.network.send(Packet {
            from,
            to,
            cargo,
            sure,
            since,
        });
    }

    /// To all resources of an account, or to one; and as copies to the others of the sender's.
    fn distribute(&mut self, from: Who, to: To, payload: &Element) {
        let copies = self.manner.carbons;
        for who in Who::ALL {
            let addressed = match to {
                To::One(one) => one == who,
                To::All(account) => who.account() == account,
            };
            let copied = copies && who != from && who.account() == from.account();
            if addressed || copied {
                self.send(from, who, Cargo::Message(payload.clone()), false);
            }
        }
    }

    /// Something arrives.
    pub fn arrive(&mut self, packet: Packet) {
        let Packet { from, to, cargo, .. } = packet;
        match cargo {
            Cargo::Message(payload) => {
                let message = wire::message(&payload);
                self.hear(from, to, message, payload);
            }
            Cargo::Request(number, payload) => self.ask(from, to, number, payload),
            Cargo::Reply(number, reply) => self.outcome(to, number, &reply),
        }
    }

    pub fn hear(&mut self, from: Who, to: Who, message: Message, payload: Element) {
        if to != Who::Mallory {
            let input = Input::Message {
                from: from.jid().parse().expect("a JID"),
                payload,
            };
            self.happens(to, &Happening::Message { from, message }, input);
        }
    }

    pub fn ask(&mut self, from: Who, to: Who, number: u64, payload: Element) {
        if to == Who::Mallory {
            // She knows of nothing.
            let reply = Reply::Answer(Answer::unknown_session());
            return self.send(to, from, Cargo::Reply(number, reply), false);
        }
        self.requests += 1;
        let ticket = self.requests;
        let ask = wire::ask(&payload);
        self.tickets.insert(ticket, (from, number, ask.clone()));
        let input = Input::Request {
            ticket: Ticket(ticket),
            from: from.jid().parse().expect("a JID"),
            payload,
        };
        self.happens(to, &Happening::Asked { ticket, from, ask }, input);
    }

    fn outcome(&mut self, who: Who, number: u64, reply: &Reply) {
        if who == Who::Mallory {
            return;
        }
        let (outcome, input) = match reply {
            Reply::Answer(Answer::Done) => (words::Outcome::Answered(Answer::Done), Outcome::Done),
            Reply::Answer(Answer::Refused(condition, application)) => {
                let rejection = Rejection {
                    application: *application,
                    ..Rejection::new(condition)
                };
                let answer = Answer::Refused(condition.clone(), *application);
                (words::Outcome::Answered(answer), Outcome::Refused(rejection))
            }
            Reply::Redirect => {
                let rejection = Rejection {
                    redirect: Some("xmpp:voicemail@example.net".to_owned()),
                    ..Rejection::new("redirect")
                };
                (words::Outcome::Redirected, Outcome::Refused(rejection))
            }
        };
        self.settle(who, number, outcome, input);
    }

    /// Nobody knows what became of the request.
    pub fn lose(&mut self, who: Who, number: u64) {
        self.settle(who, number, words::Outcome::Lost, Outcome::Lost);
    }

    fn settle(&mut self, who: Who, number: u64, outcome: words::Outcome, told: Outcome) {
        let Some((token, _)) = self.phone_mut(who).waiting.remove(&number) else {
            return;
        };
        let input = Input::Response {
            token: Token(token),
            outcome: told,
        };
        self.happens(who, &Happening::Outcome { token, outcome }, input);
    }

    pub fn lose_signalling(&mut self, who: Who) {
        self.phone_mut(who).up = false;
        self.happens(who, &Happening::SignallingLost, Input::SignallingLost);
    }

    /// There is a stream again: the old one, with all that was under way, or a fresh one.
    pub fn restore_signalling(&mut self, who: Who, resumed: bool) {
        if resumed {
            let now = self.now;
            for (_, since) in self.phone_mut(who).waiting.values_mut() {
                *since = now;
            }
        } else {
            let numbers: Vec<_> = self.phone(who).waiting.keys().copied().collect();
            for number in numbers {
                self.lose(who, number);
            }
        }
        let phone = self.phone_mut(who);
        phone.up = true;
        let owed = std::mem::take(&mut phone.owed);
        for (to, payload) in owed {
            self.send(who, to, Cargo::Request(0, payload), true);
        }
        self.happens(who, &Happening::SignallingRestored, Input::SignallingRestored);
    }

    /// When something happens next though nobody does anything.
    pub fn next_moment(&self) -> Option<Time> {
        let impatient = self.phones.iter().filter(|phone| phone.up);
        let impatient = impatient.flat_map(|phone| phone.waiting.values().map(|(_, since)| since + PATIENCE));
        let deadlines = self.phones.iter().filter_map(|phone| phone.model.deadline());
        impatient.chain(deadlines).min()
    }

    /// Time passes until then, and whoever has something to do does it in time.
    pub fn pass_until(&mut self, until: Time) {
        while let Some(next) = self.next_moment().filter(|next| *next <= until) {
            self.now = self.now.max(next);
            for who in Who::ALL {
                let phone = self.phone(who);
                let late = |(number, (_, since)): (&u64, &(u64, Time))| (since + PATIENCE <= next).then_some(*number);
                let late: Vec<_> = phone.waiting.iter().filter_map(late).collect();
                let is_up = phone.up;
                if phone.model.deadline().is_some_and(|deadline| deadline <= next) {
                    self.happens(who, &Happening::TimePassed, Input::Timeout);
                }
                for number in late.into_iter().filter(|_| is_up) {
                    self.lose(who, number);
                }
            }
        }
        self.now = until;
        for packet in self.network.take_old(until.saturating_sub(LONGEST)) {
            self.lost(packet);
        }
    }

    /// What is lost is lost; who waits for it learns so in time.
    pub fn lost(&mut self, packet: Packet) {
        // Who ends waits no longer than 2 s, and does not learn that it was not heard.
        if let Cargo::Request(_, payload) = &packet.cargo {
            let ask = wire::ask(payload);
            if matches!(ask.act, Act::Terminate { .. }) {
                self.spoilt.insert(ask.id);
            }
        }
        let Packet { from, to, .. } = packet;
        self.note(|| format!("lost between {from:?} and {to:?}"));
        self.count("lost");
    }
}

thread_local! {
    /// The log of the last world of this thread that went wrong.
    static LAST_WORDS: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The log of the last world of this thread that went wrong.
pub fn last_words() -> String {
    LAST_WORDS.take().join("\n")
}

impl Drop for World {
    fn drop(&mut self) {
        if std::thread::panicking() {
            LAST_WORDS.set(self.take_log());
        }
    }
}

type Kind = (&'static str, fn(&Effect) -> bool);

/// What is compared with what; between these the order is nobody's business.
const KINDS: [Kind; 3] = [
    ("replies", |effect| {
        matches!(effect, Effect::Reply(..) | Effect::Ignore(_))
    }),
    ("says", |effect| {
        matches!(effect, Effect::Ask(..) | Effect::Message(..) | Effect::Farewell(..))
    }),
    ("tells", |effect| matches!(effect, Effect::Tell(_))),
];
