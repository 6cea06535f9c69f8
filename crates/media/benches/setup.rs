//! How long it takes from accepting a call to the first audio packet sent, step by step, in real time.
//!
//! Two calls in one process, and between them a way that takes as long in each direction as is said, for signalling as for media:
//! the acceptance travels to the gateway, its offer travels back, the answer and all candidates follow
//! as they are found, and audio is pushed every 20 ms, as a client does. Prints lines `figure NAME VALUE`, in milliseconds.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use offhook_media::{Call, CallConfig, Event, FRAME_SAMPLES, Identity, Input, Output, SocketId};

/// Calls for each delay.
const CALLS: u64 = 40;
const FRAME: Duration = Duration::from_millis(20);
/// Within this a call must be up.
const LIMIT: Duration = Duration::from_secs(15);

/// What travels.
enum Parcel {
    Accepted,
    Offer(String),
    Answer(String),
    Candidate(String),
    Datagram(Vec<u8>),
}

/// On its way: when it arrives, with which side, what.
type UnderWay = (Instant, usize, Parcel);

/// The gateway is side 0, the phone side 1.
struct Setup {
    delay: Duration,
    configs: [CallConfig; 2],
    calls: [Option<Call>; 2],
    /// Candidates that outran the offer.
    early: Vec<String>,
    way: Vec<UnderWay>,
    seed: u64,
}

fn address(side: usize) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1 + side as u8)), 40_000)
}

#[allow(clippy::disallowed_methods, reason = "what is measured is real time")]
fn clock() -> Instant {
    Instant::now()
}

#[allow(clippy::disallowed_methods, reason = "the way takes real time")]
fn wait_until(at: Instant) {
    let left = at.saturating_duration_since(clock());
    if left > Duration::from_micros(200) {
        thread::sleep(left);
    }
}

impl Setup {
    fn send(&mut self, to: usize, parcel: Parcel) {
        self.way.push((clock() + self.delay, to, parcel));
    }

    fn seed(&self, side: u8) -> [u8; 32] {
        let mut seed = [side; 32];
        seed[..8].copy_from_slice(&self.seed.to_le_bytes());
        seed
    }

    fn arrive(&mut self, to: usize, parcel: Parcel) {
        let now = clock();
        match parcel {
            Parcel::Accepted => {
                let (call, offer) = Call::offerer(self.configs[0].clone(), self.seed(1), now);
                self.calls[0] = Some(call);
                self.send(1, Parcel::Offer(offer));
            }
            Parcel::Offer(offer) => {
                let answered = Call::answerer(self.configs[1].clone(), &offer, self.seed(2), now);
                let (mut call, answer) = answered.expect("our own offer");
                for candidate in self.early.drain(..) {
                    call.add_remote_candidate(now, &candidate).expect("our own candidate");
                }
                self.calls[1] = Some(call);
                self.send(0, Parcel::Answer(answer));
            }
            Parcel::Answer(answer) => {
                let gateway = self.calls[0].as_mut().expect("it has offered");
                gateway.accept_answer(now, &answer).expect("our own answer");
            }
            Parcel::Candidate(candidate) => match &mut self.calls[to] {
                Some(call) => {
                    call.add_remote_candidate(now, &candidate).expect("our own candidate");
                }
                None => self.early.push(candidate),
            },
            Parcel::Datagram(payload) => {
                if let Some(call) = &mut self.calls[to] {
                    let input = Input::Datagram {
                        socket: SocketId(0),
                        source: address(1 - to),
                        payload: &payload,
                    };
                    call.handle_input(now, input);
                }
            }
        }
        self.drain();
    }

    /// Carries out what both want; when they want to be woken.
    fn drain(&mut self) -> Instant {
        let mut wake = clock() + FRAME;
        for side in [0, 1, 0] {
            while let Some(call) = &mut self.calls[side] {
                match call.poll_output() {
                    Output::Open { socket, .. } => {
                        let address = address(side);
                        call.handle_input(clock(), Input::Opened { socket, address });
                    }
                    Output::Transmit { payload, .. } => self.send(1 - side, Parcel::Datagram(payload.into())),
                    Output::Event(Event::LocalCandidate { candidate, .. }) => {
                        self.send(1 - side, Parcel::Candidate(candidate));
                    }
                    Output::Event(Event::Failed(reason)) => panic!("{reason}"),
                    Output::Event(_) => {}
                    Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {
                        unreachable!("there are no servers, and the interfaces stay")
                    }
                    Output::Timeout(at) => {
                        wake = wake.min(at);
                        break;
                    }
                }
            }
        }
        wake
    }

    fn due(&mut self) -> Option<(usize, Parcel)> {
        let now = clock();
        // What was sent first arrives first.
        let index = self.way.iter().position(|(at, _, _)| *at <= now)?;
        let (_, to, parcel) = self.way.remove(index);
        Some((to, parcel))
    }

    /// From the acceptance to the first audio packet: each step, in milliseconds.
    fn run(mut self) -> BTreeMap<&'static str, f64> {
        let accepted = clock();
        self.send(0, Parcel::Accepted);
        let mut next_frame = accepted + FRAME;
        let mut offered = None;
        while accepted + LIMIT > clock() {
            while let Some((to, parcel)) = self.due() {
                if let Parcel::Offer(_) = parcel {
                    offered = Some(clock());
                }
                self.arrive(to, parcel);
            }
            let now = clock();
            for call in self.calls.iter_mut().flatten() {
                call.handle_input(now, Input::Timeout);
                if next_frame <= now {
                    call.push_pcm(now, &[1_000; FRAME_SAMPLES]);
                }
            }
            while next_frame <= now {
                next_frame += FRAME;
            }
            let wake = self.drain();
            let setup = self.calls[1].as_ref().map(|call| call.statistics().setup);
            if let (Some(setup), Some(offered)) = (setup, offered)
                && setup.first_sent.is_some()
            {
                let before = offered - accepted;
                let since =
                    |step: Option<Duration>| (before + step.expect("a step before the last")).as_secs_f64() * 1_000.0;
                return BTreeMap::from([
                    ("offer", before.as_secs_f64() * 1_000.0),
                    ("gathered", since(setup.gathered)),
                    ("first-check", since(setup.first_check)),
                    ("ice", since(setup.ice)),
                    ("dtls", since(setup.dtls)),
                    ("audio", since(setup.first_sent)),
                ]);
            }
            let arrival = self.way.iter().map(|(at, _, _)| *at).min();
            wait_until(arrival.map_or(wake, |at| at.min(wake)).min(next_frame));
        }
        panic!("a call did not come up within {LIMIT:?}");
    }
}

fn main() {
    let identity = Identity::generate().expect("a certificate");
    let config = |side| CallConfig::new(identity.clone(), vec![address(side).ip()]);
    for (name, delay, limit) in [("none", 0, 30.0), ("50-ms", 50, 550.0)] {
        let mut steps: BTreeMap<&str, Vec<f64>> = BTreeMap::new();
        for seed in 0..CALLS {
            let setup = Setup {
                delay: Duration::from_millis(delay),
                configs: [config(0), config(1)],
                calls: [None, None],
                early: Vec::new(),
                way: Vec::new(),
                seed,
            };
            for (step, took) in setup.run() {
                steps.entry(step).or_default().push(took);
            }
        }
        for (step, mut times) in steps {
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
            println!("figure {name}/{step} {:.1}", at(0.5));
            if step == "audio" {
                println!("figure {name}/audio-p95 {:.1}", at(0.95));
                println!("figure {name}/limit {limit:.0}");
                assert!(cfg!(debug_assertions) || at(0.5) <= limit, "{name}: {} ms", at(0.5));
            }
        }
    }
}
