//! What finds the addresses at which a call can be reached from elsewhere: STUN and TURN.
//!
//! The pieces know their protocols and nothing of each other; [`Call`](crate::Call) puts them together.

mod allocation;
mod binding;
mod frames;

pub(crate) use allocation::{Allocation, Loss, Relayed, Setting};
pub(crate) use binding::Binding;

use std::time::Instant;

use stun_proto::Instant as LibraryInstant;

/// Instants of the libraries, which count from an origin of the caller's.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    /// The library subtracts from instants, so its time begins some way off its origin.
    const HEAD_START: i64 = 3_600_000_000_000;

    pub(crate) fn new(origin: Instant) -> Self {
        Self(origin)
    }

    fn library(self, now: Instant) -> LibraryInstant {
        let since = now.saturating_duration_since(self.0).as_nanos();
        let since = i64::try_from(since).unwrap_or(i64::MAX / 4);
        LibraryInstant::from_nanos(Self::HEAD_START + since)
    }

    fn ours(self, at: LibraryInstant) -> Instant {
        self.0 + at.saturating_duration_since(LibraryInstant::from_nanos(Self::HEAD_START))
    }
}
