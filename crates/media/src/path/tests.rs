//! The path monitor's clock, second by second.

use super::*;
use crate::fuzzing::an_instant;

const LIMITS: Limits = Limits {
    connect: Duration::from_secs(30),
    interrupted: Duration::from_secs(3),
    failed: Duration::from_secs(15),
};

fn after(start: Instant, seconds: u64) -> Instant {
    start + Duration::from_secs(seconds)
}

#[test]
fn silence_interrupts_then_fails_and_a_sign_of_life_recovers() {
    let start = an_instant();
    let mut path = PathMonitor::new(LIMITS);
    path.begin(start);
    assert_eq!(path.connected(start), Some(Event::Connected));
    assert_eq!(path.connected(start), None);
    assert_eq!(path.heard(after(start, 2)), None);
    assert_eq!(path.look(after(start, 4)), None);
    assert_eq!(path.deadline(), Some(after(start, 5)));
    assert_eq!(path.look(after(start, 5)), Some(Event::Interrupted));
    assert_eq!(path.look(after(start, 6)), None);
    assert!(!path.is_alive() && path.carries_media());
    assert_eq!(path.heard(after(start, 7)), Some(Event::Recovered));
    assert_eq!(path.look(after(start, 10)), Some(Event::Interrupted));
    let lost = FailureReason::PathLost { seconds: 15 };
    assert_eq!(path.look(after(start, 22)), Some(Event::Failed(lost)));
}

#[test]
fn limits_without_end_are_a_day() {
    let start = an_instant();
    let mut path = PathMonitor::new(Limits {
        connect: Duration::MAX,
        interrupted: Duration::MAX,
        failed: Duration::MAX,
    });
    path.begin(start);
    assert_eq!(path.deadline(), Some(after(start, 86_400)));
    path.connected(start);
    path.consent = None;
    assert_eq!(path.look(after(start, 86_399)), None);
    assert_eq!(path.look(after(start, 86_400)), Some(Event::Interrupted));
    let lost = FailureReason::PathLost { seconds: 86_400 };
    assert_eq!(path.look(after(start, 86_400)), Some(Event::Failed(lost)));
}

#[test]
fn one_look_after_a_long_sleep_tells_both_events() {
    let start = an_instant();
    let mut path = PathMonitor::new(LIMITS);
    path.begin(start);
    path.connected(start);
    let woken = after(start, 3_600);
    assert_eq!(path.look(woken), Some(Event::Interrupted));
    assert!(matches!(path.look(woken), Some(Event::Failed(_))));
    path.over();
    assert_eq!(path.look(woken), None);
    assert_eq!(path.deadline(), None);
}

#[test]
fn a_peer_that_is_heard_but_answers_no_check_for_half_a_minute_ends_the_call() {
    let start = an_instant();
    let mut path = PathMonitor::new(LIMITS);
    path.begin(start);
    path.connected(start);
    for second in 1..=12 {
        path.answered(after(start, second), start);
    }
    for second in 13..42 {
        path.heard(after(start, second));
        assert_eq!(path.look(after(start, second)), None);
        assert!(path.may_send(after(start, second)));
    }
    assert_eq!(path.deadline(), Some(after(start, 42)));
    let lost = FailureReason::ConsentLost;
    assert_eq!(path.look(after(start, 42)), Some(Event::Failed(lost)));
    assert!(!path.may_send(after(start, 42)));
}

#[test]
fn in_silence_consent_runs_out_without_a_word_and_an_answer_renews_it() {
    let start = an_instant();
    let mut path = PathMonitor::new(Limits {
        failed: Duration::from_secs(120),
        ..LIMITS
    });
    path.begin(start);
    path.connected(start);
    assert_eq!(path.look(after(start, 3)), Some(Event::Interrupted));
    assert!(path.may_send(after(start, 29)));
    assert!(!path.may_send(after(start, 30)));
    assert_eq!(path.look(after(start, 60)), None);

    assert_eq!(
        path.answered(after(start, 60), after(start, 59)),
        Some(Event::Recovered)
    );

    assert!(path.may_send(after(start, 60)));
    assert_eq!(path.look(after(start, 62)), None);
}

#[test]
fn media_after_a_long_silence_leave_time_for_an_answer() {
    let start = an_instant();
    let mut path = PathMonitor::new(Limits {
        failed: Duration::from_secs(120),
        ..LIMITS
    });
    path.begin(start);
    path.connected(start);
    assert_eq!(path.look(after(start, 3)), Some(Event::Interrupted));
    assert_eq!(path.heard(after(start, 60)), Some(Event::Recovered));
    path.heard(after(start, 62));
    assert_eq!(path.look(after(start, 62)), None);
    let lost = FailureReason::ConsentLost;
    assert_eq!(path.look(after(start, 63)), Some(Event::Failed(lost)));
}

#[test]
fn a_sleep_counts_as_silence_but_leaves_time_to_be_heard() {
    let start = an_instant();
    let hour = Duration::from_secs(3_600);
    let connected = || {
        let mut path = PathMonitor::new(LIMITS);
        path.begin(start);
        path.connected(start);
        path
    };

    let mut dead = connected();
    assert_eq!(dead.slept(after(start, 1), hour), Some(Event::Interrupted));
    assert_eq!(dead.look(after(start, 3)), None);
    assert!(matches!(dead.look(after(start, 4)), Some(Event::Failed(_))));

    let mut alive = connected();
    assert_eq!(alive.slept(after(start, 1), hour), Some(Event::Interrupted));
    assert_eq!(alive.heard(after(start, 1)), None, "it may have waited in the socket");
    assert_eq!(alive.answered(after(start, 1), start), None, "so may this");
    assert_eq!(alive.answered(after(start, 2), after(start, 1)), Some(Event::Recovered));
    assert_eq!(alive.look(after(start, 4)), None);

    let mut short = connected();
    assert_eq!(short.slept(after(start, 0), Duration::from_secs(2)), None);
    assert_eq!(short.look(after(start, 1)), Some(Event::Interrupted));

    let mut interrupted = connected();
    assert_eq!(interrupted.look(after(start, 3)), Some(Event::Interrupted));
    assert_eq!(interrupted.slept(after(start, 4), hour), None);
    assert!(matches!(interrupted.look(after(start, 7)), Some(Event::Failed(_))));

    let mut connecting = PathMonitor::new(LIMITS);
    connecting.begin(start);
    assert_eq!(connecting.slept(after(start, 1), hour), None);
    assert!(matches!(connecting.look(after(start, 4)), Some(Event::Failed(_))));

    let mut waiting = PathMonitor::new(LIMITS);
    assert_eq!(waiting.slept(start, hour), None);
    assert_eq!(waiting.deadline(), None);
}

#[test]
fn the_time_to_connect_counts_from_the_answer() {
    let start = an_instant();
    let mut path = PathMonitor::new(LIMITS);
    assert_eq!(path.look(after(start, 3_600)), None);
    path.begin(after(start, 20));
    assert_eq!(path.look(after(start, 49)), None);
    let never = FailureReason::NeverConnected { seconds: 30 };
    assert_eq!(path.look(after(start, 50)), Some(Event::Failed(never)));
}
