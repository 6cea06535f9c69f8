//! Offers and answers as they come from gateways, browsers and worse.

use std::time::Duration;

use offhook_media::{AnswerError, Applied, Call, Codec, OfferError, OfferErrorKind};

use crate::listen::{level, purity};
use crate::pair::{Pair, Setting, an_instant, config, seed};

const SECOND: Duration = Duration::from_secs(1);
const GATEWAY: &str = include_str!("offers/gateway.sdp");
const MID_0: &str = include_str!("offers/mid-0.sdp");
const BROWSER_ANSWER: &str = include_str!("offers/browser-answer.sdp");

fn answer_to(offer: &str) -> Result<(Call, String), OfferError> {
    Call::answerer(config(2), offer, seed(1, 2), an_instant())
}

fn answered(offer: &str) -> String {
    answer_to(offer).expect("an offer that can be answered").1
}

/// The lines of a description that begin so.
fn lines<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    text.split("\r\n").filter(|line| line.starts_with(start)).collect()
}

#[test]
fn a_gateways_offer_is_answered_in_its_own_terms() {
    let answer = answered(GATEWAY);

    assert_eq!(lines(&answer, "v="), ["v=0"]);
    assert_eq!(lines(&answer, "a=group"), ["a=group:BUNDLE audio"]);
    assert_eq!(lines(&answer, "m="), ["m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 101 126"]);
    assert_eq!(lines(&answer, "a=mid"), ["a=mid:audio"]);
    assert_eq!(lines(&answer, "a=setup"), ["a=setup:active"]);
    assert_eq!(lines(&answer, "a=sendrecv"), ["a=sendrecv"]);
    assert_eq!(lines(&answer, "a=rtcp-mux"), ["a=rtcp-mux"]);
    assert_eq!(lines(&answer, "a=fmtp"), ["a=fmtp:96 minptime=10;useinbandfec=1"]);
    assert_eq!(
        lines(&answer, "a=rtpmap"),
        [
            "a=rtpmap:96 opus/48000/2",
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:101 telephone-event/48000",
            "a=rtpmap:126 telephone-event/8000"
        ]
    );
    assert_eq!(lines(&answer, "a=ice-options"), ["a=ice-options:trickle"]);
    assert_eq!(lines(&answer, "a=candidate"), [""; 0]);
    let password = lines(&answer, "a=ice-pwd:")[0];
    assert_eq!(password.len(), "a=ice-pwd:".len() + 24);
}

#[test]
fn rule_5_every_line_of_an_answer_ends_in_crlf_whatever_the_offers_end_in() {
    for offer in [GATEWAY.to_owned(), GATEWAY.replace("\r\n", "\n"), MID_0.to_owned()] {
        let answer = answered(&offer);
        assert!(answer.ends_with("\r\n"));
        assert!(!answer.replace("\r\n", "").contains(['\r', '\n']));
    }
}

#[test]
fn the_mid_of_the_offer_is_kept_whatever_it_is() {
    for (offer, mid) in [
        (GATEWAY.to_owned(), "audio"),
        (MID_0.to_owned(), "0"),
        (
            GATEWAY.replace("a=mid:audio", "a=mid:a-very-long-mid-indeed"),
            "a-very-long-mid-indeed",
        ),
    ] {
        let (call, answer) = answer_to(&offer).expect("answered");
        assert_eq!(call.mid(), mid);
        assert_eq!(lines(&answer, "a=mid:"), [format!("a=mid:{mid}")]);
    }
}

#[test]
fn a_mid_that_is_no_token_counts_as_absent() {
    for mid in ["a b", "x\"><y", "\u{c4}", "audio\u{ffff}", "a,b"] {
        let offer = GATEWAY.replace("a=mid:audio", &format!("a=mid:{mid}"));
        let (call, answer) = answer_to(&offer).expect("answered");
        assert_eq!(call.mid(), "audio");
        assert_eq!(lines(&answer, "a=mid"), [""; 0]);
        assert_eq!(lines(&answer, "a=group"), [""; 0]);
    }
}

#[test]
fn a_payload_type_has_one_name() {
    let with = |formats: &str, events: &str| {
        GATEWAY
            .replace("SAVPF 96", &format!("SAVPF {formats}"))
            .replace("a=rtpmap:101", &format!("a=rtpmap:{events}"))
    };
    for name in ["096", "+96", "96"] {
        let answer = answered(&with(&format!("96 {name}"), name));
        // The events that have a number of their own.
        assert_eq!(
            lines(&answer, "m="),
            ["m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 126"],
            "{name}"
        );
        assert_eq!(lines(&answer, "a=rtpmap:96"), ["a=rtpmap:96 opus/48000/2"], "{name}");
    }
    for name in ["096", "+96", "0x60", "-96", "352"] {
        let offer = with(name, "101")
            .replace("a=rtpmap:96 ", &format!("a=rtpmap:{name} "))
            .replace(" 0 8 ", " ");
        let error = answer_to(&offer).expect_err(name);
        assert!(matches!(error, OfferError::NoUsableCodec { .. }), "{name}: {error}");
    }
}

#[test]
fn no_message_repeats_a_peers_text_at_length() {
    let long = "y".repeat(1_000);
    for offer in [
        GATEWAY.replace("UDP/TLS/RTP/SAVPF", &long),
        GATEWAY
            .replace("opus/48000/2", &format!("{long}/48000"))
            .replace(" 0 8 ", " "),
        GATEWAY.replace("actpass", &long),
        GATEWAY.replace("sha-256", &long),
    ] {
        let error = answer_to(&offer).expect_err("an offer like this").to_string();
        assert!(
            error.contains(&"y".repeat(64)) && !error.contains(&"y".repeat(65)),
            "{error}"
        );
    }
}

#[test]
fn what_gateways_leave_out_is_no_obstacle() {
    for missing in [
        "a=group:BUNDLE audio",
        "a=mid:audio",
        "a=sendrecv",
        "a=msid-semantic: WMS",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=ice-options:trickle",
        "a=setup:actpass",
        "a=rtcp-mux",
        "s=-",
        "t=0 0",
        "c=IN IP4 0.0.0.0",
    ] {
        let offer = GATEWAY.replace(&format!("{missing}\r\n"), "");
        assert_ne!(offer, GATEWAY, "{missing} is in the offer");
        let (call, answer) = answer_to(&offer).unwrap_or_else(|error| panic!("{missing}: {error}"));
        assert_eq!(call.mid(), "audio");
        assert_eq!(lines(&answer, "a=setup"), ["a=setup:active"], "{missing}");
        assert_eq!(lines(&answer, "a=sendrecv"), ["a=sendrecv"], "{missing}");
        let bundled = !missing.starts_with("a=group") && !missing.starts_with("a=mid");
        assert_eq!(!lines(&answer, "a=group").is_empty(), bundled, "{missing}");
        assert_eq!(!lines(&answer, "a=mid").is_empty(), missing != "a=mid:audio");
    }
    assert!(answer_to(&GATEWAY.replace("\r\n", "\n")).is_ok());
}

#[test]
fn the_profile_of_the_offer_comes_back() {
    for profile in [
        "UDP/TLS/RTP/SAVPF",
        "UDP/TLS/RTP/SAVP",
        "RTP/SAVPF",
        "RTP/SAVP",
        "RTP/AVPF",
        "RTP/AVP",
    ] {
        let answer = answered(&GATEWAY.replace("UDP/TLS/RTP/SAVPF", profile));
        assert_eq!(lines(&answer, "m="), [format!("m=audio 9 {profile} 96 0 8 101 126")]);
    }
}

#[test]
fn the_payload_types_are_the_remotes() {
    let offer = GATEWAY
        .replace("SAVPF 96 0 8 101 126", "SAVPF 0 111 8 126 110")
        .replace(":96 ", ":111 ")
        .replace("a=rtpmap:101 ", "a=rtpmap:110 ");
    let answer = answered(&offer);
    assert_eq!(lines(&answer, "m="), ["m=audio 9 UDP/TLS/RTP/SAVPF 0 111 8 126 110"]);
    assert_eq!(
        lines(&answer, "a=rtpmap"),
        [
            "a=rtpmap:0 PCMU/8000",
            "a=rtpmap:111 opus/48000/2",
            "a=rtpmap:8 PCMA/8000",
            "a=rtpmap:126 telephone-event/8000",
            "a=rtpmap:110 telephone-event/48000"
        ]
    );
}

#[test]
fn events_go_with_the_audio_of_their_clock_where_there_is_such() {
    let formats = |remove: &[&str]| {
        let text = GATEWAY.replace("SAVPF 96 0 8 101 126", "SAVPF 96 0 101 126");
        let offer = remove
            .iter()
            .fold(text, |text, line| text.replace(&format!("{line}\r\n"), ""));
        lines(&answered(&offer), "m=")[0].to_owned()
    };
    let (at_48k, at_8k) = (
        "a=rtpmap:101 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
    );
    assert!(formats(&[]).ends_with("SAVPF 96 0 101 126"));
    assert!(formats(&[at_48k]).ends_with("SAVPF 96 0 126"));
    assert!(formats(&[at_48k, at_8k]).ends_with("SAVPF 96 0"));
    let only = |formats: &str| {
        let offer = GATEWAY.replace("SAVPF 96 0 8 101 126", &format!("SAVPF {formats}"));
        lines(&answered(&offer), "m=")[0].to_owned()
    };
    // Opus alone, whose events have the wrong clock, is still better off with them than without.
    assert!(only("96 126").ends_with("SAVPF 96 126"));
    assert!(only("96 126 101").ends_with("SAVPF 96 101"));
    assert!(only("0 101 126").ends_with("SAVPF 0 126"));
}

#[test]
fn an_audio_section_that_can_be_used_is_found_behind_one_that_cannot() {
    let at = GATEWAY.find("m=audio").expect("an audio section");
    let (head, audio) = GATEWAY.split_at(at);
    let speex = "m=audio 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:s\r\na=rtpmap:97 speex/16000\r\n";
    let answer = answered(&format!("{head}{speex}{audio}"));
    assert_eq!(
        lines(&answer, "m="),
        [
            "m=audio 0 UDP/TLS/RTP/SAVPF 97",
            "m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 101 126"
        ]
    );
    let error = answer_to(&format!("{head}{speex}{speex}")).expect_err("no codec");
    assert!(error.to_string().contains("speex"), "{error}");
}

#[test]
fn the_direction_is_turned_round_and_the_role_follows() {
    for (offered, ours) in [
        ("sendrecv", "sendrecv"),
        ("sendonly", "recvonly"),
        ("recvonly", "sendonly"),
        ("inactive", "inactive"),
    ] {
        let answer = answered(&GATEWAY.replace("a=sendrecv", &format!("a={offered}")));
        assert_eq!(lines(&answer, &format!("a={ours}")).len(), 1, "{offered}");
        // Named while it is silent too: there are peers that do not hear a source that comes back.
        assert_eq!(lines(&answer, "a=ssrc").len(), 1, "{offered}");
        assert_eq!(lines(&answer, "a=msid:").len(), 1, "{offered}");
    }
    for (offered, ours) in [("actpass", "active"), ("passive", "active"), ("active", "passive")] {
        let answer = answered(&GATEWAY.replace("actpass", offered));
        assert_eq!(lines(&answer, "a=setup"), [format!("a=setup:{ours}")]);
    }
}

#[test]
fn other_sections_are_declined_in_their_places() {
    let video = "m=video 9 UDP/TLS/RTP/SAVPF 97 98\r\na=mid:v\r\na=sendrecv\r\n";
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n";
    let at = GATEWAY.find("m=audio").expect("an audio section");
    let (head, audio) = GATEWAY.split_at(at);
    let head = head.replace("BUNDLE audio", "BUNDLE v audio d");
    let answer = answered(&format!("{head}{video}{audio}{data}"));

    assert_eq!(
        lines(&answer, "m="),
        [
            "m=video 0 UDP/TLS/RTP/SAVPF 97 98",
            "m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 101 126",
            "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        ]
    );
    assert_eq!(lines(&answer, "a=mid"), ["a=mid:v", "a=mid:audio", "a=mid:d"]);
    assert_eq!(lines(&answer, "a=group"), ["a=group:BUNDLE audio"]);
}

#[test]
fn the_transport_may_stand_at_session_level_or_in_the_bundles_first_section() {
    let transport: Vec<&str> = GATEWAY
        .split("\r\n")
        .filter(|line| {
            ["a=ice-ufrag", "a=ice-pwd", "a=fingerprint", "a=setup"]
                .iter()
                .any(|name| line.starts_with(name))
        })
        .collect();
    assert_eq!(transport.len(), 4);
    let bare = transport.iter().fold(GATEWAY.to_owned(), |text, line| {
        text.replace(&format!("{line}\r\n"), "")
    });
    assert!(answer_to(&bare).is_err());
    let lines_of_transport = format!("{}\r\n", transport.join("\r\n"));

    let session_level = bare.replace("t=0 0\r\n", &format!("t=0 0\r\n{lines_of_transport}"));
    assert!(answer_to(&session_level).is_ok());

    let video = format!("m=video 9 UDP/TLS/RTP/SAVPF 97\r\na=mid:v\r\n{lines_of_transport}m=audio");
    let in_bundle = bare
        .replace("BUNDLE audio", "BUNDLE v audio")
        .replace("m=audio 9", "m=audio 0")
        .replace("a=mid:audio", "a=mid:audio\r\na=bundle-only")
        .replace("m=audio", &video);
    assert!(answer_to(&in_bundle).is_ok());
}

#[test]
fn what_cannot_be_answered_is_refused_with_its_reason() {
    let without = |line: &str| -> String {
        let keep = GATEWAY.split_inclusive("\r\n").filter(|text| !text.starts_with(line));
        keep.collect()
    };
    let cases = [
        (String::new(), OfferErrorKind::NotSdp, "v=0"),
        ("hello".to_owned(), OfferErrorKind::NotSdp, "v=0"),
        (GATEWAY.replace("v=0", "v=1"), OfferErrorKind::NotSdp, "v=0"),
        (GATEWAY.replace("s=-", "s=\u{1}"), OfferErrorKind::NotSdp, "control"),
        (
            GATEWAY.replace("m=audio 9", "m=audio"),
            OfferErrorKind::Incompatible,
            "RTP",
        ),
        ("v=0\r\nm=audio 9\r\n".to_owned(), OfferErrorKind::NotSdp, "incomplete"),
        (
            "v=0\r\nm=audio 9 RTP/SAVPF\r\n".to_owned(),
            OfferErrorKind::NotSdp,
            "format",
        ),
        (
            format!("{GATEWAY}{}", "x".repeat(70_000)),
            OfferErrorKind::NotSdp,
            "bytes",
        ),
        ("v=0\r\n".to_owned(), OfferErrorKind::NoAudio, "audio"),
        (GATEWAY.replace("m=audio", "m=video"), OfferErrorKind::NoAudio, "audio"),
        (
            GATEWAY.replace("m=audio 9", "m=audio 0"),
            OfferErrorKind::NoAudio,
            "audio",
        ),
        (
            GATEWAY.replace("UDP/TLS/RTP/SAVPF", "udptl"),
            OfferErrorKind::Incompatible,
            "udptl",
        ),
        (
            GATEWAY.replace("opus/48000/2", "speex/16000").replace(" 0 8 ", " "),
            OfferErrorKind::Incompatible,
            "speex",
        ),
        (without("a=fingerprint"), OfferErrorKind::Incompatible, "fingerprint"),
        (
            GATEWAY.replace("sha-256", "sha-512"),
            OfferErrorKind::Incompatible,
            "sha-512",
        ),
        (without("a=ice-ufrag"), OfferErrorKind::Incompatible, "ice-ufrag"),
        (without("a=ice-pwd"), OfferErrorKind::Incompatible, "ice-pwd"),
        (
            GATEWAY.replace("actpass", "holdconn"),
            OfferErrorKind::Incompatible,
            "holdconn",
        ),
    ];
    for (offer, kind, says) in cases {
        let error = answer_to(&offer).expect_err(says);
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error} says nothing of {says}");
    }
}

#[test]
fn of_several_fingerprints_one_that_can_be_checked_is_enough() {
    let line = lines(GATEWAY, "a=fingerprint:")[0];
    let digits = |count: usize| vec!["AB"; count].join(":");
    let long = format!("a=fingerprint:sha-512 {}", digits(64));
    let middle = format!("a=fingerprint:sha-384 {}", digits(48));
    let with = |text: &str| answer_to(&GATEWAY.replace(line, text));

    assert!(with(&format!("{long}\r\n{line}\r\n{middle}")).is_ok());
    assert!(with(&line.to_lowercase()).is_ok());
    assert!(with(&line.replace("sha-256", "SHA-256")).is_ok());
    for (text, hash) in [(&long, "sha-512"), (&middle, "sha-384")] {
        let error = with(text).expect_err("no hash that is known");
        assert_eq!(error.kind(), OfferErrorKind::Incompatible);
        let message = error.to_string();
        assert!(message.contains(hash) && message.contains("sha-256"), "{message}");
    }
    for broken in ["+5:", "E:", "E75:", ":"] {
        let text = line.replacen(&line["a=fingerprint:sha-256 ".len()..][..3], broken, 1);
        assert!(with(&text).is_err(), "{text}");
    }
}

#[test]
fn a_browsers_answer_fits_our_offer() {
    let now = an_instant();
    let (mut call, offer) = Call::offerer(config(1), seed(1, 1), now);
    assert!(!offer.contains("a=candidate"));
    assert_eq!(lines(&offer, "m="), ["m=audio 9 UDP/TLS/RTP/SAVPF 96 0 8 101 126"]);
    assert_eq!(lines(&offer, "a=setup"), ["a=setup:actpass"]);

    let bad = call.accept_answer(now, "nonsense");
    assert!(matches!(bad, Err(AnswerError::Unusable(OfferError::NotSdp { .. }))));
    let open = call.accept_answer(now, &BROWSER_ANSWER.replace("a=setup:active", "a=setup:actpass"));
    assert_eq!(open, Err(AnswerError::OpenRole));
    let other = BROWSER_ANSWER.replace("SAVPF 96", "SAVPF 111").replace(":96 ", ":111 ");
    let renumbered = AnswerError::PayloadType {
        codec: Codec::Opus,
        offered: 96,
        answered: 111,
    };
    assert_eq!(call.accept_answer(now, &other), Err(renumbered));

    assert_eq!(call.accept_answer(now, BROWSER_ANSWER), Ok(()));
    assert_eq!(call.accept_answer(now, BROWSER_ANSWER), Err(AnswerError::NotExpected));
}

#[test]
fn the_same_seed_gives_the_same_answer() {
    let (first, again) = (answered(GATEWAY), answered(GATEWAY));
    assert_eq!(first, again);
    let (_, other) = Call::answerer(config(2), GATEWAY, seed(2, 2), an_instant()).expect("answered");
    assert_ne!(lines(&first, "a=ice-pwd"), lines(&other, "a=ice-pwd"));
}

#[test]
fn no_debug_output_shows_a_password() {
    let now = an_instant();
    let (call, answer) = answer_to(GATEWAY).expect("answered");
    let shown = format!(
        "{call:?} {:?} {:?}",
        config(1),
        Call::offerer(config(1), seed(1, 1), now).0
    );
    for secret in [lines(&answer, "a=ice-pwd:")[0], lines(GATEWAY, "a=ice-pwd:")[0]] {
        assert!(!shown.contains(&secret["a=ice-pwd:".len()..]), "{shown}");
    }
}

#[test]
fn the_direction_decides_who_is_heard() {
    type Change = fn(String) -> String;
    let cases: [(Change, bool, bool); 4] = [
        (|text| text, true, true),
        (|text| text.replace("a=sendrecv", "a=sendonly"), true, false),
        (|text| text.replace("a=sendrecv", "a=recvonly"), false, true),
        (|text| text.replace("a=sendrecv", "a=inactive"), false, false),
    ];
    for (offer, offerer_is_heard, answerer_is_heard) in cases {
        let mut pair = Pair::new(Setting {
            offer,
            ..Setting::default()
        });
        pair.connect();
        pair.run(3 * SECOND);
        for (speaker, listener, is_heard) in [
            (&pair.offerer, &pair.answerer, offerer_is_heard),
            (&pair.answerer, &pair.offerer, answerer_is_heard),
        ] {
            let level = level(listener.heard_last(SECOND));
            assert_eq!(level > -20.0, is_heard, "{level} dBov");
            assert_eq!(speaker.call.statistics().packets_sent > 0, is_heard);
            assert_eq!(listener.names(), ["connected"]);
        }
    }
}

#[test]
fn a_stream_that_no_description_names_is_heard() {
    let without_sources = |text: String| -> String {
        let keep = text.split_inclusive("\r\n").filter(|line| !line.starts_with("a=ssrc"));
        keep.collect()
    };
    let setting = Setting {
        offer: without_sources,
        answer: without_sources,
        ..Setting::default()
    };
    let mut pair = Pair::new(setting);
    pair.connect();
    pair.run(3 * SECOND);

    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
    assert!(purity(pair.offerer.heard_last(SECOND), 1_000.0) > 0.98);
}

#[test]
fn a_passive_answerer_connects_too() {
    let offer = |text: String| text.replace("a=setup:actpass", "a=setup:active");
    let mut pair = Pair::new(Setting {
        offer,
        ..Setting::default()
    });
    pair.connect();
    pair.run(2 * SECOND);
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
}

#[test]
fn a_peer_that_answers_checks_without_sending_any_is_reached() {
    // The offerer is no such peer, but a controlling answerer has to find its way with it.
    let offer = |text: String| text.replace("t=0 0", "t=0 0\r\na=ice-lite");
    let mut pair = Pair::new(Setting {
        offer,
        ..Setting::default()
    });
    pair.connect();
    pair.run(2 * SECOND);
    assert!(purity(pair.answerer.heard_last(SECOND), 440.0) > 0.98);
}

#[test]
fn candidates_may_come_before_the_answer_and_inside_the_offer() {
    let now = an_instant();
    let (mut offerer, offer) = Call::offerer(config(1), seed(1, 1), now);
    let inside = offer.replace(
        "a=rtcp-mux\r\n",
        "a=rtcp-mux\r\na=candidate:1 1 udp 2122063615 192.0.2.1 40001 typ host\r\n",
    );
    let (answerer, answer) = Call::answerer(config(2), &inside, seed(1, 2), now).expect("answered");

    let early = "candidate:1 1 udp 2122063615 192.0.2.2 40002 typ host";
    assert_eq!(offerer.add_remote_candidate(now, early), Ok(Applied::Added));
    for ignored in ["", "a=end-of-candidates", "candidate:1 1 udp 1 x-y.local 9 typ host"] {
        assert_eq!(offerer.add_remote_candidate(now, ignored), Ok(Applied::Ignored));
    }
    assert!(offerer.add_remote_candidate(now, "candidate:nonsense").is_err());
    offerer.accept_answer(now, &answer).expect("an answer that fits");

    let setting = Setting {
        trickle: false,
        ..Setting::default()
    };
    let mut pair = Pair::of(offerer, answerer, now, setting);
    pair.connect();
}

#[test]
fn a_peer_cannot_send_candidates_without_end() {
    let (mut call, _) = answer_to(GATEWAY).expect("answered");
    let now = an_instant();
    let mut add =
        |port: usize| call.add_remote_candidate(now, &format!("candidate:1 1 udp 1 192.0.2.9 {port} typ host"));
    let refused = (1_000..2_000).filter(|port| add(*port).is_err()).count();
    assert_eq!(refused, 900);
}

#[test]
fn credentials_that_no_connectivity_check_can_carry_are_refused() {
    let ufrag = lines(GATEWAY, "a=ice-ufrag:")[0];
    let with = |value: &str| answer_to(&GATEWAY.replace(ufrag, &format!("a=ice-ufrag:{value}")));

    assert!(with(&"u".repeat(119)).is_ok());
    for value in ["u".repeat(120), "\u{fc}mlaut".to_owned()] {
        let Err(error) = with(&value) else {
            panic!("{value} was taken")
        };
        assert!(
            matches!(
                error,
                OfferError::UnusableIceCredentials {
                    attribute: "ice-ufrag",
                    ..
                }
            ),
            "{error}"
        );
        assert_eq!(error.kind(), OfferErrorKind::Incompatible);
    }
}
