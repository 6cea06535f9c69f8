//! The frame clock: one tick every 20 ms for all calls.

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

/// The time of one frame.
const FRAME: Duration = Duration::from_millis(20);

/// Counts ticks. A call that wakes late sees by the count how many frames are due.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    ticks: watch::Sender<u64>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            ticks: watch::Sender::new(0),
        }
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.ticks.subscribe()
    }
}

/// Ticks for ever.
pub(crate) async fn run(clock: Clock) {
    let mut interval = interval(FRAME);
    // What was missed is made up for, so that calls keep their rate on a busy machine.
    interval.set_missed_tick_behavior(MissedTickBehavior::Burst);
    loop {
        interval.tick().await;
        clock.ticks.send_modify(|ticks| *ticks += 1);
    }
}
