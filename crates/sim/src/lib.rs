//! A whole simulated cloud on one machine, for tests and demonstrations.
//!
//! It speaks the server's side of what a softphone client needs: its REST requests, the streaming
//! WebSocket with its XMPP stream (RFC 7395, RFC 6120), proposals (XEP-0353), sessions
//! in Jingle or SDP over XMPP, and a gateway that is a real WebRTC peer with UDP sockets, DTLS-SRTP and Opus.
//! It plays audio, measures and records what it hears, writes down everything that happened, and
//! can be told to go wrong: [`CloudFaults`] refuse, [`Cloud::cut`] loses connections, and calls
//! outlive both.
//!
//! Users call each other, others come into a [`Conversation`] and are mixed, it is transferred, waits in a [`Queue`],
//! or ends on a voicemail: by [`Cloud`], by the control API, and by the platform's REST as clients know it.
//!
//! [`Cloud`] is embedded in a test or a demo; the program `offhook-sim` wraps it with a control
//! API over HTTP, described in the crate's `README.md`.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! use offhook_sim::{CallError, CallRequest, Cloud, CloudConfig};
//!
//! let cloud = Cloud::start(CloudConfig::default()).await?;
//! println!("API {}, streaming {}", cloud.api_url(), cloud.streaming_url());
//!
//! // Nobody has connected yet, so there is nobody to call.
//! let refused = cloud.call(CallRequest::default()).unwrap_err();
//! assert!(matches!(refused, CallError::NotConnected { .. }));
//!
//! cloud.stop().await;
//! # Ok(())
//! # })
//! # }
//! ```
//!
//! # Standards
//!
//! | document | what is there |
//! |---|---|
//! | RFC 7395 | framing over WebSocket, one document a text frame, stream restart, close |
//! | RFC 6120 | SASL PLAIN, resource binding, IQ and message routing within one account, stream errors; no TLS, no server-to-server, no presence, no roster |
//! | XEP-0199 | server pings every 30 s for clients that subscribed; clients' pings are answered |
//! | XEP-0198 | if configured: acknowledgements, resumption over another socket of the same account |
//! | XEP-0215 | version 1; a STUN server of the cloud's own, or whatever services it is told to name |
//! | RFC 6749, RFC 7636 | authorization codes for applications without a secret, with S256 alone; no refresh tokens, no scopes |
//! | RFC 8489 | STUN binding requests are answered; no authentication |
//! | XEP-0060 | subscribe, unsubscribe, and events with JSON in them (XEP-0335); clients publish nothing |
//! | XEP-0353 | propose, retract; proceed, accept and reject are understood |
//! | SDP over XMPP; XEP-0166, XEP-0167, XEP-0176 and family | the initiator's side of a call with one audio content, in the one or the other: offer, answer, trickled candidates, end, what clients say by `info` and `mute`; directions are changed in both, ICE is restarted in Jingle; sessions may stay between calls |
//! | RFC 8838 | candidates are trickled both ways, one a request |
//! | RFC 8825 family | by `offhook-media`: host candidates, DTLS-SRTP, Opus |

mod call_state;
mod channels;
mod cloud;
mod config;
mod conversation;
mod events;
mod faults;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod gauge;
mod http;
mod hub;
mod inner;
mod oauth;
mod play;
mod queue;
mod record;
mod reports;
mod said;
pub mod server;
mod stanza;
mod stations;
mod stun;
mod summary;
mod tls;
mod turn;
mod voicemail;
mod wire;

pub use call_state::{CallHandle, CallState, Ended, Heard};
pub use cloud::{Cloud, StartError, TokenError};
pub use config::{
    CallFaults, CloudConfig, GATEWAY, GatewayConfig, ORGANISATION, OfferFault, OtherDialect, OutboundOrder, Station,
    User,
};
pub use conversation::{
    Conversation, ConversationError, Destination, Participant, ParticipantState, Participation, Purpose, SpeakTo,
};
pub use events::{SystemEvent, Transfer};
pub use faults::{
    CloudFaults, Cut, DeliveryFault, DeliveryHow, Outage, RejectedTopic, RestFault, StreamFault, Throttle, Towards,
    UpgradeFault,
};
pub use gateway::{CallError, CallRequest, MediaPath, Reinvite};
pub use gauge::Live;
pub use oauth::{Consent, OAuthClient};
pub use play::Play;
pub use queue::{Queue, RoutingStatus};
pub use record::{CallEvent, Direction, Record, What};
pub use reports::Report;
pub use said::Said;
pub use server::ExternalService;
pub use voicemail::VoicemailMessage;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a mutex whose data is whole between any two statements, so that a panic elsewhere is no
/// reason to panic here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
