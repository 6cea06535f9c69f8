//! The HTTP client: carries out the phone's REST requests.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use offhook_phone::{HttpFailure, HttpReply, HttpRequest, Method};
use reqwest::{
    Client, Proxy, Response,
    header::{ACCEPT, CONTENT_LENGTH},
    redirect,
};
use rustls::ClientConfig;
use secrecy::ExposeSecret;

use crate::{proxy::Proxies, retry_after::retry_after};

/// What servers are told we are.
pub(crate) const AGENT: &str = concat!("offhook/", env!("CARGO_PKG_VERSION"));

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How large a reply may be, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// One HTTP client for the process; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rest {
    client: Client,
    proxies: Arc<Proxies>,
}

impl Rest {
    pub(crate) fn new(tls: &Arc<ClientConfig>, proxies: Arc<Proxies>) -> Result<Self, String> {
        let way = proxies.clone();
        let mut tls = ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            // The token goes to the API's host and nowhere else.
            .redirect(redirect::Policy::none())
            // One that cannot be used is told before it comes to this.
            .proxy(Proxy::custom(move |url| {
                let proxy = way.on_the_way_to(url).ok().flatten()?;
                Some(proxy.url().clone())
            }))
            .user_agent(AGENT)
            .build()
            .map(|client| Self { client, proxies })
            .map_err(|error| reason(&error))
    }

    /// Makes one request, once.
    pub(crate) async fn send(&self, request: HttpRequest) -> Result<HttpReply, HttpFailure> {
        let HttpRequest {
            method,
            url,
            token,
            body,
        } = request;
        let host = authority(&url);
        let proxy = match self.proxies.on_the_way_to(&url) {
            Ok(proxy) => proxy,
            Err(unusable) => {
                let reason = unusable.to_string();
                return Err(HttpFailure::Unreachable { host, reason });
            }
        };
        let request = match method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Put => self.client.put(url),
            Method::Patch => self.client.patch(url),
            Method::Delete => self.client.delete(url),
        };
        let request = request
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, "application/json");
        let request = match (method, body) {
            (_, Some(body)) => request.json(&body),
            (Method::Post | Method::Put | Method::Patch, None) => request.header(CONTENT_LENGTH, 0),
            (Method::Get | Method::Delete, None) => request,
        };
        let response = request.send().await.map_err(|error| {
            let failure = failure(&host, &error);
            match (proxy, failure) {
                (Some(proxy), HttpFailure::Unreachable { host, reason }) => HttpFailure::Unreachable {
                    host,
                    reason: format!("through the proxy {proxy}: {reason}"),
                },
                (_, failure) => failure,
            }
        })?;
        read(&host, response).await
    }
}

async fn read(host: &str, mut response: Response) -> Result<HttpReply, HttpFailure> {
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned)
    };
    let status = response.status().as_u16();
    let correlation = header("inin-correlation-id");
    let retry_after = retry_after(response.headers(), SystemTime::now());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| failure(host, &error))? {
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST_BODY {
            let reason = format!("it is larger than {LARGEST_BODY} bytes");
            return Err(HttpFailure::Broken {
                host: host.to_owned(),
                reason,
            });
        }
    }
    tracing::debug!(host, status, correlation, "REST replied");
    Ok(HttpReply {
        status,
        correlation,
        retry_after,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

fn failure(host: &str, error: &reqwest::Error) -> HttpFailure {
    let host = host.to_owned();
    if error.is_timeout() {
        HttpFailure::TimedOut { host, after: TIMEOUT }
    } else if error.is_connect() {
        HttpFailure::Unreachable {
            host,
            reason: reason(error),
        }
    } else {
        HttpFailure::Broken {
            host,
            reason: reason(error),
        }
    }
}

/// The innermost cause: the outer layers only say that something failed.
pub(crate) fn reason(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Host and port of a URL, for messages.
pub(crate) fn authority(url: &url::Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
