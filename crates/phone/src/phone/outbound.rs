//! Calls that were placed by REST and wait for their proposal, which may come before the REST reply or after it.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use offhook_jingle::ConversationId;
use serde::{Deserialize, Serialize};

use super::Phone;
use crate::{
    error::PlaceCallError,
    event::Event,
    http::{HttpId, Method, ReplyError},
    rest::{Reply, Retry},
};

/// How long a placed call waits for its proposal before it is forgotten.
const PROPOSAL_DUE: Duration = Duration::from_secs(120);

const CALL: &str = "placing the call (POST conversations/calls)";

/// Names one `place_call`; the event that answers it carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CallToken(pub u64);

/// Whom to call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub enum Destination {
    /// A telephone number or address, e.g. `+493012345678`.
    #[serde(rename = "phoneNumber")]
    PhoneNumber(String),
    /// A user of the organisation, by id.
    #[serde(rename = "callUserId")]
    User(String),
    /// A queue, by id.
    #[serde(rename = "callQueueId")]
    Queue(String),
}

/// The body of `POST conversations/calls`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutboundCall {
    /// Whom to call.
    #[serde(flatten)]
    pub destination: Destination,
    /// The caller id to show.
    #[serde(rename = "callerId", skip_serializing_if = "Option::is_none")]
    pub caller_id: Option<String>,
}

impl OutboundCall {
    /// A call with nothing but its destination.
    pub fn to(destination: Destination) -> Self {
        Self {
            destination,
            caller_id: None,
        }
    }
}

/// The calls that are on their way.
#[derive(Debug, Default)]
pub(super) struct Outbound {
    /// Posted, not replied to.
    posted: BTreeMap<HttpId, CallToken>,
    /// Replied to, the proposal not seen; until when it is waited for.
    placed: BTreeMap<ConversationId, Instant>,
}

impl Outbound {
    pub(super) fn is_placed(&self, conversation: &ConversationId) -> bool {
        self.placed.contains_key(conversation)
    }

    /// The call's media offer came: nothing more to wait for.
    pub(super) fn arrived(&mut self, conversation: &ConversationId) {
        self.placed.remove(conversation);
    }

    /// The calls whose proposal is waited for no longer.
    pub(super) fn expire(&mut self, now: Instant) -> Vec<ConversationId> {
        let due = self.placed.extract_if(.., |_, due| *due <= now);
        due.map(|(conversation, _)| conversation).collect()
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.placed.values().min().copied()
    }
}

/// The reply, as far as it is needed.
#[derive(Deserialize)]
struct Placed {
    id: ConversationId,
}

impl Phone {
    pub(super) fn post_call(&mut self, call: &OutboundCall) -> CallToken {
        let body = serde_json::to_value(call).expect("a struct of strings is always JSON");
        // Once: a call placed twice is worse than one that was refused.
        let id = self.ask(CALL, Method::Post, "conversations/calls", Some(body), Retry::Once);
        let token = CallToken(self.ids.next());
        self.outbound.posted.insert(id, token);
        token
    }

    pub(super) fn call_replied(&mut self, id: HttpId, result: Result<Reply, ReplyError>) {
        let Some(call) = self.outbound.posted.remove(&id) else {
            tracing::debug!(?id, "a reply that nobody waits for any more");
            return;
        };
        match result.and_then(|reply| reply.json::<Placed>()) {
            Ok(Placed { id: conversation }) => {
                self.track(|calls| calls.placed(&conversation));
                self.emit(Event::CallPlaced {
                    call,
                    conversation: conversation.clone(),
                });
                self.expect_proposal(conversation);
            }
            Err(error) => self.emit(Event::CallRefused {
                call,
                error: PlaceCallError::Rest(error),
            }),
        }
    }

    /// Accepts the proposal of a placed call if it is here already, else when it comes.
    fn expect_proposal(&mut self, conversation: ConversationId) {
        if self.session_of(&conversation).is_some() {
            return;
        }
        self.outbound.placed.insert(conversation, self.now + PROPOSAL_DUE);
        self.judge_proposals();
    }
}
