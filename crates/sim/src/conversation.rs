//! Conversations as REST and the topic `v2.users.{id}.conversations` show them: who takes part, and how their calls are.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::call_state::{CallHandle, CallState};
use crate::events;
use crate::gauge::Counted;
use crate::inner::Inner;

/// What the platform does to the user's part of a call, at the user's own wish.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Participation {
    /// The far end does not hear the user.
    pub muted: bool,
    /// The call is on hold: nobody hears anything.
    pub held: bool,
}

/// A change of a participant as `PATCH` has it; everything else in the body has no effect.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct ParticipantChange {
    pub(crate) state: Option<String>,
    muted: Option<bool>,
    held: Option<bool>,
}

impl ParticipantChange {
    /// What comes of it.
    pub(crate) fn applied_to(&self, now: Participation) -> Participation {
        Participation {
            muted: self.muted.unwrap_or(now.muted),
            held: self.held.unwrap_or(now.held),
        }
    }
}

/// The conversation of a call.
pub(crate) fn describe(call: &CallHandle) -> Value {
    let Participation { muted, held } = *call.participation.borrow();
    let state = match &*call.state.borrow() {
        CallState::Ringing if call.outbound => "contacting",
        CallState::Ringing => "alerting",
        CallState::Offered { .. } | CallState::Answered { .. } | CallState::Connected { .. } => "connected",
        CallState::Ended(_) => "disconnected",
    };
    let direction = if call.outbound { "outbound" } else { "inbound" };
    let conversation = call.conversation.as_str();
    let part = |purpose: &str, muted: bool, held: bool| {
        json!({
            "id": format!("{purpose}-{conversation}"),
            "purpose": purpose,
            "state": state,
            "direction": direction,
            "muted": muted,
            "held": held,
            "confined": false,
            "calls": [{
                "id": format!("{purpose}-call-{conversation}"),
                "state": state,
                "direction": direction,
                "muted": muted,
                "held": held,
                "confined": false,
                "provider": "Edge",
            }],
        })
    };
    let mut agent = part("agent", muted, held);
    agent["userId"] = json!(call.user);
    json!({
        "id": conversation,
        "selfUri": format!("/api/v2/conversations/calls/{conversation}"),
        "participants": [part("customer", false, false), agent],
    })
}

/// Publishes the conversation of a call, now and whenever it changes, until the call is over. `task` counts it as alive.
pub(crate) async fn publish_changes(inner: Arc<Inner>, call: CallHandle, task: Counted) {
    let topic = format!("v2.users.{}.conversations", call.user);
    let (mut state, mut participation) = (call.state.clone(), call.participation.subscribe());
    let mut published = None;
    loop {
        state.borrow_and_update();
        participation.borrow_and_update();
        let conversation = describe(&call);
        if published.as_ref() != Some(&conversation) {
            events::publish(&inner, Some(&call.user), &topic, &conversation);
            published = Some(conversation);
        }
        if matches!(*call.state.borrow(), CallState::Ended(_)) {
            break;
        }
        let over = tokio::select! {
            changed = state.changed() => changed.is_err(),
            changed = participation.changed() => changed.is_err(),
        };
        if over {
            break;
        }
    }
    drop(task);
}
