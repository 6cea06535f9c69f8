//! Two softphones of one user beside a model of the cloud, and whatever may happen to them in whatever order: calls that both answer by
//! themselves, that are placed, that ring again, that come on a session that stays open; news that come late, twice or never; REST that
//! fails; WebSockets that are lost.
//!
//! A course of events is named by its number: `OFFHOOK_SEED=12 cargo test -p offhook-phone explored` runs that one alone;
//! `OFFHOOK_CALLS=10000` runs more of them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    env,
};

use offhook_jingle::session;
use rand::RngExt;
use serde_json::{Value, json};

use super::{softphone::Lines, *};
use crate::conversations::{CallState, TrackedCall};

/// How many courses of events there are unless told otherwise.
const COURSES: u64 = 500;
/// How many steps one has.
const STEPS: usize = 60;
/// How many phones the user has.
const PHONES: usize = 2;
/// Where the other phone is, as each of them sees it.
const OTHER: &str = "agent@org.example/other";

/// A conversation as the cloud has it.
#[derive(Debug, Clone)]
struct Talk {
    /// Counts the user's parts in it, of which the last may live.
    part: u32,
    state: &'static str,
    session: String,
    /// Whose it is, once it is answered.
    owner: Option<usize>,
    outbound: bool,
}

/// What is on its way to a phone.
#[derive(Debug, Clone)]
enum News {
    Propose { session: String, talk: String },
    Offer { session: String, talk: String },
    Handled { session: String },
    Retracted { session: String },
    Ended { session: String },
    Told(Value),
}

/// One phone, and what is looked at.
struct Desk {
    story: Story,
    coming: VecDeque<News>,
    /// Requests that have no reply yet.
    asked: Vec<(HttpId, HttpRequest)>,
    /// The sessions that run, and whether their media are connected.
    running: BTreeMap<String, bool>,
    last: HashMap<ConversationId, TrackedCall>,
    started: BTreeSet<(SessionId, ConversationId)>,
    waiting: BTreeSet<CallToken>,
}

struct World {
    random: StdRng,
    desks: Vec<Desk>,
    talks: BTreeMap<String, Talk>,
    drawn: u32,
    log: Vec<String>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let mut random = StdRng::from_seed(bytes);
        let lines = Lines {
            lines: random.random_range(1..3),
            persistent: random.random(),
            relayed: false,
        };
        let always = random.random();
        let desk = |_| Desk {
            story: Story::softphone(
                AnswerPolicy {
                    always,
                    ..AnswerPolicy::default()
                },
                lines,
            ),
            coming: VecDeque::new(),
            asked: Vec::new(),
            running: BTreeMap::new(),
            last: HashMap::new(),
            started: BTreeSet::new(),
            waiting: BTreeSet::new(),
        };
        let desks = (0..PHONES).map(desk).collect();
        Self {
            random,
            desks,
            talks: BTreeMap::new(),
            drawn: 0,
            log: Vec::new(),
        }
    }

    fn draw(&mut self, what: &str) -> String {
        self.drawn += 1;
        format!("{what}-{}", self.drawn)
    }

    fn one_of<T: Clone>(&mut self, of: &[T]) -> Option<T> {
        let index = self.random.random_range(0..of.len().max(1));
        of.get(index).cloned()
    }

    /// The conversation as the cloud shows it.
    fn body(&self, id: &str) -> Value {
        let talk = &self.talks[id];
        let leg = json!({"id": format!("leg {} of {id}", talk.part), "state": talk.state,
            "direction": if talk.outbound { "outbound" } else { "inbound" }, "held": false, "muted": false});
        let part =
            json!({"id": format!("part {} of {id}", talk.part), "userId": "u", "purpose": "agent", "calls": [leg]});
        json!({"id": id, "participants": [part]})
    }

    /// The cloud tells of a conversation, in the order in which it happens.
    fn tell(&mut self, id: &str) {
        let body = self.body(id);
        for desk in &mut self.desks {
            desk.coming.push_back(News::Told(body.clone()));
        }
    }

    /// A conversation rings, for the first time or again: on the session that stays open and is free, if there is one.
    fn ring(&mut self, id: String, outbound: bool) {
        let part = self.talks.get(&id).map_or(1, |talk| talk.part + 1);
        let session = self.draw("session");
        let free = (0..PHONES).any(|desk| self.free_session(desk).is_some());
        let talk = Talk {
            part,
            state: "alerting",
            session: session.clone(),
            owner: None,
            outbound,
        };
        self.talks.insert(id.clone(), talk);
        self.tell(&id);
        if !free {
            for desk in &mut self.desks {
                let (session, talk) = (session.clone(), id.clone());
                desk.coming.push_back(News::Propose { session, talk });
            }
        }
    }

    /// The session of a phone that stays open, has its media, and serves nobody, as the phone sees it.
    fn free_session(&self, desk: usize) -> Option<String> {
        let desk = &self.desks[desk];
        let session = desk.story.phone.calls.persistent.as_ref()?;
        let serves = |talk: &Talk| talk.session == session.as_str() && talk.state != "disconnected";
        let busy = self.talks.values().any(serves);
        (!busy && desk.running.get(session.as_str()) == Some(&true)).then(|| session.to_string())
    }

    /// A phone has it now, the others do not.
    fn answered(&mut self, id: &str, desk: usize, session: &str) {
        let talk = self.talks.get_mut(id).expect("it rings");
        (talk.state, talk.owner) = ("connected", Some(desk));
        talk.session = session.to_owned();
        self.tell(id);
    }

    fn over(&mut self, id: &str) {
        let Some(talk) = self.talks.get_mut(id).filter(|talk| talk.state != "disconnected") else {
            return;
        };
        let rang = talk.state == "alerting";
        talk.state = "disconnected";
        let (session, owner) = (talk.session.clone(), talk.owner);
        self.tell(id);
        for (number, desk) in self.desks.iter_mut().enumerate() {
            if rang {
                let session = session.clone();
                desk.coming.push_back(News::Retracted { session });
            } else if owner == Some(number) && desk.story.phone.station().is_some_and(|station| !station.persistent) {
                let session = session.clone();
                desk.coming.push_back(News::Ended { session });
            }
        }
    }

    /// One thing happens.
    fn step(&mut self) {
        let desk = self.random.random_range(0..PHONES);
        let ids: Vec<String> = self.talks.keys().cloned().collect();
        match self.random.random_range(0..24) {
            0 | 1 => {
                let id = self.draw("talk");
                self.ring(id, false);
            }
            2 => {
                let over = ids.into_iter().filter(|id| self.talks[id].state == "disconnected");
                if let Some(id) = self.one_of(&over.collect::<Vec<_>>()) {
                    self.ring(id, false);
                }
            }
            3 => {
                let to = OutboundCall::to(Destination::PhoneNumber("+4930".into()));
                let story = &mut self.desks[desk].story;
                if let Ok(token) = story.phone.place_call(story.now, &to) {
                    self.desks[desk].waiting.insert(token);
                }
            }
            4 => {
                if let Some(id) = self.one_of(&ids) {
                    self.over(&id);
                }
            }
            5 | 6 => self.change(desk),
            7 => self.decide(desk),
            8 => self.lose(desk),
            9 => {
                let running: Vec<_> = self.desks[desk].running.keys().cloned().collect();
                if let Some(session) = self.one_of(&running) {
                    let active = self.desks[desk].running[&session];
                    self.desks[desk].media(&session, !active);
                }
            }
            10..14 => {
                let silent = self.desks[desk].running.iter().filter(|(_, active)| !**active);
                let silent: Vec<_> = silent.map(|(session, _)| session.clone()).collect();
                if let Some(session) = self.one_of(&silent) {
                    self.desks[desk].media(&session, true);
                }
            }
            14..17 => {
                let succeeds = self.random.random_range(0..8) > 0;
                self.reply(desk, succeeds);
            }
            _ => self.deliver(desk),
        }
        self.look();
    }

    /// The application does something with a call.
    fn change(&mut self, desk: usize) {
        let calls: Vec<_> = self.desks[desk]
            .story
            .phone
            .calls()
            .map(|call| call.conversation.clone())
            .collect();
        let kinds = [
            CallChange::Ended,
            CallChange::Held(true),
            CallChange::Held(false),
            CallChange::Declined,
        ];
        if let (Some(conversation), Some(kind)) = (self.one_of(&calls), self.one_of(&kinds)) {
            let story = &mut self.desks[desk].story;
            if let Ok(token) = story.phone.change_call(story.now, &conversation, kind) {
                self.desks[desk].waiting.insert(token);
            }
        }
    }

    /// The application accepts what rings, or refuses it.
    fn decide(&mut self, desk: usize) {
        let rings: Vec<_> = self.desks[desk]
            .story
            .phone
            .proposals()
            .map(|proposal| proposal.id.clone())
            .collect();
        let accepts = self.random.random_range(0..4) > 0;
        if let Some(session) = self.one_of(&rings) {
            let story = &mut self.desks[desk].story;
            let _ = match accepts {
                true => story.phone.accept(story.now, &session),
                false => story.phone.reject(story.now, &session, false),
            };
        }
    }

    /// The WebSocket is lost, and notifications with it; another one comes.
    fn lose(&mut self, desk: usize) {
        let desk = &mut self.desks[desk];
        let attempt = desk.story.attempt();
        desk.coming.retain(|news| !matches!(news, News::Told(_)));
        desk.story.closed(attempt, xmpp::CloseReason::ByPeer);
        desk.take_requests();
        desk.story.wait_for_attempt();
        let attempt = desk.story.dialled().expect("the channel is known");
        desk.story.stream(attempt, connected());
    }

    /// The next thing that is on its way arrives; notifications keep their order, others may overtake them, but no session ends before it is offered.
    fn deliver(&mut self, number: usize) {
        let ahead = self.random.random_range(0..3);
        let twice = self.random.random_range(0..6) == 0;
        let desk = &mut self.desks[number];
        let place = match desk.coming.get(ahead) {
            Some(News::Told(_)) | None => 0,
            Some(News::Ended { session }) => {
                let offer = |news: &News| matches!(news, News::Offer { session: offered, .. } if offered == session);
                desk.coming.iter().position(offer).unwrap_or(ahead)
            }
            Some(_) => ahead,
        };
        let Some(news) = desk.coming.remove(place) else {
            return;
        };
        self.log.push(format!("to {number}: {news:?}"));
        if twice && matches!(news, News::Told(_) | News::Propose { .. }) {
            desk.hear(&news);
        }
        desk.hear(&news);
    }

    /// REST answers a request; what it asked for happens, if it succeeds.
    fn reply(&mut self, number: usize, succeeds: bool) {
        self.desks[number].take_requests();
        let asked = self.desks[number].asked.len();
        if asked == 0 {
            return;
        }
        let place = self.random.random_range(0..asked);
        let (id, request) = self.desks[number].asked.remove(place);
        let path = request.url.path().trim_start_matches("/api/v2/").to_owned();
        self.log
            .push(format!("{number} asked for {path} {:?}: {succeeds}", request.body));
        let body = match (succeeds, path.as_str()) {
            (false, _) => return self.desks[number].story.reply(id, 400, ""),
            (_, "conversations/calls") => {
                let talk = self.draw("talk");
                self.ring(talk.clone(), true);
                json!({ "id": talk })
            }
            (_, "conversations") => {
                let live = self.talks.iter().filter(|(_, talk)| talk.state != "disconnected");
                let live: Vec<_> = live.map(|(id, _)| self.body(id)).collect();
                json!({ "entities": live })
            }
            (_, path) if path.contains("/participants/") => {
                self.part_changed(number, path, request.body.as_ref());
                json!({})
            }
            (_, path) if path.starts_with("conversations/calls/") => {
                let id = path.trim_start_matches("conversations/calls/").to_owned();
                self.talks.get(&id).map_or_else(|| json!({}), |_| self.body(&id))
            }
            _ => json!({"id": "u", "chat": {"jabberId": "agent@org.example"}}),
        };
        self.desks[number].story.reply(id, 200, &body.to_string());
    }

    fn part_changed(&mut self, desk: usize, path: &str, body: Option<&Value>) {
        let id = path.split('/').nth(2).unwrap_or_default().to_owned();
        let Some(talk) = self.talks.get(&id) else {
            return;
        };
        // Of a part that is over nothing is changed.
        if !path.contains(&format!("/part+{}+of+", talk.part)) {
            return;
        }
        match body.and_then(|body| body["state"].as_str()) {
            Some("disconnected") => self.over(&id),
            Some("connected") if talk.state == "alerting" => {
                if let Some(session) = self.free_session(desk) {
                    self.answered(&id, desk, &session);
                }
            }
            _ => {}
        }
    }

    /// Takes what the phones say, and looks at it.
    fn look(&mut self) {
        for number in 0..PHONES {
            while let Some(output) = self.desks[number].said() {
                self.take(number, output);
            }
            let desk = &self.desks[number];
            let mut carried = desk.story.phone.sessions().filter_map(|(_, conversation)| conversation);
            let mut seen = BTreeSet::new();
            assert!(carried.all(|one| seen.insert(one)), "two sessions for one conversation");
        }
    }

    fn take(&mut self, number: usize, output: Output) {
        match output {
            Output::Stream(StreamCommand::Message { payload, .. }) if payload.name() == "proceed" => {
                let session = payload.attr("id").unwrap_or_default().to_owned();
                self.proceeded(number, &session);
            }
            Output::StartSession(start) => {
                let id = start.config.id.to_string();
                assert!(
                    self.desks[number].running.insert(id, false).is_none(),
                    "a session begins twice"
                );
            }
            Output::EndSession { session, .. } | Output::DropSession(session) => {
                let talk = self.talks.iter().find(|(_, talk)| talk.session == session.as_str());
                let talk = talk
                    .filter(|(_, talk)| talk.owner == Some(number))
                    .map(|(id, _)| id.clone());
                self.desks[number].ended(session.as_str());
                if let Some(id) = talk {
                    self.over(&id);
                }
            }
            Output::Event(event) => self.desks[number].told(event),
            _ => {}
        }
    }

    /// A phone claims a session: the first one has it.
    fn proceeded(&mut self, number: usize, session: &str) {
        let rings = self
            .talks
            .iter()
            .find(|(_, talk)| talk.session == session && talk.state == "alerting");
        let Some(id) = rings.map(|(id, _)| id.clone()) else {
            return;
        };
        self.answered(&id, number, session);
        for (other, desk) in self.desks.iter_mut().enumerate() {
            let session = session.to_owned();
            desk.coming.push_back(match other == number {
                true => News::Offer {
                    session,
                    talk: id.clone(),
                },
                false => News::Handled { session },
            });
        }
    }

    /// Everything arrives and is answered, and once more on new connections, since a list may have been refused before: phones and
    /// cloud agree.
    fn settle(&mut self) {
        self.calm_down();
        for desk in &mut self.desks {
            // Nobody waits for proposals for ever.
            desk.take_requests();
            desk.story.pass(Duration::from_secs(121));
        }
        self.look();
        for desk in 0..PHONES {
            self.lose(desk);
            self.look();
        }
        self.calm_down();
        for (number, desk) in self.desks.iter_mut().enumerate() {
            assert_eq!(desk.waiting, BTreeSet::new(), "phone {number} owes an answer");
            let here: BTreeSet<_> = desk
                .story
                .phone
                .calls()
                .map(|call| call.conversation.to_string())
                .collect();
            let live = self.talks.iter().filter(|(_, talk)| talk.state != "disconnected");
            let live: BTreeSet<_> = live.map(|(id, _)| id.clone()).collect();
            assert_eq!(here, live, "phone {number} and the cloud differ in what lives");
        }
    }
}

impl World {
    fn calm_down(&mut self) {
        for _ in 0..100 {
            for desk in 0..PHONES {
                self.deliver(desk);
                self.look();
                self.reply(desk, true);
                self.look();
            }
        }
    }
}

impl Desk {
    fn said(&mut self) -> Option<Output> {
        self.story.drain();
        self.take_requests();
        self.story.said.pop_front()
    }

    /// Puts the requests aside.
    fn take_requests(&mut self) {
        self.story.drain();
        for output in std::mem::take(&mut self.story.said) {
            match output {
                Output::Http { id, request, .. } => self.asked.push((id, request)),
                Output::CancelHttp { id, .. } => self.asked.retain(|(asked, _)| *asked != id),
                output => self.story.said.push_back(output),
            }
        }
    }

    fn hear(&mut self, news: &News) {
        match news {
            News::Propose { session, talk } => self.story.propose(session, talk, false),
            News::Offer { session, talk } => self.story.offers(GATEWAY, session, talk, false),
            News::Handled { session } => {
                let accept = InitiationMessage::Accept(SessionId::new(session.clone())).to_element();
                self.story.message(OTHER, accept);
            }
            News::Retracted { session } => {
                let retract = InitiationMessage::Retract(Ending::new(SessionId::new(session.clone())));
                self.story.message(GATEWAY, retract.to_element());
            }
            News::Ended { session } => self.ended(session),
            News::Told(body) => self.story.notifies("v2.users.u.conversations", body),
        }
    }

    fn media(&mut self, session: &str, active: bool) {
        self.running.insert(session.to_owned(), active);
        self.story
            .reports(&SessionId::new(session), SessionReport::Active(active));
    }

    fn ended(&mut self, session: &str) {
        if self.running.remove(session).is_some() {
            let (reason, by) = (Reason::Success, session::EndedBy::Remote);
            let ended = SessionReport::Ended { reason, by };
            self.story.reports(&SessionId::new(session), ended);
        }
    }

    fn told(&mut self, event: Event) {
        match event {
            Event::Call(call) => {
                if call.state == CallState::Connected {
                    let session = call.session.as_ref().expect("connected by a session");
                    let active = self.running.get(session.as_str());
                    assert_eq!(active, Some(&true), "connected without media: {call:?}");
                }
                if call.state.is_ended() {
                    self.started
                        .retain(|(_, conversation)| *conversation != call.conversation);
                }
                let before = self.last.insert(call.conversation.clone(), call.clone());
                assert_ne!(before.as_ref(), Some(&call), "told twice");
                let over = before.is_some_and(|before| before.state.is_ended());
                assert!(!(over && call.state.is_ended()), "ended twice: {call:?}");
            }
            Event::SessionStarted {
                session,
                conversation: Some(conversation),
                ..
            } => {
                let first = self.started.insert((session.clone(), conversation.clone()));
                assert!(first, "{session} started twice for {conversation}");
            }
            Event::CallChanged { call, .. } | Event::CallPlaced { call, .. } | Event::CallRefused { call, .. } => {
                // Those that the phone makes by itself nobody waits for.
                self.waiting.remove(&call);
            }
            _ => {}
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods)] // Which courses are taken is for whoever runs the test.
fn whatever_happens_to_two_softphones_they_agree_with_the_cloud_in_the_end() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("OFFHOOK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("OFFHOOK_CALLS").unwrap_or(COURSES),
    };
    for seed in seeds {
        let mut world = World::new(seed);
        let course = std::panic::AssertUnwindSafe(|| {
            for _ in 0..STEPS {
                world.step();
            }
            world.settle();
        });
        if let Err(panic) = std::panic::catch_unwind(course) {
            eprintln!("OFFHOOK_SEED={seed}: {:#?}", world.log);
            std::panic::resume_unwind(panic);
        }
    }
}
