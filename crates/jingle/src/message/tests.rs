//! Reading and writing of message initiation.

use super::*;
use crate::Farewell;

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
        media: vec!["audio".to_owned()],
        other_applications: Vec::new(),
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
    let mut propose = Propose::new(id());
    propose.media.clear();
    assert_eq!(read, Some(Ok(InitiationMessage::Propose(propose))));
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
    full.media = vec!["audio".to_owned(), "video".to_owned()];
    full.other_applications = vec!["urn:xmpp:jingle:apps:file-transfer:5".to_owned()];
    let mut reason = Farewell::from(Reason::AlternativeSession);
    reason.alternative = Some(SessionId::new("other"));
    reason.text = Some("see <there>".to_owned());
    for message in [
        InitiationMessage::Propose(Propose::new(id())),
        InitiationMessage::Propose(full),
        InitiationMessage::Proceed(id()),
        InitiationMessage::Accept(id()),
        InitiationMessage::Ringing(id()),
        InitiationMessage::Reject(Ending::new(id())),
        InitiationMessage::Reject(Ending::because(id(), reason)),
        InitiationMessage::Reject(Ending::tie_break(id())),
        InitiationMessage::Retract(Ending::new(id())),
        InitiationMessage::Retract(Ending::because(id(), Reason::Cancel)),
        InitiationMessage::Finish(Finish::because(id(), Reason::Success)),
        InitiationMessage::Finish(Finish::migrated(id(), SessionId::new("next"))),
    ] {
        assert_eq!(message.id(), &id());
        let printed = String::from(&message.to_element());
        assert_eq!(parse(&printed), Some(Ok(message)));
    }
}

#[test]
fn the_responders_messages_have_the_form_of_the_recordings() {
    for (name, message) in [
        ("proceed", InitiationMessage::Proceed(id())),
        ("accept", InitiationMessage::Accept(id())),
        ("reject", InitiationMessage::Reject(Ending::new(id()))),
    ] {
        let recorded = format!(r#"<{name} xmlns='urn:xmpp:jingle-message:0' id='d9257bf1'/>"#);
        assert_eq!(String::from(&message.to_element()), recorded);
    }
}

#[test]
fn the_other_messages_have_the_form_of_the_examples() {
    for (written, example) in [
        (
            InitiationMessage::Propose(Propose::new(id())),
            r#"<propose xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">
                 <description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/></propose>"#,
        ),
        (
            InitiationMessage::Ringing(id()),
            r#"<ringing xmlns="urn:xmpp:jingle-message:0" id="d9257bf1"/>"#,
        ),
        (
            InitiationMessage::Retract(Ending::because(
                id(),
                Farewell {
                    reason: Reason::Cancel,
                    alternative: None,
                    text: Some("Retracted".to_owned()),
                },
            )),
            r#"<retract xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">
                 <reason xmlns="urn:xmpp:jingle:1"><cancel/><text>Retracted</text></reason></retract>"#,
        ),
        (
            InitiationMessage::Reject(Ending::tie_break(id())),
            r#"<reject xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">
                 <reason xmlns="urn:xmpp:jingle:1"><expired/></reason><tie-break/></reject>"#,
        ),
        (
            InitiationMessage::Finish(Finish::migrated(id(), SessionId::new("989a46a6"))),
            r#"<finish xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">
                 <reason xmlns="urn:xmpp:jingle:1"><expired/></reason><migrated to="989a46a6"/></finish>"#,
        ),
    ] {
        let example = example.replace(">\n                 <", "><");
        let example: Element = example.parse().expect("well-formed XML");
        assert_eq!(written.to_element(), example);
    }
}

#[test]
fn a_propose_may_be_of_several_media_and_of_something_else() {
    let read = parse(
        r#"<propose xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">
           <description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/>
           <description xmlns="urn:xmpp:jingle:apps:rtp:1" media="video"/>
           <description xmlns="urn:xmpp:jingle:apps:rtp:1" media="audio"/>
           <description xmlns="urn:xmpp:jingle:apps:rtp:1"/>
           <description xmlns="urn:xmpp:jingle:apps:file-transfer:5"/>
           <other xmlns="urn:example:other" media="text"/></propose>"#,
    );
    let Some(Ok(InitiationMessage::Propose(propose))) = read else {
        panic!("{read:?}")
    };
    assert_eq!(propose.media, ["audio", "video"]);
    assert_eq!(propose.other_applications, ["urn:xmpp:jingle:apps:file-transfer:5"]);
}

#[test]
fn no_more_media_are_read_than_the_limit() {
    let media: String = (0..100)
        .map(|number| format!(r#"<description xmlns="urn:xmpp:jingle:apps:rtp:1" media="m{number}"/>"#))
        .collect();
    let read = parse(&format!(
        r#"<propose xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">{media}</propose>"#
    ));
    let Some(Ok(InitiationMessage::Propose(propose))) = read else {
        panic!("{read:?}")
    };
    assert_eq!(propose.media.len(), DESCRIPTION_LIMIT);
}

/// What a `reject` with these children says.
fn rejected(children: &str) -> Ending {
    let xml = format!(r#"<reject xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">{children}</reject>"#);
    match parse(&xml) {
        Some(Ok(InitiationMessage::Reject(ending))) => ending,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_reason_is_read_however_it_is_written() {
    let because = |reason, text: Option<&str>| {
        let text = text.map(str::to_owned);
        let alternative = None;
        Ending::because(
            id(),
            Farewell {
                reason,
                alternative,
                text,
            },
        )
    };
    for (children, ending) in [
        ("<other/>", Ending::new(id())),
        (
            r#"<reason xmlns="urn:xmpp:jingle:1"><text>Busy</text><busy/></reason>"#,
            because(Reason::Busy, Some("Busy")),
        ),
        ("<reason><decline/></reason>", because(Reason::Decline, None)),
        (
            r#"<j:reason xmlns:j="urn:xmpp:jingle:1"><x xmlns="urn:example:other"/><j:gone/></j:reason>"#,
            because(Reason::Gone, None),
        ),
        (
            r#"<reason xmlns="urn:xmpp:jingle:1"><asleep/></reason>"#,
            because(Reason::GeneralError, None),
        ),
        (
            r#"<reason xmlns="urn:xmpp:jingle:1"/>"#,
            because(Reason::GeneralError, None),
        ),
        (
            r#"<reason xmlns="urn:example:other"><busy/></reason>"#,
            Ending::new(id()),
        ),
        (r#"<tie-break xmlns="urn:example:other"/>"#, Ending::new(id())),
    ] {
        assert_eq!(rejected(children), ending, "{children}");
    }
    let nowhere =
        rejected(r#"<reason xmlns="urn:xmpp:jingle:1"><alternative-session><sid/></alternative-session></reason>"#);
    assert_eq!(nowhere, because(Reason::AlternativeSession, None));
}

#[test]
fn words_for_people_are_cut_between_two_characters() {
    let text = "ä".repeat(ATTRIBUTE_LIMIT);
    let ending = rejected(&format!(
        r#"<reason xmlns="urn:xmpp:jingle:1"><busy/><text>x{text}</text></reason>"#
    ));
    let text = ending.farewell.and_then(|farewell| farewell.text).expect("a text");
    assert_eq!(text.len(), ATTRIBUTE_LIMIT - 1);
    assert!(text.ends_with('ä'));
}

#[test]
fn a_finish_may_name_no_successor() {
    for (children, migrated_to) in [
        ("", None),
        ("<migrated/>", None),
        (r#"<migrated to=""/>"#, None),
        (r#"<migrated to="next"/>"#, Some(SessionId::new("next"))),
    ] {
        let read = parse(&format!(
            r#"<finish xmlns="urn:xmpp:jingle-message:0" id="d9257bf1">{children}</finish>"#
        ));
        let farewell = None;
        let finish = Finish {
            id: id(),
            farewell,
            migrated_to,
        };
        assert_eq!(read, Some(Ok(InitiationMessage::Finish(finish))), "{children}");
    }
}

#[test]
fn whether_to_answer_by_itself_is_said_of_calls_of_the_platform_only() {
    let mut propose = Propose::new(id());
    let says = |propose: &Propose| {
        let element = InitiationMessage::Propose(propose.clone()).to_element();
        element.attr("inin-autoanswer").map(str::to_owned)
    };
    assert_eq!(says(&propose), None);
    propose.conversation = Some(ConversationId::new("c"));
    assert_eq!(says(&propose).as_deref(), Some("false"));
    propose.auto_answer = true;
    assert_eq!(says(&propose).as_deref(), Some("true"));
}

#[test]
fn other_elements_are_passed_over() {
    assert_eq!(
        parse(r#"<later xmlns="urn:xmpp:jingle-message:0" id="d9257bf1"/>"#),
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
        ("ringing", r#"<ringing xmlns="urn:xmpp:jingle-message:0"/>"#),
        ("proceed", r#"<proceed xmlns="urn:xmpp:jingle-message:0"/>"#),
        ("accept", r#"<accept xmlns="urn:xmpp:jingle-message:0"/>"#),
        ("reject", r#"<reject xmlns="urn:xmpp:jingle-message:0"/>"#),
        ("finish", r#"<finish xmlns="urn:xmpp:jingle-message:0"/>"#),
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
        (
            "media",
            format!(
                r#"<propose xmlns="urn:xmpp:jingle-message:0" id="i">
                   <description xmlns="urn:xmpp:jingle:apps:rtp:1" media="{long}"/></propose>"#
            ),
        ),
        (
            "to",
            format!(r#"<finish xmlns="urn:xmpp:jingle-message:0" id="i"><migrated to="{long}"/></finish>"#),
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
