//! Many agents and many calls in one process: connected clients on one engine, a simulated cloud, and calls whose audio is
//! ready-made packets in both directions, so that what is measured is everything but a codec.

use std::{
    fs,
    sync::Arc,
    time::{Duration, Instant},
};

use offhook::{AnswerPolicy, Client, Endpoints, Engine, EngineConfig, OpusClip, PacketSink};
use offhook_audio::{
    FRAME_SAMPLES, SinkError, Source, Tone,
    ogg_opus::{OpusPackets, PacketClip},
};
use offhook_sim::{CallHandle, CallRequest, Cloud, CloudConfig, User};
use secrecy::ExposeSecret;
use thiserror::Error;
use tokio::{task::JoinSet, time::sleep};

use crate::softphone::{poll, within};

/// How many agents log in at a time, and how many calls begin at a time.
const AT_ONCE: usize = 50;
/// Descriptors of an agent: both ends of its WebSocket, and of connections for REST that are kept for a while.
const OF_AN_AGENT: u64 = 6;
/// Descriptors of a call: its client's sockets, one for each local address, and the gateway's.
const OF_A_CALL: u64 = 6;
/// What else the process has open.
const OTHERS: u64 = 200;

/// How much there is to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Connected agents.
    pub agents: usize,
    /// Calls at once, each with another one of the agents.
    pub calls: usize,
    /// How long all of them are measured.
    pub time: Duration,
}

/// What it came to. Memory and processor are those of the whole process, as Linux counts them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Until all agents were connected.
    pub connecting: Duration,
    /// Until all calls carried audio.
    pub calling: Duration,
    /// What a connected agent holds, with the cloud's side of it, in bytes.
    pub agent_bytes: f64,
    /// What a call holds, both ends, in bytes.
    pub call_bytes: f64,
    /// Processor time of the clients for a second of call.
    pub client_time: Duration,
    /// Processor time of the cloud for a second of call.
    pub cloud_time: Duration,
    /// How many processors all of it kept busy.
    pub processors: f64,
    /// Packets a second that a call sent, the mean of both directions; there should be fifty.
    pub pace: f64,
    /// The share of the packets that came in.
    pub heard: f64,
    /// Descriptors open with all calls up.
    pub descriptors: usize,
}

/// The system lets the process open too few descriptors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("this takes {needed} descriptors and the limit is {limit}: raise it, for instance by `ulimit -Hn {needed}`")]
pub struct TooFewDescriptors {
    /// How many are needed.
    pub needed: u64,
    /// How many there may be.
    pub limit: u64,
}

/// Connects the agents, calls so many of them, measures, and ends everything.
///
/// # Errors
/// When there may not be as many descriptors as it takes.
///
/// # Panics
/// When an agent does not connect, or a call does not come up or does not end.
pub async fn run(size: Size) -> Result<Measured, TooFewDescriptors> {
    raise_limit(size)?;
    let users = (1..=size.agents).map(|number| User::new(&format!("Agent {number}"), format!("token {number}")));
    let config = CloudConfig {
        users: users.collect(),
        ..CloudConfig::default()
    };
    let cloud = Arc::new(Cloud::start(config).await.expect("loopback"));
    let clip = clip();
    let empty = resident();
    let start = Instant::now();
    let clients = connect(&cloud, &clip).await;
    let (connecting, connected) = (start.elapsed(), resident());
    let start = Instant::now();
    let calls = call(&cloud, &clip, size.calls).await;
    let (calling, called) = (start.elapsed(), resident());
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);

    let before = Moment::of(&clients, &calls).await;
    sleep(size.time).await;
    let after = Moment::of(&clients, &calls).await;

    end(&cloud, clients, &calls).await;
    let lasted = after.at - before.at;
    let seconds = lasted.as_secs_f64() * size.calls as f64;
    let (client, other) = (after.client - before.client, after.cloud - before.cloud);
    let sent = (after.sent - before.sent) as f64;
    Ok(Measured {
        connecting,
        calling,
        agent_bytes: (connected - empty) / size.agents as f64,
        call_bytes: (called - connected) / size.calls as f64,
        client_time: client.div_f64(seconds),
        cloud_time: other.div_f64(seconds),
        processors: (client + other).div_duration_f64(lasted),
        pace: sent / seconds / 2.0,
        heard: (after.heard - before.heard) as f64 / sent,
        descriptors,
    })
}

fn raise_limit(size: Size) -> Result<(), TooFewDescriptors> {
    let needed = size.agents as u64 * OF_AN_AGENT + size.calls as u64 * OF_A_CALL + OTHERS;
    // Where it cannot be asked for, opening says what is wrong.
    let limit = rlimit::increase_nofile_limit(u64::MAX).unwrap_or(needed);
    if limit < needed {
        return Err(TooFewDescriptors { needed, limit });
    }
    Ok(())
}

/// Ten seconds of a tone.
fn clip() -> OpusClip {
    let mut tone = Tone::new(440);
    let mut samples = vec![0; FRAME_SAMPLES * 500];
    for frame in samples.as_chunks_mut().0 {
        let _ = tone.read(frame);
    }
    OpusClip::encode(&samples, 32_000, 5).expect("memory for an encoder")
}

/// Makes sources of the clip without end, which share its packets.
fn packets_again_and_again(clip: &OpusClip) -> impl Fn() -> Box<dyn Source> + Send + Sync + use<> {
    let packets: Arc<OpusPackets> = Arc::new(clip.packets().collect());
    move || Box::new(PacketClip::repeated(Arc::clone(&packets)))
}

/// Takes packets, and does nothing with them.
struct Nowhere;

impl PacketSink for Nowhere {
    fn write(&mut self, _: u32, _: &[u8]) -> Result<(), SinkError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// All users of the cloud as connected clients, in the users' order.
async fn connect(cloud: &Arc<Cloud>, clip: &OpusClip) -> Vec<Client> {
    let engine = Engine::new(&EngineConfig::default()).expect("threads");
    let endpoints = Endpoints::new(&cloud.api_url(), &cloud.streaming_url(), None, false).expect("URLs of loopback");
    let clients: Vec<Client> = cloud
        .users()
        .iter()
        .map(|user| {
            Client::builder(endpoints.clone(), user.token.expose_secret())
                .engine(engine.clone())
                .answer(AnswerPolicy {
                    always: true,
                    ..AnswerPolicy::default()
                })
                .play_with(packets_again_and_again(clip))
                .receive_packets_with(|_| Box::new(Nowhere))
                .statistics_every(None)
                .build()
                .expect("there is loopback")
        })
        .collect();
    for (some, users) in clients.chunks(AT_ONCE).zip(cloud.users().chunks(AT_ONCE)) {
        let mut connecting = JoinSet::new();
        for (client, user) in some.iter().zip(users) {
            let (client, user, cloud) = (client.clone(), user.id.clone(), Arc::clone(cloud));
            connecting.spawn(async move {
                client.connect().await.expect("it connects");
                cloud.wait_connected(&user).await;
            });
        }
        within(connecting.join_all()).await;
    }
    clients
}

/// The first so many users in a call each.
async fn call(cloud: &Cloud, clip: &OpusClip, count: usize) -> Vec<CallHandle> {
    let packets = Arc::new(clip.packets().collect());
    let mut calls = Vec::new();
    for users in cloud.users()[..count].chunks(AT_ONCE) {
        let some: Vec<CallHandle> = users
            .iter()
            .map(|user| {
                let request = CallRequest {
                    user: Some(user.id.clone()),
                    ready_made: Some(Arc::clone(&packets)),
                    ..CallRequest::default()
                };
                cloud.call(request).expect("the agent is connected")
            })
            .collect();
        for call in &some {
            within(call.connected()).await.expect("it lives");
            poll(|| call.statistics().packets_received > 0).await;
        }
        calls.extend(some);
    }
    calls
}

async fn end(cloud: &Cloud, clients: Vec<Client>, calls: &[CallHandle]) {
    for call in calls {
        call.hang_up(offhook::Reason::Success);
    }
    for call in calls {
        within(call.ended()).await;
    }
    let mut leaving = JoinSet::new();
    for client in clients {
        leaving.spawn(async move { client.shutdown().await });
    }
    within(leaving.join_all()).await;
    poll(|| cloud.live() == offhook_sim::Live::default()).await;
}

/// What was counted at one moment.
struct Moment {
    at: Instant,
    /// Packets of all calls in both directions.
    sent: u64,
    heard: u64,
    /// Processor time of the clients' threads, and of all others.
    client: Duration,
    cloud: Duration,
}

impl Moment {
    async fn of(clients: &[Client], calls: &[CallHandle]) -> Self {
        let (mut sent, mut heard) = (0, 0);
        for (client, call) in clients.iter().zip(calls) {
            let ours = client.statistics(call.session()).await.expect("the call lives");
            let theirs = call.statistics();
            sent += ours.packets_sent + theirs.packets_sent;
            heard += ours.packets_received + theirs.packets_received;
        }
        let (client, cloud) = processor_times();
        Self {
            at: Instant::now(),
            sent,
            heard,
            client,
            cloud,
        }
    }
}

/// What the threads of engines have had of a processor, and what all others have; nothing where nobody counts.
fn processor_times() -> (Duration, Duration) {
    let (mut engines, mut others) = (Duration::ZERO, Duration::ZERO);
    for thread in fs::read_dir("/proc/self/task").into_iter().flatten().flatten() {
        let read = |file: &str| fs::read_to_string(thread.path().join(file)).unwrap_or_default();
        let nanoseconds = read("schedstat").split(' ').next().and_then(|first| first.parse().ok());
        let time = Duration::from_nanos(nanoseconds.unwrap_or(0));
        if read("comm").starts_with("offhook-") {
            engines += time;
        } else {
            others += time;
        }
    }
    (engines, others)
}

/// Bytes of the process that are in memory; none where nobody counts.
fn resident() -> f64 {
    let told = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kilobytes.unwrap_or(0.0) * 1024.0
}
