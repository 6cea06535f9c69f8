//! What the server answers by itself: pings, external services, subscriptions.

use jid::Jid;
use minidom::Element;

use super::stream::{Pings, State, Stream};
use super::{Event, PINGS_NODE};
use crate::config::StreamFault;
use crate::stanza::{self, element, is_request, ns, parent, set};

impl Stream {
    pub(super) fn handle_for_server(&mut self, stanza: &Element) {
        if !is_request(stanza) {
            // Presence has no effect here, and results are those of our pings.
            return;
        }
        if stanza.get_child("ping", ns::PING).is_some() {
            return self.transmit(&stanza::result(stanza, None));
        }
        if let Some(services) = stanza.get_child("services", ns::EXTDISCO) {
            return self.answer_services(stanza, services);
        }
        let subscribe = stanza
            .get_child("pubsub", ns::PUBSUB)
            .and_then(|pubsub| pubsub.get_child("subscribe", ns::PUBSUB));
        match subscribe {
            Some(subscribe) => self.answer_subscribe(stanza, subscribe),
            None => self.transmit(&stanza::error(stanza, "cancel", "service-unavailable")),
        }
    }

    /// XEP-0215: there is no TURN, and that question gets its answer too.
    fn answer_services(&mut self, request: &Element, asked: &Element) {
        if self.has_fault(&StreamFault::NoServices) {
            return;
        }
        let mut services = Element::bare("services", ns::EXTDISCO);
        if let Some(kind) = asked.attr("type") {
            set(&mut services, "type", kind);
        }
        if let (None | Some("stun"), Some(stun)) = (asked.attr("type"), self.config.stun) {
            let (host, port) = (stun.ip().to_string(), stun.port().to_string());
            let attributes = [("type", "stun"), ("host", &host), ("port", &port), ("transport", "udp")];
            services.append_child(element("service", ns::EXTDISCO, &attributes));
        }
        self.transmit(&stanza::result(request, Some(services)));
    }

    /// XEP-0060 section 6.1: every subscription is granted, one has an effect.
    fn answer_subscribe(&mut self, request: &Element, subscribe: &Element) {
        let node = subscribe.attr("node").unwrap_or_default();
        if node == PINGS_NODE {
            // Before the answer: a client that has it can be called.
            self.event(Event::Ready);
        }
        let refused = node == PINGS_NODE && self.has_fault(&StreamFault::RefusePings);
        if refused {
            self.transmit(&stanza::error(request, "cancel", "not-allowed"));
        } else {
            let id = self.draw_id();
            let attributes = [
                ("node", node),
                ("jid", subscribe.attr("jid").unwrap_or_default()),
                ("subid", &id),
                ("subscription", "subscribed"),
            ];
            let granted = parent(
                Element::bare("pubsub", ns::PUBSUB),
                [element("subscription", ns::PUBSUB, &attributes)],
            );
            self.transmit(&stanza::result(request, Some(granted)));
        }
        if node != PINGS_NODE {
            return;
        }
        let next = self.now + self.config.ping_every;
        let service = request.attr("to").and_then(|to| Jid::new(to).ok());
        if let (State::Bound { pings, .. }, Some(from), false) = (&mut self.state, service, refused) {
            *pings = Pings::On { from, next };
        }
    }
}
