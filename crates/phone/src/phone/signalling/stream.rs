//! The life of one stream: what it says, what is said on it, and what its end means.

use std::time::Duration;

use offhook_xmpp::{
    self as xmpp, Resumption,
    reconnect::{self, Loss},
};

use super::{State, Then};
use crate::{
    error::ConnectError,
    event::Event,
    phone::{AttemptId, Life, Output, Phone, StreamCommand},
};

/// How long a server that has given this client's place away may take to close the stream itself.
const SUPERSEDED: Duration = Duration::from_secs(5);

impl Phone {
    /// Closes the stream only to come back by a new channel.
    pub(super) fn leave_for(&mut self, loss: Loss) {
        if let State::Online { attempt, .. } = self.signalling.state {
            self.emit(Event::Disconnected {
                reconnecting: true,
                error: None,
            });
            self.close_stream(attempt, Then::Reconnect(loss));
        }
    }

    /// The server wants us on another of its servers; its request has been acknowledged.
    pub(in crate::phone) fn transfer(&mut self) {
        tracing::info!("the server asks for a connection transfer");
        self.leave_for(Loss::Transferred);
    }

    /// The server has given our place to somebody else, or dropped our subscriptions: only a new channel helps.
    pub(in crate::phone) fn superseded(&mut self) {
        self.signalling.policy.handle_input(self.now, reconnect::Input::Hard);
        self.follow_policy();
        if let State::Online { superseded, .. } = &mut self.signalling.state {
            superseded.get_or_insert(self.now + SUPERSEDED);
        }
    }

    pub(in crate::phone) fn stream_event(&mut self, attempt: AttemptId, event: xmpp::Event) {
        if self.signalling.attempt() != Some(attempt) {
            tracing::debug!(?attempt, "an abandoned attempt still speaks");
            return;
        }
        match event {
            xmpp::Event::Connected(connected) => self.connected(attempt, connected),
            xmpp::Event::Message(message) => self.route_message(message),
            xmpp::Event::Request(request) => self.route_request(request),
            xmpp::Event::Response { token, outcome } => self.route_response(token, outcome),
            xmpp::Event::Services(services) => self.services_arrived(services),
            xmpp::Event::ServicesFailed(error) => tracing::warn!(%error, "the external services stay as they were"),
            xmpp::Event::Closed(reason) => self.stream_closed(attempt, reason, None),
        }
    }

    fn connected(&mut self, attempt: AttemptId, connected: xmpp::Connected) {
        if !matches!(self.signalling.state, State::Dialing { .. }) {
            return;
        }
        self.signalling.state = State::Online {
            attempt,
            superseded: None,
        };
        self.signalling.established = true;
        self.renewal.succeeded();
        self.signalling.failure = None;
        // The stream has it now, or has told the end of all that waited in it.
        self.signalling.resumption = None;
        if !connected.resumed {
            self.lose_exchanges();
        }
        self.signalling
            .policy
            .handle_input(self.now, reconnect::Input::Connected);
        self.follow_policy();
        self.bind_proposals(&connected.jid);
        self.emit(Event::Connected {
            jid: connected.jid,
            channel: self.signalling.channel.clone(),
        });
        if !connected.resumed {
            self.services_arrived(connected.services);
        }
        self.attach();
        self.judge_proposals();
        self.begin_all_kept();
        self.topics_connected(connected.resumed);
        if !connected.resumed {
            self.watch_calls();
        }
    }

    /// A stream has closed, and perhaps left what the next one can go on with.
    pub(in crate::phone) fn stream_closed(
        &mut self,
        attempt: AttemptId,
        reason: xmpp::CloseReason,
        resumption: Option<Resumption>,
    ) {
        if self.signalling.attempt() != Some(attempt) {
            return;
        }
        match std::mem::replace(&mut self.signalling.state, State::Waiting) {
            // These have no stream.
            state @ (State::Offline | State::Waiting | State::AskingToken { .. } | State::LoggingIn { .. }) => {
                self.signalling.state = state;
            }
            State::Dialing { .. } => {
                // What it gives back the server has not answered yet; the rest is told, and over.
                self.signalling.resumption = resumption;
                if self.signalling.resumption.is_none() {
                    self.lose_exchanges();
                }
                self.attempt_failed(ConnectError::Stream(reason));
            }
            State::Online { superseded, .. } => {
                let loss = if superseded.is_some() {
                    Loss::Superseded
                } else {
                    self.signalling.resumption = resumption;
                    Loss::Dropped { retry_after: None }
                };
                match &self.signalling.resumption {
                    Some(resumption) => {
                        let taken = resumption.tokens().collect();
                        self.lose_untaken(&taken);
                    }
                    None => self.lose_exchanges(),
                }
                self.emit(Event::Disconnected {
                    reconnecting: true,
                    error: Some(ConnectError::Stream(reason)),
                });
                self.detach(true);
                self.lost(loss);
            }
            State::Closing { then, .. } => {
                self.lose_exchanges();
                match then {
                    Then::StayOffline => self.go_offline(None),
                    Then::ConnectAgain => {
                        self.emit(Event::Disconnected {
                            reconnecting: true,
                            error: None,
                        });
                        self.signalling.established = false;
                        self.signalling.channel = None;
                        self.signalling.policy.connect(self.now);
                        self.follow_policy();
                    }
                    Then::Reconnect(loss) => self.lost(loss),
                }
            }
        }
    }

    fn lost(&mut self, loss: Loss) {
        self.signalling
            .policy
            .handle_input(self.now, reconnect::Input::Lost(loss));
        self.follow_policy();
    }

    /// Nobody will go on where the last stream ended.
    pub(super) fn forget_resumption(&mut self) {
        if let Some(resumption) = self.signalling.resumption.take() {
            for token in resumption.abandon() {
                self.route_response(token, xmpp::Outcome::Lost);
            }
            self.lose_exchanges();
        }
    }

    /// Sends a message: now, or once signalling is back.
    pub(in crate::phone) fn send_message(&mut self, to: jid::Jid, payload: minidom::Element) {
        if self.is_connected() {
            self.outputs.push_back(Output::Stream(StreamCommand::Message {
                to,
                payload,
                urgency: xmpp::Urgency::High,
            }));
        } else if self.is_coming_back() {
            self.owe_message(to, payload);
        } else {
            tracing::debug!(name = payload.name(), "not said: signalling is down");
        }
    }

    /// Answers a request of a peer if signalling stands, or once its stream goes on.
    pub(in crate::phone) fn reply(&mut self, ticket: xmpp::Ticket, reply: xmpp::Reply) {
        if self.is_connected() {
            self.outputs
                .push_back(Output::Stream(StreamCommand::Reply { ticket, reply }));
        } else if self.signalling.resumption.is_some() {
            self.owed.replies.push((ticket, reply));
        }
    }

    /// Whether new sessions may begin: while signalling closes no answer could go out, and a client that shuts down wants none.
    pub(in crate::phone) fn takes_calls(&self) -> bool {
        self.life == Life::Running && self.is_connected()
    }
}
