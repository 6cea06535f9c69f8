//! Bodies of the fuzz targets, as plain functions, so that tests can replay what was found.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

mod noise;

use noise::{Begins, Pair};

use crate::jitter::JitterBuffer;
use crate::{Call, CallConfig, FRAME_SAMPLES, Identity, Input, OfferError, Output};

const PEER: &str = "candidate:1 1 udp 2122063615 192.0.2.9 40009 typ host";

/// A call that answers this offer, from a fixed seed.
pub(crate) fn call_for(offer: &str, now: Instant) -> Result<(Call, String), OfferError> {
    Call::answerer(config(), offer, [7; 32], now)
}

/// Some instant to begin at: std gives none but the present one, and nothing here depends on which it is.
#[allow(clippy::disallowed_methods)]
pub(crate) fn an_instant() -> Instant {
    Instant::now()
}

/// Any text as an offer: answered and driven for a while, or refused. And as a later one: again, and with other credentials.
pub fn sdp_offer(data: &[u8]) {
    let now = an_instant();
    let text = String::from_utf8_lossy(data);
    if let Ok((mut call, _)) = call_for(&text, now) {
        for later in [&text, &text.replace("a=ice-ufrag:", "a=ice-ufrag:x").into()] {
            // Both outcomes are right, as the offer may use what cannot go on.
            let _ = call.accept_offer(now, later);
        }
        drive(&mut call, now);
    }
}

/// Any text as an answer to our offer.
pub fn sdp_answer(data: &[u8]) {
    let now = an_instant();
    let (mut call, _) = Call::offerer(config(), [7; 32], now);
    if call.accept_answer(now, &String::from_utf8_lossy(data)).is_ok() {
        drive(&mut call, now);
    }
}

/// Any text as candidates, one a line.
pub fn candidate(data: &[u8]) {
    let now = an_instant();
    let Some(mut call) = answered(now) else { return };
    for line in String::from_utf8_lossy(data).lines() {
        // Both outcomes are right; what counts is that there is one.
        let _ = call.add_remote_candidate(now, line);
    }
    drive(&mut call, now);
}

/// Any bytes as noise between two calls, once from the start, once in the middle of their handshake and once when they
/// are connected: pieces of datagrams, each preceded by its length in one byte, from the other's address or
/// from a stranger's (after the byte 254), pauses (253), and damage to genuine datagrams (255). A
/// call that is connected stays so and is heard; one that is not connects, unless the noise could be the
/// peer's part in a handshake.
pub fn datagrams(data: &[u8]) {
    for begins in [Begins::AtTheStart, Begins::InTheHandshake, Begins::WhenConnected] {
        let mut pair = Pair::new(begins);
        pair.disturb(data);
        pair.settle();
    }
}

/// Any bytes as packets and pulls: six bytes each.
pub fn jitter(data: &[u8]) {
    let mut now = an_instant();
    let mut buffer = JitterBuffer::new(Duration::from_millis(40), now);
    for chunk in data.chunks_exact(6) {
        let [what, time, sequence, high, low, payload] = *chunk else {
            continue;
        };
        now += Duration::from_millis(u64::from(time));
        let timestamp = u32::from_be_bytes([0, high, low, 0]);
        let sequence = u16::from_be_bytes([what >> 4, sequence]);
        match what % 3 {
            0 => drop(buffer.insert(now, sequence, timestamp, u32::from(time) * 120, &[payload])),
            1 => buffer.pass(sequence),
            _ => drop(buffer.next(now)),
        }
    }
}

fn config() -> CallConfig {
    config_on(Ipv4Addr::new(192, 0, 2, 8))
}

fn config_on(address: Ipv4Addr) -> CallConfig {
    static IDENTITY: LazyLock<Identity> =
        LazyLock::new(|| Identity::generate().expect("the crypto library makes certificates"));
    CallConfig::new(IDENTITY.clone(), vec![IpAddr::V4(address)])
}

fn answered(now: Instant) -> Option<Call> {
    let (_, offer) = Call::offerer(config(), [8; 32], now);
    call_for(&offer, now).ok().map(|(call, _)| call)
}

/// Some seconds with a peer that never speaks.
fn drive(call: &mut Call, start: Instant) {
    let mut now = start;
    drain(call, now);
    let _ = call.add_remote_candidate(now, PEER);
    for _ in 0..40 {
        now = drain(call, now).max(now + Duration::from_millis(1));
        let mut frame = [0; FRAME_SAMPLES];
        call.push_pcm(now, &frame);
        call.pull_pcm(now, &mut frame);
        call.handle_input(now, Input::Timeout);
    }
    call.close(now);
    drain(call, now);
}

fn drain(call: &mut Call, now: Instant) -> Instant {
    loop {
        match call.poll_output() {
            Output::Open { socket, address } => {
                let address = SocketAddr::new(address, 40_008);
                call.handle_input(now, Input::Opened { socket, address });
            }
            Output::Transmit { .. }
            | Output::Event(_)
            | Output::Resolve { .. }
            | Output::Connect { .. }
            | Output::Close { .. } => {}
            Output::Timeout(due) => return due,
        }
    }
}
