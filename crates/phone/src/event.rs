//! What a phone tells the application.

use std::time::Duration;

use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, session::EndedBy};
use offhook_xmpp::{FullJid, Jid};

use crate::{
    conversations::TrackedCall,
    error::{CallChangeError, ConnectError, InitiationFailure, PlaceCallError},
    phone::{CallToken, ChannelId, IceServers, Station},
    topics::TopicEvent,
};

/// What happened. Ids are as in the protocol: a *session* is named by `propose@id`, a *conversation* by `propose@inin-cid`.
#[derive(Debug, Clone, PartialEq)]
pub enum Event {
    /// Signalling stands: the session is bound, external services are known, server pings are subscribed or refused.
    Connected {
        /// The bound address.
        jid: FullJid,
        /// The notification channel that the WebSocket belongs to; a guest has none.
        channel: Option<ChannelId>,
    },
    /// The STUN and TURN servers for the next session: new lists of the cloud (XEP-0215), or what the application set.
    IceServers(IceServers),
    /// What [`connect`](crate::Phone::connect) began has come to nothing, and no further attempt is made.
    ConnectFailed(ConnectError),
    /// Signalling that stood is gone. Sessions live on, unless they are configured not to.
    Disconnected {
        /// Whether the phone brings it back by itself. If not now, a second such event says so when it gives up.
        reconnecting: bool,
        /// Why, unless it is as the application or the server asked.
        error: Option<ConnectError>,
    },
    /// A call is offered (XEP-0353 `propose`), for the first time or again.
    Proposed(Proposal),
    /// A proposal went away: retracted, expired, or replaced by another session id.
    ProposalCancelled(SessionId),
    /// Another client of the same user took or refused the proposal.
    ProposalHandled(SessionId),
    /// Nothing became of a session that we proposed ([`initiate`](crate::Phone::initiate)).
    InitiationFailed {
        /// Its id.
        session: SessionId,
        /// Why.
        failure: InitiationFailure,
    },
    /// The media offer came, or goes out: there is a session.
    SessionStarted {
        /// Its id.
        session: SessionId,
        /// The conversation it carries.
        conversation: Option<ConversationId>,
        /// The far end.
        peer: Jid,
    },
    /// A conversation goes on in another session, since its gateway offered new media under another id, as gateways do after
    /// a lost WebSocket. Told instead of `SessionStarted`; the old session, which carries no conversation any more, ends with
    /// [`Reason::AlternativeSession`].
    SessionReplaced {
        /// The new session's id.
        session: SessionId,
        /// The id of the old one.
        replaced: SessionId,
        /// The conversation that has moved.
        conversation: ConversationId,
        /// The far end.
        peer: Jid,
        /// How many sessions have carried the conversation before this one.
        reconnects: u32,
    },
    /// A session's media are connected now, or are no more.
    ActiveChanged {
        /// Its id.
        session: SessionId,
        /// Whether they are.
        active: bool,
    },
    /// A session ended; told exactly once for each that started or took over from another.
    SessionEnded {
        /// Its id.
        session: SessionId,
        /// The conversation it carried; none if that goes on in another session.
        conversation: Option<ConversationId>,
        /// Why (XEP-0166 section 7.4).
        reason: Reason,
        /// Whose doing it was.
        by: EndedBy,
        /// From its conversation's `SessionStarted` to now.
        lasted: Duration,
    },
    /// REST accepted an outbound call.
    CallPlaced {
        /// Which `place_call` this answers.
        call: CallToken,
        /// The conversation that the call's proposal will carry.
        conversation: ConversationId,
    },
    /// REST refused an outbound call.
    CallRefused {
        /// Which `place_call` this answers.
        call: CallToken,
        /// Why.
        error: PlaceCallError,
    },
    /// A call stands elsewhere than before, or is there for the first time: what the cloud and our session say of a conversation,
    /// together. Never told twice alike.
    Call(TrackedCall),
    /// The end of a [`change_call`](crate::Phone::change_call) or [`claim_alerting_leader`](crate::Phone::claim_alerting_leader).
    CallChanged {
        /// Which.
        call: CallToken,
        /// Whether the cloud did it.
        result: Result<(), CallChangeError>,
    },
    /// The user is called at this station from now on, or at none.
    Station(Option<Station>),
    /// Which of the user's clients rings from now on.
    AlertingLeader {
        /// The id of its connection; none if none does.
        connection: Option<String>,
        /// Whether that is this one.
        ours: bool,
    },
    /// Something about notification topics.
    Topics(TopicEvent),
    /// After `shutdown`: every session has ended and signalling is closed. The last event.
    ShutDown,
}
