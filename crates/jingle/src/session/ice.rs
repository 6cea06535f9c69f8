//! What a session has to know of ICE: the credentials that tell one generation of media from the next (RFC 8839 section 5.4), and the
//! `ufrag` by which a candidate says which of them it belongs to (RFC 8838 section 10).

use std::fmt;

/// The credentials of an offer. New ones mean new media. `Debug` does not show the password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Credentials {
    ufrag: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

impl Credentials {
    pub(super) fn new(ufrag: String, password: String) -> Self {
        Self { ufrag, password }
    }

    /// The first ones in the offer. One audio description is all that the dialect has, so the first are the only ones.
    pub(super) fn of_offer(sdp: &str) -> Option<Self> {
        let value = |name: &str| sdp.lines().find_map(|line| line.trim().strip_prefix(name));
        Some(Self {
            ufrag: value("a=ice-ufrag:")?.to_owned(),
            password: value("a=ice-pwd:")?.to_owned(),
        })
    }

    pub(super) fn ufrag(&self) -> &str {
        &self.ufrag
    }
}

/// The `ufrag` of a candidate, if it has one. Extensions are pairs of words after the port.
pub(super) fn ufrag_of_candidate(candidate: &str) -> Option<&str> {
    let mut words = candidate.split_whitespace().skip(6);
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if name == "ufrag" {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_says_its_ufrag_as_an_extension() {
        let of = ufrag_of_candidate;
        let host = "candidate:1 1 udp 2122063615 127.0.0.1 34507 typ host generation 0 ufrag D1uO";
        assert_eq!(of(host), Some("D1uO"));
        assert_eq!(of("candidate:1 1 udp 1 10.0.0.1 9 typ host"), None);
        assert_eq!(of("candidate:1 1 udp 1 10.0.0.1 9 typ host ufrag"), None);
        // The word as a value is no extension.
        assert_eq!(of("candidate:1 1 udp 1 h 9 typ ufrag x y"), None);
        assert_eq!(of(""), None);
    }

    #[test]
    fn an_offer_without_both_credentials_has_none() {
        let both = Credentials::of_offer("v=0\r\na=ice-pwd:p\r\na=ice-ufrag:u\r\n");
        assert_eq!(both.as_ref().map(Credentials::ufrag), Some("u"));
        assert_eq!(Credentials::of_offer("v=0\r\na=ice-ufrag:u\r\n"), None);
        assert_eq!(both, Credentials::of_offer("a=ice-ufrag:u\na=ice-pwd:p\n"));
    }
}
