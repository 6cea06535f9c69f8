//! What the user's conversations come to: notifications of the cloud and sessions of ours, linked by conversation id.
//!
//! The cloud tells of a call on topic `v2.users.{id}.conversations`, its media come in a session; either may be first.
//! [`Conversations`] is told both and tells each change of a [`CallState`] once. It has no clock and asks for nothing.

mod state;
mod update;

use std::collections::{HashMap, HashSet, VecDeque};

use offhook_jingle::{ConversationId, Reason, SessionId};
use serde_json::Value;

pub use self::state::{CallEnd, CallError, CallState, Direction, RemoteParty};
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
    /// What the user's part is for: `agent`, or `user` in a personal call.
    pub purpose: Option<String>,
    /// The user's leg, `calls[].id` (`communicationId` in REST); none before the first notification with call state.
    pub communication: Option<String>,
    /// The session that carries it, if one of ours does.
    pub session: Option<SessionId>,
    /// Where it stands.
    pub state: CallState,
    /// Whether the cloud takes nothing from our microphone.
    pub muted: bool,
    /// Whether the user has put the others on hold.
    pub held: bool,
    /// Whether the user hears nothing and is not heard, since somebody else talks to the others alone.
    pub confined: bool,
    /// Who called whom; none before somebody has said so.
    pub direction: Option<Direction>,
    /// Whom the user talks to; none before the first notification.
    pub remote: Option<RemoteParty>,
    /// What is wrong with it, in the cloud's words.
    pub error: Option<CallError>,
}

/// The calls of one user.
///
/// Tell it what happens by [`placed`](Self::placed), [`updated`](Self::updated), [`reconciled`](Self::reconciled) and the
/// `session_` methods, then take [`poll_change`](Self::poll_change) until there is none.
///
/// A conversation may hold several calls of the user one after the other, since a queue rings again or a transfer comes back.
/// The next one has another leg or another session; what is still said of an ended one is passed over.
#[derive(Debug, Default)]
pub struct Conversations {
    user: Option<String>,
    calls: HashMap<ConversationId, Entry>,
    /// Which conversation a session carries now.
    carried: HashMap<SessionId, ConversationId>,
    ended: VecDeque<ConversationId>,
    changes: VecDeque<TrackedCall>,
    /// Counts what is newer than a list that was asked for before.
    heard: u64,
}

/// A moment in what was told, from [`Conversations::mark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

/// One call, and what its state is judged from.
#[derive(Debug)]
struct Entry {
    call: TrackedCall,
    cloud: Option<Cloud>,
    media: Option<Media>,
    /// The user's part that the session was for.
    part: Option<String>,
    /// The user placed it, and neither the cloud nor a session has shown it.
    promised: bool,
    /// Whether anything was told of it.
    told: bool,
    /// When the cloud last spoke of it, or a session began to carry it.
    heard: Mark,
}

impl Conversations {
    /// Whose calls these are (`id` of `users/me`). Until that is known, sessions alone tell of calls.
    pub fn set_user(&mut self, user: impl Into<String>) {
        self.user = Some(user.into());
    }

    /// The call of a conversation, ended ones too as long as they are remembered.
    pub fn call(&self, conversation: &ConversationId) -> Option<&TrackedCall> {
        let entry = self.calls.get(conversation).filter(|entry| entry.told);
        entry.map(|entry| &entry.call)
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

    /// The user placed a call, and REST has named its conversation. It may be over already.
    pub fn placed(&mut self, conversation: &ConversationId) {
        self.heard += 1;
        let heard = Mark(self.heard);
        match self.calls.get_mut(conversation) {
            // The cloud was quicker than its own answer to the request.
            Some(entry) if !entry.told => {
                entry.told = true;
                entry.call.direction = Some(Direction::Outbound);
                self.changes.push_back(entry.call.clone());
            }
            Some(_) => {}
            None => {
                self.begin(conversation);
                self.change(conversation, |entry| {
                    entry.call.direction = Some(Direction::Outbound);
                    entry.cloud = Some(Cloud::Dialing);
                    entry.promised = true;
                    entry.heard = heard;
                });
            }
        }
    }

    /// The proposal of a call that the user placed was waited for in vain. The call is over if the cloud has not spoken of it either.
    pub fn not_proposed(&mut self, conversation: &ConversationId) {
        self.change(conversation, |entry| {
            if entry.call.session.is_none() && entry.call.participant.is_none() {
                entry.call.state = CallState::Ended(CallEnd::NoProposal);
            }
        });
    }

    /// The cloud told of a conversation: field `eventBody` of a notification, or one conversation as REST shows it.
    ///
    /// What has no id, or in which the user has no part, changes nothing.
    pub fn updated(&mut self, conversation: &Value) {
        if let Some(update) = self.read(conversation) {
            self.apply(update, false);
        }
    }

    /// This moment: ask for it when REST is asked for the list of conversations.
    pub fn mark(&self) -> Mark {
        Mark(self.heard)
    }

    /// The whole list of the user's conversations, as REST gives it after a reconnect, and when it was asked for. Calls that were
    /// there before, and are not listed any more, ended meanwhile; what was told since then is newer than the list.
    pub fn reconciled(&mut self, asked: Mark, conversations: &[Value]) {
        let updates: Vec<_> = conversations.iter().filter_map(|one| self.read(one)).collect();
        let listed: HashSet<_> = updates.iter().map(|update| update.conversation.clone()).collect();
        // A call that the user has just placed may not be in the list yet; if nothing comes of it, that is told otherwise.
        let missing =
            |entry: &&Entry| entry.heard <= asked && !entry.promised && !listed.contains(&entry.call.conversation);
        let gone = self.calls.values().filter(missing);
        let gone: Vec<_> = gone.map(|entry| entry.call.conversation.clone()).collect();
        for conversation in gone {
            self.change(&conversation, |entry| entry.cloud = Some(Cloud::Ended));
        }
        for update in updates {
            let known = self.calls.get(&update.conversation);
            if known.is_none_or(|entry| entry.heard <= asked) {
                self.apply(update, true);
            }
        }
    }

    /// A session carries this conversation from now on: a new one, one that takes over from another, or one that stays
    /// open between calls (a persistent connection), with `active` whether its media are connected already. A call that it
    /// carried before is without a session; it ends, unless the cloud has said that it goes on.
    pub fn session_started(&mut self, session: SessionId, conversation: ConversationId, active: bool) {
        let before = self.carried.insert(session.clone(), conversation.clone());
        if let Some(before) = before.filter(|before| *before != conversation) {
            self.left(&session, &before);
        }
        let over = self.calls.get(&conversation);
        let over =
            over.is_some_and(|entry| entry.call.state.is_ended() && entry.call.session.as_ref() != Some(&session));
        if over {
            self.begin_again(&conversation);
        }
        self.begin(&conversation);
        self.heard += 1;
        let heard = Mark(self.heard);
        self.change(&conversation, |entry| {
            entry.heard = heard;
            entry.promised = false;
            entry.part = entry.call.participant.clone();
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

    /// A session ended. Its call ends with it, unless another session carries that by now, or the user has got another part in the
    /// conversation meanwhile.
    pub fn session_ended(&mut self, session: &SessionId, reason: Reason) {
        let Some(conversation) = self.carried.remove(session) else {
            return;
        };
        self.heard += 1;
        let heard = Mark(self.heard);
        self.change(&conversation, |entry| {
            entry.heard = heard;
            let carries = entry.call.session.as_ref() == Some(session);
            if carries && entry.part == entry.call.participant {
                entry.call.state = CallState::Ended(CallEnd::Session(reason));
            } else if carries {
                (entry.call.session, entry.media) = (None, None);
            }
        });
    }

    fn read(&self, conversation: &Value) -> Option<Update> {
        Update::read(self.user.as_deref()?, conversation)
    }

    /// A session went on to another conversation.
    fn left(&mut self, session: &SessionId, conversation: &ConversationId) {
        self.change(conversation, |entry| {
            if entry.call.session.as_ref() == Some(session) {
                if entry.cloud.is_none() {
                    entry.call.state = CallState::Ended(CallEnd::Superseded);
                }
                (entry.call.session, entry.media) = (None, None);
            }
        });
    }

    fn apply(&mut self, update: Update, listed: bool) {
        self.heard += 1;
        let conversation = update.conversation.clone();
        if let Some(over) = self.calls.get_mut(&conversation)
            && over.call.state.is_ended()
        {
            if !update.begins_again(&over.call, listed) {
                return update.name_leg(&mut over.call);
            }
            self.begin_again(&conversation);
        }
        self.begin(&conversation);
        let heard = Mark(self.heard);
        self.change(&conversation, |entry| {
            entry.heard = heard;
            entry.promised = false;
            update.write(entry);
            if entry.part.is_none() && entry.call.session.is_some() {
                entry.part = entry.call.participant.clone();
            }
        });
    }

    fn begin(&mut self, conversation: &ConversationId) {
        if !self.calls.contains_key(conversation) {
            self.calls
                .insert(conversation.clone(), Entry::new(conversation.clone()));
        }
    }

    /// A conversation whose call is over gets another one.
    fn begin_again(&mut self, conversation: &ConversationId) {
        self.calls.remove(conversation);
        self.ended.retain(|ended| ended != conversation);
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
            entry.call.state = judge(entry.cloud, entry.media);
        }
        if entry.told && before == entry.call {
            return;
        }
        let call = entry.call.clone();
        if call.state.is_ended() {
            let told = entry.told;
            self.remember(call.conversation.clone());
            // A call of which nothing is known but that it is over is none, unless the user turns out to have placed it.
            if !told {
                return;
            }
        } else {
            entry.told = true;
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
                purpose: None,
                communication: None,
                session: None,
                state: CallState::Alerting,
                muted: false,
                held: false,
                confined: false,
                direction: None,
                remote: None,
                error: None,
            },
            cloud: None,
            media: None,
            part: None,
            promised: false,
            told: false,
            heard: Mark(0),
        }
    }
}

#[cfg(test)]
mod tests;
