//! Our own offers: the one that begins a session, and those that change it.

use std::time::Instant;

use tracing::{debug, warn};

use super::{
    CommandError, DeclineCause, Dialect, EndedBy, Outcome, Refusal, Rejection, Session, SessionEvent,
    early::Early,
    heard::{Change, HeardOffer, Words},
    jingle, rpc,
    states::{Answering, Dialogue, Media, Offering, Ours, State, Told},
    terms::Side,
};
use crate::{
    Generation, Reason, Token,
    stanza::{Action, JingleCondition, Role},
};

impl Session {
    /// The state in which a session begins that we initiate.
    pub(super) fn begin_offering(&mut self, now: Instant, sdp: &str) -> Result<(), CommandError> {
        let (words, local) = match self.config.dialect {
            Dialect::SdpOverXmpp => {
                let words = rpc::offer(&self.config, sdp.to_owned(), false);
                (words, Side::of_text(sdp))
            }
            Dialect::Jingle => jingle::initiate(&self.config, sdp)?,
        };
        let media = Media::new(Generation::FIRST, None);
        let ours = Ours {
            is_first: true,
            change: Change::Session,
            generation: Generation::FIRST,
            local,
            offer: Told::new(words),
            heard: false,
            deadline: now + self.config.timers.answer,
        };
        let dialogue = Dialogue::new(media, Early::default());
        self.state = State::Offering(Box::new(Offering { dialogue, ours }));
        self.say_what_is_due();
        Ok(())
    }

    pub(super) fn offer_change(&mut self, now: Instant, sdp: &str) -> Result<Generation, CommandError> {
        let dialogue = match &self.state {
            State::AwaitingOffer(_) => return Err(CommandError::NoOffer),
            State::Offering(_) | State::Offered(_) | State::Answering(_) => return Err(CommandError::Negotiating),
            State::Answered(dialogue) => dialogue,
            State::Ending(_) | State::Ended => return Err(CommandError::Ended),
        };
        let (words, change, local) = match (self.config.dialect, self.role) {
            (Dialect::SdpOverXmpp, Role::Responder) => {
                return Err(CommandError::NotInDialect {
                    what: "an offer by this side",
                });
            }
            (Dialect::SdpOverXmpp, Role::Initiator) => self.rpc_offer(dialogue, sdp),
            (Dialect::Jingle, role) => jingle::offer(&self.config, role, &dialogue.terms, sdp)?,
        };
        let new_ice = local.credentials != dialogue.terms.local.credentials;
        let generation = if new_ice {
            dialogue.newest.next()
        } else {
            dialogue.media.generation
        };
        let State::Answered(dialogue) = std::mem::replace(&mut self.state, State::Ended) else {
            return Err(CommandError::Ended);
        };
        let mut dialogue = *dialogue;
        if new_ice {
            dialogue.unheard.forget_media();
        }
        let ours = Ours {
            is_first: false,
            change,
            generation,
            local,
            offer: Told::new(words),
            heard: false,
            deadline: now + self.config.timers.change,
        };
        self.state = State::Offering(Box::new(Offering { dialogue, ours }));
        self.say_what_is_due();
        Ok(generation)
    }

    fn rpc_offer(&self, dialogue: &Dialogue, sdp: &str) -> (Words, Change, Side) {
        let local = Side::of_text(sdp);
        let reinvite = local.credentials != dialogue.terms.local.credentials;
        (
            rpc::offer(&self.config, sdp.to_owned(), reinvite),
            Change::Session,
            local,
        )
    }

    /// Whether it brings the credentials that answer ours.
    pub(super) fn answers_restart(&self, offer: &HeardOffer) -> bool {
        match &self.state {
            State::Offering(offering) => offering.ours.change == Change::Restart && offer.change == Change::Restart,
            State::AwaitingOffer(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended => false,
        }
    }

    /// The peer's answer to our offer.
    pub(super) fn on_answer(
        &mut self,
        now: Instant,
        change: &Change,
        remote: Side,
        sdp: String,
        action: Action,
    ) -> Result<Vec<SessionEvent>, Refusal> {
        match &self.state {
            // It repeats its last answer, and does not know of our offer of new media yet.
            State::Offering(offering) if offering.is_of_new_media() && offering.knows(&remote) => return Ok(Vec::new()),
            State::Offering(offering) if offering.ours.change.is_answered_by(change) => {}
            // It repeats what it has no acknowledgement for.
            State::Answered(dialogue) if dialogue.terms.remote == remote => {
                return Ok(Vec::new());
            }
            State::Ending(_) => return Ok(Vec::new()),
            State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ended => return Err(Refusal::OutOfOrder { action }),
        }
        Ok(self.come_into_force(now, remote, sdp))
    }

    /// Our offer holds from now on.
    fn come_into_force(&mut self, now: Instant, remote: Side, sdp: String) -> Vec<SessionEvent> {
        let State::Offering(offering) = std::mem::replace(&mut self.state, State::Ended) else {
            return Vec::new();
        };
        let Offering { mut dialogue, ours } = *offering;
        let generation = ours.generation;
        let credentials = remote.credentials.clone();
        if generation == dialogue.media.generation {
            dialogue.media.credentials.clone_from(&credentials);
        } else {
            // What we have to say of the new media is not to be forgotten with the old ones.
            let unheard = std::mem::take(&mut dialogue.unheard);
            dialogue.renew(generation, credentials.clone());
            dialogue.unheard = unheard;
        }
        dialogue.terms.local = ours.local.answered_by(&ours.change, &remote);
        dialogue.terms.remote = remote;
        dialogue.terms.version += 1;
        let released = dialogue.early.release(now, credentials.as_ref());
        let limit = self.config.limits.remote_candidates;
        let mut events = vec![SessionEvent::Answer { generation, sdp }];
        for trickled in released {
            events.extend(dialogue.media.admit(limit, trickled).ok().flatten());
        }
        // Of two restarts at once each answers the other. The peer may not have heard of ours, so that goes on to be said.
        self.state = if ours.change == Change::Restart && !ours.heard {
            let Told {
                words,
                tokens,
                due,
                repeated,
            } = ours.offer;
            State::Answering(Box::new(Answering {
                dialogue,
                mark: String::new(),
                stanza: None,
                answer: Told {
                    words: vec![words],
                    tokens,
                    due,
                    repeated,
                },
            }))
        } else {
            State::Answered(Box::new(dialogue))
        };
        events
    }

    pub(super) fn on_declined(&mut self, change: &Change, action: Action) -> Result<Vec<SessionEvent>, Refusal> {
        match &mut self.state {
            State::Offering(offering) if offering.ours.change.is_answered_by(change) && !offering.ours.is_first => {
                if offering.ours.lose(change)? {
                    self.withdraw(DeclineCause::Refused);
                }
                Ok(Vec::new())
            }
            State::Ending(_) => Ok(Vec::new()),
            State::AwaitingOffer(_)
            | State::Offering(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ended => Err(Refusal::OutOfOrder { action }),
        }
    }

    /// Our offer does not come into force: what held before it holds again.
    pub(super) fn withdraw(&mut self, cause: DeclineCause) {
        match std::mem::replace(&mut self.state, State::Ended) {
            State::Offering(offering) => {
                let Offering { mut dialogue, ours } = *offering;
                if ours.generation != dialogue.media.generation {
                    dialogue.newest = ours.generation;
                    dialogue.unheard.forget_media();
                }
                self.state = State::Answered(Box::new(dialogue));
                let generation = ours.generation;
                self.tell(SessionEvent::OfferDeclined { generation, cause });
                self.say_what_is_due();
            }
            state @ (State::AwaitingOffer(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended) => self.state = state,
        }
    }

    pub(super) fn on_offer_response(&mut self, token: Token, outcome: Outcome) {
        let State::Offering(offering) = &mut self.state else {
            return;
        };
        match outcome {
            Outcome::Lost => offering.ours.offer.lost(token),
            Outcome::Done => self.on_offer_heard(),
            // It was heard the first time.
            Outcome::Refused(Rejection {
                application: Some(JingleCondition::OutOfOrder),
                ..
            }) if offering.ours.offer.repeated => self.on_offer_heard(),
            Outcome::Refused(rejection) if offering.ours.is_first => self.on_first_offer_refused(rejection),
            Outcome::Refused(rejection) if rejection.condition == "item-not-found" => {
                self.ended(Reason::Gone, EndedBy::Remote);
            }
            Outcome::Refused(rejection) => {
                debug!(session = %self.config.id, ?rejection, "the peer refuses our offer");
                self.withdraw(match rejection.application {
                    Some(JingleCondition::TieBreak) => DeclineCause::TieBreak,
                    Some(_) | None => DeclineCause::Refused,
                });
            }
        }
    }

    /// Offers that need no answer hold from their acknowledgement on; others are known to the peer from then on.
    fn on_offer_heard(&mut self) {
        let State::Offering(offering) = &mut self.state else {
            return;
        };
        offering.ours.heard = true;
        offering.ours.offer.due = false;
        if offering.ours.change == Change::Terms {
            let (now, terms) = (self.now, &offering.dialogue.terms);
            let remote = terms.remote.clone().following(&terms.local, &offering.ours.local);
            let sdp = remote.sdp(self.role.other(), offering.dialogue.terms.version);
            let events = self.come_into_force(now, remote, sdp);
            self.outputs.extend(events.into_iter().map(super::Output::Event));
        }
        self.say_what_is_due();
    }

    /// There is no session then, and so nobody to take leave of.
    fn on_first_offer_refused(&mut self, rejection: Rejection) {
        warn!(session = %self.config.id, ?rejection, "the peer refuses the session");
        let reason = match (&rejection.application, rejection.condition.as_str()) {
            (Some(JingleCondition::TieBreak), _) | (_, "redirect") => Reason::AlternativeSession,
            (_, "item-not-found" | "gone" | "recipient-unavailable" | "service-unavailable") => Reason::Gone,
            (_, "remote-server-not-found" | "remote-server-timeout") => Reason::ConnectivityError,
            (_, "resource-constraint") => Reason::Busy,
            (_, "forbidden" | "not-allowed" | "not-authorized") => Reason::Decline,
            (_, "feature-not-implemented") => Reason::UnsupportedApplications,
            _ => Reason::GeneralError,
        };
        if let Some(to) = rejection.redirect {
            self.tell(SessionEvent::Redirected { to });
        }
        self.ended(reason, EndedBy::Remote);
    }
}
