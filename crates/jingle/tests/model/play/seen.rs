//! What the real endpoint does and is, in the words of the model.

use offhook_jingle::{
    Dialect, Endpoint, EndpointEvent, Jid, Proposal, ProposalEvent, SessionEvent, SessionId,
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

/// All that an endpoint shows of its tables, a line each.
pub fn tables(endpoint: &Endpoint) -> Vec<String> {
    let mut lines = Vec::new();
    for row in endpoint.proposals().iter() {
        lines.push(format!(
            "proposed {} by {:?} {:?} {:?} accepted {}",
            row.id,
            who(&row.from),
            conversation(row),
            dialect(row),
            row.accepted
        ));
    }
    for own in endpoint.proposals().iter_own() {
        let ringing: Vec<_> = own.ringing.iter().map(who).collect();
        let proceeded = own.proceeded.as_ref().map(who);
        let (id, to) = (&own.propose.id, to(&own.to));
        lines.push(format!(
            "ours {id} to {to:?} ringing {ringing:?} proceeded {proceeded:?}"
        ));
    }
    for session in endpoint.sessions() {
        let conversation = session.conversation().and_then(wire::conversation_number);
        lines.push(format!(
            "session {} {:?} with {:?} in {:?} of {conversation:?} calling {} {} {:?}",
            session.id(),
            session.role(),
            who(session.peer()),
            session.dialect(),
            session.is_calling(),
            phase(session.phase()),
            session.generation().map(|generation| generation.number()),
        ));
    }
    lines
}

/// The same of the model.
pub fn model_tables(model: &Model) -> Vec<String> {
    let mut lines = Vec::new();
    for (id, row) in &model.table.rows {
        let (from, conversation, dialect, accepted) = (row.from, row.conversation, row.dialect, row.accepted);
        lines.push(format!(
            "proposed {id} by {from:?} {conversation:?} {dialect:?} accepted {accepted}"
        ));
    }
    for (id, own) in &model.table.own {
        let ringing: Vec<_> = own.ringing.iter().collect();
        let (to, proceeded) = (own.to, own.proceeded);
        lines.push(format!(
            "ours {id} to {to:?} ringing {ringing:?} proceeded {proceeded:?}"
        ));
    }
    for (id, call) in &model.calls {
        let phase = match &call.stage {
            Stage::Waiting { .. } => "awaiting-offer",
            Stage::Live(live) => match &live.turn {
                Turn::Nobody => "settled",
                Turn::Ours(_) => "offering",
                Turn::Theirs(_) => "offered",
                Turn::Answered(_) => "answering",
            },
            Stage::Ending { .. } => "ending",
            Stage::Over => "over",
        };
        lines.push(format!(
            "session {id} {:?} with {:?} in {:?} of {:?} calling {} {phase} {:?}",
            call.role,
            call.peer,
            call.dialect,
            call.conversation,
            call.is_calling(),
            call.generation(),
        ));
    }
    lines
}

fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::AwaitingOffer => "awaiting-offer",
        Phase::Offering => "offering",
        Phase::Offered => "offered",
        Phase::Answering => "answering",
        Phase::Settled => "settled",
        Phase::Ending => "ending",
        Phase::Ended => "over",
    }
}
