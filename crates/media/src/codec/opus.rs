//! Opus (RFC 6716) as a call uses it: 48 kHz mono, 10 to 60 ms a packet, voice.

use opusic_c::dred::Dred;
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, ErrorCode, InbandFec, SampleRate};

use super::{LONGEST_PACKET, Redundancy};
use crate::OfferError;

mod packet;
mod protection;

pub(super) use packet::redundancy;
use protection::{Protection, Sent};

/// The longest Opus packet: 120 ms (RFC 6716 section 2.1.4).
pub(crate) const MAX_PACKET_SAMPLES: usize = 5_760;
/// Concealment comes in steps of 2.5 ms.
pub(crate) const STEP_SAMPLES: usize = 120;
/// What a packet may take: a frame of 20 ms at the highest rate (RFC 6716 section 3.2.1), far more than 60 ms need at ours.
const MAX_PACKET_BYTES: usize = 1_275;
/// A packet this short holds no audio: the pause goes on (RFC 7587 section 3.1.3 leaves it out).
const PAUSE_BYTES: usize = 2;
/// How much of the past deep redundancy tells, in steps of 10 ms.
const DEEP_STEPS: u8 = 10;

/// How the peer and the configuration want us to encode.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct EncoderSettings {
    pub(crate) bitrate: i32,
    pub(crate) complexity: i32,
    pub(crate) in_band_fec: bool,
    /// The peer can decode deep redundancy.
    pub(crate) deep_redundancy: bool,
    pub(crate) constant_rate: bool,
    /// Nothing is sent in the speaker's pauses.
    pub(crate) pauses: bool,
}

/// Turns samples into Opus packets.
pub(crate) struct OpusEncoder {
    settings: EncoderSettings,
    protection: Protection,
    /// Made with the first frame: a call of ready-made packets has none, and is the smaller for it by 110 kB.
    instance: Option<Box<Instance>>,
}

struct Instance {
    encoder: Encoder,
    /// The binding speaks of `u16` where libopus means `i16`.
    samples: [u16; LONGEST_PACKET],
    packet: [u8; MAX_PACKET_BYTES],
}

impl Instance {
    fn new(settings: EncoderSettings) -> Result<Self, ErrorCode> {
        // `Voip` filters and shapes the voice; `Audio` keeps its waveform, which bots, recorders and measurements want.
        let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio)?;
        encoder.set_bitrate(Bitrate::Value(settings.bitrate.clamp(6_000, 510_000) as u32))?;
        encoder.set_complexity(settings.complexity.clamp(0, 10) as u8)?;
        encoder.set_vbr(!settings.constant_rate)?;
        encoder.set_dtx(settings.pauses)?;
        Ok(Self {
            encoder,
            samples: [0; LONGEST_PACKET],
            packet: [0; MAX_PACKET_BYTES],
        })
    }
}

impl OpusEncoder {
    pub(crate) fn new(settings: EncoderSettings) -> Self {
        Self {
            settings,
            protection: Protection::new(settings.in_band_fec, settings.deep_redundancy),
            instance: None,
        }
    }

    /// The packet for these samples; `None` in a pause, and when libopus refuses, for which memory alone is a reason.
    pub(crate) fn encode(&mut self, spoken: &[i16]) -> Option<&[u8]> {
        if self.instance.is_none() {
            self.instance = Instance::new(self.settings).ok().map(Box::new);
            self.protect();
        }
        let instance = self.instance.as_mut()?;
        let samples = instance.samples.get_mut(..spoken.len())?;
        for (sample, spoken) in samples.iter_mut().zip(spoken) {
            *sample = spoken.cast_unsigned();
        }
        let size = instance.encoder.encode_to_slice(samples, &mut instance.packet).ok()?;
        instance.packet.get(..size).filter(|packet| packet.len() > PAUSE_BYTES)
    }

    /// Prepares for the loss that the peer reports, 0 to 1, of this many packets.
    pub(crate) fn expect_loss(&mut self, fraction: f32, packets: u64) {
        if self.protection.report(f64::from(fraction), packets) {
            self.protect();
        }
    }

    fn protect(&mut self) {
        let Some(instance) = &mut self.instance else {
            return;
        };
        let (fec, deep) = match self.protection.sent() {
            Sent::Nothing => (InbandFec::Off, 0),
            Sent::Previous => (InbandFec::Mode1, 0),
            Sent::Deep => (InbandFec::Off, DEEP_STEPS),
        };
        // An encoder that keeps its former setting still works.
        let _ = instance.encoder.set_inband_fec(fec);
        let _ = instance.encoder.set_dred_duration(deep);
        let _ = instance.encoder.set_packet_loss(self.protection.percent());
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
        let build = || -> Result<Dred, ErrorCode> {
            let mut decoder = Decoder::new(Channels::Mono, SampleRate::Hz48000)?;
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
    let samples = opusic_c::utils::get_nb_samples(packet, SampleRate::Hz48000).ok()?;
    (1..=MAX_PACKET_SAMPLES).contains(&samples).then_some(samples as u32)
}
