//! Requests that must not touch the session.

use super::*;
use crate::genesys;

fn methods() -> [Method; 3] {
    [
        offer(&offer_sdp("u9"), Some("c9")),
        Method::Candidate {
            session: id(),
            mid: None,
            candidate: remote_candidate("u0"),
        },
        Method::Terminate {
            session: id(),
            reason: Reason::Success,
        },
    ]
}

#[test]
fn only_the_exact_peer_acts_on_the_session() {
    let refused = ["reply: item-not-found: the sender is not the peer of this session"];
    for mut call in [
        Call::new(),
        Call::offered(),
        Call::answering(),
        Call::answered(),
        Call::ending(),
    ] {
        for from in [
            "mallory@example.org/x",
            "peer@gjoll.example",
            "peer@gjoll.example/other",
            "me@example.org/r",
        ] {
            for method in methods() {
                assert_eq!(call.from(from, "1", method), refused, "{from}");
            }
        }
        assert!(!call.session.is_ended());
        assert_eq!(call.session.conversation(), Some(&ConversationId::new("c")));
    }
}

#[test]
fn what_a_stranger_sends_is_not_even_read() {
    let garbage = Element::bare("garbage", "urn:example:garbage");
    let said = Call::new().payload("mallory@example.org/x", garbage);
    assert_eq!(
        said,
        ["reply: item-not-found: the sender is not the peer of this session"]
    );
}

#[test]
fn a_request_for_another_session_is_refused() {
    let method = Method::Terminate {
        session: SessionId::new("other"),
        reason: Reason::Success,
    };
    assert_eq!(
        Call::answered().peer("1", method),
        ["reply: item-not-found: the request speaks of another session"]
    );
}

#[test]
fn a_request_that_cannot_be_read_is_refused_for_its_own_reason() {
    let mut call = Call::with(|config| config.limits.rpc.sdp = 10);
    let mut says = |text: &str| {
        let payload = Element::builder(genesys::NAME, genesys::NAMESPACE).append(text).build();
        let said = call.payload("peer@gjoll.example/media", payload);
        said.concat()
    };
    assert_eq!(
        says("{"),
        "reply: bad-request: the text is not JSON: it breaks off at line 1, column 1"
    );
    assert_eq!(
        says(r#"{"method":"dance","params":{"sessionId":"s"}}"#),
        r#"reply: feature-not-implemented: the method "dance" is unknown"#
    );
    assert_eq!(
        says(r#"{"method":"offer","params":{"sessionId":"s","sdp":"v=0 and more"}}"#),
        "reply: resource-constraint: the field `sdp` has 12 bytes; at most 10 are read"
    );
    assert_eq!(
        says(r#"{"method":"answer","params":{"sessionId":"s","sdp":"v=0"}}"#),
        "reply: unexpected-request: the method `answer` is not for this side of a session"
    );
}

#[test]
fn the_other_dialect_is_refused() {
    let jingle = Element::bare("jingle", "urn:xmpp:jingle:1");
    assert_eq!(
        Call::answered().payload("peer@gjoll.example/media", jingle),
        [r#"reply: bad-request: not a <genesys-webrtc xmlns="genesys"/> element"#]
    );
}

#[test]
fn what_the_peer_says_of_its_own_state_is_told() {
    let mut call = Call::answered();
    let info = Method::Info {
        session: id(),
        status: "active".to_owned(),
    };
    assert_eq!(call.peer("1", info), ["reply: done", "event: active"]);
    let mute = Method::Mute {
        session: id(),
        media: "audio".to_owned(),
    };
    assert_eq!(call.peer("2", mute), ["reply: done", "event: muted true -"]);
}
