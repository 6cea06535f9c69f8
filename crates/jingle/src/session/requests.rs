//! What the peer asks, and how it answers what we ask.

use std::time::Instant;

use jid::Jid;
use minidom::Element;
use tracing::{debug, warn};

use super::{
    Dialect, EndedBy, OfferKind, Outcome, Output, Refusal, Rejection, Reply, Session, SessionEvent,
    early::Trickled,
    heard::{Change, Heard, HeardOffer},
    jingle, rpc,
    states::{Answering, State},
    transition::Verdict,
};
use crate::{
    ConversationId, Generation, Reason, Ticket, Token,
    stanza::{Action, Farewell},
};

impl Session {
    pub(super) fn on_request(&mut self, now: Instant, ticket: Ticket, from: &Jid, payload: &Element) {
        if matches!(self.state, State::Ended) {
            debug!(session = %self.config.id, "request after the end of the session");
            return;
        }
        if *from == self.config.peer && self.state.knows_stanza(payload) {
            self.reply(ticket, Reply::Done);
            return self.answer_again();
        }
        match self.read(from, payload) {
            Ok(heard) => self.on_heard(now, ticket, heard),
            Err(refusal) => self.reply(ticket, Reply::Refused(refusal)),
        }
    }

    /// The sender is judged first: what a stranger says is not even read.
    fn read(&self, from: &Jid, payload: &Element) -> Result<Heard, Refusal> {
        if *from != self.config.peer {
            return Err(Refusal::ForeignSender);
        }
        match self.config.dialect {
            Dialect::SdpOverXmpp => rpc::hear(&self.config, self.role, payload),
            Dialect::Jingle => jingle::hear(&self.config, self.role, &self.state, payload),
        }
    }

    fn on_heard(&mut self, now: Instant, ticket: Ticket, heard: Heard) {
        let done = match heard {
            Heard::Offer(offer) => return self.on_offer(now, ticket, *offer),
            Heard::Answer {
                change,
                remote,
                sdp,
                action,
            } => self.on_answer(now, &change, remote, sdp, action),
            Heard::Declined { change, action } => self.on_declined(&change, action),
            Heard::Trickled(trickled) => self.on_trickled(now, trickled),
            Heard::Terminate(farewell) => return self.on_terminate(ticket, farewell),
            Heard::News(event) => {
                self.reply(ticket, Reply::Done);
                return self.on_news(event);
            }
            Heard::Emptied => {
                self.reply(ticket, Reply::Done);
                return self.on_emptied(now);
            }
            Heard::Unacceptable(words) => {
                self.reply(ticket, Reply::Done);
                self.request(words);
                return;
            }
            Heard::Nothing => Ok(Vec::new()),
        };
        match done {
            Ok(events) => {
                self.reply(ticket, Reply::Done);
                self.outputs.extend(events.into_iter().map(Output::Event));
                self.say_what_is_due();
            }
            Err(refusal) => self.reply(ticket, Reply::Refused(refusal)),
        }
    }

    fn on_offer(&mut self, now: Instant, ticket: Ticket, offer: HeardOffer) {
        // Who sends new credentials while we restart ICE answers us; if it had the same idea, no harm is done.
        if self.answers_restart(&offer) {
            let HeardOffer {
                change,
                remote,
                sdp,
                trickled,
                ..
            } = offer;
            let answered = self.on_answer(now, &change, remote, sdp, Action::TransportInfo);
            self.reply(
                ticket,
                answered
                    .as_ref()
                    .map_or_else(|refusal| Reply::Refused(refusal.clone()), |_| Reply::Done),
            );
            self.outputs.extend(answered.into_iter().flatten().map(Output::Event));
            self.release(trickled);
            return self.say_what_is_due();
        }
        let verdict = self.state.judge(self.config.dialect, self.role, &offer);
        debug!(session = %self.config.id, state = self.state.name(), ?verdict, "offer");
        let action = jingle::action_of(&offer.change);
        match verdict {
            Verdict::Known | Verdict::TooLate => self.reply(ticket, Reply::Done),
            Verdict::OutOfOrder => self.reply(ticket, Reply::Refused(Refusal::OutOfOrder { action })),
            Verdict::Yields => self.reply(ticket, Reply::Refused(Refusal::TieBreak)),
            Verdict::AnswerAgain => {
                self.reply(ticket, Reply::Done);
                self.answer_again();
            }
            Verdict::GoesFirst => {
                self.withdraw(super::DeclineCause::TieBreak);
                // The number that ours had is not given again.
                self.on_offer(now, ticket, offer);
            }
            Verdict::Fresh { generation, kind } => {
                if let Err(refusal) = self.admit_restart(now, &offer) {
                    return self.reply(ticket, Reply::Refused(refusal));
                }
                self.reply(ticket, Reply::Done);
                self.take_offer(now, generation, kind, offer);
            }
        }
    }

    fn admit_restart(&mut self, now: Instant, offer: &HeardOffer) -> Result<(), Refusal> {
        let (limit, within) = (self.config.limits.restarts, self.config.timers.change);
        match self.state.dialogue_mut() {
            Some(dialogue) if offer.change == Change::Restart => dialogue.past.restart(now, within, limit),
            Some(_) | None => Ok(()),
        }
    }

    fn take_offer(&mut self, now: Instant, generation: Generation, kind: OfferKind, mut offer: HeardOffer) {
        self.adopt(offer.conversation.take());
        let trickled = std::mem::take(&mut offer.trickled);
        let sdp = offer.sdp.clone();
        let before = std::mem::replace(&mut self.state, State::Ended);
        let (state, released) = before.offered(now, generation, kind, offer);
        self.state = state;
        self.tell(SessionEvent::Offer { generation, sdp, kind });
        self.release(released.into_iter().chain(trickled).collect());
    }

    /// Their senders have had their replies, so there is nobody to refuse when the limit is met.
    pub(super) fn release(&mut self, released: Vec<Trickled>) {
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

    fn on_trickled(&mut self, now: Instant, trickled: Vec<Trickled>) -> Result<Vec<SessionEvent>, Refusal> {
        let (limits, keep) = (self.config.limits, self.config.timers.early_candidate);
        let mut events = Vec::new();
        for trickled in trickled {
            let limit = limits.early_candidates;
            match &mut self.state {
                State::AwaitingOffer(awaiting) => awaiting.early.keep(now, keep, limit, trickled)?,
                State::Offering(offering) if offering.ours.is_first => {
                    offering.dialogue.early.keep(now, keep, limit, trickled)?;
                }
                State::Ending(_) | State::Ended => {}
                state @ (State::Offering(_) | State::Offered(_) | State::Answering(_) | State::Answered(_)) => {
                    let taken = state
                        .dialogue_mut()
                        .map(|dialogue| dialogue.take_in(now, keep, &limits, trickled));
                    events.extend(taken.transpose()?.flatten());
                }
            }
        }
        Ok(events)
    }

    /// News of the peer mean something as long as the session lives.
    fn on_news(&mut self, event: SessionEvent) {
        match &self.state {
            State::Offering(_) | State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                self.on_holding(&event);
                self.tell(event);
            }
            State::AwaitingOffer(_) | State::Ending(_) | State::Ended => {
                debug!(session = %self.config.id, ?event, "acknowledged, no effect");
            }
        }
    }

    /// Who is active again holds nobody any more; not all say both (XEP-0167 section 8).
    fn on_holding(&mut self, event: &SessionEvent) {
        match event {
            SessionEvent::RemoteHeld { held } => self.remote_held = *held,
            SessionEvent::RemoteActive if std::mem::take(&mut self.remote_held) => {
                self.tell(SessionEvent::RemoteHeld { held: false });
            }
            _ => {}
        }
    }

    /// XEP-0166 section 7.2.4: who is left with no content ends the session.
    fn on_emptied(&mut self, now: Instant) {
        // Refused only by a session that is ending already.
        drop(self.end_by(now, Reason::Success.into(), EndedBy::Remote));
    }

    fn on_terminate(&mut self, ticket: Ticket, farewell: Farewell) {
        let (farewell, by) = match &self.state {
            // We were first: what we said stands.
            State::Ending(ending) => (ending.farewell.clone(), ending.by),
            State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ended => (farewell, EndedBy::Remote),
        };
        self.reply(ticket, Reply::Done);
        self.ended(farewell, by);
    }

    pub(super) fn on_response(&mut self, now: Instant, token: Token, outcome: Outcome) {
        match &self.state {
            State::Answering(answering) if answering.answer.tokens.contains(&token) => {
                self.on_answer_response(now, token, outcome);
            }
            State::Offering(offering) if offering.ours.offer.tokens.contains(&token) => {
                self.on_offer_response(token, outcome);
            }
            State::Ending(ending) if ending.token == token => {
                let (farewell, by) = (ending.farewell.clone(), ending.by);
                match outcome {
                    Outcome::Done | Outcome::Refused(_) => self.ended(farewell, by),
                    Outcome::Lost => self.end_with_farewell(farewell, by),
                }
            }
            State::Offering(_) | State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                let limit = self.config.limits.held;
                let Some(dialogue) = self.state.dialogue_mut() else {
                    return;
                };
                if let Some(at) = dialogue.overtaken.iter().position(|known| *known == token) {
                    dialogue.overtaken.remove(at);
                    return self.on_overtaken_response(now, outcome);
                }
                dialogue.unheard.on_outcome(limit, token, &outcome);
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
            Outcome::Refused(rejection) => self.on_answer_refused(now, &rejection),
            // The answer may or may not have arrived. If it has not, the peer repeats its offer; and if it was lost with all
            // signalling, it is said again when that is back.
            Outcome::Lost => {
                if let State::Answering(answering) = &mut self.state {
                    answering.answer.lost(token);
                }
            }
        }
    }

    /// Who offers again after it has heard our answer has acknowledged it; but it may have given its offer up, and not take the
    /// answer any more.
    fn on_overtaken_response(&mut self, now: Instant, outcome: Outcome) {
        match outcome {
            Outcome::Refused(rejection) => self.on_answer_refused(now, &rejection),
            Outcome::Done | Outcome::Lost => {}
        }
    }

    fn on_answer_refused(&mut self, now: Instant, rejection: &Rejection) {
        warn!(session = %self.config.id, ?rejection, "the peer refuses our answer");
        if rejection.condition == "item-not-found" {
            // The peer has no such session (any more): there is nobody left to tell.
            self.ended(Reason::Gone, EndedBy::Remote);
        } else {
            self.begin_ending(now, Reason::FailedApplication, EndedBy::Remote);
        }
    }

    fn acknowledge(&mut self) -> Option<Generation> {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Answering(answering) => {
                let Answering {
                    mut dialogue,
                    mark,
                    stanza: _,
                    answer: _,
                } = *answering;
                let generation = dialogue.media.generation;
                dialogue.past.remember_offer(mark);
                self.state = State::Answered(Box::new(dialogue));
                Some(generation)
            }
            state @ (State::AwaitingOffer(_)
            | State::Offering(_)
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
            State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended => {
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
            State::Ending(ending) => {
                let (farewell, by) = (ending.farewell.clone(), ending.by);
                self.ended(farewell, by);
            }
            State::Offering(offering) if offering.dialogue.media.gone.is_none_or(|gone| gone > now) => {
                if offering.ours.is_first {
                    self.begin_ending(now, Reason::Timeout, EndedBy::Network);
                } else {
                    self.withdraw(super::DeclineCause::TimedOut);
                }
            }
            // Their media are gone, and signalling has not come back.
            State::Offering(_) | State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                self.begin_ending(now, Reason::Gone, EndedBy::Network);
            }
            State::Ended => {}
        }
    }
}
