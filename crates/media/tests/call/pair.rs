//! Two calls, a network between them and one clock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use offhook_media::{
    Call, CallConfig, Event, FRAME_SAMPLES, Frame, Identity, Input, OpusClip, Output, SAMPLE_RATE, SocketId,
};

use crate::network::{Network, Weather};

pub const FRAME: Duration = Duration::from_millis(20);
/// The amplitude of the tones: -9 dBov.
pub const AMPLITUDE: f64 = 16_384.0;

pub fn identity() -> Identity {
    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().expect("a certificate"));
    IDENTITY.clone()
}

/// Some instant to begin at: std gives none but the present one.
#[allow(clippy::disallowed_methods)]
pub fn an_instant() -> Instant {
    Instant::now()
}

/// What a side says.
#[derive(Debug, Clone)]
pub enum Voice {
    Tone(f64),
    Clip(Vec<i16>),
    /// Packets that were encoded before.
    ReadyMade(OpusClip),
    Nothing,
}

pub struct Side {
    pub call: Call,
    pub voice: Voice,
    pub heard: Vec<i16>,
    pub events: Vec<(Duration, Event)>,
    spoken: usize,
    due: Instant,
    sockets: HashMap<SocketId, SocketAddr>,
    address: IpAddr,
}

pub struct Pair {
    pub start: Instant,
    pub now: Instant,
    pub network: Network,
    pub offerer: Side,
    pub answerer: Side,
    /// Candidates are passed on.
    pub trickle: bool,
    next_frame: Instant,
    next_port: u16,
}

/// How a pair is put together.
pub struct Setting {
    pub seed: u64,
    pub weather: Weather,
    /// Changes the offer on its way.
    pub offer: fn(String) -> String,
    /// Changes the answer on its way.
    pub answer: fn(String) -> String,
    pub trickle: bool,
}

impl Default for Setting {
    fn default() -> Self {
        let as_is = |text| text;
        Self {
            seed: 1,
            weather: Weather::CLEAR,
            offer: as_is,
            answer: as_is,
            trickle: true,
        }
    }
}

pub fn seed(number: u64, side: u8) -> [u8; 32] {
    let mut seed = [side; 32];
    seed[..8].copy_from_slice(&number.to_le_bytes());
    seed
}

pub fn config(last: u8) -> CallConfig {
    let mut config = CallConfig::new(identity(), vec![IpAddr::V4(Ipv4Addr::new(192, 0, 2, last))]);
    // Virtual minutes are to pass quickly.
    config.complexity = 1;
    config
}

impl Side {
    fn new(call: Call, last: u8, voice: Voice, now: Instant) -> Self {
        Self {
            call,
            voice,
            heard: Vec::new(),
            events: Vec::new(),
            spoken: 0,
            due: now,
            sockets: HashMap::new(),
            address: IpAddr::V4(Ipv4Addr::new(192, 0, 2, last)),
        }
    }

    pub fn names(&self) -> Vec<&'static str> {
        let name = |event: &Event| match event {
            Event::LocalCandidate { .. } => None,
            Event::EndOfCandidates => None,
            Event::Connected => Some("connected"),
            Event::Interrupted => Some("interrupted"),
            Event::Recovered => Some("recovered"),
            Event::Failed(_) => Some("failed"),
            Event::Digit { .. } => None,
        };
        self.events.iter().filter_map(|(_, event)| name(event)).collect()
    }

    /// Begins what is said from the start.
    pub fn restart(&mut self) {
        self.spoken = 0;
    }

    /// When this event came, since the start.
    pub fn at(&self, wanted: &Event) -> Option<Duration> {
        self.events.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at)
    }

    /// What was heard since this moment.
    pub fn heard_last(&self, duration: Duration) -> &[i16] {
        let samples = (duration.as_millis() as usize) * SAMPLE_RATE as usize / 1_000;
        &self.heard[self.heard.len().saturating_sub(samples)..]
    }

    fn push(&mut self, now: Instant) {
        if let Voice::ReadyMade(clip) = &self.voice {
            let number = self.spoken / FRAME_SAMPLES % clip.packets().len();
            let packet = clip.packet(number).expect("a packet of the clip");
            self.call.send_opus(now, packet).expect("a packet that fits");
            self.spoken += FRAME_SAMPLES;
        } else {
            let frame = self.speak();
            self.call.push_pcm(now, &frame);
        }
    }

    fn speak(&mut self) -> Frame {
        let mut frame = [0; FRAME_SAMPLES];
        for sample in &mut frame {
            *sample = match &self.voice {
                Voice::Tone(hertz) => {
                    let turn = self.spoken as f64 * hertz / f64::from(SAMPLE_RATE);
                    (AMPLITUDE * (turn * std::f64::consts::TAU).sin()) as i16
                }
                Voice::Clip(clip) => clip[self.spoken % clip.len()],
                Voice::ReadyMade(_) | Voice::Nothing => 0,
            };
            self.spoken += 1;
        }
        frame
    }
}

impl Pair {
    /// The offerer says 440 Hz, the answerer 1000 Hz.
    pub fn new(setting: Setting) -> Self {
        let now = an_instant();
        let (mut offerer, offer) = Call::offerer(config(1), seed(setting.seed, 1), now);
        let offer = (setting.offer)(offer);
        let (answerer, answer) =
            Call::answerer(config(2), &offer, seed(setting.seed, 2), now).expect("an offer that can be answered");
        offerer
            .accept_answer(now, &(setting.answer)(answer))
            .expect("an answer that fits");
        Self::of(offerer, answerer, now, setting)
    }

    /// Both sides wait this long in silence before they fail.
    pub fn patient(failed_after: Duration) -> Self {
        let now = an_instant();
        let patient = |last| {
            let mut config = config(last);
            config.failed_after = failed_after;
            config
        };
        let (mut offerer, offer) = Call::offerer(patient(1), seed(1, 1), now);
        let (answerer, answer) = Call::answerer(patient(2), &offer, seed(1, 2), now).expect("an offer like ours");
        offerer.accept_answer(now, &answer).expect("an answer like ours");
        Self::of(offerer, answerer, now, Setting::default())
    }

    pub fn of(offerer: Call, answerer: Call, now: Instant, setting: Setting) -> Self {
        Self {
            start: now,
            now,
            network: Network::new(setting.seed, setting.weather),
            offerer: Side::new(offerer, 1, Voice::Tone(440.0), now),
            answerer: Side::new(answerer, 2, Voice::Tone(1_000.0), now),
            trickle: setting.trickle,
            next_frame: now,
            next_port: 40_000,
        }
    }

    pub fn run(&mut self, duration: Duration) {
        let end = self.now + duration;
        self.drain();
        while self.step(end) {}
    }

    pub fn run_until(&mut self, limit: Duration, done: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        self.drain();
        while !done(self) {
            assert!(
                self.step(end),
                "not within {limit:?}: {:?} {:?}",
                self.offerer.events,
                self.answerer.events
            );
        }
    }

    pub fn connect(&mut self) {
        self.run_until(Duration::from_secs(5), |pair| {
            pair.offerer.call.is_connected() && pair.answerer.call.is_connected()
        });
    }

    /// The candidates that both sides have told of so far.
    pub fn events_of_candidates(&self) -> Vec<String> {
        let events = self.offerer.events.iter().chain(&self.answerer.events);
        let told = events.filter_map(|(_, event)| match event {
            Event::LocalCandidate { candidate, .. } => Some(candidate.clone()),
            _ => None,
        });
        told.collect()
    }

    pub fn elapsed(&self) -> Duration {
        self.now - self.start
    }

    /// Goes to the next thing that happens; false when that is after the end.
    fn step(&mut self, end: Instant) -> bool {
        let next = [
            Some(self.next_frame),
            self.network.next_at(),
            Some(self.offerer.due),
            Some(self.answerer.due),
        ];
        let next = next.into_iter().flatten().min().expect("the frame clock never ends");
        if next > end {
            self.now = end;
            return false;
        }
        self.now = self.now.max(next);
        let now = self.now;
        while let Some(datagram) = self.network.arrive(now) {
            self.deliver(&datagram.source, &datagram.destination, &datagram.payload);
        }
        for side in [&mut self.offerer, &mut self.answerer] {
            if side.due <= now {
                side.call.handle_input(now, Input::Timeout);
            }
        }
        self.drain();
        if self.next_frame <= now {
            self.next_frame += FRAME;
            for side in [&mut self.offerer, &mut self.answerer] {
                side.push(now);
                let mut heard = [0; FRAME_SAMPLES];
                side.call.pull_pcm(now, &mut heard);
                side.heard.extend_from_slice(&heard);
            }
            self.drain();
        }
        true
    }

    /// A datagram reaches the side that has bound its destination.
    pub fn deliver(&mut self, source: &SocketAddr, destination: &SocketAddr, payload: &[u8]) {
        let now = self.now;
        for side in [&mut self.offerer, &mut self.answerer] {
            let bound = side.sockets.iter().find(|(_, address)| *address == destination);
            if let Some((socket, _)) = bound {
                let input = Input::Datagram {
                    socket: *socket,
                    source: *source,
                    payload,
                };
                side.call.handle_input(now, input);
            }
        }
        self.drain();
    }

    fn drain(&mut self) {
        while self.drain_side(true) | self.drain_side(false) {}
    }

    /// Carries out what one side asks for; whether it asked for anything.
    fn drain_side(&mut self, offerer: bool) -> bool {
        let now = self.now;
        let elapsed = now - self.start;
        let (side, other) = if offerer {
            (&mut self.offerer, &mut self.answerer)
        } else {
            (&mut self.answerer, &mut self.offerer)
        };
        let mut busy = false;
        loop {
            match side.call.poll_output() {
                Output::Open { socket, address } => {
                    assert_eq!(address, side.address);
                    self.next_port += 1;
                    let address = SocketAddr::new(address, self.next_port);
                    side.sockets.insert(socket, address);
                    side.call.handle_input(now, Input::Opened { socket, address });
                }
                Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    let source = side.sockets[&socket];
                    self.network.send(now, source, destination, payload.as_ref());
                }
                Output::Event(event) => {
                    if let Event::LocalCandidate { candidate, .. } = &event
                        && self.trickle
                    {
                        other
                            .call
                            .add_remote_candidate(now, candidate)
                            .expect("our own candidate");
                    }
                    side.events.push((elapsed, event));
                }
                Output::Resolve { .. } | Output::Connect { .. } | Output::Close { .. } => {
                    panic!("there are no servers, and the interfaces stay")
                }
                Output::Timeout(due) => {
                    side.due = due;
                    return busy;
                }
            }
            busy = true;
        }
    }
}
