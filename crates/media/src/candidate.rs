//! ICE candidates as text (RFC 8839 section 5.1), read leniently.
//!
//! Browsers, gateways and old endpoints attach whatever they like behind the type, hide host
//! addresses behind mDNS names, trickle an empty candidate to say that there are no more. What
//! cannot be used is told from what is broken, and neither disturbs the call: a peer whose
//! candidates are all unusable is still found when its checks arrive (peer reflexive).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use str0m::net::Protocol;
use str0m::{Candidate, CandidateKind};

use crate::CandidateError;

/// Why a well-formed candidate is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Skipped {
    EndOfCandidates,
    HostName,
    NotUdp,
    OtherComponent,
    UnusableAddress,
    OtherGeneration,
}

/// What a candidate line of the peer amounts to.
#[derive(Debug)]
pub(crate) enum RemoteCandidate {
    Usable(Candidate),
    Skipped(Skipped),
}

/// Reads `candidate:...`, with or without `a=` and line end. `ufrag` is the peer's current one.
pub(crate) fn read(text: &str, ufrag: Option<&str>) -> Result<RemoteCandidate, CandidateError> {
    let text = text.trim();
    let text = text.strip_prefix("a=").unwrap_or(text);
    if text.is_empty() || text == "end-of-candidates" || text == "candidate:" {
        return Ok(RemoteCandidate::Skipped(Skipped::EndOfCandidates));
    }
    let body = text
        .strip_prefix("candidate:")
        .ok_or(malformed("it does not begin with candidate:"))?;
    let mut words = body.split_ascii_whitespace();
    let mut word = |what| words.next().ok_or(malformed(what));
    let foundation = word("the foundation is missing")?;
    let component: u16 = number(word("the component is missing")?, "the component is no number")?;
    let transport = word("the transport is missing")?;
    let priority: u32 = number(word("the priority is missing")?, "the priority is no number")?;
    let host = word("the address is missing")?;
    let port: u16 = number(word("the port is missing")?, "the port is no number")?;
    if word("the type is missing")? != "typ" {
        return Err(malformed("the word typ is missing"));
    }
    let kind = kind(word("the type is missing")?)?;
    let mut extensions = std::iter::from_fn(|| Some((words.next()?, words.next()?)));
    let generation = extensions.find(|(key, _)| *key == "ufrag").map(|(_, value)| value);

    let skipped = |why| Ok(RemoteCandidate::Skipped(why));
    if !transport.eq_ignore_ascii_case("udp") {
        return skipped(Skipped::NotUdp);
    }
    if component != 1 {
        return skipped(Skipped::OtherComponent);
    }
    if let (Some(ours), Some(theirs)) = (ufrag, generation)
        && ours != theirs
    {
        return skipped(Skipped::OtherGeneration);
    }
    let Ok(ip) = host.parse::<IpAddr>() else {
        return match host.contains('.') || host.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            true => skipped(Skipped::HostName),
            false => Err(malformed("the address is neither an IP address nor a name")),
        };
    };
    if port == 0 || !is_usable(ip) {
        return skipped(Skipped::UnusableAddress);
    }
    Ok(RemoteCandidate::Usable(Candidate::from_parts(
        foundation.to_owned(),
        component,
        Protocol::Udp,
        priority,
        SocketAddr::new(ip, port),
        kind,
        None,
        None,
        None,
    )))
}

/// Type preferences (RFC 8445 section 5.1.2.2), those of relays as browsers set them.
const HOST: u32 = 126;
pub(crate) const RELAYED_OVER_UDP: u32 = 2;
pub(crate) const RELAYED_OVER_TCP: u32 = 1;
pub(crate) const RELAYED_OVER_TLS: u32 = 0;

/// A candidate for the socket bound to this address; `None` when nobody could reach it. Of two candidates of a kind, the one with
/// the higher local preference is used, 0 to 65,535.
pub(crate) fn host(address: SocketAddr, preference: u32) -> Option<Candidate> {
    local(address, CandidateKind::Host, HOST, preference)
}

/// A candidate for this address on a TURN server.
pub(crate) fn relayed(address: SocketAddr, type_preference: u32, preference: u32) -> Option<Candidate> {
    local(address, CandidateKind::Relayed, type_preference, preference)
}

/// A candidate for the socket bound to `base`, which the world sees at this address.
pub(crate) fn reflexive(address: SocketAddr, base: SocketAddr) -> Option<Candidate> {
    if !is_reachable(address) {
        return None;
    }
    Candidate::server_reflexive(address, base, Protocol::Udp).ok()
}

/// Made of its parts, because the engine would prefer the oldest of several: when interfaces change and allocations are lost,
/// the youngest is the one that works.
fn local(address: SocketAddr, kind: CandidateKind, type_preference: u32, preference: u32) -> Option<Candidate> {
    if !is_reachable(address) {
        return None;
    }
    let (letter, related) = match kind {
        CandidateKind::Host => ('h', None),
        CandidateKind::PeerReflexive | CandidateKind::ServerReflexive | CandidateKind::Relayed => {
            let nowhere: IpAddr = match address.ip() {
                IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            // Where it really is from is nobody's business (RFC 8828).
            ('r', Some(SocketAddr::new(nowhere, 0)))
        }
    };
    let ip = match address.ip() {
        IpAddr::V4(ip) => u128::from(ip.to_bits()),
        IpAddr::V6(ip) => ip.to_bits() >> 16,
    };
    let priority = type_preference << 24 | preference.min(0xFFFF) << 8 | 255;
    Some(Candidate::from_parts(
        format!("{letter}{type_preference}{ip:x}"),
        1,
        Protocol::Udp,
        priority,
        address,
        kind,
        related,
        None,
        None,
    ))
}

fn is_reachable(address: SocketAddr) -> bool {
    address.port() != 0 && is_usable(address.ip())
}

/// The text of a local candidate, as browsers write it.
pub(crate) fn write(candidate: &Candidate, ufrag: &str) -> String {
    let text = candidate.to_sdp_string();
    let body = text.split(" ufrag ").next().unwrap_or_default();
    format!("{body} generation 0 ufrag {ufrag}")
}

fn kind(word: &str) -> Result<CandidateKind, CandidateError> {
    match word {
        "host" => Ok(CandidateKind::Host),
        "srflx" => Ok(CandidateKind::ServerReflexive),
        "prflx" => Ok(CandidateKind::PeerReflexive),
        "relay" => Ok(CandidateKind::Relayed),
        _ => Err(malformed("the type is unknown")),
    }
}

fn number<N: std::str::FromStr>(word: &str, problem: &'static str) -> Result<N, CandidateError> {
    word.parse().map_err(|_| malformed(problem))
}

fn is_usable(ip: IpAddr) -> bool {
    if ip.is_unspecified() || ip.is_multicast() {
        return false;
    }
    match ip {
        IpAddr::V4(v4) => !v4.is_broadcast() && !v4.is_link_local(),
        // A link-local address means nothing without its zone, which candidates do not carry.
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    }
}

fn malformed(problem: &'static str) -> CandidateError {
    CandidateError::Malformed(problem)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_here(text: &str) -> Result<RemoteCandidate, CandidateError> {
        read(text, Some("XyMo"))
    }

    #[test]
    fn a_gateways_candidate_is_usable_with_and_without_its_prefix() {
        let text = "candidate:1510613869 1 udp 2122063615 127.0.0.1 51864 typ host generation 0 ufrag XyMo";
        for text in [text.to_owned(), format!("a={text}"), format!("a={text}\r\n")] {
            match read_here(&text).expect("well-formed") {
                RemoteCandidate::Usable(candidate) => {
                    assert_eq!(candidate.addr(), "127.0.0.1:51864".parse().unwrap());
                }
                RemoteCandidate::Skipped(why) => panic!("{text} was skipped: {why:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_used_is_skipped_and_not_refused() {
        let cases = [
            ("", Skipped::EndOfCandidates),
            ("a=end-of-candidates", Skipped::EndOfCandidates),
            (
                "candidate:1 1 tcp 1518083839 127.0.0.1 9 typ host tcptype active",
                Skipped::NotUdp,
            ),
            (
                "candidate:1 1 udp 1 9c3f1b2e-0c0b-4c7e-9f57-3b7b3a4f0c11.local 5000 typ host",
                Skipped::HostName,
            ),
            ("candidate:1 2 udp 1 192.0.2.1 5000 typ host", Skipped::OtherComponent),
            ("candidate:1 1 UDP 1 0.0.0.0 5000 typ host", Skipped::UnusableAddress),
            ("candidate:1 1 udp 1 192.0.2.1 0 typ host", Skipped::UnusableAddress),
            ("candidate:1 1 udp 1 fe80::1 5000 typ host", Skipped::UnusableAddress),
            (
                "candidate:1 1 udp 1 192.0.2.1 5 typ host ufrag Old1",
                Skipped::OtherGeneration,
            ),
        ];
        for (text, why) in cases {
            match read_here(text) {
                Ok(RemoteCandidate::Skipped(reason)) => assert_eq!(reason, why, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn garbage_is_refused() {
        for text in [
            "hello",
            "candidate:1",
            "candidate:1 x udp 1 192.0.2.1 5000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 500000 typ host",
            "candidate:1 1 udp 1 192.0.2.1 5000 typ unheard",
            "candidate:1 1 udp 1 192.0.2.1 5000 host",
            "candidate:1 1 udp 1 !! 5000 typ host",
        ] {
            assert!(matches!(read_here(text), Err(CandidateError::Malformed(_))), "{text}");
        }
    }

    #[test]
    fn a_local_candidate_reads_back() {
        let local = host("192.0.2.7:40000".parse().unwrap(), 1).expect("a usable address");
        let text = write(&local, "XyMo");
        assert!(text.ends_with("typ host generation 0 ufrag XyMo"), "{text}");
        assert!(matches!(read_here(&text), Ok(RemoteCandidate::Usable(_))));
        assert!(host("169.254.1.1:4000".parse().unwrap(), 1).is_none());
    }
}
