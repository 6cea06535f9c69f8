//! What holds for any description, and for any contents that SDP can say.

use proptest::{collection::vec, option, prelude::*, sample::subsequence};

use super::*;
use crate::{
    Candidate,
    stanza::{
        Bandwidth, Content, Crypto, Encryption, Feedback, Fingerprint, Group, HeaderExtension, MediaStream, Parameter,
        PayloadType, Rtp, Setup, Source, SourceGroup, ZrtpHash,
    },
};

fn word() -> impl Strategy<Value = String> {
    "[!-~é]{1,8}"
}

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.+-]{1,8}"
}

fn parameter() -> impl Strategy<Value = Parameter> {
    let value = option::of("([!-:<-~]([ -:<-~]{0,6}[!-:<-~])?)?");
    ("[a-z0-9/,-]{1,8}", value).prop_map(|(name, value)| Parameter { name, value })
}

/// One that is a word.
fn short_parameter() -> impl Strategy<Value = Parameter> {
    ("[a-z0-9/,-]{1,8}", option::of("[!-~]{0,6}")).prop_map(|(name, value)| Parameter { name, value })
}

fn feedback() -> impl Strategy<Value = Feedback> {
    let subtype = option::of((word(), vec(short_parameter(), 0..2)));
    ("[a-z]{1,4}|transport-cc", subtype).prop_map(|(kind, subtype)| {
        let (subtype, parameters) = subtype.unzip();
        Feedback {
            parameters: parameters.unwrap_or_default(),
            ..Feedback::new(kind, subtype.as_deref())
        }
    })
}

fn payload_type() -> impl Strategy<Value = PayloadType> {
    let named = option::of((token(), 1..200_000_u32, 1..5_u8));
    let feedback = (vec(feedback(), 0..3), option::of(any::<u32>()));
    (named, vec(parameter(), 0..4), feedback).prop_map(|(named, parameters, (feedback, feedback_interval))| {
        let unnamed = PayloadType {
            parameters,
            feedback,
            feedback_interval,
            ..PayloadType::new(0)
        };
        match named {
            Some((name, clock_rate, channels)) => PayloadType {
                name: Some(name),
                clock_rate,
                channels,
                ..unnamed
            },
            None => unnamed,
        }
    })
}

/// With a number of its own each, and one time for all, which is how SDP says it.
fn payload_types() -> impl Strategy<Value = Vec<PayloadType>> {
    let times = (option::of(any::<u32>()), option::of(any::<u32>()));
    (vec(payload_type(), 1..5), times, 0..124_u8).prop_map(|(mut codecs, (ptime, max_ptime), first)| {
        for (codec, id) in codecs.iter_mut().zip(first..) {
            (codec.id, codec.ptime, codec.max_ptime) = (id, ptime, max_ptime);
        }
        codecs
    })
}

fn senders() -> impl Strategy<Value = Senders> {
    prop_oneof![
        Just(Senders::Both),
        Just(Senders::Initiator),
        Just(Senders::Responder),
        Just(Senders::None)
    ]
}

fn extension() -> impl Strategy<Value = HeaderExtension> {
    (any::<u16>(), word(), senders(), vec(short_parameter(), 0..2)).prop_map(|(id, uri, senders, parameters)| {
        HeaderExtension {
            id,
            uri,
            senders,
            parameters,
        }
    })
}

fn sources() -> impl Strategy<Value = Vec<Source>> {
    let said = ("[a-z]{1,6}", "[!-~]{0,6}( [!-~]{1,4})?").prop_map(|(name, value)| Parameter::new(name, value));
    proptest::collection::btree_map(any::<u32>(), vec(said, 1..3), 0..4).prop_map(|sources| {
        let source = |(ssrc, parameters)| Source { ssrc, parameters };
        sources.into_iter().map(source).collect()
    })
}

fn encryption() -> impl Strategy<Value = Option<Encryption>> {
    let crypto = (word(), word(), option::of("[!-~]{1,5}( [!-~]{1,5})?"), word()).prop_map(
        |(suite, key_params, session_params, tag)| Crypto {
            suite,
            key_params,
            session_params,
            tag,
        },
    );
    let zrtp = (word(), word()).prop_map(|(version, hash)| ZrtpHash { version, hash });
    (vec(crypto, 0..2), vec(zrtp, 0..2)).prop_map(|(crypto, zrtp)| {
        let encryption = Encryption {
            required: false,
            crypto,
            zrtp,
        };
        Some(encryption).filter(|encryption| *encryption != Encryption::default())
    })
}

fn rtp() -> impl Strategy<Value = Rtp> {
    let flags = (any::<bool>(), any::<bool>(), any::<bool>());
    let feedback = (vec(feedback(), 0..3), option::of(any::<u32>()));
    let group = (word(), vec(any::<u32>(), 1..3)).prop_map(|(semantics, sources)| SourceGroup { semantics, sources });
    let stream = (word(), option::of(word())).prop_map(|(id, track)| MediaStream { id, track });
    let bandwidth = ("[A-Z]{2,4}", any::<u64>()).prop_map(|(kind, value)| Bandwidth { kind, value });
    let of_sources = (sources(), vec(group, 0..2), vec(stream, 0..2));
    let others = (option::of(bandwidth), encryption(), vec(extension(), 0..3));
    (token(), payload_types(), flags, feedback, of_sources, others).prop_map(
        |(media, payload_types, flags, (feedback, feedback_interval), (sources, source_groups, streams), others)| {
            let (bandwidth, encryption, extensions) = others;
            let (rtcp_mux, rtcp_reduced_size, mixed_extensions) = flags;
            Rtp {
                ssrc: sources.first().map(|source| source.ssrc),
                payload_types,
                feedback,
                feedback_interval,
                rtcp_mux,
                rtcp_reduced_size,
                extensions,
                mixed_extensions,
                sources,
                source_groups,
                streams,
                bandwidth,
                encryption,
                ..Rtp::new(media)
            }
        },
    )
}

fn candidate() -> impl Strategy<Value = Candidate> {
    let first = (token(), any::<u16>(), any::<u32>(), any::<u16>());
    let related = option::of((token(), option::of(any::<u16>())));
    let named = (option::of(any::<u32>()), option::of(token()), option::of(token()));
    let extensions = vec(("x-[a-z]{1,4}", token()), 0..2);
    (first, related, named, extensions).prop_map(
        |((address, component, priority, port), related, named, extensions)| {
            let (generation, ufrag, tcp_type) = named;
            let candidate = format!("candidate:1 {component} udp {priority} {address} {port} typ host");
            Candidate {
                related,
                generation,
                ufrag,
                tcp_type,
                extensions,
                ..candidate.parse().expect("a candidate")
            }
        },
    )
}

fn ice() -> impl Strategy<Value = Ice> {
    let setup = option::of(prop_oneof![
        Just(Setup::Active),
        Just(Setup::Passive),
        Just(Setup::Actpass),
        Just(Setup::Holdconn)
    ]);
    let fingerprints = (setup, vec((word(), word()), 0..3)).prop_map(|(setup, fingerprints)| {
        let fingerprint = |(hash, value)| Fingerprint::new(hash, setup, value);
        fingerprints.into_iter().map(fingerprint).collect()
    });
    (word(), word(), vec(candidate(), 0..3), fingerprints, any::<bool>()).prop_map(
        |(ufrag, pwd, candidates, fingerprints, gathering_complete)| Ice {
            candidates,
            fingerprints,
            gathering_complete,
            ..Ice::new(ufrag, pwd)
        },
    )
}

/// One that carries something, or one that is declined.
fn content() -> impl Strategy<Value = (Senders, Rtp, Ice)> {
    let carrying = (senders(), rtp(), ice());
    let declined = (Just(Senders::None), rtp(), Just(Ice::default()));
    prop_oneof![3 => carrying, 1 => declined]
}

fn contents() -> impl Strategy<Value = (Vec<Content>, Vec<Group>)> {
    let contents = proptest::collection::btree_map("[ -~é]{1,6}", content(), 1..4).prop_map(|contents| {
        let content = |(name, (senders, rtp, ice)): (String, _)| Content {
            senders,
            description: Some(Application::Rtp(rtp)),
            transport: Some(Transport::Ice(ice)),
            ..Content::new(Role::Initiator, name)
        };
        contents.into_iter().map(content).collect::<Vec<_>>()
    });
    contents.prop_flat_map(|contents| {
        let names: Vec<_> = contents.iter().map(|content| content.name.clone()).collect();
        let length = names.len();
        let group =
            (word(), subsequence(names, 0..=length)).prop_map(|(semantics, contents)| Group { semantics, contents });
        (Just(contents), vec(group, 0..3))
    })
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Initiator), Just(Role::Responder)]
}

proptest! {
    #[test]
    fn contents_come_back_from_sdp((contents, groups) in contents(), by in role(), version: u64) {
        let text = from_contents(&contents, &groups, by, version).to_string();
        let again = to_contents(&read(&text), by, |_| Role::Initiator);
        prop_assert_eq!(again, Ok((contents, groups)), "{}", text);
    }

    #[test]
    fn a_description_by_contents_is_read_as_it_is((contents, groups) in contents(), by in role()) {
        let description = from_contents(&contents, &groups, by, 7);
        prop_assert_eq!(read(&description.to_string()), description);
    }

    #[test]
    fn lines_stay_in_place(lines in vec("[a-ln-zA-Z]=[ -~\té]{0,12}|m=[a-z]{1,5} [1-9][0-9]{0,3}(/[1-9])? [A-Z/]{1,9}( [0-9]{1,3}){0,3}", 1..12)) {
        let text = lines.join("\r\n") + "\r\n";
        prop_assert_eq!(read(&text).to_string(), text.clone());
        prop_assert_eq!(read(&lines.join("\n")).to_string(), text);
    }

    #[test]
    fn any_text_is_a_description_or_says_why(text in "([a-z]=|m=a 9 RTP |a=mid:|a=candidate:|a=ssrc:1 |[ -~]|\\PC|[\r\n\t])*") {
        if let Ok(description) = text.parse::<SessionDescription>() {
            prop_assert_eq!(read(&description.to_string()), description.clone());
            if let Ok((contents, groups)) = to_contents(&description, Role::Responder, |_| Role::Initiator) {
                let back = from_contents(&contents, &groups, Role::Responder, 1);
                prop_assert_eq!(read(&back.to_string()), back);
            }
        }
    }

    #[test]
    fn any_name_is_a_tag_and_back(name in "\\PC*") {
        prop_assert_eq!(content_of(&mid_of(&name)), name);
    }
}
