//! The requests that wait for an answer.
//!
//! An answer is accepted by its id **and** its sender (RFC 6120 section 8.1.2.1): anybody can send a stanza with an id
//! they guessed or saw.

use std::time::{Duration, Instant};

use jid::{BareJid, FullJid, Jid};
use minidom::Element;

use super::{Context, iq};
use crate::{RequestKind, Token, services::ServiceList};

/// Whose request it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Purpose {
    Application(Token),
    Services(ServiceList),
    Pings,
}

#[derive(Debug)]
struct Pending {
    id: String,
    to: Option<Jid>,
    deadline: Instant,
    purpose: Purpose,
}

/// In the order in which they were made.
#[derive(Debug, Default)]
pub(super) struct Requests(Vec<Pending>);

/// What is to be sent, and how long its answer may take.
pub(super) struct Question {
    pub(super) to: Option<Jid>,
    pub(super) from: Option<Jid>,
    pub(super) kind: RequestKind,
    pub(super) payload: Element,
    pub(super) patience: Duration,
}

impl Requests {
    /// Sends a request and keeps it until it is answered or its time is up.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, purpose: Purpose, question: Question) {
        let id = cx.ids.draw();
        cx.outbox.transmit(&iq::request(
            &id,
            question.to.as_ref(),
            question.from.as_ref(),
            question.kind,
            question.payload,
        ));
        self.0.push(Pending {
            id,
            to: question.to,
            deadline: cx.now + question.patience,
            purpose,
        });
    }

    /// The request that this answer is for, which then waits no longer.
    pub(super) fn answered(&mut self, id: &str, from: Option<&Jid>, own: &FullJid) -> Option<Purpose> {
        let index = self
            .0
            .iter()
            .position(|pending| pending.id == id && may_answer(pending.to.as_ref(), from, own))?;
        Some(self.0.remove(index).purpose)
    }

    /// The next request whose time is up, which then waits no longer.
    pub(super) fn expired(&mut self, now: Instant) -> Option<Purpose> {
        let index = self.0.iter().position(|pending| pending.deadline <= now)?;
        Some(self.0.remove(index).purpose)
    }

    /// When the next request's time is up.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.0.iter().map(|pending| pending.deadline).min()
    }

    /// Gives up all of them; the tokens of those that the application made.
    pub(super) fn abandon(self) -> impl Iterator<Item = Token> {
        self.0.into_iter().filter_map(|pending| match pending.purpose {
            Purpose::Application(token) => Some(token),
            Purpose::Services(_) | Purpose::Pings => None,
        })
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
