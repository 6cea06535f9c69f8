//! The session table: what becomes of a session from its first offer to its end.

use std::{collections::BTreeMap, time::Instant};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    self as jingle, ConversationId, Dialect, Reason, SessionId,
    genesys::{Method, Rpc},
    session,
    stanza::{Action, Farewell, Jingle, Role},
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{
    Output, Phone, SessionReport, SessionStart, StreamCommand,
    opening::Early,
    routing::{stanza_reply, urgency},
};
use crate::event::Event;

/// How many sessions there may be at once; more are refused with `resource-constraint`.
pub(super) const SESSIONS: usize = 1000;

/// The session table, and the numbers under which its sessions ask and answer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    pub(super) sessions: BTreeMap<SessionId, Line>,
    /// Requests of sessions that wait for their outcome.
    pub(super) requests: BTreeMap<xmpp::Token, (SessionId, jingle::Token)>,
    /// Requests of peers that wait for a session's reply.
    pub(super) tickets: BTreeMap<jingle::Ticket, (SessionId, xmpp::Ticket)>,
    /// Candidates of proposals whose offer has not come.
    pub(super) early: BTreeMap<SessionId, Early>,
}

/// A session that has not ended.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) peer: Jid,
    pub(super) dialect: Dialect,
    pub(super) conversation: Option<ConversationId>,
    /// When its conversation's first offer came.
    pub(super) started: Instant,
    /// Its media are connected now.
    pub(super) active: bool,
    /// It was told to end.
    pub(super) leaving: bool,
    /// How many sessions have carried its conversation before it.
    pub(super) reconnects: u32,
}

impl Line {
    pub(super) fn new(config: &session::SessionConfig, now: Instant) -> Self {
        Self {
            peer: config.peer.clone(),
            dialect: config.dialect,
            conversation: config.conversation.clone(),
            started: now,
            active: false,
            leaving: false,
            reconnects: 0,
        }
    }
}

impl Lines {
    pub(super) fn iter(&self) -> impl Iterator<Item = (&SessionId, Option<&ConversationId>)> {
        self.sessions.iter().map(|(id, line)| (id, line.conversation.as_ref()))
    }

    pub(super) fn contains(&self, session: &SessionId) -> bool {
        self.sessions.contains_key(session)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.sessions.is_empty()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.early.retain(|_, early| early.until > now);
    }

    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.early.values().map(|early| early.until).min()
    }

    /// A proposal is gone, and what came early for it.
    pub(super) fn forget_early(&mut self, id: &SessionId) {
        self.early.remove(id);
    }
}

impl Phone {
    /// A session begins; one that is set up silently carries no call yet.
    pub(super) fn start_session(&mut self, config: session::SessionConfig, role: Role, silent: bool) {
        let told = Event::SessionStarted {
            session: config.id.clone(),
            conversation: config.conversation.clone(),
            peer: config.peer.clone(),
        };
        let (session, conversation) = (config.id.clone(), config.conversation.clone());
        let line = Line::new(&config, self.now);
        self.emit(told);
        self.add_line(config, role, line);
        if silent {
            self.calls.persistent = Some(session.clone());
            self.outputs.push_back(Output::Carry {
                session,
                conversation: None,
            });
        } else if let Some(conversation) = conversation {
            self.track(|calls| calls.session_started(session, conversation, false));
        }
    }

    pub(super) fn add_line(&mut self, config: session::SessionConfig, role: Role, line: Line) {
        if let Some(conversation) = &config.conversation {
            self.outbound.arrived(conversation);
        }
        self.lines.sessions.insert(config.id.clone(), line);
        let seed = self.ids.seed();
        let mut ice = self.ice_servers().clone();
        ice.policy = self.session_policy(ice.policy);
        let start = SessionStart {
            config,
            role,
            seed,
            ice,
        };
        self.outputs.push_back(Output::StartSession(Box::new(start)));
    }

    pub(super) fn end_session(&mut self, session: SessionId, farewell: Farewell, by: session::EndedBy) {
        if let Some(line) = self.lines.sessions.get_mut(&session) {
            line.leaving = true;
        }
        self.outputs.push_back(Output::EndSession { session, farewell, by });
    }

    pub(super) fn session_reported(&mut self, session: SessionId, report: SessionReport) {
        if !self.lines.contains(&session) {
            return;
        }
        match report {
            SessionReport::Request { token, to, payload } => self.send_request(session, token, to, payload),
            SessionReport::Reply { ticket, reply } => {
                let dialect = self.lines.sessions.get(&session).map(|line| line.dialect);
                if let (Some((_, ticket)), Some(dialect)) = (self.lines.tickets.remove(&ticket), dialect) {
                    self.reply(ticket, stanza_reply(reply, dialect));
                }
            }
            SessionReport::Message { to, payload } => self.send_message(to, payload),
            SessionReport::Farewell { to, payload } => self.farewell(session, to, payload),
            SessionReport::Active(active) => self.active_changed(session, active),
            SessionReport::ConversationChanged(conversation) => {
                // One that was replaced may still hear of a change that is no longer its own.
                let line = self.lines.sessions.get_mut(&session);
                if let Some(line) = line.filter(|line| !line.leaving) {
                    line.conversation = Some(conversation.clone());
                    let active = line.active;
                    self.track(|calls| calls.session_started(session, conversation, active));
                }
            }
            SessionReport::Measured(figures) => self.measured(&session, &figures),
            SessionReport::Ended { reason, by } => self.session_ended(&session, reason, by),
        }
    }

    fn send_request(&mut self, session: SessionId, token: jingle::Token, to: Jid, payload: Element) {
        if !self.is_connected() {
            return self.respond(session, token, session::Outcome::Lost);
        }
        let number = xmpp::Token(self.ids.next());
        self.watch_terminate(number, &session, &to, &payload);
        self.lines.requests.insert(number, (session, token));
        let request = xmpp::Request {
            token: number,
            to: Some(to),
            kind: xmpp::RequestKind::Set,
            urgency: urgency(&payload),
            payload,
        };
        self.outputs.push_back(Output::Stream(StreamCommand::Request(request)));
    }

    /// The part of the shell that ran a session failed. Its peer is told, since the session cannot do it any more.
    pub(super) fn session_lost(&mut self, session: &SessionId) {
        let Some(line) = self.lines.sessions.get(session) else {
            return;
        };
        tracing::error!(%session, "a session failed");
        let peer = line.peer.clone();
        let dialect = line.dialect;
        let payload = terminate(dialect, session, Reason::GeneralError, self.ids.next().to_string());
        self.farewell(session.clone(), peer, payload);
        self.session_ended(session, Reason::GeneralError, session::EndedBy::Local);
    }

    fn session_ended(&mut self, session: &SessionId, reason: Reason, by: session::EndedBy) {
        let Some(line) = self.lines.sessions.remove(session) else {
            return;
        };
        self.lines.requests.retain(|_, (owner, _)| owner != session);
        let unanswered = self.lines.tickets.extract_if(.., |_, (owner, _)| owner == session);
        for (_, ticket) in unanswered.map(|(_, waiting)| waiting).collect::<Vec<_>>() {
            self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound);
        }
        let lasted = self.now.saturating_duration_since(line.started);
        let conversation = line.conversation;
        if line.active {
            self.emit(Event::ActiveChanged {
                session: session.clone(),
                active: false,
            });
        }
        self.emit(Event::SessionEnded {
            session: session.clone(),
            conversation,
            reason,
            by,
            lasted,
        });
        if self.calls.persistent.as_ref() == Some(session) {
            self.calls.persistent = None;
        }
        self.track(|calls| calls.session_ended(session, reason));
        if self.config.calls_at_once.is_some() {
            self.judge_proposals();
        }
    }

    fn active_changed(&mut self, session: SessionId, active: bool) {
        if let Some(line) = self.lines.sessions.get_mut(&session)
            && std::mem::replace(&mut line.active, active) != active
        {
            let connected = line.conversation.clone().filter(|_| active);
            self.emit(Event::ActiveChanged {
                session: session.clone(),
                active,
            });
            self.track(|calls| calls.session_active(&session, active));
            if let Some(conversation) = connected {
                self.clear_proposals(&conversation);
            }
        }
    }

    /// How many sessions have carried a session's conversation before it; of one that never was replaced, none.
    pub fn reconnects(&self, session: &SessionId) -> Option<u32> {
        self.lines.sessions.get(session).map(|line| line.reconnects)
    }

    /// Whether a session was accepted by us and its media are connected now.
    pub fn is_active(&self, session: &SessionId) -> bool {
        self.lines.sessions.get(session).is_some_and(|line| line.active)
    }

    /// A shutdown waits for nobody any longer.
    pub(super) fn abandon_sessions(&mut self) {
        let sessions: Vec<_> = self.lines.sessions.keys().cloned().collect();
        for session in sessions {
            tracing::warn!(%session, "a session has not ended in time and is dropped");
            self.outputs.push_back(Output::DropSession(session.clone()));
            self.session_ended(&session, Reason::Success, session::EndedBy::Local);
        }
    }
}

/// The words by which a session ends, said by somebody else than the session.
pub(super) fn terminate(dialect: Dialect, session: &SessionId, reason: Reason, rpc: String) -> Element {
    let session = session.clone();
    match dialect {
        Dialect::Jingle => {
            let mut jingle = Jingle::new(Action::SessionTerminate, session);
            jingle.reason = Some(reason.into());
            jingle.to_element()
        }
        Dialect::SdpOverXmpp => {
            let method = Method::Terminate { session, reason };
            Rpc { id: rpc, method }.to_element()
        }
    }
}
