//! Sections that use the transport of another one.

use super::*;
use crate::stanza::Setup;

/// The first of the bundle says what is said of its transport (RFC 8843 section 7.1.3), the second nothing, the third is rejected, the
/// fourth is in no bundle.
const ANSWER: &str = "v=0\r\n\
    a=group:LS a d\r\n\
    a=group:BUNDLE a b c\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n\
    a=mid:a\r\n\
    a=ice-ufrag:ours\r\n\
    a=ice-pwd:secret\r\n\
    a=fingerprint:sha-256 AA\r\n\
    a=fingerprint:sha-512 BB\r\n\
    a=setup:active\r\n\
    a=rtcp-mux\r\n\
    a=rtcp-rsize\r\n\
    a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
    a=mid:b\r\n\
    a=rtpmap:96 VP8/90000\r\n\
    m=video 0 UDP/TLS/RTP/SAVPF 96\r\n\
    a=mid:c\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96\r\n\
    a=mid:d\r\n";

fn contents(text: &str) -> Vec<crate::stanza::Content> {
    let said = to_contents(&read(text), Role::Responder, |_| Role::Initiator);
    said.expect("contents").0
}

#[test]
fn what_the_first_of_a_bundle_says_is_said_for_the_others() {
    let contents = contents(ANSWER);
    let ice = contents[1].ice().expect("ICE");
    assert_eq!(
        (ice.ufrag.as_deref(), ice.pwd.as_deref()),
        (Some("ours"), Some("secret"))
    );
    let values: Vec<_> = ice
        .fingerprints
        .iter()
        .map(|known| (known.value.as_str(), known.setup))
        .collect();
    assert_eq!(values, [("AA", Some(Setup::Active)), ("BB", Some(Setup::Active))]);
    assert!(ice.candidates.is_empty(), "these are tried for the first only");
    let rtp = contents[1].rtp().expect("RTP");
    assert!(rtp.rtcp_mux && rtp.rtcp_reduced_size);
}

#[test]
fn what_is_rejected_or_in_no_bundle_has_no_part_in_it() {
    let contents = contents(ANSWER);
    assert_eq!(contents[2].ice(), Some(&Ice::default()));
    assert_eq!(contents[3].ice(), Some(&Ice::default()));
    assert!(!contents[3].rtp().expect("RTP").rtcp_mux);
}

#[test]
fn a_section_with_credentials_keeps_its_own() {
    let own = ANSWER.replace("a=mid:b\r\n", "a=mid:b\r\na=ice-ufrag:own\r\na=ice-pwd:known\r\n");
    let contents = contents(&own);
    let ice = contents[1].ice().expect("ICE");
    assert_eq!((ice.ufrag.as_deref(), ice.pwd.as_deref()), (Some("own"), Some("known")));
    assert!(ice.fingerprints.is_empty() && !contents[1].rtp().expect("RTP").rtcp_mux);
}

#[test]
fn a_first_section_that_is_rejected_has_no_transport_for_the_others() {
    let moved = ANSWER.replace("BUNDLE a b c", "BUNDLE c b a");
    assert_eq!(contents(&moved)[1].ice().expect("ICE").ufrag.as_deref(), Some("ours"));
    let rejected = ANSWER.replace("m=audio 9", "m=audio 0");
    assert_eq!(contents(&rejected)[1].ice(), Some(&Ice::default()));
}

#[test]
fn a_tag_that_is_made_is_in_no_group() {
    let text =
        "v=0\r\na=group:BUNDLE a 1 other\r\nm=audio 9 RTP/AVP 0\r\na=mid:a\r\na=ice-ufrag:u\r\nm=audio 9 RTP/AVP 0\r\n";
    let (contents, groups) = to_contents(&read(text), Role::Initiator, |_| Role::Initiator).expect("contents");
    assert_eq!(contents[1].name, "1");
    assert_eq!(groups[0].contents, ["a"]);
    assert_eq!(contents[1].ice(), Some(&Ice::default()));
}
