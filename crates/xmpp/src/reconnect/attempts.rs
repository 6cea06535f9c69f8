//! The attempts that were made, and how soon they allow for another.

use std::{collections::VecDeque, time::Duration};

use super::{ReconnectConfig, clock::Time};

/// How long an attempt counts.
pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);

/// When attempts were made, oldest first, as far back as any limit looks.
#[derive(Debug)]
pub(super) struct Attempts {
    made: VecDeque<Time>,
}

impl Attempts {
    pub(super) fn new(made: impl IntoIterator<Item = Time>, config: &ReconnectConfig) -> Self {
        let mut attempts = Self {
            made: made.into_iter().collect(),
        };
        attempts.made.make_contiguous().sort_unstable();
        attempts.forget(config);
        attempts
    }

    pub(super) fn record(&mut self, now: Time, config: &ReconnectConfig) {
        self.made.push_back(now);
        self.forget(config);
    }

    pub(super) fn last(&self) -> Option<Time> {
        self.made.back().copied()
    }

    /// Before when no further attempt may be made.
    pub(super) fn allow_another_at(&self, config: &ReconnectConfig) -> Option<Time> {
        let gap = self.made.back().map(|last| last.after(config.least_gap));
        // No more than that many are kept: if all are there, the oldest has to be an hour old.
        let full = self.made.len() >= config.attempts_per_hour.max(1);
        let hour = self.made.front().filter(|_| full).map(|first| first.after(HOUR));
        gap.max(hour)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Time> {
        self.made.iter().copied()
    }

    fn forget(&mut self, config: &ReconnectConfig) {
        let kept = config.attempts_per_hour.max(1);
        self.made.drain(..self.made.len().saturating_sub(kept));
    }
}
