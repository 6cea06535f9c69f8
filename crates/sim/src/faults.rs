//! What can go wrong with the cloud: faults of REST and of streams, and the ways to cut a stream.

mod seconds;
mod standing;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use standing::{Faults, Refused};

/// Faults of REST and of streams. In the control API's JSON the names are in camel case and
/// durations are in seconds (`retryAfterSeconds`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct CloudFaults {
    /// Streams that open from now on go wrong in this way.
    pub stream: Option<StreamFault>,
    /// How many streams [`stream`](Self::stream) is for; `None` is all.
    pub streams: Option<u32>,
    /// REST requests that are refused. The first one that fits counts.
    pub rest: Vec<RestFault>,
    /// Streaming WebSockets are refused.
    pub upgrade: Option<UpgradeFault>,
    /// Nothing new gets through: neither REST nor WebSockets. Streams that are open stay; cut them
    /// by [`Cloud::cut`](crate::Cloud::cut).
    pub outage: Option<Outage>,
    /// Requests over streams are put off.
    pub throttle: Option<Throttle>,
    /// The TURN servers answer nothing and relay nothing. Alive again they still know their allocations.
    pub dead_turn: bool,
    /// Topics that nobody may subscribe to.
    pub rejected_topics: Vec<RejectedTopic>,
    /// Stanzas of bound streams that come late, twice, in another order, or never. The first one that fits counts.
    pub delivery: Vec<DeliveryFault>,
}

/// Stanzas that come late, twice, in another order, or never: those between clients and the gateway or other clients, and events. What
/// the server itself answers is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct DeliveryFault {
    /// What becomes of them. By default they come twice.
    pub how: DeliveryHow,
    /// Which way they go: to the client, by default.
    pub towards: Towards,
    /// The id of the user whose clients are meant; `None` is everybody.
    pub user: Option<String>,
    /// The full address of the client that is meant; `None` is every one.
    pub connection: Option<String>,
    /// The name of the payload that is meant, `retract` for instance; `None` is every one.
    pub payload: Option<String>,
    /// How many stanzas it happens to; `None` is all.
    pub stanzas: Option<u32>,
}

/// What becomes of a stanza on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum DeliveryHow {
    /// It comes so much later, and others do not wait for it.
    Delay {
        /// How much, at most a day.
        #[serde(with = "seconds::always")]
        seconds: Duration,
    },
    /// It comes twice.
    #[default]
    Duplicate,
    /// It comes after the next one of its way, or after a second if there is none.
    Reorder,
    /// It never comes.
    Lose,
}

/// Which way a stanza goes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Towards {
    /// From the cloud to a client.
    #[default]
    Client,
    /// From a client to the cloud.
    Cloud,
}

/// REST requests that are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RestFault {
    /// The beginning of the paths that are meant, `/api/v2/users` for instance. All paths by
    /// default.
    pub path: String,
    /// The method that is meant, `POST` for instance; `None` is every one.
    pub method: Option<String>,
    /// The HTTP status of the refusal. 503 by default.
    pub status: u16,
    /// How many requests are refused; `None` is all.
    pub times: Option<u32>,
    /// The `Retry-After` of the refusal, in whole seconds.
    #[serde(rename = "retryAfterSeconds", with = "seconds")]
    pub retry_after: Option<Duration>,
    /// The message of the refusal's body.
    pub message: Option<String>,
}

impl Default for RestFault {
    fn default() -> Self {
        Self {
            path: String::new(),
            method: None,
            status: 503,
            times: None,
            retry_after: None,
            message: None,
        }
    }
}

/// Streaming WebSockets that are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct UpgradeFault {
    /// The HTTP status of the refusal. 503 by default.
    pub status: u16,
    /// How many are refused; `None` is all.
    pub times: Option<u32>,
    /// The `Retry-After` of the refusal, in whole seconds.
    #[serde(rename = "retryAfterSeconds", with = "seconds")]
    pub retry_after: Option<Duration>,
}

impl Default for UpgradeFault {
    fn default() -> Self {
        Self {
            status: 503,
            times: None,
            retry_after: None,
        }
    }
}

/// A time in which nothing new gets through.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Outage {
    /// How long it lasts from when it is set; `None` is until it is lifted.
    #[serde(rename = "seconds", with = "seconds")]
    pub lasts: Option<Duration>,
    /// Connections are reset without an answer; otherwise they are answered with status 503.
    pub reset: bool,
    /// The `Retry-After` of the answers, in whole seconds.
    #[serde(rename = "retryAfterSeconds", with = "seconds")]
    pub retry_after: Option<Duration>,
}

/// Requests over streams that are put off: they are answered with an error of the type `wait` and
/// the code 429, and nothing else happens. It is for all streams, open ones too.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct Throttle {
    /// How many requests are put off; `None` is all.
    pub times: Option<u32>,
    /// The name of the payload that is meant, `services` for instance; `None` is every one.
    pub payload: Option<String>,
}

/// A topic that nobody may subscribe to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase", deny_unknown_fields)]
pub struct RejectedTopic {
    /// The topic, not combined with others.
    pub topic: String,
    /// Why, in words.
    pub reason: Option<String>,
    /// The permissions that the user lacks.
    pub missing_permissions: Vec<String>,
}

/// The ways in which a stream can go wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase")]
#[non_exhaustive]
pub enum StreamFault {
    /// SASL fails with this condition (RFC 6120 section 6.5), such as `not-authorized`, though the
    /// credentials are right.
    RefuseSasl {
        /// The name of the condition element.
        condition: String,
    },
    /// The features offer no mechanism that a client with a token can use.
    NoUsableMechanism,
    /// The `<open/>` is answered with text that is no XML.
    Nonsense,
    /// The `<open/>` is answered with XML that is not well formed.
    MalformedXml,
    /// The `<open/>` is answered with well-formed XML that is not XMPP.
    NotXmpp,
    /// Bind is answered with an error.
    RefuseBind,
    /// The `<open/>` is never answered.
    Silent,
    /// The external services queries are never answered.
    NoServices,
    /// The subscription to server-side pings is refused, so the client has to ping.
    RefusePings,
    /// A bound stream is closed with this stream error (RFC 6120 section 4.9.3).
    StreamError {
        /// The name of the condition element.
        condition: String,
    },
}

/// How a stream is cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "how", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Cut {
    /// The TCP connection is reset (RST).
    Reset,
    /// The TCP connection is closed (FIN) without a word of the WebSocket or the stream.
    Fin,
    /// The WebSocket is closed with this code (RFC 6455 section 7.4), and the stream without a
    /// word.
    CloseFrame {
        /// The code. In JSON 1001 by default.
        #[serde(default = "going_away")]
        code: u16,
    },
    /// The stream is closed properly (RFC 7395 section 3.6).
    Close,
    /// The stream is closed with an error (RFC 6120 section 4.9.3).
    StreamError {
        /// The name of the condition element. In JSON `system-shutdown` by default.
        #[serde(default = "system_shutdown")]
        condition: String,
    },
    /// The connection stays open; nothing is sent any more, and what comes in is lost.
    Stall,
}

fn going_away() -> u16 {
    1001
}

fn system_shutdown() -> String {
    "system-shutdown".to_owned()
}
