//! Queues, which give calls to those of their members who have been idle longest.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;

use crate::call_state::{CallState, Ended};
use crate::conversation::{Purpose, Room};
use crate::events;
use crate::gateway::{self, CallRequest, Party};
use crate::gauge::Counted;
use crate::inner::Inner;

/// A queue of calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queue {
    /// Its id.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The ids of the users who get its calls, when they are on queue
    /// ([`Cloud::set_routing_status`](crate::Cloud::set_routing_status)), connected and in no call.
    pub members: Vec<String>,
    /// How long a call rings at one of them before another one gets it. 8 s.
    pub ring: Duration,
}

impl Queue {
    /// A queue whose id is `queue-` and the name, with these members.
    pub fn new(name: &str, members: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            id: format!("queue-{name}"),
            name: name.to_owned(),
            members: members.into_iter().map(Into::into).collect(),
            ring: Duration::from_secs(8),
        }
    }
}

/// Whether a user gets calls of queues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[non_exhaustive]
pub enum RoutingStatus {
    /// The user gets none. Everybody begins so.
    OffQueue,
    /// The user waits for one.
    Idle,
    /// The user is in a call, and waits for another one afterwards.
    Interacting,
    /// The user has not answered one, and gets no other until set to idle again.
    NotResponding,
}

/// Those who work at queues, by their ids.
pub(crate) struct Floor {
    agents: Mutex<Agents>,
    changed: watch::Sender<()>,
}

#[derive(Default)]
struct Agents {
    by_user: HashMap<String, Agent>,
    /// How many calls a user has, if any.
    calls: HashMap<String, u32>,
    /// Counts what makes somebody the one who is idle for the shortest time.
    turns: u64,
}

struct Agent {
    status: RoutingStatus,
    /// The turn at which the user became idle.
    idle_since: u64,
    /// A queue's call rings there, or is there.
    taken: bool,
}

impl Floor {
    pub(crate) fn new() -> Self {
        Self {
            agents: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// The status as it was set, and whether a call of a queue is there.
    pub(crate) fn status(&self, user: &str) -> RoutingStatus {
        let agents = crate::lock(&self.agents);
        match agents.by_user.get(user).map(|agent| agent.status) {
            Some(RoutingStatus::Idle) if agents.calls.contains_key(user) => RoutingStatus::Interacting,
            Some(status) => status,
            None => RoutingStatus::OffQueue,
        }
    }

    /// The user is on queue from now on, or not. Who interacts is idle when the call is over.
    pub(crate) fn set(&self, inner: &Inner, user: &str, status: RoutingStatus) {
        let status = match status {
            RoutingStatus::Interacting => RoutingStatus::Idle,
            RoutingStatus::OffQueue | RoutingStatus::Idle | RoutingStatus::NotResponding => status,
        };
        {
            let mut agents = crate::lock(&self.agents);
            agents.turns += 1;
            let turn = agents.turns;
            let agent = agents.by_user.entry(user.to_owned()).or_insert(Agent {
                status,
                idle_since: turn,
                taken: false,
            });
            if agent.status != status {
                agent.idle_since = turn;
            }
            agent.status = status;
        }
        self.tell(inner, user);
        self.changed.send_replace(());
    }

    fn tell(&self, inner: &Inner, user: &str) {
        let body = json!({ "id": user, "routingStatus": { "status": self.status(user) } });
        events::publish(inner, Some(user), &format!("v2.users.{user}.routingStatus"), &body);
    }

    /// A call of this user begins.
    pub(crate) fn called(&self, user: &str) {
        *crate::lock(&self.agents).calls.entry(user.to_owned()).or_default() += 1;
    }

    /// A call of this user is over.
    pub(crate) fn freed(&self, user: &str) {
        let mut agents = crate::lock(&self.agents);
        if let Some(calls) = agents.calls.get_mut(user) {
            *calls -= 1;
            if *calls == 0 {
                agents.calls.remove(user);
            }
        }
        agents.turns += 1;
        let turn = agents.turns;
        if let Some(agent) = agents.by_user.get_mut(user) {
            agent.idle_since = turn;
        }
        drop(agents);
        self.changed.send_replace(());
    }

    /// Something has happened that those who wait should know.
    pub(crate) fn touch(&self) {
        self.changed.send_replace(());
    }

    /// Takes the member who is idle for the longest time, those first who come first in the queue's list.
    fn take(&self, inner: &Inner, queue: &Queue) -> Option<String> {
        let mut agents = crate::lock(&self.agents);
        let idle = |user: &&String| {
            let agent = agents.by_user.get(*user);
            let waits = agent.is_some_and(|agent| agent.status == RoutingStatus::Idle && !agent.taken);
            waits && !agents.calls.contains_key(*user) && !inner.hub.connected(user).is_empty()
        };
        let members = queue.members.iter().filter(idle);
        let longest = members.min_by_key(|user| agents.by_user.get(*user).map(|agent| agent.idle_since))?;
        if let Some(agent) = agents.by_user.get_mut(longest) {
            agent.taken = true;
        }
        Some(longest.clone())
    }

    /// The queue's call is over for this member, or never came there.
    fn release(&self, user: &str) {
        if let Some(agent) = crate::lock(&self.agents).by_user.get_mut(user) {
            agent.taken = false;
        }
        self.touch();
    }
}

/// A conversation that waits in a queue.
pub(crate) struct Waiting {
    pub(crate) room: Arc<Room>,
    /// The queue's part in it.
    pub(crate) part: String,
    pub(crate) queue: Queue,
    /// How the members are called.
    pub(crate) request: CallRequest,
    /// Who speaks by the members' calls, if it is one beyond the gateway.
    pub(crate) party: Option<Arc<Party>>,
}

impl Waiting {
    /// Gives the conversation to a member as soon as one is idle, and waits for the end of it. `task` counts it as
    /// alive.
    pub(crate) async fn serve(self, inner: Arc<Inner>, task: Counted) {
        let mut stopping = inner.stopping.subscribe();
        tokio::select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = self.distribute(&inner) => {}
        }
        drop(task);
    }

    async fn distribute(&self, inner: &Arc<Inner>) {
        let (mut floor, mut clients) = (inner.floor.changed.subscribe(), inner.hub.changes());
        loop {
            floor.borrow_and_update();
            clients.borrow_and_update();
            if !self.room.is_live(&self.part) {
                return;
            }
            let Some(user) = inner.floor.take(inner, &self.queue) else {
                let gone = tokio::select! {
                    changed = floor.changed() => changed.is_err(),
                    changed = clients.changed() => changed.is_err(),
                };
                if gone {
                    return;
                }
                continue;
            };
            let taken = self.ring_at(inner, &user).await;
            inner.floor.release(&user);
            if taken {
                return;
            }
        }
    }

    /// Calls a member; whether the call was taken, and is over.
    async fn ring_at(&self, inner: &Arc<Inner>, user: &str) -> bool {
        let request = CallRequest {
            user: Some(user.to_owned()),
            ring: Some(self.queue.ring),
            ..self.request.clone()
        };
        let call = match gateway::place(inner, &self.room, request, Purpose::Agent, self.party.clone()) {
            Ok((_, call)) => call,
            Err(error) => {
                tracing::warn!(%error, user, "the queue's call goes to another one");
                inner.floor.set(inner, user, RoutingStatus::NotResponding);
                return false;
            }
        };
        self.room.update(inner);
        match call.wait_for(|state| state.client().is_some()).await {
            CallState::Ended(Ended::Unanswered) => {
                inner.floor.set(inner, user, RoutingStatus::NotResponding);
                false
            }
            CallState::Ended(_) => false,
            CallState::Ringing
            | CallState::Offered { .. }
            | CallState::Answered { .. }
            | CallState::Connected { .. } => {
                self.room.leave(inner, &self.part);
                call.ended().await;
                true
            }
        }
    }
}
