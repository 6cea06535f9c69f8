//! How the datagrams of five hundred calls come in best: by a socket for each call, by one that all share, or by one that is
//! read many datagrams at a time.
//!
//! The calls live on one thread, as on a media thread of the client, and do nothing but receive and send: what codec and
//! encryption take is the same either way. Each has a far end with a port of its own, from which a packet of audio comes every
//! 20 ms and a check every second. Datagrams on a shared socket are told apart by an index: audio by the far end's address, checks
//! by the name in them, answers by their transaction. Prints lines `figure NAME VALUE`.

mod calls;
mod datagram;
mod far_ends;

use std::fs;
use std::net::UdpSocket;
use std::time::Duration;

use calls::Calls;
use far_ends::FarEnds;

/// How many calls there are.
const CALLS: usize = 500;
/// From one packet of audio to the next.
const FRAME: Duration = Duration::from_millis(20);
/// How long a run takes.
const RUN: Duration = Duration::from_secs(4);
/// How often each way runs; figures are the middle ones.
const RUNS: usize = 3;
/// How long the thread is held up once a second, in runs in which it is: other calls begin, or the machine is busy.
const HELD_UP: Duration = Duration::from_millis(50);

/// How datagrams come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each call has a socket.
    Own,
    /// All calls share one.
    Shared,
    /// All calls share one, from which many datagrams are read at once.
    Batched,
}

/// What a run came to.
struct Measured {
    /// Of a call's socket, or of its entry in the index.
    opening: Duration,
    /// Processor time of the calls' thread.
    busy: Duration,
    sent: u64,
    received: u64,
    lost: u64,
    /// From the far end's sending to the call, ordered.
    delays: Vec<Duration>,
}

impl Measured {
    fn delay(&self, share: f64) -> f64 {
        let index = ((self.delays.len() - 1) as f64 * share).round() as usize;
        self.delays[index].as_secs_f64() * 1e6
    }
}

fn main() {
    for (name, way) in [("own", Way::Own), ("shared", Way::Shared), ("batched", Way::Batched)] {
        let runs: Vec<Measured> = (0..RUNS).map(|_| run(way, None)).collect();
        let middle = |figure: &dyn Fn(&Measured) -> f64| middle(runs.iter().map(figure).collect());
        let datagrams = |run: &Measured| (run.received + run.sent) as f64;
        let call_seconds = CALLS as f64 * RUN.as_secs_f64();
        println!(
            "figure {name}/datagram {:.2}",
            middle(&|run| run.busy.as_secs_f64() * 1e6 / datagrams(run))
        );
        println!(
            "figure {name}/second {:.2}",
            middle(&|run| run.busy.as_secs_f64() * 1e3 / call_seconds)
        );
        println!("figure {name}/delay {:.0}", middle(&|run| run.delay(0.5)));
        println!("figure {name}/delay-99 {:.0}", middle(&|run| run.delay(0.99)));
        println!(
            "figure {name}/opening {:.1}",
            middle(&|run| run.opening.as_secs_f64() * 1e6)
        );
        println!("figure {name}/lost {:.1}", middle(&lost));
        let held_up: Vec<Measured> = (0..RUNS).map(|_| run(way, Some(HELD_UP))).collect();
        println!(
            "figure {name}/lost-held-up {:.1}",
            self::middle(held_up.iter().map(lost).collect())
        );
        println!("figure {name}/ports {}", if way == Way::Own { CALLS } else { 1 });
    }
}

/// Datagrams lost of ten thousand.
fn lost(run: &Measured) -> f64 {
    run.lost as f64 * 1e4 / (run.received + run.lost) as f64
}

fn middle(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn run(way: Way, held_up: Option<Duration>) -> Measured {
    let sockets: Vec<UdpSocket> = (0..CALLS).map(|_| bound()).collect();
    let addresses = sockets.iter().map(|socket| socket.local_addr().expect("it is bound"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.expect("a runtime");
    let _entered = runtime.enter();
    let (calls, opening) = Calls::open(way, addresses.collect());
    let far_ends = FarEnds::start(sockets, calls.addresses());
    let before = processor_time();
    let (received, sent, mut delays) = runtime.block_on(calls.live(RUN, held_up, &far_ends));
    let busy = processor_time() - before;
    let lost = far_ends.sent().saturating_sub(received);
    delays.sort_unstable();
    Measured {
        opening,
        busy,
        sent,
        received,
        lost,
        delays,
    }
}

/// A socket on any port of loopback, which does not block.
fn bound() -> UdpSocket {
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a port is free");
    socket.set_nonblocking(true).expect("it can be");
    socket
}

/// What this thread has had of a processor, as Linux counts it; nothing where nobody counts.
fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}
