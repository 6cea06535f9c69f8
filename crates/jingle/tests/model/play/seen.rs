//! What the real endpoint does and is, in the words of the model.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use offhook_jingle::{
    Dialect, Endpoint, EndpointEvent, Generation, Jid, Proposal, ProposalEvent, SessionEvent, SessionId,
    endpoint::Output,
    proposals::{CancelCause, LapseCause, ProposalRefusal},
    session::{DeclineCause, EndedBy, Phase, Reply},
    stanza::Role,
};

use super::{
    model::{Model, Stage, Turn},
    wire,
    words::{Act, Answer, Ask, By, Conversation, Decline, Effect, Event, News, To, Who, Why},
};

pub fn who(jid: &Jid) -> Who {
    Who::of(jid.as_str()).expect("nobody else is here")
}

pub fn to(jid: &Jid) -> To {
    To::of(jid.as_str()).expect("nobody else is here")
}

/// What was done; `None` after the last of it. `role` is ours in a session.
pub fn effect(output: &Output, role: impl Fn(&SessionId) -> Role) -> Option<Effect> {
    Some(match output {
        Output::Request { token, to, payload } => Effect::Ask(token.0, who(to), said(payload)),
        Output::Farewell { to, payload } => Effect::Farewell(who(to), said(payload)),
        Output::Message { to, payload } => Effect::Message(self::to(to), wire::message(payload)),
        Output::Reply { ticket, reply } => Effect::Reply(ticket.0, answer(reply)),
        Output::Ignore { ticket } => Effect::Ignore(ticket.0),
        Output::Event(event) => Effect::Tell(self::event(event, role)),
        Output::Timeout(_) => return None,
    })
}

/// What is said has no number that could be foreseen.
fn said(payload: &offhook_jingle::Element) -> Ask {
    let mut ask = wire::ask(payload);
    assert_ne!(ask.act, Act::Noise, "what is said can be read: {payload:?}");
    if let Act::Initiate { mark, .. } = &mut ask.act {
        mark.clear();
    }
    ask
}

fn answer(reply: &Reply) -> Answer {
    match reply {
        Reply::Done => Answer::Done,
        Reply::Refused(refusal) => Answer::Refused(refusal.condition().to_owned(), refusal.application()),
    }
}

fn conversation(proposal: &Proposal) -> Option<Conversation> {
    proposal.conversation.as_ref().and_then(wire::conversation_number)
}

fn dialect(proposal: &Proposal) -> Dialect {
    wire::dialect(proposal.sdp_over_xmpp)
}

fn event(event: &EndpointEvent, role: impl Fn(&SessionId) -> Role) -> Event {
    match event {
        EndpointEvent::Proposal(event) => proposal_event(event),
        EndpointEvent::Started {
            session,
            peer,
            role,
            dialect,
            conversation,
        } => {
            let conversation = conversation.as_ref().and_then(wire::conversation_number);
            Event::Started(session.clone(), who(peer), *role, *dialect, conversation)
        }
        EndpointEvent::Session { session, event } => {
            Event::Session(session.clone(), news(event, role(session).other()))
        }
    }
}

fn proposal_event(event: &ProposalEvent) -> Event {
    match event {
        ProposalEvent::Proposed(proposal) => {
            let (id, from) = (proposal.id.clone(), who(&proposal.from));
            Event::Proposed(id, from, conversation(proposal), dialect(proposal))
        }
        ProposalEvent::Replaced { old, proposal } => Event::Replaced {
            old: old.clone(),
            new: proposal.id.clone(),
            accepted: proposal.accepted,
        },
        ProposalEvent::Cancelled { id, cause } => Event::Cancelled(
            id.clone(),
            match cause {
                CancelCause::Retracted { tie_break, .. } => Why::Retracted { tie_break: *tie_break },
                CancelCause::Finished { .. } => Why::Finished,
                CancelCause::Expired => Why::Expired,
                CancelCause::Connected | CancelCause::Unreachable => Why::Other(format!("{cause:?}")),
            },
        ),
        ProposalEvent::HandledElsewhere { id } => Event::HandledElsewhere(id.clone()),
        ProposalEvent::Refused { from, id, cause } => Event::Refused(
            id.clone(),
            who(from),
            match cause {
                ProposalRefusal::TableFull { .. } => Why::TableFull,
                ProposalRefusal::TooManyOfSender { .. } => Why::TooManyOfSender,
                ProposalRefusal::IdInUse => Why::IdInUse,
                other => Why::Other(other.to_string()),
            },
        ),
        ProposalEvent::Ringing { id, by } => Event::Ringing(id.clone(), who(by)),
        ProposalEvent::Proceeded { id, by } => Event::Proceeded(id.clone(), who(by)),
        ProposalEvent::Rejected { id, by, tie_break, .. } => Event::Rejected {
            id: id.clone(),
            by: who(by),
            tie_break: *tie_break,
        },
        ProposalEvent::Finished { id, by, .. } => Event::Finished(id.clone(), who(by)),
        ProposalEvent::Lapsed { id, cause } => Event::Lapsed(
            id.clone(),
            match cause {
                LapseCause::TimedOut => Why::TimedOut,
                LapseCause::Overruled { by } => Why::Overruled(by.clone()),
                LapseCause::Unreachable => Why::Other("unreachable".to_owned()),
            },
        ),
    }
}

fn news(event: &SessionEvent, by: Role) -> News {
    match event {
        SessionEvent::ConversationChanged { conversation } => {
            News::ConversationChanged(wire::conversation_number(conversation).expect("a conversation of this file"))
        }
        SessionEvent::Offer { generation, sdp, kind } => News::Offer(generation.number(), wire::terms(sdp, by), *kind),
        SessionEvent::Answer { generation, sdp } => News::Answer(generation.number(), wire::terms(sdp, by)),
        SessionEvent::OfferDeclined { generation, cause } => News::OfferDeclined(
            generation.number(),
            match cause {
                DeclineCause::Refused => Decline::Refused,
                DeclineCause::TieBreak => Decline::TieBreak,
                DeclineCause::TimedOut => Decline::TimedOut,
            },
        ),
        SessionEvent::RemoteCandidate {
            generation, candidate, ..
        } => News::Candidate(generation.number(), wire::candidate_number(candidate)),
        SessionEvent::RemoteEndOfCandidates { generation } => News::EndOfCandidates(generation.number()),
        SessionEvent::AnswerAcknowledged { generation } => News::AnswerAcknowledged(generation.number()),
        SessionEvent::RemoteRinging => News::Ringing,
        SessionEvent::RemoteActive => News::Active,
        SessionEvent::RemoteHeld { held } => News::Held(*held),
        SessionEvent::RemoteMuted { muted, .. } => News::Muted(*muted),
        SessionEvent::Redirected { .. } => News::Redirected,
        SessionEvent::Ended { reason, by, .. } => News::Ended(
            *reason,
            match by {
                EndedBy::Local => By::Us,
                EndedBy::Remote => By::Them,
                EndedBy::Network => By::Network,
            },
        ),
    }
}

/// What tells one stanza from another that says the same, such as its ids.
pub fn trace(output: &Output) -> String {
    match output {
        Output::Request { payload, .. } | Output::Farewell { payload, .. } | Output::Message { payload, .. } => {
            let mut hasher = DefaultHasher::new();
            String::from(payload).hash(&mut hasher);
            format!(" #{:x}", hasher.finish())
        }
        Output::Reply { .. } | Output::Ignore { .. } | Output::Event(_) | Output::Timeout(_) => String::new(),
    }
}

/// What an endpoint shows of its tables.
#[derive(Debug, PartialEq)]
pub enum Shown<'a> {
    Proposed {
        id: &'a SessionId,
        from: Who,
        conversation: Option<Conversation>,
        dialect: Dialect,
        accepted: bool,
    },
    Ours {
        id: &'a SessionId,
        to: To,
        ringing: Vec<Who>,
        proceeded: Option<Who>,
    },
    Session {
        id: &'a SessionId,
        role: Role,
        peer: Who,
        dialect: Dialect,
        conversation: Option<Conversation>,
        calling: bool,
        phase: Phase,
        generation: Option<u32>,
    },
}

/// All of it.
pub fn tables(endpoint: &Endpoint) -> Vec<Shown<'_>> {
    let rows = endpoint.proposals().iter().map(|row| Shown::Proposed {
        id: &row.id,
        from: who(&row.from),
        conversation: conversation(row),
        dialect: dialect(row),
        accepted: row.accepted,
    });
    let own = endpoint.proposals().iter_own().map(|own| Shown::Ours {
        id: &own.propose.id,
        to: to(&own.to),
        ringing: own.ringing.iter().map(who).collect(),
        proceeded: own.proceeded.as_ref().map(who),
    });
    let sessions = endpoint.sessions().map(|session| Shown::Session {
        id: session.id(),
        role: session.role(),
        peer: who(session.peer()),
        dialect: session.dialect(),
        conversation: session.conversation().and_then(wire::conversation_number),
        calling: session.is_calling(),
        phase: session.phase(),
        generation: session.generation().map(Generation::number),
    });
    rows.chain(own).chain(sessions).collect()
}

/// The same of the model.
pub fn model_tables(model: &Model) -> Vec<Shown<'_>> {
    let rows = model.table.rows.iter().map(|(id, row)| Shown::Proposed {
        id,
        from: row.from,
        conversation: row.conversation,
        dialect: row.dialect,
        accepted: row.accepted,
    });
    let own = model.table.own.iter().map(|(id, own)| Shown::Ours {
        id,
        to: own.to,
        ringing: own.ringing.iter().copied().collect(),
        proceeded: own.proceeded,
    });
    let sessions = model.calls.iter().map(|(id, call)| Shown::Session {
        id,
        role: call.role,
        peer: call.peer,
        dialect: call.dialect,
        conversation: call.conversation,
        calling: call.is_calling(),
        phase: phase(&call.stage),
        generation: call.generation(),
    });
    rows.chain(own).chain(sessions).collect()
}

fn phase(stage: &Stage) -> Phase {
    match stage {
        Stage::Waiting { .. } => Phase::AwaitingOffer,
        Stage::Live(live) => match &live.turn {
            Turn::Nobody => Phase::Settled,
            Turn::Ours(_) => Phase::Offering,
            Turn::Theirs(_) => Phase::Offered,
            Turn::Answered(_) => Phase::Answering,
        },
        Stage::Ending { .. } => Phase::Ending,
        Stage::Over => Phase::Ended,
    }
}
