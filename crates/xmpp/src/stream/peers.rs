//! The requests of peers: every one is answered, by the stream or by the application.

use std::collections::BTreeMap;

use jid::Jid;
use minidom::Element;
use tracing::{debug, warn};

use super::{Context, iq::refusal, wire::Wire};
use crate::{Condition, ErrorKind, IncomingRequest, Reply, ReplyError, RequestKind, Ticket, ns};

/// The requests that wait for a reply of the application.
#[derive(Debug, Clone)]
pub(super) struct Peers {
    waiting: BTreeMap<Ticket, Asker>,
    next_ticket: u64,
}

/// To whom a reply goes.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    pub(super) id: String,
    pub(super) from: Option<Jid>,
}

impl Peers {
    /// No ticket that was given out before will be again.
    pub(super) fn new(next_ticket: u64) -> Self {
        Self {
            waiting: BTreeMap::new(),
            next_ticket,
        }
    }

    pub(super) fn next_ticket(&self) -> u64 {
        self.next_ticket
    }

    /// Answers a request, or gives what the application has to be told, if there is room for it.
    pub(super) fn asked(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        asker: Asker,
        kind: RequestKind,
        payload: Option<Element>,
        has_room: bool,
    ) -> Option<IncomingRequest> {
        let reply = match payload {
            None => refusal(ErrorKind::Modify, Condition::BadRequest),
            Some(payload) if kind == RequestKind::Get && payload.is("ping", ns::PING) => Reply::Result(None),
            Some(payload) if is_handled(cx, &payload) => {
                if self.waiting.len() < cx.config.backlog && has_room {
                    return Some(self.keep(asker, kind, payload));
                }
                let waiting = self.waiting.len();
                warn!(waiting, "request refused: the application is behind with its replies");
                refusal(ErrorKind::Wait, Condition::ResourceConstraint)
            }
            Some(payload) if kind == RequestKind::Get && payload.is("query", ns::DISCO_INFO) => {
                cx.config.disco.answer(&payload)
            }
            Some(payload) => {
                let (name, namespace) = (payload.name(), payload.ns());
                debug!(name, namespace, "request of an unknown kind refused");
                refusal(ErrorKind::Cancel, Condition::ServiceUnavailable)
            }
        };
        // Where too much waits already, the peer runs into its own timeout.
        let _ = wire.reply(cx, &asker.id, asker.from.as_ref(), reply);
        None
    }

    fn keep(&mut self, asker: Asker, kind: RequestKind, payload: Element) -> IncomingRequest {
        let ticket = Ticket(self.next_ticket);
        self.next_ticket += 1;
        let from = asker.from.clone();
        self.waiting.insert(ticket, asker);
        IncomingRequest {
            ticket,
            kind,
            from,
            payload,
        }
    }

    /// Sends a reply of the application.
    pub(super) fn reply(
        &mut self,
        cx: &mut Context<'_>,
        wire: &mut Wire,
        ticket: Ticket,
        reply: Reply,
    ) -> Result<(), ReplyError> {
        let asker = self.waiting.get(&ticket).ok_or(ReplyError::UnknownTicket)?;
        wire.reply(cx, &asker.id, asker.from.as_ref(), reply)
            .map_err(|_full| ReplyError::QueueFull { limit: cx.config.queue })?;
        self.waiting.remove(&ticket);
        Ok(())
    }

    /// Makes room where the application will not reply.
    pub(super) fn ignore(&mut self, ticket: Ticket) {
        self.waiting.remove(&ticket);
    }
}

fn is_handled(cx: &Context<'_>, payload: &Element) -> bool {
    let mut handled = cx.config.handled.iter();
    handled.any(|known| payload.is(known.name, known.namespace))
}
