//! What a session sends: stanzas at the rate, each counted, and the requests among them that wait for an answer.

use std::time::Instant;

use jid::{FullJid, Jid};
use minidom::Element;
use tracing::warn;

use super::{
    Context, iq,
    iq::Answer,
    management::{self, Management},
    rate::{Bucket, Queue, Stanza},
    requests::{Pending, Purpose, Question, Requests},
};
use crate::{CloseReason, Frame, Reply, Urgency};

/// The way out of a session, over all its sockets.
#[derive(Debug, Clone)]
pub(super) struct Wire {
    queue: Queue,
    requests: Requests,
    management: Option<Management>,
}

/// There is no room for another stanza.
#[derive(Debug)]
pub(super) struct Full;

impl Wire {
    /// Asks for stream management first, where it is offered.
    pub(super) fn new(cx: &mut Context<'_>, managed: bool) -> Self {
        if managed {
            cx.outbox.transmit(&management::enable());
        }
        Self {
            queue: Queue::new(Bucket::new(cx.config.rate, cx.now)),
            requests: Requests::default(),
            management: managed.then(Management::requested),
        }
    }

    /// Whether the application may have another stanza sent.
    pub(super) fn has_room(&self, cx: &Context<'_>) -> bool {
        self.queue.len() < cx.config.queue.max(1)
    }

    /// Sends a request, or puts it where it waits for the rate.
    pub(super) fn ask(&mut self, cx: &mut Context<'_>, purpose: Purpose, question: Question) {
        let id = cx.ids.draw();
        let urgency = question.urgency;
        let iq = iq::request(
            &id,
            question.to.as_ref(),
            question.from.as_ref(),
            question.kind,
            question.payload,
        );
        let stanza = Stanza {
            request: Some(id.clone()),
            frame: Frame::of(&iq),
        };
        self.requests.add(Pending::new(
            id,
            question.to,
            question.patience,
            purpose,
            urgency,
            stanza.frame.clone(),
        ));
        self.queue.push(urgency, stanza);
        self.flush(cx);
    }

    /// Sends a stanza that nothing answers, or puts it where it waits for the rate.
    pub(super) fn send(&mut self, cx: &mut Context<'_>, urgency: Urgency, stanza: &Element) {
        let stanza = Stanza {
            request: None,
            frame: Frame::of(stanza),
        };
        self.queue.push(urgency, stanza);
        self.flush(cx);
    }

    /// Sends a reply, before the requests that may follow from it.
    pub(super) fn reply(&mut self, cx: &mut Context<'_>, id: &str, to: Option<&Jid>, reply: Reply) -> Result<(), Full> {
        if !self.has_room(cx) {
            warn!("reply dropped: too many stanzas wait for the send rate");
            return Err(Full);
        }
        self.send(cx, Urgency::High, &iq::reply(id, to, reply));
        Ok(())
    }

    /// Sends what the rate allows.
    fn flush(&mut self, cx: &mut Context<'_>) {
        let mut asks = false;
        while let Some(stanza) = self.queue.next(cx.now) {
            asks |= self.transmit(cx, stanza);
        }
        if asks {
            cx.outbox.transmit(&management::ask());
        }
    }

    /// Sends everything that waits, whatever the rate, and the last acknowledgement: the stream is about to be closed.
    pub(super) fn flush_all(&mut self, cx: &mut Context<'_>) {
        while let Some(stanza) = self.queue.next_regardless() {
            self.transmit(cx, stanza);
        }
        if let Some(management) = self.management.as_ref().filter(|management| management.is_enabled()) {
            cx.outbox.transmit(&management.acknowledgement());
        }
    }

    /// Whether the server is to be asked for an acknowledgement of it.
    fn transmit(&mut self, cx: &mut Context<'_>, stanza: Stanza) -> bool {
        if let Some(id) = &stanza.request {
            self.requests.sent(id, cx.now);
        }
        cx.outbox.transmit_frame(stanza.frame.clone());
        let Some(management) = &mut self.management else {
            return false;
        };
        management.count_sent(stanza, cx.config.queue.max(1));
        management.is_enabled()
    }

    /// The request that this answer is for, which then waits no longer; `None` also if the server throttles it, and then
    /// it is repeated later.
    pub(super) fn answered(
        &mut self,
        cx: &Context<'_>,
        id: &str,
        from: Option<&Jid>,
        own: &FullJid,
        answer: Answer,
    ) -> Option<(Purpose, Answer)> {
        let again = cx.now + cx.config.timeouts.throttled;
        self.requests.answered(id, from, own, answer, Some(again))
    }

    /// The next request whose time is up. What waited for the rate, or to be repeated, is sent when its time has come.
    pub(super) fn handle_timeout(&mut self, cx: &mut Context<'_>) -> Option<Purpose> {
        while let Some((urgency, stanza)) = self.requests.repeated(cx.now) {
            self.queue.push(urgency, stanza);
        }
        self.flush(cx);
        self.requests.expired(cx.now)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.queue.deadline().into_iter().chain(self.requests.deadline()).min()
    }

    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    pub(super) fn into_requests(self) -> Requests {
        self.requests
    }

    pub(super) fn management(&self) -> Option<&Management> {
        self.management.as_ref()
    }

    /// A stanza of the server was handled.
    pub(super) fn count_handled(&mut self) {
        if let Some(management) = &mut self.management {
            management.count_handled();
        }
    }

    /// Takes an element of stream management.
    pub(super) fn manage(&mut self, cx: &mut Context<'_>, element: &Element) {
        let Some(management) = &mut self.management else {
            return;
        };
        match element.name() {
            "enabled" if !management.is_enabled() => {
                management.enabled(element);
                cx.outbox.transmit(&management::ask());
            }
            "failed" if !management.is_enabled() => self.management = None,
            "r" if management.is_enabled() => cx.outbox.transmit(&management.acknowledgement()),
            "a" if management.is_enabled() => management.acknowledged(element),
            _ => tracing::debug!(name = element.name(), "element of stream management ignored"),
        }
    }

    /// The machine slept: what did not come in that time may still come, so every answer has its time anew.
    pub(super) fn woke(&mut self, cx: &Context<'_>) {
        self.requests.restart(cx.now);
    }

    /// Goes on after a resumption: what the server did not get is sent again, and every answer has its time anew.
    pub(super) fn resumed(&mut self, cx: &mut Context<'_>, resumed: &Element) -> Result<(), CloseReason> {
        let Some(management) = &mut self.management else {
            return Err(CloseReason::ResumptionBroken);
        };
        let again = management.resumed(resumed)?;
        self.queue.push_again(again);
        self.requests.restart(cx.now);
        for stanza in self.queue.again() {
            if let Some(id) = &stanza.request {
                self.requests.unsent(id);
            }
        }
        self.flush(cx);
        Ok(())
    }
}
