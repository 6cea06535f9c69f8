//! Whatever is wanted and whatever fails: when things have settled, the server holds exactly what is wanted.

use proptest::prelude::*;

use super::*;

/// What may happen. Topics are named by their place in [`universe`], requests by their place among those that wait.
#[derive(Debug, Clone)]
enum Step {
    Subscribe(Vec<usize>, bool),
    Unsubscribe(Vec<usize>),
    Bulk(Vec<usize>, bool, bool),
    Pass(u64),
    /// The server acts on the list, but its reply is still on the way.
    RestArrives,
    RestEnds(End),
    PubsubArrives(usize),
    PubsubEnds(usize, End),
    /// Signalling is lost; requests that had not arrived are lost with it, or arrive all the same.
    Lose {
        arrived: bool,
    },
    Return {
        channel: Channel,
        resumed: bool,
    },
    /// The server drops everything and says so.
    Expire,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Channel {
    Same,
    New,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq)]
enum End {
    Granted,
    /// The server acted, but that is not known.
    ReplyLost,
    RequestLost,
    /// Refused without having acted, in a way that does not pass by itself.
    Refused,
}

/// Where the server keeps what pubsub adds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Keeping {
    /// With the socket, beside the channel's list.
    Apart,
    /// In the channel's list.
    Together,
    /// With the socket; there is no channel.
    SocketOnly,
}

fn universe() -> Vec<Topic> {
    let long = "l".repeat(90);
    let names = [
        "plain".to_owned(),
        "plain.x".to_owned(),
        "v2.users.me.presence".to_owned(),
        "v2.users.me.station".to_owned(),
        format!("v2.users.me.{long}1"),
        format!("v2.users.me.{long}2"),
        "v2.queues.q.users".to_owned(),
    ];
    names.iter().map(|name| name.parse().unwrap()).collect()
}

/// A request that waits for its end.
#[derive(Debug)]
struct Request<Id> {
    id: Id,
    what: What,
    arrived: bool,
}

#[derive(Debug, Clone)]
enum What {
    Put(BTreeSet<Topic>),
    Post(BTreeSet<Topic>),
    Subscribe(Topic),
    Unsubscribe(Topic),
}

/// The server, what is wanted, and the part between them.
struct World {
    story: Story,
    keeping: Keeping,
    /// What the current channel holds, and the current socket.
    channel: BTreeSet<Topic>,
    socket: BTreeSet<Topic>,
    channels: u32,
    online: bool,
    rest: Option<Request<RestId>>,
    pubsub: Vec<Request<PubsubId>>,
    /// The reference: single subscriptions, and those by lists.
    singles: BTreeMap<Topic, u32>,
    bulk: BTreeSet<Topic>,
    /// Commands given, and answered.
    commands: u64,
    answered: BTreeSet<u64>,
    /// Whether a list was refused for good.
    refused: bool,
}

impl World {
    fn new(keeping: Keeping) -> Self {
        Self {
            story: Story::new(TopicsConfig::default()),
            keeping,
            channel: BTreeSet::new(),
            socket: BTreeSet::new(),
            channels: 0,
            online: false,
            rest: None,
            pubsub: Vec::new(),
            singles: BTreeMap::new(),
            bulk: BTreeSet::new(),
            commands: 0,
            answered: BTreeSet::new(),
            refused: false,
        }
    }

    fn wanted(&self) -> BTreeSet<Topic> {
        self.bulk.iter().chain(self.singles.keys()).cloned().collect()
    }

    fn subscribed(&self) -> BTreeSet<Topic> {
        self.channel.union(&self.socket).cloned().collect()
    }

    fn act(&mut self, what: &What) {
        let by_pubsub = match self.keeping {
            Keeping::Apart | Keeping::SocketOnly => &mut self.socket,
            Keeping::Together => &mut self.channel,
        };
        match what.clone() {
            What::Put(topics) => self.channel = topics,
            What::Post(topics) => self.channel.extend(topics),
            What::Subscribe(topic) => drop(by_pubsub.insert(topic)),
            What::Unsubscribe(topic) => drop(by_pubsub.remove(&topic)),
        }
    }

    /// Takes what the part says, and checks what always holds.
    fn drain(&mut self) -> Instant {
        let at = self.story.drain();
        for output in std::mem::take(&mut self.story.said) {
            match output {
                Output::Rest { id, method, body, .. } => self.listed(id, method, &body),
                Output::CancelRest(id) => {
                    let request = self.rest.take().expect("something to cancel");
                    assert_eq!(request.id, id);
                }
                Output::Pubsub { id, action, node } => {
                    assert!(self.online, "nothing can be asked while offline");
                    let what = match action {
                        PubsubAction::Subscribe => What::Subscribe(node),
                        PubsubAction::Unsubscribe => What::Unsubscribe(node),
                    };
                    let arrived = false;
                    self.pubsub.push(Request { id, what, arrived });
                }
                Output::Event(TopicEvent::Settled { command, .. }) => {
                    assert!(self.answered.insert(command.0), "{command:?} is answered twice");
                }
                Output::Event(_) | Output::ChannelGone => {}
                Output::Timeout(_) => unreachable!("drain stops there"),
            }
        }
        at
    }

    fn listed(&mut self, id: RestId, method: Method, body: &Value) {
        assert!(self.online && self.rest.is_none(), "one request at a time");
        assert_ne!(self.keeping, Keeping::SocketOnly);
        let names: Vec<&str> = body
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name["id"].as_str().unwrap())
            .collect();
        assert!(names.iter().all(|name| name.len() < 200), "{names:?}");
        let topics: Vec<Topic> = names.iter().flat_map(|name| Topic::split(name).unwrap()).collect();
        let set: BTreeSet<Topic> = topics.iter().cloned().collect();
        assert_eq!(set.len(), topics.len(), "each topic once: {names:?}");
        let what = match method {
            Method::Put => {
                assert_eq!(set, self.wanted(), "the whole list");
                What::Put(set)
            }
            Method::Post => {
                assert!(set.is_subset(&self.wanted()));
                What::Post(set)
            }
            Method::Get | Method::Patch | Method::Delete => panic!("{method} of topics"),
        };
        let arrived = false;
        self.rest = Some(Request { id, what, arrived });
    }

    fn step(&mut self, step: Step) {
        let universe = universe();
        let pick = |places: &[usize]| -> Vec<Topic> {
            let picked: BTreeSet<usize> = places.iter().map(|place| place % universe.len()).collect();
            picked.into_iter().map(|place| universe[place].clone()).collect()
        };
        match step {
            Step::Subscribe(places, immediate) => self.subscribe(&pick(&places), immediate),
            Step::Unsubscribe(places) => self.unsubscribe(&pick(&places)),
            Step::Bulk(places, replace, force) => self.subscribe_all(pick(&places), BulkOptions { replace, force }),
            Step::Pass(milliseconds) => {
                let end = self.story.now + Duration::from_millis(milliseconds);
                while self.story.now < end {
                    self.story.now = self.drain().min(end);
                    self.story.input(Input::Timeout);
                }
            }
            Step::RestArrives => {
                if let Some(mut request) = self.rest.take() {
                    self.arrive(&mut request);
                    self.rest = Some(request);
                }
            }
            Step::RestEnds(end) => self.end_rest(end),
            Step::PubsubArrives(place) => {
                if place < self.pubsub.len() {
                    let mut request = self.pubsub.remove(place);
                    self.arrive(&mut request);
                    self.pubsub.insert(place, request);
                }
            }
            Step::PubsubEnds(place, end) => self.end_pubsub(place, end),
            Step::Lose { arrived } => self.lose(arrived),
            Step::Return { channel, resumed } => self.come_back(channel, resumed),
            Step::Expire if self.online => {
                self.channel.clear();
                self.socket.clear();
                let (node, items) = ("streaming-subscriptions-expiring".to_owned(), Vec::new());
                self.story.input(Input::Published { node, items });
            }
            Step::Expire => {}
        }
        self.drain();
    }

    fn subscribe(&mut self, topics: &[Topic], immediate: bool) {
        for topic in topics {
            *self.singles.entry(topic.clone()).or_default() += 1;
        }
        self.commands += 1;
        let priority = Priority::default();
        self.story.topics.subscribe(self.story.now, topics, priority, immediate);
    }

    fn unsubscribe(&mut self, topics: &[Topic]) {
        for topic in topics {
            match self.singles.get_mut(topic) {
                None => drop(self.bulk.remove(topic)),
                Some(1) => drop(self.singles.remove(topic)),
                Some(count) => *count -= 1,
            }
        }
        self.commands += 1;
        self.story.topics.unsubscribe(self.story.now, topics);
    }

    fn subscribe_all(&mut self, topics: Vec<Topic>, options: BulkOptions) {
        if options.replace {
            self.bulk.clear();
        }
        if options.force {
            self.singles.clear();
        }
        self.bulk.extend(topics.iter().cloned());
        self.commands += 1;
        let topics: Vec<_> = topics.into_iter().map(|topic| (topic, Priority::default())).collect();
        self.story.topics.bulk_subscribe(self.story.now, &topics, options);
    }

    fn arrive<Id>(&mut self, request: &mut Request<Id>) {
        if !std::mem::replace(&mut request.arrived, true) {
            self.act(&request.what);
        }
    }

    fn end_rest(&mut self, end: End) {
        let Some(mut request) = self.rest.take() else {
            return;
        };
        if end == End::Granted || end == End::ReplyLost {
            self.arrive(&mut request);
        }
        self.refused |= end == End::Refused;
        let result = match end {
            End::Granted => reply(200, None, "{}"),
            End::ReplyLost | End::RequestLost => reply(503, None, ""),
            End::Refused => reply(400, None, ""),
        };
        let id = request.id;
        self.story.input(Input::Replied { id, result });
    }

    fn end_pubsub(&mut self, place: usize, end: End) {
        if place >= self.pubsub.len() {
            return;
        }
        let mut request = self.pubsub.remove(place);
        // A service that refuses to subscribe would have to be believed; to unsubscribe it refuses what is not there.
        let end = match (end, &request.what) {
            (End::Refused, _) => End::RequestLost,
            (end, _) => end,
        };
        if end != End::RequestLost {
            self.arrive(&mut request);
        }
        let result = match end {
            End::Granted => Ok(()),
            End::ReplyLost | End::RequestLost | End::Refused => Err(PubsubFailure::NoAnswer),
        };
        let id = request.id;
        self.story.input(Input::PubsubAnswered { id, result });
    }

    fn lose(&mut self, arrived: bool) {
        if !std::mem::replace(&mut self.online, false) {
            return;
        }
        if let Some(mut request) = self.rest.take() {
            if arrived {
                self.arrive(&mut request);
            }
            self.rest = Some(request);
        }
        self.story.input(Input::Disconnected);
        self.drain();
        assert!(self.rest.is_none(), "no list while offline");
    }

    fn come_back(&mut self, channel: Channel, resumed: bool) {
        if std::mem::replace(&mut self.online, true) {
            return;
        }
        let new = channel == Channel::New || self.channels == 0;
        if new {
            self.channels += 1;
            self.channel.clear();
        }
        if new || !resumed {
            self.socket.clear();
            self.pubsub.clear();
        }
        let channel = Some(ChannelId(format!("c{}", self.channels)));
        let channel = channel.filter(|_| self.keeping != Keeping::SocketOnly);
        let resumed = resumed && !new;
        self.story.input(Input::Connected { channel, resumed });
    }

    /// From now on nothing fails.
    fn settle(&mut self) {
        self.step(Step::Return {
            channel: Channel::Same,
            resumed: false,
        });
        if std::mem::take(&mut self.refused) {
            // What was refused for good is tried again when something changes.
            self.subscribe(&["last.one".parse().unwrap()], false);
        }
        for _ in 0..50 {
            let mut at = self.drain();
            while self.rest.is_some() || !self.pubsub.is_empty() {
                self.end_rest(End::Granted);
                self.end_pubsub(0, End::Granted);
                at = self.drain();
            }
            if at > self.story.now + Duration::from_secs(3600) {
                break;
            }
            self.story.now = at.max(self.story.now);
            self.story.input(Input::Timeout);
        }
    }
}

/// Steps about so many topics; the fewer they are, the more often they meet themselves.
fn steps(topics: usize) -> impl Strategy<Value = Vec<Step>> {
    let places = || prop::collection::vec(0..topics, 1..4);
    let end = || {
        prop_oneof![
            12 => Just(End::Granted),
            2 => Just(End::ReplyLost),
            2 => Just(End::RequestLost),
            1 => Just(End::Refused),
        ]
    };
    let channel = prop_oneof![4 => Just(Channel::Same), 1 => Just(Channel::New)];
    let step = prop_oneof![
        4 => (places(), any::<bool>()).prop_map(|(places, immediate)| Step::Subscribe(places, immediate)),
        4 => places().prop_map(Step::Unsubscribe),
        2 => (places(), any::<bool>(), any::<bool>()).prop_map(|(places, replace, force)| Step::Bulk(places, replace, force)),
        5 => prop_oneof![4 => Just(100), 1 => Just(50), 1 => Just(31_000)].prop_map(Step::Pass),
        2 => Just(Step::RestArrives),
        5 => end().prop_map(Step::RestEnds),
        2 => (0usize..3).prop_map(Step::PubsubArrives),
        5 => (0usize..3, end()).prop_map(|(place, end)| Step::PubsubEnds(place, end)),
        2 => any::<bool>().prop_map(|arrived| Step::Lose { arrived }),
        3 => (channel, any::<bool>()).prop_map(|(channel, resumed)| Step::Return { channel, resumed }),
        1 => Just(Step::Expire),
    ];
    prop::collection::vec(step, 1..60)
}

fn live(steps: Vec<Step>, keeping: Keeping) {
    let mut world = World::new(keeping);
    let (channel, resumed) = (Channel::New, false);
    world.step(Step::Return { channel, resumed });
    for step in steps {
        world.step(step);
    }
    world.settle();
    assert_eq!(world.subscribed(), world.wanted());
    assert_eq!(
        world.answered.len() as u64,
        world.commands,
        "every command is answered once"
    );
    assert!(world.story.topics.waiting.is_empty());
}

fn keeping() -> impl Strategy<Value = Keeping> {
    prop_oneof![Just(Keeping::Apart), Just(Keeping::Together), Just(Keeping::SocketOnly)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_server_ends_up_with_what_is_wanted(steps in steps(7), keeping in keeping()) {
        live(steps, keeping);
    }

    #[test]
    fn also_when_everything_is_about_two_topics(steps in steps(2), keeping in keeping()) {
        live(steps, keeping);
    }
}
