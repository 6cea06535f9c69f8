//! Reading Ogg Opus files.

use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::{Path, PathBuf};

use ogg::reading::PageParsingOptions;
use ogg::{OggReadError, Packet, PacketReader};

use super::head::{Fault, Head, is_tags};
use super::{LONGEST, MOST_BYTES, OggOpusError, OpusPackets, PacketDecoder, is_stereo, packet_samples};
use crate::{FRAME_SAMPLES, SAMPLE_RATE};

/// An Ogg Opus file in memory.
#[derive(Debug, Clone)]
pub struct OggOpus {
    path: PathBuf,
    head: Head,
    packets: OpusPackets,
    /// How many samples it plays, of those behind the pre-skip.
    length: usize,
    ready_made: bool,
}

/// Reads an Ogg Opus file. Of several streams in it, the first is read; a file that was cut off is read as far as it goes.
///
/// # Errors
/// [`OggOpusError`], by cause.
pub fn read_ogg_opus(path: impl AsRef<Path>) -> Result<OggOpus, OggOpusError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| OggOpusError::Read {
        path: path.to_owned(),
        source,
    })?;
    decode(file, path)
}

/// Reads an Ogg Opus file from memory or any other reader; `path` is what the errors call it.
///
/// # Errors
/// As [`read_ogg_opus`].
pub fn decode(reader: impl Read, path: &Path) -> Result<OggOpus, OggOpusError> {
    decode_with(reader, path, true)
}

/// As [`decode`], whatever the checksums are.
pub(crate) fn decode_unchecked(reader: impl Read, path: &Path) -> Result<OggOpus, OggOpusError> {
    decode_with(reader, path, false)
}

fn decode_with(reader: impl Read, path: &Path, verify_checksum: bool) -> Result<OggOpus, OggOpusError> {
    let path = path.to_owned();
    let mut bytes = Vec::new();
    match reader.take(MOST_BYTES + 1).read_to_end(&mut bytes) {
        Ok(length) if length as u64 > MOST_BYTES => return Err(OggOpusError::TooLong { path }),
        Ok(_) => {}
        Err(source) => return Err(OggOpusError::Read { path, source }),
    }
    let mut options = PageParsingOptions::default();
    options.verify_checksum = verify_checksum;
    let mut stream = Stream {
        reader: PacketReader::new_with_page_parse_opts(Cursor::new(bytes), options),
        serial: None,
    };
    stream.read(&path)
}

/// The packets of one logical stream.
struct Stream {
    reader: PacketReader<Cursor<Vec<u8>>>,
    serial: Option<u32>,
}

impl Stream {
    fn read(&mut self, path: &Path) -> Result<OggOpus, OggOpusError> {
        let damaged = |fault| OggOpusError::Damaged {
            path: path.to_owned(),
            fault,
        };
        let not_ogg_opus = || OggOpusError::NotOggOpus { path: path.to_owned() };
        let head = match self.next() {
            Ok(Some(packet)) => Head::read(&packet.data).map_err(|fault| match fault {
                Fault::NotOpus => not_ogg_opus(),
                Fault::Damaged(fault) => damaged(fault),
                Fault::Surround => OggOpusError::Surround { path: path.to_owned() },
            })?,
            Ok(None) | Err(_) => return Err(not_ogg_opus()),
        };
        match self.next() {
            Ok(Some(packet)) if is_tags(&packet.data) => {}
            Ok(Some(_)) => return Err(damaged("its second packet is no comment header")),
            Ok(None) | Err(_) => return Err(damaged("it ends before its audio begins")),
        }
        let mut packets = OpusPackets::default();
        let mut times = Times::default();
        let mut ready_made = head.gain == 0;
        while let Some(packet) = self.next().map_err(damaged)? {
            let samples = packet_samples(&packet.data).ok_or_else(|| damaged("a packet in it is no Opus"))?;
            ready_made &= samples == FRAME_SAMPLES && !is_stereo(&packet.data);
            packets.push(&packet.data);
            times.add(&packet, samples);
            if times.samples as u64 > LONGEST.as_secs() * u64::from(SAMPLE_RATE) {
                return Err(OggOpusError::TooLong { path: path.to_owned() });
            }
        }
        Ok(OggOpus {
            path: path.to_owned(),
            head,
            packets,
            length: times.end().saturating_sub(usize::from(head.pre_skip)),
            ready_made,
        })
    }

    /// The next packet; none at the end, however it comes.
    fn next(&mut self) -> Result<Option<Packet>, &'static str> {
        loop {
            match self.reader.read_packet() {
                Ok(Some(packet)) if *self.serial.get_or_insert(packet.stream_serial()) == packet.stream_serial() => {
                    return Ok(Some(packet));
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(OggReadError::NoCapturePatternFound) => return Ok(None),
                Err(OggReadError::ReadError(error)) if error.kind() == ErrorKind::UnexpectedEof => return Ok(None),
                Err(OggReadError::HashMismatch(..)) => return Err("the checksum of a page is wrong"),
                Err(_) => return Err("a page of it is not as Ogg has it"),
            }
        }
    }
}

/// What the granule positions say (RFC 7845 section 4).
#[derive(Default)]
struct Times {
    /// All samples that the packets hold.
    samples: usize,
    /// Where the count of the file begins, known at the end of the first page with audio.
    offset: Option<u64>,
    /// Where it ends.
    last: Option<u64>,
}

impl Times {
    fn add(&mut self, packet: &Packet, samples: usize) {
        self.samples += samples;
        if packet.last_in_page() {
            let position = packet.absgp_page();
            // The end of a page that is the stream's end, too, may lie within a packet.
            let offset = match packet.last_in_stream() {
                true => 0,
                false => position.saturating_sub(self.samples as u64),
            };
            self.offset.get_or_insert(offset);
            self.last = packet.last_in_stream().then_some(position);
        }
    }

    /// How many samples there are up to the end, which the last page may set before the end of its last packet.
    fn end(&self) -> usize {
        match (self.offset, self.last) {
            (Some(offset), Some(last)) => self
                .samples
                .min(usize::try_from(last.saturating_sub(offset)).unwrap_or(usize::MAX)),
            _ => self.samples,
        }
    }
}

impl OggOpus {
    /// The identification header.
    #[must_use]
    pub fn head(&self) -> Head {
        self.head
    }

    /// The packets as they are in the file.
    #[must_use]
    pub fn packets(&self) -> &OpusPackets {
        &self.packets
    }

    /// Whether each packet can be sent in a call as it is: mono, of 20 ms, and without a change of level.
    #[must_use]
    pub fn is_ready_made(&self) -> bool {
        self.ready_made
    }

    /// Decodes the file as 48 kHz mono.
    ///
    /// # Errors
    /// [`OggOpusError::Damaged`] when a packet cannot be decoded.
    pub fn samples(&self) -> Result<Vec<i16>, OggOpusError> {
        let mut decoder = PacketDecoder::new().ok_or(OggOpusError::Decoder)?;
        let gain = 10_f32.powf(f32::from(self.head.gain) / 256.0 / 20.0);
        let mut samples = Vec::with_capacity(self.packets.len() * FRAME_SAMPLES);
        for packet in self.packets.iter() {
            let decoded = decoder.decode(packet).ok_or_else(|| OggOpusError::Damaged {
                path: self.path.clone(),
                fault: "a packet in it cannot be decoded",
            })?;
            if self.head.gain == 0 {
                samples.extend(decoded);
            } else {
                // As casts of floats do, this stays within the range of a sample.
                samples.extend(decoded.map(|sample| (f32::from(sample) * gain).round() as i16));
            }
        }
        samples.drain(..samples.len().min(usize::from(self.head.pre_skip)));
        samples.truncate(self.length);
        Ok(samples)
    }
}
