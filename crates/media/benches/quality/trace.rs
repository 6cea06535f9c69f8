//! What a network does to the packets of a call: which are lost, and when the others come. Everything is drawn from a seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// The sender's pace.
pub(crate) const PACKET: Duration = Duration::from_millis(20);
/// How long the quickest packet is on its way.
pub(crate) const TRANSIT: Duration = Duration::from_millis(30);

/// A kind of network.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Network {
    /// Nothing is lost, nothing is late.
    Clean,
    /// This share is lost, each packet for itself.
    Loss(f64),
    /// This share is lost, in bursts of three packets on average (Gilbert's model).
    Bursts(f64),
    /// Delays with a standard deviation of 13 ms, 47 ms above the least at the 95th percentile; packets stay in order.
    Wifi,
    /// Every few seconds nothing comes for 100 to 250 ms, and then everything at once.
    Stalls,
    /// Stalls as above for half of the time, and then a calm network.
    StallsThenCalm,
    /// A tenth comes 25 to 45 ms late, and is overtaken.
    Late,
    /// The sender's clock is this many millionths too fast.
    Drift(i32),
}

/// The times at which the packets of this many arrive, since the first was sent; none for those that are lost.
pub(crate) fn arrivals(network: Network, packets: usize, seed: u64) -> Vec<Option<Duration>> {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut trouble = Trouble::new(network);
    let mut latest = Duration::ZERO;
    let mut arrival = |number: usize| {
        let sent = sent(network, number);
        let arrives = sent + TRANSIT + trouble.delay(&mut rng, number, packets)?;
        Some(if trouble.keeps_order() {
            latest = latest.max(arrives);
            latest
        } else {
            arrives
        })
    };
    (0..packets).map(&mut arrival).collect()
}

/// When this packet is sent, since the first was, by the clock of the listener.
pub(crate) fn sent(network: Network, number: usize) -> Duration {
    let exact = PACKET.as_secs_f64() * number as f64;
    match network {
        Network::Drift(millionths) => Duration::from_secs_f64(exact / (1.0 + f64::from(millionths) / 1e6)),
        Network::Clean
        | Network::Loss(_)
        | Network::Bursts(_)
        | Network::Wifi
        | Network::Stalls
        | Network::StallsThenCalm
        | Network::Late => Duration::from_secs_f64(exact),
    }
}

struct Trouble {
    network: Network,
    /// In a burst of losses.
    losing: bool,
    /// Six walks whose squares make the delay of a Wi-Fi.
    walks: [f64; 6],
    /// The packets that a stall holds back, from the first to the one it ends before.
    stall: std::ops::Range<usize>,
}

impl Trouble {
    fn new(network: Network) -> Self {
        Self {
            network,
            losing: false,
            walks: [0.0; 6],
            stall: 0..0,
        }
    }

    fn keeps_order(&self) -> bool {
        match self.network {
            Network::Wifi | Network::Stalls | Network::StallsThenCalm => true,
            Network::Clean | Network::Loss(_) | Network::Bursts(_) | Network::Late | Network::Drift(_) => false,
        }
    }

    /// How much later than the quickest this packet comes; none when it is lost.
    fn delay(&mut self, rng: &mut StdRng, number: usize, packets: usize) -> Option<Duration> {
        match self.network {
            Network::Clean | Network::Drift(_) => Some(Duration::ZERO),
            Network::Loss(share) => (!rng.random_bool(share)).then_some(Duration::ZERO),
            Network::Bursts(share) => {
                let ends = 1.0 / 3.0;
                let begins = share * ends / (1.0 - share);
                self.losing = rng.random_bool(if self.losing { 1.0 - ends } else { begins });
                (!self.losing).then_some(Duration::ZERO)
            }
            Network::Wifi => Some(self.wifi(rng)),
            Network::Stalls => Some(self.stalled(rng, number)),
            Network::StallsThenCalm if number < packets / 2 => Some(self.stalled(rng, number)),
            Network::StallsThenCalm => Some(Duration::ZERO),
            Network::Late if rng.random_bool(0.1) => Some(Duration::from_secs_f64(rng.random_range(0.025..0.045))),
            Network::Late => Some(Duration::ZERO),
        }
    }

    /// A gamma distribution of shape 3 and scale 7.5 ms, whose values hang together.
    fn wifi(&mut self, rng: &mut StdRng) -> Duration {
        const MEMORY: f64 = 0.6;
        let mut squares = 0.0;
        for walk in &mut self.walks {
            *walk = MEMORY * *walk + (1.0 - MEMORY * MEMORY).sqrt() * normal(rng);
            squares += *walk * *walk;
        }
        Duration::from_secs_f64(squares * 0.00375)
    }

    fn stalled(&mut self, rng: &mut StdRng, number: usize) -> Duration {
        if number >= self.stall.end {
            let begins = number + rng.random_range(100..250);
            self.stall = begins..begins + rng.random_range(5..=12);
        }
        let little = Duration::from_secs_f64(rng.random_range(0.0..0.004));
        if self.stall.contains(&number) {
            return PACKET * (self.stall.end - number) as u32 + little;
        }
        little
    }
}

/// A standard normal variable (Box and Muller).
fn normal(rng: &mut StdRng) -> f64 {
    let (radius, angle): (f64, f64) = (rng.random(), rng.random());
    (-2.0 * (1.0 - radius).ln()).sqrt() * (angle * std::f64::consts::TAU).cos()
}
