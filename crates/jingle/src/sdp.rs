//! Session descriptions (RFC 8866): as text, and as the contents of Jingle.
//!
//! [`SessionDescription`] reads any text that is made of lines of SDP and prints it as it was: what nobody here understands stays where
//! it is. [`to_contents`] and [`from_contents`] map it to Jingle and back, in the way that XEP-0167, XEP-0176, XEP-0293, XEP-0294,
//! XEP-0320, XEP-0338 and XEP-0339 describe.
//!
//! # What goes through Jingle, and what does not
//!
//! | in SDP | in Jingle |
//! |---|---|
//! | `a=mid` | the content's name ([`mid_of`], [`content_of`]) |
//! | `a=group` | `<group/>` |
//! | `a=sendrecv` and the like | `senders`, which says initiator and responder instead of here and there |
//! | `m=` formats, `a=rtpmap`, `a=fmtp`, `a=ptime`, `a=maxptime` | `<payload-type/>`, `<parameter/>` |
//! | `a=rtcp-fb`, `a=rtcp-mux`, `a=rtcp-rsize` | `<rtcp-fb/>`, `<rtcp-fb-trr-int/>`, `<rtcp-mux/>`, `<rtcp-reduced-size/>` |
//! | `a=extmap`, `a=extmap-allow-mixed` | `<rtp-hdrext/>`, `<extmap-allow-mixed/>` |
//! | `a=ssrc` with a name and a value, `a=ssrc-group` with sources, `a=msid` | `<source/>`, `<ssrc-group/>`, `<stream/>` |
//! | `b=` | `<bandwidth/>`, the first one |
//! | `a=crypto`, `a=zrtp-hash` | `<encryption/>` |
//! | `a=ice-ufrag`, `a=ice-pwd`, `a=candidate`, `a=end-of-candidates` | `<transport/>`, `<candidate/>`, `<gathering-complete/>` |
//! | `a=fingerprint`, `a=setup` | `<fingerprint/>` |
//! | port 0 | `senders="none"` and a transport without credentials |
//! | `o=`, `s=`, `t=`, `c=`, the port and the protocol of `m=`, `a=ice-options` | nothing; made anew |
//! | `a=msid-semantic`, `a=rtcp`, `a=rtcp-mux-only`, `a=bundle-only`, `a=ice-lite`, `a=remote-candidates`, `a=rid`, `a=simulcast`, a second `b=`, `i=`, `k=`, anything else | nothing |
//! | of a candidate its ufrag, its network's cost and other extensions | nothing: they are in the description made of contents, but have no place in a `<candidate/>` |
//!
//! What a session as a whole says (credentials, fingerprints, setup, direction, header extensions) is said of each content. So is what
//! the first section of a bundle says for those that have no credentials of their own (RFC 8843 section 7.1.3): credentials,
//! fingerprints, setup, `a=rtcp-mux` and `a=rtcp-rsize`. Sections that are no RTP are declined or refused: data channels are no calls.

mod bundles;
mod contents;
mod description;
mod direction;
mod names;
mod sections;

#[cfg(test)]
mod tests;

pub use contents::to_contents;
pub use description::{Line, MediaSection, SdpLimits, SessionDescription};
pub use direction::Direction;
pub use names::{content_of, mid_of};
pub use sections::from_contents;

/// Why a text is no session description, or one that has no form in Jingle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SdpError {
    /// The text is longer than allowed.
    #[error("the description has {bytes} bytes; at most {limit} are read")]
    TooLong {
        /// Its length in bytes.
        bytes: usize,
        /// [`SdpLimits::text`].
        limit: usize,
    },
    /// There are more lines or sections than allowed.
    #[error("the description has more than {limit} {what}")]
    TooMany {
        /// What there is too much of.
        what: &'static str,
        /// The member of [`SdpLimits`] that applies.
        limit: usize,
    },
    /// A line does not have the form `letter=value`.
    #[error("line {line} is none of SDP: it has to be a letter, `=` and a value")]
    NotALine {
        /// Counted from 1.
        line: usize,
    },
    /// An `m=` line lacks something, or has a port that is none.
    #[error("line {line} has no {what}")]
    Media {
        /// Counted from 1.
        line: usize,
        /// What is missing or wrong.
        what: &'static str,
    },
    /// There is nothing in it.
    #[error("the description is empty")]
    Empty,
    /// It describes no media.
    #[error("the description has no section: no line begins with `m=`")]
    NoMedia,
    /// Two sections have the same identification tag.
    #[error("two sections have the mid {mid:?}")]
    RepeatedMid {
        /// The tag.
        mid: String,
    },
    /// A section that is offered is no RTP.
    #[error("the section {mid:?} is no RTP, and cannot be offered in Jingle here; reject it by port 0")]
    NotRtp {
        /// Its tag.
        mid: String,
    },
    /// A candidate cannot be read.
    #[error("the section {mid:?} has a candidate that cannot be read: {cause}")]
    Candidate {
        /// The section's tag.
        mid: String,
        /// Why.
        cause: crate::candidate::CandidateError,
    },
}
