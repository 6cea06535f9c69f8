//! A recording of a call: one stereo WAV file, left what we sent, right what we heard.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use hound::{SampleFormat, WavSpec, WavWriter};

use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE, SILENT_FRAME};

/// Frames that wait for the disk: 5 s. When it is slower than that, frames are missed, and silence keeps their place.
pub const WAITING_FRAMES: usize = 250;

/// Frames between two updates of the file's header: 1 s, which is what a killed process loses.
const FLUSH_FRAMES: u64 = 50;

/// The longest recording: what the 32-bit sizes of a WAV file hold, with room to spare.
pub const LONGEST: Duration = Duration::from_secs(6 * 3600);

/// Both directions of a call on their way into a file.
///
/// [`write`](Recording::write) never blocks: a thread of its own does the writing. The header is brought up to date every
/// second, so the file can be played at any moment, also after the process was killed. Dropping a recording completes
/// the file in the background; [`finish`](Recording::finish) waits for that and tells how it went.
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
    /// The file.
    pub path: PathBuf,
    /// How long it plays.
    pub duration: Duration,
    /// Frames of 20 ms that are silence in the file because the disk was too slow, or that came after [`LONGEST`].
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

impl Recording {
    /// Creates the file, readable for its owner only, and starts the thread that writes it.
    ///
    /// # Errors
    /// [`RecordingError::Create`] when the file exists already, its folder does not, or the disk refuses.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, RecordingError> {
        let path = path.into();
        let (frames, waiting) = mpsc::sync_channel(WAITING_FRAMES);
        let started = open(&path).and_then(|file| start(file, waiting));
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
            Ok(Written { frames, beyond }) => Ok(Recorded {
                path,
                duration: FRAME * u32::try_from(frames).unwrap_or(u32::MAX),
                missed_frames: missed_in_all + beyond,
            }),
            Err(source) => Err(RecordingError::Write { path, source }),
        }
    }
}

/// The time that one frame takes.
const FRAME: Duration = Duration::from_millis(20);

/// The frames that fit into [`LONGEST`].
const MOST_FRAMES: u64 = LONGEST.as_secs() * 50;

/// What the writer has done.
#[derive(Debug, Clone, Copy, Default)]
struct Written {
    frames: u64,
    /// Frames that came when the file was full.
    beyond: u64,
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    // A conversation is nobody else's business.
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn start(file: File, waiting: Receiver<Pair>) -> io::Result<JoinHandle<io::Result<Written>>> {
    let spec = WavSpec {
        channels: 2,
        sample_rate: SAMPLE_RATE,
        bits_per_sample: 16,
        sample_format: SampleFormat::Int,
    };
    let mut wav = WavWriter::new(BufWriter::new(file), spec).map_err(into_io)?;
    wav.flush().map_err(into_io)?;
    std::thread::Builder::new()
        .name("recording".to_owned())
        .spawn(move || write_all(wav, &waiting).inspect_err(|error| tracing::warn!(%error, "recording failed")))
}

/// Writes frames until the recording lets go of its end of the channel.
fn write_all(mut wav: WavWriter<BufWriter<File>>, waiting: &Receiver<Pair>) -> io::Result<Written> {
    let mut written = Written::default();
    for Pair { missed, sent, heard } in waiting {
        if written.frames + missed >= MOST_FRAMES {
            if written.beyond == 0 {
                tracing::warn!(limit = ?LONGEST, "recording is full; the rest of the call is not kept");
            }
            written.beyond += 1;
            continue;
        }
        for _ in 0..missed {
            write_pair(&mut wav, &SILENT_FRAME, &SILENT_FRAME).map_err(into_io)?;
        }
        write_pair(&mut wav, &sent, &heard).map_err(into_io)?;
        let flushed = written.frames / FLUSH_FRAMES;
        written.frames += missed + 1;
        if written.frames / FLUSH_FRAMES > flushed {
            wav.flush().map_err(into_io)?;
        }
    }
    wav.finalize().map_err(into_io)?;
    Ok(written)
}

fn write_pair(wav: &mut WavWriter<BufWriter<File>>, sent: &Frame, heard: &Frame) -> hound::Result<()> {
    let mut samples = wav.get_i16_writer(2 * FRAME_SAMPLES as u32);
    for (&sent, &heard) in sent.iter().zip(heard) {
        samples.write_sample(sent);
        samples.write_sample(heard);
    }
    samples.flush()
}

fn into_io(error: hound::Error) -> io::Error {
    match error {
        hound::Error::IoError(error) => error,
        other => io::Error::other(other),
    }
}

#[cfg(test)]
mod tests;
