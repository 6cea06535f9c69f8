//! A softphone client of Genesys Cloud without its I/O.
//!
//! [`Phone`] is the client's judgement: how to log in, which proposal to accept, which stanza belongs to which session,
//! which proposal belongs to a call that was placed by REST. It opens no socket and reads no clock: it asks for a
//! WebSocket, a REST request or a session by an [`Output`], and is told by an [`Input`] how that went. What runs on the
//! WebSocket is an [`offhook_xmpp::Stream`], what runs for each call an [`offhook_jingle::Session`]; both belong to the
//! shell, so that a session outlives the WebSocket that it came by.
//!
//! ```
//! use std::time::Instant;
//! use offhook_phone::{Endpoints, HttpReply, Input, Output, Phone, PhoneConfig};
//!
//! let endpoints = Endpoints::region("mypurecloud.de")?;
//! let mut now = Instant::now();
//! let mut phone = Phone::new(PhoneConfig::new(endpoints, "token".into()), [7; 32], now);
//! phone.connect(now)?;
//!
//! // The phone asks for its user and for a channel at once.
//! let Output::Remember(_) = phone.poll_output() else { panic!("so that a process after this one does not hammer") };
//! let Output::Http { id: user, request, .. } = phone.poll_output() else { panic!("a REST request") };
//! assert_eq!(request.url.as_str(), "https://api.mypurecloud.de/api/v2/users/me");
//! let Output::Http { id: channel, .. } = phone.poll_output() else { panic!("another one") };
//! assert!(matches!(phone.poll_output(), Output::Timeout(_)));
//!
//! // With both it knows whom to dial.
//! let ok = |body: &str| Ok(HttpReply { status: 200, correlation: None, retry_after: None, body: body.into() });
//! phone.handle_input(now, Input::Reply { id: channel, attempt: 1, result: ok(r#"{"id": "channel-1"}"#) });
//! let me = r#"{"id": "user-1", "chat": {"jabberId": "user-1@org.example"}}"#;
//! phone.handle_input(now, Input::Reply { id: user, attempt: 1, result: ok(me) });
//! let Output::Dial { url, .. } = phone.poll_output() else { panic!("a WebSocket") };
//! assert_eq!(url.expose().as_str(), "wss://streaming.mypurecloud.de/stream/channels/channel-1");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! | document | done | not done |
//! |---|---|---|
//! | REST: users/me, notifications/channels, conversations, stations | login, outbound calls, subscriptions, calls that are changed, stations; retries, `Retry-After`, tokens that are renewed | |
//! | notification topics | reference counts, combining, priorities, partial results, resubscription; by REST and pubsub (XEP-0060) | |
//! | notifications of conversations | [`Conversations`]: states of calls, linked to sessions in any order; persistent connections, lines, alerting leader | |
//! | telemetry | statistics of calls to `diagnostics/newrelic/insights`, if the application wants that | `report-statistics`, traces |
//! | XEP-0353 | accepting by policy or command, correlation with placed calls; proposals of our own to other clients | |
//! | SDP over XMPP, Jingle (XEP-0166 family) | routing by session id, sender and dialect; offers without a proposal; calls that go on in another session; calls of our own in Jingle | calls of our own in SDP over XMPP |
//! | reconnecting | backoff with memory, soft and hard, connection transfer, resumption (XEP-0198); sessions and proposals survive, what is owed is said afterwards | |

#![forbid(unsafe_code)]

mod conversations;
mod endpoints;
mod error;
mod event;
mod http;
mod phone;
mod rest;
mod telemetry;
mod topics;

pub use self::{
    conversations::{CallEnd, CallError, CallState, Conversations, Direction, Mark, RemoteParty, TrackedCall},
    endpoints::{Endpoints, EndpointsError},
    error::{CallChangeError, CommandError, ConnectError, DialError, InitiateError, InitiationFailure, PlaceCallError},
    event::Event,
    http::{HttpFailure, HttpId, HttpReply, HttpRequest, Method, ReplyError},
    phone::{
        AnswerPolicy, AttemptId, CallChange, CallToken, ChannelId, Destination, DialUrl, EndedAll, IcePolicy,
        IceServer, IceServers, Initiation, Input, Login, OutboundCall, Output, Phone, PhoneConfig, SessionReport,
        SessionStart, SessionType, SignallingState, Station, StreamCommand, TokenRequest,
    },
    telemetry::{MediaFigures, Telemetry},
    topics::{
        BulkOptions, Notification, Priority, SystemTopic, Topic, TopicError, TopicEvent, TopicResult, TopicState,
        TopicsToken,
    },
};
