//! Two calls, servers, address translators and a network between them, on one clock.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use offhook_media::{
    Call, CallConfig, Event, FRAME_SAMPLES, IcePolicy, IceServer, Identity, Input, Output, SocketId, StreamSecurity,
};
use turn_client_proto::stun::agent::Transmit;
use turn_client_proto::types::{Instant as LibraryInstant, TransportType};
use turn_server_proto::api::{DelayedMessageOrChannelSend, TurnServerApi, TurnServerPollRet};
use turn_server_proto::server::TurnServer;

use crate::bottleneck::Bottleneck;

pub const USER: &str = "user";
pub const PASSWORD: &str = "secret";
/// Of everything, one way.
const DELAY: Duration = Duration::from_millis(10);
/// Streams are cut into pieces of this size.
const PIECE: usize = 7;

pub fn identity() -> Identity {
    static IDENTITY: LazyLock<Identity> = LazyLock::new(|| Identity::generate().expect("a certificate"));
    IDENTITY.clone()
}

#[allow(clippy::disallowed_methods)]
pub fn an_instant() -> Instant {
    Instant::now()
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub fn server(url: &str) -> IceServer {
    server_with(url, PASSWORD)
}

pub fn server_with(url: &str, password: &str) -> IceServer {
    IceServer::new(url, Some(USER), Some(password.into())).expect("a URL")
}

pub fn config(address: &str, servers: &[IceServer], policy: IcePolicy) -> CallConfig {
    let mut config = CallConfig::new(identity(), vec![ip(address)]);
    config.complexity = 0;
    config.servers = servers.to_vec();
    config.policy = policy;
    config
}

/// What a call says, and what it has bound.
pub struct Side {
    pub call: Call,
    pub events: Vec<(Duration, Event)>,
    pub asked: Vec<String>,
    pub streams: Vec<StreamSecurity>,
    /// Where its datagrams and streams went, translators aside.
    pub destinations: Vec<SocketAddr>,
    pub closed: Vec<SocketId>,
    pub heard: Vec<i16>,
    sockets: HashMap<SocketId, Socket>,
    due: Instant,
    speaks: bool,
}

struct Socket {
    local: SocketAddr,
    /// The other end of a stream.
    remote: Option<SocketAddr>,
}

impl Side {
    pub fn candidates(&self) -> Vec<String> {
        let candidate = |(_, event): &(Duration, Event)| match event {
            Event::LocalCandidate { candidate, .. } => Some(candidate.clone()),
            _ => None,
        };
        self.events.iter().filter_map(candidate).collect()
    }

    /// The candidates' types, in their order.
    pub fn kinds(&self) -> Vec<String> {
        let kind = |text: String| text.split(" typ ").nth(1)?.split(' ').next().map(str::to_owned);
        self.candidates().into_iter().filter_map(kind).collect()
    }

    pub fn at(&self, wanted: &Event) -> Option<Duration> {
        self.events.iter().find(|(_, event)| event == wanted).map(|(at, _)| *at)
    }

    pub fn has(&self, wanted: &Event) -> bool {
        self.at(wanted).is_some()
    }

    /// Whether the last second was more than silence.
    pub fn hears(&self) -> bool {
        let last = &self.heard[self.heard.len().saturating_sub(48_000)..];
        last.iter().filter(|sample| sample.unsigned_abs() > 1_000).count() > 24_000
    }
}

/// A server as it is run; it can be killed and started again.
pub struct Running {
    core: TurnServer,
    stream: bool,
    listens: SocketAddr,
    pub up: bool,
    relayed: Vec<SocketAddr>,
}

struct Packet {
    at: Instant,
    from: SocketAddr,
    to: SocketAddr,
    stream: bool,
    payload: Vec<u8>,
}

pub struct World {
    pub start: Instant,
    pub now: Instant,
    pub sides: [Side; 2],
    pub servers: Vec<Running>,
    /// Private addresses and the public ones that they are translated to.
    pub translated: HashMap<IpAddr, IpAddr>,
    /// Addresses behind each name.
    pub names: HashMap<String, Vec<IpAddr>>,
    /// What is on it may be late or lost.
    pub bottleneck: Option<Bottleneck>,
    packets: VecDeque<Packet>,
    next_port: u16,
    next_frame: Instant,
    nonce: Duration,
}

impl World {
    /// The first one offers.
    pub fn new(offerer: CallConfig, answerer: CallConfig) -> Self {
        Self::seeded(offerer, answerer, [[1; 32], [2; 32]])
    }

    /// With these seeds for the calls.
    pub fn seeded(offerer: CallConfig, answerer: CallConfig, [first, second]: [[u8; 32]; 2]) -> Self {
        let now = an_instant();
        let (mut first, offer) = Call::offerer(offerer, first, now);
        let (second, answer) = Call::answerer(answerer, &offer, second, now).expect("an offer");
        first.accept_answer(now, &answer).expect("an answer");
        let side = |call| Side {
            call,
            events: Vec::new(),
            asked: Vec::new(),
            streams: Vec::new(),
            destinations: Vec::new(),
            closed: Vec::new(),
            heard: Vec::new(),
            sockets: HashMap::new(),
            due: now,
            speaks: false,
        };
        Self {
            start: now,
            now,
            sides: [side(first), side(second)],
            servers: Vec::new(),
            translated: HashMap::new(),
            names: HashMap::new(),
            bottleneck: None,
            packets: VecDeque::new(),
            next_port: 40_000,
            next_frame: now,
            nonce: Duration::from_secs(3600),
        }
    }

    pub fn with_server(mut self, listens: &str, transport: TransportType) -> Self {
        let listens = listens.parse().expect("an address");
        let core = self.core(listens, transport);
        self.servers.push(Running {
            core,
            stream: transport == TransportType::Tcp,
            listens,
            up: true,
            relayed: Vec::new(),
        });
        self
    }

    /// From now on, nonces of new servers are good for so long.
    pub fn with_nonces_of(mut self, duration: Duration) -> Self {
        self.nonce = duration;
        self
    }

    fn core(&self, listens: SocketAddr, transport: TransportType) -> TurnServer {
        let mut core = TurnServer::new(transport, listens, "realm".to_owned());
        core.add_user(USER.to_owned(), PASSWORD.to_owned());
        core.set_nonce_expiry_duration(self.nonce);
        core
    }

    /// The server dies. Its streams break.
    pub fn kill(&mut self, index: usize) {
        self.servers[index].up = false;
        let listens = self.servers[index].listens;
        let now = self.now;
        for side in &mut self.sides {
            let broken = |(id, socket): (&SocketId, &Socket)| (socket.remote == Some(listens)).then_some(*id);
            let broken: Vec<_> = side.sockets.iter().filter_map(broken).collect();
            for socket in broken {
                side.sockets.remove(&socket);
                let reason = "connection reset".to_owned();
                side.call.handle_input(now, Input::Refused { socket, reason });
            }
        }
        self.drain();
    }

    /// It is back, and remembers nothing.
    pub fn revive(&mut self, index: usize) {
        let Running { stream, listens, .. } = self.servers[index];
        let transport = if stream { TransportType::Tcp } else { TransportType::Udp };
        self.servers[index].core = self.core(listens, transport);
        self.servers[index].relayed.clear();
        self.servers[index].up = true;
    }

    /// Both sides speak from now on.
    pub fn speak(&mut self) {
        self.next_frame = self.now;
        for side in &mut self.sides {
            side.speaks = true;
            side.heard.clear();
        }
    }

    pub fn hush(&mut self) {
        for side in &mut self.sides {
            side.speaks = false;
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
            let events = [&self.sides[0].events, &self.sides[1].events];
            assert!(self.now < end, "not within {limit:?}: {events:?}");
            self.step(end);
        }
    }

    pub fn connect(&mut self) {
        self.run_until(Duration::from_secs(15), |world| {
            world.sides.iter().all(|side| side.has(&Event::Connected))
        });
    }

    fn library(&self) -> LibraryInstant {
        LibraryInstant::from_nanos(3_600_000_000_000 + (self.now - self.start).as_nanos() as i64)
    }

    fn step(&mut self, end: Instant) -> bool {
        let speaks = self.sides.iter().any(|side| side.speaks);
        let next = self.packets.iter().map(|packet| packet.at);
        let next = next.chain(self.sides.iter().map(|side| side.due));
        let next = next.chain(speaks.then_some(self.next_frame)).min().unwrap_or(end);
        if next > end {
            self.now = end;
            return false;
        }
        self.now = self.now.max(next);
        while let Some(index) = self.packets.iter().position(|packet| packet.at <= self.now) {
            let packet = self.packets.remove(index).expect("it was found");
            self.deliver(packet);
        }
        let now = self.now;
        for side in &mut self.sides {
            if side.due <= now {
                side.call.handle_input(now, Input::Timeout);
            }
        }
        self.drain();
        if speaks && self.next_frame <= now {
            self.next_frame += Duration::from_millis(20);
            for side in &mut self.sides {
                let mut frame = [0; FRAME_SAMPLES];
                for (index, sample) in frame.iter_mut().enumerate() {
                    *sample = if index % 48 < 24 { 8_000 } else { -8_000 };
                }
                side.call.push_pcm(now, &frame);
                side.call.pull_pcm(now, &mut frame);
                side.heard.extend_from_slice(&frame);
            }
            self.drain();
        }
        true
    }

    /// A private address as others see it, with ports that tell the two apart.
    fn outside(&self, address: SocketAddr) -> SocketAddr {
        match self.translated.get(&address.ip()) {
            Some(public) => SocketAddr::new(*public, address.port() + 10_000),
            None => address,
        }
    }

    fn inside(&self, address: SocketAddr) -> SocketAddr {
        let private = self.translated.iter().find(|(_, public)| **public == address.ip());
        match private {
            Some((private, _)) => SocketAddr::new(*private, address.port() - 10_000),
            None => address,
        }
    }

    fn post(&mut self, from: SocketAddr, to: SocketAddr, stream: bool, payload: Vec<u8>) {
        // Nobody routes to a private address of others.
        if !stream && self.translated.contains_key(&to.ip()) {
            return;
        }
        let now = self.now;
        let slowed = self.bottleneck.as_mut().filter(|bottleneck| bottleneck.is_on(from, to));
        let Some(at) = slowed.map_or(Some(now + DELAY), |way| way.passes(now, from, to, stream)) else {
            return;
        };
        self.packets.push_back(Packet {
            at,
            from: self.outside(from),
            to,
            stream,
            payload,
        });
    }

    fn deliver(&mut self, packet: Packet) {
        let at = self.library();
        let now = self.now;
        let of = |server: &Running| {
            (server.listens == packet.to && server.stream == packet.stream) || server.relayed.contains(&packet.to)
        };
        if let Some(index) = self.servers.iter().position(of) {
            let server = &mut self.servers[index];
            if !server.up {
                return;
            }
            let transport = if packet.stream {
                TransportType::Tcp
            } else {
                TransportType::Udp
            };
            let asker = packet.from;
            let transmit = Transmit::new(packet.payload, transport, packet.from, packet.to);
            if let Some(reply) = server.core.recv(transmit, at) {
                // This server sends what a binding request asks for to itself.
                let to = if reply.to == reply.from { asker } else { reply.to };
                let (from, transport) = (reply.from, reply.transport);
                let reply = built(reply.data);
                self.reply(transport, from, to, reply);
            }
            return self.serve(index);
        }
        let to = self.inside(packet.to);
        for side in &mut self.sides {
            let bound = |(_, socket): &(&SocketId, &Socket)| {
                socket.local == to
                    && socket
                        .remote
                        .is_none_or(|remote| packet.stream && remote == packet.from)
            };
            let Some((socket, _)) = side.sockets.iter().find(bound) else {
                continue;
            };
            let socket = *socket;
            if packet.stream && packet.payload.is_empty() {
                let (local, remote) = (packet.to, packet.from);
                side.call.handle_input(now, Input::Connected { socket, local, remote });
            } else if packet.stream {
                for bytes in packet.payload.chunks(PIECE) {
                    side.call.handle_input(now, Input::Received { socket, bytes });
                }
            } else {
                let (source, payload) = (packet.from, packet.payload.as_slice());
                side.call.handle_input(
                    now,
                    Input::Datagram {
                        socket,
                        source,
                        payload,
                    },
                );
            }
        }
        self.drain();
    }

    fn serve(&mut self, index: usize) {
        let at = self.library();
        for _ in 0..64 {
            let polled = self.servers[index].core.poll(at);
            match polled {
                TurnServerPollRet::AllocateSocket {
                    transport,
                    listen_addr,
                    client_addr,
                    allocation_transport,
                    family,
                } => {
                    self.next_port += 1;
                    let relayed = SocketAddr::new(listen_addr.ip(), self.next_port);
                    let server = &mut self.servers[index];
                    server.relayed.push(relayed);
                    server.core.allocated_socket(
                        transport,
                        listen_addr,
                        client_addr,
                        allocation_transport,
                        family,
                        Ok(relayed),
                        at,
                    );
                }
                TurnServerPollRet::SocketClose { listen_addr, .. } => {
                    self.servers[index].relayed.retain(|relayed| *relayed != listen_addr);
                }
                TurnServerPollRet::WaitUntil(until) if until > at => break,
                TurnServerPollRet::WaitUntil(_)
                | TurnServerPollRet::TcpConnect { .. }
                | TurnServerPollRet::TcpClose { .. } => {}
            }
            while let Some(transmit) = self.servers[index].core.poll_transmit(at) {
                self.reply(transmit.transport, transmit.from, transmit.to, transmit.data);
            }
        }
        while let Some(transmit) = self.servers[index].core.poll_transmit(at) {
            self.reply(transmit.transport, transmit.from, transmit.to, transmit.data);
        }
    }

    /// The server pads nothing on streams, which RFC 8656 section 12.5 wants.
    fn reply(&mut self, transport: TransportType, from: SocketAddr, to: SocketAddr, mut bytes: Vec<u8>) {
        let stream = transport == TransportType::Tcp;
        if stream && bytes[0] >= 0x40 {
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        self.post(from, to, stream, bytes);
    }

    /// How many allocations stand on a server.
    pub fn allocations(&self, index: usize) -> usize {
        self.servers[index].relayed.len()
    }

    pub fn drain(&mut self) {
        while self.drain_side(0) | self.drain_side(1) {}
    }

    fn drain_side(&mut self, index: usize) -> bool {
        let now = self.now;
        let mut busy = false;
        loop {
            let side = &mut self.sides[index];
            match side.call.poll_output() {
                Output::Open { socket, address } => {
                    self.next_port += 1;
                    let local = SocketAddr::new(address, self.next_port);
                    side.sockets.insert(socket, Socket { local, remote: None });
                    let address = local;
                    side.call.handle_input(now, Input::Opened { socket, address });
                }
                Output::Connect {
                    socket,
                    host,
                    port,
                    security,
                } => {
                    side.streams.push(security);
                    self.connect_stream(index, socket, &host, port);
                }
                Output::Resolve { name } => {
                    side.asked.push(name.clone());
                    if let Some(addresses) = self.names.get(&name).cloned() {
                        let name = name.as_str();
                        side.call.handle_input(now, Input::Resolved { name, addresses });
                    }
                }
                Output::Close { socket } => {
                    side.sockets.remove(&socket);
                    side.closed.push(socket);
                }
                Output::Transmit {
                    socket,
                    destination,
                    payload,
                } => {
                    side.destinations.push(destination);
                    let Socket { local, remote } = &side.sockets[&socket];
                    let (local, stream) = (*local, remote.is_some());
                    let mut bytes = Vec::from(payload);
                    if stream && bytes[0] >= 0x40 {
                        assert_eq!(bytes.len() % 4, 0, "padded");
                        bytes.truncate(4 + usize::from(u16::from_be_bytes([bytes[2], bytes[3]])));
                    }
                    self.post(local, destination, stream, bytes);
                }
                Output::Event(event) => {
                    side.events.push((now - self.start, event.clone()));
                    if let Event::LocalCandidate { candidate, .. } = event {
                        let other = &mut self.sides[1 - index].call;
                        other.add_remote_candidate(now, &candidate).expect("our own");
                    }
                }
                Output::Timeout(due) => {
                    side.due = due;
                    return busy;
                }
            }
            busy = true;
        }
    }

    fn connect_stream(&mut self, index: usize, socket: SocketId, host: &str, port: u16) {
        let now = self.now;
        let address = host.parse().ok().or_else(|| self.names.get(host)?.first().copied());
        let remote = address.map(|address| SocketAddr::new(address, port));
        let listens = |server: &&Running| server.up && server.stream && Some(server.listens) == remote;
        let found = self.servers.iter().find(listens).map(|server| server.listens);
        let side = &mut self.sides[index];
        match found {
            Some(remote) => {
                self.next_port += 1;
                let local = SocketAddr::new(ip(["192.0.2.1", "192.0.2.2"][index]), self.next_port);
                let of = Some(remote);
                side.sockets.insert(socket, Socket { local, remote: of });
                match &self.bottleneck {
                    Some(bottleneck) if bottleneck.is_on(local, remote) => {
                        // There and back again; the answer to what opens a stream is empty.
                        let at = now + 2 * bottleneck.delay;
                        self.packets.push_back(Packet {
                            at,
                            from: remote,
                            to: local,
                            stream: true,
                            payload: Vec::new(),
                        });
                    }
                    Some(_) | None => side.call.handle_input(now, Input::Connected { socket, local, remote }),
                }
            }
            None => {
                let reason = "connection refused".to_owned();
                side.call.handle_input(now, Input::Refused { socket, reason });
            }
        }
    }
}

fn built(data: DelayedMessageOrChannelSend<Vec<u8>>) -> Vec<u8> {
    use turn_client_proto::types::prelude::DelayedTransmitBuild;
    data.build()
}
