//! The numbers of the reconnect policy.

use std::time::Duration;

/// How patient a [`Reconnect`](super::Reconnect) is.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ReconnectConfig {
    /// The wait after the first failure (2 s); it doubles with each further one.
    pub first_delay: Duration,
    /// The longest such wait (90 s).
    pub cap: Duration,
    /// By which share a wait is lengthened at most, at random, so that many clients do not come back in step (0.25).
    pub jitter: f64,
    /// A connection that lived shorter counts as a failure (30 s). After one that lived longer the first attempt is made
    /// at once.
    pub lived: Duration,
    /// The most attempts in any hour (60), whatever else is said. None at all is taken for one.
    pub attempts_per_hour: usize,
    /// The least time from one attempt to the next (2 s).
    pub least_gap: Duration,
    /// How many attempts in a row use the channel of the one before (9); the next makes a new channel.
    pub channel_reuse: u32,
    /// Whether to go on when the first attempt since [`connect`](super::Reconnect::connect) fails (yes). Once connected,
    /// a lost connection is always sought again.
    pub keep_trying: bool,
    /// After how many failed attempts in a row to give up (never).
    pub max_attempts: Option<u32>,
}

impl Default for ReconnectConfig {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_secs(2),
            cap: Duration::from_secs(90),
            jitter: 0.25,
            lived: Duration::from_secs(30),
            attempts_per_hour: 60,
            least_gap: Duration::from_secs(2),
            channel_reuse: 9,
            keep_trying: true,
            max_attempts: None,
        }
    }
}
