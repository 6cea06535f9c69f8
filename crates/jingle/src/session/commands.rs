//! What the application wants.

use std::time::Instant;

use super::{
    CommandError, Dialect, EndedBy, Ending, OfferKind, Output, Reply, Session, SessionEvent,
    heard::{Change, Words},
    jingle,
    news::{News, TooMany},
    rpc,
    signalling::Signalling,
    states::{Answering, Offered, State, Told},
    terms::Side,
};
use crate::{
    Generation, InitiationMessage, Ticket, Token,
    stanza::{Farewell, Info},
};

impl Session {
    pub(super) fn answer_offer(&mut self, generation: Generation, sdp: String) -> Result<(), CommandError> {
        self.check_generation(generation)?;
        let State::Offered(offered) = &self.state else {
            return Err(CommandError::NothingToAnswer);
        };
        let (words, local) = match self.config.dialect {
            Dialect::SdpOverXmpp => {
                let local = Side::of_text(&sdp);
                (vec![rpc::answer(self.config.id.clone(), sdp)], local)
            }
            Dialect::Jingle => jingle::answer(&self.config.id, self.role, offered, &sdp)?,
        };
        self.settle_offer(words, Some(local));
        Ok(())
    }

    pub(super) fn decline_offer(&mut self, generation: Generation) -> Result<(), CommandError> {
        self.check_generation(generation)?;
        let State::Offered(offered) = &self.state else {
            return Err(CommandError::NothingToAnswer);
        };
        match (self.config.dialect, &offered.offer.change) {
            (_, Change::Session) if offered.offer.kind == OfferKind::Initial => Err(CommandError::FirstOffer),
            (Dialect::SdpOverXmpp, _) | (_, Change::Session) => Err(CommandError::NotInDialect { what: "declining" }),
            (Dialect::Jingle, change) => {
                let words = jingle::decline(&self.config.id, change, &offered.offer.remote);
                self.settle_offer(words.into_iter().collect(), None);
                Ok(())
            }
        }
    }

    /// The offer has its answer, or is declined if there is no side of ours for it.
    fn settle_offer(&mut self, words: Vec<Words>, local: Option<Side>) {
        let offered = match std::mem::replace(&mut self.state, State::Ended) {
            State::Offered(offered) => *offered,
            state @ (State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended) => {
                self.state = state;
                return;
            }
        };
        let Offered {
            mut dialogue,
            offer,
            before,
        } = offered;
        match local {
            Some(local) => {
                let before = std::mem::take(&mut dialogue.terms.remote);
                dialogue.terms.remote = match &offer.change {
                    Change::Contents(names) => offer.remote.without_rejected(names, &local, &before),
                    Change::Session | Change::Transport | Change::Restart | Change::Terms => offer.remote,
                };
                dialogue.terms.local = local.within(&dialogue.terms.remote);
            }
            None => {
                // Terms hold since their acknowledgement, whatever becomes of the offer that they joined.
                dialogue.terms.remote = dialogue.terms.remote.with_terms_of(&offer.remote);
                dialogue.revive(before);
            }
        }
        if words.is_empty() {
            let generation = dialogue.media.generation;
            self.state = State::Answered(Box::new(dialogue));
            self.tell(SessionEvent::AnswerAcknowledged { generation });
        } else {
            self.state = State::Answering(Box::new(Answering {
                dialogue,
                mark: offer.mark,
                stanza: offer.stanza,
                answer: Told::new(words),
            }));
        }
        self.say_what_is_due();
    }

    pub(super) fn answer_again(&mut self) {
        if let State::Answering(answering) = &mut self.state {
            answering.answer.due = true;
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
        match &self.state {
            State::Answering(answering) if answering.answer.due => {
                let words = answering.answer.words.clone();
                self.announce();
                self.say_answer(words);
            }
            State::Offering(offering) if offering.ours.offer.due => {
                let words = offering.ours.offer.words.clone();
                self.say_offer(words);
            }
            State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended => {}
        }
        if !self.may_tell() {
            return;
        }
        let dialogue = self.state.dialogue_mut();
        let waiting = dialogue.map(|dialogue| dialogue.unheard.take_waiting());
        for news in waiting.into_iter().flatten() {
            self.say(news);
        }
    }

    /// Whether the peer can make something of news of our media now.
    fn may_tell(&self) -> bool {
        match &self.state {
            State::Answering(_) | State::Answered(_) => true,
            State::Offering(offering) => match (self.config.dialect, &offering.ours.change) {
                // Whoever has the offer has what candidates belong to, acknowledged or not.
                (Dialect::SdpOverXmpp, _)
                | (Dialect::Jingle, Change::Contents(_) | Change::Restart | Change::Terms) => !offering.ours.offer.due,
                // XEP-0166 section 6.2: what comes before the acknowledgement may overtake it.
                (Dialect::Jingle, Change::Session) => offering.ours.heard,
                // Its ICE is nobody's before it is accepted.
                (Dialect::Jingle, Change::Transport) => false,
            },
            State::AwaitingOffer(_) | State::Offered(_) | State::Ending(_) | State::Ended => false,
        }
    }

    /// Tells our other resources, once, that this one has the session.
    fn announce(&mut self) {
        if std::mem::replace(&mut self.announced, true) {
            return;
        }
        if let Some(account) = &self.config.announce_to {
            self.outputs.push_back(Output::Message {
                to: account.clone().into(),
                payload: InitiationMessage::Accept(self.config.id.clone()).to_element(),
            });
        }
    }

    fn say_answer(&mut self, words: Vec<Words>) {
        let mut last = None;
        for words in words {
            last = Some(self.request(words));
        }
        if let (State::Answering(answering), Some(token)) = (&mut self.state, last) {
            answering.answer.said(token);
        }
    }

    fn say_offer(&mut self, words: Words) {
        let token = self.request(words);
        if let State::Offering(offering) = &mut self.state {
            offering.ours.offer.said(token);
        }
    }

    fn say(&mut self, news: News) {
        let Some(words) = self.news(news.clone()) else {
            return;
        };
        let token = self.request(words);
        if let Some(dialogue) = self.state.dialogue_mut() {
            dialogue.unheard.asked(token, news);
        }
    }

    fn news(&self, news: News) -> Option<Words> {
        match self.config.dialect {
            Dialect::SdpOverXmpp => rpc::news(self.config.id.clone(), news),
            Dialect::Jingle => {
                let local = self.state.local()?;
                Some(jingle::news(&self.config.id, self.role, local, news))
            }
        }
    }

    pub(super) fn say_ringing(&mut self) -> Result<(), CommandError> {
        let what = "ringing";
        match (&self.state, self.config.dialect, self.signalling) {
            (State::Ending(_) | State::Ended, _, _) => Err(CommandError::Ended),
            (_, Dialect::SdpOverXmpp, _) => Err(CommandError::NotInDialect { what }),
            (State::AwaitingOffer(_), _, _) => Err(CommandError::NoOffer),
            (State::Offered(offered), _, Signalling::Up) if offered.offer.kind == OfferKind::Initial => {
                let words = jingle::info(&self.config.id, Info::Ringing);
                self.request(words);
                Ok(())
            }
            // When signalling is back, the call is answered or it still rings: the ringing itself is of that moment.
            (State::Offered(_), _, Signalling::Lost) => Ok(()),
            (State::Offered(_) | State::Offering(_) | State::Answering(_) | State::Answered(_), _, _) => {
                Err(CommandError::NothingToAnswer)
            }
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
            State::Offering(offering) => Ok(offering.ours.generation),
            State::Offered(offered) => Ok(offered.dialogue.media.generation),
            State::Answering(answering) => Ok(answering.dialogue.media.generation),
            State::Answered(dialogue) => Ok(dialogue.media.generation),
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
        }
    }

    /// Tells the peer at once, or after the answer if that is still to be given, or when signalling is back.
    pub(super) fn tell_peer(&mut self, news: News) -> Result<(), CommandError> {
        if self.signalling == Signalling::Up && self.may_tell() {
            self.say(news);
            return Ok(());
        }
        let limit = self.config.limits.held;
        match &mut self.state {
            State::AwaitingOffer(_) => Err(CommandError::NoOffer),
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
            state @ (State::Offering(_) | State::Offered(_) | State::Answering(_) | State::Answered(_)) => {
                let kept = state.dialogue_mut().map(|dialogue| dialogue.unheard.wait(limit, news));
                match kept {
                    Some(Err(TooMany)) => Err(CommandError::TooManyHeld { limit }),
                    Some(Ok(())) | None => Ok(()),
                }
            }
        }
    }

    pub(super) fn end_by(&mut self, now: Instant, farewell: Farewell, by: EndedBy) -> Result<(), CommandError> {
        match &self.state {
            State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_) => {
                self.begin_ending(now, farewell, by);
                Ok(())
            }
            State::Ending(_) | State::Ended => Err(CommandError::Ended),
        }
    }

    pub(super) fn begin_ending(&mut self, now: Instant, farewell: impl Into<Farewell>, by: EndedBy) {
        let farewell = farewell.into();
        match self.signalling {
            Signalling::Up => {}
            Signalling::Lost => return self.end_with_farewell(farewell, by),
        }
        let words = self.goodbye(&farewell);
        let token = self.request(words);
        self.state = State::Ending(Ending {
            token,
            farewell,
            by,
            deadline: now + self.config.timers.end,
        });
    }

    pub(super) fn goodbye(&self, farewell: &Farewell) -> Words {
        match self.config.dialect {
            Dialect::SdpOverXmpp => rpc::terminate(self.config.id.clone(), farewell),
            Dialect::Jingle => jingle::terminate(&self.config.id, farewell),
        }
    }

    pub(super) fn ended(&mut self, farewell: impl Into<Farewell>, by: EndedBy) {
        let Farewell { reason, text, .. } = farewell.into();
        // The state first, so that whoever hears of the end finds it ended.
        self.state = State::Ended;
        self.tell(SessionEvent::Ended { reason, by, text });
    }

    pub(super) fn request(&mut self, words: Words) -> Token {
        let token = Token(self.requests);
        self.requests += 1;
        let payload = words.element(|| self.uuid());
        self.outputs.push_back(Output::Request {
            token,
            to: self.config.peer.clone(),
            payload,
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
