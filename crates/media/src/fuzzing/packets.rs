//! Packets of every kind to a jitter buffer, in any order and at any time, and what is heard of them.

use std::sync::LazyLock;
use std::time::Duration;

use super::an_instant;
use crate::codec::{Encoder, EncoderSettings};
use crate::jitter::{Delays, JitterBuffer, PULL, Packet};
use crate::{Codec, FRAME_SAMPLES, Frame};

/// What a buffer holds at most, decoded or not: a second and a quarter that waits, and 300 ms that is decoded.
const MOST_HELD: u64 = 1_550;
/// The delay may be this much above what is configured before it is made up for at once, and by a packet and a stretch.
const BEYOND: Duration = Duration::from_millis(300);

/// Some packets of a voice, with redundancy in them.
static VOICE: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let settings = EncoderSettings {
        bitrate: 24_000,
        complexity: 0,
        in_band_fec: true,
        ..EncoderSettings::default()
    };
    let mut encoder = Encoder::new(Codec::Opus, settings).expect("an encoder");
    let packet = |number: usize| {
        let sample = |index: usize| {
            let turn = (number * FRAME_SAMPLES + index) as f64 * 140.0 / 48_000.0;
            (9_000.0 * (turn.fract() - 0.5)) as i16
        };
        let frame: Frame = std::array::from_fn(sample);
        encoder.encode(&frame).expect("a packet").to_vec()
    };
    (0..16).map(packet).collect()
});

/// Any bytes as operations, four bytes each: packets in their order, packets of any numbers, lengths and codecs, events, pauses of either side, pulls. Whatever
/// happens there is a frame, what waits is bounded, and so is the delay. Everything is done twice, with the same outcome.
pub fn jitter_buffer(data: &[u8]) {
    assert_eq!(heard(data), heard(data));
}

/// A digest of what was heard.
fn heard(data: &[u8]) -> u64 {
    let mut now = an_instant();
    let (settings, operations) = data.split_first().map_or((0, data), |(first, rest)| (*first, rest));
    let delays = Delays {
        least: Duration::from_millis(u64::from(settings & 15) * 10),
        most: Duration::from_millis(u64::from(settings >> 4) * 50),
    };
    let mut buffer = JitterBuffer::new(Codec::Opus, delays, now).expect("a decoder");
    let (mut sequence, mut timestamp, mut digest) = (65_530_u16, u32::MAX - 5_000, 0_u64);
    for operation in operations.chunks_exact(4).take(2_000) {
        let [what, time, one, other] = *operation else { continue };
        let number = u16::from_be_bytes([one, other]);
        let voice = &VOICE[usize::from(other) % VOICE.len()];
        let mut give = |sequence: u16, timestamp: u32, codec: Codec, payload: &[u8]| {
            let packet = Packet {
                codec,
                sequence,
                timestamp,
                payload,
            };
            buffer.insert(now, &packet);
        };
        match what % 12 {
            0..=2 => {
                give(sequence, timestamp, Codec::Opus, voice);
                (sequence, timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(960));
            }
            // Lost, or late.
            3 => (sequence, timestamp) = (sequence.wrapping_add(1), timestamp.wrapping_add(960)),
            4 => {
                let back = u16::from(one % 16);
                let earlier = timestamp.wrapping_sub(u32::from(back) * 960);
                give(sequence.wrapping_sub(back), earlier, Codec::Opus, voice);
            }
            // A pause of the sender.
            5 => timestamp = timestamp.wrapping_add(u32::from(number)),
            6 => give(
                number,
                u32::from(number).wrapping_mul(u32::from(time) * 97),
                Codec::Opus,
                voice,
            ),
            7 => give(sequence.wrapping_add(u16::from(one)), timestamp, Codec::Opus, operation),
            8 => {
                let codec = Codec::ALL[usize::from(one) % 3];
                give(sequence, timestamp, codec, &[other; 200][..usize::from(time) % 200]);
            }
            9 => buffer.pass(sequence.wrapping_add(u16::from(one % 4))),
            10 if time == 0 => buffer.reset(),
            10 => now += Duration::from_millis(u64::from(time)),
            _ => {
                for _ in 0..=time % 8 {
                    let mut out = [0; PULL];
                    buffer.pull(now, &mut out);
                    now += Duration::from_millis(10);
                    for sample in out {
                        digest = digest.wrapping_mul(31).wrapping_add(u64::from(sample.cast_unsigned()));
                    }
                }
            }
        }
        let (delay, most) = (buffer.delay(), delays.most.max(delays.least));
        assert!(
            delay <= most + BEYOND,
            "a delay of {delay:?}, where {most:?} are the most"
        );
        assert!(
            buffer.held() <= Duration::from_millis(MOST_HELD),
            "{:?} are held",
            buffer.held()
        );
    }
    digest
}
