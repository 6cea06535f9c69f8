//! The gateway's stanzas: proposals (XEP-0353), and sessions in either dialect.

use jid::{BareJid, FullJid};
use minidom::Element;
use offhook_jingle::message::{Ending, InitiationMessage, Propose};
use offhook_jingle::{ConversationId, Dialect, Reason, SessionId};

use super::words::{Asked, Request, Words};
use crate::config::OfferFault;
use crate::stanza::{element, ns, parent};

/// The names of one call, from which its stanzas are made.
#[derive(Debug)]
pub(super) struct Signalling {
    pub(super) gateway: FullJid,
    pub(super) account: BareJid,
    /// In which its sessions speak.
    pub(super) dialect: Dialect,
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
    Request(Asked),
    /// A client ends a session that the call has left.
    Left(SessionId, Reason),
    /// A request of the gateway, by the id of its IQ, is acknowledged.
    Acknowledged(String),
    /// A request of the gateway, by the id of its IQ, is refused.
    Refused(String, String),
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
        propose.sdp_over_xmpp = self.dialect == Dialect::SdpOverXmpp;
        propose.user_id = Some(self.user.clone());
        self.message(id, to, InitiationMessage::Propose(propose).to_element())
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

    pub(super) fn offer(&self, sdp: String, fault: Option<OfferFault>) -> Words {
        let sdp = match (fault, self.dialect) {
            (None, _) => sdp,
            (Some(OfferFault::NotSdp), _) => "this is no session description\r\n".to_owned(),
            (Some(OfferFault::WrongFingerprint), _) => with_another_fingerprint(&sdp),
            (Some(OfferFault::NoAudio), Dialect::SdpOverXmpp) => WITHOUT_AUDIO.to_owned(),
            // Jingle maps no data to contents.
            (Some(OfferFault::NoAudio), Dialect::Jingle) => sdp.replace("m=audio", "m=video"),
        };
        self.offer_of(sdp, false)
    }

    /// An offer of new media for a conversation that there is.
    pub(super) fn reinvite(&self, sdp: String) -> Words {
        self.offer_of(sdp, true)
    }

    /// An offer of other terms for the media that there are.
    pub(super) fn other_terms(&self, sdp: String) -> Words {
        self.offer_of(sdp, false)
    }

    fn offer_of(&self, sdp: String, reinvite: bool) -> Words {
        Words::Offer {
            conversation: self.conversation.clone(),
            sdp,
            reinvite,
        }
    }

    /// The words as an IQ with one id, and another one for the JSON-RPC request in it.
    pub(super) fn request(&self, id: &str, rpc: &str, to: &FullJid, words: Words) -> Element {
        self.request_in(self.dialect, id, rpc, to, words)
    }

    pub(super) fn request_in(&self, dialect: Dialect, id: &str, rpc: &str, to: &FullJid, words: Words) -> Element {
        let attributes = [
            ("type", "set"),
            ("id", id),
            ("from", self.gateway.as_str()),
            ("to", to.as_str()),
        ];
        let payload = words.payload(dialect, &self.gateway, &self.session, rpc);
        parent(element("iq", ns::CLIENT, &attributes), [payload])
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
            "iq" if stanza.attr("type") == Some("set") => match Request::read(stanza) {
                Some(request) if request.dialect != self.dialect => Said::Unreadable,
                Some(request) if request.session == self.session => Said::Request(request.asked),
                Some(Request {
                    session,
                    asked: Asked::End(reason),
                    ..
                }) if self.former.contains(&session) => Said::Left(session, reason),
                Some(_) | None => Said::Unreadable,
            },
            "iq" if stanza.attr("type") == Some("result") => {
                Said::Acknowledged(stanza.attr("id").unwrap_or_default().to_owned())
            }
            "iq" if stanza.attr("type") == Some("error") => {
                let condition = stanza.get_child("error", ns::CLIENT);
                let condition = condition.and_then(|error| error.children().next()).map(Element::name);
                let id = stanza.attr("id").unwrap_or_default().to_owned();
                Said::Refused(id, condition.unwrap_or("undefined-condition").to_owned())
            }
            "iq" if stanza.attr("type") == Some("get") => Said::Unreadable,
            _ => Said::Nothing,
        }
    }
}

/// The same description with one digit of its fingerprint changed.
fn with_another_fingerprint(sdp: &str) -> String {
    const LINE: &str = "a=fingerprint:sha-256 ";
    let Some((before, digits)) = sdp.split_once(LINE) else {
        return sdp.to_owned();
    };
    let (first, rest) = digits.split_at(digits.len().min(1));
    let other = if first == "0" { "1" } else { "0" };
    format!("{before}{LINE}{other}{rest}")
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
