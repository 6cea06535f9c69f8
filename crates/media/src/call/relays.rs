//! The allocations of a call on its TURN servers.
//!
//! Each TURN server over UDP is asked for an allocation from each local address that may reach it, each one over TCP or TLS
//! once. Allocations have sockets of their own, so that a new one after a loss comes from a new port: to a server, the old port
//! means the old allocation for as long as it remembers.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use str0m::Candidate;

use super::Call;
use super::doubts::DOUBT;
use crate::candidate;
use crate::gather::{Allocation, Loss, Relayed, Setting};
use crate::{Output, ServerKind, SocketId, StreamSecurity, TurnTransport};

/// Local addresses from which one server is asked for allocations; machines have more than that, and servers have quotas.
const ADDRESSES_A_SERVER: usize = 4;
/// Allocations of one call.
const MOST_RELAYS: usize = 24;
/// Addresses of peers that relays let through.
const MOST_PEERS: usize = 100;
/// The pause before another attempt at an allocation: this, ...
const FIRST_REST: Duration = Duration::from_secs(1);
/// ... and twice as long after each failure, up to this.
const LONGEST_REST: Duration = Duration::from_secs(30);

/// The allocation that a server has is for another client; a new one from a new port may do (RFC 8656 section 7.4).
const MISMATCH: u16 = 437;
/// The server has no room now (486, 508) or is out of order (500).
const LATER: [u16; 3] = [486, 500, 508];

/// A place for an allocation.
pub(super) struct Relay {
    /// Which of the configured servers.
    pub(super) server: usize,
    pub(super) route: Route,
    pub(super) socket: SocketId,
    pub(super) state: RelayState,
    /// Failures in a row.
    pub(super) failures: u32,
    /// The first attempt has come to something.
    pub(super) settled: bool,
    /// Since when nobody knows whether the allocation still stands.
    pub(super) doubted: Option<Instant>,
}

/// How a server is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Route {
    Datagrams { local: IpAddr, server: SocketAddr },
    Stream,
}

pub(super) enum RelayState {
    /// The socket was asked for.
    Opening,
    Asking(Box<Allocation>),
    Standing {
        allocation: Box<Allocation>,
        candidate: Box<Candidate>,
    },
    /// Until the next attempt.
    Resting {
        until: Instant,
    },
    /// The server will not, for a reason that time does not change.
    Refused,
}

impl Relay {
    pub(super) fn allocation(&mut self) -> Option<&mut Allocation> {
        match &mut self.state {
            RelayState::Asking(allocation) | RelayState::Standing { allocation, .. } => Some(allocation),
            RelayState::Opening | RelayState::Resting { .. } | RelayState::Refused => None,
        }
    }

    pub(super) fn candidate(&self) -> Option<&Candidate> {
        match &self.state {
            RelayState::Standing { candidate, .. } => Some(candidate),
            RelayState::Opening | RelayState::Asking(_) | RelayState::Resting { .. } | RelayState::Refused => None,
        }
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        self.candidate().map(Candidate::addr)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let doubt = self.doubted.map(|since| since + DOUBT);
        match &self.state {
            RelayState::Asking(allocation) => Some(allocation.deadline()),
            RelayState::Standing { allocation, .. } => {
                let due = allocation.deadline();
                Some(doubt.map_or(due, |doubt| due.min(doubt)))
            }
            RelayState::Resting { until } => Some(*until),
            RelayState::Opening | RelayState::Refused => None,
        }
    }
}

impl Call {
    /// An address is there from which a TURN server over UDP may be asked.
    pub(super) fn relay_from(&mut self, index: usize, local: IpAddr) {
        let Some(server) = self.server_for(index, local) else {
            return;
        };
        let route = Route::Datagrams { local, server };
        let of_server = self.gather.relays.iter().filter(|relay| relay.server == index);
        if of_server.clone().any(|relay| relay.route == route) || of_server.count() >= ADDRESSES_A_SERVER {
            return;
        }
        self.new_relay(index, route);
    }

    pub(super) fn new_relay(&mut self, server: usize, route: Route) {
        if self.gather.relays.len() == MOST_RELAYS {
            return;
        }
        let socket = self.gather.next_socket();
        self.gather.relays.push(Relay {
            server,
            route,
            socket,
            state: RelayState::Opening,
            failures: 0,
            settled: false,
            doubted: None,
        });
        self.open_relay(self.gather.relays.len() - 1);
    }

    pub(super) fn open_relay(&mut self, index: usize) {
        let relay = &self.gather.relays[index];
        let (socket, server) = (relay.socket, &self.config.servers[relay.server]);
        let security = match &server.kind {
            ServerKind::Turn {
                transport: TurnTransport::Tls,
                ..
            } => StreamSecurity::Tls,
            ServerKind::Turn { .. } | ServerKind::Stun => StreamSecurity::Plain,
        };
        self.outputs.push_back(match relay.route {
            Route::Datagrams { local, .. } => Output::Open { socket, address: local },
            Route::Stream => Output::Connect {
                socket,
                host: server.host.clone(),
                port: server.port,
                security,
            },
        });
    }

    /// A socket or a stream of a relay is there; `remote` is its other end. Whether it is one of a relay.
    pub(super) fn relay_opened(
        &mut self,
        now: Instant,
        socket: SocketId,
        local: SocketAddr,
        remote: Option<SocketAddr>,
    ) -> bool {
        let Some(index) = self.gather.relay_of(socket) else {
            return false;
        };
        let clock = self.gather.clock;
        let relay = &mut self.gather.relays[index];
        let server = match (relay.route, remote) {
            (Route::Datagrams { server, .. }, None) => server,
            (Route::Stream, Some(remote)) => remote,
            (Route::Datagrams { .. }, Some(_)) | (Route::Stream, None) => return true,
        };
        let (
            RelayState::Opening,
            ServerKind::Turn {
                username, credential, ..
            },
        ) = (&relay.state, &self.config.servers[relay.server].kind)
        else {
            return true;
        };
        let setting = Setting {
            stream: relay.route == Route::Stream,
            local,
            server,
            username,
            credential,
        };
        relay.state = RelayState::Asking(Box::new(Allocation::new(&setting, clock, now)));
        self.relay_works(now, index);
        true
    }

    /// The socket or stream of a relay is gone. Whether it is one of a relay.
    pub(super) fn relay_refused(&mut self, now: Instant, socket: SocketId, reason: &str) -> bool {
        let Some(index) = self.gather.relay_of(socket) else {
            return false;
        };
        tracing::debug!(mid = %self.mid, socket = socket.0, reason, "no way to a TURN server");
        // It is gone, and need not be closed.
        self.gather.relays[index].socket = self.gather.next_socket();
        self.relay_lost(now, index, Loss::Silent);
        true
    }

    /// Bytes of a TURN server. Whether the socket is one of a relay.
    pub(super) fn relay_received(
        &mut self,
        now: Instant,
        socket: SocketId,
        source: Option<SocketAddr>,
        bytes: &[u8],
    ) -> bool {
        let Some(index) = self.gather.relay_of(socket) else {
            return false;
        };
        let relay = &mut self.gather.relays[index];
        let address = relay.address();
        let Some(allocation) = relay.allocation() else {
            return true;
        };
        if source.is_some_and(|source| source != allocation.server()) {
            return true;
        }
        let datagrams = allocation.receive(now, bytes);
        self.relay_works(now, index);
        if let Some(address) = address {
            for (peer, datagram) in datagrams {
                self.peer_said(now, address, peer, &datagram);
            }
        }
        true
    }

    /// A peer's address is known: relays are to let it through.
    pub(super) fn peer_known(&mut self, now: Instant, peer: IpAddr) {
        if self.gather.peers.contains(&peer) || self.gather.peers.len() == MOST_PEERS {
            return;
        }
        self.gather.peers.push(peer);
        for index in 0..self.gather.relays.len() {
            if let RelayState::Standing { allocation, .. } = &mut self.gather.relays[index].state {
                allocation.permit(now, peer);
                self.relay_works(now, index);
            }
        }
    }

    /// Sends from a relayed address. Whether there is such a one.
    pub(super) fn relay_sends(&mut self, source: SocketAddr, destination: SocketAddr, datagram: &[u8]) -> bool {
        let now = self.now;
        let relays = &mut self.gather.relays;
        let Some(relay) = relays.iter_mut().find(|relay| relay.address() == Some(source)) else {
            return false;
        };
        if let Some(allocation) = relay.allocation() {
            allocation.send(now, destination, datagram.to_vec());
            let (socket, server) = (relay.socket, allocation_server(relay));
            self.send_to_server(socket, server);
        }
        true
    }

    /// Carries out what an allocation wants and says.
    pub(super) fn relay_works(&mut self, now: Instant, index: usize) {
        let relay = &mut self.gather.relays[index];
        let Some(allocation) = relay.allocation() else {
            return;
        };
        let said = allocation.take_said();
        let (socket, server) = (relay.socket, allocation_server(relay));
        self.send_to_server(socket, server);
        match said {
            Some(Relayed::At(address)) => self.relay_stands(now, index, address),
            Some(Relayed::Lost(loss)) => {
                self.outputs.push_back(Output::Close { socket });
                self.gather.relays[index].socket = self.gather.next_socket();
                self.relay_lost(now, index, loss);
            }
            None => {}
        }
    }

    pub(super) fn send_to_server(&mut self, socket: SocketId, server: Option<SocketAddr>) {
        let (Some(index), Some(destination)) = (self.gather.relay_of(socket), server) else {
            return;
        };
        let Some(allocation) = self.gather.relays[index].allocation() else {
            return;
        };
        for bytes in allocation.take_outgoing() {
            self.outputs.push_back(Output::Transmit {
                socket,
                destination,
                payload: crate::Datagram(bytes),
            });
        }
    }

    fn relay_stands(&mut self, now: Instant, index: usize, address: SocketAddr) {
        let relay = &mut self.gather.relays[index];
        let RelayState::Asking(_) = relay.state else { return };
        relay.settled = true;
        relay.failures = 0;
        let RelayState::Asking(mut allocation) = std::mem::replace(&mut relay.state, RelayState::Refused) else {
            return;
        };
        if self.gather.open_until.is_none() {
            self.gather.other_circumstances();
        }
        let preference = self.gather.preference(address.ip());
        let type_preference = match &self.config.servers[self.gather.relays[index].server].kind {
            ServerKind::Turn { transport, .. } => match transport {
                TurnTransport::Udp => candidate::RELAYED_OVER_UDP,
                TurnTransport::Tcp => candidate::RELAYED_OVER_TCP,
                TurnTransport::Tls => candidate::RELAYED_OVER_TLS,
            },
            ServerKind::Stun => return,
        };
        let candidate = candidate::relayed(address, type_preference, preference)
            .and_then(|candidate| self.engine.add_local_candidate(candidate).cloned());
        let Some(candidate) = candidate else {
            tracing::debug!(mid = %self.mid, %address, "nobody could reach what the TURN server relays from");
            return self.gathered();
        };
        tracing::debug!(mid = %self.mid, "a TURN server relays");
        for peer in &self.gather.peers {
            allocation.permit(now, *peer);
        }
        self.gather.relays[index].state = RelayState::Standing {
            allocation,
            candidate: Box::new(candidate.clone()),
        };
        self.tell_candidate(&candidate);
        self.relay_works(now, index);
        self.run_engine(now);
        self.gathered();
    }

    /// There is no allocation, or no more: another attempt is made, sooner or later, unless it is no use.
    fn relay_lost(&mut self, now: Instant, index: usize, loss: Loss) {
        let relay = &mut self.gather.relays[index];
        relay.settled = true;
        relay.doubted = None;
        let stood = matches!(relay.state, RelayState::Standing { .. });
        let again = match loss {
            Loss::Silent | Loss::Forgotten => true,
            Loss::Refused(code) => stood || code == MISMATCH || LATER.contains(&code),
        };
        let rest = match relay.failures {
            0 if stood || loss == Loss::Refused(MISMATCH) => Duration::ZERO,
            failures => (FIRST_REST * (1 << failures.min(8))).min(LONGEST_REST),
        };
        relay.failures += 1;
        let next = match again {
            true => RelayState::Resting { until: now + rest },
            false => RelayState::Refused,
        };
        let server = relay.server;
        if let RelayState::Standing { candidate, .. } = std::mem::replace(&mut relay.state, next) {
            self.engine.direct_api().invalidate_candidate(&candidate);
            self.run_engine(now);
        }
        if again {
            tracing::debug!(mid = %self.mid, server, ?loss, "no relay");
        } else {
            tracing::warn!(mid = %self.mid, server, ?loss, "a TURN server refuses; are user name and password right?");
        }
        self.gathered();
    }

    /// Whether anything may still become, or is, a relay.
    pub(super) fn may_be_relayed(&self) -> bool {
        let unknown = self.gather.names.iter().any(|name| name.addresses.is_none());
        let refused = |relay: &Relay| matches!(relay.state, RelayState::Refused);
        unknown || !self.gather.relays.iter().all(refused)
    }
}

pub(super) fn allocation_server(relay: &mut Relay) -> Option<SocketAddr> {
    relay.allocation().map(|allocation| allocation.server())
}
