//! The fuzz bodies on random inputs: the properties of the two machines.

use proptest::prelude::*;

/// An operation of [`super::session_operations`]; ends are rare, so that there is much before them.
fn operation() -> impl Strategy<Value = [u8; 2]> {
    let pair = |operation: u8| any::<u8>().prop_map(move |detail| [operation, detail]);
    prop_oneof![
        4 => pair(0),
        8 => pair(7),
        1 => pair(9),
        4 => pair(10),
        6 => (11_u8..15).prop_flat_map(pair),
        6 => pair(16),
        4 => pair(17),
        1 => Just([15, 1]),
        1 => (0_u8..18).prop_flat_map(pair),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_session_keeps_its_invariants_whatever_is_done_to_it(
        data in prop::collection::vec(any::<u8>(), 0..160)
    ) {
        super::session_operations(&data);
    }

    /// A call that is set up, and then anything, often without signalling.
    #[test]
    fn whatever_is_lost_is_said_when_signalling_is_back(
        answered in any::<bool>(),
        operations in prop::collection::vec(operation(), 0..60),
    ) {
        let mut data = vec![0, 0];
        if answered {
            data.extend([10, 0]);
        }
        data.extend(operations.iter().flatten());
        super::session_operations(&data);
    }

    #[test]
    fn the_table_keeps_its_invariants_whatever_is_done_to_it(
        data in prop::collection::vec(any::<u8>(), 0..200)
    ) {
        super::proposal_operations(&data);
    }

    #[test]
    fn any_bytes_may_be_a_request(data in prop::collection::vec(any::<u8>(), 0..400)) {
        super::genesys_webrtc(&data);
    }

    #[test]
    fn any_text_may_be_a_stanza(
        name in "jingle|propose|iq|\\PC{0,4}",
        namespace in "urn:xmpp:jingle:1|urn:xmpp:jingle-message:0|\\PC{0,8}",
        attributes in "( (action|sid|id|initiator)='(session-(initiate|accept|info)|[ -~]{0,6})'){0,4}",
        children in "(<(content|reason|group)( (name|creator)='[a-z]{0,9}')?/>|\\PC){0,4}",
    ) {
        super::jingle_stanza(format!("<{name} xmlns='{namespace}'{attributes}>{children}</{name}>").as_bytes());
    }

    #[test]
    fn any_lines_may_be_in_a_description(
        lines in "(m=(audio|video|a) [09] (UDP/TLS/RTP/SAVPF|x)( [0-9]{1,3}){0,3}\r\n\
            (a=(mid|group|rtpmap|fmtp|rtcp-fb|extmap|ssrc|msid|fingerprint|setup|ice-ufrag|candidate|ptime|crypto):?[ -~]{0,20}\r\n){0,6}){0,3}",
    ) {
        super::sdp_roundtrip(lines.as_bytes());
    }

    #[test]
    fn any_words_may_be_in_what_a_peer_says_of_rtp(
        name in "[!-%(-;=?-~]{1,6}",
        words in prop::collection::vec("[ -%(-;=?-~]{1,6}|&#xA;a=evil|&#x2028;", 5),
        ssrc in 0..3_u8,
    ) {
        let [codec, value, uri, id, kind] = words.try_into().expect("five");
        let [name, codec, value, uri, id, kind] = [name, codec, value, uri, id, kind].map(|text| text.replace("&#", "\u{0}").replace('&', "&amp;").replace('\u{0}', "&#"));
        let jingle = format!(
            "<jingle xmlns='urn:xmpp:jingle:1' action='session-initiate' sid='s'><content creator='initiator' name='{name}'>\
                <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='{kind}'>\
                    <payload-type id='9{ssrc}' name='{codec}' clockrate='8000'><parameter name='{value}' value='{codec}'/></payload-type>\
                    <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' uri='{uri}'/>\
                    <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='{ssrc}'><parameter name='{kind}' value='{value}'/></source>\
                    <stream xmlns='urn:xmpp:jingle:apps:rtp:msid:0' id='{id}'/>\
                </description>\
                <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='{id}' pwd='{uri}'/>\
            </content><group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'><content name='{name}'/></group></jingle>"
        );
        super::sdp_roundtrip(jingle.as_bytes());
    }

    #[test]
    fn any_values_may_be_in_a_request(
        control in 0_u8..16,
        method in "offer|answer|iceCandidate|info|terminate|mute|other",
        session in "s|t|\\PC{0,8}",
        sdp in "(a=(ice-ufrag:|ice-pwd:|candidate:|mid:|end-of-candidates)?[ -~]{0,8}(\r\n|\n|\r)?){0,4}|\\PC*",
        extra in "null|1|\"x\"|true|\\[\\]|\\{\\}",
    ) {
        let text = |text: &str| serde_json::Value::from(text).to_string();
        let json = format!(
            r#"{{"method":{},"id":{extra},"params":{{"sessionId":{},"sdp":{},"status":{extra},"conversationId":{extra}}}}}"#,
            text(&method), text(&session), text(&sdp),
        );
        let mut data = vec![control];
        data.extend(json.bytes());
        data.push(0x1E);
        data.extend(json.bytes());
        super::genesys_webrtc(&data);
    }
}

#[test]
fn no_bytes_at_all_are_a_request_too() {
    super::genesys_webrtc(&[]);
    super::session_operations(&[]);
    super::proposal_operations(&[]);
    super::jingle_stanza(&[]);
    super::sdp_roundtrip(&[]);
}

#[test]
fn elements_of_any_depth_may_be_given() {
    let deep = "<a xmlns='urn:xmpp:jingle:1'>".repeat(10_000);
    super::jingle_stanza(deep.as_bytes());
    super::sdp_roundtrip(deep.as_bytes());
    let content = "<content xmlns='urn:xmpp:jingle:1' name='a'>";
    let nested = [&content.repeat(200), &*"</content>".repeat(200)].concat();
    let jingle = format!("<jingle xmlns='urn:xmpp:jingle:1' action='session-info' sid='s'>{nested}</jingle>");
    super::jingle_stanza(jingle.as_bytes());
}
