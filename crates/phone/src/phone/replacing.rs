//! A conversation that goes on in another session: its gateway has lost sight of the one that there is, as after a lost
//! WebSocket, and offers new media under a new id. Nobody is asked, and for the application the conversation does not begin
//! again: the new session takes it over, and the old one ends with `alternative-session`.

use offhook_jingle::{
    ConversationId, Reason, SessionId, session,
    stanza::{Farewell, Role},
};

use super::{Phone, lines::Line, opening::Opening, ringing::is_gateway};
use crate::event::Event;

/// The session that an offer replaces, and what it carried.
#[derive(Debug)]
pub(super) struct Replaced {
    session: SessionId,
    conversation: ConversationId,
}

impl Phone {
    /// The session whose conversation an offer of another session is about. A conversation goes on at the service where it
    /// was; and one that we are leaving does not go on.
    pub(super) fn replaced_by(&self, opening: &Opening) -> Option<Replaced> {
        let proposed = self.proposal(&opening.session);
        let proposed = proposed.filter(|proposal| proposal.from == opening.from);
        let proposed = proposed.and_then(|proposal| proposal.conversation.as_ref());
        let conversation = opening.conversation.as_ref().or(proposed)?;
        let carries = |line: &Line| {
            line.conversation.as_ref() == Some(conversation)
                && !line.leaving
                && is_gateway(&line.peer)
                && is_gateway(&opening.from)
                && line.peer.domain() == opening.from.domain()
        };
        let mut lines = self.lines.sessions.iter();
        let (session, _) = lines.find(|(id, line)| **id != opening.session && carries(line))?;
        Some(Replaced {
            session: session.clone(),
            conversation: conversation.clone(),
        })
    }

    /// Whether a session that we are leaving carries this conversation.
    pub(super) fn is_leaving(&self, conversation: Option<&ConversationId>) -> bool {
        let mut lines = self.lines.sessions.values();
        conversation.is_some() && lines.any(|line| line.leaving && line.conversation.as_ref() == conversation)
    }

    /// Starts the session that the conversation goes on in.
    pub(super) fn start_replacement(&mut self, config: session::SessionConfig, replaced: &Replaced) {
        let Some(old) = self.lines.sessions.get_mut(&replaced.session) else {
            return self.start_session(config, Role::Responder, false);
        };
        old.conversation = None;
        let (started, reconnects) = (old.started, old.reconnects + 1);
        tracing::info!(session = %config.id, replaced = %replaced.session, reconnects, "the conversation goes on in another session");
        let told = Event::SessionReplaced {
            session: config.id.clone(),
            replaced: replaced.session.clone(),
            conversation: replaced.conversation.clone(),
            peer: config.peer.clone(),
            reconnects,
        };
        let line = Line {
            started,
            reconnects,
            ..Line::new(&config, self.now)
        };
        let session = config.id.clone();
        self.add_line(config, Role::Responder, line);
        self.emit(told);
        if self.calls.persistent.as_ref() == Some(&replaced.session) {
            self.calls.persistent = Some(session.clone());
        }
        self.track(|calls| calls.session_started(session, replaced.conversation.clone(), false));
    }

    /// Ends the session that the conversation has left, after the new one has begun.
    pub(super) fn end_replaced(&mut self, replaced: Replaced, by: &SessionId) {
        let farewell = Farewell {
            alternative: Some(by.clone()),
            ..Farewell::new(Reason::AlternativeSession)
        };
        self.end_session(replaced.session, farewell, session::EndedBy::Local);
    }
}
