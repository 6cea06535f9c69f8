//! The other end of a stream, for the fuzz targets and the tests of this crate: it does everything right.

use minidom::Element;

use crate::{
    frame::{self, Limits},
    ns,
};

/// A server that grants all it is asked for.
#[derive(Debug, Default)]
pub struct Server {
    authenticated: bool,
    /// Ask for the legacy session request as well.
    pub wants_session: bool,
}

impl Server {
    /// What it sends in return for a frame of the client.
    ///
    /// # Panics
    ///
    /// If the frame is not XML.
    pub fn answers(&mut self, frame: &str) -> Vec<String> {
        let element = frame::parse(frame, &Limits::default()).expect("a client's frame is XML");
        match element.name() {
            "open" => vec![
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='s' version='1.0'/>"
                    .to_owned(),
                self.features(),
            ],
            "auth" => {
                self.authenticated = true;
                vec!["<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".to_owned()]
            }
            "iq" => self.result(&element).into_iter().collect(),
            _ => Vec::new(),
        }
    }

    fn features(&self) -> String {
        let offer = match (self.authenticated, self.wants_session) {
            (false, _) => {
                "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
            }
            (true, false) => "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>",
            (true, true) => {
                "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>"
            }
        };
        format!("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{offer}</stream:features>")
    }

    fn result(&self, iq: &Element) -> Option<String> {
        let payload = iq.children().next()?;
        let content = match payload.name() {
            "bind" => {
                let resource = payload.get_child("resource", ns::BIND)?.text();
                format!(
                    "<bind xmlns='{}'><jid>agent@example.org/{resource}</jid></bind>",
                    ns::BIND
                )
            }
            "services" if payload.attr("type") == Some("turn") => format!(
                "<services xmlns='{}' type='turn'><service type='turn' host='turn.example.org' port='3478' \
                 transport='udp' username='u' password='turn-password' restricted='true'/></services>",
                ns::EXTDISCO
            ),
            "services" => format!(
                "<services xmlns='{}' type='stun'><service type='stun' host='stun.example.org' port='3478'/></services>",
                ns::EXTDISCO
            ),
            _ => String::new(),
        };
        let from = iq.attr("to").map(|to| format!(" from='{to}'")).unwrap_or_default();
        let id = iq.attr("id")?;
        Some(format!("<iq type='result' id='{id}'{from}>{content}</iq>"))
    }
}
