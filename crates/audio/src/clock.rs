//! Audio between two clocks: a device's, which is never exactly as fast as it says, and the call's.
//!
//! A microphone that is 200 ppm fast fills a buffer by 12 ms a minute, and a loudspeaker that is as fast empties one. Here the samples
//! pass a resampler whose ratio follows what the device's clock really does, so slowly that nobody hears it, and the buffer between the two
//! stays at its level however long a call lasts.
//!
//! | | the device's thread | the call's thread |
//! |---|---|---|
//! | [`capture`] | [`Feed::push`]: samples as they were captured | [`Intake::read`]: a frame every 20 ms |
//! | [`playback`] | [`Drain::fill`]: samples as they are to be played | [`Outflow::write`]: a frame every 20 ms |
//!
//! No side waits for the other, locks or allocates. All four are told the time, as what has passed since an instant that both threads know.
//! What is measured is not how full the buffer happens to be, which says more about who was late than about clocks, but how far the
//! one side's clock has come before the other's: a side that was held up and then catches up was late, and its clock was not.

mod capture;
mod line;
mod pace;
mod playback;
mod ratio;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

pub use capture::{Feed, Intake, capture};
pub use playback::{Drain, Outflow, playback};

/// What a buffer holds beyond what either side takes at once, by default: as long as a side may be late without being heard.
pub const RESERVE: Duration = Duration::from_millis(60);

/// Longest that a buffer between two clocks can hold.
const ROOM: Duration = Duration::from_secs(1);

/// A buffer that holds so much more than it should is emptied at once, not slowly.
const SURPLUS: Duration = Duration::from_millis(150);

/// What went wrong between two clocks, and how they stand.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct ClockFigures {
    /// How often there was nothing to give to the side that asked, after audio had begun. Each time the buffer is filled again first.
    pub underruns: u64,
    /// How often samples were dropped, since there was no room for them or too much had gathered.
    pub overruns: u64,
    /// How much faster the device runs than it says, in millionths, as far as that is known.
    pub device_ppm: f64,
}

/// Counted on both threads.
#[derive(Debug, Default)]
struct Counters {
    underruns: AtomicU64,
    overruns: AtomicU64,
    /// The bits of an `f64`.
    device_ppm: AtomicU64,
}

impl Counters {
    fn shared() -> Arc<Self> {
        Arc::new(Self::default())
    }

    fn underrun(&self) {
        self.underruns.fetch_add(1, Relaxed);
    }

    fn overrun(&self) {
        self.overruns.fetch_add(1, Relaxed);
    }

    fn device_is_fast_by(&self, correction: f64) {
        self.device_ppm.store((correction * 1e6).to_bits(), Relaxed);
    }

    fn figures(&self) -> ClockFigures {
        ClockFigures {
            underruns: self.underruns.load(Relaxed),
            overruns: self.overruns.load(Relaxed),
            device_ppm: f64::from_bits(self.device_ppm.load(Relaxed)),
        }
    }
}

/// How many samples of this rate that is.
fn samples(duration: Duration, rate: u32) -> usize {
    (duration.as_secs_f64() * f64::from(rate)).ceil() as usize
}

#[cfg(test)]
mod tests;
