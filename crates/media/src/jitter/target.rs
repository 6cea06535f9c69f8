//! How long playout should lag behind the quickest packets.
//!
//! Each packet's transit is compared with the least of the last two seconds; a histogram of how much longer packets took forgets slowly.
//! Beside it stands how many packets were missing, by how many packets further on the next one was: where a packet carries what is needed to rebuild those
//! before it, waiting for it pays. The target is the delay at which delay and loss together are cheapest: a per cent of audio that would have to be
//! invented weighs as much as so many milliseconds of delay.

use super::CLOCK;

/// The resolution: 2.5 ms.
const WIDTH: i64 = 120;
const BUCKETS: usize = 240;
/// The least transit is taken over so many spells ...
const SPELLS: usize = 20;
/// ... of 100 ms.
const SPELL: i64 = CLOCK / 10;
/// If the least transit rises by more than this at once, the path has become longer.
const STEP: i64 = CLOCK / 50;
/// What a packet of 20 ms leaves of the weight of those before it.
const KEPT: f32 = 0.998;
/// As if so many packets had been in time before the first.
const PRIOR: f32 = 20.0;
/// The milliseconds that it is worth to have nothing lost where everything was.
const WORTH: f32 = 8_000.0;
/// Losses that are followed by this many others are beyond all redundancy.
const FURTHEST: usize = 8;
/// So many packets without redundancy, and none has it any more.
const ALWAYS: u32 = 100;
/// The usual length of a packet.
const NOMINAL: i64 = 960;

/// Watches when packets come and which do not.
#[derive(Debug)]
pub(super) struct Target {
    least: i64,
    most: i64,
    transit: Transit,
    histogram: Box<[f32; BUCKETS]>,
    /// The sum of the histogram.
    total: f32,
    /// Packets that were missing, by how many packets further on the next one was, from one on.
    lost: [f32; FURTHEST],
    /// How many packets back the redundancy of packets reaches.
    reach: usize,
    /// Packets since one whose redundancy reached so far.
    unreached: u32,
    nominal: i64,
    value: i64,
}

/// The least transit of late.
#[derive(Debug)]
struct Transit {
    least: [i64; SPELLS],
    spell: i64,
    base: i64,
}

impl Target {
    pub(super) fn new(least: i64, most: i64) -> Self {
        let mut histogram = Box::new([0.0; BUCKETS]);
        histogram[0] = PRIOR;
        Self {
            least,
            most,
            transit: Transit::new(),
            histogram,
            total: PRIOR,
            lost: [0.0; FURTHEST],
            reach: 0,
            unreached: 0,
            nominal: NOMINAL,
            value: least,
        }
    }

    /// The delay at which playout should be, behind [`base`](Self::base).
    pub(super) fn value(&self) -> i64 {
        self.value
    }

    /// Whether the network gives no reason for more than the least delay.
    pub(super) fn is_least(&self) -> bool {
        self.value <= self.least
    }

    /// The least transit of late: what its clock says when a packet comes, less its timestamp. `None` before the first packet.
    pub(super) fn base(&self) -> Option<i64> {
        (self.transit.base < i64::MAX).then_some(self.transit.base)
    }

    /// Another timeline: transits have nothing to do with those before. What is known of the network stays.
    pub(super) fn restart(&mut self) {
        self.transit = Transit::new();
    }

    /// How many packets back the redundancy of a packet reaches. Some of a stream have less than others, as those of pauses.
    pub(super) fn reaches(&mut self, packets: usize) {
        self.unreached = if packets >= self.reach { 0 } else { self.unreached + 1 };
        if self.unreached == 0 || self.unreached > ALWAYS {
            self.reach = packets.min(FURTHEST);
        }
    }

    /// A packet came.
    pub(super) fn came(&mut self, arrival: i64, timestamp: i64, samples: i64) {
        let rise = self.transit.came(arrival, arrival - timestamp);
        if rise > STEP {
            self.shift((rise / WIDTH) as usize);
        }
        self.nominal = samples.max(WIDTH);
        let longer = arrival - timestamp - self.transit.base;
        let bucket = (longer / WIDTH).clamp(0, BUCKETS as i64 - 1) as usize;
        let kept = KEPT.powf(samples as f32 / NOMINAL as f32);
        for weight in self.histogram.iter_mut().chain(&mut self.lost) {
            *weight *= kept;
        }
        self.total = self.total * kept + 1.0;
        self.histogram[bucket] += 1.0;
        self.decide();
    }

    /// So many packets were missing when it was their turn, in front of one that had come.
    pub(super) fn missed(&mut self, count: usize) {
        for back in 0..count.min(3 * FURTHEST) {
            self.lost[back.min(FURTHEST - 1)] += 1.0;
        }
    }

    /// One of those that were missing has come after all.
    pub(super) fn came_late(&mut self) {
        if let Some(lost) = self.lost.iter_mut().find(|lost| **lost >= 0.5) {
            *lost = (*lost - 1.0).max(0.0);
        }
    }

    /// Everything was that much later than it is now that the quickest come later.
    fn shift(&mut self, by: usize) {
        let by = by.min(BUCKETS - 1);
        let below: f32 = self.histogram[..=by].iter().sum();
        self.histogram.copy_within(by.., 0);
        self.histogram[BUCKETS - by..].fill(0.0);
        self.histogram[0] = below;
    }

    /// Finds the cheapest delay.
    fn decide(&mut self) {
        let mut in_time = [0.0; BUCKETS];
        let mut sum = 0.0;
        for (share, weight) in in_time.iter_mut().zip(self.histogram.iter()) {
            sum += weight;
            *share = (sum / self.total).min(1.0);
        }
        let all = self.total + self.lost.iter().sum::<f32>();
        let came = self.total / all;
        // The share of the packets that have come within this delay.
        let within = |delay: i64| match delay / WIDTH {
            whole if whole <= 0 => 0.0,
            whole => in_time[(whole as usize - 1).min(BUCKETS - 1)],
        };
        let mut best = (f32::MAX, self.least);
        let mut delay = self.least;
        // Beyond, the delay alone costs more.
        while delay <= self.most && milliseconds(delay) < best.0 {
            let mut invented = came * (1.0 - within(delay));
            if self.reach > 0 {
                invented *= 1.0 - within(delay - self.nominal);
            }
            for (back, lost) in self.lost.iter().enumerate() {
                let further = (back as i64 + 1) * self.nominal;
                let rebuilt = if back < self.reach {
                    within(delay - further)
                } else {
                    0.0
                };
                invented += lost / all * (1.0 - rebuilt);
            }
            let cost = milliseconds(delay) + WORTH * invented;
            if cost < best.0 {
                best = (cost, delay);
            }
            delay += WIDTH;
        }
        self.value = best.1;
    }
}

impl Transit {
    fn new() -> Self {
        Self {
            least: [i64::MAX; SPELLS],
            spell: 0,
            base: i64::MAX,
        }
    }

    /// Takes the transit of a packet; returns by how much the least one has risen because others were forgotten.
    fn came(&mut self, arrival: i64, transit: i64) -> i64 {
        let spell = arrival / SPELL;
        let passed = (spell - self.spell).clamp(0, SPELLS as i64);
        for behind in 0..passed {
            self.least[(spell - behind) as usize % SPELLS] = i64::MAX;
        }
        self.spell = self.spell.max(spell);
        let current = &mut self.least[self.spell as usize % SPELLS];
        *current = (*current).min(transit);
        let former = self.base;
        self.base = self.least.iter().copied().min().unwrap_or(transit);
        if former == i64::MAX {
            0
        } else {
            (self.base - former).max(0)
        }
    }
}

fn milliseconds(samples: i64) -> f32 {
    samples as f32 * 1_000.0 / CLOCK as f32
}
