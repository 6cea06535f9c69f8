//! Opus in Ogg files (RFC 7845): read as samples or as ready-made packets, and written from packets as they were received.

mod clip;
mod head;
mod read;
mod recording;
mod write;

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use opusic_c::{Channels, Decoder, SampleRate};

use crate::SinkError;

pub use clip::{OpusPackets, PacketClip};
pub use head::Head;
pub(crate) use read::decode_unchecked;
pub use read::{OggOpus, decode, read_ogg_opus};
pub use recording::PacketRecording;
pub use write::PacketWriter;

/// The longest file that is read into memory.
pub const LONGEST: Duration = Duration::from_secs(3600);

/// The largest file that is read into memory: an hour at twice the rate that speech needs.
pub const MOST_BYTES: u64 = 64 << 20;

/// The longest Opus packet: 120 ms (RFC 6716 section 2.1.4).
const MOST_PACKET_SAMPLES: usize = 5_760;

/// Why an Ogg Opus file could not be read. Each names the file and what can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OggOpusError {
    /// The file is missing, may not be read, or the disk failed.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is no Ogg file, or the first stream in it is not Opus.
    #[error("{path} is no Ogg file with Opus in it; convert it first", path = path.display())]
    NotOggOpus {
        /// The file.
        path: PathBuf,
    },
    /// The file begins as an Ogg Opus file and breaks its rules further on.
    #[error("{path} is a damaged Ogg Opus file: {fault}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which rule it breaks.
        fault: &'static str,
    },
    /// The file holds more than one or two channels (a mapping family other than 0, RFC 7845 section 5.1.1).
    #[error("{path} holds surround sound; convert it to mono or stereo first", path = path.display())]
    Surround {
        /// The file.
        path: PathBuf,
    },
    /// The file holds more than [`LONGEST`] or has more than [`MOST_BYTES`].
    #[error("{path} is longer than an hour or larger than 64 MB; cut it first", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
    },
    /// There is no memory for a decoder.
    #[error("there is no memory for an Opus decoder")]
    Decoder,
}

/// Where packets go as they were received, without being decoded. What a [`Sink`](crate::Sink) promises, this does, too: it does not
/// block, allocate or panic.
pub trait PacketSink: Send {
    /// Takes an Opus packet, and the time of its first sample by the sender's clock, in samples at 48 kHz, as in RTP: it begins anywhere,
    /// and wraps. What was lost on the way is a gap between the times.
    ///
    /// # Errors
    /// When the sink is broken and will take no more: the caller reports it and stops writing.
    fn write(&mut self, timestamp: u32, packet: &[u8]) -> Result<(), SinkError>;

    /// Stores what is still held back, and closes the sink. It may block: it is called off the frame clock.
    ///
    /// # Errors
    /// When something of what was written is lost.
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        Ok(())
    }
}

/// How many samples at 48 kHz this packet plays, by its first bytes; `None` when it is no Opus.
pub(crate) fn packet_samples(packet: &[u8]) -> Option<usize> {
    let samples = opusic_c::utils::get_nb_samples(packet, SampleRate::Hz48000).ok()?;
    (1..=MOST_PACKET_SAMPLES).contains(&samples).then_some(samples)
}

/// Whether the packet says that it is stereo (RFC 6716 section 3.1).
fn is_stereo(packet: &[u8]) -> bool {
    packet.first().is_some_and(|contents| contents & 4 != 0)
}

/// Decodes to mono.
struct PacketDecoder {
    decoder: Decoder,
    /// The binding speaks of `u16` where libopus means `i16`.
    samples: Box<[u16; MOST_PACKET_SAMPLES]>,
}

impl PacketDecoder {
    fn new() -> Option<Self> {
        Some(Self {
            decoder: Decoder::new(Channels::Mono, SampleRate::Hz48000).ok()?,
            samples: Box::new([0; MOST_PACKET_SAMPLES]),
        })
    }

    /// The samples of the packet; `None` when it cannot be decoded.
    fn decode(&mut self, packet: &[u8]) -> Option<impl ExactSizeIterator<Item = i16>> {
        let count = self.decoder.decode_to_slice(packet, &mut *self.samples, false).ok()?;
        Some(self.samples[..count].iter().map(|sample| sample.cast_signed()))
    }
}

#[cfg(test)]
mod tests;
