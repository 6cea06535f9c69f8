//! From offline to online and back: attempts, the life of one stream, its loss, and what brings it back.
//!
//! *When* an attempt is made, and whether on the channel there is or on a new one, is [`Reconnect`]'s judgement; this carries it out.

mod stream;

use std::time::{Duration, Instant};

use jid::BareJid;
use offhook_jingle::genesys;
use offhook_xmpp::{
    self as xmpp, Resumption,
    reconnect::{self, Channel, Failure, FailureKind, GiveUp, Loss, Reconnect},
};

use super::{AttemptId, ChannelId, DialUrl, Output, Phone, PhoneConfig, StreamCommand, login::Asked};
use crate::{
    error::{ConnectError, DialError},
    event::Event,
};

/// What a cloud asks its clients to go to another of its servers with.
pub(super) const TRANSFER: xmpp::Payload = xmpp::Payload {
    name: "query",
    namespace: "urn:xmpp:cxfr",
};

/// The IQ payloads that the phone answers itself: both dialects of a session, and the connection transfer.
const HANDLED: [xmpp::Payload; 3] = [
    xmpp::Payload {
        name: genesys::NAME,
        namespace: genesys::NAMESPACE,
    },
    xmpp::Payload {
        name: "jingle",
        namespace: "urn:xmpp:jingle:1",
    },
    TRANSFER,
];

/// Where signalling stands, and what lasts from one stream to the next.
#[derive(Debug)]
pub(super) struct Signalling {
    pub(super) state: State,
    policy: Reconnect,
    /// When the policy wants to be woken.
    wake: Instant,
    /// The user's account, once REST has told it.
    pub(super) account: Option<BareJid>,
    /// The channel of the last attempt, as long as it may be used again.
    pub(super) channel: Option<ChannelId>,
    /// What the next stream on the same channel can go on with (XEP-0198).
    resumption: Option<Resumption>,
    /// There has been a stream since the application asked for one, so that its loss is news.
    established: bool,
    /// Why the last attempt failed.
    failure: Option<ConnectError>,
    /// There has been another token since the last attempt was dialled.
    pub(super) has_newer_token: bool,
}

/// What is going on.
#[derive(Debug)]
pub(super) enum State {
    /// Nobody wants a connection, or it was given up.
    Offline,
    /// The next attempt has its time.
    Waiting,
    /// The token was refused, and the application is asked for another one.
    AskingToken { refused: ConnectError },
    /// REST is asked, for what is not known yet.
    LoggingIn {
        account: Asked<BareJid>,
        channel: Asked<ChannelId>,
    },
    /// The WebSocket or its stream is coming up.
    Dialing { attempt: AttemptId },
    Online {
        attempt: AttemptId,
        /// The server gave our place away: when we close the stream, if it has not by then.
        superseded: Option<Instant>,
    },
    /// We asked the stream to close.
    Closing { attempt: AttemptId, then: Then },
}

/// What comes after the stream has closed.
#[derive(Debug)]
pub(super) enum Then {
    StayOffline,
    /// `disconnect`, and then `connect` again.
    ConnectAgain,
    /// It closes only to be replaced.
    Reconnect(Loss),
}

/// Where signalling stands, for whoever looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignallingState {
    /// Nobody wants it, or it was given up; [`Event::Disconnected`] or [`Event::ConnectFailed`] said why.
    Offline,
    /// The next attempt is made at this instant.
    Waiting {
        /// When.
        until: Instant,
    },
    /// An attempt is under way.
    Connecting,
    /// The stream stands.
    Connected,
    /// The stream is being closed.
    Closing,
}

impl Signalling {
    pub(super) fn new(config: &PhoneConfig, seed: [u8; 32], now: Instant) -> Self {
        let mut policy = config.reconnect.clone();
        policy.keep_trying = config.keep_trying;
        Self {
            state: State::Offline,
            policy: Reconnect::new(policy, config.memory.clone(), config.wall, seed, now),
            wake: now,
            account: None,
            channel: None,
            resumption: None,
            established: false,
            failure: None,
            has_newer_token: false,
        }
    }

    /// The attempt whose stream may speak.
    fn attempt(&self) -> Option<AttemptId> {
        match &self.state {
            State::Offline | State::Waiting | State::AskingToken { .. } | State::LoggingIn { .. } => None,
            State::Dialing { attempt } | State::Online { attempt, .. } | State::Closing { attempt, .. } => {
                Some(*attempt)
            }
        }
    }

    /// When something is due by itself.
    pub(super) fn next_timeout(&self) -> Instant {
        let due = match &self.state {
            State::Online { superseded, .. } => *superseded,
            State::Offline
            | State::Waiting
            | State::AskingToken { .. }
            | State::LoggingIn { .. }
            | State::Dialing { .. }
            | State::Closing { .. } => None,
        };
        due.map_or(self.wake, |due| due.min(self.wake))
    }

    pub(super) fn is_offline(&self) -> bool {
        matches!(self.state, State::Offline)
    }
}

impl Phone {
    /// Whether signalling stands.
    pub fn is_connected(&self) -> bool {
        matches!(self.signalling.state, State::Online { .. })
    }

    /// Where signalling stands.
    pub fn signalling(&self) -> SignallingState {
        match &self.signalling.state {
            State::Offline => SignallingState::Offline,
            State::Waiting => SignallingState::Waiting {
                until: self.signalling.wake,
            },
            State::AskingToken { .. } | State::LoggingIn { .. } | State::Dialing { .. } => SignallingState::Connecting,
            State::Online { .. } => SignallingState::Connected,
            State::Closing { .. } => SignallingState::Closing,
        }
    }

    /// Whether what cannot be said now can be said later: signalling was lost and is being brought back.
    pub(super) fn is_coming_back(&self) -> bool {
        self.signalling.established
            && match &self.signalling.state {
                State::Waiting
                | State::AskingToken { .. }
                | State::LoggingIn { .. }
                | State::Dialing { .. }
                | State::Closing {
                    then: Then::Reconnect(_),
                    ..
                } => true,
                State::Offline | State::Online { .. } | State::Closing { .. } => false,
            }
    }

    /// The application wants a connection.
    pub(super) fn open_signalling(&mut self) {
        if let State::Closing { then, .. } = &mut self.signalling.state {
            if matches!(then, Then::StayOffline) {
                *then = Then::ConnectAgain;
            }
            return;
        }
        self.signalling.policy.connect(self.now);
        if self.signalling.is_offline() {
            self.signalling.state = State::Waiting;
        }
        self.follow_policy();
    }

    /// Closes what stands, abandons what is coming up, and forgets what would have come.
    pub(super) fn close_signalling(&mut self) {
        self.signalling.policy.disconnect(self.now);
        self.follow_policy();
        match &mut self.signalling.state {
            State::Offline => {}
            State::Waiting | State::AskingToken { .. } | State::LoggingIn { .. } | State::Dialing { .. } => {
                if let Some(attempt) = self.signalling.attempt() {
                    self.outputs.push_back(Output::Abandon(attempt));
                }
                self.signalling.channel = None;
                self.go_offline(None);
            }
            State::Online { attempt, .. } => {
                let attempt = *attempt;
                self.close_stream(attempt, Then::StayOffline);
            }
            State::Closing { then, .. } => {
                // Whoever asked to connect again meanwhile is told that nothing comes of it.
                if let Then::ConnectAgain = std::mem::replace(then, Then::StayOffline) {
                    self.emit(Event::ConnectFailed(ConnectError::Cancelled));
                }
            }
        }
    }

    /// A shutdown waits for the server no longer.
    pub(super) fn abandon_signalling(&mut self) {
        if let State::Closing { attempt, .. } | State::Online { attempt, .. } = self.signalling.state {
            self.outputs.push_back(Output::Abandon(attempt));
            self.go_offline(None);
        }
    }

    /// Nothing is left of an attempt or of what waited for one.
    fn go_offline(&mut self, error: Option<ConnectError>) {
        self.cancel_login();
        self.forget_resumption();
        self.signalling.state = State::Offline;
        self.signalling.failure = None;
        let established = std::mem::take(&mut self.signalling.established);
        self.emit(if established {
            Event::Disconnected {
                reconnecting: false,
                error,
            }
        } else {
            Event::ConnectFailed(error.unwrap_or(ConnectError::Cancelled))
        });
    }

    fn close_stream(&mut self, attempt: AttemptId, then: Then) {
        self.outputs.push_back(Output::Stream(StreamCommand::Close));
        let lost = matches!(then, Then::Reconnect(_));
        self.signalling.state = State::Closing { attempt, then };
        self.detach(lost);
    }

    /// Does what is due by itself.
    pub(super) fn expire_signalling(&mut self) {
        let now = self.now;
        match &self.signalling.state {
            State::Online {
                superseded: Some(due), ..
            } if *due <= now => self.leave_for(Loss::Superseded),
            State::Offline
            | State::Waiting
            | State::AskingToken { .. }
            | State::LoggingIn { .. }
            | State::Dialing { .. }
            | State::Online { .. }
            | State::Closing { .. } => {}
        }
        self.signalling.policy.handle_input(now, reconnect::Input::Timeout);
        self.follow_policy();
    }

    /// The machine slept, and time went by outside that nobody here saw.
    pub(super) fn resumed(&mut self, asleep: Duration) {
        let input = reconnect::Input::Resumed { asleep };
        self.signalling.policy.handle_input(self.now, input);
        if self.signalling.attempt().is_some() {
            self.outputs
                .push_back(Output::Stream(StreamCommand::Resumed { asleep }));
        }
        self.follow_policy();
    }

    /// Carries out what the policy says.
    fn follow_policy(&mut self) {
        loop {
            match self.signalling.policy.poll_output() {
                reconnect::Output::Attempt { channel } => self.begin_attempt(channel),
                reconnect::Output::Remember(memory) => self.outputs.push_back(Output::Remember(memory)),
                reconnect::Output::GaveUp(cause) => self.gave_up(cause),
                reconnect::Output::Timeout(at) => {
                    self.signalling.wake = at;
                    return;
                }
            }
        }
    }

    fn begin_attempt(&mut self, channel: Channel) {
        if channel == Channel::Fresh {
            self.signalling.channel = None;
            self.forget_resumption();
        }
        self.log_in();
    }

    /// Dials the channel (a guest has none).
    pub(super) fn dial(&mut self, account: BareJid, channel: Option<&ChannelId>) {
        let attempt = AttemptId(self.ids.next());
        self.signalling.has_newer_token = false;
        let pubsub = self.config.endpoints.pubsub().clone();
        let mut config = xmpp::StreamConfig::new(account, self.credentials(), self.resource.clone(), pubsub);
        config.handled = HANDLED.to_vec();
        config.timeouts = self.config.timeouts;
        config.resumption.clone_from(&self.signalling.resumption);
        let url = DialUrl(self.streaming_url(channel));
        let seed = self.ids.seed();
        self.outputs.push_back(Output::Dial {
            attempt,
            url,
            config: Box::new(config),
            seed,
        });
        self.signalling.state = State::Dialing { attempt };
    }

    pub(super) fn dial_failed(&mut self, attempt: AttemptId, error: DialError) {
        if self.signalling.attempt() == Some(attempt) {
            self.attempt_failed(error.into());
        }
    }

    /// An attempt failed before it succeeded. One that was refused for its token is made again if the application has another.
    pub(super) fn attempt_failed(&mut self, error: ConnectError) {
        self.cancel_login();
        self.signalling.state = State::Waiting;
        if self.was_of_older_token(&error) {
            self.signalling.state = State::AskingToken { refused: error };
            self.retry_with_token();
        } else if self.awaits_token(&error) {
            self.signalling.state = State::AskingToken { refused: error };
        } else {
            self.attempt_ended(error);
        }
    }

    /// There is another token: what was refused may be tried once more.
    pub(super) fn retry_with_token(&mut self) {
        if let State::AskingToken { refused } = &self.signalling.state {
            let refused = refused.clone();
            let retry_after = refused.retry_after();
            self.signalling.failure = Some(refused);
            self.signalling.state = State::Waiting;
            self.report_failure(Failure {
                kind: FailureKind::Renewed,
                retry_after,
            });
        }
    }

    /// There is none: what was refused stays refused.
    pub(super) fn give_up_token(&mut self) {
        if let State::AskingToken { refused } = &self.signalling.state {
            let refused = refused.clone();
            self.signalling.state = State::Waiting;
            self.attempt_ended(refused);
        }
    }

    fn report_failure(&mut self, failure: Failure) {
        self.signalling
            .policy
            .handle_input(self.now, reconnect::Input::Failed(failure));
        self.follow_policy();
    }

    fn attempt_ended(&mut self, error: ConnectError) {
        tracing::info!(%error, "an attempt to connect failed");
        let kind = if error.credentials_refused() {
            FailureKind::Refused
        } else if error.wants_new_channel() {
            FailureKind::TransientHard
        } else {
            FailureKind::Transient
        };
        let retry_after = error.retry_after();
        self.signalling.failure = Some(error);
        self.report_failure(Failure { kind, retry_after });
    }

    fn gave_up(&mut self, cause: GiveUp) {
        let error = self.signalling.failure.take();
        tracing::info!(?cause, "no further attempt is made");
        self.go_offline(error);
    }
}
