//! Proposals and sessions, rule by rule.

use offhook_jingle::{Dialect, session};

use super::{
    life::{terminate, with_session},
    *,
};

const CANDIDATE: &str = r#"{"jsonrpc":"2.0","id":"c","method":"iceCandidate","params":{"sessionId":"call-1","sdp":"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"}}"#;

const OFFER: &str = r#"{"jsonrpc":"2.0","id":"o","method":"offer","params":{"sessionId":"call-1","conversationId":"conversation-1","sdp":"v=0\r\n"}}"#;

/// Another client of the same user.
const ELSEWHERE: &str = "agent@org.example/other";

fn always() -> AnswerPolicy {
    AnswerPolicy {
        always: true,
        ..AnswerPolicy::default()
    }
}

fn call_1() -> SessionId {
    SessionId::new("call-1")
}

#[test]
fn rule_1_candidates_before_the_offer_are_kept_for_a_minute() {
    for (wait, kept) in [(59, 1), (60, 0)] {
        let mut story = Story::online(always());
        story.propose("call-1", "conversation-1", false);
        story.request_of(GATEWAY, CANDIDATE);
        story.pass(Duration::from_secs(wait));
        story.request_of(GATEWAY, OFFER);
        assert_eq!(story.told(&call_1()).len(), 1 + kept, "after {wait} s");
    }
}

#[test]
fn candidates_of_sessions_that_may_never_come_give_way_to_those_that_were_proposed() {
    let mut story = Story::online(always());
    for number in 0..10 {
        let candidate = CANDIDATE.replace("call-1", &format!("gone-{number}"));
        story.request_of(GATEWAY, &candidate);
    }
    story.propose("call-1", "conversation-1", false);
    story.request_of(GATEWAY, CANDIDATE);
    story.request_of(GATEWAY, OFFER);
    assert_eq!(story.told(&call_1()).len(), 2, "the offer, and the candidate");
}

/// What both dialects say in turn, for one session.
fn say_both(story: &mut Story, jingle_first: bool) {
    let initiate = "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='call-1'><content creator='initiator' \
                    name='audio'><description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'/></content></jingle>";
    for jingle in [jingle_first, !jingle_first] {
        if jingle {
            story.incoming(Some(GATEWAY), initiate.parse().unwrap());
        } else {
            story.request_of(GATEWAY, OFFER);
        }
    }
}

#[test]
fn rule_3_of_two_dialects_the_proposed_one_is_heard_in_either_order() {
    for (sdp_over_xmpp, jingle_first) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut story = Story::online(always());
        let propose = format!(
            "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='conversation-1' inin-sdp-over-xmpp='{sdp_over_xmpp}'/>"
        );
        story.message(GATEWAY, propose.parse().unwrap());
        story.said.clear();
        say_both(&mut story, jingle_first);
        let told = story.told(&call_1());
        let [session::Input::Request { payload, .. }] = &told[..] else {
            panic!("one offer: {told:?}")
        };
        assert_eq!(payload.name() == "genesys-webrtc", sdp_over_xmpp);
        let dropped = |output: &&Output| matches!(output, Output::Stream(StreamCommand::Ignore(_)));
        assert_eq!(
            story.said.iter().filter(dropped).count(),
            1,
            "the other one without a word"
        );
        let started = story.said.iter().find_map(|output| match output {
            Output::StartSession(start) => Some(start.config.dialect),
            _ => None,
        });
        assert_eq!(started == Some(Dialect::SdpOverXmpp), sdp_over_xmpp);
    }
}

#[test]
fn rule_4_the_dialect_of_the_first_proposal_holds_whatever_its_repetitions_say() {
    let mut story = Story::online(always());
    story.propose("call-1", "conversation-1", false);
    let jingle = "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='conversation-1'/>";
    story.message(GATEWAY, jingle.parse().unwrap());
    say_both(&mut story, true);
    let told = story.told(&call_1());
    assert!(
        matches!(&told[..], [session::Input::Request { payload, .. }] if payload.name() == "genesys-webrtc"),
        "{told:?}"
    );
}

#[test]
fn a_stranger_learns_nothing_of_a_session_in_either_dialect() {
    let stranger = "mallory@gjoll.example/1";
    let jingle = |action: &str| format!("<jingle xmlns='urn:xmpp:jingle:1' action='{action}' sid='call-1'/>");
    for known in [true, false] {
        let mut story = Story::online(AnswerPolicy::default());
        if known {
            with_session(&mut story);
        }
        let mut answers = Vec::new();
        for payload in [
            jingle("session-terminate").parse().unwrap(),
            jingle("session-info").parse().unwrap(),
            terminate(&call_1()),
        ] {
            story.said.clear();
            story.incoming(Some(stranger), payload);
            answers.push(format!("{:?}", story.said));
        }
        assert!(answers[0].contains("Result(None)"), "{answers:?}");
        assert!(answers[1].contains("ItemNotFound") && answers[1].contains("unknown-session"));
        assert!(answers[2].contains("Result(None)"), "{answers:?}");
        assert_eq!(story.phone.sessions().count(), usize::from(known));
    }
}

#[test]
fn rule_4_the_first_proposals_flags_win() {
    let mut story = Story::online(AnswerPolicy::default());
    story.propose("call-1", "conversation-1", false);
    story.propose("call-1", "conversation-1", true);
    assert_eq!(story.messages(), [""; 0], "it asked for a person first");
    let flags: Vec<_> = story.phone.proposals().map(|proposal| proposal.auto_answer).collect();
    assert_eq!(flags, [false]);
}

#[test]
fn rule_7_a_reinvite_may_carry_a_new_conversation() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    let next = ConversationId::new("conversation-2");
    story.reports(&id, SessionReport::ConversationChanged(next.clone()));
    assert_eq!(story.phone.session_of(&next), Some(&id));
    let before = ConversationId::new("conversation-1");
    assert_eq!(story.phone.session_of(&before), None);
}

#[test]
fn rule_8_whoever_hears_of_an_end_finds_the_session_ended() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    let ended = SessionReport::Ended {
        reason: Reason::Success,
        by: EndedBy::Remote,
    };
    story.phone.handle_input(
        story.now,
        Input::Session {
            session: id.clone(),
            report: ended,
        },
    );
    let mut told = story.phone.poll_output();
    while !matches!(told, Output::Event(Event::SessionEnded { .. })) {
        assert!(!matches!(told, Output::Timeout(_)), "the end is told");
        told = story.phone.poll_output();
    }
    assert_eq!(story.phone.sessions().count(), 0);
    assert_eq!(
        story.phone.end(story.now, &id, Reason::Success),
        Err(CommandError::UnknownSession(id))
    );
}

#[test]
fn rule_22_a_lost_proceed_is_sent_again_when_the_proposal_is_repeated() {
    let mut story = Story::online(always());
    story.propose("call-1", "conversation-1", false);
    story.said.clear();
    story.propose("call-1", "conversation-1", false);
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
    assert_eq!(story.events(), [], "it was told once");
}

#[test]
fn rule_23_ringing_stops_on_retract_accept_and_reject_elsewhere_and_expiry() {
    let message = |name: &str| format!("<{name} xmlns='urn:xmpp:jingle-message:0' id='call-1'/>");
    let cases = [
        (GATEWAY, Some("retract"), Event::ProposalCancelled(call_1())),
        (ELSEWHERE, Some("accept"), Event::ProposalHandled(call_1())),
        (ELSEWHERE, Some("reject"), Event::ProposalHandled(call_1())),
        (GATEWAY, None, Event::ProposalCancelled(call_1())),
    ];
    for (from, said, told) in cases {
        let mut story = Story::online(AnswerPolicy::default());
        story.propose("call-1", "conversation-1", false);
        story.events();
        match said {
            Some(name) => story.message(from, message(name).parse().unwrap()),
            None => story.pass(Duration::from_secs(121)),
        }
        assert_eq!(story.events(), [told], "{said:?}");
        assert_eq!(story.phone.proposals().count(), 0);
    }
}

#[test]
fn rule_24_gjoll_wins_over_whatever_else_an_address_says() {
    let cases = [
        ("call@gjoll.example/1", true),
        ("acd-call@gjoll.example/1", true),
        ("screenrecording-call@conference.GJOLL.example/1", true),
        ("livemonitor-call@conference.gjoll.example/1", true),
        ("mallory@example.org/gjoll", false),
        ("gjoll@example/1", false),
        ("acd-call@conference.example/1", false),
        ("gjoll.example/1", false),
    ];
    for (from, is_gateway) in cases {
        let mut story = Story::online(always());
        let propose = "<propose xmlns='urn:xmpp:jingle-message:0' id='call-1' inin-cid='c' inin-sdp-over-xmpp='true'/>";
        story.message(from, propose.parse().unwrap());
        assert_eq!(story.messages().len(), usize::from(is_gateway), "{from}");
    }
}

#[test]
fn rule_36_a_new_id_for_a_known_conversation_takes_the_place_of_the_old_one() {
    let mut story = Story::online(only_placed());
    story.propose("call-1", "conversation-1", false);
    story.events();
    story.propose("call-2", "conversation-1", false);
    let events = story.events();
    let [Event::ProposalCancelled(gone), Event::Proposed(proposal)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((gone.as_str(), proposal.id.as_str()), ("call-1", "call-2"));
    assert_eq!(
        story.phone.accept(story.now, &call_1()),
        Err(CommandError::UnknownProposal(call_1()))
    );
}

#[test]
fn rule_37_a_late_proposal_on_a_persistent_connection_proceeds_only_if_it_was_accepted() {
    let mut story = Story::online(AnswerPolicy::default());
    let propose = |id: &str, conversation: &str, mode: &str| {
        format!(
            "<propose xmlns='urn:xmpp:jingle-message:0' id='{id}' inin-cid='{conversation}' inin-persistent-cid='standing' \
             inin-sdp-over-xmpp='true' {mode}/>"
        )
    };
    let silent = propose("call-1", "standing", "inin-priv-answer-mode='Auto'");
    story.message(GATEWAY, silent.parse().unwrap());
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
    story.request_of(GATEWAY, &OFFER.replace("conversation-1", "standing"));
    story.said.clear();
    story.message(GATEWAY, propose("call-2", "conversation-2", "").parse().unwrap());
    assert_eq!(
        story.messages(),
        [""; 0],
        "that the connection stands does not accept what comes on it"
    );
    story.phone.accept(story.now, &SessionId::new("call-2")).unwrap();
    assert_eq!(story.messages(), [format!("proceed call-2 -> {GATEWAY}")]);
}

#[test]
fn rule_39_of_two_clients_that_accept_by_themselves_the_one_that_announces_itself_wins() {
    let mut story = Story::online(AnswerPolicy::default());
    story.propose("call-1", "conversation-1", true);
    assert_eq!(story.messages(), [format!("proceed call-1 -> {GATEWAY}")]);
    let accept = InitiationMessage::Accept(call_1()).to_element();
    story.message(ELSEWHERE, accept.clone());
    assert!(story.events().contains(&Event::ProposalHandled(call_1())));
    story.request_of(GATEWAY, OFFER);
    assert_eq!(story.phone.sessions().count(), 0, "the loser takes no offer");

    // Once our offer is here, only the gateway decides.
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.message(ELSEWHERE, accept);
    assert_eq!(story.told(&id), []);
    assert_eq!(story.events(), []);
}

#[test]
fn rule_41_a_call_that_is_disconnected_before_its_media_connect_ends_its_session() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.phone.end(story.now, &id, Reason::Success).unwrap();
    story.drain();
    assert!(!story.phone.is_active(&id));
    let ends = story
        .said
        .iter()
        .any(|output| matches!(output, Output::EndSession { session, farewell, .. } if *session == id && farewell.reason == Reason::Success));
    assert!(ends, "{:?}", story.said);

    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.incoming(Some(GATEWAY), terminate(&id));
    assert!(matches!(story.told(&id)[..], [session::Input::Request { .. }]));
}

#[test]
fn rule_42_what_still_rings_for_a_conversation_is_cleared_when_its_media_connect() {
    let mut story = Story::online(AnswerPolicy::default());
    let id = with_session(&mut story);
    story.propose("call-2", "conversation-1", false);
    story.propose("call-3", "conversation-3", false);
    story.events();
    story.reports(&id, SessionReport::Active(true));
    let active = Event::ActiveChanged {
        session: id,
        active: true,
    };
    let cleared = Event::ProposalCancelled(SessionId::new("call-2"));
    assert_eq!(story.events(), [active, cleared]);
    let left: Vec<_> = story.phone.proposals().map(|proposal| proposal.id.as_str()).collect();
    assert_eq!(left, ["call-3"]);
}
