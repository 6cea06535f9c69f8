//! The wire between two namespaces: a tun interface in each, and between them a network in memory that delays, loses and disorders
//! whatever is sent, TCP and UDP alike.

use std::{
    net::{Ipv4Addr, SocketAddr, SocketAddrV4},
    sync::{Arc, mpsc},
    thread,
    time::Instant,
};

use tappers::{Interface, Tun};

use crate::network::{Network, Weather};

/// The largest packet that an interface sends is 1500 bytes.
const LARGEST: usize = 2048;

/// By these names the network in memory knows the ends.
const ENDS: [SocketAddr; 2] = [end(1), end(2)];

const fn end(number: u8) -> SocketAddr {
    SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, number), 1))
}

enum Told {
    Packet { from: usize, packet: Vec<u8> },
    Weather(Weather),
}

/// It lasts as long as the process.
#[derive(Debug)]
pub struct Wire(mpsc::Sender<Told>);

impl Wire {
    /// Makes two interfaces of these names and connects them. They are in the namespace in which we are, and can be moved.
    pub fn between(names: [&str; 2]) -> Self {
        let open = |name| {
            let interface = Interface::new(name).expect("a name");
            Arc::new(Tun::new_named(interface).expect("tun interfaces can be made"))
        };
        let ends = names.map(open);
        let (tell, told) = mpsc::channel();
        for (from, end) in ends.iter().cloned().enumerate() {
            let tell = tell.clone();
            thread::spawn(move || {
                let mut buffer = [0; LARGEST];
                // Until the interface is deleted.
                while let Ok(length) = end.recv(&mut buffer) {
                    let packet = buffer[..length].to_vec();
                    if tell.send(Told::Packet { from, packet }).is_err() {
                        return;
                    }
                }
            });
        }
        thread::spawn(move || carry(&ends, &told));
        Self(tell)
    }

    /// From now on it is like this; what is under way is lost.
    pub fn set(&self, weather: Weather) {
        self.0.send(Told::Weather(weather)).expect("the wire is there");
    }
}

fn carry(ends: &[Arc<Tun>; 2], told: &mpsc::Receiver<Told>) {
    // What meets which packet is up to chance all the same.
    const SEED: u64 = 1;
    let mut network = Network::new(SEED, Weather::CLEAR);
    loop {
        let next = match network.next_at() {
            None => told.recv().map_err(|_| mpsc::RecvTimeoutError::Disconnected),
            Some(at) => told.recv_timeout(at.saturating_duration_since(Instant::now())),
        };
        match next {
            Ok(Told::Packet { from, packet }) => {
                network.send(Instant::now(), ENDS[from], ENDS[1 - from], &packet);
            }
            Ok(Told::Weather(weather)) => network = Network::new(SEED, weather),
            Err(mpsc::RecvTimeoutError::Timeout) => {}
            Err(mpsc::RecvTimeoutError::Disconnected) => return,
        }
        while let Some(datagram) = network.arrive(Instant::now()) {
            let to = usize::from(datagram.destination == ENDS[1]);
            // An interface that is down takes nothing.
            let _ = ends[to].send(&datagram.payload);
        }
    }
}
