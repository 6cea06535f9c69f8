//! New ICE for the same session, in Jingle.

use super::pair::*;
use crate::{
    Generation,
    stanza::{Action, Ice, Jingle, Transport},
};

/// A candidate of romeo's ICE of this name, with both its credentials, as many clients write each.
fn trickle(ufrag: &str) -> Jingle {
    let mut trickle = about(Action::TransportInfo, "audio");
    trickle.contents[0].transport = Some(Transport::Ice(Ice {
        candidates: vec![candidate(1).parse().expect("a candidate")],
        ..Ice::new(ufrag, format!("password-of-{ufrag}-0123456789"))
    }));
    trickle
}

#[test]
fn a_late_candidate_of_the_old_ice_does_not_restart_it() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, generation, sound("j1")));
    pair.settle();
    pair.juliet.events.clear();
    assert_eq!(pair.ask_juliet(trickle("r0")), "done");
    assert_eq!(pair.juliet.told(), [""; 0]);
    assert_eq!(pair.ask_juliet(trickle("r1")), "done");
    assert_eq!(pair.juliet.told(), ["event: candidate 1 audio r1"]);
    assert_eq!(pair.ask_juliet(trickle("r2")), "done");
    assert_eq!(
        pair.juliet.told(),
        ["event: offer 2 Restart", "event: candidate 2 audio r2"]
    );
}

/// Who gathers before it offers has no other way to say them.
#[test]
fn candidates_in_the_description_of_new_ice_are_said_with_it() {
    let gathered = |ufrag: &str, fingerprint: &str| {
        let gathered = format!("a={}\r\na=end-of-candidates\r\n", candidate(1));
        described(ufrag, fingerprint, "sendrecv") + &gathered
    };
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &gathered("r1", "AA:BB")));
    pair.settle();
    assert_eq!(
        pair.juliet.told(),
        [
            "event: offer 1 Restart",
            "event: candidate 1 audio r1",
            "event: end of candidates 1"
        ]
    );
    pair.juliet(|juliet, now| juliet.answer(now, generation, gathered("j1", "AA:BB")));
    pair.settle();
    assert_eq!(
        pair.romeo.told(),
        [
            "event: answer 1",
            "event: candidate 1 audio j1",
            "event: end of candidates 1"
        ]
    );
    assert_eq!(generation, Generation::FIRST.next());

    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &gathered("r1", "CC:DD")));
    pair.settle();
    assert!(pair.juliet.described().contains("a=candidate:1 1 udp"));
    pair.juliet(|juliet, now| juliet.answer(now, generation, gathered("j1", "EE:FF")));
    pair.settle();
    assert!(pair.romeo.described().contains("a=candidate:1 1 udp"));
}
