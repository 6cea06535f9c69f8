//! The cloud as a test or a demo holds it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::FullJid;
use offhook_audio::SourceError;
use offhook_jingle::{ConversationId, SessionId};
use offhook_media::IdentityError;
use secrecy::SecretString;
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::call_state::CallHandle;
use crate::config::{CloudConfig, Station, User};
use crate::conversation::{Conversation, Room};
use crate::events::{self, SystemEvent, Transfer};
use crate::faults::{CloudFaults, Cut};
use crate::gateway::{self, CallError, CallRequest};
use crate::gauge::Live;
use crate::http;
use crate::inner::Inner;
use crate::queue::RoutingStatus;
use crate::record::{Direction, Record};
use crate::reports::Report;
use crate::server::ExternalService;
use crate::stun;
use crate::tls::Tls;
use crate::turn;
use crate::voicemail::VoicemailMessage;

/// How long [`Cloud::stop`] waits for each step.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A running simulated cloud. Dropping it stops everything at once; [`stop`](Self::stop) ends it
/// properly.
#[derive(Debug)]
pub struct Cloud {
    inner: Arc<Inner>,
    server: JoinHandle<()>,
    clock: JoinHandle<()>,
    stun: JoinHandle<()>,
}

/// Why a cloud could not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartError {
    /// The listening socket could not be bound.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The configured address.
        address: SocketAddr,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no user, or two share an id, an address or a token.
    #[error("the cloud's users are unusable: {0}")]
    Users(&'static str),
    /// The gateway has no address for its media.
    #[error("the gateway has no media address; give at least one")]
    NoMediaAddress,
    /// The operating system gave no randomness.
    #[error("the operating system gave no random seed")]
    NoRandomness,
    /// What the gateway plays cannot be opened.
    #[error("the gateway has nothing to play: {0}")]
    Source(#[from] SourceError),
    /// The gateway's certificate could not be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// The certificates of [`CloudConfig::tls`] could not be made.
    #[error("the cloud's certificates could not be made: {0}")]
    Certificate(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Why a token could not be changed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The cloud has no such user.
    #[error("there is no user {user}")]
    UnknownUser {
        /// The id that was asked for.
        user: String,
    },
    /// Another user has this token.
    #[error("another user has this token")]
    Taken,
}

impl Cloud {
    /// Starts a cloud on the current tokio runtime.
    ///
    /// # Errors
    /// When it cannot listen, or the settings contradict themselves.
    ///
    /// # Panics
    /// Outside a tokio runtime with time and I/O.
    pub async fn start(config: CloudConfig) -> Result<Self, StartError> {
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| StartError::Listen {
                address: config.listen,
                source,
            })?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
        let media = *config.gateway.addresses.first().ok_or(StartError::NoMediaAddress)?;
        let stun = UdpSocket::bind((media, 0)).await.map_err(|source| StartError::Listen {
            address: (media, 0).into(),
            source,
        })?;
        let stun_address = stun.local_addr().map_err(|source| StartError::Listen {
            address: (media, 0).into(),
            source,
        })?;
        let turn = match config.turn {
            true => Some(turn::Sockets::bind(media).await.map_err(|source| StartError::Listen {
                address: (media, 0).into(),
                source,
            })?),
            false => None,
        };
        let inner = Arc::new(Inner::new(config, address, stun_address, turn, Instant::now())?);
        let stun = tokio::spawn(stun::serve(stun));
        let clock = tokio::spawn(gateway::clock::run(inner.clock.clone()));
        let server = tokio::spawn(http::serve(listener, Arc::clone(&inner)));
        tracing::debug!(%address, "the simulated cloud is up");
        Ok(Self {
            inner,
            server,
            clock,
            stun,
        })
    }

    /// Ends every call with `gone`, closes every stream, and stops. Returns when everything is
    /// freed, or gives up on what takes longer than five seconds.
    pub async fn stop(mut self) {
        let mut live = self.inner.gauge.watch();
        // The waits fail only without the sender, which `inner` holds.
        self.inner.stopping.send_replace(true);
        let _ = timeout(STOP_LIMIT, live.wait_for(|live| live.calls == 0)).await;
        self.inner.closing.send_replace(true);
        let _ = timeout(STOP_LIMIT, live.wait_for(|live| *live == Live::default())).await;
        let _ = timeout(STOP_LIMIT, &mut self.server).await;
    }

    /// Where it listens; the gateway's first address stands for the unspecified one.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// The base of REST, `http://127.0.0.1:PORT` or with TLS `https://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn api_url(&self) -> String {
        self.inner.base("http")
    }

    /// The base of the streaming WebSocket, `ws://127.0.0.1:PORT` or with TLS `wss://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn streaming_url(&self) -> String {
        self.inner.base("ws")
    }

    /// The certificate of the authority that clients have to trust, as PEM; `None` without [`CloudConfig::tls`].
    #[must_use]
    pub fn authority(&self) -> Option<&str> {
        self.inner.tls.as_ref().map(Tls::authority)
    }

    /// The accounts, with the tokens that they started with.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.inner.config.users
    }

    /// The first account.
    #[must_use]
    pub fn user(&self) -> &User {
        self.inner.default_user()
    }

    /// The first account's token, as it is now.
    #[must_use]
    pub fn default_token(&self) -> SecretString {
        self.inner.token(self.user())
    }

    /// Replaces a user's token: from now on the old one gets status 401 and `not-authorized`.
    /// Streams that are open stay.
    ///
    /// # Errors
    /// When there is no such user, or another one has this token.
    pub fn set_token(&self, user: &str, token: impl Into<String>) -> Result<(), TokenError> {
        self.inner.set_token(user, SecretString::from(token.into()))
    }

    /// Replaces the external services that clients are told of (XEP-0215); `None` is the cloud's
    /// own STUN and TURN servers. An empty list leaves clients without any.
    pub fn set_services(&self, services: Option<Vec<ExternalService>>) {
        self.inner.set_services(services);
    }

    /// The external services that clients are told of now.
    #[must_use]
    pub fn services(&self) -> Vec<ExternalService> {
        self.inner.switchboard.services()
    }

    /// Calls a user: proposes to all of their connected clients.
    ///
    /// # Errors
    /// When there is no such user, none of their clients is connected, or the source cannot be
    /// opened.
    pub fn call(&self, request: CallRequest) -> Result<CallHandle, CallError> {
        gateway::start(&self.inner, request)
    }

    /// Calls two users, who hear each other, in one conversation: what a user does who places a call to another one,
    /// who is `called`. What the requests say about playing has no effect, and the conversation's id is the caller's.
    ///
    /// # Errors
    /// When there is no such user, or none of the clients of one is connected.
    pub fn call_between(
        &self,
        caller: CallRequest,
        called: CallRequest,
    ) -> Result<(CallHandle, CallHandle), CallError> {
        gateway::connect(&self.inner, caller, called)
    }

    /// Calls a queue, which gives the call to the member who is idle for the longest time, and to the next one if
    /// nobody answers there in time. The request's user, ringing time and recording have no effect.
    ///
    /// # Errors
    /// When there is no such queue, or the source cannot be opened.
    pub fn call_queue(&self, queue: &str, request: CallRequest) -> Result<Conversation, CallError> {
        let room = gateway::call_queue(&self.inner, queue, request)?;
        Ok(self.conversation_of(room))
    }

    /// The softphone that a user is called at now.
    #[must_use]
    pub fn station(&self, user: &str) -> Option<Station> {
        self.inner.stations.of_user(user)
    }

    /// Associates a user with a station, or with none, and says so to the user's clients (`v2.users.{id}.station`). A
    /// station that has another user loses that one; one that is known already gets these settings.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_station(&self, user: &str, station: Option<Station>) -> Result<(), CallError> {
        let unknown = || CallError::UnknownUser { user: user.to_owned() };
        let user = self.inner.user(user).ok_or_else(unknown)?;
        self.inner.stations.associate(&self.inner, user, station);
        Ok(())
    }

    /// The connection of a user that rings, as far as the user's clients have said which can.
    #[must_use]
    pub fn alerting_leader(&self, user: &str) -> Option<String> {
        self.inner.leaders.of_user(user)
    }

    /// Lets a connection of the user ring, or none, and says so to the user's clients (`v2.users.{id}.alertingleader`).
    pub fn set_alerting_leader(&self, user: &str, connection: Option<&str>) {
        let connection = connection.map(ToOwned::to_owned);
        self.inner.leaders.set(&self.inner, user, connection);
    }

    /// The messages that were left for a user, the oldest first.
    #[must_use]
    pub fn voicemail(&self, user: &str) -> Vec<VoicemailMessage> {
        self.inner.voicemail.of_user(user)
    }

    /// Whether a user gets calls of queues.
    #[must_use]
    pub fn routing_status(&self, user: &str) -> RoutingStatus {
        self.inner.floor.status(user)
    }

    /// Puts a user on queue ([`RoutingStatus::Idle`]) or off it.
    ///
    /// # Errors
    /// When there is no such user.
    pub fn set_routing_status(&self, user: &str, status: RoutingStatus) -> Result<(), CallError> {
        match self.inner.user(user) {
            Some(_) => {
                self.inner.floor.set(&self.inner, user, status);
                Ok(())
            }
            None => Err(CallError::UnknownUser { user: user.to_owned() }),
        }
    }

    /// The conversation of this id, if it lives or is one of the last that ended.
    #[must_use]
    pub fn conversation(&self, id: &ConversationId) -> Option<Conversation> {
        let room = self.inner.conversations.find(id.as_str())?;
        Some(self.conversation_of(room))
    }

    /// All conversations that live, and the last that ended, in the order of their start.
    #[must_use]
    pub fn conversations(&self) -> Vec<Conversation> {
        let rooms = self.inner.conversations.all().into_iter();
        rooms.map(|room| self.conversation_of(room)).collect()
    }

    fn conversation_of(&self, room: Arc<Room>) -> Conversation {
        Conversation {
            inner: Arc::clone(&self.inner),
            room,
        }
    }

    /// All calls that live, and the last sixteen that have ended, in the order of their start.
    #[must_use]
    pub fn calls(&self) -> Vec<CallHandle> {
        self.inner.calls.all()
    }

    /// The call of this session.
    #[must_use]
    pub fn find(&self, session: &SessionId) -> Option<CallHandle> {
        self.inner.calls.find(session)
    }

    /// Waits for the call of this conversation, which an outbound call may get only after its
    /// request was answered. Of a conversation with several calls it is the newest.
    pub async fn call_of(&self, conversation: &ConversationId) -> CallHandle {
        self.inner.calls.wait_for(conversation).await
    }

    /// The connected clients of a user, by the user's id.
    #[must_use]
    pub fn connected(&self, user: &str) -> Vec<FullJid> {
        self.inner.hub.connected(user)
    }

    /// Waits until a client of this user has connected: it is bound and has asked for server-side
    /// pings, which is the last thing that clients do.
    pub async fn wait_connected(&self, user: &str) -> FullJid {
        self.inner.hub.wait_connected(user).await
    }

    /// Drops every streaming WebSocket without a word: [`cut`](Self::cut) by [`Cut::Fin`].
    pub fn drop_streams(&self) {
        self.cut(&Cut::Fin, None);
    }

    /// Cuts all streams, or those of one user, also while they are set up; how many. Calls go on:
    /// what the gateway says while a client is away is lost (see
    /// [`CallHandle::undelivered`](crate::CallHandle::undelivered)), and what it says to the same
    /// address afterwards is heard.
    pub fn cut(&self, cut: &Cut, user: Option<&str>) -> usize {
        self.inner.hub.cut(user, cut)
    }

    /// Replaces the faults. What is wrong with a stream is decided when it opens; throttling and
    /// rejected topics are for open streams too.
    pub fn set_faults(&self, faults: CloudFaults) {
        self.inner.faults.set(faults, Instant::now());
    }

    /// What is left of the faults: those that have happened as often as they should, and outages
    /// that are over, are gone.
    #[must_use]
    pub fn faults(&self) -> CloudFaults {
        self.inner.faults.left(Instant::now())
    }

    /// Publishes an event of a topic: to all clients, or to those of one user, that are subscribed
    /// to it by their channel or over their stream; how many.
    pub fn publish(&self, user: Option<&str>, topic: &str, body: &serde_json::Value) -> usize {
        events::publish(&self.inner, user, topic, body)
    }

    /// Tells all clients, or those of one user, of a system event; how many. Nothing is closed:
    /// [`cut`](Self::cut) comes after what was told before.
    pub fn system_event(&self, event: SystemEvent, user: Option<&str>) -> usize {
        events::tell(&self.inner, user, event)
    }

    /// Asks all clients, or those of one user, to move to another connection; how many.
    pub fn transfer(&self, user: Option<&str>) -> usize {
        events::transfer(&self.inner, user)
    }

    /// The clients that were asked to move, and whether they acknowledged it.
    #[must_use]
    pub fn transfers(&self) -> Vec<Transfer> {
        self.inner.transfers.all()
    }

    /// The topics that a client is subscribed to now, by its channel or over its stream, in order.
    #[must_use]
    pub fn topics(&self, client: &FullJid) -> Vec<String> {
        let topics = self.inner.hub.topics(&self.inner.channels, client);
        topics.into_iter().collect()
    }

    /// What clients have reported about themselves (`diagnostics/...`), whole, the oldest first; at most the last 16
    /// MiB. [`records`](Self::records) have only that it came.
    #[must_use]
    pub fn reports(&self) -> Vec<Report> {
        self.inner.reports.all()
    }

    /// Everything that happened and is still kept, in order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.inner.recorder.since(0)
    }

    /// What clients have sent, of that which is still kept, in order: requests, frames of streams, reports.
    #[must_use]
    pub fn received(&self) -> Vec<Record> {
        let mut records = self.records();
        records.retain(|record| record.direction == Direction::ToCloud);
        records
    }

    /// Everything that happens from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.inner.recorder.subscribe()
    }

    /// How long it runs: the clock of [`Record::at`].
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.inner.recorder.elapsed()
    }

    /// What is alive now.
    #[must_use]
    pub fn live(&self) -> Live {
        self.inner.gauge.live()
    }

    /// Waits until what is alive satisfies `wanted`.
    pub async fn wait_live(&self, wanted: impl FnMut(&Live) -> bool) -> Live {
        let mut live = self.inner.gauge.watch();
        match live.wait_for(wanted).await {
            Ok(live) => *live,
            // Cannot happen while `inner` holds the sender.
            Err(_) => self.live(),
        }
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.inner.stopping.send_replace(true);
        self.inner.closing.send_replace(true);
        self.server.abort();
        self.clock.abort();
        self.stun.abort();
    }
}
