//! Calls over TURN servers.

use std::time::Duration;

use offhook_media::{Event, IcePolicy, StreamSecurity};
use turn_client_proto::types::TransportType;

use crate::errors::Errors;
use crate::world::{World, config, ip, server};

const UDP: &str = "198.51.100.1:3478";
const STREAM: &str = "198.51.100.2:3478";

/// Both sides may be relayed only, over servers of this kind.
fn relayed(url: &str) -> World {
    let servers = [server(url)];
    World::new(
        config("192.0.2.1", &servers, IcePolicy::Relay),
        config("192.0.2.2", &servers, IcePolicy::Relay),
    )
    .with_server(UDP, TransportType::Udp)
    .with_server(STREAM, TransportType::Tcp)
}

#[test]
fn with_the_policy_relay_nothing_is_offered_and_nothing_sent_but_over_the_relay() {
    let mut world = relayed("turn:198.51.100.1:3478");

    world.connect();
    world.speak();
    world.run(Duration::from_secs(3));

    for side in &world.sides {
        assert_eq!(side.kinds(), ["relay"]);
        assert!(!side.candidates()[0].contains("192.0.2."), "{:?}", side.candidates());
        assert!(side.hears());
        let past = side.destinations.iter().find(|to| **to != UDP.parse().unwrap());
        assert_eq!(past, None);
        assert!(side.at(&Event::EndOfCandidates) < Some(Duration::from_millis(200)));
        assert!(
            side.at(&Event::Connected) < Some(Duration::from_secs(1)),
            "{:?}",
            side.events
        );
    }
}

#[test]
fn relays_are_reached_over_tcp_and_tls_too() {
    let cases = [
        ("turn:198.51.100.2:3478?transport=tcp", StreamSecurity::Plain),
        ("turns:turn.example:3478", StreamSecurity::Tls),
    ];
    for (url, security) in cases {
        let mut world = relayed(url);
        world.names.insert("turn.example".into(), vec![ip("198.51.100.2")]);

        world.connect();
        world.speak();
        world.run(Duration::from_secs(3));

        for side in &world.sides {
            assert_eq!(side.kinds(), ["relay"], "{url}");
            assert_eq!(side.streams, [security], "{url}");
            assert!(side.hears(), "{url}");
        }
    }
}

#[test]
fn a_relayed_call_logs_no_error() {
    for url in ["turn:198.51.100.1:3478", "turn:198.51.100.2:3478?transport=tcp"] {
        let errors = Errors::during(|| {
            let mut world = relayed(url);
            world.connect();
            world.speak();
            world.run(Duration::from_secs(3));
        });
        assert_eq!(errors, [""; 0], "{url}");
    }
}

#[test]
fn all_kinds_are_gathered_and_the_best_one_is_used() {
    let servers = [server("stun:198.51.100.1"), server("turn:198.51.100.1")];
    let mut world = World::new(
        config("10.0.0.1", &servers, IcePolicy::All),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_server(UDP, TransportType::Udp);
    world.translated.insert(ip("10.0.0.1"), ip("203.0.113.1"));

    world.connect();
    world.speak();
    world.run(Duration::from_secs(3));
    world.sides[0].destinations.clear();
    world.run(Duration::from_secs(2));

    assert_eq!(world.sides[0].kinds(), ["host", "srflx", "relay"]);
    let direct = |to: &&std::net::SocketAddr| to.ip() == ip("192.0.2.2");
    let frames = world.sides[0].destinations.iter().filter(direct).count();
    assert!(frames >= 100, "{frames} datagrams went directly");
}

#[test]
fn an_hour_passes_with_refreshes_and_with_nonces_that_run_out() {
    let servers = [server("turn:198.51.100.1:3478")];
    let mut world = World::new(
        config("192.0.2.1", &servers, IcePolicy::Relay),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_nonces_of(Duration::from_secs(90))
    .with_server(UDP, TransportType::Udp);
    world.connect();
    world.speak();
    world.run(Duration::from_secs(2));
    world.hush();

    world.run(Duration::from_secs(3_600));
    world.speak();
    world.run(Duration::from_secs(2));

    for side in &world.sides {
        assert!(!side.has(&Event::Interrupted), "{:?}", side.events);
        assert!(side.hears());
    }
    assert_eq!(world.allocations(0), 1);
}

#[test]
fn a_call_that_ends_gives_its_allocations_back() {
    let mut world = relayed("turn:198.51.100.1:3478");
    world.connect();
    assert_eq!(world.allocations(0), 2);
    let now = world.now;

    for side in &mut world.sides {
        side.call.close(now);
    }
    world.run(Duration::from_secs(1));

    assert_eq!(world.allocations(0), 0);
}
