//! Servers that refuse, die and forget; interfaces that come and go.

use std::time::Duration;

use offhook_media::{Event, FailureReason, IcePolicy, Input, SocketId};
use turn_client_proto::types::TransportType;

use crate::world::{World, config, ip, server, server_with};

const UDP: &str = "198.51.100.1:3478";
const SECOND: Duration = Duration::from_secs(1);

fn relayed(url: &str, policy: IcePolicy) -> World {
    World::new(
        config("192.0.2.1", &[server(url)], policy),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_server(UDP, TransportType::Udp)
    .with_server("198.51.100.2:3478", TransportType::Tcp)
}

#[test]
fn wrong_credentials_fail_a_call_that_may_only_be_relayed_and_say_so() {
    let servers = [server_with(&format!("turn:{UDP}"), "wrong")];
    let mut world = World::new(
        config("192.0.2.1", &servers, IcePolicy::Relay),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_server(UDP, TransportType::Udp);

    world.run(2 * SECOND);

    let Some((at, Event::Failed(FailureReason::NoRelay(reason)))) = world.sides[0].events.last() else {
        panic!("{:?}", world.sides[0].events);
    };
    assert!(reason.contains("password"), "{reason}");
    assert!(*at < SECOND, "{at:?}");
    assert_eq!(world.sides[0].kinds(), [""; 0]);
}

#[test]
fn wrong_credentials_are_no_harm_where_there_is_another_way() {
    let servers = [server_with(&format!("turn:{UDP}"), "wrong")];
    let mut world = World::new(
        config("192.0.2.1", &servers, IcePolicy::All),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_server(UDP, TransportType::Udp);

    world.connect();
    world.run(SECOND);

    assert!(world.sides[0].has(&Event::EndOfCandidates));
}

#[test]
fn the_policy_relay_without_a_turn_server_is_a_call_that_cannot_be() {
    let servers = [server("stun:198.51.100.1")];
    let mut world = World::new(
        config("192.0.2.1", &[], IcePolicy::All),
        config("192.0.2.2", &servers, IcePolicy::Relay),
    );

    world.run(SECOND);

    assert!(matches!(
        world.sides[1].events.as_slice(),
        [(_, Event::Failed(FailureReason::NoRelay(_)))]
    ));
}

#[test]
fn a_server_that_comes_late_is_used_as_soon_as_it_is_there() {
    for (index, url) in ["turn:198.51.100.1", "turn:198.51.100.2?transport=tcp"]
        .iter()
        .enumerate()
    {
        let mut world = relayed(url, IcePolicy::Relay);
        world.servers[index].up = false;
        world.run(12 * SECOND);
        assert!(world.sides[0].has(&Event::EndOfCandidates), "{url}");

        world.revive(index);
        world.connect();

        assert_eq!(world.sides[0].kinds(), ["relay"], "{url}");
    }
}

#[test]
fn a_server_that_is_killed_and_comes_back_carries_the_call_again() {
    for (index, url) in ["turn:198.51.100.1", "turn:198.51.100.2?transport=tcp"]
        .iter()
        .enumerate()
    {
        let mut world = relayed(url, IcePolicy::Relay);
        world.connect();
        world.speak();
        world.run(2 * SECOND);

        world.kill(index);
        world.run(5 * SECOND);
        assert!(world.sides[0].has(&Event::Interrupted), "{url}");
        world.revive(index);
        world.run_until(8 * SECOND, |world| {
            world.sides.iter().all(|side| side.has(&Event::Recovered))
        });
        world.run(2 * SECOND);

        for side in &world.sides {
            assert!(side.hears(), "{url}: {:?}", side.events);
        }
        assert_eq!(world.sides[0].kinds(), ["relay", "relay"], "{url}");
    }
}

#[test]
fn an_outage_of_the_peer_costs_the_relay_nothing() {
    let mut world = relayed("turn:198.51.100.1", IcePolicy::Relay);
    world.connect();
    let relay = world.sides[0].candidates();
    world.translated.insert(ip("192.0.2.2"), ip("192.0.2.222"));
    world.run(6 * SECOND);
    assert!(world.sides[0].has(&Event::Interrupted));

    world.translated.clear();
    world.run(5 * SECOND);
    world.speak();
    world.run(2 * SECOND);

    assert!(world.sides[0].has(&Event::Recovered), "{:?}", world.sides[0].events);
    assert!(world.sides.iter().all(|side| side.hears()));
    assert_eq!(world.sides[0].candidates()[0], relay[0]);
}

#[test]
fn outages_of_the_peer_one_after_another_cost_the_relay_nothing() {
    for (index, url) in ["turn:198.51.100.1", "turn:198.51.100.2?transport=tcp"]
        .iter()
        .enumerate()
    {
        let mut world = relayed(url, IcePolicy::Relay);
        world.connect();
        for outage in 1..=3 {
            world.translated.insert(ip("192.0.2.2"), ip("192.0.2.222"));
            world.run(6 * SECOND);
            world.translated.clear();
            world.run(5 * SECOND);
            assert_eq!(world.allocations(index), 1, "{url}, outage {outage}");
        }
        world.speak();
        world.run(2 * SECOND);

        assert_eq!(world.sides[0].closed, [], "{url}");
        assert_eq!(world.sides[0].kinds(), ["relay"], "{url}");
        assert!(world.sides.iter().all(|side| side.hears()), "{url}");
    }
}

#[test]
fn a_new_interface_leads_to_new_candidates_and_a_lost_one_takes_its_own_away() {
    let servers = [server("turn:198.51.100.1")];
    let mut world = World::new(
        config("192.0.2.1", &servers, IcePolicy::All),
        config("192.0.2.2", &[], IcePolicy::All),
    )
    .with_server(UDP, TransportType::Udp);
    world.connect();
    let now = world.now;

    let addresses = vec![ip("192.0.2.7")];
    world.sides[0].call.handle_input(now, Input::Addresses(addresses));
    world.run(10 * SECOND);
    world.speak();
    world.run(2 * SECOND);

    assert_eq!(world.sides[0].kinds(), ["host", "relay", "host", "relay"]);
    assert!(world.sides[0].candidates()[2].contains("192.0.2.7"));
    assert_eq!(world.sides[0].closed, [SocketId(0), SocketId(1)]);
    assert!(
        world.sides.iter().all(|side| side.hears()),
        "{:?}",
        world.sides[0].events
    );
}
