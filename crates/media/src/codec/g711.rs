//! G.711 (RFC 3551 section 4.5.14) between packets at 8 kHz and samples at 48 kHz.

use audio_codec_algorithms::{decode_alaw, decode_ulaw, encode_alaw, encode_ulaw};

use super::LONGEST_PACKET;
use super::conceal::Concealment;
use super::opus::MAX_PACKET_SAMPLES;
use super::rate::{Decimator, FACTOR, Interpolator};

/// Bytes of the longest packet: one a sample.
const PACKET_BYTES: usize = LONGEST_PACKET / FACTOR;

/// How samples are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Law {
    Mu,
    A,
}

impl Law {
    fn encode(self, sample: i16) -> u8 {
        match self {
            Self::Mu => encode_ulaw(sample),
            Self::A => encode_alaw(sample),
        }
    }

    fn decode(self, byte: u8) -> i16 {
        match self {
            Self::Mu => decode_ulaw(byte),
            Self::A => decode_alaw(byte),
        }
    }
}

/// How many samples at 48 kHz this packet holds: any number of bytes is G.711, as long as it is not too much.
pub(super) fn packet_samples(packet: &[u8]) -> Option<u32> {
    let samples = packet.len().checked_mul(FACTOR)?;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples as u32)
}

/// Turns samples into G.711 packets.
pub(crate) struct G711Encoder {
    law: Law,
    decimator: Decimator,
    packet: [u8; PACKET_BYTES],
}

impl G711Encoder {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
            decimator: Decimator::default(),
            packet: [0; PACKET_BYTES],
        }
    }

    pub(super) fn encode(&mut self, samples: &[i16]) -> &[u8] {
        for (byte, six) in self.packet.iter_mut().zip(samples.chunks_exact(FACTOR)) {
            *byte = self.law.encode(self.decimator.take(six));
        }
        &self.packet[..(samples.len() / FACTOR).min(PACKET_BYTES)]
    }
}

/// Turns G.711 packets into samples, and continues the sound where one is missing.
pub(crate) struct G711Decoder {
    law: Law,
    concealment: Concealment,
    interpolator: Interpolator,
}

impl G711Decoder {
    pub(super) fn new(law: Law) -> Self {
        Self {
            law,
            concealment: Concealment::default(),
            interpolator: Interpolator::default(),
        }
    }

    pub(super) fn reset(&mut self) {
        *self = Self::new(self.law);
    }

    /// Decodes a packet to the beginning of `out`; returns how many samples it held.
    pub(super) fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> usize {
        for (byte, six) in packet.iter().zip(out.chunks_exact_mut(FACTOR)) {
            let sample = self.concealment.heard(self.law.decode(*byte));
            self.interpolator.give(sample, six);
        }
        (packet.len() * FACTOR).min(out.len() / FACTOR * FACTOR)
    }

    pub(super) fn conceal(&mut self, out: &mut [i16]) {
        for six in out.chunks_mut(FACTOR) {
            let sample = self.concealment.invent();
            self.interpolator.give(sample, six);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FRAME_SAMPLES, Frame};

    fn tone(hertz: f64, frames: usize) -> Vec<Frame> {
        let sample = |at: usize| (8_000.0 * (at as f64 * hertz / 48_000.0 * std::f64::consts::TAU).sin()) as i16;
        let frame = |number: usize| std::array::from_fn(|index| sample(number * FRAME_SAMPLES + index));
        (0..frames).map(frame).collect()
    }

    fn through(law: Law, frames: &[Frame], lost: impl Fn(usize) -> bool) -> Vec<i16> {
        let (mut encoder, mut decoder) = (G711Encoder::new(law), G711Decoder::new(law));
        let mut heard = Vec::new();
        for (number, frame) in frames.iter().enumerate() {
            let packet = encoder.encode(frame);
            let mut out = [0; FRAME_SAMPLES];
            if lost(number) {
                decoder.conceal(&mut out);
            } else {
                assert_eq!(decoder.decode(packet, &mut out), FRAME_SAMPLES);
            }
            heard.extend_from_slice(&out);
        }
        heard
    }

    /// The level of a tone in these samples, relative to what it was made with, decibels; and what else is there.
    fn gain_and_noise(samples: &[i16], hertz: f64) -> (f64, f64) {
        let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
        for (index, sample) in samples.iter().enumerate() {
            let (value, angle) = (
                f64::from(*sample),
                index as f64 * hertz / 48_000.0 * std::f64::consts::TAU,
            );
            re += value * angle.cos();
            im += value * angle.sin();
            energy += value * value;
        }
        let length = samples.len() as f64;
        let tone = 2.0 * (re * re + im * im) / length;
        let gain = 20.0 * (2.0 * (re * re + im * im).sqrt() / length / 8_000.0).log10();
        (gain, 10.0 * ((energy - tone).max(1e-9) / energy.max(1e-9)).log10())
    }

    #[test]
    fn both_laws_keep_the_band_of_the_telephone() {
        for law in [Law::Mu, Law::A] {
            for hertz in [300.0, 440.0, 1_000.0, 2_000.0, 3_200.0] {
                let heard = through(law, &tone(hertz, 50), |_| false);
                let (gain, noise) = gain_and_noise(&heard[9_600..], hertz);
                assert!(gain.abs() < 1.0, "{law:?} {hertz} Hz: {gain} dB");
                assert!(noise < -33.0, "{law:?} {hertz} Hz: noise at {noise} dB");
            }
        }
    }

    #[test]
    fn what_is_above_the_band_does_not_fold_into_it() {
        for hertz in [4_500.0, 5_000.0, 7_000.0, 7_900.0, 12_000.0, 20_000.0] {
            let heard = through(Law::Mu, &tone(hertz, 25), |_| false);
            let loudest = heard[4_800..].iter().map(|sample| sample.unsigned_abs()).max();
            assert!(loudest < Some(30), "{hertz} Hz leaves {loudest:?}");
        }
    }

    #[test]
    fn a_lost_packet_is_hardly_noticed_and_a_lost_stream_falls_silent() {
        let heard = through(Law::A, &tone(440.0, 50), |number| number % 10 == 9);
        let (gain, noise) = gain_and_noise(&heard[9_600..], 440.0);
        assert!(gain.abs() < 1.0 && noise < -12.0, "{gain} dB, noise at {noise} dB");

        let heard = through(Law::A, &tone(440.0, 50), |number| number >= 25);
        assert!(
            heard[25 * FRAME_SAMPLES..26 * FRAME_SAMPLES]
                .iter()
                .any(|sample| *sample > 6_000)
        );
        assert!(heard[30 * FRAME_SAMPLES..].iter().all(|sample| sample.abs() < 40));
    }

    #[test]
    fn packets_of_any_length_up_to_the_longest_are_taken() {
        let mut out = [0; MAX_PACKET_SAMPLES];
        let mut decoder = G711Decoder::new(Law::Mu);
        for bytes in [1, 80, 160, 161, 240, 960] {
            assert_eq!(packet_samples(&vec![0xff; bytes]), Some(bytes as u32 * 6));
            assert_eq!(decoder.decode(&vec![0xff; bytes], &mut out), bytes * 6);
        }
        for bytes in [0, 961, 1_400] {
            assert_eq!(packet_samples(&vec![0xff; bytes]), None);
        }
    }
}
