//! The send rate: a token bucket, and the stanzas that wait for it.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use crate::{Frame, SendRate, Urgency};

/// A token bucket as one instant: each stanza moves it on by the time that its token takes to come back.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// What one token takes to come back.
    interval: Duration,
    /// How far the instant may lie ahead when a stanza is sent.
    slack: Duration,
    /// When the bucket is full again.
    full_at: Instant,
}

impl Bucket {
    pub(super) fn new(rate: SendRate, now: Instant) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self {
            interval,
            slack: interval.saturating_mul(rate.burst.max(1) - 1),
            full_at: now,
        }
    }

    /// Takes a token, if there is one.
    fn take(&mut self, now: Instant) -> bool {
        let full_at = self.full_at.max(now);
        let granted = full_at - now <= self.slack;
        if granted {
            self.full_at = full_at + self.interval;
        }
        granted
    }

    /// When the next token is there.
    fn ready(&self) -> Instant {
        // An Instant has no zero to stop at; what lies before it is over in any case.
        self.full_at.checked_sub(self.slack).unwrap_or(self.full_at)
    }
}

/// A stanza on its way out.
#[derive(Debug, Clone)]
pub(super) struct Stanza {
    /// The id of the request that it is, if it is one of ours.
    pub(super) request: Option<String>,
    pub(super) frame: Frame,
}

/// Stanzas that wait for the rate.
#[derive(Debug, Clone)]
pub(super) struct Queue {
    bucket: Bucket,
    /// What was sent on a socket that is lost and is sent again, before all else and in order.
    again: VecDeque<Stanza>,
    high: VecDeque<Stanza>,
    normal: VecDeque<Stanza>,
    low: VecDeque<Stanza>,
}

impl Queue {
    pub(super) fn new(bucket: Bucket) -> Self {
        Self {
            bucket,
            again: VecDeque::new(),
            high: VecDeque::new(),
            normal: VecDeque::new(),
            low: VecDeque::new(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.again.len() + self.high.len() + self.normal.len() + self.low.len()
    }

    pub(super) fn push(&mut self, urgency: Urgency, stanza: Stanza) {
        match urgency {
            Urgency::High => self.high.push_back(stanza),
            Urgency::Normal => self.normal.push_back(stanza),
            Urgency::Low => self.low.push_back(stanza),
        }
    }

    /// Puts stanzas before all others.
    pub(super) fn push_again(&mut self, mut stanzas: VecDeque<Stanza>) {
        stanzas.append(&mut self.again);
        self.again = stanzas;
    }

    /// What waits to be sent again.
    pub(super) fn again(&self) -> impl Iterator<Item = &Stanza> {
        self.again.iter()
    }

    /// The next stanza, if the rate allows one now.
    pub(super) fn next(&mut self, now: Instant) -> Option<Stanza> {
        if self.len() == 0 || !self.bucket.take(now) {
            return None;
        }
        self.next_regardless()
    }

    /// The next stanza, whatever the rate.
    pub(super) fn next_regardless(&mut self) -> Option<Stanza> {
        [&mut self.again, &mut self.high, &mut self.normal, &mut self.low]
            .into_iter()
            .find_map(VecDeque::pop_front)
    }

    /// When the next stanza may be sent, if one waits.
    pub(super) fn deadline(&self) -> Option<Instant> {
        (self.len() > 0).then(|| self.bucket.ready())
    }
}
