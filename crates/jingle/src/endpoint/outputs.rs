//! What goes into an endpoint and what comes out of it.

use std::time::Instant;

use jid::Jid;
use minidom::Element;

use crate::{
    ConversationId, Dialect, ProposalError, ProposalEvent, SessionEvent, SessionId, Ticket, Token,
    proposals::ProposeError,
    session::{CommandError, Outcome, Reply},
    stanza::Role,
};

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A message arrived. Payloads that are not Jingle Message Initiation are passed over, so that all may be given here.
    Message {
        /// Who sent it.
        from: Jid,
        /// One of its payloads.
        payload: Element,
    },
    /// An IQ set arrived. It is answered by one [`Output::Reply`], now or when its session has judged it, or by one
    /// [`Output::Ignore`].
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
    /// There is no stream any more. Sessions and proposals go on, and keep what they have to say.
    SignallingLost,
    /// There is a stream again, by which peers can reach us under the address that they know. The outcomes of all requests that
    /// went down with the former stream are told before.
    SignallingRestored,
    /// The instant of [`Output::Timeout`] has come.
    Timeout,
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
    /// Answer a request of a peer.
    Reply {
        /// From [`Input::Request`].
        ticket: Ticket,
        /// The answer.
        reply: Reply,
    },
    /// Leave a request without an answer: it is of the dialect that its session was not announced in, and an error would end
    /// the one that was.
    Ignore {
        /// From [`Input::Request`].
        ticket: Ticket,
    },
    /// Send a message: no `id`, `type` or `from` of its own.
    Message {
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Send an IQ set as soon as there is a stream: the end that a peer is still owed by a session that ended without
    /// signalling. Nobody waits for its outcome.
    Farewell {
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Something the application should know.
    Event(EndpointEvent),
    /// Nothing more for now: call [`Endpoint::handle_input`](super::Endpoint::handle_input) with [`Input::Timeout`] no later than
    /// this.
    Timeout(Instant),
}

/// Something the application should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EndpointEvent {
    /// Of a proposal, ours or made to us.
    Proposal(ProposalEvent),
    /// A session has begun. Its first offer, if it is the peer's, is told by the next event of the session.
    Started {
        /// Its name.
        session: SessionId,
        /// The other side.
        peer: Jid,
        /// Which side we are.
        role: Role,
        /// How it talks.
        dialect: Dialect,
        /// The conversation that it belongs to, if it was proposed for one.
        conversation: Option<ConversationId>,
    },
    /// Of a session. After [`SessionEvent::Ended`] the endpoint has forgotten it.
    Session {
        /// Its name.
        session: SessionId,
        /// What.
        event: SessionEvent,
    },
}

/// Why a command could not be carried out; nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EndpointError {
    /// No such session: it never began, or it has ended.
    #[error("there is no session {id}; it may just have ended")]
    UnknownSession {
        /// The id that was asked for.
        id: SessionId,
    },
    /// Nobody has proceeded with this proposal of ours.
    #[error("nobody has proceeded with the proposal of session {id}; wait for the event")]
    NotProceeded {
        /// The id that was asked for.
        id: SessionId,
    },
    /// [`EndpointConfig::sessions`](super::EndpointConfig::sessions) is reached.
    #[error("there are {limit} sessions already; end one first")]
    TooManySessions {
        /// The limit.
        limit: usize,
    },
    /// The proposals cannot do that.
    #[error(transparent)]
    Proposal(#[from] ProposalError),
    /// It cannot be proposed.
    #[error(transparent)]
    Propose(#[from] ProposeError),
    /// The session cannot be made.
    #[error(transparent)]
    Session(#[from] CommandError),
}
