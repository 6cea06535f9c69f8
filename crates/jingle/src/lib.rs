//! Proposals and sessions of calls over XMPP, without I/O: the responder's side of Jingle Message Initiation, and of sessions
//! in the SDP-over-XMPP dialect of Genesys Cloud.
//!
//! # Why
//!
//! Who may end a call, what a repeated offer means, which of two devices has it: these are questions of protocol, and they are
//! easiest to get right, and to test, where there is no socket, no clock and no thread. Both machines of this crate,
//! [`Proposals`] and [`Session`], take what happened ([`handle_input`](Session::handle_input)) and what the application wants
//! (commands), each with the time, and say what to do ([`poll_output`](Session::poll_output)). The same seed and the same
//! inputs give the same stanzas, byte for byte.
//!
//! What a peer does wrong is an output: a refusing reply, an ended session, an event. An `Err` means that a command makes no sense
//! now, and that nothing has changed. Whatever the peer may ask to be held has a limit, and exceeding it a typed refusal.
//!
//! # One call
//!
//! A gateway, played by this example, proposes a call and offers media; we accept, answer, and are told that the call is over.
//!
//! ```
//! use std::time::Instant;
//! use offhook_jingle::{
//!     ConversationId, Element, InitiationMessage, Proposals, ProposalEvent, ProposalsConfig, Reason,
//!     Session, SessionConfig, SessionEvent, SessionId, Ticket,
//!     genesys::{Method, Rpc}, message::Propose, proposals, session,
//! };
//!
//! let now = Instant::now();
//! let us: offhook_jingle::FullJid = "agent@example.org/desk".parse()?;
//! let gateway: offhook_jingle::Jid = "call-1@gjoll.example.org/media".parse()?;
//! let id = SessionId::new("session-1");
//!
//! // The gateway proposes, and we let it begin.
//! let mut proposals = Proposals::new(ProposalsConfig::new(us.clone()), now);
//! let mut propose = Propose::new(id.clone());
//! propose.conversation = Some(ConversationId::new("conversation-1"));
//! propose.sdp_over_xmpp = true;
//! let payload = InitiationMessage::Propose(propose).to_element();
//! proposals.handle_input(now, proposals::Input::Message { from: gateway.clone(), payload });
//! let proposals::Output::Event(ProposalEvent::Proposed(proposal)) = proposals.poll_output() else {
//!     panic!("the phone should ring");
//! };
//! proposals.accept(now, &proposal.id)?;
//! let proposals::Output::Message { to, payload } = proposals.poll_output() else {
//!     panic!("the gateway should be asked to begin");
//! };
//! assert_eq!(to, gateway);
//! assert_eq!(payload, InitiationMessage::Proceed(id.clone()).to_element());
//!
//! // It offers media.
//! let mut config = SessionConfig::new(proposal.id, us.to_bare(), proposal.from);
//! config.conversation = proposal.conversation;
//! let mut session = Session::new(config, [7; 32], now);
//! let ask = |session: &mut Session, number: u64, method| {
//!     let payload = Rpc { id: number.to_string(), method }.to_element();
//!     let (ticket, from) = (Ticket(number), gateway.clone());
//!     session.handle_input(now, session::Input::Request { ticket, from, payload });
//! };
//! let offer = "v=0\r\na=ice-ufrag:D1uO\r\na=ice-pwd:djo+eF6S7yahE+rDcDyqdZN1\r\n".to_owned();
//! let conversation = None;
//! ask(&mut session, 1, Method::Offer { session: id.clone(), conversation, sdp: offer.clone(), reinvite: false });
//! assert!(matches!(session.poll_output(), session::Output::Reply { .. }));
//! let session::Output::Event(SessionEvent::Offer { generation, sdp, .. }) = session.poll_output() else {
//!     panic!("the application should get the offer");
//! };
//! assert_eq!(sdp, offer);
//! proposals.offered(now, &id).expect("the proposal has become a session");
//!
//! // We answer: first our other resources hear that the call is taken, then the gateway gets the answer.
//! session.answer(now, generation, "v=0\r\na=setup:active\r\n".to_owned())?;
//! let session::Output::Message { to, payload } = session.poll_output() else {
//!     panic!("our other resources should be told");
//! };
//! assert_eq!((to, payload), (us.to_bare().into(), InitiationMessage::Accept(id.clone()).to_element()));
//! let session::Output::Request { token, payload, .. } = session.poll_output() else {
//!     panic!("the gateway should get the answer");
//! };
//! assert!(matches!(Rpc::parse(&payload)?.method, Method::Answer { .. }));
//! session.handle_input(now, session::Input::Response { token, outcome: session::Outcome::Done });
//! let acknowledged = SessionEvent::AnswerAcknowledged { generation };
//! assert_eq!(session.poll_output(), session::Output::Event(acknowledged));
//!
//! // Candidates go both ways, ICE connects, people talk.
//! session.local_candidate(now, generation, "audio", "candidate:1 1 udp 2122194687 192.0.2.1 44538 typ host")?;
//! session.end_of_candidates(now, generation)?;
//! session.media_connected(now, generation)?;
//! for method in ["iceCandidate", "iceCandidate", "info"] {
//!     let session::Output::Request { payload, .. } = session.poll_output() else {
//!         panic!("the gateway should hear of {method}");
//!     };
//!     assert_eq!(Rpc::parse(&payload)?.method.name(), method);
//! }
//!
//! // The other party hangs up.
//! ask(&mut session, 2, Method::Terminate { session: id, reason: Reason::Success });
//! assert!(matches!(session.poll_output(), session::Output::Reply { .. }));
//! let ended = SessionEvent::Ended { reason: Reason::Success, by: session::EndedBy::Remote };
//! assert_eq!(session.poll_output(), session::Output::Event(ended));
//! assert!(matches!(session.poll_output(), session::Output::Timeout(_)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Standards
//!
//! | document | done | not done |
//! |---|---|---|
//! | [XEP-0353] Jingle Message Initiation | the responder: `propose`, `proceed`, `accept`, `reject`, `retract` | the initiator; `ringing`, `finish` |
//! | [XEP-0166] Jingle | the reasons of section 7.4 | sessions in Jingle's own syntax |
//! | SDP over XMPP (`genesys-webrtc`) | the responder: offer, answer, trickled candidates, info, mute, terminate, renegotiation, reinvite; reading and writing for both ends | `report-statistics` |
//! | [RFC 8838], [RFC 8840] Trickle ICE and its SDP fragments | one candidate a fragment, `end-of-candidates`, `ufrag` | several candidates in one fragment |
//! | [RFC 8839] SDP for ICE | the credentials, to tell a renegotiation from a reinvite | all else: the media core reads the SDP |
//!
//! # While there is no stream
//!
//! A [`Session`] outlives its signalling. From [`SignallingLost`](session::Input::SignallingLost) to
//! [`SignallingRestored`](session::Input::SignallingRestored) it says nothing, and keeps what its peer is not known to have
//! heard; afterwards it says of that what still matters. A session that ends meanwhile is over at once, and leaves its
//! `terminate` to the parent as a [`Farewell`](session::Output::Farewell). The parent tells the outcomes of what went down with
//! a stream before it tells that signalling is restored; what a resumed stream (XEP-0198) carries on may stay without an
//! outcome.
//!
//! [`Proposals`] know nothing of streams: what they say while there is none is the parent's to hold back.
//!
//! [XEP-0166]: https://xmpp.org/extensions/xep-0166.html
//! [XEP-0353]: https://xmpp.org/extensions/xep-0353.html
//! [RFC 8838]: https://www.rfc-editor.org/rfc/rfc8838
//! [RFC 8839]: https://www.rfc-editor.org/rfc/rfc8839
//! [RFC 8840]: https://www.rfc-editor.org/rfc/rfc8840

#![forbid(unsafe_code)]

pub mod candidate;
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
pub use ids::{ConversationId, Generation, SessionId, Ticket, Token};
pub use jid::{BareJid, FullJid, Jid};
pub use message::InitiationMessage;
pub use minidom::Element;
pub use proposals::{OwnProposal, Proposal, ProposalError, ProposalEvent, Proposals, ProposalsConfig, ProposeError};
pub use reason::{Reason, UnknownReason};
pub use session::{Session, SessionConfig, SessionEvent};
pub use stanza::Farewell;
