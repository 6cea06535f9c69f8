//! Access tokens for applications: authorization codes (RFC 6749 section 4.1) with proof keys (RFC 7636).

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use url::{Host, Url};

/// How long a code can be redeemed: RFC 6749 section 4.1.2 wants ten minutes at most.
const CODE_LIFE: Duration = Duration::from_secs(60);
/// How many codes are remembered, redeemed ones among them.
const CODES: usize = 256;

/// An application that may ask users for their consent (RFC 6749 section 2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthClient {
    /// Its `client_id`. It has no secret: it proves itself by PKCE.
    pub id: String,
    /// Where users may be sent back to, compared as text; of a loopback address, the port does not count (RFC 8252
    /// section 7.3).
    pub redirect_uris: Vec<String>,
    /// How users consent.
    pub consent: Consent,
}

/// How users consent to what an application asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Consent {
    /// Without being asked. It is the first user of the cloud, or the one whose id the request names as `user`.
    Given,
    /// By a page on which one of the users is chosen.
    Asked,
}

impl OAuthClient {
    pub(crate) fn allows(&self, redirect: &str) -> bool {
        let allowed = |uri: &String| uri == redirect || same_loopback(uri, redirect);
        self.redirect_uris.iter().any(allowed)
    }
}

/// Whether the two are the same but for the port, on this machine.
fn same_loopback(one: &str, other: &str) -> bool {
    let (Ok(mut one), Ok(mut other)) = (Url::parse(one), Url::parse(other)) else {
        return false;
    };
    let is_loopback = |url: &Url| match url.host() {
        Some(Host::Ipv4(address)) => url.scheme() == "http" && address.is_loopback(),
        Some(Host::Ipv6(address)) => url.scheme() == "http" && address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    let portless = one.set_port(None).is_ok() && other.set_port(None).is_ok();
    portless && is_loopback(&one) && one == other
}

/// What a code was given for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Grant {
    pub(crate) client: String,
    pub(crate) redirect: String,
    /// The S256 challenge (RFC 7636 section 4.2).
    pub(crate) challenge: String,
    /// The id of the user who has consented.
    pub(crate) user: String,
}

/// Why a code is worth nothing: the grant is invalid (RFC 6749 section 5.2), in words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InvalidGrant(pub(crate) &'static str);

/// The codes and tokens that were given out.
#[derive(Default)]
pub(crate) struct OAuth(Mutex<Issued>);

#[derive(Default)]
struct Issued {
    codes: HashMap<String, Code>,
    /// By the tokens: whose they are, and until when.
    tokens: HashMap<String, (String, Instant)>,
}

struct Code {
    grant: Grant,
    until: Instant,
    /// The token that it was redeemed for.
    token: Option<String>,
}

impl OAuth {
    pub(crate) fn grant(&self, code: String, grant: Grant, now: Instant) {
        let mut issued = crate::lock(&self.0);
        issued.codes.retain(|_, code| code.until > now);
        if issued.codes.len() < CODES {
            let until = now + CODE_LIFE;
            issued.codes.insert(
                code,
                Code {
                    grant,
                    until,
                    token: None,
                },
            );
        }
    }

    /// Redeems a code for this token, which is valid for so long. A code that is redeemed again takes its token away
    /// (RFC 6749 section 4.1.2).
    pub(crate) fn redeem(
        &self,
        code: &str,
        (client, redirect, verifier): (&str, &str, &str),
        token: &str,
        (now, life): (Instant, Duration),
    ) -> Result<(), InvalidGrant> {
        let mut issued = crate::lock(&self.0);
        let Issued { codes, tokens } = &mut *issued;
        let unknown = InvalidGrant("The code is unknown, or has expired.");
        let code = codes.get_mut(code).filter(|code| code.until > now).ok_or(unknown)?;
        if let Some(token) = &code.token {
            tokens.remove(token);
            return Err(InvalidGrant("The code was redeemed before; its token is revoked."));
        }
        if code.grant.client != client {
            return Err(InvalidGrant("The code was given to another client."));
        }
        if code.grant.redirect != redirect {
            return Err(InvalidGrant(
                "The redirect_uri is not the one of the authorization request.",
            ));
        }
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier));
        if code.grant.challenge != challenge {
            return Err(InvalidGrant("The code_verifier does not fit the code_challenge."));
        }
        code.token = Some(token.to_owned());
        tokens.retain(|_, (_, until)| *until > now);
        tokens.insert(token.to_owned(), (code.grant.user.clone(), now + life));
        Ok(())
    }

    /// The id of the user whose token this is.
    pub(crate) fn user(&self, token: &str, now: Instant) -> Option<String> {
        let issued = crate::lock(&self.0);
        let (user, _) = issued.tokens.get(token).filter(|(_, until)| *until > now)?;
        Some(user.clone())
    }

    /// The tokens of this user.
    pub(crate) fn tokens(&self, user: &str, now: Instant) -> Vec<SecretString> {
        let issued = crate::lock(&self.0);
        let tokens = issued.tokens.iter();
        let own = tokens.filter(|(_, (owner, until))| owner == user && *until > now);
        own.map(|(token, _)| SecretString::from(token.as_str())).collect()
    }
}

/// Whether this is one of the tokens.
pub(crate) fn is_one_of(tokens: &[SecretString], token: &str) -> bool {
    tokens.iter().any(|it| it.expose_secret() == token)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7636, appendix B.
    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    fn granted(now: Instant) -> OAuth {
        let oauth = OAuth::default();
        let grant = Grant {
            client: "app".into(),
            redirect: "http://127.0.0.1/".into(),
            challenge: CHALLENGE.into(),
            user: "user-agent".into(),
        };
        oauth.grant("code".into(), grant, now);
        oauth
    }

    #[test]
    fn a_code_is_good_for_one_token_that_expires() {
        let now = Instant::now();
        let oauth = granted(now);
        let life = Duration::from_secs(10);
        let proof = ("app", "http://127.0.0.1/", VERIFIER);
        assert_eq!(oauth.redeem("code", proof, "token", (now, life)), Ok(()));
        assert_eq!(oauth.user("token", now).as_deref(), Some("user-agent"));
        assert_eq!(oauth.user("token", now + life), None);
        assert!(is_one_of(&oauth.tokens("user-agent", now), "token"));
        assert!(oauth.tokens("user-other", now).is_empty());
        assert!(oauth.redeem("code", proof, "another", (now, life)).is_err());
        assert_eq!(oauth.user("token", now), None, "who has it twice may have stolen it");
    }

    #[test]
    fn a_code_is_good_for_nobody_else_and_not_for_ever() {
        let now = Instant::now();
        let oauth = granted(now);
        let redirect = "http://127.0.0.1/";
        let other = VERIFIER.to_uppercase();
        for (code, proof) in [
            ("other", ("app", redirect, VERIFIER)),
            ("code", ("other", redirect, VERIFIER)),
            ("code", ("app", "http://127.0.0.1/other", VERIFIER)),
            ("code", ("app", redirect, other.as_str())),
        ] {
            assert!(
                oauth.redeem(code, proof, "token", (now, CODE_LIFE)).is_err(),
                "{proof:?}"
            );
        }
        let proof = ("app", redirect, VERIFIER);
        assert!(
            oauth
                .redeem("code", proof, "token", (now + CODE_LIFE, CODE_LIFE))
                .is_err()
        );
        assert_eq!(oauth.user("token", now), None);
    }

    #[test]
    fn of_a_loopback_address_any_port_will_do() {
        let client = OAuthClient {
            id: "app".into(),
            redirect_uris: vec!["http://127.0.0.1/back".into(), "https://app.example/".into()],
            consent: Consent::Given,
        };
        for allowed in [
            "http://127.0.0.1:4711/back",
            "http://127.0.0.1/back",
            "https://app.example/",
        ] {
            assert!(client.allows(allowed), "{allowed}");
        }
        for refused in [
            "http://127.0.0.1:4711/",
            "http://10.0.0.1/back",
            "https://127.0.0.1/back",
            "https://app.example:8443/",
            "https://app.example/?",
            "",
        ] {
            assert!(!client.allows(refused), "{refused}");
        }
    }
}
