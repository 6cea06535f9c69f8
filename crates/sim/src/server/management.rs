//! Stream management (XEP-0198): counted stanzas, and streams that outlive their sockets.

use std::collections::VecDeque;

use jid::{FullJid, Jid};
use minidom::Element;

use super::Event;
use super::stream::{Pings, State, Stream};
use crate::stanza::{element, ns, parent};

/// How many stanzas the client may leave unacknowledged before its stream is closed.
const UNACKNOWLEDGED: usize = 1_024;

/// The counters of one stream.
#[derive(Debug)]
pub(super) struct Management {
    id: String,
    /// Stanzas of the client, modulo 2^32.
    handled: u32,
    /// Stanzas that the client has acknowledged, modulo 2^32.
    acknowledged: u32,
    /// The stanzas since, oldest first.
    unacknowledged: VecDeque<Element>,
    /// Whether an acknowledgement was asked for and has not come.
    asked: bool,
}

/// What is left of a stream without its socket; another one goes on with it.
#[derive(Debug)]
pub struct Resumable {
    jid: FullJid,
    /// Where the server's pings come from, if they are on.
    pings: Option<Jid>,
    management: Management,
}

impl Resumable {
    /// The bound address.
    #[must_use]
    pub fn jid(&self) -> &FullJid {
        &self.jid
    }
}

impl Management {
    pub(super) fn count_handled(&mut self) {
        self.handled = self.handled.wrapping_add(1);
    }

    /// Whether as many stanzas as the client acknowledges were sent.
    fn acknowledge(&mut self, handled: u32) -> bool {
        let acknowledged = handled.wrapping_sub(self.acknowledged) as usize;
        if acknowledged > self.unacknowledged.len() {
            return false;
        }
        self.unacknowledged.drain(..acknowledged);
        self.acknowledged = handled;
        true
    }
}

impl Stream {
    /// Whether the client may resume this stream when its socket is lost.
    #[must_use]
    pub fn is_resumable(&self) -> bool {
        matches!(
            self.state,
            State::Bound {
                management: Some(_),
                ..
            }
        )
    }

    /// What is left when the socket is lost, for the stream that resumes this one.
    #[must_use]
    pub fn into_resumable(self) -> Option<Resumable> {
        let State::Bound {
            jid,
            pings,
            management: Some(management),
        } = self.state
        else {
            return None;
        };
        let pings = match pings {
            Pings::On { from, .. } => Some(from),
            Pings::Off => None,
        };
        Some(Resumable { jid, pings, management })
    }

    pub(super) fn handle_management(&mut self, element: &Element) {
        let State::Bound { management, .. } = &mut self.state else {
            return;
        };
        match (element.name(), management) {
            ("enable", None) => self.enable(),
            ("enable", Some(_)) => self.refuse_management("unexpected-request"),
            ("r", Some(management)) => {
                let handled = management.handled.to_string();
                self.transmit(&crate::stanza::element("a", ns::SM, &[("h", &handled)]));
            }
            ("a", Some(management)) => {
                management.asked = false;
                let handled = element.attr("h").and_then(|handled| handled.parse().ok());
                if !handled.is_some_and(|handled| management.acknowledge(handled)) {
                    self.fail("undefined-condition");
                }
            }
            _ => self.fail("policy-violation"),
        }
    }

    fn enable(&mut self) {
        let Some(lasts) = self.config.resumable else {
            return self.refuse_management("service-unavailable");
        };
        let (id, max) = (self.draw_id(), lasts.as_secs().to_string());
        let State::Bound { management, .. } = &mut self.state else {
            return;
        };
        *management = Some(Management {
            id: id.clone(),
            handled: 0,
            acknowledged: 0,
            unacknowledged: VecDeque::new(),
            asked: false,
        });
        let attributes = [("id", id.as_str()), ("resume", "true"), ("max", &max)];
        self.transmit(&element("enabled", ns::SM, &attributes));
        self.event(Event::Resumable { id });
    }

    fn refuse_management(&mut self, condition: &str) {
        let failed = parent(Element::bare("failed", ns::SM), [Element::bare(condition, ns::STANZAS)]);
        self.transmit(&failed);
    }

    pub(super) fn handle_resume(&mut self, resume: &Element) {
        let handled = resume.attr("h").and_then(|handled| handled.parse().ok());
        let (Some(id), Some(handled)) = (resume.attr("previd"), handled) else {
            return self.refuse_management("bad-request");
        };
        let id = id.to_owned();
        self.state = State::Resuming {
            id: id.clone(),
            handled,
        };
        self.event(Event::Resume { id });
    }

    /// XEP-0198 section 5: what the client did not handle is sent again. A client whose stream is
    /// gone may bind anew.
    pub(super) fn handle_resumed(&mut self, left: Option<Resumable>) {
        let State::Resuming { id, handled } = &self.state else {
            return;
        };
        let (id, handled) = (id.clone(), *handled);
        let Some(mut left) = left.filter(|left| left.management.id == id) else {
            self.state = State::Bind;
            return self.refuse_management("item-not-found");
        };
        if !left.management.acknowledge(handled) {
            return self.fail("undefined-condition");
        }
        let counted = left.management.handled.to_string();
        let attributes = [("previd", id.as_str()), ("h", &counted)];
        self.transmit(&element("resumed", ns::SM, &attributes));
        let unacknowledged = std::mem::take(&mut left.management.unacknowledged);
        left.management.asked = false;
        let next = self.now + self.config.ping_every;
        self.state = State::Bound {
            jid: left.jid,
            pings: left.pings.map_or(Pings::Off, |from| Pings::On { from, next }),
            management: Some(left.management),
        };
        for stanza in &unacknowledged {
            self.transmit(stanza);
        }
    }

    /// Keeps a stanza that was sent until the client acknowledges it.
    pub(super) fn remember(&mut self, stanza: &Element) {
        let State::Bound {
            management: Some(management),
            ..
        } = &mut self.state
        else {
            return;
        };
        management.unacknowledged.push_back(stanza.clone());
        if management.unacknowledged.len() > UNACKNOWLEDGED {
            return self.fail("resource-constraint");
        }
        if !std::mem::replace(&mut management.asked, true) {
            self.transmit(&Element::bare("r", ns::SM));
        }
    }
}
