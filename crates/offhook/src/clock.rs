//! The one place where time and entropy come into the process.

use std::time::{Duration, Instant, SystemTime};

use rand::{TryRng, rngs::SysRng};
use time::{OffsetDateTime, macros::format_description};

/// Now, for the cores.
pub(crate) fn now() -> Instant {
    tokio::time::Instant::now().into_std()
}

/// The wall clock.
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock, from the Unix epoch on.
pub(crate) fn since_epoch() -> Duration {
    wall().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

/// A seed for a core, from the operating system.
pub(crate) fn seed() -> [u8; 32] {
    let mut seed = [0; 32];
    SysRng
        .try_fill_bytes(&mut seed)
        .expect("the operating system gives randomness, or nothing here is safe");
    seed
}

/// UTC for file names: `20261122T173000Z`.
pub(crate) fn utc_stamp() -> String {
    let format = format_description!("[year][month][day]T[hour][minute][second]Z");
    OffsetDateTime::now_utc()
        .format(&format)
        .expect("every part of the format is there")
}
