//! Sockets for peers, their candidates, and datagrams of a call.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use str0m::net::{Protocol, Receive};

use super::{Call, Negotiation, Socket, SocketState};
use crate::candidate::{self, RemoteCandidate, Skipped};
use crate::checks::{Way, is_stun};
use crate::io::Datagram;
use crate::{Applied, CandidateError, FailureReason, IcePolicy, Output, SocketId};

/// Candidates of one peer: a machine with many interfaces has a few dozen.
const MAX_CANDIDATES: usize = 100;

impl Call {
    /// Asks for what candidates are gathered from.
    pub(super) fn ask_for_sockets(&mut self, now: Instant) {
        if self.config.policy == IcePolicy::All {
            for address in self.config.addresses.clone() {
                self.ask_for_socket(address);
            }
        }
        self.ask_servers(now);
        if self.config.policy == IcePolicy::All && self.sockets.is_empty() && !self.may_be_relayed() {
            self.fail(FailureReason::NoSocket("there is no local address".to_owned()));
        }
        self.gathered();
    }

    fn ask_for_socket(&mut self, address: IpAddr) {
        let id = self.gather.next_socket();
        self.sockets.push(Socket {
            id,
            ip: address,
            state: SocketState::Asked,
        });
        self.outputs.push_back(Output::Open { socket: id, address });
    }

    pub(super) fn socket_opened(&mut self, now: Instant, id: SocketId, address: SocketAddr) {
        if self.relay_opened(now, id, address, None) {
            return;
        }
        let asked = self
            .sockets
            .iter_mut()
            .find(|socket| socket.id == id && matches!(socket.state, SocketState::Asked));
        // What is bound stays so, whatever is said about it again.
        let Some(socket) = asked else { return };
        let preference = self.gather.preference(address.ip());
        let Some(candidate) = candidate::host(address, preference) else {
            let reason = "a socket without an address of its own cannot be offered to the peer";
            return self.socket_refused(now, id, reason);
        };
        if let Some(added) = self.engine.add_local_candidate(candidate).cloned() {
            socket.state = SocketState::Bound {
                address,
                candidate: Box::new(added.clone()),
            };
            self.tell_candidate(&added);
            self.ask_stun_servers(now, id, address);
        } else {
            socket.state = SocketState::Gone;
        }
        self.run_engine(now);
        self.gathered();
    }

    pub(super) fn socket_refused(&mut self, now: Instant, id: SocketId, reason: &str) {
        if self.relay_refused(now, id, reason) {
            return;
        }
        let Some(socket) = self.sockets.iter_mut().find(|socket| socket.id == id) else {
            return;
        };
        tracing::debug!(mid = %self.mid, socket = id.0, reason, "no socket");
        let state = std::mem::replace(&mut socket.state, SocketState::Gone);
        self.socket_gone(now, id, state);
        let gone = |socket: &Socket| matches!(socket.state, SocketState::Gone);
        if self.sockets.iter().all(gone) && !self.may_be_relayed() {
            self.fail(FailureReason::NoSocket(reason.to_owned()));
        } else {
            self.gathered();
        }
    }

    fn socket_gone(&mut self, now: Instant, id: SocketId, state: SocketState) {
        if let SocketState::Bound { candidate, .. } = state {
            self.forget_reflexive(id);
            self.engine.direct_api().invalidate_candidate(&candidate);
            self.run_engine(now);
        }
    }

    /// Other local addresses: sockets on those that are gone are closed, new ones are gathered from. A call without any address
    /// waits for one as long as the path may be silent.
    pub(super) fn addresses_changed(&mut self, now: Instant, addresses: Vec<IpAddr>) {
        let before = std::mem::replace(&mut self.config.addresses, addresses.clone());
        let gone: Vec<_> = before.iter().filter(|ip| !addresses.contains(ip)).collect();
        for ip in &gone {
            while let Some(index) = self.sockets.iter().position(|socket| socket.ip == **ip) {
                let Socket { id, state, .. } = self.sockets.remove(index);
                if !matches!(state, SocketState::Gone) {
                    self.outputs.push_back(Output::Close { socket: id });
                }
                self.socket_gone(now, id, state);
            }
            self.relays_leave(now, **ip);
        }
        self.gather.other_circumstances();
        for ip in addresses.into_iter().filter(|ip| !before.contains(ip)) {
            if self.config.policy == IcePolicy::All {
                self.ask_for_socket(ip);
            }
            self.relays_join(ip);
        }
        if !gone.is_empty() {
            // A stream does not tell from which address it goes out.
            self.doubt_relays(now);
        }
    }

    pub(super) fn try_candidate(&mut self, now: Instant, text: &str) -> Result<Applied, CandidateError> {
        let ufrag = match &self.negotiation {
            Negotiation::Offered { .. } => None,
            Negotiation::Agreed(agreed) => Some(agreed.ufrag.as_str()),
        };
        let candidate = match candidate::read(text, ufrag)? {
            RemoteCandidate::Usable(candidate) => candidate,
            RemoteCandidate::Skipped(Skipped::OtherGeneration) if self.terms.keep_early(text, MAX_CANDIDATES) => {
                return Ok(Applied::Added);
            }
            RemoteCandidate::Skipped(why) => {
                tracing::debug!(mid = %self.mid, ?why, "candidate ignored");
                return Ok(Applied::Ignored);
            }
        };
        match &mut self.negotiation {
            Negotiation::Offered { early } => {
                if early.len() == MAX_CANDIDATES {
                    return Err(CandidateError::TooMany { limit: MAX_CANDIDATES });
                }
                // Which generation it belongs to shows when the answer has come.
                early.push(text.to_owned());
            }
            Negotiation::Agreed(_) => {
                if self.remote_candidates == MAX_CANDIDATES {
                    return Err(CandidateError::TooMany { limit: MAX_CANDIDATES });
                }
                self.remote_candidates += 1;
                self.terms.remember(&candidate);
                self.figures.remote_candidate(candidate.addr(), candidate.kind());
                self.peer_known(now, candidate.addr().ip());
                self.engine.add_remote_candidate(candidate);
                self.run_engine(now);
            }
        }
        Ok(Applied::Added)
    }

    pub(super) fn datagram(&mut self, now: Instant, id: SocketId, source: SocketAddr, payload: &[u8]) {
        if self.relay_received(now, id, Some(source), payload) || self.stun_answered(now, id, source, payload) {
            return;
        }
        let bound = self
            .sockets
            .iter()
            .find(|socket| socket.id == id)
            .map(|socket| &socket.state);
        if let Some(SocketState::Bound { address, .. }) = bound {
            self.peer_said(now, *address, source, payload);
        }
    }

    /// A datagram of a peer for one of our own addresses, be it a socket's or a relayed one.
    pub(super) fn peer_said(&mut self, now: Instant, address: SocketAddr, source: SocketAddr, payload: &[u8]) {
        let Ok(receive) = Receive::new(Protocol::Udp, source, address, payload) else {
            tracing::trace!(mid = %self.mid, bytes = payload.len(), "datagram of no known kind");
            return;
        };
        if self.answer_former_check(now, source, address, payload) {
            return;
        }
        let input = str0m::Input::Receive(now, receive);
        // A datagram from an address that passed no check, or with a foreign ufrag.
        if !self.engine.accepts(&input) {
            tracing::trace!(mid = %self.mid, %source, "datagram from a stranger");
            return;
        }
        self.sign_of_life(now, payload);
        self.note_refusal(payload);
        if self.path.carries_media() {
            self.sources.announce(&mut self.engine, payload);
        }
        self.feed(now, input);
    }

    /// An answer to one of our checks is one; that the bytes came from the peer's address is none, since anybody can write it.
    pub(super) fn sign_of_life(&mut self, now: Instant, payload: &[u8]) {
        if let Some(sent) = self.checks.answered(now, payload) {
            self.figures.round_trip(now, sent);
            let event = self.path.answered(now, sent);
            self.tell_path(event);
        }
    }

    /// Which way this goes; `None` when it may not be sent (RFC 7675 section 5.1).
    pub(super) fn way(&mut self, source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Option<Way> {
        let wanted = (source, destination);
        if is_stun(payload) {
            self.checks.note(self.now, wanted, payload);
            return Some(wanted);
        }
        if !self.path.may_send(self.now) {
            return None;
        }
        let way = self.checks.working(self.now, wanted);
        self.figures.path(way);
        Some(way)
    }

    pub(super) fn transmit(&mut self, source: SocketAddr, destination: SocketAddr, payload: Datagram) {
        let Some((source, destination)) = self.way(source, destination, &payload) else {
            return;
        };
        if self.relay_sends(source, destination, &payload) {
            return;
        }
        let from = self.sockets.iter().find(|socket| match &socket.state {
            SocketState::Bound { address, .. } => *address == source,
            SocketState::Asked | SocketState::Gone => false,
        });
        if let Some(socket) = from {
            self.outputs.push_back(Output::Transmit {
                socket: socket.id,
                destination,
                payload,
            });
        }
    }
}
