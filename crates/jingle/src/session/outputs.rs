//! What goes into a session and what comes out of it.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use super::Refusal;
use crate::{ConversationId, Generation, Reason, Ticket, Token};

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
    Refused {
        /// The defined condition of RFC 6120 section 8.3.3, such as `item-not-found`.
        condition: String,
    },
    /// No answer came in time, or the stream is gone; whether the peer has it is unknown.
    Lost,
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
    /// The session is over. Told exactly once, and nothing comes after it.
    Ended {
        /// Why.
        reason: Reason,
        /// On whose side.
        by: EndedBy,
    },
}

/// What an offer means for the media there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OfferKind {
    /// The first offer (or one that replaces it before it was answered).
    Initial,
    /// New parameters for the same media, whose ICE goes on: same generation.
    Renegotiation,
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
