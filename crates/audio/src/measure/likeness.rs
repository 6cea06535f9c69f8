//! Whether what was heard is what was played: normalised cross-correlation, window by window.
//!
//! One alignment of the two is sought, on which the first seconds agree; then every 500 ms of the played audio that holds speech are sought
//! around it, up to 60 ms to each side, since a jitter buffer stretches and shortens silence. Both are compared within the
//! telephone band. A codec keeps the waveform there, so speech that came through correlates at 0.94 and more; noise, other
//! speech and gaps do not.

use std::time::Duration;

use super::band::to_telephone_band;
use super::fourier::{Correlator, cross_correlation};
use super::level_dbov;
use crate::SAMPLE_RATE;

/// The length of one window of the played audio.
pub const WINDOW: Duration = Duration::from_millis(500);

/// Samples in a [`WINDOW`].
const WINDOW_SAMPLES: usize = SAMPLE_RATE as usize / 2;
/// How far around the alignment a window is sought: 60 ms.
const REACH: usize = SAMPLE_RATE as usize * 60 / 1000;
/// The search runs at 8 kHz, where speech has its power; the result is then refined at 48 kHz.
const DECIMATION: usize = 6;
/// The rate after [`DECIMATION`], in hertz.
const COARSE_RATE: u32 = SAMPLE_RATE / DECIMATION as u32;
/// Samples for which a filter runs before its output counts: 20 ms.
const RUN_UP: usize = SAMPLE_RATE as usize / 50;
/// As much of the played audio as the alignment is found with: 12 s.
const ALIGNED_WITH: usize = 12 * SAMPLE_RATE as usize;
/// The alignment is found with pieces of one second, of the coarse rate: as long as two clocks may be taken for one.
const PIECE: usize = COARSE_RATE as usize;
/// Pieces that are found within so many samples of the coarse rate, 20 ms, or the next so many, are found at one place.
const PLACE: usize = COARSE_RATE as usize / 50;
/// As much of the heard audio as the alignment is sought in: 10 minutes.
const ALIGNED_IN: usize = 600 * SAMPLE_RATE as usize;
/// Windows that lie this far below the level of the whole hold no speech, in decibels.
const SPEECH_DEPTH: f32 = 20.0;
/// Windows below this level hold no speech, in dBov.
const SPEECH_FLOOR: f32 = -60.0;

/// How alike two stretches of audio are.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Likeness {
    /// How many samples (of 48 kHz) later the played audio begins in the heard one; negative when the heard one begins in
    /// the middle of it.
    pub delay: i64,
    /// The windows that hold speech, in their order.
    pub windows: Vec<Window>,
    /// How many windows were left out because they hold no speech.
    pub skipped: usize,
}

/// One window of the played audio and the place in the heard audio that is most like it.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Window {
    /// Where it begins in the played audio.
    pub at: Duration,
    /// From -1 to 1; 1 when the two differ by loudness only, 0 when nothing is alike or nothing was heard.
    pub correlation: f32,
    /// How many samples (of 48 kHz) later than the [`delay`](Likeness::delay) it was heard, at most 60 ms to each side.
    pub lag: i64,
}

impl Likeness {
    /// The fewest windows with speech on which anything can be judged: two seconds.
    pub const FEWEST: usize = 4;

    /// The median of the windows' correlations; 0 when there are none.
    #[must_use]
    pub fn median(&self) -> f32 {
        let mut sorted: Vec<f32> = self.windows.iter().map(|window| window.correlation).collect();
        sorted.sort_by(f32::total_cmp);
        match sorted.len() {
            0 => 0.0,
            n if n % 2 == 1 => sorted[n / 2],
            n => f32::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
        }
    }

    /// The share of windows, from 0 to 1, that correlate at least so much; 0 when there are none.
    #[must_use]
    pub fn share_at_least(&self, correlation: f32) -> f32 {
        if self.windows.is_empty() {
            return 0.0;
        }
        let count = self
            .windows
            .iter()
            .filter(|window| window.correlation >= correlation)
            .count();
        count as f32 / self.windows.len() as f32
    }

    /// Whether the played audio was heard: at least [`FEWEST`](Self::FEWEST) windows of speech, a median correlation of at
    /// least 0.9, and nine windows of ten at 0.8 or better.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.windows.len() >= Self::FEWEST && self.median() >= 0.9 && self.share_at_least(0.8) >= 0.9
    }
}

/// Seeks `played` in `heard` (both 48 kHz mono) and says how alike they are.
///
/// Everything of `played` counts: what lies beyond the end of `heard` has a correlation of 0. So give what was played
/// while `heard` was recorded, not more. If `heard` repeats it, one of the repetitions is taken. The alignment is found
/// with the first 12 s of `played` that begin with speech, in the first 10 minutes of `heard`.
#[must_use]
pub fn compare(played: &[i16], heard: &[i16]) -> Likeness {
    let floor = (level_dbov(played) - SPEECH_DEPTH).max(SPEECH_FLOOR);
    let spoken: Vec<usize> = (0..played.len() / WINDOW_SAMPLES)
        .map(|n| n * WINDOW_SAMPLES)
        .filter(|&at| level_dbov(&played[at..at + WINDOW_SAMPLES]) >= floor)
        .collect();
    let skipped = played.len() / WINDOW_SAMPLES - spoken.len();
    let delay = match spoken.first() {
        Some(&first) => alignment(&played[first..], &heard[..heard.len().min(ALIGNED_IN)]) - first as i64,
        None => 0,
    };
    let windows = spoken.into_iter().map(|at| window(played, at, heard, delay)).collect();
    Likeness {
        delay,
        windows,
        skipped,
    }
}

/// The lag (in samples of 48 kHz) at which `heard` is most like `played` as a whole.
///
/// Each second of what was played is sought by itself, and they vote for a place: a clock that runs by another one, and a buffer that
/// stretches, move the seconds against each other.
fn alignment(played: &[i16], heard: &[i16]) -> i64 {
    let coarse = |samples: &[i16]| {
        let mut coarse = decimated(samples);
        to_telephone_band(&mut coarse, COARSE_RATE);
        coarse
    };
    let pattern = coarse(&played[..played.len().min(ALIGNED_WITH)]);
    let signal = coarse(heard);
    let correlator = Correlator::new(&signal, PIECE);
    let energy = RunningEnergy::of(&signal);
    let places = (pattern.len() + signal.len()) / PLACE + 1;
    let pieces: Vec<Vec<Peak>> = pattern
        .chunks(PIECE)
        .enumerate()
        .map(|(n, piece)| {
            let mut peaks = vec![Peak::default(); places];
            for peak in likenesses(piece, &correlator, &energy) {
                let lag = peak.lag - (n * PIECE) as i64;
                let best = &mut peaks[(lag + pattern.len() as i64) as usize / PLACE];
                if peak.likeness > best.likeness {
                    *best = Peak { lag, ..peak };
                }
            }
            peaks
        })
        .collect();
    // The best that a piece has around a place.
    let around = |peaks: &[Peak], place: usize| {
        let near = &peaks[place.saturating_sub(1)..(place + 2).min(places)];
        near.iter()
            .copied()
            .max_by(|a, b| a.likeness.total_cmp(&b.likeness))
            .unwrap_or_default()
    };
    let votes = |place: usize| pieces.iter().map(|peaks| around(peaks, place).likeness).sum::<f64>();
    let place = (0..places).max_by(|&a, &b| votes(a).total_cmp(&votes(b))).unwrap_or(0);
    let clearest = pieces
        .iter()
        .map(|peaks| around(peaks, place))
        .max_by(|a, b| a.likeness.total_cmp(&b.likeness));
    clearest.map_or(0, |peak| peak.lag * DECIMATION as i64)
}

/// Where something is like something else, in samples of the coarse rate, and how much.
#[derive(Debug, Clone, Copy, Default)]
struct Peak {
    lag: i64,
    likeness: f64,
}

/// How like a piece is to the signal at every lag: what they have in common, by the level of the signal there.
fn likenesses(piece: &[f32], correlator: &Correlator, energy: &RunningEnergy) -> impl Iterator<Item = Peak> {
    let correlation = correlator.with(piece);
    let first_lag = 1 - piece.len() as i64;
    let energies: Vec<f64> = (0..correlation.len() as i64)
        .map(|n| energy.within(first_lag + n, first_lag + n + piece.len() as i64))
        .collect();
    // A quiet stretch must not win by being divided by next to nothing.
    let least = energies.iter().copied().fold(f64::MIN_POSITIVE, f64::max) * 0.05;
    correlation
        .into_iter()
        .zip(energies)
        .enumerate()
        .map(move |(n, (correlation, energy))| Peak {
            lag: first_lag + n as i64,
            likeness: f64::from(correlation) / energy.max(least).sqrt(),
        })
}

/// Seeks the window of the played audio that begins at `at` around its place in the heard audio.
fn window(played: &[i16], at: usize, heard: &[i16], delay: i64) -> Window {
    let pattern = banded(played, at as i64, WINDOW_SAMPLES);
    let around = banded(heard, at as i64 + delay - REACH as i64, WINDOW_SAMPLES + 2 * REACH);
    let coarse = coarse_lag(&decimated(&pattern), &decimated(&around)) * DECIMATION;
    let fine = coarse.saturating_sub(DECIMATION)..=(coarse + DECIMATION).min(2 * REACH);
    let (correlation, lag) = fine
        .map(|lag| (normalised(&pattern, &around[lag..lag + WINDOW_SAMPLES]), lag))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .unwrap_or((0.0, REACH));
    Window {
        at: Duration::from_secs_f64(at as f64 / f64::from(SAMPLE_RATE)),
        correlation,
        lag: lag as i64 - REACH as i64,
    }
}

/// The shift of `pattern` within the longer `signal` at which they are most alike.
fn coarse_lag(pattern: &[f32], signal: &[f32]) -> usize {
    let correlation = cross_correlation(pattern, signal);
    let energy = RunningEnergy::of(signal);
    let likeness = |lag: usize| {
        let within = energy.within(lag as i64, (lag + pattern.len()) as i64);
        if within > 0.0 {
            f64::from(correlation[lag + pattern.len() - 1]) / within.sqrt()
        } else {
            0.0
        }
    };
    (0..=signal.len() - pattern.len())
        .max_by(|&a, &b| likeness(a).total_cmp(&likeness(b)))
        .unwrap_or(0)
}

/// The normalised correlation of two stretches of one length.
fn normalised(a: &[f32], b: &[f32]) -> f32 {
    let (mut ab, mut aa, mut bb) = (0.0f64, 0.0f64, 0.0f64);
    for (&a, &b) in a.iter().zip(b) {
        let (a, b) = (f64::from(a), f64::from(b));
        ab += a * b;
        aa += a * a;
        bb += b * b;
    }
    let scale = (aa * bb).sqrt();
    if scale > 0.0 {
        (ab / scale).clamp(-1.0, 1.0) as f32
    } else {
        0.0
    }
}

/// The telephone band of `length` samples from `start` on; beyond the samples there is silence. The filters start
/// [`RUN_UP`] before, so that they have settled.
fn banded(samples: &[i16], start: i64, length: usize) -> Vec<f32> {
    let first = start - RUN_UP as i64;
    let at = |n: usize| usize::try_from(first + n as i64).ok().and_then(|n| samples.get(n));
    let mut stretch: Vec<f32> = (0..RUN_UP + length)
        .map(|n| at(n).map_or(0.0, |&sample| f32::from(sample)))
        .collect();
    to_telephone_band(&mut stretch, SAMPLE_RATE);
    stretch.drain(..RUN_UP);
    stretch
}

/// The samples at 8 kHz: each the mean of the twelve around it, which takes the most of what would alias.
fn decimated<T: Copy + Into<f32>>(samples: &[T]) -> Vec<f32> {
    let mean = |start: usize| {
        let part = &samples[start..(start + 2 * DECIMATION).min(samples.len())];
        part.iter().map(|&sample| sample.into()).sum::<f32>() / (2 * DECIMATION) as f32
    };
    (0..samples.len()).step_by(DECIMATION).map(mean).collect()
}

/// The energy of any stretch of a signal, from sums that are made once.
struct RunningEnergy(Vec<f64>);

impl RunningEnergy {
    fn of(signal: &[f32]) -> Self {
        let mut sums = Vec::with_capacity(signal.len() + 1);
        let mut sum = 0.0;
        sums.push(sum);
        for &sample in signal {
            sum += f64::from(sample).powi(2);
            sums.push(sum);
        }
        Self(sums)
    }

    /// The energy from `start` up to `end`; beyond the signal there is none.
    fn within(&self, start: i64, end: i64) -> f64 {
        let last = self.0.len() as i64 - 1;
        self.0[end.clamp(0, last) as usize] - self.0[start.clamp(0, last) as usize]
    }
}
