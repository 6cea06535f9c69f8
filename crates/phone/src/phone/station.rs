//! The user's station, and which of the user's clients rings.

use std::time::Instant;

use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    CallToken, Phone,
    changes::{Errand, segment},
    ice::IcePolicy,
};
use crate::{
    error::CommandError,
    event::Event,
    http::{Method, ReplyError},
    rest::{Reply, Retry},
};

const USER: &str = "reading the user's station (GET users/me?expand=station)";
const STATION: &str = "reading the station (GET stations/{id})";
const LEAD: &str = "claiming to ring (PUT users/alertingleader)";

/// The telephone that the user is called at, as the cloud describes it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Station {
    /// Its id.
    pub id: String,
    /// Its name.
    #[serde(default)]
    pub name: Option<String>,
    /// How many calls it takes at once, each in a session of its own (`webRtcCallAppearances`). With one, calls take turns on one session.
    #[serde(default = "one", rename = "webRtcCallAppearances")]
    pub lines: u32,
    /// Whether its session stays open between calls (`webRtcPersistentEnabled`).
    #[serde(default, rename = "webRtcPersistentEnabled")]
    pub persistent: bool,
    /// Whether its media have to be relayed (`webRtcForceTurn`).
    #[serde(default, rename = "webRtcForceTurn")]
    pub relayed: bool,
}

fn one() -> u32 {
    1
}

/// `GET users/me?expand=station`, as far as it is needed.
#[derive(Deserialize)]
struct UserStation {
    #[serde(default)]
    station: Option<Stations>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Stations {
    #[serde(default)]
    effective_station: Option<Reference>,
    #[serde(default)]
    associated_station: Option<Reference>,
}

#[derive(Deserialize)]
struct Reference {
    id: String,
}

impl Phone {
    /// The user's station; none without [`PhoneConfig::softphone`](super::PhoneConfig::softphone), before it is known, and if the user has none.
    pub fn station(&self) -> Option<&Station> {
        self.calls.station.as_ref()
    }

    /// Has the user's calls ring at this client rather than at others of the same user. How that went is told by
    /// [`Event::CallChanged`], who rings from then on by [`Event::AlertingLeader`].
    ///
    /// # Errors
    /// When signalling does not stand, for a guest, and after `shutdown`.
    pub fn claim_alerting_leader(&mut self, now: Instant) -> Result<CallToken, CommandError> {
        self.command(now)?;
        self.user_only()?;
        let channel = self.signalling.channel.clone().filter(|_| self.is_connected());
        let channel = channel.ok_or(CommandError::NotConnected)?;
        let body = json!({ "connectionId": channel.0 });
        let id = self.ask(LEAD, Method::Put, "users/alertingleader", Some(body), Retry::Once);
        let token = CallToken(self.ids.next());
        self.calls.asked.insert(id, Errand::Lead(token));
        Ok(token)
    }

    pub(super) fn leader_named(&mut self, body: &Value) {
        let connection = body.get("connectionId").and_then(Value::as_str).map(str::to_owned);
        let ours = self.signalling.channel.as_ref().map(|channel| channel.0.as_str());
        let ours = connection.is_some() && connection.as_deref() == ours;
        self.emit(Event::AlertingLeader { connection, ours });
    }

    pub(super) fn read_station(&mut self) {
        let id = self.ask(USER, Method::Get, "users/me?expand=station", None, Retry::Patient);
        self.calls.asked.insert(id, Errand::UserStation);
    }

    pub(super) fn user_station_read(&mut self, result: Result<Reply, ReplyError>) {
        match result.and_then(|reply| reply.json::<UserStation>()) {
            Ok(UserStation { station }) => {
                let station = station.and_then(|known| known.effective_station.or(known.associated_station));
                match station {
                    Some(Reference { id }) => {
                        let path = format!("stations/{}", segment(&id));
                        let id = self.ask(STATION, Method::Get, &path, None, Retry::Patient);
                        self.calls.asked.insert(id, Errand::Station);
                    }
                    None => self.station_is(None),
                }
            }
            Err(error) => tracing::warn!(%error, "the user's station is not known"),
        }
    }

    pub(super) fn station_read(&mut self, result: Result<Reply, ReplyError>) {
        match result.and_then(|reply| reply.json::<Station>()) {
            Ok(station) => self.station_is(Some(station)),
            Err(error) => tracing::warn!(%error, "the user's station is not known"),
        }
    }

    fn station_is(&mut self, station: Option<Station>) {
        if self.calls.station != station {
            self.calls.station = station.clone();
            self.emit(Event::Station(station));
        }
    }

    /// Which candidates the next session may use: no others than relayed ones if the station says so.
    pub(super) fn session_policy(&self, offered: IcePolicy) -> IcePolicy {
        match &self.calls.station {
            Some(station) if station.relayed => IcePolicy::Relay,
            Some(_) | None => offered,
        }
    }
}
