//! What both sides of a relay see of each of its switches.

use std::time::Duration;

use tokio::time::timeout;

use super::*;

/// Longer than anything takes here, unless it never comes.
const LIMIT: Duration = Duration::from_secs(10);

/// Long enough for what must not come to have come on an idle machine.
const MOMENT: Duration = Duration::from_millis(50);

/// A server, a relay to it, and what is connected through it.
struct Line {
    server: TcpListener,
    relay: Relay,
}

impl Line {
    async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let target = server.local_addr().expect("its address");
        let relay = Relay::start(target).await.expect("another port");
        Self { server, relay }
    }

    /// Both ends of a new connection.
    async fn connect(&self) -> (TcpStream, TcpStream) {
        let open = self.relay.counts().open;
        let client = self.dial().await;
        let far = timeout(LIMIT, self.server.accept()).await.expect("in time");
        timeout(LIMIT, self.relay.until(|counts| counts.open > open))
            .await
            .expect("in time");
        (client, far.expect("a connection").0)
    }

    async fn dial(&self) -> TcpStream {
        TcpStream::connect(self.relay.address()).await.expect("a connection")
    }
}

async fn says(socket: &mut TcpStream, words: &[u8]) {
    socket.write_all(words).await.expect("an open connection");
}

async fn hears(socket: &mut TcpStream, words: &[u8]) {
    let mut heard = vec![0; words.len()];
    let read = timeout(LIMIT, socket.read_exact(&mut heard)).await.expect("in time");
    read.expect("an open connection");
    assert_eq!(heard, words);
}

/// What the next read gives.
async fn read(socket: &mut TcpStream) -> Result<usize, io::ErrorKind> {
    let read = timeout(LIMIT, socket.read(&mut [0; 64])).await.expect("in time");
    read.map_err(|error| error.kind())
}

#[tokio::test]
async fn both_sides_hear_each_other_until_each_has_closed() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    says(&mut client, b"ping").await;
    hears(&mut server, b"ping").await;
    client.shutdown().await.expect("an open connection");
    assert_eq!(read(&mut server).await, Ok(0));
    says(&mut server, b"pong").await;
    hears(&mut client, b"pong").await;
    drop(server);
    assert_eq!(read(&mut client).await, Ok(0));
    let counts = timeout(LIMIT, line.relay.until(|counts| counts.open == 0)).await;
    let carried = Counts {
        carried: 1,
        ..Counts::default()
    };
    assert_eq!(counts, Ok(carried));
}

#[tokio::test]
async fn a_reset_of_one_side_is_a_reset_of_the_other() {
    let line = Line::new().await;
    let (mut client, server) = line.connect().await;
    reset(&server);
    drop(server);
    assert_eq!(read(&mut client).await, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn a_cut_by_reset_resets_both_sides_of_all() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    let (mut other_client, mut other_server) = line.connect().await;
    assert_eq!(line.relay.cut_reset(), 2);
    for side in [&mut client, &mut server, &mut other_client, &mut other_server] {
        assert_eq!(read(side).await, Err(io::ErrorKind::ConnectionReset));
    }
}

#[tokio::test]
async fn a_cut_by_fin_closes_both_sides_even_with_words_under_way() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.relay.stall();
    says(&mut client, b"nobody hears this").await;
    says(&mut server, b"nor this").await;
    assert_eq!(line.relay.cut_fin(), 1);
    assert_eq!(read(&mut client).await, Ok(0));
    assert_eq!(read(&mut server).await, Ok(0));
    // They may go on talking for a while, without a reset.
    says(&mut client, b"nor this").await;
    assert_eq!(read(&mut client).await, Ok(0));
}

#[tokio::test]
async fn who_comes_after_a_cut_is_carried() {
    let line = Line::new().await;
    let (mut client, _server) = line.connect().await;
    line.relay.cut_reset();
    assert!(read(&mut client).await.is_err());
    let (mut client, mut server) = line.connect().await;
    says(&mut client, b"again").await;
    hears(&mut server, b"again").await;
    line.relay.cut_fin();
    assert_eq!(read(&mut client).await, Ok(0));
    let (mut client, mut server) = line.connect().await;
    says(&mut server, b"and again").await;
    hears(&mut client, b"and again").await;
    assert_eq!(line.relay.counts().carried, 3);
}

#[tokio::test]
async fn a_stall_holds_everything_up_and_loses_nothing() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.relay.stall();
    says(&mut client, b"late").await;
    says(&mut server, b"later").await;
    assert!(timeout(MOMENT, server.read(&mut [0; 8])).await.is_err());
    assert!(timeout(MOMENT, client.read(&mut [0; 8])).await.is_err());
    assert_eq!(line.relay.counts().open, 1);
    line.relay.flow();
    hears(&mut server, b"late").await;
    hears(&mut client, b"later").await;
}

#[tokio::test]
async fn a_stall_hides_the_end_of_a_connection_and_takes_new_ones() {
    let line = Line::new().await;
    let (client, mut server) = line.connect().await;
    line.relay.stall();
    drop(client);
    assert!(timeout(MOMENT, server.read(&mut [0; 8])).await.is_err());
    let (_client, _server) = line.connect().await;
    line.relay.flow();
    assert_eq!(read(&mut server).await, Ok(0));
}

#[tokio::test]
async fn a_stalled_connection_can_be_cut() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.relay.stall();
    line.relay.cut_reset();
    assert_eq!(read(&mut client).await, Err(io::ErrorKind::ConnectionReset));
    assert_eq!(read(&mut server).await, Err(io::ErrorKind::ConnectionReset));
}

#[tokio::test]
async fn who_is_refused_is_reset_and_who_was_there_stays() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    line.relay.refuse(true);
    let mut refused = line.dial().await;
    assert_eq!(read(&mut refused).await, Err(io::ErrorKind::ConnectionReset));
    says(&mut client, b"still here").await;
    hears(&mut server, b"still here").await;
    line.relay.refuse(false);
    let (_client, _server) = line.connect().await;
    let counts = Counts {
        carried: 2,
        open: 2,
        refused: 1,
    };
    assert_eq!(line.relay.counts(), counts);
}

#[tokio::test]
async fn a_target_that_is_not_there_refuses() {
    let line = Line::new().await;
    drop(line.server);
    let mut client = TcpStream::connect(line.relay.address()).await.expect("the relay");
    assert_eq!(read(&mut client).await, Err(io::ErrorKind::ConnectionReset));
    assert_eq!(line.relay.counts().refused, 1);
}

#[tokio::test]
async fn a_relay_that_is_dropped_takes_everything_with_it() {
    let line = Line::new().await;
    let (mut client, mut server) = line.connect().await;
    let address = line.relay.address();
    drop(line.relay);
    assert!(matches!(read(&mut client).await, Ok(0) | Err(_)));
    assert!(matches!(read(&mut server).await, Ok(0) | Err(_)));
    assert!(TcpStream::connect(address).await.is_err());
}
