//! The TCP connections below HTTP and WebSocket, and the ways in which a network fails them.

use std::io;
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

use crate::tls::{Secured, Tls};

/// A listener whose connections can be made to fail, and may be encrypted.
pub(crate) struct Wires {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<Tls>,
}

impl Listener for Wires {
    type Io = Link;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Link, SocketAddr) {
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Frames are small and wait for each other: with Nagle's algorithm each would cost a delayed acknowledgement, 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "a connection keeps Nagle's algorithm");
        }
        let wire = Wire {
            stream: Some(stream),
            fate: Fate::default(),
        };
        let fate = wire.fate.clone();
        let bytes = match &self.tls {
            Some(tls) => Bytes::Encrypted(tls.accept(wire)),
            None => Bytes::Plain(wire),
        };
        (Link { fate, bytes }, address)
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One connection as HTTP sees it. What becomes of it happens to the wire below TLS.
pub(crate) struct Link {
    fate: Fate,
    bytes: Bytes,
}

enum Bytes {
    Plain(Wire),
    Encrypted(Secured<Wire>),
}

/// Does the same with the bytes of either kind.
macro_rules! of_either {
    ($link:expr, $method:ident($($argument:expr),*)) => {
        match &mut $link.bytes {
            Bytes::Plain(wire) => Pin::new(wire).$method($($argument),*),
            Bytes::Encrypted(wire) => Pin::new(wire).$method($($argument),*),
        }
    };
}

impl AsyncRead for Link {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        of_either!(self, poll_read(context, buf))
    }
}

impl AsyncWrite for Link {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        of_either!(self, poll_write(context, bytes))
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        of_either!(self, poll_shutdown(context))
    }
}

/// One connection.
pub(crate) struct Wire {
    /// `None` only while it is dropped.
    stream: Option<TcpStream>,
    fate: Fate,
}

/// What becomes of a connection; decided by whoever serves it, carried out by its [`Wire`].
#[derive(Debug, Clone, Default)]
pub(crate) struct Fate(Arc<AtomicU8>);

const OPEN: u8 = 0;
const RESET: u8 = 1;
const FINISHED: u8 = 2;
const STALLED: u8 = 3;

impl Fate {
    /// Nothing more is sent, and the end is a TCP reset.
    pub(crate) fn reset(&self) {
        self.0.store(RESET, Ordering::Release);
    }

    /// Nothing more is sent, and the end is a FIN, whatever is left unread.
    pub(crate) fn finish(&self) {
        self.0.store(FINISHED, Ordering::Release);
    }

    /// Nothing more is sent, what comes in is lost, and the connection stays.
    pub(crate) fn stall(&self) {
        self.0.store(STALLED, Ordering::Release);
    }

    fn decided(&self) -> u8 {
        self.0.load(Ordering::Acquire)
    }
}

impl Connected<IncomingStream<'_, Wires>> for Fate {
    fn connect_info(stream: IncomingStream<'_, Wires>) -> Self {
        stream.io().fate.clone()
    }
}

impl Wire {
    fn stream(&mut self) -> io::Result<Pin<&mut TcpStream>> {
        let stream = self.stream.as_mut().ok_or(io::ErrorKind::NotConnected)?;
        Ok(Pin::new(stream))
    }

    /// Reads and forgets; ready when the peer is gone.
    fn poll_lose(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut lost = [0; 4_096];
        loop {
            let mut lost = ReadBuf::new(&mut lost);
            match self.stream()?.poll_read(context, &mut lost) {
                Poll::Ready(Ok(())) if !lost.filled().is_empty() => {}
                other => return other,
            }
        }
    }

    /// Whether writing is to go on: an error or a wait without end when it is not.
    fn poll_may_write(&self) -> Poll<io::Result<()>> {
        match self.fate.decided() {
            OPEN => Poll::Ready(Ok(())),
            STALLED => Poll::Pending,
            _ => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
        }
    }
}

/// Whether writing goes on; `return`s when it does not.
macro_rules! ready_to_write {
    ($wire:expr) => {
        match $wire.poll_may_write() {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            Poll::Pending => return Poll::Pending,
        }
    };
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.fate.decided() {
            STALLED => self.poll_lose(context),
            _ => self.stream()?.poll_read(context, buf),
        }
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        ready_to_write!(self);
        self.stream()?.poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready_to_write!(self);
        self.stream()?.poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready_to_write!(self);
        self.stream()?.poll_shutdown(context)
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        let Some(stream) = self.stream.take() else { return };
        let done = match self.fate.decided() {
            RESET => stream.set_zero_linger(),
            FINISHED => finish(stream),
            _ => Ok(()),
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a connection ended otherwise than it should");
        }
    }
}

/// A FIN first: closing a socket with unread data would send a reset instead.
fn finish(stream: TcpStream) -> io::Result<()> {
    let stream = stream.into_std()?;
    stream.shutdown(Shutdown::Write)?;
    let mut lost = [0; 4_096];
    while matches!(io::Read::read(&mut &stream, &mut lost), Ok(1..)) {}
    Ok(())
}
