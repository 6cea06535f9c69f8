//! The far ends of the calls, on a thread of their own: each sends a packet every 20 ms and a check every second, one after
//! the other as calls do that began at different times, and answers checks.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use super::datagram::{self, Kind, LENGTH};
use super::{CALLS, FRAME};

/// The running far ends.
pub(crate) struct FarEnds {
    over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl FarEnds {
    /// They begin to send to where the calls are.
    pub(crate) fn start(sockets: Vec<UdpSocket>, (start, calls): (Instant, Vec<SocketAddr>)) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&over);
        let thread = thread::spawn(move || send(&sockets, start, &calls, &told));
        Self { over, thread }
    }

    /// They fall silent.
    pub(crate) fn stop(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// How many datagrams they have sent in all.
    pub(crate) fn sent(self) -> u64 {
        self.thread.join().expect("they send to the end")
    }
}

fn send(sockets: &[UdpSocket], start: Instant, calls: &[SocketAddr], over: &AtomicBool) -> u64 {
    let between = FRAME / u32::try_from(CALLS).expect("few calls");
    let mut next = Instant::now();
    let mut sent = 0;
    for turn in 0u32.. {
        for (call, (socket, to)) in sockets.iter().zip(calls).enumerate() {
            if over.load(Ordering::Relaxed) {
                return sent;
            }
            let now = Instant::now();
            if now < next {
                thread::sleep(next - now);
            } else if now > next + FRAME {
                // The machine held this thread up: no burst makes good for it.
                next = now;
            }
            next += between;
            // A full buffer loses a datagram, which counts as sent.
            let mut say = |kind, transaction| {
                let bytes = datagram::write(kind, start, datagram::ufrag_of(call), transaction);
                sent += u64::from(socket.send_to(&bytes, to).is_ok());
            };
            say(Kind::Audio, [0; 12]);
            if (turn as usize + call).is_multiple_of(50) {
                say(Kind::Check, datagram::transaction_of(call, turn));
            }
            let mut buffer = [0; LENGTH];
            while socket.recv_from(&mut buffer).is_ok() {
                if datagram::kind(&buffer) == Kind::Check {
                    say(Kind::Answer, datagram::transaction(&buffer));
                }
            }
        }
    }
    sent
}
