//! The deadline of a machine that waits for nothing.

use std::time::Duration;

/// How far ahead of the latest input a machine puts its timeout when it waits for no particular instant.
pub(crate) const IDLE: Duration = Duration::from_secs(24 * 60 * 60);
