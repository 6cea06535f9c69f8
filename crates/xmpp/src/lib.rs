//! A sans-IO XMPP client stream in WebSocket framing.
//!
//! [`Stream`] is the client's end of one XMPP stream over one WebSocket: it opens the stream, authenticates, binds a
//! resource, learns the STUN and TURN servers of the account, subscribes to pings, and then carries requests and messages
//! in both directions until it closes. It does no I/O and reads no clock: text frames go in and come out, time is an
//! argument, and all randomness comes from a seed. So it runs on any runtime, and a test of a fifteen second timeout
//! takes no time.
//!
//! It notices when the server falls silent, sends no faster than the server likes ([`SendRate`]) and the urgent first
//! ([`Urgency`]). Where the server manages streams, a lost socket is not the end: what [`Stream::into_resumption`] gives,
//! the next stream goes on with, and no stanza is lost or told twice.
//!
//! What the server sends is taken for what it may be: [`frame::parse`] bounds a frame before it builds a tree of it, an
//! answer counts only from whom the question went to, a server that is given a password has to prove itself, and every way
//! in which a server can fail is a [`CloseReason`] of its own.
//!
//! # A whole connect
//!
//! ```
//! use std::time::Instant;
//!
//! use offhook_xmpp::{
//!     BareJid, CloseReason, Credentials, Event, Input, Jid, Output, Stream, StreamConfig,
//!     frame::{self, Limits},
//! };
//!
//! // The other end: answers each frame as a server does that is content with everything.
//! struct Server { authenticated: bool }
//!
//! impl Server {
//!     fn answers(&mut self, text: &str) -> Vec<String> {
//!         let frame = frame::parse(text, &Limits::default()).unwrap();
//!         match frame.name() {
//!             "open" => {
//!                 let offer = if self.authenticated {
//!                     "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>"
//!                 } else {
//!                     "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>PLAIN</mechanism></mechanisms>"
//!                 };
//!                 vec![
//!                     "<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id='1' version='1.0'/>".into(),
//!                     format!("<features xmlns='http://etherx.jabber.org/streams'>{offer}</features>"),
//!                 ]
//!             }
//!             "auth" => {
//!                 self.authenticated = true;
//!                 vec!["<success xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>".into()]
//!             }
//!             "iq" => {
//!                 let (id, question) = (frame.attr("id").unwrap(), frame.children().next().unwrap());
//!                 let answer = match question.name() {
//!                     "bind" => "<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><jid>a@example.org/desk</jid></bind>",
//!                     "services" if question.attr("type") == Some("turn") => {
//!                         "<services xmlns='urn:xmpp:extdisco:1'>
//!                            <service type='turn' host='turn.example.org' port='443' transport='tcp'
//!                                     username='u' password='p' restricted='1'/>
//!                          </services>"
//!                     }
//!                     _ => "",
//!                 };
//!                 let from = frame.attr("to").unwrap_or("example.org");
//!                 vec![format!("<iq type='result' id='{id}' from='{from}'>{answer}</iq>")]
//!             }
//!             "close" => vec!["<close xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>".into()],
//!             _ => vec![],
//!         }
//!     }
//! }
//!
//! let config = StreamConfig::new(
//!     BareJid::new("a@example.org")?,
//!     Credentials::Token("an access token".into()),
//!     "desk",
//!     Jid::new("notifications.example.org")?,
//! );
//! let now = Instant::now();
//! let mut server = Server { authenticated: false };
//! let mut stream = Stream::new(config, [0; 32], now);
//! let mut events = Vec::new();
//! let mut inputs = std::collections::VecDeque::new();
//! loop {
//!     match stream.poll_output() {
//!         Output::Transmit(frame) => inputs.extend(server.answers(frame.as_str())),
//!         Output::Event(Event::Connected(connected)) => {
//!             assert_eq!(connected.jid.as_str(), "a@example.org/desk");
//!             assert_eq!(connected.services[0].url(), "turn:turn.example.org:443?transport=tcp");
//!             stream.close(now);
//!         }
//!         Output::Event(event) => events.push(event),
//!         // Nothing to do until then, unless something arrives.
//!         Output::Timeout(_at) => match inputs.pop_front() {
//!             Some(text) => stream.handle_input(now, Input::Frame(text)),
//!             None => break,
//!         },
//!     }
//! }
//! assert_eq!(events, [Event::Closed(CloseReason::ByUs)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is done, and what is not
//!
//! | document | done | not done |
//! |---|---|---|
//! | RFC 6120, XMPP core | negotiation, SASL, resource binding, IQ semantics, stanza and stream errors | TLS belongs to the WebSocket |
//! | RFC 6121, instant messaging | messages, the initial presence on demand | roster; presence of others is not told |
//! | RFC 7395, WebSocket framing | all but following `see-other-uri` | |
//! | RFC 4616, SASL PLAIN | tokens, and passwords where nothing stronger is offered; no authorization identity | |
//! | RFC 4505, SASL ANONYMOUS | guests, without trace | |
//! | RFC 5802 and RFC 7677, SCRAM-SHA-1 and -SHA-256 | bounds on the iteration count, the server's signature | channel binding (`-PLUS`), other hashes |
//! | RFC 3921 section 3, session request | sent where a server requires it | |
//! | XEP-0030, service discovery | queries for information are answered | asking; items |
//! | XEP-0060, pubsub | the elements to subscribe, to unsubscribe and of notifications ([`pubsub`]), the subscription that makes the server ping | publishing, configuration |
//! | XEP-0115, capabilities | in our presence, by SHA-1 | reading those of others |
//! | XEP-0198, stream management | version 3: acknowledgements both ways, resumption | going to `location` belongs to who opens the WebSocket |
//! | XEP-0199, ping | pings are answered; sent where the server does not ping, and after a suspend | |
//! | XEP-0215, external services | both lists at connect, every six hours and on demand, version 1 of the namespace | `credentials`, pushes, version 2 |
//! | XEP-0335, JSON containers | read ([`pubsub::json`]) | |

#![forbid(unsafe_code)]

mod close;
mod conditions;
mod config;
mod disco;
mod event;
pub mod frame;
#[doc(hidden)]
pub mod fuzzing;
mod ns;
pub mod pubsub;
pub mod reconnect;
mod sasl;
mod services;
mod stanza;
mod stream;
mod xml;

pub use close::{CloseReason, ScramError, Stage};
pub use conditions::{Condition, ErrorKind, SaslCondition, StreamCondition};
pub use config::{Credentials, Payload, SendRate, StreamConfig, Timeouts};
pub use disco::{Disco, Identity};
pub use event::{Connected, Event, Input, Message, Output};
pub use frame::{Frame, FrameError};
pub use jid::{BareJid, FullJid, Jid};
pub use minidom::Element;
pub use reconnect::Reconnect;
pub use services::{Service, ServicesError};
pub use stanza::{
    IncomingRequest, NotConnected, Outcome, Reply, ReplyError, Request, RequestError, RequestKind, StanzaError, Ticket,
    Token, Urgency,
};
pub use stream::{Resumption, Stream};
