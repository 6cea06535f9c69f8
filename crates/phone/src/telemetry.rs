//! What the cloud is told of how calls fare, if the application wants that: posts of flat records to `diagnostics/newrelic/insights`.
//!
//! A room of its own: it neither asks for posts nor knows when one may be made; the phone does.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use offhook_jingle::{ConversationId, SessionId};
use serde_json::{Map, Value, json};

/// Between two posts, at least.
const EVERY: Duration = Duration::from_secs(25);
/// The most bytes of a post.
const MOST: usize = 15_000;
/// How many bytes less it is when the cloud finds that too much.
const LESS: usize = 3_000;
/// Records that wait; when there are more, the oldest are dropped.
const WAITING: usize = 500;

/// Who tells the cloud how calls fare. Name your application: the cloud's operators read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The application's name.
    pub app_name: String,
    /// Its version.
    pub app_version: String,
    /// The name of the program that the application is a part of, if it is one.
    pub origin_app_name: Option<String>,
    /// Its version.
    pub origin_app_version: Option<String>,
}

impl Telemetry {
    /// An application that stands for itself.
    pub fn new(app_name: impl Into<String>, app_version: impl Into<String>) -> Self {
        Self {
            app_name: app_name.into(),
            app_version: app_version.into(),
            origin_app_name: None,
            origin_app_version: None,
        }
    }
}

/// How the media of a session fare, as telemetry tells it. There is no address in it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct MediaFigures {
    /// RTP packets that were sent.
    pub packets_sent: u64,
    /// RTP packets that arrived.
    pub packets_received: u64,
    /// RTP packets that did not.
    pub packets_lost: u64,
    /// Bytes of payload that were sent.
    pub bytes_sent: u64,
    /// Bytes of payload that arrived.
    pub bytes_received: u64,
    /// Interarrival jitter (RFC 3550 section 6.4.1).
    pub jitter: Duration,
    /// To the far end and back, by RTCP.
    pub round_trip: Option<Duration>,
    /// How long what arrives waits before it is heard.
    pub playout_delay: Duration,
    /// What a listener would say of it, from 1 to 4.5 (ITU-T G.107).
    pub mos: Option<f32>,
    /// Whether a TURN server stands between.
    pub relayed: bool,
}

/// Records that wait to be posted.
#[derive(Debug)]
pub(crate) struct Records {
    who: Telemetry,
    waiting: VecDeque<Value>,
    /// On their way.
    posted: Vec<Value>,
    not_before: Option<Instant>,
    most: usize,
}

impl Records {
    pub(crate) fn new(who: Telemetry) -> Self {
        Self {
            who,
            waiting: VecDeque::new(),
            posted: Vec::new(),
            not_before: None,
            most: MOST,
        }
    }

    /// A session was measured.
    pub(crate) fn add(
        &mut self,
        now: Instant,
        session: &SessionId,
        conversation: Option<&ConversationId>,
        figures: &MediaFigures,
    ) {
        self.not_before.get_or_insert(now + EVERY);
        let mut details = flat(figures);
        details.insert("sessionId".to_owned(), json!(session.as_str()));
        if let Some(conversation) = conversation {
            details.insert("conversationId".to_owned(), json!(conversation.as_str()));
        }
        self.waiting
            .push_back(json!({ "actionName": "WebrtcStats", "details": details }));
        if self.waiting.len() > WAITING {
            self.waiting.pop_front();
        }
    }

    /// When there is something to post.
    pub(crate) fn due(&self) -> Option<Instant> {
        let waits = !self.waiting.is_empty() && self.posted.is_empty();
        self.not_before.filter(|_| waits)
    }

    /// What is to be posted now, if anything; [`posted`](Self::posted) is told how that went.
    pub(crate) fn post(&mut self, now: Instant) -> Option<Value> {
        self.due().filter(|due| *due <= now)?;
        let mut length = self.body(&[]).to_string().len();
        while let Some(record) = self.waiting.pop_front() {
            // And a comma.
            let longer = length + record.to_string().len() + 1;
            if longer <= self.most {
                length = longer;
                self.posted.push(record);
            } else if self.posted.is_empty() {
                tracing::debug!("a record of telemetry is longer than a post");
            } else {
                self.waiting.push_front(record);
                break;
            }
        }
        self.not_before = Some(now + EVERY);
        (!self.posted.is_empty()).then(|| self.body(&self.posted))
    }

    /// The post has ended; `too_large` if the cloud said so (413), and it is to be made in smaller ones then.
    pub(crate) fn posted(&mut self, too_large: bool) {
        let records = std::mem::take(&mut self.posted);
        if too_large {
            self.most = (self.most - LESS).max(LESS);
            records
                .into_iter()
                .rev()
                .for_each(|record| self.waiting.push_front(record));
        }
    }

    fn body(&self, actions: &[Value]) -> Value {
        let who = &self.who;
        let mut body = json!({ "appName": who.app_name, "appVersion": who.app_version, "actions": actions });
        for (name, value) in [
            ("originAppName", &who.origin_app_name),
            ("originAppVersion", &who.origin_app_version),
        ] {
            if let Some(value) = value {
                body[name] = json!(value);
            }
        }
        body
    }
}

/// Numbers are numbers, times are milliseconds, and what is true or false is a word.
fn flat(figures: &MediaFigures) -> Map<String, Value> {
    let milliseconds = |duration: Duration| duration.as_secs_f64() * 1000.0;
    let known = [
        ("packetsSent", json!(figures.packets_sent)),
        ("packetsReceived", json!(figures.packets_received)),
        ("packetsLost", json!(figures.packets_lost)),
        ("bytesSent", json!(figures.bytes_sent)),
        ("bytesReceived", json!(figures.bytes_received)),
        ("jitter", json!(milliseconds(figures.jitter))),
        ("playoutDelay", json!(milliseconds(figures.playout_delay))),
        ("relayed", json!(figures.relayed.to_string())),
    ];
    let measured = [
        (
            "roundTripTime",
            figures.round_trip.map(|time| json!(milliseconds(time))),
        ),
        ("estimatedAverageMos", figures.mos.map(|mos| json!(mos))),
    ];
    let measured = measured.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known
        .into_iter()
        .chain(measured)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[allow(clippy::disallowed_methods)]
    fn records() -> (Records, Instant) {
        (Records::new(Telemetry::new("bot", "1.2")), Instant::now())
    }

    fn measure(records: &mut Records, now: Instant) {
        let figures = MediaFigures {
            packets_sent: 7,
            relayed: true,
            ..MediaFigures::default()
        };
        let conversation = ConversationId::new("c");
        records.add(now, &SessionId::new("s"), Some(&conversation), &figures);
    }

    #[test]
    fn records_are_flat_name_the_application_and_wait_for_25_seconds() {
        let (mut records, start) = records();
        assert_eq!(records.due(), None);
        for second in [0, 5, 10, 15, 20] {
            measure(&mut records, start + Duration::from_secs(second));
        }
        let due = start + EVERY;
        assert_eq!(
            (records.due(), records.post(due - Duration::from_millis(1))),
            (Some(due), None)
        );
        let body = records.post(due).expect("it is time");
        assert_eq!((&body["appName"], &body["appVersion"]), (&json!("bot"), &json!("1.2")));
        assert_eq!(body.get("originAppName"), None);
        let actions = body["actions"].as_array().expect("a list");
        assert_eq!((actions.len(), &actions[0]["actionName"]), (5, &json!("WebrtcStats")));
        let details = &actions[0]["details"];
        assert_eq!(
            (&details["packetsSent"], &details["relayed"]),
            (&json!(7), &json!("true"))
        );
        assert_eq!(
            (&details["sessionId"], &details["conversationId"]),
            (&json!("s"), &json!("c"))
        );
        let flat = |value: &Value| value.is_number() || value.is_string();
        assert!(details.as_object().expect("an object").values().all(flat));
        measure(&mut records, due);
        assert_eq!(records.due(), None, "one post at a time");
        records.posted(false);
        assert_eq!(records.due(), Some(due + EVERY));
    }

    #[test]
    fn a_post_has_at_most_15_000_bytes_and_3_000_less_when_that_was_too_much() {
        let (mut records, start) = records();
        (0..200).for_each(|_| measure(&mut records, start));
        let mut now = start + EVERY;
        let first = records.post(now).expect("there is much");
        let length = first.to_string().len();
        assert!((MOST - 500..=MOST).contains(&length), "{length}");
        records.posted(true);
        now += EVERY;
        let second = records.post(now).expect("it is posted again");
        let shorter = second.to_string().len();
        assert!((MOST - LESS - 500..=MOST - LESS).contains(&shorter), "{shorter}");
        let mut posted = second["actions"].as_array().expect("a list").len();
        records.posted(false);
        while records.due().is_some() {
            now += EVERY;
            let body = records.post(now).expect("there is more");
            posted += body["actions"].as_array().expect("a list").len();
            records.posted(false);
        }
        assert_eq!(posted, 200, "nothing is lost");
    }

    #[test]
    fn when_nothing_can_be_posted_for_long_the_oldest_records_go() {
        let (mut records, start) = records();
        (0..WAITING + 5).for_each(|_| measure(&mut records, start));
        assert_eq!(records.waiting.len(), WAITING);
    }
}
