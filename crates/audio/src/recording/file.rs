//! The files of a recording, one after the other.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use super::RecordingOptions;
use crate::wav::Writer;
use crate::{FRAME_SAMPLES, Frame};

/// Frames between two updates of a file's header: 1 s, which is what a killed process loses.
const FLUSH_FRAMES: u64 = 50;

/// More than the header of any file.
const HEADER_BYTES: u64 = 128;

/// Where a recording goes: a file, and when that has its size the next.
pub(super) struct Files {
    path: PathBuf,
    options: RecordingOptions,
    current: Writer<BufWriter<File>>,
    /// The former files and the current one.
    paths: Vec<PathBuf>,
    frames: u64,
    frames_in_file: u64,
    most_frames: u64,
    interleaved: Box<[i16; 2 * FRAME_SAMPLES]>,
}

impl Files {
    /// Creates the first file, readable for its owner only.
    pub(super) fn create(path: &Path, options: RecordingOptions) -> io::Result<Self> {
        let frame_bytes = u64::from(options.format.bytes()) * 2 * FRAME_SAMPLES as u64;
        Ok(Self {
            path: path.to_owned(),
            options,
            current: Writer::new(BufWriter::new(open(path)?), 2, options.format)?,
            paths: vec![path.to_owned()],
            frames: 0,
            frames_in_file: 0,
            most_frames: (options.most_bytes.saturating_sub(HEADER_BYTES) / frame_bytes).max(1),
            interleaved: Box::new([0; 2 * FRAME_SAMPLES]),
        })
    }

    /// Adds 20 ms of both directions.
    pub(super) fn write(&mut self, sent: &Frame, heard: &Frame) -> io::Result<()> {
        if self.frames_in_file == self.most_frames {
            self.rotate()?;
        }
        for (pair, (&sent, &heard)) in self
            .interleaved
            .as_chunks_mut::<2>()
            .0
            .iter_mut()
            .zip(sent.iter().zip(heard))
        {
            *pair = [sent, heard];
        }
        self.current.write(&*self.interleaved)?;
        self.frames += 1;
        self.frames_in_file += 1;
        if self.frames_in_file.is_multiple_of(FLUSH_FRAMES) {
            self.current.flush()?;
        }
        Ok(())
    }

    /// Completes the last file; how many frames were written, and to which files.
    pub(super) fn finish(self) -> io::Result<(u64, Vec<PathBuf>)> {
        self.current.finish()?;
        Ok((self.frames, self.paths))
    }

    fn rotate(&mut self) -> io::Result<()> {
        let path = numbered(&self.path, self.paths.len() + 1);
        let file = Writer::new(BufWriter::new(open(&path)?), 2, self.options.format)?;
        std::mem::replace(&mut self.current, file).finish()?;
        self.paths.push(path);
        self.frames_in_file = 0;
        Ok(())
    }
}

/// `call.wav` is followed by `call-2.wav`.
fn numbered(path: &Path, number: usize) -> PathBuf {
    let mut name = path.file_stem().unwrap_or_default().to_owned();
    name.push(format!("-{number}"));
    if let Some(extension) = path.extension() {
        name.push(".");
        name.push(extension);
    }
    path.with_file_name(name)
}

/// Creates a file that is not there yet.
fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // A conversation is nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_goes_before_the_extension() {
        assert_eq!(numbered(Path::new("a.b/call.wav"), 2), Path::new("a.b/call-2.wav"));
        assert_eq!(numbered(Path::new("call"), 12), Path::new("call-12"));
    }
}
