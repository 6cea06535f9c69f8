//! The table of calls.

use std::sync::Mutex;

use jid::{FullJid, Jid};
use offhook_jingle::{ConversationId, SessionId};
use tokio::sync::watch;

use crate::call_state::{CallHandle, CallState};

/// How many calls that have ended are remembered.
const ENDED_CALLS: usize = 16;

/// All calls that live, and the last that ended.
pub(crate) struct Calls {
    table: Mutex<Vec<(FullJid, CallHandle)>>,
    added: watch::Sender<()>,
}

impl Calls {
    pub(crate) fn new() -> Self {
        Self {
            table: Mutex::default(),
            added: watch::Sender::new(()),
        }
    }

    pub(super) fn add(&self, gateway: FullJid, handle: CallHandle) {
        let mut table = crate::lock(&self.table);
        let has_ended = |call: &CallHandle| matches!(*call.state.borrow(), CallState::Ended(_));
        let ended = table.iter().filter(|(_, call)| has_ended(call)).count();
        let mut excess = (ended + 1).saturating_sub(ENDED_CALLS);
        table.retain(|(_, call)| {
            let forgotten = excess > 0 && has_ended(call);
            excess -= usize::from(forgotten);
            !forgotten
        });
        table.push((gateway, handle));
        drop(table);
        self.added.send_replace(());
    }

    pub(crate) fn all(&self) -> Vec<CallHandle> {
        crate::lock(&self.table).iter().map(|(_, call)| call.clone()).collect()
    }

    pub(crate) fn find(&self, session: &SessionId) -> Option<CallHandle> {
        self.first(|_, call| call.session == *session)
    }

    /// How many calls of this user have not ended.
    pub(super) fn of_user(&self, user: &str) -> u32 {
        let table = crate::lock(&self.table);
        let live = |call: &CallHandle| !matches!(*call.state.borrow(), CallState::Ended(_));
        let own = table.iter().filter(|(_, call)| call.user == user && live(call));
        own.map(|_| 1).sum()
    }

    /// The newest call of this conversation.
    pub(crate) fn of_conversation(&self, conversation: &str) -> Option<CallHandle> {
        self.first(|_, call| call.conversation.as_str() == conversation)
    }

    /// The call of this session belongs to another conversation from now on.
    pub(super) fn adopt(&self, session: &SessionId, conversation: &ConversationId) {
        let mut table = crate::lock(&self.table);
        if let Some((_, call)) = table.iter_mut().rev().find(|(_, call)| call.session == *session) {
            call.conversation = conversation.clone();
        }
        drop(table);
        self.added.send_replace(());
    }

    /// The call of this session has another one from now on.
    pub(super) fn rename(&self, session: &SessionId, new: &SessionId) {
        let mut table = crate::lock(&self.table);
        if let Some((_, call)) = table.iter_mut().rev().find(|(_, call)| call.session == *session) {
            call.session = new.clone();
        }
        drop(table);
        self.added.send_replace(());
    }

    pub(super) fn of_address(&self, address: &Jid) -> Option<CallHandle> {
        self.first(|gateway, _| gateway.as_str() == address.as_str())
    }

    fn first(&self, wanted: impl Fn(&FullJid, &CallHandle) -> bool) -> Option<CallHandle> {
        let table = crate::lock(&self.table);
        let found = table.iter().rev().find(|(gateway, call)| wanted(gateway, call));
        found.map(|(_, call)| call.clone())
    }

    pub(crate) async fn wait_for(&self, conversation: &ConversationId) -> CallHandle {
        let mut added = self.added.subscribe();
        loop {
            if let Some(call) = self.of_conversation(conversation.as_str()) {
                return call;
            }
            // Cannot fail while `self` holds the sender.
            let _ = added.changed().await;
        }
    }
}
