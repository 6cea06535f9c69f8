//! What all parts of a running cloud share.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Mutex;
use std::time::Instant;

use offhook_audio::Loaded;
use offhook_media::Identity;
use rand::rngs::{StdRng, SysRng};
use rand::{Rng, SeedableRng, TryRng};
use secrecy::ExposeSecret;
use tokio::sync::watch;

use crate::cloud::StartError;
use crate::config::{CloudConfig, CloudFaults, User};
use crate::gateway::{Calls, clock::Clock};
use crate::gauge::{Counter, Gauge};
use crate::hub::Hub;
use crate::record::Recorder;

/// How many notification channels are remembered; the oldest go first.
const CHANNELS: usize = 1_000;

pub(crate) struct Inner {
    pub(crate) config: CloudConfig,
    pub(crate) address: SocketAddr,
    /// Where the STUN server listens.
    pub(crate) stun: SocketAddr,
    pub(crate) recorder: Recorder,
    pub(crate) gauge: Gauge,
    pub(crate) hub: Hub,
    pub(crate) calls: Calls,
    pub(crate) clock: Clock,
    pub(crate) identity: Identity,
    /// What calls play that do not say otherwise, read once.
    pub(crate) source: Loaded,
    pub(crate) faults: Mutex<CloudFaults>,
    pub(crate) sockets: Counter,
    /// Becomes true once, when the cloud stops: calls end, and no new ones start.
    pub(crate) stopping: watch::Sender<bool>,
    /// Becomes true once, when all calls have ended: streams close, and HTTP too.
    pub(crate) closing: watch::Sender<bool>,
    channels: Mutex<Channels>,
    rng: Mutex<StdRng>,
}

/// The notification channels, each of one user.
#[derive(Default)]
struct Channels {
    next: u64,
    users: HashMap<String, (u64, usize)>,
}

impl Inner {
    pub(crate) fn new(
        config: CloudConfig,
        address: SocketAddr,
        stun: SocketAddr,
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
        Ok(Self {
            address,
            stun,
            recorder: Recorder::new(start, config.records),
            gauge: Gauge::new(),
            hub: Hub::new(),
            calls: Calls::new(),
            clock: Clock::new(),
            identity: Identity::generate()?,
            source: config.gateway.play.load()?,
            faults: Mutex::new(config.faults.clone()),
            sockets: Counter::default(),
            stopping: watch::Sender::new(false),
            closing: watch::Sender::new(false),
            channels: Mutex::default(),
            rng: Mutex::new(StdRng::from_seed(seed)),
            config,
        })
    }

    pub(crate) fn default_user(&self) -> &User {
        self.config.users.first().expect("`new` refuses a cloud without users")
    }

    pub(crate) fn user(&self, id: &str) -> Option<&User> {
        self.config.users.iter().find(|user| user.id == id)
    }

    pub(crate) fn user_of_token(&self, token: &str) -> Option<&User> {
        self.config
            .users
            .iter()
            .find(|user| user.token.expose_secret() == token)
    }

    /// Makes a notification channel of this user; its id.
    pub(crate) fn open_channel(&self, user: &User) -> Option<String> {
        let index = self.config.users.iter().position(|known| known.id == user.id)?;
        let id = format!("streaming-{}", self.draw_id());
        let mut channels = crate::lock(&self.channels);
        let number = channels.next;
        channels.next += 1;
        if channels.users.len() >= CHANNELS {
            let oldest = channels.users.iter().min_by_key(|(_, entry)| entry.0);
            if let Some(oldest) = oldest.map(|(id, _)| id.clone()) {
                channels.users.remove(&oldest);
            }
        }
        channels.users.insert(id.clone(), (number, index));
        Some(id)
    }

    /// Whose channel this is.
    pub(crate) fn user_of_channel(&self, channel: &str) -> Option<&User> {
        let index = crate::lock(&self.channels).users.get(channel)?.1;
        self.config.users.get(index)
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
