//! Prompts that are encoded once and sent by any number of calls.

use std::sync::Arc;
use std::time::Duration;

use crate::codec::{Codec, Encoder, EncoderSettings};
use crate::{FRAME_SAMPLES, Frame};

/// Twenty milliseconds.
const FRAME: Duration = Duration::from_millis(20);

/// Ready-made Opus packets of 20 ms each, for [`Call::send_opus`](crate::Call::send_opus).
///
/// A clone is another handle on the same packets: a prompt that a thousand calls play is encoded once and is in memory once.
///
/// ```
/// use offhook_media::{FRAME_SAMPLES, OpusClip};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tone: Vec<i16> = (0..10 * FRAME_SAMPLES).map(|at| ((at as f64 / 20.0).sin() * 8_000.0) as i16).collect();
/// let clip = OpusClip::encode(&tone, 32_000, 9)?;
/// assert_eq!(clip.packets().len(), 10);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct OpusClip(Arc<Packets>);

#[derive(Debug, Default)]
struct Packets {
    bytes: Vec<u8>,
    /// Where each packet ends.
    ends: Vec<usize>,
}

/// Why there is no clip.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// libopus did not encode it.
    #[error("packet {index} of the clip could not be encoded")]
    Encoder {
        /// Which of the packets, from 0 on.
        index: usize,
    },
    /// A packet is no Opus of 20 ms.
    #[error("packet {index} of the clip is no Opus packet of 20 ms")]
    Packet {
        /// Which of the packets, from 0 on.
        index: usize,
    },
}

impl OpusClip {
    /// Encodes 48 kHz mono samples, at this many bits a second (16 000 to 64 000 suit speech) and with this effort, 0 to 10. The last
    /// frame is filled up with silence. Each packet tells of the one before it (FEC, RFC 6716 section 2.1.7), since nothing is known of
    /// the networks that the clip will be sent over.
    ///
    /// # Errors
    /// [`ClipError::Encoder`] when libopus has no memory.
    pub fn encode(samples: &[i16], bitrate: i32, complexity: i32) -> Result<Self, ClipError> {
        let settings = EncoderSettings {
            bitrate,
            complexity,
            in_band_fec: true,
            ..EncoderSettings::default()
        };
        let mut encoder = Encoder::new(Codec::Opus, settings).map_err(|_| ClipError::Encoder { index: 0 })?;
        let mut packets = Packets::default();
        for (index, part) in samples.chunks(FRAME_SAMPLES).enumerate() {
            let mut frame: Frame = [0; FRAME_SAMPLES];
            frame[..part.len()].copy_from_slice(part);
            packets.push(encoder.encode(&frame).ok_or(ClipError::Encoder { index })?);
        }
        Ok(Self(Arc::new(packets)))
    }

    /// A clip of packets from elsewhere, such as the pages of an Ogg file (RFC 7845).
    ///
    /// # Errors
    /// [`ClipError::Packet`] when one of them is no Opus, or not of 20 ms.
    pub fn from_packets<'a>(packets: impl IntoIterator<Item = &'a [u8]>) -> Result<Self, ClipError> {
        let mut all = Packets::default();
        for (index, packet) in packets.into_iter().enumerate() {
            if Codec::Opus.packet_samples(packet) != Some(FRAME_SAMPLES as u32) {
                return Err(ClipError::Packet { index });
            }
            all.push(packet);
        }
        Ok(Self(Arc::new(all)))
    }

    /// The packets in order.
    pub fn packets(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.0.ends.len()).map(|index| self.0.packet(index).unwrap_or_default())
    }

    /// One of the packets, from 0 on; `None` behind the last.
    #[must_use]
    pub fn packet(&self, index: usize) -> Option<&[u8]> {
        self.0.packet(index)
    }

    /// How long it plays.
    #[must_use]
    pub fn duration(&self) -> Duration {
        FRAME * u32::try_from(self.0.ends.len()).unwrap_or(u32::MAX)
    }
}

impl Packets {
    fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
    }

    fn packet(&self, index: usize) -> Option<&[u8]> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(start..end)
    }
}
