//! What a life is made of: a cloud with its habits, an application with its own, and what happens one after the other.

use std::time::Duration;

use proptest::prelude::*;

/// A client's life: what its world is like, and what happens in it.
#[derive(Debug, Clone)]
pub struct Life {
    pub habits: Habits,
    /// Each with the time that passes after it.
    pub steps: Vec<(Step, Duration)>,
}

/// What does not change in a life.
#[derive(Debug, Clone)]
pub struct Habits {
    /// The client's randomness.
    pub seed: u64,
    /// From a word of the client to its answer.
    pub latency: Duration,
    pub manages_streams: bool,
    pub pings_by_itself: bool,
    /// The cloud keeps one list of topics for REST and pubsub.
    pub one_list: bool,
    /// It answers `<close/>`.
    pub closes: bool,
    pub wants_session: bool,
    pub keep_trying: bool,
    pub survivability: bool,
    /// What the application does when it is asked for another token; without it it never is.
    pub renewal: Option<Renewal>,
}

#[derive(Debug, Clone, Copy)]
pub enum Renewal {
    Grants,
    GrantsWrongOnes,
    Refuses,
    /// After the answer was due.
    GrantsTooLate,
}

/// How a REST request goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum RestFault {
    Status {
        status: u16,
        retry_after: Option<u64>,
    },
    Unreachable,
    /// The request is carried out, its reply breaks off.
    ReplyLost,
    /// There never is a reply.
    Silence,
}

/// How opening a WebSocket goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum DialFault {
    Unreachable,
    TimesOut,
    Refused { status: u16, retry_after: Option<u64> },
    NotWebSocket,
}

/// Which call, counted from the latest.
pub type Which = u8;

/// Which topic.
pub type TopicNumber = u8;

/// Something that happens.
#[derive(Debug, Clone)]
pub enum Step {
    // To the network and in the cloud.
    Cut,
    /// The socket stays open, and nothing goes through it any more.
    Stall,
    Close,
    StreamError(&'static str),
    /// So many of the next streams die away after so many frames.
    StreamsDieAway {
        streams: u8,
        after: u8,
    },
    SaslFails {
        condition: &'static str,
        times: u8,
    },
    LoginFails {
        fault: RestFault,
        times: u8,
    },
    SubscribingFails {
        fault: RestFault,
        times: u8,
    },
    DialFails {
        fault: DialFault,
        times: u8,
    },
    PingsUnanswered,
    PingsStop,
    /// The server's process is another one now: the socket breaks, and no stream can be resumed.
    StreamsForgotten,
    /// Neither the API nor the streaming service knows the channel any more; what stands under it is closed.
    ChannelsForgotten,
    System {
        topic: &'static str,
        closes: bool,
    },
    Transfer,
    Throttle {
        requests: u8,
    },
    TokenRevoked,
    AllWell,
    // To the machine.
    Suspend {
        asleep: Duration,
    },
    Restart {
        down: Duration,
    },
    // By the application.
    Connect,
    Disconnect,
    /// Connecting and disconnecting, over and over.
    Impatience {
        times: u8,
    },
    SetToken,
    Subscribe {
        topic: TopicNumber,
        immediate: bool,
    },
    Unsubscribe {
        topic: TopicNumber,
    },
    BulkSubscribe {
        topics: u8,
        replace: bool,
        force: bool,
    },
    PlaceCall,
    Accept(Which),
    Reject(Which),
    HangUp(Which),
    MediaFail(Which),
    // By the gateway.
    Propose {
        auto: bool,
    },
    Retract(Which),
    Reinvite(Which),
    Candidate(Which),
    Terminate(Which),
}

fn retry_after() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![6 => Just(None), 4 => (0_u64..150).prop_map(Some), 1 => (600_u64..4000).prop_map(Some)]
}

fn rest_fault(retry_after: impl Strategy<Value = Option<u64>>) -> impl Strategy<Value = RestFault> {
    let status = prop::sample::select(&[401_u16, 403, 408, 429, 500, 503][..]);
    prop_oneof![
        6 => (status, retry_after).prop_map(|(status, retry_after)| RestFault::Status { status, retry_after }),
        1 => Just(RestFault::Unreachable),
        1 => Just(RestFault::ReplyLost),
        1 => Just(RestFault::Silence),
    ]
}

fn dial_fault() -> impl Strategy<Value = DialFault> {
    let status = prop::sample::select(&[401_u16, 403, 404, 429, 503, 503][..]);
    prop_oneof![
        1 => Just(DialFault::Unreachable),
        1 => Just(DialFault::TimesOut),
        4 => (status, retry_after()).prop_map(|(status, retry_after)| DialFault::Refused { status, retry_after }),
        1 => Just(DialFault::NotWebSocket),
    ]
}

/// Mostly once or twice.
fn times() -> impl Strategy<Value = u8> {
    prop_oneof![4 => 1_u8..3, 1 => 3_u8..12]
}

fn step() -> impl Strategy<Value = Step> {
    use Step::*;
    let condition = prop::sample::select(&["mechanism-too-weak", "invalid-mechanism", "not-authorized"][..]);
    let stream_error = prop::sample::select(&["conflict", "system-shutdown", "reset", "policy-violation"][..]);
    let topic = prop::sample::select(
        &[
            "streaming-0-abc.duplicate_id",
            "streaming-0-abc.no_longer_subscribed",
            "streaming-subscriptions-expiring",
        ][..],
    );
    let network = prop_oneof![
        8 => Just(Cut),
        3 => Just(Stall),
        2 => Just(Close),
        2 => stream_error.prop_map(StreamError),
        1 => (1_u8..3, 0_u8..12).prop_map(|(streams, after)| StreamsDieAway { streams, after }),
        2 => (condition, times()).prop_map(|(condition, times)| SaslFails { condition, times }),
        3 => (rest_fault(retry_after()), times()).prop_map(|(fault, times)| LoginFails { fault, times }),
        2 => (rest_fault(prop::option::of(0_u64..60)), times())
            .prop_map(|(fault, times)| SubscribingFails { fault, times }),
        3 => (dial_fault(), times()).prop_map(|(fault, times)| DialFails { fault, times }),
        1 => Just(PingsUnanswered),
        1 => Just(PingsStop),
        1 => Just(StreamsForgotten),
        1 => Just(ChannelsForgotten),
        3 => (topic, any::<bool>()).prop_map(|(topic, closes)| System { topic, closes }),
        2 => Just(Transfer),
        1 => (1_u8..6).prop_map(|requests| Throttle { requests }),
        1 => Just(TokenRevoked),
        3 => Just(AllWell),
    ];
    let machine = prop_oneof![
        3 => (4_u64..4000).prop_map(|asleep| Suspend { asleep: Duration::from_secs(asleep) }),
        2 => (0_u64..40_000).prop_map(|down| Restart { down: Duration::from_millis(down) }),
    ];
    let application = prop_oneof![
        40 => Just(Connect),
        12 => Just(Disconnect),
        1 => (10_u8..80).prop_map(|times| Impatience { times }),
        4 => Just(SetToken),
        24 => (0_u8..6, any::<bool>()).prop_map(|(topic, immediate)| Subscribe { topic, immediate }),
        10 => (0_u8..6).prop_map(|topic| Unsubscribe { topic }),
        4 => (any::<u8>(), any::<bool>(), any::<bool>())
            .prop_map(|(topics, replace, force)| BulkSubscribe { topics, replace, force }),
        8 => Just(PlaceCall),
        6 => (0_u8..4).prop_map(Accept),
        2 => (0_u8..4).prop_map(Reject),
        24 => (0_u8..3).prop_map(HangUp),
        16 => (0_u8..3).prop_map(MediaFail),
    ];
    let gateway = prop_oneof![
        10 => prop::bool::weighted(0.8).prop_map(|auto| Propose { auto }),
        1 => (0_u8..4).prop_map(Retract),
        2 => (0_u8..3).prop_map(Reinvite),
        1 => (0_u8..3).prop_map(Candidate),
        3 => (0_u8..3).prop_map(Terminate),
    ];
    prop_oneof![9 => network, 1 => machine, 6 => application, 4 => gateway]
}

fn pause() -> impl Strategy<Value = Duration> {
    prop_oneof![
        8 => 0_u64..200,
        8 => 200_u64..4000,
        6 => 4000_u64..40_000,
        2 => 40_000_u64..130_000,
    ]
    .prop_map(Duration::from_millis)
}

fn habits() -> impl Strategy<Value = Habits> {
    let latency = prop::sample::select(&[0_u64, 0, 40, 700, 2300][..]).prop_map(Duration::from_millis);
    let renewal = prop::option::of(prop_oneof![
        4 => Just(Renewal::Grants),
        1 => Just(Renewal::GrantsWrongOnes),
        1 => Just(Renewal::Refuses),
        1 => Just(Renewal::GrantsTooLate),
    ]);
    let cloud = (
        latency,
        any::<bool>(),
        any::<bool>(),
        any::<bool>(),
        prop::bool::weighted(0.8),
        any::<bool>(),
    );
    let client = (
        any::<u64>(),
        prop::bool::weighted(0.7),
        prop::bool::weighted(0.9),
        renewal,
    );
    (cloud, client).prop_map(
        |(
            (latency, manages_streams, pings_by_itself, one_list, closes, wants_session),
            (seed, keep_trying, survivability, renewal),
        )| Habits {
            seed,
            latency,
            manages_streams,
            pings_by_itself,
            one_list,
            closes,
            wants_session,
            keep_trying,
            survivability,
            renewal,
        },
    )
}

/// A call, and something that happens to it while signalling is away or has just come back.
fn call() -> impl Strategy<Value = Vec<(Step, Duration)>> {
    let away = prop_oneof![
        4 => Just(Step::Cut),
        2 => Just(Step::Stall),
        1 => Just(Step::Transfer),
        1 => Just(Step::Disconnect),
        1 => Just(Step::Close),
    ];
    let end = prop_oneof![
        3 => (0_u8..2).prop_map(Step::HangUp),
        3 => (0_u8..2).prop_map(Step::MediaFail),
        1 => (0_u8..2).prop_map(Step::Terminate),
        1 => (0_u8..2).prop_map(Step::Reinvite),
    ];
    let soon = || (0_u64..6000).prop_map(Duration::from_millis);
    ((soon(), away, soon()), (end, pause())).prop_map(|((talks, away, waits), (end, pause))| {
        vec![(Step::Propose { auto: true }, talks), (away, waits), (end, pause)]
    })
}

/// Any life.
pub fn life() -> impl Strategy<Value = Life> {
    let scene = prop_oneof![
        10 => (step(), pause()).prop_map(|step| vec![step]),
        2 => call(),
    ];
    (habits(), prop::collection::vec(scene, 0..14)).prop_map(|(habits, scenes)| Life {
        habits,
        steps: scenes.concat(),
    })
}
