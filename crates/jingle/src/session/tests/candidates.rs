//! Trickled candidates, both ways, and the state of the media.

use super::*;

const OURS: &str = "candidate:2 1 udp 2122194687 192.0.2.1 44538 typ host";

fn give(call: &mut Call, number: u32) -> Vec<String> {
    call.command(|session, now| session.local_candidate(now, generation(number), "audio", OURS))
}

#[test]
fn candidates_before_their_offer_are_kept_and_follow_it() {
    let mut call = Call::new();
    assert_eq!(call.candidate("u0"), ["reply: done"]);
    assert_eq!(call.end_of_candidates(), ["reply: done"]);
    assert_eq!(
        call.offer("1", "u0"),
        [
            "reply: done",
            "event: offer 0 Initial",
            "event: candidate 0 audio u0",
            "event: end of candidates 0",
        ]
    );
}

#[test]
fn early_candidates_are_limited_and_the_peer_is_told() {
    let mut call = Call::with(|config| config.limits.early_candidates = 2);
    assert_eq!(call.candidate("u0"), ["reply: done"]);
    assert_eq!(call.candidate("u0"), ["reply: done"]);
    let refused = ["reply: resource-constraint: more than 2 candidates"];
    assert_eq!(call.candidate("u0"), refused);
    assert_eq!(call.offer("1", "u0").len(), 4);
}

#[test]
fn early_candidates_grow_old() {
    let mut call = Call::with(|config| config.timers.early_candidate = Duration::from_secs(10));
    call.candidate("u0");
    call.wait(Duration::from_secs(10));
    assert_eq!(call.offer("1", "u0"), ["reply: done", "event: offer 0 Initial"]);
}

#[test]
fn candidates_of_a_live_session_are_told_at_once_and_limited() {
    let mut call = Call::with(|config| config.limits.remote_candidates = 2);
    call.offer("1", "u0");
    let told = ["reply: done", "event: candidate 0 audio u0"];
    assert_eq!(call.candidate("u0"), told);
    call.answer(0, "v=0\r\n");
    assert_eq!(call.candidate("u0"), told);
    let refused = ["reply: resource-constraint: more than 2 candidates"];
    assert_eq!(call.candidate("u0"), refused);
}

#[test]
fn a_candidate_that_names_no_media_is_of_the_latest() {
    let mut call = Call::answered();
    let candidate = "candidate:1 1 udp 1 127.0.0.1 9 typ host".to_owned();
    let said = call.peer(
        "k",
        Method::Candidate {
            session: id(),
            mid: None,
            candidate,
        },
    );
    assert_eq!(said, ["reply: done", "event: candidate 0 - -"]);
}

#[test]
fn the_end_of_candidates_is_told_once() {
    let mut call = Call::answered();
    assert_eq!(call.end_of_candidates(), ["reply: done", "event: end of candidates 0"]);
    assert_eq!(call.end_of_candidates(), ["reply: done"]);
}

#[test]
fn our_candidates_go_out_one_by_one() {
    let mut call = Call::answering();
    assert_eq!(give(&mut call, 0), [format!("to the peer: candidate audio {OURS}")]);
    assert_eq!(
        call.command(|session, now| session.end_of_candidates(now, Generation::FIRST)),
        ["to the peer: end of candidates"]
    );
}

#[test]
fn our_candidates_never_overtake_our_answer() {
    let mut call = Call::offered();
    assert_eq!(give(&mut call, 0), [""; 0]);
    call.command(|session, now| session.end_of_candidates(now, Generation::FIRST));
    assert_eq!(
        call.answer(0, "v=0\r\n"),
        [
            "to our account: accept",
            r#"to the peer: answer "v=0\r\n""#,
            &format!("to the peer: candidate audio {OURS}"),
            "to the peer: end of candidates",
        ]
    );
}

#[test]
fn what_waits_for_the_answer_is_limited() {
    let mut call = Call::with(|config| config.limits.held = 1);
    call.offer("1", "u0");
    assert_eq!(give(&mut call, 0), [""; 0]);
    let refused =
        ["error: 1 candidates wait to be told already; give the answer first, or wait for signalling to come back"];
    assert_eq!(give(&mut call, 0), refused);
}

#[test]
fn of_what_waits_for_the_answer_only_the_latest_is_said() {
    let mut call = Call::offered();
    for muted in [true, false, true] {
        assert_eq!(call.command(|session, now| session.set_muted(now, muted)), [""; 0]);
        assert_eq!(
            call.command(|session, now| session.media_connected(now, Generation::FIRST)),
            [""; 0]
        );
    }
    assert_eq!(give(&mut call, 0), [""; 0]);
    assert_eq!(
        call.answer(0, "v=0\r\n")[2..],
        [
            &format!("to the peer: candidate audio {OURS}"),
            "to the peer: info active",
            "to the peer: mute audio",
        ]
    );
}

#[test]
fn nothing_but_one_candidate_line_is_a_candidate() {
    let mut call = Call::answered();
    for text in [
        "",
        "candidate:",
        "a=candidate:1",
        "candidate:1\r\na=x",
        "end-of-candidates",
    ] {
        let said = call.command(|session, now| session.local_candidate(now, Generation::FIRST, "audio", text));
        assert!(said[0].starts_with("error: not a candidate"), "{text:?}: {said:?}");
    }
    for mid in ["", "a b", "a\r\n"] {
        let said = call.command(|session, now| session.local_candidate(now, Generation::FIRST, mid, OURS));
        assert!(
            said[0].starts_with("error: not an identification tag"),
            "{mid:?}: {said:?}"
        );
    }
}

#[test]
fn the_peer_hears_of_every_transition_to_connected() {
    let mut call = Call::answered();
    for _ in 0..2 {
        assert_eq!(
            call.command(|session, now| session.media_connected(now, Generation::FIRST)),
            ["to the peer: info active"]
        );
    }
}

#[test]
fn the_peer_hears_of_every_change_of_muting_and_of_nothing_else() {
    let mut call = Call::answered();
    let mut mute = |muted| call.command(|session, now| session.set_muted(now, muted));
    assert_eq!(mute(false), [""; 0]);
    assert_eq!(mute(true), ["to the peer: mute audio"]);
    assert_eq!(mute(true), [""; 0]);
    assert_eq!(mute(false), ["to the peer: unmute audio"]);
}
