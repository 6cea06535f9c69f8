//! What a description of the peer says about the one audio stream of a call.

use std::fmt;

use str0m::config::Fingerprint;

use super::Direction;
use super::description::{Description, Section};
use crate::OfferError;
use crate::error::excerpt;

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
    pub(crate) opus: Opus,
    pub(crate) events: Option<Events>,
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

/// The peer's Opus format and what it wishes to receive (RFC 7587 section 6).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Opus {
    pub(crate) payload_type: u8,
    pub(crate) in_band_fec: bool,
    pub(crate) constant_rate: bool,
    /// Bits a second.
    pub(crate) max_bitrate: Option<i32>,
}

/// The peer's telephone-event format (RFC 4733).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Events {
    pub(crate) payload_type: u8,
    pub(crate) clock_rate: u32,
    /// Whether the peer listed the events it knows.
    pub(crate) listed: bool,
}

impl RemoteAudio {
    /// Picks the first audio section that is offered, and reads what it and its surroundings say.
    pub(crate) fn find(description: &Description) -> Result<Self, OfferError> {
        let (index, section) = description
            .sections
            .iter()
            .enumerate()
            .find(|(_, section)| section.media == "audio" && !section.is_rejected())
            .ok_or(OfferError::NoAudio)?;
        if !is_rtp(&section.profile) {
            return Err(OfferError::Profile {
                profile: excerpt(&section.profile),
            });
        }
        let levels = Levels::of(description, section);
        let opus = opus(section)?;
        Ok(Self {
            index,
            mid: section.mid().map(str::to_owned),
            events: events(section, opus.payload_type),
            opus,
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

fn opus(section: &Section) -> Result<Opus, OfferError> {
    let formats = || section.formats.iter().filter_map(|format| Format::of(section, format));
    let found = formats().find(|format| {
        format.name.eq_ignore_ascii_case("opus")
            && format.clock_rate == crate::SAMPLE_RATE
            && matches!(format.channels, None | Some("2"))
    });
    let Some(format) = found else {
        let names: Vec<&str> = formats().map(|format| format.name).take(16).collect();
        let offered = if names.is_empty() {
            "nothing known".into()
        } else {
            names.join(", ")
        };
        return Err(OfferError::NoUsableCodec {
            offered: excerpt(&offered),
        });
    };
    let parameter = |name: &str| {
        let mut pairs = format.parameters.split(';').filter_map(|pair| pair.split_once('='));
        pairs
            .find(|(key, _)| key.trim().eq_ignore_ascii_case(name))
            .map(|(_, value)| value.trim())
    };
    Ok(Opus {
        payload_type: format.payload_type,
        in_band_fec: parameter("useinbandfec") == Some("1"),
        constant_rate: parameter("cbr") == Some("1"),
        max_bitrate: parameter("maxaveragebitrate").and_then(|value| value.parse().ok()),
    })
}

/// Opus runs at 48 kHz, and so do the events that belong to it (RFC 4733 section 2.1); an 8 kHz
/// format is taken where there is no other.
fn events(section: &Section, opus: u8) -> Option<Events> {
    let candidates = || {
        let formats = section.formats.iter().filter_map(|format| Format::of(section, format));
        formats.filter(move |format| format.payload_type != opus && format.name.eq_ignore_ascii_case("telephone-event"))
    };
    let format = candidates()
        .find(|format| format.clock_rate == crate::SAMPLE_RATE)
        .or_else(|| candidates().find(|format| format.clock_rate == 8_000))?;
    Some(Events {
        payload_type: format.payload_type,
        clock_rate: format.clock_rate,
        listed: !format.parameters.is_empty(),
    })
}

/// A payload type with its `a=rtpmap` and `a=fmtp`.
struct Format<'a> {
    payload_type: u8,
    name: &'a str,
    clock_rate: u32,
    channels: Option<&'a str>,
    parameters: &'a str,
}

impl<'a> Format<'a> {
    fn of(section: &'a Section, format: &'a str) -> Option<Self> {
        // "096" and "+96" would be second names of 96.
        let payload_type = format
            .parse()
            .ok()
            .filter(|number: &u8| is_payload_type(*number) && number.to_string() == format)?;
        let of_this = move |value: &'a str| {
            value
                .split_once(' ')
                .filter(|(number, _)| *number == format)
                .map(|(_, rest)| rest.trim())
        };
        let parameters = section.attributes.all("fmtp").find_map(of_this).unwrap_or_default();
        let Some(encoding) = section.attributes.all("rtpmap").find_map(of_this) else {
            let name = static_name(payload_type)?;
            return Some(Self {
                payload_type,
                name,
                clock_rate: 8_000,
                channels: None,
                parameters,
            });
        };
        let mut parts = encoding.split('/');
        Some(Self {
            payload_type,
            name: parts.next()?,
            clock_rate: parts.next()?.parse().ok()?,
            channels: parts.next(),
            parameters,
        })
    }
}

/// The numbers that RTP can use next to RTCP on one port (RFC 5761 section 4).
fn is_payload_type(number: u8) -> bool {
    matches!(number, 0..=63 | 96..=127)
}

/// The audio formats whose numbers speak for themselves (RFC 3551 section 6).
fn static_name(payload_type: u8) -> Option<&'static str> {
    match payload_type {
        0 => Some("PCMU"),
        8 => Some("PCMA"),
        9 => Some("G722"),
        13 => Some("CN"),
        _ => None,
    }
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
            .map(|pair| u8::from_str_radix(pair, 16).ok())
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
