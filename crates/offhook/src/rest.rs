//! The HTTP client: carries out the phone's REST requests.

use std::{sync::Arc, time::Duration};

use offhook_phone::{HttpFailure, HttpReply, HttpRequest, Method};
use reqwest::{
    Client, Response,
    header::{ACCEPT, CONTENT_LENGTH, RETRY_AFTER},
    redirect,
};
use rustls::ClientConfig;
use secrecy::ExposeSecret;

/// How long a request may take.
const TIMEOUT: Duration = Duration::from_secs(30);

/// How large a reply may be, in bytes.
const LARGEST_BODY: usize = 1 << 20;

/// One HTTP client for the process; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Rest(Client);

impl Rest {
    pub(crate) fn new(tls: &Arc<ClientConfig>) -> Result<Self, String> {
        let mut tls = ClientConfig::clone(tls);
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Client::builder()
            .tls_backend_preconfigured(tls)
            .timeout(TIMEOUT)
            // The token goes to the API's host and nowhere else.
            .redirect(redirect::Policy::none())
            .no_proxy()
            .user_agent(concat!("offhook/", env!("CARGO_PKG_VERSION")))
            .build()
            .map(Self)
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
        let request = match method {
            Method::Get => self.0.get(url),
            Method::Post => self.0.post(url),
        };
        let request = request
            .bearer_auth(token.expose_secret())
            .header(ACCEPT, "application/json");
        let request = match (method, body) {
            (_, Some(body)) => request.json(&body),
            (Method::Post, None) => request.header(CONTENT_LENGTH, 0),
            (Method::Get, None) => request,
        };
        let response = request.send().await.map_err(|error| failure(&host, &error))?;
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
    let retry_after = header(RETRY_AFTER.as_str())
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
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
fn reason(error: &dyn std::error::Error) -> String {
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
