//! What is under way: requests that wait for their outcome, and messages that wait for signalling.

use std::collections::{BTreeMap, VecDeque};

use super::Output;
use crate::{SessionId, Token};

/// What is under way.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    requests: BTreeMap<Token, (SessionId, Token)>,
    /// How many requests were made, and so the next token.
    last: u64,
    /// While signalling is lost: the messages that wait for it.
    held: Option<VecDeque<Output>>,
}

impl Exchange {
    /// Numbers a request of a session; sessions number theirs each for itself.
    pub(super) fn asked(&mut self, session: SessionId, token: Token) -> Token {
        let number = Token(self.last);
        self.last += 1;
        self.requests.insert(number, (session, token));
        number
    }

    /// The number of the next request.
    pub(super) fn next(&self) -> Token {
        Token(self.last)
    }

    pub(super) fn answered(&mut self, token: Token) -> Option<(SessionId, Token)> {
        self.requests.remove(&token)
    }

    pub(super) fn is_lost(&self) -> bool {
        self.held.is_some()
    }

    pub(super) fn lose(&mut self) {
        self.held.get_or_insert_default();
    }

    pub(super) fn restore(&mut self) -> VecDeque<Output> {
        self.held.take().unwrap_or_default()
    }

    /// Keeps a message if it cannot be said now; gives it back if it can. The oldest are worth least.
    pub(super) fn hold(&mut self, limit: usize, message: Output) -> Option<Output> {
        let Some(held) = &mut self.held else {
            return Some(message);
        };
        while held.len() >= limit.max(1) {
            held.pop_front();
        }
        held.push_back(message);
        None
    }
}
