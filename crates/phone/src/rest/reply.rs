//! What a reply comes to: a success whose JSON can be read, or an error that shows no token.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;

use crate::http::{self, HttpFailure, HttpReply, ReplyError};

/// A successful reply. `Debug` does not show the body.
pub(crate) struct Reply {
    what: &'static str,
    token: SecretString,
    reply: HttpReply,
}

impl Reply {
    /// Sorts successes from errors; no error contains the token that the request was made with.
    pub(crate) fn judge(
        what: &'static str,
        token: &SecretString,
        result: Result<HttpReply, HttpFailure>,
    ) -> Result<Self, ReplyError> {
        match result {
            Ok(reply) if (200..=299).contains(&reply.status) => Ok(Self {
                what,
                token: token.clone(),
                reply,
            }),
            Ok(mut reply) => {
                // Before the message is cut: half a token is a secret too.
                reply.body = scrub(token, reply.body);
                reply.correlation = reply.correlation.map(|id| scrub(token, id));
                Err(http::refused(what, reply))
            }
            Err(failure) => Err(ReplyError::Failed {
                what,
                failure: scrub_failure(token, failure),
            }),
        }
    }

    /// The body as JSON of this form.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, ReplyError> {
        serde_json::from_str(&self.reply.body).map_err(|error| ReplyError::Body {
            what: self.what,
            // Type errors quote what they found.
            reason: scrub(&self.token, error.to_string()),
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reply").field(&self.reply).finish()
    }
}

fn scrub_failure(token: &SecretString, failure: HttpFailure) -> HttpFailure {
    match failure {
        HttpFailure::Unreachable { host, reason } => HttpFailure::Unreachable {
            host,
            reason: scrub(token, reason),
        },
        HttpFailure::Broken { host, reason } => HttpFailure::Broken {
            host,
            reason: scrub(token, reason),
        },
        HttpFailure::TimedOut { host, after } => HttpFailure::TimedOut { host, after },
    }
}

fn scrub(token: &SecretString, text: String) -> String {
    match token.expose_secret() {
        "" => text,
        token => text.replace(token, "***"),
    }
}
