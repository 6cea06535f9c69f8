//! How a client is made.

use std::{fs, net::IpAddr, path::PathBuf, sync::Arc};

use offhook_audio::{Silence, Source, SourceSpec};
use offhook_media::Identity;
use offhook_phone::{AnswerPolicy, Endpoints, PhoneConfig};
use secrecy::SecretString;
use url::Host;

use crate::{
    client::Client,
    engine::Engine,
    error::BuildError,
    event::Publisher,
    session::{Addresses, Setup, SourceFactory},
};

/// What a client is made with; begin with [`Client::builder`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    phone: PhoneConfig,
    engine: Option<Engine>,
    play: Play,
    record: Option<PathBuf>,
    addresses: Option<Vec<IpAddr>>,
}

enum Play {
    Named(SourceSpec),
    Made(SourceFactory),
}

impl std::fmt::Debug for Play {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(spec) => write!(f, "{spec}"),
            Self::Made(_) => f.write_str("a source of the application"),
        }
    }
}

impl ClientBuilder {
    pub(crate) fn new(endpoints: Endpoints, token: SecretString) -> Self {
        Self {
            phone: PhoneConfig::new(endpoints, token),
            engine: None,
            play: Play::Made(Arc::new(|| Box::new(Silence))),
            record: None,
            addresses: None,
        }
    }

    /// Runs on this engine instead of the shared one.
    pub fn engine(mut self, engine: Engine) -> Self {
        self.engine = Some(engine);
        self
    }

    /// Which proposals are accepted without asking; by default those of placed calls and those that ask for it.
    pub fn answer(mut self, policy: AnswerPolicy) -> Self {
        self.phone.answer = policy;
        self
    }

    /// The XMPP resource, by which peers find the client again; by default a random UUID, kept for the client's life.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.phone.resource = Some(resource.into());
        self
    }

    /// What the far end of each call hears; by default silence. A file is read once, when the client is built.
    pub fn play(mut self, source: SourceSpec) -> Self {
        self.play = Play::Named(source);
        self
    }

    /// Makes what the far end of each call hears. It is called on a media thread and must not block.
    pub fn play_with(mut self, make: impl Fn() -> Box<dyn Source> + Send + Sync + 'static) -> Self {
        self.play = Play::Made(Arc::new(make));
        self
    }

    /// Records each call into a stereo WAV file of this directory, `{UTC time}-{conversation}.wav`: left what we sent,
    /// right what we heard. The directory is made.
    pub fn record_to(mut self, directory: impl Into<PathBuf>) -> Self {
        self.record = Some(directory.into());
        self
    }

    /// The local addresses that media use; by default the IPv4 addresses that all interfaces have when a call begins, those of
    /// loopback only when the API is on loopback too.
    pub fn addresses(mut self, addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        self.addresses = Some(addresses.into_iter().collect());
        self
    }

    /// Makes the client. It is offline until [`Client::connect`].
    ///
    /// # Errors
    /// When a file or directory it needs cannot be used, or the machine has no address for media.
    pub fn build(self) -> Result<Client, BuildError> {
        let source = match self.play {
            Play::Named(spec) => {
                let loaded = spec.load()?;
                Arc::new(move || loaded.source())
            }
            Play::Made(make) => make,
        };
        if let Some(path) = &self.record {
            fs::create_dir_all(path).map_err(|reason| BuildError::Recordings {
                path: path.clone(),
                reason,
            })?;
        }
        let addresses = match self.addresses {
            Some(addresses) => Addresses::Fixed(addresses),
            None => Addresses::Interfaces {
                loopback: is_loopback(&self.phone.endpoints),
            },
        };
        if addresses.list().map_err(BuildError::Interfaces)?.is_empty() {
            return Err(BuildError::NoAddress);
        }
        let engine = self.engine.map_or_else(Engine::shared, Ok)?;
        let publisher = Publisher::new();
        let setup = Setup {
            identity: Identity::generate()?,
            addresses,
            source,
            record: self.record,
            publisher,
        };
        Ok(Client::start(self.phone, engine, setup))
    }
}

fn is_loopback(endpoints: &Endpoints) -> bool {
    match endpoints.api().host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}
