mod bundles;
mod gateways;
mod hostile;
mod programs;
mod properties;
mod sources;

use super::*;
use crate::stanza::{Application, Ice, IceSyntax, Role, Senders, Transport};

/// What libwebrtc offers for sound, shortened by codecs.
const OFFER: &str = "v=0\r\n\
    o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE 0\r\n\
    a=extmap-allow-mixed\r\n\
    a=msid-semantic: WMS 945b6ea7\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111 63 126\r\n\
    c=IN IP4 0.0.0.0\r\n\
    b=AS:64\r\n\
    a=rtcp:9 IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:D1uO\r\n\
    a=ice-pwd:djo+eF6S7yahE+rDcDyqdZN1\r\n\
    a=ice-options:trickle\r\n\
    a=fingerprint:sha-256 DA:97:0D:47\r\n\
    a=setup:actpass\r\n\
    a=mid:0\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level vad=on\r\n\
    a=extmap:4/sendonly urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=sendrecv\r\n\
    a=msid:- 945b6ea7-2edf\r\n\
    a=rtcp-mux\r\n\
    a=rtcp-rsize\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=rtcp-fb:111 transport-cc\r\n\
    a=rtcp-fb:* nack pli\r\n\
    a=rtcp-fb:* ccm tmmbr smaxpr=120\r\n\
    a=fmtp:111 minptime=10;useinbandfec=1\r\n\
    a=rtpmap:63 red/48000/2\r\n\
    a=fmtp:63 111/111\r\n\
    a=rtpmap:126 telephone-event/8000\r\n\
    a=fmtp:126 0-15\r\n\
    a=ptime:20\r\n\
    a=ssrc-group:FID 1 2\r\n\
    a=ssrc:1 cname:RC9MozjGNv3JnqtS\r\n\
    a=ssrc:1 msid:- 945b6ea7-2edf\r\n\
    a=ssrc:2 cname:RC9MozjGNv3JnqtS\r\n\
    a=candidate:1 1 udp 2122063615 192.0.2.1 34507 typ host generation 0 ufrag D1uO\r\n\
    a=end-of-candidates\r\n";

fn read(text: &str) -> SessionDescription {
    text.parse().expect("a description")
}

/// The lines in any order, without those that are made anew.
fn meaning(description: &SessionDescription) -> Vec<Vec<String>> {
    let anew = [
        "a=msid-semantic",
        "a=rtcp:",
        "a=ice-options",
        "a=extmap-allow-mixed",
        "o=",
        "c=",
    ];
    let lines = |text: String| {
        let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
        lines.retain(|line| !anew.iter().any(|name| line.starts_with(name)));
        lines.sort();
        lines
    };
    let session = description.lines.iter().map(Line::to_string).collect();
    let media = description.media.iter().map(|section| lines(section.to_string()));
    [lines(session)].into_iter().chain(media).collect()
}

#[test]
fn a_description_is_printed_as_it_was_read() {
    assert_eq!(read(OFFER).to_string(), OFFER);
    assert_eq!(read(&OFFER.replace("\r\n", "\n")).to_string(), OFFER);
    assert_eq!(read(OFFER.trim_end()).to_string(), OFFER);
}

#[test]
fn what_jingle_can_say_comes_back_from_it() {
    let offer = read(OFFER);
    for by in [Role::Initiator, Role::Responder] {
        let (contents, groups) = to_contents(&offer, by, |_| by).expect("contents");
        let back = from_contents(&contents, &groups, by, 1);
        assert_eq!(meaning(&back), meaning(&offer));
        let text = back.to_string();
        assert!(text.contains("a=extmap-allow-mixed\r\n"));
        assert_eq!(read(&text), back);
    }
}

#[test]
fn directions_are_of_the_one_who_describes() {
    let cases = [
        ("sendrecv", Role::Initiator, Senders::Both),
        ("sendonly", Role::Initiator, Senders::Initiator),
        ("sendonly", Role::Responder, Senders::Responder),
        ("recvonly", Role::Initiator, Senders::Responder),
        ("recvonly", Role::Responder, Senders::Initiator),
        ("inactive", Role::Responder, Senders::None),
    ];
    for (direction, by, senders) in cases {
        let offer = read(&OFFER.replace("a=sendrecv", &format!("a={direction}")));
        let (contents, groups) = to_contents(&offer, by, |_| by).expect("contents");
        assert_eq!(contents[0].senders, senders, "{direction} by {by}");
        let text = from_contents(&contents, &groups, by, 1).to_string();
        assert!(text.contains(&format!("a={direction}\r\n")));
    }
}

#[test]
fn a_rejected_section_is_a_content_that_carries_nothing() {
    let answer = OFFER.replace("m=audio 9", "m=audio 0");
    let (mut contents, groups) = to_contents(&read(&answer), Role::Responder, |_| Role::Initiator).expect("contents");
    assert_eq!(contents[0].senders, Senders::None);
    assert_eq!(contents[0].ice().and_then(|ice| ice.ufrag.as_deref()), None);
    let text = from_contents(&contents, &groups, Role::Responder, 1).to_string();
    assert!(text.contains("m=audio 0 UDP/TLS/RTP/SAVPF 111 63 126\r\n"), "{text}");
    // In either syntax of transports.
    let Some(Transport::Ice(ice)) = &mut contents[0].transport else {
        panic!("a transport of ICE");
    };
    ice.syntax = IceSyntax::Ice;
    let again = from_contents(&contents, &groups, Role::Responder, 1).to_string();
    assert_eq!(again, text);
    // Unless its bundle has the port.
    let bundled = answer.replace("a=mid:0", "a=mid:0\r\na=bundle-only");
    let (contents, _) = to_contents(&read(&bundled), Role::Responder, |_| Role::Initiator).expect("contents");
    assert_eq!(contents[0].senders, Senders::Both);
}

#[test]
fn what_the_session_says_is_said_of_each_section() {
    let text = "v=0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=fingerprint:sha-256 AA\r\na=setup:active\r\na=recvonly\r\n\
        m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n";
    let (contents, _) = to_contents(&read(text), Role::Responder, |_| Role::Initiator).expect("contents");
    let ice = contents[0].ice().expect("ICE");
    assert_eq!(ice.ufrag.as_deref(), Some("u"));
    assert_eq!(ice.fingerprints[0].value, "AA");
    assert_eq!(contents[0].senders, Senders::Initiator);
    assert_eq!(contents[0].name, "audio", "without a mid the kind is one");
}

#[test]
fn what_is_said_of_all_sections_need_not_be_said_of_each() {
    let text =
        "v=0\r\na=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\na=end-of-candidates\r\nm=audio 9 RTP/AVP 0\r\n";
    let (contents, _) = to_contents(&read(text), Role::Initiator, |_| Role::Initiator).expect("contents");
    assert_eq!(contents[0].rtp().map(|rtp| rtp.extensions.len()), Some(1));
    assert!(contents[0].ice().is_some_and(|ice| ice.gathering_complete));
}

#[test]
fn a_static_payload_type_needs_no_rate() {
    let mut codec = crate::stanza::PayloadType::new(0);
    codec.name = Some("PCMU".to_owned());
    let mut rtp = crate::stanza::Rtp::new("audio");
    // The second of one number says nothing.
    rtp.payload_types = vec![codec.clone(), codec];
    let mut content = crate::stanza::Content::new(Role::Initiator, "audio");
    content.description = Some(Application::Rtp(rtp));
    let text = from_contents(&[content], &[], Role::Initiator, 1).to_string();
    assert!(text.contains("m=audio 9 UDP/TLS/RTP/SAVPF 0\r\n"), "{text}");
    assert!(!text.contains("rtpmap"), "{text}");
}

#[test]
fn other_applications_are_rejected_sections() {
    let other = minidom::Element::bare("description", "urn:example:files");
    let mut content = crate::stanza::Content::new(Role::Initiator, "a file");
    content.description = Some(Application::Other(other));
    content.transport = Some(Transport::Ice(Ice::new("ufrag", "secret")));
    let text = from_contents(&[content], &[], Role::Initiator, 1).to_string();
    assert!(
        text.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"),
        "{text}"
    );
    assert!(text.contains("a=mid:a%20file\r\n"));
    assert!(!text.contains("a=ice-"), "nobody will connect to it: {text}");
    let offered = OFFER.replace(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111 63 126",
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
    );
    let refused = to_contents(&read(&offered), Role::Initiator, |_| Role::Initiator);
    assert_eq!(refused, Err(SdpError::NotRtp { mid: "0".to_owned() }));
}

#[test]
fn what_would_break_a_line_is_left_out() {
    let (mut contents, groups) = to_contents(&read(OFFER), Role::Initiator, |_| Role::Initiator).expect("contents");
    if let Some(Application::Rtp(rtp)) = &mut contents[0].description {
        rtp.payload_types[0].name = Some("opus/48000\r\na=evil".to_owned());
        rtp.payload_types[0].parameters[0].value = Some("1\r\nm=video 9 RTP 0".to_owned());
        rtp.sources[0].parameters[0].name = "cname\r\na=evil".to_owned();
        rtp.media = "audio 9 evil".to_owned();
    }
    contents[0].name = "0\r\na=evil".to_owned();
    let text = from_contents(&contents, &groups, Role::Initiator, 1).to_string();
    assert!(!text.contains("\r\na=evil") && !text.contains("m=video"), "{text}");
    assert_eq!(read(&text).to_string(), text);
}

#[test]
fn names_are_tags_and_back() {
    for name in ["audio", "0", "a/v stuff", "100%", "", "naïve", "a%41"] {
        assert_eq!(content_of(&mid_of(name)), name);
        assert!(mid_of(name).bytes().all(names::is_token_byte));
    }
    for mid in ["audio", "%", "%4", "%zz", "a%41", "%FF"] {
        assert_eq!(content_of(mid), mid, "not one that mid_of makes");
    }
    assert_eq!(mid_of("a/v"), "a%2Fv");
}

#[test]
fn two_tags_that_mean_one_name_are_refused_as_one_tag() {
    let text = "v=0\r\nm=audio 9 RTP/AVP 0\r\na=mid:%41\r\nm=audio 9 RTP/AVP 0\r\na=mid:%2541\r\n";
    let refused = to_contents(&read(text), Role::Initiator, |_| Role::Initiator);
    let mid = "%2541".to_owned();
    assert_eq!(refused, Err(SdpError::RepeatedMid { mid }));
}

#[test]
fn what_is_no_description_says_why() {
    let error = |text: &str| text.parse::<SessionDescription>().expect_err("an error");
    assert_eq!(error(""), SdpError::Empty);
    assert_eq!(error("this is none"), SdpError::NotALine { line: 1 });
    assert_eq!(error("v=0\r\n=0"), SdpError::NotALine { line: 2 });
    let media = |what| SdpError::Media { line: 1, what };
    assert_eq!(error("m="), media("kind of media"));
    assert_eq!(error("m=audio"), media("port"));
    assert_eq!(error("m=audio x RTP/AVP"), media("port"));
    assert_eq!(error("m=audio 9"), media("protocol"));
    let limits = SdpLimits {
        text: 10,
        lines: 2,
        sections: 1,
    };
    let within = |text| SessionDescription::parse_within(text, &limits).expect_err("an error");
    assert_eq!(within("v=01234567890"), SdpError::TooLong { bytes: 13, limit: 10 });
    assert_eq!(
        within("v=\nv=\nv="),
        SdpError::TooMany {
            what: "lines",
            limit: 2
        }
    );
    let none = to_contents(&read("v=0"), Role::Initiator, |_| Role::Initiator);
    assert_eq!(none, Err(SdpError::NoMedia));
    let twice = OFFER.to_owned() + &OFFER[OFFER.find("m=").expect("a section")..];
    let twice = to_contents(&read(&twice), Role::Initiator, |_| Role::Initiator);
    assert_eq!(twice, Err(SdpError::RepeatedMid { mid: "0".to_owned() }));
}
