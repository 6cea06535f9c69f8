//! What is said of an RTP session: codecs, feedback, header extensions, sources (XEP-0167 and the documents that add to it).

use std::fmt;

use super::Senders;

/// An RTP `<description/>` (XEP-0167 section 4).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Rtp {
    /// `audio`, `video` or another media type of SDP. A peer that leaves it out means what the content's name says, else audio.
    pub media: String,
    /// `ssrc`: the synchronization source of a sender that has one only.
    pub ssrc: Option<u32>,
    /// The codecs, in order of preference.
    pub payload_types: Vec<PayloadType>,
    /// Feedback on every payload type (XEP-0293).
    pub feedback: Vec<Feedback>,
    /// `rtcp-fb-trr-int` for every payload type, in milliseconds (XEP-0293; `trr-int` of RFC 4585).
    pub feedback_interval: Option<u32>,
    /// RTP and RTCP share one port (RFC 5761).
    pub rtcp_mux: bool,
    /// RTCP packets may be of reduced size (RFC 5506). In no XEP, but what clients say.
    pub rtcp_reduced_size: bool,
    /// RTP header extensions (XEP-0294).
    pub extensions: Vec<HeaderExtension>,
    /// One- and two-byte header extensions may be mixed (XEP-0294, RFC 8285).
    pub mixed_extensions: bool,
    /// The sources, each with what is said of it (XEP-0339).
    pub sources: Vec<Source>,
    /// Sources that belong together (XEP-0339).
    pub source_groups: Vec<SourceGroup>,
    /// The media streams that the content belongs to.
    pub streams: Vec<MediaStream>,
    /// The bandwidth to be used.
    pub bandwidth: Option<Bandwidth>,
    /// Keys in the signalling (RFC 4568) and ZRTP (XEP-0262).
    pub encryption: Option<Encryption>,
}

impl Rtp {
    /// A description of this kind of media with nothing else said.
    pub fn new(media: impl Into<String>) -> Self {
        Self {
            media: media.into(),
            ..Self::default()
        }
    }
}

/// A codec under its number: a `<payload-type/>`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayloadType {
    /// `id`: the payload type of RTP packets, at most 127.
    pub id: u8,
    /// `name`: the codec; a static payload type (RFC 3551) needs none.
    pub name: Option<String>,
    /// `clockrate`, in hertz; 0 when unsaid.
    pub clock_rate: u32,
    /// `channels`; 1 when unsaid.
    pub channels: u8,
    /// `ptime`: what one packet should hold, in milliseconds.
    pub ptime: Option<u32>,
    /// `maxptime`: what one packet may hold, in milliseconds.
    pub max_ptime: Option<u32>,
    /// The codec's own parameters (`a=fmtp`).
    pub parameters: Vec<Parameter>,
    /// Feedback on this payload type (XEP-0293).
    pub feedback: Vec<Feedback>,
    /// `rtcp-fb-trr-int`, in milliseconds (XEP-0293).
    pub feedback_interval: Option<u32>,
}

impl PayloadType {
    /// A payload type with one channel, of which nothing else is said.
    pub fn new(id: u8) -> Self {
        Self {
            id,
            name: None,
            clock_rate: 0,
            channels: 1,
            ptime: None,
            max_ptime: None,
            parameters: Vec::new(),
            feedback: Vec::new(),
            feedback_interval: None,
        }
    }
}

/// A name, mostly with a value: a `<parameter/>` of a payload type, a source, a header extension or feedback.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// `name`; empty when unsaid.
    pub name: String,
    /// `value`.
    pub value: Option<String>,
}

impl Parameter {
    /// A parameter that has a value.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: Some(value.into()),
        }
    }

    /// A parameter that is its own name only.
    pub fn flag(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: None,
        }
    }
}

/// One kind of RTCP feedback: an `<rtcp-fb/>` (XEP-0293; `a=rtcp-fb` of RFC 4585).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Feedback {
    /// `type`: `nack`, `ccm`, `transport-cc` ...
    pub kind: String,
    /// `subtype`: `pli` of `nack`, `fir` of `ccm` ...
    pub subtype: Option<String>,
    /// What else is said of it.
    pub parameters: Vec<Parameter>,
}

impl Feedback {
    /// Feedback of this type and subtype, without parameters.
    pub fn new(kind: impl Into<String>, subtype: Option<&str>) -> Self {
        Self {
            kind: kind.into(),
            subtype: subtype.map(str::to_owned),
            parameters: Vec::new(),
        }
    }
}

/// An `<rtp-hdrext/>` (XEP-0294; `a=extmap` of RFC 8285).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderExtension {
    /// `id`: its number in RTP packets.
    pub id: u16,
    /// `uri`: what it means.
    pub uri: String,
    /// Who uses it.
    pub senders: Senders,
    /// What else is said of it.
    pub parameters: Vec<Parameter>,
}

/// A `<source/>` (XEP-0339; `a=ssrc` of RFC 5576).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The synchronization source.
    pub ssrc: u32,
    /// `cname`, `msid` ...
    pub parameters: Vec<Parameter>,
}

/// An `<ssrc-group/>` (XEP-0339; `a=ssrc-group` of RFC 5576).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceGroup {
    /// `FID`, `FEC-FR`, `SIM` ...
    pub semantics: String,
    /// The sources, in order.
    pub sources: Vec<u32>,
}

/// A `<stream/>`: the media stream that the content belongs to (`a=msid` of RFC 8830).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaStream {
    /// `id`: the stream; `-` for a track without one.
    pub id: String,
    /// `track`: the track.
    pub track: Option<String>,
}

/// A `<bandwidth/>` (XEP-0167 section 4; `b=` of SDP).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bandwidth {
    /// `type`: `AS`, `CT`, `TIAS` ...
    pub kind: String,
    /// The value, in the unit of the type: kilobits per second for `AS` and `CT`.
    pub value: u64,
}

/// An `<encryption/>`: keys for SRTP in the signalling (XEP-0167 section 7), and ZRTP (XEP-0262).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Encryption {
    /// Without one of these no session comes about.
    pub required: bool,
    /// The key descriptions, in order of preference.
    pub crypto: Vec<Crypto>,
    /// The hashes of the sender's ZRTP Hello messages.
    pub zrtp: Vec<ZrtpHash>,
}

/// A `<crypto/>`: a key description of RFC 4568. Its `Debug` shows no key.
#[derive(Clone, PartialEq, Eq)]
pub struct Crypto {
    /// `crypto-suite`.
    pub suite: String,
    /// `key-params`: the key, in base64, and how it is used. A secret.
    pub key_params: String,
    /// `session-params`.
    pub session_params: Option<String>,
    /// `tag`: the number of the key description.
    pub tag: String,
}

impl fmt::Debug for Crypto {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Crypto")
            .field("suite", &self.suite)
            .field("session_params", &self.session_params)
            .field("tag", &self.tag)
            .finish_non_exhaustive()
    }
}

/// A `<zrtp-hash/>` (XEP-0262; `a=zrtp-hash` of RFC 6189).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZrtpHash {
    /// `version`: of ZRTP.
    pub version: String,
    /// The hash of the Hello message, in hexadecimal.
    pub hash: String,
}
