//! Bodies of the fuzz targets, as plain functions, so that tests can replay what was found.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::LazyLock;
use std::time::{Duration, Instant};

mod noise;
mod packets;

use noise::{Begins, Pair};

pub use packets::jitter_buffer;

use crate::sdp::{Description, RemoteAudio};
use crate::{Call, CallConfig, Codec, FRAME_SAMPLES, Identity, Input, OfferError, Output};

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

/// Any text as an offer: answered in its own terms and driven for a while, or refused, by calls with each order of codecs. An
/// answer has the offer's sections in their order, of which it accepts one, in formats of the offer, and can be read in turn. The
/// same text is a later offer too: as it is, and with other credentials.
pub fn sdp_offer(data: &[u8]) {
    let (now, text) = (an_instant(), String::from_utf8_lossy(data));
    for codecs in [&Codec::ALL[..], &[Codec::Pcma, Codec::Opus], &[Codec::Pcmu]] {
        let mut config = config();
        config.codecs = codecs.to_vec();
        if let Ok((mut call, answer)) = Call::answerer(config, &text, [7; 32], now) {
            answers(&text, &answer, codecs);
            for later in [text.to_string(), text.replace("a=ice-ufrag:", "a=ice-ufrag:x")] {
                // It may be refused, as the roles that it asks for may have turned.
                if let Ok(answer) = call.accept_offer(now, &later) {
                    answers(&later, &answer, codecs);
                }
            }
            drive(&mut call, now);
        }
    }
}

/// Panics when this is no answer to that offer.
fn answers(offer: &str, answer: &str, codecs: &[Codec]) {
    assert!(answer.ends_with("\r\n") && !answer.replace("\r\n", "").contains(['\r', '\n']));
    let offer = Description::read(offer).expect("what was answered can be read");
    let answer = Description::read(answer).expect("our own answer can be read");
    assert_eq!(offer.sections.len(), answer.sections.len());
    let mut accepted = 0;
    for (offered, answered) in offer.sections.iter().zip(&answer.sections) {
        assert_eq!((&offered.media, &offered.profile), (&answered.media, &answered.profile));
        assert_eq!(offered.mid(), answered.mid());
        assert!(answered.formats.iter().all(|format| offered.formats.contains(format)));
        accepted += usize::from(!answered.is_rejected());
    }
    assert_eq!(accepted, 1);
    let ours = RemoteAudio::find(&answer, codecs).expect("our own answer has audio");
    let theirs = RemoteAudio::find(&offer, codecs).expect("what was answered has audio");
    assert_eq!(ours.index, theirs.index);
    assert_eq!(ours.direction, theirs.direction.reversed());
    let numbers = |audio: &RemoteAudio| -> Vec<(u8, Codec)> {
        let formats = audio.formats.audio.iter();
        formats.map(|format| (format.payload_type, format.codec)).collect()
    };
    assert_eq!(numbers(&ours), numbers(&theirs));
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

/// Any bytes as noise between two calls. The first says when it begins: before the first datagram, in the middle of their handshake
/// or when they are connected. The others are pieces of datagrams, each preceded by its length in one byte, from the other's address or
/// from a stranger's (after the byte 254), pauses (253), and damage to genuine datagrams (255). A
/// call that is connected stays so and is heard; one that is not connects, unless the noise could be the
/// peer's part in a handshake.
pub fn datagrams(data: &[u8]) {
    let Some((begins, noise)) = data.split_first() else {
        return;
    };
    let mut pair = Pair::new(Begins::ALL[usize::from(*begins) % Begins::ALL.len()]);
    pair.disturb(noise);
    pair.settle();
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
    // Refused where no events were agreed on.
    let _ = call.send_digits(now, "1#");
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
