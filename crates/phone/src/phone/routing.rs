//! Which stanza belongs to which session: by session id **and** sender.

use std::{collections::BTreeMap, time::Instant};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    self as jingle, ConversationId, Reason, SessionId,
    genesys::{Method, Rpc},
    proposals, session,
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{Output, Phone, SessionReport, SessionStart, StreamCommand};
use crate::event::Event;

/// How many sessions there may be at once; more are refused with `resource-constraint`.
const SESSIONS: usize = 1000;

/// The session table, and the numbers under which its sessions ask and answer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    sessions: BTreeMap<SessionId, Line>,
    /// Requests of sessions that wait for their outcome.
    requests: BTreeMap<xmpp::Token, (SessionId, jingle::Token)>,
    /// Requests of peers that wait for a session's reply.
    tickets: BTreeMap<jingle::Ticket, xmpp::Ticket>,
}

#[derive(Debug)]
struct Line {
    peer: Jid,
    conversation: Option<ConversationId>,
    /// When the offer came; candidates may come before it.
    started: Option<Instant>,
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

    /// The stream that gave them out is closed.
    pub(super) fn forget_tickets(&mut self) {
        self.tickets.clear();
    }
}

impl Phone {
    /// A message: only XEP-0353 means something here.
    pub(super) fn route_message(&mut self, message: xmpp::Message) {
        let Some(from) = message.from else {
            tracing::debug!("a message of the server itself");
            return;
        };
        for payload in message.payloads {
            if let Some(ringing) = &mut self.ringing {
                let input = proposals::Input::Message {
                    from: from.clone(),
                    payload,
                };
                ringing.proposals.handle_input(self.now, input);
            }
        }
        self.drain_proposals();
    }

    /// An IQ of either dialect.
    pub(super) fn route_request(&mut self, request: xmpp::IncomingRequest) {
        let xmpp::IncomingRequest {
            ticket, from, payload, ..
        } = request;
        let Some(from) = from else {
            return self.refuse(ticket, ErrorKind::Cancel, Condition::NotAllowed);
        };
        if payload.name() == "jingle" {
            return self.refuse_jingle(ticket, &payload);
        }
        match Rpc::parse(&payload) {
            Err(error) => {
                tracing::debug!(%from, %error, "an SDP-over-XMPP request that cannot be read");
                self.refuse(ticket, ErrorKind::Modify, Condition::BadRequest);
            }
            Ok(rpc) => self.route_rpc(ticket, from, payload, &rpc),
        }
    }

    /// A gateway may speak both dialects for one id. What the proposal did not announce is dropped without a word: an error
    /// would end the session that it did announce.
    fn refuse_jingle(&mut self, ticket: xmpp::Ticket, payload: &Element) {
        let id = SessionId::new(payload.attr("sid").unwrap_or_default());
        if self.lines.contains(&id) || self.proposal(&id).is_some_and(|proposal| proposal.sdp_over_xmpp) {
            self.outputs.push_back(Output::Stream(StreamCommand::Ignore(ticket)));
        } else {
            self.refuse(ticket, ErrorKind::Cancel, Condition::ServiceUnavailable);
        }
    }

    fn route_rpc(&mut self, ticket: xmpp::Ticket, from: Jid, payload: Element, rpc: &Rpc) {
        let id = rpc.method.session();
        if !self.lines.contains(id) && !self.start_session(id, &from) {
            return match rpc.method {
                // Both sides may end at once; the second terminate is no error.
                Method::Terminate { .. } => self.reply(ticket, xmpp::Reply::Result(None)),
                _ => self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound),
            };
        }
        if let Method::Offer { conversation, .. } = &rpc.method {
            self.offered(id, &from, conversation.as_ref());
        }
        let number = jingle::Ticket(self.ids.next());
        self.lines.tickets.insert(number, ticket);
        let input = session::Input::Request {
            ticket: number,
            from,
            payload,
        };
        self.outputs.push_back(Output::Session {
            session: id.clone(),
            input,
        });
    }

    /// The first stanza of a session whose proposal was accepted and whose sender made it starts the session.
    fn start_session(&mut self, id: &SessionId, from: &Jid) -> bool {
        let Some((proposal, local)) = self
            .ringing
            .as_ref()
            .and_then(|ringing| Some((ringing.proposals.proposal(id)?, &ringing.local)))
            .filter(|(proposal, _)| proposal.accepted && proposal.from == *from)
        else {
            return false;
        };
        if self.lines.sessions.len() >= SESSIONS {
            tracing::warn!(session = %id, limit = SESSIONS, "too many sessions");
            return false;
        }
        let conversation = proposal.conversation.clone();
        let mut config = session::SessionConfig::new(id.clone(), local.to_bare(), from.clone());
        config.conversation = conversation.clone();
        let line = Line {
            peer: from.clone(),
            conversation,
            started: None,
        };
        let seed = self.ids.seed();
        self.lines.sessions.insert(id.clone(), line);
        self.outputs
            .push_back(Output::StartSession(Box::new(SessionStart { config, seed })));
        true
    }

    /// An offer for a session: its first one makes the proposal a session.
    fn offered(&mut self, id: &SessionId, from: &Jid, conversation: Option<&ConversationId>) {
        let now = self.now;
        let Some(line) = self.lines.sessions.get_mut(id).filter(|line| line.peer == *from) else {
            return;
        };
        // A reinvite may move the session to another conversation.
        if conversation.is_some() {
            line.conversation = conversation.cloned();
        }
        if line.started.replace(line.started.unwrap_or(now)).is_some() {
            return;
        }
        let started = Event::SessionStarted {
            session: id.clone(),
            conversation: line.conversation.clone(),
            peer: line.peer.clone(),
        };
        if let Some(conversation) = &line.conversation {
            self.outbound.arrived(conversation);
        }
        if let Some(ringing) = &mut self.ringing {
            ringing.proposals.offered(now, id);
        }
        self.drain_proposals();
        self.emit(started);
    }

    /// Another client took the call, or it was taken back, before its offer came.
    pub(super) fn abandon(&mut self, id: &SessionId) {
        if self.lines.sessions.get(id).is_some_and(|line| line.started.is_none()) {
            let input = session::Input::HandledElsewhere;
            self.outputs.push_back(Output::Session {
                session: id.clone(),
                input,
            });
        }
    }

    /// The outcome of a session's request.
    pub(super) fn route_response(&mut self, token: xmpp::Token, outcome: xmpp::Outcome) {
        let Some((session, token)) = self.lines.requests.remove(&token) else {
            return;
        };
        let outcome = match outcome {
            xmpp::Outcome::Result(_) => session::Outcome::Done,
            xmpp::Outcome::Error(error) => session::Outcome::Refused {
                condition: error.condition.to_string(),
            },
            xmpp::Outcome::TimedOut | xmpp::Outcome::Lost => session::Outcome::Lost,
        };
        self.respond(session, token, outcome);
    }

    fn respond(&mut self, session: SessionId, token: jingle::Token, outcome: session::Outcome) {
        if self.lines.contains(&session) {
            let input = session::Input::Response { token, outcome };
            self.outputs.push_back(Output::Session { session, input });
        }
    }

    pub(super) fn session_reported(&mut self, session: SessionId, report: SessionReport) {
        if !self.lines.contains(&session) {
            return;
        }
        match report {
            SessionReport::Request { token, to, payload } => self.send_request(session, token, to, payload),
            SessionReport::Reply { ticket, reply } => {
                if let Some(ticket) = self.lines.tickets.remove(&ticket) {
                    self.reply(ticket, stanza_reply(reply));
                }
            }
            SessionReport::Message { to, payload } => self.send_message(to, payload),
            SessionReport::Ended { reason, by } => self.session_ended(&session, reason, by),
        }
    }

    fn send_request(&mut self, session: SessionId, token: jingle::Token, to: Jid, payload: Element) {
        if !self.is_connected() {
            return self.respond(session, token, session::Outcome::Lost);
        }
        let number = xmpp::Token(self.ids.next());
        self.lines.requests.insert(number, (session, token));
        let request = xmpp::Request {
            token: number,
            to: Some(to),
            kind: xmpp::RequestKind::Set,
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
        let method = Method::Terminate {
            session: session.clone(),
            reason: Reason::GeneralError,
        };
        let payload = Rpc {
            id: self.ids.next().to_string(),
            method,
        }
        .to_element();
        self.send_request(session.clone(), jingle::Token(0), peer, payload);
        self.session_ended(session, Reason::GeneralError, session::EndedBy::Local);
    }

    fn session_ended(&mut self, session: &SessionId, reason: Reason, by: session::EndedBy) {
        let Some(line) = self.lines.sessions.remove(session) else {
            return;
        };
        self.lines.requests.retain(|_, (owner, _)| owner != session);
        if let Some(started) = line.started {
            let lasted = self.now.saturating_duration_since(started);
            let conversation = line.conversation;
            self.emit(Event::SessionEnded {
                session: session.clone(),
                conversation,
                reason,
                by,
                lasted,
            });
        }
    }

    fn refuse(&mut self, ticket: xmpp::Ticket, kind: ErrorKind, condition: Condition) {
        self.reply(ticket, xmpp::Reply::Error(stanza_error(kind, condition)));
    }
}

fn stanza_error(kind: ErrorKind, condition: Condition) -> xmpp::StanzaError {
    xmpp::StanzaError {
        kind,
        condition,
        application: None,
        text: None,
    }
}

/// A session's answer in RFC 6120's terms.
fn stanza_reply(reply: session::Reply) -> xmpp::Reply {
    let refusal = match reply {
        session::Reply::Done => return xmpp::Reply::Result(None),
        session::Reply::Refused(refusal) => refusal,
    };
    let kind = ErrorKind::from_name(refusal.error_type()).unwrap_or(ErrorKind::Cancel);
    let condition = Condition::from_name(refusal.condition()).unwrap_or(Condition::UndefinedCondition);
    xmpp::Reply::Error(stanza_error(kind, condition))
}
