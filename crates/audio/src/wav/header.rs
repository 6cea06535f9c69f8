//! The head of a WAV file (Multimedia Programming Interface and Data Specifications 1.0; WAVEFORMATEXTENSIBLE), and the
//! samples' coding that it describes.

use std::io::{self, Read};
use std::path::Path;

use super::WavError;
use crate::pipe::fill;

/// What has to be known to read the samples.
pub(super) struct Header {
    coding: Coding,
    channels: u16,
    /// Samples a second and channel, in hertz.
    pub(super) rate: u32,
    /// The length of the audio data; of endless data (written to a pipe) no length is known, and this is the largest number.
    pub(super) data_bytes: u64,
}

/// How one sample is written, always little endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Coding {
    Unsigned8,
    Signed16,
    Signed24,
    Signed32,
    Float32,
    Float64,
}

/// What is wrong with a file, before the file's name is put to it.
pub(super) enum Fault {
    Read(io::Error),
    NotWav,
    Damaged(&'static str),
    Coding(String),
}

const PCM: u16 = 0x0001;
const IEEE_FLOAT: u16 = 0x0003;
const EXTENSIBLE: u16 = 0xfffe;
/// What follows the format tag in the sub-format of an extensible header.
const SUBFORMAT: [u8; 14] = [
    0x00, 0x00, 0x00, 0x00, 0x10, 0x00, 0x80, 0x00, 0x00, 0xaa, 0x00, 0x38, 0x9b, 0x71,
];
/// The length that programs write when they do not know it.
const UNKNOWN_LENGTH: u32 = u32::MAX;

impl Fault {
    pub(super) fn of(self, path: &Path) -> WavError {
        let path = path.to_owned();
        match self {
            Self::Read(source) => WavError::Read { path, source },
            Self::NotWav => WavError::NotWav { path },
            Self::Damaged(fault) => WavError::Damaged { path, fault },
            Self::Coding(coding) => WavError::Coding { path, coding },
        }
    }
}

impl Header {
    /// Reads up to the first sample.
    pub(super) fn read(reader: &mut impl Read) -> Result<Self, Fault> {
        let mut riff = [0; 12];
        let length = fill(reader, &mut riff).map_err(Fault::Read)?;
        if length < riff.len() || &riff[..4] != b"RIFF" || &riff[8..] != b"WAVE" {
            return Err(Fault::NotWav);
        }
        let mut format = None;
        loop {
            let mut head = [0; 8];
            exactly(reader, &mut head)?;
            let [a, b, c, d, length @ ..] = head;
            let length = u32::from_le_bytes(length);
            match &[a, b, c, d] {
                b"fmt " => format = Some(read_format(reader, length)?),
                b"data" => {
                    let (coding, channels, rate) = format.ok_or(Fault::Damaged("it has no format before its audio"))?;
                    let data_bytes = if length == UNKNOWN_LENGTH {
                        u64::MAX
                    } else {
                        u64::from(length)
                    };
                    return Ok(Self {
                        coding,
                        channels,
                        rate,
                        data_bytes,
                    });
                }
                // A chunk of an odd length is followed by one byte of padding.
                _ => skip(reader, u64::from(length) + u64::from(length % 2))?,
            }
        }
    }

    /// Bytes of one sample of all channels.
    pub(super) fn block(&self) -> usize {
        self.coding.bytes() * usize::from(self.channels)
    }

    /// Replaces `mono` by the average of the channels, -1 to 1. A block that is cut off at the end is left out.
    pub(super) fn mix_down(&self, bytes: &[u8], mono: &mut Vec<f32>) {
        let average = |block: &[u8]| {
            let sum: f32 = block
                .chunks_exact(self.coding.bytes())
                .map(|sample| self.coding.sample(sample))
                .sum();
            sum / f32::from(self.channels)
        };
        mono.clear();
        mono.extend(bytes.chunks_exact(self.block()).map(average));
    }
}

impl Coding {
    fn new(tag: u16, bytes: u16) -> Result<Self, Fault> {
        Ok(match (tag, bytes) {
            (PCM, 1) => Self::Unsigned8,
            (PCM, 2) => Self::Signed16,
            (PCM, 3) => Self::Signed24,
            (PCM, 4) => Self::Signed32,
            (IEEE_FLOAT, 4) => Self::Float32,
            (IEEE_FLOAT, 8) => Self::Float64,
            (PCM, bytes) => return Err(Fault::Coding(format!("PCM of {} bit", u32::from(bytes) * 8))),
            (IEEE_FLOAT, bytes) => return Err(Fault::Coding(format!("floats of {} bit", u32::from(bytes) * 8))),
            (0x0002, _) => return Err(Fault::Coding("Microsoft ADPCM".to_owned())),
            (0x0006, _) => return Err(Fault::Coding("G.711 A-law".to_owned())),
            (0x0007, _) => return Err(Fault::Coding("G.711 mu-law".to_owned())),
            (0x0011, _) => return Err(Fault::Coding("IMA ADPCM".to_owned())),
            (0x0055, _) => return Err(Fault::Coding("MP3".to_owned())),
            (tag, _) => return Err(Fault::Coding(format!("audio of the format 0x{tag:04x}"))),
        })
    }

    fn bytes(self) -> usize {
        match self {
            Self::Unsigned8 => 1,
            Self::Signed16 => 2,
            Self::Signed24 => 3,
            Self::Signed32 | Self::Float32 => 4,
            Self::Float64 => 8,
        }
    }

    /// One sample; samples of fewer bits than their bytes hold lie in the upper ones, so the full width is the scale.
    fn sample(self, bytes: &[u8]) -> f32 {
        match self {
            Self::Unsigned8 => (f32::from(first::<1>(bytes)[0]) - 128.0) / 128.0,
            Self::Signed16 => f32::from(i16::from_le_bytes(first(bytes))) / 32768.0,
            Self::Signed24 => {
                let [a, b, c] = first(bytes);
                i32::from_le_bytes([0, a, b, c]) as f32 / 2_147_483_648.0
            }
            Self::Signed32 => i32::from_le_bytes(first(bytes)) as f32 / 2_147_483_648.0,
            Self::Float32 => f32::from_le_bytes(first(bytes)),
            Self::Float64 => f64::from_le_bytes(first(bytes)) as f32,
        }
    }
}

/// The first bytes of a sample, which is never shorter: it is a chunk of exactly [`Coding::bytes`].
fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

/// Reads the `fmt ` chunk: how samples are coded, the number of channels, the rate.
fn read_format(reader: &mut impl Read, length: u32) -> Result<(Coding, u16, u32), Fault> {
    let mut chunk = [0; 40];
    let known = chunk.len().min(length as usize);
    exactly(reader, &mut chunk[..known])?;
    skip(reader, u64::from(length) - known as u64 + u64::from(length % 2))?;
    if known < 16 {
        return Err(Fault::Damaged("its format chunk is shorter than 16 bytes"));
    }
    let field = |at: usize| u16::from_le_bytes([chunk[at], chunk[at + 1]]);
    let (mut tag, channels, block, bits) = (field(0), field(2), field(12), field(14));
    let rate = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]);
    if tag == EXTENSIBLE {
        if known < 40 || chunk[26..40] != SUBFORMAT {
            return Err(Fault::Coding("audio of an unknown extensible format".to_owned()));
        }
        tag = field(24);
    }
    if channels == 0 {
        return Err(Fault::Damaged("it has no channels"));
    }
    let bytes = block / channels;
    // Compressed formats have their own meaning of a block; they are refused by name, not as damaged.
    let coding = Coding::new(tag, bytes)?;
    if block % channels != 0 || bits > bytes * 8 || bits == 0 {
        return Err(Fault::Damaged(
            "its format contradicts itself: bits, channels and block length do not agree",
        ));
    }
    Ok((coding, channels, rate))
}

fn exactly(reader: &mut impl Read, buffer: &mut [u8]) -> Result<(), Fault> {
    match fill(reader, buffer) {
        Ok(length) if length == buffer.len() => Ok(()),
        Ok(_) => Err(Fault::Damaged("it ends before its audio begins")),
        Err(error) => Err(Fault::Read(error)),
    }
}

fn skip(reader: &mut impl Read, length: u64) -> Result<(), Fault> {
    match io::copy(&mut reader.take(length), &mut io::sink()) {
        Ok(skipped) if skipped == length => Ok(()),
        Ok(_) => Err(Fault::Damaged("it ends before its audio begins")),
        Err(error) => Err(Fault::Read(error)),
    }
}
