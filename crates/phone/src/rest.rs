//! The rules of the REST API in one place: which requests are repeated and when, what a refused token leads to, and that no
//! error shows a token.
//!
//! | a request is answered by | [`Retry::Once`] | [`Retry::Patient`] |
//! |---|---|---|
//! | 2xx | done | done |
//! | 408 413 429 500 502 503 504, or nothing at all | failed | again after 15 s or `Retry-After`, ten times in all |
//! | 401 | a fresh token is asked for, then once more | the same |
//! | any other status | failed | failed |
//!
//! `Retry-After` takes the place of the 15 s, whether it is longer or shorter. One that is longer than [`RestConfig::longest_wait`] ends
//! the request at once: its error says when the server wants to be asked again.

mod reply;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use secrecy::SecretString;
use serde_json::Value;
use url::Url;

pub(crate) use self::reply::Reply;
use crate::http::{HttpFailure, HttpId, HttpReply, HttpRequest, Method, ReplyError};

/// How long the parts of the rules last.
#[derive(Debug, Clone)]
pub(crate) struct RestConfig {
    /// Between two tries, unless the server says otherwise: 15 s.
    pub(crate) pause: Duration,
    /// How often a request is made in all: 10 times.
    pub(crate) tries: u32,
    /// How long a reply may take: 30 s.
    pub(crate) reply: Duration,
    /// The longest `Retry-After` that is waited for: 10 min.
    pub(crate) longest_wait: Duration,
    /// How long a fresh token is waited for: 30 s.
    pub(crate) token: Duration,
}

impl Default for RestConfig {
    fn default() -> Self {
        Self {
            pause: Duration::from_secs(15),
            tries: 10,
            reply: Duration::from_secs(30),
            longest_wait: Duration::from_secs(600),
            token: Duration::from_secs(30),
        }
    }
}

/// The shortest pause, for servers that say `Retry-After: 0`.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// How long an idle part lets the shell sleep.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether a request that did not succeed is made again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Retry {
    /// Never by itself: requests of a connection attempt, which the reconnect policy repeats as a whole, and placing a call,
    /// which must not happen twice.
    Once,
    /// Until it succeeds, within the limits.
    Patient,
}

/// A request to make.
#[derive(Debug, Clone)]
pub(crate) struct Ask {
    /// What for, as errors say it.
    pub(crate) what: &'static str,
    pub(crate) method: Method,
    pub(crate) url: Url,
    pub(crate) body: Option<Value>,
    pub(crate) retry: Retry,
}

/// What happened outside.
#[derive(Debug)]
pub(crate) enum Input {
    /// The end of an [`Output::Send`].
    Replied {
        id: HttpId,
        attempt: u32,
        result: Result<HttpReply, HttpFailure>,
    },
    /// Time has passed.
    Timeout,
}

/// What to do.
#[derive(Debug)]
pub(crate) enum Output {
    /// Make a request; answer by [`Input::Replied`].
    Send {
        id: HttpId,
        /// Counts from 1.
        attempt: u32,
        request: HttpRequest,
    },
    /// Nobody waits for this reply any more.
    Abandon { id: HttpId, attempt: u32 },
    /// The token was refused with 401. Requests wait for [`Rest::set_token`] or [`Rest::no_token`].
    TokenRefused,
    /// The end of a request.
    Done {
        id: HttpId,
        result: Result<Reply, ReplyError>,
    },
    /// Nothing more to do before this time.
    Timeout(Instant),
}

/// A request that has not ended.
#[derive(Debug)]
struct Pending {
    ask: Ask,
    /// How often it was sent.
    sent: u32,
    /// How many of these were answered by 401.
    unauthorized: u32,
    state: State,
}

#[derive(Debug)]
enum State {
    /// Sent; with which token, and until when a reply is waited for.
    Sent {
        token: SecretString,
        /// Which of the tokens that is.
        version: u64,
        until: Instant,
    },
    /// To be sent again at this time.
    Pausing { until: Instant },
    /// Refused for its token; ends with the error unless a fresh token comes in time.
    Parked { error: ReplyError, until: Instant },
}

impl State {
    fn until(&self) -> Instant {
        match self {
            Self::Sent { until, .. } | Self::Pausing { until } | Self::Parked { until, .. } => *until,
        }
    }
}

/// The requests that are under way.
#[derive(Debug)]
pub(crate) struct Rest {
    config: RestConfig,
    token: SecretString,
    /// Counts the tokens.
    version: u64,
    pending: BTreeMap<HttpId, Pending>,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Rest {
    pub(crate) fn new(config: RestConfig, token: SecretString, now: Instant) -> Self {
        Self {
            config,
            token,
            version: 0,
            pending: BTreeMap::new(),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Makes a request. It ends in one [`Output::Done`], unless it is cancelled.
    pub(crate) fn ask(&mut self, now: Instant, id: HttpId, ask: Ask) {
        self.now = self.now.max(now);
        let state = State::Pausing { until: self.now };
        let pending = Pending {
            ask,
            sent: 0,
            unauthorized: 0,
            state,
        };
        self.pending.insert(id, pending);
        self.send(id);
    }

    /// Forgets a request: no more tries, no [`Output::Done`].
    pub(crate) fn cancel(&mut self, now: Instant, id: HttpId) {
        self.now = self.now.max(now);
        if let Some(pending) = self.pending.remove(&id) {
            self.abandon(id, &pending);
        }
    }

    /// The token for what is sent from now on; what waits for one is sent again.
    pub(crate) fn set_token(&mut self, now: Instant, token: SecretString) {
        self.now = self.now.max(now);
        self.token = token;
        self.version += 1;
        for id in self.parked() {
            self.send(id);
        }
    }

    /// There is no fresh token: what waits for one fails.
    pub(crate) fn no_token(&mut self, now: Instant) {
        self.now = self.now.max(now);
        for id in self.parked() {
            self.give_up(id);
        }
    }

    pub(crate) fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        if let Input::Replied { id, attempt, result } = input {
            self.replied(id, attempt, result);
        }
        self.expire();
    }

    #[must_use]
    pub(crate) fn poll_output(&mut self) -> Output {
        let next = self.pending.values().map(|pending| pending.state.until()).min();
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Timeout(next.unwrap_or(self.now + IDLE)))
    }

    fn abandon(&mut self, id: HttpId, pending: &Pending) {
        if let State::Sent { .. } = pending.state {
            let attempt = pending.sent;
            self.outputs.push_back(Output::Abandon { id, attempt });
        }
    }

    fn parked(&self) -> Vec<HttpId> {
        let parked = |pending: &Pending| matches!(pending.state, State::Parked { .. });
        let ids = self.pending.iter().filter(|(_, pending)| parked(pending));
        ids.map(|(id, _)| *id).collect()
    }

    fn send(&mut self, id: HttpId) {
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        pending.sent += 1;
        pending.state = State::Sent {
            token: self.token.clone(),
            version: self.version,
            until: self.now + self.config.reply,
        };
        let Ask { method, url, body, .. } = pending.ask.clone();
        let token = self.token.clone();
        self.outputs.push_back(Output::Send {
            id,
            attempt: pending.sent,
            request: HttpRequest {
                method,
                url,
                token,
                body,
            },
        });
    }

    fn replied(&mut self, id: HttpId, attempt: u32, result: Result<HttpReply, HttpFailure>) {
        let Some(pending) = self.pending.get_mut(&id) else {
            tracing::debug!(?id, "a reply that nobody waits for any more");
            return;
        };
        let State::Sent { token, version, .. } = &pending.state else {
            return;
        };
        if pending.sent != attempt {
            return;
        }
        let version = *version;
        let error = match Reply::judge(pending.ask.what, token, result) {
            Ok(reply) => return self.done(id, Ok(reply)),
            Err(error) => error,
        };
        if let ReplyError::CredentialsRefused { status: 401, .. } = error {
            self.unauthorized(id, version, error);
        } else if let Some(wait) = self.wait(id, &error) {
            tracing::info!(?id, %error, seconds = wait.as_secs(), "REST is asked again later");
            let until = self.now + wait;
            self.pending
                .entry(id)
                .and_modify(|pending| pending.state = State::Pausing { until });
        } else {
            self.done(id, Err(error));
        }
    }

    /// Once in its life a request is made again with another token: one that came since it was sent, else a fresh one.
    fn unauthorized(&mut self, id: HttpId, version: u64, error: ReplyError) {
        let first = !self
            .pending
            .values()
            .any(|pending| matches!(pending.state, State::Parked { .. }));
        let until = self.now + self.config.token;
        let Some(pending) = self.pending.get_mut(&id) else {
            return;
        };
        pending.unauthorized += 1;
        if pending.unauthorized > 1 {
            self.done(id, Err(error));
        } else if version < self.version {
            self.send(id);
        } else {
            pending.state = State::Parked { error, until };
            if first {
                self.outputs.push_back(Output::TokenRefused);
            }
        }
    }

    /// How long to wait before the request is made again, if it is.
    fn wait(&self, id: HttpId, error: &ReplyError) -> Option<Duration> {
        let pending = self.pending.get(&id)?;
        let tries = pending.sent - pending.unauthorized;
        if pending.ask.retry == Retry::Once || tries >= self.config.tries || !error.is_transient() {
            return None;
        }
        let wait = error.retry_after().unwrap_or(self.config.pause).max(SHORTEST_PAUSE);
        Some(wait).filter(|wait| *wait <= self.config.longest_wait)
    }

    fn expire(&mut self) {
        let due = |pending: &Pending| pending.state.until() <= self.now;
        let due = self.pending.iter().filter(|(_, pending)| due(pending));
        for id in due.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some(pending) = self.pending.get(&id) else {
                continue;
            };
            match pending.state {
                State::Pausing { .. } => self.send(id),
                State::Parked { .. } => self.give_up(id),
                State::Sent { .. } => {
                    let (attempt, host) = (pending.sent, authority(&pending.ask.url));
                    let after = self.config.reply;
                    self.outputs.push_back(Output::Abandon { id, attempt });
                    self.replied(id, attempt, Err(HttpFailure::TimedOut { host, after }));
                }
            }
        }
    }

    /// Ends a request that waits for a token.
    fn give_up(&mut self, id: HttpId) {
        if let Some(Pending {
            state: State::Parked { error, .. },
            ..
        }) = self.pending.remove(&id)
        {
            self.outputs.push_back(Output::Done { id, result: Err(error) });
        }
    }

    fn done(&mut self, id: HttpId, result: Result<Reply, ReplyError>) {
        self.pending.remove(&id);
        self.outputs.push_back(Output::Done { id, result });
    }
}

/// Host and port, for messages.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port_or_known_default()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}
