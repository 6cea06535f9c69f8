//! Offers after the first: renegotiation, reinvite, repetition.

use super::*;

#[test]
fn the_same_ice_credentials_renegotiate_the_same_media() {
    let mut call = Call::answered();
    let sdp = format!("{}a=sendonly\r\n", offer_sdp("u0"));
    assert_eq!(
        call.peer("2", offer(&sdp, None)),
        ["reply: done", "event: offer 0 Renegotiation"]
    );
    // `accept` is sent once a session.
    assert_eq!(call.answer(0, "v=0\r\n"), [r#"to the peer: answer "v=0\r\n""#]);
    assert_eq!(call.acknowledge(), ["event: acknowledged 0"]);
}

#[test]
fn other_ice_credentials_begin_new_media() {
    let mut call = Call::answered();
    assert_eq!(call.offer("2", "u1"), ["reply: done", "event: offer 1 Reinvite"]);
    assert_eq!(call.answer(1, "v=0\r\n"), [r#"to the peer: answer "v=0\r\n""#]);
    assert_eq!(call.acknowledge(), ["event: acknowledged 1"]);
}

#[test]
fn a_reinvite_may_come_with_another_conversation() {
    let mut call = Call::answered();
    assert_eq!(
        call.peer("2", offer(&offer_sdp("u1"), Some("c2"))),
        ["reply: done", "event: conversation c2", "event: offer 1 Reinvite"]
    );
    assert_eq!(call.session.conversation(), Some(&ConversationId::new("c2")));
}

#[test]
fn a_repeated_reinvite_is_answered_again_until_the_answer_is_acknowledged_and_never_after() {
    let mut call = Call::answered();
    call.offer("2", "u1");
    assert_eq!(call.offer("2", "u1"), ["reply: done"], "the application has it already");
    call.answer(1, "v=0\r\na=second\r\n");
    let again = [r#"reply: done"#, r#"to the peer: answer "v=0\r\na=second\r\n""#];
    assert_eq!(call.offer("2", "u1"), again);
    assert_eq!(call.offer("2", "u1"), again);
    assert_eq!(call.acknowledge(), ["event: acknowledged 1"]);
    assert_eq!(call.offer("2", "u1"), ["reply: done"]);
    assert_eq!(
        call.offer("1", "u0"),
        ["reply: done"],
        "nor is the first offer a new one"
    );
}

#[test]
fn any_of_the_repeated_answers_may_be_the_one_that_is_acknowledged() {
    let mut call = Call::answering();
    let first = *call.tokens.last().expect("the answer");
    call.offer("1", "u0");
    assert_eq!(call.response(first, Outcome::Done), ["event: acknowledged 0"]);
    assert_eq!(call.acknowledge(), [""; 0]);
}

#[test]
fn an_offer_without_an_id_is_never_a_repetition() {
    let mut call = Call::new();
    call.offer("", "u0");
    call.answer(0, "v=0\r\n");
    assert_eq!(call.offer("", "u0"), ["reply: done", "event: offer 0 Renegotiation"]);
}

#[test]
fn an_offer_that_replaces_an_unanswered_one_is_for_new_media() {
    let mut call = Call::offered();
    assert_eq!(
        call.offer("2", "u0"),
        ["reply: done"],
        "the same text is the same offer"
    );
    assert_eq!(call.offer("3", "u1"), ["reply: done", "event: offer 1 Initial"]);
    assert_eq!(
        call.answer(0, "v=0\r\n"),
        ["error: generation 0 was replaced by generation 1; drop it"]
    );
    assert_eq!(call.answer(1, "v=0\r\n")[0], "to our account: accept");
    assert_eq!(
        call.offer("1", "u0"),
        ["reply: done"],
        "the replaced offer stays replaced"
    );
}

#[test]
fn only_the_latest_media_speak() {
    let mut call = Call::answered();
    call.offer("2", "u1");
    let replaced = ["error: generation 0 was replaced by generation 1; drop it"];
    let connected =
        |call: &mut Call, number| call.command(|session, now| session.media_connected(now, generation(number)));
    assert_eq!(connected(&mut call, 0), replaced);
    call.answer(1, "v=0\r\n");
    assert_eq!(connected(&mut call, 0), replaced);
    assert_eq!(connected(&mut call, 1), ["to the peer: info active"]);
    let unknown = ["error: there is no generation 2 yet; the latest is 1"];
    assert_eq!(connected(&mut call, 2), unknown);
}

#[test]
fn what_waited_for_the_replaced_answer_goes_with_its_media_but_muting_stays() {
    let mut call = Call::offered();
    call.command(|session, now| session.end_of_candidates(now, Generation::FIRST));
    call.command(|session, now| session.set_muted(now, true));
    call.offer("2", "u1");
    assert_eq!(
        call.answer(1, "v=0\r\n")[1..],
        [r#"to the peer: answer "v=0\r\n""#, "to the peer: mute audio"]
    );
}

#[test]
fn candidates_of_new_media_wait_for_their_offer_and_late_ones_of_old_media_are_dropped() {
    let mut call = Call::answered();
    assert_eq!(call.candidate("u1"), ["reply: done"]);
    assert_eq!(
        call.offer("2", "u1"),
        ["reply: done", "event: offer 1 Reinvite", "event: candidate 1 audio u1"]
    );
    assert_eq!(call.candidate("u0"), ["reply: done"]);
    assert_eq!(call.candidate("u1"), ["reply: done", "event: candidate 1 audio u1"]);
}
