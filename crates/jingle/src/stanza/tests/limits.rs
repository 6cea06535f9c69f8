//! What is too much is refused by name.

use super::{super::*, jingle, with_description, with_transport};

const LIMITS: JingleLimits = JingleLimits {
    contents: 2,
    candidates: 3,
    payload_types: 2,
    entries: 2,
    text: 64,
    foreign: 100,
    foreign_depth: 3,
};

#[track_caller]
fn refused(element: &Element, expected: &JingleError) {
    let error = Jingle::parse_within(element, &LIMITS).expect_err("this is too much");
    assert_eq!(&error, expected);
    assert!(error.is_limit());
}

#[track_caller]
fn too_many(what: &'static str, limit: usize, build: impl Fn(&str) -> Element, one: impl Fn(usize) -> String) {
    let some = |count: usize| build(&(0..count).map(&one).collect::<String>());
    Jingle::parse_within(&some(limit), &LIMITS).unwrap_or_else(|error| panic!("{limit} {what}: {error}"));
    refused(&some(limit + 1), &JingleError::TooMany { what, limit });
}

#[test]
fn every_list_has_a_longest_length() {
    let root = |children: &str| jingle("action='content-remove' sid='s'", children);
    too_many("contents", 2, root, |n| format!("<content name='{n}'/>"));
    too_many("groups", 2, root, |_| {
        "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='LS'/>".to_owned()
    });
    let group = |children: &str| {
        root(&format!(
            "<group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='LS'>{children}</group>"
        ))
    };
    too_many("contents of a group", 2, group, |n| format!("<content name='{n}'/>"));
    let rtp = |children: &str| with_description("media='audio'", children);
    too_many("payload types", 2, rtp, |n| format!("<payload-type id='{n}'/>"));
    let namespaced =
        |name: &'static str, ns: &'static str, rest: &'static str| move |_| format!("<{name} xmlns='{ns}' {rest}/>");
    too_many(
        "kinds of feedback",
        2,
        rtp,
        namespaced("rtcp-fb", ns::RTCP_FEEDBACK, "type='nack'"),
    );
    let extension = namespaced("rtp-hdrext", ns::HEADER_EXTENSIONS, "id='1' uri='urn:u'");
    too_many("header extensions", 2, rtp, extension);
    too_many("sources", 2, rtp, namespaced("source", ns::SOURCES, "ssrc='1'"));
    let source_group = namespaced("ssrc-group", ns::SOURCES, "semantics='FID'");
    too_many("groups of sources", 2, rtp, source_group);
    too_many(
        "media streams",
        2,
        rtp,
        namespaced("stream", ns::MEDIA_STREAMS, "id='-'"),
    );
    let sources = |children: &str| {
        rtp(&format!(
            "<ssrc-group xmlns='{}' semantics='FID'>{children}</ssrc-group>",
            ns::SOURCES
        ))
    };
    too_many("sources of a group", 2, sources, |n| format!("<source ssrc='{n}'/>"));
    let encryption = |children: &str| rtp(&format!("<encryption>{children}</encryption>"));
    let crypto = |n: usize| format!("<crypto crypto-suite='S' key-params='K' tag='{n}'/>");
    too_many("key descriptions", 2, encryption, crypto);
    let hash = |_| format!("<zrtp-hash xmlns='{}'>aa</zrtp-hash>", ns::ZRTP);
    too_many("ZRTP hashes", 2, encryption, hash);
    let parameters = |children: &str| rtp(&format!("<payload-type id='0'>{children}</payload-type>"));
    too_many("parameters", 2, parameters, |n| format!("<parameter name='{n}'/>"));
    let fingerprint = |_| format!("<fingerprint xmlns='{}' hash='sha-256'>A</fingerprint>", ns::DTLS);
    too_many("fingerprints", 2, with_transport, fingerprint);
    too_many("candidates", 3, with_transport, |_| {
        "<candidate ip='192.0.2.1' port='9'/>".to_owned()
    });
    let chosen = |_| "<remote-candidate ip='192.0.2.1' port='9'/>".to_owned();
    too_many("candidates", 3, with_transport, chosen);
}

#[test]
fn candidates_are_counted_over_all_contents() {
    let content = |name: &str, count: usize| {
        let candidates = "<candidate ip='192.0.2.1' port='9'/>".repeat(count);
        format!(
            "<content name='{name}'><transport xmlns='{}'>{candidates}</transport></content>",
            ns::ICE_UDP
        )
    };
    let both = |count| {
        let contents = content("a", 2) + &content("b", count);
        jingle("action='transport-info' sid='s'", &contents)
    };
    assert!(Jingle::parse_within(&both(1), &LIMITS).is_ok());
    refused(
        &both(2),
        &JingleError::TooMany {
            what: "candidates",
            limit: 3,
        },
    );
}

#[test]
fn every_text_has_a_longest_length() {
    let long = "x".repeat(65);
    let too_long = |what| JingleError::TooLong {
        what,
        bytes: 65,
        limit: 64,
    };
    refused(
        &jingle(&format!("action='session-info' sid='{long}'"), ""),
        &too_long("sid"),
    );
    refused(&jingle(&format!("action='{long}' sid='s'"), ""), &too_long("action"));
    refused(&with_description(&format!("media='{long}'"), ""), &too_long("media"));
    let fingerprint = format!("<fingerprint xmlns='{}' hash='sha-256'>{long}</fingerprint>", ns::DTLS);
    refused(&with_transport(&fingerprint), &too_long("fingerprint"));
    let unknown = |name: &str, namespace: &str| {
        jingle(
            "action='session-info' sid='s'",
            &format!("<{name} xmlns='{namespace}'/>"),
        )
    };
    refused(&unknown(&long, "urn:x"), &too_long("the name of a payload"));
    refused(&unknown("x", &long), &too_long("the namespace of a payload"));
    // Sixty-four bytes are not too many, and neither is what nobody reads.
    let fits = jingle(
        &format!("action='session-info' sid='{}' other='{long}'", &long[1..]),
        "",
    );
    assert!(Jingle::parse_within(&fits, &LIMITS).is_ok());
}

#[test]
fn a_farewell_is_one_however_long_its_text() {
    let long = "ü".repeat(40);
    let element = jingle(
        "action='session-terminate' sid='s'",
        &format!("<reason><alternative-session><sid>{long}</sid></alternative-session><text>{long}</text></reason>"),
    );
    let jingle = Jingle::parse_within(&element, &LIMITS).expect("hanging up always works");
    let reason = jingle.reason.expect("there is a reason");
    assert_eq!(reason.text, Some("ü".repeat(32)));
    assert_eq!(reason.alternative, None);
}

#[test]
fn what_is_kept_unread_has_a_largest_size_and_depth() {
    let with = |description: &str| {
        let content = format!("<content name='a'>{description}</content>");
        jingle("action='session-initiate' sid='s'", &content)
    };
    let of_size = |bytes: usize| {
        let (name, ns) = ("description", "urn:x");
        let rest = "y".repeat(bytes - name.len() - ns.len());
        with(&format!("<{name} xmlns='{ns}'>{rest}</{name}>"))
    };
    assert!(Jingle::parse_within(&of_size(100), &LIMITS).is_ok());
    let what = "an element that is kept as it came";
    refused(
        &of_size(101),
        &JingleError::TooLong {
            what,
            bytes: 101,
            limit: 100,
        },
    );
    let deep = with("<description xmlns='urn:x'><a><b/></a></description>");
    assert!(Jingle::parse_within(&deep, &LIMITS).is_ok());
    let deeper = with("<description xmlns='urn:x'><a><b><c/></b></a></description>");
    let what = "elements inside one another";
    refused(&deeper, &JingleError::TooMany { what, limit: 3 });
}
