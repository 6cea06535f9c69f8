//! From the call's clock to a device's.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use rtrb::{Consumer, Producer, RingBuffer};

use super::{ClockFigures, Counters, ROOM, SURPLUS, line::Line, pace::Pace, ratio::Ratio, samples};
use crate::resample::RateError;
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE};

/// Blocks whose times wait for the call to look at them.
const MARKS: usize = 1024;

/// What the call puts into the buffer at once, in seconds.
const BLOCK: f64 = FRAME_SAMPLES as f64 / SAMPLE_RATE as f64;

/// Makes the two ends of what a device plays at this rate, in hertz. `reserve` is how late either side may be without being heard
/// ([`RESERVE`](super::RESERVE)); audio is so much later.
///
/// # Errors
/// [`RateError`] when the rate is not within [`RATES`](crate::resample::RATES).
pub fn playback(rate: u32, reserve: Duration) -> Result<(Outflow, Drain), RateError> {
    let ratio = Ratio::to_device(rate)?;
    let (producer, consumer) = RingBuffer::new(samples(ROOM, rate));
    let (mark, marks) = RingBuffer::new(MARKS);
    let counters = Counters::shared();
    let held = reserve.as_secs_f64() + BLOCK;
    let drain = Drain {
        samples: consumer,
        mark,
        played: 0,
        filling: true,
        begins_at: samples(Duration::from_secs_f64(held), rate),
        counters: Arc::clone(&counters),
    };
    let outflow = Outflow {
        samples: producer,
        marks,
        ratio,
        call: Line::new(rate),
        device: Line::new(rate),
        pace: Pace::default(),
        rate: f64::from(rate),
        target: held,
        given: 0,
        counters,
        underruns_before: 0,
    };
    Ok((outflow, drain))
}

/// How many samples the device has played when.
#[derive(Debug, Clone, Copy)]
struct Mark {
    played: u64,
    at: Duration,
}

/// The device's end of [`playback`].
#[derive(Debug)]
pub struct Drain {
    samples: Consumer<f32>,
    mark: Producer<Mark>,
    played: u64,
    filling: bool,
    /// Samples beyond its own block that it begins with.
    begins_at: usize,
    counters: Arc<Counters>,
}

impl Drain {
    /// Gives `length` mono samples, full scale being -1 to 1, to a device that plays them next, by `put(index, sample)`. They are silence until
    /// enough is there to begin with.
    pub fn fill(&mut self, length: usize, now: Duration, mut put: impl FnMut(usize, f32)) {
        let there = self.samples.slots();
        if self.filling && there < self.begins_at + length {
            return (0..length).for_each(|index| put(index, 0.0));
        }
        let there = if self.filling { self.trim(there, length) } else { there };
        self.filling = there < length;
        for index in 0..length {
            put(index, self.samples.pop().unwrap_or(0.0));
        }
        self.played += there.min(length) as u64;
        if self.filling {
            self.counters.underrun();
            return;
        }
        let mark = Mark {
            played: self.played,
            at: now,
        };
        // The next one will tell as much.
        let _ = self.mark.push(mark);
    }

    /// Leaves out what is there beyond what it begins with.
    fn trim(&mut self, there: usize, length: usize) -> usize {
        let surplus = there - self.begins_at - length;
        if let Ok(chunk) = self.samples.read_chunk(surplus) {
            chunk.commit_all();
        }
        self.played += surplus as u64;
        there - surplus
    }

    /// Whether the other end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }
}

/// The call's end of [`playback`].
pub struct Outflow {
    samples: Producer<f32>,
    marks: Consumer<Mark>,
    ratio: Ratio,
    call: Line,
    device: Line,
    pace: Pace,
    rate: f64,
    /// How much is to wait when the call has just given a frame, in seconds.
    target: f64,
    given: u64,
    counters: Arc<Counters>,
    underruns_before: u64,
}

impl Outflow {
    /// Takes the frame that the call gives at this time. What there is no room for is lost.
    pub fn write(&mut self, frame: &Frame, now: Duration) {
        self.look();
        if self.surplus().is_some_and(|surplus| surplus > SURPLUS.as_secs_f64()) {
            // A frame is left out, and another one soon if that is not enough.
            self.counters.overrun();
            self.call.forget();
            return;
        }
        for (sample, input) in frame.iter().zip(&mut self.ratio.input) {
            *input = f32::from(*sample) / 32768.0;
        }
        let made = self.ratio.run();
        if self.samples.slots() < made.len() {
            self.counters.overrun();
            return;
        }
        for sample in made {
            // There is room for it.
            let _ = self.samples.push(*sample);
        }
        self.given += made.len() as u64;
        self.call.mark(self.given, now);
        if let Some(surplus) = self.surplus()
            && let Some(pace) = self.pace.level(surplus, now)
        {
            self.ratio.set_pace(pace);
            self.counters.device_is_fast_by(-self.pace.learnt());
        }
    }

    /// What went wrong so far, and how the clocks stand.
    #[must_use]
    pub fn figures(&self) -> ClockFigures {
        self.counters.figures()
    }

    /// How much audio waits here.
    #[must_use]
    pub fn waiting(&self) -> Duration {
        let waiting = self.samples.buffer().capacity() - self.samples.slots();
        Duration::from_secs_f64(waiting as f64 / self.rate)
    }

    /// Whether the other end is gone.
    #[must_use]
    pub fn is_abandoned(&self) -> bool {
        self.samples.is_abandoned()
    }

    /// What the device has done since the last time.
    fn look(&mut self) {
        let underruns = self.counters.underruns.load(Relaxed);
        if underruns != std::mem::replace(&mut self.underruns_before, underruns) {
            self.device.forget();
            self.call.forget();
        }
        while let Ok(mark) = self.marks.pop() {
            self.device.mark(mark.played, mark.at);
        }
    }

    fn surplus(&self) -> Option<f64> {
        Some(self.call.ahead()? - self.device.ahead()? - self.target)
    }
}

impl std::fmt::Debug for Outflow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Outflow")
            .field("waiting", &self.waiting())
            .field("figures", &self.figures())
            .finish_non_exhaustive()
    }
}
