//! What a call holds: bytes of a pair that has talked for ten seconds, half of them being one call's.
//!
//! Prints lines `figure NAME VALUE`. The counting allocator is slow, so nothing here is timed. What libopus takes is counted, as it takes it from
//! Rust; what the crypto library takes is not.

use dhat::HeapStats;
use offhook_media::{Identity, OpusClip};

#[path = "../pair/mod.rs"]
mod pair;

use pair::{Audio, Pair};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

const CALLS: usize = 20;
const FRAMES: usize = 500;

fn main() {
    let _profiler = dhat::Profiler::builder().testing().build();
    let voice = pair::voice(1);
    let samples: Vec<i16> = voice.concat();
    let clip = OpusClip::encode(&samples, 32_000, 5).expect("a clip");
    let packets: Vec<&[u8]> = clip.packets().collect();
    println!("figure complexity-5/bytes {}", held(&Audio::Frames(&voice), true));
    println!("figure ready-made/bytes {}", held(&Audio::Packets(&packets), false));
    println!("figure ready-made/bytes-limit 300000");
}

/// Bytes of one pair: both ends of a call.
fn held(audio: &Audio<'_>, decode: bool) -> usize {
    let identity = Identity::generate().expect("a certificate");
    let config = |side| {
        let mut config = pair::config(&identity, side);
        config.decode = decode;
        config
    };
    let now = pair::an_instant();
    // What is made once in a process is made before.
    drop(Pair::connected([config(0), config(1)], 1_000, now));
    let before = HeapStats::get().curr_bytes;
    let mut pairs = Vec::with_capacity(CALLS);
    for number in 0..CALLS {
        let mut pair = Pair::connected([config(0), config(1)], number as u64, now);
        for _ in 0..FRAMES {
            pair.frame(audio);
        }
        assert!(
            pair.received() >= 2 * FRAMES as u64 * 99 / 100,
            "{} packets came",
            pair.received()
        );
        pairs.push(pair);
    }
    let held = (HeapStats::get().curr_bytes - before) / CALLS;
    drop(pairs);
    held
}
