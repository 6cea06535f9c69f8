//! A session in Jingle, from both sides.

use std::time::Duration;

use super::pair::*;
use crate::{
    Generation, Reason,
    session::{CommandError, DeclineCause, Input, OfferKind, Outcome, Rejection, SessionEvent},
    stanza::{Action, Farewell, Info, Jingle, JingleCondition, Senders},
};

const FIRST: Generation = Generation::FIRST;

fn lines(said: Vec<String>) -> Vec<String> {
    said.into_iter().filter(|line| !line.is_empty()).collect()
}

#[test]
fn a_call_from_its_offer_to_its_end() {
    let mut pair = Pair::new();
    assert_eq!(lines(pair.settle()), ["romeo: session-initiate [audio both r0]"]);
    assert!(pair.juliet.described().contains("a=ice-ufrag:r0\r\n"));
    assert_eq!(pair.juliet.told(), ["event: offer 0 Initial"]);

    pair.juliet(|juliet, now| juliet.ring(now));
    assert_eq!(lines(pair.settle()), ["juliet: session-info ringing"]);
    assert_eq!(pair.romeo.told(), ["event: ringing"]);

    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    pair.juliet(|juliet, now| juliet.local_candidate(now, FIRST, "audio", &candidate(1)));
    pair.juliet(|juliet, now| juliet.end_of_candidates(now, FIRST));
    pair.romeo(|romeo, now| romeo.local_candidate(now, FIRST, "audio", &candidate(2)));
    pair.romeo(|romeo, now| romeo.end_of_candidates(now, FIRST));
    assert_eq!(
        lines(pair.settle()),
        [
            "romeo: transport-info [audio both r0 1 candidates]",
            "juliet: session-accept [audio both j0]",
            "romeo: transport-info [audio both r0 gathering-complete]",
            "juliet: transport-info [audio both j0 1 candidates]",
            "juliet: transport-info [audio both j0 gathering-complete]",
        ]
    );
    assert!(pair.romeo.described().contains("a=ice-ufrag:j0\r\n"));
    assert_eq!(
        pair.romeo.told(),
        [
            "event: answer 0",
            "event: candidate 0 audio j0",
            "event: end of candidates 0"
        ]
    );
    assert_eq!(
        pair.juliet.told(),
        [
            "event: candidate 0 audio r0",
            "event: end of candidates 0",
            "event: acknowledged 0"
        ]
    );

    pair.juliet(|juliet, now| juliet.media_connected(now, FIRST));
    pair.romeo(|romeo, now| romeo.set_held(now, true));
    pair.romeo(|romeo, now| romeo.set_held(now, true));
    pair.romeo(|romeo, now| romeo.set_held(now, false));
    pair.juliet(|juliet, now| juliet.set_muted(now, true));
    assert_eq!(
        lines(pair.settle()),
        [
            "romeo: session-info hold",
            "juliet: session-info active",
            "romeo: session-info unhold",
            "juliet: session-info mute audio",
        ]
    );
    assert_eq!(pair.romeo.told(), ["event: active", "event: muted true audio"]);
    assert_eq!(pair.juliet.told(), ["event: held true", "event: held false"]);

    let farewell = Farewell {
        text: Some("parting is such sweet sorrow".to_owned()),
        ..Farewell::new(Reason::Success)
    };
    pair.romeo(|romeo, now| romeo.end_with(now, farewell));
    assert_eq!(
        lines(pair.settle()),
        [r#"romeo: session-terminate success "parting is such sweet sorrow""#]
    );
    assert_eq!(
        pair.juliet.told(),
        ["event: ended success by Remote: parting is such sweet sorrow"]
    );
    assert_eq!(
        pair.romeo.told(),
        ["event: ended success by Local: parting is such sweet sorrow"]
    );
}

#[test]
fn candidates_of_the_initiator_wait_for_the_acknowledgement_of_its_offer() {
    let mut pair = Pair::new();
    pair.romeo(|romeo, now| romeo.local_candidate(now, FIRST, "audio", &candidate(1)));
    assert_eq!(pair.romeo.said.len(), 1, "the offer alone");
    assert_eq!(
        lines(pair.settle()),
        [
            "romeo: session-initiate [audio both r0]",
            "romeo: transport-info [audio both r0 1 candidates]"
        ]
    );
}

#[test]
fn candidates_of_the_responder_that_overtake_its_answer_wait_for_it() {
    let mut pair = Pair::new();
    pair.settle();
    let mut trickle = about(Action::TransportInfo, "audio");
    trickle.contents[0].transport = Some(crate::stanza::Transport::Ice(crate::stanza::Ice {
        ufrag: Some("j0".to_owned()),
        candidates: vec![candidate(1).parse().expect("a candidate")],
        ..Default::default()
    }));
    assert_eq!(pair.ask_romeo(trickle), "done");
    assert_eq!(pair.romeo.told(), [""; 0]);
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 0", "event: candidate 0 audio j0"]);
}

#[test]
fn a_candidate_is_written_with_all_that_the_specification_wants() {
    let mut pair = Pair::talking();
    pair.juliet(|juliet, now| juliet.local_candidate(now, FIRST, "audio", &candidate(1)));
    let (_, payload) = pair.juliet.lose();
    let text = String::from(&payload);
    for attribute in [
        " id=",
        " generation='0'",
        " network='0'",
        " foundation='1'",
        " component='1'",
    ] {
        let attribute = attribute.replace('\'', "\"");
        assert!(text.replace('\'', "\"").contains(&attribute), "{attribute} in {text}");
    }
}

#[test]
fn an_offer_of_new_directions_needs_no_answer_beyond_its_acknowledgement() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    assert_eq!(generation, FIRST);
    assert_eq!(lines(pair.settle()), ["romeo: content-modify [audio initiator ]"]);
    assert!(pair.juliet.described().contains("a=sendonly\r\n"));
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, described("j0", "AA:BB", "recvonly")));
    assert_eq!(lines(pair.settle()), [""; 0]);
    assert_eq!(pair.juliet.told(), ["event: acknowledged 0"]);
}

#[test]
fn more_contents_are_accepted_or_declined_each_for_itself() {
    let video = section("video", "video", "r0", "AA:BB", "sendrecv");
    let offer = format!("{}{video}", sound("r0"));
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &offer));
    assert_eq!(lines(pair.settle()), ["romeo: content-add [video both r0]"]);
    assert!(pair.juliet.described().contains("m=video 9 "));
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
    let answer = format!(
        "{}{}",
        sound("j0"),
        section("video", "video", "j0", "AA:BB", "recvonly")
    );
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, answer));
    assert_eq!(lines(pair.settle()), ["juliet: content-accept [video initiator j0]"]);
    assert!(pair.romeo.described().contains("m=video 9 "));
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);

    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &offer));
    pair.settle();
    // An answer that leaves the section out.
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    assert_eq!(
        lines(pair.settle()),
        ["juliet: content-reject [video both ] failed-application"]
    );
    assert_eq!(pair.romeo.told(), ["event: declined 0 Refused"]);
}

#[test]
fn a_declined_section_of_the_first_offer_is_answered_in_its_place() {
    let mut pair = Pair::new();
    pair.settle();
    let offer = format!(
        "{}{}",
        sound("r0"),
        section("video", "video", "r0", "AA:BB", "sendrecv")
    );
    let mut pair = {
        let now = pair.now;
        let config = crate::SessionConfig::new(super::id(), crate::Dialect::Jingle, jid("juliet@example.org/balcony"));
        pair.romeo.session = crate::Session::initiate(config, [1; 32], now, &offer).expect("an offer");
        pair.romeo.drain();
        let config = crate::SessionConfig::new(super::id(), crate::Dialect::Jingle, jid("romeo@example.org/orchard"));
        pair.juliet.session = crate::Session::new(config, [2; 32], now);
        pair
    };
    pair.settle();
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    assert_eq!(
        lines(pair.settle()),
        ["juliet: session-accept [audio both j0] [video none ]"]
    );
    let answer = pair.romeo.described();
    assert!(
        answer.contains("m=audio 9 ") && answer.contains("m=video 0 "),
        "{answer}"
    );
}

#[test]
fn new_ice_for_the_same_dtls_is_a_restart() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    pair.romeo(|romeo, now| romeo.local_candidate(now, generation, "audio", &candidate(1)));
    assert_eq!(
        lines(pair.settle()),
        [
            "romeo: transport-info [audio both r1]",
            "romeo: transport-info [audio both r1 1 candidates]"
        ]
    );
    assert_eq!(
        pair.juliet.told(),
        ["event: offer 1 Restart", "event: candidate 1 audio r1"]
    );
    pair.juliet(|juliet, now| juliet.answer(now, generation, sound("j1")));
    assert_eq!(lines(pair.settle()), ["juliet: transport-info [audio both j1]"]);
    assert!(pair.romeo.described().contains("a=ice-ufrag:j1\r\n"));
    assert_eq!(pair.romeo.told(), ["event: answer 1"]);
    assert_eq!(pair.juliet.told(), ["event: acknowledged 1"]);
}

#[test]
fn new_ice_and_new_dtls_replace_the_transport() {
    let mut pair = Pair::talking();
    let generation = pair.juliet(|juliet, now| juliet.offer(now, &described("j1", "CC:DD", "sendrecv")));
    pair.juliet(|juliet, now| juliet.local_candidate(now, generation, "audio", &candidate(1)));
    assert_eq!(lines(pair.settle()), ["juliet: transport-replace [audio both j1]"]);
    assert_eq!(pair.romeo.told(), ["event: offer 1 Reinvite"]);
    pair.romeo(|romeo, now| romeo.answer(now, generation, described("r1", "EE:FF", "sendrecv")));
    assert_eq!(
        lines(pair.settle()),
        [
            "romeo: transport-accept [audio both r1]",
            "juliet: transport-info [audio both j1 1 candidates]"
        ]
    );
    assert_eq!(
        pair.romeo.told(),
        ["event: acknowledged 1", "event: candidate 1 audio j1"]
    );
    assert_eq!(pair.juliet.told(), ["event: answer 1"]);
}

#[test]
fn a_declined_transport_leaves_the_old_one() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &described("r1", "CC:DD", "sendrecv")));
    pair.settle();
    pair.juliet(|juliet, now| juliet.decline(now, generation));
    assert_eq!(
        lines(pair.settle()),
        ["juliet: transport-reject [audio both r1] failed-transport"]
    );
    assert_eq!(pair.romeo.told(), ["event: declined 1 Refused"]);
    pair.romeo(|romeo, now| romeo.local_candidate(now, FIRST, "audio", &candidate(1)));
    assert_eq!(
        lines(pair.settle()),
        ["romeo: transport-info [audio both r0 1 candidates]"]
    );
    let told = pair.juliet.told();
    assert_eq!(told.last().map(String::as_str), Some("event: candidate 0 audio r0"));
    // The number of the declined media is not given again.
    assert_eq!(pair.romeo(|romeo, now| romeo.offer(now, &sound("r2"))).number(), 2);
}

#[test]
fn of_two_changes_at_once_the_initiators_goes_first() {
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    pair.juliet(|juliet, now| juliet.offer(now, &described("j0", "AA:BB", "recvonly")));
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
    assert_eq!(
        pair.juliet.told(),
        ["event: declined 0 TieBreak", "event: offer 0 Renegotiation"]
    );
}

#[test]
fn a_change_that_nobody_answers_is_given_up() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &described("r1", "CC:DD", "sendrecv")));
    pair.settle();
    pair.wait(Duration::from_secs(30));
    let declined = SessionEvent::OfferDeclined {
        generation,
        cause: DeclineCause::TimedOut,
    };
    assert_eq!(pair.romeo.events, [declined]);
}

#[test]
fn a_first_offer_that_nobody_answers_ends_the_session() {
    let mut pair = Pair::new();
    pair.settle();
    pair.wait(Duration::from_secs(120));
    assert_eq!(lines(pair.settle()), ["romeo: session-terminate timeout"]);
    assert_eq!(pair.romeo.told(), ["event: ended timeout by Network"]);
}

#[test]
fn removed_contents_carry_nothing_and_the_last_one_ends_the_session() {
    let offer = format!(
        "{}{}",
        sound("r0"),
        section("video", "video", "r0", "AA:BB", "sendrecv")
    );
    let mut pair = Pair::talking();
    pair.romeo(|romeo, now| romeo.offer(now, &offer));
    pair.settle();
    let answer = format!(
        "{}{}",
        sound("j0"),
        section("video", "video", "j0", "AA:BB", "sendrecv")
    );
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, answer));
    pair.settle();
    pair.juliet.events.clear();
    pair.romeo(|romeo, now| romeo.offer(now, &sound("r0")));
    assert_eq!(lines(pair.settle()), ["romeo: content-remove [video both ]"]);
    assert!(pair.juliet.described().contains("a=inactive\r\n"));
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));

    assert_eq!(pair.ask_juliet(about(Action::ContentRemove, "audio")), "done");
    assert_eq!(lines(pair.settle()), ["juliet: session-terminate success"]);
}

#[test]
fn description_info_changes_what_it_names() {
    let mut pair = Pair::talking();
    let offer = sound("r0").replace(
        "a=rtpmap:96 opus/48000/2\r\n",
        "a=rtpmap:96 opus/48000/2\r\na=fmtp:96 stereo=1\r\n",
    );
    pair.romeo(|romeo, now| romeo.offer(now, &offer));
    assert_eq!(lines(pair.settle()), ["romeo: description-info [audio both ]"]);
    assert!(pair.juliet.described().contains("a=fmtp:96 stereo=1\r\n"));
    assert_eq!(pair.juliet.told(), ["event: offer 0 Renegotiation"]);
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
}

#[test]
fn an_offer_changes_one_thing_at_a_time() {
    let mut pair = Pair::talking();
    let now = pair.now;
    let romeo = &mut pair.romeo.session;
    assert_eq!(romeo.offer(now, &sound("r0")), Err(CommandError::NothingNew));
    let error = romeo.offer(now, &described("r1", "AA:BB", "sendonly"));
    assert!(matches!(error, Err(CommandError::TooManyChanges { .. })), "{error:?}");
    assert!(matches!(romeo.offer(now, "m"), Err(CommandError::Description(_))));
    let unknown = format!(
        "{}{}",
        sound("j0"),
        section("video", "video", "j0", "AA:BB", "recvonly")
    );
    let mut pair = Pair::new();
    pair.settle();
    let mid = "video".to_owned();
    let answered = pair.juliet.session.answer(pair.now, FIRST, unknown);
    assert_eq!(answered, Err(CommandError::UnknownMid { mid }));
    let declined = pair.juliet.session.decline(pair.now, FIRST);
    assert_eq!(declined, Err(CommandError::FirstOffer));
}

#[test]
fn what_does_not_fit_is_refused_in_the_words_of_the_specification() {
    let bare = |action| Jingle::new(action, super::id());
    let info = |name: &str| Jingle {
        info: Some(Info::Unknown {
            name: name.to_owned(),
            namespace: "urn:example:dance".to_owned(),
        }),
        ..bare(Action::SessionInfo)
    };
    let cases = [
        (
            about(Action::SessionAccept, "audio"),
            "wait unexpected-request out-of-order",
        ),
        (bare(Action::SessionAccept), "wait unexpected-request out-of-order"),
        (
            about(Action::TransportAccept, "audio"),
            "wait unexpected-request out-of-order",
        ),
        (
            about(Action::TransportReject, "audio"),
            "wait unexpected-request out-of-order",
        ),
        (
            about(Action::ContentAccept, "audio"),
            "wait unexpected-request out-of-order",
        ),
        (
            about(Action::ContentReject, "audio"),
            "wait unexpected-request out-of-order",
        ),
        (about(Action::ContentModify, "video"), "modify bad-request"),
        (about(Action::ContentRemove, "video"), "modify bad-request"),
        (about(Action::ContentAdd, "audio"), "modify bad-request"),
        (about(Action::TransportReplace, "audio"), "modify bad-request"),
        (about(Action::DescriptionInfo, "audio"), "modify bad-request"),
        (bare(Action::ContentModify), "modify bad-request"),
        (bare(Action::SecurityInfo), "cancel feature-not-implemented"),
        (bare(Action::SessionInfo), "done"),
        (info("dance"), "modify feature-not-implemented unsupported-info"),
    ];
    for (jingle, expected) in cases {
        let action = jingle.action;
        assert_eq!(Pair::talking().ask_juliet(jingle), expected, "{action}");
    }
    let other = Jingle::new(Action::SessionInfo, crate::SessionId::new("other"));
    assert_eq!(
        Pair::talking().ask_juliet(other),
        "cancel item-not-found unknown-session"
    );
}

#[test]
fn a_repeated_first_offer_is_the_same_one_and_another_is_out_of_order() {
    let mut pair = Pair::new();
    let (token, offer) = pair.romeo.lose();
    pair.romeo.said.push_back(Stanza::Ask(token, offer.clone()));
    let offer = Jingle::parse(&offer).expect("Jingle");
    pair.settle();
    assert_eq!(pair.ask_juliet(offer.clone()), "done");
    assert_eq!(pair.juliet.told(), ["event: offer 0 Initial"]);
    // Answered, and the answer not acknowledged: it is said again.
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    assert_eq!(pair.juliet.said.len(), 1);
    assert_eq!(pair.ask_juliet(offer.clone()), "done");
    assert_eq!(pair.juliet.said.len(), 2);
    pair.settle();
    assert_eq!(pair.ask_juliet(offer.clone()), "done");
    assert_eq!(pair.juliet.said.len(), 0);
    let mut other = offer;
    other.contents[0].senders = Senders::Both;
    if let Some(crate::stanza::Transport::Ice(ice)) = &mut other.contents[0].transport {
        ice.ufrag = Some("r9".to_owned());
    }
    assert_eq!(pair.ask_juliet(other), "wait unexpected-request out-of-order");
}

#[test]
fn a_refused_first_offer_ends_the_session_and_says_why() {
    let refused = |condition: &str, application, redirect: Option<&str>| {
        let mut pair = Pair::new();
        let (token, _) = pair.romeo.lose();
        let outcome = Outcome::Refused(Rejection {
            condition: condition.to_owned(),
            application,
            redirect: redirect.map(str::to_owned),
        });
        pair.romeo
            .session
            .handle_input(pair.now, Input::Response { token, outcome });
        pair.romeo.drain();
        pair.romeo.told()
    };
    let tie = Some(JingleCondition::TieBreak);
    assert_eq!(
        refused("conflict", tie, None),
        ["event: ended alternative-session by Remote"]
    );
    assert_eq!(
        refused("service-unavailable", None, None),
        ["event: ended gone by Remote"]
    );
    assert_eq!(
        refused("redirect", None, Some("xmpp:nurse@example.org/garden")),
        [
            "event: redirected xmpp:nurse@example.org/garden",
            "event: ended alternative-session by Remote"
        ]
    );
    assert_eq!(
        refused("resource-constraint", None, None),
        ["event: ended busy by Remote"]
    );
}

#[test]
fn who_says_active_after_holding_holds_nobody_any_more() {
    let mut pair = Pair::talking();
    let info = |info| Jingle {
        info: Some(info),
        ..Jingle::new(Action::SessionInfo, super::id())
    };
    assert_eq!(pair.ask_romeo(info(Info::Hold)), "done");
    assert_eq!(pair.ask_romeo(info(Info::Active)), "done");
    assert_eq!(
        pair.romeo.told(),
        ["event: held true", "event: held false", "event: active"]
    );
}

#[test]
fn what_was_said_into_a_dead_stream_is_said_again() {
    let mut pair = Pair::new();
    let (token, _) = pair.romeo.lose();
    let romeo = &mut pair.romeo.session;
    romeo.handle_input(pair.now, Input::SignallingLost);
    let outcome = Outcome::Lost;
    romeo.handle_input(pair.now, Input::Response { token, outcome });
    romeo.handle_input(pair.now, Input::SignallingRestored);
    pair.romeo.drain();
    assert_eq!(lines(pair.settle()), ["romeo: session-initiate [audio both r0]"]);
    // Had it been heard the first time, the peer would call the second out of order.
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
}

#[test]
fn both_restart_at_once_and_both_are_answered() {
    let mut pair = Pair::talking();
    let generation = pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    assert_eq!(pair.juliet(|juliet, now| juliet.offer(now, &sound("j1"))), generation);
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 1", "event: acknowledged 1"]);
    assert_eq!(pair.juliet.told(), ["event: answer 1", "event: acknowledged 1"]);
}

#[test]
fn an_initiator_in_sdp_over_xmpp_offers_trickles_and_reinvites() {
    let mut pair = Pair::of(crate::Dialect::SdpOverXmpp);
    pair.romeo(|romeo, now| romeo.local_candidate(now, FIRST, "audio", &candidate(1)));
    pair.settle();
    assert_eq!(
        pair.juliet.told(),
        ["event: offer 0 Initial", "event: candidate 0 audio -"]
    );
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, sound("j0")));
    pair.settle();
    assert_eq!(pair.romeo.told(), ["event: answer 0"]);
    let kind = |pair: &Pair| match pair.juliet.events.last() {
        Some(SessionEvent::Offer { kind, generation, .. }) => Some((*kind, generation.number())),
        _ => None,
    };
    pair.romeo(|romeo, now| romeo.offer(now, &described("r0", "AA:BB", "sendonly")));
    pair.settle();
    assert_eq!(kind(&pair), Some((OfferKind::Renegotiation, 0)));
    pair.juliet(|juliet, now| juliet.answer(now, FIRST, described("j0", "AA:BB", "recvonly")));
    pair.settle();
    let next = pair.romeo(|romeo, now| romeo.offer(now, &sound("r1")));
    pair.settle();
    assert_eq!(kind(&pair), Some((OfferKind::Reinvite, next.number())));
    let offered = pair.juliet.session.offer(pair.now, &sound("j2"));
    assert_eq!(offered, Err(CommandError::Negotiating));
    let held = pair.romeo.session.set_held(pair.now, true);
    assert_eq!(held, Err(CommandError::NotInDialect { what: "holding" }));
}

#[test]
fn the_end_of_a_peer_is_the_end_whatever_was_under_way() {
    for set_up in [Pair::new as fn() -> Pair, Pair::talking] {
        let mut pair = set_up();
        pair.settle();
        pair.romeo.events.clear();
        assert_eq!(pair.ask_romeo(terminate(Reason::Busy)), "done");
        assert_eq!(pair.romeo.told(), ["event: ended busy by Remote"]);
    }
}
