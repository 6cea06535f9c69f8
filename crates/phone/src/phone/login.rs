//! What a stream needs before it can be dialled: the account and the channel, by REST; and a token that is accepted.

use base64::{Engine, prelude::BASE64_URL_SAFE_NO_PAD};
use jid::{BareJid, Jid};
use offhook_xmpp as xmpp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use url::Url;

use super::{ChannelId, Phone, signalling::State};
use crate::{
    error::ConnectError,
    http::{HttpId, Method, ReplyError},
    rest::{Reply, Retry},
};

/// Who the user is.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Login {
    /// A user with an OAuth access token; softphone calls need one.
    Token(SecretString),
    /// A guest with a JWT, who joins by SASL ANONYMOUS and has neither REST nor a channel.
    Guest(SecretString),
}

impl Login {
    /// What must not be shown.
    pub(super) fn secret(&self) -> &SecretString {
        match self {
            Self::Token(secret) | Self::Guest(secret) => secret,
        }
    }
}

/// Something that REST is asked for.
#[derive(Debug)]
pub(super) enum Asked<T> {
    Waiting(HttpId),
    Got(T),
}

impl<T> Asked<T> {
    fn is(&self, id: HttpId) -> bool {
        matches!(self, Self::Waiting(waiting) if *waiting == id)
    }

    fn waiting(&self) -> Option<HttpId> {
        match self {
            Self::Waiting(id) => Some(*id),
            Self::Got(_) => None,
        }
    }
}

/// `GET users/me`, as far as it is needed.
#[derive(Deserialize)]
struct UsersMe {
    #[serde(default)]
    id: Option<String>,
    chat: Chat,
}

#[derive(Deserialize)]
struct Chat {
    #[serde(rename = "jabberId")]
    jabber_id: String,
}

/// `POST notifications/channels`, as far as it is needed.
#[derive(Deserialize)]
struct Channel {
    id: String,
}

/// The payload of a guest's JWT, as far as it is needed.
#[derive(Deserialize)]
struct Guest {
    data: GuestData,
}

#[derive(Deserialize)]
struct GuestData {
    jid: String,
}

const USER: &str = "reading the user (GET users/me)";
const CHANNEL: &str = "opening a channel (POST notifications/channels)";

impl Phone {
    /// Begins an attempt: what is not known is asked for, all at once.
    pub(super) fn log_in(&mut self) {
        if let Login::Guest(jwt) = &self.config.login {
            return match guest_domain(jwt) {
                Ok(domain) => self.dial(domain, None),
                Err(error) => self.attempt_failed(error),
            };
        }
        let account = match &self.signalling.account {
            Some(account) => Asked::Got(account.clone()),
            None => Asked::Waiting(self.ask(USER, Method::Get, "users/me", None, Retry::Once)),
        };
        let channel = match &self.signalling.channel {
            Some(channel) => Asked::Got(channel.clone()),
            None => {
                let path = "notifications/channels?connectionType=streaming";
                Asked::Waiting(self.ask(CHANNEL, Method::Post, path, None, Retry::Once))
            }
        };
        self.signalling.state = State::LoggingIn { account, channel };
        self.dial_when_known();
    }

    fn dial_when_known(&mut self) {
        if let State::LoggingIn {
            account: Asked::Got(account),
            channel: Asked::Got(channel),
        } = &self.signalling.state
        {
            let (account, channel) = (account.clone(), channel.clone());
            self.signalling.account = Some(account.clone());
            self.signalling.channel = Some(channel.clone());
            self.dial(account, Some(&channel));
        }
    }

    /// Takes a reply that belongs to the login, or gives it back.
    pub(super) fn login_replied(
        &mut self,
        id: HttpId,
        result: Result<Reply, ReplyError>,
    ) -> Option<Result<Reply, ReplyError>> {
        let State::LoggingIn { account, channel } = &mut self.signalling.state else {
            return Some(result);
        };
        let mut user = None;
        let failed = if account.is(id) {
            result
                .and_then(|reply| reply.json::<UsersMe>())
                .map_err(ConnectError::from)
                .and_then(|mut me| {
                    user = me.id.take();
                    me.account()
                })
                .map(|jid| *account = Asked::Got(jid))
        } else if channel.is(id) {
            result
                .and_then(|reply| reply.json::<Channel>())
                .map_err(ConnectError::from)
                .map(|got| *channel = Asked::Got(ChannelId(got.id)))
        } else {
            return Some(result);
        };
        self.user_known(user);
        match failed {
            Ok(()) => self.dial_when_known(),
            Err(error) => self.attempt_failed(error),
        }
        None
    }

    /// Nobody waits for the replies of a login any more.
    pub(super) fn cancel_login(&mut self) {
        if let State::LoggingIn { account, channel } = &self.signalling.state {
            let waiting: Vec<_> = account.waiting().into_iter().chain(channel.waiting()).collect();
            // What was learned need not be asked for again.
            if let Asked::Got(account) = account {
                self.signalling.account = Some(account.clone());
            }
            if let Asked::Got(channel) = channel {
                self.signalling.channel = Some(channel.clone());
            }
            // First, for both may have come to their end at once, and an attempt fails once.
            self.signalling.state = State::Waiting;
            for id in waiting {
                self.cancel_request(id);
            }
        }
    }

    /// How the stream proves who we are.
    pub(super) fn credentials(&self) -> xmpp::Credentials {
        match &self.config.login {
            Login::Token(token) => xmpp::Credentials::Token(token.clone()),
            Login::Guest(_) => xmpp::Credentials::Guest,
        }
    }

    pub(super) fn streaming_url(&self, channel: Option<&ChannelId>) -> Url {
        let endpoints = &self.config.endpoints;
        match (&self.config.login, channel) {
            (Login::Guest(jwt), _) => endpoints.guest(jwt.expose_secret()),
            (Login::Token(_), Some(channel)) => endpoints.channel(&channel.0),
            (Login::Token(_), None) => endpoints.channel(""),
        }
    }
}

/// The server that a guest's JWT is for: the domain of `data.jid`, which may name a conference of it.
fn guest_domain(jwt: &SecretString) -> Result<BareJid, ConnectError> {
    let invalid = |reason: &str| ConnectError::Guest {
        reason: reason.to_owned(),
    };
    let payload = jwt.expose_secret().split('.').nth(1);
    let payload = payload.ok_or_else(|| invalid("it does not have three parts"))?;
    let payload = BASE64_URL_SAFE_NO_PAD
        .decode(payload.trim_end_matches('='))
        .map_err(|_| invalid("its payload is not base64url"))?;
    let guest: Guest = serde_json::from_slice(&payload).map_err(|_| invalid("its payload names no data.jid"))?;
    let jid = Jid::new(&guest.data.jid).map_err(|_| invalid("its data.jid is no JID"))?;
    let domain = jid.domain().as_str();
    let domain = domain.strip_prefix("conference.").unwrap_or(domain);
    BareJid::new(domain).map_err(|_| invalid("its data.jid has no domain"))
}

impl UsersMe {
    fn account(self) -> Result<BareJid, ConnectError> {
        let jid = self.chat.jabber_id;
        BareJid::new(&jid).map_err(|error| ConnectError::Account {
            jid,
            reason: error.to_string(),
        })
    }
}
