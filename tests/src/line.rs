//! The media of one call of ours: the call, its sockets, the tone that it plays, and what it hears.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use offhook_audio::{FRAME_SAMPLES, Frame, Source as _, Tone, measure};
use offhook_media::{Call, Change, DigitsError, Event, Input, Output, SocketId, Statistics};
use tokio::{
    net::UdpSocket,
    sync::mpsc,
    task::{AbortHandle, JoinSet},
    time::sleep,
};

/// What is listened to at a time: 200 ms.
const WINDOW: usize = 48_000 / 5;
/// The largest datagram that can be.
const LARGEST: usize = 65_536;

/// A datagram, and whose it is.
#[derive(Debug)]
pub struct Arrived<K> {
    /// The line's.
    pub whose: K,
    socket: SocketId,
    source: SocketAddr,
    payload: Vec<u8>,
}

/// A socket, and the task that reads it.
#[derive(Debug)]
struct Bound {
    id: SocketId,
    /// Sends by itself: tokio would refuse what goes out before its loop has seen the socket.
    sender: std::net::UdpSocket,
    reader: AbortHandle,
}

/// A call with what it needs. Dropped, it closes its sockets.
#[derive(Debug)]
pub struct Line<K> {
    /// What it is known by.
    pub whose: K,
    call: Call,
    tone: Tone,
    heard: Vec<i16>,
    sockets: Vec<Bound>,
    readers: JoinSet<()>,
    network: Option<Network>,
}

/// What becomes of the packets of audio that go out, one after the other.
#[derive(Debug)]
struct Network {
    delays: Vec<Option<Duration>>,
    /// The sequence number of the first.
    first: Option<u16>,
}

impl Network {
    /// How long this datagram takes, if it arrives at all. What is no audio arrives at once.
    fn takes(&mut self, datagram: &[u8]) -> Option<Duration> {
        // RFC 5761 section 4, RFC 7983.
        let is_audio = matches!(datagram, [128..=191, kind, ..] if !(64..=95).contains(&(kind & 0x7f)));
        let (true, &[_, _, high, low, ..]) = (is_audio, datagram) else {
            return Some(Duration::ZERO);
        };
        let sequence = u16::from_be_bytes([high, low]);
        let number = sequence.wrapping_sub(*self.first.get_or_insert(sequence));
        self.delays
            .get(usize::from(number))
            .copied()
            .unwrap_or(Some(Duration::ZERO))
    }
}

impl<K: Clone + Send + 'static> Line<K> {
    /// A call that plays this tone.
    pub fn new(whose: K, call: Call, hertz: u32) -> Self {
        Self {
            whose,
            call,
            tone: Tone::new(hertz),
            heard: Vec::new(),
            sockets: Vec::new(),
            readers: JoinSet::new(),
            network: None,
        }
    }

    /// From the first packet of audio on, each takes so long to the peer, or is lost.
    pub fn send_through(&mut self, delays: Vec<Option<Duration>>) {
        self.network = Some(Network { delays, first: None });
    }

    /// Sends a ready-made packet of 20 ms.
    pub fn send_opus(&mut self, now: Instant, packet: &[u8]) {
        self.call.send_opus(now, packet).expect("a packet of Opus");
    }

    /// The next 20 ms that are heard.
    pub fn pull(&mut self, now: Instant) -> Frame {
        let mut frame = [0; FRAME_SAMPLES];
        self.call.pull_pcm(now, &mut frame);
        frame
    }

    /// Gives it the peer's answer.
    pub fn accept_answer(&mut self, now: Instant, sdp: &str) {
        self.call.accept_answer(now, sdp).expect("an answer that fits");
    }

    /// Its answer to a later offer of the peer.
    pub fn accept_offer(&mut self, now: Instant, sdp: &str) -> String {
        self.call.accept_offer(now, sdp).expect("an offer that fits")
    }

    /// Its offer to change this.
    pub fn offer(&mut self, now: Instant, change: Change) -> String {
        self.call.offer(now, change).expect("a call that can change")
    }

    /// Gives it a candidate of the peer.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &str) {
        self.call.add_remote_candidate(now, candidate).expect("a candidate");
    }

    /// Presses these digits.
    ///
    /// # Errors
    /// When the peer takes none.
    pub fn send_digits(&mut self, now: Instant, digits: &str) -> Result<(), DigitsError> {
        self.call.send_digits(now, digits)
    }

    /// Its figures.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        self.call.statistics()
    }

    /// Ends the call.
    pub fn close(&mut self, now: Instant) {
        self.call.close(now);
    }

    /// Gives it a datagram.
    pub fn take(&mut self, now: Instant, arrived: &Arrived<K>) {
        let input = Input::Datagram {
            socket: arrived.socket,
            source: arrived.source,
            payload: &arrived.payload,
        };
        self.call.handle_input(now, input);
    }

    /// Its instant may have come.
    pub fn pass_time(&mut self, now: Instant) {
        self.call.handle_input(now, Input::Timeout);
    }

    /// Plays the next 20 ms and hears the last; every 200 ms gives what was heard: a tone, if there was one.
    pub fn tick(&mut self, now: Instant) -> Option<Option<measure::Tone>> {
        let mut frame = [0; FRAME_SAMPLES];
        let _ = self.tone.read(&mut frame);
        self.call.push_pcm(now, &frame);
        self.call.pull_pcm(now, &mut frame);
        self.heard.extend_from_slice(&frame);
        if self.heard.len() < WINDOW {
            return None;
        }
        let heard = measure::dominant_tone(&self.heard);
        self.heard.clear();
        Some(heard)
    }

    /// Does what the call says, until it gives its next event or the instant at which it wants to be called again.
    ///
    /// # Errors
    /// That instant.
    pub fn carry_out(&mut self, datagrams: &mpsc::UnboundedSender<Arrived<K>>) -> Result<Event, Instant> {
        loop {
            match self.call.poll_output() {
                Output::Event(event) => return Ok(event),
                Output::Timeout(until) => return Err(until),
                Output::Resolve { .. } | Output::Connect { .. } => {
                    panic!("servers have addresses here, and are reached over UDP")
                }
                Output::Close { socket } => {
                    for bound in self.sockets.extract_if(.., |bound| bound.id == socket) {
                        bound.reader.abort();
                    }
                }
                Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    let Some(bound) = self.sockets.iter().find(|bound| bound.id == socket) else {
                        continue;
                    };
                    let network = self.network.as_mut();
                    match network.map_or(Some(Duration::ZERO), |network| network.takes(&payload)) {
                        None => {}
                        // A full buffer loses it, as a network may.
                        Some(Duration::ZERO) => drop(bound.sender.send_to(&payload, destination)),
                        Some(delay) => {
                            let sender = bound.sender.try_clone().expect("another handle");
                            self.readers.spawn(async move {
                                sleep(delay).await;
                                drop(sender.send_to(&payload, destination));
                            });
                        }
                    }
                }
                Output::Open { socket, address } => {
                    let bound = std::net::UdpSocket::bind((address, 0)).expect("a port is free");
                    bound.set_nonblocking(true).expect("it can be");
                    let address = bound.local_addr().expect("it is bound");
                    let sender = bound.try_clone().expect("another handle");
                    let bound = UdpSocket::from_std(bound).expect("a socket");
                    let reader = read(self.whose.clone(), socket, bound, datagrams.clone());
                    self.sockets.push(Bound {
                        id: socket,
                        sender,
                        reader: self.readers.spawn(reader),
                    });
                    self.call
                        .handle_input(Instant::now(), Input::Opened { socket, address });
                }
            }
        }
    }
}

async fn read<K: Clone>(whose: K, id: SocketId, socket: UdpSocket, datagrams: mpsc::UnboundedSender<Arrived<K>>) {
    let mut buffer = vec![0; LARGEST];
    // An error is what ICMP says of an address that nobody listens on; the next datagram may come all the same.
    loop {
        if let Ok((length, source)) = socket.recv_from(&mut buffer).await {
            let arrived = Arrived {
                whose: whose.clone(),
                socket: id,
                source,
                payload: buffer[..length].to_vec(),
            };
            if datagrams.send(arrived).is_err() {
                return;
            }
        }
    }
}
