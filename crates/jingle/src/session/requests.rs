//! What the peer asks, and how it answers what we ask.

use std::time::Instant;

use jid::Jid;
use minidom::Element;
use tracing::{debug, warn};

use super::{
    EndedBy, Outcome, Output, Refusal, Reply, Session, SessionEvent,
    early::Trickled,
    ice::Credentials,
    states::{Answering, Offer, Offered, State},
    transition::Verdict,
};
use crate::{
    ConversationId, Generation, Reason, Ticket, Token,
    genesys::{Method, Rpc},
};

impl Session {
    pub(super) fn on_request(&mut self, now: Instant, ticket: Ticket, from: &Jid, payload: &Element) {
        if matches!(self.state, State::Ended) {
            debug!(session = %self.config.id, "request after the end of the session");
            return;
        }
        match self.read(from, payload) {
            Ok(rpc) => self.on_rpc(now, ticket, rpc),
            Err(refusal) => self.reply(ticket, Reply::Refused(refusal)),
        }
    }

    /// The sender is judged first: what a stranger says is not even read.
    fn read(&self, from: &Jid, payload: &Element) -> Result<Rpc, Refusal> {
        if *from != self.config.peer {
            return Err(Refusal::ForeignSender);
        }
        let rpc = Rpc::parse_within(payload, &self.config.limits.rpc).map_err(Refusal::Malformed)?;
        if *rpc.session() == self.config.id {
            Ok(rpc)
        } else {
            Err(Refusal::OtherSession)
        }
    }

    fn on_rpc(&mut self, now: Instant, ticket: Ticket, rpc: Rpc) {
        match rpc.method {
            Method::Offer {
                session: _,
                conversation,
                sdp,
                reinvite: _,
            } => {
                self.reply(ticket, Reply::Done);
                self.on_offer(now, rpc.id, conversation, sdp);
            }
            Method::Candidate {
                session: _,
                mid,
                candidate,
            } => {
                self.on_trickled(now, ticket, Trickled::Candidate { mid, candidate });
            }
            Method::EndOfCandidates { session: _ } => {
                self.on_trickled(now, ticket, Trickled::End);
            }
            Method::Terminate { session: _, reason } => self.on_terminate(ticket, reason),
            Method::Answer { .. } => {
                let method = rpc.method.name();
                self.reply(ticket, Reply::Refused(Refusal::NotForResponder { method }));
            }
            Method::Info { .. } | Method::Mute { .. } | Method::Unmute { .. } => {
                debug!(session = %self.config.id, method = rpc.method.name(), "acknowledged, no effect");
                self.reply(ticket, Reply::Done);
            }
        }
    }

    fn on_offer(&mut self, now: Instant, rpc: String, conversation: Option<ConversationId>, sdp: String) {
        let credentials = Credentials::of_offer(&sdp);
        let verdict = self.state.judge(&rpc, &sdp, credentials.as_ref());
        debug!(session = %self.config.id, state = self.state.name(), ?verdict, "offer");
        match verdict {
            Verdict::Known | Verdict::TooLate => {}
            Verdict::AnswerAgain => self.answer_again(),
            Verdict::Fresh { generation, kind } => {
                self.adopt(conversation);
                let offer = Offer {
                    rpc,
                    sdp: sdp.clone(),
                    kind,
                };
                let before = std::mem::replace(&mut self.state, State::Ended);
                let (state, released) = before.offered(now, generation, offer, credentials);
                self.state = state;
                self.tell(SessionEvent::Offer { generation, sdp, kind });
                self.release(released);
            }
        }
    }

    /// Their senders have had their replies, so there is nobody to refuse when the limit is met.
    fn release(&mut self, released: Vec<Trickled>) {
        let limit = self.config.limits.remote_candidates;
        for trickled in released {
            let dialogue = self.state.dialogue_mut();
            let event = dialogue.and_then(|dialogue| dialogue.media.admit(limit, trickled).ok());
            self.outputs.extend(event.flatten().map(Output::Event));
        }
    }

    fn adopt(&mut self, conversation: Option<ConversationId>) {
        if conversation.is_some() && conversation != self.config.conversation {
            self.config.conversation.clone_from(&conversation);
            let changed = |conversation| SessionEvent::ConversationChanged { conversation };
            self.outputs.extend(conversation.map(changed).map(Output::Event));
        }
    }

    fn on_trickled(&mut self, now: Instant, ticket: Ticket, trickled: Trickled) {
        let (limits, keep) = (self.config.limits, self.config.timers.early_candidate);
        let taken = match &mut self.state {
            State::AwaitingOffer(awaiting) => {
                let limit = limits.early_candidates;
                awaiting.early.keep(now, keep, limit, trickled).map(|()| None)
            }
            State::Offered(Offered { dialogue, .. })
            | State::Answering(Answering { dialogue, .. })
            | State::Answered(dialogue) => dialogue.take_in(now, keep, &limits, trickled),
            State::Ending(_) | State::Ended => Ok(None),
        };
        match taken {
            Ok(event) => {
                self.reply(ticket, Reply::Done);
                self.outputs.extend(event.map(Output::Event));
            }
            Err(refusal) => self.reply(ticket, Reply::Refused(refusal)),
        }
    }

    fn on_terminate(&mut self, ticket: Ticket, reason: Reason) {
        let (reason, by) = match &self.state {
            // We were first: what we said stands.
            State::Ending(ending) => (ending.reason, ending.by),
            State::AwaitingOffer(_) | State::Offered(_) | State::Answering(_) | State::Answered(_) | State::Ended => {
                (reason, EndedBy::Remote)
            }
        };
        // The state first, so that whoever hears of the end finds it ended.
        self.state = State::Ended;
        self.reply(ticket, Reply::Done);
        self.tell(SessionEvent::Ended { reason, by });
    }

    pub(super) fn on_response(&mut self, now: Instant, token: Token, outcome: Outcome) {
        match &self.state {
            State::Answering(answering) if answering.tokens.contains(&token) => {
                self.on_answer_response(now, token, outcome);
            }
            State::Ending(ending) if ending.token == token => {
                let (reason, by) = (ending.reason, ending.by);
                match outcome {
                    Outcome::Done | Outcome::Refused { .. } => self.ended(reason, by),
                    Outcome::Lost => self.end_with_farewell(reason, by),
                }
            }
            State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                let limit = self.config.limits.held;
                if let Some(dialogue) = self.state.dialogue_mut() {
                    dialogue.unheard.on_outcome(limit, token, &outcome);
                }
            }
            State::AwaitingOffer(_) | State::Ending(_) | State::Ended => {
                debug!(session = %self.config.id, ?token, ?outcome, "response, no effect");
            }
        }
    }

    fn on_answer_response(&mut self, now: Instant, token: Token, outcome: Outcome) {
        match outcome {
            Outcome::Done => {
                if let Some(generation) = self.acknowledge() {
                    self.tell(SessionEvent::AnswerAcknowledged { generation });
                }
            }
            // The peer has no such session (any more): there is nobody left to tell.
            Outcome::Refused { condition } if condition == "item-not-found" => {
                self.ended(Reason::Gone, EndedBy::Remote);
            }
            Outcome::Refused { condition } => {
                warn!(session = %self.config.id, condition, "the peer refuses our answer");
                self.begin_ending(now, Reason::FailedApplication, EndedBy::Remote);
            }
            // The answer may or may not have arrived. If it has not, the peer repeats its offer; and if it was lost with all
            // signalling, it is said again when that is back.
            Outcome::Lost => {
                if let State::Answering(answering) = &mut self.state {
                    answering.tokens.retain(|known| *known != token);
                    answering.due |= answering.tokens.is_empty();
                }
            }
        }
    }

    fn acknowledge(&mut self) -> Option<Generation> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Answering(Answering {
                mut dialogue,
                rpc,
                answer: _,
                tokens: _,
                due: _,
            }) => {
                let generation = dialogue.media.generation;
                dialogue.past.remember_offer(rpc);
                self.state = State::Answered(dialogue);
                Some(generation)
            }
            state @ (State::AwaitingOffer(_)
            | State::Offered(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended) => {
                self.state = state;
                None
            }
        }
    }

    pub(super) fn on_handled_elsewhere(&mut self) {
        match &self.state {
            State::AwaitingOffer(_) => self.ended(Reason::Cancel, EndedBy::Network),
            State::Offered(_) | State::Answering(_) | State::Answered(_) | State::Ending(_) | State::Ended => {
                debug!(session = %self.config.id, state = self.state.name(), "handled elsewhere, no effect");
            }
        }
    }

    pub(super) fn on_deadline(&mut self, now: Instant) {
        if self.state.deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        match &self.state {
            State::AwaitingOffer(_) => self.ended(Reason::Timeout, EndedBy::Network),
            State::Ending(ending) => self.ended(ending.reason, ending.by),
            // Their media are gone, and signalling has not come back.
            State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                self.begin_ending(now, Reason::Gone, EndedBy::Network);
            }
            State::Ended => {}
        }
    }
}
