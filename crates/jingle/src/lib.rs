//! Calls over XMPP, without I/O: Jingle and its family, and SDP over XMPP, in both roles.
//!
//! # Why
//!
//! Who may end a call, what a repeated offer means, which of two devices has it, what happens when both sides call at once: these are
//! questions of protocol, and they are easiest to get right, and to test, where there is no socket, no clock and no thread. The
//! machines of this crate ([`Endpoint`], and its parts [`Proposals`] and [`Session`]) take what happened
//! ([`handle_input`](Endpoint::handle_input)) and what the application wants (commands), each with the time, and say what to do
//! ([`poll_output`](Endpoint::poll_output)). The same seed and the same inputs give the same stanzas, byte for byte.
//!
//! What a peer does wrong is an output: a refusing reply, an ended session, an event. An `Err` means that a command makes no sense
//! now, and that nothing has changed. Whatever a peer may ask to be held has a limit, and exceeding it a typed refusal.
//!
//! The application speaks SDP and candidate lines in both dialects, so that one WebRTC engine serves both.
//!
//! # Two peers in memory
//!
//! Romeo calls, Juliet answers, candidates go across, and he hangs up. In a program `carry` is an XMPP stream, and the SDP comes
//! from a WebRTC engine.
//!
//! ```
//! use std::time::Instant;
//! use offhook_jingle::{
//!     Dialect, Endpoint, EndpointConfig, EndpointEvent, Farewell, FullJid, Generation, Reason, SessionEvent, Ticket, Token,
//!     endpoint::{Input, Output, Unsolicited}, session::Outcome,
//! };
//!
//! const FIRST: Generation = Generation::FIRST;
//! fn sdp(ufrag: &str) -> String {
//!     format!("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:audio\r\n\
//!              a=rtpmap:111 opus/48000/2\r\na=ice-ufrag:{ufrag}\r\na=ice-pwd:secret\r\na=setup:actpass\r\n")
//! }
//!
//! let now = Instant::now();
//! let names: [FullJid; 2] = ["romeo@montague.example/orchard".parse()?, "juliet@capulet.example/balcony".parse()?];
//! let mut peers = names.clone().map(|name| {
//!     let config = EndpointConfig { unsolicited: Unsolicited::Take, ..EndpointConfig::new(name.clone()) };
//!     Endpoint::new(config, [name.as_str().len() as u8; 32], now)
//! });
//! let id = peers[0].call(now, names[1].clone().into(), Dialect::Jingle, &sdp("romeo"))?;
//! peers[0].with_session(now, &id, |call, now| call.local_candidate(now, FIRST, "audio", "candidate:1 1 udp 1 192.0.2.1 9 typ host"))??;
//!
//! let mut told = Vec::new();
//! let mut tickets = Vec::new();
//! let mut carry = |peers: &mut [Endpoint; 2]| while let Some((at, output)) = (0..2).find_map(|at| match peers[at].poll_output() {
//!     Output::Timeout(_) => None,
//!     output => Some((at, output)),
//! }) {
//!     let other = 1 - at;
//!     match output {
//!         Output::Request { token, payload, .. } => {
//!             tickets.push(token);
//!             let (ticket, from) = (Ticket(tickets.len() as u64 - 1), names[at].clone().into());
//!             peers[other].handle_input(now, Input::Request { ticket, from, payload });
//!         }
//!         Output::Reply { ticket, .. } => {
//!             let (token, outcome) = (tickets[ticket.0 as usize], Outcome::Done);
//!             peers[other].handle_input(now, Input::Response { token, outcome });
//!         }
//!         Output::Event(EndpointEvent::Session { session, event }) => {
//!             if let SessionEvent::Offer { generation, .. } = &event {
//!                 let answer = |call: &mut offhook_jingle::Session, now| call.answer(now, *generation, sdp("juliet"));
//!                 peers[at].with_session(now, &session, answer).expect("the session").expect("an answer");
//!             }
//!             told.push((at, event));
//!         }
//!         Output::Event(_) | Output::Message { .. } | Output::Farewell { .. } | Output::Ignore { .. } | Output::Timeout(_) => {}
//!     }
//! };
//! carry(&mut peers);
//! peers[0].end_all(now, &Farewell::new(Reason::Success));
//! carry(&mut peers);
//! drop(carry);
//!
//! let romeo_has_the_answer = |(at, event): &(usize, SessionEvent)| *at == 0 && matches!(event, SessionEvent::Answer { .. });
//! let juliet_has_a_candidate = |(at, event): &(usize, SessionEvent)| *at == 1 && matches!(event, SessionEvent::RemoteCandidate { .. });
//! assert!(told.iter().any(romeo_has_the_answer) && told.iter().any(juliet_has_a_candidate));
//! assert_eq!(told.iter().filter(|(_, event)| matches!(event, SessionEvent::Ended { .. })).count(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Standards
//!
//! | document | done | not done |
//! |---|---|---|
//! | [XEP-0353] Jingle Message Initiation | both roles: `propose`, `ringing`, `proceed`, `accept`, `reject`, `retract`, `finish`, tie-break, several resources | hints for archives, which are of the message around it |
//! | [XEP-0166] Jingle | all fifteen actions, both roles, order, acknowledgements, tie-break, errors, reasons with text, redirection of our own calls | `security-info`, which is refused |
//! | [XEP-0167] RTP sessions, [XEP-0262], [XEP-0293], [XEP-0294], [XEP-0320], [XEP-0338], [XEP-0339] | elements, mapping to SDP, informational messages | |
//! | [XEP-0176] ICE-UDP | trickle, restart, `gathering-complete` | |
//! | [XEP-0371] ICE | reading | writing |
//! | SDP over XMPP (`genesys-webrtc`) | offer, answer, trickled candidates, info, mute, terminate, renegotiation, reinvite, both roles | `report-statistics` |
//! | [RFC 8838], [RFC 8840] Trickle ICE and its SDP fragments | one candidate a fragment, `end-of-candidates`, `ufrag` | several candidates in one fragment |
//! | [RFC 8866] SDP | any description as lines; the mapping to Jingle says what it keeps ([`sdp`]) | |
//!
//! # While there is no stream
//!
//! A [`Session`] outlives its signalling. From [`SignallingLost`](session::Input::SignallingLost) to
//! [`SignallingRestored`](session::Input::SignallingRestored) it says nothing, and keeps what its peer is not known to have
//! heard; afterwards it says of that what still matters. A session that ends meanwhile is over at once, and leaves its last word
//! to the parent as a [`Farewell`](session::Output::Farewell). The parent tells the outcomes of what went down with
//! a stream before it tells that signalling is restored; what a resumed stream (XEP-0198) carries on may stay without an
//! outcome. An [`Endpoint`] passes all of that on to its sessions, and holds messages back itself.
//!
//! [`Proposals`] know nothing of streams: what they say while there is none is the parent's to hold back.
//!
//! [XEP-0166]: https://xmpp.org/extensions/xep-0166.html
//! [XEP-0167]: https://xmpp.org/extensions/xep-0167.html
//! [XEP-0176]: https://xmpp.org/extensions/xep-0176.html
//! [XEP-0262]: https://xmpp.org/extensions/xep-0262.html
//! [XEP-0293]: https://xmpp.org/extensions/xep-0293.html
//! [XEP-0294]: https://xmpp.org/extensions/xep-0294.html
//! [XEP-0320]: https://xmpp.org/extensions/xep-0320.html
//! [XEP-0338]: https://xmpp.org/extensions/xep-0338.html
//! [XEP-0339]: https://xmpp.org/extensions/xep-0339.html
//! [XEP-0353]: https://xmpp.org/extensions/xep-0353.html
//! [XEP-0371]: https://xmpp.org/extensions/xep-0371.html
//! [RFC 8838]: https://www.rfc-editor.org/rfc/rfc8838
//! [RFC 8840]: https://www.rfc-editor.org/rfc/rfc8840
//! [RFC 8866]: https://www.rfc-editor.org/rfc/rfc8866

#![forbid(unsafe_code)]

pub mod candidate;
pub mod endpoint;
mod envelope;
#[doc(hidden)]
pub mod fuzzing;
pub mod genesys;
mod idle;
mod ids;
pub mod message;
pub mod proposals;
mod reason;
pub mod sdp;
pub mod session;
pub mod stanza;
mod xml;

pub use candidate::Candidate;
pub use endpoint::{Endpoint, EndpointConfig, EndpointEvent};
pub use envelope::{Act, Envelope};
pub use ids::{ConversationId, Generation, SessionId, Ticket, Token};
pub use jid::{BareJid, FullJid, Jid};
pub use message::InitiationMessage;
pub use minidom::Element;
pub use proposals::{OwnProposal, Proposal, ProposalError, ProposalEvent, Proposals, ProposalsConfig, ProposeError};
pub use reason::{Reason, UnknownReason};
pub use session::{Dialect, Session, SessionConfig, SessionEvent};
pub use stanza::Farewell;
