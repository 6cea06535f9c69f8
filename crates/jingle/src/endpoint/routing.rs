//! Which request is for which session, and what sessions and proposals say.

use std::time::Instant;

use jid::Jid;
use minidom::Element;
use tracing::debug;

use super::{Endpoint, EndpointError, EndpointEvent, Output, Unsolicited};
use crate::{
    ConversationId, Dialect, ProposalEvent, Proposals, Reason, Session, SessionId, Ticket,
    envelope::{Act, Envelope},
    proposals,
    session::{self, Refusal, Reply},
    stanza::{self, Farewell},
};

impl Endpoint {
    /// Lets those act whose time has come.
    pub(super) fn pass_time(&mut self) {
        let now = self.now;
        self.proposals.handle_input(now, proposals::Input::Timeout);
        self.drain_proposals();
        while let Some(id) = self.lines.due(now) {
            self.tell_session(&id, session::Input::Timeout);
        }
    }

    pub(super) fn route(&mut self, ticket: Ticket, from: Jid, payload: Element) {
        let envelope = match Envelope::read(&payload, &self.config.limits.rpc) {
            Some(Ok(envelope)) => envelope,
            Some(Err(refusal)) => return self.refuse(ticket, refusal),
            None => return self.refuse(ticket, Refusal::NotForSessions),
        };
        let id = &envelope.session;
        if let Some(session) = self.lines.session(id) {
            // A gateway may speak both dialects for one id; an error would end the session that it announced.
            if session.dialect() != envelope.dialect && *session.peer() == from {
                return self.outputs.push_back(Output::Ignore { ticket });
            }
            return self.tell_session(id, session::Input::Request { ticket, from, payload });
        }
        match self.proposals.proposal(id) {
            Some(proposal) if proposal.from == from => {
                let dialect = dialect_of(proposal.sdp_over_xmpp);
                if dialect != envelope.dialect {
                    return self.outputs.push_back(Output::Ignore { ticket });
                }
                match &envelope.act {
                    Act::Begin { conversation, .. } if proposal.accepted => {
                        let conversation = conversation.clone().or_else(|| proposal.conversation.clone());
                        self.proposed_begins(ticket, from, payload, id, dialect, conversation);
                    }
                    Act::Trickle => self.keep_overtaken(ticket, id, payload),
                    Act::Begin { .. } | Act::End | Act::Other => self.reply(ticket, envelope.to_nobody()),
                }
            }
            Some(_) => self.reply(ticket, envelope.to_nobody()),
            None => match envelope.act {
                Act::Begin { .. } => self.unproposed_begins(ticket, from, payload, &envelope),
                Act::Trickle | Act::End | Act::Other => self.reply(ticket, envelope.to_nobody()),
            },
        }
    }

    fn proposed_begins(
        &mut self,
        ticket: Ticket,
        from: Jid,
        payload: Element,
        id: &SessionId,
        dialect: Dialect,
        conversation: Option<ConversationId>,
    ) {
        if let Err(refusal) = self.room() {
            return self.refuse(ticket, refusal);
        }
        let now = self.now;
        self.proposals.offered(now, id);
        self.drain_proposals();
        let mut config = self.session_config(id.clone(), dialect, from.clone());
        config.conversation = conversation;
        config.announce_to = Some(self.config.proposals.local.to_bare());
        let overtaken = self.lines.take_overtaken(now, id);
        let session = self.responder(config);
        self.start(session);
        self.tell_session(
            id,
            session::Input::Request {
                ticket,
                from: from.clone(),
                payload,
            },
        );
        for payload in overtaken {
            let from = from.clone();
            self.tell_session(
                id,
                session::Input::Request {
                    ticket: SETTLED,
                    from,
                    payload,
                },
            );
        }
    }

    /// XEP-0166 section 7.2.16: of two that call each other at the same time, the lower name goes first.
    fn unproposed_begins(&mut self, ticket: Ticket, from: Jid, payload: Element, envelope: &Envelope) {
        let id = &envelope.session;
        let goes_first = self.lines.calling(&from).is_some_and(|ours| ours < id);
        let is_taken = self.proposals.own(id).is_some() || self.proposals.is_over(self.now, id, &from);
        let refusal = match self.config.unsolicited {
            Unsolicited::Refuse => Some(Refusal::Unsolicited),
            // Ours to begin, or over, which its caller has not heard of yet.
            Unsolicited::Take if is_taken => Some(Refusal::OtherSession),
            Unsolicited::Take if goes_first => Some(Refusal::TieBreak),
            Unsolicited::Take => self.room().err(),
        };
        if let Some(refusal) = refusal {
            return self.refuse(ticket, refusal);
        }
        let overruled = self.lines.calling(&from).cloned();
        let config = self.session_config(id.clone(), envelope.dialect, from.clone());
        let mut session = self.responder(config);
        let started = self.announce(&mut session);
        session.handle_input(self.now, session::Input::Request { ticket, from, payload });
        if session.is_awaiting_offer() {
            return self.refused_to_begin(session);
        }
        self.enter(session, started);
        if let Some(overruled) = overruled {
            self.give_way(&overruled, id);
        }
    }

    /// A peer that breaks ties has no session of the other name, and answers the end of it all the same; one that does not is
    /// told that this one goes on.
    fn give_way(&mut self, overruled: &SessionId, to: &SessionId) {
        let farewell = Farewell {
            alternative: Some(to.clone()),
            ..Farewell::new(Reason::AlternativeSession)
        };
        // It waits for its answer, so it can be ended.
        drop(self.with_session(self.now, overruled, |session, now| session.end_with(now, farewell)));
    }

    /// What was to be its offer was none, so all it says is why.
    fn refused_to_begin(&mut self, mut session: Session) {
        while let session::Output::Reply { ticket, reply } = session.poll_output() {
            self.reply(ticket, reply);
        }
    }

    fn responder(&mut self, config: session::SessionConfig) -> Session {
        let seed = self.draw_seed();
        Session::new(config, seed, self.now)
    }

    fn room(&self) -> Result<(), Refusal> {
        let limit = self.config.sessions;
        if self.lines.len() < limit {
            Ok(())
        } else {
            Err(Refusal::TooManySessions { limit })
        }
    }

    fn keep_overtaken(&mut self, ticket: Ticket, id: &SessionId, payload: Element) {
        if let Err(error) = stanza::measure(&payload, &self.config.limits.jingle) {
            return self.refuse(ticket, Refusal::MalformedJingle(error));
        }
        let limit = self.config.limits.early_candidates;
        let room = (self.config.overtaken, limit);
        let keep = self.config.timers.early_candidate;
        let reply = if self.lines.keep_overtaken(self.now, keep, room, id, payload) {
            Reply::Done
        } else {
            Reply::Refused(Refusal::TooManyCandidates { limit })
        };
        self.reply(ticket, reply);
    }

    pub(super) fn tell_session(&mut self, id: &SessionId, input: session::Input) {
        let now = self.now;
        if let Some(session) = self.lines.session_mut(id) {
            session.handle_input(now, input);
            self.drain_session(id);
        }
    }

    pub(super) fn tell_all(&mut self, input: &session::Input) {
        for id in self.lines.ids() {
            self.tell_session(&id, input.clone());
        }
    }

    /// Passes on what a session says.
    pub(super) fn drain_session(&mut self, id: &SessionId) {
        let wake = loop {
            let Some(session) = self.lines.session_mut(id) else {
                return;
            };
            match session.poll_output() {
                session::Output::Request { token, to, payload } => {
                    let token = self.exchange.asked(id.clone(), token);
                    self.outputs.push_back(Output::Request { token, to, payload });
                }
                session::Output::Reply { ticket: SETTLED, .. } => {}
                session::Output::Reply { ticket, reply } => self.reply(ticket, reply),
                session::Output::Message { to, payload } => self.send(to, payload),
                session::Output::Farewell { to, payload } => {
                    self.outputs.push_back(Output::Farewell { to, payload });
                }
                session::Output::Event(event) => {
                    let session = id.clone();
                    self.tell(EndpointEvent::Session { session, event });
                }
                session::Output::Timeout(wake) => break wake,
            }
        };
        if self.lines.settle(id, wake) {
            self.proposals.ended(self.now, id);
        }
    }

    pub(super) fn with_proposals<E>(
        &mut self,
        now: Instant,
        command: impl FnOnce(&mut Proposals) -> Result<(), E>,
    ) -> Result<(), EndpointError>
    where
        EndpointError: From<E>,
    {
        self.now = now;
        let result = command(&mut self.proposals);
        self.drain_proposals();
        Ok(result?)
    }

    /// Passes on what the proposals say.
    pub(super) fn drain_proposals(&mut self) {
        loop {
            match self.proposals.poll_output() {
                proposals::Output::Message { to, payload } => self.send(to, payload),
                proposals::Output::Event(event) => {
                    self.note(&event);
                    self.tell(EndpointEvent::Proposal(event));
                }
                proposals::Output::Timeout(wake) => {
                    self.proposals_wake = wake;
                    return;
                }
            }
        }
    }

    /// What proposals that come and go mean for what is kept for them.
    fn note(&mut self, event: &ProposalEvent) {
        match event {
            ProposalEvent::Replaced { old: id, .. }
            | ProposalEvent::Cancelled { id, .. }
            | ProposalEvent::HandledElsewhere { id } => self.lines.forget_overtaken(id),
            ProposalEvent::Proposed(_)
            | ProposalEvent::Refused { .. }
            | ProposalEvent::Ringing { .. }
            | ProposalEvent::Proceeded { .. }
            | ProposalEvent::Rejected { .. }
            | ProposalEvent::Finished { .. }
            | ProposalEvent::Lapsed { .. } => {}
        }
    }

    fn send(&mut self, to: Jid, payload: Element) {
        let message = Output::Message { to, payload };
        let limit = self.config.held;
        self.outputs.extend(self.exchange.hold(limit, message));
    }

    fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push_back(Output::Reply { ticket, reply });
    }

    fn refuse(&mut self, ticket: Ticket, refusal: Refusal) {
        debug!(%refusal, "request refused");
        self.reply(ticket, Reply::Refused(refusal));
    }
}

/// Of requests that were acknowledged when they came.
const SETTLED: Ticket = Ticket(u64::MAX);

pub(super) fn dialect_of(sdp_over_xmpp: bool) -> Dialect {
    if sdp_over_xmpp {
        Dialect::SdpOverXmpp
    } else {
        Dialect::Jingle
    }
}
