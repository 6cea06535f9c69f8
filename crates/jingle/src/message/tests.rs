//! Reading and writing of message initiation.

use super::*;

fn parse(xml: &str) -> Option<Result<InitiationMessage, MessageError>> {
    InitiationMessage::parse(&xml.parse().expect("well-formed XML"))
}

fn id() -> SessionId {
    SessionId::new("d9257bf1")
}

#[test]
fn a_gateways_propose_is_read_with_all_its_attributes() {
    let read = parse(
        r#"<propose xmlns="urn:xmpp:jingle-message:0" id="d9257bf1" inin-cid="6089465f" inin-persistent-cid="p" inin-sdp-over-xmpp="true"
           inin-autoanswer="true" inin-priv-answer-mode="Auto" inin-user-id="u" inin-ofrom="caller@example.org" inin-meeting-id="m"
           inin-other="ignored"><description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/></propose>"#,
    );
    let propose = Propose {
        id: id(),
        conversation: Some(ConversationId::new("6089465f")),
        persistent_conversation: Some(ConversationId::new("p")),
        auto_answer: true,
        sdp_over_xmpp: true,
        private_answer_mode: Some("Auto".to_owned()),
        user_id: Some("u".to_owned()),
        original_from: Some("caller@example.org".to_owned()),
        meeting_id: Some("m".to_owned()),
    };
    assert_eq!(read, Some(Ok(InitiationMessage::Propose(propose))));
}

#[test]
fn a_bare_propose_says_nothing_more() {
    let read =
        parse(r#"<propose xmlns="urn:xmpp:jingle-message:0" id="d9257bf1" inin-cid="" inin-autoanswer="false"/>"#);
    assert_eq!(read, Some(Ok(InitiationMessage::Propose(Propose::new(id())))));
}

#[test]
fn whatever_is_written_is_read_back() {
    let mut full = Propose::new(id());
    full.conversation = Some(ConversationId::new("c & d"));
    full.persistent_conversation = Some(ConversationId::new("p"));
    full.auto_answer = true;
    full.sdp_over_xmpp = true;
    full.private_answer_mode = Some("Auto".to_owned());
    full.user_id = Some("u".to_owned());
    full.original_from = Some("<o>".to_owned());
    full.meeting_id = Some("m".to_owned());
    for message in [
        InitiationMessage::Propose(Propose::new(id())),
        InitiationMessage::Propose(full),
        InitiationMessage::Proceed(id()),
        InitiationMessage::Accept(id()),
        InitiationMessage::Reject(id()),
        InitiationMessage::Retract(id()),
    ] {
        assert_eq!(message.id(), &id());
        let printed = String::from(&message.to_element());
        assert_eq!(parse(&printed), Some(Ok(message)));
    }
}

#[test]
fn the_responders_messages_have_the_form_of_the_recordings() {
    let recorded = r#"<proceed xmlns="urn:xmpp:jingle-message:0" id="d9257bf1"/>"#;
    let recorded: Element = recorded.parse().expect("well-formed XML");
    assert_eq!(InitiationMessage::Proceed(id()).to_element(), recorded);
}

#[test]
fn other_elements_are_passed_over() {
    assert_eq!(
        parse(r#"<ringing xmlns="urn:xmpp:jingle-message:0" id="d9257bf1"/>"#),
        None
    );
    assert_eq!(
        parse(r#"<propose xmlns="urn:xmpp:jingle-message:1" id="d9257bf1"/>"#),
        None
    );
    assert_eq!(parse(r#"<accept xmlns="urn:example:other" id="d9257bf1"/>"#), None);
}

#[test]
fn a_message_must_name_its_session_in_reasonable_length() {
    for (name, xml) in [
        ("propose", r#"<propose xmlns="urn:xmpp:jingle-message:0"/>"#),
        ("retract", r#"<retract xmlns="urn:xmpp:jingle-message:0" id=""/>"#),
    ] {
        assert_eq!(parse(xml), Some(Err(MessageError::MissingId { element: name })));
    }
    let long = "x".repeat(ATTRIBUTE_LIMIT + 1);
    for (attribute, xml) in [
        (
            "id",
            format!(r#"<propose xmlns="urn:xmpp:jingle-message:0" id="{long}"/>"#),
        ),
        (
            "inin-ofrom",
            format!(r#"<propose xmlns="urn:xmpp:jingle-message:0" id="i" inin-ofrom="{long}"/>"#),
        ),
    ] {
        let error = MessageError::TooLong {
            attribute,
            bytes: 1025,
            limit: 1024,
        };
        assert_eq!(parse(&xml), Some(Err(error)));
    }
}
