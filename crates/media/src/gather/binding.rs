//! Asking a STUN server for our address as it sees it (RFC 8489, RFC 8445 section 5.1.1.2).

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use stun_proto::types::attribute::XorMappedAddress;
use stun_proto::types::message::{Message, MessageClass, TransactionId};

use crate::SocketId;

/// When a request that is not answered goes out again for the first time; each next time takes twice as long.
const AGAIN: Duration = Duration::from_millis(250);
/// How often a request goes out before the server counts as silent, which is eight seconds after the first.
const ATTEMPTS: u32 = 5;

/// A request for one socket to one server.
#[derive(Debug)]
pub(crate) struct Binding {
    pub(crate) socket: SocketId,
    /// Where the socket is bound.
    pub(crate) base: SocketAddr,
    pub(crate) server: SocketAddr,
    transaction: TransactionId,
    state: State,
}

#[derive(Debug)]
enum State {
    Asking { sent: u32, due: Instant },
    Settled,
}

impl Binding {
    /// `transaction` needs 96 random bits.
    pub(crate) fn new(socket: SocketId, base: SocketAddr, server: SocketAddr, transaction: u128, now: Instant) -> Self {
        Self {
            socket,
            base,
            server,
            transaction: TransactionId::from(transaction),
            state: State::Asking { sent: 0, due: now },
        }
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(self.state, State::Settled)
    }

    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Asking { due, .. } => Some(due),
            State::Settled => None,
        }
    }

    /// The request, when it is time to send it.
    pub(crate) fn poll(&mut self, now: Instant) -> Option<Vec<u8>> {
        match &mut self.state {
            State::Asking { due, .. } if now < *due => None,
            State::Asking { sent, due } if *sent < ATTEMPTS => {
                *due = now + AGAIN * (1 << *sent);
                *sent += 1;
                Some(self.request())
            }
            State::Asking { .. } => {
                tracing::debug!(server = %self.server, "a STUN server is silent");
                self.state = State::Settled;
                None
            }
            State::Settled => None,
        }
    }

    /// Whether this is the server's answer to us, and the address in it. Only the first answer tells one.
    pub(crate) fn answer(&mut self, source: SocketAddr, payload: &[u8]) -> Option<Option<SocketAddr>> {
        if source != self.server {
            return None;
        }
        let message = Message::from_bytes(payload).ok()?;
        if message.transaction_id() != self.transaction || !message.is_response() {
            return None;
        }
        let State::Asking { .. } = std::mem::replace(&mut self.state, State::Settled) else {
            return Some(None);
        };
        if !message.has_class(MessageClass::Success) {
            tracing::debug!(server = %self.server, "a STUN server refuses");
            return Some(None);
        }
        let address = message.attribute::<XorMappedAddress>().ok();
        Some(address.map(|address| address.addr(self.transaction)))
    }

    fn request(&self) -> Vec<u8> {
        const BINDING_REQUEST: u16 = 0x0001;
        const MAGIC_COOKIE: u32 = 0x2112_A442;
        let mut request = Vec::with_capacity(20);
        request.extend(BINDING_REQUEST.to_be_bytes());
        request.extend(0_u16.to_be_bytes());
        request.extend(MAGIC_COOKIE.to_be_bytes());
        request.extend(&u128::from(self.transaction).to_be_bytes()[4..]);
        request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fuzzing::an_instant;
    use stun_proto::types::message::{MessageWrite, MessageWriteExt, MessageWriteVec};

    fn asking(now: Instant) -> Binding {
        let (base, server) = ("192.0.2.2:4000", "198.51.100.1:3478");
        Binding::new(SocketId(1), base.parse().unwrap(), server.parse().unwrap(), 77, now)
    }

    #[test]
    fn the_first_answer_of_the_server_tells_the_address_and_no_other_datagram_does() {
        let mut binding = asking(an_instant());
        let request = binding.poll(an_instant()).expect("a request");
        let request = Message::from_bytes(&request).expect("a STUN message");
        let mapped = "203.0.113.9:5000".parse().unwrap();
        let mut answer = Message::builder_success(&request, MessageWriteVec::new());
        let address = XorMappedAddress::new(mapped, request.transaction_id());
        answer.add_attribute(&address).expect("it fits");
        let answer = answer.finish();
        let server = binding.server;

        assert_eq!(binding.answer("198.51.100.1:3479".parse().unwrap(), &answer), None);
        assert_eq!(binding.answer(server, b"hello"), None);
        assert!(!binding.is_settled());
        assert_eq!(binding.answer(server, &answer), Some(Some(mapped)));
        assert_eq!(binding.answer(server, &answer), Some(None));
        assert!(binding.is_settled());
    }

    #[test]
    fn a_silent_server_is_asked_five_times_and_given_up_within_eight_seconds() {
        let start = an_instant();
        let mut now = start;
        let mut binding = asking(now);
        let mut requests = 0;
        while let Some(due) = binding.deadline() {
            now = due;
            requests += usize::from(binding.poll(now).is_some());
        }
        assert_eq!(requests, 5);
        assert_eq!(now - start, Duration::from_millis(7750));
    }
}
