//! Drives a watched session by bytes.

use std::time::Duration;

use super::watched::{SESSION, Watched, peer, stranger};
use crate::{
    ConversationId, Jid, Reason, SessionId,
    genesys::Method,
    session::{Outcome, Rejection},
};

fn session() -> SessionId {
    SessionId::new(SESSION)
}

fn offer(ice: u8, line: u8, conversation: Option<ConversationId>) -> Method {
    Method::Offer {
        session: session(),
        conversation,
        sdp: format!("v=0\r\na=ice-ufrag:u{ice}\r\na=ice-pwd:p\r\na=mid:{line}\r\n"),
        reinvite: ice > 0,
    }
}

fn candidate(ufrag: u8) -> Method {
    Method::Candidate {
        session: session(),
        mid: Some("audio".to_owned()),
        candidate: format!("candidate:1 1 udp 1 127.0.0.1 9 typ host ufrag u{ufrag}"),
    }
}

/// See [`super::genesys_webrtc`].
pub(super) fn texts(data: &[u8]) -> Vec<String> {
    let (control, texts) = data.split_first().unwrap_or((&0, &[]));
    let from = if control & 1 == 1 { stranger() } else { peer() };
    let mut watched = Watched::new();
    let stage = control >> 1 & 3;
    if stage >= 1 {
        watched.rpc(peer(), "1", offer(0, 0, None));
    }
    if stage >= 2 {
        watched.answer();
    }
    if stage == 3 {
        acknowledge_all(&mut watched);
    }
    for text in texts.split(|byte| *byte == 0x1E) {
        watched.text(from.clone(), &String::from_utf8_lossy(text));
        if control & 8 == 8 && watched.unanswered {
            watched.answer();
            acknowledge_all(&mut watched);
        }
    }
    watched.finish()
}

fn acknowledge_all(watched: &mut Watched) {
    for token in std::mem::take(&mut watched.open) {
        watched.respond(token, Outcome::Done);
    }
}

/// See [`super::session_operations`].
pub(super) fn operations(data: &[u8]) -> Vec<String> {
    let mut watched = Watched::new();
    for operation in data.chunks_exact(2) {
        operate(&mut watched, operation[0], operation[1]);
        if watched.is_ended() {
            // A few more, to see that nothing comes after the end.
            for operation in data.chunks_exact(2).take(8) {
                operate(&mut watched, operation[0], operation[1]);
            }
            break;
        }
    }
    watched.finish()
}

fn operate(watched: &mut Watched, operation: u8, detail: u8) {
    match operation % 18 {
        0..=2 => {
            let conversation = (detail & 64 != 0).then(|| ConversationId::new("c"));
            let method = offer(detail >> 2 & 3, detail >> 4 & 1, conversation);
            watched.rpc(peer(), &(detail & 3).to_string(), method);
        }
        3 => watched.rpc(peer(), "k", candidate(detail & 3)),
        4 => watched.rpc(peer(), "e", Method::EndOfCandidates { session: session() }),
        5 => terminate(watched, peer()),
        6 => match detail % 3 {
            0 => terminate(watched, stranger()),
            1 => watched.rpc(stranger(), "x", offer(0, 0, None)),
            _ => watched.text(stranger(), "{"),
        },
        7 => respond(watched, detail),
        8 => watched.handled_elsewhere(),
        9 => watched.wait(Duration::from_millis(u64::from(detail) * 250)),
        10 => watched.answer(),
        11 => watched.local_candidate(if detail == 0 { " " } else { "audio" }),
        12 => watched.end_of_candidates(),
        13 => watched.media_connected(),
        14 => watched.mute(detail & 1 == 1),
        15 => match detail % 4 {
            0 => watched.end(),
            1 => watched.fail(),
            2 => watched.text(peer(), r#"{"method":"offer","params":{"sessionId":"other","sdp":""}}"#),
            _ => watched.text(peer(), "[]"),
        },
        16 => watched.signalling_lost(),
        _ => watched.signalling_restored(),
    }
}

fn terminate(watched: &mut Watched, from: Jid) {
    let reason = Reason::Success;
    let session = session();
    watched.rpc(from, "t", Method::Terminate { session, reason });
}

fn respond(watched: &mut Watched, detail: u8) {
    if watched.open.is_empty() {
        return;
    }
    let index = usize::from(detail >> 2) % watched.open.len();
    let token = watched.open.remove(index);
    let refused = |condition: &str| Outcome::Refused(Rejection::new(condition));
    watched.respond(
        token,
        match detail & 3 {
            0 | 1 => Outcome::Done,
            2 => Outcome::Lost,
            _ if detail & 4 == 4 => refused("item-not-found"),
            _ => refused("not-acceptable"),
        },
    );
}
