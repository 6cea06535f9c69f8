//! What outlives the process.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    ReconnectConfig,
    attempts::{Attempts, HOUR},
    backoff::{Backoff, DAY, Pause},
    clock::Time,
};

/// What a restarted process must know of the attempts of the one before, to be stored under the application's name.
///
/// Times are milliseconds since the Unix epoch. A memory that was damaged, or was written by a clock that has been set
/// back since, makes nobody wait longer than a server could have asked for: what it holds counts as not newer than now,
/// and a field that is missing as empty.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The wait after the last failure, without jitter; 0 if none is remembered.
    delay_ms: u64,
    /// When an attempt failed last, or a connection broke that had not lived.
    last_failure_ms: Option<u64>,
    /// The wait that is in force, if there is one.
    pause: Option<StoredPause>,
    /// The attempts of the last hour, oldest first.
    attempts_ms: Vec<u64>,
}

/// A wait, with its jitter and with what the server asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct StoredPause {
    since_ms: u64,
    length_ms: u64,
}

impl Memory {
    pub(super) fn of(backoff: &Backoff, attempts: &Attempts, now: Time) -> Self {
        Self {
            delay_ms: millis(backoff.delay),
            last_failure_ms: backoff.last_failure.map(|at| millis(at.0)),
            pause: backoff.pause.map(|pause| StoredPause {
                since_ms: millis(pause.since.0),
                length_ms: millis(pause.length),
            }),
            attempts_ms: attempts
                .iter()
                .filter(|at| now.since(*at) < HOUR)
                .map(|at| millis(at.0))
                .collect(),
        }
    }

    /// What it means at `now`.
    pub(super) fn recall(self, config: &ReconnectConfig, now: Time) -> (Backoff, Attempts) {
        // If the clock was set back, everything moves back by as much as brings the newest to now. It keeps its distances
        // so, and the limits hold.
        let newest = self
            .attempts_ms
            .iter()
            .copied()
            .chain(self.last_failure_ms)
            .chain(self.pause.map(|pause| pause.since_ms))
            .max();
        let ahead = newest.map_or(Duration::ZERO, |newest| time(newest).since(now));
        let recall = |ms| time(ms).before(ahead);

        let attempts = Attempts::new(self.attempts_ms.into_iter().map(recall), config);
        let last_failure = self.last_failure_ms.map(recall);
        let delay = if last_failure.is_none_or(|last| now.since(last) >= HOUR) {
            Duration::ZERO
        } else {
            Duration::from_millis(self.delay_ms).min(config.cap)
        };
        let stored = self.pause.map(|pause| Pause {
            since: recall(pause.since_ms),
            length: Duration::from_millis(pause.length_ms).min(DAY * 2),
        });
        // An attempt whose end was not remembered may have ended with the process: one that dies while it connects, and
        // is started again each time, waits in between nevertheless.
        let unfinished = attempts.last().map(|since| Pause { since, length: delay });
        let pause = stored
            .into_iter()
            .chain(unfinished)
            .max_by_key(|pause| pause.until())
            .filter(|pause| pause.until() > now);
        let backoff = Backoff {
            delay,
            last_failure,
            pause,
        };
        (backoff, attempts)
    }
}

/// Rounded up, so that no wait becomes shorter by being remembered.
fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX)
}

fn time(ms: u64) -> Time {
    Time(Duration::from_millis(ms))
}
