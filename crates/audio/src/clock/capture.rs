//! From a device's clock to the call's.

use std::sync::Arc;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use super::{ClockFigures, Counters, ROOM, SURPLUS, line::Line, pace::Pace, ratio::Ratio, samples};
use crate::resample::{RateError, to_pcm};
use crate::{Frame, Played};

/// Blocks whose times wait for the call to look at them.
const MARKS: usize = 1024;

/// Makes the two ends of what a device captures at this rate, in hertz. `reserve` is how late either side may be without being heard
/// ([`RESERVE`](super::RESERVE)); audio is so much later.
///
/// # Errors
/// [`RateError`] when the rate is not within [`RATES`](crate::resample::RATES).
pub fn capture(rate: u32, reserve: Duration) -> Result<(Feed, Intake), RateError> {
    let ratio = Ratio::from_device(rate)?;
    let (producer, consumer) = RingBuffer::new(samples(ROOM, rate));
    let (mark, marks) = RingBuffer::new(MARKS);
    let counters = Counters::shared();
    let feed = Feed {
        samples: producer,
        mark,
        captured: 0,
        counters: Arc::clone(&counters),
    };
    let intake = Intake {
        samples: consumer,
        marks,
        ratio,
        device: Line::new(rate),
        call: Line::new(rate),
        pace: Pace::default(),
        rate: f64::from(rate),
        reserve: reserve.as_secs_f64(),
        block: 0.0,
        captured: 0,
        taken: 0,
        filling: true,
        counters,
    };
    Ok((feed, intake))
}

/// How many samples the device has captured when.
#[derive(Debug, Clone, Copy)]
struct Mark {
    captured: u64,
    at: Duration,
}

/// The device's end of [`capture`].
#[derive(Debug)]
pub struct Feed {
    samples: Producer<f32>,
    mark: Producer<Mark>,
    captured: u64,
    counters: Arc<Counters>,
}

impl Feed {
    /// Takes a block of mono samples, full scale being -1 to 1, that the device gave at this time. What there is no room for is lost.
    pub fn push(&mut self, block: impl ExactSizeIterator<Item = f32>, now: Duration) {
        let length = block.len();
        let room = self.samples.slots();
        if room < length {
            // Nobody has read for a second. Old samples are in the way of these; the reader will drop them.
            self.counters.overrun();
            return;
        }
        for sample in block {
            // There is room for it.
            let _ = self.samples.push(sample);
        }
        self.captured += length as u64;
        let mark = Mark {
            captured: self.captured,
            at: now,
        };
        // The next one will tell as much.
        let _ = self.mark.push(mark);
    }

    /// Whether the other end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }
}

/// The call's end of [`capture`].
pub struct Intake {
    samples: Consumer<f32>,
    marks: Consumer<Mark>,
    ratio: Ratio,
    device: Line,
    call: Line,
    pace: Pace,
    rate: f64,
    /// In seconds.
    reserve: f64,
    /// The longest block that the device has given, in seconds.
    block: f64,
    captured: u64,
    taken: u64,
    filling: bool,
    counters: Arc<Counters>,
}

impl Intake {
    /// Fills the frame that the call asks for at this time. It is silent, and [`Played::Underrun`], until enough is there to begin with.
    pub fn read(&mut self, frame: &mut Frame, now: Duration) -> Played {
        self.look();
        let wanted = self.ratio.wanted();
        if self.filling && !self.begins(wanted, now) {
            frame.fill(0);
            return Played::Underrun;
        }
        let there = self.take(wanted);
        for (sample, made) in frame.iter_mut().zip(self.ratio.run()) {
            *sample = to_pcm(*made);
        }
        if there < wanted {
            self.counters.underrun();
            self.begin_again();
            return Played::Underrun;
        }
        self.call.mark(self.taken, now);
        self.keep_level(now);
        Played::Full
    }

    /// What went wrong so far, and how the clocks stand.
    #[must_use]
    pub fn figures(&self) -> ClockFigures {
        self.counters.figures()
    }

    /// How much audio waits here.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        Duration::from_secs_f64(self.samples.slots() as f64 / self.rate)
    }

    /// Whether the other end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// What the device has done since the last time.
    fn look(&mut self) {
        while let Ok(mark) = self.marks.pop() {
            self.block = self.block.max((mark.captured - self.captured) as f64 / self.rate);
            self.captured = mark.captured;
            self.device.mark(mark.captured, mark.at);
        }
    }

    /// How much is to wait when the device has just given a block, in seconds.
    fn target(&self) -> f64 {
        self.reserve + self.block
    }

    /// Begins as soon as that leaves enough waiting, and with no more than that: what is older is dropped.
    fn begins(&mut self, wanted: usize, now: Duration) -> bool {
        let Some(device) = self.device.ahead() else {
            return false;
        };
        let call = (self.taken + wanted as u64) as f64 / self.rate - now.as_secs_f64();
        let surplus = (device - call - self.target()) * self.rate;
        let there = self.samples.slots();
        if surplus < 0.0 || there < wanted {
            return false;
        }
        self.skip((surplus as usize).min(there - wanted));
        self.filling = false;
        true
    }

    /// Leaves out the oldest samples.
    fn skip(&mut self, count: usize) {
        if let Ok(chunk) = self.samples.read_chunk(count) {
            chunk.commit_all();
            self.taken += count as u64;
        }
    }

    /// Gives the resampler the next samples, and silence for those that are not there. Says how many are.
    fn take(&mut self, wanted: usize) -> usize {
        let there = wanted.min(self.samples.slots());
        let input = &mut self.ratio.input[..wanted];
        input[there..].fill(0.0);
        for sample in &mut input[..there] {
            *sample = self.samples.pop().unwrap_or(0.0);
        }
        self.taken += there as u64;
        there
    }

    fn begin_again(&mut self) {
        self.filling = true;
        self.device.forget();
        self.call.forget();
    }

    fn keep_level(&mut self, now: Duration) {
        let (Some(device), Some(call)) = (self.device.ahead(), self.call.ahead()) else {
            return;
        };
        let surplus = device - call - self.target();
        if surplus > SURPLUS.as_secs_f64() {
            return self.drop_surplus();
        }
        if let Some(pace) = self.pace.level(surplus, now) {
            self.ratio.set_pace(pace);
            self.counters.device_is_fast_by(self.pace.learnt());
        }
    }

    /// Drops what is waiting beyond the target.
    fn drop_surplus(&mut self) {
        let kept = (self.target() * self.rate) as usize;
        let surplus = self.samples.slots().saturating_sub(kept);
        self.skip(surplus);
        self.counters.overrun();
        self.call.forget();
    }
}

impl std::fmt::Debug for Intake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intake")
            .field("waiting", &self.waiting())
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}
