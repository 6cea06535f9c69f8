//! What a [`Phone`](super::Phone) asks the shell to do, and what the shell tells it.

use std::{
    fmt,
    time::{Duration, Instant},
};

use jid::Jid;
use minidom::Element;
use offhook_jingle::{
    ConversationId, Reason, SessionId, Ticket, Token, session,
    stanza::{Farewell, Role},
};
use offhook_xmpp::{self as xmpp, reconnect::Memory};
use secrecy::SecretString;
use url::Url;

use crate::{
    error::DialError,
    event::Event,
    http::{HttpFailure, HttpId, HttpReply, HttpRequest},
    telemetry::MediaFigures,
};

use super::ice::IceServers;

/// Names one attempt to connect: one WebSocket, one stream. What an older attempt still says is ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AttemptId(pub u64);

/// Names one question for another token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TokenRequest(pub u64);

/// Names a notification channel of the REST API; the WebSocket is opened under it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ChannelId(pub String);

impl fmt::Display for ChannelId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where a WebSocket is opened. That of a guest has the JWT in its path, so what is shown is the server alone.
#[derive(Clone, PartialEq, Eq)]
pub struct DialUrl(pub(super) Url);

impl DialUrl {
    /// All of it, for whoever dials.
    pub fn expose(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for DialUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0[..url::Position::BeforePath])
    }
}

impl fmt::Debug for DialUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What happened outside.
#[derive(Debug)]
pub enum Input {
    /// The end of an [`Output::Http`].
    Reply {
        /// Which.
        id: HttpId,
        /// Which of its tries.
        attempt: u32,
        /// The reply, whatever its status, or why there is none.
        result: Result<HttpReply, HttpFailure>,
    },
    /// An [`Output::Dial`] did not lead to an open WebSocket.
    DialFailed {
        /// Which.
        attempt: AttemptId,
        /// Why.
        error: DialError,
    },
    /// What the stream of a dialled attempt says, but for its end.
    Stream {
        /// Which attempt's.
        attempt: AttemptId,
        /// What.
        event: xmpp::Event,
    },
    /// The stream of a dialled attempt has closed.
    Closed {
        /// Which attempt's.
        attempt: AttemptId,
        /// Why.
        reason: xmpp::CloseReason,
        /// What the next stream can go on with ([`xmpp::Stream::into_resumption`]).
        resumption: Option<Box<xmpp::Resumption>>,
    },
    /// The end of an [`Output::AskToken`].
    Token {
        /// Which.
        id: TokenRequest,
        /// Another token, or why there is none.
        result: Result<SecretString, String>,
    },
    /// The machine was suspended and runs again.
    Resumed {
        /// How long it slept.
        asleep: Duration,
    },
    /// What a started session says.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        report: SessionReport,
    },
    /// A started session is gone without having said [`SessionReport::Ended`]: its part of the shell failed.
    SessionLost {
        /// Which.
        session: SessionId,
    },
    /// Time has passed.
    Timeout,
}

/// What a session says that concerns the rest of the client; the shell takes it from the outputs of
/// [`offhook_jingle::Session`].
#[derive(Debug)]
pub enum SessionReport {
    /// An IQ for its peer; the outcome comes back as [`session::Input::Response`].
    Request {
        /// The session's own name for it.
        token: Token,
        /// Who is asked.
        to: Jid,
        /// What.
        payload: Element,
    },
    /// The answer to an IQ of its peer.
    Reply {
        /// Which.
        ticket: Ticket,
        /// What.
        reply: session::Reply,
    },
    /// A message.
    Message {
        /// To whom.
        to: Jid,
        /// What.
        payload: Element,
    },
    /// A terminate that its peer has yet to be told, when signalling is back; the session itself is over.
    Farewell {
        /// To whom.
        to: Jid,
        /// What.
        payload: Element,
    },
    /// It belongs to another conversation now.
    ConversationChanged(ConversationId),
    /// Its media are connected now, or are no more.
    Active(bool),
    /// How its media fare, where [`PhoneConfig::telemetry`](super::PhoneConfig::telemetry) wants to know.
    Measured(MediaFigures),
    /// It ended; the last report.
    Ended {
        /// Why.
        reason: Reason,
        /// Whose doing.
        by: session::EndedBy,
    },
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Make a REST request; answer by [`Input::Reply`].
    Http {
        /// Its name.
        id: HttpId,
        /// Which of its tries, from 1.
        attempt: u32,
        /// What to ask.
        request: HttpRequest,
    },
    /// Drop a try of a request: nobody waits for its reply any more.
    CancelHttp {
        /// Which.
        id: HttpId,
        /// Which of its tries.
        attempt: u32,
    },
    /// Open a WebSocket (subprotocol `xmpp`), and run a new [`offhook_xmpp::Stream`] on it.
    Dial {
        /// Its name.
        attempt: AttemptId,
        /// Where.
        url: DialUrl,
        /// What the stream is made with.
        config: Box<xmpp::StreamConfig>,
        /// The stream's randomness.
        seed: [u8; 32],
    },
    /// Drop an attempt: its dialling, its socket, its stream.
    Abandon(AttemptId),
    /// Tell the stream of the current attempt.
    Stream(StreamCommand),
    /// Make a [`offhook_jingle::Session`] and its media.
    StartSession(Box<SessionStart>),
    /// Hand this to a session.
    Session {
        /// Which.
        session: SessionId,
        /// What.
        input: session::Input,
    },
    /// Tell a session to end.
    EndSession {
        /// Which.
        session: SessionId,
        /// Why.
        farewell: Farewell,
        /// `Local`: [`offhook_jingle::Session::end_with`]; `Network`: [`offhook_jingle::Session::media_failed`].
        by: session::EndedBy,
    },
    /// A session that stays open between calls carries this conversation from now on, or none for the time being.
    Carry {
        /// Which.
        session: SessionId,
        /// The conversation.
        conversation: Option<ConversationId>,
    },
    /// Drop a session that has not ended in time, as it is.
    DropSession(SessionId),
    /// Keep this for the next process, if there is a place for it ([`PhoneConfig::memory`](super::PhoneConfig::memory)).
    Remember(Memory),
    /// Find another token, since the last one was refused; answer by [`Input::Token`].
    AskToken(TokenRequest),
    /// Tell the application.
    Event(Event),
    /// Nothing more to do; call `handle_input(at, Input::Timeout)` no later than this.
    Timeout(Instant),
}

/// What a session is made with.
#[derive(Debug)]
pub struct SessionStart {
    /// Identity, peer and limits.
    pub config: session::SessionConfig,
    /// Whose offer it begins with: the responder waits for one ([`offhook_jingle::Session::new`]), the initiator makes it
    /// ([`offhook_jingle::Session::initiate`]).
    pub role: Role,
    /// The session's randomness.
    pub seed: [u8; 32],
    /// The STUN and TURN servers of its media.
    pub ice: IceServers,
}

/// A command for the stream of the current attempt.
#[derive(Debug)]
pub enum StreamCommand {
    /// [`xmpp::Stream::request`].
    Request(xmpp::Request),
    /// [`xmpp::Stream::reply`].
    Reply {
        /// Which request of a peer.
        ticket: xmpp::Ticket,
        /// The answer.
        reply: xmpp::Reply,
    },
    /// [`xmpp::Stream::ignore`].
    Ignore(xmpp::Ticket),
    /// [`xmpp::Stream::send_message`].
    Message {
        /// To whom.
        to: Jid,
        /// What.
        payload: Element,
        /// How soon, when many wait.
        urgency: xmpp::Urgency,
    },
    /// [`xmpp::Stream::refresh_services`].
    RefreshServices,
    /// [`xmpp::Input::Resumed`].
    Resumed {
        /// How long the machine slept.
        asleep: Duration,
    },
    /// [`xmpp::Stream::close`].
    Close,
}
