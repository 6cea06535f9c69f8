//! Which servers a call asks, for which of its sockets, and what comes of it.
//!
//! Each socket for peers asks each STUN server for its address. TURN servers are asked for allocations, which
//! [`relays`](super::relays) looks after.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rand::RngExt;
use rand::rngs::StdRng;
use str0m::Candidate;

use super::relays::{Relay, RelayState, Route};
use super::{Call, SocketState};
use crate::candidate;
use crate::gather::{Binding, Clock};
use crate::{Event, FailureReason, IcePolicy, Output, ServerKind, SocketId, TurnTransport};

/// Gathering is over after this time, whoever has not answered. What comes later is trickled all the same.
const LIMIT: Duration = Duration::from_secs(10);

/// What is being gathered.
pub(super) struct Gathering {
    pub(super) clock: Clock,
    rng: StdRng,
    /// Until when there is something to wait for; `None` once the end was told.
    pub(super) open_until: Option<Instant>,
    next_socket: u64,
    pub(super) names: Vec<Name>,
    bindings: Vec<Binding>,
    reflexive: Vec<(SocketId, Candidate)>,
    pub(super) relays: Vec<Relay>,
    /// Those whom relays let through.
    pub(super) peers: Vec<IpAddr>,
    /// How often circumstances have changed, and how many candidates there were since.
    epoch: u32,
    candidates: u32,
}

pub(super) struct Name {
    name: String,
    pub(super) addresses: Option<Vec<IpAddr>>,
}

impl Gathering {
    pub(super) fn new(rng: StdRng, now: Instant) -> Self {
        Self {
            clock: Clock::new(now),
            rng,
            open_until: Some(now + LIMIT),
            next_socket: 0,
            names: Vec::new(),
            bindings: Vec::new(),
            reflexive: Vec::new(),
            relays: Vec::new(),
            peers: Vec::new(),
            epoch: 0,
            candidates: 0,
        }
    }

    /// The local preference of the next candidate (RFC 8445 section 5.1.2.1): less than that of those before it, more than that of
    /// those from before circumstances changed, and IPv6 first (RFC 8421).
    pub(super) fn preference(&mut self, ip: IpAddr) -> u32 {
        const MIDDLE: u32 = 32_768;
        const EPOCH: u32 = 64;
        self.candidates += 1;
        let rest = EPOCH.saturating_sub(2 * self.candidates);
        MIDDLE + self.epoch.min(MIDDLE / EPOCH - 2) * EPOCH + rest + u32::from(ip.is_ipv6())
    }

    /// What is found from now on is to be preferred to what was found before.
    pub(super) fn other_circumstances(&mut self) {
        self.epoch += 1;
        self.candidates = 0;
    }

    pub(super) fn next_socket(&mut self) -> SocketId {
        let id = SocketId(self.next_socket);
        self.next_socket += 1;
        id
    }

    /// When [`Call::gather_on`] is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let bindings = self.bindings.iter().filter_map(Binding::deadline);
        let relays = self.relays.iter().filter_map(Relay::deadline);
        bindings.chain(relays).chain(self.open_until).min()
    }

    fn is_settled(&self) -> bool {
        self.names.iter().all(|name| name.addresses.is_some())
            && self.bindings.iter().all(Binding::is_settled)
            && self.relays.iter().all(|relay| relay.settled)
    }

    /// The addresses of a host as far as they are known.
    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        if let Ok(address) = host.parse() {
            return vec![address];
        }
        let name = self.names.iter().find(|known| known.name == host);
        name.and_then(|name| name.addresses.clone()).unwrap_or_default()
    }

    pub(super) fn relay_of(&self, socket: SocketId) -> Option<usize> {
        self.relays.iter().position(|relay| relay.socket == socket)
    }
}

impl Call {
    /// Asks for everything that the configured servers need.
    pub(super) fn ask_servers(&mut self, now: Instant) {
        for index in 0..self.config.servers.len() {
            let server = &self.config.servers[index];
            let over_stream = match &server.kind {
                ServerKind::Stun if self.config.policy == IcePolicy::Relay => continue,
                ServerKind::Stun => false,
                ServerKind::Turn { transport, .. } => *transport != TurnTransport::Udp,
            };
            if over_stream {
                self.new_relay(index, Route::Stream);
                continue;
            }
            let host = server.host.clone();
            if host.parse::<IpAddr>().is_ok() {
                self.server_known(now, index);
            } else if self.gather.names.iter().all(|name| name.name != host) {
                self.outputs.push_back(Output::Resolve { name: host.clone() });
                self.gather.names.push(Name {
                    name: host,
                    addresses: None,
                });
            }
        }
    }

    pub(super) fn resolved(&mut self, now: Instant, name: &str, addresses: Vec<IpAddr>) {
        let asked = |known: &&mut Name| known.name == name && known.addresses.is_none();
        let Some(known) = self.gather.names.iter_mut().find(asked) else {
            return;
        };
        if addresses.is_empty() {
            tracing::debug!(mid = %self.mid, name, "a server's name has no address");
        }
        known.addresses = Some(addresses);
        for index in 0..self.config.servers.len() {
            let server = &self.config.servers[index];
            let over_udp = match &server.kind {
                ServerKind::Stun => self.config.policy == IcePolicy::All,
                ServerKind::Turn { transport, .. } => *transport == TurnTransport::Udp,
            };
            if over_udp && server.host == name {
                self.server_known(now, index);
            }
        }
        self.gathered();
    }

    /// The addresses of a server are known.
    fn server_known(&mut self, now: Instant, index: usize) {
        match self.config.servers[index].kind {
            ServerKind::Stun => {
                let sockets = self.sockets.iter().filter_map(|socket| match &socket.state {
                    SocketState::Bound { address, .. } => Some((socket.id, *address)),
                    SocketState::Asked | SocketState::Gone => None,
                });
                for (id, address) in sockets.collect::<Vec<_>>() {
                    self.ask_stun(now, index, id, address);
                }
            }
            ServerKind::Turn { .. } => {
                for local in self.config.addresses.clone() {
                    self.relay_from(index, local);
                }
            }
        }
    }

    /// A socket for peers is bound: each STUN server is to tell its address.
    pub(super) fn ask_stun_servers(&mut self, now: Instant, socket: SocketId, address: SocketAddr) {
        for index in 0..self.config.servers.len() {
            if let ServerKind::Stun = self.config.servers[index].kind {
                self.ask_stun(now, index, socket, address);
            }
        }
    }

    fn ask_stun(&mut self, now: Instant, index: usize, socket: SocketId, base: SocketAddr) {
        let Some(server) = self.server_for(index, base.ip()) else {
            return;
        };
        let asked = |binding: &Binding| binding.socket == socket && binding.server == server;
        if !self.gather.bindings.iter().any(asked) {
            let transaction = self.gather.rng.random::<u128>() >> 32;
            let binding = Binding::new(socket, base, server, transaction, now);
            self.gather.bindings.push(binding);
            self.ask_on(now);
        }
    }

    /// The server's address of the same family and reach.
    pub(super) fn server_for(&self, index: usize, local: IpAddr) -> Option<SocketAddr> {
        let server = &self.config.servers[index];
        let reaches =
            |address: &IpAddr| address.is_ipv4() == local.is_ipv4() && (address.is_loopback() || !local.is_loopback());
        let address = self.gather.addresses(&server.host).into_iter().find(reaches)?;
        Some(SocketAddr::new(address, server.port))
    }

    /// A datagram on a socket for peers. Whether it is the answer of a STUN server.
    pub(super) fn stun_answered(&mut self, now: Instant, socket: SocketId, source: SocketAddr, payload: &[u8]) -> bool {
        let bindings = self
            .gather
            .bindings
            .iter_mut()
            .filter(|binding| binding.socket == socket);
        let mut answers = bindings.filter_map(|binding| Some((binding.answer(source, payload)?, binding.base)));
        let Some((mapped, base)) = answers.next() else {
            return false;
        };
        let candidate = mapped.and_then(|mapped| candidate::reflexive(mapped, base));
        if let Some(candidate) = candidate.and_then(|candidate| self.engine.add_local_candidate(candidate).cloned()) {
            self.tell_candidate(&candidate);
            self.gather.reflexive.push((socket, candidate));
            self.run_engine(now);
        }
        self.gathered();
        true
    }

    /// Lets time pass for everything that is asked of servers.
    pub(super) fn gather_on(&mut self, now: Instant) {
        self.ask_on(now);
        for index in 0..self.gather.relays.len() {
            let relay = &mut self.gather.relays[index];
            if let RelayState::Resting { until } = relay.state {
                if now >= until {
                    relay.state = RelayState::Opening;
                    self.open_relay(index);
                }
                continue;
            }
            if let Some(allocation) = relay.allocation() {
                allocation.elapse(now);
                self.relay_works(now, index);
            }
        }
        self.resolve_doubts(now);
        if self.gather.open_until.is_some_and(|until| now >= until) {
            self.end_gathering();
        } else {
            self.gathered();
        }
    }

    fn ask_on(&mut self, now: Instant) {
        for binding in &mut self.gather.bindings {
            if let Some(request) = binding.poll(now) {
                self.outputs.push_back(Output::Transmit {
                    socket: binding.socket,
                    destination: binding.server,
                    payload: crate::Datagram(request),
                });
            }
        }
    }

    /// A socket for peers is gone, and with it what the world saw of it.
    pub(super) fn forget_reflexive(&mut self, socket: SocketId) {
        self.gather.bindings.retain(|binding| binding.socket != socket);
        let (gone, rest) = std::mem::take(&mut self.gather.reflexive)
            .into_iter()
            .partition::<Vec<_>, _>(|(id, _)| *id == socket);
        self.gather.reflexive = rest;
        for (_, candidate) in gone {
            self.engine.direct_api().invalidate_candidate(&candidate);
        }
    }

    /// Tells the end of gathering, once, when nothing is waited for.
    pub(super) fn gathered(&mut self) {
        let waiting = self
            .sockets
            .iter()
            .any(|socket| matches!(socket.state, SocketState::Asked));
        if !waiting && self.gather.is_settled() {
            self.end_gathering();
        }
    }

    fn end_gathering(&mut self) {
        if self.gather.open_until.take().is_none() {
            return;
        }
        if self.config.policy == IcePolicy::Relay && !self.may_be_relayed() {
            let problem = match self.gather.relays.is_empty() {
                true => "there is none, or its name has no address",
                false => "each refuses; check user name and password",
            };
            return self.fail(FailureReason::NoRelay(problem.to_owned()));
        }
        self.raise(Event::EndOfCandidates);
    }

    /// All candidates that stand.
    pub(super) fn local_candidates(&self) -> Vec<Candidate> {
        let host = self.sockets.iter().filter_map(|socket| match &socket.state {
            SocketState::Bound { candidate, .. } => Some(&**candidate),
            SocketState::Asked | SocketState::Gone => None,
        });
        let reflexive = self.gather.reflexive.iter().map(|(_, candidate)| candidate);
        let relayed = self.gather.relays.iter().filter_map(Relay::candidate);
        host.chain(reflexive).chain(relayed).cloned().collect()
    }

    pub(super) fn tell_candidate(&mut self, candidate: &Candidate) {
        self.figures.local_candidate(candidate.addr(), candidate.kind());
        self.raise(Event::LocalCandidate {
            mid: self.mid.clone(),
            candidate: candidate::write(candidate, self.terms.ufrag(&self.local)),
        });
    }
}
