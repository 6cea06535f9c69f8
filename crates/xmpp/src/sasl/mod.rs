//! Authentication (RFC 6120 section 6): which mechanism, the bytes it sends, and the server's refusals.

pub(crate) mod scram;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jid::BareJid;
use minidom::Element;
use secrecy::{ExposeSecret, SecretString};

use self::scram::{Hash, Scram};
use crate::{CloseReason, Credentials, SaslCondition, ScramError, StreamConfig, ns, xml};

/// The most mechanisms of an offer that are repeated in [`CloseReason::NoUsableMechanism`].
const OFFERED_SHOWN: usize = 32;

/// Mechanisms in the order in which they are preferred.
#[derive(Clone, Copy)]
enum Mechanism {
    Scram(Hash),
    Plain,
    Anonymous,
}

impl Mechanism {
    const fn name(self) -> &'static str {
        match self {
            Self::Scram(Hash::Sha256) => "SCRAM-SHA-256",
            Self::Scram(Hash::Sha1) => "SCRAM-SHA-1",
            Self::Plain => "PLAIN",
            Self::Anonymous => "ANONYMOUS",
        }
    }

    /// Those that the credentials may be used with. A token goes by PLAIN and by nothing else.
    const fn usable(credentials: &Credentials) -> &'static [Self] {
        match credentials {
            Credentials::Token(_) => &[Self::Plain],
            Credentials::Guest => &[Self::Anonymous],
            Credentials::Password(_) => &[Self::Scram(Hash::Sha256), Self::Scram(Hash::Sha1), Self::Plain],
        }
    }
}

/// What goes on after `<auth/>`.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// All is said, the verdict is awaited.
    Said,
    Scram(Scram),
}

/// The `<auth/>` for these stream features, or the reason why there can be none.
pub(crate) fn authenticate(
    features: &Element,
    config: &StreamConfig,
    nonce: impl FnOnce() -> String,
) -> Result<(Element, Exchange), CloseReason> {
    let offered: Vec<String> = features
        .get_child("mechanisms", ns::SASL)
        .into_iter()
        .flat_map(Element::children)
        .filter(|child| child.is("mechanism", ns::SASL))
        .map(|child| child.text().trim().to_owned())
        .collect();
    let usable = Mechanism::usable(&config.credentials);
    let Some(mechanism) = usable
        .iter()
        .find(|usable| offered.iter().any(|name| name == usable.name()))
    else {
        return Err(CloseReason::NoUsableMechanism {
            offered: offered.into_iter().take(OFFERED_SHOWN).collect(),
        });
    };
    let (text, exchange) = match mechanism {
        Mechanism::Plain => (plain(&config.jid, &config.credentials), Exchange::Said),
        // RFC 6120 section 6.4.2: an initial response without a byte.
        Mechanism::Anonymous => ("=".to_owned(), Exchange::Said),
        Mechanism::Scram(hash) => {
            let scram = Scram::new(*hash, local_part(&config.jid), nonce());
            (BASE64_STANDARD.encode(scram.first()), Exchange::Scram(scram))
        }
    };
    let mut auth = xml::element("auth", ns::SASL, &[("mechanism", mechanism.name())]);
    auth.append_text_node(text);
    Ok((auth, exchange))
}

impl Exchange {
    /// Whether the server may ask on.
    pub(crate) fn takes_challenges(&self) -> bool {
        matches!(self, Self::Scram(_))
    }

    /// The `<response/>` to a `<challenge/>`.
    pub(crate) fn challenged(&mut self, challenge: &Element, config: &StreamConfig) -> Result<Element, CloseReason> {
        let mut response = Element::bare("response", ns::SASL);
        if let (Self::Scram(scram), Credentials::Password(password)) = (self, &config.credentials) {
            let message = decode(challenge)?.ok_or(CloseReason::ScramBroken(ScramError::Malformed))?;
            if let Some(answer) = scram.challenged(&message, password, &config.scram_iterations)? {
                response.append_text_node(BASE64_STANDARD.encode(answer));
            }
        }
        Ok(response)
    }

    /// Takes the server's `<success/>`: after SCRAM it counts only if the server has proved itself.
    pub(crate) fn succeeded(&mut self, success: &Element) -> Result<(), CloseReason> {
        match self {
            Self::Said => Ok(()),
            Self::Scram(scram) => scram.succeeded(decode(success)?.as_deref()),
        }
    }
}

/// The text in a SASL element, if there is any.
fn decode(element: &Element) -> Result<Option<String>, CloseReason> {
    let text = element.text();
    let text = text.trim();
    if text.is_empty() || text == "=" {
        return Ok(None);
    }
    BASE64_STANDARD
        .decode(text)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok())
        .map(Some)
        .ok_or(CloseReason::ScramBroken(ScramError::Malformed))
}

fn local_part(jid: &BareJid) -> &str {
    jid.node().map_or("", |node| node.as_str())
}

/// The initial response of SASL PLAIN, as it goes out (RFC 4616).
fn plain(jid: &BareJid, credentials: &Credentials) -> String {
    let (user, prefix, secret) = match credentials {
        Credentials::Token(token) => (jid.as_str(), "authKey:", token.expose_secret()),
        Credentials::Password(password) => (local_part(jid), "", password.expose_secret()),
        Credentials::Guest => ("", "", ""),
    };
    BASE64_STANDARD.encode(format!("\0{user}\0{prefix}{secret}"))
}

/// Reads a `<failure/>`.
pub(crate) fn refusal(failure: &Element, config: &StreamConfig) -> CloseReason {
    let condition = failure
        .children()
        .filter(|child| child.has_ns(ns::SASL))
        .find_map(|child| SaslCondition::from_name(child.name()))
        .unwrap_or(SaslCondition::Other);
    CloseReason::AuthenticationRefused {
        condition,
        text: xml::words(failure, ns::SASL).map(|text| without_secret(&text, config)),
    }
}

/// The server's words with the credentials taken out, should it repeat them.
pub(crate) fn without_secret(text: &str, config: &StreamConfig) -> String {
    let Some(secret) = secret(&config.credentials).filter(|secret| !secret.expose_secret().is_empty()) else {
        return text.to_owned();
    };
    text.replace(&plain(&config.jid, &config.credentials), "[redacted]")
        .replace(secret.expose_secret(), "[redacted]")
}

const fn secret(credentials: &Credentials) -> Option<&SecretString> {
    match credentials {
        Credentials::Token(secret) | Credentials::Password(secret) => Some(secret),
        Credentials::Guest => None,
    }
}
