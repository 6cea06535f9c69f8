//! Raw PCM through pipes: 48 kHz, mono, 16 bit, little endian, as `stdin` and `stdout` name them.
//!
//! A thread each reads or writes; a call never waits for it. What is piped in is read at the call's pace, what is piped out is dropped
//! when the reader is more than a second behind. Standard input and output are one each for the whole process: one call at a time has
//! them, another one hears silence until that gives them back.

use std::io::{self, Read, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::channel::{self, ChannelSink, ChannelSource, FrameReceiver, FrameSender};
use crate::{FRAME_SAMPLES, Frame, Played, SILENT_FRAME, Sink, SinkError, Source, SourceFault};

/// Frames that are read ahead: 200 ms.
const AHEAD: usize = 10;

/// Frames that wait for a reader: 1 s.
const BEHIND: usize = 50;

/// How long a sink that is finished waits for its reader.
const PATIENCE: Duration = Duration::from_secs(2);

/// Bytes of a frame.
const FRAME_BYTES: usize = 2 * FRAME_SAMPLES;

/// Plays the raw PCM of a reader, from a thread that waits for it. A last frame that is cut off is filled up with silence.
///
/// # Errors
/// When there is no thread to be had.
pub fn source(reader: impl Read + Send + 'static) -> io::Result<ChannelSource> {
    let (sender, source) = channel::source(AHEAD);
    thread::Builder::new()
        .name("audio-in".to_owned())
        .spawn(move || read_all(reader, sender))?;
    Ok(source)
}

/// Writes raw PCM to a writer, from a thread that waits for it; `name` is what errors call it.
///
/// # Errors
/// When there is no thread to be had.
pub fn sink(writer: impl Write + Send + 'static, name: &str) -> io::Result<PipeSink> {
    let (sink, receiver) = channel::sink(BEHIND);
    let name = name.to_owned();
    thread::Builder::new()
        .name("audio-out".to_owned())
        .spawn(move || write_all(writer, receiver, name))?;
    Ok(PipeSink(sink))
}

/// The call's end of a pipe that is written to.
#[derive(Debug)]
pub struct PipeSink(ChannelSink);

impl Sink for PipeSink {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        self.0.write(frame)
    }

    /// Waits until the reader has everything, up to two seconds.
    fn finish(self: Box<Self>) -> Result<(), SinkError> {
        self.drain();
        Ok(())
    }
}

impl PipeSink {
    fn drain(&self) {
        let until = Instant::now() + PATIENCE;
        while self.0.waiting() > 0 && !self.0.is_closed() && Instant::now() < until {
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn read_all(mut reader: impl Read, mut sender: FrameSender) {
    let mut bytes = [0; FRAME_BYTES];
    loop {
        let length = match fill(&mut reader, &mut bytes) {
            Ok(0) => return,
            Ok(length) => length,
            Err(error) => {
                tracing::warn!(%error, "reading piped audio failed");
                return sender.fail(SourceFault::Read(error.kind()));
            }
        };
        let mut frame = SILENT_FRAME;
        for (sample, bytes) in frame.iter_mut().zip(bytes[..length].as_chunks::<2>().0) {
            *sample = i16::from_le_bytes(*bytes);
        }
        if sender.send_blocking(&frame).is_err() || length < bytes.len() {
            return;
        }
    }
}

fn write_all(mut writer: impl Write, mut receiver: FrameReceiver, name: String) {
    let mut bytes = [0; FRAME_BYTES];
    while let Some(frame) = receiver.next_blocking() {
        for (bytes, sample) in bytes.as_chunks_mut::<2>().0.iter_mut().zip(frame) {
            *bytes = sample.to_le_bytes();
        }
        let written = writer.write_all(&bytes).and_then(|()| writer.flush());
        if let Err(error) = written {
            tracing::warn!(%error, name, "writing piped audio failed");
            return receiver.fail(match error.kind() {
                io::ErrorKind::BrokenPipe => SinkError::Closed { name },
                kind => SinkError::Write { name, kind },
            });
        }
    }
    match receiver.dropped() {
        0 => {}
        dropped => tracing::warn!(
            dropped,
            name,
            "frames were dropped, since the reader of the pipe was slow"
        ),
    }
}

/// Reads until the buffer is full or the input is at its end.
pub(crate) fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(length) => filled += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Where something that there is one of lies while nobody has it.
#[derive(Debug)]
pub(crate) struct Shelf<T>(Arc<Mutex<Option<T>>>);

/// Something from a [`Shelf`], taken when it is first needed.
#[derive(Debug)]
pub(crate) struct Lent<T> {
    shelf: Shelf<T>,
    held: Option<T>,
}

impl<T> Shelf<T> {
    fn new(thing: T) -> Self {
        Self(Arc::new(Mutex::new(Some(thing))))
    }

    fn lend(&self) -> Lent<T> {
        Lent {
            shelf: self.clone(),
            held: None,
        }
    }
}

impl<T> Clone for Shelf<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Lent<T> {
    /// The thing, unless another one has it. Does not wait.
    fn get(&mut self) -> Option<&mut T> {
        if self.held.is_none() {
            self.held = self.shelf.0.try_lock().ok()?.take();
        }
        self.held.as_mut()
    }
}

impl<T> Drop for Lent<T> {
    fn drop(&mut self) {
        if let Some(thing) = self.held.take() {
            // A panic of another one has no bearing on what lies on the shelf.
            let mut shelf = self.shelf.0.lock().unwrap_or_else(PoisonError::into_inner);
            *shelf = Some(thing);
        }
    }
}

/// What the whole process has one of; opened by the first who asks.
type Single<T> = Mutex<Option<Shelf<T>>>;

fn single<T>(place: &Single<T>, open: impl FnOnce() -> io::Result<T>) -> io::Result<Shelf<T>> {
    let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
    match &*place {
        Some(shelf) => Ok(shelf.clone()),
        None => {
            let shelf = Shelf::new(open()?);
            *place = Some(shelf.clone());
            Ok(shelf)
        }
    }
}

/// Standard input, which is read ahead from the first call of this on.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn stdin() -> io::Result<Shelf<ChannelSource>> {
    static STDIN: Single<ChannelSource> = Mutex::new(None);
    single(&STDIN, || source(io::stdin()))
}

/// Standard output.
///
/// # Errors
/// When there is no thread to be had.
pub(crate) fn stdout() -> io::Result<Shelf<PipeSink>> {
    static STDOUT: Single<PipeSink> = Mutex::new(None);
    single(&STDOUT, || sink(io::stdout(), "stdout"))
}

impl Shelf<ChannelSource> {
    /// A source that is this one while no other one has it, and else silence.
    pub(crate) fn source(&self) -> Box<dyn Source> {
        Box::new(self.lend())
    }
}

impl Shelf<PipeSink> {
    /// A sink that is this one while no other one has it; else what is written goes nowhere.
    pub(crate) fn sink(&self) -> Box<dyn Sink> {
        Box::new(self.lend())
    }
}

impl<S: Source> Source for Lent<S> {
    fn read(&mut self, frame: &mut Frame) -> Played {
        match self.get() {
            Some(source) => source.read(frame),
            None => {
                *frame = SILENT_FRAME;
                Played::Underrun
            }
        }
    }
}

impl Sink for Lent<PipeSink> {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        match self.get() {
            Some(sink) => sink.write(frame),
            None => Ok(()),
        }
    }

    fn finish(mut self: Box<Self>) -> Result<(), SinkError> {
        if let Some(sink) = self.get() {
            sink.drain();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
