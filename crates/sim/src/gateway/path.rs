//! What a call's datagrams meet on their way between the gateway and everybody else: a delay, or nothing but a cut.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// How datagrams travel between the gateway and everybody else, in both directions. By default at once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MediaPath {
    /// How long a datagram is under way, in each direction.
    pub delay: Duration,
    /// None arrives.
    pub cut: bool,
}

/// Datagrams of one direction that are under way, in the order in which they were sent.
pub(super) struct UnderWay<T> {
    most: usize,
    datagrams: VecDeque<(Instant, T)>,
}

impl<T> UnderWay<T> {
    /// None yet, and never more than `most`: further ones are lost, the oldest first.
    pub(super) fn at_most(most: usize) -> Self {
        Self {
            most,
            datagrams: VecDeque::new(),
        }
    }

    /// One sets out, unless the path is cut.
    pub(super) fn send(&mut self, now: Instant, path: MediaPath, datagram: T) {
        if path.cut {
            return;
        }
        if self.datagrams.len() == self.most {
            self.datagrams.pop_front();
        }
        self.datagrams.push_back((now + path.delay, datagram));
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
            cut: false,
        };
        let cut = MediaPath { cut: true, ..slow };
        let mut way = UnderWay::at_most(2);
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
}
