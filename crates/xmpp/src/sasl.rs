//! Authentication (RFC 6120 section 6): which mechanism, the bytes it sends, and the server's refusals.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use jid::BareJid;
use minidom::Element;
use secrecy::{ExposeSecret, SecretString};

use crate::{CloseReason, Credentials, SaslCondition, ns, xml};

/// The most mechanisms of an offer that are repeated in [`CloseReason::NoUsableMechanism`].
const OFFERED_SHOWN: usize = 32;

/// The `<auth/>` for these stream features, or the reason why there can be none.
pub(crate) fn authenticate(
    features: &Element,
    jid: &BareJid,
    credentials: &Credentials,
) -> Result<Element, CloseReason> {
    let offered: Vec<String> = features
        .get_child("mechanisms", ns::SASL)
        .into_iter()
        .flat_map(Element::children)
        .filter(|child| child.is("mechanism", ns::SASL))
        .map(|child| child.text().trim().to_owned())
        .collect();
    match credentials {
        Credentials::Token(token) => {
            if !offered.iter().any(|mechanism| mechanism == "PLAIN") {
                return Err(CloseReason::NoUsableMechanism {
                    offered: offered.into_iter().take(OFFERED_SHOWN).collect(),
                });
            }
            let mut auth = xml::element("auth", ns::SASL, &[("mechanism", "PLAIN")]);
            auth.append_text_node(plain(jid, token));
            Ok(auth)
        }
    }
}

/// The initial response of SASL PLAIN, as it goes out (RFC 4616).
fn plain(jid: &BareJid, token: &SecretString) -> String {
    BASE64_STANDARD.encode(format!("\0{jid}\0authKey:{}", token.expose_secret()))
}

/// Reads a `<failure/>`.
pub(crate) fn refusal(failure: &Element, jid: &BareJid, credentials: &Credentials) -> CloseReason {
    let condition = failure
        .children()
        .filter(|child| child.has_ns(ns::SASL))
        .find_map(|child| SaslCondition::from_name(child.name()))
        .unwrap_or(SaslCondition::Other);
    CloseReason::AuthenticationRefused {
        condition,
        text: xml::words(failure, ns::SASL).map(|text| without_secret(&text, jid, credentials)),
    }
}

/// The server's words with the credentials taken out, should it repeat them.
pub(crate) fn without_secret(text: &str, jid: &BareJid, credentials: &Credentials) -> String {
    match credentials {
        Credentials::Token(token) if token.expose_secret().is_empty() => text.to_owned(),
        Credentials::Token(token) => text
            .replace(token.expose_secret(), "[redacted]")
            .replace(&plain(jid, token), "[redacted]"),
    }
}
