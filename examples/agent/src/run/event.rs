//! Events as JSON lines: the documented names and fields of the streaming client's extension.

use std::collections::HashMap;

use offhook::{
    CallState, ConnectionState, Direction, EndedBy, Event, IceServers, Proposal, SessionId, SessionType, TopicEvent,
    TrackedCall,
};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use time::{OffsetDateTime, format_description::well_known::Rfc3339};

/// Turns events into JSON; it keeps what the derived event `change:interrupted` needs.
#[derive(Debug, Default)]
pub struct Translator {
    states: HashMap<SessionId, ConnectionState>,
}

impl Translator {
    /// The JSON objects of an event, in order.
    pub fn translate(&mut self, event: &Event) -> Vec<Value> {
        match event {
            Event::Connected { jid, channel } => {
                vec![named(
                    "connected",
                    json!({"jid": jid.to_string(), "channelId": channel.as_ref().map(ToString::to_string)}),
                )]
            }
            Event::Disconnected { reconnecting, error } => {
                let error = error
                    .as_ref()
                    .map(|error| json!({"code": error.code(), "message": error.to_string()}));
                vec![named(
                    "disconnected",
                    json!({"reconnecting": reconnecting, "error": error}),
                )]
            }
            Event::IceServers(servers) => vec![named(
                "rtcIceServers",
                json!({"iceServers": ice_servers(servers, false)}),
            )],
            Event::CallState(call) => vec![named("callState", call_state(call))],
            Event::AlertingLeader { connection, ours } => {
                vec![named(
                    "alertingLeader",
                    json!({"connectionId": connection, "ours": ours}),
                )]
            }
            Event::Topics(event) => topics(event),
            Event::ActiveChanged { session: id, active } => {
                vec![session("change:active", id, json!({"active": active}))]
            }
            Event::Proposed(proposal) => vec![named("requestIncomingRtcSession", request(proposal))],
            Event::ProposalCancelled(id) => vec![session("cancelIncomingRtcSession", id, json!({}))],
            Event::ProposalHandled(id) => vec![session("handledIncomingRtcSession", id, json!({}))],
            Event::InitiationFailed { session: id, failure } => {
                let error = json!({"code": failure.code(), "message": failure.to_string()});
                vec![session("rtcSessionError", id, json!({"error": error, "details": {}}))]
            }
            Event::SessionStarted {
                session: id,
                conversation,
                peer,
            } => {
                let fields = json!({"conversationId": conversation, "fromJid": peer.to_string()});
                vec![session("incomingRtcSession", id, fields)]
            }
            Event::SessionReplaced {
                session: id,
                replaced,
                conversation,
                peer,
                reconnects,
            } => {
                let fields = json!({
                    "replacedSessionId": replaced,
                    "conversationId": conversation,
                    "fromJid": peer.to_string(),
                    "reconnectCount": reconnects,
                });
                vec![session("replacedRtcSession", id, fields)]
            }
            Event::ConnectionState { session, state } => self.changed(session, *state),
            Event::Statistics {
                session: id,
                statistics,
            } => {
                // It is a plain structure of numbers and words.
                let fields = serde_json::to_value(statistics).unwrap_or_else(|_| json!({}));
                vec![session("stats", id, fields)]
            }
            Event::Digit {
                session: id,
                digit,
                duration,
            } => {
                let fields = json!({"digit": digit.as_char(), "durationMs": duration.as_millis() as u64});
                vec![session("digit", id, fields)]
            }
            Event::EndOfCandidates(id) => vec![session("endOfCandidates", id, json!({}))],
            Event::SessionError { session: id, error } => {
                let error = json!({"code": error.code(), "message": error.to_string()});
                vec![session("rtcSessionError", id, json!({"error": error, "details": {}}))]
            }
            Event::AudioError { session: id, error } => {
                let error = json!({"code": error.code(), "message": error.to_string()});
                vec![session("audioError", id, json!({"error": error}))]
            }
            Event::SessionEnded {
                session: id,
                conversation,
                reason,
                by,
                lasted,
            } => {
                self.states.remove(id);
                let fields = json!({
                    "conversationId": conversation,
                    "reason": reason.as_str(),
                    "by": by_name(*by),
                    "durationMs": u64::try_from(lasted.as_millis()).unwrap_or(u64::MAX),
                });
                vec![session("terminated", id, fields)]
            }
            Event::Lagged(missed) => vec![named("lagged", json!({"missed": missed}))],
            _ => Vec::new(),
        }
    }

    fn changed(&mut self, id: &SessionId, state: ConnectionState) -> Vec<Value> {
        let before = self.states.insert(id.clone(), state);
        let mut told = vec![session(
            "change:connectionState",
            id,
            json!({"connectionState": state.as_str()}),
        )];
        let was = |wanted| before == Some(wanted);
        if state == ConnectionState::Interrupted || was(ConnectionState::Interrupted) {
            let interrupted = state == ConnectionState::Interrupted;
            told.push(session("change:interrupted", id, json!({"interrupted": interrupted})));
        }
        told
    }
}

/// An event with its name and time.
pub fn named(name: &str, mut fields: Value) -> Value {
    let now = OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default();
    let mut event = json!({"event": name, "at": now});
    if let (Some(event), Some(fields)) = (event.as_object_mut(), fields.as_object_mut()) {
        fields.retain(|_, value| !value.is_null());
        event.append(fields);
    }
    event
}

/// ICE servers as the extension gives them; credentials only when asked for.
pub fn ice_servers(servers: &IceServers, secrets: bool) -> Value {
    let servers = servers.servers.iter().map(|server| {
        let mut json = match &server.urls[..] {
            [url] => json!({"urls": url}),
            urls => json!({"urls": urls}),
        };
        if secrets && let (Some(name), Some(password)) = (&server.username, &server.credential) {
            json["username"] = name.as_str().into();
            json["credential"] = password.expose_secret().into();
        }
        json
    });
    servers.collect()
}

/// Notifications are told; what becomes of subscriptions is in the replies to the commands.
fn topics(event: &TopicEvent) -> Vec<Value> {
    match event {
        TopicEvent::Notified(notification) => {
            let fields = json!({"topic": notification.topic, "data": notification.data});
            vec![named("notify", fields)]
        }
        _ => Vec::new(),
    }
}

fn session(name: &str, id: &SessionId, fields: Value) -> Value {
    let mut event = named(name, fields);
    event["sessionId"] = id.as_str().into();
    event
}

fn request(proposal: &Proposal) -> Value {
    json!({
        "sessionId": proposal.id,
        "autoAnswer": proposal.auto_answer,
        "fromJid": proposal.from.to_string(),
        "conversationId": proposal.conversation,
        "sessionType": SessionType::of(&proposal.from).as_str(),
    })
}

fn call_state(call: &TrackedCall) -> Value {
    let remote = call.remote.as_ref();
    let remote = remote.map(|party| json!({"name": party.name, "address": party.address, "purpose": party.purpose}));
    let error = call.error.as_ref();
    let error = error.map(|error| json!({"code": error.code, "message": error.message}));
    let end = match call.state {
        CallState::Ended(end) => Some(end.as_str()),
        _ => None,
    };
    json!({
        "conversationId": call.conversation,
        "participantId": call.participant,
        "sessionId": call.session,
        "state": call.state.as_str(),
        "endReason": end,
        "muted": call.muted,
        "held": call.held,
        "direction": call.direction.map(Direction::as_str),
        "remote": remote,
        "error": error,
    })
}

fn by_name(by: EndedBy) -> &'static str {
    match by {
        EndedBy::Local => "local",
        EndedBy::Remote => "remote",
        EndedBy::Network => "network",
    }
}
