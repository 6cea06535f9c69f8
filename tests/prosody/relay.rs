//! A network that can fail: a relay of TCP connections.

use std::sync::Arc;

use offhook_tests::prosody::{LIMIT, Way};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
    time::timeout,
};

/// Stands before a server.
pub struct Relay {
    port: u16,
    network: Arc<Network>,
    accepting: JoinHandle<()>,
}

struct Network {
    /// How often all connections were cut.
    cuts: watch::Sender<u64>,
    up: watch::Sender<Direction>,
    down: watch::Sender<Direction>,
}

/// What is done with the bytes of one direction.
#[derive(Debug, Clone, Copy, Default)]
struct Direction {
    swallows: bool,
    swallowed: usize,
}

impl Relay {
    /// Before the server on this port.
    pub async fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let network = Arc::new(Network {
            cuts: watch::Sender::new(0),
            up: watch::Sender::default(),
            down: watch::Sender::default(),
        });
        Self {
            port: listener.local_addr().unwrap().port(),
            accepting: tokio::spawn(accept(listener, port, Arc::clone(&network))),
            network,
        }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks all connections, and mends the network for those to come.
    pub fn cut(&self) {
        self.network.cuts.send_modify(|cuts| *cuts += 1);
        for way in [Way::Up, Way::Down] {
            self.network.direction(way).send_replace(Direction::default());
        }
    }

    /// From now on nothing arrives this way, and nobody notices.
    pub fn swallow(&self, way: Way) {
        self.network.direction(way).send_replace(Direction {
            swallows: true,
            swallowed: 0,
        });
    }

    /// Waits until something was lost this way.
    pub async fn swallowed(&self, way: Way) {
        let mut direction = self.network.direction(way).subscribe();
        let lost = direction.wait_for(|direction| direction.swallowed > 0);
        if timeout(LIMIT, lost).await.is_err() {
            panic!("nothing came {way:?}");
        }
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.accepting.abort();
        self.cut();
    }
}

impl Network {
    fn direction(&self, way: Way) -> &watch::Sender<Direction> {
        match way {
            Way::Up => &self.up,
            Way::Down => &self.down,
        }
    }

    /// Whether these bytes go on.
    fn carries(&self, way: Way, bytes: usize) -> bool {
        !self.direction(way).send_if_modified(|direction| {
            direction.swallowed += bytes;
            direction.swallows
        })
    }
}

async fn accept(listener: TcpListener, port: u16, network: Arc<Network>) {
    while let Ok((client, _)) = listener.accept().await {
        let network = Arc::clone(&network);
        tokio::spawn(async move {
            let cuts = network.cuts.subscribe();
            if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                carry(client, server, cuts, &network).await;
            }
        });
    }
}

async fn carry(mut client: TcpStream, mut server: TcpStream, mut cuts: watch::Receiver<u64>, network: &Network) {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        let (way, bytes, to) = tokio::select! {
            biased;
            _ = cuts.changed() => return,
            read = client.read(&mut up) => match read {
                Ok(count @ 1..) => (Way::Up, &up[..count], &mut server),
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(count @ 1..) => (Way::Down, &down[..count], &mut client),
                _ => return,
            },
        };
        if network.carries(way, bytes.len()) && to.write_all(bytes).await.is_err() {
            return;
        }
    }
}
