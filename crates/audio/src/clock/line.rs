//! How far a clock has come, told by events that may be late.

use std::time::Duration;

/// How long one part of the memory lasts, in seconds.
const PART: f64 = 0.5;
/// Parts of the memory.
const PARTS: usize = 4;

/// The line that a clock's count of samples follows, from marks of how many there were when.
///
/// A mark may be late, by as much as its thread was held up, but never early: so the marks that are farthest ahead are those that were on
/// time, and the line goes through them. It remembers those of the last two seconds.
#[derive(Debug)]
pub(crate) struct Line {
    rate: f64,
    /// The most that the count was ahead of the time in each part of the memory, in seconds; the last one first.
    ahead: [f64; PARTS],
    part_ends: f64,
}

impl Line {
    /// For a clock that says it makes so many samples a second.
    pub(crate) fn new(rate: u32) -> Self {
        Self {
            rate: f64::from(rate),
            ahead: [f64::NEG_INFINITY; PARTS],
            part_ends: 0.0,
        }
    }

    /// There have been `count` samples at this time.
    pub(crate) fn mark(&mut self, count: u64, at: Duration) {
        let at = at.as_secs_f64();
        self.turn(at);
        self.ahead[0] = self.ahead[0].max(count as f64 / self.rate - at);
    }

    /// How far the clock is ahead of the time, in seconds; nothing before the first mark, or when the last one is long past.
    pub(crate) fn ahead(&self) -> Option<f64> {
        let most = self.ahead.into_iter().fold(f64::NEG_INFINITY, f64::max);
        most.is_finite().then_some(most)
    }

    /// Forgets all marks.
    pub(crate) fn forget(&mut self) {
        self.ahead = [f64::NEG_INFINITY; PARTS];
    }

    fn turn(&mut self, at: f64) {
        if at < self.part_ends {
            return;
        }
        let parts = ((at - self.part_ends) / PART) as usize + 1;
        let forgotten = parts.min(PARTS);
        self.ahead.rotate_right(forgotten);
        self.ahead[..forgotten].fill(f64::NEG_INFINITY);
        self.part_ends += parts as f64 * PART;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn a_thread_that_is_held_up_moves_no_clock() {
        let mut line = Line::new(48_000);
        for block in 0..200 {
            // Every fiftieth block is 100 ms late.
            let late = if block % 50 == 49 { 100 } else { 0 };
            line.mark(block * 480, at(block * 10 + late));
            assert!(line.ahead().expect("there are marks").abs() < 1e-9);
        }
    }

    #[test]
    fn what_is_long_past_is_forgotten() {
        let mut line = Line::new(48_000);
        line.mark(48_000, at(0));
        line.mark(48_000, at(1000));
        assert_eq!(line.ahead(), Some(1.0));
        line.mark(48_000, at(2500));
        assert_eq!(line.ahead(), Some(0.0), "of the mark at 1 s");
        line.mark(48_000, at(60_000));
        assert_eq!(line.ahead(), Some(-59.0));
        line.forget();
        assert_eq!(line.ahead(), None);
    }
}
