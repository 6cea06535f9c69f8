//! Writing a request, with the fields in the order in which the platform's own client writes them.

use minidom::Element;
use serde::Serialize;

use super::{Method, NAME, NAMESPACE, Rpc, fragment};

/// JSON-RPC 2.0 section 4.
const VERSION: &str = "2.0";

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    method: &'static str,
    params: P,
    id: &'a str,
}

/// `info` alone has its parameters before its method.
#[derive(Serialize)]
struct InfoRequest<'a> {
    jsonrpc: &'static str,
    params: Info<'a>,
    method: &'static str,
    id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Offer<'a> {
    session_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    sdp: String,
    #[serde(skip_serializing_if = "is_false")]
    reinvite: bool,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Answer<'a> {
    sdp: String,
    session_id: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Candidate<'a> {
    session_id: &'a str,
    sdp: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Info<'a> {
    session_id: &'a str,
    status: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Terminate<'a> {
    session_id: &'a str,
    reason: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Mute<'a> {
    session_id: &'a str,
    r#type: &'a str,
}

// The shape that serde asks for.
#[allow(clippy::trivially_copy_pass_by_ref)]
fn is_false(flag: &bool) -> bool {
    !flag
}

pub(super) fn element(rpc: &Rpc) -> Element {
    let id = rpc.id.as_str();
    let session_id = rpc.session().as_str();
    let method = rpc.method.name();
    let text = match &rpc.method {
        Method::Offer {
            session: _,
            conversation,
            sdp,
            reinvite,
        } => {
            let params = Offer {
                session_id,
                conversation_id: conversation.as_ref().map(|id| id.as_str()),
                sdp: crlf(sdp),
                reinvite: *reinvite,
            };
            request(id, method, params)
        }
        Method::Answer { session: _, sdp } => {
            let sdp = crlf(sdp);
            request(id, method, Answer { sdp, session_id })
        }
        Method::Candidate {
            session: _,
            mid,
            candidate,
        } => {
            let sdp = fragment::candidate(mid.as_deref(), candidate);
            request(id, method, Candidate { session_id, sdp })
        }
        Method::EndOfCandidates { session: _ } => {
            let sdp = fragment::end_of_candidates();
            request(id, method, Candidate { session_id, sdp })
        }
        Method::Info { session: _, status } => json(&InfoRequest {
            jsonrpc: VERSION,
            params: Info { session_id, status },
            method,
            id,
        }),
        Method::Terminate { session: _, reason } => {
            let reason = reason.as_str();
            request(id, method, Terminate { session_id, reason })
        }
        Method::Mute { session: _, media } | Method::Unmute { session: _, media } => {
            let r#type = media;
            request(id, method, Mute { session_id, r#type })
        }
    };
    Element::builder(NAME, NAMESPACE).append(text).build()
}

fn request(id: &str, method: &'static str, params: impl Serialize) -> String {
    json(&Request {
        jsonrpc: VERSION,
        method,
        params,
        id,
    })
}

fn json(request: &impl Serialize) -> String {
    let text = serde_json::to_string(request).expect("structs of strings and booleans always have a JSON form");
    escape_for_xml(text)
}

/// JSON leaves two characters as they are that XML cannot carry, not even escaped. They can only stand inside strings.
fn escape_for_xml(json: String) -> String {
    if json.contains(['\u{FFFE}', '\u{FFFF}']) {
        json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff")
    } else {
        json
    }
}

/// RFC 8866 section 5: every line ends in CRLF, the last one too. There are no empty lines.
fn crlf(sdp: &str) -> String {
    let mut text = String::with_capacity(sdp.len() + 2);
    for line in sdp.split(['\r', '\n']).filter(|line| !line.is_empty()) {
        text.push_str(line);
        text.push_str("\r\n");
    }
    text
}
