//! The gateway's words: proposals (XEP-0353) and SDP over XMPP.

use jid::{BareJid, FullJid};
use minidom::Element;
use offhook_jingle::genesys::{Method, Rpc};
use offhook_jingle::message::{Ending, InitiationMessage, Propose};
use offhook_jingle::{ConversationId, Reason, SessionId};

use crate::config::OfferFault;
use crate::stanza::{element, ns, parent};

/// The names of one call, from which its stanzas are made.
#[derive(Debug)]
pub(super) struct Signalling {
    pub(super) gateway: FullJid,
    pub(super) account: BareJid,
    pub(super) session: SessionId,
    /// The session ids that the call had before.
    pub(super) former: Vec<SessionId>,
    pub(super) conversation: ConversationId,
    pub(super) user: String,
    pub(super) auto_answer: bool,
}

/// What a client's stanza means to the call.
#[derive(Debug, PartialEq)]
pub(super) enum Said {
    /// `<proceed/>`
    Proceed,
    /// `<reject/>`
    Reject,
    /// A request about the session.
    Request(Method),
    /// A client ends a session that the call has left.
    Left(SessionId, Reason),
    /// A request that cannot be read.
    Unreadable,
    /// Nothing that concerns the call.
    Nothing,
}

impl Signalling {
    /// The proposal, with the description inside that the platform's gateways send.
    pub(super) fn propose(&self, id: &str, to: &FullJid) -> Element {
        let mut propose = Propose::new(self.session.clone());
        propose.conversation = Some(self.conversation.clone());
        propose.auto_answer = self.auto_answer;
        propose.sdp_over_xmpp = true;
        propose.user_id = Some(self.user.clone());
        let description = element("description", ns::RTP, &[("media", "audio")]);
        let propose = InitiationMessage::Propose(propose).to_element();
        self.message(id, to, parent(propose, [description]))
    }

    pub(super) fn retract(&self, id: &str, to: &FullJid) -> Element {
        self.message(
            id,
            to,
            InitiationMessage::Retract(Ending::new(self.session.clone())).to_element(),
        )
    }

    /// What the server reflects when another device of the account takes the call.
    pub(super) fn accepted_by(&self, device: &FullJid) -> Element {
        let attributes = [("from", device.as_str()), ("to", self.account.as_str())];
        let accept = InitiationMessage::Accept(self.session.clone()).to_element();
        parent(element("message", ns::CLIENT, &attributes), [accept])
    }

    fn message(&self, id: &str, to: &FullJid, payload: Element) -> Element {
        let attributes = [("id", id), ("from", self.gateway.as_str()), ("to", to.as_str())];
        parent(element("message", ns::CLIENT, &attributes), [payload])
    }

    pub(super) fn offer(&self, sdp: String, fault: Option<OfferFault>) -> Method {
        let sdp = match fault {
            None => sdp,
            Some(OfferFault::NotSdp) => "this is no session description\r\n".to_owned(),
            Some(OfferFault::NoAudio) => WITHOUT_AUDIO.to_owned(),
        };
        Method::Offer {
            session: self.session.clone(),
            conversation: Some(self.conversation.clone()),
            sdp,
            reinvite: false,
        }
    }

    pub(super) fn candidate(&self, mid: String, candidate: String) -> Method {
        Method::Candidate {
            session: self.session.clone(),
            mid: Some(mid),
            candidate,
        }
    }

    pub(super) fn terminate(&self, reason: Reason) -> Method {
        Method::Terminate {
            session: self.session.clone(),
            reason,
        }
    }

    /// An offer of new media for a session that there is.
    pub(super) fn reinvite(&self, sdp: String) -> Method {
        Method::Offer {
            session: self.session.clone(),
            conversation: Some(self.conversation.clone()),
            sdp,
            reinvite: true,
        }
    }

    /// The request as an IQ with one id, and another one for the JSON-RPC request in it.
    pub(super) fn request(&self, id: &str, rpc: &str, to: &FullJid, method: Method) -> Element {
        let attributes = [
            ("type", "set"),
            ("id", id),
            ("from", self.gateway.as_str()),
            ("to", to.as_str()),
        ];
        let rpc = Rpc {
            id: rpc.to_owned(),
            method,
        };
        parent(element("iq", ns::CLIENT, &attributes), [rpc.to_element()])
    }

    /// What a client's stanza means.
    pub(super) fn read(&self, stanza: &Element) -> Said {
        match stanza.name() {
            "message" => stanza
                .children()
                .filter_map(InitiationMessage::parse)
                .find_map(|message| match message {
                    Ok(InitiationMessage::Proceed(id)) if id == self.session => Some(Said::Proceed),
                    Ok(InitiationMessage::Reject(reject)) if reject.id == self.session => Some(Said::Reject),
                    Ok(
                        InitiationMessage::Proceed(_)
                        | InitiationMessage::Reject(_)
                        | InitiationMessage::Propose(_)
                        | InitiationMessage::Accept(_)
                        | InitiationMessage::Retract(_)
                        | InitiationMessage::Ringing(_)
                        | InitiationMessage::Finish(_),
                    )
                    | Err(_) => None,
                })
                .unwrap_or(Said::Nothing),
            "iq" if stanza.attr("type") == Some("set") => {
                match stanza.get_child("genesys-webrtc", ns::GENESYS).map(Rpc::parse) {
                    Some(Ok(rpc)) if *rpc.session() == self.session => Said::Request(rpc.method),
                    Some(Ok(Rpc {
                        method: Method::Terminate { session, reason },
                        ..
                    })) if self.former.contains(&session) => Said::Left(session, reason),
                    Some(Ok(_) | Err(_)) | None => Said::Unreadable,
                }
            }
            "iq" if stanza.attr("type") == Some("get") => Said::Unreadable,
            _ => Said::Nothing,
        }
    }
}

/// A session description that offers data and no audio.
const WITHOUT_AUDIO: &str = "v=0\r\n\
    o=- 4611731400430051336 2 IN IP4 127.0.0.1\r\n\
    s=-\r\n\
    t=0 0\r\n\
    a=group:BUNDLE data\r\n\
    m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n\
    c=IN IP4 0.0.0.0\r\n\
    a=ice-ufrag:data\r\n\
    a=ice-pwd:aaaaaaaaaaaaaaaaaaaaaaaa\r\n\
    a=fingerprint:sha-256 00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n\
    a=setup:actpass\r\n\
    a=mid:data\r\n\
    a=sctp-port:5000\r\n";
