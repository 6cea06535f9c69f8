//! Watches whether the peer is still there.
//!
//! str0m reports a dead path only 14 to 24 seconds after the cut, and goes on sending. Here two
//! things count as a sign of life: media that SRTP finds genuine, and answers to our own checks,
//! which are sent every second also when a call is on hold. Nothing else does, since anybody can
//! send under the peer's address. Silence makes a call interrupted after a few seconds and failed
//! after some more, the times a browser user knows.
//!
//! A peer that is heard but answers no check for half a minute consents to nothing any more
//! (RFC 7675 section 5.1), and the call ends. In silence that long nothing but checks is sent.

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

/// How long an answered check is good for (RFC 7675 section 5.1).
pub(crate) const CONSENT: Duration = Duration::from_secs(30);

/// After a sleep of the machine a call has this long to show that it lives: three checks, of which some may be lost.
const AFTER_SLEEP: Duration = Duration::from_secs(3);

/// Where the path stands.
#[derive(Debug)]
enum Phase {
    /// The peer has not agreed yet; for how long it may think is for the signalling to say.
    Waiting,
    /// Not connected yet; fails then.
    Connecting {
        until: Instant,
    },
    Alive {
        heard: Instant,
    },
    /// Nothing is heard; fails then.
    Interrupted {
        until: Instant,
    },
    /// The machine slept for longer than silence may last; fails then. What waited in the sockets meanwhile proves nothing:
    /// only the answer to a check that was sent since does.
    Woken {
        at: Instant,
        until: Instant,
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
    /// The peer consents to be sent to until then.
    consent: Option<Instant>,
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
            consent: None,
        }
    }

    /// Both sides have agreed: the time to connect begins.
    pub(crate) fn begin(&mut self, now: Instant) {
        if let Phase::Waiting = self.phase {
            let until = now + self.limits.connect;
            self.phase = Phase::Connecting { until };
        }
    }

    pub(crate) fn connected(&mut self, now: Instant) -> Option<Event> {
        match self.phase {
            Phase::Connecting { .. } => {
                self.phase = Phase::Alive { heard: now };
                self.consent = Some(now + CONSENT);
                Some(Event::Connected)
            }
            Phase::Waiting
            | Phase::Alive { .. }
            | Phase::Interrupted { .. }
            | Phase::Woken { .. }
            | Phase::Closed { .. }
            | Phase::Over => None,
        }
    }

    /// Media came that are the peer's beyond doubt.
    pub(crate) fn heard(&mut self, now: Instant) -> Option<Event> {
        match &mut self.phase {
            Phase::Alive { heard } => {
                *heard = now;
                None
            }
            Phase::Interrupted { .. } => {
                self.phase = Phase::Alive { heard: now };
                // Consent that ran out in the silence can be renewed before it ends the call.
                let grace = now + AFTER_SLEEP;
                self.consent = self.consent.map(|until| until.max(grace));
                Some(Event::Recovered)
            }
            Phase::Waiting | Phase::Connecting { .. } | Phase::Woken { .. } | Phase::Closed { .. } | Phase::Over => {
                None
            }
        }
    }

    /// The peer answered one of our checks, which was sent then.
    pub(crate) fn answered(&mut self, now: Instant, sent: Instant) -> Option<Event> {
        if let Phase::Woken { at, until } = self.phase {
            if sent < at {
                return None;
            }
            self.phase = Phase::Interrupted { until };
        }
        if self.consent.is_some() {
            self.consent = Some(now + CONSENT);
        }
        self.heard(now)
    }

    /// ICE begins anew, which the signalling told: until the peer has our new credentials it answers no check. Silence counts from
    /// now, and a path that was lost has its time once more.
    pub(crate) fn restarted(&mut self, now: Instant) {
        match &mut self.phase {
            Phase::Alive { heard } => *heard = now,
            Phase::Interrupted { until } | Phase::Woken { until, .. } => *until = now + self.limits.failed,
            Phase::Waiting | Phase::Connecting { .. } | Phase::Closed { .. } | Phase::Over => {}
        }
    }

    /// The machine slept, which the clock did not see. That counts as silence, but whoever lives gets the time to show it.
    pub(crate) fn slept(&mut self, now: Instant, asleep: Duration) -> Option<Event> {
        let sooner = |until: Instant| {
            until
                .checked_sub(asleep)
                .unwrap_or(now)
                .max(now + AFTER_SLEEP)
                .min(until)
        };
        self.consent = self.consent.map(sooner);
        match &mut self.phase {
            Phase::Connecting { until } => {
                *until = sooner(*until);
                None
            }
            Phase::Interrupted { until } | Phase::Woken { until, .. } => {
                let until = sooner(*until);
                self.phase = Phase::Woken { at: now, until };
                None
            }
            Phase::Alive { heard } => {
                let silent = now.saturating_duration_since(*heard).saturating_add(asleep);
                if silent < self.limits.interrupted {
                    *heard = now.checked_sub(silent).unwrap_or(now);
                    return None;
                }
                let until = now + self.limits.failed.saturating_sub(silent).max(AFTER_SLEEP);
                self.phase = Phase::Woken { at: now, until };
                Some(Event::Interrupted)
            }
            Phase::Waiting | Phase::Closed { .. } | Phase::Over => None,
        }
    }

    /// The peer closed its DTLS association. That is no interruption yet: most often it is how a call ends that the signalling
    /// is about to end too.
    pub(crate) fn closed(&mut self, now: Instant) {
        match self.phase {
            Phase::Connecting { .. } | Phase::Alive { .. } | Phase::Interrupted { .. } | Phase::Woken { .. } => {
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
        matches!(
            self.phase,
            Phase::Alive { .. } | Phase::Interrupted { .. } | Phase::Woken { .. }
        )
    }

    /// Whether more than checks may be sent: the peer consents, or has not been asked yet.
    pub(crate) fn may_send(&self, now: Instant) -> bool {
        self.consent.is_none_or(|until| now < until)
    }

    pub(crate) fn was_connected(&self) -> bool {
        !matches!(self.phase, Phase::Waiting | Phase::Connecting { .. })
    }

    /// When to look next.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.phase {
            Phase::Connecting { until } | Phase::Interrupted { until } | Phase::Woken { until, .. } => Some(until),
            Phase::Alive { heard } => {
                let silent = heard + self.limits.interrupted;
                Some(self.consent.map_or(silent, |consent| consent.min(silent)))
            }
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
                let until = heard + self.limits.failed;
                self.phase = Phase::Interrupted { until };
                Some(Event::Interrupted)
            }
            Phase::Interrupted { .. } | Phase::Woken { .. } => {
                let seconds = self.limits.failed.as_secs();
                Some(Event::Failed(FailureReason::PathLost { seconds }))
            }
            Phase::Closed { .. } => Some(Event::Failed(FailureReason::ClosedByPeer)),
            Phase::Waiting | Phase::Over => None,
        }
    }
}

#[cfg(test)]
mod tests;
