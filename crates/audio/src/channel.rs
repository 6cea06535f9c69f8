//! Frames to and from a program: bounded queues whose other end may be asynchronous or a blocking thread.
//!
//! [`source`] gives a program's frames to a call, [`sink`] a call's frames to a program. The call's end never waits, locks or allocates;
//! the program's end waits in any runtime, or on a thread of its own.
//!
//! ```
//! use offhook_audio::{FRAME_SAMPLES, Played, SILENT_FRAME, Sink, Source, channel};
//!
//! let (mut speaker, mut source) = channel::source(10);
//! let (mut sink, mut listener) = channel::sink(10);
//! let program = std::thread::spawn(move || {
//!     // An echo, 20 ms at a time; the end of the call ends it.
//!     while let Some(heard) = listener.next_blocking() {
//!         if speaker.send_blocking(&heard).is_err() {
//!             break;
//!         }
//!     }
//! });
//! sink.write(&[7; FRAME_SAMPLES])?;
//! let mut frame = SILENT_FRAME;
//! while source.read(&mut frame) == Played::Underrun {}
//! assert_eq!(frame, [7; FRAME_SAMPLES]);
//! drop((sink, source));
//! program.join().expect("it ends with the call");
//! # Ok::<(), offhook_audio::SinkError>(())
//! ```

use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use atomic_waker::AtomicWaker;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{Frame, Played, SILENT_FRAME, Sink, SinkError, Source, SourceFault};

/// What both ends know of each other.
#[derive(Debug, Default)]
struct Shared {
    /// Wakes the program's end; the call's end has no need of it.
    program: AtomicWaker,
    /// One of the ends is gone.
    closed: AtomicBool,
    /// Frames that the call's end had no place for, or none of.
    missed: AtomicU64,
    fault: OnceLock<Fault>,
}

/// Why the program's end is gone, if that is no proper end.
#[derive(Debug)]
enum Fault {
    Source(SourceFault),
    Sink(SinkError),
}

impl Shared {
    fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.program.wake();
    }

    fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }
}

/// A source whose frames a program sends. At most `frames` (at least one) wait.
#[must_use]
pub fn source(frames: usize) -> (FrameSender, ChannelSource) {
    let (producer, consumer) = RingBuffer::new(frames.max(1));
    let shared = Arc::<Shared>::default();
    let sender = FrameSender {
        frames: producer,
        shared: Arc::clone(&shared),
    };
    let source = ChannelSource {
        frames: consumer,
        shared,
    };
    (sender, source)
}

/// A sink whose frames a program receives. At most `frames` (at least one) wait; what comes when the program is slower is dropped.
#[must_use]
pub fn sink(frames: usize) -> (ChannelSink, FrameReceiver) {
    let (producer, consumer) = RingBuffer::new(frames.max(1));
    let shared = Arc::<Shared>::default();
    let sink = ChannelSink {
        frames: producer,
        shared: Arc::clone(&shared),
    };
    let receiver = FrameReceiver {
        frames: consumer,
        shared,
    };
    (sink, receiver)
}

/// The call is over: nobody takes frames any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the call takes no more frames")]
pub struct Closed;

/// Why a frame was not taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TrySendError {
    /// As many frames wait as may; the call takes one every 20 ms.
    #[error("the call has not taken the frames before this one yet")]
    Full,
    /// The call is over.
    #[error(transparent)]
    Closed(#[from] Closed),
}

/// The program's end of a [`source`]. Dropping it ends the source, after what was sent.
#[derive(Debug)]
pub struct FrameSender {
    frames: Producer<Frame>,
    shared: Arc<Shared>,
}

impl FrameSender {
    /// Sends a frame as soon as there is room: the program runs at the call's pace. Nothing is lost when the future is dropped before
    /// it is ready; then the frame was not sent.
    ///
    /// # Errors
    /// When the call is over.
    pub async fn send(&mut self, frame: &Frame) -> Result<(), Closed> {
        std::future::poll_fn(|context| self.poll_send(context, frame)).await
    }

    /// As [`send`](Self::send), for a thread that may wait.
    ///
    /// # Errors
    /// When the call is over.
    pub fn send_blocking(&mut self, frame: &Frame) -> Result<(), Closed> {
        wait(self.send(frame))
    }

    /// Sends a frame if there is room.
    ///
    /// # Errors
    /// [`TrySendError`], and the frame was not sent.
    pub fn try_send(&mut self, frame: &Frame) -> Result<(), TrySendError> {
        if self.shared.is_closed() {
            return Err(Closed.into());
        }
        self.frames.push(*frame).map_err(|_| TrySendError::Full)
    }

    /// How many frames the call asked for and had to play as silence, since there were none.
    #[must_use]
    pub fn underruns(&self) -> u64 {
        self.shared.missed.load(Ordering::Relaxed)
    }

    /// How many more frames find room.
    #[must_use]
    pub fn room(&self) -> usize {
        self.frames.slots()
    }

    /// Ends the source with a fault, after what was sent.
    pub fn fail(self, fault: SourceFault) {
        drop(self.shared.fault.set(Fault::Source(fault)));
    }

    fn poll_send(&mut self, context: &mut Context<'_>, frame: &Frame) -> Poll<Result<(), Closed>> {
        // Looked at once more after the waker is in place, lest the call took a frame between the two.
        for registered in [false, true] {
            match self.try_send(frame) {
                Ok(()) => return Poll::Ready(Ok(())),
                Err(TrySendError::Closed(closed)) => return Poll::Ready(Err(closed)),
                Err(TrySendError::Full) if registered => {}
                Err(TrySendError::Full) => self.shared.program.register(context.waker()),
            }
        }
        Poll::Pending
    }
}

impl Drop for FrameSender {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The call's end of a [`source`].
#[derive(Debug)]
pub struct ChannelSource {
    frames: Consumer<Frame>,
    shared: Arc<Shared>,
}

impl Source for ChannelSource {
    fn read(&mut self, frame: &mut Frame) -> Played {
        // Asked before the queue is: what was sent before the end counts.
        let closed = self.shared.is_closed();
        if let Ok(next) = self.frames.pop() {
            *frame = next;
            self.shared.program.wake();
            return Played::Full;
        }
        *frame = SILENT_FRAME;
        match self.shared.fault.get() {
            Some(Fault::Source(fault)) if closed => Played::Failed(*fault),
            _ if closed => Played::End,
            _ => {
                self.shared.missed.fetch_add(1, Ordering::Relaxed);
                Played::Underrun
            }
        }
    }
}

impl Drop for ChannelSource {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The call's end of a [`sink`]. A frame that finds no room is dropped and counted.
#[derive(Debug)]
pub struct ChannelSink {
    frames: Producer<Frame>,
    shared: Arc<Shared>,
}

impl Sink for ChannelSink {
    fn write(&mut self, frame: &Frame) -> Result<(), SinkError> {
        if self.shared.is_closed() {
            return Err(match self.shared.fault.get() {
                Some(Fault::Sink(error)) => error.clone(),
                Some(Fault::Source(_)) | None => SinkError::Closed {
                    name: "channel".to_owned(),
                },
            });
        }
        match self.frames.push(*frame) {
            Ok(()) => self.shared.program.wake(),
            Err(_) => drop(self.shared.missed.fetch_add(1, Ordering::Relaxed)),
        }
        Ok(())
    }
}

impl ChannelSink {
    /// How many frames wait to be received.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.frames.buffer().capacity() - self.frames.slots()
    }

    /// Whether the program's end is gone.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.shared.is_closed()
    }
}

impl Drop for ChannelSink {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// The program's end of a [`sink`]. Dropping it closes the sink.
#[derive(Debug)]
pub struct FrameReceiver {
    frames: Consumer<Frame>,
    shared: Arc<Shared>,
}

impl FrameReceiver {
    /// The next frame; `None` after the last one of the call. Nothing is lost when the future is dropped before it is ready.
    pub async fn next(&mut self) -> Option<Frame> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    /// As [`next`](Self::next), for a thread that may wait.
    pub fn next_blocking(&mut self) -> Option<Frame> {
        wait(self.next())
    }

    /// The next frame, if one waits.
    pub fn try_next(&mut self) -> Option<Frame> {
        self.frames.pop().ok()
    }

    /// How many frames were dropped since there was no room for them.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.shared.missed.load(Ordering::Relaxed)
    }

    /// Closes the sink with an error, which the call is told.
    pub fn fail(self, error: SinkError) {
        drop(self.shared.fault.set(Fault::Sink(error)));
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Frame>> {
        // Looked at once more after the waker is in place, lest a frame came between the two.
        for registered in [false, true] {
            // Asked before the queue is: what was written before the end counts.
            let closed = self.shared.is_closed();
            match self.frames.pop() {
                Ok(frame) => return Poll::Ready(Some(frame)),
                Err(_) if closed => return Poll::Ready(None),
                Err(_) if registered => {}
                Err(_) => self.shared.program.register(context.waker()),
            }
        }
        Poll::Pending
    }
}

impl Drop for FrameReceiver {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Wakes a thread that waits for a future.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// Waits on this thread.
fn wait<T>(future: impl Future<Output = T>) -> T {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(value) => return value,
            Poll::Pending => thread::park(),
        }
    }
}

#[cfg(test)]
mod tests;
