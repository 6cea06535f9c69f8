//! One server on its sockets: everything that comes in goes through one queue to the core, which says what goes out.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::sleep_until;
use turn_server_proto::api::{SocketAllocateError, Transmit, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;
use turn_server_proto::types::{Instant as CoreInstant, TransportType};

use super::framing::{Messages, padded};

/// The realm of its credentials.
const REALM: &str = "offhook.test";
/// How much may wait to be looked at, and to be written to one connection; what comes then is lost, as on any path.
const WAITING: usize = 1_024;
/// Longest datagram.
const DATAGRAM: usize = 65_536;
/// The core wants a clock that has run for a while.
const CLOCK_START: Duration = Duration::from_secs(3_600);
/// It is looked after this often at least.
const IDLE: Duration = Duration::from_secs(1);

/// Where clients come in.
#[derive(Debug)]
pub(super) enum Door {
    Udp(Arc<UdpSocket>),
    Tcp(TcpListener),
}

/// Something that came in.
#[derive(Debug)]
enum Arrived {
    Message {
        from: SocketAddr,
        to: SocketAddr,
        bytes: Vec<u8>,
    },
    /// A client's connection.
    Connected(TcpStream, SocketAddr),
    /// It ended.
    Gone(SocketAddr),
}

/// A client's connection: what is to be written, and who reads.
#[derive(Debug)]
struct Connection {
    outgoing: mpsc::Sender<Vec<u8>>,
    tasks: [AbortHandle; 2],
}

/// An address that is relayed.
#[derive(Debug)]
struct Relayed {
    socket: Arc<UdpSocket>,
    reader: AbortHandle,
}

#[derive(Debug)]
pub(super) struct Server {
    core: TurnServer,
    transport: TransportType,
    address: SocketAddr,
    /// Clients over UDP are answered by it.
    socket: Option<Arc<UdpSocket>>,
    connections: HashMap<SocketAddr, Connection>,
    relayed: HashMap<SocketAddr, Relayed>,
    queue: (mpsc::Sender<Arrived>, mpsc::Receiver<Arrived>),
    dead: watch::Receiver<bool>,
    started: Instant,
}

impl Server {
    pub(super) fn new(
        door: &Door,
        address: SocketAddr,
        username: &str,
        password: &str,
        dead: watch::Receiver<bool>,
    ) -> Self {
        let (transport, socket) = match door {
            Door::Udp(socket) => (TransportType::Udp, Some(Arc::clone(socket))),
            Door::Tcp(_) => (TransportType::Tcp, None),
        };
        let mut core = TurnServer::new(transport, address, REALM.to_owned());
        core.add_user(username.to_owned(), password.to_owned());
        Self {
            core,
            transport,
            address,
            socket,
            connections: HashMap::new(),
            relayed: HashMap::new(),
            queue: mpsc::channel(WAITING),
            dead,
            started: Instant::now(),
        }
    }

    /// Serves for ever.
    pub(super) async fn run(mut self, door: Door) {
        let address = self.address;
        let entry = match door {
            Door::Udp(socket) => tokio::spawn(read(socket, address, self.queue.0.clone())),
            Door::Tcp(listener) => tokio::spawn(accept(listener, self.queue.0.clone())),
        };
        let _entry = AbortOnDrop(entry.abort_handle());
        let mut due = Instant::now() + IDLE;
        loop {
            let arrived = tokio::select! {
                arrived = self.queue.1.recv() => arrived,
                () = sleep_until(due.into()) => None,
                changed = self.dead.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    None
                }
            };
            if !*self.dead.borrow() {
                if let Some(arrived) = arrived {
                    self.take(arrived).await;
                }
                due = self.serve().await;
            }
        }
    }

    async fn take(&mut self, arrived: Arrived) {
        match arrived {
            Arrived::Message { from, to, bytes } => {
                let now = self.now();
                // What comes for a relayed address is UDP, whatever clients come by.
                let is_for_us = to == self.address;
                let transport = if is_for_us { self.transport } else { TransportType::Udp };
                if let Some(reply) = self.core.recv(Transmit::new(bytes, transport, from, to), now) {
                    let reply = reply.build();
                    // The core addresses its answers to binding requests to itself.
                    let to = if reply.to == reply.from { from } else { reply.to };
                    self.send(reply.from, to, reply.data).await;
                }
            }
            Arrived::Connected(stream, from) => self.connected(stream, from),
            Arrived::Gone(from) => drop(self.connections.remove(&from)),
        }
    }

    /// Does what the core wants; until when it has time.
    async fn serve(&mut self) -> Instant {
        loop {
            let now = self.now();
            match self.core.poll(now) {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    let socket = self.relay().await.map_err(|error| {
                        tracing::warn!(%error, "no socket to relay by");
                        SocketAllocateError::InsufficientCapacity
                    });
                    self.core.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        socket,
                        now,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => drop(self.relayed.remove(&listen_addr)),
                TurnServerPollRet::TcpClose { remote_addr, .. } => drop(self.connections.remove(&remote_addr)),
                // RFC 6062 is not offered.
                TurnServerPollRet::TcpConnect { .. } => {}
                TurnServerPollRet::WaitUntil(until) => {
                    self.flush().await;
                    let wait = until.checked_duration_since(now).unwrap_or_default();
                    return Instant::now() + wait.clamp(Duration::from_millis(1), IDLE);
                }
            }
            self.flush().await;
        }
    }

    async fn flush(&mut self) {
        while let Some(transmit) = self.core.poll_transmit(self.now()) {
            self.send(transmit.from, transmit.to, transmit.data).await;
        }
    }

    /// A new relayed address.
    async fn relay(&mut self) -> io::Result<SocketAddr> {
        let socket = Arc::new(UdpSocket::bind((self.address.ip(), 0)).await?);
        let address = socket.local_addr()?;
        let reader = tokio::spawn(read(Arc::clone(&socket), address, self.queue.0.clone())).abort_handle();
        self.relayed.insert(address, Relayed { socket, reader });
        Ok(address)
    }

    fn connected(&mut self, stream: TcpStream, from: SocketAddr) {
        let (reading, mut writing) = stream.into_split();
        let (outgoing, mut waiting) = mpsc::channel::<Vec<u8>>(WAITING);
        let writer = tokio::spawn(async move {
            while let Some(bytes) = waiting.recv().await {
                if writing.write_all(&bytes).await.is_err() {
                    return;
                }
            }
        });
        let reader = tokio::spawn(read_stream(reading, from, self.address, self.queue.0.clone()));
        let tasks = [writer.abort_handle(), reader.abort_handle()];
        self.connections.insert(from, Connection { outgoing, tasks });
    }

    /// What cannot be sent is lost.
    async fn send(&self, from: SocketAddr, to: SocketAddr, bytes: Vec<u8>) {
        let socket = match self.relayed.get(&from) {
            Some(relayed) => Some(&relayed.socket),
            None => self.socket.as_ref(),
        };
        if let Some(socket) = socket {
            drop(socket.send_to(&bytes, to).await);
        } else if let Some(connection) = self.connections.get(&to) {
            drop(connection.outgoing.try_send(padded(bytes)));
        }
    }

    fn now(&self) -> CoreInstant {
        let runs = CLOCK_START + self.started.elapsed();
        CoreInstant::from_nanos(i64::try_from(runs.as_nanos()).unwrap_or(i64::MAX))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

impl Drop for Relayed {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

struct AbortOnDrop(AbortHandle);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Hands on what comes to a socket.
async fn read(socket: Arc<UdpSocket>, to: SocketAddr, queue: mpsc::Sender<Arrived>) {
    let mut buffer = vec![0; DATAGRAM];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, from)) => {
                let bytes = buffer[..length].to_vec();
                if queue.send(Arrived::Message { from, to, bytes }).await.is_err() {
                    return;
                }
            }
            // Somebody to whom something was sent is no longer there.
            Err(error) => {
                tracing::debug!(%error, "a TURN socket reports an error");
                tokio::task::yield_now().await;
            }
        }
    }
}

async fn accept(listener: TcpListener, queue: mpsc::Sender<Arrived>) {
    while let Ok((stream, from)) = listener.accept().await {
        drop(stream.set_nodelay(true));
        if queue.send(Arrived::Connected(stream, from)).await.is_err() {
            return;
        }
    }
}

async fn read_stream(mut stream: OwnedReadHalf, from: SocketAddr, to: SocketAddr, queue: mpsc::Sender<Arrived>) {
    let (mut messages, mut buffer) = (Messages::default(), vec![0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer).await {
        messages.add(&buffer[..length]);
        while let Some(bytes) = messages.next() {
            if queue.send(Arrived::Message { from, to, bytes }).await.is_err() {
                return;
            }
        }
    }
    // The server is gone too if it does not want to know.
    drop(queue.send(Arrived::Gone(from)).await);
}
