//! Writing WAV files.

use std::io::{self, Seek, Write};

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::SAMPLE_RATE;

/// How the samples of a WAV file that is written are coded. All of them hold what a call carries, which has 16 bits, unchanged, but for
/// the 8 bit one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum WavFormat {
    /// PCM of 8 bit, unsigned.
    Pcm8,
    /// PCM of 16 bit.
    #[default]
    Pcm16,
    /// PCM of 24 bit.
    Pcm24,
    /// PCM of 32 bit.
    Pcm32,
    /// Floats of 32 bit, full scale being -1 to 1.
    Float32,
}

impl WavFormat {
    /// Bytes of a sample.
    #[must_use]
    pub fn bytes(self) -> u16 {
        match self {
            Self::Pcm8 => 1,
            Self::Pcm16 => 2,
            Self::Pcm24 => 3,
            Self::Pcm32 | Self::Float32 => 4,
        }
    }

    fn spec(self, channels: u16) -> WavSpec {
        WavSpec {
            channels,
            sample_rate: SAMPLE_RATE,
            bits_per_sample: self.bytes() * 8,
            sample_format: match self {
                Self::Pcm8 | Self::Pcm16 | Self::Pcm24 | Self::Pcm32 => SampleFormat::Int,
                Self::Float32 => SampleFormat::Float,
            },
        }
    }
}

/// Writes 48 kHz samples of mono audio as a WAV file.
///
/// # Errors
/// What the writer says.
pub fn encode(samples: &[i16], format: WavFormat, writer: impl Write + Seek) -> io::Result<()> {
    let mut wav = Writer::new(writer, 1, format)?;
    wav.write(samples)?;
    wav.finish()
}

/// A WAV file that is being written.
pub(crate) struct Writer<W: Write + Seek> {
    wav: WavWriter<W>,
    format: WavFormat,
}

impl<W: Write + Seek> Writer<W> {
    /// A file without samples yet, at 48 kHz.
    pub(crate) fn new(writer: W, channels: u16, format: WavFormat) -> io::Result<Self> {
        let mut wav = WavWriter::new(writer, format.spec(channels)).map_err(into_io)?;
        wav.flush().map_err(into_io)?;
        Ok(Self { wav, format })
    }

    /// Adds samples, those of the channels in turn.
    pub(crate) fn write(&mut self, samples: &[i16]) -> io::Result<()> {
        self.write_samples(samples).map_err(into_io)
    }

    /// Brings the header up to date and gives everything to the system, so that the file is whole up to here.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.wav.flush().map_err(into_io)
    }

    pub(crate) fn finish(self) -> io::Result<()> {
        self.wav.finalize().map_err(into_io)
    }

    fn write_samples(&mut self, samples: &[i16]) -> hound::Result<()> {
        let wav = &mut self.wav;
        match self.format {
            WavFormat::Pcm8 => samples.iter().try_for_each(|&sample| wav.write_sample(sample >> 8)),
            WavFormat::Pcm16 => {
                let mut writer = wav.get_i16_writer(samples.len() as u32);
                samples.iter().for_each(|&sample| writer.write_sample(sample));
                writer.flush()
            }
            WavFormat::Pcm24 => samples
                .iter()
                .try_for_each(|&sample| wav.write_sample(i32::from(sample) << 8)),
            WavFormat::Pcm32 => samples
                .iter()
                .try_for_each(|&sample| wav.write_sample(i32::from(sample) << 16)),
            WavFormat::Float32 => samples
                .iter()
                .try_for_each(|&sample| wav.write_sample(f32::from(sample) / 32768.0)),
        }
    }
}

fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::path::Path;

    use super::*;
    use crate::wav::decode;

    fn round_trip(samples: &[i16], format: WavFormat) -> Vec<i16> {
        let mut file = Cursor::new(Vec::new());
        encode(samples, format, &mut file).expect("memory takes all");
        let bytes = file.into_inner();
        let header = if format == WavFormat::Pcm16 || format == WavFormat::Pcm8 {
            44
        } else {
            68
        };
        assert!(
            bytes.len() <= header + samples.len() * usize::from(format.bytes()) + 1,
            "{format:?}"
        );
        decode(&*bytes, Path::new("memory")).expect("a WAV file")
    }

    #[test]
    fn every_format_but_that_of_8_bit_holds_each_sample_unchanged() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(37).chain([i16::MAX]).collect();
        for format in [WavFormat::Pcm16, WavFormat::Pcm24, WavFormat::Pcm32, WavFormat::Float32] {
            assert_eq!(round_trip(&samples, format), samples, "{format:?}");
        }
        for (read, written) in round_trip(&samples, WavFormat::Pcm8).into_iter().zip(samples) {
            assert_eq!(read, written & !0xff);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told() {
        let full = std::fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .expect("Linux has one");
        let error = encode(&[0; 960], WavFormat::Pcm16, full).expect_err("nothing can be written");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
    }
}
