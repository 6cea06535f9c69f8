//! Reading and writing WAV files.

mod header;
mod write;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::pipe::fill;
use crate::resample::{RateError, Resampler};
use header::{Fault, Header};

pub(crate) use write::Writer;
pub use write::{WavFormat, encode};

/// The longest file that is read into memory (345 MB of samples).
pub const LONGEST: Duration = Duration::from_secs(3600);

/// Why a WAV file could not be read. Each names the file and what can be done.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WavError {
    /// The file is missing, may not be read, or the disk failed.
    #[error("{path}: cannot be read: {source}", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file does not begin as a WAV file does.
    #[error("{path} is no WAV file: it does not begin with a RIFF/WAVE header; convert it to WAV first", path = path.display())]
    NotWav {
        /// The file.
        path: PathBuf,
    },
    /// The file begins as a WAV file and breaks its rules further on.
    #[error("{path} is a damaged WAV file: {fault}", path = path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which rule it breaks.
        fault: &'static str,
    },
    /// The samples are coded in a way that is not read.
    #[error("{path} holds {coding}; 8, 16, 24 and 32 bit PCM, 32 and 64 bit float are read; convert it first", path = path.display())]
    Coding {
        /// The file.
        path: PathBuf,
        /// How it is coded.
        coding: String,
    },
    /// The sample rate lies outside [`RATES`](crate::resample::RATES).
    #[error("{path}: {source}", path = path.display())]
    Rate {
        /// The file.
        path: PathBuf,
        /// The rate.
        source: RateError,
    },
    /// The file holds more than [`LONGEST`].
    #[error("{path} is longer than {limit:?}; cut it first", path = path.display())]
    TooLong {
        /// The file.
        path: PathBuf,
        /// The limit.
        limit: Duration,
    },
}

/// Reads a WAV file of any rate and any number of channels as 48 kHz mono: channels are averaged, the rate is converted.
///
/// A file that was cut off (its header promises more than is there) is read as far as it goes.
///
/// # Errors
/// [`WavError`], by cause.
pub fn read_wav(path: impl AsRef<Path>) -> Result<Vec<i16>, WavError> {
    let path = path.as_ref();
    let file = File::open(path).map_err(|source| WavError::Read {
        path: path.to_owned(),
        source,
    })?;
    decode(BufReader::new(file), path)
}

/// Reads a WAV file from memory or any other reader; `path` is what the errors call it.
///
/// # Errors
/// As [`read_wav`].
pub fn decode(reader: impl Read, path: &Path) -> Result<Vec<i16>, WavError> {
    decode_within(reader, path, LONGEST)
}

fn decode_within(mut reader: impl Read, path: &Path, limit: Duration) -> Result<Vec<i16>, WavError> {
    let header = Header::read(&mut reader).map_err(|fault| fault.of(path))?;
    let rate_refused = |source| WavError::Rate {
        path: path.to_owned(),
        source,
    };
    let mut resampler = Resampler::new(header.rate).map_err(rate_refused)?;
    let mut data = reader.take(header.data_bytes);
    let mut bytes = vec![0; header.block() * (CHUNK_BYTES / header.block()).max(1)];
    let mut mono = Vec::new();
    let mut left = limit.as_secs() * u64::from(header.rate);
    loop {
        let length = fill(&mut data, &mut bytes).map_err(|source| Fault::Read(source).of(path))?;
        header.mix_down(&bytes[..length], &mut mono);
        left = left.checked_sub(mono.len() as u64).ok_or_else(|| WavError::TooLong {
            path: path.to_owned(),
            limit,
        })?;
        resampler.push(&mono);
        if length < bytes.len() {
            return Ok(resampler.finish());
        }
    }
}

/// Bytes that are read at a time.
const CHUNK_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
