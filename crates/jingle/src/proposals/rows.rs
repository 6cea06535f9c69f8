//! The rows of what was proposed to us, and what finds them: no message costs more for there being many.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use jid::{BareJid, Jid};

use super::pending::{Pending, Proposal};
use crate::{ConversationId, SessionId};

/// All maps are ordered, so that the same inputs give the same outputs.
#[derive(Debug, Clone, Default)]
pub(super) struct Rows {
    rows: BTreeMap<SessionId, Pending>,
    /// By conversation and the proposer's domain. No two rows share both: the later one takes the place of the earlier.
    conversations: BTreeMap<(ConversationId, String), SessionId>,
    /// How many rows each account has.
    senders: BTreeMap<BareJid, usize>,
    deadlines: BTreeSet<(Instant, SessionId)>,
}

fn place(proposal: &Proposal) -> Option<(ConversationId, String)> {
    let conversation = proposal.conversation.clone()?;
    Some((conversation, proposal.from.domain().as_str().to_owned()))
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<&Pending> {
        self.rows.get(id)
    }

    /// The row, to note what was said of it. What finds it is changed by the methods of this type alone.
    pub(super) fn get_mut(&mut self, id: &SessionId) -> Option<&mut Pending> {
        self.rows.get_mut(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Pending> {
        self.rows.values()
    }

    pub(super) fn insert(&mut self, row: Pending) {
        let proposal = row.proposal();
        let id = proposal.id.clone();
        debug_assert!(!self.rows.contains_key(&id), "a row is never overwritten");
        if let Some(place) = place(proposal) {
            self.conversations.insert(place, id.clone());
        }
        *self.senders.entry(proposal.from.to_bare()).or_default() += 1;
        self.deadlines.insert((row.expires(), id.clone()));
        self.rows.insert(id, row);
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Pending> {
        let row = self.rows.remove(id)?;
        let proposal = row.proposal();
        if let Some(place) = place(proposal) {
            self.conversations.remove(&place);
        }
        let sender = proposal.from.to_bare();
        if let Some(count) = self.senders.get_mut(&sender) {
            *count -= 1;
            if *count == 0 {
                self.senders.remove(&sender);
            }
        }
        self.deadlines.remove(&(row.expires(), id.clone()));
        Some(row)
    }

    pub(super) fn renew(&mut self, id: &SessionId, expires: Instant) {
        if let Some(row) = self.rows.get_mut(id) {
            self.deadlines.remove(&(row.expires(), id.clone()));
            row.renew(expires);
            self.deadlines.insert((expires, id.clone()));
        }
    }

    /// How many rows an account has.
    pub(super) fn of_sender(&self, account: &BareJid) -> usize {
        self.senders.get(account).copied().unwrap_or_default()
    }

    /// The row of this conversation that somebody of this one's domain proposed.
    pub(super) fn of_conversation(&self, conversation: &ConversationId, from: &Jid) -> Option<&SessionId> {
        let domain = from.domain().as_str().to_owned();
        self.conversations.get(&(conversation.clone(), domain))
    }

    /// The rows of this conversation, whoever proposed them.
    pub(super) fn all_of_conversation(&self, conversation: &ConversationId) -> Vec<SessionId> {
        self.conversations
            .range((conversation.clone(), String::new())..)
            .take_while(|((of, _), _)| of == conversation)
            .map(|(_, id)| id.clone())
            .collect()
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A row whose time is over.
    pub(super) fn due(&self, now: Instant) -> Option<SessionId> {
        let (at, id) = self.deadlines.first()?;
        (*at <= now).then(|| id.clone())
    }
}
