//! Whole calls over networks that are bad: the agent in one network namespace, the cloud in another, and between them a wire that
//! delays, loses and disorders what is sent. The rows are those of the calls in virtual time (`crates/media/tests/networks`).
//!
//! How many calls a row has is read from `OFFHOOK_NETWORK_CALLS`; unless that is set, three rows have ten calls each.
#![cfg(target_os = "linux")]

mod agent;
mod calls;
mod namespace;
#[allow(dead_code, reason = "shared with the calls in virtual time")]
#[path = "../../crates/media/tests/call/network.rs"]
mod network;
#[allow(dead_code, reason = "shared with the calls in virtual time")]
#[path = "../../crates/media/tests/networks/rows.rs"]
mod rows;
mod wire;

use std::{env, time::Instant};

use calls::{Ends, Floor, times};
use rows::{HEAD, Trouble, rows};

/// Calls of a row, unless told otherwise.
const CALLS: u64 = 10;
/// The rows, unless told otherwise: one that loses much, one where nothing but TCP gets through, one where the address changes.
const SOME: [&str; 3] = ["loss-10", "udp-blocked", "moved"];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iproute2, nftables and coturn: cargo xtask test installs it and runs this"]
async fn calls_connect_on_every_network() {
    let Some(near) = namespace::near("calls_connect_on_every_network") else {
        return;
    };
    let mut ends = Ends::of(near);
    let told = env::var("OFFHOOK_NETWORK_CALLS").ok();
    let calls = told
        .as_ref()
        .map_or(CALLS, |text| text.parse().expect("a number of calls"));
    let mut table = HEAD.to_owned();
    let mut short_of = Vec::new();
    for row in rows() {
        if row.trouble == Trouble::Narrow || told.is_none() && !SOME.contains(&row.name) {
            continue;
        }
        let times = times(&mut ends, &row, calls).await;
        table += &row.line(calls, &times);
        if row.is_short_of(calls, &times) {
            short_of.push(row.name);
        }
    }
    println!("{table}");
    assert!(short_of.is_empty(), "too few calls connected on {short_of:?}\n{table}");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iproute2, nftables and coturn: cargo xtask test installs it and runs this"]
async fn a_call_goes_on_over_another_interface_when_its_own_is_gone() {
    let test = "a_call_goes_on_over_another_interface_when_its_own_is_gone";
    let Some(near) = namespace::near(test) else {
        return;
    };
    let ends = Ends::of(near);
    let floor = Floor::open(&ends, 1).await;
    let call = floor.calls().await.remove(0).expect("it connects");
    call.goes_on().await;

    let _detour = ends.add_detour();
    call.goes_on().await;
    let cut = Instant::now();
    ends.lose_first_way();

    call.survives(cut, cut).await.expect("the call lives on");
    drop(call);
    floor.close();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs iproute2, nftables and coturn: cargo xtask test installs it and runs this"]
async fn a_call_waits_for_an_address_when_there_is_none() {
    let Some(near) = namespace::near("a_call_waits_for_an_address_when_there_is_none") else {
        return;
    };
    let mut ends = Ends::of(near);
    let floor = Floor::open(&ends, 1).await;
    let call = floor.calls().await.remove(0).expect("it connects");
    call.goes_on().await;

    let cut = Instant::now();
    ends.lose_address(0);
    call.is_interrupted().await;
    let found = Instant::now();
    ends.gain_address();

    call.survives(cut, found).await.expect("the call lives on");
    drop(call);
    floor.close();
}
