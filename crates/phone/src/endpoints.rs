//! Where a client's cloud is: the REST API, the streaming WebSocket and the pubsub service.

use std::net::IpAddr;

use jid::Jid;
use thiserror::Error;
use url::{Host, Url};

/// The regions whose hosts are published.
const REGIONS: [&str; 12] = [
    "mypurecloud.com",
    "mypurecloud.com.au",
    "mypurecloud.jp",
    "mypurecloud.de",
    "mypurecloud.ie",
    "usw2.pure.cloud",
    "cac1.pure.cloud",
    "euw2.pure.cloud",
    "apne2.pure.cloud",
    "sae1.pure.cloud",
    "aps1.pure.cloud",
    "use2.us-gov-pure.cloud",
];

/// The three addresses that a client needs.
///
/// ```
/// use offhook_phone::Endpoints;
///
/// let cloud = Endpoints::region("mypurecloud.de")?;
/// assert_eq!(cloud.api().as_str(), "https://api.mypurecloud.de/");
/// assert_eq!(cloud.streaming().as_str(), "wss://streaming.mypurecloud.de/");
/// assert_eq!(cloud.pubsub().to_string(), "notifications.mypurecloud.de");
/// # Ok::<(), offhook_phone::EndpointsError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoints {
    api: Url,
    streaming: Url,
    pubsub: Jid,
}

/// Why an address of the cloud cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum EndpointsError {
    /// The text is no absolute URL.
    #[error("{what} is not a URL: {text:?} ({reason}); it should read like {example}")]
    NotUrl {
        /// Which of the addresses.
        what: &'static str,
        /// What was given.
        text: String,
        /// What the URL parser said.
        reason: String,
        /// What would be right.
        example: &'static str,
    },
    /// The URL's scheme is of another protocol.
    #[error("{what} has the scheme {scheme:?}, but needs {expected}")]
    Scheme {
        /// Which of the addresses.
        what: &'static str,
        /// What was given.
        scheme: String,
        /// The two schemes that are possible.
        expected: &'static str,
    },
    /// The URL would send the access token in the clear over a network.
    #[error("{what} is not encrypted and {host} is not a loopback address: use TLS, or allow it explicitly (insecure)")]
    Insecure {
        /// Which of the addresses.
        what: &'static str,
        /// The host it names.
        host: String,
    },
    /// The pubsub service's address is no JID.
    #[error("the pubsub service {text:?} is not a JID: {reason}")]
    NotJid {
        /// What was given.
        text: String,
        /// What the JID parser said.
        reason: String,
    },
}

impl Endpoints {
    /// The addresses of a region by its host, e.g. `mypurecloud.de`. A host that is not among the published ones is
    /// allowed, with a warning in the log.
    ///
    /// # Errors
    /// When the host cannot be part of a URL or of a JID.
    pub fn region(host: &str) -> Result<Self, EndpointsError> {
        if !REGIONS.contains(&host) {
            tracing::warn!(host, "not one of the published region hosts");
        }
        Self::new(
            &format!("https://api.{host}"),
            &format!("wss://streaming.{host}"),
            Some(&format!("notifications.{host}")),
            false,
        )
    }

    /// Addresses given one by one. Without a `pubsub` JID it is `notifications.` and the API's host without its port.
    /// Plain `http://` and `ws://` are for loopback only, unless `insecure`.
    ///
    /// # Errors
    /// When an address is no URL of the right scheme, is not encrypted, or the JID is none.
    pub fn new(api: &str, streaming: &str, pubsub: Option<&str>, insecure: bool) -> Result<Self, EndpointsError> {
        let api = Address {
            what: "the API's address",
            schemes: ["https", "http"],
            expected: "https or http",
            example: "https://api.mypurecloud.de",
        }
        .parse(api, insecure)?;
        let streaming = Address {
            what: "the streaming address",
            schemes: ["wss", "ws"],
            expected: "wss or ws",
            example: "wss://streaming.mypurecloud.de",
        }
        .parse(streaming, insecure)?;
        let derived = format!("notifications.{}", api.host_str().unwrap_or_default());
        let pubsub = pubsub.unwrap_or(&derived);
        let pubsub = Jid::new(pubsub).map_err(|error| EndpointsError::NotJid {
            text: pubsub.to_owned(),
            reason: error.to_string(),
        })?;
        Ok(Self { api, streaming, pubsub })
    }

    /// Base of the REST API; paths begin with `/api/v2/`.
    pub fn api(&self) -> &Url {
        &self.api
    }

    /// Base of the streaming service; paths begin with `/stream/channels/`.
    pub fn streaming(&self) -> &Url {
        &self.streaming
    }

    /// JID of the pubsub service (XEP-0060).
    pub fn pubsub(&self) -> &Jid {
        &self.pubsub
    }

    /// The URL of a REST resource, `path` being below `/api/v2/`.
    pub(crate) fn rest(&self, path: &str) -> Url {
        self.below(&self.api, &format!("api/v2/{path}"))
    }

    /// The URL of the WebSocket of a channel.
    pub(crate) fn channel(&self, channel: &str) -> Url {
        let mut url = self.below(&self.streaming, "stream/channels/");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(channel);
        }
        url
    }

    /// The URL of the WebSocket of a guest.
    pub(crate) fn guest(&self, jwt: &str) -> Url {
        let mut url = self.below(&self.streaming, "stream/jwt/");
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push(jwt);
        }
        url
    }

    fn below(&self, base: &Url, path: &str) -> Url {
        let mut url = base.clone();
        let (path, query) = path
            .split_once('?')
            .map_or((path, None), |(path, query)| (path, Some(query)));
        url.set_path(&format!("{}/{path}", base.path().trim_end_matches('/')));
        url.set_query(query);
        url
    }
}

struct Address {
    what: &'static str,
    schemes: [&'static str; 2],
    expected: &'static str,
    example: &'static str,
}

impl Address {
    fn parse(&self, text: &str, insecure: bool) -> Result<Url, EndpointsError> {
        let Self {
            what,
            schemes: [secure, plain],
            expected,
            example,
        } = *self;
        let url = Url::parse(text).map_err(|error| EndpointsError::NotUrl {
            what,
            text: text.to_owned(),
            reason: error.to_string(),
            example,
        })?;
        if url.scheme() != secure && url.scheme() != plain {
            return Err(EndpointsError::Scheme {
                what,
                scheme: url.scheme().to_owned(),
                expected,
            });
        }
        if url.scheme() == plain && !insecure && !is_loopback(&url) {
            return Err(EndpointsError::Insecure {
                what,
                host: url.host_str().unwrap_or_default().to_owned(),
            });
        }
        Ok(url)
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => IpAddr::from(ip).is_loopback(),
        Some(Host::Ipv6(ip)) => IpAddr::from(ip).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_text_is_for_loopback_only() {
        let error = Endpoints::new("http://api.example.com", "wss://streaming.example.com", None, false).unwrap_err();
        assert!(matches!(error, EndpointsError::Insecure { .. }), "{error}");
        assert!(Endpoints::new("http://api.example.com", "ws://streaming.example.com", None, true).is_ok());
        assert!(Endpoints::new("http://127.0.0.1:8080", "ws://[::1]:8080", None, false).is_ok());
    }

    #[test]
    fn what_is_no_address_says_how_it_should_look() {
        let error = Endpoints::new("api.example.com", "wss://streaming.example.com", None, false).unwrap_err();
        assert!(error.to_string().contains("https://api.mypurecloud.de"), "{error}");
        let error = Endpoints::new("wss://api.example.com", "wss://streaming.example.com", None, false).unwrap_err();
        assert!(error.to_string().contains("https or http"), "{error}");
    }

    #[test]
    fn a_base_may_have_a_path_of_its_own() {
        let cloud = Endpoints::new("https://example.com/cloud/", "wss://example.com", None, false).unwrap();
        assert_eq!(
            cloud.rest("users/me").as_str(),
            "https://example.com/cloud/api/v2/users/me"
        );
        assert_eq!(cloud.rest("a?b=c").as_str(), "https://example.com/cloud/api/v2/a?b=c");
        assert_eq!(
            cloud.channel("one/two").as_str(),
            "wss://example.com/stream/channels/one%2Ftwo"
        );
    }

    #[test]
    fn the_pubsub_service_is_derived_from_the_api() {
        let cloud = Endpoints::new("http://127.0.0.1:8080", "ws://127.0.0.1:8080", None, false).unwrap();
        assert_eq!(cloud.pubsub().to_string(), "notifications.127.0.0.1");
    }
}
