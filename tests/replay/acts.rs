//! What a person or the media decided in a recording, read from what the recorded client said to its gateway in either dialect.

use offhook_jingle::{
    Candidate, Element, Reason, SessionId,
    genesys::{Method, Rpc},
    sdp,
    stanza::{Action, Content, Ice, Info, Jingle, Role, Transport},
};

/// What was decided.
#[derive(Debug)]
pub enum Act {
    Answer(String),
    Candidate { mid: String, candidate: String },
    EndOfCandidates,
    Connected,
    Muted(bool),
    End(Reason),
}

impl Act {
    /// The session that a recorded request is about, and what it came from; `None` if it is of neither dialect.
    pub fn read(payload: &Element) -> Option<(SessionId, Self)> {
        if payload.name() == "jingle" {
            let jingle = Jingle::parse(payload).expect("a recorded request");
            Some((jingle.sid.clone(), of_jingle(jingle)))
        } else if payload.name() == "genesys-webrtc" {
            let method = Rpc::parse(payload).expect("a recorded request").method;
            Some((method.session().clone(), of_rpc(method)))
        } else {
            None
        }
    }
}

fn of_rpc(method: Method) -> Act {
    match method {
        Method::Answer { sdp, .. } => Act::Answer(sdp),
        Method::Candidate { mid, candidate, .. } => Act::Candidate {
            mid: mid.unwrap_or_default(),
            candidate,
        },
        Method::EndOfCandidates { .. } => Act::EndOfCandidates,
        Method::Info { .. } => Act::Connected,
        Method::Mute { .. } => Act::Muted(true),
        Method::Unmute { .. } => Act::Muted(false),
        Method::Terminate { reason, .. } => Act::End(reason),
        Method::Offer { .. } => unreachable!("no client offers"),
    }
}

fn of_jingle(jingle: Jingle) -> Act {
    match (jingle.action, jingle.info) {
        (Action::SessionAccept, _) => {
            let answer = sdp::from_contents(&jingle.contents, &jingle.groups, Role::Responder, 1);
            Act::Answer(answer.to_string())
        }
        (Action::TransportInfo, _) => trickled(&jingle.contents[0]),
        (Action::SessionInfo, Some(Info::Active)) => Act::Connected,
        (Action::SessionInfo, Some(Info::Mute { .. })) => Act::Muted(true),
        (Action::SessionInfo, Some(Info::Unmute { .. })) => Act::Muted(false),
        (Action::SessionTerminate, _) => Act::End(jingle.reason.map_or(Reason::Success, |farewell| farewell.reason)),
        (action, info) => unreachable!("the recorded client does not say {action} {info:?}"),
    }
}

/// The recorded client tells one thing at a time.
fn trickled(content: &Content) -> Act {
    let Some(Transport::Ice(Ice {
        ufrag,
        candidates,
        gathering_complete,
        ..
    })) = &content.transport
    else {
        panic!("a transport")
    };
    match &candidates[..] {
        [] if *gathering_complete => Act::EndOfCandidates,
        [candidate] => {
            // As libwebrtc gave it to the client, which took the ufrag out of it.
            let candidate = Candidate {
                ufrag: ufrag.clone(),
                ..candidate.clone()
            };
            Act::Candidate {
                mid: sdp::mid_of(&content.name),
                candidate: candidate.to_string(),
            }
        }
        _ => panic!("{candidates:?}"),
    }
}
