//! What a call's datagrams meet on their way between the gateway and everybody else: delay, jitter, loss, disorder, a cut.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// By how much a datagram that is out of order comes later than its time: with packets every 20 ms two overtake it.
const OUT_OF_ORDER: Duration = Duration::from_millis(50);

/// How datagrams travel between the gateway and everybody else, in both directions. By default at once, and all of them in order. What chance
/// decides, it decides from [`CloudConfig::seed`](crate::CloudConfig::seed).
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct MediaPath {
    /// How long a datagram is under way, in each direction.
    pub delay: Duration,
    /// How much longer it may take, by chance, evenly up to this. The order stays.
    pub jitter: Duration,
    /// The share of datagrams that are lost, by chance, from 0 to 1.
    pub loss: f32,
    /// The share of datagrams that come 50 ms later than the others, by chance, so that others overtake them; from 0 to 1.
    pub reorder: f32,
    /// None arrives.
    pub cut: bool,
}

impl MediaPath {
    /// Nothing happens to datagrams.
    pub const CLEAR: Self = Self {
        delay: Duration::ZERO,
        jitter: Duration::ZERO,
        loss: 0.0,
        reorder: 0.0,
        cut: false,
    };
}

/// Datagrams of one direction that are under way, in the order in which they arrive.
pub(super) struct UnderWay<T> {
    most: usize,
    datagrams: VecDeque<(Instant, T)>,
    /// When the last one arrives of those that are in order.
    latest: Option<Instant>,
    chance: StdRng,
}

impl<T> UnderWay<T> {
    /// None yet, and never more than `most`: further ones are lost, the oldest first. Chance decides from the seed.
    pub(super) fn at_most(most: usize, seed: [u8; 32]) -> Self {
        Self {
            most,
            datagrams: VecDeque::new(),
            latest: None,
            chance: StdRng::from_seed(seed),
        }
    }

    /// One sets out, unless the path is cut or it is lost.
    pub(super) fn send(&mut self, now: Instant, path: MediaPath, datagram: T) {
        if path.cut || self.happens(path.loss) {
            return;
        }
        if self.datagrams.len() == self.most {
            self.datagrams.pop_front();
        }
        let jitter = match path.jitter {
            Duration::ZERO => Duration::ZERO,
            most => most.mul_f64(self.chance.random_range(0.0..=1.0)),
        };
        let due = now + path.delay + jitter;
        let due = if self.happens(path.reorder) {
            due + OUT_OF_ORDER
        } else {
            let due = self.latest.map_or(due, |latest| latest.max(due));
            self.latest = Some(due);
            due
        };
        let at = self.datagrams.partition_point(|(other, _)| *other <= due);
        self.datagrams.insert(at, (due, datagram));
    }

    /// Whether what happens to this share happens now. Nothing is drawn for what never happens.
    fn happens(&mut self, share: f32) -> bool {
        share > 0.0 && self.chance.random_range(0.0..1.0) < share
    }

    /// The first, if it has arrived.
    pub(super) fn arrived(&self, now: Instant) -> Option<&T> {
        self.datagrams
            .front()
            .filter(|(due, _)| *due <= now)
            .map(|(_, datagram)| datagram)
    }

    /// Takes the first.
    pub(super) fn take(&mut self) -> Option<T> {
        self.datagrams.pop_front().map(|(_, datagram)| datagram)
    }

    /// When the first arrives, if that is still to come.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.datagrams.front().map(|(due, _)| *due).filter(|due| *due > now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams_take_their_time_and_none_passes_a_cut() {
        let now = Instant::now();
        let slow = MediaPath {
            delay: Duration::from_millis(50),
            ..MediaPath::CLEAR
        };
        let cut = MediaPath { cut: true, ..slow };
        let mut way = UnderWay::at_most(2, [7; 32]);
        for (path, datagram) in [(slow, 1), (cut, 2), (slow, 3), (slow, 4)] {
            way.send(now, path, datagram);
        }
        assert_eq!(way.arrived(now), None);
        assert_eq!(way.next(now), Some(now + slow.delay));
        let later = now + slow.delay;
        assert_eq!(way.arrived(later), Some(&3), "the oldest of three had to go");
        assert_eq!(way.next(later), None);
        assert_eq!([way.take(), way.take(), way.take()], [Some(3), Some(4), None]);
    }

    /// Sends a thousand, one every 20 ms, and gives those that arrive, in their order, with how long each took in ms.
    fn travel(path: MediaPath, seed: u8) -> Vec<(u64, u128)> {
        let start = Instant::now();
        let mut way = UnderWay::at_most(128, [seed; 32]);
        let mut arrived = Vec::new();
        let at = |number: u64| start + Duration::from_millis(20 * number);
        for number in 0..1_000 + 128 {
            while let Some(first) = way.arrived(at(number)).copied() {
                let due = way.datagrams[0].0;
                arrived.push((first, (due - at(first)).as_millis()));
                way.take();
            }
            if number < 1_000 {
                way.send(at(number), path, number);
            }
        }
        arrived
    }

    #[test]
    fn a_share_is_lost_and_the_same_ones_with_the_same_seed() {
        let lossy = MediaPath {
            loss: 0.2,
            ..MediaPath::CLEAR
        };
        let arrived = travel(lossy, 1);
        assert!((700..900).contains(&arrived.len()), "{}", arrived.len());
        assert_eq!(arrived, travel(lossy, 1));
        assert_ne!(arrived, travel(lossy, 2));
        assert!(arrived.is_sorted());
        let all = MediaPath { loss: 1.0, ..lossy };
        assert_eq!(travel(all, 1), []);
    }

    #[test]
    fn jitter_makes_some_late_and_keeps_the_order() {
        let jittery = MediaPath {
            delay: Duration::from_millis(10),
            jitter: Duration::from_millis(60),
            ..MediaPath::CLEAR
        };
        let arrived = travel(jittery, 1);
        assert_eq!(arrived.len(), 1_000);
        assert!(arrived.is_sorted());
        assert!(arrived.iter().all(|(_, took)| (10..=70).contains(took)));
        let late = arrived.iter().filter(|(_, took)| *took > 40).count();
        assert!((300..800).contains(&late), "{late}");
    }

    #[test]
    fn a_share_is_overtaken() {
        let disorderly = MediaPath {
            reorder: 0.1,
            ..MediaPath::CLEAR
        };
        let arrived = travel(disorderly, 1);
        assert_eq!(arrived.len(), 1_000);
        let overtaken = arrived.iter().filter(|(_, took)| *took == 50).count();
        assert!((50..200).contains(&overtaken), "{overtaken}");
        assert!(arrived.iter().all(|(_, took)| [0, 50].contains(took)));
    }
}
