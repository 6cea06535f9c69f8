//! Other resources of our account, and our own echo.

use super::*;

#[test]
fn another_resource_that_accepts_or_rejects_stops_the_ringing() {
    for message in [
        InitiationMessage::Accept(id("s")),
        InitiationMessage::Reject(Ending::new(id("s"))),
    ] {
        // Also when both had sent `proceed`: the one that announces itself has it.
        for mut phone in [Phone::ringing(), Phone::accepted()] {
            assert_eq!(phone.message(THERE, &message), ["event: s handled elsewhere"]);
            assert_eq!(phone.propose("s", "c"), [""; 0], "a repetition crossing on the way");
        }
    }
}

#[test]
fn nobody_outside_our_account_can_stop_the_ringing() {
    for message in [
        InitiationMessage::Accept(id("s")),
        InitiationMessage::Reject(Ending::new(id("s"))),
    ] {
        let mut phone = Phone::ringing();
        for from in [STRANGER, GATEWAY, "me@example.com/there"] {
            assert_eq!(phone.message(from, &message), [""; 0], "{from}");
        }
        assert_eq!(phone.proposals.iter().count(), 1);
    }
}

#[test]
fn our_own_echo_means_nothing() {
    let mut phone = Phone::accepted();
    assert_eq!(phone.message(HERE, &InitiationMessage::Accept(id("s"))), [""; 0]);
    assert_eq!(phone.proposals.iter().count(), 1);
    assert_eq!(
        phone.message(HERE, &InitiationMessage::Propose(propose("t", "d"))),
        [""; 0]
    );
    assert_eq!(phone.proposals.iter().count(), 1);
}

#[test]
fn after_the_offer_only_the_gateway_decides() {
    let mut phone = Phone::accepted();
    phone.offered("s");
    assert_eq!(phone.message(THERE, &InitiationMessage::Accept(id("s"))), [""; 0]);
}

#[test]
fn a_new_stream_may_bind_another_resource() {
    let mut phone = Phone::ringing();
    phone.proposals.set_local(THERE.parse().expect("a full JID"));
    assert_eq!(phone.message(THERE, &InitiationMessage::Accept(id("s"))), [""; 0]);
    let said = phone.message(HERE, &InitiationMessage::Accept(id("s")));
    assert_eq!(said, ["event: s handled elsewhere"]);
}
