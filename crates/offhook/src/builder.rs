//! How a client is made.

use std::{fs, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

#[cfg(feature = "voice")]
use offhook_audio::voice::VoiceOptions;
use offhook_audio::{
    Silence, Sink, SinkSpec, Source, SourceSpec,
    ogg_opus::{OpusPackets, PacketClip, PacketSink},
};
use offhook_jingle::SessionId;
use offhook_media::{DtlsVersion, Identity, OpusClip};
use offhook_phone::{AnswerPolicy, Endpoints, IcePolicy, Login, PhoneConfig, Telemetry};
use offhook_xmpp::Timeouts;
use url::Host;

use crate::{
    client::Client,
    clock,
    engine::Engine,
    error::BuildError,
    event::Publisher,
    memory::{MemoryWriter, StateFile},
    session::{Addresses, PacketSinkFactory, SessionAcceptance, Setup, SinkFactory, SourceFactory, VoicePlan},
    supervisor::Shell,
    token::TokenProvider,
};

/// What a client is made with; begin with [`Client::builder`].
#[derive(Debug)]
#[must_use]
pub struct ClientBuilder {
    phone: PhoneConfig,
    engine: Option<Engine>,
    tokens: Option<Arc<dyn TokenProvider>>,
    state: Option<State>,
    play: Play,
    listen: Listen,
    packets: Option<Packets>,
    voice: VoicePlan,
    bitrate: Option<i32>,
    playout_delay: Option<Duration>,
    record: Option<PathBuf>,
    addresses: Option<Vec<IpAddr>>,
    statistics_every: Option<Duration>,
    policy: IcePolicy,
    ipv6: bool,
    dtls: DtlsVersion,
    marked: bool,
    acceptance: SessionAcceptance,
}

/// How often figures are told.
const STATISTICS_EVERY: Duration = Duration::from_secs(5);

/// Where and for whom failures to connect are remembered.
#[derive(Debug)]
struct State {
    directory: PathBuf,
    application: String,
    user: String,
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

enum Listen {
    Named(SinkSpec),
    Made(SinkFactory),
}

impl std::fmt::Debug for Listen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Named(spec) => write!(f, "{spec}"),
            Self::Made(_) => f.write_str("a sink of the application"),
        }
    }
}

struct Packets(PacketSinkFactory);

impl std::fmt::Debug for Packets {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a sink of packets of the application")
    }
}

impl ClientBuilder {
    pub(crate) fn new(endpoints: Endpoints, login: Login) -> Self {
        Self {
            phone: PhoneConfig {
                softphone: true,
                ..PhoneConfig::with_login(endpoints, login)
            },
            engine: None,
            tokens: None,
            state: None,
            play: Play::Made(Arc::new(|| Box::new(Silence))),
            listen: Listen::Named(SinkSpec::None),
            packets: None,
            voice: VoicePlan::default(),
            bitrate: None,
            playout_delay: None,
            record: None,
            addresses: None,
            statistics_every: Some(STATISTICS_EVERY),
            policy: IcePolicy::default(),
            ipv6: false,
            dtls: DtlsVersion::default(),
            marked: false,
            acceptance: SessionAcceptance::default(),
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

    /// Whether the client is a whole softphone, which is the default: it follows the user's conversations and station by REST and
    /// notifications, so that [`Call`](crate::Call)s can be muted, held and ended through the cloud. If not, it does what the platform's
    /// streaming client does, and calls are what their sessions show.
    pub fn softphone(mut self, softphone: bool) -> Self {
        self.phone.softphone = softphone;
        self
    }

    /// How many calls may be accepted without asking while others go on; by default as many as come. What is more rings, and is accepted
    /// when another call has ended.
    pub fn calls_at_once(mut self, most: usize) -> Self {
        self.phone.calls_at_once = Some(most);
        self
    }

    /// The XMPP resource, by which peers find the client again; by default a random UUID, kept for the client's life.
    pub fn resource(mut self, resource: impl Into<String>) -> Self {
        self.phone.resource = Some(resource.into());
        self
    }

    /// Whether sessions and proposals outlive a lost connection, which is the default: media go on, and sessions come back under
    /// control with the connection. If not, a loss (a connection transfer too, but not
    /// [`Client::disconnect`]) ends them all: sessions with `connectivity-error`, proposals as cancelled.
    pub fn rtc_session_survivability(mut self, survive: bool) -> Self {
        self.phone.survivability = survive;
        self
    }

    /// Whether [`Client::connect`] goes on after a first attempt that failed; by default it does not. A connection that was there
    /// once is always brought back.
    pub fn keep_trying(mut self, keep_trying: bool) -> Self {
        self.phone.keep_trying = keep_trying;
        self
    }

    /// Who finds another access token when one is refused. Without it a refused token is the end of the connection.
    pub fn token_provider(mut self, provider: impl TokenProvider) -> Self {
        self.tokens = Some(Arc::new(provider));
        self.phone.renew_token = true;
        self
    }

    /// Remembers failures to connect in a file of this directory, so that a process that is restarted again and again does not
    /// hammer the cloud. They are remembered for each application, region and user; the names are the caller's. The directory is
    /// made.
    pub fn state_directory(
        mut self,
        directory: impl Into<PathBuf>,
        application: impl Into<String>,
        user: impl Into<String>,
    ) -> Self {
        self.state = Some(State {
            directory: directory.into(),
            application: application.into(),
            user: user.into(),
        });
        self
    }

    /// How long signalling waits for what, if not as long as the platform's own client does.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.phone.timeouts = timeouts;
        self
    }

    /// What the far end of each call hears; by default silence. A file is read once, when the client is built.
    pub fn play(mut self, source: SourceSpec) -> Self {
        self.play = Play::Named(source);
        self
    }

    /// Makes what the far end of each call hears. It is called on a media thread and must not block. A source that has ready-made packets
    /// ([`Source::packet`]) is not encoded.
    pub fn play_with(mut self, make: impl Fn() -> Box<dyn Source> + Send + Sync + 'static) -> Self {
        self.play = Play::Made(Arc::new(make));
        self
    }

    /// Lets the far end of each call hear a clip that was encoded before, once. It is sent packet by packet as it is, so that a thousand
    /// calls encode nothing.
    pub fn play_clip(mut self, clip: &OpusClip) -> Self {
        let packets: Arc<OpusPackets> = Arc::new(clip.packets().collect());
        self.play = Play::Made(Arc::new(move || Box::new(PacketClip::once(packets.clone()))));
        self
    }

    /// Where the far end of each call is heard; by default nowhere.
    pub fn listen(mut self, sink: SinkSpec) -> Self {
        self.listen = Listen::Named(sink);
        self
    }

    /// Makes what hears the far end of each call. It is called on a media thread and must not block.
    pub fn listen_with(mut self, make: impl Fn() -> Box<dyn Sink> + Send + Sync + 'static) -> Self {
        self.listen = Listen::Made(Arc::new(move || Ok(make())));
        self
    }

    /// Makes what takes the Opus packets of the far end of each call as they come, such as
    /// [`PacketRecording`](offhook_audio::ogg_opus::PacketRecording). They are not decoded: sinks and recordings get silence of the far
    /// end. It is called on a media thread and must not block.
    pub fn receive_packets_with(
        mut self,
        make: impl Fn(&SessionId) -> Box<dyn PacketSink> + Send + Sync + 'static,
    ) -> Self {
        self.packets = Some(Packets(Arc::new(make)));
        self
    }

    /// Takes the echo of what is heard out of what is said in each call, suppresses noise and evens out loudness, or some of these; by
    /// default nothing is done. It is for people in front of a microphone and a loudspeaker, and counts for all that a call plays and is
    /// heard by, also what it is given later. Ready-made packets are encoded anew.
    #[cfg(feature = "voice")]
    pub fn voice(mut self, options: VoiceOptions) -> Self {
        self.voice.options = Some(options);
        self
    }

    /// How many bits a second Opus takes; by default 32 000. From 16 000 to 64 000 suit speech, and what lies outside is taken to the
    /// nearest of these. A far end may ask for less.
    pub fn bitrate(mut self, bits_a_second: i32) -> Self {
        self.bitrate = Some(bits_a_second);
        self
    }

    /// How far behind the quickest packets the far end is heard at least; by default 15 ms, at most a second. It is as much more as the
    /// network asks for, and going there and back stretches and shortens what is heard. A recorder, or whoever compares audio, has none
    /// of that with as much delay as the network ever asks for.
    pub fn playout_delay(mut self, least: Duration) -> Self {
        self.playout_delay = Some(least);
        self
    }

    /// Records each call into a stereo WAV file of this directory, `{UTC time}-{conversation}.wav`: left what we sent,
    /// right what we heard. The directory is made. On a session that stays open each call has its own file.
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

    /// How often the figures of each call are told by [`Event::Statistics`](crate::Event::Statistics), and once more when it ends;
    /// by default every 5 s. `None` is never, and so is a duration of nothing.
    pub fn statistics_every(mut self, every: Option<Duration>) -> Self {
        self.statistics_every = every.filter(|every| !every.is_zero());
        self
    }

    /// Tells the cloud every 25 s how calls fare (`diagnostics/newrelic/insights`), in this application's name; by default nobody does. No
    /// address is among it, and nothing is told of guests, or of the time while the client is not connected.
    pub fn telemetry(mut self, telemetry: Telemetry) -> Self {
        self.phone.telemetry = Some(telemetry);
        self
    }

    /// Which candidates media may use; by default what the servers allow: all, or relayed ones only if there is no STUN server among
    /// them. [`IcePolicy::Relay`] hides all addresses of this machine from the far end.
    pub fn ice_policy(mut self, policy: IcePolicy) -> Self {
        self.policy = policy;
        self
    }

    /// Whether media use the IPv6 addresses of the interfaces too; by default they do not. Addresses that are given by
    /// [`addresses`](Self::addresses) are used as they are.
    pub fn ipv6(mut self, ipv6: bool) -> Self {
        self.ipv6 = ipv6;
        self
    }

    /// The DTLS versions that media are encrypted with; by default 1.2 alone, which every gateway speaks.
    /// [`Statistics::dtls_version`](crate::Statistics::dtls_version) tells which it became.
    pub fn dtls(mut self, versions: DtlsVersion) -> Self {
        self.dtls = versions;
        self
    }

    /// Whether datagrams of media ask networks to forward them before others (DSCP EF, RFC 8837 section 5); by default they do not.
    pub fn dscp(mut self, marked: bool) -> Self {
        self.marked = marked;
        self
    }

    /// Who lets the media of a session begin when its offer comes; by default that needs nobody.
    pub fn accept_sessions(mut self, acceptance: SessionAcceptance) -> Self {
        self.acceptance = acceptance;
        self
    }

    /// Makes the client. It is offline until [`Client::connect`].
    ///
    /// # Errors
    /// When a file or directory it needs cannot be used, or the machine has no address for media.
    pub fn build(mut self) -> Result<Client, BuildError> {
        let memory = match self.state.take() {
            Some(state) => Some(self.recall(&state)?),
            None => None,
        };
        let source = match self.play {
            Play::Named(spec) => {
                let loaded = spec.load()?;
                Arc::new(move || loaded.source())
            }
            Play::Made(make) => make,
        };
        let sink: Option<SinkFactory> = match self.listen {
            Listen::Named(SinkSpec::None) => None,
            Listen::Named(spec) => {
                spec.check()?;
                Some(Arc::new(move || spec.open()))
            }
            Listen::Made(make) => Some(make),
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
                ipv6: self.ipv6,
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
            policy: self.policy,
            dtls: self.dtls,
            marked: self.marked,
            acceptance: self.acceptance,
            tls: engine.tls(),
            source,
            sink,
            packets: self.packets.map(|Packets(make)| make),
            voice: self.voice,
            bitrate: self.bitrate,
            playout_delay: self.playout_delay,
            record: self.record,
            statistics_every: self.statistics_every,
            measured: self.phone.telemetry.is_some(),
            publisher,
        };
        let shell = Shell {
            engine,
            setup,
            tokens: self.tokens,
            memory,
        };
        Ok(Client::start(self.phone, shell))
    }

    /// Takes in what a process before this one remembered.
    fn recall(&mut self, state: &State) -> Result<MemoryWriter, BuildError> {
        let region = self.phone.endpoints.api().host_str().unwrap_or_default();
        let file = StateFile::new(&state.directory, &state.application, region, &state.user);
        self.phone.memory = file.read();
        self.phone.wall = clock::since_epoch();
        file.writer().map_err(|reason| BuildError::State {
            path: state.directory.clone(),
            reason,
        })
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
