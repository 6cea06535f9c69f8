//! What becomes of sessions and proposals while signalling is away, and what is still to be said once it is back.

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{Act, InitiationMessage, Reason, SessionId, session};
use offhook_xmpp as xmpp;

use super::{Output, Phone, StreamCommand, routing::act_of};
use crate::topics;

/// How many of each kind are kept; the oldest go first.
const LIMIT: usize = 100;

/// How long a terminate is owed. The far end has given up long before.
const FAREWELL_FOR: Duration = Duration::from_secs(10 * 60);

/// What could not be said when it was time.
#[derive(Debug, Default)]
pub(super) struct Owed {
    /// Messages about proposals, in order.
    messages: VecDeque<Message>,
    /// The terminates of sessions that are over here, oldest first.
    farewells: VecDeque<Farewell>,
    /// Those that were sent and not acknowledged.
    said: BTreeMap<xmpp::Token, Farewell>,
    /// Replies to requests of the last stream, for the one that goes on with it. No more than it has unanswered requests.
    pub(super) replies: Vec<(xmpp::Ticket, xmpp::Reply)>,
}

#[derive(Debug)]
struct Message {
    to: Jid,
    payload: Element,
    until: Instant,
}

/// A terminate that outlives its session.
#[derive(Debug)]
struct Farewell {
    session: SessionId,
    to: Jid,
    payload: Element,
    until: Instant,
}

impl Owed {
    pub(super) fn expire(&mut self, now: Instant) {
        self.messages.retain(|message| message.until > now);
        self.farewells.retain(|farewell| farewell.until > now);
    }

    /// The requests that are terminates and have no outcome yet.
    pub(super) fn tokens(&self) -> impl Iterator<Item = xmpp::Token> {
        self.said.keys().copied()
    }

    fn owe(&mut self, farewell: Farewell) {
        self.settle(&farewell.session, &farewell.to);
        if self.farewells.len() == LIMIT {
            self.farewells.pop_front();
            tracing::warn!(limit = LIMIT, "too many terminates are owed: the oldest is forgotten");
        }
        self.farewells.push_back(farewell);
    }

    /// The far end knows, for it has ended the session itself.
    pub(super) fn settle(&mut self, session: &SessionId, peer: &Jid) {
        self.farewells
            .retain(|farewell| farewell.session != *session || farewell.to != *peer);
    }
}

impl Phone {
    /// Signalling is gone: sessions keep what they owe. If it is lost, and not closed by the application, they may all have to
    /// end, as the configuration says.
    pub(super) fn detach(&mut self, lost: bool) {
        let ends = lost && !self.config.survivability;
        let sessions: Vec<_> = self.lines.iter().map(|(id, _)| id.clone()).collect();
        for session in sessions {
            // First, since media that fail while signalling is lost do not end a session.
            if ends {
                self.end_session(
                    session.clone(),
                    Reason::ConnectivityError.into(),
                    session::EndedBy::Network,
                );
            }
            self.outputs.push_back(Output::Session {
                session,
                input: session::Input::SignallingLost,
            });
        }
        if ends {
            self.drop_proposals();
        }
        self.topics_input(topics::Input::Disconnected);
    }

    /// Signalling is back: what is owed is said, as far as it still matters.
    pub(super) fn attach(&mut self) {
        self.owed.expire(self.now);
        for (ticket, reply) in std::mem::take(&mut self.owed.replies) {
            self.reply(ticket, reply);
        }
        for Message { to, payload, .. } in std::mem::take(&mut self.owed.messages) {
            if self.still_matters(&payload) {
                self.send_message(to, payload);
            }
        }
        for farewell in std::mem::take(&mut self.owed.farewells) {
            self.say_farewell(farewell);
        }
        let sessions: Vec<_> = self.lines.iter().map(|(id, _)| id.clone()).collect();
        for session in sessions {
            let input = session::Input::SignallingRestored;
            self.outputs.push_back(Output::Session { session, input });
        }
    }

    /// Acceptance means something as long as the proposal waits for its offer, refusal in any case.
    fn still_matters(&self, payload: &Element) -> bool {
        match InitiationMessage::parse(payload) {
            Some(Ok(InitiationMessage::Ringing(id))) => self.proposal(&id).is_some(),
            Some(Ok(InitiationMessage::Proceed(id))) => self.proposal(&id).is_some_and(|proposal| proposal.accepted),
            Some(Ok(
                InitiationMessage::Propose(_)
                | InitiationMessage::Accept(_)
                | InitiationMessage::Reject(_)
                | InitiationMessage::Retract(_)
                | InitiationMessage::Finish(_),
            )) => true,
            Some(Err(_)) | None => false,
        }
    }

    pub(super) fn owe_message(&mut self, to: Jid, payload: Element) {
        if self.owed.messages.len() == LIMIT {
            self.owed.messages.pop_front();
            tracing::warn!(limit = LIMIT, "too many messages are owed: the oldest is forgotten");
        }
        let until = self.now + self.config.proposal_expiry;
        self.owed.messages.push_back(Message { to, payload, until });
    }

    /// A session is over and its peer has yet to be told.
    pub(super) fn farewell(&mut self, session: SessionId, to: Jid, payload: Element) {
        let farewell = Farewell {
            session,
            to,
            payload,
            until: self.now + FAREWELL_FOR,
        };
        if self.is_connected() {
            self.say_farewell(farewell);
        } else {
            self.owed.owe(farewell);
        }
    }

    fn say_farewell(&mut self, farewell: Farewell) {
        let token = xmpp::Token(self.ids.next());
        self.outputs
            .push_back(Output::Stream(StreamCommand::Request(xmpp::Request {
                token,
                to: Some(farewell.to.clone()),
                kind: xmpp::RequestKind::Set,
                payload: farewell.payload.clone(),
                urgency: xmpp::Urgency::High,
            })));
        self.owed.said.insert(token, farewell);
    }

    /// The outcome of a request that may have been a terminate.
    pub(super) fn farewell_answered(&mut self, token: xmpp::Token, outcome: &xmpp::Outcome) {
        let Some(farewell) = self.owed.said.remove(&token) else {
            return;
        };
        match outcome {
            // Lost with the stream, or swallowed by a socket that is dead and not yet known to be: perhaps never heard.
            xmpp::Outcome::Lost | xmpp::Outcome::TimedOut if farewell.until > self.now => self.owed.owe(farewell),
            // Throttled, and the stream could not repeat it: never heard.
            xmpp::Outcome::Error(error) if error.kind == xmpp::ErrorKind::Wait && farewell.until > self.now => {
                self.owed.owe(farewell);
            }
            // Heard, or refused because the session is long gone there.
            xmpp::Outcome::Lost | xmpp::Outcome::TimedOut | xmpp::Outcome::Result(_) | xmpp::Outcome::Error(_) => {}
        }
    }

    /// The stream is gone, and nobody resumes it.
    pub(super) fn lose_farewells(&mut self) {
        for farewell in std::mem::take(&mut self.owed.said).into_values() {
            self.owed.owe(farewell);
        }
    }

    /// A session says its terminate itself; it is owed all the same until it was heard, for the session waits two seconds only.
    pub(super) fn watch_terminate(&mut self, token: xmpp::Token, session: &SessionId, to: &Jid, payload: &Element) {
        if act_of(payload) == Some(Act::End) {
            let farewell = Farewell {
                session: session.clone(),
                to: to.clone(),
                payload: payload.clone(),
                until: self.now + FAREWELL_FOR,
            };
            self.owed.said.insert(token, farewell);
        }
    }
}
