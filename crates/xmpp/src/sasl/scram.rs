//! SCRAM-SHA-1 (RFC 5802) and SCRAM-SHA-256 (RFC 7677), the client's side without channel binding.
//!
//! The password never leaves the client, and the server has to prove that it knows the account: a success without that
//! proof is none.

use std::{fmt, ops::RangeInclusive};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretString};
use sha1::Sha1;
use sha2::{Digest as _, Sha256};

use crate::{CloseReason, SaslCondition, ScramError};

/// No channel binding and no other identity than the one that authenticates (RFC 5802 section 7).
const GS2_HEADER: &str = "n,,";

/// The hash of a mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha1,
    Sha256,
}

/// The client's side of one exchange.
pub(crate) struct Scram {
    hash: Hash,
    nonce: String,
    /// The first message without the GS2 header.
    first_bare: String,
    step: Step,
}

/// Which message of the server comes next.
enum Step {
    First,
    Final { auth_message: String, server_key: Vec<u8> },
    Proved,
}

impl Scram {
    /// Starts an exchange with a nonce of printable characters without comma.
    pub(crate) fn new(hash: Hash, user: &str, nonce: String) -> Self {
        let user = prepared(user).replace('=', "=3D").replace(',', "=2C");
        Self {
            hash,
            first_bare: format!("n={user},r={nonce}"),
            nonce,
            step: Step::First,
        }
    }

    /// The client's first message.
    pub(crate) fn first(&self) -> String {
        format!("{GS2_HEADER}{}", self.first_bare)
    }

    /// The answer to the server's next message; `None` once it has proved itself, and then the answer is empty.
    pub(crate) fn challenged(
        &mut self,
        message: &str,
        password: &SecretString,
        iterations: &RangeInclusive<u32>,
    ) -> Result<Option<String>, CloseReason> {
        match &self.step {
            Step::First => {
                let (answer, step) = self
                    .prove(message, password, iterations)
                    .map_err(CloseReason::ScramBroken)?;
                self.step = step;
                Ok(Some(answer))
            }
            Step::Final { .. } => self.verify(message).map(|()| None),
            Step::Proved => Err(CloseReason::ScramBroken(ScramError::Malformed)),
        }
    }

    /// Takes the server's success, with its last message if that came with it.
    pub(crate) fn succeeded(&mut self, message: Option<&str>) -> Result<(), CloseReason> {
        match (&self.step, message) {
            (Step::Proved, None) => Ok(()),
            (Step::Final { .. }, Some(message)) => self.verify(message),
            (Step::First | Step::Final { .. }, None) | (Step::First | Step::Proved, Some(_)) => {
                Err(CloseReason::ScramBroken(ScramError::ServerSignature))
            }
        }
    }

    /// The client's final message for the server's first (RFC 5802 section 3).
    fn prove(
        &self,
        server_first: &str,
        password: &SecretString,
        iterations: &RangeInclusive<u32>,
    ) -> Result<(String, Step), ScramError> {
        let mut attributes = server_first.split(',');
        // A mandatory extension (`m=`) in front makes this fail, as it has to.
        let mut next = |name| {
            let attribute = attributes.next().ok_or(ScramError::Malformed)?;
            attribute.strip_prefix(name).ok_or(ScramError::Malformed)
        };
        let nonce = next("r=")?;
        let salt = BASE64_STANDARD.decode(next("s=")?).map_err(|_| ScramError::Malformed)?;
        let asked: u32 = next("i=")?.parse().map_err(|_| ScramError::Malformed)?;
        if nonce.strip_prefix(&self.nonce).is_none_or(str::is_empty) {
            return Err(ScramError::Nonce);
        }
        if !iterations.contains(&asked) {
            return Err(ScramError::Iterations {
                asked,
                least: *iterations.start(),
                most: *iterations.end(),
            });
        }
        let salted = self
            .hash
            .pbkdf2(prepared(password.expose_secret()).as_bytes(), &salt, asked);
        let client_key = self.hash.hmac(&salted, b"Client Key");
        let without_proof = format!("c={},r={nonce}", BASE64_STANDARD.encode(GS2_HEADER));
        let auth_message = format!("{},{server_first},{without_proof}", self.first_bare);
        let signature = self.hash.hmac(&self.hash.digest(&client_key), auth_message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, mask)| key ^ mask).collect();
        let answer = format!("{without_proof},p={}", BASE64_STANDARD.encode(proof));
        let server_key = self.hash.hmac(&salted, b"Server Key");
        Ok((
            answer,
            Step::Final {
                auth_message,
                server_key,
            },
        ))
    }

    /// Checks the server's final message.
    fn verify(&mut self, server_final: &str) -> Result<(), CloseReason> {
        let Step::Final {
            auth_message,
            server_key,
        } = &self.step
        else {
            return Err(CloseReason::ScramBroken(ScramError::Malformed));
        };
        let attribute = server_final.split(',').next().unwrap_or_default();
        if attribute.starts_with("e=") {
            return Err(CloseReason::AuthenticationRefused {
                condition: SaslCondition::NotAuthorized,
                text: None,
            });
        }
        let signature = attribute
            .strip_prefix("v=")
            .and_then(|signature| BASE64_STANDARD.decode(signature).ok())
            .ok_or(CloseReason::ScramBroken(ScramError::Malformed))?;
        if !self.hash.is_hmac(server_key, auth_message.as_bytes(), &signature) {
            return Err(CloseReason::ScramBroken(ScramError::ServerSignature));
        }
        self.step = Step::Proved;
        Ok(())
    }
}

impl fmt::Debug for Scram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scram({:?})", self.hash)
    }
}

impl Hash {
    pub(crate) fn digest(self, data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => Sha1::digest(data).to_vec(),
            Self::Sha256 => Sha256::digest(data).to_vec(),
        }
    }

    pub(crate) fn hmac(self, key: &[u8], data: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha1 => sha1_mac(key, data).finalize().into_bytes().to_vec(),
            Self::Sha256 => sha256_mac(key, data).finalize().into_bytes().to_vec(),
        }
    }

    /// Whether `code` is the HMAC, in a time that does not depend on where it differs.
    fn is_hmac(self, key: &[u8], data: &[u8], code: &[u8]) -> bool {
        match self {
            Self::Sha1 => sha1_mac(key, data).verify_slice(code).is_ok(),
            Self::Sha256 => sha256_mac(key, data).verify_slice(code).is_ok(),
        }
    }

    /// `Hi` of RFC 5802 section 2.2.
    pub(crate) fn pbkdf2(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        match self {
            Self::Sha1 => pbkdf2::pbkdf2_hmac_array::<Sha1, 20>(password, salt, iterations).to_vec(),
            Self::Sha256 => pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations).to_vec(),
        }
    }
}

fn sha1_mac(key: &[u8], data: &[u8]) -> Hmac<Sha1> {
    let mac = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
    Hmac::chain_update(mac, data)
}

fn sha256_mac(key: &[u8], data: &[u8]) -> Hmac<Sha256> {
    let mac = Hmac::new_from_slice(key).expect("HMAC takes a key of any length");
    Hmac::chain_update(mac, data)
}

/// SASLprep (RFC 4013). What it forbids is sent as it is, for the server to refuse.
fn prepared(text: &str) -> String {
    stringprep::saslprep(text).map_or_else(|_| text.to_owned(), Into::into)
}

#[cfg(test)]
mod tests;
