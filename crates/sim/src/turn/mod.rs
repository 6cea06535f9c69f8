//! TURN of the cloud (RFC 8656): `turn-server-proto` on sockets of this machine, over UDP and TCP.

mod framing;
mod server;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use rand::distr::{Alphanumeric, SampleString};
use rand::rngs::StdRng;
use secrecy::{ExposeSecret, SecretString};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::server::ExternalService;
use server::{Door, Server};

/// Length of the user name and of the password, which are drawn anew with each cloud.
const SECRET_LENGTH: usize = 24;

/// The running servers. Dropped, they end with everything that they relay.
#[derive(Debug)]
pub(crate) struct Turn {
    /// Of UDP and of TCP, one address for both.
    address: SocketAddr,
    username: String,
    password: SecretString,
    _tasks: JoinSet<()>,
}

/// What [`Turn`] listens with, before there is anything to serve.
#[derive(Debug)]
pub(crate) struct Sockets {
    udp: UdpSocket,
    tcp: TcpListener,
    address: SocketAddr,
}

impl Sockets {
    /// A port that is free for both UDP and TCP.
    pub(crate) async fn bind(address: IpAddr) -> io::Result<Self> {
        const ATTEMPTS: u32 = 20;
        let mut attempt = 1;
        loop {
            let tcp = TcpListener::bind((address, 0)).await?;
            let address = tcp.local_addr()?;
            match UdpSocket::bind(address).await {
                Ok(udp) => return Ok(Self { udp, tcp, address }),
                Err(_) if attempt < ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }
}

impl Turn {
    /// While `dead` is true it answers nothing and relays nothing.
    pub(crate) fn start(sockets: Sockets, random: &mut StdRng, dead: &watch::Receiver<bool>) -> Self {
        let Sockets { udp, tcp, address } = sockets;
        let username = Alphanumeric.sample_string(random, SECRET_LENGTH);
        let password = SecretString::from(Alphanumeric.sample_string(random, SECRET_LENGTH));
        let mut tasks = JoinSet::new();
        for door in [Door::Udp(Arc::new(udp)), Door::Tcp(tcp)] {
            let server = Server::new(&door, address, &username, password.expose_secret(), dead.clone());
            tasks.spawn(server.run(door));
        }
        Self {
            address,
            username,
            password,
            _tasks: tasks,
        }
    }

    /// What clients are told of it (XEP-0215).
    pub(crate) fn services(&self) -> [ExternalService; 2] {
        let (host, port) = (self.address.ip().to_string(), self.address.port());
        ["udp", "tcp"].map(|transport| ExternalService {
            transport: transport.to_owned(),
            username: Some(self.username.clone()),
            password: Some(self.password.clone()),
            ..ExternalService::new("turn", &host, port)
        })
    }
}
