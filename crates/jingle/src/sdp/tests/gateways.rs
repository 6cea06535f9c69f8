//! Descriptions in the manner of gateways between SIP and WebRTC: composed here, with the peculiarities that each is known for.

use super::{programs::lost, *};

/// Asterisk: the connection is said once for all, the hash in capitals, codecs without parameters, feedback on all.
const ASTERISK: &str = "v=0\r\n\
    o=- 181147 3 IN IP4 192.0.2.10\r\n\
    s=Asterisk\r\n\
    c=IN IP4 192.0.2.10\r\n\
    t=0 0\r\n\
    a=msid-semantic:WMS *\r\n\
    a=group:BUNDLE audio-0\r\n\
    m=audio 12582 UDP/TLS/RTP/SAVPF 111 0 8 126\r\n\
    a=connection:new\r\n\
    a=setup:actpass\r\n\
    a=fingerprint:SHA-256 A1:B2:C3:D4\r\n\
    a=ice-ufrag:1f6a2b4c5d\r\n\
    a=ice-pwd:7c0f2e5a3b9d4816e0a1c2d3\r\n\
    a=candidate:Hc000020a 1 UDP 2130706431 192.0.2.10 12582 typ host\r\n\
    a=candidate:Scb007109 1 UDP 1694498815 203.0.113.9 12582 typ srflx raddr 192.0.2.10 rport 12582\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=fmtp:111 useinbandfec=1\r\n\
    a=rtpmap:0 PCMU/8000\r\n\
    a=rtpmap:8 PCMA/8000\r\n\
    a=rtpmap:126 telephone-event/8000\r\n\
    a=fmtp:126 0-16\r\n\
    a=ptime:20\r\n\
    a=maxptime:60\r\n\
    a=sendrecv\r\n\
    a=rtcp-mux\r\n\
    a=ssrc:1096545022 cname:5e1f0a2c-77aa\r\n\
    a=msid:6b2c0f6e-41a5 0f0b9f3e-aa11\r\n\
    a=rtcp-fb:* transport-cc\r\n\
    a=mid:audio-0\r\n";

/// FreeSWITCH: no tags and no groups, the older name of the protocol, static payload types without a map, parameters with blanks
/// between, both components at one port.
const FREESWITCH: &str = "v=0\r\n\
    o=FreeSWITCH 1700000000 1700000001 IN IP4 192.0.2.20\r\n\
    s=FreeSWITCH\r\n\
    c=IN IP4 192.0.2.20\r\n\
    t=0 0\r\n\
    a=msid-semantic: WMS Kq7A\r\n\
    m=audio 18822 RTP/SAVPF 102 0 8 103 101\r\n\
    a=rtpmap:102 opus/48000/2\r\n\
    a=fmtp:102 useinbandfec=1; maxaveragebitrate=30000; stereo=1\r\n\
    a=rtpmap:103 telephone-event/48000\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=silenceSupp:off - - - -\r\n\
    a=fingerprint:sha-256 A1:B2:C3:D4\r\n\
    a=setup:actpass\r\n\
    a=rtcp-mux\r\n\
    a=rtcp:18822 IN IP4 192.0.2.20\r\n\
    a=ssrc:1764433912 cname:eNRF15j4\r\n\
    a=ssrc:1764433912 msid:Kq7A a0\r\n\
    a=ssrc:1764433912 mslabel:Kq7A\r\n\
    a=ssrc:1764433912 label:Kq7Aa0\r\n\
    a=ice-ufrag:xk8ysZVj\r\n\
    a=ice-pwd:vMDmHMgXml8mh5QFfP4yEPIi\r\n\
    a=candidate:4675497418 1 udp 2130706431 192.0.2.20 18822 typ host generation 0\r\n\
    a=candidate:4675497418 2 udp 2130706430 192.0.2.20 18822 typ host generation 0\r\n\
    a=end-of-candidates\r\n\
    a=ptime:20\r\n";

/// A media server that is always reachable: it says so for all, with its credentials, and names its streams after itself.
const MEDIA_SERVER: &str = "v=0\r\n\
    o=- 7377619262916888262 2 IN IP4 192.0.2.30\r\n\
    s=room 1234\r\n\
    t=0 0\r\n\
    a=group:BUNDLE a v\r\n\
    a=ice-options:trickle\r\n\
    a=fingerprint:sha-256 A1:B2:C3:D4\r\n\
    a=setup:passive\r\n\
    a=ice-ufrag:JQyK\r\n\
    a=ice-pwd:3sYQ8lz1wV6m0hJ2pX4tBn\r\n\
    a=extmap-allow-mixed\r\n\
    a=ice-lite\r\n\
    m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n\
    c=IN IP4 192.0.2.30\r\n\
    a=sendonly\r\n\
    a=mid:a\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:111 opus/48000/2\r\n\
    a=extmap:1 urn:ietf:params:rtp-hdrext:sdes:mid\r\n\
    a=msid:server servera\r\n\
    a=ssrc:2453108433 cname:server\r\n\
    a=candidate:1 1 udp 2013266431 192.0.2.30 41000 typ host\r\n\
    a=end-of-candidates\r\n\
    m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\n\
    c=IN IP4 192.0.2.30\r\n\
    b=TIAS:1500000\r\n\
    a=sendonly\r\n\
    a=mid:v\r\n\
    a=rtcp-mux\r\n\
    a=rtpmap:96 VP8/90000\r\n\
    a=rtcp-fb:96 ccm fir\r\n\
    a=rtcp-fb:96 nack\r\n\
    a=rtcp-fb:96 nack pli\r\n\
    a=rtpmap:97 rtx/90000\r\n\
    a=fmtp:97 apt=96\r\n\
    a=msid:server serverv\r\n\
    a=ssrc-group:FID 100 101\r\n\
    a=ssrc:100 cname:server\r\n\
    a=ssrc:101 cname:server\r\n";

/// A trunk that has keys in the signalling, ZRTP besides, and a fax machine that it has declined.
const TRUNK: &str = "v=0\r\n\
    o=root 1458054434 1458054434 IN IP4 192.0.2.40\r\n\
    s=PBX\r\n\
    c=IN IP4 192.0.2.40\r\n\
    t=0 0\r\n\
    m=audio 30078/2 RTP/SAVP 0 8 101\r\n\
    b=AS:80\r\n\
    a=rtpmap:101 telephone-event/8000\r\n\
    a=fmtp:101 0-15,66,70\r\n\
    a=crypto:1 AEAD_AES_256_GCM inline:czR43Q05Tlky5pj KDR=0 UNENCRYPTED_SRTCP\r\n\
    a=crypto:2 AES_CM_128_HMAC_SHA1_80 inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0m|2^20|1:32\r\n\
    a=zrtp-hash:1.10 fe30efd02423cb054e50efd0248742ac\r\n\
    a=maxptime:150\r\n\
    a=recvonly\r\n\
    a=rtcp:30079\r\n\
    m=image 0 udptl t38\r\n";

#[test]
fn what_gateways_say_keeps_its_meaning() {
    assert_eq!(lost(ASTERISK), ["connection"]);
    assert_eq!(lost(FREESWITCH), ["rtcp", "silenceSupp"]);
    assert_eq!(lost(MEDIA_SERVER), [""; 0]);
    assert_eq!(lost(TRUNK), ["rtcp"]);
}

#[test]
fn what_they_say_for_all_sections_is_said_of_each() {
    let (contents, _) = to_contents(&read(MEDIA_SERVER), Role::Initiator, |_| Role::Initiator).expect("contents");
    for content in &contents {
        let ice = content.ice().expect("ICE");
        assert_eq!(ice.ufrag.as_deref(), Some("JQyK"));
        assert_eq!(ice.fingerprints[0].value, "A1:B2:C3:D4");
        assert_eq!(content.senders, Senders::Initiator);
        assert!(content.rtp().is_some_and(|rtp| rtp.mixed_extensions));
    }
    assert_eq!(
        contents[1]
            .rtp()
            .and_then(|rtp| rtp.bandwidth.as_ref())
            .map(|known| known.value),
        Some(1_500_000)
    );
}

#[test]
fn keys_in_the_signalling_are_taken_over_with_all_that_is_said_of_them() {
    let (contents, _) = to_contents(&read(TRUNK), Role::Responder, |_| Role::Initiator).expect("contents");
    let encryption = contents[0]
        .rtp()
        .and_then(|rtp| rtp.encryption.as_ref())
        .expect("encryption");
    assert_eq!(
        encryption.crypto[0].session_params.as_deref(),
        Some("KDR=0 UNENCRYPTED_SRTCP")
    );
    assert_eq!(
        encryption.crypto[1].key_params,
        "inline:PS1uQCVeeCFCanVmcjkpPywjNWhcYD0m|2^20|1:32"
    );
    assert_eq!(encryption.zrtp[0].version, "1.10");
    assert_eq!(contents[0].name, "audio", "without a tag the kind is one");
    assert_eq!(contents[0].senders, Senders::Initiator, "the responder receives only");
    assert!(contents[1].description.is_none() && contents[1].senders == Senders::None);
}
