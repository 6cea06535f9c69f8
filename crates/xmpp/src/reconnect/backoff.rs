//! How long a failure makes the next attempt wait.

use std::time::Duration;

use rand::{RngExt as _, rngs::StdRng};

use super::{ReconnectConfig, attempts::HOUR, clock::Time};

/// The longest wait that a server can ask for: no outage is announced for longer, and a client that a broken header
/// silenced for ever would need a person.
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// After how many times itself a delay halves, while connected.
const HALVES_AFTER: u32 = 5;

/// The delay that is remembered, and the wait in force.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    /// The wait after the last failure, without jitter; zero if none is remembered.
    pub(super) delay: Duration,
    pub(super) last_failure: Option<Time>,
    pub(super) pause: Option<Pause>,
}

/// A time in which no attempt is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pause {
    pub(super) since: Time,
    pub(super) length: Duration,
}

impl Pause {
    pub(super) fn until(self) -> Time {
        self.since.after(self.length)
    }
}

impl Backoff {
    /// Counts a failure: the delay doubles, and the next attempt waits for it, or for what the server asked if that is
    /// longer.
    pub(super) fn fail(
        &mut self,
        now: Time,
        retry_after: Option<Duration>,
        config: &ReconnectConfig,
        rng: &mut StdRng,
    ) {
        if self.last_failure.is_some_and(|last| now.since(last) >= HOUR) {
            self.delay = Duration::ZERO;
        }
        self.delay = self.delay.saturating_mul(2).max(config.first_delay).min(config.cap);
        self.last_failure = Some(now);
        let wait = self.delay.max(retry_after.unwrap_or_default());
        self.pause(now, wait, config, rng);
    }

    /// Makes the next attempt wait, without counting a failure.
    pub(super) fn pause(&mut self, now: Time, wait: Duration, config: &ReconnectConfig, rng: &mut StdRng) {
        // Written so that no number is too odd, "not a number" included.
        let most = if config.jitter > 0.0 {
            config.jitter.min(1.0)
        } else {
            0.0
        };
        let share = rng.random::<f64>() * most;
        let wait = wait.min(DAY);
        self.pause = Some(Pause {
            since: now,
            length: wait + wait.mul_f64(share),
        });
    }

    /// When the delay halves, if a connection began or the delay last halved at `since`.
    pub(super) fn halves_at(&self, since: Time) -> Option<Time> {
        (!self.delay.is_zero()).then(|| since.after(self.delay.saturating_mul(HALVES_AFTER)))
    }

    pub(super) fn halve(&mut self, config: &ReconnectConfig) {
        self.delay /= 2;
        if self.delay < config.first_delay {
            self.delay = Duration::ZERO;
        }
    }
}
