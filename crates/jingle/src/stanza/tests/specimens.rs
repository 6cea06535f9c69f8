//! One element of each action, as a value and as XML.

use jid::Jid;
use minidom::Element;

use super::{super::*, jingle};
use crate::{Reason, SessionId, candidate::Candidate};

/// The same said twice: as a value, and as the XML that is written for it.
pub(super) struct Specimen {
    pub(super) value: Jingle,
    pub(super) element: Element,
}

fn specimen(action: Action, attributes: &str, children: &str, fill: impl FnOnce(&mut Jingle)) -> Specimen {
    let mut value = Jingle::new(action, SessionId::new("s-1"));
    fill(&mut value);
    let element = jingle(&format!("action='{action}' sid='s-1' {attributes}"), children);
    Specimen { value, element }
}

fn content(creator: Role, name: &str, fill: impl FnOnce(&mut Content)) -> Content {
    let mut content = Content::new(creator, name);
    fill(&mut content);
    content
}

fn farewell(reason: Reason, text: Option<&str>) -> Option<Farewell> {
    Some(Farewell {
        text: text.map(str::to_owned),
        ..Farewell::new(reason)
    })
}

pub(super) fn candidate() -> Candidate {
    Candidate {
        foundation: "7".to_owned(),
        component: 1,
        protocol: "udp".to_owned(),
        priority: 1_694_498_815,
        address: "203.0.113.9".to_owned(),
        port: 40_000,
        kind: "srflx".to_owned(),
        related: Some(("192.0.2.7".to_owned(), Some(5000))),
        tcp_type: None,
        generation: Some(2),
        ufrag: None,
        network_id: Some(1),
        network_cost: None,
        id: Some("c1".to_owned()),
        extensions: Vec::new(),
    }
}

const CANDIDATE: &str = "<candidate component='1' foundation='7' generation='2' id='c1' ip='203.0.113.9' network='1' port='40000' \
    priority='1694498815' protocol='udp' rel-addr='192.0.2.7' rel-port='5000' type='srflx'/>";

/// One of each action, and some more of those that say many things.
pub(super) fn all() -> Vec<Specimen> {
    vec![
        session_initiate(),
        session_accept(),
        transport_info(),
        transport_replace(Action::TransportReplace),
        transport_replace(Action::TransportAccept),
        transport_reject(),
        content_add(Action::ContentAdd),
        content_add(Action::ContentAccept),
        content_reject(),
        content_remove(),
        content_modify(Senders::Both),
        content_modify(Senders::None),
        description_info(),
        security_info(),
        session_info("", None),
        session_info(
            "<ringing xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>",
            Some(Info::Ringing),
        ),
        session_info("<active xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>", Some(Info::Active)),
        session_info("<hold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>", Some(Info::Hold)),
        session_info("<unhold xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>", Some(Info::Unhold)),
        mute(),
        unmute(),
        session_info(
            "<checksum xmlns='urn:example:other'/>",
            Some(Info::Unknown {
                name: "checksum".to_owned(),
                namespace: "urn:example:other".to_owned(),
            }),
        ),
        session_terminate(),
        alternative_session(),
    ]
}

fn session_initiate() -> Specimen {
    let opus = PayloadType {
        name: Some("opus".to_owned()),
        clock_rate: 48_000,
        channels: 2,
        ptime: Some(20),
        max_ptime: Some(60),
        parameters: vec![Parameter::new("useinbandfec", "1"), Parameter::flag("cbr")],
        feedback: vec![Feedback::new("transport-cc", None)],
        feedback_interval: Some(100),
        ..PayloadType::new(111)
    };
    let ccm = Feedback {
        parameters: vec![Parameter::new("smaxpr", "120")],
        ..Feedback::new("ccm", Some("tmmbr"))
    };
    let rtp = Rtp {
        ssrc: Some(7),
        payload_types: vec![opus, PayloadType::new(0)],
        feedback: vec![Feedback::new("nack", Some("pli")), ccm],
        feedback_interval: Some(0),
        rtcp_mux: true,
        rtcp_reduced_size: true,
        extensions: vec![
            HeaderExtension {
                id: 1,
                uri: "urn:ietf:params:rtp-hdrext:ssrc-audio-level".to_owned(),
                senders: Senders::Initiator,
                parameters: vec![Parameter::new("vad", "on")],
            },
            HeaderExtension {
                id: 4096,
                uri: "urn:ietf:params:rtp-hdrext:sdes:mid".to_owned(),
                senders: Senders::Both,
                parameters: Vec::new(),
            },
        ],
        mixed_extensions: true,
        sources: vec![Source {
            ssrc: 7,
            parameters: vec![Parameter::new("cname", "n"), Parameter::new("msid", "- t")],
        }],
        source_groups: vec![SourceGroup {
            semantics: "FID".to_owned(),
            sources: vec![7, 8],
        }],
        streams: vec![MediaStream {
            id: "-".to_owned(),
            track: Some("t".to_owned()),
        }],
        bandwidth: Some(Bandwidth {
            kind: "AS".to_owned(),
            value: 64,
        }),
        encryption: Some(Encryption {
            required: true,
            crypto: vec![Crypto {
                suite: "AES_CM_128_HMAC_SHA1_80".to_owned(),
                key_params: "inline:c2VjcmV0".to_owned(),
                session_params: Some("KDR=1".to_owned()),
                tag: "1".to_owned(),
            }],
            zrtp: vec![ZrtpHash {
                version: "1.10".to_owned(),
                hash: "aa".repeat(32),
            }],
        }),
        ..Rtp::new("audio")
    };
    let fingerprint = Fingerprint {
        required: Some(true),
        ..Fingerprint::new("sha-256", Some(Setup::Actpass), "AB:CD")
    };
    let ice = Ice {
        candidates: vec![candidate()],
        fingerprints: vec![fingerprint],
        ..Ice::new("u", "p")
    };
    let zrtp = "aa".repeat(32);
    let children = format!(
        "<content creator='initiator' disposition='session' name='voice' senders='initiator'>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio' ssrc='7'>\
                <rtcp-mux/>\
                <rtcp-reduced-size/>\
                <payload-type channels='2' clockrate='48000' id='111' maxptime='60' name='opus' ptime='20'>\
                    <parameter name='useinbandfec' value='1'/>\
                    <parameter name='cbr'/>\
                    <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='transport-cc'/>\
                    <rtcp-fb-trr-int xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' value='100'/>\
                </payload-type>\
                <payload-type channels='1' id='0'/>\
                <encryption required='1'>\
                    <crypto crypto-suite='AES_CM_128_HMAC_SHA1_80' key-params='inline:c2VjcmV0' session-params='KDR=1' tag='1'/>\
                    <zrtp-hash xmlns='urn:xmpp:jingle:apps:rtp:zrtp:1' version='1.10'>{zrtp}</zrtp-hash>\
                </encryption>\
                <bandwidth type='AS'>64</bandwidth>\
                <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='nack' subtype='pli'/>\
                <rtcp-fb xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' type='ccm' subtype='tmmbr'>\
                    <parameter name='smaxpr' value='120'/>\
                </rtcp-fb>\
                <rtcp-fb-trr-int xmlns='urn:xmpp:jingle:apps:rtp:rtcp-fb:0' value='0'/>\
                <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='1' senders='initiator' \
                        uri='urn:ietf:params:rtp-hdrext:ssrc-audio-level'>\
                    <parameter name='vad' value='on'/>\
                </rtp-hdrext>\
                <rtp-hdrext xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0' id='4096' uri='urn:ietf:params:rtp-hdrext:sdes:mid'/>\
                <extmap-allow-mixed xmlns='urn:xmpp:jingle:apps:rtp:rtp-hdrext:0'/>\
                <source xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' ssrc='7'>\
                    <parameter name='cname' value='n'/>\
                    <parameter name='msid' value='- t'/>\
                </source>\
                <ssrc-group xmlns='urn:xmpp:jingle:apps:rtp:ssma:0' semantics='FID'>\
                    <source ssrc='7'/>\
                    <source ssrc='8'/>\
                </ssrc-group>\
                <stream xmlns='urn:xmpp:jingle:apps:rtp:msid:0' id='-' track='t'/>\
            </description>\
            <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'>\
                <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='actpass' required='true'>AB:CD</fingerprint>\
                {CANDIDATE}\
            </transport>\
        </content>\
        <content creator='initiator' name='data'>\
            <description xmlns='urn:xmpp:jingle:transports:webrtc-datachannel:1'><x/></description>\
            <transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/>\
        </content>\
        <group xmlns='urn:xmpp:jingle:apps:grouping:0' semantics='BUNDLE'>\
            <content name='voice'/>\
            <content name='data'/>\
        </group>"
    );
    specimen(
        Action::SessionInitiate,
        "initiator='a@example.org/1'",
        &children,
        |jingle| {
            jingle.initiator = Some(Jid::new("a@example.org/1").expect("a JID"));
            let voice = content(Role::Initiator, "voice", |content| {
                content.senders = Senders::Initiator;
                content.disposition = Some("session".to_owned());
                content.description = Some(Application::Rtp(rtp));
                content.transport = Some(Transport::Ice(ice));
            });
            let data = content(Role::Initiator, "data", |content| {
                let namespace = "urn:xmpp:jingle:transports:webrtc-datachannel:1";
                let description = Element::builder("description", namespace).append(Element::bare("x", namespace));
                content.description = Some(Application::Other(description.build()));
                let transport = Element::bare("transport", "urn:xmpp:jingle:transports:raw-udp:1");
                content.transport = Some(Transport::Other(transport));
            });
            jingle.contents = vec![voice, data];
            jingle.groups = vec![Group {
                semantics: "BUNDLE".to_owned(),
                contents: vec!["voice".to_owned(), "data".to_owned()],
            }];
        },
    )
}

fn session_accept() -> Specimen {
    let children = "<content creator='initiator' name='voice'>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
                <payload-type channels='1' clockrate='8000' id='8' name='PCMA'/>\
            </description>\
            <transport xmlns='urn:xmpp:jingle:transports:ice:0' ice2='true' ufrag='u' pwd='p'>\
                <fingerprint xmlns='urn:xmpp:jingle:apps:dtls:0' hash='sha-256' setup='active'>AB:CD</fingerprint>\
            </transport>\
        </content>";
    specimen(
        Action::SessionAccept,
        "responder='b@example.org/2'",
        children,
        |jingle| {
            jingle.responder = Some(Jid::new("b@example.org/2").expect("a JID"));
            jingle.contents = vec![content(Role::Initiator, "voice", |content| {
                let pcma = PayloadType {
                    name: Some("PCMA".to_owned()),
                    clock_rate: 8000,
                    ..PayloadType::new(8)
                };
                content.description = Some(Application::Rtp(Rtp {
                    payload_types: vec![pcma],
                    ..Rtp::new("audio")
                }));
                content.transport = Some(Transport::Ice(Ice {
                    syntax: IceSyntax::Ice,
                    ice2: true,
                    fingerprints: vec![Fingerprint::new("sha-256", Some(Setup::Active), "AB:CD")],
                    ..Ice::new("u", "p")
                }));
            })];
        },
    )
}

fn transport_info() -> Specimen {
    let children = format!(
        "<content creator='responder' name='voice'>\
            <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u'>\
                {CANDIDATE}\
                <remote-candidate component='1' ip='198.51.100.4' port='32416'/>\
                <gathering-complete/>\
            </transport>\
        </content>"
    );
    specimen(Action::TransportInfo, "", &children, |jingle| {
        jingle.contents = vec![content(Role::Responder, "voice", |content| {
            content.transport = Some(Transport::Ice(Ice {
                ufrag: Some("u".to_owned()),
                candidates: vec![candidate()],
                remote_candidates: vec![RemoteCandidate {
                    component: 1,
                    address: "198.51.100.4".to_owned(),
                    port: 32_416,
                }],
                gathering_complete: true,
                ..Ice::default()
            }));
        })];
    })
}

fn transport_replace(action: Action) -> Specimen {
    let children = "<content creator='initiator' name='voice'>\
            <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='v' pwd='q'/>\
        </content>";
    specimen(action, "", children, |jingle| {
        jingle.contents = vec![content(Role::Initiator, "voice", |content| {
            content.transport = Some(Transport::Ice(Ice::new("v", "q")));
        })];
    })
}

fn transport_reject() -> Specimen {
    let children = "<content creator='initiator' name='voice'>\
            <transport xmlns='urn:xmpp:jingle:transports:raw-udp:1'/>\
        </content>";
    specimen(Action::TransportReject, "", children, |jingle| {
        jingle.contents = vec![content(Role::Initiator, "voice", |content| {
            let transport = Element::bare("transport", "urn:xmpp:jingle:transports:raw-udp:1");
            content.transport = Some(Transport::Other(transport));
        })];
    })
}

fn content_add(action: Action) -> Specimen {
    let children = "<content creator='responder' name='picture' senders='responder'>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='video'/>\
            <transport xmlns='urn:xmpp:jingle:transports:ice-udp:1' ufrag='u' pwd='p'/>\
        </content>";
    specimen(action, "", children, |jingle| {
        jingle.contents = vec![content(Role::Responder, "picture", |content| {
            content.senders = Senders::Responder;
            content.description = Some(Application::Rtp(Rtp::new("video")));
            content.transport = Some(Transport::Ice(Ice::new("u", "p")));
        })];
    })
}

fn content_reject() -> Specimen {
    let children = "<content creator='responder' name='picture'/>\
        <reason><failed-application/><text>No camera here</text></reason>";
    specimen(Action::ContentReject, "", children, |jingle| {
        jingle.contents = vec![Content::new(Role::Responder, "picture")];
        jingle.reason = farewell(Reason::FailedApplication, Some("No camera here"));
    })
}

fn content_remove() -> Specimen {
    let children = "<content creator='initiator' name='a'/><content creator='responder' name='a'/>";
    specimen(Action::ContentRemove, "", children, |jingle| {
        // The same name by two creators is two contents.
        jingle.contents = vec![Content::new(Role::Initiator, "a"), Content::new(Role::Responder, "a")];
    })
}

fn content_modify(senders: Senders) -> Specimen {
    let children = format!("<content creator='initiator' name='voice' senders='{senders}'/>");
    specimen(Action::ContentModify, "", &children, |jingle| {
        jingle.contents = vec![content(Role::Initiator, "voice", |content| content.senders = senders)];
    })
}

fn description_info() -> Specimen {
    let children = "<content creator='initiator' name='voice'>\
            <description xmlns='urn:xmpp:jingle:apps:rtp:1' media='audio'>\
                <payload-type channels='1' id='96' name='speex' clockrate='16000' ptime='40'/>\
            </description>\
        </content>";
    specimen(Action::DescriptionInfo, "", children, |jingle| {
        jingle.contents = vec![content(Role::Initiator, "voice", |content| {
            let speex = PayloadType {
                name: Some("speex".to_owned()),
                clock_rate: 16_000,
                ptime: Some(40),
                ..PayloadType::new(96)
            };
            content.description = Some(Application::Rtp(Rtp {
                payload_types: vec![speex],
                ..Rtp::new("audio")
            }));
        })];
    })
}

fn security_info() -> Specimen {
    let children = "<content creator='initiator' name='voice'/>";
    specimen(Action::SecurityInfo, "", children, |jingle| {
        jingle.contents = vec![Content::new(Role::Initiator, "voice")];
    })
}

fn session_info(children: &str, info: Option<Info>) -> Specimen {
    specimen(Action::SessionInfo, "", children, |jingle| jingle.info = info)
}

fn mute() -> Specimen {
    session_info(
        "<mute xmlns='urn:xmpp:jingle:apps:rtp:info:1' creator='responder' name='voice'/>",
        Some(Info::Mute {
            creator: Some(Role::Responder),
            name: Some("voice".to_owned()),
        }),
    )
}

fn unmute() -> Specimen {
    session_info(
        "<unmute xmlns='urn:xmpp:jingle:apps:rtp:info:1'/>",
        Some(Info::Unmute {
            creator: None,
            name: None,
        }),
    )
}

fn session_terminate() -> Specimen {
    let children = "<reason><success/><text>It is late</text></reason>";
    specimen(Action::SessionTerminate, "", children, |jingle| {
        jingle.reason = farewell(Reason::Success, Some("It is late"));
    })
}

fn alternative_session() -> Specimen {
    let children = "<reason><alternative-session><sid>s-2</sid></alternative-session></reason>";
    specimen(Action::SessionTerminate, "", children, |jingle| {
        jingle.reason = Some(Farewell {
            alternative: Some(SessionId::new("s-2")),
            ..Farewell::new(Reason::AlternativeSession)
        });
    })
}
