//! Watches whether the peer is still there.
//!
//! str0m reports a dead path only 14 to 24 seconds after the cut, and goes on sending. Here
//! anything that the engine accepts from the peer (media, RTCP, the ICE checks that come every
//! second even when a call is on hold) counts as a sign of life. Silence makes a call interrupted
//! after a few seconds and failed after some more, the times a browser user knows. A peer that is
//! heard but does not answer our checks is given a few seconds to do so again.

use std::time::{Duration, Instant};

use crate::{Event, FailureReason};

/// Whoever waits longer than this for anything waits for good, and instants have an end.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

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

/// How long a peer that is heard may leave our checks unanswered after the engine gave them up:
/// the timer of an outage can run out when the path is back already, and the next answer comes
/// within a second or two.
const CONSENT_GRACE: Duration = Duration::from_secs(5);

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

/// Whether the peer consents to what we send, as far as the engine's checks tell (RFC 7675).
#[derive(Debug)]
enum Consent {
    Given,
    /// The checks go unanswered; in silence that counts for nothing.
    Doubted {
        since: Instant,
    },
}

#[derive(Debug)]
pub(crate) struct PathMonitor {
    limits: Limits,
    phase: Phase,
    consent: Consent,
}

impl PathMonitor {
    /// Limits of more than a day are a day.
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits: Limits {
                connect: limits.connect.min(LONGEST),
                interrupted: limits.interrupted.min(LONGEST),
                failed: limits.failed.min(LONGEST),
            },
            phase: Phase::Waiting,
            consent: Consent::Given,
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
                self.alive(now);
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
                self.alive(now);
                Some(Event::Recovered)
            }
            Phase::Waiting | Phase::Connecting { .. } | Phase::Closed { .. } | Phase::Over => None,
        }
    }

    /// The peer answers our checks.
    pub(crate) fn consented(&mut self) {
        self.consent = Consent::Given;
    }

    /// The engine found our checks unanswered for long.
    pub(crate) fn doubted(&mut self, now: Instant) {
        if let Consent::Given = self.consent {
            self.consent = Consent::Doubted { since: now };
        }
    }

    /// The peer is heard from now on. Doubts from before count afresh.
    fn alive(&mut self, now: Instant) {
        self.phase = Phase::Alive { heard: now };
        if let Consent::Doubted { since } = &mut self.consent {
            *since = now;
        }
    }

    fn consent_deadline(&self) -> Option<Instant> {
        match self.consent {
            Consent::Given => None,
            Consent::Doubted { since } => Some(since + CONSENT_GRACE),
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
            Phase::Alive { heard } => {
                let silent = heard + self.limits.interrupted;
                Some(self.consent_deadline().map_or(silent, |consent| consent.min(silent)))
            }
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
            Phase::Alive { heard } if now < heard + self.limits.interrupted => {
                Some(Event::Failed(FailureReason::ConsentLost))
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
    fn limits_without_end_are_a_day() {
        let start = an_instant();
        let mut path = PathMonitor::new(Limits {
            connect: Duration::MAX,
            interrupted: Duration::MAX,
            failed: Duration::MAX,
        });
        path.begin(start);
        assert_eq!(path.deadline(), Some(after(start, 86_400)));
        path.connected(start);
        assert_eq!(path.look(after(start, 86_399)), None);
        assert_eq!(path.look(after(start, 86_400)), Some(Event::Interrupted));
        let lost = FailureReason::PathLost { seconds: 86_400 };
        assert_eq!(path.look(after(start, 86_400)), Some(Event::Failed(lost)));
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
    fn unanswered_checks_end_a_call_that_is_heard_after_a_grace() {
        let start = an_instant();
        let mut path = PathMonitor::new(LIMITS);
        path.begin(start);
        path.connected(start);
        path.heard(after(start, 10));
        path.doubted(after(start, 10));
        path.heard(after(start, 12));
        path.consented();
        assert_eq!(path.deadline(), Some(after(start, 15)));

        path.doubted(after(start, 13));
        for second in 13..18 {
            path.heard(after(start, second));
            assert_eq!(path.look(after(start, second)), None);
        }
        assert_eq!(path.deadline(), Some(after(start, 18)));
        let lost = FailureReason::ConsentLost;
        assert_eq!(path.look(after(start, 18)), Some(Event::Failed(lost)));
    }

    #[test]
    fn in_silence_unanswered_checks_count_for_nothing_and_afterwards_they_count_afresh() {
        let start = an_instant();
        let mut path = PathMonitor::new(LIMITS);
        path.begin(start);
        path.connected(start);
        path.doubted(after(start, 1));
        assert_eq!(path.look(after(start, 3)), Some(Event::Interrupted));
        assert_eq!(path.look(after(start, 14)), None);
        assert_eq!(path.heard(after(start, 14)), Some(Event::Recovered));
        for second in 14..19 {
            path.heard(after(start, second));
            assert_eq!(path.look(after(start, second)), None);
        }
        let lost = FailureReason::ConsentLost;
        assert_eq!(path.look(after(start, 19)), Some(Event::Failed(lost)));
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
