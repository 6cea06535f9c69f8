//! Events in words, for people.

use offhook::Event;

/// A line for an event, if a person wants to read of it.
pub fn line(event: &Event) -> Option<String> {
    let line = match event {
        Event::Connected { jid, .. } => format!("connected as {jid}"),
        Event::Disconnected { reconnecting, error } => {
            let why = error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let then = if *reconnecting { "; reconnecting" } else { "" };
            format!("disconnected{why}{then}")
        }
        Event::Proposed(proposal) => format!("ringing: {} from {}", proposal.id, proposal.from),
        Event::ProposalCancelled(session) => format!("no longer ringing: {session}"),
        Event::ProposalHandled(session) => format!("handled elsewhere: {session}"),
        Event::SessionStarted { session, .. } => format!("call {session} started"),
        Event::SessionReplaced { session, replaced, .. } => format!("call {replaced} goes on as {session}"),
        Event::ConnectionState { session, state } => format!("call {session} is {}", state.as_str()),
        Event::SessionError { session, error } => format!("call {session}: {error}"),
        Event::AudioError { session, error } => format!("call {session}: {error}"),
        Event::SessionEnded {
            session,
            reason,
            lasted,
            ..
        } => {
            format!("call {session} ended after {:.1} s: {reason}", lasted.as_secs_f64())
        }
        Event::Lagged(missed) => format!("{missed} events missed"),
        _ => return None,
    };
    Some(line)
}
