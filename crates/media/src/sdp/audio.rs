//! What a description of the peer says about the one audio stream of a call.

use std::fmt;

use str0m::config::Fingerprint;

use super::Direction;
use super::description::{Description, Section};
use super::formats::Formats;
use crate::error::excerpt;
use crate::{Codec, OfferError};

/// The peer's audio, with everything that is needed to talk to it.
#[derive(Debug, Clone)]
pub(crate) struct RemoteAudio {
    /// Which of the description's sections it is.
    pub(crate) index: usize,
    pub(crate) mid: Option<String>,
    pub(crate) credentials: Credentials,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) setup: Setup,
    /// The peer does not check, it only answers checks (RFC 8445 section 2.5).
    pub(crate) ice_lite: bool,
    pub(crate) rtcp_mux: bool,
    pub(crate) direction: Direction,
    pub(crate) formats: Formats,
    /// Candidates that came inside the description.
    pub(crate) candidates: Vec<String>,
}

/// How long our own user fragments are (RFC 8839 section 5.4: at least 4, of 64 characters each).
pub(crate) const OUR_UFRAG: usize = 8;

/// ICE credentials; `Debug` shows no password.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Credentials {
    pub(crate) ufrag: String,
    pub(crate) password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("ufrag", &self.ufrag)
            .finish_non_exhaustive()
    }
}

/// The DTLS role a side asks for (RFC 8842 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Setup {
    ActPass,
    Active,
    Passive,
}

impl RemoteAudio {
    /// Picks the first audio section that can be used with one of these codecs, and reads what it and its surroundings say.
    /// When none can be, the first one's fault is told.
    pub(crate) fn find(description: &Description, codecs: &[Codec]) -> Result<Self, OfferError> {
        let sections = description.sections.iter().enumerate();
        let mut fault = OfferError::NoAudio;
        for (index, section) in sections.filter(|(_, section)| section.media == "audio" && !section.is_rejected()) {
            match Self::of(description, index, section, codecs) {
                Ok(audio) => return Ok(audio),
                Err(error) if fault == OfferError::NoAudio => fault = error,
                Err(_) => {}
            }
        }
        Err(fault)
    }

    fn of(description: &Description, index: usize, section: &Section, codecs: &[Codec]) -> Result<Self, OfferError> {
        if !is_rtp(&section.profile) {
            return Err(OfferError::Profile {
                profile: excerpt(&section.profile),
            });
        }
        let levels = Levels::of(description, section);
        Ok(Self {
            index,
            mid: section.mid().map(str::to_owned),
            formats: Formats::of(section, codecs)?,
            fingerprint: fingerprint(&levels)?,
            credentials: credentials(&levels)?,
            setup: setup(&levels)?,
            ice_lite: description.attributes.has("ice-lite"),
            rtcp_mux: section.attributes.has("rtcp-mux"),
            direction: direction(description, section),
            candidates: levels
                .all("candidate")
                .map(|value| format!("candidate:{value}"))
                .collect(),
        })
    }
}

/// Where a transport attribute may stand: in the section, in the section whose transport the
/// bundle uses, or at session level.
struct Levels<'a> {
    section: &'a Section,
    tag: Option<&'a Section>,
    description: &'a Description,
}

impl<'a> Levels<'a> {
    fn of(description: &'a Description, section: &'a Section) -> Self {
        let tag = section
            .mid()
            .and_then(|mid| description.bundle_tag(mid))
            .filter(|tag| !std::ptr::eq(*tag, section));
        Self {
            section,
            tag,
            description,
        }
    }

    fn value(&self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn all(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let tag = self.tag.into_iter().flat_map(|section| section.attributes.all(name));
        self.section
            .attributes
            .all(name)
            .chain(tag)
            .chain(self.description.attributes.all(name))
    }
}

fn is_rtp(profile: &str) -> bool {
    // JSEP lets a WebRTC endpoint accept the whole family, whatever letters an old peer puts
    // there: ICE and the fingerprint decide (RFC 8829 section 5.1.2).
    let last = profile.rsplit('/').next().unwrap_or_default();
    profile.contains("RTP/") && matches!(last, "AVP" | "AVPF" | "SAVP" | "SAVPF")
}

fn fingerprint(levels: &Levels<'_>) -> Result<Fingerprint, OfferError> {
    let mut unusable = None;
    let mut weak = None;
    for value in levels.all("fingerprint") {
        let (hash, digits) = value.split_once(' ').unwrap_or((value, ""));
        let hash = hash.to_ascii_lowercase();
        let bytes: Option<Vec<u8>> = digits
            .trim()
            .split(':')
            .map(|pair| {
                let is_byte = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
                u8::from_str_radix(pair, 16).ok().filter(|_| is_byte)
            })
            .collect();
        match (hash.as_str(), bytes) {
            ("sha-256", Some(bytes)) if bytes.len() == 32 => {
                return Ok(Fingerprint { hash_func: hash, bytes });
            }
            ("sha-1", Some(bytes)) if bytes.len() == 20 => {
                weak = Some(Fingerprint { hash_func: hash, bytes });
            }
            (_, _) => unusable = Some(OfferError::UnusableFingerprint { hash: excerpt(&hash) }),
        }
    }
    weak.ok_or(unusable.unwrap_or(OfferError::MissingFingerprint))
}

/// The longest user fragment of a peer. RFC 8839 section 5.4 allows 256 characters, but the engine writes no STUN user name,
/// both fragments and a colon, of more than 128 bytes.
const LONGEST_UFRAG: usize = 128 - 1 - OUR_UFRAG;
/// RFC 8839 section 5.4.
const LONGEST_PASSWORD: usize = 256;

fn credentials(levels: &Levels<'_>) -> Result<Credentials, OfferError> {
    // Shorter ones than RFC 8839 asks for are not refused, since it is the peer's own security that suffers, and only towards
    // itself. Characters beyond its list are seen in the wild; those that STUN or SDP cannot carry are not.
    let value = |name, longest| match levels.value(name) {
        None | Some("") => Err(OfferError::MissingIceCredentials),
        Some(value) if value.len() > longest || !value.bytes().all(|byte| byte.is_ascii_graphic()) => {
            Err(OfferError::UnusableIceCredentials {
                attribute: name,
                bytes: value.len(),
                longest,
            })
        }
        Some(value) => Ok(value.to_owned()),
    };
    Ok(Credentials {
        ufrag: value("ice-ufrag", LONGEST_UFRAG)?,
        password: value("ice-pwd", LONGEST_PASSWORD)?,
    })
}

fn setup(levels: &Levels<'_>) -> Result<Setup, OfferError> {
    match levels.value("setup") {
        // Peers that leave it out expect the answerer to connect, as WebRTC endpoints do.
        None | Some("actpass") => Ok(Setup::ActPass),
        Some("active") => Ok(Setup::Active),
        Some("passive") => Ok(Setup::Passive),
        Some(other) => Err(OfferError::Setup { setup: excerpt(other) }),
    }
}

fn direction(description: &Description, section: &Section) -> Direction {
    let at = |attributes: &super::description::Attributes| {
        attributes.iter().find_map(|(name, _)| Direction::from_attribute(name))
    };
    at(&section.attributes)
        .or_else(|| at(&description.attributes))
        .unwrap_or(Direction::SendRecv)
}
