//! What the user's conversations come to: notifications of the cloud and sessions of ours, linked by conversation id.
//!
//! The cloud tells of a call on topic `v2.users.{id}.conversations`, its media come in a session; either may be first.
//! [`Conversations`] is told both and tells each change of a [`CallState`] once. It has no clock and asks for nothing.

mod state;
mod update;

use std::collections::{HashMap, VecDeque};

use offhook_jingle::{ConversationId, Reason, SessionId};
use serde_json::Value;

pub use self::state::{CallEnd, CallError, CallState, Direction};
use self::{
    state::{Cloud, Media, judge},
    update::Update,
};

/// How many calls that have ended are remembered, so that a late update does not begin them again.
const ENDED_REMEMBERED: usize = 100;

/// One call as the cloud and our session show it together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrackedCall {
    /// The conversation: what the call is known by.
    pub conversation: ConversationId,
    /// The user's part in it, which REST needs in order to mute, hold and end; none before the first notification.
    pub participant: Option<String>,
    /// The user's leg, `calls[].id` (`communicationId` in REST); none before the first notification with call state.
    pub communication: Option<String>,
    /// The session that carries it, if one of ours does.
    pub session: Option<SessionId>,
    /// Where it stands.
    pub state: CallState,
    /// Whether the cloud takes nothing from our microphone.
    pub muted: bool,
    /// Who called whom; none before the first notification that says so.
    pub direction: Option<Direction>,
    /// What went wrong with it, in the cloud's words.
    pub error: Option<CallError>,
}

/// The calls of one user.
///
/// Tell it what happens by [`updated`](Self::updated), [`reconciled`](Self::reconciled) and the `session_` methods,
/// then take [`poll_change`](Self::poll_change) until there is none.
#[derive(Debug)]
pub struct Conversations {
    user: String,
    calls: HashMap<ConversationId, Entry>,
    /// Which conversation a session carries now.
    carried: HashMap<SessionId, ConversationId>,
    ended: VecDeque<ConversationId>,
    changes: VecDeque<TrackedCall>,
}

/// One call, and what its state is judged from.
#[derive(Debug)]
struct Entry {
    call: TrackedCall,
    cloud: Option<Cloud>,
    held: bool,
    media: Option<Media>,
    /// Whether anything was told of it.
    told: bool,
}

impl Conversations {
    /// No calls yet, of the user with this id (`id` of `users/me`).
    pub fn new(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            calls: HashMap::new(),
            carried: HashMap::new(),
            ended: VecDeque::new(),
            changes: VecDeque::new(),
        }
    }

    /// The call of a conversation, ended ones too as long as they are remembered.
    pub fn call(&self, conversation: &ConversationId) -> Option<&TrackedCall> {
        self.calls.get(conversation).map(|entry| &entry.call)
    }

    /// The calls that have not ended, in no order.
    pub fn live(&self) -> impl Iterator<Item = &TrackedCall> {
        let calls = self.calls.values().map(|entry| &entry.call);
        calls.filter(|call| !call.state.is_ended())
    }

    /// The next change, as the call is after it.
    pub fn poll_change(&mut self) -> Option<TrackedCall> {
        self.changes.pop_front()
    }

    /// The cloud told of a conversation: field `eventBody` of a notification, or one conversation as REST shows it.
    ///
    /// What has no id, or in which the user has no part, changes nothing.
    pub fn updated(&mut self, conversation: &Value) {
        if let Some(update) = Update::read(&self.user, conversation) {
            self.apply(update);
        }
    }

    /// The whole list of the user's conversations, as REST gives it after a reconnect. Calls that the cloud told of
    /// before and does not list any more ended meanwhile.
    pub fn reconciled(&mut self, conversations: &[Value]) {
        let updates = conversations.iter().filter_map(|one| Update::read(&self.user, one));
        let updates: Vec<_> = updates.collect();
        let gone = self.calls.values().filter(|entry| entry.cloud.is_some());
        let gone = gone.filter(|entry| {
            !updates
                .iter()
                .any(|update| update.conversation == entry.call.conversation)
        });
        let gone: Vec<_> = gone.map(|entry| entry.call.conversation.clone()).collect();
        for conversation in gone {
            self.change(&conversation, |entry| entry.cloud = Some(Cloud::Ended));
        }
        for update in updates {
            self.apply(update);
        }
    }

    /// A session carries this conversation from now on: a new one, one that takes over from another, or one that stays
    /// open between calls (a persistent connection), with `active` whether its media are connected already. A call that
    /// it carried before, and that has not ended, ends.
    pub fn session_started(&mut self, session: SessionId, conversation: ConversationId, active: bool) {
        let before = self.carried.insert(session.clone(), conversation.clone());
        if let Some(before) = before.filter(|before| *before != conversation) {
            self.left(&session, &before);
        }
        self.begin(&conversation);
        self.change(&conversation, |entry| {
            entry.call.session = Some(session);
            entry.media = Some(Media { active });
        });
    }

    /// A session's media are connected now, or are no more.
    pub fn session_active(&mut self, session: &SessionId, active: bool) {
        let Some(conversation) = self.carried.get(session).cloned() else {
            return;
        };
        self.change(&conversation, |entry| {
            if entry.call.session.as_ref() == Some(session) {
                entry.media = Some(Media { active });
            }
        });
    }

    /// A session ended. Its call ends with it, unless another session carries that by now.
    pub fn session_ended(&mut self, session: &SessionId, reason: Reason) {
        let Some(conversation) = self.carried.remove(session) else {
            return;
        };
        self.change(&conversation, |entry| {
            if entry.call.session.as_ref() == Some(session) && !entry.call.state.is_ended() {
                entry.call.state = CallState::Ended(CallEnd::Session(reason));
            }
        });
    }

    /// A session went on to another conversation.
    fn left(&mut self, session: &SessionId, conversation: &ConversationId) {
        self.change(conversation, |entry| {
            if entry.call.session.as_ref() == Some(session) {
                entry.call.state = CallState::Ended(CallEnd::Superseded);
            }
        });
    }

    fn apply(&mut self, update: Update) {
        // An update of which nothing is known but that it is over begins no call.
        let over = update.cloud == Some(Cloud::Ended);
        let conversation = update.conversation.clone();
        if over && !self.calls.contains_key(&conversation) {
            return;
        }
        self.begin(&conversation);
        self.change(&conversation, |entry| update.write(entry));
    }

    fn begin(&mut self, conversation: &ConversationId) {
        if !self.calls.contains_key(conversation) {
            self.calls
                .insert(conversation.clone(), Entry::new(conversation.clone()));
        }
    }

    /// Changes a call that has not ended, and tells it if that made a difference.
    fn change(&mut self, conversation: &ConversationId, change: impl FnOnce(&mut Entry)) {
        let Some(entry) = self.calls.get_mut(conversation) else {
            return;
        };
        if entry.call.state.is_ended() {
            return;
        }
        let before = entry.call.clone();
        change(entry);
        if !entry.call.state.is_ended() {
            entry.call.state = judge(entry.cloud, entry.media, entry.held);
        }
        if entry.told && before == entry.call {
            return;
        }
        entry.told = true;
        let call = entry.call.clone();
        if call.state.is_ended() {
            self.remember(call.conversation.clone());
        }
        self.changes.push_back(call);
    }

    fn remember(&mut self, ended: ConversationId) {
        self.ended.push_back(ended);
        if self.ended.len() > ENDED_REMEMBERED
            && let Some(oldest) = self.ended.pop_front()
        {
            self.calls.remove(&oldest);
        }
    }
}

impl Entry {
    fn new(conversation: ConversationId) -> Self {
        Self {
            call: TrackedCall {
                conversation,
                participant: None,
                communication: None,
                session: None,
                state: CallState::Alerting,
                muted: false,
                direction: None,
                error: None,
            },
            cloud: None,
            held: false,
            media: None,
            told: false,
        }
    }
}

#[cfg(test)]
mod tests;
