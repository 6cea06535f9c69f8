//! Notices that the machine slept: time that the wall clock saw go by and the clock of the cores did not.

use std::{
    fmt,
    rc::Rc,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use tokio::{
    sync::{Notify, watch},
    task,
    time::sleep,
};

use crate::clock;

/// How often the clocks are compared.
const EVERY: Duration = Duration::from_secs(2);

/// A difference above this is a suspend; below it the wall clock was merely set right.
const SUSPEND: Duration = Duration::from_secs(4);

/// What tells the time of day: a clock that goes on while the machine sleeps. By default the system's.
#[derive(Clone)]
pub struct WallClock(Arc<dyn Fn() -> SystemTime + Send + Sync>);

impl WallClock {
    /// Asks this for the time.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new(clock::wall)
    }
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WallClock")
    }
}

/// One look at both clocks.
#[derive(Clone, Copy)]
struct Look {
    steady: Instant,
    wall: SystemTime,
}

impl Look {
    fn at(wall: &WallClock) -> Self {
        Self {
            steady: clock::now(),
            wall: (wall.0)(),
        }
    }

    /// How long the machine slept between two looks, if it did. A wall clock that was set back says nothing.
    fn slept_since(self, before: Self) -> Option<Duration> {
        let awake = self.steady.saturating_duration_since(before.steady);
        let passed = self.wall.duration_since(before.wall).ok()?;
        passed.checked_sub(awake).filter(|asleep| *asleep > SUSPEND)
    }
}

/// The suspends of the machine, noticed while somebody watches.
pub(crate) struct Suspends {
    /// How long the machine has slept in all.
    asleep: watch::Sender<Duration>,
    watched: Rc<Notify>,
}

impl Suspends {
    /// Begins to compare the clocks on this thread once somebody watches.
    pub(crate) fn start(wall: WallClock) -> Self {
        let suspends = Self {
            asleep: watch::Sender::new(Duration::ZERO),
            watched: Rc::new(Notify::new()),
        };
        let (asleep, watched) = (suspends.asleep.clone(), suspends.watched.clone());
        task::spawn_local(async move {
            loop {
                if asleep.receiver_count() == 0 {
                    watched.notified().await;
                }
                let before = Look::at(&wall);
                sleep(EVERY).await;
                if let Some(slept) = Look::at(&wall).slept_since(before) {
                    tracing::info!(seconds = slept.as_secs(), "the machine was suspended");
                    asleep.send_modify(|total| *total += slept);
                }
            }
        });
        suspends
    }

    /// How long the machine has slept in all, now and as it grows.
    pub(crate) fn watch(&self) -> watch::Receiver<Duration> {
        let receiver = self.asleep.subscribe();
        self.watched.notify_one();
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_jump_of_the_wall_clock_is_a_suspend() {
        let before = Look::at(&WallClock::default());
        let later = |steady, wall| Look {
            steady: before.steady + Duration::from_secs(steady),
            wall: before.wall + Duration::from_secs(wall),
        };
        assert_eq!(later(2, 2).slept_since(before), None);
        assert_eq!(
            later(2, 6).slept_since(before),
            None,
            "clocks are set right by a little"
        );
        assert_eq!(later(2, 62).slept_since(before), Some(Duration::from_secs(60)));
        assert_eq!(later(30, 30).slept_since(before), None, "the thread was held up");
        let set_back = Look {
            steady: before.steady,
            wall: before.wall - Duration::from_secs(100),
        };
        assert_eq!(set_back.slept_since(before), None);
    }
}
