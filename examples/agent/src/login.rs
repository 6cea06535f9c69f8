//! `agent login`: an access token by the browser, without a secret in this program: an authorization code with PKCE (RFC 7636), which comes
//! back to a loopback address (RFC 8252 section 7.3). `agent run` and `agent call` use it where none is named.

mod redirect;
mod store;

use std::{fs, time::Duration};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use rand::{TryRng as _, rngs::SysRng};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use url::Url;

pub use self::store::kept;
use self::{redirect::Redirect, store::keep};
use crate::{
    cli::{CloudOptions, LoginOptions},
    exit::Exit,
};

/// How long the cloud may take to exchange a code for a token.
const EXCHANGE: Duration = Duration::from_secs(30);
/// Random bytes of a verifier and of a state: 256 bits, as RFC 7636 section 7.1 wants.
const RANDOM: usize = 32;

/// What the cloud gives for a code (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
}

/// Why it gives nothing (RFC 6749 section 5.2).
#[derive(Deserialize)]
struct Refused {
    error: String,
    error_description: Option<String>,
}

/// Has a person log in, and keeps the token.
pub async fn login(options: &LoginOptions) -> Exit {
    match granted(options)
        .await
        .and_then(|granted| kept_as(&options.cloud, &granted))
    {
        Ok(()) => Exit::clean(),
        Err(exit) => exit,
    }
}

async fn granted(options: &LoginOptions) -> Result<Granted, Exit> {
    let base = options.cloud.login()?;
    let redirect = Redirect::listen(options.port).await?;
    let (verifier, state) = (random()?, random()?);
    let mut authorize = base
        .join("/oauth/authorize")
        .map_err(|error| Exit::usage(error.to_string()))?;
    authorize
        .query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", &options.client_id)
        .append_pair("redirect_uri", redirect.uri())
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge(&verifier))
        .append_pair("code_challenge_method", "S256");
    println!("to log in, open\n{authorize}");
    if !options.print
        && let Err(error) = webbrowser::open(authorize.as_str())
    {
        println!("(no browser could be opened: {error})");
    }
    let code = tokio::select! {
        code = redirect.code(&state) => code?,
        () = tokio::time::sleep(options.timeout) => return Err(Exit::refused_login("nobody logged in in time")),
    };
    let form = [
        ("grant_type", "authorization_code"),
        ("code", &code),
        ("redirect_uri", redirect.uri()),
        ("client_id", &options.client_id),
        ("code_verifier", &verifier),
    ];
    exchange(&base, &options.cloud, &form).await
}

async fn exchange(base: &Url, cloud: &CloudOptions, form: &[(&str, &str)]) -> Result<Granted, Exit> {
    let url = base
        .join("/oauth/token")
        .map_err(|error| Exit::usage(error.to_string()))?;
    // It has one already if something else in this program speaks TLS.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    let mut client = reqwest::Client::builder().timeout(EXCHANGE);
    if let Some(path) = &cloud.ca {
        let pem = fs::read(path).map_err(|error| Exit::usage(format!("--ca: {}: {error}", path.display())))?;
        let anchor = reqwest::Certificate::from_pem(&pem).map_err(|error| Exit::usage(format!("--ca: {error}")))?;
        client = client.add_root_certificate(anchor);
    }
    let failed = |error: reqwest::Error| Exit::disconnected(format!("the token cannot be asked for: {error}"));
    // A body of name-value pairs (RFC 6749 appendix B).
    let mut body = Url::parse("form:").map_err(|error| Exit::other(error.to_string()))?;
    body.query_pairs_mut().extend_pairs(form);
    let request = client.build().map_err(failed)?.post(url);
    let request = request
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body.query().unwrap_or_default().to_owned());
    let reply = request.send().await.map_err(failed)?;
    if reply.status().is_success() {
        return reply.json().await.map_err(failed);
    }
    let status = reply.status();
    let why = match reply.json::<Refused>().await {
        Ok(Refused {
            error,
            error_description,
        }) => error_description.unwrap_or(error),
        Err(_) => format!("status {status}"),
    };
    Err(Exit::refused_login(&format!("the cloud gives no token: {why}")))
}

fn kept_as(cloud: &CloudOptions, granted: &Granted) -> Result<(), Exit> {
    let endpoints = cloud.endpoints()?;
    let path = keep(endpoints.api(), &granted.access_token)
        .map_err(|error| Exit::other(format!("the token cannot be kept: {error}")))?;
    let until = match granted.expires_in {
        Some(seconds) => format!(", good for {} minutes", seconds / 60),
        None => String::new(),
    };
    println!("logged in; the token is in {}{until}", path.display());
    Ok(())
}

fn random() -> Result<String, Exit> {
    let mut bytes = [0; RANDOM];
    SysRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| Exit::other(format!("the system gives no randomness: {error}")))?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

/// RFC 7636 section 4.2.
fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_challenge_is_as_in_the_rfc() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }
}
