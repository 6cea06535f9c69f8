//! What lets web pages of other origins ask the platform's REST: CORS, as the Fetch standard has it.
//!
//! Nothing of the control API is open to them: a page that happens to be visited should not drive the simulated cloud.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Headers of replies that pages may read.
const READABLE: HeaderValue = HeaderValue::from_static("inin-correlation-id, retry-after");

/// The requests that the platform knows.
const METHODS: HeaderValue = HeaderValue::from_static("GET, POST, PUT, PATCH, DELETE");

/// Around every exchange with a page.
pub(super) async fn allow(request: Request, next: Next) -> Response {
    let Some(origin) = origin_of(&request) else {
        return next.run(request).await;
    };
    let asked = (request.method() == Method::OPTIONS)
        .then(|| request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS).cloned());
    let mut response = match &asked {
        Some(_) => StatusCode::NO_CONTENT.into_response(),
        None => next.run(request).await,
    };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    match asked {
        Some(asked) => allow_all(headers, asked),
        None => drop(headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, READABLE)),
    }
    response
}

/// The page's origin, if it asks for what is open to pages.
fn origin_of(request: &Request) -> Option<HeaderValue> {
    let path = request.uri().path();
    let open = path.starts_with("/api/") || path.starts_with("/oauth/");
    open.then(|| request.headers().get(header::ORIGIN).cloned()).flatten()
}

/// Answers the question that a browser asks before the request itself.
fn allow_all(headers: &mut HeaderMap, asked: Option<HeaderValue>) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, METHODS);
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    if let Some(asked) = asked {
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, asked);
    }
    // Browsers ask so before a public page may reach loopback.
    let private = HeaderName::from_static("access-control-allow-private-network");
    headers.insert(private, HeaderValue::from_static("true"));
}
