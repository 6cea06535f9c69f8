//! Every way in which a server can fail a connection attempt has its own reason.

use offhook_xmpp::{CloseReason, Condition, FrameError, Input, SaslCondition, Stage, StreamCondition};

use crate::rig::{After, CLOSE, CLOSE_SENT, OPEN, Rig, TOKEN, config};

const STAGES: [(After, Stage); 7] = [
    (After::Opening, Stage::Opening),
    (After::Features, Stage::Features),
    (After::Authenticating, Stage::Authenticating),
    (After::Reopening, Stage::Reopening),
    (After::AuthenticatedFeatures, Stage::AuthenticatedFeatures),
    (After::Binding, Stage::Binding),
    (After::ExternalServices, Stage::ExternalServices),
];

/// Every stage, and the last step that can do without an answer.
fn everywhere() -> impl Iterator<Item = After> {
    STAGES
        .into_iter()
        .map(|(after, _)| after)
        .chain([After::SubscribingPings])
}

#[test]
fn a_wrong_token_is_refused() {
    let mut rig = Rig::at(After::Authenticating);
    rig.receive("<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><not-authorized/></failure>");

    assert_eq!(rig.sent, [CLOSE_SENT]);
    let reason = rig.closed();
    assert_eq!(
        reason,
        CloseReason::AuthenticationRefused {
            condition: SaslCondition::NotAuthorized,
            text: None
        }
    );
    assert!(reason.credentials_refused());
    assert_eq!(
        reason.to_string(),
        "the server refused to authenticate us: not-authorized"
    );
}

#[test]
fn only_refusals_of_the_manner_are_worth_another_attempt() {
    for condition in SaslCondition::ALL {
        let mut rig = Rig::at(After::Authenticating);
        rig.receive(&format!(
            "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><text xml:lang='en'>no</text><{condition}/></failure>"
        ));
        let retryable = [
            "encryption-required",
            "incorrect-encoding",
            "invalid-mechanism",
            "malformed-request",
            "mechanism-too-weak",
        ]
        .contains(&condition.as_str());
        let reason = rig.closed();
        assert_eq!(reason.credentials_refused(), !retryable, "{reason}");
        assert!(reason.to_string().ends_with(&format!("{condition} (no)")), "{reason}");
    }
}

#[test]
fn a_refusal_without_a_known_condition_is_still_a_refusal() {
    let mut rig = Rig::at(After::Authenticating);
    rig.receive(&format!(
        "<failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><bad-hair-day/><text>what is {TOKEN}?</text></failure>"
    ));
    assert_eq!(
        rig.closed(),
        CloseReason::AuthenticationRefused {
            condition: SaslCondition::Other,
            text: Some("what is [redacted]?".to_owned())
        }
    );
}

#[test]
fn without_plain_there_is_no_usable_mechanism() {
    let mut rig = Rig::at(After::Features);
    rig.receive(
        "<features xmlns='http://etherx.jabber.org/streams'><mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>\
         <mechanism>ANONYMOUS</mechanism><mechanism>DIGEST-MD5</mechanism></mechanisms></features>",
    );
    assert_eq!(rig.sent, [CLOSE_SENT]);
    let reason = rig.closed();
    assert!(reason.credentials_refused());
    let offered = vec!["ANONYMOUS".to_owned(), "DIGEST-MD5".to_owned()];
    assert_eq!(reason, CloseReason::NoUsableMechanism { offered });

    let mut rig = Rig::at(After::Features);
    rig.receive("<features xmlns='http://etherx.jabber.org/streams'/>");
    assert_eq!(rig.closed(), CloseReason::NoUsableMechanism { offered: vec![] });
}

#[test]
fn what_is_not_an_xmpp_server_is_told_as_that() {
    for text in [
        "",
        "hello",
        "{\"type\":\"welcome\"}",
        "<!DOCTYPE html><html></html>",
        "<html xmlns='http://www.w3.org/1999/xhtml'/>",
        "<stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:client'>",
        "<message><body>hi</body></message>",
    ] {
        let mut rig = Rig::at(After::Opening);
        rig.receive(text);
        assert_eq!(rig.closed(), CloseReason::NotXmpp, "{text}");
        assert_eq!(rig.sent, [""; 0], "a stream that never opened is owed no close");
    }
}

#[test]
fn a_broken_open_is_told_as_broken_xml() {
    let mut rig = Rig::at(After::Opening);
    rig.receive("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing' id=");
    let reason = rig.closed();
    assert!(
        matches!(reason, CloseReason::BadFrame(FrameError::NotWellFormed { .. })),
        "{reason}"
    );
}

#[test]
fn xml_that_is_not_well_formed_ends_the_attempt_at_every_stage() {
    for after in everywhere().skip(1) {
        let mut rig = Rig::at(after);
        rig.receive("<iq type='result'>");
        let reason = rig.closed();
        assert!(
            matches!(reason, CloseReason::BadFrame(FrameError::NotWellFormed { .. })),
            "{after:?}: {reason}"
        );
        assert_eq!(rig.sent, [CLOSE_SENT]);
    }
}

#[test]
fn a_frame_over_the_limits_is_told_as_that_at_every_stage() {
    for after in everywhere() {
        let mut rig = Rig::at(after);
        rig.receive(&"<a>".repeat(1000));
        assert_eq!(rig.closed(), CloseReason::BadFrame(FrameError::TooDeep { limit: 64 }));
    }
}

#[test]
fn silence_at_every_stage_ends_in_time() {
    for (after, stage) in &STAGES {
        let mut rig = Rig::at(*after);
        rig.wait(std::time::Duration::from_millis(14_999));
        assert_eq!(rig.events, [], "{stage:?}");
        rig.wait(std::time::Duration::from_millis(1));
        assert_eq!(rig.closed(), CloseReason::TimedOut { stage: *stage });
        assert_eq!(rig.sent.len(), usize::from(*stage != Stage::Opening));
    }
}

#[test]
fn the_stages_up_to_the_session_share_one_time() {
    let mut rig = Rig::new(config());
    for _ in 0..5 {
        rig.seconds(2);
        rig.obey(1);
    }
    rig.seconds(4);
    assert_eq!(rig.events, []);
    rig.seconds(1);
    assert_eq!(rig.closed(), CloseReason::TimedOut { stage: Stage::Binding });
}

#[test]
fn the_socket_may_close_at_every_stage() {
    for after in everywhere() {
        let mut rig = Rig::at(after);
        rig.socket_closes();
        let reason = rig.closed();
        assert_eq!(
            reason,
            CloseReason::SocketClosed {
                code: Some(1006),
                reason: "reset".to_owned()
            }
        );
        assert_eq!(reason.to_string(), "the WebSocket closed with code 1006: reset");
        assert_eq!(rig.sent, [""; 0]);
    }
}

#[test]
fn the_server_may_close_at_every_stage() {
    for after in everywhere() {
        let mut rig = Rig::at(after);
        rig.receive(CLOSE);
        assert_eq!(rig.closed(), CloseReason::ByPeer);
        assert_eq!(rig.sent, [CLOSE_SENT]);
    }
}

#[test]
fn a_stream_error_names_its_condition_at_every_stage() {
    for after in everywhere() {
        let mut rig = Rig::at(after);
        rig.receive(
            "<stream:error xmlns:stream='http://etherx.jabber.org/streams'>\
             <host-unknown xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams'>who?</text></stream:error>",
        );
        let reason = rig.closed();
        assert_eq!(
            reason,
            CloseReason::StreamError {
                condition: StreamCondition::HostUnknown,
                text: Some("who?".to_owned())
            }
        );
        assert!(!reason.credentials_refused());
    }
}

#[test]
fn an_element_out_of_place_is_named() {
    for (after, stage) in &STAGES[1..6] {
        let mut rig = Rig::at(*after);
        rig.receive("<challenge xmlns='urn:ietf:params:xml:ns:xmpp-sasl'/>");
        assert_eq!(
            rig.closed(),
            CloseReason::UnexpectedElement {
                stage: *stage,
                name: "challenge".to_owned(),
                namespace: "urn:ietf:params:xml:ns:xmpp-sasl".to_owned()
            }
        );
    }
    let mut rig = Rig::at(After::Features);
    rig.receive(OPEN);
    assert!(matches!(rig.closed(), CloseReason::UnexpectedElement { .. }));
}

#[test]
fn binding_can_fail_in_three_ways() {
    let mut rig = Rig::at(After::AuthenticatedFeatures);
    rig.receive("<features xmlns='http://etherx.jabber.org/streams'/>");
    assert_eq!(rig.closed(), CloseReason::BindNotOffered);

    let mut rig = Rig::at(After::Binding);
    let answer = rig.answers.pop_front().unwrap();
    let refusal = answer.split('>').next().unwrap().replace("'result'", "'error'")
        + "><error type='cancel'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
    rig.receive(&refusal);
    let reason = rig.closed();
    assert!(matches!(&reason, CloseReason::BindRefused(error) if error.condition == Condition::Conflict));
    assert_eq!(
        reason.to_string(),
        "the server refused to bind a resource: conflict (cancel)"
    );

    let mut rig = Rig::at(After::Binding);
    let answer = rig.answers.pop_front().unwrap().replace("/desk", "");
    rig.receive(&answer);
    assert_eq!(rig.closed(), CloseReason::BindInvalid);
}

#[test]
fn a_binding_under_another_id_or_from_somebody_else_is_not_the_answer() {
    let mut rig = Rig::at(After::Binding);
    let answer = rig.answers.pop_front().unwrap();
    rig.receive(&answer.replace("id='", "id='not-"));
    rig.receive(&answer.replace("<iq ", "<iq from='mallory@example.net/x' "));
    assert_eq!(rig.take(), (vec![], vec![]));
    rig.receive(&answer.replace("<iq ", "<iq from='agent@example.org' "));
    assert!(rig.stream.jid().is_some());
}

#[test]
fn another_resource_than_the_one_asked_for_may_be_bound_and_may_say_so() {
    let mut rig = Rig::at(After::Binding);
    let answer = rig.answers.pop_front().unwrap();
    let resource = answer
        .split("agent@example.org/")
        .nth(1)
        .and_then(|rest| rest.split('<').next())
        .unwrap();
    let other = answer
        .replace(resource, "other")
        .replace("<iq ", "<iq from='agent@example.org/other' ");
    rig.receive(&other);
    assert_eq!(rig.stream.jid().unwrap().to_string(), "agent@example.org/other");
}

#[test]
fn a_refused_session_ends_the_attempt() {
    let mut rig = Rig::new(config());
    rig.server.wants_session = true;
    rig.obey(6);
    rig.take();
    let refusal = rig.answers.pop_front().unwrap().replace("'result'", "'error'");
    rig.receive(&refusal);
    assert!(matches!(
        rig.closed(),
        CloseReason::SessionRefused(error) if error.condition == Condition::UndefinedCondition
    ));
}

#[test]
fn refused_external_services_end_the_attempt() {
    let mut rig = Rig::at(After::ExternalServices);
    let refusal = rig.answers.pop_front().unwrap().replace("'result'", "'error'");
    rig.receive(&refusal);
    assert_eq!(rig.sent, [CLOSE_SENT]);
    assert!(matches!(rig.closed(), CloseReason::ExternalServicesFailed(_)));
}

#[test]
fn white_space_is_no_frame() {
    let mut rig = Rig::at(After::Features);
    rig.receive(" \n");
    assert_eq!(rig.take(), (vec![], vec![]));
}

#[test]
fn what_is_closed_stays_closed() {
    for after in everywhere() {
        let mut rig = Rig::at(after);
        rig.socket_closes();
        rig.take();
        rig.receive(OPEN);
        rig.receive("nonsense");
        rig.socket_closes();
        rig.input(Input::Resumed {
            asleep: std::time::Duration::from_secs(3600),
        });
        rig.close();
        rig.seconds(3600);
        assert_eq!(rig.take(), (vec![], vec![]));
        assert!(rig.try_ask(1, None).is_err());
        assert_eq!(rig.stream.jid(), None);
    }
}
