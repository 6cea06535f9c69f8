//! What the application wants.

use std::{collections::VecDeque, time::Instant};

use super::{
    CommandError, EndedBy, Ending, OfferKind, Output, Reply, Session, SessionEvent,
    states::{Answering, Offered, State},
};
use crate::{
    Generation, InitiationMessage, Reason, Ticket, Token,
    genesys::{Method, Rpc},
};

/// How often an unacknowledged answer is tracked: a response to an older one means nothing new.
const ANSWERS_TRACKED: usize = 8;

impl Session {
    pub(super) fn answer_offer(&mut self, generation: Generation, sdp: String) -> Result<(), CommandError> {
        self.check_generation(generation)?;
        let offered = match std::mem::replace(&mut self.state, State::Ended) {
            State::Offered(offered) => offered,
            state @ (State::AwaitingOffer(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended) => {
                self.state = state;
                return Err(CommandError::NothingToAnswer);
            }
        };
        let Offered { dialogue, offer, held } = offered;
        if offer.kind == OfferKind::Initial {
            self.announce();
        }
        let token = self.send_answer(sdp.clone());
        for method in held {
            self.request(method);
        }
        self.state = State::Answering(Answering {
            dialogue,
            rpc: offer.rpc,
            answer: sdp,
            tokens: VecDeque::from([token]),
        });
        Ok(())
    }

    /// Tells our other resources that this one has the session.
    fn announce(&mut self) {
        self.outputs.push_back(Output::Message {
            to: self.config.account.clone().into(),
            payload: InitiationMessage::Accept(self.config.id.clone()).to_element(),
        });
    }

    fn send_answer(&mut self, sdp: String) -> Token {
        let session = self.config.id.clone();
        self.request(Method::Answer { session, sdp })
    }

    pub(super) fn answer_again(&mut self) {
        let answer = match &self.state {
            State::Answering(answering) => answering.answer.clone(),
            State::AwaitingOffer(_) | State::Offered(_) | State::Answered(_) | State::Ending(_) | State::Ended => {
                return;
            }
        };
        let token = self.send_answer(answer);
        if let State::Answering(answering) = &mut self.state {
            if answering.tokens.len() == ANSWERS_TRACKED {
                answering.tokens.pop_front();
            }
            answering.tokens.push_back(token);
        }
    }

    pub(super) fn check_generation(&self, given: Generation) -> Result<(), CommandError> {
        let latest = self.latest_generation()?;
        match given.cmp(&latest) {
            std::cmp::Ordering::Less => Err(CommandError::Superseded { given, latest }),
            std::cmp::Ordering::Equal => Ok(()),
            std::cmp::Ordering::Greater => Err(CommandError::UnknownGeneration { given, latest }),
        }
    }

    pub(super) fn latest_generation(&self) -> Result<Generation, CommandError> {
        match &self.state {
            State::AwaitingOffer(_) => Err(CommandError::NoOffer),
            State::Offered(Offered { dialogue, .. })
            | State::Answering(Answering { dialogue, .. })
            | State::Answered(dialogue) => Ok(dialogue.media.generation),
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
        }
    }

    /// Tells the peer at once, or after the answer if that is still to be given: the peer knows nothing of our media before it.
    pub(super) fn send_after_answer(&mut self, method: Method) -> Result<(), CommandError> {
        let limit = self.config.limits.held;
        match &mut self.state {
            State::Offered(offered) if offered.held.len() >= limit => Err(CommandError::TooManyHeld { limit }),
            State::Offered(offered) => {
                offered.held.push(method);
                Ok(())
            }
            State::Answering(_) | State::Answered(_) => {
                self.request(method);
                Ok(())
            }
            State::AwaitingOffer(_) => Err(CommandError::NoOffer),
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
        }
    }

    pub(super) fn end_by(&mut self, now: Instant, reason: Reason, by: EndedBy) -> Result<(), CommandError> {
        match &self.state {
            State::AwaitingOffer(_) | State::Offered(_) | State::Answering(_) | State::Answered(_) => {
                self.begin_ending(now, reason, by);
                Ok(())
            }
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
        }
    }

    pub(super) fn begin_ending(&mut self, now: Instant, reason: Reason, by: EndedBy) {
        let session = self.config.id.clone();
        let token = self.request(Method::Terminate { session, reason });
        self.state = State::Ending(Ending {
            token,
            reason,
            by,
            deadline: now + self.config.timers.end,
        });
    }

    pub(super) fn ended(&mut self, reason: Reason, by: EndedBy) {
        self.state = State::Ended;
        self.tell(SessionEvent::Ended { reason, by });
    }

    pub(super) fn request(&mut self, method: Method) -> Token {
        let token = Token(self.requests);
        self.requests += 1;
        let id = self.uuid();
        self.outputs.push_back(Output::Request {
            token,
            to: self.config.peer.clone(),
            payload: Rpc { id, method }.to_element(),
        });
        token
    }

    pub(super) fn reply(&mut self, ticket: Ticket, reply: Reply) {
        self.outputs.push_back(Output::Reply { ticket, reply });
    }

    pub(super) fn tell(&mut self, event: SessionEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}
