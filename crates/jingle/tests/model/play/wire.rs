//! From what is said to stanzas and back, and from the two sides of the media to SDP and back.

use offhook_jingle::{
    Candidate, ConversationId, Dialect, Element, InitiationMessage, SessionId,
    genesys::{self, Method, Rpc},
    message::{Ending, Finish, Propose},
    sdp::{self, SessionDescription},
    stanza::{self, Action, Application, Content, Farewell, Ice, Jingle, Parameter, PayloadType, Role, Rtp, Senders},
};

use super::words::{Act, Ask, Conversation, Hollow, Info, Message, Terms, Transport};

const FIRST: &str = "0";
const SECOND: &str = "1";

/// The parameter by which one description is told from another.
const LINE: &str = "x-line";

fn direction(senders: Senders, by: Role) -> &'static str {
    match (senders.includes(by), senders.includes(by.other())) {
        (true, true) => "sendrecv",
        (true, false) => "sendonly",
        (false, true) => "recvonly",
        (false, false) => "inactive",
    }
}

fn senders(direction: &str, by: Role) -> Option<Senders> {
    let all = [Senders::Both, Senders::Initiator, Senders::Responder, Senders::None];
    all.into_iter()
        .find(|senders| self::direction(*senders, by) == direction)
}

fn section(text: &mut String, mid: &str, transport: Transport, senders: Senders, line: u32, by: Role) {
    let Transport { ice, print } = transport;
    let direction = direction(senders, by);
    *text += &format!(
        "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\na=rtpmap:111 opus/48000/2\r\na=fmtp:111 {LINE}={line}\r\n\
         a=ice-ufrag:u{ice}\r\na=ice-pwd:password-of-generation-{ice}\r\na=fingerprint:sha-256 {print:02X}:00\r\na=setup:actpass\r\n\
         a=rtcp-mux\r\na={direction}\r\n"
    );
}

/// One side of the media as SDP.
pub fn description(terms: &Terms, by: Role) -> String {
    let mut text = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n".to_owned();
    if terms.second.is_some() {
        text += "a=group:BUNDLE 0 1\r\n";
    }
    section(&mut text, FIRST, terms.transport, terms.senders, terms.line, by);
    if let Some(senders) = terms.second {
        section(&mut text, SECOND, terms.transport, senders, 0, by);
    }
    text
}

/// What a description says that is of interest here.
///
/// # Panics
/// If it is none of those that are made here.
pub fn terms(sdp: &str, by: Role) -> Terms {
    read_terms(sdp, by).unwrap_or_else(|| panic!("a strange description: {sdp}"))
}

fn read_terms(sdp: &str, by: Role) -> Option<Terms> {
    let mut sections = sdp.split("m=audio").skip(1);
    let value = |section: &str, name: &str| {
        let line = section.lines().find_map(|line| line.strip_prefix(name));
        line.map(str::to_owned)
    };
    let directed = |section: &str| {
        let mut words = section.lines().filter_map(|line| line.strip_prefix("a="));
        words.find_map(|word| senders(word, by))
    };
    let first = sections.next()?;
    let second = sections.next();
    let strange = sections.next().is_some()
        || value(first, "a=mid:")? != FIRST
        || second.is_some_and(|second| value(second, "a=mid:").as_deref() != Some(SECOND));
    if strange {
        return None;
    }
    let fingerprint = value(first, "a=fingerprint:sha-256 ")?;
    Some(Terms {
        transport: Transport {
            ice: value(first, "a=ice-ufrag:u")?.parse().ok()?,
            print: u32::from_str_radix(fingerprint.strip_suffix(":00")?, 16).ok()?,
        },
        senders: directed(first).unwrap_or_default(),
        line: value(first, &format!("a=fmtp:111 {LINE}="))?.parse().ok()?,
        second: second.map(|second| directed(second).unwrap_or_default()),
    })
}

/// A candidate line; SDP over XMPP names the `ufrag` in the line itself.
pub fn candidate(number: u32, ice: Option<u32>) -> String {
    let ufrag = ice.map(|ice| format!(" ufrag u{ice}")).unwrap_or_default();
    format!("candidate:{number} 1 udp 1 127.0.0.1 9 typ host generation 0{ufrag}")
}

/// Its number.
pub fn candidate_number(line: &str) -> u32 {
    let candidate: Candidate = line.parse().expect("candidates are checked before they are told");
    candidate.foundation.parse().expect("a candidate of this file")
}

fn ufrag(text: &str) -> Option<u32> {
    text.strip_prefix('u')?.parse().ok()
}

pub fn conversation(number: Conversation) -> ConversationId {
    ConversationId::new(format!("c{number}"))
}

pub fn conversation_number(id: &ConversationId) -> Option<Conversation> {
    id.as_str().strip_prefix('c')?.parse().ok()
}

pub fn propose(conversation: Option<Conversation>, dialect: Dialect) -> Propose {
    let mut propose = Propose::new(SessionId::new(""));
    propose.conversation = conversation.map(self::conversation);
    propose.sdp_over_xmpp = dialect == Dialect::SdpOverXmpp;
    propose
}

pub fn dialect(sdp_over_xmpp: bool) -> Dialect {
    if sdp_over_xmpp {
        Dialect::SdpOverXmpp
    } else {
        Dialect::Jingle
    }
}

/// A message as a stanza.
pub fn message_element(message: &Message) -> Element {
    let ending = |id: &SessionId, tie_break: bool| {
        if tie_break {
            Ending::tie_break(id.clone())
        } else {
            Ending::new(id.clone())
        }
    };
    match message {
        Message::Propose {
            id,
            conversation,
            dialect,
        } => InitiationMessage::Propose(Propose {
            id: id.clone(),
            ..propose(*conversation, *dialect)
        }),
        Message::Ringing(id) => InitiationMessage::Ringing(id.clone()),
        Message::Proceed(id) => InitiationMessage::Proceed(id.clone()),
        Message::Accept(id) => InitiationMessage::Accept(id.clone()),
        Message::Reject { id, tie_break } => InitiationMessage::Reject(ending(id, *tie_break)),
        Message::Retract { id, tie_break } => InitiationMessage::Retract(ending(id, *tie_break)),
        Message::Finish(id) => InitiationMessage::Finish(Finish::because(id.clone(), offhook_jingle::Reason::Success)),
    }
    .to_element()
}

/// What a message says.
pub fn message(element: &Element) -> Message {
    let message = InitiationMessage::parse(element).and_then(Result::ok);
    match message.expect("nobody here says what cannot be read") {
        InitiationMessage::Propose(propose) => Message::Propose {
            id: propose.id,
            conversation: propose.conversation.as_ref().and_then(conversation_number),
            dialect: dialect(propose.sdp_over_xmpp),
        },
        InitiationMessage::Ringing(id) => Message::Ringing(id),
        InitiationMessage::Proceed(id) => Message::Proceed(id),
        InitiationMessage::Accept(id) => Message::Accept(id),
        InitiationMessage::Reject(Ending { id, tie_break, .. }) => Message::Reject { id, tie_break },
        InitiationMessage::Retract(Ending { id, tie_break, .. }) => Message::Retract { id, tie_break },
        InitiationMessage::Finish(finish) => Message::Finish(finish.id),
    }
}

/// What a request says. What cannot be read has no name.
pub fn ask(element: &Element) -> Ask {
    if element.is(genesys::NAME, genesys::NAMESPACE) {
        let read = Rpc::parse(element).ok().map(read_rpc);
        read.unwrap_or_else(|| noise(Dialect::SdpOverXmpp))
    } else {
        let read = Jingle::parse(element).ok().and_then(read_jingle);
        read.unwrap_or_else(|| noise(Dialect::Jingle))
    }
}

fn noise(dialect: Dialect) -> Ask {
    Ask {
        id: SessionId::new(""),
        dialect,
        act: Act::Noise,
    }
}

fn read_rpc(rpc: Rpc) -> Ask {
    let id = rpc.session().clone();
    let act = match rpc.method {
        Method::Offer { conversation, sdp, .. } => Act::Initiate {
            mark: rpc.id,
            conversation: conversation.as_ref().and_then(conversation_number),
            terms: terms(&sdp, Role::Initiator),
        },
        Method::Answer { sdp, .. } => Act::Accept(terms(&sdp, Role::Responder)),
        Method::Candidate { candidate, .. } => Act::Candidate {
            ice: candidate
                .parse::<Candidate>()
                .ok()
                .and_then(|candidate| ufrag(&candidate.ufrag?)),
            number: candidate_number(&candidate),
        },
        Method::EndOfCandidates { .. } => Act::EndOfCandidates { ice: None },
        Method::Info { status, .. } if status == "active" => Act::Info(Info::Active),
        Method::Info { .. } => Act::Info(Info::Unknown),
        Method::Terminate { reason, .. } => Act::Terminate {
            reason,
            alternative: None,
        },
        Method::Mute { .. } => Act::Info(Info::Mute(true)),
        Method::Unmute { .. } => Act::Info(Info::Mute(false)),
    };
    Ask {
        id,
        dialect: Dialect::SdpOverXmpp,
        act,
    }
}

fn read_jingle(jingle: Jingle) -> Option<Ask> {
    let act = read_action(&jingle)?;
    Some(Ask {
        id: jingle.sid,
        dialect: Dialect::Jingle,
        act,
    })
}

fn read_action(jingle: &Jingle) -> Option<Act> {
    let contents = &jingle.contents;
    let named = |name: &str| contents.iter().find(|content| content.name == name);
    let whole = |by: Role| terms(&sdp::from_contents(contents, &jingle.groups, by, 1).to_string(), by);
    let hollow = |hollow| contents.is_empty().then_some(Act::Hollow(hollow));
    Some(match jingle.action {
        Action::SessionInitiate => hollow(Hollow::Initiate).unwrap_or_else(|| Act::Initiate {
            mark: String::new(),
            conversation: None,
            terms: whole(Role::Initiator),
        }),
        Action::SessionAccept => hollow(Hollow::Accept).unwrap_or_else(|| Act::Accept(whole(Role::Responder))),
        Action::SessionTerminate => Act::Terminate {
            reason: jingle.reason.as_ref()?.reason,
            alternative: jingle.reason.as_ref()?.alternative.clone(),
        },
        Action::TransportInfo => trickle(named(FIRST)?.ice()?)?,
        Action::TransportReplace => match hollow(Hollow::Replace) {
            Some(hollow) => hollow,
            None => Act::Replace {
                transport: transport(named(FIRST)?.ice()?)?,
                both: named(SECOND).is_some(),
            },
        },
        Action::TransportAccept => Act::AcceptTransport(transport(named(FIRST)?.ice()?)?),
        Action::TransportReject => Act::RejectTransport,
        Action::ContentModify => hollow(Hollow::Modify).unwrap_or_else(|| Act::Modify {
            first: named(FIRST).map(|content| content.senders),
            second: named(SECOND).map(|content| content.senders),
        }),
        Action::DescriptionInfo => Act::Describe(line(named(FIRST)?.rtp()?)?),
        Action::ContentAdd => match hollow(Hollow::Add) {
            Some(hollow) => hollow,
            None => Act::Add(named(SECOND)?.senders, transport(named(SECOND)?.ice()?)?),
        },
        Action::ContentAccept => Act::AcceptContent(named(SECOND)?.senders, transport(named(SECOND)?.ice()?)?),
        Action::ContentReject => Act::RejectContent,
        Action::ContentRemove => Act::RemoveContent,
        Action::SecurityInfo => Act::Security,
        Action::SessionInfo => Act::Info(match &jingle.info {
            None => Info::Ping,
            Some(stanza::Info::Ringing) => Info::Ringing,
            Some(stanza::Info::Active) => Info::Active,
            Some(stanza::Info::Hold) => Info::Hold(true),
            Some(stanza::Info::Unhold) => Info::Hold(false),
            Some(stanza::Info::Mute { .. }) => Info::Mute(true),
            Some(stanza::Info::Unmute { .. }) => Info::Mute(false),
            Some(stanza::Info::Unknown { .. }) => Info::Unknown,
        }),
    })
}

fn transport(ice: &Ice) -> Option<Transport> {
    let print = ice.fingerprints.first()?.value.strip_suffix(":00")?;
    ice.pwd.as_ref()?;
    Some(Transport {
        ice: ufrag(ice.ufrag.as_ref()?)?,
        print: u32::from_str_radix(print, 16).ok()?,
    })
}

fn trickle(ice: &Ice) -> Option<Act> {
    let own = ice.ufrag.as_deref().and_then(ufrag);
    Some(match ice.candidates.first() {
        Some(candidate) => Act::Candidate {
            ice: candidate.ufrag.as_deref().and_then(ufrag).or(own),
            number: candidate.foundation.parse().ok()?,
        },
        None if ice.gathering_complete => Act::EndOfCandidates { ice: own },
        None => Act::Restart(transport(ice)?),
    })
}

fn line(rtp: &Rtp) -> Option<u32> {
    let parameters = rtp
        .payload_types
        .iter()
        .flat_map(|payload_type| &payload_type.parameters);
    let mut lines = parameters.filter(|parameter| parameter.name == LINE);
    lines.find_map(|parameter| parameter.value.as_ref()?.parse().ok())
}

/// A request as a stanza of Jingle, said by whoever has this role; for what nobody says of their own accord.
pub fn jingle_element(id: &SessionId, act: &Act, by: Role) -> Element {
    let mut jingle = Jingle::new(action(act), id.clone());
    let content = |name: &str| Content::new(Role::Initiator, name);
    let with_ice = |transport: &Transport| {
        let description = description(&plain(*transport), by).parse::<SessionDescription>();
        let contents = sdp::to_contents(&description.expect("made here"), by, |_| Role::Initiator);
        let mut contents = contents.expect("made here").0;
        contents.iter_mut().for_each(|content| content.description = None);
        contents
    };
    let whole = |terms: &Terms| {
        let description = description(terms, by).parse::<SessionDescription>();
        sdp::to_contents(&description.expect("made here"), by, |_| Role::Initiator).expect("made here")
    };
    let trickled = |ice: &Option<u32>, candidates: Vec<Candidate>, gathering_complete| Content {
        transport: Some(stanza::Transport::Ice(Ice {
            ufrag: ice.map(|ice| format!("u{ice}")),
            candidates,
            gathering_complete,
            ..Ice::default()
        })),
        ..content(FIRST)
    };
    match act {
        Act::Initiate { terms, .. } | Act::Accept(terms) => (jingle.contents, jingle.groups) = whole(terms),
        Act::Terminate { reason, alternative } => {
            jingle.reason = Some(Farewell {
                alternative: alternative.clone(),
                ..Farewell::new(*reason)
            });
        }
        Act::Candidate { ice, number } => {
            let candidate = candidate(*number, None).parse().expect("made here");
            jingle.contents = vec![trickled(ice, vec![candidate], false)];
        }
        Act::EndOfCandidates { ice } => jingle.contents = vec![trickled(ice, Vec::new(), true)],
        Act::Restart(transport) | Act::Replace { transport, .. } | Act::AcceptTransport(transport) => {
            jingle.contents = with_ice(transport);
        }
        Act::RejectTransport => jingle.contents = vec![content(FIRST)],
        Act::Modify { first, second } => {
            let turned = [(FIRST, first), (SECOND, second)];
            let turned = turned.into_iter().filter_map(|(name, senders)| {
                let senders = (*senders)?;
                Some(Content {
                    senders,
                    ..content(name)
                })
            });
            jingle.contents = turned.collect();
        }
        Act::Describe(line) => {
            jingle.contents = vec![Content {
                description: Some(Application::Rtp(sound(*line))),
                ..content(FIRST)
            }];
        }
        Act::Add(senders, transport) | Act::AcceptContent(senders, transport) => {
            let second = Some(*senders);
            let (contents, _) = whole(&Terms {
                second,
                ..plain(*transport)
            });
            let added = contents.into_iter().filter(|content| content.name == SECOND);
            // Whoever adds it is its creator.
            let creator = if let Act::Add(..) = act { by } else { by.other() };
            jingle.contents = added.map(|content| Content { creator, ..content }).collect();
        }
        Act::RejectContent | Act::RemoveContent => jingle.contents = vec![content(SECOND)],
        Act::Info(info) => jingle.info = info_of(*info),
        Act::Security | Act::Hollow(_) => {}
        Act::Noise => {
            let text = format!(
                "<jingle xmlns='{}' action='session-begin' sid='{id}'/>",
                stanza::NAMESPACE
            );
            return text.parse().expect("well-formed");
        }
    }
    jingle.to_element()
}

fn plain(transport: Transport) -> Terms {
    Terms {
        transport,
        senders: Senders::Both,
        line: 0,
        second: None,
    }
}

fn sound(line: u32) -> Rtp {
    let opus = PayloadType {
        name: Some("opus".to_owned()),
        clock_rate: 48_000,
        channels: 2,
        parameters: vec![Parameter::new(LINE, line.to_string())],
        ..PayloadType::new(111)
    };
    Rtp {
        payload_types: vec![opus],
        ..Rtp::new("audio")
    }
}

fn info_of(info: Info) -> Option<stanza::Info> {
    let (creator, name) = (None, None);
    match info {
        Info::Ping => None,
        Info::Ringing => Some(stanza::Info::Ringing),
        Info::Active => Some(stanza::Info::Active),
        Info::Hold(true) => Some(stanza::Info::Hold),
        Info::Hold(false) => Some(stanza::Info::Unhold),
        Info::Mute(true) => Some(stanza::Info::Mute { creator, name }),
        Info::Mute(false) => Some(stanza::Info::Unmute { creator, name }),
        Info::Unknown => Some(stanza::Info::Unknown {
            name: "shrug".to_owned(),
            namespace: "urn:example:shrug".to_owned(),
        }),
    }
}

fn action(act: &Act) -> Action {
    match act {
        Act::Initiate { .. } | Act::Hollow(Hollow::Initiate) | Act::Noise => Action::SessionInitiate,
        Act::Accept(_) | Act::Hollow(Hollow::Accept) => Action::SessionAccept,
        Act::Terminate { .. } => Action::SessionTerminate,
        Act::Candidate { .. } | Act::EndOfCandidates { .. } | Act::Restart(_) => Action::TransportInfo,
        Act::Replace { .. } | Act::Hollow(Hollow::Replace) => Action::TransportReplace,
        Act::AcceptTransport(_) => Action::TransportAccept,
        Act::RejectTransport => Action::TransportReject,
        Act::Modify { .. } | Act::Hollow(Hollow::Modify) => Action::ContentModify,
        Act::Describe(_) => Action::DescriptionInfo,
        Act::Add(..) | Act::Hollow(Hollow::Add) => Action::ContentAdd,
        Act::AcceptContent(..) => Action::ContentAccept,
        Act::RejectContent => Action::ContentReject,
        Act::RemoveContent => Action::ContentRemove,
        Act::Info(_) => Action::SessionInfo,
        Act::Security => Action::SecurityInfo,
    }
}

/// A request as a stanza of SDP over XMPP, for what nobody says of their own accord.
pub fn rpc_element(id: &SessionId, act: &Act) -> Element {
    let session = id.clone();
    let text = |text: &str| Element::builder(genesys::NAME, genesys::NAMESPACE).append(text).build();
    let (id, method) = match act {
        Act::Initiate {
            mark,
            conversation,
            terms,
        } => (
            mark.clone(),
            Method::Offer {
                session,
                conversation: conversation.map(self::conversation),
                sdp: description(terms, Role::Initiator),
                reinvite: false,
            },
        ),
        Act::Accept(terms) => (
            String::new(),
            Method::Answer {
                session,
                sdp: description(terms, Role::Responder),
            },
        ),
        Act::Terminate { reason, .. } => (
            String::new(),
            Method::Terminate {
                session,
                reason: *reason,
            },
        ),
        Act::Candidate { ice, number } => (
            String::new(),
            Method::Candidate {
                session,
                mid: Some(FIRST.to_owned()),
                candidate: candidate(*number, *ice),
            },
        ),
        Act::EndOfCandidates { .. } => (String::new(), Method::EndOfCandidates { session }),
        Act::Info(Info::Active) => (
            String::new(),
            Method::Info {
                session,
                status: "active".to_owned(),
            },
        ),
        Act::Info(Info::Mute(true)) => (
            String::new(),
            Method::Mute {
                session,
                media: "audio".to_owned(),
            },
        ),
        Act::Info(Info::Mute(false)) => (
            String::new(),
            Method::Unmute {
                session,
                media: "audio".to_owned(),
            },
        ),
        Act::Info(_) => (
            String::new(),
            Method::Info {
                session,
                status: "amused".to_owned(),
            },
        ),
        _ => return text("[]"),
    };
    Rpc { id, method }.to_element()
}
