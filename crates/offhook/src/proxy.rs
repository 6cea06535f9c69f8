//! Which proxy is on the way to a server.

use std::{env, fmt, str::FromStr};

use hyper::{Uri, header::HeaderValue};
use hyper_util::client::proxy::matcher::Matcher;
use thiserror::Error;
use url::{Host, Url};

/// Whether the REST API and the WebSocket are reached through an HTTP proxy. Media never are.
///
/// What is encrypted goes through a tunnel (`CONNECT`, RFC 9110 section 9.3.6), so that the proxy sees no more than the name of
/// the server; the WebSocket does so in any case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// As the environment says when the engine starts: `HTTPS_PROXY` for `https` and `wss`, `HTTP_PROXY` for `http` and
    /// `ws`, `ALL_PROXY` where these are not set, and none for the hosts in `NO_PROXY`; each in lower case too. Servers on
    /// this machine itself are always reached directly.
    #[default]
    Environment,
    /// Everything is reached directly, whatever the environment says.
    None,
    /// Everything goes through this one, servers on this machine too, whatever the environment says.
    Url(ProxyUrl),
}

/// Where a proxy is and, if it asks for that, who we are to it: `http://user:password@proxy.example:3128`.
///
/// The scheme says how the proxy itself is spoken to: `http`, also where none is given, or `https`. Neither `Debug` nor
/// `Display` show the credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct ProxyUrl(Url);

/// Why an address is none of a proxy that can be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProxyUrlError {
    /// It is no URL.
    #[error("a proxy's address is no URL ({0}): write http://HOST:PORT or http://USER:PASSWORD@HOST:PORT")]
    NotAUrl(url::ParseError),
    /// It names another protocol.
    #[error("a proxy of type {0} cannot be used, only http and https")]
    Scheme(String),
    /// It names no host.
    #[error("a proxy's address names no host: write http://HOST:PORT")]
    NoHost,
}

impl FromStr for ProxyUrl {
    type Err = ProxyUrlError;

    fn from_str(address: &str) -> Result<Self, ProxyUrlError> {
        let address = address.trim();
        let url = if address.contains("://") {
            Url::parse(address)
        } else {
            Url::parse(&format!("http://{address}"))
        };
        let url = url.map_err(|error| match error {
            url::ParseError::EmptyHost => ProxyUrlError::NoHost,
            error => ProxyUrlError::NotAUrl(error),
        })?;
        match url.scheme() {
            "http" | "https" if url.has_host() => Ok(Self(url)),
            "http" | "https" => Err(ProxyUrlError::NoHost),
            scheme => Err(ProxyUrlError::Scheme(scheme.to_owned())),
        }
    }
}

impl fmt::Display for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.0.scheme(), crate::rest::authority(&self.0))
    }
}

impl fmt::Debug for ProxyUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ProxyUrl({self})")
    }
}

impl ProxyUrl {
    /// With the credentials.
    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// `Proxy-Authorization` (RFC 9110 section 11.7.2), if the URL has credentials.
    pub(crate) fn authorization(&self) -> Option<HeaderValue> {
        let anything = Uri::from_static("http://server.invalid");
        let intercept = Matcher::builder().all(self.0.as_str()).build().intercept(&anything)?;
        let mut value = intercept.basic_auth()?.clone();
        value.set_sensitive(true);
        Some(value)
    }
}

/// What [`Proxy`] comes to: the way to each server.
#[derive(Debug)]
pub(crate) struct Proxies {
    /// For `http` and `ws`.
    plain: Way,
    /// For `https` and `wss`.
    encrypted: Way,
    /// It intercepts what is not exempt.
    exempt: Matcher,
    /// Whether servers on this machine itself are exempt.
    loopback_exempt: bool,
}

/// The proxy, none, or why the one that is asked for cannot be used.
type Way = Result<Option<ProxyUrl>, Unusable>;

/// A proxy that the environment asks for and that cannot be used. Going without it would be against what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{variable}: {error}")]
pub(crate) struct Unusable {
    pub(crate) variable: &'static str,
    error: ProxyUrlError,
}

impl Proxies {
    pub(crate) fn new(proxy: &Proxy) -> Self {
        match proxy {
            Proxy::Environment => Self::of_environment(|name| env::var(name).ok()),
            Proxy::None => Self::all(None),
            Proxy::Url(url) => Self::all(Some(url)),
        }
    }

    fn all(proxy: Option<&ProxyUrl>) -> Self {
        Self {
            plain: Ok(proxy.cloned()),
            encrypted: Ok(proxy.cloned()),
            exempt: matcher(""),
            loopback_exempt: false,
        }
    }

    fn of_environment(variable: impl Fn(&str) -> Option<String>) -> Self {
        let read = |names: [&'static str; 2]| {
            let (name, value) = names
                .into_iter()
                .find_map(|name| Some((name, variable(name).filter(|value| !value.is_empty())?)))?;
            let parsed = value.parse().map_err(|error| Unusable { variable: name, error });
            Some(parsed)
        };
        let all = || read(["ALL_PROXY", "all_proxy"]);
        // In a CGI program HTTP_PROXY is a header of the request: anybody could set it.
        let names = match variable("REQUEST_METHOD") {
            Some(_) => ["http_proxy"; 2],
            None => ["HTTP_PROXY", "http_proxy"],
        };
        let exempt = ["NO_PROXY", "no_proxy"].into_iter().find_map(&variable);
        Self {
            plain: read(names).or_else(all).transpose(),
            encrypted: read(["HTTPS_PROXY", "https_proxy"]).or_else(all).transpose(),
            exempt: matcher(&exempt.unwrap_or_default()),
            loopback_exempt: true,
        }
    }

    /// The proxy on the way to this URL, `None` for the direct way.
    pub(crate) fn on_the_way_to(&self, url: &Url) -> Result<Option<&ProxyUrl>, Unusable> {
        if self.loopback_exempt && is_loopback(url) {
            return Ok(None);
        }
        let way = match url.scheme() {
            "https" | "wss" => &self.encrypted,
            _ => &self.plain,
        };
        match way {
            Ok(None) => Ok(None),
            Ok(Some(_)) | Err(_) if self.is_exempt(url) => Ok(None),
            Ok(Some(proxy)) => Ok(Some(proxy)),
            Err(unusable) => Err(unusable.clone()),
        }
    }

    fn is_exempt(&self, url: &Url) -> bool {
        let host = url.host_str().unwrap_or_default();
        let uri = format!("http://{host}").parse::<Uri>();
        uri.is_ok_and(|uri| self.exempt.intercept(&uri).is_none())
    }
}

/// `NO_PROXY`, as a matcher that lets through what is in it.
fn matcher(exempt: &str) -> Matcher {
    Matcher::builder().all("http://proxy.invalid").no(exempt).build()
}

/// Whether the server is on this machine itself (RFC 6761 section 6.3 for the names).
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests;
