//! What a simulated cloud is made of: its users, its gateway, and how it misbehaves.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use jid::BareJid;
use offhook_audio::SourceSpec;
use offhook_jingle::Dialect;
use offhook_media::DtlsVersion;
use secrecy::SecretString;

use crate::faults::CloudFaults;
use crate::gateway::MediaPath;
use crate::oauth::OAuthClient;
use crate::queue::Queue;
use crate::server::ExternalService;

/// Settings of a [`Cloud`](crate::Cloud).
#[derive(Debug, Clone)]
pub struct CloudConfig {
    /// Where REST, the streaming WebSocket and the control API are served. `127.0.0.1:0`, that is
    /// any free port.
    pub listen: SocketAddr,
    /// REST, the streaming WebSocket and the control API are encrypted, with a certificate of an authority that is made anew:
    /// [`Cloud::authority`](crate::Cloud::authority). They are not.
    pub tls: bool,
    /// The accounts. The first one is the default of everything that takes an optional user.
    pub users: Vec<User>,
    /// The applications that may ask for tokens at `/oauth/authorize`. None.
    pub oauth_clients: Vec<OAuthClient>,
    /// How long such a token is valid. A day.
    pub oauth_lifetime: Duration,
    /// The queues that distribute calls. None.
    pub queues: Vec<Queue>,
    /// The far end of every call.
    pub gateway: GatewayConfig,
    /// What goes wrong with REST and streams from the start; see
    /// [`Cloud::set_faults`](crate::Cloud::set_faults).
    pub faults: CloudFaults,
    /// Whether the cloud relays media by TURN (RFC 8656), over UDP and TCP. It does not: on one machine every call has a shorter way.
    pub turn: bool,
    /// The external services that clients are told of (XEP-0215). `None` is the cloud's own STUN
    /// server, and TURN servers if it has them; see [`Cloud::set_services`](crate::Cloud::set_services).
    pub services: Option<Vec<ExternalService>>,
    /// For how long a stream that lost its socket can be resumed (XEP-0198). `None`, the default,
    /// offers no stream management.
    pub stream_management: Option<Duration>,
    /// Time between two server-side pings of a client that asked for them. 30 s.
    pub ping_every: Duration,
    /// How many records are kept; the oldest go first. 20 000.
    pub records: usize,
    /// Makes every id the cloud draws reproducible. `None` draws from the operating system.
    pub seed: Option<[u8; 32]>,
}

impl Default for CloudConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            tls: false,
            users: vec![User::default()],
            oauth_clients: Vec::new(),
            oauth_lifetime: Duration::from_secs(86_400),
            queues: Vec::new(),
            gateway: GatewayConfig::default(),
            faults: CloudFaults::default(),
            turn: false,
            services: None,
            stream_management: None,
            ping_every: Duration::from_secs(30),
            records: 20_000,
            seed: None,
        }
    }
}

/// An account of the cloud.
#[derive(Debug, Clone)]
pub struct User {
    /// The id of `GET users/me`.
    pub id: String,
    /// The display name.
    pub name: String,
    /// The address of its streams (`chat.jabberId`).
    pub jid: BareJid,
    /// The access token: REST bearer, and `authKey:` password of SASL PLAIN.
    pub token: SecretString,
    /// The softphone that the platform calls the account at in the beginning, see
    /// [`Cloud::set_station`](crate::Cloud::set_station); `None` is an account without one.
    pub station: Option<Station>,
}

/// The settings of a softphone, which clients ask for (`GET stations/{id}`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Station {
    /// Its id.
    pub id: String,
    /// The most calls at a time, each in a session of its own (`webRtcCallAppearances`). 1.
    pub lines: u32,
    /// Clients are to use relayed addresses alone (`webRtcForceTurn`).
    pub relayed: bool,
    /// The session stays between calls (`webRtcPersistentEnabled`), of several the first that has lost its call. The next
    /// call rings by an update of the conversation alone, is picked up by `PATCH .../participants/{id}` with the state
    /// `connected` (outbound calls and those with `auto_answer` by themselves), and has that session: its dialect, and none
    /// of the faults of a set-up.
    pub persistent: bool,
}

impl User {
    /// An account whose id and address are made from `name` (letters and digits; others are left
    /// out).
    pub fn new(name: &str, token: impl Into<String>) -> Self {
        let local: String = name
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        let local = if local.is_empty() { "user".to_owned() } else { local };
        let jid = BareJid::new(&format!("{local}@{ORGANISATION}"))
            .expect("lower-case letters and digits make a valid local part");
        Self {
            id: format!("user-{local}"),
            name: name.to_owned(),
            jid,
            token: SecretString::from(token.into()),
            station: Some(Station {
                id: format!("station-{local}"),
                lines: 1,
                relayed: false,
                persistent: false,
            }),
        }
    }
}

impl Default for User {
    fn default() -> Self {
        Self::new("Agent", "offhook-sim-token")
    }
}

/// The XMPP domain of accounts made by [`User::new`].
pub const ORGANISATION: &str = "acme.orgspan.offhook.test";

/// The XMPP domain of the gateway. `gjoll` is what marks a softphone gateway's address.
pub const GATEWAY: &str = "gjoll.offhook.test";

/// Settings of the gateway, the far end of every call.
#[derive(Debug, Clone)]
pub struct GatewayConfig {
    /// The local addresses of its media sockets, one socket a call on each. `127.0.0.1`.
    pub addresses: Vec<IpAddr>,
    /// The DTLS versions it speaks. 1.2, as the platform does.
    pub dtls: DtlsVersion,
    /// How far behind the quickest packets it hears clients at least ([`CallConfig::playout_delay`](offhook_media::CallConfig::playout_delay)). 15 ms.
    pub playout_delay: Duration,
    /// How the sessions of calls speak that do not say otherwise. SDP over XMPP.
    pub dialect: Dialect,
    /// What it plays into calls that do not say otherwise. A 440 Hz tone.
    pub play: SourceSpec,
    /// What the others hear of one who holds the call, and who is left out of a consultation. Silence.
    pub hold: SourceSpec,
    /// Nobody gets, or places, more calls at a time than the station has lines ([`Station::lines`]): further ones come to
    /// nothing with [`CallError::Busy`](crate::CallError::Busy). Otherwise lines are told to clients, and nothing else.
    pub enforce_lines: bool,
    /// Whoever calls a user who rejects the call or does not answer in time leaves a message for that one. Otherwise the
    /// call is over then.
    pub voicemail: bool,
    /// How long the messages are that parties beyond the gateway leave on a voicemail. 5 s.
    pub message: Duration,
    /// Where it records every call that does not say otherwise, as `{conversation}.wav`, and further calls of
    /// a conversation as `{conversation}-2.wav` and so on.
    pub record: Option<PathBuf>,
    /// How long a proposal rings before it is retracted, unless the call says otherwise. 30 s.
    pub ring: Duration,
    /// How long a session without a call stays, at a station where it does. Ten minutes.
    pub keep_session: Duration,
    /// After which time outbound calls are hung up; `None` leaves it to the client.
    pub outbound_duration: Option<Duration>,
    /// In which order the REST reply and the proposal of an outbound call are sent.
    pub outbound: OutboundOrder,
    /// How much of the heard and the played audio is kept of each call. 120 s.
    pub keep_audio: Duration,
    /// What goes wrong with calls that do not say otherwise.
    pub faults: CallFaults,
}

impl Default for GatewayConfig {
    fn default() -> Self {
        Self {
            addresses: vec![IpAddr::V4(Ipv4Addr::LOCALHOST)],
            dtls: DtlsVersion::default(),
            playout_delay: Duration::from_millis(15),
            dialect: Dialect::SdpOverXmpp,
            play: SourceSpec::Tone { hertz: 440 },
            hold: SourceSpec::Silence,
            enforce_lines: false,
            voicemail: false,
            message: Duration::from_secs(5),
            record: None,
            ring: Duration::from_secs(30),
            keep_session: Duration::from_secs(600),
            outbound_duration: None,
            outbound: OutboundOrder::default(),
            keep_audio: Duration::from_secs(120),
            faults: CallFaults::default(),
        }
    }
}

/// Which comes first for an outbound call: both orders are seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutboundOrder {
    /// `POST conversations/calls` is answered; the proposal follows after the gap.
    ReplyFirst {
        /// Time from the reply to the proposal.
        gap: Duration,
    },
    /// The proposal is sent; the POST is answered after the gap.
    ProposalFirst {
        /// Time from the proposal to the reply.
        gap: Duration,
    },
}

impl Default for OutboundOrder {
    fn default() -> Self {
        Self::ReplyFirst {
            gap: Duration::from_millis(20),
        }
    }
}

/// Faults of one call.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CallFaults {
    /// The gateway sends silence instead of its source.
    pub muted: bool,
    /// The offer is not what it should be.
    pub offer: Option<OfferFault>,
    /// The gateway's candidates go out before its offer.
    pub early_candidates: bool,
    /// How often the proposal is repeated before the client proceeds, 200 ms apart.
    pub repeat_propose: u32,
    /// The client's requests are not acknowledged.
    pub no_acknowledgements: bool,
    /// The session is offered in the dialect that was not proposed too.
    pub other_dialect: Option<OtherDialect>,
    /// How its datagrams travel.
    pub path: MediaPath,
}

/// When the offer in the dialect that was not proposed comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OtherDialect {
    /// Before the one in the right dialect.
    First,
    /// After it.
    Last,
}

/// What is wrong with an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OfferFault {
    /// The text is no SDP at all.
    NotSdp,
    /// It is SDP without an audio section.
    NoAudio,
    /// It announces another DTLS certificate than the gateway's.
    WrongFingerprint,
}
