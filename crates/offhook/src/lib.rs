//! Genesys Cloud WebRTC softphone calls without a browser.
//!
//! A [`Client`] logs in with an access token, keeps the streaming WebSocket, tells of calls as [`Event`]s, and carries their
//! audio. It is the I/O shell around cores that do none: [`offhook_phone`] decides, [`offhook_xmpp`] and [`offhook_jingle`]
//! speak, [`offhook_media`] carries Opus over DTLS-SRTP, [`offhook_audio`] plays and records.
//!
//! ```no_run
//! use offhook::{AnswerPolicy, Client, Destination, Endpoints, Event, OutboundCall, SourceSpec};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let cloud = Endpoints::region("mypurecloud.de")?;
//! let client = Client::builder(cloud, std::env::var("OFFHOOK_TOKEN")?)
//!     .answer(AnswerPolicy { always: true, ..AnswerPolicy::default() })
//!     .play(SourceSpec::Tone { hertz: 440 })
//!     .record_to("recordings")
//!     .build()?;
//! let mut events = client.events();
//! client.connect().await?;
//! let call = client.place_call(OutboundCall::to(Destination::PhoneNumber("+493012345678".into()))).await?;
//! println!("conversation {} is carried by session {}", call.conversation(), call.connected().await?);
//! while let Some(event) = events.next().await {
//!     match event {
//!         Event::SessionStarted { session, .. } => println!("call {session} is up"),
//!         Event::SessionEnded { session, reason, .. } => println!("call {session} is over: {reason}"),
//!         Event::ShutDown => break,
//!         _ => {}
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # Logs
//! Logs are `tracing` events; libraries below write records of the `log` crate too. No secret is in either, at any level: no token,
//! no login, no password of a proxy or of a TURN server.
//!
//! # Proxies
//! REST and the WebSocket go through the HTTP proxy that the environment names (`HTTPS_PROXY`, `NO_PROXY` and so on), or the one in
//! [`EngineConfig::proxy`]. Media do not.
//!
//! # Threads
//! An [`Engine`] runs signalling on one thread and media on one for each core. Handles may be used from any runtime, or
//! from none by a blocking executor. Sessions are actors of their own: one that fails ends with `general-error`, and no
//! other notices.

#![forbid(unsafe_code)]

mod alarm;
mod builder;
mod call;
mod client;
mod clock;
mod dial;
mod engine;
mod error;
mod event;
mod interfaces;
mod memory;
mod proxy;
mod rest;
mod retry_after;
mod session;
mod supervisor;
mod suspend;
mod token;
mod transport;
mod websocket;
mod worker;

#[doc(hidden)]
pub use self::websocket::fuzzing;
#[cfg(feature = "voice")]
pub use offhook_audio::voice::VoiceOptions;
pub use offhook_audio::{
    PromptId, Recorded, RecordingOptions, Sink, SinkSpec, SinkSpecError, Source, SourceSpec, SourceSpecError,
    ogg_opus::PacketSink,
};
pub use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, UnknownReason, session::EndedBy};
pub use offhook_media::{
    CandidateType, Digit, DigitsError, DtlsProtocol, DtlsVersion, OpusClip, SetupTimes, Statistics,
};
pub use offhook_phone::{
    AnswerPolicy, BulkOptions, CallChangeError, CallEnd, CallError, CallState, ChannelId, CommandError, ConnectError,
    Destination, DialError, Direction, Endpoints, EndpointsError, IcePolicy, IceServer, IceServers, InitiateError,
    Initiation, InitiationFailure, Notification, OutboundCall, PlaceCallError, Priority, RemoteParty, ReplyError,
    SessionType, Station, SystemTopic, Telemetry, Topic, TopicError, TopicEvent, TopicResult, TopicState, TrackedCall,
};
pub use offhook_xmpp::{FullJid, Jid, Timeouts};

pub use self::{
    builder::ClientBuilder,
    call::Call,
    client::Client,
    engine::{Engine, EngineConfig, EngineError},
    error::{BuildError, CallChangeFailure, CallFailure, CallOver, ChangeFailure, ConnectFailure, TopicsFailure},
    event::{ConnectionState, Event, Events},
    proxy::{Proxy, ProxyUrl, ProxyUrlError},
    session::{AudioError, SessionAcceptance, SessionError, SoundFailure},
    suspend::WallClock,
    token::TokenProvider,
};
