//! Which stanza belongs to which session: by session id **and** sender.

use std::collections::BTreeSet;

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    self as jingle, SessionId,
    genesys::{Method, Rpc},
    proposals, session,
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
                let mut error = xmpp::StanzaError::new(ErrorKind::Cancel, Condition::ItemNotFound);
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
            Method::Offer {
                conversation, reinvite, ..
            } => {
                let opening = Opening {
                    session: id.clone(),
                    from,
                    payload,
                    conversation: conversation.clone(),
                    reinvite: *reinvite,
                };
                self.offered(ticket, opening);
            }
            Method::Candidate { .. } | Method::EndOfCandidates { .. } => self.came_early(ticket, id, from, payload),
            Method::Answer { .. } | Method::Info { .. } | Method::Mute { .. } | Method::Unmute { .. } => {
                self.refuse(ticket, ErrorKind::Cancel, Condition::ItemNotFound)
            }
        }
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
            xmpp::Outcome::Error(error) => session::Outcome::Refused {
                condition: error.condition.to_string(),
            },
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

    pub(super) fn refuse(&mut self, ticket: xmpp::Ticket, kind: ErrorKind, condition: Condition) {
        self.reply(ticket, xmpp::Reply::Error(xmpp::StanzaError::new(kind, condition)));
    }
}
