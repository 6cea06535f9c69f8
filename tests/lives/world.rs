//! A client and its cloud, the time between them, and the application.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    time::{Duration, Instant},
};

use offhook_jingle::{SessionId, session::SessionEvent};
use offhook_phone::{
    AnswerPolicy, AttemptId, DialError, Endpoints, Event, HttpFailure, HttpId, HttpReply, Input, PhoneConfig,
    SignallingState, TokenRequest,
};
use offhook_tests::desk::Desk;
use offhook_xmpp::reconnect::Memory;

use crate::{
    cloud::{Cloud, Replied},
    step::{Habits, Life, Renewal, Step},
    witness::{self, Tally, Witness},
};

/// The wall clock when a life begins.
const WALL: Duration = Duration::from_secs(1_700_000_000);

pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Something that is on its way.
#[derive(Debug)]
pub enum Coming {
    Frame(AttemptId, String),
    Reply(HttpId, u32, Result<HttpReply, HttpFailure>),
    Opened(AttemptId),
    Refused(AttemptId, DialError),
    /// The server closes the socket.
    Closed(AttemptId),
    /// The server pings.
    Ping(AttemptId),
    Token(TokenRequest, Result<String, String>),
}

/// All of it.
pub struct World {
    pub habits: Habits,
    pub desk: Desk,
    pub cloud: Cloud,
    pub witness: Witness,
    pub coming: BTreeMap<(Instant, u64), Coming>,
    pub number: u64,
    /// What was dialled last.
    pub dialled: Option<AttemptId>,
    /// The token that the application has.
    pub token: String,
    /// How often each topic is wanted, and whether a list wants it.
    pub wanted: BTreeMap<String, (u32, bool)>,
    pub rung: Vec<SessionId>,
    pub offers_seen: usize,
    pub origin: Instant,
    /// How long the machine slept.
    pub slept: Duration,
    pub restarts: u8,
    pub said: DefaultHasher,
}

pub fn phone_config(habits: &Habits, token: &str, memory: Option<Memory>, wall: Duration) -> PhoneConfig {
    let endpoints = Endpoints::region("mypurecloud.de").expect("a region");
    let mut config = PhoneConfig::new(endpoints, token.into());
    config.answer = AnswerPolicy {
        placed: true,
        auto: true,
        always: false,
    };
    config.keep_trying = habits.keep_trying;
    config.survivability = habits.survivability;
    config.renew_token = habits.renewal.is_some();
    config.memory = memory;
    config.wall = wall;
    config
}

/// The randomness of a process.
pub fn seed(life: u64, restarts: u8) -> [u8; 32] {
    let mut seed = [restarts; 32];
    seed[..8].copy_from_slice(&life.to_le_bytes());
    seed
}

/// Lives a life to its end, and gives a digest of all that the client said, and what there was in it.
pub fn live(life: &Life) -> (u64, Tally) {
    let mut world = World::new(&life.habits);
    world.take(&Step::Connect);
    world.pass(s(2));
    for (step, pause) in &life.steps {
        world.take(step);
        world.pass(*pause);
    }
    world.finish()
}

impl World {
    #[allow(clippy::disallowed_methods)]
    fn new(habits: &Habits) -> Self {
        let now = Instant::now();
        let cloud = Cloud::new(habits);
        let token = cloud.token.clone();
        let config = phone_config(habits, &token, None, WALL);
        let mut desk = Desk::seeded(config, seed(habits.seed, 0), now);
        desk.dials_wait = true;
        Self {
            habits: habits.clone(),
            desk,
            cloud,
            witness: Witness::default(),
            coming: BTreeMap::new(),
            number: 0,
            dialled: None,
            token,
            wanted: BTreeMap::new(),
            rung: Vec::new(),
            offers_seen: 0,
            origin: now,
            slept: Duration::ZERO,
            restarts: 0,
            said: DefaultHasher::new(),
        }
    }

    pub fn wall(&self) -> impl Fn(Instant) -> Duration + use<> {
        let (origin, slept) = (self.origin, self.slept);
        move |at| WALL + slept + (at - origin)
    }

    pub fn comes(&mut self, after: Duration, what: Coming) {
        self.number += 1;
        self.coming.insert((self.desk.now + after, self.number), what);
    }

    pub fn frames(&mut self, frames: impl IntoIterator<Item = String>) {
        let Some(attempt) = self.cloud.socket.as_ref().map(|socket| socket.attempt) else {
            return;
        };
        for frame in frames {
            self.comes(self.habits.latency, Coming::Frame(attempt, frame));
        }
    }

    /// Whether this is the socket that there is.
    fn is_current(&self, attempt: AttemptId) -> bool {
        self.desk
            .stream
            .as_ref()
            .is_some_and(|(current, _)| *current == attempt)
    }

    // Time.

    pub fn pass(&mut self, time: Duration) {
        let until = self.desk.now + time;
        loop {
            let next = self.coming.first_key_value().map(|((at, _), _)| *at);
            let wakes = self.desk.wakes().max(self.desk.now);
            let at = next.map_or(wakes, |next| next.min(wakes)).min(until);
            self.desk.pass(at.saturating_duration_since(self.desk.now));
            self.settle();
            match self.coming.first_entry() {
                Some(entry) if entry.key().0 <= self.desk.now => {
                    let what = entry.remove();
                    self.arrive(what);
                    self.settle();
                }
                Some(_) | None if self.desk.now >= until => return,
                Some(_) | None => {}
            }
        }
    }

    fn arrive(&mut self, what: Coming) {
        match what {
            Coming::Frame(attempt, frame) => {
                let stalled = self.cloud.socket.as_ref().is_none_or(|socket| socket.stalled);
                if self.is_current(attempt) && !stalled {
                    if frame.starts_with("<failure") && !frame.contains("not-authorized") {
                        self.cloud.spoil_channel();
                    }
                    self.desk.receive(&frame);
                }
            }
            Coming::Reply(id, attempt, result) => {
                let asked = result
                    .as_ref()
                    .ok()
                    .filter(|reply| reply.status >= 300)
                    .and_then(|reply| reply.retry_after);
                self.failing(asked, |desk| desk.input(Input::Reply { id, attempt, result }));
            }
            Coming::Opened(attempt) => {
                if let Some(dialling) = self
                    .desk
                    .dialling
                    .as_ref()
                    .filter(|dialling| dialling.attempt == attempt)
                {
                    if self.cloud.opened(self.desk.now, attempt, &dialling.url) {
                        self.desk.open();
                    } else {
                        let reason = "reset".to_owned();
                        self.desk.refuse(DialError::Unreachable {
                            host: "streaming.mypurecloud.de:443".to_owned(),
                            reason,
                        });
                    }
                }
            }
            Coming::Refused(attempt, error) => {
                if self
                    .desk
                    .dialling
                    .as_ref()
                    .is_some_and(|dialling| dialling.attempt == attempt)
                {
                    let asked = match error {
                        DialError::Refused { retry_after, .. } => retry_after,
                        _ => None,
                    };
                    self.failing(asked, |desk| desk.refuse(error));
                }
            }
            Coming::Closed(attempt) => {
                if self.is_current(attempt) {
                    self.cloud.forget_streams();
                    self.desk.cut();
                }
            }
            Coming::Ping(attempt) => {
                if self.is_current(attempt) {
                    let ping = self.cloud.ping();
                    self.frames(ping);
                    self.comes(s(30), Coming::Ping(attempt));
                }
            }
            Coming::Token(id, result) => {
                // One that comes too late is not used.
                let in_time = !matches!(self.habits.renewal, Some(Renewal::GrantsTooLate));
                if let (Ok(token), true) = (&result, in_time) {
                    self.token.clone_from(token);
                }
                let result = result.map(Into::into);
                self.desk.input(Input::Token { id, result });
            }
        }
    }

    /// Lets something fail that may ask to be left alone, and notes whether the client took it so.
    fn failing(&mut self, asked: Option<Duration>, fail: impl FnOnce(&mut Desk)) {
        let before = self.desk.phone.signalling();
        fail(&mut self.desk);
        let wall = self.wall()(self.desk.now);
        if let Some(asked) = asked {
            // What was refused for its token counts from when there turns out to be no other.
            let renewal = if self.habits.renewal.is_some() {
                s(30)
            } else {
                Duration::ZERO
            };
            self.witness.asked_until = self.witness.asked_until.max(wall + asked.mul_f64(1.25) + renewal);
            let after = self.desk.phone.signalling();
            if before == SignallingState::Connecting && after != SignallingState::Connecting {
                self.witness.not_before = self.witness.not_before.max(wall + asked);
            }
        }
    }

    // What the client says.

    /// Carries the client's words to the cloud and to the application until there are no more, and looks at where that has led.
    pub fn settle(&mut self) {
        loop {
            self.notice_sockets();
            if let Some((id, attempt, request)) = self.desk.requests.pop_front() {
                request.url.as_str().hash(&mut self.said);
                self.ask_rest(id, attempt, &request);
            } else if let Some(frame) = self.desk.sent.pop_front() {
                (self.desk.now - self.origin, &frame).hash(&mut self.said);
                let pinged = self.cloud.socket.as_ref().is_some_and(|socket| socket.pings);
                let answers = self.cloud.frame(&frame);
                self.frames(answers);
                if let Some(socket) = self.cloud.socket.as_ref().filter(|socket| socket.pings && !pinged) {
                    self.comes(s(30), Coming::Ping(socket.attempt));
                }
            } else if let Some(id) = self.desk.token_requests.pop_front() {
                self.ask_application(id);
            } else if !self.desk.events.is_empty() {
                for event in std::mem::take(&mut self.desk.events) {
                    format!("{event:?}").hash(&mut self.said);
                    self.told(&event);
                }
            } else if self.offers_seen < self.desk.media.len() {
                self.answer_offers();
            } else {
                break;
            }
        }
        if std::mem::take(&mut self.cloud.transferring) {
            self.cloud.spoil_channel();
            self.witness.transferred(self.desk.now);
        }
        let wall = self.wall();
        self.witness.check(&self.desk, &mut self.cloud, wall);
    }

    fn notice_sockets(&mut self) {
        let current = self.desk.stream.as_ref().map(|(attempt, _)| *attempt);
        let socket = self.cloud.socket.as_ref().map(|socket| socket.attempt);
        if socket.is_some() && socket != current {
            self.deliver_last_words();
            self.cloud.parted(self.desk.now);
        }
        let dialling = self.desk.dialling.as_ref();
        if let Some(dialling) = dialling.filter(|dialling| self.dialled != Some(dialling.attempt)) {
            let attempt = dialling.attempt;
            self.dialled = Some(attempt);
            match self.cloud.dial(&dialling.url) {
                None => self.comes(self.habits.latency, Coming::Opened(attempt)),
                Some(error @ DialError::TimedOut { .. }) => self.comes(witness::DIAL, Coming::Refused(attempt, error)),
                Some(error) => self.comes(self.habits.latency, Coming::Refused(attempt, error)),
            }
        }
    }

    /// What was sent before a socket was closed has been sent.
    fn deliver_last_words(&mut self) {
        for frame in std::mem::take(&mut self.desk.sent) {
            (self.desk.now - self.origin, &frame).hash(&mut self.said);
            drop(self.cloud.frame(&frame));
        }
    }

    fn ask_rest(&mut self, id: HttpId, attempt: u32, request: &offhook_phone::HttpRequest) {
        let placed_before = self.cloud.calls.len();
        match self.cloud.rest(request) {
            Replied::With(result) => self.comes(self.habits.latency, Coming::Reply(id, attempt, result)),
            Replied::Never => {}
        }
        if let Some(conversation) = self
            .cloud
            .calls
            .get(placed_before)
            .map(|call| call.conversation.clone())
        {
            let propose = self.cloud.propose(Some(&conversation), false);
            self.frames(propose);
        }
    }

    fn ask_application(&mut self, id: TokenRequest) {
        self.witness.token_asked();
        self.witness.tally.count("renewals");
        let latency = self.habits.latency;
        let good = Ok(self.cloud.token.clone());
        let (after, result) = match self.habits.renewal {
            Some(Renewal::Grants) => (latency, good),
            Some(Renewal::GrantsTooLate) => (s(31), good),
            Some(Renewal::GrantsWrongOnes) => (latency, Ok("wrong".to_owned())),
            Some(Renewal::Refuses) => (latency, Err("the user is gone".to_owned())),
            None => panic!("nobody has another token"),
        };
        self.comes(after, Coming::Token(id, result));
    }

    fn told(&mut self, event: &Event) {
        self.witness.event(self.desk.now, event, &mut self.cloud);
        if let Event::Proposed(proposal) = event {
            self.rung.retain(|id| *id != proposal.id);
            self.rung.push(proposal.id.clone());
        }
    }

    /// The application answers whatever it is offered, and its media connect at once.
    fn answer_offers(&mut self) {
        let (id, event) = self.desk.media[self.offers_seen].clone();
        self.offers_seen += 1;
        if let SessionEvent::Offer { generation, .. } = event {
            self.witness.media_offered(&id);
            self.desk.session(&id, |session, now| {
                if session.answer(now, generation, "v=0\r\n".to_owned()).is_ok() {
                    drop(session.media_connected(now, generation));
                }
            });
        }
    }

    // The end.

    /// Waits until the next attempt was made, if one is waited for.
    fn wait_for_attempts(&mut self) {
        for _ in 0..6 {
            let SignallingState::Waiting { until } = self.desk.phone.signalling() else {
                return;
            };
            self.pass(until - self.desk.now + self.habits.latency * 20);
        }
    }

    /// All is well again: after a while the client is where it should be.
    fn recover(&mut self) {
        self.heal();
        self.settle();
        if self.desk.phone.signalling() == SignallingState::Connecting {
            // The longest that an attempt goes on which began before.
            self.pass(s(90));
        }
        self.wait_for_attempts();
        self.rest();
    }

    /// Gives it two minutes, or less if everything is as it should be and nobody waits to be told anything.
    fn rest(&mut self) {
        for _ in 0..12 {
            let is_settled = self.desk.phone.is_connected() && self.cloud.topics() == self.wanted();
            if is_settled && self.witness.is_at_rest() {
                return;
            }
            self.pass(s(10));
        }
    }

    fn wanted(&self) -> BTreeSet<String> {
        let wanted = self.wanted.iter().filter(|(_, (singles, bulk))| *singles > 0 || *bulk);
        wanted.map(|(topic, _)| topic.clone()).collect()
    }

    fn check_topics(&mut self) {
        if self.cloud.list_refused {
            // A list that was refused is asked for again when something is changed.
            for step in [
                Step::Subscribe {
                    topic: 9,
                    immediate: false,
                },
                Step::Unsubscribe { topic: 9 },
            ] {
                self.take(&step);
                self.pass(s(5));
            }
            self.cloud.list_refused = false;
        }
        assert_eq!(
            self.cloud.topics(),
            self.wanted(),
            "the cloud holds (left) other topics than are wanted (right)"
        );
    }

    fn finish(mut self) -> (u64, Tally) {
        self.recover();
        if self.witness.seeking.is_none() {
            self.set_token();
            self.connect();
            self.settle();
            self.wait_for_attempts();
            self.rest();
        }
        assert!(
            self.desk.phone.is_connected(),
            "all is well, and yet it is {:?}",
            self.desk.phone.signalling()
        );
        if self.token == self.cloud.token {
            self.check_topics();
            self.witness.check_rest();
        }
        self.witness.shut_down_by = Some(self.desk.now + s(5));
        self.desk.command(|phone, now| phone.shutdown(now));
        self.settle();
        self.pass(s(6));
        let live: VecDeque<_> = self.witness.live.keys().collect();
        assert!(live.is_empty(), "{live:?} never ended");
        for _ in 0..self.cloud.resumed {
            self.witness.tally.count("resumed streams");
        }
        (self.said.finish(), self.witness.tally)
    }
}
