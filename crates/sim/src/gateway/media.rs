//! One call's media: the peer connection and its UDP sockets.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdSocket};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use offhook_media::{
    AnswerError, Call, CallConfig, CandidateError, Change, ChangeError, Datagram, DigitsError, Event, Frame, Input,
    Output, ReofferError, SocketId, Statistics,
};
use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::time::{Sleep, sleep_until};

use super::path::{MediaPath, UnderWay};
use crate::gauge::{Counted, Gauge, Kind};

/// Datagrams that may be under way in one direction; more are dropped, as a network does.
const WAITING: usize = 128;

/// No datagram of a call is longer.
const LONGEST_DATAGRAM: usize = 2_048;

pub(super) struct Media {
    call: Call,
    gauge: Gauge,
    sockets: Vec<Socket>,
    path: MediaPath,
    outgoing: UnderWay<(SocketId, SocketAddr, Datagram)>,
    incoming: UnderWay<(SocketId, SocketAddr, Vec<u8>)>,
    events: Vec<Event>,
    deadline: Instant,
    /// The last datagram.
    buffer: Box<[u8; LONGEST_DATAGRAM]>,
}

struct Socket {
    id: SocketId,
    socket: UdpSocket,
    _counted: Counted,
}

/// A datagram that came in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    socket: SocketId,
    source: SocketAddr,
    length: usize,
}

impl Media {
    /// Starts the offering side, its sockets included; the offer.
    pub(super) fn offer(
        config: CallConfig,
        path: MediaPath,
        seed: [u8; 32],
        now: Instant,
        gauge: Gauge,
    ) -> (Self, String) {
        let (call, offer) = Call::offerer(config, seed, now);
        let mut media = Self {
            call,
            gauge,
            sockets: Vec::new(),
            path,
            outgoing: UnderWay::at_most(WAITING, seed),
            incoming: UnderWay::at_most(WAITING, seed.map(|byte| !byte)),
            events: Vec::new(),
            deadline: now,
            buffer: Box::new([0; LONGEST_DATAGRAM]),
        };
        media.drain(now);
        (media, offer)
    }

    /// Until when [`timeout`](Self::timeout) is due.
    pub(super) fn deadline(&self) -> Instant {
        self.deadline
    }

    pub(super) fn accept_answer(&mut self, now: Instant, sdp: &str) -> Result<(), AnswerError> {
        let accepted = self.call.accept_answer(now, sdp);
        self.drain(now);
        accepted
    }

    /// Offers a change of the media.
    pub(super) fn offer_change(&mut self, now: Instant, change: Change) -> Result<String, ChangeError> {
        let offer = self.call.offer(now, change);
        self.drain(now);
        offer
    }

    /// The change comes to nothing.
    pub(super) fn withdraw_change(&mut self, now: Instant) {
        self.call.withdraw_offer(now);
        self.drain(now);
    }

    /// Answers a change of the client.
    pub(super) fn accept_offer(&mut self, now: Instant, sdp: &str) -> Result<String, ReofferError> {
        let answer = self.call.accept_offer(now, sdp);
        self.drain(now);
        answer
    }

    /// The mid of the audio.
    pub(super) fn mid(&self) -> &str {
        self.call.mid()
    }

    pub(super) fn add_candidate(&mut self, now: Instant, text: &str) -> Result<(), CandidateError> {
        let added = self.call.add_remote_candidate(now, text);
        self.drain(now);
        added.map(|_| ())
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        self.call.handle_input(now, Input::Timeout);
        self.drain(now);
    }

    /// Takes the datagram that was received last.
    pub(super) fn datagram(&mut self, now: Instant, received: Received) {
        let Received { socket, source, length } = received;
        let payload = self.buffer.get(..length).unwrap_or_default();
        self.call.handle_input(
            now,
            Input::Datagram {
                socket,
                source,
                payload,
            },
        );
        self.drain(now);
    }

    /// Sends one frame and fetches the one to be heard at the same time.
    pub(super) fn exchange(&mut self, now: Instant, played: &Frame) -> Frame {
        let mut heard = [0; offhook_media::FRAME_SAMPLES];
        self.call.push_pcm(now, played);
        self.drain(now);
        self.call.pull_pcm(now, &mut heard);
        self.drain(now);
        heard
    }

    /// Sends one packet as it is, or silence if the client takes no Opus, and takes those of the client.
    pub(super) fn exchange_packets(&mut self, now: Instant, packet: &[u8]) {
        if self.call.send_opus(now, packet).is_err() {
            self.call.push_pcm(now, &[0; offhook_media::FRAME_SAMPLES]);
        }
        self.drain(now);
        while self.call.receive_opus(now).is_some() {}
        self.drain(now);
    }

    pub(super) fn send_digits(&mut self, now: Instant, digits: &str) -> Result<(), DigitsError> {
        self.call.send_digits(now, digits)
    }

    pub(super) fn statistics(&self) -> Statistics {
        self.call.statistics()
    }

    /// What the call has told since it was last asked.
    pub(super) fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Does what the call asks for until it wants to wait. Due after everything that it is told.
    fn drain(&mut self, now: Instant) {
        loop {
            match self.call.poll_output() {
                Output::Open { socket, address } => self.open(now, socket, address),
                Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => self.outgoing.send(now, self.path, (socket, destination, payload)),
                Output::Event(event) => self.events.push(event),
                // The gateway is in the open: it needs no servers, and its address stays.
                Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {}
                Output::Timeout(at) => {
                    self.deadline = at;
                    return;
                }
            }
        }
    }

    fn open(&mut self, now: Instant, id: SocketId, address: IpAddr) {
        match bind(address) {
            Ok((socket, address)) => {
                let counted = self.gauge.count(Kind::MediaSocket);
                self.sockets.push(Socket {
                    id,
                    socket,
                    _counted: counted,
                });
                self.call.handle_input(now, Input::Opened { socket: id, address });
            }
            Err(error) => {
                let reason = error.to_string();
                self.call.handle_input(now, Input::Refused { socket: id, reason });
            }
        }
    }

    /// Datagrams travel like this from now on.
    pub(super) fn set_path(&mut self, path: MediaPath) {
        self.path = path;
    }

    /// Sends what waits, and waits for the next datagram.
    pub(super) async fn receive(&mut self) -> Received {
        let mut alarm = None;
        poll_fn(|context| {
            let now = Instant::now();
            self.poll_send(now, context);
            let received = self.poll_receive(now, context);
            let under_way = [self.outgoing.next(now), self.incoming.next(now)];
            if let (Poll::Pending, Some(due)) = (&received, under_way.into_iter().flatten().min()) {
                wake_at(&mut alarm, due, context);
            }
            received
        })
        .await
    }

    fn poll_send(&mut self, now: Instant, context: &mut Context<'_>) {
        while let Some((id, destination, payload)) = self.outgoing.arrived(now) {
            let socket = self.sockets.iter().find(|socket| socket.id == *id);
            let sent = socket.map(|it| it.socket.poll_send_to(context, payload, *destination));
            if let Some(Poll::Pending) = sent {
                return;
            }
            // Sent; or lost, as datagrams are when a network says no.
            self.outgoing.take();
        }
    }

    fn poll_receive(&mut self, now: Instant, context: &mut Context<'_>) -> Poll<Received> {
        for index in 0..self.sockets.len() {
            while let Poll::Ready(received) = self.poll_socket(index, context) {
                if self.path == MediaPath::CLEAR {
                    return Poll::Ready(received);
                }
                let bytes = self.buffer[..received.length].to_vec();
                self.incoming
                    .send(now, self.path, (received.socket, received.source, bytes));
            }
        }
        if self.incoming.arrived(now).is_some()
            && let Some((socket, source, bytes)) = self.incoming.take()
        {
            let length = bytes.len();
            self.buffer[..length].copy_from_slice(&bytes);
            return Poll::Ready(Received { socket, source, length });
        }
        Poll::Pending
    }

    fn poll_socket(&mut self, index: usize, context: &mut Context<'_>) -> Poll<Received> {
        let Socket { id, socket, .. } = &self.sockets[index];
        let mut read = ReadBuf::new(&mut self.buffer[..]);
        match socket.poll_recv_from(context, &mut read) {
            Poll::Ready(Ok(source)) => Poll::Ready(Received {
                socket: *id,
                source,
                length: read.filled().len(),
            }),
            // The echo of an earlier datagram that nobody took (ICMP). It is told once, so
            // come again.
            Poll::Ready(Err(_)) => {
                context.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    /// Ends the peer connection; what it still has to say is tried once.
    pub(super) async fn close(mut self, now: Instant) {
        self.call.close(now);
        self.drain(now);
        poll_fn(|context| {
            self.poll_send(Instant::now(), context);
            Poll::Ready(())
        })
        .await;
    }
}

/// Wakes whoever polls when a datagram arrives that is under way.
fn wake_at(alarm: &mut Option<Pin<Box<Sleep>>>, due: Instant, context: &mut Context<'_>) {
    let alarm = alarm.get_or_insert_with(|| Box::pin(sleep_until(due.into())));
    alarm.as_mut().reset(due.into());
    if alarm.as_mut().poll(context).is_ready() {
        context.waker().wake_by_ref();
    }
}

fn bind(address: IpAddr) -> io::Result<(UdpSocket, SocketAddr)> {
    let socket = StdSocket::bind((address, 0))?;
    socket.set_nonblocking(true)?;
    let local = socket.local_addr()?;
    Ok((UdpSocket::from_std(socket)?, local))
}
