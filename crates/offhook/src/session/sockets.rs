//! The sockets of one call: opened when the media core asks; UDP is read without a copy into a mailbox.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket as StdSocket},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
};

use actix::SpawnHandle;
use futures_core::Stream;
use offhook_media::SocketId;
use socket2::SockRef;
use tokio::net::UdpSocket;
use tokio_stream::wrappers::ReceiverStream;

use super::{
    stage::Ready,
    streams::{self, Arrived, Destination},
};

/// Expedited forwarding, for interactive audio of high priority (RFC 8837 section 5), where the octet has it (RFC 2474 section 3).
const SPEECH: u32 = 46 << 2;

/// The sockets of one call, few enough to look through.
pub(super) struct Sockets {
    /// Which media of the session they are of.
    media: u64,
    /// Whether datagrams say that they are speech.
    marked: bool,
    open: Vec<Open>,
    streams: Vec<streams::Stream>,
}

struct Open {
    id: SocketId,
    socket: Rc<UdpSocket>,
    reader: SpawnHandle,
}

/// Says that a socket can be read, for the actor's context; the actor reads.
pub(super) struct Readable {
    ready: Ready,
    socket: Rc<UdpSocket>,
}

/// Marks what a socket sends as speech.
fn mark(socket: &StdSocket, address: IpAddr) -> io::Result<()> {
    let socket = SockRef::from(socket);
    match address {
        IpAddr::V4(_) => socket.set_tos_v4(SPEECH),
        IpAddr::V6(_) => socket.set_tclass_v6(SPEECH),
    }
}

impl Sockets {
    /// None yet, of the media of this number.
    pub(super) fn of(media: u64, marked: bool) -> Self {
        Self {
            media,
            marked,
            open: Vec::new(),
            streams: Vec::new(),
        }
    }

    /// Whether a datagram waits on one of these.
    pub(super) fn have(&self, ready: Ready) -> bool {
        self.media == ready.media
    }

    /// Binds a socket; `read` attaches its stream to whoever will read it.
    pub(super) fn open(
        &mut self,
        id: SocketId,
        address: IpAddr,
        read: impl FnOnce(Readable) -> SpawnHandle,
    ) -> io::Result<SocketAddr> {
        let socket = StdSocket::bind((address, 0))?;
        socket.set_nonblocking(true)?;
        if self.marked
            && let Err(error) = mark(&socket, address)
        {
            // The call is worth more than its place in a queue.
            tracing::warn!(%error, "datagrams cannot be marked");
        }
        let socket = Rc::new(UdpSocket::from_std(socket)?);
        let bound = socket.local_addr()?;
        let ready = Ready {
            media: self.media,
            socket: id,
        };
        let reader = read(Readable {
            ready,
            socket: socket.clone(),
        });
        self.open.push(Open { id, socket, reader });
        Ok(bound)
    }

    /// Which media of the session they are of.
    pub(super) fn number(&self) -> u64 {
        self.media
    }

    /// Connects a stream; `read` attaches what happens to it to whoever wants to know.
    pub(super) fn connect(
        &mut self,
        id: SocketId,
        destination: Destination,
        read: impl FnOnce(ReceiverStream<Arrived>) -> SpawnHandle,
    ) {
        let stream = streams::Stream::connect(self.media, id, destination, read);
        self.streams.push(stream);
    }

    /// Closes a socket. What its reader is to be cancelled by.
    pub(super) fn close(&mut self, id: SocketId) -> Option<SpawnHandle> {
        if let Some(index) = self.streams.iter().position(|stream| stream.id == id) {
            return Some(self.streams.swap_remove(index).reader);
        }
        let index = self.open.iter().position(|open| open.id == id)?;
        Some(self.open.swap_remove(index).reader)
    }

    /// Sends a datagram, or loses it as a network may: a full buffer must not hold up the call.
    pub(super) fn send(&self, id: SocketId, destination: SocketAddr, payload: &[u8]) {
        // Straight to the system: the runtime takes a socket for full until it has seen that it is not, and the first checks of a
        // call are sent at once.
        if let Some(socket) = self.socket(id)
            && let Err(error) = SockRef::from(socket).send_to(payload, &destination.into())
        {
            tracing::debug!(%destination, %error, "a datagram is lost at home");
        }
        if let Some(stream) = self.streams.iter().find(|stream| stream.id == id) {
            stream.send(payload);
        }
    }

    /// Reads one datagram if there is one.
    pub(super) fn receive(&self, id: SocketId, buffer: &mut [u8]) -> Option<(usize, SocketAddr)> {
        self.socket(id)?.try_recv_from(buffer).ok()
    }

    /// What to cancel when the call is over but its actor is not.
    pub(super) fn readers(&self) -> impl Iterator<Item = SpawnHandle> {
        let streams = self.streams.iter().map(|stream| stream.reader);
        self.open.iter().map(|open| open.reader).chain(streams)
    }

    fn socket(&self, id: SocketId) -> Option<&UdpSocket> {
        self.open.iter().find(|open| open.id == id).map(|open| &*open.socket)
    }
}

impl Stream for Readable {
    type Item = Ready;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Ready>> {
        // Ready until a read would block, which is how the actor's reading ends.
        Poll::Ready(ready!(self.socket.poll_recv_ready(context)).ok().map(|()| self.ready))
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, time::Duration};

    use super::*;

    #[tokio::test]
    async fn what_is_sent_as_soon_as_a_socket_is_open_is_not_lost() {
        let far = StdSocket::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        far.set_read_timeout(Some(Duration::from_secs(10))).expect("a socket");
        let mut sockets = Sockets::of(1, false);
        let bound = sockets
            .open(SocketId(0), Ipv4Addr::LOCALHOST.into(), |_| SpawnHandle::default())
            .expect("a port is free");

        sockets.send(SocketId(0), far.local_addr().expect("it is bound"), b"check");

        let mut buffer = [0; 16];
        let (length, source) = far.recv_from(&mut buffer).expect("a datagram");
        assert_eq!((&buffer[..length], source), (&b"check"[..], bound));
    }

    #[test]
    fn what_is_marked_says_that_it_is_speech() {
        for address in ["127.0.0.1", "::1"] {
            let address: IpAddr = address.parse().expect("an address");
            let socket = StdSocket::bind((address, 0)).expect("loopback");
            mark(&socket, address).expect("the system knows it");
            let socket = SockRef::from(&socket);
            let marked = if address.is_ipv4() {
                socket.tos_v4()
            } else {
                socket.tclass_v6()
            };
            assert_eq!(marked.expect("it is there") >> 2, 46);
        }
    }
}
