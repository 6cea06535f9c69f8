//! The cloud as a test or a demo holds it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jid::FullJid;
use offhook_audio::SourceError;
use offhook_jingle::{ConversationId, SessionId};
use offhook_media::IdentityError;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::broadcast;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::call_state::CallHandle;
use crate::config::{CloudConfig, CloudFaults, User};
use crate::gateway::{self, CallError, CallRequest};
use crate::gauge::Live;
use crate::http;
use crate::inner::Inner;
use crate::record::Record;
use crate::stun;

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
        let inner = Arc::new(Inner::new(config, address, stun_address, Instant::now())?);
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

    /// The base of REST, `http://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn api_url(&self) -> String {
        format!("http://{}", self.inner.address)
    }

    /// The base of the streaming WebSocket, `ws://127.0.0.1:PORT`, without a slash at its end.
    #[must_use]
    pub fn streaming_url(&self) -> String {
        format!("ws://{}", self.inner.address)
    }

    /// The accounts.
    #[must_use]
    pub fn users(&self) -> &[User] {
        &self.inner.config.users
    }

    /// The first account.
    #[must_use]
    pub fn user(&self) -> &User {
        self.inner.default_user()
    }

    /// The first account's token.
    #[must_use]
    pub fn default_token(&self) -> SecretString {
        SecretString::from(self.user().token.expose_secret())
    }

    /// Calls a user: proposes to all of their connected clients.
    ///
    /// # Errors
    /// When there is no such user, none of their clients is connected, or the source cannot be
    /// opened.
    pub fn call(&self, request: CallRequest) -> Result<CallHandle, CallError> {
        gateway::start(&self.inner, request)
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
    /// request was answered.
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

    /// Drops every streaming WebSocket without a word, as a network failure does.
    pub fn drop_streams(&self) {
        self.inner.hub.drop_streams();
    }

    /// Replaces the faults; streams that are open already keep theirs.
    pub fn set_faults(&self, faults: CloudFaults) {
        *crate::lock(&self.inner.faults) = faults;
    }

    /// Everything that happened and is still kept, in order.
    #[must_use]
    pub fn records(&self) -> Vec<Record> {
        self.inner.recorder.since(0)
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
