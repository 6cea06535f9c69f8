//! The calls: each sends a packet at every beat and a check every second, and receives as the way of the run wants it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::IoSliceMut;
use std::net::SocketAddr;
use std::rc::Rc;
use std::thread;
use std::time::{Duration, Instant};

use quinn_udp::{BATCH_SIZE, RecvMeta, UdpSocketState};
use tokio::io::Interest;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::task::{JoinSet, LocalSet};
use tokio::time::{interval, sleep};

use super::datagram::{self, Kind, Transaction, Ufrag};
use super::far_ends::FarEnds;
use super::{CALLS, FRAME, RUN, Way, bound};

/// How many datagrams of one socket are taken before others have their turn.
const AT_ONCE: usize = 64;
/// How long what is under way may take to arrive when the far ends have fallen silent.
const AFTERMATH: Duration = Duration::from_millis(100);

/// The calls with their sockets.
pub(crate) struct Calls {
    way: Way,
    start: Instant,
    sockets: Vec<Rc<UdpSocket>>,
    far_ends: Vec<SocketAddr>,
    index: Index,
}

/// Which call a datagram of a shared socket is for.
#[derive(Default)]
struct Index {
    sources: HashMap<SocketAddr, usize>,
    ufrags: HashMap<Ufrag, usize>,
    transactions: HashMap<Transaction, usize>,
}

impl Index {
    fn find(&mut self, source: SocketAddr, datagram: &[u8]) -> Option<usize> {
        match datagram::kind(datagram) {
            Kind::Audio => self.sources.get(&source).copied(),
            Kind::Check => self.ufrags.get(&datagram::ufrag(datagram)).copied(),
            Kind::Answer => self.transactions.remove(&datagram::transaction(datagram)),
        }
    }
}

/// What the calls have seen.
struct Seen {
    start: Instant,
    /// Of each call.
    received: Vec<u64>,
    sent: u64,
    delays: Vec<Duration>,
}

impl Seen {
    fn new(start: Instant) -> Self {
        Self {
            start,
            received: vec![0; CALLS],
            sent: 0,
            delays: Vec::with_capacity(CALLS * 60 * RUN.as_secs() as usize),
        }
    }

    fn receive(&mut self, call: usize, datagram: &[u8]) {
        self.received[call] += 1;
        self.delays.push(datagram::age(datagram, self.start));
    }
}

impl Calls {
    /// Opens sockets for calls with these far ends; how long that took for one call.
    pub(crate) fn open(way: Way, far_ends: Vec<SocketAddr>) -> (Self, Duration) {
        let socket = || Rc::new(UdpSocket::from_std(bound()).expect("a runtime"));
        let start = Instant::now();
        let mut index = Index::default();
        let sockets = if way == Way::Own {
            far_ends.iter().map(|_| socket()).collect()
        } else {
            for (call, far_end) in far_ends.iter().enumerate() {
                index.sources.insert(*far_end, call);
                index.ufrags.insert(datagram::ufrag_of(call), call);
            }
            vec![socket(); 1]
        };
        let opening = start.elapsed() / u32::try_from(CALLS).expect("few calls");
        let calls = Self {
            way,
            start,
            sockets,
            far_ends,
            index,
        };
        (calls, opening)
    }

    /// Where each call is to be reached, and the instant from which datagrams count time.
    pub(crate) fn addresses(&self) -> (Instant, Vec<SocketAddr>) {
        let address = |call| self.socket(call).local_addr().expect("it is bound");
        (self.start, (0..CALLS).map(address).collect())
    }

    fn socket(&self, call: usize) -> &Rc<UdpSocket> {
        &self.sockets[call % self.sockets.len()]
    }

    /// Runs the calls, the thread held up once a second if it is to be; how many datagrams came and went, and how long those
    /// that came were under way.
    pub(crate) async fn live(
        self,
        run: Duration,
        held_up: Option<Duration>,
        far_ends: &FarEnds,
    ) -> (u64, u64, Vec<Duration>) {
        let seen = Rc::new(RefCell::new(Seen::new(self.start)));
        let index = Rc::new(RefCell::new(self.index));
        let (beat, _) = watch::channel(0u32);
        let local = LocalSet::new();
        let mut tasks = JoinSet::new();
        for (call, far_end) in self.far_ends.iter().enumerate() {
            let speaker = Speaker {
                call,
                far_end: *far_end,
                socket: Rc::clone(&self.sockets[call % self.sockets.len()]),
                index: Rc::clone(&index),
                seen: Rc::clone(&seen),
            };
            let beats = beat.subscribe();
            match self.way {
                Way::Own => tasks.spawn_local_on(speaker.speak_and_listen(beats), &local),
                Way::Shared | Way::Batched => tasks.spawn_local_on(speaker.speak(beats), &local),
            };
        }
        let shared = Rc::clone(&self.sockets[0]);
        match self.way {
            Way::Own => {}
            Way::Shared => drop(tasks.spawn_local_on(listen(shared, index, Rc::clone(&seen)), &local)),
            Way::Batched => drop(tasks.spawn_local_on(listen_in_batches(shared, index, Rc::clone(&seen)), &local)),
        }
        local
            .run_until(async {
                let mut beats = interval(FRAME);
                let end = Instant::now() + run;
                let mut stumble = Instant::now() + Duration::from_secs(1) / 2;
                while Instant::now() < end {
                    beats.tick().await;
                    beat.send_modify(|beat| *beat += 1);
                    if let Some(held_up) = held_up.filter(|_| stumble < Instant::now()) {
                        thread::sleep(held_up);
                        stumble += Duration::from_secs(1);
                    }
                }
                far_ends.stop();
                sleep(AFTERMATH).await;
                tasks.shutdown().await;
            })
            .await;
        let seen = seen.replace(Seen::new(self.start));
        (seen.received.iter().sum(), seen.sent, seen.delays)
    }
}

/// One call.
struct Speaker {
    call: usize,
    far_end: SocketAddr,
    socket: Rc<UdpSocket>,
    index: Rc<RefCell<Index>>,
    seen: Rc<RefCell<Seen>>,
}

impl Speaker {
    async fn speak(self, mut beats: watch::Receiver<u32>) {
        while beats.changed().await.is_ok() {
            let beat = *beats.borrow_and_update();
            self.say(beat, true);
        }
    }

    /// With a socket of its own.
    async fn speak_and_listen(self, mut beats: watch::Receiver<u32>) {
        let mut buffer = [0; 2048];
        loop {
            tokio::select! {
                beat = beats.changed() => match beat {
                    Ok(()) => {
                        let beat = *beats.borrow_and_update();
                        self.say(beat, false);
                    }
                    Err(_) => return,
                },
                readable = self.socket.readable() => {
                    readable.expect("it is open");
                    for _ in 0..AT_ONCE {
                        let Ok((length, _)) = self.socket.try_recv_from(&mut buffer) else { break };
                        self.seen.borrow_mut().receive(self.call, &buffer[..length]);
                    }
                }
            }
        }
    }

    fn say(&self, beat: u32, shared: bool) {
        let say = |kind, transaction| {
            let seen = &mut *self.seen.borrow_mut();
            let bytes = datagram::write(kind, seen.start, datagram::ufrag_of(self.call), transaction);
            seen.sent += u64::from(self.socket.try_send_to(&bytes, self.far_end).is_ok());
        };
        say(Kind::Audio, [0; 12]);
        if (beat as usize + self.call).is_multiple_of(50) {
            let transaction = datagram::transaction_of(self.call, beat);
            if shared {
                self.index.borrow_mut().transactions.insert(transaction, self.call);
            }
            say(Kind::Check, transaction);
        }
    }
}

/// Reads a shared socket datagram by datagram.
async fn listen(socket: Rc<UdpSocket>, index: Rc<RefCell<Index>>, seen: Rc<RefCell<Seen>>) {
    let mut buffer = [0; 2048];
    while socket.readable().await.is_ok() {
        for _ in 0..AT_ONCE {
            let Ok((length, source)) = socket.try_recv_from(&mut buffer) else {
                break;
            };
            if let Some(call) = index.borrow_mut().find(source, &buffer[..length]) {
                seen.borrow_mut().receive(call, &buffer[..length]);
            }
        }
    }
}

/// Reads as many datagrams from a shared socket as the system gives at once.
async fn listen_in_batches(socket: Rc<UdpSocket>, index: Rc<RefCell<Index>>, seen: Rc<RefCell<Seen>>) {
    let state = UdpSocketState::new((&*socket).into()).expect("a socket");
    let length = 2048 * state.gro_segments();
    let mut buffers = vec![vec![0; length]; BATCH_SIZE];
    let mut told = [RecvMeta::default(); BATCH_SIZE];
    while socket.readable().await.is_ok() {
        let mut slices: Vec<IoSliceMut<'_>> = buffers.iter_mut().map(|buffer| IoSliceMut::new(buffer)).collect();
        let read = socket.try_io(Interest::READABLE, || {
            state.recv((&*socket).into(), &mut slices, &mut told)
        });
        let Ok(count) = read else { continue };
        for (buffer, told) in slices.iter().zip(&told).take(count) {
            for datagram in buffer[..told.len].chunks(told.stride) {
                if let Some(call) = index.borrow_mut().find(told.addr, datagram) {
                    seen.borrow_mut().receive(call, datagram);
                }
            }
        }
    }
}
