//! The calls above the sessions: what the cloud and the sessions say of each conversation, told as one, and what follows from it.
//!
//! Without [`PhoneConfig::softphone`](super::PhoneConfig::softphone) only the sessions speak. With it the phone watches the
//! user's conversations: it subscribes to them, and reads the whole list whenever notifications may have been missed.

use std::{
    collections::{BTreeMap, HashMap},
    time::Instant,
};

use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, session::EndedBy};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Output, Phone,
    changes::{Errand, segment},
    station::Station,
};
use crate::{
    conversations::{CallEnd, CallState, Conversations, Direction, TrackedCall},
    event::Event,
    http::{HttpId, Method, ReplyError},
    rest::{Reply, Retry},
    topics::{Notification, Topic, TopicsToken},
};

/// What the phone watches of its user.
const CONVERSATIONS: &str = "conversations";
const STATION: &str = "station";
const LEADER: &str = "alertingleader";

const LIST: &str = "listing the user's conversations (GET conversations)";
const METADATA: &str = "telling of a call that is connected (POST communications/{id}/metadata)";

/// What the phone knows of calls, and what it has asked for.
#[derive(Debug, Default)]
pub(super) struct Calls {
    pub(super) tracked: Conversations,
    /// The user's id, once REST has told it.
    user: Option<String>,
    /// The topics that the phone itself watches.
    watched: Vec<Topic>,
    /// They are being subscribed to.
    watching: Option<TopicsToken>,
    pub(super) station: Option<Station>,
    /// The session that stays open between calls, if there is one.
    pub(super) persistent: Option<SessionId>,
    /// What rings on the session that stays open.
    pub(super) offered: Option<Proposal>,
    /// REST requests that are under way.
    pub(super) asked: BTreeMap<HttpId, Errand>,
    /// Calls that REST has ended, and until when their sessions may take to follow.
    pub(super) leaving: BTreeMap<ConversationId, Instant>,
    /// The legs of the live calls that the cloud was told to be connected.
    noted: HashMap<ConversationId, String>,
}

impl Calls {
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.leaving.values().min().copied()
    }
}

/// The list of conversations, as far as it is needed.
#[derive(Deserialize)]
struct Listed {
    entities: Vec<Value>,
}

impl Phone {
    /// The call of a conversation, as the cloud and our session show it together; ended ones for a while.
    pub fn call(&self, conversation: &ConversationId) -> Option<&TrackedCall> {
        self.calls.tracked.call(conversation)
    }

    /// The calls that have not ended, in no order.
    pub fn calls(&self) -> impl Iterator<Item = &TrackedCall> {
        self.calls.tracked.live()
    }

    /// The user's id, of which the topics' names are made.
    pub(super) fn user_known(&mut self, user: Option<String>) {
        let Some(user) = user.filter(|_| self.config.softphone) else {
            return;
        };
        if self.calls.user.as_ref() == Some(&user) {
            return;
        }
        self.calls.tracked.set_user(&user);
        let names = [CONVERSATIONS, STATION, LEADER];
        let topics = names.map(|name| format!("v2.users.{user}.{name}").parse::<Topic>());
        self.calls.watched = topics.into_iter().flatten().collect();
        self.calls.user = Some(user);
    }

    /// Signalling stands, and notifications may have been missed before: when they come again, the rest is asked for.
    pub(super) fn watch_calls(&mut self) {
        if self.calls.user.is_some() {
            self.calls.watching = Some(self.topics.keep(self.now, &self.calls.watched));
            self.drain_topics();
        }
    }

    /// A command about topics is carried out; whether it was the phone's own.
    pub(super) fn watching_settled(&mut self, command: TopicsToken) -> bool {
        let own = self.calls.watching.take_if(|watching| *watching == command).is_some();
        if own {
            self.catch_up_calls();
        }
        own
    }

    /// Asks for all that notifications may not have told.
    fn catch_up_calls(&mut self) {
        let mark = self.calls.tracked.mark();
        let list = self.ask(LIST, Method::Get, "conversations", None, Retry::Patient);
        self.calls.asked.insert(list, Errand::List(mark));
        self.read_station();
    }

    pub(super) fn listed(&mut self, mark: crate::conversations::Mark, result: Result<Reply, ReplyError>) {
        match result.and_then(|reply| reply.json::<Listed>()) {
            Ok(Listed { entities }) => self.track(|calls| calls.reconciled(mark, &entities)),
            Err(error) => tracing::warn!(%error, "what became of calls meanwhile is not known"),
        }
    }

    /// Takes in a notification that the phone itself has asked for; whether it was one, and nobody else asked for it.
    pub(super) fn watched(&mut self, notification: &Notification) -> bool {
        let mut watched = self.calls.watched.iter();
        let Some(topic) = watched.find(|topic| **topic == *notification.topic).cloned() else {
            return false;
        };
        if let (Some((_, what)), Some(body)) = (topic.parts(), notification.body()) {
            match what {
                CONVERSATIONS => self.track(|calls| calls.updated(body)),
                STATION => self.read_station(),
                _ => self.leader_named(body),
            }
        }
        !self.topics.is_asked_for(&topic)
    }

    /// Whether it is the phone's own business what becomes of this topic.
    pub(super) fn is_only_watched(&self, topic: &Topic) -> bool {
        self.calls.watched.contains(topic) && !self.topics.is_asked_for(topic)
    }

    /// Lets something be known of calls, and acts on what that changes.
    pub(super) fn track(&mut self, know: impl FnOnce(&mut Conversations)) {
        know(&mut self.calls.tracked);
        while let Some(call) = self.calls.tracked.poll_change() {
            self.emit(Event::Call(call.clone()));
            if self.config.softphone {
                self.call_changed(&call);
            }
        }
    }

    /// What follows from where a call stands now.
    fn call_changed(&mut self, call: &TrackedCall) {
        match call.state {
            CallState::Ended(end) => self.call_ended(call, end),
            CallState::Alerting | CallState::Dialing | CallState::Elsewhere if call.session.is_none() => {
                self.find_session(call);
            }
            CallState::Connected => self.note_connected(call),
            CallState::Alerting | CallState::Dialing | CallState::Connecting | CallState::Elsewhere => {}
        }
    }

    fn call_ended(&mut self, call: &TrackedCall, end: CallEnd) {
        self.calls.noted.remove(&call.conversation);
        self.calls.leaving.remove(&call.conversation);
        self.withdraw_offered(&call.conversation, false);
        let Some(session) = call.session.clone().filter(|_| end == CallEnd::Cloud) else {
            return;
        };
        let Some(line) = self.lines.sessions.get_mut(&session) else {
            return;
        };
        if line.active && self.calls.station.as_ref().is_some_and(|station| station.persistent) {
            // It waits for the next call.
            line.conversation = None;
            self.calls.persistent = Some(session.clone());
            self.outputs.push_back(Output::Carry {
                session,
                conversation: None,
            });
        } else if !line.active && !line.leaving {
            // Its media would come up for nobody, or hold out for somebody who has gone.
            self.end_session(session, Reason::Success.into(), EndedBy::Local);
        }
    }

    /// A call without a session: if one stays open between calls and is free, it is for this call.
    fn find_session(&mut self, call: &TrackedCall) {
        let Some((session, peer)) = self.free_session() else {
            return self.withdraw_offered(&call.conversation, call.state == CallState::Elsewhere);
        };
        let outbound = call.direction == Some(Direction::Outbound);
        let offered = self.calls.offered.as_ref();
        let offered = offered.filter(|offered| offered.conversation.as_ref() == Some(&call.conversation));
        match call.state {
            CallState::Alerting if outbound || offered.is_some() => {}
            CallState::Alerting => {
                let proposal = proposal_on(session, call.conversation.clone(), peer);
                self.offer_on_session(proposal);
            }
            _ if outbound || offered.is_some_and(|offered| offered.accepted) => {
                self.calls.offered = None;
                self.carry(&session, call.conversation.clone());
            }
            _ => self.withdraw_offered(&call.conversation, true),
        }
    }

    /// The session that stays open, while it carries no call.
    fn free_session(&self) -> Option<(SessionId, jid::Jid)> {
        let session = self.calls.persistent.as_ref()?;
        let line = self.lines.sessions.get(session).filter(|line| line.active)?;
        let carries = line.conversation.as_ref().and_then(|id| self.calls.tracked.call(id));
        let busy = carries.is_some_and(|call| !call.state.is_ended() && call.session.as_ref() == Some(session));
        (!busy).then(|| (session.clone(), line.peer.clone()))
    }

    /// Whether a session stays open and carries no call.
    pub(super) fn is_standing_by(&self) -> bool {
        self.free_session().is_some()
    }

    /// Tells of a call that will use the session that stays open, and accepts it if the policy says so.
    fn offer_on_session(&mut self, proposal: Proposal) {
        let accept = self.is_wanted(&proposal);
        let session = proposal.id.clone();
        self.calls.offered = Some(proposal.clone());
        self.emit(Event::Proposed(proposal));
        if accept && let Err(error) = self.accept_offered(&session) {
            tracing::warn!(%session, %error, "a call on the session that stays open cannot be answered");
        }
    }

    /// The call that rings on the session that stays open is over, or somebody else has it.
    fn withdraw_offered(&mut self, conversation: &ConversationId, elsewhere: bool) {
        let is_it = |offered: &mut Proposal| offered.conversation.as_ref() == Some(conversation);
        if let Some(offered) = self.calls.offered.take_if(is_it) {
            self.emit(match elsewhere {
                true => Event::ProposalHandled(offered.id),
                false => Event::ProposalCancelled(offered.id),
            });
        }
    }

    /// The session that stays open carries this call from now on.
    fn carry(&mut self, session: &SessionId, conversation: ConversationId) {
        let Some(line) = self.lines.sessions.get_mut(session) else {
            return;
        };
        (line.conversation, line.started) = (Some(conversation.clone()), self.now);
        let (peer, active) = (line.peer.clone(), line.active);
        self.outbound.arrived(&conversation);
        self.outputs.push_back(Output::Carry {
            session: session.clone(),
            conversation: Some(conversation.clone()),
        });
        self.emit(Event::SessionStarted {
            session: session.clone(),
            conversation: Some(conversation.clone()),
            peer,
        });
        self.track(|calls| calls.session_started(session.clone(), conversation, active));
    }

    /// The cloud wants to know of each leg that is connected.
    fn note_connected(&mut self, call: &TrackedCall) {
        let Some(leg) = call.communication.clone() else {
            return;
        };
        let before = self.calls.noted.insert(call.conversation.clone(), leg.clone());
        if before.as_ref() == Some(&leg) {
            return;
        }
        let path = format!(
            "conversations/calls/{}/communications/{}/metadata",
            segment(call.conversation.as_str()),
            segment(&leg)
        );
        let metadata = json!({ "client": "offhook", "session": call.session });
        let body = json!({ "metadata": metadata.to_string() });
        let id = self.ask(METADATA, Method::Post, &path, Some(body), Retry::Once);
        self.calls.asked.insert(id, Errand::Quiet);
    }
}

/// A call as it is proposed on a session that is there already.
fn proposal_on(session: SessionId, conversation: ConversationId, from: jid::Jid) -> Proposal {
    Proposal {
        id: session,
        media: vec!["audio".to_owned()],
        other_applications: Vec::new(),
        conversation: Some(conversation),
        persistent_conversation: None,
        from,
        auto_answer: false,
        sdp_over_xmpp: true,
        silent: false,
        unsolicited: false,
        accepted: false,
        user_id: None,
        original_from: None,
        meeting_id: None,
    }
}
