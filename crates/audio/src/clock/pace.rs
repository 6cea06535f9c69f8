//! How much faster a buffer is to be emptied than it is filled, so that it keeps its level.

use std::time::Duration;

/// How often the pace may change.
const STEP: f64 = 0.5;
/// Answer to a level that is too high, by a second and each second: a millisecond makes 100 ppm.
const PROPORTION: f64 = 0.1;
/// How fast a lasting difference is learnt. It makes the loop settle without swinging, in about a minute.
const INTEGRAL: f64 = 0.0025;
/// The difference of clocks that is believed: crystals are within 100 ppm, cheap converters within 500.
const BELIEVED: f64 = 1000e-6;
/// The farthest the pace goes from the nominal one; a sixtieth of a semitone.
const FARTHEST: f64 = 1000e-6;
/// The most that is done about a level, beside what has been learnt about the clocks: nobody hears it, and the waveform stays what it was
/// for as long as a word.
const GENTLE: f64 = 250e-6;
/// How much the pace changes at a step: 300 ppm a second.
const CHANGE: f64 = 150e-6;

/// Proportional-integral control of a buffer's level.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    learnt: f64,
    pace: f64,
    next: f64,
}

impl Pace {
    /// The farthest that a pace is from nominal, as a ratio.
    pub(crate) const FARTHEST: f64 = 1.0 + FARTHEST;

    /// The buffer holds so many seconds too much, at this time. Gives the new pace when it changes: by which part more is to be taken
    /// from the buffer, or less put into it.
    pub(crate) fn level(&mut self, surplus: f64, at: Duration) -> Option<f64> {
        let at = at.as_secs_f64();
        if at < self.next {
            return None;
        }
        // What lasts longer than a step was no measurement but a pause.
        let passed = if at - self.next < STEP { STEP } else { 0.0 };
        self.next = at + STEP;
        let wanted = PROPORTION * surplus;
        if wanted.abs() < FARTHEST {
            // What is far away was moved there by something else than a clock, and teaches nothing about it.
            self.learnt = (self.learnt + INTEGRAL * surplus * passed).clamp(-BELIEVED, BELIEVED);
        }
        let pace = (self.learnt + wanted.clamp(-GENTLE, GENTLE)).clamp(-FARTHEST, FARTHEST);
        self.pace = pace.clamp(self.pace - CHANGE, self.pace + CHANGE);
        Some(self.pace)
    }

    /// By how much the side that fills the buffer is faster than it says, as far as that has been learnt.
    pub(crate) fn learnt(&self) -> f64 {
        self.learnt
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Plays `seconds` of a buffer whose filling is `drift` too fast, and gives its surplus at each step.
    fn run(pace: &mut Pace, surplus: &mut f64, drift: f64, from: u32, seconds: u32) -> Vec<(f64, f64)> {
        let mut taken = pace.pace;
        (from * 2..(from + seconds) * 2)
            .map(|step| {
                *surplus += (drift - taken) * STEP;
                taken = pace
                    .level(*surplus, Duration::from_secs_f64(f64::from(step) * STEP))
                    .expect("a step");
                (*surplus, taken)
            })
            .collect()
    }

    #[test]
    fn a_difference_of_clocks_is_learnt_without_swinging() {
        for drift in [200e-6, -200e-6, 500e-6] {
            let (mut pace, mut surplus) = (Pace::default(), 0.0);
            let all = run(&mut pace, &mut surplus, drift, 1, 600);
            let worst = all.iter().map(|(surplus, _)| surplus.abs()).fold(0.0, f64::max);
            assert!(worst < 10e-3, "{worst} s");
            let most = all.iter().map(|(_, pace)| pace / drift).fold(0.0, f64::max);
            assert!(
                most < if drift.abs() > GENTLE { 1.6 } else { 1.2 },
                "{most} times as fast"
            );
            assert!((pace.learnt() / drift - 1.0).abs() < 0.01, "{}", pace.learnt());
            assert!(surplus.abs() < 1e-4, "{surplus} s");
        }
    }

    #[test]
    fn a_pace_changes_slowly_and_not_far() {
        let (mut pace, mut surplus) = (Pace::default(), 0.1);
        let all = run(&mut pace, &mut surplus, 0.0, 1, 60);
        for pair in all.windows(2) {
            assert!((pair[1].1 - pair[0].1).abs() <= CHANGE + 1e-12);
            assert!(pair[1].1.abs() <= GENTLE + 1e-12, "a level says nothing about clocks");
            assert!(pair[1].1.abs() <= FARTHEST);
        }
        assert!(surplus < 0.09, "{surplus} s");
    }
}
