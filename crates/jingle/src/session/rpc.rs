//! The session's words in SDP over XMPP ([`genesys`](crate::genesys)).

use minidom::Element;

use super::{
    Refusal, SessionConfig,
    early::Trickled,
    heard::{Change, Heard, HeardOffer, Words},
    news::News,
    terms::Side,
};
use crate::{
    SessionId,
    genesys::{Method, Rpc},
    stanza::{Action, Farewell, Role},
};

/// The only kind of media that the dialect has.
const AUDIO: &str = "audio";

/// What the request says to whoever has this role.
pub(super) fn hear(config: &SessionConfig, role: Role, payload: &Element) -> Result<Heard, Refusal> {
    let rpc = Rpc::parse_within(payload, &config.limits.rpc).map_err(Refusal::Malformed)?;
    if *rpc.session() != config.id {
        return Err(Refusal::OtherSession);
    }
    let method = rpc.method.name();
    match (rpc.method, role) {
        (Method::Offer { conversation, sdp, .. }, Role::Responder) => Ok(Heard::Offer(Box::new(HeardOffer {
            mark: rpc.id,
            conversation,
            remote: Side::of_text(&sdp),
            sdp,
            change: Change::Session,
            trickled: Vec::new(),
            stanza: None,
        }))),
        (Method::Answer { sdp, .. }, Role::Initiator) => Ok(Heard::Answer {
            change: Change::Session,
            remote: Side::of_text(&sdp),
            sdp,
            action: Action::SessionAccept,
        }),
        (Method::Offer { .. }, Role::Initiator) | (Method::Answer { .. }, Role::Responder) => {
            Err(Refusal::OtherRole { method })
        }
        (Method::Candidate { mid, candidate, .. }, _) => {
            Ok(Heard::Trickled(vec![Trickled::Candidate { mid, candidate }]))
        }
        (Method::EndOfCandidates { .. }, _) => Ok(Heard::Trickled(vec![Trickled::End { ufrag: None }])),
        (Method::Terminate { reason, .. }, _) => Ok(Heard::Terminate(Farewell::new(reason))),
        (Method::Info { status, .. }, _) if status == "active" => Ok(Heard::News(super::SessionEvent::RemoteActive)),
        (Method::Info { .. }, _) => Ok(Heard::Nothing),
        (Method::Mute { .. }, _) => Ok(muted(true)),
        (Method::Unmute { .. }, _) => Ok(muted(false)),
    }
}

fn muted(muted: bool) -> Heard {
    let mid = None;
    Heard::News(super::SessionEvent::RemoteMuted { muted, mid })
}

/// An offer. A `reinvite` is one of new media for the session that there is.
pub(super) fn offer(config: &SessionConfig, sdp: String, reinvite: bool) -> Words {
    Words::Rpc(Method::Offer {
        session: config.id.clone(),
        conversation: config.conversation.clone(),
        sdp,
        reinvite,
    })
}

pub(super) fn answer(session: SessionId, sdp: String) -> Words {
    Words::Rpc(Method::Answer { session, sdp })
}

/// `None` for what the dialect has no word for.
pub(super) fn news(session: SessionId, news: News) -> Option<Words> {
    let media = AUDIO.to_owned();
    let method = match news {
        News::Candidate { mid, candidate } => Method::Candidate {
            session,
            mid: Some(mid),
            candidate,
        },
        News::EndOfCandidates => Method::EndOfCandidates { session },
        News::Active => Method::Info {
            session,
            status: "active".to_owned(),
        },
        News::Muted(true) => Method::Mute { session, media },
        News::Muted(false) => Method::Unmute { session, media },
        News::Held(_) => return None,
    };
    Some(Words::Rpc(method))
}

/// The text of a farewell has no place in this dialect.
pub(super) fn terminate(session: SessionId, farewell: &Farewell) -> Words {
    let reason = farewell.reason;
    Words::Rpc(Method::Terminate { session, reason })
}
