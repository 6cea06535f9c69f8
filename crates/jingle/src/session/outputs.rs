//! What goes into a session and what comes out of it.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use super::Refusal;
use crate::{ConversationId, Generation, Reason, Ticket, Token, stanza::JingleCondition};

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// An IQ set arrived that may be for this session. It is answered by exactly one [`Output::Reply`], unless the session has
    /// ended.
    Request {
        /// Found again on the reply.
        ticket: Ticket,
        /// Who sent it.
        from: Jid,
        /// Its payload.
        payload: Element,
    },
    /// A request of ours came to its end.
    Response {
        /// From [`Output::Request`].
        token: Token,
        /// How.
        outcome: Outcome,
    },
    /// Another resource of the account has accepted or rejected the session
    /// ([`ProposalEvent::HandledElsewhere`](crate::ProposalEvent::HandledElsewhere)). It ends a session that has no offer yet,
    /// and no other.
    HandledElsewhere,
    /// There is no stream any more. The session goes on, and keeps what it has to say. What was asked of the peer stays asked until
    /// its [`Outcome`] is told; [`Outcome::Lost`] has it said again.
    SignallingLost,
    /// There is a stream again, by which the peer can be reached under the address that it knows. The outcomes of all requests that
    /// went down with the former stream are told before.
    SignallingRestored,
    /// The instant of [`Output::Timeout`] has come.
    Timeout,
}

/// How a request of ours ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The peer acknowledged it.
    Done,
    /// The peer answered with an error.
    Refused(Rejection),
    /// No answer came in time, or the stream is gone; whether the peer has it is unknown.
    Lost,
}

/// The error with which a peer answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// The defined condition of RFC 6120 section 8.3.3, such as `item-not-found`.
    pub condition: String,
    /// The condition of Jingle beside it (XEP-0166 section 10).
    pub application: Option<JingleCondition>,
    /// With `redirect` or `gone`: the address that the peer names instead (RFC 6120 sections 8.3.3.5 and 8.3.3.14).
    pub redirect: Option<String>,
}

impl Rejection {
    /// An error that says nothing but this condition.
    pub fn new(condition: impl Into<String>) -> Self {
        Self {
            condition: condition.into(),
            application: None,
            redirect: None,
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send an IQ set and bring its outcome back.
    Request {
        /// To be given back with the outcome.
        token: Token,
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Answer a request of the peer.
    Reply {
        /// From [`Input::Request`].
        ticket: Ticket,
        /// The answer.
        reply: Reply,
    },
    /// Send a message: no `id`, `type` or `from` of its own.
    Message {
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Send an IQ set as soon as there is a stream: the `terminate` that the peer is still owed by a session that ended without
    /// signalling. It outlives the session, which wants to hear of no outcome.
    Farewell {
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Something the application should know.
    Event(SessionEvent),
    /// Nothing more for now: call [`Session::handle_input`](super::Session::handle_input) with [`Input::Timeout`] no later than
    /// this.
    Timeout(Instant),
}

/// The answer to a request of the peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// An empty result.
    Done,
    /// A stanza error.
    Refused(Refusal),
}

/// Something the application should know about a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionEvent {
    /// The session now belongs to this conversation; told before the offer that says so.
    ConversationChanged {
        /// The new conversation.
        conversation: ConversationId,
    },
    /// The peer offers media: [`answer`](super::Session::answer) it, or [`end`](super::Session::end) the session. An earlier
    /// offer that was not answered yet is void.
    Offer {
        /// The media that the offer is about.
        generation: Generation,
        /// The offer as it came.
        sdp: String,
        /// What to do with the media there are.
        kind: OfferKind,
    },
    /// The peer answers our offer, or agrees to what changes nothing on its side.
    Answer {
        /// The media that the offer was about.
        generation: Generation,
        /// What the peer says of its side of the media.
        sdp: String,
    },
    /// The peer does not take our offer, which was not the first; what held before it holds again.
    OfferDeclined {
        /// The media that the offer was about.
        generation: Generation,
        /// Why.
        cause: DeclineCause,
    },
    /// The peer has one more candidate.
    RemoteCandidate {
        /// The media that it is for.
        generation: Generation,
        /// The media description that it is for, if the peer said so.
        mid: Option<String>,
        /// The value of the `a=` line: `candidate:...`.
        candidate: String,
    },
    /// The peer has no more candidates. Told once a generation.
    RemoteEndOfCandidates {
        /// The media that have them all.
        generation: Generation,
    },
    /// The peer has our latest answer.
    AnswerAcknowledged {
        /// The media that it was about.
        generation: Generation,
    },
    /// The peer's phone rings (XEP-0167 section 7.1).
    RemoteRinging,
    /// The peer says that it takes part actively, after ringing or holding.
    RemoteActive,
    /// The peer has put us on hold, or has ended that.
    RemoteHeld {
        /// Whether we are on hold now.
        held: bool,
    },
    /// The peer sends no sound any more, or does again.
    RemoteMuted {
        /// Whether it is muted now.
        muted: bool,
        /// The media description that it speaks of, if it said so.
        mid: Option<String>,
    },
    /// The peer wants to be called under another address (XEP-0166 section 6.6). The session is over after this.
    Redirected {
        /// The address, as a URI.
        to: String,
    },
    /// The session is over. Told exactly once, and nothing comes after it.
    Ended {
        /// Why.
        reason: Reason,
        /// On whose side.
        by: EndedBy,
        /// In the words of whoever ended it.
        text: Option<String>,
    },
}

/// What an offer means for the media there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferKind {
    /// The first offer (or one that replaces it before it was answered).
    Initial,
    /// New parameters for the same media, whose ICE goes on: same generation.
    Renegotiation,
    /// The same media over new ICE (RFC 8445 section 9): a new generation of candidates, while DTLS and RTP go on.
    /// [`decline`](super::Session::decline) it if the media cannot do that.
    Restart,
    /// New media, a new generation: answer with fresh ones, and let the old ones play until the new ones carry audio.
    Reinvite,
}

/// On whose side a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum EndedBy {
    /// We ended it.
    Local,
    /// The peer ended it, or would not go on.
    Remote,
    /// Neither wanted to: media failed, nothing came in time, or another resource of ours took it.
    Network,
}

/// Why an offer of ours did not come into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclineCause {
    /// The peer declined it, or answered with an error.
    Refused,
    /// The peer made an offer at the same time, and that one goes first (XEP-0166 section 7.2.16).
    TieBreak,
    /// No answer came in time.
    TimedOut,
}
