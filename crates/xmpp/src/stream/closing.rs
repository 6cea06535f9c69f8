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
use crate::{Event, ns};

/// A stream that waits for the server's `<close/>`.
#[derive(Debug)]
pub(super) struct Closing {
    until: Instant,
    /// Present if the stream had been connected.
    jid: Option<FullJid>,
    requests: Requests,
}

impl Closing {
    pub(super) fn start(cx: &Context<'_>, session: Option<Session>) -> Self {
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

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
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
                    let purpose = self.requests.answered(&id, from.as_ref(), jid);
                    conclude(cx, purpose, answer);
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
            conclude(cx, Some(purpose), Answer::Silence);
        }
    }
}

fn conclude(cx: &mut Context<'_>, purpose: Option<Purpose>, answer: Answer) {
    match purpose {
        Some(Purpose::Application(token)) => cx.outbox.event(response(token, answer)),
        Some(Purpose::Services(_) | Purpose::Pings) | None => debug!("answer ignored: the stream is closing"),
    }
}
