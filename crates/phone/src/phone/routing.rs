//! Which stanza belongs to which session: by session id **and** sender.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    self as jingle, ConversationId, Reason, SessionId,
    genesys::{Method, Rpc},
    proposals, session,
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{Output, Phone, SessionReport, SessionStart, StreamCommand, ringing::Ringing, signalling};
use crate::event::Event;

/// How many sessions there may be at once; more are refused with `resource-constraint`.
const SESSIONS: usize = 1000;

/// For how many proposals candidates are kept that come before their offer, and how many for each.
const EARLY: (usize, usize) = (10, 64);

/// How long they are kept.
const EARLY_FOR: Duration = Duration::from_secs(60);

/// The session table, and the numbers under which its sessions ask and answer.
#[derive(Debug, Default)]
pub(super) struct Lines {
    sessions: BTreeMap<SessionId, Line>,
    /// Requests of sessions that wait for their outcome.
    requests: BTreeMap<xmpp::Token, (SessionId, jingle::Token)>,
    /// Requests of peers that wait for a session's reply.
    tickets: BTreeMap<jingle::Ticket, (SessionId, xmpp::Ticket)>,
    /// Candidates of proposals whose offer has not come.
    early: BTreeMap<SessionId, Early>,
}

/// What a proposer sent before its offer, acknowledged already.
#[derive(Debug)]
struct Early {
    until: Instant,
    payloads: Vec<Element>,
}

#[derive(Debug)]
struct Line {
    peer: Jid,
    conversation: Option<ConversationId>,
    /// When its first offer came.
    started: Instant,
    /// Its media are connected now.
    active: bool,
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
    /// A message: notifications and XEP-0353 mean something here.
    pub(super) fn route_message(&mut self, message: xmpp::Message) {
        let Some(from) = message.from else {
            tracing::debug!("a message of the server itself");
            return;
        };
        for payload in message.payloads {
            if self.notified(&from, &payload) {
                continue;
            }
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
        if payload.is(signalling::TRANSFER.name, signalling::TRANSFER.namespace) {
            return self.transfer_asked(ticket, from.as_ref());
        }
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

    /// Only the account's own server moves us.
    fn transfer_asked(&mut self, ticket: xmpp::Ticket, from: Option<&Jid>) {
        let own = self.ringing.as_ref().map(|ringing| &ringing.local);
        let is_server = from.is_none_or(|from| {
            from.resource().is_none()
                && own.is_some_and(|own| {
                    from.domain() == own.domain() && (from.node().is_none() || from.node() == own.node())
                })
        });
        if is_server {
            self.reply(ticket, xmpp::Reply::Result(None));
            self.transfer();
        } else {
            self.refuse(ticket, ErrorKind::Cancel, Condition::NotAllowed);
        }
    }

    /// A gateway may speak both dialects for one id. What the proposal did not announce is dropped without a word: an error
    /// would end the session that it did announce. Of a session that nobody knows, only the end is right (XEP-0166), and none
    /// can begin so.
    fn refuse_jingle(&mut self, ticket: xmpp::Ticket, payload: &Element) {
        let id = SessionId::new(payload.attr("sid").unwrap_or_default());
        if self.lines.contains(&id) || self.proposal(&id).is_some_and(|proposal| proposal.sdp_over_xmpp) {
            self.outputs.push_back(Output::Stream(StreamCommand::Ignore(ticket)));
            return;
        }
        match payload.attr("action") {
            // Both sides may end at once; the second terminate is no error.
            Some("session-terminate") => self.reply(ticket, xmpp::Reply::Result(None)),
            Some("session-initiate") => self.refuse(ticket, ErrorKind::Cancel, Condition::ServiceUnavailable),
            Some(_) => {
                let mut error = stanza_error(ErrorKind::Cancel, Condition::ItemNotFound);
                error.application = Some(Element::bare("unknown-session", "urn:xmpp:jingle:errors:1"));
                self.reply(ticket, xmpp::Reply::Error(error));
            }
            None => self.refuse(ticket, ErrorKind::Modify, Condition::BadRequest),
        }
    }

    fn route_rpc(&mut self, ticket: xmpp::Ticket, from: Jid, payload: Element, rpc: &Rpc) {
        let id = rpc.method.session();
        if self.lines.contains(id) {
            return self.deliver(id, Some(ticket), from, payload);
        }
        match &rpc.method {
            // Both sides may end at once; the second terminate is no error.
            Method::Terminate { .. } => {
                self.owed.settle(id, &from);
                self.reply(ticket, xmpp::Reply::Result(None));
            }
            Method::Offer { conversation, .. } => {
                self.offered(ticket, id, from, payload, conversation.as_ref());
            }
            Method::Candidate { .. } | Method::EndOfCandidates { .. } if self.proposed_by(id, &from) => {
                self.keep_early(ticket, id, payload);
            }
            Method::Candidate { .. }
            | Method::EndOfCandidates { .. }
            | Method::Answer { .. }
            | Method::Info { .. }
            | Method::Mute { .. }
            | Method::Unmute { .. } => self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound),
        }
    }

    fn proposed_by(&self, id: &SessionId, from: &Jid) -> bool {
        self.proposal(id).is_some_and(|proposal| proposal.from == *from)
    }

    /// Keeps a candidate that overtook its offer.
    fn keep_early(&mut self, ticket: xmpp::Ticket, id: &SessionId, payload: Element) {
        let until = self.now + EARLY_FOR;
        let early = &mut self.lines.early;
        let (proposals, candidates) = EARLY;
        let room = match early.get(id) {
            Some(early) => early.payloads.len() < candidates,
            None => early.len() < proposals,
        };
        if !room {
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        early
            .entry(id.clone())
            .or_insert_with(|| Early {
                until,
                payloads: Vec::new(),
            })
            .payloads
            .push(payload);
        self.reply(ticket, xmpp::Reply::Result(None));
    }

    /// The first offer of a proposal that was accepted, from its proposer: the proposal becomes a session.
    fn offered(
        &mut self,
        ticket: xmpp::Ticket,
        id: &SessionId,
        from: Jid,
        payload: Element,
        conversation: Option<&ConversationId>,
    ) {
        let accepted = self.proposal(id).is_some_and(|proposal| proposal.accepted);
        if !(accepted && self.takes_calls() && self.proposed_by(id, &from)) {
            return self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound);
        }
        if self.lines.sessions.len() >= SESSIONS {
            tracing::warn!(session = %id, limit = SESSIONS, "too many sessions");
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        let now = self.now;
        let Some(Ringing { proposals, local, .. }) = &mut self.ringing else {
            return;
        };
        let Some(proposal) = proposals.offered(now, id) else {
            return;
        };
        let conversation = conversation.cloned().or(proposal.conversation);
        let mut config = session::SessionConfig::new(id.clone(), local.to_bare(), from.clone());
        config.conversation.clone_from(&conversation);
        self.drain_proposals();
        self.start_session(config, conversation);
        self.deliver(id, Some(ticket), from.clone(), payload);
        let early = self
            .lines
            .early
            .remove(id)
            .map(|early| early.payloads)
            .unwrap_or_default();
        for payload in early {
            self.deliver(id, None, from.clone(), payload);
        }
    }

    fn start_session(&mut self, config: session::SessionConfig, conversation: Option<ConversationId>) {
        let (session, peer) = (config.id.clone(), config.peer.clone());
        if let Some(conversation) = &conversation {
            self.outbound.arrived(conversation);
        }
        let line = Line {
            peer: peer.clone(),
            conversation: conversation.clone(),
            started: self.now,
            active: false,
        };
        self.lines.sessions.insert(session.clone(), line);
        let seed = self.ids.seed();
        self.outputs
            .push_back(Output::StartSession(Box::new(SessionStart { config, seed })));
        self.emit(Event::SessionStarted {
            session,
            conversation,
            peer,
        });
    }

    /// Hands a request to its session; one that was acknowledged already has no ticket.
    fn deliver(&mut self, id: &SessionId, ticket: Option<xmpp::Ticket>, from: Jid, payload: Element) {
        let number = jingle::Ticket(self.ids.next());
        if let Some(ticket) = ticket {
            self.lines.tickets.insert(number, (id.clone(), ticket));
        }
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

    /// The stream is closed: what waits on it is lost.
    pub(super) fn lose_exchanges(&mut self) {
        self.lines.tickets.clear();
        self.owed.replies.clear();
        for token in self.subscribing.tokens().collect::<Vec<_>>() {
            self.pubsub_answered(token, &xmpp::Outcome::Lost);
        }
        self.lose_farewells();
        for (session, token) in std::mem::take(&mut self.lines.requests).into_values() {
            self.respond(session, token, session::Outcome::Lost);
        }
    }

    /// The stream is closed, but what it had taken may still be answered. What was on its way to it is lost.
    pub(super) fn lose_untaken(&mut self, taken: &BTreeSet<xmpp::Token>) {
        let asked = self.lines.requests.keys().copied();
        let asked = asked.chain(self.owed.tokens()).chain(self.subscribing.tokens());
        for token in asked.filter(|token| !taken.contains(token)).collect::<BTreeSet<_>>() {
            self.route_response(token, xmpp::Outcome::Lost);
        }
    }

    /// The outcome of a session's request.
    pub(super) fn route_response(&mut self, token: xmpp::Token, outcome: xmpp::Outcome) {
        self.farewell_answered(token, &outcome);
        if self.pubsub_answered(token, &outcome) {
            return;
        }
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
                if let Some((_, ticket)) = self.lines.tickets.remove(&ticket) {
                    self.reply(ticket, stanza_reply(reply));
                }
            }
            SessionReport::Message { to, payload } => self.send_message(to, payload),
            SessionReport::Farewell { to, payload } => self.farewell(session, to, payload),
            SessionReport::Active(active) => self.active_changed(session, active),
            SessionReport::ConversationChanged(conversation) => {
                if let Some(line) = self.lines.sessions.get_mut(&session) {
                    line.conversation = Some(conversation);
                }
            }
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
        let method = Method::Terminate {
            session: session.clone(),
            reason: Reason::GeneralError,
        };
        let payload = Rpc {
            id: self.ids.next().to_string(),
            method,
        }
        .to_element();
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
    }

    fn active_changed(&mut self, session: SessionId, active: bool) {
        if let Some(line) = self.lines.sessions.get_mut(&session)
            && std::mem::replace(&mut line.active, active) != active
        {
            self.emit(Event::ActiveChanged { session, active });
        }
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

    fn refuse(&mut self, ticket: xmpp::Ticket, kind: ErrorKind, condition: Condition) {
        self.reply(ticket, xmpp::Reply::Error(stanza_error(kind, condition)));
    }
}

/// Answers and ends are worth more than candidates when the send rate is short.
fn urgency(payload: &Element) -> xmpp::Urgency {
    match Rpc::parse(payload).map(|rpc| rpc.method) {
        Ok(Method::Candidate { .. } | Method::EndOfCandidates { .. }) => xmpp::Urgency::Normal,
        Ok(
            Method::Answer { .. }
            | Method::Terminate { .. }
            | Method::Offer { .. }
            | Method::Info { .. }
            | Method::Mute { .. }
            | Method::Unmute { .. },
        )
        | Err(_) => xmpp::Urgency::High,
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
