//! What is said, without the XML: who speaks, of which session, and what. The model knows no stanza; [`wire`](super::wire) turns the
//! one into the other.

use std::fmt;

use offhook_jingle::{
    Dialect, Reason, SessionId,
    session::OfferKind,
    stanza::{JingleCondition, Role, Senders},
};

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Alice,
    Bob,
    /// Another resource of Bob's account.
    Twin,
    /// She has no calls, but opinions about those of others.
    Mallory,
}

impl Who {
    /// Those who have an endpoint.
    pub const ALL: [Who; 3] = [Who::Alice, Who::Bob, Who::Twin];

    pub fn account(self) -> Account {
        match self {
            Who::Alice => Account::Alice,
            Who::Bob | Who::Twin => Account::Bob,
            Who::Mallory => Account::Mallory,
        }
    }

    pub fn jid(self) -> &'static str {
        match self {
            Who::Alice => "alice@example.org/desk",
            Who::Bob => "bob@example.net/desk",
            Who::Twin => "bob@example.net/pocket",
            Who::Mallory => "mallory@example.com/cellar",
        }
    }

    /// Who has this address.
    pub fn of(jid: &str) -> Option<Self> {
        let all = [Who::Alice, Who::Bob, Who::Twin, Who::Mallory];
        all.into_iter().find(|who| who.jid() == jid)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Account {
    Alice,
    Bob,
    Mallory,
}

impl Account {
    pub fn jid(self) -> &'static str {
        match self {
            Account::Alice => "alice@example.org",
            Account::Bob => "bob@example.net",
            Account::Mallory => "mallory@example.com",
        }
    }
}

/// To whom something is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum To {
    One(Who),
    /// All resources of an account.
    All(Account),
}

impl To {
    pub fn account(self) -> Account {
        match self {
            To::One(who) => who.account(),
            To::All(account) => account,
        }
    }

    pub fn jid(self) -> &'static str {
        match self {
            To::One(who) => who.jid(),
            To::All(account) => account.jid(),
        }
    }

    pub fn of(jid: &str) -> Option<Self> {
        let accounts = [Account::Alice, Account::Bob, Account::Mallory];
        let account = accounts.into_iter().find(|account| account.jid() == jid);
        Who::of(jid).map(To::One).or(account.map(To::All))
    }
}

/// A conversation of the platform, by a number.
pub type Conversation = u8;

/// Milliseconds since the beginning.
pub type Time = u64;

/// A message of XEP-0353.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Propose {
        id: SessionId,
        conversation: Option<Conversation>,
        dialect: Dialect,
    },
    Ringing(SessionId),
    Proceed(SessionId),
    Accept(SessionId),
    Reject {
        id: SessionId,
        tie_break: bool,
    },
    Retract {
        id: SessionId,
        tie_break: bool,
    },
    Finish(SessionId),
}

/// A request of a session.
#[derive(Clone, PartialEq, Eq)]
pub struct Ask {
    pub id: SessionId,
    pub dialect: Dialect,
    pub act: Act,
}

impl Ask {
    /// Whether it begins a session.
    pub fn begins(&self) -> bool {
        matches!(self.act, Act::Initiate { .. } | Act::Hollow(Hollow::Initiate))
    }
}

impl fmt::Debug for Ask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dialect = match self.dialect {
            Dialect::Jingle => "jingle",
            Dialect::SdpOverXmpp => "sdp",
        };
        write!(f, "{dialect} {}: {:?}", self.id, self.act)
    }
}

/// What a request asks. `Session` is `session-initiate` or `offer`, `Accept` is `session-accept` or `answer`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Act {
    Initiate {
        /// The id of the JSON-RPC request.
        mark: String,
        conversation: Option<Conversation>,
        terms: Terms,
    },
    Accept(Terms),
    Terminate {
        reason: Reason,
        alternative: Option<SessionId>,
    },
    Candidate {
        ice: Option<u32>,
        number: u32,
    },
    EndOfCandidates {
        ice: Option<u32>,
    },
    /// `transport-info` with credentials.
    Restart(Transport),
    /// `transport-replace`, of the first content or of both.
    Replace {
        transport: Transport,
        both: bool,
    },
    AcceptTransport(Transport),
    RejectTransport,
    /// `content-modify` of the first content, the second, or both.
    Modify {
        first: Option<Senders>,
        second: Option<Senders>,
    },
    /// `description-info` of the first content.
    Describe(u32),
    /// `content-add` of the second content.
    Add(Senders, Transport),
    AcceptContent(Senders, Transport),
    RejectContent,
    RemoveContent,
    Info(Info),
    Security,
    /// A stanza that says nothing of what it is about.
    Hollow(Hollow),
    /// What cannot be read.
    Noise,
}

/// Actions that may come without a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hollow {
    Initiate,
    Accept,
    Replace,
    Modify,
    Add,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Info {
    Ping,
    Ringing,
    Active,
    Hold(bool),
    Mute(bool),
    Unknown,
}

/// Where the media go: ICE credentials and DTLS identity, each by a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transport {
    pub ice: u32,
    pub print: u32,
}

/// One side of the media.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub transport: Transport,
    pub senders: Senders,
    /// A parameter of the codec.
    pub line: u32,
    /// The second content, if it is there. It is bundled with the first.
    pub second: Option<Senders>,
}

/// Whether a request is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    Done,
    Refused(String, Option<JingleCondition>),
}

impl Answer {
    pub fn refused(condition: &str) -> Self {
        Answer::Refused(condition.to_owned(), None)
    }

    pub fn jingle(condition: &str, application: JingleCondition) -> Self {
        Answer::Refused(condition.to_owned(), Some(application))
    }

    pub fn out_of_order() -> Self {
        Self::jingle("unexpected-request", JingleCondition::OutOfOrder)
    }

    pub fn unknown_session() -> Self {
        Self::jingle("item-not-found", JingleCondition::UnknownSession)
    }

    pub fn tie_break() -> Self {
        Self::jingle("conflict", JingleCondition::TieBreak)
    }

    pub fn bad_request() -> Self {
        Self::refused("bad-request")
    }

    pub fn too_much() -> Self {
        Self::refused("resource-constraint")
    }
}

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Answered(Answer),
    /// Refused with the address to try instead.
    Redirected,
    Lost,
}

/// Something that happens to an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Happening {
    Message { from: Who, message: Message },
    Asked { ticket: u64, from: Who, ask: Ask },
    Outcome { token: u64, outcome: Outcome },
    SignallingLost,
    SignallingRestored,
    TimePassed,
}

/// What an endpoint does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    Message(To, Message),
    /// A request, numbered by the endpoint in the order in which it makes them.
    Ask(u64, Who, Ask),
    /// A request for which nobody waits.
    Farewell(Who, Ask),
    Reply(u64, Answer),
    Ignore(u64),
    Tell(Event),
}

/// What an endpoint tells its application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    Proposed(SessionId, Who, Option<Conversation>, Dialect),
    Replaced {
        old: SessionId,
        new: SessionId,
        accepted: bool,
    },
    Cancelled(SessionId, Why),
    HandledElsewhere(SessionId),
    Refused(Option<SessionId>, Who, Why),
    Ringing(SessionId, Who),
    Proceeded(SessionId, Who),
    Rejected {
        id: SessionId,
        by: Who,
        tie_break: bool,
    },
    Finished(SessionId, Who),
    Lapsed(SessionId, Why),
    Started(SessionId, Who, Role, Dialect, Option<Conversation>),
    Session(SessionId, News),
}

/// Why a proposal went away or was not taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    Retracted { tie_break: bool },
    Finished,
    Expired,
    TimedOut,
    Overruled(SessionId),
    TableFull,
    TooManyOfSender,
    IdInUse,
    Other(String),
}

/// What is told of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    ConversationChanged(Conversation),
    Offer(u32, Terms, OfferKind),
    Answer(u32, Terms),
    OfferDeclined(u32, Decline),
    Candidate(u32, u32),
    EndOfCandidates(u32),
    AnswerAcknowledged(u32),
    Ringing,
    Active,
    Held(bool),
    Muted(bool),
    Redirected,
    Ended(Reason, By),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decline {
    Refused,
    TieBreak,
    TimedOut,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Us,
    Them,
    Network,
}

/// What an application wants of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    Answer(u32, Terms),
    Decline(u32),
    Offer(Terms),
    Ring,
    Candidate {
        generation: u32,
        ice: Option<u32>,
        number: u32,
    },
    EndOfCandidates(u32),
    Connected(u32),
    Failed,
    Mute(bool),
    Hold(bool),
    End(Reason),
}
