//! What can be told of a request without the session that it is for: which session that is, in which dialect, and what is asked
//! of it. Whoever keeps sessions finds the right one by this, and answers for those that it does not have.

use minidom::Element;

use crate::{
    ConversationId, Dialect, SessionId,
    genesys::{self, Method, Rpc, RpcLimits},
    session::{Refusal, Reply},
    stanza::{self, Action, JingleError},
};

/// The outside of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// The session that it speaks of. Only together with the sender does that mean a certain session.
    pub session: SessionId,
    /// How it speaks.
    pub dialect: Dialect,
    /// What it asks.
    pub act: Act,
}

/// What a request asks of its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    /// To begin: `session-initiate`, or an `offer`, which may also be one for a session that there is.
    Begin {
        /// The conversation that it names; Jingle names none.
        conversation: Option<ConversationId>,
        /// `reinvite`: new media for a call that there is.
        reinvite: bool,
    },
    /// To take candidates, which may come before the session begins.
    Trickle,
    /// To end.
    End,
    /// Anything else.
    Other,
}

impl Envelope {
    /// Reads the outside of a request's payload; `None` if it is of neither dialect. What is inside is the session's to judge.
    ///
    /// # Errors
    /// [`Refusal`] inside the `Some`, with which the request is to be answered: it names no session or no known action, or is
    /// larger than `limits` allow.
    pub fn read(payload: &Element, limits: &RpcLimits) -> Option<Result<Self, Refusal>> {
        if payload.is(stanza::NAME, stanza::NAMESPACE) {
            Some(of_jingle(payload, limits.word).map_err(Refusal::MalformedJingle))
        } else if payload.is(genesys::NAME, genesys::NAMESPACE) {
            let rpc = Rpc::parse_within(payload, limits).map_err(Refusal::Malformed);
            Some(rpc.map(|rpc| of_rpc(&rpc.method)))
        } else {
            None
        }
    }

    /// What to answer if there is no such session. Both sides may end at once, so an end needs none (XEP-0166 section 6.7).
    pub fn to_nobody(&self) -> Reply {
        match self.act {
            Act::End => Reply::Done,
            Act::Begin { .. } | Act::Trickle | Act::Other => Reply::Refused(Refusal::OtherSession),
        }
    }
}

fn of_jingle(payload: &Element, limit: usize) -> Result<Envelope, JingleError> {
    let (action, session) = stanza::address(payload, limit)?;
    let act = match action {
        Action::SessionInitiate => Act::Begin {
            conversation: None,
            reinvite: false,
        },
        Action::TransportInfo => Act::Trickle,
        Action::SessionTerminate => Act::End,
        Action::ContentAccept
        | Action::ContentAdd
        | Action::ContentModify
        | Action::ContentReject
        | Action::ContentRemove
        | Action::DescriptionInfo
        | Action::SecurityInfo
        | Action::SessionAccept
        | Action::SessionInfo
        | Action::TransportAccept
        | Action::TransportReject
        | Action::TransportReplace => Act::Other,
    };
    Ok(Envelope {
        session,
        dialect: Dialect::Jingle,
        act,
    })
}

fn of_rpc(method: &Method) -> Envelope {
    let act = match method {
        Method::Offer {
            conversation, reinvite, ..
        } => Act::Begin {
            conversation: conversation.clone(),
            reinvite: *reinvite,
        },
        Method::Candidate { .. } | Method::EndOfCandidates { .. } => Act::Trickle,
        Method::Terminate { .. } => Act::End,
        Method::Answer { .. } | Method::Info { .. } | Method::Mute { .. } | Method::Unmute { .. } => Act::Other,
    };
    Envelope {
        session: method.session().clone(),
        dialect: Dialect::SdpOverXmpp,
        act,
    }
}
