//! What is heard in place of lost G.711 packets.
//!
//! The last period of the voice's pitch is repeated, each time going over into its beginning, and fades away within 60 ms; what comes
//! after the gap is blended in: the idea of G.711 appendix I, without the delay that it costs there. All at 8 kHz.

/// What is remembered: the longest period and the stretch it is looked for in.
const PAST: usize = LONGEST_PERIOD + COMPARED;
/// Voices have 66 to 200 Hz; a higher one is found by several of its periods.
const SHORTEST_PERIOD: usize = 40;
const LONGEST_PERIOD: usize = 120;
/// How much sound is compared with itself to find the period: 20 ms.
const COMPARED: usize = 160;
/// Repeated in full for 10 ms, ...
const FULL: usize = 80;
/// ... and fading for 50 ms.
const FADING: usize = 400;
/// The blend to what follows the gap: 5 ms.
const BLEND: usize = 40;

/// Remembers the sound and continues it.
pub(super) struct Concealment {
    /// The last samples that were heard, the newest last.
    past: [i16; PAST],
    gap: Option<Gap>,
}

struct Gap {
    /// What is repeated stands at its end.
    cycle: [i16; LONGEST_PERIOD],
    period: usize,
    /// Samples invented so far.
    invented: usize,
    /// Samples blended since it ended.
    blended: usize,
}

impl Default for Concealment {
    fn default() -> Self {
        Self {
            past: [0; PAST],
            gap: None,
        }
    }
}

impl Concealment {
    /// Takes the next genuine sample; returns what is to be heard of it.
    pub(super) fn heard(&mut self, sample: i16) -> i16 {
        let mut out = sample;
        if let Some(gap) = &mut self.gap {
            let (old, new) = (i32::from(gap.next()), i32::from(sample));
            let (weight, all) = (gap.blended as i32, BLEND as i32);
            // A weighted mean of two i16 is an i16.
            out = ((old * (all - weight) + new * weight) / all) as i16;
            gap.blended += 1;
            if gap.blended == BLEND {
                self.gap = None;
            }
        }
        self.remember(out)
    }

    /// A sample in place of one that is missing.
    pub(super) fn invent(&mut self) -> i16 {
        let past = &self.past;
        let gap = self.gap.get_or_insert_with(|| Gap::after(past));
        // A gap that comes back before it was blended away goes on as it was.
        gap.blended = 0;
        let sample = gap.next();
        self.remember(sample)
    }

    fn remember(&mut self, sample: i16) -> i16 {
        self.past.copy_within(1.., 0);
        self.past[PAST - 1] = sample;
        sample
    }
}

impl Gap {
    fn after(past: &[i16; PAST]) -> Self {
        let mut cycle = [0; LONGEST_PERIOD];
        cycle.copy_from_slice(&past[PAST - LONGEST_PERIOD..]);
        let period = period(past);
        // No two periods are the same: so that one may follow itself, its end becomes what came before its beginning.
        let (end, before) = (LONGEST_PERIOD - period / 4, PAST - period - period / 4);
        let blended = cycle[end..].iter_mut().zip(&past[before..]).enumerate();
        for (at, (sample, before)) in blended {
            let (weight, all) = (at as i32 + 1, (period / 4) as i32);
            *sample = ((i32::from(*sample) * (all - weight) + i32::from(*before) * weight) / all) as i16;
        }
        Self {
            cycle,
            period,
            invented: 0,
            blended: 0,
        }
    }

    fn next(&mut self) -> i16 {
        let sample = i32::from(self.cycle[LONGEST_PERIOD - self.period + self.invented % self.period]);
        let left = (FULL + FADING).saturating_sub(self.invented).min(FADING);
        self.invented += 1;
        // A share of an i16 is an i16.
        (sample * left as i32 / FADING as i32) as i16
    }
}

/// The shift at which the sound is most like itself.
fn period(past: &[i16; PAST]) -> usize {
    let likeness = |shift: usize| -> f64 {
        let (mut product, mut energy) = (0.0, 1.0);
        let shifted = &past[LONGEST_PERIOD - shift..PAST - shift];
        for (now, before) in past[LONGEST_PERIOD..].iter().zip(shifted) {
            product += f64::from(*now) * f64::from(*before);
            energy += f64::from(*before).powi(2);
        }
        product / energy.sqrt()
    };
    let mut best = (LONGEST_PERIOD, f64::MIN);
    for shift in SHORTEST_PERIOD..=LONGEST_PERIOD {
        let score = likeness(shift);
        if score > best.1 {
            best = (shift, score);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_voice_that_grows_louder_is_repeated_without_a_step() {
        let voice = |at: usize| (at as f64 * 0.13).sin() * 300.0 * 1.004_f64.powi(at as i32);
        let mut concealment = Concealment::default();
        let spoken: Vec<i16> = (0..800).map(|at| concealment.heard(voice(at) as i16)).collect();
        let invented: Vec<i16> = (0..FULL).map(|_| concealment.invent()).collect();
        let step = |samples: &[i16]| samples.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
        let own = step(&spoken[700..]).expect("a voice");
        assert!(step(&invented) <= Some(own + own / 4), "{:?} of {own}", step(&invented));
    }
}
