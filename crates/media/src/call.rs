//! One peer connection for audio.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use str0m::media::Mid;
use str0m::rtp::Ssrc;
use str0m::{Candidate, Rtc};

use crate::checks::Checks;
use crate::codec::Encoder;
use crate::digits::{DigitReader, DigitSender};
use crate::fade::Fader;
use crate::listening::Listening;
use crate::outgoing::Outgoing;
use crate::path::{Limits, PathMonitor};
use crate::sdp::{
    self, AudioFormat, Credentials, Description, Direction, Formats, LocalAudio, OUR_UFRAG, RemoteAudio, Setup,
};
use crate::{
    AnswerError, Applied, CallConfig, CandidateError, Event, FailureReason, Input, OfferError, Output, SocketId,
    Statistics,
};

mod audio;
mod doubts;
mod engine;
mod figures;
mod gathering;
mod keys;
mod relays;
mod renegotiate;
mod restart;
mod sources;
mod transport;

use figures::Figures;
use gathering::Gathering;
pub use renegotiate::Change;
use renegotiate::Terms;
use sources::Sources;

/// The mid of our own offers: that of the gateways.
const OFFERED_MID: &str = "audio";
/// "Nothing to do" as an instant.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// One audio call: ICE, DTLS-SRTP and Opus with one peer, for one generation of media.
///
/// # Order of use
/// Make it with [`answerer`](Self::answerer) or [`offerer`](Self::offerer). Then, after every
/// input and command, call [`poll_output`](Self::poll_output) until it says
/// [`Output::Timeout`], and give [`Input::Timeout`] when that instant has come. Every 20 ms give a
/// frame to [`push_pcm`](Self::push_pcm) and take one from [`pull_pcm`](Self::pull_pcm), from the
/// start on: before the call is connected and while it is on hold the one goes nowhere and the
/// other is silence.
///
/// # Changes of a running call
/// The peer's later offers go into [`accept_offer`](Self::accept_offer), which returns the answer. Our own are made
/// by [`offer`](Self::offer) and come into force by [`accept_answer`](Self::accept_answer).
///
/// # Randomness
/// ICE credentials, SSRC, sequence numbers and names are drawn from the seed. Transaction ids and
/// some other numbers inside str0m come from a thread-local generator (`fastrand`), those of TURN from
/// `rand`'s, the DTLS keys from the crypto library: two runs of one seed give the same events, not the same bytes.
pub struct Call {
    now: Instant,
    mid: String,
    config: CallConfig,
    local: LocalAudio,
    role: Role,
    negotiation: Negotiation,
    /// The engine does not know the mid of the descriptions, which may be any text.
    engine: Rtc,
    engine_due: Instant,
    /// This side begins the handshake as soon as there is a path.
    handshake_due: bool,
    handshake_errors: u32,
    /// What was wrong with the handshake last.
    handshake_problem: Option<FailureReason>,
    sockets: Vec<Socket>,
    gather: Gathering,
    remote_candidates: usize,
    path: PathMonitor,
    sources: Sources,
    outgoing: Outgoing,
    /// What later offers are measured against.
    terms: Terms,
    checks: Checks,
    figures: Figures,
    muted: bool,
    /// Between what is sent and silence.
    fader: Fader,
    digits: DigitSender,
    received_digits: DigitReader,
    outputs: VecDeque<Output>,
}

/// Which of the two sides we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    Offerer,
    Answerer,
}

/// How far the two sides have agreed.
enum Negotiation {
    /// Our offer is out. Candidates that outrun the answer wait here.
    Offered {
        early: Vec<String>,
    },
    Agreed(Box<Agreed>),
}

/// What both descriptions together settled.
struct Agreed {
    direction: Direction,
    formats: Formats,
    ufrag: String,
    encoder: Encoder,
    playout: Listening,
}

/// One for datagrams of peers.
struct Socket {
    id: SocketId,
    ip: IpAddr,
    state: SocketState,
}

enum SocketState {
    Asked,
    Bound {
        address: SocketAddr,
        candidate: Box<Candidate>,
    },
    Gone,
}

impl Call {
    /// Answers an offer. Returns the call and the answer, which carries no candidates: those
    /// follow as [`Event::LocalCandidate`]. Candidates inside the offer are tried.
    ///
    /// # Errors
    /// When the offer cannot be answered; [`OfferError::kind`] says in which way.
    pub fn answerer(
        config: CallConfig,
        offer: &str,
        seed: [u8; 32],
        now: Instant,
    ) -> Result<(Self, String), OfferError> {
        let description = Description::read(offer)?;
        let remote = RemoteAudio::find(&description, &config.codecs)?;
        let mut rng = StdRng::from_seed(seed);
        let mut local = local_audio(&config, &mut rng);
        local.direction = remote.direction.reversed();
        local.setup = match remote.setup {
            Setup::ActPass | Setup::Passive => Setup::Active,
            Setup::Active => Setup::Passive,
        };
        let answer = sdp::answer(&description, &remote, &local);
        let mid = remote.mid.clone().unwrap_or_else(|| "audio".to_owned());
        let mut call = Self::start(config, Role::Answerer, local, mid, &remote.formats, rng, now);
        call.agree(now, remote)?;
        call.terms.say(&answer);
        tracing::debug!(mid = %call.mid, direction = call.local.direction.as_str(), "offer answered");
        Ok((call, answer))
    }

    /// Begins a call with an offer like those of the gateways: the configured codecs, Opus on 96, telephone-event on 101 and
    /// 126, mid `audio`, no candidates.
    #[must_use]
    pub fn offerer(config: CallConfig, seed: [u8; 32], now: Instant) -> (Self, String) {
        let mut rng = StdRng::from_seed(seed);
        let local = local_audio(&config, &mut rng);
        let formats = Formats::offered(&config.codecs);
        let offer = sdp::offer(OFFERED_MID, &formats, &local);
        let mid = OFFERED_MID.to_owned();
        let mut call = Self::start(config, Role::Offerer, local, mid, &formats, rng, now);
        call.terms.say(&offer);
        (call, offer)
    }

    /// Applies the peer's answer to our offer, the first or a [later one](Self::offer).
    ///
    /// # Errors
    /// When no answer is expected or this one cannot be used. Nothing has changed then.
    pub fn accept_answer(&mut self, now: Instant, sdp: &str) -> Result<(), AnswerError> {
        if let Negotiation::Agreed(_) = self.negotiation {
            return self.accept_later_answer(now, sdp);
        }
        if self.path.is_over() || !matches!(self.negotiation, Negotiation::Offered { .. }) {
            return Err(AnswerError::NotExpected);
        }
        let description = Description::read(sdp)?;
        let mut remote = RemoteAudio::find(&description, &self.config.codecs)?;
        remote.formats.confirm(&Formats::offered(&self.config.codecs))?;
        let setup = match remote.setup {
            Setup::Active => Setup::Passive,
            Setup::Passive => Setup::Active,
            Setup::ActPass => return Err(AnswerError::OpenRole),
        };
        let direction = remote.direction.reversed();
        let before = (self.local.setup, self.local.direction);
        (self.local.setup, self.local.direction) = (setup, direction);
        if let Err(error) = self.agree(now, remote) {
            (self.local.setup, self.local.direction) = before;
            return Err(error.into());
        }
        Ok(())
    }

    /// Tries a candidate of the peer: `candidate:...`, with or without `a=`. One that cannot be
    /// used by design (TCP, an mDNS name, an older generation, an empty text) is ignored; such a
    /// peer may still be found by its own checks.
    ///
    /// # Errors
    /// When the text is no candidate, or the peer sends them without end.
    pub fn add_remote_candidate(&mut self, now: Instant, candidate: &str) -> Result<Applied, CandidateError> {
        self.now = now;
        if self.path.is_over() {
            return Ok(Applied::Ignored);
        }
        self.try_candidate(now, candidate)
    }

    /// Tells the call what has happened outside.
    pub fn handle_input(&mut self, now: Instant, input: Input<'_>) {
        self.now = now;
        if self.path.is_over() {
            return;
        }
        match input {
            Input::Opened { socket, address } => self.socket_opened(now, socket, address),
            Input::Refused { socket, reason } => self.socket_refused(now, socket, &reason),
            Input::Datagram {
                socket,
                source,
                payload,
            } => {
                self.datagram(now, socket, source, payload);
            }
            Input::Connected { socket, local, remote } => {
                self.relay_opened(now, socket, local, Some(remote));
            }
            Input::Received { socket, bytes } => {
                self.relay_received(now, socket, None, bytes);
            }
            Input::Resolved { name, addresses } => self.resolved(now, name, addresses),
            Input::Addresses(addresses) => self.addresses_changed(now, addresses),
            Input::Timeout => {
                self.gather_on(now);
                self.run_engine(now);
            }
            Input::Resumed { asleep } => {
                let event = self.path.slept(now, asleep);
                self.tell_path(event);
                self.gather_on(now);
                self.run_engine(now);
            }
        }
        self.look_for_digits(now);
        while let Some(event) = self.path.look(now) {
            self.raise(self.handshake_to_blame(event));
        }
    }

    /// Ends the call. What is still to be sent to the peer can be polled; nothing else follows.
    pub fn close(&mut self, now: Instant) {
        self.now = now;
        if self.path.is_over() {
            return self.release_relays(now);
        }
        self.close_engine(now);
        self.release_relays(now);
        self.path.over();
        self.outputs.retain(|output| matches!(output, Output::Transmit { .. }));
        tracing::debug!(mid = %self.mid, "media closed");
    }

    /// What is to be done. Call it until it says [`Output::Timeout`].
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let idle = self.now + IDLE;
        if self.path.is_over() {
            return Output::Timeout(idle);
        }
        let deadlines = [
            self.path.deadline(),
            self.gather.deadline(),
            self.received_digits.deadline(),
        ];
        let due = deadlines.into_iter().flatten().fold(idle, Instant::min);
        Output::Timeout(due.min(self.engine_due))
    }

    /// The call's figures by now.
    #[must_use]
    pub fn statistics(&self) -> Statistics {
        let mut statistics = Statistics {
            packets_sent: self.outgoing.packets(),
            bytes_sent: self.outgoing.bytes(),
            level_sent_dbov: self.outgoing.level_dbov(),
            ..Statistics::default()
        };
        self.figures.write(self.now, self.checks.first(), &mut statistics);
        if let Negotiation::Agreed(agreed) = &self.negotiation {
            let codec = agreed.formats.preferred().codec;
            agreed.playout.write(self.now, codec, &mut statistics);
        }
        statistics
    }

    /// The mid of the audio section, for the fragments that trickle candidates; `audio` where
    /// the offer gave it none.
    #[must_use]
    pub fn mid(&self) -> &str {
        &self.mid
    }

    /// Whether media can flow now: connected, and the peer is being heard.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.path.is_alive()
    }

    fn start(
        config: CallConfig,
        role: Role,
        local: LocalAudio,
        mid: String,
        formats: &Formats,
        mut rng: StdRng,
        now: Instant,
    ) -> Self {
        let limits = Limits {
            connect: config.connect_limit,
            interrupted: config.interrupted_after,
            failed: config.failed_after,
        };
        let mut call = Self {
            now,
            mid,
            role,
            negotiation: Negotiation::Offered { early: Vec::new() },
            engine: engine::build(&config, &local, formats, now),
            engine_due: now,
            handshake_due: false,
            handshake_errors: 0,
            handshake_problem: None,
            sockets: Vec::new(),
            remote_candidates: 0,
            path: PathMonitor::new(limits),
            sources: Sources::default(),
            outgoing: Outgoing::new(&mut rng),
            gather: Gathering::new(StdRng::from_rng(&mut rng), now),
            terms: Terms::new(rng),
            checks: Checks::default(),
            figures: Figures::new(now),
            muted: false,
            fader: Fader::default(),
            digits: DigitSender::default(),
            received_digits: DigitReader::default(),
            outputs: VecDeque::new(),
            config,
            local,
        };
        call.ask_for_sockets(now);
        call
    }

    /// Both descriptions are there: the engine learns what the peer is.
    fn agree(&mut self, now: Instant, remote: RemoteAudio) -> Result<(), OfferError> {
        let AudioFormat { codec, wishes, .. } = *remote.formats.preferred();
        let agreed = Agreed {
            direction: self.local.direction,
            formats: remote.formats.clone(),
            ufrag: remote.credentials.ufrag.clone(),
            encoder: Encoder::new(codec, audio::encoder_settings(&self.config, wishes))?,
            playout: Listening::new(&self.config, codec, now)?,
        };
        let former = std::mem::replace(&mut self.negotiation, Negotiation::Agreed(Box::new(agreed)));
        self.drop_unwanted_digits();
        self.connect_engine(now, &remote);
        self.path.begin(now);
        let early = match former {
            Negotiation::Offered { early } => early,
            Negotiation::Agreed(_) => Vec::new(),
        };
        for candidate in remote.candidates.iter().chain(&early) {
            if let Err(error) = self.try_candidate(now, candidate) {
                tracing::debug!(mid = %self.mid, %error, "candidate left out");
            }
        }
        self.terms.agree(remote);
        Ok(())
    }

    fn raise(&mut self, event: Event) {
        // Nothing follows a failure.
        if self.path.is_over() {
            return;
        }
        match &event {
            Event::Failed(reason) => {
                tracing::info!(mid = %self.mid, %reason, "media failed");
                self.figures.uninterrupted(self.now);
                self.path.over();
            }
            Event::Interrupted => {
                tracing::info!(mid = %self.mid, "media interrupted");
                self.figures.interrupted(self.now);
                self.doubt_relays(self.now);
            }
            Event::Recovered => {
                tracing::info!(mid = %self.mid, "media recovered");
                self.figures.uninterrupted(self.now);
            }
            Event::Connected => {
                tracing::info!(mid = %self.mid, "media connected");
                self.figures.connected(self.now);
            }
            Event::EndOfCandidates => self.figures.gathered(self.now),
            Event::LocalCandidate { .. } | Event::Digit { .. } => {}
        }
        self.outputs.push_back(Output::Event(event));
    }

    fn tell_path(&mut self, event: Option<Event>) {
        if let Some(event) = event {
            self.raise(event);
        }
    }

    fn fail(&mut self, reason: FailureReason) {
        if !self.path.is_over() {
            self.raise(Event::Failed(reason));
        }
    }
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("mid", &self.mid)
            .field("direction", &self.local.direction)
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

fn local_audio(config: &CallConfig, rng: &mut StdRng) -> LocalAudio {
    LocalAudio {
        // RFC 8829 section 5.2.1: 63 bits, so that every reader's integer holds it.
        session: rng.random::<u64>() >> 1,
        version: 1,
        credentials: Credentials {
            ufrag: ice_text(rng, OUR_UFRAG),
            password: ice_text(rng, 24),
        },
        fingerprint: config.identity.fingerprint().to_owned(),
        setup: Setup::ActPass,
        direction: Direction::SendRecv,
        ssrc: rng.random::<u32>().max(1),
        cname: ice_text(rng, 16),
        track: ice_text(rng, 32),
    }
}

/// Random text of ice-chars (RFC 8839 section 5.4): six bits in every character.
fn ice_text(rng: &mut StdRng, length: usize) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    (0..length)
        .map(|_| char::from(ALPHABET[usize::from(rng.random::<u8>() >> 2)]))
        .collect()
}

fn engine_mid() -> Mid {
    Mid::from("0")
}

fn ssrc(number: u32) -> Ssrc {
    Ssrc::from(number)
}
