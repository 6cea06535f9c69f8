//! An open WebSocket (RFC 6455) of a client: a stream of what comes, and a queue of what goes out.
//!
//! It is offhook's own because of what it must not do: write frames, which hold tokens and passwords, into a log; or keep
//! answering the pings of a server that reads no answers, without bound.

mod frames;
#[doc(hidden)]
pub mod fuzzing;
#[cfg(test)]
mod tests;

use std::{io, time::Duration};

use futures_util::stream::{self, Stream};
use rand::{Rng, SeedableRng, rngs::StdRng};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf, split},
    sync::mpsc,
    time::{self, Instant},
};

use self::frames::{Opcode, Reader, Received, frame};

/// How much is read at once, in bytes.
const READ: usize = 16 << 10;

/// How long a server may take to read one frame.
const WRITE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long what is queued may take once nobody holds the queue any more.
const LAST_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the farewell may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Code of a close that means no more than that (RFC 6455 section 7.4.1).
const NORMAL: u16 = 1000;

/// What came. After `Closed` nothing does; a stream that ends without it was cut.
#[cfg_attr(test, derive(Debug, PartialEq))]
pub(crate) enum Incoming {
    /// A text message.
    Text(String),
    /// The server closed the WebSocket, or broke its rules.
    Closed {
        /// Its code, if it gave one.
        code: Option<u16>,
        /// Its words, or ours about what it did.
        reason: String,
    },
}

/// What goes out.
pub(crate) enum Outgoing {
    /// A text message.
    Text(String),
    /// An answer to a ping.
    Pong(Vec<u8>),
    /// The end; nothing follows it.
    Close(u16),
}

/// Takes an open socket apart: the queue of what goes out, the stream of what comes, and what carries the queue out.
///
/// When the queue's sender is dropped, what is queued still goes out, and then the close.
pub(crate) fn open<S>(
    socket: S,
    largest: usize,
    waiting: usize,
    seed: [u8; 32],
) -> (mpsc::Sender<Outgoing>, impl Stream<Item = Incoming>, Writer<S>)
where
    S: AsyncRead + AsyncWrite,
{
    let (input, output) = split(socket);
    let (sender, queue) = mpsc::channel(waiting);
    let listener = Listener {
        input,
        chunk: vec![0; READ].into(),
        reader: Reader::new(largest),
        // Weak, so that the queue ends when its owner lets go of it.
        answers: sender.downgrade(),
        over: false,
    };
    let incoming = stream::unfold(listener, async |mut listener| {
        let item = listener.next().await?;
        Some((item, listener))
    });
    let writer = Writer {
        queue,
        output,
        masks: StdRng::from_seed(seed),
    };
    (sender, incoming, writer)
}

struct Listener<S> {
    input: ReadHalf<S>,
    chunk: Box<[u8]>,
    reader: Reader,
    answers: mpsc::WeakSender<Outgoing>,
    over: bool,
}

impl<S: AsyncRead + AsyncWrite> Listener<S> {
    async fn next(&mut self) -> Option<Incoming> {
        while !self.over {
            match self.reader.next() {
                Ok(Some(Received::Text(text))) => return Some(Incoming::Text(text)),
                Ok(Some(Received::Ping(payload))) => self.answer(Outgoing::Pong(payload)),
                Ok(Some(Received::Pong | Received::Binary)) => {}
                Ok(Some(Received::Close { code, reason })) => {
                    let echo = code.filter(|code| may_be_sent(*code)).unwrap_or(NORMAL);
                    return Some(self.closed(echo, code, reason));
                }
                Err(violation) => return Some(self.closed(violation.code(), None, violation.to_string())),
                Ok(None) => match self.input.read(&mut self.chunk).await {
                    Ok(0) => self.over = true,
                    Ok(length) => self.reader.push(&self.chunk[..length]),
                    Err(error) => return Some(self.closed(NORMAL, None, error.to_string())),
                },
            }
        }
        None
    }

    fn closed(&mut self, answer: u16, code: Option<u16>, reason: String) -> Incoming {
        self.over = true;
        self.answer(Outgoing::Close(answer));
        Incoming::Closed { code, reason }
    }

    /// A server that reads nothing gets no answers: they wait in the same bounded queue as everything.
    fn answer(&self, answer: Outgoing) {
        if let Some(answers) = self.answers.upgrade() {
            drop(answers.try_send(answer));
        }
    }
}

/// Whether a code may stand in a close frame (RFC 6455 section 7.4).
fn may_be_sent(code: u16) -> bool {
    matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999)
}

/// Carries out the queue.
pub(crate) struct Writer<S> {
    queue: mpsc::Receiver<Outgoing>,
    output: WriteHalf<S>,
    masks: StdRng,
}

impl<S: AsyncRead + AsyncWrite> Writer<S> {
    /// Writes what is queued until the queue ends, then closes the socket. A peer that does not read must not keep it.
    ///
    /// # Errors
    /// When something could not be written; the words say why.
    pub(crate) async fn run(mut self) -> Result<(), String> {
        let mut close = NORMAL;
        let mut end = None;
        while let Some(outgoing) = self.queue.recv().await {
            if self.queue.is_closed() {
                end.get_or_insert_with(|| Instant::now() + LAST_TIMEOUT);
            }
            let limit = end.map_or(WRITE_TIMEOUT, |end| end.saturating_duration_since(Instant::now()));
            let (opcode, payload) = match outgoing {
                Outgoing::Text(text) => (Opcode::Text, text.into_bytes()),
                Outgoing::Pong(payload) => (Opcode::Pong, payload),
                Outgoing::Close(code) => {
                    close = code;
                    break;
                }
            };
            match time::timeout(limit, self.write(opcode, &payload)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return Err(error.to_string()),
                // The socket goes; a server that reads a little now and then must not keep it.
                Err(_) if end.is_some() => return Ok(()),
                Err(_) => return Err(format!("the server read nothing for {} s", WRITE_TIMEOUT.as_secs())),
            }
        }
        let farewell = async {
            self.write(Opcode::Close, &close.to_be_bytes()).await?;
            self.output.shutdown().await
        };
        // Nothing depends on whether the server still hears it.
        drop(time::timeout(CLOSE_TIMEOUT, farewell).await);
        Ok(())
    }

    async fn write(&mut self, opcode: Opcode, payload: &[u8]) -> io::Result<()> {
        let mut mask = [0; 4];
        self.masks.fill_bytes(&mut mask);
        self.output.write_all(&frame(opcode, payload, mask)).await?;
        self.output.flush().await
    }
}
