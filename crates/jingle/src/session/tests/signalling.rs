//! What is kept, and what is said, while signalling is lost and after it is back.

use super::*;

fn candidate(call: &mut Call, number: u32, foundation: u32) -> Vec<String> {
    let candidate = format!("candidate:{foundation}");
    call.command(|session, now| session.local_candidate(now, generation(number), "audio", &candidate))
}

fn connected(call: &mut Call) -> Vec<String> {
    call.command(|session, now| session.media_connected(now, Generation::FIRST))
}

fn mute(call: &mut Call, muted: bool) -> Vec<String> {
    call.command(|session, now| session.set_muted(now, muted))
}

fn failed(call: &mut Call) -> Vec<String> {
    call.command(|session, now| session.media_failed(now, Reason::FailedTransport))
}

#[test]
fn losing_signalling_ends_nothing_and_says_nothing() {
    for mut call in [Call::new(), Call::offered(), Call::answering(), Call::answered()] {
        assert_eq!(call.signalling_lost(), [""; 0]);
        assert_eq!(call.signalling_lost(), [""; 0]);
        assert!(!call.session.is_ended());
        assert_eq!(call.signalling_restored(), [""; 0]);
        assert!(!call.session.is_ended());
    }
}

#[test]
fn all_that_came_up_meanwhile_is_said_afterwards_in_order() {
    let mut call = Call::offered();
    call.signalling_lost();
    assert_eq!(mute(&mut call, true), [""; 0]);
    assert_eq!(connected(&mut call), [""; 0]);
    assert_eq!(
        call.command(|session, now| session.end_of_candidates(now, Generation::FIRST)),
        [""; 0]
    );
    assert_eq!(candidate(&mut call, 0, 1), [""; 0]);
    assert_eq!(call.answer(0, "v=0\r\n"), [""; 0]);
    assert_eq!(candidate(&mut call, 0, 2), [""; 0]);
    assert_eq!(
        call.signalling_restored(),
        [
            "to our account: accept",
            r#"to the peer: answer "v=0\r\n""#,
            "to the peer: candidate audio candidate:1",
            "to the peer: candidate audio candidate:2",
            "to the peer: end of candidates",
            "to the peer: info active",
            "to the peer: mute audio",
        ]
    );
    assert_eq!(call.signalling_restored(), [""; 0], "once is enough");
}

#[test]
fn rule_1_candidates_before_the_offer_are_kept_over_a_loss_of_signalling() {
    let mut call = Call::new();
    call.candidate("u0");
    call.signalling_lost();
    call.wait(Duration::from_secs(20));
    call.signalling_restored();
    assert_eq!(
        call.offer("1", "u0"),
        ["reply: done", "event: offer 0 Initial", "event: candidate 0 audio u0"]
    );
}

#[test]
fn rule_2_a_reinvite_over_a_loss_of_signalling_is_answered_once_if_the_answer_arrived() {
    let mut call = Call::answered();
    call.offer("2", "u1");
    call.answer(1, "v=0\r\n");
    call.signalling_lost();
    assert_eq!(
        call.acknowledge(),
        ["event: acknowledged 1"],
        "a resumed stream brings it"
    );
    assert_eq!(call.signalling_restored(), [""; 0]);
    assert_eq!(call.offer("2", "u1"), ["reply: done"]);
}

#[test]
fn rule_2_a_reinvite_over_a_loss_of_signalling_is_answered_again_if_the_answer_did_not_arrive() {
    let mut call = Call::answered();
    call.offer("2", "u1");
    call.answer(1, "v=0\r\n");
    call.signalling_lost();
    assert_eq!(call.lose(), [""; 0]);
    assert_eq!(call.signalling_restored(), [r#"to the peer: answer "v=0\r\n""#]);
    assert_eq!(call.acknowledge(), ["event: acknowledged 1"]);
}

#[test]
fn rule_9_terminate_works_after_a_reconnect_from_either_side() {
    let back = || {
        let mut call = Call::answered();
        call.signalling_lost();
        call.wait(Duration::from_secs(20));
        call.signalling_restored();
        call
    };
    assert_eq!(
        back().terminate(Reason::Success),
        ["reply: done", "event: ended success by Remote"]
    );
    let mut call = back();
    assert_eq!(call.end(Reason::Success), ["to the peer: terminate success"]);
    assert_eq!(call.acknowledge(), ["event: ended success by Local"]);
}

#[test]
fn a_reinvite_works_after_a_reconnect() {
    let mut call = Call::answered();
    call.signalling_lost();
    call.signalling_restored();
    assert_eq!(call.candidate("u1"), ["reply: done"]);
    assert_eq!(
        call.offer("2", "u1"),
        ["reply: done", "event: offer 1 Reinvite", "event: candidate 1 audio u1"]
    );
    assert_eq!(call.answer(1, "v=0\r\n"), [r#"to the peer: answer "v=0\r\n""#]);
}

#[test]
fn what_was_lost_on_its_way_is_said_again_and_what_arrived_is_not() {
    let mut call = Call::answered();
    candidate(&mut call, 0, 1);
    let first = *call.tokens.last().expect("the candidate");
    candidate(&mut call, 0, 2);
    let second = *call.tokens.last().expect("the candidate");
    connected(&mut call);
    let info = *call.tokens.last().expect("the info");
    call.signalling_lost();
    assert_eq!(call.response(second, Outcome::Done), [""; 0]);
    assert_eq!(call.response(first, Outcome::Lost), [""; 0]);
    let unknown = Outcome::Refused(Rejection::new("item-not-found"));
    assert_eq!(call.response(info, unknown), [""; 0]);
    assert_eq!(
        call.signalling_restored(),
        ["to the peer: candidate audio candidate:1"],
        "a refusal is an answer too"
    );
}

#[test]
fn what_is_still_on_its_way_is_not_said_again() {
    let mut call = Call::answering();
    candidate(&mut call, 0, 1);
    call.signalling_lost();
    assert_eq!(call.signalling_restored(), [""; 0], "a resumed stream carries it");
}

#[test]
fn what_a_silent_stream_swallowed_before_it_was_given_up_is_said_on_the_next() {
    let mut call = Call::answering();
    assert_eq!(call.lose(), [""; 0]);
    candidate(&mut call, 0, 1);
    assert_eq!(call.lose(), [""; 0]);
    call.signalling_lost();
    assert_eq!(
        call.signalling_restored(),
        [
            r#"to the peer: answer "v=0\r\n""#,
            "to the peer: candidate audio candidate:1"
        ]
    );
}

#[test]
fn of_muting_and_activity_only_the_latest_counts() {
    let mut call = Call::answered();
    mute(&mut call, true);
    let overtaken = *call.tokens.last().expect("mute");
    call.signalling_lost();
    mute(&mut call, false);
    connected(&mut call);
    connected(&mut call);
    assert_eq!(call.response(overtaken, Outcome::Lost), [""; 0]);
    assert_eq!(
        call.signalling_restored(),
        ["to the peer: info active", "to the peer: unmute audio"]
    );
}

#[test]
fn candidates_that_wait_are_limited_and_those_of_replaced_media_are_dropped() {
    let mut call = Call::with(|config| config.limits.held = 1);
    call.offer("1", "u0");
    call.answer(0, "v=0\r\n");
    candidate(&mut call, 0, 1);
    call.signalling_lost();
    assert_eq!(candidate(&mut call, 0, 2), [""; 0]);
    assert!(candidate(&mut call, 0, 3)[0].starts_with("error: 1 candidates wait"));
    assert_eq!(call.lose(), [""; 0], "nor does a lost one push in");
    call.offer("2", "u1");
    call.answer(1, "v=1\r\n");
    assert_eq!(candidate(&mut call, 1, 4), [""; 0]);
    assert_eq!(
        call.signalling_restored(),
        [
            r#"to the peer: answer "v=1\r\n""#,
            "to the peer: candidate audio candidate:4"
        ]
    );
}

#[test]
fn an_offer_that_waits_for_its_answer_holds_back_what_is_due() {
    let mut call = Call::answered();
    candidate(&mut call, 0, 1);
    let sdp = format!("{}a=sendonly\r\n", offer_sdp("u0"));
    call.peer("2", offer(&sdp, None));
    call.signalling_lost();
    call.lose();
    assert_eq!(call.signalling_restored(), [""; 0]);
    assert_eq!(
        call.answer(0, "v=1\r\n"),
        [
            r#"to the peer: answer "v=1\r\n""#,
            "to the peer: candidate audio candidate:1"
        ]
    );
}

#[test]
fn accept_is_said_once_however_often_the_answer_is_due() {
    let mut call = Call::offered();
    call.signalling_lost();
    call.answer(0, "v=0\r\n");
    assert_eq!(call.signalling_restored()[0], "to our account: accept");
    call.signalling_lost();
    call.lose();
    assert_eq!(call.signalling_restored(), [r#"to the peer: answer "v=0\r\n""#]);
}

#[test]
fn a_repeated_offer_has_its_answer_said_again_even_if_that_is_on_its_way() {
    let mut call = Call::answering();
    call.signalling_lost();
    assert_eq!(call.offer("1", "u0"), ["reply: done"]);
    assert_eq!(call.signalling_restored(), [r#"to the peer: answer "v=0\r\n""#]);
}

#[test]
fn an_end_without_signalling_is_at_once_and_leaves_a_farewell() {
    for mut call in [Call::new(), Call::offered(), Call::answering(), Call::answered()] {
        call.signalling_lost();
        assert_eq!(
            call.end(Reason::ConnectivityError),
            [
                "farewell: terminate connectivity-error",
                "event: ended connectivity-error by Local"
            ]
        );
        assert_eq!(call.signalling_restored(), [""; 0]);
    }
}

#[test]
fn who_is_ending_when_signalling_goes_does_not_wait() {
    let mut call = Call::ending();
    assert_eq!(
        call.signalling_lost(),
        ["farewell: terminate success", "event: ended success by Local"]
    );
    assert_eq!(call.lose(), [""; 0]);
    assert_eq!(call.wait(Duration::from_secs(3600)), [""; 0]);
}

#[test]
fn an_answer_that_is_refused_without_signalling_ends_the_session_with_a_farewell() {
    let mut call = Call::answering();
    call.signalling_lost();
    assert_eq!(
        call.refuse("not-acceptable"),
        [
            "farewell: terminate failed-application",
            "event: ended failed-application by Remote"
        ]
    );
}

#[test]
fn media_that_fail_without_signalling_end_the_session_when_it_is_back() {
    let mut call = Call::answered();
    call.signalling_lost();
    assert_eq!(failed(&mut call), [""; 0]);
    assert_eq!(call.wait(Duration::from_secs(119)), [""; 0]);
    assert_eq!(call.signalling_restored(), ["to the peer: terminate gone"]);
    assert_eq!(call.acknowledge(), ["event: ended gone by Network"]);
}

#[test]
fn media_that_fail_without_signalling_end_the_session_after_two_minutes_at_most() {
    let mut call = Call::answered();
    call.signalling_lost();
    failed(&mut call);
    call.wait(Duration::from_secs(60));
    assert_eq!(failed(&mut call), [""; 0], "they fail once");
    assert_eq!(call.sleeps(), Duration::from_secs(60));
    let gone = ["farewell: terminate gone", "event: ended gone by Network"];
    assert_eq!(call.wait(Duration::from_secs(60)), gone);
    assert_eq!(call.sleeps(), Duration::from_secs(24 * 60 * 60));
}

#[test]
fn signalling_that_comes_back_too_late_finds_the_session_ended() {
    let mut call = Call::answered();
    call.signalling_lost();
    failed(&mut call);
    call.now += Duration::from_secs(120);
    let gone = ["farewell: terminate gone", "event: ended gone by Network"];
    assert_eq!(call.signalling_restored(), gone);
}

#[test]
fn a_session_without_media_fails_at_once_and_for_its_own_reason() {
    let mut call = Call::new();
    call.signalling_lost();
    assert_eq!(
        failed(&mut call),
        [
            "farewell: terminate failed-transport",
            "event: ended failed-transport by Network"
        ]
    );
}

#[test]
fn new_media_save_a_session_whose_media_failed() {
    let mut call = Call::answered();
    call.signalling_lost();
    failed(&mut call);
    assert_eq!(call.offer("2", "u1"), ["reply: done", "event: offer 1 Reinvite"]);
    assert_eq!(call.wait(Duration::from_secs(120)), [""; 0]);
    assert_eq!(call.signalling_restored(), [""; 0]);
    assert_eq!(call.answer(1, "v=0\r\n"), [r#"to the peer: answer "v=0\r\n""#]);
}
