//! A client of the simulated cloud with everything that it told, for tests over real sockets.

use std::time::{Duration, Instant};

use offhook::{
    AnswerPolicy, Client, ClientBuilder, ConnectionState, EndedBy, Endpoints, Engine, EngineConfig, Event, Events,
    Reason, SessionId,
};
use offhook_sim::{CallHandle, CallRequest, Cloud, Direction, What};
use secrecy::ExposeSecret;
use tokio::time::{sleep, timeout};

/// How long anything may take before a test fails; after an outage a client waits half a minute and more.
pub const LIMIT: Duration = Duration::from_secs(60);

/// Everything that a client told, and when.
#[derive(Debug)]
pub struct Diary {
    events: Events,
    told: Vec<(Instant, Event)>,
}

impl Diary {
    /// Of what the client tells from now on.
    pub fn of(client: &Client) -> Self {
        Self {
            events: client.events(),
            told: Vec::new(),
        }
    }

    /// Reads on until an event is as wished; what was wished of it, and when it came.
    pub async fn until<T>(&mut self, mut wished: impl FnMut(&Event) -> Option<T>) -> (Instant, T) {
        let reading = async {
            loop {
                let event = self.events.next().await.expect("the client lives");
                let found = wished(&event);
                let now = Instant::now();
                self.told.push((now, event));
                if let Some(found) = found {
                    return (now, found);
                }
            }
        };
        match timeout(LIMIT, reading).await {
            Ok(found) => found,
            Err(_) => panic!("the event does not come; so far there were {:#?}", self.told),
        }
    }

    /// Reads on until signalling stands; when that was.
    pub async fn connected(&mut self) -> Instant {
        let (at, ()) = self
            .until(|event| matches!(event, Event::Connected { .. }).then_some(()))
            .await;
        at
    }

    /// Reads on until signalling is gone; when that was, and whether it is brought back.
    pub async fn disconnected(&mut self) -> (Instant, bool) {
        self.until(|event| match event {
            Event::Disconnected { reconnecting, .. } => Some(*reconnecting),
            _ => None,
        })
        .await
    }

    /// Reads on until media flow.
    pub async fn media_up(&mut self) -> SessionId {
        let (_, session) = self
            .until(|event| match event {
                Event::ConnectionState {
                    session,
                    state: ConnectionState::Connected,
                } => Some(session.clone()),
                _ => None,
            })
            .await;
        session
    }

    /// Reads to the end, and gives everything that was told.
    pub async fn to_the_end(mut self) -> Vec<(Instant, Event)> {
        self.until(|event| (*event == Event::ShutDown).then_some(())).await;
        self.told
    }

    /// Everything that was read so far.
    pub fn told(&self) -> &[(Instant, Event)] {
        &self.told
    }

    /// How many of the events that were read are as wished.
    pub fn count(&self, wished: impl Fn(&Event) -> bool) -> usize {
        self.told.iter().filter(|(_, event)| wished(event)).count()
    }
}

/// A client for the cloud's user with its token of now, on an engine of its own, which answers every call.
///
/// # Panics
/// When there is no engine.
pub fn builder(cloud: &Cloud) -> ClientBuilder {
    builder_for(cloud, cloud.default_token().expose_secret())
}

/// The same for whoever has this token.
///
/// # Panics
/// When there is no engine.
pub fn builder_for(cloud: &Cloud, token: &str) -> ClientBuilder {
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).expect("URLs of loopback");
    let engine = Engine::new(&EngineConfig::default()).expect("threads");
    Client::builder(endpoints, token).engine(engine).answer(AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    })
}

/// A client that is connected.
///
/// # Panics
/// When it does not come to that.
pub async fn connected(builder: ClientBuilder) -> (Client, Diary) {
    let client = builder.build().expect("there is loopback");
    let mut diary = Diary::of(&client);
    within(client.connect()).await.expect("it connects");
    diary.connected().await;
    (client, diary)
}

/// A call of the gateway whose audio flows.
///
/// # Panics
/// When it does not come to that.
pub async fn call(cloud: &Cloud, diary: &mut Diary) -> CallHandle {
    let call = cloud.call(CallRequest::default()).expect("the client is connected");
    assert_eq!(diary.media_up().await, *call.session());
    within(call.connected()).await.expect("it lives");
    goes_on(&call).await;
    call
}

/// Waits until the gateway has heard half a second more.
pub async fn goes_on(call: &CallHandle) {
    let before = call.statistics().packets_received;
    poll(|| call.statistics().packets_received >= before + 25).await;
}

/// The gateway says something about a session, and its client answers: it is under control.
///
/// # Panics
/// When the client does not answer.
pub async fn is_controllable(cloud: &Cloud, call: &CallHandle) {
    let mut records = cloud.subscribe();
    call.repeat_candidate();
    within(async {
        loop {
            let record = records.recv().await.expect("the cloud lives");
            if let What::Frame { summary, .. } = record.what
                && record.direction == Direction::ToCloud
                && ["result of iceCandidate", "result of transport-info"].contains(&summary.as_str())
            {
                return;
            }
        }
    })
    .await;
}

/// Waits, but not for ever.
///
/// # Panics
/// When it takes too long.
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(LIMIT, future).await.expect("it happens in time")
}

/// Waits for a state of which nobody tells.
pub async fn poll(mut reached: impl FnMut() -> bool) {
    within(async {
        while !reached() {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await;
}

/// The session that ended, why and by whose doing, if the event tells of an end.
pub fn ended(event: &Event) -> Option<(SessionId, Reason, EndedBy)> {
    match event {
        Event::SessionEnded {
            session, reason, by, ..
        } => Some((session.clone(), *reason, *by)),
        _ => None,
    }
}
