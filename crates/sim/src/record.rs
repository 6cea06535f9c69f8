//! What happened, in order: every REST exchange, every frame and every media event, with no secret
//! in it.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use offhook_jingle::{Reason, SessionId};
use serde::Serialize;
use tokio::sync::broadcast;

use crate::said::Said;

/// How many records a slow subscriber may lag behind.
const SUBSCRIPTION: usize = 4_096;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Record {
    /// Counts from 0 without gaps.
    pub number: u64,
    /// Time since the cloud's start.
    #[serde(rename = "atSeconds", serialize_with = "as_seconds")]
    pub at: Duration,
    /// Which way it went.
    pub direction: Direction,
    /// What it was.
    #[serde(flatten)]
    pub what: What,
}

/// Which way a record went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Direction {
    /// From a client to the cloud.
    ToCloud,
    /// From the cloud to a client.
    ToClient,
    /// Within the cloud.
    Inside,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum What {
    /// A REST request came in.
    RestRequest {
        /// `GET`, `POST`...
        method: String,
        /// The path with its query.
        path: String,
    },
    /// A REST request was answered.
    RestReply {
        /// `GET`, `POST`...
        method: String,
        /// The path with its query.
        path: String,
        /// The HTTP status.
        status: u16,
    },
    /// A client reported about itself; of what it says there is no more than its length.
    Diagnostics {
        /// What kind of report: `trace`, for instance.
        report: String,
        /// The length of the report.
        bytes: usize,
    },
    /// A streaming WebSocket was refused.
    UpgradeRefused {
        /// The HTTP status.
        status: u16,
    },
    /// A request's connection was reset instead of answered.
    ConnectionReset {
        /// The path with its query.
        path: String,
    },
    /// A client opened a streaming WebSocket.
    SocketOpened {
        /// Numbers the sockets of this cloud.
        socket: u64,
    },
    /// A streaming WebSocket ended.
    SocketClosed {
        /// Numbers the sockets of this cloud.
        socket: u64,
        /// Why, in words.
        reason: String,
    },
    /// One frame of a stream.
    Frame {
        /// Numbers the sockets of this cloud.
        socket: u64,
        /// What it was in a few words: `<open>`, `<propose>`, `offer`, `result of answer`.
        summary: String,
        /// What it was, as types.
        said: Said,
        /// Its length.
        bytes: usize,
    },
    /// A call's gateway side changed state, or its media did.
    Call {
        /// Which call.
        session: SessionId,
        /// The event.
        event: CallEvent,
    },
}

/// What happened to a call on the gateway's side.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum CallEvent {
    /// Its answer was applied.
    AnswerApplied,
    /// The client's answer, or one of its candidates, could not be used.
    Unusable {
        /// What was wrong.
        reason: String,
    },
    /// ICE and DTLS are through.
    MediaConnected,
    /// The first audio that is not silence was heard from the client.
    FirstAudio,
    /// The client fell silent on the network.
    MediaInterrupted,
    /// The client is heard again.
    MediaRecovered,
    /// Media failed.
    MediaFailed {
        /// Why.
        reason: String,
    },
    /// The client pressed a key of its telephone (RFC 4733).
    DigitHeard {
        /// Which one.
        digit: char,
    },
    /// The client reported `info`.
    Info {
        /// Its status, `active` for instance.
        status: String,
    },
    /// The client ended a session that the call has left for another one.
    Left {
        /// The session.
        session: SessionId,
        /// The reason it gave.
        reason: Reason,
    },
    /// The client said that it muted or unmuted itself.
    ClientMuted {
        /// Whether it is muted now.
        muted: bool,
    },
    /// The media were changed in place.
    Changed {
        /// To what: `restart`, or the direction as the gateway sees it: `sendrecv`, `sendonly`, `recvonly`, `inactive`.
        to: String,
    },
    /// The client refused to have the media changed, which stay as they are.
    ChangeRefused {
        /// The condition of its error (RFC 6120 section 8.3.3).
        condition: String,
    },
    /// The platform muted or unmuted the user, as asked by REST.
    UserMuted {
        /// Whether the user is muted now.
        muted: bool,
    },
    /// The platform held the call or took it back, as asked by REST.
    UserHeld {
        /// Whether the call is on hold now.
        held: bool,
    },
    /// The user pressed keys, as asked by REST.
    UserDigits {
        /// Which ones.
        digits: String,
    },
    /// The client said by REST that it has the call in hand.
    Metadata,
    /// The gateway muted or unmuted its own audio.
    GatewayMuted {
        /// Whether it is muted now.
        muted: bool,
    },
    /// The call rings on a session that there is: the client is told by the conversation alone.
    RingsOnSession,
    /// The user has picked up a call that rang on a session that there is.
    PickedUp,
    /// The call is over, and its session stays for the next one.
    SessionKept,
    /// A session without a call is over.
    SessionEnded {
        /// How, in words.
        how: String,
    },
    /// The call is over and everything it held is freed.
    Ended {
        /// How, in words.
        how: String,
    },
}

impl fmt::Display for CallEvent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AnswerApplied => f.write_str("answer applied"),
            Self::Unusable { reason } => write!(f, "unusable: {reason}"),
            Self::MediaConnected => f.write_str("media connected"),
            Self::FirstAudio => f.write_str("first audio heard"),
            Self::MediaInterrupted => f.write_str("media interrupted"),
            Self::MediaRecovered => f.write_str("media recovered"),
            Self::MediaFailed { reason } => write!(f, "media failed: {reason}"),
            Self::DigitHeard { digit } => write!(f, "digit {digit}"),
            Self::Info { status } => write!(f, "client is {status}"),
            Self::Left { session, reason } => write!(f, "client ended the former session {session} ({reason})"),
            Self::ClientMuted { muted: true } => f.write_str("client muted"),
            Self::ClientMuted { muted: false } => f.write_str("client unmuted"),
            Self::Changed { to } => write!(f, "media changed: {to}"),
            Self::ChangeRefused { condition } => write!(f, "change of the media refused: {condition}"),
            Self::UserMuted { muted: true } => f.write_str("user muted by the platform"),
            Self::UserMuted { muted: false } => f.write_str("user unmuted by the platform"),
            Self::UserHeld { held: true } => f.write_str("held by the platform"),
            Self::UserHeld { held: false } => f.write_str("taken back by the platform"),
            Self::UserDigits { digits } => write!(f, "digits {digits} by the platform"),
            Self::Metadata => f.write_str("client told its metadata"),
            Self::GatewayMuted { muted: true } => f.write_str("gateway muted"),
            Self::GatewayMuted { muted: false } => f.write_str("gateway unmuted"),
            Self::RingsOnSession => f.write_str("rings on the session that there is"),
            Self::PickedUp => f.write_str("picked up"),
            Self::SessionKept => f.write_str("session kept for the next call"),
            Self::SessionEnded { how } => write!(f, "session ended: {how}"),
            Self::Ended { how } => write!(f, "ended: {how}"),
        }
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RestRequest { method, path } => write!(f, "{method} {path}"),
            Self::RestReply { status, .. } => write!(f, "HTTP {status}"),
            Self::Diagnostics { report, bytes } => write!(f, "report of {bytes} bytes ({report})"),
            Self::UpgradeRefused { status } => write!(f, "HTTP {status}, no WebSocket"),
            Self::ConnectionReset { path } => write!(f, "reset instead of {path}"),
            Self::SocketOpened { socket } => write!(f, "WebSocket {socket} opened"),
            Self::SocketClosed { socket, reason } => write!(f, "WebSocket {socket} closed: {reason}"),
            Self::Frame { summary, .. } => f.write_str(summary),
            Self::Call { event, .. } => write!(f, "{event}"),
        }
    }
}

/// One rung of the ladder: time, arrow, words.
impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = match self.direction {
            Direction::ToCloud => "client --> cloud ",
            Direction::ToClient => "client <-- cloud ",
            Direction::Inside => "           gateway",
        };
        write!(f, "{:9.3} s  {arrow}  {}", self.at.as_secs_f64(), self.what)
    }
}

fn as_seconds<S: serde::Serializer>(at: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64(at.as_secs_f64())
}

/// Keeps the records and hands them to who subscribed.
#[derive(Debug)]
pub(crate) struct Recorder {
    start: Instant,
    limit: usize,
    kept: Mutex<Kept>,
    subscribers: broadcast::Sender<Record>,
}

#[derive(Debug, Default)]
struct Kept {
    next: u64,
    records: VecDeque<Record>,
}

impl Recorder {
    pub(crate) fn new(start: Instant, limit: usize) -> Self {
        Self {
            start,
            limit: limit.max(1),
            kept: Mutex::default(),
            subscribers: broadcast::Sender::new(SUBSCRIPTION),
        }
    }

    /// Time since the start.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }

    pub(crate) fn add(&self, direction: Direction, what: What) {
        tracing::debug!(?direction, %what, "record");
        let mut kept = crate::lock(&self.kept);
        let record = Record {
            number: kept.next,
            at: self.start.elapsed(),
            direction,
            what,
        };
        kept.next += 1;
        if kept.records.len() == self.limit {
            kept.records.pop_front();
        }
        kept.records.push_back(record.clone());
        // Sent under the lock, so that subscribers see the order of the numbers. No subscriber is
        // no fault.
        let _ = self.subscribers.send(record);
    }

    pub(crate) fn call(&self, session: &SessionId, event: CallEvent) {
        self.add(
            Direction::Inside,
            What::Call {
                session: session.clone(),
                event,
            },
        );
    }

    /// All records that are kept, from this number on.
    pub(crate) fn since(&self, number: u64) -> Vec<Record> {
        let kept = crate::lock(&self.kept);
        kept.records
            .iter()
            .filter(|record| record.number >= number)
            .cloned()
            .collect()
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<Record> {
        self.subscribers.subscribe()
    }
}
