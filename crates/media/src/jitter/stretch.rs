//! Where audio can be shortened or lengthened unheard: a shift of a period of the voice, or anything in a pause.

use super::PULL;
use super::line::{HISTORY, Line};

/// The shortest shift: 2.5 ms.
const SHORTEST: usize = 120;
/// The longest: 15 ms, a period of the lowest voice.
const LONGEST: usize = 720;
/// So much sound is compared: 10 ms.
const COMPARED: usize = 480;
/// So many samples make one of the coarse search.
const COARSE: usize = 6;
/// What is ready must be this much for [`shorten`].
pub(super) const ENOUGH: usize = LONGEST + COMPARED + PULL;
/// Louder than this is never a pause: the mean square of -44 dBov.
const LOUDEST_PAUSE: f32 = 42_000.0;
/// Softer than this always is: of -75 dBov.
const SOFTEST_VOICE: f32 = 33.0;

/// Follows the level of the pauses.
#[derive(Debug)]
pub(super) struct Pauses {
    floor: f32,
}

impl Pauses {
    pub(super) fn new() -> Self {
        Self { floor: LOUDEST_PAUSE }
    }

    /// Takes 10 ms of what is heard.
    pub(super) fn hear(&mut self, samples: &[i16]) {
        let energy = energy(samples);
        // The floor rises by 6 dB in 3 s, and falls at once.
        self.floor = (self.floor * 1.0023 + 0.1).min(energy).clamp(1.0, LOUDEST_PAUSE);
    }

    /// Whether nobody speaks in these samples.
    fn cover(&self, samples: &[i16]) -> bool {
        energy(samples) < (4.0 * self.floor).clamp(SOFTEST_VOICE, LOUDEST_PAUSE)
    }
}

/// Shortens what is ready by at most `most` samples if the sound is as like itself as this, or pauses; returns by how much.
pub(super) fn shorten(line: &mut Line, most: usize, gate: f32, pauses: &Pauses) -> usize {
    let longest = most.min(LONGEST);
    if longest < SHORTEST || line.ready() < longest + COMPARED + PULL {
        return 0;
    }
    let sound = &line.all()[HISTORY..HISTORY + longest + COMPARED];
    let pause = pauses.cover(sound);
    let shortest = if pause { longest * 3 / 4 } else { SHORTEST };
    let best = likest(sound, 0, shortest.max(SHORTEST)..longest + 1, true);
    if !pause && best.likeness < gate {
        return 0;
    }
    line.cut(best.shift, best.shift.min(COMPARED));
    best.shift
}

/// Lengthens what is ready by at most `most` samples if the sound is as like itself as this, or pauses; returns by how much.
pub(super) fn lengthen(line: &mut Line, most: usize, gate: f32, pauses: &Pauses) -> usize {
    let longest = most.min(LONGEST);
    if longest < SHORTEST || line.ready() < COMPARED {
        return 0;
    }
    let sound = &line.all()[HISTORY - longest..HISTORY + COMPARED];
    let pause = pauses.cover(sound);
    let shortest = if pause { longest * 3 / 4 } else { SHORTEST };
    let best = likest(sound, longest, shortest.max(SHORTEST)..longest + 1, false);
    if !pause && best.likeness < gate {
        return 0;
    }
    line.repeat(best.shift, best.shift.min(COMPARED));
    best.shift
}

struct Likest {
    shift: usize,
    likeness: f32,
}

/// The shift, later or earlier, at which the sound is most like that at `from`.
fn likest(sound: &[i16], from: usize, shifts: std::ops::Range<usize>, later: bool) -> Likest {
    // Coarsely first: what is searched for is the period of a voice.
    let mut coarse = [0.0; (LONGEST + COMPARED) / COARSE];
    // In steps from `from` on, so that its sound begins with one of them.
    let skipped = from % COARSE;
    let mut count = 0;
    for (value, six) in coarse.iter_mut().zip(sound[skipped..].chunks_exact(COARSE)) {
        *value = six.iter().map(|sample| f32::from(*sample)).sum();
        count += 1;
    }
    let coarse = &coarse[..count];
    let at = |start: usize, shift: usize| if later { start + shift } else { start - shift };
    let (start, length) = (from / COARSE, COMPARED / COARSE);
    let mut best = (shifts.start, f32::MIN);
    let (first, last) = (shifts.start.div_ceil(COARSE), (shifts.end - 1) / COARSE);
    for shift in first..=last {
        let other = at(start, shift);
        let Some(other) = coarse.get(other..other + length) else {
            continue;
        };
        let likeness = likeness(&coarse[start..start + length], other);
        if likeness > best.1 {
            best = (shift * COARSE, likeness);
        }
    }
    // Then among its neighbours, every other sample.
    let mut finest = Likest {
        shift: best.0.clamp(shifts.start, shifts.end - 1),
        likeness: f32::MIN,
    };
    let reference = pick(sound, from);
    for shift in best.0.saturating_sub(COARSE - 1).max(shifts.start)..(best.0 + COARSE).min(shifts.end) {
        let likeness = likeness(&reference, &pick(sound, at(from, shift)));
        if likeness > finest.likeness {
            finest = Likest { shift, likeness };
        }
    }
    finest
}

/// Every third sample of what is compared.
fn pick(sound: &[i16], from: usize) -> [f32; COMPARED / 3] {
    std::array::from_fn(|index| f32::from(sound[from + 3 * index]))
}

/// The normalised cross-correlation, -1 to 1.
fn likeness(one: &[f32], other: &[f32]) -> f32 {
    let (mut product, mut first, mut second) = (0.0, 1.0, 1.0);
    for (a, b) in one.iter().zip(other) {
        product += a * b;
        first += a * a;
        second += b * b;
    }
    product / (first * second).sqrt()
}

/// The mean square.
fn energy(samples: &[i16]) -> f32 {
    let sum: f32 = samples.iter().map(|sample| f32::from(*sample).powi(2)).sum();
    sum / samples.len().max(1) as f32
}
