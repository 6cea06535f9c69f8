//! A network in memory: delay, jitter, loss, disorder, narrow links, cuts and translators, all from a seed.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What the network does to the datagrams.
#[derive(Debug, Clone, Copy)]
pub struct Weather {
    pub delay: Duration,
    /// Up to this much more, a new draw for every datagram: packets overtake each other.
    pub jitter: Duration,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// The share that comes a good deal later than what was sent after it, 0 to 1.
    pub reordered: f64,
    /// The share that comes twice, 0 to 1.
    pub duplicated: f64,
    /// What each direction carries, in bits a second; what does not fit waits, and what would wait for long is lost.
    pub bandwidth: Option<u32>,
}

/// How much later a reordered datagram comes.
const OVERTAKEN: Duration = Duration::from_millis(60);
/// What waits longer than this for a narrow link is lost.
const LONGEST_QUEUE: Duration = Duration::from_millis(500);
/// IP and UDP in front of every datagram, in bytes.
const HEADERS: usize = 28;

impl Weather {
    pub const CLEAR: Self = Self {
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
        loss: 0.0,
        reordered: 0.0,
        duplicated: 0.0,
        bandwidth: None,
    };
}

pub struct Datagram {
    pub at: Instant,
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub payload: Vec<u8>,
}

pub struct Network {
    pub weather: Weather,
    /// Nothing gets through.
    pub cut: bool,
    /// What of the rest does not get through.
    pub swallows: fn(&[u8]) -> bool,
    rng: StdRng,
    under_way: Vec<Datagram>,
    /// When the link from this address is free again.
    busy: HashMap<SocketAddr, Instant>,
    /// What the one address has become behind a translator: the other.
    pub moved: Option<(SocketAddr, SocketAddr)>,
    pub sent: u64,
    /// STUN messages among them.
    pub checks: u64,
    /// Answers to checks get lost.
    pub unanswered: bool,
    /// The RTP sequence numbers that went by, the first and the last.
    pub sequences: Option<(u16, u16)>,
}

impl Network {
    pub fn new(seed: u64, weather: Weather) -> Self {
        let rng = StdRng::seed_from_u64(seed);
        Self {
            weather,
            cut: false,
            swallows: |_| false,
            rng,
            under_way: Vec::new(),
            busy: HashMap::new(),
            moved: None,
            sent: 0,
            checks: 0,
            unanswered: false,
            sequences: None,
        }
    }

    pub fn send(&mut self, now: Instant, source: SocketAddr, destination: SocketAddr, payload: &[u8]) {
        self.sent += 1;
        self.checks += u64::from(matches!(payload, [0..=3, ..]));
        if let [128..=191, 96 | 224, high, low, ..] = *payload {
            let sequence = u16::from_be_bytes([high, low]);
            let (first, _) = self.sequences.unwrap_or((sequence, sequence));
            self.sequences = Some((first, sequence));
        }
        let answer = payload.starts_with(&[1, 1]);
        if self.cut
            || (self.swallows)(payload)
            || (self.unanswered && answer)
            || self.rng.random_bool(self.weather.loss)
        {
            return;
        }
        let (Some(source), Some(destination)) = (self.seen_as(source), self.reached_at(destination)) else {
            return;
        };
        let Some(through) = self.through_the_link(now, source, payload.len()) else {
            return;
        };
        let copies = 1 + usize::from(self.rng.random_bool(self.weather.duplicated));
        for _ in 0..copies {
            let jitter = self.weather.jitter.mul_f64(self.rng.random::<f64>());
            let late = self.rng.random_bool(self.weather.reordered);
            let at = through + self.weather.delay + jitter + if late { OVERTAKEN } else { Duration::ZERO };
            self.under_way.push(Datagram {
                at,
                source,
                destination,
                payload: payload.to_vec(),
            });
        }
    }

    fn seen_as(&self, source: SocketAddr) -> Option<SocketAddr> {
        match self.moved {
            Some((before, after)) if source == before => Some(after),
            Some(_) | None => Some(source),
        }
    }

    /// Nobody is at an address that was given up.
    fn reached_at(&self, destination: SocketAddr) -> Option<SocketAddr> {
        match self.moved {
            Some((before, _)) if destination == before => None,
            Some((before, after)) if destination == after => Some(before),
            Some(_) | None => Some(destination),
        }
    }

    /// When the last bit is on its way; `None` when the queue is full.
    fn through_the_link(&mut self, now: Instant, source: SocketAddr, length: usize) -> Option<Instant> {
        let Some(bandwidth) = self.weather.bandwidth else {
            return Some(now);
        };
        let takes = Duration::from_secs_f64((8 * (length + HEADERS)) as f64 / f64::from(bandwidth));
        let free = self.busy.get(&source).copied().unwrap_or(now).max(now);
        if free - now > LONGEST_QUEUE {
            return None;
        }
        self.busy.insert(source, free + takes);
        Some(free + takes)
    }

    pub fn next_at(&self) -> Option<Instant> {
        self.under_way.iter().map(|datagram| datagram.at).min()
    }

    pub fn arrive(&mut self, now: Instant) -> Option<Datagram> {
        let due = |datagram: &&Datagram| datagram.at <= now;
        let first = self.under_way.iter().filter(due).map(|datagram| datagram.at).min()?;
        let index = self.under_way.iter().position(|datagram| datagram.at == first)?;
        Some(self.under_way.remove(index))
    }
}
