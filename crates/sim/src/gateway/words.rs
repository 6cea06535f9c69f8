//! What is said about a session, in either dialect: by the gateway, and by clients.

use jid::{FullJid, Jid};
use minidom::Element;
use offhook_jingle::genesys::{Method, Rpc};
use offhook_jingle::sdp::{self, SessionDescription};
use offhook_jingle::stanza::{Action, Content, Group, Ice, Info, Jingle, Role, Senders, Transport};
use offhook_jingle::{Candidate, ConversationId, Dialect, Reason, SessionId};
use offhook_media::Direction;

/// What the gateway says.
#[derive(Debug, Clone)]
pub(super) enum Words {
    Offer {
        conversation: ConversationId,
        sdp: String,
        /// For a conversation that there is. Jingle has no word for it.
        reinvite: bool,
    },
    Candidate {
        mid: String,
        candidate: String,
    },
    /// Only in Jingle: clients of SDP over XMPP know no end of the gateway's candidates.
    EndOfCandidates {
        mid: String,
    },
    /// Who sends from now on, which is for both sides. Only in Jingle: SDP over XMPP makes another offer.
    Turn {
        mid: String,
        direction: Direction,
    },
    /// ICE begins anew with the credentials of this description, or answers that. Only in Jingle.
    Restart {
        sdp: String,
    },
    Terminate(Reason),
}

/// What a client asks.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Asked {
    Answer(String),
    /// Candidates, or the end of them.
    Candidates(Vec<String>),
    Info(String),
    Muted(bool),
    /// In which direction the client has the audio go, as the client sees it.
    Turn(Direction),
    /// New ICE credentials: an offer of them, or the answer to ours.
    Restart {
        ufrag: String,
        password: String,
    },
    End(Reason),
    /// Something that only a gateway says, or that this one does not do.
    Unfit,
}

/// A client's request.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Request {
    pub(super) session: SessionId,
    pub(super) dialect: Dialect,
    pub(super) asked: Asked,
}

impl Words {
    /// The payload of an IQ; `rpc` is the id that a JSON-RPC request has.
    pub(super) fn payload(self, dialect: Dialect, gateway: &FullJid, session: &SessionId, rpc: &str) -> Element {
        match dialect {
            Dialect::SdpOverXmpp => Rpc {
                id: rpc.to_owned(),
                method: self.method(session.clone()),
            }
            .to_element(),
            Dialect::Jingle => self.jingle(session.clone(), gateway).to_element(),
        }
    }

    fn method(self, session: SessionId) -> Method {
        match self {
            Self::Offer {
                conversation,
                sdp,
                reinvite,
            } => Method::Offer {
                session,
                conversation: Some(conversation),
                sdp,
                reinvite,
            },
            Self::Candidate { mid, candidate } => Method::Candidate {
                session,
                mid: Some(mid),
                candidate,
            },
            Self::EndOfCandidates { .. } => Method::EndOfCandidates { session },
            // There are no words for these; nobody says them in this dialect.
            Self::Turn { .. } | Self::Restart { .. } => Method::Info {
                session,
                status: "active".to_owned(),
            },
            Self::Terminate(reason) => Method::Terminate { session, reason },
        }
    }

    fn jingle(self, session: SessionId, gateway: &FullJid) -> Jingle {
        let said = |action| Jingle {
            initiator: Some(Jid::from(gateway.clone())),
            ..Jingle::new(action, session)
        };
        match self {
            Self::Offer { sdp, .. } => {
                let (contents, groups) = contents(&sdp);
                Jingle {
                    contents,
                    groups,
                    ..said(Action::SessionInitiate)
                }
            }
            Self::Candidate { mid, candidate } => {
                // What media say of their own candidates can be read.
                let candidates: Vec<Candidate> = candidate.parse().into_iter().collect();
                let ufrag = candidates.iter().find_map(|candidate| candidate.ufrag.clone());
                let ice = Ice {
                    ufrag,
                    candidates,
                    ..Ice::default()
                };
                Jingle {
                    contents: vec![trickling(&mid, ice)],
                    ..said(Action::TransportInfo)
                }
            }
            Self::EndOfCandidates { mid } => {
                let ice = Ice {
                    gathering_complete: true,
                    ..Ice::default()
                };
                Jingle {
                    contents: vec![trickling(&mid, ice)],
                    ..said(Action::TransportInfo)
                }
            }
            Self::Turn { mid, direction } => Jingle {
                contents: vec![Content {
                    senders: senders(direction),
                    ..Content::new(Role::Initiator, sdp::content_of(&mid))
                }],
                ..said(Action::ContentModify)
            },
            Self::Restart { sdp } => Jingle {
                contents: transports(&sdp),
                ..said(Action::TransportInfo)
            },
            Self::Terminate(reason) => Jingle {
                reason: Some(reason.into()),
                ..said(Action::SessionTerminate)
            },
        }
    }
}

fn trickling(mid: &str, ice: Ice) -> Content {
    Content {
        transport: Some(Transport::Ice(ice)),
        ..Content::new(Role::Initiator, sdp::content_of(mid))
    }
}

/// The contents of an offer. One that is no description has a content that says nothing.
fn contents(sdp: &str) -> (Vec<Content>, Vec<Group>) {
    let described = sdp.parse::<SessionDescription>();
    let mapped = described.and_then(|offer| sdp::to_contents(&offer, Role::Initiator, |_| Role::Initiator));
    mapped.unwrap_or_else(|_| (vec![Content::new(Role::Initiator, "nothing")], Vec::new()))
}

/// The transports of a description, and nothing else of it.
fn transports(sdp: &str) -> Vec<Content> {
    let (contents, _) = contents(sdp);
    let transport = |content: Content| Content {
        transport: content.transport,
        ..Content::new(content.creator, content.name)
    };
    contents.into_iter().map(transport).collect()
}

/// Who sends, when the gateway, which is the initiator, has its audio go so.
fn senders(direction: Direction) -> Senders {
    match direction {
        Direction::SendRecv => Senders::Both,
        Direction::SendOnly => Senders::Initiator,
        Direction::RecvOnly => Senders::Responder,
        Direction::Inactive => Senders::None,
    }
}

/// The same as the client, which is the responder, sees it.
fn direction(senders: Senders) -> Direction {
    match senders {
        Senders::Both => Direction::SendRecv,
        Senders::Initiator => Direction::RecvOnly,
        Senders::Responder => Direction::SendOnly,
        Senders::None => Direction::Inactive,
    }
}

impl Request {
    /// Reads a request; `None` if it is of neither dialect or cannot be read.
    pub(super) fn read(stanza: &Element) -> Option<Self> {
        stanza.children().find_map(|payload| match Jingle::parse(payload) {
            Ok(jingle) => Some(of_jingle(jingle)),
            Err(_) => Rpc::parse(payload).ok().map(|rpc| of_rpc(rpc.method)),
        })
    }
}

fn of_rpc(method: Method) -> Request {
    let session = method.session().clone();
    let asked = match method {
        Method::Answer { sdp, .. } => Asked::Answer(sdp),
        Method::Candidate { candidate, .. } => Asked::Candidates(vec![candidate]),
        Method::EndOfCandidates { .. } => Asked::Candidates(Vec::new()),
        Method::Info { status, .. } => Asked::Info(status),
        Method::Mute { .. } => Asked::Muted(true),
        Method::Unmute { .. } => Asked::Muted(false),
        Method::Terminate { reason, .. } => Asked::End(reason),
        Method::Offer { .. } => Asked::Unfit,
    };
    Request {
        session,
        dialect: Dialect::SdpOverXmpp,
        asked,
    }
}

fn of_jingle(jingle: Jingle) -> Request {
    let asked = match (jingle.action, jingle.info) {
        (Action::SessionAccept, _) => {
            let answer = sdp::from_contents(&jingle.contents, &jingle.groups, Role::Responder, 1);
            Asked::Answer(answer.to_string())
        }
        (Action::TransportInfo, _) => match credentials(&jingle.contents) {
            Some((ufrag, password)) => Asked::Restart { ufrag, password },
            None => Asked::Candidates(candidates(&jingle.contents)),
        },
        (Action::ContentModify, _) => {
            let turned = jingle.contents.first().map(|content| direction(content.senders));
            turned.map_or(Asked::Unfit, Asked::Turn)
        }
        (Action::SessionInfo, Some(info)) => of_info(&info),
        (Action::SessionInfo, None) => Asked::Info("ping".to_owned()),
        (Action::SessionTerminate, _) => Asked::End(jingle.reason.map_or(Reason::Success, |farewell| farewell.reason)),
        (
            Action::ContentAccept
            | Action::ContentAdd
            | Action::ContentReject
            | Action::ContentRemove
            | Action::DescriptionInfo
            | Action::SecurityInfo
            | Action::SessionInitiate
            | Action::TransportAccept
            | Action::TransportReject
            | Action::TransportReplace,
            _,
        ) => Asked::Unfit,
    };
    Request {
        session: jingle.sid,
        dialect: Dialect::Jingle,
        asked,
    }
}

fn of_info(info: &Info) -> Asked {
    let status = match info {
        Info::Mute { .. } => return Asked::Muted(true),
        Info::Unmute { .. } => return Asked::Muted(false),
        Info::Unknown { .. } => return Asked::Unfit,
        Info::Ringing => "ringing",
        Info::Active => "active",
        Info::Hold => "hold",
        Info::Unhold => "unhold",
    };
    Asked::Info(status.to_owned())
}

/// Candidates are told with the user fragment alone; who says the password too begins ICE anew.
fn credentials(contents: &[Content]) -> Option<(String, String)> {
    let of_content = |content: &Content| {
        let ice = content.ice()?;
        Some((ice.ufrag.clone()?, ice.pwd.clone()?))
    };
    contents.iter().find_map(of_content)
}

fn candidates(contents: &[Content]) -> Vec<String> {
    let of_content = |content: &Content| match &content.transport {
        Some(Transport::Ice(ice)) => ice.candidates.iter().map(ToString::to_string).collect(),
        Some(Transport::Other(_)) | None => Vec::new(),
    };
    contents.iter().flat_map(of_content).collect()
}
