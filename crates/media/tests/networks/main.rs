//! Bad networks, and how long calls take to connect on them: virtual time, every seed another call.
//!
//! How many calls a row has is read from `OFFHOOK_NETWORK_SEEDS`.

#[path = "../gathering/bottleneck.rs"]
mod bottleneck;
#[allow(dead_code, reason = "shared with the tests of single calls")]
#[path = "../call/network.rs"]
mod network;
#[allow(dead_code, reason = "shared with the tests of single calls")]
#[path = "../call/pair.rs"]
mod pair;
mod rows;
#[allow(dead_code, reason = "shared with the tests of servers")]
#[path = "../gathering/world.rs"]
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use bottleneck::Bottleneck;
use offhook_media::{Event, IcePolicy};
use pair::{Pair, Setting};
use rows::{HEAD, LIMIT, Row, Trouble, millis, rows};
use turn_client_proto::types::TransportType;
use world::{World, config, ip, server};

/// Calls of a row, unless told otherwise.
const SEEDS: u64 = 20;

/// How long this call took, of which no UDP gets further than the answerer's door: it is relayed over TCP.
fn relayed_call(row: &Row, seed: u64) -> Option<Duration> {
    fastrand::seed(seed);
    let servers = ["turn:198.51.100.1", "turn:198.51.100.2?transport=tcp"].map(server);
    let answerer = config("192.0.2.2", &servers, IcePolicy::All);
    let offerer = config("192.0.2.1", &[], IcePolicy::All);
    let mut drawn = [0; 32];
    drawn[..8].copy_from_slice(&seed.to_be_bytes());
    let mut world = World::seeded(offerer, answerer, [drawn, drawn.map(|byte| !byte)])
        .with_server("198.51.100.1:3478", TransportType::Udp)
        .with_server("198.51.100.2:3478", TransportType::Tcp);
    let mut way = Bottleneck::of(ip("192.0.2.2"), seed);
    (way.delay, way.loss, way.no_udp) = (row.weather.delay, row.weather.loss, true);
    world.bottleneck = Some(way);
    world.run(LIMIT);
    let connected = world.sides.each_ref().map(|side| side.at(&Event::Connected));
    let [Some(offerer), Some(answerer)] = connected else {
        return None;
    };
    Some(offerer.max(answerer))
}

/// How long this call took: to connect, or after a move to be heard again.
fn call(row: &Row, seed: u64) -> Option<Duration> {
    if row.trouble == Trouble::NoUdp {
        return relayed_call(row, seed);
    }
    // The engine draws from a generator of the thread.
    fastrand::seed(seed);
    let mut pair = Pair::new(Setting {
        seed,
        weather: row.weather,
        ..Setting::default()
    });
    let connected = |pair: &Pair| pair.offerer.call.is_connected() && pair.answerer.call.is_connected();
    while !connected(&pair) && pair.elapsed() < LIMIT {
        pair.run(millis(5));
    }
    let took = Some(pair.elapsed()).filter(|_| connected(&pair));
    if row.trouble != Trouble::Moves {
        return took;
    }
    pair.run(millis(2_000));
    // The way is cut for a while, as between two networks.
    let from = pair.elapsed();
    pair.network.cut = true;
    pair.run(millis(2_000));
    pair.network.cut = false;
    // The side that leads the checks, and the one that follows.
    let before = ["192.0.2.1:40001", "192.0.2.2:40002"][seed as usize % 2];
    let before = before.parse().expect("an address");
    pair.network.moved = Some((before, "198.51.100.7:7007".parse().expect("an address")));
    let received = |pair: &Pair| [&pair.offerer, &pair.answerer].map(|side| side.call.statistics().packets_received);
    let [offerer, answerer] = received(&pair);
    while pair.elapsed() - from < LIMIT {
        pair.run(millis(20));
        let now = received(&pair);
        if connected(&pair) && now[0] > offerer + 5 && now[1] > answerer + 5 {
            return Some(pair.elapsed() - from);
        }
    }
    let failed = |event: &Event| matches!(event, Event::Failed(_));
    let told = pair.answerer.events.iter().filter(|(_, event)| failed(event)).count();
    assert!(told <= 1, "a failure is told once");
    None
}

/// The times of all calls of a row that made it, sorted.
#[allow(clippy::disallowed_methods, reason = "the calls are without threads, not the test")]
fn times(row: &Row, seeds: u64) -> Vec<Duration> {
    let next = AtomicU64::new(0);
    let one_after_another = || {
        let mut times = Vec::new();
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= seeds {
                return times;
            }
            times.extend(call(row, seed));
        }
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut times: Vec<Duration> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(one_after_another)).collect();
        let joined = workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("no call panics"));
        joined.collect()
    });
    times.sort();
    times
}

#[allow(clippy::disallowed_methods, reason = "how much is tested is told from outside")]
fn seeds() -> u64 {
    std::env::var("OFFHOOK_NETWORK_SEEDS").map_or(SEEDS, |text| text.parse().expect("a number of seeds"))
}

#[test]
fn calls_connect_on_every_network() {
    let seeds = seeds();
    let mut table = HEAD.to_owned();
    let mut short_of = Vec::new();
    for row in rows() {
        let times = times(&row, seeds);
        table += &row.line(seeds, &times);
        if row.is_short_of(seeds, &times) {
            short_of.push(row.name);
        }
    }
    println!("{table}");
    assert!(short_of.is_empty(), "too few calls connected on {short_of:?}\n{table}");
}
