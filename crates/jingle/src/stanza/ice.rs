//! ICE transports: credentials, candidates, DTLS fingerprints (XEP-0176, XEP-0371, XEP-0320).

use std::{fmt, str::FromStr};

use super::{UnknownWord, ns};
use crate::candidate::Candidate;

/// An ICE `<transport/>` (XEP-0176 section 5.3, XEP-0371 section 5.3). Its `Debug` shows no password.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Ice {
    /// Which of the two documents it is written after. A session keeps to that of its session-initiate.
    pub syntax: IceSyntax,
    /// `ufrag`: names the sender's ICE; another one than before restarts it.
    pub ufrag: Option<String>,
    /// `pwd`: the password of its connectivity checks. A secret.
    pub pwd: Option<String>,
    /// The sender's addresses. `network` is their [`Candidate::network_id`]; there is no attribute for a candidate's own ufrag, for what
    /// its network costs, and for its extensions.
    pub candidates: Vec<Candidate>,
    /// The recipient's addresses that were chosen, one for each component.
    pub remote_candidates: Vec<RemoteCandidate>,
    /// The certificates of the sender's DTLS (XEP-0320).
    pub fingerprints: Vec<Fingerprint>,
    /// `ice2`: the sender goes by RFC 8445 (`a=ice-options:ice2`). Said in transports of XEP-0371 only.
    pub ice2: bool,
    /// No further candidates will come (XEP-0371 section 7; sent in XEP-0176 transports likewise).
    pub gathering_complete: bool,
}

impl Ice {
    /// A transport with these credentials, of which nothing else is said.
    pub fn new(ufrag: impl Into<String>, pwd: impl Into<String>) -> Self {
        Self {
            ufrag: Some(ufrag.into()),
            pwd: Some(pwd.into()),
            ..Self::default()
        }
    }
}

impl fmt::Debug for Ice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ice")
            .field("syntax", &self.syntax)
            .field("ufrag", &self.ufrag)
            .field("candidates", &self.candidates)
            .field("remote_candidates", &self.remote_candidates)
            .field("fingerprints", &self.fingerprints)
            .field("ice2", &self.ice2)
            .field("gathering_complete", &self.gathering_complete)
            .finish_non_exhaustive()
    }
}

/// The document that an ICE transport is written after. The elements are the same, the namespaces are not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub enum IceSyntax {
    /// XEP-0176, which everybody speaks.
    #[default]
    IceUdp,
    /// XEP-0371.
    Ice,
}

impl IceSyntax {
    /// The namespace of the transport.
    pub fn namespace(self) -> &'static str {
        match self {
            IceSyntax::IceUdp => ns::ICE_UDP,
            IceSyntax::Ice => ns::ICE,
        }
    }
}

/// A `<remote-candidate/>` (XEP-0176 section 5.7): the recipient's address that the sender uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteCandidate {
    /// 1 for RTP, 2 for RTCP.
    pub component: u16,
    /// `ip`.
    pub address: String,
    /// `port`.
    pub port: u16,
}

/// A `<fingerprint/>` (XEP-0320; `a=fingerprint` and `a=setup` of SDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    /// `hash`: the hash function, such as `sha-256`.
    pub hash: String,
    /// `setup`: who begins the handshake.
    pub setup: Option<Setup>,
    /// The fingerprint: bytes in hexadecimal, with colons between.
    pub value: String,
    /// `required`: there is no session without DTLS. Of early versions of the XEP.
    pub required: Option<bool>,
}

impl Fingerprint {
    /// A fingerprint of which no `required` is said, as written today.
    pub fn new(hash: impl Into<String>, setup: Option<Setup>, value: impl Into<String>) -> Self {
        Self {
            hash: hash.into(),
            setup,
            value: value.into(),
            required: None,
        }
    }
}

/// Who begins the DTLS handshake (`a=setup` of RFC 4145).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Setup {
    /// The sender of the fingerprint.
    Active,
    /// The other side.
    Passive,
    /// Whichever the other side chooses; for offers.
    Actpass,
    /// Nobody for now.
    Holdconn,
}

impl Setup {
    /// The word as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Setup::Active => "active",
            Setup::Passive => "passive",
            Setup::Actpass => "actpass",
            Setup::Holdconn => "holdconn",
        }
    }
}

impl fmt::Display for Setup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Setup {
    type Err = UnknownWord;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "active" => Ok(Setup::Active),
            "passive" => Ok(Setup::Passive),
            "actpass" => Ok(Setup::Actpass),
            "holdconn" => Ok(Setup::Holdconn),
            _ => Err(UnknownWord {
                expected: "active, passive, actpass, holdconn",
            }),
        }
    }
}
