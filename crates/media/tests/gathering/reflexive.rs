//! Addresses as the world sees them.

use std::time::Duration;

use offhook_media::{Event, IcePolicy};
use turn_client_proto::types::TransportType;

use crate::world::{World, config, ip, server};

const STUN: &str = "198.51.100.1:3478";

fn behind_translators(url: &str) -> World {
    let servers = [server(url)];
    let mut world = World::new(
        config("10.0.0.1", &servers, IcePolicy::All),
        config("10.0.1.1", &servers, IcePolicy::All),
    );
    world.translated.insert(ip("10.0.0.1"), ip("203.0.113.1"));
    world.translated.insert(ip("10.0.1.1"), ip("203.0.113.2"));
    world.with_server(STUN, TransportType::Udp)
}

#[test]
fn two_calls_behind_translators_find_each_other_by_what_a_server_sees() {
    let mut world = behind_translators("stun:198.51.100.1:3478");

    world.connect();
    world.speak();
    world.run(Duration::from_secs(2));

    for (side, public) in world.sides.iter().zip(["203.0.113.1", "203.0.113.2"]) {
        assert_eq!(side.kinds(), ["host", "srflx"]);
        assert!(side.candidates()[1].contains(public), "{:?}", side.candidates());
        assert!(side.hears());
        assert!(side.at(&Event::EndOfCandidates) < Some(Duration::from_millis(100)));
    }
}

#[test]
fn an_address_that_nobody_translates_is_told_once() {
    let servers = [server("stun:198.51.100.1:3478")];
    let mut world = World::new(
        config("192.0.2.1", &servers, IcePolicy::All),
        config("192.0.2.2", &servers, IcePolicy::All),
    )
    .with_server(STUN, TransportType::Udp);

    world.connect();

    assert_eq!(world.sides[0].kinds(), ["host"]);
}

#[test]
fn a_server_is_found_by_its_name() {
    let mut world = behind_translators("stun:stun.example");
    world
        .names
        .insert("stun.example".into(), vec![ip("2001:db8::1"), ip("198.51.100.1")]);

    world.connect();

    assert_eq!(world.sides[0].asked, ["stun.example"]);
    assert_eq!(world.sides[0].kinds(), ["host", "srflx"]);
}

#[test]
fn a_name_without_an_address_ends_gathering_and_hurts_nobody() {
    let mut world = behind_translators("stun:stun.example");
    world.names.insert("stun.example".into(), Vec::new());

    world.run(Duration::from_millis(1));

    for side in &world.sides {
        assert_eq!(side.kinds(), ["host"]);
        assert!(side.has(&Event::EndOfCandidates));
    }
}

#[test]
fn gathering_ends_in_time_when_a_server_is_silent_or_a_name_is_never_resolved() {
    for (url, within) in [("stun:198.51.100.9:3478", 8), ("stun:nobody.example", 10)] {
        let mut world = behind_translators(url);

        world.run(Duration::from_secs(11));

        let end = world.sides[0].at(&Event::EndOfCandidates).expect("an end");
        assert!(end <= Duration::from_secs(within), "{url}: {end:?}");
    }
}
