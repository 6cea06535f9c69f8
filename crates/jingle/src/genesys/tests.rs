//! Reading and writing of the dialect, against what the platform's own client writes and understands.

use super::*;

fn read(text: &str) -> Result<Rpc, RpcError> {
    read_within(text, &RpcLimits::default())
}

fn read_within(text: &str, limits: &RpcLimits) -> Result<Rpc, RpcError> {
    Rpc::parse_within(&Element::builder(NAME, NAMESPACE).append(text).build(), limits)
}

fn session_id() -> SessionId {
    SessionId::new("d9257bf1-37b5-4b44-b7b2-a279337d61e3")
}

/// What the platform's own client was recorded to send, one of each kind.
const RECORDED: [&str; 7] = [
    r#"{"jsonrpc":"2.0","method":"answer","params":{"sdp":"v=0\r\no=- 3264109925939321430 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=setup:active\r\na=mid:audio\r\n","sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3"},"id":"fb483a21-c870-4467-bf65-bf84357789b1"}"#,
    r#"{"jsonrpc":"2.0","method":"iceCandidate","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","sdp":"m=audio 9 RTP/AVP 0\r\na=candidate:2771316192 1 udp 2122194687 127.0.0.1 44538 typ host generation 0 ufrag 15ge network-id 3 network-cost 50\r\n"},"id":"69365fbc-9b4d-4350-9795-f70fa3f1fa13"}"#,
    r#"{"jsonrpc":"2.0","method":"iceCandidate","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","sdp":"a=end-of-candidates\r\n"},"id":"1a68cdd7-ccb1-4594-a7a2-a94daaf65c78"}"#,
    r#"{"jsonrpc":"2.0","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","status":"active"},"method":"info","id":"61bde93d-bc0d-42c7-92f8-ab035abdbf60"}"#,
    r#"{"jsonrpc":"2.0","method":"mute","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","type":"audio"},"id":"8a751321-3afb-4c19-9399-70f40e4b7513"}"#,
    r#"{"jsonrpc":"2.0","method":"unmute","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","type":"audio"},"id":"b4177349-5505-44d9-a782-5af87de706ae"}"#,
    r#"{"jsonrpc":"2.0","method":"terminate","params":{"sessionId":"d9257bf1-37b5-4b44-b7b2-a279337d61e3","reason":"success"},"id":"105d7adc-3054-4ac8-a927-b2c5df2fa322"}"#,
];

#[test]
fn what_was_recorded_is_written_again_byte_for_byte() {
    for text in RECORDED {
        let rpc = read(text).expect("the recording can be read");
        assert_eq!(rpc.to_element().text(), text);
        assert_eq!(rpc.session(), &session_id());
    }
}

#[test]
fn the_element_is_printed_with_its_json_as_it_is() {
    let printed = String::from(&read(RECORDED[6]).expect("readable").to_element());
    assert!(printed.contains(RECORDED[6]), "{printed}");
}

#[test]
fn a_recorded_offer_is_read() {
    let xml = r#"<genesys-webrtc xmlns="genesys">{&quot;jsonrpc&quot;:&quot;2.0&quot;,&quot;method&quot;:&quot;offer&quot;,&quot;id&quot;:&quot;be43fe58&quot;,&quot;params&quot;:{&quot;sessionId&quot;:&quot;33623e83&quot;,&quot;conversationId&quot;:&quot;28310fe4&quot;,&quot;sdp&quot;:&quot;v=0\r\na=mid:audio\r\n&quot;,&quot;reinvite&quot;:true}}</genesys-webrtc>"#;
    let method = Method::Offer {
        session: SessionId::new("33623e83"),
        conversation: Some(ConversationId::new("28310fe4")),
        sdp: "v=0\r\na=mid:audio\r\n".to_owned(),
        reinvite: true,
    };
    let id = "be43fe58".to_owned();
    let element = xml.parse().expect("well-formed XML");
    assert_eq!(Rpc::parse(&element), Ok(Rpc { id, method }));
}

#[test]
fn an_offer_that_we_write_is_read_back_without_the_fields_that_say_nothing() {
    let rpc = |conversation: Option<&str>, reinvite| Rpc {
        id: "1".to_owned(),
        method: Method::Offer {
            session: SessionId::new("s"),
            conversation: conversation.map(ConversationId::new),
            sdp: "v=0\r\n".to_owned(),
            reinvite,
        },
    };
    let plain = rpc(None, false).to_element();
    assert_eq!(
        plain.text(),
        r#"{"jsonrpc":"2.0","method":"offer","params":{"sessionId":"s","sdp":"v=0\r\n"},"id":"1"}"#
    );
    for rpc in [rpc(None, false), rpc(Some("c"), true)] {
        assert_eq!(Rpc::parse(&rpc.to_element()), Ok(rpc));
    }
}

fn candidate_of(fragment: &str) -> Result<Method, RpcError> {
    let sdp = serde_json::Value::from(fragment);
    read(&format!(
        r#"{{"method":"iceCandidate","id":1,"params":{{"sessionId":"s","sdp":{sdp}}}}}"#
    ))
    .map(|rpc| rpc.method)
}

#[test]
fn a_fragment_holds_one_candidate_and_perhaps_its_media_description() {
    let candidate = |mid: Option<&str>, text: &str| {
        let (mid, candidate) = (mid.map(str::to_owned), text.to_owned());
        Ok(Method::Candidate {
            session: SessionId::new("s"),
            mid,
            candidate,
        })
    };
    for (fragment, expected) in [
        (
            "m=audio 9 UDP/TLS/RTP/SAVPF 96\r\na=candidate:1 1 udp\r\n",
            candidate(Some("audio"), "candidate:1 1 udp"),
        ),
        ("a=candidate:1 1 udp", candidate(None, "candidate:1 1 udp")),
        ("m=0 9 RTP/AVP 0\na=candidate:1\n", candidate(Some("0"), "candidate:1")),
        // RFC 8840 puts the tag where it belongs; then the first word is the kind of media.
        (
            "a=ice-ufrag:u\r\nm=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1\r\n",
            candidate(Some("0"), "candidate:1"),
        ),
        (
            "m=\r\na=candidate:1\r\na=candidate:2\r\n",
            candidate(None, "candidate:1"),
        ),
    ] {
        assert_eq!(candidate_of(fragment), expected, "{fragment:?}");
    }
}

#[test]
fn the_end_of_candidates_needs_no_media_description() {
    for fragment in [
        "a=end-of-candidates\r\n",
        "a=end-of-candidates",
        "m=audio 9 RTP/AVP 0\r\na=end-of-candidates\r\n",
    ] {
        let session = SessionId::new("s");
        assert_eq!(candidate_of(fragment), Ok(Method::EndOfCandidates { session }));
    }
}

#[test]
fn a_fragment_without_either_is_refused() {
    for fragment in ["", "m=audio 9 RTP/AVP 0\r\n", "a=candidate:\r\n", "candidate:1"] {
        assert_eq!(candidate_of(fragment), Err(RpcError::NoCandidate), "{fragment:?}");
    }
}

#[test]
fn ids_are_strings_or_numbers_and_unknown_fields_are_ignored() {
    let id = |id: &str| {
        read(&format!(
            r#"{{{id}"method":"terminate","extra":[{{}}],"params":{{"sessionId":"s","more":null}}}}"#
        ))
        .map(|rpc| rpc.id)
    };
    assert_eq!(id(r#""id":"x","#), Ok("x".to_owned()));
    assert_eq!(id(r#""id":17,"#), Ok("17".to_owned()));
    assert_eq!(id(r#""id":-1.5,"#), Ok("-1.5".to_owned()));
    assert_eq!(id(r#""id":null,"#), Ok(String::new()));
    assert_eq!(id(""), Ok(String::new()));
    let expected = "a string or a number";
    assert_eq!(id(r#""id":[],"#), Err(RpcError::WrongType { field: "id", expected }));
}

#[test]
fn a_reason_that_is_absent_is_success_and_an_unknown_one_a_general_error() {
    let reason = |json: &str| {
        let text = format!(r#"{{"id":1,"method":"terminate","params":{{"sessionId":"s"{json}}}}}"#);
        match read(&text).expect("readable").method {
            Method::Terminate { reason, .. } => reason,
            other => panic!("{other:?} is no terminate"),
        }
    };
    assert_eq!(reason(""), Reason::Success);
    assert_eq!(reason(r#","reason":null"#), Reason::Success);
    assert_eq!(reason(r#","reason":"""#), Reason::Success);
    assert_eq!(reason(r#","reason":"gone""#), Reason::Gone);
    assert_eq!(reason(r#","reason":"tired""#), Reason::GeneralError);
}

#[test]
fn each_fault_has_its_own_name() {
    let wrong = |field, expected| RpcError::WrongType { field, expected };
    for (text, error) in [
        ("", RpcError::NotJson { line: 1, column: 0 }),
        ("{\n!", RpcError::NotJson { line: 2, column: 1 }),
        ("[]", wrong("request", "an object")),
        ("{}", RpcError::Missing { field: "method" }),
        (r#"{"method":1}"#, wrong("method", "a string")),
        (r#"{"method":"offer"}"#, RpcError::Missing { field: "params" }),
        (r#"{"method":"offer","params":[]}"#, wrong("params", "an object")),
        (
            r#"{"method":"offer","params":{}}"#,
            RpcError::Missing { field: "sessionId" },
        ),
        (
            r#"{"method":"offer","params":{"sessionId":""}}"#,
            RpcError::Missing { field: "sessionId" },
        ),
        (
            r#"{"method":"offer","params":{"sessionId":7}}"#,
            wrong("sessionId", "a string"),
        ),
        (
            r#"{"method":"offer","params":{"sessionId":"s"}}"#,
            RpcError::Missing { field: "sdp" },
        ),
        (
            r#"{"method":"offer","params":{"sessionId":"s","sdp":"","reinvite":"yes"}}"#,
            wrong("reinvite", "a boolean"),
        ),
        (
            r#"{"method":"info","params":{"sessionId":"s"}}"#,
            RpcError::Missing { field: "status" },
        ),
        (
            r#"{"method":"offer","params":{"sessionId":"\u0001"}}"#,
            RpcError::NotXmlText { field: "sessionId" },
        ),
        (
            r#"{"method":"dance","params":{}}"#,
            RpcError::UnknownMethod {
                method: "dance".to_owned(),
            },
        ),
    ] {
        assert_eq!(read(text), Err(error), "{text}");
    }
    let other = Element::bare(NAME, "urn:example:other");
    assert_eq!(Rpc::parse(&other), Err(RpcError::OtherElement));
}

#[test]
fn each_size_has_its_limit() {
    let limits = RpcLimits {
        text: 90,
        sdp: 4,
        candidate: 3,
        word: 8,
    };
    let long = |field, bytes, limit| Err(RpcError::FieldTooLong { field, bytes, limit });
    let offer = r#"{"method":"offer","params":{"sessionId":"s","sdp":"12345"}}"#;
    assert_eq!(read_within(offer, &limits), long("sdp", 5, 4));
    let candidate = r#"{"method":"iceCandidate","params":{"sessionId":"s","sdp":"1234"}}"#;
    let words = RpcLimits { word: 12, ..limits };
    assert_eq!(read_within(candidate, &words), long("sdp", 4, 3));
    assert_eq!(read_within(candidate, &limits), long("method", 12, 8));
    let text = format!("{offer}{}", " ".repeat(90));
    let bytes = text.len();
    assert_eq!(
        read_within(&text, &limits),
        Err(RpcError::TooLarge { bytes, limit: 90 })
    );
}

#[test]
fn nesting_beyond_reason_is_not_json() {
    let text = "[".repeat(100_000);
    assert!(matches!(read(&text), Err(RpcError::NotJson { .. })));
}

#[test]
fn characters_that_xml_cannot_carry_are_written_in_json_escapes() {
    let method = Method::Info {
        session: SessionId::new("s"),
        status: "\u{1}\u{FFFE}<&>\u{FFFF}".to_owned(),
    };
    let rpc = Rpc {
        id: "1".to_owned(),
        method,
    };
    let printed = String::from(&rpc.to_element());
    let element = printed.parse().expect("well-formed XML");
    assert_eq!(Rpc::parse(&element), Ok(rpc));
}
