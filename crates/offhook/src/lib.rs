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
//! client.place_call(OutboundCall::to(Destination::PhoneNumber("+493012345678".into()))).await?;
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
//! Logs are `tracing` events, and no secret is in them. The WebSocket library, however, writes whole frames through the `log` crate
//! at TRACE, the login among them: a program that collects `log` records must leave the target `tungstenite` out.
//!
//! # Threads
//! An [`Engine`] runs signalling on one thread and media on one for each core. Handles may be used from any runtime, or
//! from none by a blocking executor. Sessions are actors of their own: one that fails ends with `general-error`, and no
//! other notices.

#![forbid(unsafe_code)]

mod alarm;
mod builder;
mod client;
mod clock;
mod engine;
mod error;
mod event;
mod rest;
mod session;
mod supervisor;
mod transport;
mod worker;

pub use offhook_audio::{SourceSpec, SourceSpecError};
pub use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, UnknownReason, session::EndedBy};
pub use offhook_phone::{
    AnswerPolicy, ChannelId, CommandError, ConnectError, Destination, Endpoints, EndpointsError, OutboundCall,
    PlaceCallError, ReplyError,
};
pub use offhook_xmpp::{FullJid, Jid, Service};

pub use self::{
    builder::ClientBuilder,
    client::Client,
    engine::{Engine, EngineConfig, EngineError},
    error::{BuildError, CallFailure, ConnectFailure},
    event::{ConnectionState, Event, Events},
    session::SessionError,
};
