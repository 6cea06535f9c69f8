//! Watches whether the peer is still there.
//!
//! str0m reports a dead path only 14 to 24 seconds after the cut, and goes on sending. Here
//! anything that the engine accepts from the peer (media, RTCP, the ICE checks that come every
//! second even when a call is on hold) counts as a sign of life. Silence makes a call interrupted
//! after a few seconds and failed after some more, the times a browser user knows.

use std::time::{Duration, Instant};

use crate::{Event, FailureReason};

/// How long is waited for what.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub(crate) connect: Duration,
    pub(crate) interrupted: Duration,
    pub(crate) failed: Duration,
}

/// A closed DTLS association does not come back. The time leaves room for the signalling to
/// tell why the peer went.
const AFTER_CLOSE: Duration = Duration::from_secs(3);

/// Where the path stands.
#[derive(Debug)]
enum Phase {
    /// The peer has not agreed yet; for how long it may think is for the signalling to say.
    Waiting,
    /// Not connected yet; fails when the time is up.
    Connecting {
        since: Instant,
    },
    Alive {
        heard: Instant,
    },
    Interrupted {
        heard: Instant,
    },
    /// The peer closed its side.
    Closed {
        at: Instant,
    },
    Over,
}

#[derive(Debug)]
pub(crate) struct PathMonitor {
    limits: Limits,
    phase: Phase,
}

impl PathMonitor {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            phase: Phase::Waiting,
        }
    }

    /// Both sides have agreed: the time to connect begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        if let Phase::Waiting = self.phase {
            self.phase = Phase::Connecting { since: now };
        }
    }

    pub(crate) fn connected(&mut self, now: Instant) -> Option<Event> {
        match self.phase {
            Phase::Connecting { .. } => {
                self.phase = Phase::Alive { heard: now };
                Some(Event::Connected)
            }
            Phase::Waiting | Phase::Alive { .. } | Phase::Interrupted { .. } | Phase::Closed { .. } | Phase::Over => {
                None
            }
        }
    }

    /// Something came from the peer.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<Event> {
        match &mut self.phase {
            Phase::Alive { heard } => {
                *heard = now;
                None
            }
            Phase::Interrupted { .. } => {
                self.phase = Phase::Alive { heard: now };
                Some(Event::Recovered)
            }
            Phase::Waiting | Phase::Connecting { .. } | Phase::Closed { .. } | Phase::Over => None,
        }
    }

    /// The peer closed its DTLS association. That is no interruption yet: most often it is how a call ends that the signalling
    /// is about to end too.
    pub(crate) fn closed(&mut self, now: Instant) {
        match self.phase {
            Phase::Connecting { .. } | Phase::Alive { .. } | Phase::Interrupted { .. } => {
                self.phase = Phase::Closed { at: now };
            }
            Phase::Waiting | Phase::Closed { .. } | Phase::Over => {}
        }
    }

    /// Nothing more is watched.
    pub(crate) fn over(&mut self) {
        self.phase = Phase::Over;
    }

    pub(crate) fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Over)
    }

    pub(crate) fn is_alive(&self) -> bool {
        matches!(self.phase, Phase::Alive { .. })
    }

    /// Whether the call has been connected and is not over, be it silent or not.
    pub(crate) fn carries_media(&self) -> bool {
        matches!(self.phase, Phase::Alive { .. } | Phase::Interrupted { .. })
    }

    pub(crate) fn was_connected(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Connecting { .. })
    }

    /// When to look next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { since } => Some(since + self.limits.connect),
            Phase::Alive { heard } => Some(heard + self.limits.interrupted),
            Phase::Interrupted { heard } => Some(heard + self.limits.failed),
            Phase::Closed { at } => Some(at + AFTER_CLOSE),
            Phase::Waiting | Phase::Over => None,
        }
    }

    /// What has become of the path by now.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Event> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return None;
        }
        match self.phase {
            Phase::Connecting { .. } => {
                let seconds = self.limits.connect.as_secs();
                Some(Event::Failed(FailureReason::NeverConnected { seconds }))
            }
            Phase::Alive { heard } => {
                self.phase = Phase::Interrupted { heard };
                Some(Event::Interrupted)
            }
            Phase::Interrupted { .. } => {
                let seconds = self.limits.failed.as_secs();
                Some(Event::Failed(FailureReason::PathLost { seconds }))
            }
            Phase::Closed { .. } => Some(Event::Failed(FailureReason::ClosedByPeer)),
            Phase::Waiting | Phase::Over => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;

    const LIMITS: Limits = Limits {
        connect: Duration::from_secs(30),
        interrupted: Duration::from_secs(3),
        failed: Duration::from_secs(15),
    };

    fn after(start: Instant, seconds: u64) -> Instant {
        start + Duration::from_secs(seconds)
    }

    #[test]
    fn silence_interrupts_then_fails_and_a_sign_of_life_recovers() {
        let start = an_instant();
        let mut path = PathMonitor::new(LIMITS);
        path.begin(start);
        assert_eq!(path.connected(start), Some(Event::Connected));
        assert_eq!(path.connected(start), None);
        assert_eq!(path.heard(after(start, 2)), None);
        assert_eq!(path.look(after(start, 4)), None);
        assert_eq!(path.deadline(), Some(after(start, 5)));
        assert_eq!(path.look(after(start, 5)), Some(Event::Interrupted));
        assert_eq!(path.look(after(start, 6)), None);
        assert!(!path.is_alive() && path.carries_media());
        assert_eq!(path.heard(after(start, 7)), Some(Event::Recovered));
        assert_eq!(path.look(after(start, 10)), Some(Event::Interrupted));
        let lost = FailureReason::PathLost { seconds: 15 };
        assert_eq!(path.look(after(start, 22)), Some(Event::Failed(lost)));
    }

    #[test]
    fn one_look_after_a_long_sleep_tells_both_events() {
        let start = an_instant();
        let mut path = PathMonitor::new(LIMITS);
        path.begin(start);
        path.connected(start);
        let woken = after(start, 3_600);
        assert_eq!(path.look(woken), Some(Event::Interrupted));
        assert!(matches!(path.look(woken), Some(Event::Failed(_))));
        path.over();
        assert_eq!(path.look(woken), None);
        assert_eq!(path.deadline(), None);
    }

    #[test]
    fn the_time_to_connect_counts_from_the_answer() {
        let start = an_instant();
        let mut path = PathMonitor::new(LIMITS);
        assert_eq!(path.look(after(start, 3_600)), None);
        path.begin(after(start, 20));
        assert_eq!(path.look(after(start, 49)), None);
        let never = FailureReason::NeverConnected { seconds: 30 };
        assert_eq!(path.look(after(start, 50)), Some(Event::Failed(never)));
    }
}
