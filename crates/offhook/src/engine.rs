//! The process's shared things: threads, TLS roots, the way to the servers.

use std::{
    num::NonZero,
    path::{Path, PathBuf},
    sync::{
        Arc, OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use rustls::{ClientConfig, RootCertStore, pki_types::CertificateDer, pki_types::pem::PemObject};
use thiserror::Error;

use crate::{
    dial::Dialer,
    proxy::{Proxies, Proxy},
    rest::Rest,
    suspend::WallClock,
    worker::Worker,
};

/// What the process's clients share: a signalling thread, media threads, the HTTP client and the TLS roots.
///
/// Its threads are its own, so that a [`Client`](crate::Client) works from any runtime or none. They end when the
/// engine and all its clients are gone. Most programs never name it: [`Engine::shared`] is used when nothing else is said.
#[derive(Clone, Debug)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    signalling: Worker,
    media: Vec<Worker>,
    next: AtomicUsize,
    dialer: Dialer,
    rest: Rest,
}

/// What an engine is made with.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct EngineConfig {
    /// How many threads carry media; by default one for each core.
    pub media_threads: Option<NonZero<usize>>,
    /// PEM files with trust anchors beside the system's.
    pub trust_anchors: Vec<PathBuf>,
    /// The HTTP proxy on the way to the servers; by default the one that the environment names.
    pub proxy: Proxy,
    /// The clock by which suspends of the machine are noticed, since it goes on meanwhile.
    pub wall_clock: WallClock,
}

/// Why an engine could not be started.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The system gave no thread or no event queue.
    #[error("a thread of the engine could not be started: {0}")]
    Thread(#[source] std::io::Error),
    /// A file of trust anchors is missing or holds no certificate.
    #[error("{} holds no usable trust anchor (PEM): {reason}", path.display())]
    TrustAnchor {
        /// The file.
        path: PathBuf,
        /// What was wrong with it.
        reason: String,
    },
    /// The TLS library or the HTTP client could not be set up.
    #[error("TLS could not be set up: {0}")]
    Tls(String),
}

impl Engine {
    /// Starts an engine of its own.
    ///
    /// # Errors
    /// When a thread cannot be started or a trust anchor cannot be read.
    pub fn new(config: &EngineConfig) -> Result<Self, EngineError> {
        let tls = Arc::new(client_config(&config.trust_anchors)?);
        let proxies = Arc::new(Proxies::new(&config.proxy));
        let cores = || thread::available_parallelism().unwrap_or(NonZero::<usize>::MIN);
        let threads = config.media_threads.unwrap_or_else(cores).get();
        let wall = || config.wall_clock.clone();
        let media = (0..threads).map(|number| Worker::start(format!("offhook-media-{number}"), wall()));
        Ok(Self(Arc::new(Shared {
            signalling: Worker::start("offhook".to_owned(), wall()).map_err(EngineError::Thread)?,
            media: media.collect::<Result<_, _>>().map_err(EngineError::Thread)?,
            next: AtomicUsize::new(0),
            rest: Rest::new(&tls, proxies.clone()).map_err(EngineError::Tls)?,
            dialer: Dialer::new(tls, proxies),
        })))
    }

    /// The engine that clients share when they are not given another; started when it is first asked for.
    ///
    /// # Errors
    /// As [`Engine::new`], at each call until it has succeeded once.
    pub fn shared() -> Result<Self, EngineError> {
        static SHARED: OnceLock<Engine> = OnceLock::new();
        if let Some(engine) = SHARED.get() {
            return Ok(engine.clone());
        }
        let engine = Self::new(&EngineConfig::default())?;
        Ok(SHARED.get_or_init(|| engine).clone())
    }

    /// How many tasks live on the engine's threads: a figure for leak checks.
    pub fn tasks(&self) -> usize {
        self.0.signalling.tasks() + self.0.media.iter().map(Worker::tasks).sum::<usize>()
    }

    pub(crate) fn signalling(&self) -> &Worker {
        &self.0.signalling
    }

    /// The thread for the next call, in turn.
    pub(crate) fn media(&self) -> &Worker {
        let next = self.0.next.fetch_add(1, Ordering::Relaxed);
        &self.0.media[next % self.0.media.len()]
    }

    /// TLS as the engine speaks it.
    pub(crate) fn tls(&self) -> Arc<ClientConfig> {
        self.0.dialer.tls()
    }

    pub(crate) fn dialer(&self) -> Dialer {
        self.0.dialer.clone()
    }

    pub(crate) fn rest(&self) -> Rest {
        self.0.rest.clone()
    }
}

/// TLS with the system's roots and the given ones. No ALPN: the WebSocket wants none, the HTTP client adds its own.
fn client_config(trust_anchors: &[PathBuf]) -> Result<ClientConfig, EngineError> {
    let mut roots = RootCertStore::empty();
    let system = rustls_native_certs::load_native_certs();
    for error in &system.errors {
        tracing::warn!(%error, "a trust anchor of the system cannot be read");
    }
    roots.add_parsable_certificates(system.certs);
    for path in trust_anchors {
        add_file(&mut roots, path).map_err(|reason| EngineError::TrustAnchor {
            path: path.clone(),
            reason,
        })?;
    }
    if roots.is_empty() {
        tracing::warn!("no trust anchors: install the system's (package ca-certificates) to connect with TLS");
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| EngineError::Tls(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
}

fn add_file(roots: &mut RootCertStore, path: &Path) -> Result<(), String> {
    let certificates = CertificateDer::pem_file_iter(path).map_err(|error| error.to_string())?;
    let mut added = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
        added += 1;
    }
    if added == 0 {
        Err("there is no certificate in it".to_owned())
    } else {
        Ok(())
    }
}
