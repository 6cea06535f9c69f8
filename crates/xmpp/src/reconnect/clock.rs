//! The time of day by the policy's own count: set once, moved on by what the caller says and never set back.

use std::time::{Duration, Instant};

/// How far ahead of now an instant is put at most.
const FAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// A time of day, since the Unix epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Time(pub(super) Duration);

impl Time {
    pub(super) fn after(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    pub(super) fn before(self, wait: Duration) -> Self {
        Self(self.0.saturating_sub(wait))
    }

    pub(super) fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// Counts on from the time of day at the start, also over a sleep of the machine, which an [`Instant`] does not count.
#[derive(Debug)]
pub(super) struct Clock {
    now: Instant,
    time: Time,
}

impl Clock {
    pub(super) fn new(now: Instant, wall: Duration) -> Self {
        Self { now, time: Time(wall) }
    }

    pub(super) fn advance(&mut self, now: Instant) {
        self.time = self.time.after(now.saturating_duration_since(self.now));
        self.now = self.now.max(now);
    }

    pub(super) fn slept(&mut self, asleep: Duration) {
        self.time = self.time.after(asleep);
    }

    pub(super) fn time(&self) -> Time {
        self.time
    }

    pub(super) fn now(&self) -> Instant {
        self.now
    }

    /// When that is: now if it is past already.
    pub(super) fn instant(&self, at: Time) -> Instant {
        self.now + at.since(self.time).min(FAR)
    }
}
