//! Rule 19: a restart of the process does not hammer the server.

use std::time::Duration;

use offhook_xmpp::reconnect::{FailureKind, Memory};

use crate::rig::{Rig, WALL, exact, s};

/// Failed attempts up to a wait of 16 s.
fn failing() -> Rig {
    let mut rig = Rig::new(exact());
    rig.connect();
    for _ in 0..4 {
        rig.next_attempt();
        rig.fails_again();
    }
    rig
}

#[test]
fn a_restart_waits_for_what_is_left_of_the_wait() {
    let mut rig = failing();
    rig.passes(s(3));
    rig.restarted(exact(), s(2));
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(11));
    rig.fails_again();
    assert_eq!(rig.next_attempt().0, s(32));
}

#[test]
fn a_restart_honours_what_the_server_had_asked_for() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.fails(FailureKind::Transient, Some(s(600)));
    rig.restarted(exact(), s(100));
    rig.connect();
    rig.attempted();
    assert_eq!(rig.next_attempt().0, s(500));
}

#[test]
fn a_process_that_dies_while_it_connects_waits_in_between() {
    let mut rig = failing();
    rig.next_attempt();
    for _ in 0..3 {
        rig.restarted(exact(), s(1));
        rig.connect();
        assert_eq!(rig.next_attempt().0, s(15));
    }
}

#[test]
fn after_an_hour_nothing_is_left_of_it() {
    let mut rig = failing();
    rig.restarted(exact(), s(3_600));
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(0));
    rig.fails_again();
    assert_eq!(rig.next_attempt().0, s(2));
}

#[test]
fn the_attempts_of_the_last_hour_count_on() {
    let mut rig = Rig::new(exact());
    for _ in 0..60 {
        rig.connect();
        rig.next_attempt();
        rig.connects();
        rig.passes(s(30));
        rig.restarted(exact(), s(0));
    }
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(30 * 60));
}

#[test]
fn a_clock_that_was_set_back_costs_no_more_than_the_wait() {
    let rig = failing();
    let mut rig = Rig::started(exact(), rig.stored, WALL - s(365 * 24 * 60 * 60), 0);
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(16));
}

#[test]
fn a_memory_is_stored_as_plain_json() {
    let rig = failing();
    let json = serde_json::to_string(&rig.stored).unwrap();
    assert_eq!(
        json,
        r#"{"delay_ms":16000,"last_failure_ms":1700000014000,"pause":{"since_ms":1700000014000,"length_ms":16000},"attempts_ms":[1700000000000,1700000002000,1700000006000,1700000014000]}"#
    );
    assert_eq!(serde_json::from_str::<Option<Memory>>(&json).unwrap(), rig.stored);
}

#[test]
fn a_memory_may_lack_fields_have_more_and_hold_nonsense() {
    for (memory, most) in [
        ("{}", s(0)),
        (r#"{"delay_ms": 4000, "colour": "blue"}"#, s(0)),
        (r#"{"attempts_ms": [18446744073709551615, 0, 3]}"#, s(2)),
        (
            r#"{"delay_ms": 18446744073709551615, "last_failure_ms": 18446744073709551615}"#,
            s(0),
        ),
        (
            r#"{"pause": {"since_ms": 18446744073709551615, "length_ms": 18446744073709551615}}"#,
            s(2 * 24 * 60 * 60),
        ),
    ] {
        let stored = serde_json::from_str(memory).unwrap();
        let mut rig = Rig::started(exact(), Some(stored), WALL, 0);
        rig.connect();
        assert_eq!(rig.next_attempt().0, most, "{memory}");
    }
    let mut rig = Rig::started(exact(), Some(Memory::default()), Duration::ZERO, 0);
    rig.connect();
    assert_eq!(rig.next_attempt().0, s(0));
}
