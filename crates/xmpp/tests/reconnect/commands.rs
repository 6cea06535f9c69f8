//! What the application wants, and when it is told that it cannot have it.

use offhook_xmpp::reconnect::{FailureKind, GiveUp, Input, Loss, Output, Status};

use crate::rig::{Rig, exact, s};

#[test]
fn nothing_is_done_until_a_connection_is_wanted() {
    let mut rig = Rig::new(exact());
    rig.passes(s(48 * 60 * 60));
    assert_eq!(rig.take(), []);
    assert_eq!(rig.policy.state(), Status::Idle);
}

#[test]
fn to_want_a_connection_twice_is_to_want_it_once() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.connect();
    assert_eq!(rig.attempts.len(), 1);
    rig.fails_again();
    rig.connect();
    assert_eq!(rig.attempts.len(), 1);
    assert_eq!(rig.next_attempt().0, s(0), "the first one, which nobody had taken yet");
    assert_eq!(rig.next_attempt().0, s(2));
    rig.connects();
    rig.connect();
    assert_eq!(rig.policy.state(), Status::Connected { since: rig.now });
}

/// Rule 11: `disconnect()` during an attempt cancels it; rule 17: an abandoned attempt never goes live.
#[test]
fn a_cancelled_attempt_never_becomes_a_connection() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.disconnect();
    rig.take();
    rig.connects();
    rig.fails_again();
    rig.input(Input::Lost(Loss::Dropped { retry_after: None }));
    assert_eq!(rig.policy.state(), Status::Idle);
    assert_eq!(rig.take(), []);
}

#[test]
fn a_wait_is_over_when_no_connection_is_wanted_any_more() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.fails_again();
    rig.disconnect();
    rig.take();
    rig.passes(s(1_000));
    assert_eq!(rig.take(), []);
}

#[test]
fn disconnecting_and_connecting_in_turns_is_slowed_down() {
    let mut rig = Rig::new(exact());
    for _ in 0..10 {
        rig.connect();
        rig.disconnect();
    }
    rig.connect();
    assert_eq!(rig.attempts.len(), 1);
    rig.passes(s(2));
    assert_eq!(rig.attempts.len(), 2);
}

/// Rule 21: 401 and 403 stop.
#[test]
fn a_refusal_ends_the_search_until_another_connection_is_wanted() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.connects();
    rig.lives(s(100));
    rig.take();
    rig.fails(FailureKind::Refused, None);
    assert_eq!(rig.take(), [Output::GaveUp(GiveUp::Refused)]);
    rig.passes(s(10_000));
    assert_eq!(rig.take(), []);
    rig.connect();
    assert_eq!(
        rig.next_attempt().0,
        s(0),
        "with other credentials there is nothing to wait for"
    );
}

#[test]
fn credentials_that_are_refused_while_connected_end_it_as_well() {
    let mut rig = Rig::new(exact());
    rig.connect();
    rig.connects();
    rig.take();
    rig.fails(FailureKind::Refused, None);
    assert_eq!(rig.take(), [Output::GaveUp(GiveUp::Refused)]);
}

#[test]
fn whoever_does_not_want_it_to_keep_trying_is_told_of_the_first_failure() {
    let mut config = exact();
    config.keep_trying = false;
    let mut rig = Rig::new(config.clone());
    rig.connect();
    rig.fails_again();
    assert_eq!(rig.gave_up(), Some(GiveUp::FirstAttemptFailed));
    assert_eq!(rig.policy.state(), Status::Idle);

    let mut rig = Rig::new(config);
    rig.connect();
    rig.connects();
    rig.lives(s(1));
    rig.next_attempt();
    rig.fails_again();
    assert_eq!(rig.gave_up(), None, "once connected, a lost connection is sought");
}

#[test]
fn it_gives_up_after_as_many_failures_in_a_row_as_it_was_told() {
    let mut config = exact();
    config.max_attempts = Some(3);
    let mut rig = Rig::new(config);
    rig.connect();
    for _ in 0..2 {
        rig.next_attempt();
        rig.fails_again();
    }
    rig.next_attempt();
    rig.connects();
    rig.lives(s(100));
    for _ in 0..3 {
        assert_eq!(rig.gave_up(), None);
        rig.next_attempt();
        rig.fails_again();
    }
    assert_eq!(rig.gave_up(), Some(GiveUp::TooManyAttempts { attempts: 3 }));
}
