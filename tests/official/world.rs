//! One scenario's world: the cloud, who is called there, and what was seen on both sides.

use std::time::Duration;

use offhook_jingle::Dialect;
use offhook_sim::{CallEvent, CallHandle, CallRequest, CloudConfig, Direction, What};
use offhook_tests::softphone::{poll, within};
use tokio::time::timeout;

use crate::{
    place::{GATEWAY, MICROPHONE, Place},
    softphone::{Softphone, Who},
    table::Row,
};

/// How far from its pitch the gateway may hear a tone, in hertz.
const NEAR: f32 = 3.0;
/// What the gateway hears of who is silent.
const SILENT_DBOV: f32 = -55.0;
/// Who says nothing for so long has said everything.
const QUIET: Duration = Duration::from_millis(300);

/// The cloud and who is called.
#[derive(Debug)]
pub struct World {
    pub place: Place,
    pub who: Who,
    pub phone: Softphone,
    /// What the phone was seen to do.
    seen: Vec<String>,
    /// What the gateway heard.
    heard: Vec<String>,
}

impl World {
    /// A phone that has connected.
    pub async fn new(who: Who) -> Self {
        Self::of(Place::new(CloudConfig::default()).await, who).await
    }

    /// A phone that has connected to this place.
    pub async fn of(place: Place, who: Who) -> Self {
        let mut world = Self::unconnected(place, who);
        world.phone.connect(&world.place).await;
        within(world.place.cloud.wait_connected(world.place.user())).await;
        world.sees("connected");
        world
    }

    /// A phone that knows the way to this place, and has not connected.
    pub fn unconnected(place: Place, who: Who) -> Self {
        Self {
            phone: Softphone::new(&place, who),
            place,
            who,
            seen: Vec::new(),
            heard: Vec::new(),
        }
    }

    /// Writes down what the phone was seen to do.
    pub fn sees(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.seen.last() != Some(&what) {
            self.seen.push(what);
        }
    }

    /// Writes down what the cloud was seen to do, beyond its records.
    pub fn cloud_sees(&mut self, what: impl Into<String>) {
        let what = what.into();
        if self.heard.last() != Some(&what) {
            self.heard.push(what);
        }
    }

    /// The gateway calls, and the phone rings.
    pub async fn rings(&mut self, request: CallRequest) -> CallHandle {
        let call = self.place.cloud.call(request).expect("it is connected");
        self.phone.is_proposed(call.session().as_str()).await;
        self.sees("rang");
        call
    }

    /// The gateway calls, the phone accepts, and both hear each other.
    pub async fn is_called(&mut self, dialect: Dialect) -> CallHandle {
        let request = CallRequest {
            dialect: Some(dialect),
            ..CallRequest::default()
        };
        let call = self.rings(request).await;
        self.phone.accepts(call.session().as_str()).await;
        self.is_up(&call).await;
        call
    }

    /// The media come up, and both hear each other.
    pub async fn is_up(&mut self, call: &CallHandle) {
        self.phone
            .is_up(call.session().as_str(), call.conversation().as_str())
            .await;
        self.sees("media connected");
        self.hear_each_other(call).await;
    }

    pub async fn hear_each_other(&mut self, call: &CallHandle) {
        self.phone_hears(call).await;
        self.gateway_hears(call).await;
    }

    pub async fn phone_hears(&mut self, call: &CallHandle) {
        let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
        self.phone.hears(session, conversation, GATEWAY).await;
        self.sees(format!("heard {GATEWAY} Hz"));
    }

    pub async fn phone_hears_nothing(&mut self, call: &CallHandle) {
        let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
        self.phone.hears_nothing(session, conversation).await;
        self.sees("heard silence");
    }

    pub async fn gateway_hears(&mut self, call: &CallHandle) {
        #[expect(clippy::cast_precision_loss, reason = "some hundreds")]
        let pitch = MICROPHONE as f32;
        poll(|| {
            let heard = call.heard().tone;
            heard.is_some_and(|tone| (tone.hertz - pitch).abs() < NEAR)
        })
        .await;
        self.cloud_sees(format!("heard {MICROPHONE} Hz"));
    }

    pub async fn gateway_hears_nothing(&mut self, call: &CallHandle) {
        poll(|| call.heard().level_dbov < SILENT_DBOV).await;
        self.cloud_sees("heard silence");
    }

    /// Half a second more of what the gateway hears: media go on.
    pub async fn goes_on(&mut self, call: &CallHandle) {
        within(offhook_tests::softphone::goes_on(call)).await;
    }

    /// Waits until the gateway knows of the call's end.
    pub async fn is_over(&mut self, call: &CallHandle) {
        let ended = within(call.ended()).await;
        self.cloud_sees(format!("ended: {ended}"));
    }

    /// Has the phone hang up.
    pub async fn phone_ends(&mut self, call: &CallHandle) {
        self.phone
            .ends(call.session().as_str(), call.conversation().as_str())
            .await;
    }

    /// Has the phone have the platform hold the call, or take it back.
    pub async fn phone_holds(&mut self, call: &CallHandle, held: bool) {
        let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
        self.phone.holds(session, conversation, held).await;
    }

    /// Waits until the phone knows of the call's end.
    pub async fn has_ended(&mut self, call: &CallHandle) {
        let reason = self.phone.has_ended(call.session().as_str()).await;
        self.sees(format!("ended ({reason})"));
    }

    /// Waits until both sides know of the end of a call whose session stays.
    pub async fn has_ended_alone(&mut self, call: &CallHandle) {
        let (session, conversation) = (call.session().as_str(), call.conversation().as_str());
        self.phone.is_over(session, conversation).await;
        self.sees("ended, and kept the session");
        self.is_over(call).await;
    }

    /// Waits for a record of the cloud.
    pub async fn recorded(&self, is: impl Fn(&What, Direction) -> bool) {
        poll(|| {
            let records = self.place.cloud.records();
            records.iter().any(|record| is(&record.what, record.direction))
        })
        .await;
    }

    /// How many sockets the cloud has seen opened.
    pub fn sockets(&self) -> usize {
        let records = self.place.cloud.records();
        let opened = |what: &What| matches!(what, What::SocketOpened { .. });
        records.iter().filter(|record| opened(&record.what)).count()
    }

    /// How many channels were made.
    pub fn channels(&self) -> usize {
        let made = |what: &What| {
            let What::RestReply { method, path, status } = what else {
                return false;
            };
            method == "POST" && path.starts_with("/api/v2/notifications/channels?") && *status == 200
        };
        self.place
            .cloud
            .records()
            .iter()
            .filter(|record| made(&record.what))
            .count()
    }

    /// All of it, for the table, as soon as nobody says anything more.
    pub async fn row(&mut self) -> Row {
        let mut said = self.place.cloud.subscribe();
        while timeout(QUIET, said.recv()).await.is_ok() {}
        let mut sent = Vec::new();
        let mut media = Vec::new();
        for record in self.place.cloud.records() {
            match (record.direction, record.what) {
                (Direction::ToCloud, What::Frame { summary, .. }) => sent.push(summary),
                (Direction::ToCloud, What::RestRequest { method, path }) => sent.push(format!("{method} {path}")),
                (Direction::Inside, What::Call { event, .. }) => media.extend(told(&event)),
                _ => {}
            }
        }
        media.append(&mut self.heard);
        let mut cloud: Vec<String> = Vec::new();
        for what in media {
            if !cloud.contains(&what) {
                cloud.push(what);
            }
        }
        Row {
            seen: self.seen.join(", "),
            cloud: cloud.join(", "),
            sent,
        }
    }
}

impl Drop for World {
    /// What the cloud saw belongs to the report of a failure.
    fn drop(&mut self) {
        if std::thread::panicking() {
            for record in self.place.cloud.records() {
                println!("{record}");
            }
        }
    }
}

/// What an event of a call is in the table; its end stands there by other means.
fn told(event: &CallEvent) -> Option<String> {
    match event {
        CallEvent::Ended { .. } | CallEvent::FirstAudio | CallEvent::Info { .. } => None,
        CallEvent::Left { .. } => Some("client ended the former session".to_owned()),
        event => Some(event.to_string()),
    }
}
