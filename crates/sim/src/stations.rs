//! Which softphone each user is called at, and who of a user's connections rings.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use crate::config::{Station, User};
use crate::events;
use crate::inner::Inner;

/// The stations that there are, and whose they are now.
pub(crate) struct Stations(Mutex<Vec<Place>>);

#[derive(Clone)]
struct Place {
    station: Station,
    /// The name of the user it was made for.
    name: String,
    /// The id of the user who is called at it.
    user: Option<String>,
}

impl Stations {
    pub(crate) fn new(users: &[User]) -> Self {
        let place = |user: &User| {
            let station = user.station.clone()?;
            Some(Place {
                station,
                name: user.name.clone(),
                user: Some(user.id.clone()),
            })
        };
        Self(Mutex::new(users.iter().filter_map(place).collect()))
    }

    fn place(&self, wanted: impl Fn(&Place) -> bool) -> Option<Place> {
        crate::lock(&self.0).iter().find(|place| wanted(place)).cloned()
    }

    /// The user's station.
    pub(crate) fn of_user(&self, user: &str) -> Option<Station> {
        let place = self.place(|place| place.user.as_deref() == Some(user))?;
        Some(place.station)
    }

    /// The user's station as others name it.
    pub(crate) fn reference(&self, user: &str) -> Option<Value> {
        let place = self.place(|place| place.user.as_deref() == Some(user))?;
        Some(place.reference())
    }

    /// The station of this id as REST shows it.
    pub(crate) fn describe(&self, id: &str) -> Option<Value> {
        let place = self.place(|place| place.station.id == id)?;
        let mut body = place.reference();
        body["status"] = json!(if place.user.is_some() {
            "ASSOCIATED"
        } else {
            "AVAILABLE"
        });
        body["userId"] = json!(place.user);
        body["webRtcPersistentEnabled"] = json!(place.station.persistent);
        body["webRtcForceTurn"] = json!(place.station.relayed);
        body["webRtcCallAppearances"] = json!(place.station.lines);
        Some(body)
    }

    /// The user is called at this station from now on, which nobody else is then, or at none.
    pub(crate) fn associate(&self, inner: &Inner, user: &User, station: Option<Station>) {
        {
            let mut places = crate::lock(&self.0);
            for place in places.iter_mut() {
                let own = place.user.as_deref() == Some(user.id.as_str());
                let same = station.as_ref().is_some_and(|station| station.id == place.station.id);
                if own || same {
                    place.user = None;
                }
            }
            if let Some(station) = station {
                let name = user.name.clone();
                let known = places.iter_mut().find(|place| place.station.id == station.id);
                let (id, settings) = (Some(user.id.clone()), station);
                match known {
                    Some(place) => (place.user, place.station) = (id, settings),
                    None => places.push(Place {
                        station: settings,
                        name,
                        user: id,
                    }),
                }
            }
        }
        self.tell(inner, user);
    }

    /// The station of this id, whoever has it.
    pub(crate) fn find(&self, id: &str) -> Option<Station> {
        Some(self.place(|place| place.station.id == id)?.station)
    }

    fn tell(&self, inner: &Inner, user: &User) {
        let station = self.reference(&user.id);
        let action = match &station {
            Some(_) => "Associated",
            None => "Disassociated",
        };
        let topic = format!("v2.users.{}.station", user.id);
        let body = json!({ "associatedStation": station });
        events::publish_action(inner, Some(&user.id), &topic, &body, Some(action));
    }
}

impl Place {
    fn reference(&self) -> Value {
        json!({
            "id": self.station.id,
            "name": self.name,
            "type": "inin_webrtc_softphone",
            "selfUri": format!("/api/v2/stations/{}", self.station.id),
        })
    }
}

/// The connections of users that can ring, and which one of each user's does.
#[derive(Default)]
pub(crate) struct Leaders(Mutex<HashMap<String, Alertable>>);

#[derive(Default)]
struct Alertable {
    /// In the order in which they said so.
    connections: Vec<String>,
    leader: Option<String>,
}

impl Leaders {
    /// The connection that rings.
    pub(crate) fn of_user(&self, user: &str) -> Option<String> {
        crate::lock(&self.0).get(user)?.leader.clone()
    }

    /// A connection can ring from now on, or no more. The first one leads; when that leaves, the next one does.
    pub(crate) fn set_alertable(&self, inner: &Inner, user: &str, connection: &str, alertable: bool) {
        self.change(inner, user, |known| {
            known.connections.retain(|it| it != connection);
            if alertable {
                known.connections.push(connection.to_owned());
            }
            let leads = |leader: &String| known.connections.contains(leader);
            if !known.leader.as_ref().is_some_and(leads) {
                known.leader = known.connections.first().cloned();
            }
        });
    }

    /// This connection rings from now on; `None` is nobody's, until the next one says that it can.
    pub(crate) fn set(&self, inner: &Inner, user: &str, connection: Option<String>) {
        self.change(inner, user, |known| known.leader = connection);
    }

    /// The stream that has these names is gone: its connection rings no more, and the next one leads if it did.
    pub(crate) fn gone(&self, inner: &Inner, user: &str, names: [&str; 3]) {
        if !crate::lock(&self.0).contains_key(user) {
            return;
        }
        self.change(inner, user, |known| {
            let stays = |connection: &String| !names.contains(&connection.as_str());
            known.connections.retain(stays);
            if !known.leader.as_ref().is_none_or(stays) {
                known.leader = known.connections.first().cloned();
            }
        });
    }

    fn change(&self, inner: &Inner, user: &str, change: impl FnOnce(&mut Alertable)) {
        let (before, after) = {
            let mut users = crate::lock(&self.0);
            let known = users.entry(user.to_owned()).or_default();
            let before = known.leader.clone();
            change(known);
            (before, known.leader.clone())
        };
        if before != after {
            let topic = format!("v2.users.{user}.alertingleader");
            events::publish(inner, Some(user), &topic, &json!({ "connectionId": after }));
        }
    }
}
