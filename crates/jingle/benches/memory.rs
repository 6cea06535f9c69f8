//! What a session holds while it lives, and what a stanza of a recorded call allocates.
//!
//! Prints lines `figure NAME VALUE`. The counting allocator is slow, so nothing here is timed.

mod client;
mod recorded;

use client::{Client, Wire};
use dhat::HeapStats;
use recorded::Recording;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// How many sessions are held at once.
const LIVE: usize = 10_000;

/// What remains of sessions that are over may be a table that has grown, but nothing for each: less than this, in bytes.
const LEFT: usize = 8;

fn dialect(name: &str, recording: &Recording) {
    // Memory of settled proposals is bounded, and is no part of a session: it is full before anything is counted.
    let mut client = Client::new(Wire::Elements);
    for number in 0..LIVE {
        client.live(recording.call_read(number));
    }
    let before = HeapStats::get();
    for number in 0..LIVE {
        client.live(recording.call_read(LIVE + number).until_end().0);
    }
    assert_eq!(client.sessions(), LIVE);
    let held = HeapStats::get().curr_bytes - before.curr_bytes;
    println!("figure {name}/held/bytes {}", held / LIVE);
    for number in 0..LIVE {
        client.live(recording.call_read(LIVE + number).until_end().1);
    }
    assert_eq!(client.sessions(), 0);
    let left = HeapStats::get().curr_bytes.saturating_sub(before.curr_bytes);
    assert!(left < LIVE * LEFT, "{left} bytes are left of {LIVE} sessions");

    for (wire, what) in [(Wire::Elements, "elements"), (Wire::Text, "text")] {
        let call = match wire {
            Wire::Elements => recording.call_read(0),
            Wire::Text => recording.call(0),
        };
        let mut client = Client::new(wire);
        let before = HeapStats::get();
        client.live(call);
        let after = HeapStats::get();
        let each = |all: u64| all as f64 / client.stanzas() as f64;
        let blocks = each(after.total_blocks - before.total_blocks);
        let bytes = each(after.total_bytes - before.total_bytes);
        println!("figure {name}/{what}/allocations {blocks:.1}");
        println!("figure {name}/{what}/bytes-allocated {bytes:.0}");
    }
}

fn main() {
    // The figures are wanted, not the stacks that lead to each allocation.
    let _profiler = dhat::Profiler::builder().testing().trim_backtraces(Some(1)).build();
    dialect("sdp-over-xmpp", &Recording::sdp_over_xmpp());
    dialect("jingle", &Recording::jingle());
}
