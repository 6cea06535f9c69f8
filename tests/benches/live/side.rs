//! Who is sent the speech: a call of ours, or a page of Chromium. Each has a sender of its own, and both senders the same network.

use std::{
    net::{IpAddr, Ipv4Addr},
    time::{Duration, Instant},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use offhook_audio::SAMPLE_RATE;
use offhook_media::{Call, CallConfig, Event, Identity};
use offhook_tests::line::{Arrived, Line};
use serde_json::{Value, json};
use tokio::{
    sync::{mpsc, oneshot},
    time::{interval, sleep_until},
};

use crate::{
    engine::{Engine, Peer},
    trace::PACKET,
};

/// What the senders play of their own: nothing.
const NOTHING: u32 = 0;
/// What is still on its way when the last packet was sent, and is heard then.
const LATE: Duration = Duration::from_secs(1);

/// What came of one of them.
pub struct Side {
    pub name: &'static str,
    pub heard: Vec<i16>,
    /// How long a packet waited, on average, before it was heard.
    pub waited: Duration,
}

/// What is done with a line.
type Act = Box<dyn FnOnce(&mut Line<()>, Instant) + Send>;

/// A line that runs by itself.
struct Running {
    acts: mpsc::UnboundedSender<Act>,
    events: mpsc::UnboundedReceiver<Event>,
    ended: oneshot::Receiver<(Vec<i16>, Duration)>,
}

impl Running {
    fn new(line: Line<()>) -> Self {
        let (acts, acting) = mpsc::unbounded_channel();
        let (tell, events) = mpsc::unbounded_channel();
        let (end, ended) = oneshot::channel();
        tokio::spawn(async move { drop(end.send(run(line, acting, tell).await)) });
        Self { acts, events, ended }
    }

    fn does(&self, act: impl FnOnce(&mut Line<()>, Instant) + Send + 'static) {
        assert!(self.acts.send(Box::new(act)).is_ok(), "the line runs");
    }

    fn send(&self, now: Instant, packet: &[u8]) {
        let packet = packet.to_vec();
        self.does(move |line, _| line.send_opus(now, &packet));
    }

    async fn candidates(&mut self) -> Vec<(String, String)> {
        let mut candidates = Vec::new();
        loop {
            match self.events.recv().await.expect("the line runs") {
                Event::LocalCandidate { mid, candidate } => candidates.push((mid, candidate)),
                Event::EndOfCandidates => return candidates,
                event => panic!("{event:?} before all candidates"),
            }
        }
    }

    async fn is_connected(&mut self) {
        while self.events.recv().await.expect("the line runs") != Event::Connected {}
    }

    /// All that it has heard, and how long a packet waited.
    async fn ended(self) -> (Vec<i16>, Duration) {
        drop(self.acts);
        self.ended.await.expect("it ends")
    }
}

async fn run(
    mut line: Line<()>,
    mut acts: mpsc::UnboundedReceiver<Act>,
    tell: mpsc::UnboundedSender<Event>,
) -> (Vec<i16>, Duration) {
    let (datagrams, mut arriving) = mpsc::unbounded_channel::<Arrived<()>>();
    let (mut heard, mut waited, mut frames) = (Vec::new(), Duration::ZERO, 0);
    let mut ticks = interval(PACKET);
    loop {
        let until = loop {
            match line.carry_out(&datagrams) {
                // Whoever asks for events may have seen enough.
                Ok(event) => drop(tell.send(event)),
                Err(until) => break until,
            }
        };
        tokio::select! {
            act = acts.recv() => match act {
                Some(act) => act(&mut line, Instant::now()),
                None => return (heard, waited / frames.max(1)),
            },
            Some(arrived) = arriving.recv() => line.take(Instant::now(), &arrived),
            _ = ticks.tick() => {
                heard.extend_from_slice(&line.pull(Instant::now()));
                let statistics = line.statistics();
                if statistics.packets_received > 0 {
                    waited += statistics.playout_delay;
                    frames += 1;
                }
            }
            () = sleep_until(until.into()) => line.pass_time(Instant::now()),
        }
    }
}

fn config() -> CallConfig {
    let identity = Identity::generate().expect("a certificate");
    CallConfig::new(identity, vec![IpAddr::V4(Ipv4Addr::LOCALHOST)])
}

/// A sender through this network, with its offer.
fn sender(delays: &[Option<Duration>]) -> (Line<()>, String) {
    let (call, offer) = Call::offerer(config(), [2; 32], Instant::now());
    let mut line = Line::new((), call, NOTHING);
    line.send_through(delays.to_vec());
    (line, offer)
}

/// A call of ours.
pub struct Ours {
    sender: Running,
    receiver: Running,
}

impl Ours {
    pub async fn connected(delays: &[Option<Duration>]) -> Self {
        let (mut line, offer) = sender(delays);
        let (call, answer) = Call::answerer(config(), &offer, [1; 32], Instant::now()).expect("our own offer");
        line.accept_answer(Instant::now(), &answer);
        let (mut sender, mut receiver) = (Running::new(line), Running::new(Line::new((), call, NOTHING)));
        for (_, candidate) in sender.candidates().await {
            receiver.does(move |line, now| line.add_remote_candidate(now, &candidate));
        }
        for (_, candidate) in receiver.candidates().await {
            sender.does(move |line, now| line.add_remote_candidate(now, &candidate));
        }
        sender.is_connected().await;
        receiver.is_connected().await;
        Self { sender, receiver }
    }

    pub fn send(&mut self, now: Instant, packet: &[u8]) {
        self.sender.send(now, packet);
    }

    pub async fn ended(self) -> Side {
        tokio::time::sleep(LATE).await;
        let (heard, waited) = self.receiver.ended().await;
        Side {
            name: "ours",
            heard,
            waited,
        }
    }
}

/// A page of Chromium.
pub struct Theirs {
    sender: Running,
    page: Peer,
}

impl Theirs {
    pub async fn connected(delays: &[Option<Duration>]) -> Self {
        let mut page = Peer::start(Engine::Chromium);
        let (mut line, offer) = sender(delays);
        page.does(&json!({ "do": "answer", "hertz": 700, "sdp": offer, "relay": null, "record": true }));
        let answer = page.tells("answer", |_| true).await;
        line.accept_answer(Instant::now(), answer["sdp"].as_str().expect("a text"));
        let mut sender = Running::new(line);
        for (mid, candidate) in sender.candidates().await {
            page.takes_candidate(&mid, &candidate);
        }
        sender.is_connected().await;
        page.is("connected").await;
        Self { sender, page }
    }

    pub fn send(&mut self, now: Instant, packet: &[u8]) {
        self.sender.send(now, packet);
    }

    pub async fn ended(mut self) -> Side {
        tokio::time::sleep(LATE).await;
        let waited = self.page.answers("waited").await;
        self.page.does(&json!({ "do": "recorded" }));
        let mut heard = Vec::new();
        loop {
            let told = self.page.tells("recorded", |_| true).await;
            let Value::String(part) = &told["pcm"] else { break };
            heard.extend(samples(&BASE64_STANDARD.decode(part).expect("Base64")));
        }
        assert_eq!(waited["rate"], SAMPLE_RATE);
        Side {
            name: "theirs",
            heard,
            waited: Duration::from_secs_f64(waited["seconds"].as_f64().unwrap_or_default()),
        }
    }
}

/// 16 bits each, little endian.
pub fn samples(bytes: &[u8]) -> Vec<i16> {
    let pairs = bytes.chunks_exact(2);
    pairs.map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}
