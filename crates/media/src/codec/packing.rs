//! How much audio a packet carries: what the peer asks for (RFC 8866 sections 6.4 and 6.5), in steps that Opus has.

use crate::{FRAME_SAMPLES, SAMPLE_RATE};

/// The length of the packets that are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum PacketTime {
    Ten,
    #[default]
    Twenty,
    Forty,
    Sixty,
}

/// Samples at 48 kHz of the longest.
pub(crate) const LONGEST_PACKET: usize = 3 * FRAME_SAMPLES;

impl PacketTime {
    const LONGEST_FIRST: [Self; 4] = [Self::Sixty, Self::Forty, Self::Twenty, Self::Ten];

    /// The longest that is no longer than the peer's `ptime`, 20 ms where it names none, and its `maxptime`, both in milliseconds; the
    /// shortest for a peer that asks for less.
    pub(crate) fn asked(wished: Option<f32>, most: Option<f32>) -> Self {
        let limit = wished.unwrap_or(20.0).min(most.unwrap_or(f32::INFINITY));
        let fits = |time: &Self| f32::from(time.millis()) <= limit;
        Self::LONGEST_FIRST.into_iter().find(fits).unwrap_or(Self::Ten)
    }

    const fn millis(self) -> u8 {
        match self {
            Self::Ten => 10,
            Self::Twenty => 20,
            Self::Forty => 40,
            Self::Sixty => 60,
        }
    }

    /// Samples at 48 kHz.
    pub(crate) const fn samples(self) -> usize {
        self.millis() as usize * (SAMPLE_RATE / 1_000) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::PacketTime::{self, Forty, Sixty, Ten, Twenty};

    #[test]
    fn the_peer_gets_the_longest_packet_within_what_it_asks_for() {
        let cases = [
            ((None, None), Twenty),
            ((Some(20.0), Some(60.0)), Twenty),
            ((Some(10.0), None), Ten),
            ((Some(30.0), None), Twenty),
            ((Some(40.0), Some(120.0)), Forty),
            ((Some(60.0), None), Sixty),
            ((Some(120.0), None), Sixty),
            ((Some(60.0), Some(40.0)), Forty),
            ((None, Some(10.0)), Ten),
            ((Some(2.5), None), Ten),
        ];
        for ((wished, most), time) in cases {
            assert_eq!(PacketTime::asked(wished, most), time, "{wished:?} {most:?}");
        }
    }
}
