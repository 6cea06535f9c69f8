//! What a client tells the application, and the stream of it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use futures_core::Stream;
use offhook_audio::PromptId;
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, session::EndedBy};
use offhook_media::{Digit, Statistics};
use offhook_phone::{ChannelId, ConnectError, IceServers, InitiationFailure, Station, TopicEvent, TrackedCall};
use offhook_xmpp::{FullJid, Jid};
use tokio::sync::broadcast;
use tokio_stream::wrappers::{BroadcastStream, errors::BroadcastStreamRecvError};

use crate::session::{AudioError, SessionError};

/// How many events wait for a slow reader before it is told that it missed some.
const WAITING: usize = 1024;

/// What happened. Ids are as in the protocol: a *session* is named by its proposal, a *conversation* by the platform.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Event {
    /// Signalling stands.
    Connected {
        /// Our address on the stream.
        jid: FullJid,
        /// The notification channel; a guest has none.
        channel: Option<ChannelId>,
    },
    /// Signalling is gone, or did not come up. Sessions live on, unless
    /// [`rtc_session_survivability`](crate::ClientBuilder::rtc_session_survivability) says otherwise.
    Disconnected {
        /// Whether the client brings it back by itself. A second such event tells when it gives up: after a token that is
        /// refused ([`ConnectError::credentials_refused`]) nothing comes back, and an application may want to end its sessions.
        reconnecting: bool,
        /// Why, unless it is as the application or the server asked.
        error: Option<ConnectError>,
    },
    /// The STUN and TURN servers for the next session: new lists of the cloud (XEP-0215), or what the application set.
    IceServers(IceServers),
    /// A call stands elsewhere than before, or is there for the first time: what the cloud and our session say of a conversation,
    /// together. [`Client::call`](crate::Client::call) gives a handle to it.
    CallState(Box<TrackedCall>),
    /// The user is called at this station from now on, or at none.
    Station(Option<Station>),
    /// Which of the user's clients rings from now on.
    AlertingLeader {
        /// The id of its connection; none if none does.
        connection: Option<String>,
        /// Whether that is this one.
        ours: bool,
    },
    /// Something about notification topics: what was published, and what became of subscriptions.
    Topics(TopicEvent),
    /// A call is offered (XEP-0353 `propose`), for the first time or again.
    Proposed(Proposal),
    /// A proposal went away: retracted, expired or replaced.
    ProposalCancelled(SessionId),
    /// Another client of the same user took or refused the proposal.
    ProposalHandled(SessionId),
    /// Nothing became of a session that we proposed ([`Client::initiate`](crate::Client::initiate)).
    InitiationFailed {
        /// Its id.
        session: SessionId,
        /// Why.
        failure: InitiationFailure,
    },
    /// The media offer came, or goes out: there is a session.
    SessionStarted {
        /// Its id.
        session: SessionId,
        /// The conversation it carries.
        conversation: Option<ConversationId>,
        /// The far end.
        peer: Jid,
    },
    /// A conversation goes on in another session, since its gateway offered new media under another id, as gateways do after
    /// a lost WebSocket. Told instead of `SessionStarted`; the old session, which carries no conversation any more, ends with
    /// [`Reason::AlternativeSession`]. A recording goes on in a file of its own.
    SessionReplaced {
        /// The new session's id.
        session: SessionId,
        /// The id of the old one.
        replaced: SessionId,
        /// The conversation that has moved.
        conversation: ConversationId,
        /// The far end.
        peer: Jid,
        /// How many sessions have carried the conversation before this one.
        reconnects: u32,
    },
    /// A session's media are connected now, or are no more.
    ActiveChanged {
        /// Which session.
        session: SessionId,
        /// Whether they are.
        active: bool,
    },
    /// A session's media changed.
    ConnectionState {
        /// Which session.
        session: SessionId,
        /// To what.
        state: ConnectionState,
    },
    /// How the media of a session are doing, told every few seconds and when it ends; how often is for
    /// [`statistics_every`](crate::ClientBuilder::statistics_every) to say.
    Statistics {
        /// Which session.
        session: SessionId,
        /// Its figures since it began.
        statistics: Box<Statistics>,
    },
    /// The far end pressed a key of its telephone, and let go of it (RFC 4733).
    Digit {
        /// In which session.
        session: SessionId,
        /// Which key.
        digit: Digit,
        /// For how long.
        duration: Duration,
    },
    /// All our ICE candidates are known and told.
    EndOfCandidates(SessionId),
    /// Something went wrong with a session; `SessionEnded` follows if it cannot live with it.
    SessionError {
        /// Which session.
        session: SessionId,
        /// What.
        error: SessionError,
    },
    /// A prompt is over, since its source ended ([`Client::play_prompt`](crate::Client::play_prompt)).
    PromptEnded {
        /// In which session.
        session: SessionId,
        /// Which prompt.
        prompt: PromptId,
    },
    /// Something went wrong with the audio of a session at our end: a source, a sink, a recording. The session goes on.
    AudioError {
        /// Which session.
        session: SessionId,
        /// What.
        error: AudioError,
    },
    /// A session ended; exactly once for each that started or took over from another.
    SessionEnded {
        /// Its id.
        session: SessionId,
        /// The conversation it carried; none if that goes on in another session.
        conversation: Option<ConversationId>,
        /// Why (XEP-0166 section 7.4).
        reason: Reason,
        /// Whose doing it was.
        by: EndedBy,
        /// How long it lasted, from its conversation's `SessionStarted` on.
        lasted: Duration,
    },
    /// The reader was too slow and this many events are lost to it; ask [`Client::sessions`](crate::Client::sessions) for
    /// what is now.
    Lagged(u64),
    /// The client is shut down; the last event.
    ShutDown,
}

/// Where the media of a session stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConnectionState {
    /// The offer is here, not yet answered.
    Starting,
    /// ICE and DTLS are coming up.
    Connecting,
    /// Audio flows.
    Connected,
    /// Nothing is heard of the peer; it may come back.
    Interrupted,
    /// It did not come back, or never came up.
    Failed,
    /// Over.
    Closed,
}

impl ConnectionState {
    /// The state's name for programs.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Interrupted => "interrupted",
            Self::Failed => "failed",
            Self::Closed => "closed",
        }
    }
}

/// The events of a client, from the moment it was asked for. Ends after [`Event::ShutDown`].
#[derive(Debug)]
pub struct Events(BroadcastStream<Event>);

/// Where events are told; each part of a client has one.
#[derive(Debug, Clone)]
pub(crate) struct Publisher(broadcast::Sender<Event>);

impl Publisher {
    pub(crate) fn new() -> Self {
        Self(broadcast::Sender::new(WAITING))
    }

    /// Tells everybody who listens.
    pub(crate) fn tell(&self, event: Event) {
        tracing::debug!(?event, "event");
        // An error means that nobody listens.
        drop(self.0.send(event));
    }

    /// Gives out events without keeping them going.
    pub(crate) fn listener(&self) -> Listener {
        Listener(self.0.downgrade())
    }
}

/// Where events can be listened to, also when there are no more.
#[derive(Debug, Clone)]
pub(crate) struct Listener(broadcast::WeakSender<Event>);

impl Listener {
    pub(crate) fn listen(&self) -> Events {
        let receiver = match self.0.upgrade() {
            Some(sender) => sender.subscribe(),
            // The client is shut down: the stream ends at once.
            None => broadcast::channel(1).1,
        };
        Events(BroadcastStream::new(receiver))
    }
}

impl Events {
    /// The next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Event> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }
}

impl Stream for Events {
    type Item = Event;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Event>> {
        Pin::new(&mut self.0).poll_next(context).map(|item| {
            item.map(|result| result.unwrap_or_else(|BroadcastStreamRecvError::Lagged(missed)| Event::Lagged(missed)))
        })
    }
}
