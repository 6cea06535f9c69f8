//! The requests that wait for an answer.
//!
//! An answer is accepted by its id **and** its sender (RFC 6120 section 8.1.2.1): anybody can send a stanza with an id
//! they guessed or saw.

use std::time::{Duration, Instant};

use jid::{BareJid, FullJid, Jid};
use minidom::Element;
use tracing::debug;

use super::{iq::Answer, rate::Stanza};
use crate::{Frame, RequestKind, Token, Urgency, services::ServiceList};

/// How often a request is repeated that the server throttles.
const REPETITIONS: u8 = 5;

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Application(Token),
    /// The lists that a stream needs to be connected.
    Services(ServiceList),
    /// The same lists, later.
    Refresh(ServiceList),
    /// The subscription to server-side pings.
    ServerPings,
    /// A ping of ours.
    Ping,
    /// The ping after a suspend.
    Wake,
}

impl Purpose {
    /// Pings are answered by a refusal as well as by a result.
    const fn is_ping(self) -> bool {
        match self {
            Self::Ping | Self::Wake => true,
            Self::Application(_) | Self::Services(_) | Self::Refresh(_) | Self::ServerPings => false,
        }
    }

    /// Whether the stream is connected no sooner than it is answered.
    const fn is_of_connecting(self) -> bool {
        match self {
            Self::Services(_) | Self::ServerPings => true,
            Self::Application(_) | Self::Refresh(_) | Self::Ping | Self::Wake => false,
        }
    }
}

/// A request that waits for its answer.
#[derive(Debug, Clone)]
pub(super) struct Pending {
    id: String,
    to: Option<Jid>,
    patience: Duration,
    purpose: Purpose,
    urgency: Urgency,
    /// To repeat it.
    frame: Frame,
    repetitions: u8,
    /// By when it is to be answered, however often it was repeated, if connecting waits for it.
    until: Option<Instant>,
    step: Step,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// It waits for the send rate.
    Unsent,
    /// It is sent; the answer may come until then.
    Sent(Instant),
    /// The server throttled it; it is sent again then.
    Throttled(Instant),
}

impl Pending {
    pub(super) fn new(
        id: String,
        to: Option<Jid>,
        patience: Duration,
        purpose: Purpose,
        urgency: Urgency,
        frame: Frame,
    ) -> Self {
        Self {
            id,
            to,
            patience,
            purpose,
            urgency,
            frame,
            repetitions: 0,
            until: None,
            step: Step::Unsent,
        }
    }

    /// It is on its way: its answer has its time.
    fn sent(&mut self, now: Instant) {
        let until = now + self.patience;
        self.step = Step::Sent(if self.purpose.is_of_connecting() {
            *self.until.get_or_insert(until)
        } else {
            until
        });
    }

    /// Present if the application made it.
    fn token(&self) -> Option<Token> {
        match self.purpose {
            Purpose::Application(token) => Some(token),
            Purpose::Services(_) | Purpose::Refresh(_) | Purpose::ServerPings | Purpose::Ping | Purpose::Wake => None,
        }
    }
}

/// In the order in which they were made.
#[derive(Debug, Clone, Default)]
pub(super) struct Requests(Vec<Pending>);

/// What is to be sent, and how long its answer may take.
pub(super) struct Question {
    pub(super) to: Option<Jid>,
    pub(super) from: Option<Jid>,
    pub(super) kind: RequestKind,
    pub(super) payload: Element,
    pub(super) patience: Duration,
    pub(super) urgency: Urgency,
}

impl Requests {
    pub(super) fn add(&mut self, pending: Pending) {
        self.0.push(pending);
    }

    fn find(&mut self, id: &str) -> Option<&mut Pending> {
        self.0.iter_mut().find(|pending| pending.id == id)
    }

    /// It is on its way: from here its answer has its time.
    pub(super) fn sent(&mut self, id: &str, now: Instant) {
        if let Some(pending) = self.find(id) {
            pending.sent(now);
        }
    }

    /// It was lost with its socket and waits to be sent again.
    pub(super) fn unsent(&mut self, id: &str) {
        if let Some(pending) = self.find(id) {
            pending.step = Step::Unsent;
        }
    }

    /// Gives every answer its time anew.
    pub(super) fn restart(&mut self, now: Instant) {
        for pending in &mut self.0 {
            pending.until = None;
            match pending.step {
                Step::Sent(_) => pending.sent(now),
                Step::Unsent | Step::Throttled(_) => {}
            }
        }
    }

    /// The request that this answer is for, which then waits no longer. If the server throttles it (an error of type
    /// `wait` with code 429) it goes on waiting, to be repeated at `again`, five
    /// times at most.
    pub(super) fn answered(
        &mut self,
        id: &str,
        from: Option<&Jid>,
        own: &FullJid,
        answer: Answer,
        again: Option<Instant>,
    ) -> Option<(Purpose, Answer)> {
        let Some(index) = self
            .0
            .iter()
            .position(|pending| pending.id == id && may_answer(pending.to.as_ref(), from, own))
        else {
            debug!("answer to no request of ours, or from somebody else, ignored");
            return None;
        };
        let pending = &mut self.0[index];
        let is_throttled = matches!(&answer, Answer::Error { throttled: true, .. });
        if let Some(again) = again
            && is_throttled
            && pending.repetitions < REPETITIONS
            && !pending.purpose.is_ping()
        {
            debug!(repetitions = pending.repetitions, "request throttled");
            pending.repetitions += 1;
            pending.step = match pending.until {
                Some(until) if until <= again => Step::Sent(until),
                Some(_) | None => Step::Throttled(again),
            };
            return None;
        }
        Some((self.0.remove(index).purpose, answer))
    }

    /// The next request that was throttled and is to be sent again, under the same id.
    pub(super) fn repeated(&mut self, now: Instant) -> Option<(Urgency, Stanza)> {
        let pending = self
            .0
            .iter_mut()
            .find(|pending| matches!(pending.step, Step::Throttled(again) if again <= now))?;
        pending.step = Step::Unsent;
        let stanza = Stanza {
            request: Some(pending.id.clone()),
            frame: pending.frame.clone(),
        };
        Some((pending.urgency, stanza))
    }

    /// The next request whose time is up, which then waits no longer.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Purpose> {
        let index = self
            .0
            .iter()
            .position(|pending| matches!(pending.step, Step::Sent(until) if until <= now))?;
        Some(self.0.remove(index).purpose)
    }

    /// When the next of them is to be looked at.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0
            .iter()
            .filter_map(|pending| match pending.step {
                Step::Unsent => None,
                Step::Sent(at) | Step::Throttled(at) => Some(at),
            })
            .min()
    }

    /// When the next of their answers is late; nothing is repeated any more.
    pub(super) fn answer_deadline(&self) -> Option<Instant> {
        self.0
            .iter()
            .filter_map(|pending| match pending.step {
                Step::Unsent | Step::Throttled(_) => None,
                Step::Sent(at) => Some(at),
            })
            .min()
    }

    /// The tokens of those that the application made.
    pub(super) fn tokens(&self) -> impl Iterator<Item = Token> {
        self.0.iter().filter_map(Pending::token)
    }

    /// Gives up all of them; the tokens of those that the application made.
    pub(super) fn abandon(self) -> impl Iterator<Item = Token> {
        self.0.into_iter().filter_map(|pending| pending.token())
    }
}

/// Whether an answer from `from` can be the answer to what was sent to `to`. The account's own server may write itself
/// as nothing, as the account, or as its domain.
pub(super) fn may_answer(to: Option<&Jid>, from: Option<&Jid>, own: &FullJid) -> bool {
    match (to, from) {
        (Some(to), Some(from)) => to == from,
        (Some(to), None) => is_own_server(to, own),
        (None, Some(from)) => is_own_server(from, own) || from == &Jid::from(own.clone()),
        (None, None) => true,
    }
}

fn is_own_server(address: &Jid, own: &FullJid) -> bool {
    let domain = BareJid::from_parts(None, own.domain());
    address == &Jid::from(own.to_bare()) || address == &Jid::from(domain)
}
