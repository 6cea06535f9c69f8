//! What the server answers by itself: pings, external services, subscriptions.

use jid::Jid;
use minidom::Element;

use super::stream::{Pings, State, Stream};
use super::{Event, PINGS_NODE};
use crate::faults::StreamFault;
use crate::stanza::{self, element, is_request, ns, parent, set};

impl Stream {
    pub(super) fn handle_for_server(&mut self, stanza: &Element) {
        if !is_request(stanza) {
            // Presence has no effect here.
            if let ("iq", Some(id)) = (stanza.name(), stanza.attr("id")) {
                self.event(Event::Answered { id: id.to_owned() });
            }
            return;
        }
        if stanza.get_child("ping", ns::PING).is_some() {
            return self.transmit(&stanza::result(stanza, None));
        }
        if let Some(services) = stanza.get_child("services", ns::EXTDISCO) {
            return self.answer_services(stanza, services);
        }
        let pubsub = stanza.get_child("pubsub", ns::PUBSUB);
        let asked = pubsub.and_then(|pubsub| pubsub.children().next());
        match asked {
            Some(subscribe) if subscribe.is("subscribe", ns::PUBSUB) => self.answer_subscribe(stanza, subscribe),
            Some(unsubscribe) if unsubscribe.is("unsubscribe", ns::PUBSUB) => {
                self.answer_unsubscribe(stanza, unsubscribe);
            }
            Some(_) | None => self.transmit(&stanza::error(stanza, "cancel", "service-unavailable")),
        }
    }

    /// XEP-0215: a question for services that there are not gets its answer too.
    fn answer_services(&mut self, request: &Element, asked: &Element) {
        if self.has_fault(&StreamFault::NoServices) {
            return;
        }
        let mut services = Element::bare("services", ns::EXTDISCO);
        if let Some(kind) = asked.attr("type") {
            set(&mut services, "type", kind);
        }
        for service in self.config.switchboard.service_elements(asked.attr("type")) {
            services.append_child(service);
        }
        self.transmit(&stanza::result(request, Some(services)));
    }

    /// XEP-0060 section 6.1. One node turns on the server's pings; the others are topics.
    fn answer_subscribe(&mut self, request: &Element, subscribe: &Element) {
        let node = subscribe.attr("node").unwrap_or_default();
        if node == PINGS_NODE {
            // Before the answer: a client that has it can be called.
            self.event(Event::Ready);
        }
        let refused = node == PINGS_NODE && self.has_fault(&StreamFault::RefusePings);
        if refused {
            self.transmit(&stanza::error(request, "cancel", "not-allowed"));
        } else if self.config.switchboard.rejection(node).is_some() {
            return self.transmit(&stanza::error(request, "auth", "forbidden"));
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
            return self.event(Event::Subscribed { node: node.to_owned() });
        }
        let next = self.now + self.config.ping_every;
        let service = request.attr("to").and_then(|to| Jid::new(to).ok());
        if let (State::Bound { pings, .. }, Some(from), false) = (&mut self.state, service, refused) {
            *pings = Pings::On { from, next };
        }
    }

    /// XEP-0060 section 6.2.
    fn answer_unsubscribe(&mut self, request: &Element, unsubscribe: &Element) {
        let node = unsubscribe.attr("node").unwrap_or_default();
        if node != PINGS_NODE {
            self.event(Event::Unsubscribed { node: node.to_owned() });
        } else if let State::Bound { pings, .. } = &mut self.state {
            *pings = Pings::Off;
        }
        self.transmit(&stanza::result(request, None));
    }
}
