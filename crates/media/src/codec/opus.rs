//! Opus (RFC 6716) as a call uses it: 48 kHz mono, 20 ms frames, voice.

use ::opus::{Application, Bitrate, Channels, Encoder};
use opusic_c::SampleRate;
use opusic_c::dred::Dred;

use super::Redundancy;
use crate::{Frame, OfferError, SAMPLE_RATE};

mod packet;

pub(super) use packet::redundancy;

/// The longest Opus packet: 120 ms (RFC 6716 section 2.1.4).
pub(crate) const MAX_PACKET_SAMPLES: usize = 5_760;
/// Concealment comes in steps of 2.5 ms.
pub(crate) const STEP_SAMPLES: usize = 120;
/// What one 20 ms packet can need at the highest rate (RFC 6716 section 3.2.1).
const MAX_PACKET_BYTES: usize = 1_275;
/// The loss that the encoder prepares for until reports tell better, per cent.
const ASSUMED_LOSS: i32 = 10;

/// How the peer and the configuration want us to encode.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EncoderSettings {
    pub(crate) bitrate: i32,
    pub(crate) complexity: i32,
    pub(crate) in_band_fec: bool,
    pub(crate) constant_rate: bool,
}

/// Turns frames into Opus packets.
pub(crate) struct OpusEncoder {
    encoder: Encoder,
    in_band_fec: bool,
    packet: Box<[u8; MAX_PACKET_BYTES]>,
}

impl OpusEncoder {
    pub(crate) fn new(settings: EncoderSettings) -> Result<Self, OfferError> {
        let build = || -> ::opus::Result<Encoder> {
            // `Voip` filters and shapes the voice; `Audio` keeps its waveform, which bots, recorders and measurements want.
            let mut encoder = Encoder::new(SAMPLE_RATE, Channels::Mono, Application::Audio)?;
            encoder.set_bitrate(Bitrate::Bits(settings.bitrate.clamp(6_000, 510_000)))?;
            encoder.set_complexity(settings.complexity.clamp(0, 10))?;
            encoder.set_vbr(!settings.constant_rate)?;
            encoder.set_inband_fec(settings.in_band_fec)?;
            if settings.in_band_fec {
                encoder.set_packet_loss_perc(ASSUMED_LOSS)?;
            }
            Ok(encoder)
        };
        let encoder = build().map_err(|error| OfferError::Codec(error.to_string()))?;
        let packet = Box::new([0; MAX_PACKET_BYTES]);
        Ok(Self {
            encoder,
            in_band_fec: settings.in_band_fec,
            packet,
        })
    }

    /// The packet for this frame; `None` when libopus refuses, which a frame of fixed size
    /// gives it no reason for.
    pub(crate) fn encode(&mut self, frame: &Frame) -> Option<&[u8]> {
        let size = self.encoder.encode(frame, &mut self.packet[..]).ok()?;
        self.packet.get(..size)
    }

    /// Prepares for the loss that the peer reports, 0 to 1. Never for none: the next burst
    /// comes unannounced.
    pub(crate) fn expect_loss(&mut self, fraction: f32) {
        if self.in_band_fec {
            let percent = (fraction * 100.0).round().clamp(5.0, 30.0) as i32;
            // An encoder that keeps its former setting still works.
            let _ = self.encoder.set_packet_loss_perc(percent);
        }
    }
}

/// From this complexity on, libopus conceals with a neural network that was trained on speech, and decodes what is there as
/// before, at the same cost.
const DEEP_CONCEALMENT: u8 = 5;

/// Turns Opus packets into samples, and invents those that are missing.
pub(crate) struct OpusDecoder {
    /// The decoder, with that of the deep redundancy around it.
    decoder: Dred,
    /// The binding speaks of `u16` where libopus means `i16`.
    samples: Box<[u16; MAX_PACKET_SAMPLES]>,
}

impl OpusDecoder {
    pub(crate) fn new() -> Result<Self, OfferError> {
        let build = || -> Result<Dred, opusic_c::ErrorCode> {
            let mut decoder = opusic_c::Decoder::new(opusic_c::Channels::Mono, SampleRate::Hz48000)?;
            decoder.set_complexity(DEEP_CONCEALMENT)?;
            Dred::new(decoder)
        };
        let decoder = build().map_err(|error| OfferError::Codec(error.message().to_owned()))?;
        Ok(Self {
            decoder,
            samples: Box::new([0; MAX_PACKET_SAMPLES]),
        })
    }

    /// Forgets the stream: the next packet is the first.
    pub(crate) fn reset(&mut self) {
        // A decoder that keeps its state still decodes.
        let _ = self.decoder.decoder_mut().reset();
    }

    /// Decodes a packet to the beginning of `out`; returns how many samples it held.
    pub(crate) fn decode(&mut self, packet: &[u8], out: &mut [i16]) -> Option<usize> {
        let room = out.len().min(MAX_PACKET_SAMPLES);
        let decoder = self.decoder.decoder_mut();
        let count = decoder.decode_to_slice(packet, &mut self.samples[..room], false).ok()?;
        signed(&self.samples[..count.min(room)], out);
        Some(count)
    }

    /// Fills `out` with what went before `next`: from its deep redundancy, or its last frame from the redundancy of `next` and
    /// what is before that by concealment. The length must be a multiple of 2.5 ms and at most 120 ms.
    pub(crate) fn recover(&mut self, next: &[u8], out: &mut [i16]) {
        let Some(samples) = self.samples.get_mut(..out.len()) else {
            return out.fill(0);
        };
        let count = match redundancy(next) {
            // What is asked for ends where `next` begins.
            Redundancy::Deep => self.decoder.decode_to_slice(next, samples),
            Redundancy::Previous | Redundancy::None => self.decoder.decoder_mut().decode_to_slice(next, samples, true),
        };
        match count {
            Ok(_) => signed(samples, out),
            Err(_) => out.fill(0),
        }
    }

    /// Fills `out` with a continuation of what was decoded last. The length must be a multiple
    /// of 2.5 ms and at most 120 ms.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) {
        let Some(samples) = self.samples.get_mut(..out.len()) else {
            return out.fill(0);
        };
        match self.decoder.decoder_mut().decode_to_slice(&[], samples, false) {
            Ok(_) => signed(samples, out),
            Err(_) => out.fill(0),
        }
    }
}

fn signed(samples: &[u16], out: &mut [i16]) {
    for (out, sample) in out.iter_mut().zip(samples) {
        *out = sample.cast_signed();
    }
}

/// How many samples at 48 kHz this packet holds, by its first bytes; `None` when it is no Opus.
pub(super) fn packet_samples(packet: &[u8]) -> Option<u32> {
    let samples = ::opus::packet::get_nb_samples(packet, SAMPLE_RATE).ok()?;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples as u32)
}
