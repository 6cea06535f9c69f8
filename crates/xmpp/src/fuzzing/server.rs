//! The other end of a stream, for the fuzz targets and the tests of this crate and its dependents: it does everything
//! right.

use std::collections::VecDeque;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use minidom::Element;

use crate::{
    frame::{self, Limits},
    ns,
    sasl::scram::Hash,
    xml,
};

const SALT: &[u8] = b"salt of the server";
const ITERATIONS: u32 = 4096;

/// A server that grants all it is asked for.
#[derive(Debug, Default)]
pub struct Server {
    authenticated: bool,
    /// Ask for the legacy session request as well.
    pub wants_session: bool,
    /// Offer stream management, and resume.
    pub manages_streams: bool,
    /// Offer these SASL mechanisms; none is PLAIN alone. Passwords are `secret-password`.
    pub mechanisms: Vec<&'static str>,
    /// The client acknowledged a stanza that was not among those of [`stanza`](Self::stanza), or an answer.
    pub acknowledged_too_much: bool,
    scram: Option<ScramServer>,
    managed: Option<Managed>,
    streams: u32,
}

/// The password that SCRAM is checked with.
pub const PASSWORD: &str = "secret-password";

/// The counts of a managed stream (XEP-0198).
#[derive(Debug, Default)]
struct Managed {
    id: String,
    handled: u32,
    acknowledged: u32,
    unacknowledged: VecDeque<String>,
}

/// A SCRAM exchange after the first message.
#[derive(Debug)]
struct ScramServer {
    hash: Hash,
    client_first_bare: String,
    server_first: String,
}

impl Server {
    /// A server that manages streams and resumes them.
    pub fn managing() -> Self {
        Self {
            manages_streams: true,
            ..Self::default()
        }
    }

    /// A server that offers these mechanisms.
    pub fn offering(mechanisms: &[&'static str]) -> Self {
        Self {
            mechanisms: mechanisms.to_vec(),
            ..Self::default()
        }
    }

    /// What it sends in return for a frame of the client.
    ///
    /// # Panics
    ///
    /// If the frame is not XML.
    pub fn answers(&mut self, frame: &str) -> Vec<String> {
        let element = frame::parse(frame, &Limits::default()).expect("a client's frame is XML");
        let is_stanza = xml::is_stanza(&element);
        if is_stanza {
            self.handled_elsewhere();
        }
        match element.name() {
            "open" => vec![
                "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' from='example.org' id='s' version='1.0'/>"
                    .to_owned(),
                self.features(),
            ],
            "auth" => self.authenticate(&element),
            "response" => self.prove(&element).into_iter().collect(),
            "enable" => vec![self.enable()],
            "resume" => self.resume(&element),
            "r" => self.acknowledgement().into_iter().collect(),
            "a" => {
                self.acknowledged(&element);
                Vec::new()
            }
            "iq" => {
                let answer = self.result(&element);
                answer.into_iter().map(|stanza| self.stanza(stanza)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Counts a stanza of the server's own; send what it gives. While the client is away it is kept, and sent when the
    /// client resumes.
    pub fn stanza(&mut self, stanza: String) -> String {
        if let Some(managed) = &mut self.managed {
            managed.unacknowledged.push_back(stanza.clone());
        }
        stanza
    }

    /// Counts a stanza of the client's that is not given to [`answers`](Self::answers).
    pub fn handled_elsewhere(&mut self) {
        if let Some(managed) = &mut self.managed {
            managed.handled = managed.handled.wrapping_add(1);
        }
    }

    /// The client's socket is gone; a managed stream waits for its return.
    pub fn disconnect(&mut self) {
        self.authenticated = false;
        self.scram = None;
    }

    /// Forgets the managed stream, so that it cannot be resumed.
    pub fn forget(&mut self) {
        self.managed = None;
    }

    fn features(&self) -> String {
        let offer = if self.authenticated {
            let mut offer = format!("<bind xmlns='{}'/>", ns::BIND);
            if self.wants_session {
                offer += &format!("<session xmlns='{}'/>", ns::SESSION);
            }
            if self.manages_streams {
                offer += &format!("<sm xmlns='{}'/>", ns::SM);
            }
            offer
        } else {
            let plain = ["PLAIN"];
            let mechanisms = if self.mechanisms.is_empty() {
                &plain[..]
            } else {
                &self.mechanisms
            };
            let mechanisms: String = mechanisms
                .iter()
                .map(|name| format!("<mechanism>{name}</mechanism>"))
                .collect();
            format!("<mechanisms xmlns='{}'>{mechanisms}</mechanisms>", ns::SASL)
        };
        format!("<stream:features xmlns:stream='http://etherx.jabber.org/streams'>{offer}</stream:features>")
    }

    fn authenticate(&mut self, auth: &Element) -> Vec<String> {
        let hash = match auth.attr("mechanism") {
            Some("SCRAM-SHA-256") => Hash::Sha256,
            Some("SCRAM-SHA-1") => Hash::Sha1,
            _ => {
                self.authenticated = true;
                return vec![format!("<success xmlns='{}'/>", ns::SASL)];
            }
        };
        let Some(first) = decode(auth) else {
            return vec![refusal()];
        };
        let client_first_bare = first.trim_start_matches("n,,").to_owned();
        let nonce = client_first_bare.split("r=").nth(1).unwrap_or_default();
        let salt = BASE64_STANDARD.encode(SALT);
        let server_first = format!("r={nonce}server,s={salt},i={ITERATIONS}");
        let challenge = sasl("challenge", &server_first);
        self.scram = Some(ScramServer {
            hash,
            client_first_bare,
            server_first,
        });
        vec![challenge]
    }

    fn prove(&mut self, response: &Element) -> Option<String> {
        let scram = self.scram.take()?;
        let Some(server_final) = decode(response).and_then(|last| scram.verify(&last)) else {
            return Some(refusal());
        };
        self.authenticated = true;
        Some(sasl("success", &server_final))
    }

    fn enable(&mut self) -> String {
        self.streams += 1;
        let id = format!("resumption-{}", self.streams);
        let enabled = format!("<enabled xmlns='{}' resume='true' max='30' id='{id}'/>", ns::SM);
        self.managed = Some(Managed {
            id,
            ..Managed::default()
        });
        enabled
    }

    fn resume(&mut self, resume: &Element) -> Vec<String> {
        let previous = resume.attr("previd");
        if self
            .managed
            .as_ref()
            .is_some_and(|managed| previous == Some(&managed.id))
        {
            self.acknowledged(resume);
        }
        let Some(managed) = self.managed.as_ref().filter(|managed| previous == Some(&managed.id)) else {
            return vec![format!(
                "<failed xmlns='{}'><item-not-found xmlns='{}'/></failed>",
                ns::SM,
                ns::STANZA_ERRORS
            )];
        };
        let resumed = format!(
            "<resumed xmlns='{}' previd='{}' h='{}'/>",
            ns::SM,
            managed.id,
            managed.handled
        );
        [resumed]
            .into_iter()
            .chain(managed.unacknowledged.iter().cloned())
            .collect()
    }

    fn acknowledgement(&self) -> Option<String> {
        let handled = self.managed.as_ref()?.handled;
        Some(format!("<a xmlns='{}' h='{handled}'/>", ns::SM))
    }

    fn acknowledged(&mut self, element: &Element) {
        let (Some(managed), Some(handled)) = (&mut self.managed, element.attr("h")) else {
            return;
        };
        let handled: u32 = handled.parse().expect("a count");
        let news = handled.wrapping_sub(managed.acknowledged) as usize;
        let sent = managed.unacknowledged.len();
        self.acknowledged_too_much |= news > sent;
        managed.unacknowledged.drain(..news.min(sent));
        managed.acknowledged = handled;
    }

    fn result(&self, iq: &Element) -> Option<String> {
        if !matches!(iq.attr("type"), Some("get" | "set")) {
            return None;
        }
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

impl ScramServer {
    /// The server's final message, if the client's is right (RFC 5802 section 3).
    fn verify(&self, client_final: &str) -> Option<String> {
        let (without_proof, proof) = client_final.rsplit_once(",p=")?;
        let salted = self.hash.pbkdf2(PASSWORD.as_bytes(), SALT, ITERATIONS);
        let auth_message = format!("{},{},{without_proof}", self.client_first_bare, self.server_first);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let signature = self.hash.hmac(&self.hash.digest(&client_key), auth_message.as_bytes());
        let proof = BASE64_STANDARD.decode(proof).ok()?;
        let is_right = proof
            .iter()
            .zip(&signature)
            .map(|(proof, mask)| proof ^ mask)
            .eq(client_key);
        let server_key = self.hash.hmac(&salted, b"Server Key");
        let signature = self.hash.hmac(&server_key, auth_message.as_bytes());
        is_right.then(|| format!("v={}", BASE64_STANDARD.encode(signature)))
    }
}

fn sasl(name: &str, message: &str) -> String {
    format!(
        "<{name} xmlns='{}'>{}</{name}>",
        ns::SASL,
        BASE64_STANDARD.encode(message)
    )
}

fn refusal() -> String {
    format!("<failure xmlns='{}'><not-authorized/></failure>", ns::SASL)
}

fn decode(element: &Element) -> Option<String> {
    String::from_utf8(BASE64_STANDARD.decode(element.text()).ok()?).ok()
}
