//! Contents with anything in them: what a peer says by Jingle is given to the application as SDP.

use proptest::{collection::vec, option, prelude::*};

use super::*;
use crate::{
    Candidate,
    stanza::{
        Bandwidth, Content, Crypto, Encryption, Feedback, Fingerprint, Group, HeaderExtension, MediaStream, Parameter,
        PayloadType, Rtp, Source, SourceGroup, ZrtpHash,
    },
};

/// All attributes that are ever said.
const KNOWN: [&str; 27] = [
    "candidate",
    "crypto",
    "end-of-candidates",
    "extmap",
    "extmap-allow-mixed",
    "fingerprint",
    "fmtp",
    "group",
    "ice-options",
    "ice-pwd",
    "ice-ufrag",
    "inactive",
    "maxptime",
    "mid",
    "msid",
    "ptime",
    "recvonly",
    "rtcp-fb",
    "rtcp-mux",
    "rtcp-rsize",
    "rtpmap",
    "sendonly",
    "sendrecv",
    "setup",
    "ssrc",
    "ssrc-group",
    "zrtp-hash",
];

/// Nothing, words, blanks, separators, line ends of all kinds, and lines of their own after them.
fn anything() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9]{1,6}",
        2 => "[ -~\\PC]{0,6}",
        1 => "[ \t/:;=%,*]{0,3}",
        2 => "[a-z]{0,2}[\r\n\u{0}\u{85}\u{b}\u{2028}]{1,2}(a=evil:1|m=video 9 evil 0|evil)",
    ]
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let parameter = (anything(), option::of(anything())).prop_map(|(name, value)| Parameter { name, value });
    vec(parameter, 0..3)
}

fn feedback() -> impl Strategy<Value = Vec<Feedback>> {
    let feedback =
        (anything(), option::of(anything()), parameters()).prop_map(|(kind, subtype, parameters)| Feedback {
            kind,
            subtype,
            parameters,
        });
    vec(feedback, 0..2)
}

fn payload_type() -> impl Strategy<Value = PayloadType> {
    let numbers = (any::<u8>(), 0..3_u32, any::<u8>(), option::of(any::<u32>()));
    (numbers, option::of(anything()), parameters(), feedback()).prop_map(|(numbers, name, parameters, feedback)| {
        let (id, clock_rate, channels, ptime) = numbers;
        PayloadType {
            name,
            clock_rate,
            channels,
            ptime,
            parameters,
            feedback,
            ..PayloadType::new(id)
        }
    })
}

fn rtp() -> impl Strategy<Value = Rtp> {
    let source = (any::<u32>(), parameters()).prop_map(|(ssrc, parameters)| Source { ssrc, parameters });
    let group =
        (anything(), vec(any::<u32>(), 0..2)).prop_map(|(semantics, sources)| SourceGroup { semantics, sources });
    let stream = (anything(), option::of(anything())).prop_map(|(id, track)| MediaStream { id, track });
    let extension = (any::<u16>(), anything(), parameters()).prop_map(|(id, uri, parameters)| HeaderExtension {
        id,
        uri,
        senders: Senders::Initiator,
        parameters,
    });
    let bandwidth = (anything(), any::<u64>()).prop_map(|(kind, value)| Bandwidth { kind, value });
    let crypto = (anything(), anything(), option::of(anything()), anything()).prop_map(|said| Crypto {
        suite: said.0,
        key_params: said.1,
        session_params: said.2,
        tag: said.3,
    });
    let zrtp = (anything(), anything()).prop_map(|(version, hash)| ZrtpHash { version, hash });
    let encryption = (vec(crypto, 0..2), vec(zrtp, 0..2)).prop_map(|(crypto, zrtp)| Encryption {
        required: true,
        crypto,
        zrtp,
    });
    let first = (anything(), vec(payload_type(), 0..3), feedback());
    let of_sources = (vec(source, 0..2), vec(group, 0..2), vec(stream, 0..2));
    let others = (vec(extension, 0..2), option::of(bandwidth), option::of(encryption));
    (first, of_sources, others).prop_map(|(first, of_sources, others)| {
        let (media, payload_types, feedback) = first;
        let (sources, source_groups, streams) = of_sources;
        let (extensions, bandwidth, encryption) = others;
        Rtp {
            payload_types,
            feedback,
            sources,
            source_groups,
            streams,
            extensions,
            bandwidth,
            encryption,
            ..Rtp::new(media)
        }
    })
}

fn ice() -> impl Strategy<Value = Ice> {
    let candidate = (
        anything(),
        anything(),
        anything(),
        option::of(anything()),
        option::of(anything()),
    );
    let candidate = candidate.prop_map(|(foundation, address, kind, related, tcp_type)| Candidate {
        foundation,
        address,
        kind,
        related: related.map(|address| (address, None)),
        tcp_type,
        .."candidate:1 1 udp 1 192.0.2.1 9 typ host".parse().expect("a candidate")
    });
    let fingerprint = (anything(), anything()).prop_map(|(hash, value)| Fingerprint::new(hash, None, value));
    let credentials = (option::of(anything()), option::of(anything()));
    (credentials, vec(candidate, 0..3), vec(fingerprint, 0..2)).prop_map(|((ufrag, pwd), candidates, fingerprints)| {
        Ice {
            ufrag,
            pwd,
            candidates,
            fingerprints,
            ..Ice::default()
        }
    })
}

fn content() -> impl Strategy<Value = Content> {
    let senders = prop_oneof![Just(Senders::Both), Just(Senders::None)];
    (anything(), senders, option::of(rtp()), option::of(ice())).prop_map(|(name, senders, rtp, ice)| Content {
        senders,
        description: rtp.map(Application::Rtp),
        transport: ice.map(Transport::Ice),
        ..Content::new(Role::Initiator, name)
    })
}

fn groups() -> impl Strategy<Value = Vec<Group>> {
    let group = (anything(), vec(anything(), 0..3)).prop_map(|(semantics, contents)| Group { semantics, contents });
    vec(group, 0..3)
}

#[test]
fn what_is_not_one_word_cannot_be_taken_for_two() {
    let two = || "one two".to_owned();
    let mut rtp = Rtp::new("audio");
    rtp.extensions = vec![HeaderExtension {
        id: 1,
        uri: two(),
        senders: Senders::Both,
        parameters: Vec::new(),
    }];
    let (id, track) = (two(), None);
    rtp.streams = vec![MediaStream { id, track }];
    rtp.feedback = vec![Feedback::new(two(), None), Feedback::new("nack", Some("one two"))];
    rtp.encryption = Some(Encryption {
        required: false,
        crypto: vec![Crypto {
            suite: two(),
            key_params: "inline:key".to_owned(),
            session_params: None,
            tag: "1".to_owned(),
        }],
        zrtp: vec![ZrtpHash {
            version: two(),
            hash: "hash".to_owned(),
        }],
    });
    let ice = Ice {
        fingerprints: vec![Fingerprint::new("sha 256", None, "AA")],
        ..Ice::new(two(), two())
    };
    let content = Content {
        description: Some(Application::Rtp(rtp)),
        transport: Some(Transport::Ice(ice)),
        ..Content::new(Role::Initiator, "0")
    };
    let description = from_contents(&[content], &[], Role::Initiator, 1);
    let said: Vec<_> = description.media[0].attributes().map(|(name, _)| name).collect();
    assert_eq!(said, ["mid", "ice-options", "sendrecv"]);
}

proptest! {
    #[test]
    fn whatever_a_peer_says_is_a_description_of_as_many_sections_and_no_other_lines(
        contents in vec(content(), 0..4),
        groups in groups(),
    ) {
        let description = from_contents(&contents, &groups, Role::Responder, 1);
        let text = description.to_string();
        prop_assert_eq!(read(&text), description.clone());
        prop_assert_eq!(description.media.len(), contents.len());
        let lines = description.media.iter().flat_map(|section| &section.lines);
        for line in lines.chain(&description.lines) {
            let known = match line.as_attribute() {
                Some((name, _)) => KNOWN.contains(&name),
                None => "bcostv".contains(line.letter),
            };
            prop_assert!(known, "{line}");
        }
        let lines = text.replace("\r\n", "").replace('\t', "");
        prop_assert!(!lines.contains(char::is_control), "{text:?}");
    }

    #[test]
    fn what_has_come_through_once_comes_through_again(contents in vec(content(), 1..4), groups in groups()) {
        let said = from_contents(&contents, &groups, Role::Responder, 1);
        // Not if two contents have one name, or none.
        if let Ok((contents, groups)) = to_contents(&said, Role::Responder, |_| Role::Initiator) {
            let once = from_contents(&contents, &groups, Role::Responder, 1);
            let again = to_contents(&once, Role::Responder, |_| Role::Initiator);
            prop_assert_eq!(again.map(|(contents, groups)| from_contents(&contents, &groups, Role::Responder, 1)), Ok(once));
        }
    }
}
