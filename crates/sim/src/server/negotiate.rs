//! From `<open/>` to a bound resource: RFC 7395 section 3.3, RFC 6120 sections 6 and 7.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minidom::Element;

use super::stream::{Pings, State, Stream, prefixed};
use super::{Event, StreamConfig};
use crate::faults::StreamFault;
use crate::oauth;
use crate::stanza::{self, element, ns, parent};

impl Stream {
    pub(super) fn handle_open(&mut self, open: &Element, authenticated: bool) {
        if !open.is("open", ns::FRAMING) {
            return self.fail("invalid-namespace");
        }
        let domain = self.config.account.domain().as_str().to_owned();
        if open.attr("to") != Some(domain.as_str()) {
            return self.fail("host-unknown");
        }
        match &self.config.fault {
            Some(StreamFault::Silent) => return,
            Some(StreamFault::Nonsense) => {
                return self.transmit_text("Hello! This is not the server you look for.".into());
            }
            Some(StreamFault::MalformedXml) => {
                return self.transmit_text(format!("<open xmlns='{}' id=", ns::FRAMING));
            }
            Some(StreamFault::NotXmpp) => {
                let page = "<html xmlns='http://www.w3.org/1999/xhtml'><body>It works!</body></html>";
                return self.transmit_text(page.into());
            }
            Some(
                StreamFault::RefuseSasl { .. }
                | StreamFault::NoUsableMechanism
                | StreamFault::RefuseBind
                | StreamFault::NoServices
                | StreamFault::RefusePings
                | StreamFault::StreamError { .. },
            )
            | None => {}
        }
        let id = self.draw_id();
        let attributes = [("from", domain.as_str()), ("id", &id), ("version", "1.0")];
        self.transmit(&element("open", ns::FRAMING, &attributes));
        let (features, state) = if authenticated {
            let management = self.config.resumable.map(|_| Element::bare("sm", ns::SM));
            let bind = Element::bare("bind", ns::BIND);
            (Vec::from_iter([bind].into_iter().chain(management)), State::Bind)
        } else {
            (vec![self.mechanisms()], State::Authentication)
        };
        self.transmit_text(prefixed("features", &features));
        self.state = state;
    }

    fn mechanisms(&self) -> Element {
        let name = if self.has_fault(&StreamFault::NoUsableMechanism) {
            "EXTERNAL"
        } else {
            "PLAIN"
        };
        let mut mechanism = Element::bare("mechanism", ns::SASL);
        mechanism.append_text(name);
        parent(Element::bare("mechanisms", ns::SASL), [mechanism])
    }

    pub(super) fn handle_auth(&mut self, auth: &Element) {
        if !auth.is("auth", ns::SASL) {
            return self.fail("not-authorized");
        }
        let verdict = match &self.config.fault {
            Some(StreamFault::RefuseSasl { condition }) => Err(condition.clone()),
            Some(_) | None => check(&self.config, auth).map_err(str::to_owned),
        };
        match verdict {
            Ok(()) => {
                self.state = State::Open { authenticated: true };
                self.transmit(&Element::bare("success", ns::SASL));
            }
            // The client may try again on this stream, or close it (RFC 6120 section 6.4.5).
            Err(condition) => {
                let failure = parent(Element::bare("failure", ns::SASL), [Element::bare(condition, ns::SASL)]);
                self.transmit(&failure);
            }
        }
    }

    pub(super) fn handle_bind(&mut self, iq: &Element) {
        let bind = iq.get_child("bind", ns::BIND);
        let Some(bind) = bind.filter(|_| iq.name() == "iq" && iq.attr("type") == Some("set")) else {
            return self.fail("not-authorized");
        };
        if self.has_fault(&StreamFault::RefuseBind) {
            return self.transmit(&stanza::error(iq, "cancel", "not-allowed"));
        }
        let asked = bind
            .get_child("resource", ns::BIND)
            .map(Element::text)
            .unwrap_or_default();
        let resource = if asked.is_empty() { self.draw_id() } else { asked };
        let Ok(jid) = self.config.account.with_resource_str(&resource) else {
            return self.transmit(&stanza::error(iq, "modify", "bad-request"));
        };
        let mut address = Element::bare("jid", ns::BIND);
        address.append_text(jid.as_str());
        let bound = parent(Element::bare("bind", ns::BIND), [address]);
        self.transmit(&stanza::result(iq, Some(bound)));
        self.state = State::Bound {
            jid: jid.clone(),
            pings: Pings::Off,
            management: None,
        };
        self.event(Event::Bound(jid));
        if let Some(StreamFault::StreamError { condition }) = self.config.fault.clone() {
            self.fail(&condition);
        }
    }
}

/// SASL PLAIN (RFC 4616): no authorisation identity, the whole bare address as user name, and
/// `authKey:` with the token as password. The error is a condition of RFC 6120 section 6.5.
fn check(config: &StreamConfig, auth: &Element) -> Result<(), &'static str> {
    if auth.attr("mechanism") != Some("PLAIN") {
        return Err("invalid-mechanism");
    }
    let message = STANDARD.decode(auth.text().trim()).map_err(|_| "incorrect-encoding")?;
    let message = String::from_utf8(message).map_err(|_| "malformed-request")?;
    let mut parts = message.split('\0');
    let (authzid, authcid, password) = match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (Some(authzid), Some(authcid), Some(password), None) => (authzid, authcid, password),
        _ => return Err("malformed-request"),
    };
    if !authzid.is_empty() && authzid != authcid {
        return Err("invalid-authzid");
    }
    let token = password.strip_prefix("authKey:");
    let is_own = |token| oauth::is_one_of(&config.tokens, token);
    if authcid == config.account.as_str() && token.is_some_and(is_own) {
        Ok(())
    } else {
        Err("not-authorized")
    }
}
