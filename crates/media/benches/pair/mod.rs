//! Two calls in one process and a network that takes nothing, in virtual time. Shared by the benchmarks of what a call costs and holds.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use offhook_media::{Call, CallConfig, Event, FRAME_SAMPLES, Frame, Identity, Input, Output, SocketId};

const FRAME: Duration = Duration::from_millis(20);

/// What a side does with its audio.
pub enum Audio<'a> {
    /// Frames are encoded and decoded.
    Frames(&'a [Frame]),
    /// Packets go out as they are, and are handed on as they come.
    Packets(&'a [&'a [u8]]),
}

pub struct Pair {
    now: Instant,
    calls: [Call; 2],
    frames: usize,
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + side as u8)), 40_000)
}

pub fn config(identity: &Identity, side: usize) -> CallConfig {
    CallConfig::new(identity.clone(), vec![address(side).ip()])
}

impl Pair {
    /// A pair that is connected.
    pub fn connected(configs: [CallConfig; 2], number: u64, mut now: Instant) -> Self {
        let [first, second] = configs;
        let seed = |side: u8| {
            let mut seed = [side; 32];
            seed[..8].copy_from_slice(&number.to_le_bytes());
            seed
        };
        let (mut gateway, offer) = Call::offerer(first, seed(1), now);
        let (phone, answer) = Call::answerer(second, &offer, seed(2), now).expect("our own offer");
        gateway.accept_answer(now, &answer).expect("our own answer");
        let mut pair = Self {
            now,
            calls: [gateway, phone],
            frames: 0,
        };
        while !pair.calls.iter().all(Call::is_connected) {
            pair.settle();
            now += Duration::from_millis(5);
            pair.now = now;
            for call in &mut pair.calls {
                call.handle_input(now, Input::Timeout);
            }
        }
        pair
    }

    /// Twenty milliseconds of call, both ways.
    pub fn frame(&mut self, audio: &Audio<'_>) {
        self.now += FRAME;
        for call in &mut self.calls {
            call.handle_input(self.now, Input::Timeout);
            match audio {
                Audio::Frames(frames) => call.push_pcm(self.now, &frames[self.frames % frames.len()]),
                Audio::Packets(packets) => {
                    let packet = packets[self.frames % packets.len()];
                    call.send_opus(self.now, packet).expect("a packet of 20 ms");
                }
            }
        }
        self.settle();
        for call in &mut self.calls {
            match audio {
                Audio::Frames(_) => call.pull_pcm(self.now, &mut [0; FRAME_SAMPLES]),
                Audio::Packets(_) => while call.receive_opus(self.now).is_some() {},
            }
        }
        self.frames += 1;
    }

    /// How many packets of audio both have received.
    pub fn received(&self) -> u64 {
        self.calls.iter().map(|call| call.statistics().packets_received).sum()
    }

    /// Carries out what both want.
    fn settle(&mut self) {
        let mut quiet = 0;
        let mut side = 0;
        while quiet < 2 {
            quiet = if self.drain(side) { 0 } else { quiet + 1 };
            side = 1 - side;
        }
    }

    /// Whether this side wanted anything that reached the other.
    fn drain(&mut self, side: usize) -> bool {
        let mut reached = false;
        loop {
            let now = self.now;
            match self.calls[side].poll_output() {
                Output::Open { socket, .. } => {
                    let address = address(side);
                    self.calls[side].handle_input(now, Input::Opened { socket, address });
                }
                Output::Transmit { payload, .. } => {
                    let (socket, source) = (SocketId(0), address(side));
                    let payload: &[u8] = &payload;
                    self.calls[1 - side].handle_input(
                        now,
                        Input::Datagram {
                            socket,
                            source,
                            payload,
                        },
                    );
                    reached = true;
                }
                Output::Event(Event::LocalCandidate { candidate, .. }) => {
                    self.calls[1 - side]
                        .add_remote_candidate(now, &candidate)
                        .expect("our own candidate");
                    reached = true;
                }
                Output::Event(Event::Failed(reason)) => panic!("{reason}"),
                Output::Event(_) => {}
                Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {
                    unreachable!("there are no servers, and the interfaces stay")
                }
                Output::Timeout(_) => return reached,
            }
        }
    }
}

/// Seconds of something like a voice: it comes and goes four times a second.
pub fn voice(seconds: usize) -> Vec<Frame> {
    let sample = |at: usize| {
        let time = at as f64 / 48_000.0;
        let partial = |number: u32| (time * 140.0 * f64::from(number) * std::f64::consts::TAU).sin();
        let voice: f64 = (1..20).map(partial).sum();
        (voice * 1_500.0 * (time * 4.0 * std::f64::consts::TAU).sin().abs()) as i16
    };
    let frame = |number: usize| std::array::from_fn(|index| sample(number * FRAME_SAMPLES + index));
    (0..seconds * 50).map(frame).collect()
}

#[expect(clippy::disallowed_methods, reason = "std gives no other instant to begin at")]
pub fn an_instant() -> Instant {
    Instant::now()
}
