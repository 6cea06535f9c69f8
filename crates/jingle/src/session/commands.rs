//! What the application wants.

use std::{collections::VecDeque, time::Instant};

use super::{
    CommandError, EndedBy, Ending, Output, Reply, Session, SessionEvent,
    news::{News, TooMany},
    signalling::Signalling,
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
        let Offered { dialogue, offer } = offered;
        self.state = State::Answering(Answering {
            dialogue,
            rpc: offer.rpc,
            answer: sdp,
            tokens: VecDeque::new(),
            due: true,
        });
        self.say_what_is_due();
        Ok(())
    }

    pub(super) fn answer_again(&mut self) {
        if let State::Answering(answering) = &mut self.state {
            answering.due = true;
        }
        self.say_what_is_due();
    }

    /// Says all that the peer should hear and was not told, or may not have heard. It knows nothing of our media before it has
    /// our answer, so while an offer is unanswered there is nothing to say.
    pub(super) fn say_what_is_due(&mut self) {
        match self.signalling {
            Signalling::Up => {}
            Signalling::Lost => return,
        }
        let answer = match &self.state {
            State::Answering(answering) => answering.due.then(|| answering.answer.clone()),
            State::Answered(_) => None,
            State::AwaitingOffer(_) | State::Offered(_) | State::Ending(_) | State::Ended => return,
        };
        if let Some(answer) = answer {
            self.announce();
            self.say_answer(answer);
        }
        let dialogue = self.state.dialogue_mut();
        let waiting = dialogue.map(|dialogue| dialogue.unheard.take_waiting());
        for news in waiting.into_iter().flatten() {
            self.say(news);
        }
    }

    /// Tells our other resources, once, that this one has the session.
    fn announce(&mut self) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        self.outputs.push_back(Output::Message {
            to: self.config.account.clone().into(),
            payload: InitiationMessage::Accept(self.config.id.clone()).to_element(),
        });
    }

    fn say_answer(&mut self, sdp: String) {
        let session = self.config.id.clone();
        let token = self.request(Method::Answer { session, sdp });
        if let State::Answering(answering) = &mut self.state {
            answering.due = false;
            if answering.tokens.len() == ANSWERS_TRACKED {
                answering.tokens.pop_front();
            }
            answering.tokens.push_back(token);
        }
    }

    fn say(&mut self, news: News) {
        let token = self.request(news.clone().method(self.config.id.clone()));
        if let Some(dialogue) = self.state.dialogue_mut() {
            dialogue.unheard.asked(token, news);
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

    /// Tells the peer at once, or after the answer if that is still to be given, or when signalling is back.
    pub(super) fn tell_peer(&mut self, news: News) -> Result<(), CommandError> {
        let limit = self.config.limits.held;
        match &mut self.state {
            State::Answering(_) | State::Answered(_) if self.signalling == Signalling::Up => {
                self.say(news);
                Ok(())
            }
            State::Offered(Offered { dialogue, .. })
            | State::Answering(Answering { dialogue, .. })
            | State::Answered(dialogue) => {
                let kept = dialogue.unheard.wait(limit, news);
                kept.map_err(|TooMany| CommandError::TooManyHeld { limit })
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
        match self.signalling {
            Signalling::Up => {}
            Signalling::Lost => return self.end_with_farewell(reason, by),
        }
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
