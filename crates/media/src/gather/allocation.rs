//! One allocation on a TURN server (RFC 8656): from the first request to its end.
//!
//! The protocol is `turn-client-proto`'s: the 401 that challenges, the 438 that renews the nonce, refreshes of
//! allocation, permissions and channels. Here the peers' datagrams go in and out: what is sent to an address that the server
//! does not let through yet waits for the permission, media go over a channel.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use secrecy::{ExposeSecret, SecretString};
use stun_proto::agent::Transmit;
use stun_proto::types::TransportType;
use stun_proto::types::attribute::{AttributeStaticType, ErrorCode, MessageIntegrity};
use stun_proto::types::message::{Message, TransactionId};
use turn_client_proto::api::{TransmitBuild, TurnClientApi, TurnConfig, TurnEvent, TurnPollRet, TurnRecvRet};
use turn_client_proto::client::TurnClient;
use turn_client_proto::tcp::TurnClientTcp;
use turn_client_proto::types::{AddressFamily, TurnCredentials};
use turn_client_proto::udp::TurnClientUdp;

use super::{Clock, frames::Frames};

/// Requests over UDP: again after this time, ...
const AGAIN: Duration = Duration::from_millis(250);
/// ... then after twice as long, at most after this, ...
const AGAIN_AT_MOST: Duration = Duration::from_secs(1);
/// ... so often in all, ...
const ATTEMPTS: u32 = 8;
/// ... and given up so long after the last.
const GIVEN_UP: Duration = Duration::from_secs(2);
/// How far requests are apart (RFC 8445 section 14.2).
const PACE: Duration = Duration::from_millis(50);
/// Datagrams that wait for permissions.
const WAITING: usize = 32;
/// Turns of the library until it wants to wait. More would be a fault of its.
const TURNS: usize = 64;
/// Requests whose answers may still come.
const SIGNED: usize = 16;

/// 401: the credentials are wanted, or wrong.
const UNAUTHORIZED: u16 = ErrorCode::UNAUTHORIZED;
/// 400: what coturn says of a permission where it has no such allocation (4.6).
const BAD_REQUEST: u16 = ErrorCode::BAD_REQUEST;
/// 437: there is no such allocation, or another one where one is asked for.
const MISMATCH: u16 = ErrorCode::ALLOCATION_MISMATCH;

/// What an allocation is asked for with.
#[derive(Debug)]
pub(crate) struct Setting<'a> {
    /// A stream, or datagrams.
    pub(crate) stream: bool,
    pub(crate) local: SocketAddr,
    pub(crate) server: SocketAddr,
    pub(crate) username: &'a str,
    pub(crate) credential: &'a SecretString,
}

/// How an allocation ended, or why there was none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// The server refused with this error code.
    Refused(u16),
    /// The server did not answer, or the allocation ran out.
    Silent,
    /// The server knows nothing of the allocation any more.
    Forgotten,
}

/// What an allocation says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Relayed {
    /// There it is: this is the address on the server.
    At(SocketAddr),
    /// It is over.
    Lost(Loss),
}

/// An allocation, or the attempt to get one.
#[derive(Debug)]
pub(crate) struct Allocation {
    client: TurnClient,
    clock: Clock,
    frames: Option<Frames>,
    local: SocketAddr,
    server: SocketAddr,
    /// For the server.
    outgoing: Vec<Vec<u8>>,
    /// Said, and not yet asked for.
    said: Option<Relayed>,
    lost: bool,
    waiting: Vec<(SocketAddr, Vec<u8>)>,
    /// For whom a permission was asked, and not answered yet.
    asked: Vec<IpAddr>,
    forbidden: Vec<IpAddr>,
    channels: Vec<SocketAddr>,
    /// Requests that carried the credentials.
    signed: Vec<TransactionId>,
    error: Option<u16>,
    heard: Instant,
    due: Instant,
}

impl Allocation {
    /// Asks for an allocation.
    pub(crate) fn new(setting: &Setting<'_>, clock: Clock, now: Instant) -> Self {
        let credentials = TurnCredentials::new(setting.username, setting.credential.expose_secret());
        let mut config = TurnConfig::new(credentials);
        config.set_request_retransmits(AGAIN, AGAIN_AT_MOST, ATTEMPTS, GIVEN_UP);
        config.set_address_family(if setting.server.is_ipv4() {
            AddressFamily::IPV4
        } else {
            AddressFamily::IPV6
        });
        let client = if setting.stream {
            TurnClientTcp::allocate(setting.local, setting.server, config).into()
        } else {
            TurnClientUdp::allocate(setting.local, setting.server, config).into()
        };
        let mut allocation = Self {
            client,
            clock,
            frames: setting.stream.then(Frames::default),
            local: setting.local,
            server: setting.server,
            outgoing: Vec::new(),
            said: None,
            lost: false,
            waiting: Vec::new(),
            asked: Vec::new(),
            forbidden: Vec::new(),
            channels: Vec::new(),
            signed: Vec::new(),
            error: None,
            heard: now,
            due: now,
        };
        allocation.work(now, None);
        allocation
    }

    /// The server's address.
    pub(crate) fn server(&self) -> SocketAddr {
        self.server
    }

    /// When the server was last heard.
    pub(crate) fn heard(&self) -> Instant {
        self.heard
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.due
    }

    /// What is to be sent to the server.
    pub(crate) fn take_outgoing(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outgoing)
    }

    /// What there is to say. After a loss there is nothing more.
    pub(crate) fn take_said(&mut self) -> Option<Relayed> {
        self.said.take()
    }

    /// Lets time pass.
    pub(crate) fn elapse(&mut self, now: Instant) {
        if now >= self.due {
            self.work(now, None);
        }
    }

    /// Lets a peer's datagrams through, from any of its ports.
    pub(crate) fn permit(&mut self, now: Instant, peer: IpAddr) {
        // Asked twice, the library logs an error.
        if self.asked.contains(&peer) || self.client.have_permission(TransportType::Udp, peer) {
            return;
        }
        // Refused only when there is no allocation for that family.
        let asked = self
            .client
            .create_permission(TransportType::Udp, peer, self.clock.library(now));
        if asked.is_ok() {
            self.asked.push(peer);
            self.work(now, None);
        }
    }

    /// Asks the server whether the allocation still stands, by asking for a permission for nobody. One that it has given is not
    /// asked for again.
    pub(crate) fn probe(&mut self, now: Instant) {
        let given = |nobody: &IpAddr| self.client.have_permission(TransportType::Udp, *nobody);
        let mut nobodies = (1..=u8::MAX).map(|number| nobody(number, self.server.is_ipv4()));
        let nobody = nobodies.find(|nobody| !given(nobody));
        if let Some(nobody) = nobody {
            self.permit(now, nobody);
        }
    }

    /// Sends a datagram to a peer, as soon as the server lets it through.
    pub(crate) fn send(&mut self, now: Instant, to: SocketAddr, datagram: Vec<u8>) {
        if self.forbidden.contains(&to.ip()) || self.lost {
            return;
        }
        let at = self.clock.library(now);
        if !self.client.have_permission(TransportType::Udp, to.ip()) {
            if self.waiting.len() < WAITING {
                self.waiting.push((to, datagram));
            }
            return self.permit(now, to.ip());
        }
        // Checks alone are worth no channel (RFC 7983: what is neither STUN nor TURN is DTLS or RTP).
        if datagram.first().is_some_and(|first| *first > 3) && !self.channels.contains(&to) {
            self.channels.push(to);
            if let Err(error) = self.client.bind_channel(TransportType::Udp, to, at) {
                tracing::debug!(%error, "no channel");
            }
            self.work(now, None);
        }
        match self.client.send_to(TransportType::Udp, to, datagram, at) {
            Ok(Some(transmit)) => self.push(build(transmit)),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "a datagram is not relayed"),
        }
    }

    /// Takes what the server sent; gives the peers' datagrams in it.
    pub(crate) fn receive(&mut self, now: Instant, bytes: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
        let mut found = Vec::new();
        let Some(frames) = &mut self.frames else {
            found.extend(self.message(now, bytes));
            return found;
        };
        match frames.push(bytes) {
            Ok(messages) => {
                for message in messages {
                    found.extend(self.message(now, &message));
                }
            }
            Err(_) => self.lose(Loss::Silent),
        }
        found
    }

    /// Gives the allocation back. What is to be sent for it can be taken; nothing else follows.
    pub(crate) fn release(&mut self, now: Instant) {
        // Without the pause that the library makes between requests: nothing follows.
        let at = self.clock.library(now + PACE);
        if self.client.delete(at).is_ok() {
            while let Some(transmit) = self.client.poll_transmit(at) {
                let bytes = transmit.data.to_vec();
                self.ask(bytes);
            }
        }
        self.lost = true;
    }

    fn message(&mut self, now: Instant, bytes: &[u8]) -> Option<(SocketAddr, Vec<u8>)> {
        self.heard = now;
        let error = self.error_in(bytes);
        let transmit = Transmit::new(bytes, self.client.transport(), self.server, self.local);
        let received = match self.client.recv(transmit, self.clock.library(now)) {
            TurnRecvRet::PeerData(data) => Some((data.peer, data.data().to_vec())),
            // An ICMP message is told by the silence, too.
            TurnRecvRet::Handled | TurnRecvRet::PeerIcmp { .. } | TurnRecvRet::Ignored(_) => None,
        };
        if received.is_none() {
            self.work(now, error);
        }
        received
    }

    /// Carries out what the library wants. `error` is the code of the error that was just received.
    fn work(&mut self, now: Instant, error: Option<u16>) {
        if error.is_some() {
            self.error = error;
        }
        // The library would go on asking until nobody waits any more.
        if error == Some(UNAUTHORIZED) && self.client.relayed_addresses().next().is_none() {
            return self.lose(Loss::Refused(UNAUTHORIZED));
        }
        let at = self.clock.library(now);
        self.due = now + PACE;
        for _ in 0..TURNS {
            while let Some(transmit) = self.client.poll_transmit(at) {
                let bytes = transmit.data.to_vec();
                self.ask(bytes);
            }
            while let Some(event) = self.client.poll_event() {
                self.library_said(now, &event, error);
            }
            match self.client.poll(at) {
                TurnPollRet::WaitUntil(until) if until > at => {
                    self.due = self.clock.ours(until);
                    return;
                }
                // What these are about, peers over TCP, is never asked for.
                TurnPollRet::WaitUntil(_) | TurnPollRet::AllocateTcpSocket { .. } | TurnPollRet::TcpClose { .. } => {}
                TurnPollRet::Closed => return self.lose(self.error.map_or(Loss::Silent, Loss::Refused)),
            }
        }
    }

    fn library_said(&mut self, now: Instant, event: &TurnEvent, error: Option<u16>) {
        match event {
            TurnEvent::AllocationCreated(_, address) => {
                self.error = None;
                self.said = Some(Relayed::At(*address));
            }
            TurnEvent::AllocationCreateFailed(_) => self.lose(self.error.map_or(Loss::Silent, Loss::Refused)),
            TurnEvent::PermissionCreated(_, peer) => {
                self.asked.retain(|asked| asked != peer);
                let (ready, waiting) = std::mem::take(&mut self.waiting)
                    .into_iter()
                    .partition::<Vec<_>, _>(|(to, _)| to.ip() == *peer);
                self.waiting = waiting;
                for (to, datagram) in ready {
                    self.send(now, to, datagram);
                }
            }
            TurnEvent::PermissionCreateFailed(..) if error == Some(MISMATCH) => self.lose(Loss::Forgotten),
            TurnEvent::PermissionCreateFailed(_, peer) if is_nobody(*peer) && error == Some(BAD_REQUEST) => {
                self.lose(Loss::Forgotten);
            }
            TurnEvent::PermissionCreateFailed(_, peer) => {
                self.asked.retain(|asked| asked != peer);
                self.waiting.retain(|(to, _)| to.ip() != *peer);
                // A server that said nothing may let it through the next time.
                if error.is_some() && !is_nobody(*peer) && !self.forbidden.contains(peer) {
                    tracing::debug!(?error, "the TURN server does not let a peer through");
                    self.forbidden.push(*peer);
                }
            }
            TurnEvent::ChannelCreateFailed(..) if error == Some(MISMATCH) => self.lose(Loss::Forgotten),
            TurnEvent::ChannelCreated(..) | TurnEvent::ChannelCreateFailed(..) => {}
            TurnEvent::TcpConnected(_) | TurnEvent::TcpConnectFailed(_) => {}
        }
    }

    fn lose(&mut self, loss: Loss) {
        if !self.lost {
            self.lost = true;
            self.said = Some(Relayed::Lost(loss));
        }
    }

    /// The code of an error response to a request of ours that carried the credentials.
    fn error_in(&self, bytes: &[u8]) -> Option<u16> {
        let message = Message::from_bytes(bytes).ok()?;
        if !self.signed.contains(&message.transaction_id()) {
            return None;
        }
        message.attribute::<ErrorCode>().ok().map(|error| error.code())
    }

    /// Sends a request, or sends it again.
    fn ask(&mut self, request: Vec<u8>) {
        let signed = Message::from_bytes(&request)
            .ok()
            .filter(|message| message.has_attribute(MessageIntegrity::TYPE));
        if let Some(transaction) = signed.map(|message| message.transaction_id())
            && !self.signed.contains(&transaction)
        {
            if self.signed.len() == SIGNED {
                self.signed.remove(0);
            }
            self.signed.push(transaction);
        }
        self.push(request);
    }

    fn push(&mut self, message: Vec<u8>) {
        self.outgoing.push(match self.frames {
            Some(_) => Frames::padded(message),
            None => message,
        });
    }
}

/// One of the addresses that nobody has (RFC 5737, RFC 3849).
fn nobody(number: u8, ipv4: bool) -> IpAddr {
    match ipv4 {
        true => IpAddr::V4(Ipv4Addr::new(203, 0, 113, number)),
        false => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into())),
    }
}

fn is_nobody(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.octets().starts_with(&[203, 0, 113]),
        IpAddr::V6(address) => address.segments().starts_with(&[0x2001, 0xdb8]),
    }
}

fn build<T>(transmit: TransmitBuild<T>) -> Vec<u8>
where
    T: turn_client_proto::types::prelude::DelayedTransmitBuild + std::fmt::Debug,
{
    transmit.build().data
}
