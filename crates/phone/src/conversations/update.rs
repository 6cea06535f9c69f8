//! What a conversation, as notifications and REST show it, says about the user's own leg.

use offhook_jingle::ConversationId;
use serde_json::Value;

use super::{
    Entry, TrackedCall,
    state::{CallEnd, CallError, CallState, Cloud, Direction, RemoteParty},
};

/// The error of a command that came too late for its session: nothing that a user should see.
const SESSION_INACTIVE: &str = "error.ininedgecontrol.session.inactive";

/// The user's leg in one update; what it does not say is none.
#[derive(Debug)]
pub(super) struct Update {
    pub conversation: ConversationId,
    pub cloud: Option<Cloud>,
    participant: Option<String>,
    purpose: Option<String>,
    communication: Option<String>,
    muted: Option<bool>,
    held: Option<bool>,
    confined: Option<bool>,
    direction: Option<Direction>,
    remote: Option<RemoteParty>,
    /// What a leg that is told of says; nothing where there is no leg.
    error: Option<Option<CallError>>,
}

impl Update {
    /// None without an id, or without a part of this user.
    pub(super) fn read(user: &str, conversation: &Value) -> Option<Self> {
        let id = conversation.get("id")?.as_str()?;
        let parts = conversation.get("participants")?.as_array()?;
        let part = part_of(user, parts)?;
        let leg = leg_of(part);
        let field = |name| leg.and_then(|leg| leg.get(name));
        Some(Self {
            conversation: ConversationId::new(id),
            cloud: field("state").and_then(Value::as_str).and_then(cloud),
            participant: text(part.get("id")),
            purpose: text(part.get("purpose")),
            communication: text(field("id")),
            muted: field("muted").and_then(Value::as_bool),
            held: field("held").and_then(Value::as_bool),
            confined: field("confined").and_then(Value::as_bool),
            direction: field("direction").and_then(Value::as_str).and_then(direction),
            remote: remote_of(user, parts),
            error: leg.map(|leg| leg.get("errorInfo").and_then(error)),
        })
    }

    /// Whether it tells of another leg than the one of a call that is over, and that leg lives: then a new call has begun in the
    /// conversation. Where nobody knows which leg is over, one that rings is another, and so is one that is `listed` as living. A leg
    /// whose session has ended, and that is `listed` as living since, was not what the session was for.
    pub(super) fn begins_again(&self, over: &TrackedCall, listed: bool) -> bool {
        let lives = self.cloud.is_some_and(|cloud| cloud != Cloud::Ended);
        let newer = listed || self.cloud == Some(Cloud::Alerting);
        let other = |new: &Option<String>, old: &Option<String>| new.is_some() && old.is_some() && new != old;
        let unknown = over.participant.is_none() && newer;
        let by_session = matches!(over.state, CallState::Ended(CallEnd::Session(_)));
        let goes_on = by_session && listed;
        lives
            && (unknown
                || goes_on
                || other(&self.participant, &over.participant)
                || other(&self.communication, &over.communication))
    }

    /// Writes down which leg it was that is over, if nobody knows.
    pub(super) fn name_leg(self, over: &mut TrackedCall) {
        over.participant = over.participant.take().or(self.participant);
        over.communication = over.communication.take().or(self.communication);
    }

    /// Writes what it says over what was known.
    pub(super) fn write(self, entry: &mut Entry) {
        let call = &mut entry.call;
        call.participant = self.participant.or(call.participant.take());
        call.communication = self.communication.or(call.communication.take());
        call.purpose = self.purpose.or(call.purpose.take());
        call.muted = self.muted.unwrap_or(call.muted);
        call.held = self.held.unwrap_or(call.held);
        call.confined = self.confined.unwrap_or(call.confined);
        call.direction = self.direction.or(call.direction);
        call.remote = self.remote.or(call.remote.take());
        call.error = self.error.unwrap_or(call.error.take());
        entry.cloud = self.cloud.or(entry.cloud);
    }
}

/// Who plays no part in what is said.
const BEHIND_THE_SCENES: [&str; 5] = ["acd", "ivr", "workflow", "campaign", "api"];

/// Whom the user talks to: the newest of the others who has a live leg, else the newest of all.
fn remote_of(user: &str, parts: &[Value]) -> Option<RemoteParty> {
    let purpose = |part: &Value| part.get("purpose").and_then(Value::as_str).map(str::to_owned);
    let other = |part: &&Value| {
        let is_human = purpose(part).is_none_or(|purpose| !BEHIND_THE_SCENES.contains(&purpose.as_str()));
        !is_of(user, part) && is_human
    };
    let lives = |part: &&Value| legs(part).any(|leg| state(leg).is_some_and(|state| state != Cloud::Ended));
    let newest_first = || parts.iter().rev().filter(other);
    let part = newest_first().find(lives).or_else(|| newest_first().next())?;
    Some(RemoteParty {
        name: text(part.get("name")),
        address: text(part.get("address")),
        purpose: purpose(part),
    })
}

fn is_of(user: &str, part: &Value) -> bool {
    let id = part.get("userId").or_else(|| part.get("user")?.get("id"));
    id.and_then(Value::as_str) == Some(user)
}

/// The user's part: not a voicemail's, the one with a connected call if there is one, else the newest, which is last.
fn part_of<'a>(user: &str, parts: &'a [Value]) -> Option<&'a Value> {
    let own = |part: &&Value| is_of(user, part) && part.get("purpose").and_then(Value::as_str) != Some("voicemail");
    let connected = |part: &&Value| legs(part).any(|leg| state(leg) == Some(Cloud::Connected));
    let newest_first = || parts.iter().rev().filter(own);
    newest_first().find(connected).or_else(|| newest_first().next())
}

/// The leg of a part that has not ended, else its newest.
fn leg_of(part: &Value) -> Option<&Value> {
    let live = |leg: &&Value| state(leg).is_some_and(|state| state != Cloud::Ended);
    legs(part).rev().find(live).or_else(|| legs(part).next_back())
}

fn legs(part: &Value) -> impl DoubleEndedIterator<Item = &Value> {
    part.get("calls").and_then(Value::as_array).into_iter().flatten()
}

fn state(leg: &Value) -> Option<Cloud> {
    cloud(leg.get("state")?.as_str()?)
}

fn cloud(state: &str) -> Option<Cloud> {
    match state {
        "alerting" | "contacting" => Some(Cloud::Alerting),
        "dialing" => Some(Cloud::Dialing),
        "connected" => Some(Cloud::Connected),
        "disconnected" | "terminated" => Some(Cloud::Ended),
        _ => None,
    }
}

fn direction(text: &str) -> Option<Direction> {
    match text {
        "inbound" => Some(Direction::Inbound),
        "outbound" => Some(Direction::Outbound),
        _ => None,
    }
}

fn error(info: &Value) -> Option<CallError> {
    let code = info.get("code")?.as_str()?;
    (code != SESSION_INACTIVE).then(|| CallError {
        code: code.to_owned(),
        message: text(info.get("message")),
    })
}

/// What is empty says nothing.
fn text(value: Option<&Value>) -> Option<String> {
    let text = value.and_then(Value::as_str).filter(|text| !text.is_empty());
    text.map(str::to_owned)
}
