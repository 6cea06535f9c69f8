//! Recorded conversations of the platform's own client, replayed from the client's side through the cores in virtual time: the
//! cloud's frames go in as recorded, ours come out and must mean what the recorded client's did, in order for each addressee.
//!
//! What a person or the media decided in the recording (accepting, the SDP of an answer, candidates, hanging up) is decided
//! likewise here, at the recorded moment; everything else the cores say by themselves.

use std::{collections::BTreeMap, fs, path::Path, time::Duration};

use base64::{Engine, engine::general_purpose::STANDARD};
use offhook_jingle::{
    SessionId,
    genesys::{Method, Rpc},
};
use offhook_phone::{AnswerPolicy, Endpoints, PhoneConfig};
use offhook_tests::{
    desk::Desk,
    recording::{self, Frame, meaning},
};
use offhook_xmpp::{
    Element,
    frame::{self, Limits},
};

/// Recordings whose subject is not built yet, with what is missing.
const NOT_REACHED: [(&str, &str); 4] = [
    ("B-conn-transfer", "reconnecting"),
    ("B-hard-reconnect", "reconnecting"),
    ("B-ws-drop", "reconnecting"),
    ("B-unsolicited-offer", "offers without a proposal"),
];

#[test]
fn our_frames_mean_what_the_recorded_ones_meant() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("recordings");
    let mut replayed = Vec::new();
    for entry in fs::read_dir(folder).expect("the recordings are there") {
        let path = entry.expect("a readable folder").path();
        let name = path
            .file_stem()
            .expect("files have names")
            .to_string_lossy()
            .into_owned();
        if name.starts_with("B-") && !NOT_REACHED.iter().any(|(other, _)| *other == name) {
            replay(&name, &recording::read(&path));
            replayed.push(name);
        }
    }
    replayed.sort();
    println!("replayed: {}", replayed.join(" "));
    assert!(replayed.len() >= 14, "recordings are missing: {replayed:?}");
}

fn replay(name: &str, frames: &[Frame]) {
    let mut replay = Replay::new(frames);
    for frame in frames {
        replay.step(frame);
    }
    replay.collect();
    for (to, recorded) in &replay.recorded {
        let ours = replay.ours.get(to).map(Vec::as_slice).unwrap_or_default();
        let ours: Vec<_> = ours.iter().map(|sent| sent.meaning.as_str()).collect();
        let recorded: Vec<_> = recorded.iter().map(|sent| sent.meaning.as_str()).collect();
        let difference = (0..ours.len().max(recorded.len())).find(|place| ours.get(*place) != recorded.get(*place));
        if let Some(place) = difference {
            panic!(
                "{name}: stanza {place} to {to:?}\n    ours {:?}\nrecorded {:?}",
                ours.get(place),
                recorded.get(place)
            );
        }
    }
    let unheard: Vec<_> = replay
        .ours
        .keys()
        .filter(|to| !replay.recorded.contains_key(*to))
        .collect();
    assert!(
        unheard.is_empty(),
        "{name}: the recorded client says nothing to {unheard:?}"
    );
}

/// A stanza that went out, from either client.
struct Sent {
    id: Option<String>,
    meaning: String,
}

struct Replay {
    desk: Desk,
    clock: Duration,
    /// What the recorded client has sent so far, by addressee.
    recorded: BTreeMap<String, Vec<Sent>>,
    /// What we have.
    ours: BTreeMap<String, Vec<Sent>>,
    /// Requests of the gateway, which we acknowledge and the recorded client does not.
    acknowledged: Vec<String>,
    /// Ids of stanzas that only the recorded client sends.
    surplus: Vec<String>,
    external_services: usize,
    announced: Vec<String>,
    /// JSON-RPC ids of the offers that came.
    offers: Vec<String>,
    /// The frame that came last repeats an offer.
    repeated: bool,
}

impl Replay {
    fn new(frames: &[Frame]) -> Self {
        let (jid, token, resource) = identity(frames);
        let endpoints = Endpoints::new(
            "https://api.mock.local",
            "wss://streaming.mock.local",
            Some("notifications.mock.local"),
            false,
        )
        .expect("addresses");
        let mut config = PhoneConfig::new(endpoints, token.into());
        config.resource = Some(resource);
        config.answer = AnswerPolicy {
            placed: false,
            auto: false,
            always: false,
        };
        let mut desk = Desk::new(config);
        desk.log_in(&jid);
        Self {
            desk,
            clock: Duration::ZERO,
            recorded: BTreeMap::new(),
            ours: BTreeMap::new(),
            acknowledged: Vec::new(),
            surplus: Vec::new(),
            external_services: 0,
            announced: Vec::new(),
            offers: Vec::new(),
            repeated: false,
        }
    }

    fn step(&mut self, frame: &Frame) {
        self.desk.pass(frame.at - self.clock);
        self.clock = frame.at;
        if frame.sent {
            self.recorded_sent(frame);
        } else {
            self.recorded_received(frame);
        }
        self.collect();
    }

    fn recorded_sent(&mut self, frame: &Frame) {
        let element = &frame.element;
        // Differences on purpose: external services are asked for once, and `accept` is announced once a session.
        if element.children().any(|child| child.name() == "services") {
            self.external_services += 1;
            if self.external_services > 2 {
                return self.surplus.extend(element.attr("id").map(str::to_owned));
            }
        }
        if let Some(accept) = element.children().find(|child| child.name() == "accept") {
            let id = accept.attr("id").unwrap_or_default().to_owned();
            if self.announced.contains(&id) {
                return;
            }
            self.announced.push(id);
        }
        keep(&mut self.recorded, element);
        self.decide(element);
    }

    /// Does what a person or the media did in the recording.
    fn decide(&mut self, element: &Element) {
        let Some(payload) = element.children().next() else {
            return;
        };
        let session = SessionId::new(payload.attr("id").unwrap_or_default());
        match payload.name() {
            "proceed" => self
                .desk
                .command(|phone, now| phone.accept(now, &session))
                .expect("it rings"),
            // The second `reject` of the pair finds nothing more to do.
            "reject" => drop(self.desk.command(|phone, now| phone.reject(now, &session, false))),
            "genesys-webrtc" => self.act(Rpc::parse(payload).expect("a recorded request").method),
            _ => {}
        }
    }

    fn act(&mut self, method: Method) {
        let id = method.session().clone();
        if let Method::Terminate { reason, .. } = method {
            return self
                .desk
                .command(|phone, now| phone.end(now, &id, reason))
                .expect("it lives");
        }
        let generation = self.desk.latest_offer(&id).expect("the recorded client has an offer");
        let done = self.desk.session(&id, |session, now| match method {
            Method::Answer { sdp, .. } => session.answer(now, generation, sdp),
            Method::Candidate { mid, candidate, .. } => {
                session.local_candidate(now, generation, &mid.unwrap_or_default(), &candidate)
            }
            Method::EndOfCandidates { .. } => session.end_of_candidates(now, generation),
            Method::Info { .. } => session.media_connected(now, generation),
            Method::Mute { .. } => session.set_muted(now, true),
            Method::Unmute { .. } => session.set_muted(now, false),
            Method::Offer { .. } | Method::Terminate { .. } => unreachable!("no client offers"),
        });
        done.expect("the session lives").expect("the session can do it");
    }

    fn recorded_received(&mut self, frame: &Frame) {
        self.repeated = frame
            .element
            .children()
            .filter_map(|payload| Rpc::parse(payload).ok())
            .any(|rpc| {
                let offer = matches!(rpc.method, Method::Offer { .. });
                let repeated = offer && self.offers.contains(&rpc.id);
                self.offers.extend(offer.then_some(rpc.id));
                repeated
            });
        let id = frame.element.attr("id").unwrap_or_default();
        match (frame.element.name(), frame.element.attr("type")) {
            ("iq", Some("result" | "error")) => {
                if let Some(ours) = self.our_id(id) {
                    self.desk.receive(&frame.text.replace(id, &ours));
                }
            }
            (name, kind) => {
                if name == "iq" && kind == Some("set") {
                    self.acknowledged.push(id.to_owned());
                }
                self.desk.receive(&frame.text);
            }
        }
    }

    /// Under which id we sent what the recorded client sent under this one.
    fn our_id(&self, id: &str) -> Option<String> {
        if self.surplus.iter().any(|surplus| surplus == id) {
            return None;
        }
        let place = |sent: &Vec<Sent>| sent.iter().position(|sent| sent.id.as_deref() == Some(id));
        let (to, place) = self.recorded.iter().find_map(|(to, sent)| Some((to, place(sent)?)))?;
        let ours = self.ours.get(to).and_then(|sent| sent.get(place));
        ours.unwrap_or_else(|| panic!("nothing of ours stands for {id}"))
            .id
            .clone()
    }

    /// Takes in what we sent.
    fn collect(&mut self) {
        while let Some(text) = self.desk.sent.pop_front() {
            let element = frame::parse(&text, &Limits::default()).expect("our frames are well-formed");
            let id = element.attr("id").unwrap_or_default();
            // Differences on purpose: requests of the gateway are acknowledged, and an offer that is repeated because its answer
            // was not acknowledged gets the answer again.
            let acknowledges = element.attr("type") == Some("result") && self.acknowledged.iter().any(|set| set == id);
            if acknowledges {
                assert_eq!(element.children().count(), 0, "an acknowledgement says nothing");
            } else if self.repeated && is_answer(&element) {
                self.repeated = false;
            } else {
                keep(&mut self.ours, &element);
            }
        }
    }
}

fn is_answer(element: &Element) -> bool {
    let answer = |rpc: Rpc| matches!(rpc.method, Method::Answer { .. });
    element
        .children()
        .next()
        .and_then(|payload| Rpc::parse(payload).ok())
        .is_some_and(answer)
}

fn keep(sent: &mut BTreeMap<String, Vec<Sent>>, element: &Element) {
    let to = element.attr("to").unwrap_or_default().to_owned();
    let id = element.attr("id").map(str::to_owned);
    sent.entry(to).or_default().push(Sent {
        id,
        meaning: meaning(element),
    });
}

/// Bare JID, token and resource of the recorded client.
fn identity(frames: &[Frame]) -> (String, String, String) {
    let sent = |name: &str| {
        let named = |frame: &&Frame| {
            frame.sent && (frame.element.name() == name || frame.element.children().any(|c| c.name() == name))
        };
        frames
            .iter()
            .find(named)
            .unwrap_or_else(|| panic!("no {name}"))
            .element
            .clone()
    };
    let plain = STANDARD.decode(sent("auth").text()).expect("base64");
    let plain = String::from_utf8(plain).expect("text");
    let mut parts = plain.split('\0').skip(1);
    let jid = parts.next().expect("a user").to_owned();
    let token = parts
        .next()
        .and_then(|key| key.strip_prefix("authKey:"))
        .expect("a token")
        .to_owned();
    let bind = sent("bind");
    let resource = bind
        .children()
        .flat_map(Element::children)
        .next()
        .expect("a resource")
        .text();
    (jid, token, resource)
}
