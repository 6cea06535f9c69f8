//! What is sent against loss: the frame before each packet once more (FEC, RFC 6716 section 2.1.7), or what the voice was like in the
//! last 100 ms (DRED). At the bit rates of speech there is room for one of them.
//!
//! One frame is enough where packets are lost here and there, and sounds better. Where they are lost several at a time, or so many
//! that neighbours meet, only the other helps; and only peers that are known to decode it are sent it.

/// The loss that is prepared for until reports tell better, and when they tell of none: the next burst comes unannounced.
const ASSUMED: f64 = 0.10;
const LEAST: f64 = 0.05;
const MOST: f64 = 0.30;
/// Beyond this share, neighbours are lost together often enough; back below the other, no longer.
const MANY: f64 = 0.20;
const FEWER: f64 = 0.15;
/// Less loss than this says nothing of how it comes.
const FEW: f64 = 0.02;
/// Reports scatter this many times as much as they would if each packet were lost for itself: those that are lost come
/// together. Bursts of three on average make it five.
const BURSTY: f64 = 2.5;
/// Back below this they do not.
const SCATTERED: f64 = 1.7;
/// How many reports it takes before their scatter tells anything.
const ENOUGH: u32 = 4;
/// The weight of the newest report in the share, and in the scatter, which takes longer to be known.
const NEWEST: f64 = 0.2;
const NEWEST_SCATTER: f64 = 0.1;

/// Decides by the peer's reports what is sent.
#[derive(Debug)]
pub(super) struct Protection {
    previous: bool,
    deep: bool,
    sent: Sent,
    percent: u8,
    reports: u32,
    /// The share lost, and how much the reports scatter around it, both averaged.
    share: f64,
    scatter: f64,
}

/// What packets carry beside their own audio.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sent {
    Nothing,
    /// The frame before.
    Previous,
    /// Up to 100 ms before.
    Deep,
}

impl Protection {
    /// Of a peer that can use the frame before, and deep redundancy.
    pub(super) fn new(previous: bool, deep: bool) -> Self {
        let mut protection = Self {
            previous,
            deep,
            sent: Sent::Nothing,
            percent: 0,
            reports: 0,
            share: ASSUMED,
            scatter: 1.0,
        };
        protection.decide(ASSUMED);
        protection
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent
    }

    /// The loss that the encoder prepares for, per cent.
    pub(super) fn percent(&self) -> u8 {
        self.percent
    }

    /// The peer says which share of these packets, 0 to 1, it did not get; returns whether anything changes.
    pub(super) fn report(&mut self, fraction: f64, packets: u64) -> bool {
        let fraction = if fraction.is_finite() {
            fraction.clamp(0.0, 1.0)
        } else {
            return false;
        };
        let packets = packets as f64;
        if self.reports > 0 && packets > 0.0 {
            let expected = self.share.clamp(FEW, 1.0 - FEW);
            let deviation = (fraction - self.share).powi(2) * packets / (expected * (1.0 - expected));
            self.scatter += (deviation - self.scatter) * NEWEST_SCATTER;
            self.share += (fraction - self.share) * NEWEST;
        } else {
            self.share = fraction;
        }
        self.reports = self.reports.saturating_add(1);
        let before = (self.sent, self.percent);
        // What was lost of late counts at once.
        self.decide(fraction.max(self.share));
        (self.sent, self.percent) != before
    }

    fn decide(&mut self, share: f64) {
        let bursty = self.reports >= ENOUGH && self.share > FEW;
        let deep = match self.sent {
            Sent::Deep => share > FEWER || (bursty && self.scatter > SCATTERED),
            Sent::Nothing | Sent::Previous => share > MANY || (bursty && self.scatter > BURSTY),
        };
        self.sent = match (self.deep && deep, self.previous) {
            (true, _) => Sent::Deep,
            (false, true) => Sent::Previous,
            (false, false) => Sent::Nothing,
        };
        self.percent = match self.sent {
            Sent::Nothing => 0,
            // A share of at most thirty per cent.
            Sent::Previous | Sent::Deep => (share.clamp(LEAST, MOST) * 100.0).round() as u8,
        };
    }
}

#[cfg(test)]
mod tests {
    use rand::rngs::StdRng;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// What is sent after this many reports of 250 packets each, of which this share is lost in bursts of this mean length.
    fn after(protection: &mut Protection, reports: u32, share: f64, burst: f64, seed: u64) -> Sent {
        let mut rng = StdRng::seed_from_u64(seed);
        let begins = share / burst / (1.0 - share);
        let mut losing = false;
        for _ in 0..reports {
            let mut lost = 0;
            for _ in 0..250 {
                losing = rng.random_bool(if losing { 1.0 - 1.0 / burst } else { begins });
                lost += u32::from(losing);
            }
            protection.report(f64::from(lost) / 250.0, 250);
        }
        protection.sent()
    }

    #[test]
    fn loss_here_and_there_is_met_by_the_frame_before() {
        for seed in 0..20 {
            // Without memory, one loss is as likely after another as after none.
            let sent = after(&mut Protection::new(true, true), 24, 0.10, 1.0 / 0.9, seed);
            assert_eq!(sent, Sent::Previous, "seed {seed}");
        }
    }

    #[test]
    fn bursts_and_much_loss_are_met_by_deep_redundancy() {
        let met = (0..20).filter(|seed| after(&mut Protection::new(true, true), 24, 0.10, 4.0, *seed) == Sent::Deep);
        assert!(met.count() >= 16, "bursts are mostly known after two minutes");
        let mut protection = Protection::new(true, true);
        assert!(protection.report(0.27, 250));
        assert_eq!((protection.sent(), protection.percent()), (Sent::Deep, 27));
    }

    #[test]
    fn calm_brings_the_frame_before_back() {
        let mut protection = Protection::new(true, true);
        after(&mut protection, 8, 0.3, 3.0, 7);
        assert_eq!(protection.sent(), Sent::Deep);
        assert_eq!(after(&mut protection, 24, 0.0, 1.0, 7), Sent::Previous);
        assert_eq!(protection.percent(), 5);
    }

    #[test]
    fn peers_get_only_what_they_can_use() {
        assert_eq!(after(&mut Protection::new(true, false), 8, 0.3, 3.0, 1), Sent::Previous);
        assert_eq!(after(&mut Protection::new(false, false), 8, 0.3, 3.0, 1), Sent::Nothing);
        let mut protection = Protection::new(true, true);
        for nonsense in [f64::NAN, f64::INFINITY, -1.0, 7.0] {
            protection.report(nonsense, u64::MAX);
            assert!(protection.percent() <= 30);
        }
    }
}
