//! Why a session ends: the conditions of XEP-0166 section 7.4.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// Why a session ended or is to end (XEP-0166 section 7.4).
///
/// Both dialects use these words, Jingle as an element and SDP over XMPP as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Another session of the same parties takes over.
    AlternativeSession,
    /// The party cannot take a call now.
    Busy,
    /// The initiator gives up before the session was accepted.
    Cancel,
    /// The party lost its connection to the network or the server.
    ConnectivityError,
    /// The party does not wish to take the call.
    Decline,
    /// The session lasted longer than allowed.
    Expired,
    /// Setting up the application format (codecs, SDP) failed.
    FailedApplication,
    /// Setting up or keeping the media transport failed.
    FailedTransport,
    /// None of the other conditions fits.
    GeneralError,
    /// The party is not reachable any more.
    Gone,
    /// The party supports the format but not the parameters offered.
    IncompatibleParameters,
    /// The media themselves failed.
    MediaError,
    /// The request violates a security policy.
    SecurityError,
    /// The session ended in the ordinary way.
    Success,
    /// A request was not answered in time.
    Timeout,
    /// None of the application formats offered is supported.
    UnsupportedApplications,
    /// None of the transports offered is supported.
    UnsupportedTransports,
}

impl Reason {
    /// All conditions, in the order of the XEP.
    pub const ALL: [Reason; 17] = [
        Reason::AlternativeSession,
        Reason::Busy,
        Reason::Cancel,
        Reason::ConnectivityError,
        Reason::Decline,
        Reason::Expired,
        Reason::FailedApplication,
        Reason::FailedTransport,
        Reason::GeneralError,
        Reason::Gone,
        Reason::IncompatibleParameters,
        Reason::MediaError,
        Reason::SecurityError,
        Reason::Success,
        Reason::Timeout,
        Reason::UnsupportedApplications,
        Reason::UnsupportedTransports,
    ];

    /// The condition as it is written on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::AlternativeSession => "alternative-session",
            Reason::Busy => "busy",
            Reason::Cancel => "cancel",
            Reason::ConnectivityError => "connectivity-error",
            Reason::Decline => "decline",
            Reason::Expired => "expired",
            Reason::FailedApplication => "failed-application",
            Reason::FailedTransport => "failed-transport",
            Reason::GeneralError => "general-error",
            Reason::Gone => "gone",
            Reason::IncompatibleParameters => "incompatible-parameters",
            Reason::MediaError => "media-error",
            Reason::SecurityError => "security-error",
            Reason::Success => "success",
            Reason::Timeout => "timeout",
            Reason::UnsupportedApplications => "unsupported-applications",
            Reason::UnsupportedTransports => "unsupported-transports",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The text is none of the conditions of XEP-0166 section 7.4.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a Jingle reason; use one of XEP-0166 section 7.4, such as `success` or `decline`")]
pub struct UnknownReason;

impl FromStr for Reason {
    type Err = UnknownReason;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Reason::ALL
            .into_iter()
            .find(|reason| reason.as_str() == text)
            .ok_or(UnknownReason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_condition_is_read_back_from_its_own_word() {
        for reason in Reason::ALL {
            assert_eq!(reason.as_str().parse(), Ok(reason));
        }
        assert_eq!("Success".parse::<Reason>(), Err(UnknownReason));
        assert_eq!("".parse::<Reason>(), Err(UnknownReason));
    }
}
