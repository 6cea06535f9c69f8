//! No click where sound begins and ends: within 10 ms it comes and goes.

use std::borrow::Cow;

use crate::{FRAME_SAMPLES, Frame};

/// How many samples it takes: 10 ms.
const RAMP: usize = 480;

static SILENCE: Frame = [0; FRAME_SAMPLES];

/// Lets frames through, or silence, and never changes from one to the other at once. It begins shut.
#[derive(Debug, Default)]
pub(crate) struct Fader {
    /// How far it is open, of [`RAMP`].
    open: usize,
}

impl Fader {
    /// What is heard of this frame, if it is to be heard or not.
    pub(crate) fn pass<'a>(&mut self, frame: &'a Frame, audible: bool) -> Cow<'a, Frame> {
        match (self.open, audible) {
            (RAMP, true) => Cow::Borrowed(frame),
            (0, false) => Cow::Borrowed(&SILENCE),
            _ => Cow::Owned(self.fade(frame, audible)),
        }
    }

    fn fade(&mut self, frame: &Frame, audible: bool) -> Frame {
        frame.map(|sample| {
            self.open = match audible {
                true => (self.open + 1).min(RAMP),
                false => self.open.saturating_sub(1),
            };
            // A share of an i16 is an i16.
            (i32::from(sample) * self.open as i32 / RAMP as i32) as i16
        })
    }

    /// Nobody hears anything just now: what comes next begins softly.
    pub(crate) fn shut(&mut self) {
        self.open = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The largest step from one sample to the next.
    fn step(samples: &[i16]) -> u16 {
        samples
            .windows(2)
            .map(|pair| pair[0].abs_diff(pair[1]))
            .max()
            .unwrap_or_default()
    }

    #[test]
    fn a_tone_begins_and_ends_without_a_step_and_is_untouched_between() {
        let tone = |number: usize| -> Frame {
            let sample = |at: usize| ((at as f64 * 0.1 + 1.5).sin() * 20_000.0) as i16;
            std::array::from_fn(|index| sample(number * FRAME_SAMPLES + index))
        };
        let own = step(&tone(0));
        let mut fader = Fader::default();
        let mut heard = vec![0];
        for number in 0..9 {
            let frame = tone(number);
            let out = fader.pass(&frame, !(3..6).contains(&number));
            if [1, 2, 7, 8].contains(&number) {
                assert_eq!(*out, frame, "frame {number}");
            }
            if [4, 5].contains(&number) {
                assert_eq!(*out, [0; FRAME_SAMPLES], "frame {number}");
            }
            heard.extend_from_slice(&*out);
        }
        assert!(
            step(&heard) <= own + 20_000 / RAMP as u16 + 1,
            "{} of {own}",
            step(&heard)
        );
    }
}
