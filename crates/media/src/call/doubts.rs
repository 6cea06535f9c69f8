//! Relays that may be gone, and local addresses that are.
//!
//! When the peer falls silent, relays are doubted: the server is asked whether it still knows the allocation. If it does not answer,
//! another allocation is made beside it, to be used once it stands.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::Call;
use super::relays::{Relay, RelayState, Route, allocation_server};
use crate::{Output, ServerKind, TurnTransport};

/// A doubted relay that has not been heard for so long gets another one beside it, and is given up when that stands.
pub(super) const DOUBT: Duration = Duration::from_secs(1);

impl Call {
    /// The peer is silent: perhaps it is a relay that is gone.
    pub(super) fn doubt_relays(&mut self, now: Instant) {
        for index in 0..self.gather.relays.len() {
            let relay = &mut self.gather.relays[index];
            match &mut relay.state {
                RelayState::Standing { allocation, .. } if relay.doubted.is_none() => {
                    relay.doubted = Some(now);
                    allocation.probe(now);
                    self.relay_works(now, index);
                }
                RelayState::Resting { until } => *until = now,
                RelayState::Standing { .. } | RelayState::Opening | RelayState::Asking(_) | RelayState::Refused => {}
            }
        }
    }

    /// A doubted relay whose server was heard since is trusted again; one that is silent while another one of its kind stands is
    /// given up.
    pub(super) fn resolve_doubts(&mut self, now: Instant) {
        for index in 0..self.gather.relays.len() {
            let relay = &self.gather.relays[index];
            let (RelayState::Standing { allocation, .. }, Some(since)) = (&relay.state, relay.doubted) else {
                continue;
            };
            if allocation.heard() > since {
                self.gather.relays[index].doubted = None;
            } else if now >= since + DOUBT {
                let (server, route, socket) = (relay.server, relay.route, relay.socket);
                let trusted =
                    |other: &&Relay| other.server == server && other.route == route && other.doubted.is_none();
                match self.gather.relays.iter().find(trusted) {
                    Some(heir) if heir.address().is_some() => {
                        self.outputs.push_back(Output::Close { socket });
                        self.drop_relay(now, index);
                        return self.resolve_doubts(now);
                    }
                    // It is on its way.
                    Some(_) => {}
                    None => self.new_relay(server, route),
                }
                self.gather.relays[index].doubted = Some(now);
            }
        }
    }

    fn drop_relay(&mut self, now: Instant, index: usize) {
        let relay = self.gather.relays.remove(index);
        if let RelayState::Standing { candidate, .. } = relay.state {
            self.engine.direct_api().invalidate_candidate(&candidate);
            self.run_engine(now);
        }
    }

    /// A local address is gone, and with it what was allocated from it.
    pub(super) fn relays_leave(&mut self, now: Instant, address: IpAddr) {
        let from_there = |relay: &Relay| matches!(relay.route, Route::Datagrams { local, .. } if local == address);
        while let Some(index) = self.gather.relays.iter().position(from_there) {
            let socket = self.gather.relays[index].socket;
            self.outputs.push_back(Output::Close { socket });
            self.drop_relay(now, index);
        }
    }

    /// A new local address: each TURN server over UDP may be asked from it.
    pub(super) fn relays_join(&mut self, address: IpAddr) {
        for index in 0..self.config.servers.len() {
            if let ServerKind::Turn {
                transport: TurnTransport::Udp,
                ..
            } = self.config.servers[index].kind
            {
                self.relay_from(index, address);
            }
        }
    }

    /// Gives all allocations back; nothing is relayed any more.
    pub(super) fn release_relays(&mut self, now: Instant) {
        for index in 0..self.gather.relays.len() {
            let relay = &mut self.gather.relays[index];
            if let Some(allocation) = relay.allocation() {
                allocation.release(now);
                let (socket, server) = (relay.socket, allocation_server(relay));
                self.send_to_server(socket, server);
                self.gather.relays[index].state = RelayState::Refused;
            }
        }
    }
}
