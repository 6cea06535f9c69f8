//! How long is waited after what.

use offhook_xmpp::reconnect::{FailureKind, Input, Loss, Status};

use crate::rig::{Rig, exact, s};

#[test]
fn the_first_attempt_is_made_at_once_and_each_failure_doubles_the_wait() {
    let mut rig = Rig::new(exact());
    rig.connect();
    let mut waits = Vec::new();
    for _ in 0..9 {
        waits.push(rig.next_attempt().0.as_secs());
        rig.fails_again();
    }
    assert_eq!(waits, [0, 2, 4, 8, 16, 32, 64, 90, 90]);
}

#[test]
fn after_a_connection_that_had_lived_the_first_attempt_is_made_at_once() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.attempted();
    rig.connects();
    rig.lives(s(30));
    assert_eq!(rig.next_attempt().0, s(0));
    rig.fails_again();
    assert_eq!(rig.next_attempt().0, s(2));
}

#[test]
fn a_connection_that_had_not_lived_counts_as_a_failure() {
    let mut rig = Rig::new(exact());
    rig.connect();
    let mut waits = Vec::new();
    for _ in 0..4 {
        waits.push(rig.next_attempt().0.as_secs());
        rig.connects();
        rig.lives(s(5));
    }
    assert_eq!(waits, [0, 2, 4, 8]);
}

/// Rule 18: a close by the server during set-up is a failed attempt.
#[test]
fn a_connection_lost_before_it_was_one_is_a_failed_attempt() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.attempted();
    rig.lives(s(60));
    assert_eq!(rig.next_attempt().0, s(2));
}

#[test]
fn the_delay_is_remembered_over_a_success_and_halves_while_connected() {
    // 16 s are remembered now; after 80 s they are 8, after 40 more 4, after 20 more 2, after 10 more nothing.
    for (lived, next) in [
        (s(79), 32),
        (s(80), 16),
        (s(121), 8),
        (s(140), 4),
        (s(149), 4),
        (s(151), 2),
    ] {
        let mut rig = rig_with_sixteen_seconds();
        rig.connects();
        rig.lives(lived);
        assert_eq!(rig.next_attempt().0, s(0), "{lived:?}");
        rig.fails_again();
        assert_eq!(rig.next_attempt().0, s(next), "{lived:?}");
    }
}

fn rig_with_sixteen_seconds() -> Rig {
    let mut rig = Rig::new(exact());
    rig.connect();
    for _ in 0..4 {
        rig.next_attempt();
        rig.fails_again();
    }
    assert_eq!(rig.next_attempt().0, s(16));
    rig
}

#[test]
fn an_hour_after_the_last_failure_the_delay_is_forgotten() {
    let mut rig = rig_with_sixteen_seconds();
    rig.fails(FailureKind::Transient, Some(s(3_599)));
    assert_eq!(rig.next_attempt().0, s(3_599));
    rig.fails(FailureKind::Transient, Some(s(3_600)));
    // Within the hour the delay had grown on.
    assert_eq!(rig.next_attempt().0, s(3_600));
    rig.fails_again();
    assert_eq!(rig.next_attempt().0, s(2));
}

/// Rule 20: `Retry-After` everywhere.
#[test]
fn the_longer_of_the_backoff_and_what_the_server_asks_for_is_waited() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.next_attempt();
    rig.fails(FailureKind::Transient, Some(s(60)));
    assert_eq!(rig.next_attempt().0, s(60));
    rig.fails(FailureKind::TransientHard, Some(s(1)));
    assert_eq!(rig.next_attempt().0, s(4));
    rig.connects();
    rig.passes(s(100));
    rig.input(Input::Lost(Loss::Dropped {
        retry_after: Some(s(7)),
    }));
    assert_eq!(rig.next_attempt().0, s(7));
}

#[test]
fn what_the_server_asked_for_holds_although_the_application_disconnects_meanwhile() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.next_attempt();
    rig.fails(FailureKind::Transient, Some(s(60)));
    rig.passes(s(10));
    rig.disconnect();
    rig.passes(s(10));
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(40));
}

#[test]
fn no_server_silences_a_client_for_longer_than_a_day() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.next_attempt();
    rig.fails(FailureKind::Transient, Some(std::time::Duration::MAX));
    assert_eq!(rig.next_attempt().0, s(24 * 60 * 60));
}

/// A transfer has to happen within a minute, whatever is remembered.
#[test]
fn a_transferred_connection_moves_at_once() {
    let mut rig = rig_with_sixteen_seconds();
    rig.connects();
    rig.passes(s(5));
    rig.input(Input::Lost(Loss::Transferred));
    assert_eq!(rig.next_attempt().0, s(0));
    // It was no failure.
    rig.fails_again();
    assert_eq!(rig.next_attempt().0, s(32));
}

#[test]
fn a_transfer_right_after_the_attempt_keeps_the_least_gap() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.next_attempt();
    rig.passes(s(1) / 2);
    rig.connects();
    rig.input(Input::Lost(Loss::Transferred));
    assert_eq!(rig.next_attempt().0, s(3) / 2);
}

#[test]
fn no_more_than_sixty_attempts_are_made_in_an_hour() {
    let mut rig = Rig::new(exact());
    rig.connect();
    for _ in 0..60 {
        assert_eq!(rig.next_attempt().0, s(0));
        rig.connects();
        rig.lives(s(30));
    }
    assert_eq!(rig.next_attempt().0, s(30 * 60));
    rig.connects();
    rig.lives(s(30));
    assert_eq!(rig.next_attempt().0, s(0));
}

#[test]
fn a_sleep_of_the_machine_counts_as_time() {
    let mut rig = rig_with_sixteen_seconds();
    rig.fails_again();
    rig.passes(s(1));
    rig.input(Input::Resumed { asleep: s(10) });
    let Status::Waiting { until } = rig.policy.state() else {
        panic!("it waits: {:?}", rig.policy.state());
    };
    assert_eq!(until - rig.now, s(21));
    rig.input(Input::Resumed { asleep: s(21) });
    assert!(rig.attempted().is_some());
}
