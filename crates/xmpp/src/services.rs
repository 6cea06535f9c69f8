//! External services (XEP-0215 in its first version, `urn:xmpp:extdisco:1`): the STUN and TURN servers of the account.

use minidom::Element;
use secrecy::{ExposeSecret, SecretString};
use tracing::debug;

use crate::{StanzaError, ns, xml};

/// A STUN or TURN server.
#[derive(Debug, Clone)]
pub struct Service {
    /// `stun`, `stuns`, `turn` or `turns`.
    pub kind: String,
    /// Host name or address, an IPv6 address without brackets.
    pub host: String,
    /// Port; 3478, or 5349 for the kinds over TLS, when the server names none.
    pub port: u16,
    /// Transport protocol in lower case; `udp` when the server names none.
    pub transport: String,
    /// User name for TURN.
    pub username: Option<String>,
    /// Password for TURN.
    pub password: Option<SecretString>,
    /// Whether the service needs credentials.
    pub restricted: bool,
}

impl Service {
    /// The service as a URL: `{kind}:{host}:{port}`, and for TURN over anything but UDP `?transport=` (RFC 7064,
    /// RFC 7065).
    pub fn url(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        let mut url = format!("{}:{host}:{}", self.kind, self.port);
        if self.kind.starts_with("turn") && self.transport != "udp" {
            url.push_str("?transport=");
            url.push_str(&self.transport);
        }
        url
    }
}

impl PartialEq for Service {
    fn eq(&self, other: &Self) -> bool {
        let password = self.password.as_ref().map(ExposeSecret::expose_secret);
        self.kind == other.kind
            && self.host == other.host
            && self.port == other.port
            && self.transport == other.transport
            && self.username == other.username
            && password == other.password.as_ref().map(ExposeSecret::expose_secret)
            && self.restricted == other.restricted
    }
}

/// Why a later list of external services did not come, after three tries.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// The server answered the last try with an error.
    #[error("the server refused to list its external services: {0}")]
    Refused(#[source] Box<StanzaError>),
    /// The server did not answer the last try within [`Timeouts::services`](crate::Timeouts::services).
    #[error("the server did not list its external services in time")]
    TimedOut,
}

/// The two lists that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ServiceList {
    Turn,
    Stun,
}

impl ServiceList {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Turn => "turn",
            Self::Stun => "stun",
        }
    }

    /// The question for this list.
    pub(crate) fn query(self) -> Element {
        xml::element("services", ns::EXTDISCO, &[("type", self.as_str())])
    }

    /// Reads the answer. Services of another kind (a server may ignore the filter) and those that cannot be reached for
    /// want of a host or a sound port are passed over.
    pub(crate) fn read(self, answer: Option<&Element>) -> Vec<Service> {
        answer
            .filter(|answer| answer.is("services", ns::EXTDISCO))
            .into_iter()
            .flat_map(Element::children)
            .filter(|child| child.is("service", ns::EXTDISCO))
            .filter_map(|child| self.read_service(child))
            .collect()
    }

    fn read_service(self, element: &Element) -> Option<Service> {
        let kind = element.attr("type")?;
        let secure = match (self, kind) {
            (Self::Turn, "turn") | (Self::Stun, "stun") => false,
            (Self::Turn, "turns") | (Self::Stun, "stuns") => true,
            _ => return None,
        };
        let host = element.attr("host")?.trim_start_matches('[').trim_end_matches(']');
        let port = match element.attr("port") {
            None if secure => 5349,
            None => 3478,
            Some(port) => port.parse().unwrap_or(0),
        };
        if host.is_empty() || host.contains(|c: char| c.is_whitespace() || c.is_control()) || port == 0 {
            debug!(kind, "external service without a usable host and port passed over");
            return None;
        }
        Some(Service {
            kind: kind.to_owned(),
            host: host.to_owned(),
            port,
            transport: element.attr("transport").unwrap_or("udp").to_ascii_lowercase(),
            username: element.attr("username").map(str::to_owned),
            password: element.attr("password").map(SecretString::from),
            restricted: matches!(element.attr("restricted"), Some("true" | "1")),
        })
    }
}
