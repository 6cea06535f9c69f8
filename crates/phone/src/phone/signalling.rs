//! From offline to online and back: REST login, dialling, the life of one stream.

use jid::BareJid;
use offhook_jingle::genesys;
use offhook_xmpp as xmpp;
use serde::Deserialize;

use super::{AttemptId, ChannelId, Output, Phone, StreamCommand, output};
use crate::{
    error::{ConnectError, DialError},
    event::Event,
    http::{self, HttpFailure, HttpId, HttpReply, HttpRequest, Method},
};

/// The IQ payloads that the phone answers itself: both dialects of a session.
const SESSIONS: [xmpp::Payload; 2] = [
    xmpp::Payload {
        name: genesys::NAME,
        namespace: genesys::NAMESPACE,
    },
    xmpp::Payload {
        name: "jingle",
        namespace: "urn:xmpp:jingle:1",
    },
];

/// Where signalling stands.
#[derive(Debug)]
pub(super) enum Signalling {
    Offline,
    /// Both REST requests of the login are under way, neither waiting for the other.
    LoggingIn {
        account: Asked<BareJid>,
        channel: Asked<ChannelId>,
    },
    /// The WebSocket or its stream is coming up.
    Dialing {
        attempt: AttemptId,
        channel: ChannelId,
    },
    Online {
        attempt: AttemptId,
    },
    /// We asked the stream to close.
    Closing {
        attempt: AttemptId,
        /// `connect` was called meanwhile.
        again: bool,
    },
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
}

/// `GET users/me`, as far as it is needed.
#[derive(Deserialize)]
struct UsersMe {
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

const USER: &str = "reading the user (GET users/me)";
const CHANNEL: &str = "opening a channel (POST notifications/channels)";

impl Phone {
    /// Begins an attempt, unless one is under way or has succeeded.
    pub(super) fn log_in(&mut self) {
        match &mut self.signalling {
            Signalling::Offline => {}
            Signalling::Closing { again, .. } => {
                *again = true;
                return;
            }
            Signalling::LoggingIn { .. } | Signalling::Dialing { .. } | Signalling::Online { .. } => return,
        }
        let account = Asked::Waiting(self.ask(Method::Get, "users/me", None));
        let channel = Asked::Waiting(self.ask(Method::Post, "notifications/channels?connectionType=streaming", None));
        self.signalling = Signalling::LoggingIn { account, channel };
    }

    /// Closes what stands, abandons what is coming up.
    pub(super) fn close_signalling(&mut self) {
        match &mut self.signalling {
            Signalling::Offline => {}
            Signalling::LoggingIn { .. } => self.fail(ConnectError::Cancelled),
            Signalling::Dialing { attempt, .. } => {
                let attempt = *attempt;
                self.outputs.push_back(Output::Abandon(attempt));
                self.fail(ConnectError::Cancelled);
            }
            Signalling::Online { attempt } => {
                self.signalling = Signalling::Closing {
                    attempt: *attempt,
                    again: false,
                };
                self.outputs.push_back(Output::Stream(StreamCommand::Close));
            }
            Signalling::Closing { again, .. } => {
                // Whoever asked to connect again meanwhile is told that nothing comes of it.
                if std::mem::take(again) {
                    self.emit(Event::ConnectFailed(ConnectError::Cancelled));
                }
            }
        }
    }

    /// Asks REST for something below `/api/v2/`.
    pub(super) fn ask(&mut self, method: Method, path: &str, body: Option<serde_json::Value>) -> HttpId {
        let id = self.http_id();
        let url = self.config.endpoints.rest(path);
        let request = HttpRequest {
            method,
            url,
            token: self.config.token.clone(),
            body,
        };
        self.outputs.push_back(Output::Http { id, request });
        id
    }

    pub(super) fn http_replied(&mut self, id: HttpId, result: Result<HttpReply, HttpFailure>) {
        let Signalling::LoggingIn { account, channel } = &mut self.signalling else {
            return self.call_replied(id, result);
        };
        if account.is(id) {
            match http::read::<UsersMe>(USER, result)
                .map_err(ConnectError::from)
                .and_then(UsersMe::account)
            {
                Ok(jid) => *account = Asked::Got(jid),
                Err(error) => return self.fail(error),
            }
        } else if channel.is(id) {
            match http::read::<Channel>(CHANNEL, result) {
                Ok(got) => *channel = Asked::Got(ChannelId(got.id)),
                Err(error) => return self.fail(error.into()),
            }
        } else {
            return self.call_replied(id, result);
        }
        if let (Asked::Got(account), Asked::Got(channel)) = (account, channel) {
            let (account, channel) = (account.clone(), channel.clone());
            self.dial(account, channel);
        }
    }

    fn dial(&mut self, account: BareJid, channel: ChannelId) {
        let attempt = AttemptId(self.ids.next());
        let credentials = xmpp::Credentials::Token(self.config.token.clone());
        let pubsub = self.config.endpoints.pubsub().clone();
        let mut config = xmpp::StreamConfig::new(account, credentials, self.resource.clone(), pubsub);
        config.handled = SESSIONS.to_vec();
        let url = self.config.endpoints.channel(&channel.0);
        let seed = self.ids.seed();
        self.outputs.push_back(Output::Dial {
            attempt,
            url,
            config: Box::new(config),
            seed,
        });
        self.signalling = Signalling::Dialing { attempt, channel };
    }

    pub(super) fn dial_failed(&mut self, attempt: AttemptId, error: DialError) {
        if self.attempt() == Some(attempt) {
            self.fail(error.into());
        }
    }

    /// An attempt failed before it succeeded.
    fn fail(&mut self, error: ConnectError) {
        self.signalling = Signalling::Offline;
        self.emit(Event::ConnectFailed(error));
    }

    /// The attempt whose stream may speak.
    fn attempt(&self) -> Option<AttemptId> {
        match &self.signalling {
            Signalling::Offline | Signalling::LoggingIn { .. } => None,
            Signalling::Dialing { attempt, .. }
            | Signalling::Online { attempt }
            | Signalling::Closing { attempt, .. } => Some(*attempt),
        }
    }

    pub(super) fn stream_event(&mut self, attempt: AttemptId, event: xmpp::Event) {
        if self.attempt() != Some(attempt) {
            tracing::debug!(?attempt, "an abandoned attempt still speaks");
            return;
        }
        match event {
            xmpp::Event::Connected(connected) => self.connected(attempt, connected),
            xmpp::Event::Message(message) => self.route_message(message),
            xmpp::Event::Request(request) => self.route_request(request),
            xmpp::Event::Response { token, outcome } => self.route_response(token, outcome),
            xmpp::Event::Services(services) => self.emit(Event::IceServers(services)),
            xmpp::Event::ServicesFailed(error) => tracing::warn!(%error, "the external services stay as they were"),
            xmpp::Event::Closed(reason) => self.stream_closed(reason),
        }
    }

    fn connected(&mut self, attempt: AttemptId, connected: xmpp::Connected) {
        let Signalling::Dialing { channel, .. } = &self.signalling else {
            return;
        };
        let channel = channel.clone();
        self.signalling = Signalling::Online { attempt };
        self.bind_proposals(&connected.jid);
        self.emit(Event::Connected {
            jid: connected.jid,
            channel,
        });
        self.emit(Event::IceServers(connected.services));
        self.judge_proposals();
    }

    fn stream_closed(&mut self, reason: xmpp::CloseReason) {
        self.lose_exchanges();
        match self.signalling {
            Signalling::Offline | Signalling::LoggingIn { .. } => {}
            Signalling::Dialing { .. } => self.fail(ConnectError::Stream(reason)),
            Signalling::Online { .. } => {
                self.signalling = Signalling::Offline;
                self.emit(Event::Disconnected {
                    reconnecting: false,
                    error: Some(ConnectError::Stream(reason)),
                });
            }
            Signalling::Closing { again, .. } => {
                self.signalling = Signalling::Offline;
                self.emit(Event::Disconnected {
                    reconnecting: again,
                    error: None,
                });
                if again {
                    self.log_in();
                }
            }
        }
    }

    /// Sends a message if signalling stands; whoever must know whether it does has asked before.
    pub(super) fn send_message(&mut self, to: jid::Jid, payload: minidom::Element) {
        if self.is_connected() {
            self.outputs
                .push_back(Output::Stream(StreamCommand::Message { to, payload }));
        } else {
            tracing::debug!(name = payload.name(), "not said: signalling is down");
        }
    }

    /// Answers a request of a peer if signalling stands.
    pub(super) fn reply(&mut self, ticket: xmpp::Ticket, reply: xmpp::Reply) {
        if self.is_connected() {
            self.outputs
                .push_back(Output::Stream(output::StreamCommand::Reply { ticket, reply }));
        }
    }
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
