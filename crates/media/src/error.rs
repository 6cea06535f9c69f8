//! Why an offer, an answer or a candidate was refused.

use thiserror::Error;

use crate::Codec;

/// As much of the peer's text as a message has room for.
const EXCERPT: usize = 64;

/// The beginning of a text of the peer, for a message.
pub(crate) fn excerpt(text: &str) -> String {
    text.chars().take(EXCERPT).collect()
}

/// Why a ready-made packet was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendOpusError {
    /// The bytes are no Opus packet (RFC 6716 section 3.4).
    #[error("the payload is no Opus packet")]
    NotOpus,
    /// Its length does not fit the frames of a call.
    #[error("the packet holds {samples} samples at 48 kHz; packets of 20 ms (960), 40, 60 and so on can be sent")]
    Length {
        /// Samples at 48 kHz.
        samples: u32,
    },
    /// The peer takes no Opus: it is to be spoken to by [`Call::push_pcm`](crate::Call::push_pcm).
    #[error("Opus was not agreed on; push PCM instead")]
    NotAgreed,
}

/// The kinds of [`OfferError`], so that a caller can choose the reason it gives to the peer
/// (XEP-0166 section 7.4) without knowing every variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferErrorKind {
    /// The text is no session description.
    NotSdp,
    /// It is a session description without audio.
    NoAudio,
    /// It offers audio, but none that this crate can carry.
    Incompatible,
    /// Nothing is wrong with the description: this side could not start its part.
    Local,
}

/// Why a session description of the peer cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum OfferError {
    /// The text cannot be read as RFC 8866 lays down.
    #[error("the text is no session description (RFC 8866): {problem}")]
    NotSdp {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The text is longer than any real description.
    #[error("the session description has {bytes} bytes; at most {limit} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// There is no `m=audio` section, or its port is zero.
    #[error("the session description has no usable audio section")]
    NoAudio,
    /// The audio is not carried by RTP.
    #[error("the audio is offered over {profile}; an RTP profile such as UDP/TLS/RTP/SAVPF is needed")]
    Profile {
        /// The transport of the `m=` line, at most 64 characters of it.
        profile: String,
    },
    /// None of the offered codecs is known here.
    #[error("none of the offered codecs is supported ({offered}); opus/48000/2, PCMU/8000 or PCMA/8000 is needed")]
    NoUsableCodec {
        /// The names of those that were offered, at most 64 characters of them.
        offered: String,
    },
    /// No certificate fingerprint: the media could not be protected (RFC 5763).
    #[error("there is no a=fingerprint; only DTLS-SRTP is supported")]
    MissingFingerprint,
    /// A fingerprint that cannot be checked.
    #[error(
        "the certificate fingerprint cannot be checked ({hash}); sha-256 is needed, let the peer announce it beside this one"
    )]
    UnusableFingerprint {
        /// The hash function it names, at most 64 characters of it.
        hash: String,
    },
    /// No `a=ice-ufrag` or no `a=ice-pwd` (RFC 8839).
    #[error("there is no a=ice-ufrag or no a=ice-pwd; media needs ICE")]
    MissingIceCredentials,
    /// ICE credentials that cannot be put into a connectivity check.
    #[error("a={attribute} of {bytes} bytes cannot be used: at most {longest} visible ASCII characters are")]
    UnusableIceCredentials {
        /// `ice-ufrag` or `ice-pwd`.
        attribute: &'static str,
        /// How long it is.
        bytes: usize,
        /// How long it may be.
        longest: usize,
    },
    /// A DTLS role that cannot be met (RFC 8842 section 5).
    #[error("a=setup:{setup} is not possible here")]
    Setup {
        /// The value of the attribute, at most 64 characters of it.
        setup: String,
    },
    /// The codec library refused to start.
    #[error("the Opus codec could not be started: {0}")]
    Codec(String),
    /// The media engine refused to start.
    #[error("the media engine could not be started: {0}")]
    Engine(String),
}

impl OfferError {
    /// Which kind of refusal this is.
    #[must_use]
    pub fn kind(&self) -> OfferErrorKind {
        match self {
            Self::NotSdp { .. } | Self::TooLarge { .. } => OfferErrorKind::NotSdp,
            Self::NoAudio => OfferErrorKind::NoAudio,
            Self::Profile { .. }
            | Self::NoUsableCodec { .. }
            | Self::MissingFingerprint
            | Self::UnusableFingerprint { .. }
            | Self::MissingIceCredentials
            | Self::UnusableIceCredentials { .. }
            | Self::Setup { .. } => OfferErrorKind::Incompatible,
            Self::Codec(_) | Self::Engine(_) => OfferErrorKind::Local,
        }
    }
}

/// Why an answer cannot be applied.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// This call answered an offer itself, or already has its answer, or is over.
    #[error("this call is not waiting for an answer")]
    NotExpected,
    /// The description itself cannot be used.
    #[error("the answer cannot be used: {0}")]
    Unusable(#[from] OfferError),
    /// The answer renumbers a payload type, which RFC 8829 section 5.3.1 advises against.
    #[error("the answer uses payload type {answered} for {codec}, where {offered} was offered")]
    PayloadType {
        /// Of which codec.
        codec: Codec,
        /// The number in our offer.
        offered: u8,
        /// The number in the answer.
        answered: u8,
    },
    /// The answer restarts ICE without being asked to, or was asked to and does not (RFC 8839 section 4.4.3).
    #[error("the answer {}", if *.asked { "keeps the ICE credentials that a restart was to replace" } else { "restarts ICE, which was not offered" })]
    Restart {
        /// Whether our offer restarted ICE.
        asked: bool,
    },
    /// The answer is of another certificate or changes the DTLS roles; these media cannot begin another association.
    #[error("the answer begins another DTLS association (RFC 8842 section 5.5); offer new media for that")]
    OtherAssociation,
    /// The answer leaves the DTLS roles open.
    #[error("an answer must choose a=setup:active or a=setup:passive")]
    OpenRole,
}

/// Why a later offer of the peer cannot be applied to a running call.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReofferError {
    /// The description itself cannot be used.
    #[error("the offer cannot be used: {0}")]
    Unusable(#[from] OfferError),
    /// The offer is of another certificate or changes the DTLS roles; a new call has to take it.
    #[error("the offer begins another DTLS association (RFC 8842 section 5.5); answer it with a new call")]
    OtherAssociation,
    /// An offer of our own waits for its answer; withdraw it first.
    #[error("an offer of our own waits for its answer (RFC 8829 section 4.1.10.2); withdraw it first")]
    Crossing,
    /// There is nothing to change: our first offer has no answer yet, or the call is over.
    #[error("no media are agreed that an offer could change")]
    NotAgreed,
}

/// Why a change cannot be offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChangeError {
    /// An offer of ours waits for its answer.
    #[error("an offer waits for its answer; accept that or withdraw the offer first")]
    Pending,
    /// There is nothing to change: our first offer has no answer yet, or the call is over.
    #[error("no media are agreed that could be changed")]
    NotAgreed,
}

/// Why a remote candidate was refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum CandidateError {
    /// The text is no candidate attribute (RFC 8839 section 5.1).
    #[error("the remote candidate is malformed: {0}")]
    Malformed(&'static str),
    /// More candidates than any real peer has.
    #[error("the peer sent more than {limit} candidates")]
    TooMany {
        /// The limit.
        limit: usize,
    },
}
