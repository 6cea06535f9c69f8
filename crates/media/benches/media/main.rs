//! What a call costs: the processor's time for each of its parts, and for all of it beside the codec alone.
//!
//! Everything runs on one thread and in virtual time; what the thread has had of a processor is counted, and not how long it took. Prints lines
//! `figure NAME VALUE`.

use std::fs;
use std::hint::black_box;
use std::time::Duration;

use aws_lc_rs::aead::{AES_128_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use offhook_media::jitter::{Delays, JitterBuffer, PULL, Packet};
use offhook_media::{Codec, FRAME_SAMPLES, Frame, Identity, OpusClip};
use opusic_c::{Application, Bitrate, Channels, Decoder, Encoder, InbandFec, SampleRate};

#[path = "../pair/mod.rs"]
mod pair;

use pair::{Audio, Pair};

/// What is spoken to a codec alone, in seconds: the system counts in steps of some milliseconds.
const SECONDS: usize = 100;
/// What is spoken in each call, and how often all is done: the shortest of these rounds counts, which nobody has disturbed.
const CALL_SECONDS: usize = 10;
const ROUNDS: usize = 5;
/// What takes next to no time is done this often.
const REPEATED: usize = 1_000;
/// Calls that run at once.
const CALLS: u64 = 10;

fn main() {
    let voice = pair::voice(SECONDS);
    let identity = Identity::generate().expect("a certificate");
    for complexity in [0, 5, 9] {
        let packets = encoded(&voice, complexity);
        let encode = each(voice.len(), || drop(encoded(&voice, complexity)));
        let decode = each(voice.len(), || decoded(&packets));
        let buffer = each(voice.len(), || buffered(&packets)) - decode;
        let floor = (encode + decode) * 2.0 * 50.0 / 1_000.0;
        let call = call(&identity, complexity, &Audio::Frames(&voice), true);
        let column = format!("complexity-{complexity}");
        println!("figure {column}/encode {encode:.1}");
        println!("figure {column}/decode {decode:.1}");
        println!("figure {column}/buffer {:.1}", buffer.max(0.0));
        println!("figure {column}/floor {floor:.2}");
        println!("figure {column}/call {call:.2}");
        println!("figure {column}/ratio {:.2}", call / floor);
        println!("figure {column}/ratio-limit 1.25");
    }
    let samples: Vec<i16> = voice.concat();
    let clip = OpusClip::encode(&samples, 32_000, 9).expect("a clip");
    let packets: Vec<&[u8]> = clip.packets().collect();
    println!(
        "figure ready-made/call {:.2}",
        call(&identity, 0, &Audio::Packets(&packets), false)
    );
    println!("figure ready-made/call-limit 1.5");
    println!("figure ready-made/srtp {:.2}", sealed(&packets));
}

/// The processor's time for one of so many things, in microseconds.
fn each(count: usize, mut all: impl FnMut()) -> f64 {
    let mut round = || {
        let before = processor_time();
        all();
        (processor_time() - before).as_secs_f64() * 1e6 / count as f64
    };
    (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min)
}

/// What this thread has had of a processor, as Linux counts it; nothing where nobody counts.
#[expect(
    clippy::disallowed_methods,
    reason = "a program around the core, which reads what the system counts"
)]
fn processor_time() -> Duration {
    let told = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds = told.split(' ').next().and_then(|word| word.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or_default())
}

/// As a call encodes.
fn encoded(voice: &[Frame], complexity: u8) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(Channels::Mono, SampleRate::Hz48000, Application::Audio).expect("an encoder");
    encoder.set_bitrate(Bitrate::Value(32_000)).expect("a bit rate");
    encoder.set_complexity(complexity).expect("a complexity");
    encoder.set_inband_fec(InbandFec::Mode1).expect("FEC");
    // What a call that loses nothing prepares for: by it, libopus chooses the mode in which it encodes, at very different costs.
    encoder.set_packet_loss(5).expect("a share");
    let mut samples = [0; FRAME_SAMPLES];
    let mut packet = |frame: &Frame| {
        for (sample, spoken) in samples.iter_mut().zip(frame) {
            *sample = spoken.cast_unsigned();
        }
        let mut packet = vec![0; 1_275];
        let length = encoder.encode_to_slice(&samples, &mut packet).expect("a packet");
        packet.truncate(length);
        packet
    };
    voice.iter().map(&mut packet).collect()
}

fn decoded(packets: &[Vec<u8>]) {
    let mut decoder = Decoder::new(Channels::Mono, SampleRate::Hz48000).expect("a decoder");
    let mut samples = [0; FRAME_SAMPLES];
    for packet in packets {
        decoder.decode_to_slice(packet, &mut samples, false).expect("samples");
        black_box(&samples);
    }
}

fn buffered(packets: &[Vec<u8>]) {
    let mut now = pair::an_instant();
    let mut buffer = JitterBuffer::new(Codec::Opus, Delays::default(), now).expect("a decoder");
    for (number, payload) in packets.iter().enumerate() {
        let packet = Packet {
            codec: Codec::Opus,
            sequence: number as u16,
            timestamp: (number * FRAME_SAMPLES) as u32,
            payload,
        };
        buffer.insert(now, &packet);
        for _ in 0..2 {
            let mut heard = [0; PULL];
            buffer.pull(now, &mut heard);
            black_box(&heard);
            now += Duration::from_millis(10);
        }
    }
}

/// Milliseconds of processor for a second of call, both ends together.
fn call(identity: &Identity, complexity: u8, audio: &Audio<'_>, decode: bool) -> f64 {
    let config = |side| {
        let mut config = pair::config(identity, side);
        config.complexity = i32::from(complexity);
        config.decode = decode;
        config
    };
    let now = pair::an_instant();
    let connected = |number| Pair::connected([config(0), config(1)], number, now);
    let mut pairs: Vec<Pair> = (0..CALLS).map(connected).collect();
    let frames = CALL_SECONDS * 50;
    let of_frame = each(frames * pairs.len(), || {
        for _ in 0..frames {
            for pair in &mut pairs {
                pair.frame(audio);
            }
        }
    });
    let received: u64 = pairs.iter().map(Pair::received).sum();
    let sent = 2 * (ROUNDS * frames * pairs.len()) as u64;
    assert!(received >= sent * 99 / 100, "{received} packets of {sent} came");
    of_frame * 50.0 / 1_000.0
}

/// Encrypting and decrypting a packet as SRTP does by default, in microseconds.
fn sealed(packets: &[&[u8]]) -> f64 {
    let key = UnboundKey::new(&AES_128_GCM, &[7; 16]).expect("a key of its length");
    let key = LessSafeKey::new(key);
    let mut bytes = Vec::new();
    each(packets.len() * REPEATED, || {
        for packet in std::iter::repeat_n(packets, REPEATED).flatten() {
            bytes.clear();
            bytes.extend_from_slice(packet);
            let nonce = || Nonce::assume_unique_for_key([3; 12]);
            key.seal_in_place_append_tag(nonce(), Aad::from([0; 12]), &mut bytes)
                .expect("sealed");
            let opened = key
                .open_in_place(nonce(), Aad::from([0; 12]), &mut bytes)
                .expect("opened");
            assert_eq!(opened.len(), packet.len());
        }
    })
}
