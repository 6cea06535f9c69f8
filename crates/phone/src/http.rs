//! REST requests and replies as data: the phone says what to ask, the shell asks it.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde_json::Value;
use thiserror::Error;
use url::Url;

/// Names one request of the phone; the reply carries it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HttpId(pub u64);

/// The request methods that the API is spoken to with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Creates.
    Post,
    /// Replaces.
    Put,
    /// Changes a part.
    Patch,
    /// Removes.
    Delete,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        })
    }
}

/// A request to the REST API. `Debug` does not show the token.
#[derive(Debug, Clone)]
pub struct HttpRequest {
    /// How.
    pub method: Method,
    /// Where.
    pub url: Url,
    /// The access token, for `Authorization: Bearer`.
    pub token: SecretString,
    /// The JSON body; without one the body is empty, with `content-length: 0`.
    pub body: Option<Value>,
}

/// A reply of the REST API, whatever its status. `Debug` does not show the body.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpReply {
    /// The status code.
    pub status: u16,
    /// Header `inin-correlation-id`: what support asks for.
    pub correlation: Option<String>,
    /// Header `Retry-After`, in seconds on the wire.
    pub retry_after: Option<Duration>,
    /// The body, at most 1 MiB.
    pub body: String,
}

impl fmt::Debug for HttpReply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpReply")
            .field("status", &self.status)
            .field("correlation", &self.correlation)
            .field("retry_after", &self.retry_after)
            .field("body_bytes", &self.body.len())
            .finish()
    }
}

/// Why a request has no reply.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum HttpFailure {
    /// No connection: the name does not resolve, nothing listens, or TLS failed.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port that were tried.
        host: String,
        /// What the system or the TLS library said.
        reason: String,
    },
    /// No reply in time.
    #[error("{host} did not answer within {} s", after.as_secs())]
    TimedOut {
        /// Host and port that were asked.
        host: String,
        /// How long it had.
        after: Duration,
    },
    /// The reply broke off or was not HTTP.
    #[error("the reply of {host} is not usable: {reason}")]
    Broken {
        /// Host and port that were asked.
        host: String,
        /// What was wrong with it.
        reason: String,
    },
}

/// Why a reply does not serve, though it came.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ReplyError {
    /// 401 or 403: the access token is wrong, expired, or lacks a permission.
    #[error(
        "{what} was refused with HTTP {status}: the access token is wrong, expired or not allowed to do this{}",
        quoted(correlation)
    )]
    CredentialsRefused {
        /// What was asked for.
        what: &'static str,
        /// 401 or 403.
        status: u16,
        /// The correlation id of the reply.
        correlation: Option<String>,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// Any other status that is no success.
    #[error("{what} failed with HTTP {status}: {message}{}", quoted(correlation))]
    Status {
        /// What was asked for.
        what: &'static str,
        /// The status.
        status: u16,
        /// Field `message` of the body, or its beginning.
        message: String,
        /// The correlation id of the reply.
        correlation: Option<String>,
        /// When the server wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// The body is not the JSON that was expected.
    #[error("the reply to {what} is not what it should be ({reason}): is this the API's address?")]
    Body {
        /// What was asked for.
        what: &'static str,
        /// What is missing or wrong in it.
        reason: String,
    },
    /// There was no reply.
    #[error("{what} failed: {failure}")]
    Failed {
        /// What was asked for.
        what: &'static str,
        /// Why there was none.
        #[source]
        failure: HttpFailure,
    },
}

impl ReplyError {
    /// How long the server wants to be left alone (`Retry-After`).
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CredentialsRefused { retry_after, .. } | Self::Status { retry_after, .. } => *retry_after,
            Self::Body { .. } | Self::Failed { .. } => None,
        }
    }

    /// Whether the same request may succeed later: the server was out of reach, too busy or broken, and nothing is wrong
    /// with the request (statuses 408, 413, 429, 500, 502, 503, 504, and no reply at all).
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(status, 408 | 413 | 429 | 500 | 502 | 503 | 504),
            Self::Failed { .. } => true,
            Self::CredentialsRefused { .. } | Self::Body { .. } => false,
        }
    }
}

fn quoted(correlation: &Option<String>) -> String {
    correlation
        .as_ref()
        .map(|id| format!(" (correlation id {id})"))
        .unwrap_or_default()
}

/// The error that a reply without success is.
pub(crate) fn refused(what: &'static str, reply: HttpReply) -> ReplyError {
    match reply.status {
        status @ (401 | 403) => ReplyError::CredentialsRefused {
            what,
            status,
            correlation: reply.correlation,
            retry_after: reply.retry_after,
        },
        status => ReplyError::Status {
            what,
            status,
            message: message(&reply.body),
            correlation: reply.correlation,
            retry_after: reply.retry_after,
        },
    }
}

/// What an error body says: its field `message`, else how it begins.
fn message(body: &str) -> String {
    let json: Option<Value> = serde_json::from_str(body).ok();
    match json
        .as_ref()
        .and_then(|json| json.get("message"))
        .and_then(Value::as_str)
    {
        Some(message) => message.chars().take(300).collect(),
        None if body.trim().is_empty() => "no reason given".to_owned(),
        None => body.trim().chars().take(100).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rest::Reply;

    fn reply(status: u16, body: &str) -> Result<HttpReply, HttpFailure> {
        Ok(HttpReply {
            status,
            correlation: Some("abc".into()),
            retry_after: None,
            body: body.into(),
        })
    }

    #[test]
    fn each_way_to_fail_says_what_was_wrong() {
        let cases = [
            (
                reply(401, ""),
                "the user was refused with HTTP 401: the access token is wrong, expired or not allowed to do this (correlation id abc)",
            ),
            (
                reply(404, r#"{"message":"no such thing"}"#),
                "the user failed with HTTP 404: no such thing (correlation id abc)",
            ),
            (
                reply(500, "<html>oops"),
                "the user failed with HTTP 500: <html>oops (correlation id abc)",
            ),
            (
                reply(200, "<html>"),
                "the reply to the user is not what it should be (expected value at line 1 column 1): is this the API's address?",
            ),
            (
                Err(HttpFailure::TimedOut {
                    host: "h:1".into(),
                    after: Duration::from_secs(30),
                }),
                "the user failed: h:1 did not answer within 30 s",
            ),
        ];
        for (result, text) in cases {
            let read = Reply::judge("the user", &"token".into(), result).and_then(|reply| reply.json::<Value>());
            assert_eq!(read.unwrap_err().to_string(), text);
        }
    }

    #[test]
    fn a_request_does_not_show_its_token() {
        let request = HttpRequest {
            method: Method::Get,
            url: "https://example.com".parse().unwrap(),
            token: "hunter2".into(),
            body: None,
        };
        assert!(!format!("{request:?}").contains("hunter2"));
    }
}
