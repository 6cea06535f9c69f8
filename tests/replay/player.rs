//! Plays one recording to a client of ours.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use base64::{Engine, engine::general_purpose::STANDARD};
use offhook_jingle::{
    Act as Asks, Envelope, SessionId,
    genesys::{Method, Rpc, RpcLimits},
};
use offhook_phone::{AnswerPolicy, ConnectError, Endpoints, Event, PhoneConfig, Priority, SignallingState, Topic};
use offhook_tests::{
    desk::Desk,
    recording::{Exchange, Frame},
};
use offhook_xmpp::{
    Element,
    frame::{self, Limits},
};

use super::{End, acts::Act, cloud::Cloud, ledger::Ledger};

const CLOSE: &str = r#"<close xmlns="urn:ietf:params:xml:ns:xmpp-framing"/>"#;
const SM: &str = "urn:xmpp:sm:3";

/// The first delay of the backoff; the others double it.
const STEP: Duration = Duration::from_secs(2);

/// A recording on its way through our client.
pub struct Player {
    desk: Desk,
    cloud: Cloud,
    /// Lists of topics that the recorded client gave to REST, by the clock of the frames.
    lists: BTreeMap<Duration, String>,
    /// The recording's time.
    clock: Duration,
    /// The recorded socket.
    socket: usize,
    /// Sockets that were lost.
    losses: u32,
    /// When the last one was, if ours did not come back at once.
    lost: Option<Instant>,
    recorded: Ledger,
    ours: Ledger,
    /// Requests that the recorded client answers.
    answered: BTreeSet<String>,
    /// Of the others, those that came and that we shall answer, and whether they can be read.
    unanswered: BTreeMap<String, bool>,
    /// Ids of stanzas that only the recorded client sends.
    surplus: BTreeSet<String>,
    /// It sent one last, and asks for its acknowledgement.
    surplus_last: bool,
    external_services: usize,
    announced: BTreeSet<String>,
    wanted: BTreeSet<Topic>,
    /// JSON-RPC ids of the offers that came.
    offers: BTreeSet<String>,
    /// The frame that came last repeats an offer.
    repeated: bool,
    /// Stanzas that we have sent since stream management was asked for on this socket.
    counted: Option<u32>,
    /// The server has consented to it.
    managed: bool,
    /// The recorded client asked for an acknowledgement before that.
    asked_early: bool,
}

impl Player {
    /// Our client as the recorded one is configured, about to connect.
    pub fn new(frames: &[Frame], http: Option<Vec<Exchange>>, channels: &[usize]) -> Self {
        let (account, token, resource) = identity(frames);
        let endpoints = Endpoints::new(
            "https://api.mock.local",
            "wss://streaming.mock.local",
            Some("notifications.mock.local"),
            false,
        )
        .expect("addresses");
        let mut config = PhoneConfig::new(endpoints, token.into());
        config.resource = resource;
        config.answer = AnswerPolicy {
            placed: false,
            auto: false,
            always: false,
        };
        config.keep_trying = true;
        let answers = |frame: &&Frame| frame.sent && matches!(frame.element.attr("type"), Some("result" | "error"));
        let answered = frames
            .iter()
            .filter(answers)
            .filter_map(|frame| frame.element.attr("id"));
        Self {
            desk: Desk::new(config),
            cloud: match &http {
                Some(exchanges) => Cloud::recorded(exchanges),
                None => Cloud::unrecorded(&account, channels),
            },
            lists: http.map(|http| lists(&http, frames)).unwrap_or_default(),
            clock: Duration::ZERO,
            socket: 1,
            losses: 0,
            lost: None,
            recorded: Ledger::default(),
            ours: Ledger::default(),
            answered: answered.map(str::to_owned).collect(),
            unanswered: BTreeMap::new(),
            surplus: BTreeSet::new(),
            surplus_last: false,
            external_services: 0,
            announced: BTreeSet::new(),
            wanted: BTreeSet::new(),
            offers: BTreeSet::new(),
            repeated: false,
            counted: None,
            managed: false,
            asked_early: false,
        }
    }

    /// Plays it to its end.
    pub fn play(mut self, frames: &[Frame], end: End) {
        self.desk
            .command(|phone, now| phone.connect(now).expect("a new client connects"));
        self.collect();
        for frame in frames {
            while let Some(list) = self.lists.first_entry().filter(|list| *list.key() <= frame.at) {
                let (at, list) = list.remove_entry();
                self.pass_until(at);
                self.give_list(&list);
            }
            if frame.socket > self.socket {
                self.next_socket(frame);
            }
            self.pass_until(frame.at);
            if frame.sent {
                self.recorded_sent(&frame.element);
            } else {
                self.recorded_received(frame);
            }
            self.collect();
        }
        for (_, list) in std::mem::take(&mut self.lists) {
            self.give_list(&list);
        }
        self.desk.pass(Duration::from_millis(200));
        self.collect();
        self.ours.compare(&self.recorded);
        self.cloud.finish();
        assert!(self.unanswered.is_empty(), "no answer to {:?}", self.unanswered);
        self.ended(end);
    }

    fn pass_until(&mut self, at: Duration) {
        self.desk.pass(at.saturating_sub(self.clock));
        self.clock = at;
        self.collect();
    }

    /// The recorded client has come back on another socket. How the one before was lost, recordings do not show: ours breaks now, unless
    /// it has ended already.
    fn next_socket(&mut self, frame: &Frame) {
        self.pass_until(frame.at);
        self.socket += 1;
        self.external_services = 0;
        self.counted = None;
        (self.managed, self.asked_early) = (false, false);
        if self.cloud.dialled() < self.socket {
            self.desk.cut();
            self.collect();
        }
        // Difference on purpose: the recorded client comes back after 2.05 s; ours at once when the connection had lived or was to
        // be transferred, else after the backoff, which jitter only lengthens.
        let step = STEP * 2_u32.pow(self.losses);
        let pause = Duration::from_millis(50);
        let latest = self.desk.now + step.mul_f64(1.25) + pause;
        while self.cloud.dialled() < self.socket {
            assert!(self.desk.now < latest, "it does not come back");
            self.desk.pass(pause);
            self.collect();
        }
        if let Some(lost) = self.lost.take() {
            let waited = self.desk.dialled[self.socket - 1] - lost;
            let backoff = step..=step.mul_f64(1.25);
            assert!(backoff.contains(&waited), "it comes back after {waited:?}");
        }
        self.losses += 1;
    }

    fn recorded_sent(&mut self, element: &Element) {
        if self.is_surplus(element) {
            self.surplus.extend(element.attr("id").map(str::to_owned));
            self.surplus_last = true;
            return;
        }
        let asks = element.is("r", SM);
        if std::mem::take(&mut self.surplus_last) && asks {
            return;
        }
        // The recorded client asks for an acknowledgement of each stanza before the server has consented to give any; ours then asks
        // once for all of them (XEP-0198 section 4 leaves it to the asker).
        if asks && !self.managed && std::mem::replace(&mut self.asked_early, true) {
            return;
        }
        self.recorded.keep(element);
        self.decide(element);
    }

    /// Whether only the recorded client says this.
    fn is_surplus(&mut self, element: &Element) -> bool {
        // Difference on purpose: external services are asked for once a connection.
        if element.children().any(|child| child.name() == "services") {
            self.external_services += 1;
            return self.external_services > 2;
        }
        // Difference on purpose: `accept` is announced once a session.
        let accept = element.children().find(|child| child.name() == "accept");
        accept.is_some_and(|accept| !self.announced.insert(accept.attr("id").unwrap_or_default().to_owned()))
    }

    /// Does what a person or the media did in the recording.
    fn decide(&mut self, element: &Element) {
        if element.name() == "close" && self.ours.count(element) < self.recorded.count(element) {
            return self
                .desk
                .command(|phone, now| phone.disconnect(now))
                .expect("it is not shut down");
        }
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
            "pubsub" => {
                let node = payload.children().find_map(|child| child.attr("node"));
                let node = node.expect("a subscription names its node");
                if node != "enable.server.side.pings" {
                    self.subscribe(node, true);
                }
            }
            _ => {
                if let Some((session, act)) = Act::read(payload).filter(|_| element.attr("type") == Some("set")) {
                    self.act(&session, act);
                }
            }
        }
    }

    fn act(&mut self, id: &SessionId, act: Act) {
        if let Act::End(reason) = act {
            return self
                .desk
                .command(|phone, now| phone.end(now, id, reason))
                .expect("it lives");
        }
        if self.desk.latest_offer(id).is_none() {
            // Difference on purpose: an offer that was not proposed rings, and begins when it is accepted; the recorded client answers
            // it at once.
            self.desk.command(|phone, now| phone.accept(now, id)).expect("it rings");
            self.collect();
        }
        let generation = self.desk.latest_offer(id).expect("the recorded client has an offer");
        let done = self.desk.session(id, |session, now| match act {
            Act::Answer(sdp) => session.answer(now, generation, sdp),
            Act::Candidate { mid, candidate } => session.local_candidate(now, generation, &mid, &candidate),
            Act::EndOfCandidates => session.end_of_candidates(now, generation),
            Act::Connected => session.media_connected(now, generation),
            Act::Muted(muted) => session.set_muted(now, muted),
            Act::End(_) => unreachable!("it has ended"),
        });
        done.expect("the session lives").expect("the session can do it");
    }

    /// The recorded client gave REST a list: the application had asked for what is new in it.
    fn give_list(&mut self, body: &str) {
        let names: serde_json::Value = serde_json::from_str(body).expect("a list is JSON");
        for name in names.as_array().expect("a list") {
            self.subscribe(name["id"].as_str().expect("a topic has its name"), false);
        }
    }

    fn subscribe(&mut self, name: &str, immediate: bool) {
        let mut topics = Topic::split(name).expect("a topic");
        topics.retain(|topic| self.wanted.insert(topic.clone()));
        if !topics.is_empty() {
            self.desk
                .command(|phone, now| phone.subscribe(now, &topics, Priority::default(), immediate))
                .expect("it is not shut down");
            self.collect();
        }
    }

    fn recorded_received(&mut self, frame: &Frame) {
        if frame.socket < self.cloud.dialled() {
            // Our client has left the socket before the recorded one did.
            assert_eq!(frame.element.name(), "close", "nothing else is missed");
            return;
        }
        let element = &frame.element;
        let rpc = element.children().find_map(|payload| Rpc::parse(payload).ok());
        self.repeated =
            matches!(&rpc, Some(Rpc { id, method: Method::Offer { .. }, .. }) if !self.offers.insert(id.clone()));
        let limits = RpcLimits::default();
        let envelope = element.children().find_map(|payload| Envelope::read(payload, &limits));
        if let Some(Ok(Envelope {
            session,
            act: Asks::End,
            ..
        })) = envelope
        {
            // Whatever became of sockets meanwhile, the call is there until somebody ends it.
            let lives = self.desk.latest_offer(&session).is_none() || self.desk.sessions.contains_key(&session);
            assert!(lives, "{session} did not live until its end");
        }
        let id = element.attr("id").unwrap_or_default();
        match (element.name(), element.attr("type")) {
            ("iq", Some("result" | "error")) if self.surplus.contains(id) => {}
            ("iq", Some("result" | "error")) => {
                if let Some(ours) = self.ours.id_for(&self.recorded, id) {
                    self.desk.receive(&frame.text.replace(id, &ours));
                }
            }
            ("iq", Some("set")) if !self.answered.contains(id) => {
                if let Some(readable) = may_be_answered(element) {
                    self.unanswered.insert(id.to_owned(), readable);
                }
                self.desk.receive(&frame.text);
            }
            // The recorded server also counts the binding, and what only the recorded client sends.
            ("a", _) => {
                let counted = self.counted.expect("stream management is enabled");
                self.desk.receive(&format!(r#"<a xmlns="{SM}" h="{counted}"/>"#));
            }
            (name, _) => {
                self.managed |= name == "enabled";
                self.desk.receive(&frame.text);
            }
        }
    }

    /// Takes in what we sent.
    fn collect(&mut self) {
        loop {
            self.cloud.serve(&mut self.desk);
            if self.desk.stream.is_none() {
                self.lost.get_or_insert(self.desk.now);
            }
            let Some(text) = self.desk.sent.pop_front() else {
                return;
            };
            let element = frame::parse(&text, &Limits::default()).expect("our frames are well-formed");
            if ["iq", "message", "presence"].contains(&element.name()) {
                self.counted = self.counted.map(|counted| counted + 1);
            } else if element.is("enable", SM) {
                self.counted = Some(0);
            }
            if element.is("resume", SM) {
                // Difference on purpose: a stream that its server promised to resume is resumed within its channel. The recorded
                // cloud never was asked to, so this one has forgotten the stream.
                let forgotten = r#"<item-not-found xmlns="urn:ietf:params:xml:ns:xmpp-stanzas"/>"#;
                self.desk
                    .receive(&format!(r#"<failed xmlns="{SM}">{forgotten}</failed>"#));
            } else if let Some(readable) = element.attr("id").and_then(|id| self.unanswered.remove(id)) {
                // Difference on purpose: `genesys-webrtc` sets and connection transfers are answered; with an empty result if they
                // can be read.
                let expected = if readable { "result" } else { "error" };
                assert_eq!(element.attr("type"), Some(expected), "{text}");
                assert!(!readable || element.children().count() == 0, "a result says nothing");
            } else if self.repeated && is_answer(&element) {
                // Difference on purpose: an offer that is repeated because its answer was not acknowledged gets the answer again.
                self.repeated = false;
            } else {
                self.ours.keep(&element);
            }
        }
    }

    /// What is true when the recording is over.
    fn ended(&mut self, end: End) {
        match end {
            End::Standing => assert_eq!(self.desk.phone.signalling(), SignallingState::Connected),
            End::Closed => assert_eq!(self.desk.phone.signalling(), SignallingState::Offline),
            End::Refused => {
                assert_eq!(self.desk.phone.signalling(), SignallingState::Offline);
                let refused = |event: &Event| matches!(event, Event::ConnectFailed(error) if ConnectError::credentials_refused(error));
                assert!(self.desk.events.iter().any(refused), "{:?}", self.desk.events);
            }
            End::Retrying => {
                self.desk.cut();
                let waiting = matches!(self.desk.phone.signalling(), SignallingState::Waiting { .. });
                assert!(waiting, "{:?}", self.desk.phone.signalling());
            }
            End::Deaf => {
                // Difference on purpose: ours leaves a socket that tells nothing any more, for a new channel.
                self.cloud.expect_channel(2);
                self.cloud.expect_socket(2);
                self.desk.pass(Duration::from_secs(5));
                self.desk.receive(CLOSE);
                self.desk.pass(STEP.mul_f64(1.25));
                self.collect();
                self.cloud.finish();
            }
        }
    }
}

/// Of a request that the recorded client leaves without an answer: whether we can read it, if we answer it.
fn may_be_answered(request: &Element) -> Option<bool> {
    let payload = request.children().next().expect("a request asks something");
    match (payload.name(), payload.ns().as_str()) {
        ("genesys-webrtc", _) => Some(Rpc::parse(payload).is_ok()),
        ("query", "urn:xmpp:cxfr") => Some(true),
        _ => None,
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

/// The lists of topics among HTTP requests, each when it was given by the clock of the frames: both know when the first socket opened.
fn lists(http: &[Exchange], frames: &[Frame]) -> BTreeMap<Duration, String> {
    let upgrade = http.iter().find(|exchange| exchange.method == "WebSocket");
    let upgrade = upgrade.expect("a socket was opened").at;
    let lists = http.iter().filter(|exchange| exchange.method == "PUT");
    lists
        .map(|exchange| (exchange.at + frames[0].at - upgrade, exchange.body.clone()))
        .collect()
}

/// Bare JID, token and resource of the recorded client; it has no resource if it never came so far.
fn identity(frames: &[Frame]) -> (String, String, Option<String>) {
    let sent = |name: &str| {
        let named = |frame: &&Frame| {
            frame.sent && (frame.element.name() == name || frame.element.children().any(|c| c.name() == name))
        };
        frames.iter().find(named).map(|frame| &frame.element)
    };
    let plain = STANDARD
        .decode(sent("auth").expect("it authenticates").text())
        .expect("base64");
    let plain = String::from_utf8(plain).expect("text");
    let mut parts = plain.split('\0').skip(1);
    let account = parts.next().expect("a user").to_owned();
    let token = parts.next().and_then(|key| key.strip_prefix("authKey:"));
    let token = token.expect("a token").to_owned();
    let resource = sent("bind").and_then(|bind| bind.children().flat_map(Element::children).next());
    (account, token, resource.map(Element::text))
}
