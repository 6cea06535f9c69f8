//! Streams to TURN servers over TCP, in TLS where it is asked for, and the addresses behind servers' names.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::Duration,
};

use actix::SpawnHandle;
use offhook_media::{SocketId, StreamSecurity};
use rustls::{ClientConfig, pki_types::ServerName};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpStream, lookup_host},
    sync::mpsc,
    task,
    time::timeout,
};
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;

/// For name, TCP and TLS together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For what is still to be written when nobody wants the stream any more.
const FAREWELL: Duration = Duration::from_secs(2);
/// Datagrams that wait to be written; with more the stream is congested, and they are lost as on any path.
const WAITING: usize = 64;
/// What is read at once.
const PIECE: usize = 8 << 10;

/// Something happened to a stream.
pub(super) struct Arrived {
    /// Counts the media of the session.
    pub(super) media: u64,
    pub(super) socket: SocketId,
    pub(super) what: Arrival,
}

pub(super) enum Arrival {
    Connected { local: SocketAddr, remote: SocketAddr },
    Bytes(Vec<u8>),
    Broken(String),
}

/// Where a stream goes.
pub(super) struct Destination {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) security: StreamSecurity,
    pub(super) tls: Arc<ClientConfig>,
}

/// A stream, or the attempt to get one. It ends when this is dropped, after what was sent.
pub(super) struct Stream {
    pub(super) id: SocketId,
    outgoing: mpsc::Sender<Vec<u8>>,
    pub(super) reader: SpawnHandle,
}

impl Stream {
    /// Connects; `read` attaches what happens to whoever wants to know.
    pub(super) fn connect(
        media: u64,
        id: SocketId,
        destination: Destination,
        read: impl FnOnce(ReceiverStream<Arrived>) -> SpawnHandle,
    ) -> Self {
        let (outgoing, to_send) = mpsc::channel(WAITING);
        let (sender, arrivals) = mpsc::channel(WAITING);
        let wire = Wire {
            media,
            socket: id,
            arrivals: sender,
        };
        task::spawn_local(wire.run(destination, to_send));
        Self {
            id,
            outgoing,
            reader: read(ReceiverStream::new(arrivals)),
        }
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        if self.outgoing.try_send(bytes.to_vec()).is_err() {
            tracing::debug!("a stream is congested; a datagram is lost at home");
        }
    }
}

struct Wire {
    media: u64,
    socket: SocketId,
    arrivals: mpsc::Sender<Arrived>,
}

impl Wire {
    async fn run(self, destination: Destination, mut to_send: mpsc::Receiver<Vec<u8>>) {
        let connecting = timeout(CONNECT_TIMEOUT, connect(&destination));
        let connected = tokio::select! {
            connected = connecting => connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())),
            // Nothing is sent before the stream stands: nobody wants it any more.
            _ = to_send.recv() => return,
        };
        let broken = match connected {
            Ok((stream, local, remote)) => {
                self.tell(Arrival::Connected { local, remote }).await;
                self.carry(stream, &mut to_send).await
            }
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = broken {
            self.tell(Arrival::Broken(reason)).await;
        }
    }

    /// Carries bytes both ways; says why it broke, or nothing when nobody wants it any more.
    async fn carry(&self, stream: Box<dyn Duplex>, to_send: &mut mpsc::Receiver<Vec<u8>>) -> Option<String> {
        let (mut reader, mut writer) = tokio::io::split(stream);
        let reading = async {
            let mut piece = vec![0; PIECE];
            loop {
                match reader.read(&mut piece).await {
                    Ok(0) => return Some("the server closed the connection".to_owned()),
                    Ok(length) => self.tell(Arrival::Bytes(piece[..length].to_vec())).await,
                    Err(error) => return Some(error.to_string()),
                }
            }
        };
        let writing = async {
            while let Some(bytes) = to_send.recv().await {
                let written = async {
                    writer.write_all(&bytes).await?;
                    writer.flush().await
                };
                if let Err(error) = written.await {
                    return Some(error.to_string());
                }
            }
            // Whether it ends well is of no interest to anybody.
            let _ = timeout(FAREWELL, writer.shutdown()).await;
            None
        };
        tokio::select! {
            broken = reading => broken,
            broken = writing => broken,
        }
    }

    async fn tell(&self, what: Arrival) {
        let arrived = Arrived {
            media: self.media,
            socket: self.socket,
            what,
        };
        // Nobody wants to know any more when the session is gone.
        drop(self.arrivals.send(arrived).await);
    }
}

trait Duplex: AsyncRead + AsyncWrite + Unpin {}

impl<T: AsyncRead + AsyncWrite + Unpin> Duplex for T {}

async fn connect(destination: &Destination) -> io::Result<(Box<dyn Duplex>, SocketAddr, SocketAddr)> {
    let stream = TcpStream::connect((destination.host.as_str(), destination.port)).await?;
    stream.set_nodelay(true)?;
    let (local, remote) = (stream.local_addr()?, stream.peer_addr()?);
    let stream: Box<dyn Duplex> = match destination.security {
        StreamSecurity::Plain => Box::new(stream),
        StreamSecurity::Tls => {
            let name = ServerName::try_from(destination.host.clone()).map_err(io::Error::other)?;
            Box::new(
                TlsConnector::from(destination.tls.clone())
                    .connect(name, stream)
                    .await?,
            )
        }
    };
    Ok((stream, local, remote))
}

/// The addresses behind a name; none when there are none, or nobody tells.
pub(super) async fn resolve(name: String) -> Vec<IpAddr> {
    let found = timeout(CONNECT_TIMEOUT, lookup_host((name, 0))).await;
    match found {
        Ok(Ok(addresses)) => addresses.map(|address| address.ip()).collect(),
        Ok(Err(error)) => {
            tracing::debug!(%error, "a server's name is not resolved");
            Vec::new()
        }
        Err(_) => Vec::new(),
    }
}
