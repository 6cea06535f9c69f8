//! On which channel an attempt is made.

use offhook_xmpp::reconnect::{
    Channel::{self, Fresh, Same},
    FailureKind, Input, Loss,
};

use crate::rig::{Rig, exact, s};

fn connected() -> Rig {
    let mut rig = Rig::new(exact());
    rig.connect();
    assert_eq!(rig.next_attempt().1, Fresh);
    rig.connects();
    rig
}

fn next(rig: &mut Rig) -> Channel {
    rig.next_attempt().1
}

#[test]
fn nine_reconnects_use_the_channel_again_and_the_tenth_makes_a_new_one() {
    let mut rig = connected();
    let mut channels = Vec::new();
    for _ in 0..20 {
        rig.lives(s(100));
        channels.push(next(&mut rig));
        rig.connects();
    }
    let twice = [&[Same; 9][..], &[Fresh]].concat().repeat(2);
    assert_eq!(channels, twice);
}

#[test]
fn failed_attempts_wear_the_channel_out_as_well() {
    let mut rig = Rig::new(exact());
    rig.connect();
    let mut channels = Vec::new();
    for _ in 0..11 {
        channels.push(next(&mut rig));
        rig.fails_again();
    }
    assert_eq!(channels, [&[Fresh][..], &[Same; 9], &[Fresh]].concat());
}

#[test]
fn after_a_disconnect_the_channel_is_a_new_one() {
    let mut rig = connected();
    rig.disconnect();
    rig.connect();
    assert_eq!(next(&mut rig), Fresh);
}

/// Rule 15: `duplicate_id` forces a new channel; so does `no_longer_subscribed`.
#[test]
fn a_superseded_connection_comes_back_on_a_new_channel() {
    let mut rig = connected();
    rig.passes(s(100));
    rig.input(Input::Lost(Loss::Superseded));
    assert_eq!(next(&mut rig), Fresh);
}

#[test]
fn two_clients_that_supersede_each_other_do_it_ever_more_slowly() {
    let mut rig = connected();
    let mut waits = Vec::new();
    for _ in 0..5 {
        rig.passes(s(1));
        rig.input(Input::Lost(Loss::Superseded));
        waits.push(rig.next_attempt().0.as_secs());
        rig.connects();
    }
    assert_eq!(waits, [2, 4, 8, 16, 32]);
}

#[test]
fn a_mark_makes_the_next_reconnect_hard_and_only_that() {
    let mut rig = connected();
    rig.input(Input::Hard);
    rig.lives(s(100));
    assert_eq!(next(&mut rig), Fresh);
    rig.connects();
    rig.lives(s(100));
    assert_eq!(next(&mut rig), Same);
}

#[test]
fn a_failure_that_asks_for_it_is_followed_by_a_new_channel() {
    let mut rig = connected();
    rig.lives(s(100));
    assert_eq!(next(&mut rig), Same);
    rig.fails(FailureKind::TransientHard, None);
    assert_eq!(next(&mut rig), Fresh);
}

/// Rule 12: a connection transfer is honoured.
#[test]
fn a_transfer_goes_to_a_new_channel() {
    let mut rig = connected();
    rig.passes(s(100));
    rig.input(Input::Lost(Loss::Transferred));
    assert_eq!(next(&mut rig), Fresh);
}
