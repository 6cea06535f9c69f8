//! How long a recorded call takes, from its proposal to its end, in a client that has no other call and in one that has ten
//! thousand.

mod client;
mod recorded;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};

use client::{Client, Wire};
use recorded::Recording;

/// How many calls a client has at once, the measured one among them.
const LIVE: [usize; 2] = [1, 10_000];

fn dialect(criterion: &mut Criterion, name: &str, recording: &Recording) {
    let stanzas = {
        let mut client = Client::new(Wire::Elements);
        client.live(recording.call_read(0));
        assert_eq!(client.sessions(), 0, "the call is over");
        client.stanzas()
    };
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Elements(stanzas));
    // What is compared is measured one right after the other.
    for (wire, what) in [(Wire::Elements, "elements"), (Wire::Text, "text")] {
        for live in LIVE {
            let mut client = Client::new(wire);
            for number in 1..live {
                client.live(recording.call_read(number).until_end().0);
            }
            assert_eq!(client.sessions(), live - 1);
            let mut number = live;
            group.bench_function(BenchmarkId::new(what, live), |bencher| {
                let call = || {
                    number += 1;
                    match wire {
                        Wire::Elements => recording.call_read(number),
                        Wire::Text => recording.call(number),
                    }
                };
                bencher.iter_batched(call, |call| client.live(call), BatchSize::SmallInput);
            });
        }
    }
    group.finish();
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    dialect(&mut criterion, "sdp-over-xmpp", &Recording::sdp_over_xmpp());
    dialect(&mut criterion, "jingle", &Recording::jingle());
    criterion.final_summary();
}
