//! New ICE for the same session, in Jingle.

use super::pair::*;
use crate::stanza::{Action, Ice, Jingle, Transport};

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
