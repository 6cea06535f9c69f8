//! A relay of TCP on loopback, to do to connections what networks do: break them in the middle of a call, fall silent, let
//! nobody in.
//!
//! What connects to [`Relay::address`] is carried to the target and back. Put it between a client and a server by giving the
//! client its address, and cut:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> std::io::Result<()> {
//! use offhook_tests::relay::Relay;
//! use tokio::{io::AsyncReadExt, net::{TcpListener, TcpStream}};
//!
//! let server = TcpListener::bind("127.0.0.1:0").await?;
//! let relay = Relay::start(server.local_addr()?).await?;
//! let mut client = TcpStream::connect(relay.address()).await?;
//! let (mut far_end, _) = server.accept().await?;
//! relay.until(|counts| counts.open == 1).await;
//!
//! assert_eq!(relay.cut_fin(), 1);
//! assert_eq!(client.read(&mut [0; 8]).await?, 0, "the connection is closed, in order");
//! assert_eq!(far_end.read(&mut [0; 8]).await?, 0, "on both sides");
//! # Ok(())
//! # }
//! ```

use std::{io, net::SocketAddr};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy, sink},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
    task::{AbortHandle, JoinSet},
};

#[cfg(test)]
mod tests;

/// How much is read at a time, in bytes.
const CHUNK: usize = 16 * 1024;

/// A relay that runs as long as it is kept, on the tokio runtime in which it was started. When it is dropped, its listener and
/// all its connections are closed.
///
/// The switches act at once: they need no `await`, and what happens because of them happens as soon as the runtime comes to it.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
    switches: watch::Sender<Switches>,
    counts: watch::Sender<Counts>,
    task: AbortHandle,
}

/// What a [`Relay`] has done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were carried to the target, since the start.
    pub carried: usize,
    /// Those of them that are neither closed nor cut.
    pub open: usize,
    /// Connections that were reset at once: while [`Relay::refuse`] said so, or because the target did not take them.
    pub refused: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Switches {
    stalled: bool,
    refusing: bool,
    cuts: Cuts,
}

/// How often all connections were cut: one that finds more than at its beginning is cut itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Cuts {
    resets: u64,
    fins: u64,
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Both sides have closed it.
    Closed,
    /// With RST to both sides.
    Reset,
    /// With FIN to both sides.
    Fin,
}

impl Relay {
    /// Listens at a free port of loopback.
    ///
    /// # Errors
    /// The error of the system, if there is no port to listen at.
    pub async fn start(target: SocketAddr) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (switches, _) = watch::channel(Switches::default());
        let (counts, _) = watch::channel(Counts::default());
        let task = tokio::spawn(listen(listener, target, switches.clone(), counts.clone()));
        Ok(Self {
            address,
            switches,
            counts,
            task: task.abort_handle(),
        })
    }

    /// Where to connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Breaks all connections by RST to both sides, as a crash or a firewall does (`SO_LINGER` of 0). What was under way is
    /// lost. Says how many were open.
    pub fn cut_reset(&self) -> usize {
        self.switches.send_modify(|switches| switches.cuts.resets += 1);
        self.counts().open
    }

    /// Closes all connections by FIN to both sides, as a process does that ends: neither hears a word of farewell in its own
    /// protocol. What was under way is lost. Says how many were open.
    pub fn cut_fin(&self) -> usize {
        self.switches.send_modify(|switches| switches.cuts.fins += 1);
        self.counts().open
    }

    /// From now on nothing is carried, not even the end of a connection, while all stay open, and new ones are taken.
    pub fn stall(&self) {
        self.switches.send_modify(|switches| switches.stalled = true);
    }

    /// Ends a [`stall`](Self::stall): what was held up is carried now.
    pub fn flow(&self) {
        self.switches.send_modify(|switches| switches.stalled = false);
    }

    /// Whether new connections are reset as soon as they are there. Those that are open stay.
    pub fn refuse(&self, refusing: bool) {
        self.switches.send_modify(|switches| switches.refusing = refusing);
    }

    /// What has happened so far.
    pub fn counts(&self) -> Counts {
        *self.counts.borrow()
    }

    /// Waits until the counts are as wished, and gives them.
    pub async fn until(&self, wished: impl FnMut(&Counts) -> bool) -> Counts {
        let mut counts = self.counts.subscribe();
        let found = counts.wait_for(wished).await;
        *found.expect("the sender is ours and lives")
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        // With the task goes its set of connections.
        self.task.abort();
    }
}

async fn listen(
    listener: TcpListener,
    target: SocketAddr,
    switches: watch::Sender<Switches>,
    counts: watch::Sender<Counts>,
) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                // An error is of a connection that was gone before it was taken.
                if let Ok((near, _)) = accepted {
                    connections.spawn(serve(near, target, switches.subscribe(), counts.clone()));
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(
    mut near: TcpStream,
    target: SocketAddr,
    mut switches: watch::Receiver<Switches>,
    counts: watch::Sender<Counts>,
) {
    let Switches { refusing, cuts, .. } = *switches.borrow();
    let connected = if refusing {
        None
    } else {
        TcpStream::connect(target).await.ok()
    };
    let Some(mut far) = connected else {
        reset(&near);
        counts.send_modify(|counts| counts.refused += 1);
        return;
    };
    // What waits to be sent together with more would come late.
    drop((near.set_nodelay(true), far.set_nodelay(true)));
    counts.send_modify(|counts| {
        counts.carried += 1;
        counts.open += 1;
    });
    let held = switches.clone();
    let end = tokio::select! {
        biased;
        end = cut(&mut switches, cuts) => end,
        end = carry_both_ways(&mut near, &mut far, held) => end,
    };
    if end == End::Reset {
        reset(&near);
        reset(&far);
        drop((near, far));
    } else if end == End::Fin {
        drop((near.shutdown().await, far.shutdown().await));
        counts.send_modify(|counts| counts.open -= 1);
        // A socket that is closed with something unread is reset instead.
        let (mut near_ignored, mut far_ignored) = (sink(), sink());
        drop(tokio::join!(
            copy(&mut near, &mut near_ignored),
            copy(&mut far, &mut far_ignored)
        ));
        return;
    }
    counts.send_modify(|counts| counts.open -= 1);
}

/// Has the socket closed by RST as soon as it is dropped. A socket that cannot be told so is broken already.
fn reset(socket: &TcpStream) {
    drop(socket.set_zero_linger());
}

/// Waits until all connections are cut.
async fn cut(switches: &mut watch::Receiver<Switches>, before: Cuts) -> End {
    match switches.wait_for(|switches| switches.cuts != before).await {
        Ok(switches) if switches.cuts.resets == before.resets => End::Fin,
        // The relay itself is gone.
        Ok(_) | Err(_) => End::Reset,
    }
}

/// Carries until both sides have closed. One that resets resets the other.
async fn carry_both_ways(near: &mut TcpStream, far: &mut TcpStream, switches: watch::Receiver<Switches>) -> End {
    let (near_reads, near_writes) = near.split();
    let (far_reads, far_writes) = far.split();
    let carried = tokio::try_join!(
        carry(near_reads, far_writes, switches.clone()),
        carry(far_reads, near_writes, switches)
    );
    match carried {
        Ok(((), ())) => End::Closed,
        Err(_) => End::Reset,
    }
}

async fn carry(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    mut switches: watch::Receiver<Switches>,
) -> io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        flowing(&mut switches).await;
        let length = from.read(&mut chunk).await?;
        // It may have been stalled while there was nothing to read.
        flowing(&mut switches).await;
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&chunk[..length]).await?;
    }
}

async fn flowing(switches: &mut watch::Receiver<Switches>) {
    // Without a relay the connection ends anyway.
    drop(switches.wait_for(|switches| !switches.stalled).await);
}
