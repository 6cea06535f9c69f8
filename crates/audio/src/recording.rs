//! A recording of a call: stereo WAV, left what we sent, right what we heard.

mod file;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::wav::WavFormat;
use crate::{Frame, SILENT_FRAME};
use file::Files;

/// Frames that wait for the disk: 5 s. When it is slower than that, frames are missed, and silence keeps their place.
pub const WAITING_FRAMES: usize = 250;

/// How a recording is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordingOptions {
    /// How its samples are coded.
    pub format: WavFormat,
    /// How many bytes a file may have, at most and by default 4 147 200 128 (6 h of 16 bit), which the 32-bit sizes of a WAV file hold.
    /// Then the recording goes on in the next: `call.wav`, `call-2.wav` and so on, without a gap between them.
    pub most_bytes: u64,
}

impl RecordingOptions {
    /// The largest file.
    pub const MOST_BYTES: u64 = 6 * 3600 * 48_000 * 2 * 2 + 128;
}

impl Default for RecordingOptions {
    fn default() -> Self {
        Self {
            format: WavFormat::default(),
            most_bytes: Self::MOST_BYTES,
        }
    }
}

/// Both directions of a call on their way into a file.
///
/// [`write`](Recording::write) never blocks: a thread of its own does the writing. The header is brought up to date every
/// second, so the file can be played at any moment, also after the process was killed. Dropping a recording completes
/// the file in the background; [`finish`](Recording::finish) waits for that and tells how it went. Every frame has its place by the
/// call's clock, in both channels: what was not heard, and what the disk could not follow, is silence.
#[derive(Debug)]
pub struct Recording {
    path: PathBuf,
    frames: SyncSender<Pair>,
    writer: JoinHandle<io::Result<Written>>,
    /// Frames that found no place since the last one that did.
    missed: u64,
    missed_in_all: u64,
}

/// 20 ms of both directions.
#[derive(Debug)]
struct Pair {
    /// Frames that were missed before this one.
    missed: u64,
    sent: Frame,
    heard: Frame,
}

/// What a finished recording holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recorded {
    /// The file, the first if there are several.
    pub path: PathBuf,
    /// The files that follow it, when it grew beyond [`RecordingOptions::most_bytes`].
    pub further: Vec<PathBuf>,
    /// How long they play together.
    pub duration: Duration,
    /// Frames of 20 ms that are silence in the files because the disk was too slow.
    pub missed_frames: u64,
}

/// Why there is no recording, or only a part of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordingError {
    /// The file could not be made. An existing file is never overwritten.
    #[error("the recording {path} cannot be created: {source}", path = path.display())]
    Create {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Writing failed on the way; what was written before can be played.
    #[error("the recording {path} is incomplete: {source}", path = path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl RecordingError {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        match self {
            Self::Create { path, .. } | Self::Write { path, .. } => path,
        }
    }
}

impl Recording {
    /// Creates the file, readable for its owner only, and starts the thread that writes it.
    ///
    /// # Errors
    /// [`RecordingError::Create`] when the file exists already, its folder does not, or the disk refuses.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RecordingError> {
        Self::create_with(path, RecordingOptions::default())
    }

    /// As [`create`](Self::create), with options.
    ///
    /// # Errors
    /// As [`create`](Self::create).
    pub fn create_with(path: impl Into<PathBuf>, options: RecordingOptions) -> Result<Self, RecordingError> {
        let path = path.into();
        let options = RecordingOptions {
            most_bytes: options.most_bytes.min(RecordingOptions::MOST_BYTES),
            ..options
        };
        let (frames, waiting) = mpsc::sync_channel(WAITING_FRAMES);
        let started = Files::create(&path, options).and_then(|files| start(files, waiting));
        match started {
            Ok(writer) => Ok(Self {
                path,
                frames,
                writer,
                missed: 0,
                missed_in_all: 0,
            }),
            Err(source) => Err(RecordingError::Create { path, source }),
        }
    }

    /// The file that is written.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Adds 20 ms of both directions. Never blocks: what the disk cannot follow is missed, and counted.
    pub fn write(&mut self, sent: &Frame, heard: &Frame) {
        let pair = Pair {
            missed: self.missed,
            sent: *sent,
            heard: *heard,
        };
        if self.frames.try_send(pair).is_ok() {
            self.missed = 0;
        } else {
            self.missed += 1;
            self.missed_in_all += 1;
        }
    }

    /// Whether writing has failed, so that nothing more is kept; [`finish`](Recording::finish) says why.
    #[must_use]
    pub fn is_broken(&self) -> bool {
        self.writer.is_finished()
    }

    /// Waits until everything is in the file, and closes it. This waits for the disk: call it off the frame clock.
    ///
    /// # Errors
    /// [`RecordingError::Write`] when something could not be written (a full disk); what came before it can be played.
    pub fn finish(self) -> Result<Recorded, RecordingError> {
        let Self {
            path,
            frames,
            writer,
            missed_in_all,
            ..
        } = self;
        // The end of the channel is the writer's sign to complete the file.
        drop(frames);
        let written = match writer.join() {
            Ok(written) => written,
            Err(_) => Err(io::Error::other("the thread that writes it has panicked")),
        };
        match written {
            Ok((frames, mut paths)) => Ok(Recorded {
                further: paths.split_off(1),
                path,
                duration: FRAME * u32::try_from(frames).unwrap_or(u32::MAX),
                missed_frames: missed_in_all,
            }),
            Err(source) => Err(RecordingError::Write { path, source }),
        }
    }
}

/// The time that one frame takes.
const FRAME: Duration = Duration::from_millis(20);

/// How many frames were written, and to which files.
type Written = (u64, Vec<PathBuf>);

fn start(files: Files, waiting: Receiver<Pair>) -> io::Result<JoinHandle<io::Result<Written>>> {
    std::thread::Builder::new()
        .name("recording".to_owned())
        .spawn(move || write_all(files, &waiting).inspect_err(|error| tracing::warn!(%error, "recording failed")))
}

/// Writes frames until the recording lets go of its end of the channel.
fn write_all(mut files: Files, waiting: &Receiver<Pair>) -> io::Result<Written> {
    for Pair { missed, sent, heard } in waiting {
        for _ in 0..missed {
            files.write(&SILENT_FRAME, &SILENT_FRAME)?;
        }
        files.write(&sent, &heard)?;
    }
    files.finish()
}

#[cfg(test)]
mod tests;
