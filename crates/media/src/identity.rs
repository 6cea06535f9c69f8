//! The DTLS certificate a call is known by (RFC 5763, RFC 8122).

use std::fmt;
use std::sync::Arc;

use str0m::config::DtlsCert;
use thiserror::Error;

use crate::dtls;

/// A self-signed certificate with its key, cheap to clone: one process needs one.
///
/// `Debug` shows the public fingerprint only.
#[derive(Clone)]
pub struct Identity(Arc<Inner>);

struct Inner {
    certificate: DtlsCert,
    fingerprint: String,
}

impl Identity {
    /// Makes a new ECDSA certificate.
    ///
    /// This is the one place where the crate draws on the crypto library's own randomness instead
    /// of a seed: a private key must never follow from a number that a test can choose.
    ///
    /// # Errors
    /// When the crypto library cannot make one.
    pub fn generate() -> Result<Self, IdentityError> {
        let provider = dtls::crypto();
        let certificate = provider.dtls_provider.generate_certificate().ok_or(IdentityError)?;
        let digest = provider.sha256_provider.sha256(&certificate.certificate);
        let pairs: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self(Arc::new(Inner {
            certificate,
            fingerprint: pairs.join(":"),
        })))
    }

    /// The certificate's SHA-256 fingerprint as it stands in SDP: upper-case hex, colon-separated.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.0.fingerprint
    }

    pub(crate) fn certificate(&self) -> DtlsCert {
        self.0.certificate.clone()
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity")
            .field("fingerprint", &self.fingerprint())
            .finish_non_exhaustive()
    }
}

/// The crypto library could not make a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the crypto library could not make a DTLS certificate")]
pub struct IdentityError;
