//! The audio codecs of a call, behind one shape: 48 kHz mono in, the codec's packets out, and back.

use std::fmt;

use crate::{FRAME_SAMPLES, OfferError, SAMPLE_RATE};

mod conceal;
mod g711;
mod opus;
mod packing;
mod rate;

pub(crate) use g711::Law;
use g711::{G711Decoder, G711Encoder};
pub(crate) use opus::{EncoderSettings, MAX_PACKET_SAMPLES, STEP_SAMPLES};
use opus::{OpusDecoder, OpusEncoder};
pub(crate) use packing::{LONGEST_PACKET, PacketTime};

/// An audio codec that calls can use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Codec {
    /// Opus (RFC 6716, RFC 7587): 48 kHz, with concealment and redundancy.
    Opus,
    /// G.711 with the mu-law (RFC 3551 section 4.5.14): 8 kHz, 64 kbit/s, telephone quality.
    Pcmu,
    /// G.711 with the A-law.
    Pcma,
}

impl Codec {
    /// All of them, the best first.
    pub const ALL: [Self; 3] = [Self::Opus, Self::Pcmu, Self::Pcma];

    /// The name in `a=rtpmap` lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// Ticks a second of its RTP timestamps.
    #[must_use]
    pub const fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => SAMPLE_RATE,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// Ticks of the RTP timestamp in one 20 ms frame.
    pub(crate) const fn frame_ticks(self) -> u32 {
        self.clock_rate() / 50
    }

    /// An RTP timestamp as one of a clock of 48 kHz. Multiplying modulo 2^32 keeps the differences right when it wraps.
    pub(crate) const fn timestamp_at_48k(self, timestamp: u32) -> u32 {
        timestamp.wrapping_mul(SAMPLE_RATE / self.clock_rate())
    }

    /// How many samples at 48 kHz this packet holds; `None` when it is none of this codec.
    pub(crate) fn packet_samples(self, packet: &[u8]) -> Option<u32> {
        match self {
            Self::Opus => opus::packet_samples(packet),
            Self::Pcmu | Self::Pcma => g711::packet_samples(packet),
        }
    }

    fn law(self) -> Option<Law> {
        match self {
            Self::Opus => None,
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
        }
    }
}

impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Turns samples into packets.
pub(crate) enum Encoder {
    Opus(OpusEncoder),
    G711(Codec, Box<G711Encoder>),
}

impl Encoder {
    pub(crate) fn new(codec: Codec, settings: EncoderSettings) -> Result<Self, OfferError> {
        match codec.law() {
            None => Ok(Self::Opus(OpusEncoder::new(settings))),
            Some(law) => Ok(Self::G711(codec, Box::new(G711Encoder::new(law)))),
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::Opus(_) => Codec::Opus,
            Self::G711(codec, _) => *codec,
        }
    }

    /// The packet for these samples, as many as a [`PacketTime`] has; `None` in a pause that is not sent, and when the codec refuses, which
    /// these lengths give it no reason for.
    pub(crate) fn encode(&mut self, samples: &[i16]) -> Option<&[u8]> {
        match self {
            Self::Opus(encoder) => encoder.encode(samples),
            Self::G711(_, encoder) => Some(encoder.encode(samples)),
        }
    }

    /// Prepares for the loss that the peer reports, 0 to 1, of this many packets.
    pub(crate) fn expect_loss(&mut self, fraction: f32, packets: u64) {
        match self {
            Self::Opus(encoder) => encoder.expect_loss(fraction, packets),
            Self::G711(..) => {}
        }
    }
}

/// What a packet knows of the audio before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redundancy {
    /// Nothing: what is missing is invented.
    None,
    /// The one frame before it, in lower quality (RFC 6716 section 2.1.7).
    Previous,
    /// Up to 100 ms before it, and more with some luck, as features of the voice from which it is made anew (DRED).
    Deep,
}

/// Turns packets into samples, and invents those that are missing.
pub(crate) enum Decoder {
    Opus(OpusDecoder),
    G711(Codec, Box<G711Decoder>),
}

impl Decoder {
    pub(crate) fn new(codec: Codec) -> Result<Self, OfferError> {
        match codec.law() {
            None => OpusDecoder::new().map(Self::Opus),
            Some(law) => Ok(Self::G711(codec, Box::new(G711Decoder::new(law)))),
        }
    }

    pub(crate) fn codec(&self) -> Codec {
        match self {
            Self::Opus(_) => Codec::Opus,
            Self::G711(codec, _) => *codec,
        }
    }

    /// What this packet knows of the audio before it.
    pub(crate) fn redundancy(&self, next: &[u8]) -> Redundancy {
        match self {
            Self::Opus(_) => opus::redundancy(next),
            Self::G711(..) => Redundancy::None,
        }
    }

    /// Forgets the stream: the next packet is the first.
    pub(crate) fn reset(&mut self) {
        match self {
            Self::Opus(decoder) => decoder.reset(),
            Self::G711(_, decoder) => decoder.reset(),
        }
    }

    /// Decodes a packet to the beginning of `out`, or leaves a frame of silence where the payload is broken; returns how
    /// many samples it held.
    pub(crate) fn decode(&mut self, packet: &[u8], out: &mut [i16; MAX_PACKET_SAMPLES]) -> usize {
        let samples = match self {
            Self::Opus(decoder) => decoder.decode(packet, out).unwrap_or(0),
            Self::G711(_, decoder) => decoder.decode(packet, out),
        };
        if samples == 0 {
            out[..FRAME_SAMPLES].fill(0);
            return FRAME_SAMPLES;
        }
        samples.min(out.len())
    }

    /// Fills `out` with what went before `next` and ends where `next` begins, from the redundancy that `next` carries; what
    /// that does not reach is concealed. The length must be a multiple of 2.5 ms and at most 120 ms.
    pub(crate) fn recover(&mut self, next: &[u8], out: &mut [i16]) {
        match self {
            Self::Opus(decoder) => decoder.recover(next, out),
            Self::G711(_, decoder) => decoder.conceal(out),
        }
    }

    /// Fills `out` with a continuation of what was decoded last. The length must be a multiple of 2.5 ms and at most
    /// 120 ms.
    pub(crate) fn conceal(&mut self, out: &mut [i16]) {
        match self {
            Self::Opus(decoder) => decoder.conceal(out),
            Self::G711(_, decoder) => decoder.conceal(out),
        }
    }
}
