//! A network in memory: delay, jitter, loss and cuts, all from a seed.

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
}

impl Weather {
    pub const CLEAR: Self = Self {
        delay: Duration::from_millis(20),
        jitter: Duration::ZERO,
        loss: 0.0,
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
    rng: StdRng,
    under_way: Vec<Datagram>,
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
            rng,
            under_way: Vec::new(),
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
        if self.cut || (self.unanswered && answer) || self.rng.random_bool(self.weather.loss) {
            return;
        }
        let jitter = self.weather.jitter.mul_f64(self.rng.random::<f64>());
        let at = now + self.weather.delay + jitter;
        self.under_way.push(Datagram {
            at,
            source,
            destination,
            payload: payload.to_vec(),
        });
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
