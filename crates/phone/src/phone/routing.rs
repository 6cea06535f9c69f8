//! Which stanza belongs to which session: by session id **and** sender.

use std::collections::BTreeSet;

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    self as jingle, Act, Dialect, Envelope, SessionId,
    genesys::RpcLimits,
    proposals,
    session::{self, Refusal, Rejection, Reply},
    stanza::JingleCondition,
};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{Output, Phone, StreamCommand, opening::Opening, signalling};

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
        match Envelope::read(&payload, &RpcLimits::default()) {
            Some(Ok(envelope)) => self.route_envelope(ticket, from, payload, envelope),
            Some(Err(refusal)) => self.refuse_for(ticket, refusal),
            None => self.refuse_for(ticket, Refusal::NotForSessions),
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

    fn route_envelope(&mut self, ticket: xmpp::Ticket, from: Jid, payload: Element, envelope: Envelope) {
        let id = &envelope.session;
        let known = match self.lines.sessions.get(id) {
            Some(line) => (line.peer == from).then_some(line.dialect),
            None => self.proposed_dialect(id, &from),
        };
        if known.is_some_and(|dialect| dialect != envelope.dialect) {
            // A gateway may speak both dialects for one id, in any order. What is not of the one that was proposed is dropped
            // without a word: an error would end the session in the other one.
            tracing::debug!(session = %id, %from, "a request of another dialect than the session's");
            return self.outputs.push_back(Output::Stream(StreamCommand::Ignore(ticket)));
        }
        if self.lines.contains(id) {
            return match known {
                Some(_) => self.deliver(id, Some(ticket), from, payload),
                // As if there were no such session: a stranger learns nothing of it.
                None => self.answer_for_nobody(ticket, &envelope),
            };
        }
        match envelope.act {
            Act::Begin { conversation, reinvite } => {
                let opening = Opening {
                    session: envelope.session,
                    dialect: envelope.dialect,
                    from,
                    payload,
                    conversation,
                    reinvite,
                };
                self.offered(ticket, opening);
            }
            Act::Trickle => self.came_early(ticket, from, payload, &envelope),
            Act::End => {
                self.owed.settle(id, &from);
                self.withdraw_kept(id, &from);
                self.answer_for_nobody(ticket, &envelope);
            }
            Act::Other => self.answer_for_nobody(ticket, &envelope),
        }
    }

    /// Answers a request to a session that there is not, as far as its sender is concerned.
    pub(super) fn answer_for_nobody(&mut self, ticket: xmpp::Ticket, envelope: &Envelope) {
        self.reply(ticket, stanza_reply(envelope.to_nobody(), envelope.dialect));
    }

    /// Hands a request to its session; one that was acknowledged already has no ticket.
    pub(super) fn deliver(&mut self, id: &SessionId, ticket: Option<xmpp::Ticket>, from: Jid, payload: Element) {
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
            xmpp::Outcome::Error(error) => session::Outcome::Refused(rejection(error)),
            xmpp::Outcome::TimedOut | xmpp::Outcome::Lost => session::Outcome::Lost,
        };
        self.respond(session, token, outcome);
    }

    pub(super) fn respond(&mut self, session: SessionId, token: jingle::Token, outcome: session::Outcome) {
        if self.lines.contains(&session) {
            let input = session::Input::Response { token, outcome };
            self.outputs.push_back(Output::Session { session, input });
        }
    }

    fn refuse_for(&mut self, ticket: xmpp::Ticket, refusal: Refusal) {
        tracing::debug!(%refusal, "a request is refused");
        self.reply(ticket, stanza_reply(Reply::Refused(refusal), Dialect::Jingle));
    }

    pub(super) fn refuse(&mut self, ticket: xmpp::Ticket, kind: ErrorKind, condition: Condition) {
        self.reply(ticket, xmpp::Reply::Error(xmpp::StanzaError::new(kind, condition)));
    }
}

/// Answers and ends are worth more than candidates when the send rate is short.
pub(super) fn urgency(payload: &Element) -> xmpp::Urgency {
    match act_of(payload) {
        Some(Act::Trickle) => xmpp::Urgency::Normal,
        Some(Act::Begin { .. } | Act::End | Act::Other) | None => xmpp::Urgency::High,
    }
}

/// What a request of our own asks.
pub(super) fn act_of(payload: &Element) -> Option<Act> {
    let envelope = Envelope::read(payload, &RpcLimits::default())?;
    envelope.ok().map(|envelope| envelope.act)
}

/// A session's answer in RFC 6120's terms.
pub(super) fn stanza_reply(reply: Reply, dialect: Dialect) -> xmpp::Reply {
    let refusal = match reply {
        Reply::Done => return xmpp::Reply::Result(None),
        Reply::Refused(refusal) => refusal,
    };
    let kind = ErrorKind::from_name(refusal.error_type()).unwrap_or(ErrorKind::Cancel);
    let condition = Condition::from_name(refusal.condition()).unwrap_or(Condition::UndefinedCondition);
    let application = match dialect {
        Dialect::Jingle => refusal.application().map(JingleCondition::to_element),
        Dialect::SdpOverXmpp => None,
    };
    xmpp::Reply::Error(xmpp::StanzaError {
        application,
        ..xmpp::StanzaError::new(kind, condition)
    })
}

/// A peer's error in a session's terms.
fn rejection(error: xmpp::StanzaError) -> Rejection {
    Rejection {
        condition: error.condition.to_string(),
        application: error.application.as_ref().and_then(JingleCondition::from_element),
        redirect: error.alternative,
    }
}
