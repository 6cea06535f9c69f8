//! What peers leave out, add, and write in other ways; and what is broken.

use minidom::rxml::NcName;

use super::{super::*, description, jingle, read, transport, with_description, with_transport};
use crate::{Reason, SessionId, candidate::Candidate};

fn candidate(attributes: &str) -> Candidate {
    let ice = transport(&with_transport(&format!("<candidate {attributes}/>")));
    ice.candidates.into_iter().next().expect("one candidate")
}

#[track_caller]
fn refused(element: &Element, expected: &JingleError) {
    let error = Jingle::parse(element).expect_err("this cannot be understood");
    assert_eq!(&error, expected);
    assert!(!error.is_limit());
}

#[test]
fn a_candidate_needs_no_more_than_an_address() {
    let bare = candidate("ip='192.0.2.1' port='4000'");
    let expected =
        candidate("component='1' foundation='0' ip='192.0.2.1' port='4000' priority='0' protocol='udp' type='host'");
    assert_eq!(bare, expected);
    assert_eq!((bare.id, bare.generation, bare.network_id), (None, None, None));
}

#[test]
fn a_candidate_without_id_is_written_with_one_that_is_its_own() {
    let two = "<candidate ip='192.0.2.1' port='4000'/><candidate ip='192.0.2.1' port='4001'/>";
    let jingle = read(&with_transport(two));
    let written = read(&jingle.to_element());
    let ids = |jingle: &Jingle| -> Vec<_> {
        let ice = jingle.contents[0].ice().expect("ICE");
        ice.candidates.iter().map(|candidate| candidate.id.clone()).collect()
    };
    let made = ids(&written);
    assert!(
        made.iter().all(|id| id.as_ref().is_some_and(|id| id.starts_with('c'))),
        "{made:?}"
    );
    assert_ne!(made[0], made[1]);
    assert_eq!(
        ids(&read(&jingle.to_element())),
        made,
        "the same candidate has the same id"
    );
    let ice = written.contents[0].ice().expect("ICE");
    assert_eq!(
        (ice.candidates[0].generation, ice.candidates[0].network_id),
        (Some(0), Some(0))
    );
}

#[test]
fn candidates_may_be_of_tcp_and_of_host_names() {
    let tcp = candidate("ip='192.0.2.1' port='9' protocol='tcp' tcptype='active' type='host'");
    assert_eq!(
        (tcp.protocol.as_str(), tcp.tcp_type.as_deref()),
        ("tcp", Some("active"))
    );
    let name = candidate("ip='2b5e.local' port='4000'");
    assert_eq!(name.address, "2b5e.local");
    let v6 = candidate("ip='2001:db8::1' port='4000'");
    assert_eq!(v6.address, "2001:db8::1");
}

#[test]
fn a_generation_may_be_more_than_a_byte_and_nonsense_says_nothing() {
    assert_eq!(
        candidate("ip='192.0.2.1' port='1' generation='70000'").generation,
        Some(70_000)
    );
    assert_eq!(
        candidate("ip='192.0.2.1' port='1' generation='x' network='-1'").generation,
        None
    );
}

#[test]
fn a_related_port_is_nothing_without_its_address() {
    let candidate = |rest: &str| candidate(&format!("ip='192.0.2.1' port='1' type='relay' {rest}"));
    assert_eq!(candidate("rel-port='7'").related, None);
    assert_eq!(
        candidate("rel-addr='0.0.0.0'").related,
        Some(("0.0.0.0".to_owned(), None))
    );
    let both = Some(("0.0.0.0".to_owned(), Some(0)));
    assert_eq!(candidate("rel-addr='0.0.0.0' rel-port='0'").related, both);
}

#[test]
fn a_candidate_without_address_or_with_an_impossible_one_is_refused() {
    let with = |attributes: &str| with_transport(&format!("<candidate {attributes}/>"));
    let missing = |attribute| JingleError::Missing {
        element: "candidate",
        attribute,
    };
    refused(&with("port='1'"), &missing("ip"));
    refused(&with("ip='192.0.2.1'"), &missing("port"));
    for (attributes, attribute, expected) in [
        ("ip='192.0.2.1' port='65536'", "port", "a number up to 65535"),
        (
            "ip='192.0.2.1' port='1' component='x'",
            "component",
            "a number up to 65535",
        ),
        (
            "ip='192.0.2.1' port='1' priority='4294967296'",
            "priority",
            "a number of 32 bits",
        ),
    ] {
        let element = "candidate";
        refused(
            &with(attributes),
            &JingleError::Malformed {
                element,
                attribute,
                expected,
            },
        );
    }
}

#[test]
fn prefixes_mean_nothing_and_namespaces_everything() {
    let element: Element = "<j:jingle xmlns:j='urn:xmpp:jingle:1' xmlns:rtcpf='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' \
            action='session-accept' sid='s'>\
        <j:content name='audio'>\
            <d:description xmlns:d='urn:xmpp:jingle:apps:rtp:1'>\
                <d:payload-type id='96'><rtcpf:rtcp-fb type='nack'/><rtcp-fb xmlns='urn:x' type='no'/></d:payload-type>\
                <payload-type xmlns='urn:x' id='97'/>\
            </d:description>\
        </j:content>\
        <content xmlns='urn:x' name='no'/>\
    </j:jingle>"
        .parse()
        .expect("well-formed XML");
    let rtp = description(&element);
    assert_eq!(read(&element).contents.len(), 1);
    let expected = PayloadType {
        feedback: vec![Feedback::new("nack", None)],
        ..PayloadType::new(96)
    };
    assert_eq!(rtp.payload_types, [expected]);
}

#[test]
fn a_content_without_creator_is_the_initiators_and_both_send() {
    let element = jingle("action='session-initiate' sid='s'", "<content name='a'/>");
    assert_eq!(read(&element).contents, [Content::new(Role::Initiator, "a")]);
}

#[test]
fn media_that_are_not_named_are_what_the_content_is_called() {
    assert_eq!(description(&with_description("", "")).media, "audio");
    for (name, media) in [("video", "video"), ("audio", "audio"), ("0", "audio")] {
        let content = format!("<content name='{name}'><description xmlns='{}'/></content>", ns::RTP);
        let element = jingle("action='session-initiate' sid='s'", &content);
        assert_eq!(description(&element).media, media);
    }
}

#[test]
fn static_payload_types_need_no_name_and_numbers_that_add_nothing_are_passed_over() {
    let rtp = description(&with_description(
        "ssrc='none'",
        "<payload-type id='0'/><payload-type id=' 8 ' clockrate='fast' channels='' ptime='-1' maxptime='1.5'/>\
         <bandwidth type='AS'>wide</bandwidth><bandwidth>64</bandwidth>",
    ));
    assert_eq!(rtp.payload_types, [PayloadType::new(0), PayloadType::new(8)]);
    assert_eq!((rtp.ssrc, rtp.bandwidth), (None, None));
}

#[test]
fn a_payload_type_without_a_possible_number_is_refused() {
    let element = "payload-type";
    let attribute = "id";
    refused(
        &with_description("", "<payload-type name='x'/>"),
        &JingleError::Missing { element, attribute },
    );
    for id in ["128", "256", "-1", "x"] {
        let expected = "a number from 0 to 127";
        let with = with_description("", &format!("<payload-type id='{id}'/>"));
        refused(
            &with,
            &JingleError::Malformed {
                element,
                attribute,
                expected,
            },
        );
    }
}

#[test]
fn parameters_may_be_without_name_or_value_or_in_the_namespace_of_the_description() {
    let rtp = description(&with_description(
        "",
        "<payload-type id='101'><parameter value='0-15'/><parameter name='a' value=''/><parameter name='b'/></payload-type>\
         <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='1'>\
            <parameter xmlns='urn:xmpp:jingle:apps:rtp:1' name='cname' value='n'/></source>",
    ));
    let expected = [
        Parameter::new("", "0-15"),
        Parameter::new("a", ""),
        Parameter::flag("b"),
    ];
    assert_eq!(rtp.payload_types[0].parameters, expected);
    assert_eq!(rtp.sources[0].parameters, [Parameter::new("cname", "n")]);
}

#[test]
fn a_source_without_a_number_is_passed_over() {
    let source = "<source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' rid='h'/>";
    assert_eq!(description(&with_description("", source)).sources, []);
}

#[test]
fn a_fingerprint_is_trimmed_and_may_not_be_empty() {
    let with = |attributes: &str, text: &str| {
        with_transport(&format!(
            "<fingerprint xmlns='{}' {attributes}>{text}</fingerprint>",
            ns::DTLS
        ))
    };
    let ice = transport(&with("hash='sha-256' setup='perhaps' required='maybe'", "\n  AB:CD\n"));
    assert_eq!(ice.fingerprints, [Fingerprint::new("sha-256", None, "AB:CD")]);
    refused(
        &with("hash='sha-256'", " "),
        &JingleError::Empty { element: "fingerprint" },
    );
    let (element, attribute) = ("fingerprint", "hash");
    refused(&with("", "AB"), &JingleError::Missing { element, attribute });
}

#[test]
fn what_is_not_known_is_passed_over_or_kept() {
    let element = jingle(
        "action='session-initiate' sid='s' xmlns:x='urn:x' x:more='1'",
        "<x:unknown/>text<content name='a' weight='9'><security xmlns='urn:y'/>\
            <x:description xml:lang='en' x:a='1'>one<x:two/>three</x:description>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1'/>\
            <transport xmlns=''><z/></transport></content>",
    );
    let jingle = read(&element);
    assert_eq!(jingle.info, None);
    let Some(Application::Other(kept)) = &jingle.contents[0].description else {
        panic!("the first description counts: {jingle:?}");
    };
    assert_eq!(kept.ns(), "urn:x");
    let original = element.get_child("content", ns::JINGLE).expect("the content");
    assert_eq!(Some(kept), original.get_child("description", "urn:x"));
    let printed = String::from(&jingle.to_element());
    let again = read(&printed.parse().expect("what is written is well-formed"));
    assert_eq!(again, jingle, "{printed}");
}

#[test]
fn what_is_in_a_namespace_of_xml_itself_is_not_kept() {
    for description in [
        "<description xmlns='http://www.w3.org/2000/xmlns/'/>",
        "<description xmlns='urn:x'><a xmlns='http://www.w3.org/2000/xmlns/'/></description>",
        "<description xmlns='urn:x' xmlns:q='http://www.w3.org/2000/xmlns/' q:a='1'/>",
    ] {
        let content = format!("<content name='a'>{description}</content>");
        refused(
            &jingle("action='session-initiate' sid='s'", &content),
            &JingleError::ReservedNamespace,
        );
    }
    // A parser lets this one through to nobody, but elements are also made by hand.
    let description = Element::bare("description", "http://www.w3.org/XML/1998/namespace");
    let content = Element::builder("content", ns::JINGLE).append(description);
    let mut element = jingle("action='session-initiate' sid='s'", "");
    element.append_child(
        content
            .attr(NcName::try_from("name").expect("an XML name"), "a")
            .build(),
    );
    refused(&element, &JingleError::ReservedNamespace);
}

#[test]
fn a_reason_is_read_for_what_can_be_made_of_it() {
    for (children, reason) in [
        ("", Reason::GeneralError),
        ("<tired/>", Reason::GeneralError),
        ("<busy xmlns='urn:x'/>", Reason::GeneralError),
        ("<x xmlns='urn:x'/><busy/><gone/>", Reason::Busy),
        ("<text>late</text><timeout/>", Reason::Timeout),
        (
            "<alternative-session><sid/></alternative-session>",
            Reason::AlternativeSession,
        ),
    ] {
        let element = jingle(
            "action='session-terminate' sid='s'",
            &format!("<reason>{children}</reason>"),
        );
        let farewell = read(&element).reason.expect("there is a reason");
        assert_eq!((farewell.reason, farewell.alternative), (reason, None), "{children}");
    }
    let without = jingle("action='session-terminate' sid='s'", "");
    assert_eq!(read(&without).reason, None);
}

#[test]
fn the_session_that_goes_on_may_stand_without_an_element_of_its_own() {
    for sid in ["<sid>t</sid>", "<sid xmlns='urn:x'> t </sid>", "t"] {
        let reason = format!("<reason><alternative-session>{sid}</alternative-session></reason>");
        let element = jingle("action='session-terminate' sid='s'", &reason);
        let farewell = read(&element).reason.expect("there is a reason");
        assert_eq!(farewell.alternative, Some(SessionId::new("t")), "{sid}");
    }
}

#[test]
fn what_is_asked_of_whom_is_read_without_the_rest() {
    let broken = jingle("action='content-add' sid='s'", "<content/>");
    assert!(Jingle::parse(&broken).is_err());
    assert_eq!(address(&broken, 11), Ok((Action::ContentAdd, SessionId::new("s"))));
    let (what, bytes, limit) = ("action", 11, 10);
    assert_eq!(address(&broken, 10), Err(JingleError::TooLong { what, bytes, limit }));
    for nothing in ["action='content-add'", "sid='s'", "action='dance' sid='s'"] {
        let element = jingle(nothing, "");
        assert_eq!(address(&element, 100).err(), Jingle::parse(&element).err());
    }
}

#[test]
fn a_mute_by_nobody_in_particular_is_a_mute() {
    let mute = "<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1' creator='user-1' name='audio'/>";
    let element = jingle("action='session-info' sid='s'", mute);
    let (creator, name) = (None, Some("audio".to_owned()));
    assert_eq!(read(&element).info, Some(Info::Mute { creator, name }));
}

#[test]
fn only_a_session_info_informs() {
    let ringing = "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>";
    let element = jingle("action='session-accept' sid='s'", ringing);
    assert_eq!(read(&element).info, None);
}

#[test]
fn a_group_without_semantics_says_nothing() {
    let group = format!("<group xmlns='{}'><content name='a'/></group>", ns::GROUPING);
    assert_eq!(read(&jingle("action='session-accept' sid='s'", &group)).groups, []);
}

#[test]
fn what_names_no_session_or_action_is_refused() {
    let missing = |element, attribute| JingleError::Missing { element, attribute };
    refused(&jingle("sid='s'", ""), &missing("jingle", "action"));
    refused(&jingle("action='session-info'", ""), &missing("jingle", "sid"));
    refused(&jingle("action='session-info' sid=''", ""), &missing("jingle", "sid"));
    refused(
        &jingle("action='session-dance' sid='s'", ""),
        &JingleError::UnknownAction {
            action: "session-dance".to_owned(),
        },
    );
    refused(
        &Element::bare("jingle", "urn:xmpp:jingle:0"),
        &JingleError::OtherElement,
    );
    refused(&Element::bare("ping", ns::JINGLE), &JingleError::OtherElement);
}

#[test]
fn a_party_that_is_no_jid_counts_as_unsaid() {
    let element = jingle(
        "action='session-info' sid='s' initiator='@' responder='a@example.org/1'",
        "",
    );
    let jingle = read(&element);
    assert_eq!(jingle.initiator, None);
    assert_eq!(jingle.responder, Jid::new("a@example.org/1").ok());
}

#[test]
fn ice2_is_said_in_the_syntax_that_knows_it() {
    let said = |namespace| {
        let content = format!("<content name='a'><transport xmlns='{namespace}' ice2='1'/></content>");
        transport(&jingle("action='transport-replace' sid='s'", &content)).ice2
    };
    assert!(said(ns::ICE));
    assert!(!said(ns::ICE_UDP));
}

#[test]
fn a_content_that_cannot_be_told_from_another_is_refused() {
    let remove = |contents: &str| jingle("action='content-remove' sid='s'", contents);
    let (element, attribute) = ("content", "name");
    refused(
        &remove("<content creator='initiator'/>"),
        &JingleError::Missing { element, attribute },
    );
    refused(
        &remove("<content name='a'/><content creator='initiator' name='a'/>"),
        &JingleError::RepeatedContent { name: "a".to_owned() },
    );
    for (attribute, expected) in [
        ("creator", "`initiator` or `responder`"),
        ("senders", "`both`, `initiator`, `none` or `responder`"),
    ] {
        let content = format!("<content name='a' {attribute}='gateway'/>");
        refused(
            &remove(&content),
            &JingleError::Malformed {
                element,
                attribute,
                expected,
            },
        );
    }
}
