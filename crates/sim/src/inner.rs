//! What all parts of a running cloud share.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use offhook_audio::Loaded;
use offhook_media::{CallConfig, Identity};
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::watch;

use crate::channels::Channels;
use crate::cloud::{StartError, TokenError};
use crate::config::{CloudConfig, User};
use crate::conversation::Conversations;
use crate::events::Transfers;
use crate::faults::Faults;
use crate::gateway::{CallError, Calls, Lines, clock::Clock};
use crate::gauge::{Counter, Gauge};
use crate::hub::Hub;
use crate::oauth::OAuth;
use crate::queue::{Floor, Queue};
use crate::record::Recorder;
use crate::reports::Reports;
use crate::server::{ExternalService, Switchboard};
use crate::stations::{Leaders, Stations};
use crate::tls::Tls;
use crate::turn::{self, Turn};
use crate::voicemail::Voicemail;

pub(crate) struct Inner {
    pub(crate) config: CloudConfig,
    pub(crate) address: SocketAddr,
    /// REST and WebSockets are encrypted with this.
    pub(crate) tls: Option<Tls>,
    /// Where the STUN server listens.
    stun: SocketAddr,
    /// The cloud's own TURN servers, if it has any.
    turn: Option<Turn>,
    pub(crate) recorder: Recorder,
    pub(crate) gauge: Gauge,
    pub(crate) hub: Hub,
    pub(crate) calls: Calls,
    pub(crate) lines: Lines,
    pub(crate) floor: Floor,
    pub(crate) voicemail: Voicemail,
    pub(crate) oauth: OAuth,
    pub(crate) stations: Stations,
    pub(crate) leaders: Leaders,
    pub(crate) reports: Reports,
    pub(crate) conversations: Conversations,
    pub(crate) clock: Clock,
    pub(crate) identity: Identity,
    /// What calls play that do not say otherwise, read once.
    pub(crate) source: Loaded,
    /// What is heard of who is on hold, read once.
    pub(crate) hold: Loaded,
    pub(crate) faults: Faults,
    pub(crate) switchboard: Switchboard,
    pub(crate) transfers: Transfers,
    pub(crate) sockets: Counter,
    /// Becomes true once, when the cloud stops: calls end, and no new ones start.
    pub(crate) stopping: watch::Sender<bool>,
    /// Becomes true once, when all calls have ended: streams close, and HTTP too.
    pub(crate) closing: watch::Sender<bool>,
    pub(crate) channels: Channels,
    /// The tokens that are valid now, by the users' ids.
    tokens: Mutex<HashMap<String, SecretString>>,
    rng: Mutex<StdRng>,
}

impl Inner {
    pub(crate) fn new(
        config: CloudConfig,
        address: SocketAddr,
        stun: SocketAddr,
        turn: Option<turn::Sockets>,
        start: Instant,
    ) -> Result<Self, StartError> {
        check_users(&config.users)?;
        let address = reachable(address, &config);
        let seed = match config.seed {
            Some(seed) => seed,
            None => {
                let mut seed = [0; 32];
                SysRng.try_fill_bytes(&mut seed).map_err(|_| StartError::NoRandomness)?;
                seed
            }
        };
        let tls = match config.tls {
            true => {
                let addresses = config.gateway.addresses.iter().copied().chain([address.ip()]);
                Some(Tls::new(addresses).map_err(StartError::Certificate)?)
            }
            false => None,
        };
        let switchboard = Switchboard::default();
        let faults = Faults::new(config.faults.clone(), switchboard.clone(), start);
        let mut rng = StdRng::from_seed(seed);
        let turn = turn.map(|sockets| Turn::start(sockets, &mut rng, &faults.dead_turn()));
        let tokens = config.users.iter().map(|user| (user.id.clone(), user.token.clone()));
        let inner = Self {
            address,
            tls,
            stun,
            turn,
            recorder: Recorder::new(start, config.records),
            gauge: Gauge::new(),
            hub: Hub::new(),
            calls: Calls::new(),
            lines: Lines::default(),
            floor: Floor::new(),
            voicemail: Voicemail::default(),
            oauth: OAuth::default(),
            stations: Stations::new(&config.users),
            leaders: Leaders::default(),
            reports: Reports::default(),
            conversations: Conversations::default(),
            clock: Clock::new(),
            identity: Identity::generate()?,
            source: config.gateway.play.load()?,
            faults,
            hold: config.gateway.hold.load()?,
            switchboard,
            transfers: Transfers::default(),
            tokens: Mutex::new(tokens.collect()),
            sockets: Counter::default(),
            stopping: watch::Sender::new(false),
            closing: watch::Sender::new(false),
            channels: Channels::default(),
            rng: Mutex::new(rng),
            config,
        };
        inner.set_services(inner.config.services.clone());
        Ok(inner)
    }

    /// The beginning of the cloud's URLs; `scheme` is `http` or `ws`, and with TLS it is secure.
    pub(crate) fn base(&self, scheme: &str) -> String {
        let secure = if self.tls.is_some() { "s" } else { "" };
        format!("{scheme}{secure}://{}", self.address)
    }

    /// What the media of the gateway's sessions are made with.
    pub(crate) fn media(&self) -> CallConfig {
        let mut media = CallConfig::new(self.identity.clone(), self.config.gateway.addresses.clone());
        media.dtls = self.config.gateway.dtls;
        media.playout_delay = self.config.gateway.playout_delay;
        media
    }

    /// Replaces the external services; `None` is the cloud's own.
    pub(crate) fn set_services(&self, services: Option<Vec<ExternalService>>) {
        self.switchboard.set_services(services.unwrap_or_else(|| {
            let host = self.stun.ip().to_string();
            let stun = ExternalService::new("stun", &host, self.stun.port());
            let turn = self.turn.iter().flat_map(Turn::services);
            std::iter::once(stun).chain(turn).collect()
        }));
    }

    pub(crate) fn default_user(&self) -> &User {
        self.config.users.first().expect("`new` refuses a cloud without users")
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.config.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn queue(&self, id: &str) -> Result<&Queue, CallError> {
        let found = self.config.queues.iter().find(|queue| queue.id == id);
        found.ok_or_else(|| CallError::UnknownQueue { queue: id.to_owned() })
    }

    pub(crate) fn user_of_token(&self, token: &str) -> Option<&User> {
        let tokens = crate::lock(&self.tokens);
        let mut owners = tokens.iter().filter(|(_, it)| it.expose_secret() == token);
        if let Some((id, _)) = owners.next() {
            return self.user(id);
        }
        let id = self.oauth.user(token, Instant::now())?;
        self.user(&id)
    }

    /// All tokens of this user that are valid now.
    pub(crate) fn tokens(&self, user: &User) -> Vec<SecretString> {
        let mut tokens = self.oauth.tokens(&user.id, Instant::now());
        tokens.push(self.token(user));
        tokens
    }

    /// The token of this user that is valid now.
    pub(crate) fn token(&self, user: &User) -> SecretString {
        let tokens = crate::lock(&self.tokens);
        tokens.get(&user.id).cloned().unwrap_or_else(|| user.token.clone())
    }

    /// Replaces a user's token; the old one is worth nothing from then on.
    pub(crate) fn set_token(&self, user: &str, token: SecretString) -> Result<(), TokenError> {
        if self.user(user).is_none() {
            return Err(TokenError::UnknownUser { user: user.to_owned() });
        }
        let mut tokens = crate::lock(&self.tokens);
        let taken = |(id, it): (&String, &SecretString)| id != user && it.expose_secret() == token.expose_secret();
        if tokens.iter().any(taken) {
            return Err(TokenError::Taken);
        }
        tokens.insert(user.to_owned(), token);
        Ok(())
    }

    /// Makes a notification channel of this user; its id.
    pub(crate) fn open_channel(&self, user: &User) -> String {
        let id = format!("streaming-{}", self.draw_id());
        self.channels.open(id.clone(), &user.id);
        id
    }

    /// Whose channel this is.
    pub(crate) fn user_of_channel(&self, channel: &str) -> Option<&User> {
        self.user(&self.channels.user(channel)?)
    }

    pub(crate) fn draw_seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        crate::lock(&self.rng).fill_bytes(&mut seed);
        seed
    }

    /// A version 4 UUID.
    pub(crate) fn draw_id(&self) -> String {
        let mut bytes = [0; 16];
        crate::lock(&self.rng).fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

/// What clients are told when the cloud listens on all addresses: one that they can connect to.
fn reachable(address: SocketAddr, config: &CloudConfig) -> SocketAddr {
    match config.gateway.addresses.first() {
        Some(&media) if address.ip().is_unspecified() => SocketAddr::new(media, address.port()),
        Some(_) | None => address,
    }
}

fn check_users(users: &[User]) -> Result<(), StartError> {
    if users.is_empty() {
        return Err(StartError::Users("there is none"));
    }
    let differ = |values: HashSet<&str>| values.len() == users.len();
    if !differ(users.iter().map(|user| user.id.as_str()).collect()) {
        return Err(StartError::Users("two share an id"));
    }
    if !differ(users.iter().map(|user| user.jid.as_str()).collect()) {
        return Err(StartError::Users("two share an address"));
    }
    if !differ(users.iter().map(|user| user.token.expose_secret()).collect()) {
        return Err(StartError::Users("two share a token"));
    }
    Ok(())
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Inner")
            .field("address", &self.address)
            .field("live", &self.gauge.live())
            .finish_non_exhaustive()
    }
}
