//! The way from and to one address, when it is worse than the rest of the world.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// After this TCP sends again what was lost: with a round trip of 100 ms, what Linux waits.
const SENT_AGAIN: Duration = Duration::from_millis(300);

pub struct Bottleneck {
    /// Whose way it is.
    pub address: IpAddr,
    /// One way.
    pub delay: Duration,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// No UDP gets through.
    pub no_udp: bool,
    rng: StdRng,
    /// When the last of each stream, and direction, arrives.
    streams: HashMap<(SocketAddr, SocketAddr), Instant>,
}

impl Bottleneck {
    pub fn of(address: IpAddr, seed: u64) -> Self {
        Self {
            address,
            delay: Duration::ZERO,
            loss: 0.0,
            no_udp: false,
            rng: StdRng::seed_from_u64(seed),
            streams: HashMap::new(),
        }
    }

    pub fn is_on(&self, from: SocketAddr, to: SocketAddr) -> bool {
        [from.ip(), to.ip()].contains(&self.address)
    }

    /// When what is sent now arrives, if it does. What is lost of a stream is sent again, and all behind it waits.
    pub fn passes(&mut self, now: Instant, from: SocketAddr, to: SocketAddr, stream: bool) -> Option<Instant> {
        let mut at = now + self.delay;
        if !stream {
            let lost = self.no_udp || self.rng.random_bool(self.loss);
            return (!lost).then_some(at);
        }
        while self.rng.random_bool(self.loss) {
            at += SENT_AGAIN;
        }
        let last = self.streams.entry((from, to)).or_insert(at);
        *last = at.max(*last);
        Some(*last)
    }
}
