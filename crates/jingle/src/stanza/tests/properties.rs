//! What is written is read as what it was.

use jid::Jid;
use proptest::{collection::vec, option, prelude::*};

use super::super::*;
use crate::{Reason, SessionId, candidate::Candidate};

/// Text without white space around it, which is not kept everywhere, and not empty.
fn word() -> impl Strategy<Value = String> + Clone {
    prop_oneof![
        "[a-zA-Z0-9/+:.-]{1,8}",
        "[!-~]([ -~\u{A0}-\u{D7FF}\u{10000}-\u{10FFFF}\t\n\r]{0,6}[!-~])?",
    ]
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![Just(Role::Initiator), Just(Role::Responder)]
}

fn senders() -> impl Strategy<Value = Senders> {
    prop_oneof![
        Just(Senders::Both),
        Just(Senders::Initiator),
        Just(Senders::None),
        Just(Senders::Responder),
    ]
}

fn parameters() -> impl Strategy<Value = Vec<Parameter>> {
    let value = option::of(prop_oneof![Just(String::new()), word()]);
    let name = prop_oneof![Just(String::new()), word()];
    vec((name, value).prop_map(|(name, value)| Parameter { name, value }), 0..3)
}

fn feedback() -> impl Strategy<Value = Vec<Feedback>> {
    let feedback = (word(), option::of(word()), parameters());
    vec(
        feedback.prop_map(|(kind, subtype, parameters)| Feedback {
            kind,
            subtype,
            parameters,
        }),
        0..3,
    )
}

prop_compose! {
    fn payload_type()(
        id in 0_u8..128,
        name in option::of(word()),
        clock_rate in any::<u32>(),
        channels in any::<u8>(),
        (ptime, max_ptime, feedback_interval) in any::<(Option<u32>, Option<u32>, Option<u32>)>(),
        parameters in parameters(),
        feedback in feedback(),
    ) -> PayloadType {
        PayloadType { id, name, clock_rate, channels, ptime, max_ptime, parameters, feedback, feedback_interval }
    }
}

prop_compose! {
    fn extension()(
        id in any::<u16>(),
        uri in word(),
        senders in senders(),
        parameters in parameters(),
    ) -> HeaderExtension {
        HeaderExtension { id, uri, senders, parameters }
    }
}

prop_compose! {
    fn encryption()(
        required in any::<bool>(),
        crypto in vec((word(), word(), option::of(word()), "[0-9]{0,2}"), 0..3),
        zrtp in vec(("(1\\.10)?", "[0-9a-f]{1,8}"), 0..3),
    ) -> Encryption {
        let crypto = crypto.into_iter().map(|(suite, key_params, session_params, tag)| {
            Crypto { suite, key_params, session_params, tag }
        });
        let zrtp = zrtp.into_iter().map(|(version, hash)| ZrtpHash { version, hash });
        Encryption { required, crypto: crypto.collect(), zrtp: zrtp.collect() }
    }
}

prop_compose! {
    fn rtp()(
        media in word(),
        (ssrc, feedback_interval) in any::<(Option<u32>, Option<u32>)>(),
        (rtcp_mux, rtcp_reduced_size, mixed_extensions) in any::<(bool, bool, bool)>(),
        payload_types in vec(payload_type(), 0..4),
        feedback in feedback(),
        extensions in vec(extension(), 0..3),
        sources in vec((any::<u32>(), parameters()), 0..3),
        groups in vec((word(), vec(any::<u32>(), 0..3)), 0..3),
        streams in vec((word(), option::of(word())), 0..3),
        bandwidth in option::of((word(), any::<u64>())),
        encryption in option::of(encryption()),
    ) -> Rtp {
        let sources = sources.into_iter().map(|(ssrc, parameters)| Source { ssrc, parameters });
        let groups = groups.into_iter().map(|(semantics, sources)| SourceGroup { semantics, sources });
        let streams = streams.into_iter().map(|(id, track)| MediaStream { id, track });
        Rtp {
            media, ssrc, payload_types, feedback, feedback_interval, rtcp_mux, rtcp_reduced_size, extensions,
            mixed_extensions, sources: sources.collect(), source_groups: groups.collect(), streams: streams.collect(),
            bandwidth: bandwidth.map(|(kind, value)| Bandwidth { kind, value }), encryption,
        }
    }
}

prop_compose! {
    fn candidate()(
        (component, priority, port) in any::<(u16, u32, u16)>(),
        (foundation, protocol, address, kind, id) in (word(), word(), word(), word(), word()),
        related in option::of((word(), any::<Option<u16>>())),
        tcp_type in option::of(word()),
        generation in any::<u32>(),
        network_id in any::<u32>(),
    ) -> Candidate {
        Candidate {
            foundation, component, protocol, priority, address, port, kind, related, tcp_type,
            generation: Some(generation), ufrag: None, network_id: Some(network_id), network_cost: None,
            id: Some(id), extensions: Vec::new(),
        }
    }
}

fn setup() -> impl Strategy<Value = Setup> {
    prop_oneof![
        Just(Setup::Active),
        Just(Setup::Passive),
        Just(Setup::Actpass),
        Just(Setup::Holdconn),
    ]
}

prop_compose! {
    fn ice()(
        syntax in prop_oneof![Just(IceSyntax::IceUdp), Just(IceSyntax::Ice)],
        (ufrag, pwd) in (option::of(word()), option::of(word())),
        candidates in vec(candidate(), 0..3),
        chosen in vec((any::<u16>(), word(), any::<u16>()), 0..3),
        fingerprints in vec((word(), option::of(setup()), word(), any::<Option<bool>>()), 0..3),
        (gathering_complete, ice2) in any::<(bool, bool)>(),
    ) -> Ice {
        let chosen = chosen.into_iter().map(|(component, address, port)| RemoteCandidate { component, address, port });
        let fingerprints = fingerprints.into_iter().map(|(hash, setup, value, required)| {
            Fingerprint { hash, setup, value, required }
        });
        Ice {
            syntax, ufrag, pwd, candidates, remote_candidates: chosen.collect(), fingerprints: fingerprints.collect(),
            gathering_complete, ice2: ice2 && syntax == IceSyntax::Ice,
        }
    }
}

/// A description or transport of another kind.
fn foreign(name: &'static str) -> impl Strategy<Value = Element> {
    ("urn:[a-z]{1,4}", word(), "[a-z]{1,4}").prop_map(move |(namespace, text, child)| {
        let child = Element::builder(child, "urn:example:child").append(text).build();
        Element::builder(name, namespace).append(child).build()
    })
}

fn application() -> impl Strategy<Value = Application> {
    prop_oneof![
        4 => rtp().prop_map(Application::Rtp),
        1 => foreign("description").prop_map(Application::Other),
    ]
}

fn transport() -> impl Strategy<Value = Transport> {
    prop_oneof![
        4 => ice().prop_map(Transport::Ice),
        1 => foreign("transport").prop_map(Transport::Other),
    ]
}

prop_compose! {
    fn content()(
        creator in role(),
        name in word(),
        senders in senders(),
        disposition in option::of(word()),
        description in option::of(application()),
        transport in option::of(transport()),
    ) -> Content {
        Content { creator, name, senders, disposition, description, transport }
    }
}

/// Contents that can be told from one another.
fn contents() -> impl Strategy<Value = Vec<Content>> {
    vec(content(), 0..4).prop_map(|mut contents| {
        for (number, content) in contents.iter_mut().enumerate() {
            content.name.push_str(&number.to_string());
        }
        contents
    })
}

fn info() -> impl Strategy<Value = Info> {
    let about = || (option::of(role()), option::of(word()));
    prop_oneof![
        Just(Info::Ringing),
        Just(Info::Active),
        Just(Info::Hold),
        Just(Info::Unhold),
        about().prop_map(|(creator, name)| Info::Mute { creator, name }),
        about().prop_map(|(creator, name)| Info::Unmute { creator, name }),
        ("[a-z]{1,4}", "urn:[a-z]{1,4}").prop_map(|(name, namespace)| Info::Unknown { name, namespace }),
    ]
}

prop_compose! {
    fn farewell()(
        reason in proptest::sample::select(Reason::ALL.to_vec()),
        alternative in option::of(word()),
        text in option::of(word()),
    ) -> Farewell {
        let alternative = alternative.filter(|_| reason == Reason::AlternativeSession).map(SessionId::new);
        Farewell { reason, alternative, text }
    }
}

prop_compose! {
    fn jingle()(
        action in proptest::sample::select(Action::ALL.to_vec()),
        sid in word(),
        (initiator, responder) in (option::of("[a-z]{1,4}@[a-z]{1,4}/[a-z]{1,4}"), option::of("[a-z]{1,4}")),
        contents in contents(),
        groups in vec((word(), vec(word(), 0..3)), 0..3),
        reason in option::of(farewell()),
        info in option::of(info()),
    ) -> Jingle {
        let jid = |text: String| Jid::new(&text).expect("a JID");
        let groups = groups.into_iter().map(|(semantics, contents)| Group { semantics, contents });
        Jingle {
            action, sid: SessionId::new(sid), initiator: initiator.map(jid), responder: responder.map(jid), contents,
            groups: groups.collect(), reason, info: info.filter(|_| action == Action::SessionInfo),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_as_what_it_was(jingle in jingle()) {
        let written = jingle.to_element();
        prop_assert_eq!(&Jingle::parse(&written).expect("readable"), &jingle);
        let printed = String::from(&written);
        let element: Element = printed.parse().expect("well-formed XML");
        prop_assert_eq!(&Jingle::parse(&element).expect("readable"), &jingle);
    }

    /// Whatever an application puts in, what comes out can be sent.
    #[test]
    fn any_text_at_all_can_be_written(text in any::<String>(), specimen in 0_usize..100) {
        let specimens = super::specimens::all();
        let mut jingle = specimens[specimen % specimens.len()].value.clone();
        jingle.sid = SessionId::new(text.clone());
        jingle.reason = Some(Farewell { text: Some(text.clone()), ..Farewell::new(Reason::Busy) });
        jingle.groups = vec![Group { semantics: text.clone(), contents: vec![text.clone()] }];
        if let Some(Info::Unknown { name, namespace }) = &mut jingle.info {
            (*name, *namespace) = (text.clone(), text.clone());
        }
        for content in &mut jingle.contents {
            content.name.clone_from(&text);
            if let Some(Transport::Ice(ice)) = &mut content.transport {
                ice.ufrag = Some(text.clone());
                for candidate in &mut ice.candidates {
                    candidate.address.clone_from(&text);
                }
            }
        }
        let printed = String::from(&jingle.to_element());
        prop_assert!(printed.parse::<Element>().is_ok(), "{}", printed);
    }

    #[test]
    fn a_text_with_some_bytes_changed_is_a_value_or_an_error(
        specimen in 0_usize..100,
        changes in vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let specimens = super::specimens::all();
        let mut bytes = String::from(&specimens[specimen % specimens.len()].element).into_bytes();
        for (index, byte) in changes {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        if let Some(element) = String::from_utf8(bytes).ok().and_then(|text| text.parse::<Element>().ok())
            && let Ok(jingle) = Jingle::parse(&element)
        {
            let written = jingle.to_element();
            prop_assert_eq!(Jingle::parse(&written).expect("readable").to_element(), written);
        }
    }
}
