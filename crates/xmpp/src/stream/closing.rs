//! After our `<close/>` (RFC 7395 section 3.6): nothing is sent any more, what still arrives is read.

use std::time::Instant;

use jid::FullJid;
use minidom::Element;
use tracing::debug;

use super::{
    Context,
    iq::{Answer, Iq},
    requests::{Purpose, Requests},
    session::{Session, read_message, response},
};
use crate::{Event, Outcome, ns};

/// A stream that waits for the server's `<close/>`.
#[derive(Debug)]
pub(super) struct Closing {
    until: Instant,
    /// Present if the stream had been connected.
    jid: Option<FullJid>,
    requests: Requests,
}

impl Closing {
    /// What waits to be sent goes out before the `<close/>`.
    pub(super) fn start(cx: &mut Context<'_>, mut session: Option<Session>) -> Self {
        if let Some(session) = &mut session {
            session.flush_all(cx);
        }
        cx.outbox.transmit(&super::close());
        let (jid, requests) = session.map(Session::into_parts).unwrap_or_default();
        Self {
            until: cx.now + cx.config.timeouts.close,
            jid,
            requests,
        }
    }

    pub(super) fn jid(&self) -> Option<&FullJid> {
        self.jid.as_ref()
    }

    pub(super) fn until(&self) -> Instant {
        self.until
    }

    pub(super) fn deadline(&self) -> Instant {
        self.requests
            .answer_deadline()
            .map_or(self.until, |at| at.min(self.until))
    }

    pub(super) fn into_requests(self) -> Requests {
        self.requests
    }

    /// Takes the next element: answers and messages count, requests cannot be answered any more.
    pub(super) fn handle(&mut self, cx: &mut Context<'_>, element: Element) {
        let Some(jid) = &self.jid else {
            debug!(name = element.name(), "element ignored: the stream is closing");
            return;
        };
        if element.is("message", ns::CLIENT) {
            if let Some(message) = read_message(element) {
                cx.outbox.event(Event::Message(message));
            }
        } else if element.is("iq", ns::CLIENT) {
            match Iq::read(element) {
                Iq::Answer { id, from, answer } => {
                    if let Some((purpose, answer)) = self.requests.answered(&id, from.as_ref(), jid, answer, None) {
                        conclude(cx, purpose, answer);
                    }
                }
                Iq::Request { .. } | Iq::Unusable => debug!("IQ ignored: the stream is closing"),
            }
        } else {
            debug!(name = element.name(), "element ignored: the stream is closing");
        }
    }

    /// Ends the requests whose time is up.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(purpose) = self.requests.expired(cx.now) {
            conclude(cx, purpose, Answer::Silence);
        }
    }
}

fn conclude(cx: &mut Context<'_>, purpose: Purpose, answer: Answer) {
    match purpose {
        // What is throttled was not carried out, and is not repeated any more.
        Purpose::Application(token) if matches!(answer, Answer::Error { throttled: true, .. }) => {
            let outcome = Outcome::Lost;
            cx.outbox.event(Event::Response { token, outcome });
        }
        Purpose::Application(token) => cx.outbox.event(response(token, answer)),
        Purpose::Services(_) | Purpose::Refresh(_) | Purpose::ServerPings | Purpose::Ping | Purpose::Wake => {
            debug!("answer ignored: the stream is closing");
        }
    }
}
