//! What a frame says, as types.

use minidom::Element;
use offhook_jingle::{InitiationMessage, SessionId, stanza::NAMESPACE as JINGLE};
use serde::Serialize;

use crate::stanza::ns;

/// What a frame of a stream says, as far as calls are concerned: never its text, which may hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
#[serde(tag = "is", rename_all = "camelCase", rename_all_fields = "camelCase")]
#[non_exhaustive]
pub enum Said {
    /// A call is proposed (XEP-0353 section 3.1).
    Propose {
        /// Its session.
        session: SessionId,
    },
    /// A client takes the call (XEP-0353 section 3.4).
    Proceed {
        /// Its session.
        session: SessionId,
    },
    /// A client tells the others of its user that it has the call.
    Accept {
        /// Its session.
        session: SessionId,
    },
    /// It is refused (XEP-0353 section 3.5).
    Reject {
        /// Its session.
        session: SessionId,
    },
    /// It is taken back (XEP-0353 section 3.3).
    Retract {
        /// Its session.
        session: SessionId,
    },
    /// A Jingle request (XEP-0166).
    Jingle {
        /// Its session.
        session: SessionId,
        /// `session-initiate`, `session-accept`, `transport-info`...
        action: String,
    },
    /// A request of SDP over XMPP, `genesys-webrtc`.
    Rpc {
        /// Its session, which a request without one does not have.
        session: Option<SessionId>,
        /// `offer`, `answer`, `iceCandidate`, `info`, `terminate`, `mute`...
        method: String,
    },
    /// Any other request (RFC 6120 section 8.2.3).
    Request {
        /// What its payload is called: `bind`, `ping`, `pubsub`, `services`...
        name: String,
        /// The payload's namespace.
        namespace: String,
    },
    /// A request has succeeded.
    Result,
    /// A request has failed.
    Error {
        /// The condition (RFC 6120 section 8.3.3).
        condition: String,
    },
    /// Any other message: a notification of pubsub, for instance.
    Message,
    /// What belongs to the stream itself: its opening and closing, authentication, acknowledgements. Also what is no XML.
    Stream,
}

impl Said {
    pub(crate) fn by(element: &Element) -> Self {
        let children = || element.children();
        match (element.name(), element.attr("type")) {
            ("message", _) => children().find_map(initiation).unwrap_or(Self::Message),
            ("iq", Some("result")) => Self::Result,
            ("iq", Some("error")) => {
                let error = element.get_child("error", ns::CLIENT);
                let condition = error.and_then(|error| error.children().next());
                Self::Error {
                    condition: condition.map_or("undefined-condition", Element::name).to_owned(),
                }
            }
            ("iq", _) => children().next().map_or(Self::Stream, request),
            _ => Self::Stream,
        }
    }
}

fn session(id: &str) -> SessionId {
    SessionId::new(id)
}

fn initiation(element: &Element) -> Option<Said> {
    match InitiationMessage::parse(element)?.ok()? {
        InitiationMessage::Propose(propose) => Some(Said::Propose { session: propose.id }),
        InitiationMessage::Proceed(session) => Some(Said::Proceed { session }),
        InitiationMessage::Accept(session) => Some(Said::Accept { session }),
        InitiationMessage::Reject(reject) => Some(Said::Reject { session: reject.id }),
        InitiationMessage::Retract(retract) => Some(Said::Retract { session: retract.id }),
        InitiationMessage::Ringing(_) | InitiationMessage::Finish(_) => None,
    }
}

fn request(payload: &Element) -> Said {
    match (payload.name(), payload.ns().as_str()) {
        ("jingle", JINGLE) => Said::Jingle {
            session: session(payload.attr("sid").unwrap_or_default()),
            action: payload.attr("action").unwrap_or_default().to_owned(),
        },
        ("genesys-webrtc", ns::GENESYS) => {
            let rpc: serde_json::Value = serde_json::from_str(&payload.text()).unwrap_or_default();
            Said::Rpc {
                session: rpc["params"]["sessionId"].as_str().map(session),
                method: rpc["method"].as_str().unwrap_or_default().to_owned(),
            }
        }
        (name, namespace) => Said::Request {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Said {
        Said::by(&text.parse().expect("XML"))
    }

    #[test]
    fn every_kind_of_frame_has_its_type() {
        let iq = |payload: &str| said(&format!("<iq xmlns='jabber:client' type='set' id='1'>{payload}</iq>"));
        let message = |payload: &str| said(&format!("<message xmlns='jabber:client'>{payload}</message>"));
        let session = SessionId::new("s");
        assert_eq!(
            message("<proceed xmlns='urn:xmpp:jingle-message:0' id='s'/>"),
            Said::Proceed {
                session: session.clone()
            }
        );
        assert_eq!(
            message("<event xmlns='http://jabber.org/protocol/pubsub#event'/>"),
            Said::Message
        );
        assert_eq!(
            iq("<jingle xmlns='urn:xmpp:jingle:1' sid='s' action='session-accept'/>"),
            Said::Jingle {
                session: session.clone(),
                action: "session-accept".to_owned()
            }
        );
        assert_eq!(
            iq(
                "<genesys-webrtc xmlns='genesys'>{\"method\":\"answer\",\"params\":{\"sessionId\":\"s\"}}</genesys-webrtc>"
            ),
            Said::Rpc {
                session: Some(session),
                method: "answer".to_owned()
            }
        );
        assert_eq!(
            iq("<ping xmlns='urn:xmpp:ping'/>"),
            Said::Request {
                name: "ping".to_owned(),
                namespace: ns::PING.to_owned()
            }
        );
        let error = "<iq xmlns='jabber:client' type='error' id='1'><error type='cancel'>\
                     <item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        assert_eq!(
            said(error),
            Said::Error {
                condition: "item-not-found".to_owned()
            }
        );
        assert_eq!(said("<iq xmlns='jabber:client' type='result' id='1'/>"), Said::Result);
        assert_eq!(
            said("<open xmlns='urn:ietf:params:xml:ns:xmpp-framing'/>"),
            Said::Stream
        );
    }
}
