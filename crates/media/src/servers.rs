//! The servers that help a call to be reached, and which candidates it may use.

use secrecy::SecretString;
use thiserror::Error;

/// The port of STUN and TURN over UDP and TCP (RFC 8489 section 9.1.2).
const PORT: u16 = 3478;
/// Their port over TLS.
const TLS_PORT: u16 = 5349;

/// A STUN or TURN server.
#[derive(Debug, Clone)]
pub struct IceServer {
    /// What it does for us.
    pub kind: ServerKind,
    /// Its name, or its address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What a server does.
#[derive(Debug, Clone)]
pub enum ServerKind {
    /// Tells our address as the world sees it (RFC 8489).
    Stun,
    /// Relays for us (RFC 8656).
    Turn {
        /// How it is reached.
        transport: TurnTransport,
        /// The user name; shown to whoever listens on the way.
        username: String,
        /// The password; never shown.
        credential: SecretString,
    },
}

/// How a TURN server is reached. What it relays is UDP in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TurnTransport {
    /// `turn:`
    Udp,
    /// `turn:` with `transport=tcp`
    Tcp,
    /// `turns:`
    Tls,
}

/// Which candidates may be used (`RTCIceTransportPolicy` of WebRTC).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum IcePolicy {
    /// All kinds.
    #[default]
    All,
    /// Relayed ones only: the peer learns no address of ours, and nothing is sent past a relay.
    Relay,
}

/// Why a URL names no server that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ServerError {
    /// It is none of `stun:`, `stuns:`, `turn:` and `turns:`.
    #[error("the URL begins with none of stun:, stuns:, turn: and turns:")]
    Scheme,
    /// There is no host in it, or the port is no number.
    #[error("the URL names no host, or no port that could be one")]
    Address,
    /// `?transport=` is neither `udp` nor `tcp`, or does not go with the scheme.
    #[error("the URL asks for a transport that is not spoken with this kind of server")]
    Transport,
    /// A TURN server without user name or password: the relaying is never free (RFC 8656 section 5).
    #[error("a TURN server needs a user name and a password")]
    Credentials,
}

impl IceServer {
    /// Reads `stun:host:port`, `turn:host:port?transport=tcp` and the like (RFC 7064, RFC 7065).
    ///
    /// # Errors
    /// When this names no server, or one that cannot be used.
    pub fn new(url: &str, username: Option<&str>, credential: Option<SecretString>) -> Result<Self, ServerError> {
        let (scheme, rest) = url.split_once(':').ok_or(ServerError::Scheme)?;
        let (address, query) = rest.split_once('?').map_or((rest, None), |(a, q)| (a, Some(q)));
        let transport = match query {
            None => None,
            Some(query) => Some(query.strip_prefix("transport=").ok_or(ServerError::Transport)?),
        };
        let scheme = scheme.to_ascii_lowercase();
        let transport = match (scheme.as_str(), transport) {
            ("stun", None | Some("udp")) => None,
            // Browsers ask such a server over UDP too: an address seen over TLS would be of no use to media over UDP.
            ("stuns", None | Some("tcp" | "udp")) => None,
            ("turn", None | Some("udp")) => Some(TurnTransport::Udp),
            ("turn", Some("tcp")) => Some(TurnTransport::Tcp),
            ("turns", None | Some("tcp")) => Some(TurnTransport::Tls),
            // Over TCP a reflexive address is of no use to a call over UDP.
            ("stun" | "stuns" | "turn" | "turns", _) => return Err(ServerError::Transport),
            _ => return Err(ServerError::Scheme),
        };
        let otherwise = match scheme.as_str() {
            "stuns" | "turns" => TLS_PORT,
            _ => PORT,
        };
        let (host, port) = host_and_port(address, otherwise).ok_or(ServerError::Address)?;
        let kind = match transport {
            None => ServerKind::Stun,
            Some(transport) => ServerKind::Turn {
                transport,
                username: username.ok_or(ServerError::Credentials)?.to_owned(),
                credential: credential.ok_or(ServerError::Credentials)?,
            },
        };
        Ok(Self { kind, host, port })
    }
}

/// `host`, `host:port`, `[address]` or `[address]:port`.
fn host_and_port(text: &str, otherwise: u16) -> Option<(String, u16)> {
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, rest) = text.split_once(']')?;
            match rest {
                "" => (host, None),
                rest => (host, Some(rest.strip_prefix(':')?)),
            }
        }
        None => text
            .split_once(':')
            .map_or((text, None), |(host, port)| (host, Some(port))),
    };
    let port = match port {
        None => otherwise,
        Some(port) => port.parse().ok().filter(|port| *port != 0)?,
    };
    (!host.is_empty()).then(|| (host.to_owned(), port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(url: &str) -> Result<IceServer, ServerError> {
        IceServer::new(url, Some("user"), Some("secret".into()))
    }

    #[test]
    fn urls_are_read_as_the_rfcs_write_them() {
        let cases = [
            ("stun:stun.example", None, "stun.example", 3478),
            ("stun:192.0.2.1:3479", None, "192.0.2.1", 3479),
            ("stuns:stun.example:443", None, "stun.example", 443),
            ("stuns:stun.example", None, "stun.example", 5349),
            ("turn:turn.example", Some(TurnTransport::Udp), "turn.example", 3478),
            (
                "turn:t.example:99?transport=udp",
                Some(TurnTransport::Udp),
                "t.example",
                99,
            ),
            (
                "turn:t.example?transport=tcp",
                Some(TurnTransport::Tcp),
                "t.example",
                3478,
            ),
            ("turns:t.example", Some(TurnTransport::Tls), "t.example", 5349),
            (
                "turns:[2001:db8::1]:443?transport=tcp",
                Some(TurnTransport::Tls),
                "2001:db8::1",
                443,
            ),
            ("TURN:[2001:db8::1]", Some(TurnTransport::Udp), "2001:db8::1", 3478),
        ];
        for (url, expected, host, port) in cases {
            let server = read(url).expect(url);
            let transport = match server.kind {
                ServerKind::Stun => None,
                ServerKind::Turn { transport, .. } => Some(transport),
            };
            assert_eq!(
                (transport, server.host.as_str(), server.port),
                (expected, host, port),
                "{url}"
            );
        }
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_its_reason() {
        let cases = [
            ("stun.example", ServerError::Scheme),
            ("http://stun.example", ServerError::Scheme),
            ("stuns:stun.example?transport=sctp", ServerError::Transport),
            ("stun:stun.example?transport=tcp", ServerError::Transport),
            ("turn:t.example?transport=sctp", ServerError::Transport),
            ("turns:t.example?transport=udp", ServerError::Transport),
            ("turn:t.example?x", ServerError::Transport),
            ("turn:", ServerError::Address),
            ("turn:t.example:0", ServerError::Address),
            ("turn:t.example:65536", ServerError::Address),
            ("turn:[2001:db8::1", ServerError::Address),
            ("turn:[2001:db8::1]x", ServerError::Address),
        ];
        for (url, error) in cases {
            assert_eq!(read(url).expect_err(url), error, "{url}");
        }
        assert_eq!(
            IceServer::new("turn:t.example", Some("user"), None).expect_err("no password"),
            ServerError::Credentials
        );
    }

    #[test]
    fn a_password_is_never_shown() {
        assert!(!format!("{:?}", read("turn:t.example")).contains("secret"));
    }
}
