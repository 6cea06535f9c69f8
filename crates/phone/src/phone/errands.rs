//! What REST is asked for: one place where requests go out, replies come back, and a token that is refused is renewed.

use std::time::{Duration, Instant};

use secrecy::SecretString;
use serde_json::Value;

use super::{Login, Output, Phone, TokenRequest};
use crate::{
    error::{CommandError, ConnectError},
    http::{HttpFailure, HttpId, HttpReply, Method, ReplyError},
    rest::{self, Ask, Reply, Retry},
    topics,
};

/// How long the application may take to find another token.
const TOKEN_DUE: Duration = Duration::from_secs(30);

/// What the application has been asked about another token.
#[derive(Debug, Default)]
pub(super) enum Renewal {
    /// Nothing, since something succeeded last.
    #[default]
    Idle,
    /// For one, which has to come by then.
    Asked { id: TokenRequest, until: Instant },
    /// For one, which has not come in time and still may.
    Overdue(TokenRequest),
    /// For one, which it gave, and nothing has succeeded with it yet: if it is refused too, there is no other.
    Given,
}

impl Renewal {
    /// When the question is overdue.
    pub(super) fn due(&self) -> Option<Instant> {
        match self {
            Self::Asked { until, .. } => Some(*until),
            Self::Idle | Self::Overdue(_) | Self::Given => None,
        }
    }

    /// Something succeeded: the token is good.
    pub(super) fn succeeded(&mut self) {
        if let Self::Given = self {
            *self = Self::Idle;
        }
    }
}

impl Phone {
    /// Uses this token from now on: for the next request, for those that wait for one, and for the next attempt to connect.
    /// The stream that stands stays.
    ///
    /// # Errors
    /// After `shutdown`, and for a guest.
    pub fn set_token(&mut self, now: Instant, token: SecretString) -> Result<(), CommandError> {
        self.command(now)?;
        self.user_only()?;
        self.renewal = Renewal::Idle;
        self.use_token(token);
        Ok(())
    }

    /// What is for users only begins with this.
    pub(super) fn user_only(&self) -> Result<(), CommandError> {
        match self.config.login {
            Login::Token(_) => Ok(()),
            Login::Guest(_) => Err(CommandError::Guest),
        }
    }

    /// Asks REST for something below `/api/v2/`.
    pub(super) fn ask(
        &mut self,
        what: &'static str,
        method: Method,
        path: &str,
        body: Option<Value>,
        retry: Retry,
    ) -> HttpId {
        let id = HttpId(self.ids.next());
        let url = self.config.endpoints.rest(path);
        let ask = Ask {
            what,
            method,
            url,
            body,
            retry,
        };
        self.rest.ask(self.now, id, ask);
        self.drain_rest();
        id
    }

    pub(super) fn cancel_request(&mut self, id: HttpId) {
        self.rest.cancel(self.now, id);
        self.drain_rest();
    }

    pub(super) fn http_replied(&mut self, id: HttpId, attempt: u32, result: Result<HttpReply, HttpFailure>) {
        let input = rest::Input::Replied { id, attempt, result };
        self.rest.handle_input(self.now, input);
        self.drain_rest();
    }

    pub(super) fn expire_requests(&mut self) {
        self.rest.handle_input(self.now, rest::Input::Timeout);
        self.drain_rest();
        if let Renewal::Asked { id, until } = self.renewal
            && until <= self.now
        {
            self.no_other_token("the application gave none in time", Renewal::Overdue(id));
        }
    }

    pub(super) fn drain_rest(&mut self) {
        loop {
            match self.rest.poll_output() {
                rest::Output::Send { id, attempt, request } => {
                    self.outputs.push_back(Output::Http { id, attempt, request });
                }
                rest::Output::Abandon { id, attempt } => self.outputs.push_back(Output::CancelHttp { id, attempt }),
                rest::Output::TokenRefused => {
                    if !self.renew_token() {
                        self.rest.no_token(self.now);
                    }
                }
                rest::Output::Done { id, result } => self.errand_done(id, result),
                rest::Output::Timeout(wake) => {
                    self.rest_wakes = wake;
                    return;
                }
            }
        }
    }

    fn errand_done(&mut self, id: HttpId, result: Result<Reply, ReplyError>) {
        if result.is_ok() {
            self.renewal.succeeded();
        }
        let Some(result) = self.login_replied(id, result) else {
            return;
        };
        let Some(result) = self.topics_replied(id, result) else {
            return;
        };
        let Some(result) = self.softphone_replied(id, result) else {
            return;
        };
        let Some(result) = self.records_replied(id, result) else {
            return;
        };
        self.call_replied(id, result);
    }

    /// Asks the application for another token, unless the last one that it gave was refused too; whether one may come.
    pub(super) fn renew_token(&mut self) -> bool {
        match self.renewal {
            Renewal::Asked { .. } => return true,
            Renewal::Given => return false,
            Renewal::Idle | Renewal::Overdue(_) => {}
        }
        if !self.config.renew_token || self.user_only().is_err() {
            return false;
        }
        let id = TokenRequest(self.ids.next());
        self.renewal = Renewal::Asked {
            id,
            until: self.now + TOKEN_DUE,
        };
        self.outputs.push_back(Output::AskToken(id));
        true
    }

    /// What the application has found.
    pub(super) fn token_came(&mut self, id: TokenRequest, result: Result<SecretString, String>) {
        let awaited = match self.renewal {
            Renewal::Asked { id: asked, .. } if asked == id => true,
            // Nobody waits for it any more, but it is the newest there is.
            Renewal::Overdue(asked) if asked == id => false,
            Renewal::Idle | Renewal::Asked { .. } | Renewal::Overdue(_) | Renewal::Given => {
                return tracing::debug!("an answer about a token comes after a newer token");
            }
        };
        match result {
            Ok(token) => {
                self.renewal = Renewal::Given;
                self.use_token(token);
            }
            Err(reason) if awaited => self.no_other_token(&reason, Renewal::Idle),
            Err(reason) => tracing::debug!(reason, "the application has no other token after all"),
        }
    }

    fn use_token(&mut self, token: SecretString) {
        self.config.login = Login::Token(token.clone());
        self.signalling.has_newer_token = true;
        self.rest.set_token(self.now, token);
        self.drain_rest();
        self.topics_input(topics::Input::NewToken);
        self.retry_with_token();
    }

    /// None came; what is to be remembered of that.
    fn no_other_token(&mut self, reason: &str, then: Renewal) {
        tracing::warn!(reason, "there is no other token");
        // What fails now for want of one does not ask again; what is refused later does.
        self.renewal = Renewal::Given;
        self.rest.no_token(self.now);
        self.drain_rest();
        self.give_up_token();
        self.renewal = then;
    }

    /// Whether what was refused is not the token that there is now.
    pub(super) fn was_of_older_token(&self, error: &ConnectError) -> bool {
        let from_rest = matches!(error, ConnectError::Rest(_));
        !from_rest && error.credentials_refused() && self.signalling.has_newer_token
    }

    /// Whether an attempt that failed like this may be made again with another token.
    pub(super) fn awaits_token(&mut self, error: &ConnectError) -> bool {
        // REST has asked by itself, and this is the answer to that.
        let from_rest = matches!(error, ConnectError::Rest(_));
        !from_rest && error.credentials_refused() && self.renew_token()
    }
}
