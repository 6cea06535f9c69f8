//! The reference: what an endpoint does, by the rules of XEP-0166, XEP-0353 and the platform, with no regard to how. It is a value:
//! what happens to it gives effects, and nothing else matters.

mod call;
mod hear;
mod judge;
mod outcome;
mod proposals;
mod unheard;
mod wish;

use std::collections::BTreeMap;

use offhook_jingle::{Dialect, Reason, SessionId, stanza::Role};

pub use call::{Call, Stage, Turn};
use proposals::Row;
pub use wish::Done;

use super::words::{Act, Answer, Ask, By, Conversation, Effect, Event, Happening, Terms, Time, Who, Wish};
use call::Desk;
use proposals::Table;

/// How much, and how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Limits {
    /// Calls that nobody proposed are taken.
    pub takes: bool,
    pub sessions: usize,
    pub proposals: usize,
    pub per_sender: usize,
    pub own: usize,
    pub early_candidates: usize,
    pub overtaken: usize,
    pub remote_candidates: usize,
    pub restarts: usize,
    pub held: usize,
    pub expiry: Time,
    pub ignore: Time,
    pub give_up: Time,
    pub offer: Time,
    pub answer: Time,
    pub change: Time,
    pub early: Time,
    pub end: Time,
    pub gone: Time,
}

/// One endpoint.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    me: Who,
    limits: Limits,
    up: bool,
    held: Vec<Effect>,
    pub table: Table,
    pub calls: BTreeMap<SessionId, Call>,
    /// Candidates that came before the session that was proposed.
    overtaken: BTreeMap<SessionId, (Time, Vec<Ask>)>,
    asked: BTreeMap<u64, SessionId>,
    next_token: u64,
}

impl Model {
    pub fn new(me: Who, limits: Limits) -> Self {
        Self {
            me,
            limits,
            up: true,
            held: Vec::new(),
            table: Table::default(),
            calls: BTreeMap::new(),
            overtaken: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_token: 0,
        }
    }

    /// When something happens though nothing does.
    pub fn deadline(&self) -> Option<Time> {
        let calls = self.calls.values().filter_map(Call::deadline);
        calls.chain(self.table.deadline()).min()
    }

    /// Lends out what a session or the table needs, and puts it back.
    pub fn act<R>(&mut self, now: Time, act: impl FnOnce(&mut Self, &mut Desk) -> R) -> (R, Vec<Effect>) {
        let (mut effects, mut asked) = (Vec::new(), std::mem::take(&mut self.asked));
        let (limits, mut next_token) = (self.limits.clone(), self.next_token);
        let mut held = std::mem::take(&mut self.held);
        let mut desk = Desk {
            me: self.me,
            now,
            up: self.up,
            limits: &limits,
            effects: &mut effects,
            asked: &mut asked,
            next_token: &mut next_token,
            held: &mut held,
        };
        let result = act(self, &mut desk);
        (self.asked, self.next_token, self.held) = (asked, next_token, held);
        for (id, _) in self.calls.extract_if(.., |_, call| call.is_over()) {
            self.table.over(now, limits.expiry, &id);
        }
        // What overtook its offer is kept as long as its proposal.
        let rows = &self.table.rows;
        self.overtaken.retain(|id, _| rows.contains_key(id));
        (result, effects)
    }

    /// What happens outside.
    pub fn happens(&mut self, now: Time, happening: &Happening) -> Vec<Effect> {
        self.act(now, |model, desk| {
            model.time_passes(desk);
            match happening {
                Happening::Message { from, message } => model.table.hear(desk, *from, message),
                Happening::Asked { ticket, from, ask } => model.route(desk, *ticket, *from, ask),
                Happening::Outcome { token, outcome } => {
                    let id = desk.asked.remove(token);
                    model.with(id.as_ref(), |call| call.outcome(desk, *token, outcome));
                }
                Happening::SignallingLost => {
                    model.up = false;
                    desk.up = false;
                    model.all(|call| call.signalling_lost(desk));
                }
                Happening::SignallingRestored => {
                    model.up = true;
                    desk.up = true;
                    desk.effects.append(desk.held);
                    model.all(|call| call.signalling_restored(desk));
                }
                Happening::TimePassed => {}
            }
        })
        .1
    }

    fn with<R>(&mut self, id: Option<&SessionId>, act: impl FnOnce(&mut Call) -> R) -> Option<R> {
        self.calls.get_mut(id?).filter(|call| !call.is_over()).map(act)
    }

    fn all(&mut self, mut act: impl FnMut(&mut Call)) {
        self.calls
            .values_mut()
            .filter(|call| !call.is_over())
            .for_each(&mut act);
    }

    fn time_passes(&mut self, desk: &mut Desk) {
        self.table.time_passes(desk);
        let now = desk.now;
        self.all(|call| {
            if call.deadline().is_some_and(|deadline| deadline <= now) {
                call.time_out(desk);
            }
        });
    }

    /// For which session the request is.
    fn route(&mut self, desk: &mut Desk, ticket: u64, from: Who, ask: &Ask) {
        let reply = |desk: &mut Desk, answer| desk.effects.push(Effect::Reply(ticket, answer));
        let id = &ask.id;
        if ask.act == Act::Noise {
            return reply(desk, Answer::bad_request());
        }
        if let Some(call) = self.calls.get_mut(id).filter(|call| !call.is_over()) {
            if call.dialect != ask.dialect && call.peer == from {
                return desk.effects.push(Effect::Ignore(ticket));
            }
            return call.hear(desk, Some(ticket), from, ask);
        }
        let begins = ask.begins();
        let to_nobody = match ask.act {
            Act::Terminate { .. } => Answer::Done,
            _ => Answer::unknown_session(),
        };
        let row = self.table.rows.get(id).cloned();
        match row {
            Some(row) if row.from != from => reply(desk, to_nobody),
            Some(row) if row.dialect != ask.dialect => desk.effects.push(Effect::Ignore(ticket)),
            Some(row) if begins && row.accepted => self.proposed_begins(desk, ticket, ask, &row),
            Some(_) if is_trickle(&ask.act) => {
                let kept = self.keep(desk, ask);
                reply(desk, if kept { Answer::Done } else { Answer::too_much() });
            }
            None if begins => self.unproposed_begins(desk, ticket, from, ask),
            Some(_) | None => reply(desk, to_nobody),
        }
    }

    fn keep(&mut self, desk: &Desk, ask: &Ask) -> bool {
        self.overtaken.retain(|_, (until, _)| *until > desk.now);
        if self.overtaken.len() >= desk.limits.overtaken && !self.overtaken.contains_key(&ask.id) {
            return false;
        }
        let until = desk.now + desk.limits.early;
        let (_, asks) = self.overtaken.entry(ask.id.clone()).or_insert((until, Vec::new()));
        let room = asks.len() < desk.limits.early_candidates;
        if room {
            asks.push(ask.clone());
        }
        room
    }

    fn is_full(&self, desk: &Desk) -> bool {
        self.calls.values().filter(|call| !call.is_over()).count() >= desk.limits.sessions
    }

    fn proposed_begins(&mut self, desk: &mut Desk, ticket: u64, ask: &Ask, row: &Row) {
        if self.is_full(desk) {
            return desk.effects.push(Effect::Reply(ticket, Answer::too_much()));
        }
        self.table.begun(desk.now, desk.limits.expiry, &ask.id);
        let named = match &ask.act {
            Act::Initiate { conversation, .. } => *conversation,
            _ => None,
        };
        let mut call = responder(desk, ask, row.from, named.or(row.conversation));
        call.announce = true;
        call.hear(desk, Some(ticket), row.from, ask);
        let overtaken = self.overtaken.remove(&ask.id).filter(|(until, _)| *until > desk.now);
        for ask in overtaken.into_iter().flat_map(|(_, asks)| asks) {
            call.hear(desk, None, row.from, &ask);
        }
        self.calls.insert(ask.id.clone(), call);
    }

    /// Of two that call each other at the same time, the lower name goes first (XEP-0166 section 7.2.16).
    fn unproposed_begins(&mut self, desk: &mut Desk, ticket: u64, from: Who, ask: &Ask) {
        let calling = self.calls.values().find(|call| call.is_calling() && call.peer == from);
        let calling = calling.map(|call| call.id.clone());
        let refusal = if !desk.limits.takes {
            Some(Answer::refused("service-unavailable"))
        } else if self.table.own.contains_key(&ask.id) || self.table.is_over(desk.now, from, &ask.id) {
            // It is ours to begin, or its caller has not heard of the end yet.
            Some(Answer::unknown_session())
        } else if calling.as_ref().is_some_and(|ours| *ours < ask.id) {
            Some(Answer::tie_break())
        } else if self.is_full(desk) {
            Some(Answer::too_much())
        } else if matches!(ask.act, Act::Hollow(_)) {
            // What is no offer begins nothing.
            Some(Answer::bad_request())
        } else {
            None
        };
        if let Some(refusal) = refusal {
            return desk.effects.push(Effect::Reply(ticket, refusal));
        }
        let mut call = responder(desk, ask, from, None);
        call.hear(desk, Some(ticket), from, ask);
        self.calls.insert(ask.id.clone(), call);
        let successor = Some(ask.id.clone());
        self.with(calling.as_ref(), |ours| {
            ours.end_for(desk, Reason::AlternativeSession, successor, By::Us);
        });
    }

    /// We call; the name is drawn by whoever asks.
    pub fn call(
        &mut self,
        now: Time,
        id: Option<SessionId>,
        peer: Who,
        dialect: Dialect,
        conversation: Option<Conversation>,
        terms: Terms,
    ) -> (Done, Vec<Effect>) {
        self.act(now, |model, desk| {
            if model.is_full(desk) {
                return Err("TooManySessions");
            }
            let id = id.expect("it is there, since nothing stands against it");
            let mut call = start(desk, id.clone(), peer, Role::Initiator, dialect, conversation);
            call.begin(desk, terms);
            model.calls.insert(id, call);
            Ok(())
        })
    }

    /// What the application wants of a session.
    pub fn wish(&mut self, now: Time, id: &SessionId, wish: &Wish) -> (Done, Vec<Effect>) {
        self.act(now, |model, desk| {
            let done = model.with(Some(id), |call| call.wish(desk, wish));
            done.unwrap_or(Err("UnknownSession"))
        })
    }

    /// We begin what we proposed and somebody proceeded with.
    pub fn begin(&mut self, now: Time, id: &SessionId, terms: Terms) -> (Done, Vec<Effect>) {
        let own = self.table.own.get(id).cloned();
        let Some((own, peer)) = own.and_then(|own| Some((own.clone(), own.proceeded?))) else {
            return (Err("NotProceeded"), Vec::new());
        };
        let begun = self.call(now, Some(id.clone()), peer, own.dialect, own.conversation, terms);
        if begun.0.is_ok() {
            self.table.begun(now, self.limits.expiry, id);
        }
        begun
    }
}

fn is_trickle(act: &Act) -> bool {
    matches!(
        act,
        Act::Candidate { .. } | Act::EndOfCandidates { .. } | Act::Restart(_)
    )
}

fn start(
    desk: &mut Desk,
    id: SessionId,
    peer: Who,
    role: Role,
    dialect: Dialect,
    conversation: Option<Conversation>,
) -> Call {
    let event = Event::Started(id.clone(), peer, role, dialect, conversation);
    desk.effects.push(Effect::Tell(event));
    Call {
        id,
        peer,
        role,
        dialect,
        conversation,
        announce: false,
        muted: false,
        holding: false,
        held: false,
        stage: Stage::Waiting {
            until: desk.now + desk.limits.offer,
            early: Vec::new(),
        },
    }
}

fn responder(desk: &mut Desk, ask: &Ask, from: Who, conversation: Option<Conversation>) -> Call {
    start(desk, ask.id.clone(), from, Role::Responder, ask.dialect, conversation)
}
