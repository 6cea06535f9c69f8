//! Two calls that talk to each other, with noise on the wire between them.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use super::{an_instant, config_on};
use crate::{Call, CallConfig, Event, FRAME_SAMPLES, Input, Output, SocketId};

/// Time goes on by this much at once; it is also what a datagram takes.
const STEP: Duration = Duration::from_millis(5);
/// Within this many steps two calls connect on a clear wire.
const TO_CONNECT: usize = 1_000;
/// A call that wants to be woken again at once this often would keep a processor busy for nothing.
const WAKES: usize = 100;
/// In place of a length: the next genuine datagram is damaged.
const DAMAGE: u8 = u8::MAX;
/// In place of a length: the next piece comes from a stranger.
const STRANGER: u8 = 254;
/// In place of a length: so many steps pass.
const PAUSE: u8 = 253;
/// Longest pause, in steps: half a second, so that noise does not become a cut.
const LONGEST_PAUSE: u8 = 100;
/// All pauses together, in steps.
const PAUSES: u32 = 200;
/// So much noise is enough: what comes after it says nothing new, and takes its time.
const PIECES: usize = 128;

/// So many frames are spoken when the noise is over.
const FRAMES: usize = 8;
/// So many of them are heard at least: the first are under way.
const HEARD: u64 = 5;

/// When the noise begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Begins {
    /// Before the first datagram.
    AtTheStart,
    /// With the first record of the DTLS handshake.
    InTheHandshake,
    /// When both calls are connected.
    WhenConnected,
}

impl Begins {
    pub(super) const ALL: [Self; 3] = [Self::AtTheStart, Self::InTheHandshake, Self::WhenConnected];
}

struct Side {
    call: Call,
    address: SocketAddr,
    due: Instant,
    connected: bool,
    failed: bool,
}

struct Flying {
    from: usize,
    payload: Vec<u8>,
}

/// No noise gets through to the codec, so the least of it does.
fn config(address: Ipv4Addr) -> CallConfig {
    let mut config = config_on(address);
    config.complexity = 0;
    config
}

/// The two calls.
pub(super) struct Pair {
    now: Instant,
    sides: [Side; 2],
    wire: VecDeque<Flying>,
    /// The handshake has begun.
    handshake: bool,
    /// Where the next genuine datagrams are damaged, and with which bits.
    damage: VecDeque<(usize, u8)>,
    begins: Begins,
    /// Something could be taken for the peer's part in a handshake, which nothing protects before it is through.
    misleading: bool,
    steps: u32,
}

impl Pair {
    /// Two calls that the noise will disturb from there on.
    pub(super) fn new(begins: Begins) -> Self {
        let now = an_instant();
        let addresses = [1, 2].map(|last| Ipv4Addr::new(192, 0, 2, last));
        let (mut offerer, offer) = Call::offerer(config(addresses[0]), [8; 32], now);
        let (answerer, answer) =
            Call::answerer(config(addresses[1]), &offer, [7; 32], now).expect("our own offer can be answered");
        offerer.accept_answer(now, &answer).expect("our own answer fits");
        let side = |call, address: Ipv4Addr| Side {
            call,
            address: SocketAddr::new(IpAddr::V4(address), 40_000),
            due: now,
            connected: false,
            failed: false,
        };
        let mut pair = Self {
            now,
            sides: [side(offerer, addresses[0]), side(answerer, addresses[1])],
            wire: VecDeque::new(),
            handshake: false,
            damage: VecDeque::new(),
            begins,
            misleading: false,
            steps: 0,
        };
        for _ in 0..TO_CONNECT {
            let ready = match begins {
                Begins::AtTheStart => true,
                Begins::InTheHandshake => pair.handshake,
                Begins::WhenConnected => pair.sides.iter().all(|side| side.connected),
            };
            if ready {
                return pair;
            }
            pair.step();
        }
        panic!("two calls on a clear wire did not get there");
    }

    /// Noise of this much: each piece is its length in one byte and then its bytes, and reaches
    /// the sides in turn from the address of the other. The length 255 stands for a place and the
    /// bits that are turned over there in the next genuine datagram, 254 for a piece, after the last byte
    /// of an address, that comes from there, and 253 for a pause of so many steps.
    pub(super) fn disturb(&mut self, data: &[u8]) {
        let (mut rest, mut to, mut paused) = (data, 1, 0);
        for _ in 0..PIECES {
            let Some((length, after)) = rest.split_first() else {
                return;
            };
            if *length == DAMAGE {
                let (place, after) = after.split_at(after.len().min(2));
                if let [at, bits] = *place {
                    self.damage.push_back((usize::from(at), bits));
                    self.misleading = true;
                }
                rest = after;
            } else if *length == PAUSE {
                let (steps, after) = after.split_at(after.len().min(1));
                let steps = steps.first().map_or(0, |steps| u32::from((*steps).min(LONGEST_PAUSE)));
                let steps = steps.min(PAUSES.saturating_sub(paused));
                paused += steps;
                for _ in 0..steps {
                    self.talk_at_times();
                    self.step();
                }
                rest = after;
            } else if *length == STRANGER {
                let (head, after) = after.split_at(after.len().min(2));
                if let [last, length] = *head {
                    let (payload, after) = after.split_at(after.len().min(usize::from(length)));
                    let address = IpAddr::V4(Ipv4Addr::new(203, 0, 113, last));
                    self.give(to, SocketAddr::new(address, 40_000), payload);
                    to = 1 - to;
                    rest = after;
                } else {
                    rest = after;
                }
            } else {
                let (payload, after) = after.split_at(after.len().min(usize::from(*length)));
                self.misleading |= matches!(payload, [20..=63, ..]);
                let peer = self.sides[1 - to].address;
                self.give(to, peer, payload);
                to = 1 - to;
                rest = after;
            }
            self.talk_at_times();
            self.step();
        }
    }

    /// Goes on without further noise, and looks whether it has changed anything.
    pub(super) fn settle(&mut self) {
        // What was still to be damaged would be packets lost in what follows.
        self.damage.clear();
        let could_be_misled = self.begins != Begins::WhenConnected && self.misleading;
        for _ in 0..if could_be_misled { 100 } else { TO_CONNECT } {
            if !could_be_misled && self.sides.iter().all(|side| side.connected) {
                break;
            }
            self.step();
        }
        let received = |side: &Side| side.call.statistics().packets_received;
        let before = [received(&self.sides[0]), received(&self.sides[1])];
        for _ in 0..4 * FRAMES {
            self.talk_at_times();
            self.step();
        }
        if !could_be_misled {
            for (side, before) in self.sides.iter().zip(before) {
                assert!(
                    side.connected && !side.failed,
                    "noise has ended a call, or kept it from beginning"
                );
                assert!(received(side) >= before + HEARD, "noise has silenced a call");
            }
        }
    }

    /// Every fourth step is a frame.
    fn talk_at_times(&mut self) {
        self.steps += 1;
        if self.steps.is_multiple_of(4) {
            self.talk();
        }
    }

    /// Each side sends a frame. None is played: whether it was heard shows before.
    fn talk(&mut self) {
        for side in &mut self.sides {
            side.call.push_pcm(self.now, &[0; FRAME_SAMPLES]);
        }
    }

    fn give(&mut self, to: usize, source: SocketAddr, payload: &[u8]) {
        let socket = SocketId(0);
        let input = Input::Datagram {
            socket,
            source,
            payload,
        };
        self.sides[to].call.handle_input(self.now, input);
        self.drain(to);
    }

    fn step(&mut self) {
        self.now += STEP;
        for Flying { from, mut payload } in std::mem::take(&mut self.wire) {
            self.handshake |= matches!(payload.first(), Some(20..=63));
            if let Some((at, bits)) = self.damage.pop_front() {
                let at = at % payload.len().max(1);
                if let Some(byte) = payload.get_mut(at) {
                    *byte ^= bits;
                }
            }
            let source = self.sides[from].address;
            self.give(1 - from, source, &payload);
        }
        for index in 0..2 {
            self.drain(index);
            let mut wakes = 0;
            while self.sides[index].due <= self.now {
                wakes += 1;
                assert!(wakes < WAKES, "the call wants to be woken again and again");
                self.sides[index].call.handle_input(self.now, Input::Timeout);
                self.drain(index);
            }
        }
    }

    fn drain(&mut self, index: usize) {
        loop {
            let side = &mut self.sides[index];
            let output = side.call.poll_output();
            if let Output::Timeout(due) = output {
                side.due = due;
                return;
            }
            assert!(!side.failed, "after the failure: {output:?}");
            match output {
                Output::Open { socket, .. } => {
                    let address = side.address;
                    side.call.handle_input(self.now, Input::Opened { socket, address });
                }
                Output::Transmit { payload, .. } => self.wire.push_back(Flying {
                    from: index,
                    payload: payload.into(),
                }),
                Output::Event(Event::LocalCandidate { candidate, .. }) => {
                    let other = &mut self.sides[1 - index].call;
                    other
                        .add_remote_candidate(self.now, &candidate)
                        .expect("our own candidate");
                }
                Output::Event(Event::Connected) => {
                    assert!(!side.connected, "connected twice");
                    side.connected = true;
                }
                Output::Event(Event::Failed(_)) => side.failed = true,
                Output::Event(Event::EndOfCandidates | Event::Interrupted | Event::Recovered | Event::Digit { .. }) => {
                }
                Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {
                    unreachable!("there are no servers, and the interfaces stay")
                }
                Output::Timeout(_) => unreachable!("returned above"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_without_noise_is_connected_and_stays_so() {
        for begins in Begins::ALL {
            let mut pair = Pair::new(begins);
            assert_eq!(
                pair.sides.iter().all(|side| side.connected),
                begins == Begins::WhenConnected
            );
            pair.disturb(&[]);
            pair.settle();
            assert!(pair.sides.iter().all(|side| side.connected && !side.failed));
        }
    }

    #[test]
    fn forged_records_keep_no_handshake_from_ending() {
        // An alert that refuses, data in the clear, a message of a number that no handshake reaches, and a record of another protocol.
        let forged = [
            b"\x0f\x15\xfe\xfd\0\0\0\0\0\0\0\x01\0\x02\x02\x28".to_vec(),
            b"\x0f\x17\xfe\xfd\0\0\0\0\0\0\0\x02\0\x02hi".to_vec(),
            b"\x1a\x16\xfe\xfd\0\0\0\0\0\0\0\x03\0\x0d\x02\0\0\x01\0\xc8\0\0\0\0\0\x01x".to_vec(),
            b"\x0f\x16\x03\x03\0\0\0\0\0\0\0\x04\0\x02hi".to_vec(),
        ];
        for begins in Begins::ALL {
            let mut pair = Pair::new(begins);
            for round in 0..40 {
                pair.disturb(&forged[round % forged.len()]);
            }
            pair.misleading = false;
            pair.settle();
        }
    }

    #[test]
    fn noise_reaches_a_call_that_is_connected_and_does_no_harm() {
        let mut pair = Pair::new(Begins::WhenConnected);
        let before = pair.sides[1].call.statistics().packets_received;
        // A forged RTP packet, a lost record, and damage to what is genuine.
        pair.disturb(b"\x0f\x80\x60\x00\x01\x00\x00\x03\xc0\x86\xe2\x93\x45\xf8\xff\xfe\xff\x0e\x01\x02\x14\xfe");
        pair.settle();
        assert!(pair.sides[1].call.statistics().packets_received > before);
        assert!(pair.sides.iter().all(|side| !side.failed));
    }
}
