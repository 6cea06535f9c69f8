//! What a session makes of the outcomes of its requests, of signalling that goes and comes, and of time.

use offhook_jingle::{
    Reason,
    stanza::{JingleCondition, Senders},
};

use super::call::{Call, Change, Desk, Stage, Turn};
use crate::play::words::{Answer, By, Decline, News, Outcome, Terms};

/// How something that we said was taken.
enum Taken {
    Well,
    Badly,
    Lost,
}

impl Outcome {
    fn taken(&self) -> Taken {
        match self {
            Outcome::Answered(Answer::Done) => Taken::Well,
            Outcome::Answered(Answer::Refused(..)) | Outcome::Redirected => Taken::Badly,
            Outcome::Lost => Taken::Lost,
        }
    }

    fn condition(&self) -> &str {
        match self {
            Outcome::Answered(Answer::Refused(condition, _)) => condition,
            Outcome::Redirected => "redirect",
            Outcome::Answered(Answer::Done) | Outcome::Lost => "",
        }
    }

    fn application(&self) -> Option<JingleCondition> {
        match self {
            Outcome::Answered(Answer::Refused(_, application)) => *application,
            Outcome::Answered(Answer::Done) | Outcome::Redirected | Outcome::Lost => None,
        }
    }
}

impl Call {
    pub fn outcome(&mut self, desk: &mut Desk, token: u64, outcome: &Outcome) {
        match &mut self.stage {
            Stage::Ending {
                token: end,
                reason,
                alternative,
                by,
                ..
            } if *end == token => {
                let (reason, alternative, by) = (*reason, alternative.clone(), *by);
                if let Taken::Lost = outcome.taken() {
                    self.leave(desk, reason, alternative, by);
                } else {
                    self.finish(desk, reason, by);
                }
            }
            Stage::Waiting { .. } | Stage::Ending { .. } | Stage::Over => {}
            Stage::Live(live) => match &mut live.turn {
                Turn::Answered(answered) if answered.told.tokens.contains(&token) => match outcome.taken() {
                    Taken::Lost => answered.told.lose(token),
                    Taken::Well => self.acknowledged(desk),
                    Taken::Badly => self.answer_refused(desk, outcome),
                },
                Turn::Ours(ours) if ours.told.tokens.contains(&token) => match outcome.taken() {
                    Taken::Lost => ours.told.lose(token),
                    Taken::Well => self.offer_heard(desk),
                    // It was heard the first time.
                    Taken::Badly
                        if ours.told.repeated && outcome.application() == Some(JingleCondition::OutOfOrder) =>
                    {
                        self.offer_heard(desk);
                    }
                    Taken::Badly => self.offer_refused(desk, outcome),
                },
                _ if live.talk.overtaken.contains(&token) => {
                    live.talk.overtaken.retain(|known| *known != token);
                    if let Taken::Badly = outcome.taken() {
                        self.answer_refused(desk, outcome);
                    }
                }
                Turn::Nobody | Turn::Ours(_) | Turn::Theirs(_) | Turn::Answered(_) => {
                    let lost = matches!(outcome.taken(), Taken::Lost);
                    live.talk.unheard.on_outcome(desk.limits.held, token, lost);
                }
            },
        }
    }

    fn answer_refused(&mut self, desk: &mut Desk, outcome: &Outcome) {
        if outcome.condition() == "item-not-found" {
            self.finish(desk, Reason::Gone, By::Them);
        } else {
            self.end(desk, Reason::FailedApplication, By::Them);
        }
    }

    fn acknowledged(&mut self, desk: &mut Desk) {
        let Some(live) = self.live_mut() else { return };
        let generation = live.talk.media.generation;
        if let Turn::Answered(answered) = std::mem::replace(&mut live.turn, Turn::Nobody) {
            live.talk.remember_mark(answered.mark);
        }
        self.tell(desk, News::AnswerAcknowledged(generation));
    }

    /// Terms hold from now on; other offers have reached somebody who will answer them.
    fn offer_heard(&mut self, desk: &mut Desk) {
        let Some(live) = self.live_mut() else { return };
        let Turn::Ours(ours) = &mut live.turn else { return };
        ours.heard = true;
        ours.told.due = false;
        if ours.change == Change::Terms
            && let (Some(remote), Some(local)) = (live.talk.remote, live.talk.local)
        {
            let remote = following(remote, local, ours.local);
            self.come_into_force(desk, remote);
        }
        self.say_what_is_due(desk);
    }

    fn offer_refused(&mut self, desk: &mut Desk, outcome: &Outcome) {
        let tie_break = outcome.application() == Some(JingleCondition::TieBreak);
        if !self.is_calling() {
            return if outcome.condition() == "item-not-found" {
                self.finish(desk, Reason::Gone, By::Them);
            } else {
                self.withdraw(desk, if tie_break { Decline::TieBreak } else { Decline::Refused });
            };
        }
        let reason = match outcome.condition() {
            _ if tie_break => Reason::AlternativeSession,
            "redirect" => Reason::AlternativeSession,
            "item-not-found" | "gone" | "recipient-unavailable" | "service-unavailable" => Reason::Gone,
            "resource-constraint" => Reason::Busy,
            "feature-not-implemented" => Reason::UnsupportedApplications,
            _ => Reason::GeneralError,
        };
        if *outcome == Outcome::Redirected {
            self.tell(desk, News::Redirected);
        }
        self.finish(desk, reason, By::Them);
    }

    pub fn signalling_lost(&mut self, desk: &mut Desk) {
        if let Stage::Ending {
            reason,
            alternative,
            by,
            ..
        } = &self.stage
        {
            let (reason, alternative, by) = (*reason, alternative.clone(), *by);
            self.leave(desk, reason, alternative, by);
        }
    }

    pub fn signalling_restored(&mut self, desk: &mut Desk) {
        if self.live().is_some_and(|live| live.talk.media.gone.is_some()) {
            self.end(desk, Reason::Gone, By::Network);
        } else {
            self.say_what_is_due(desk);
        }
    }

    /// The deadline is now.
    pub fn time_out(&mut self, desk: &mut Desk) {
        match &self.stage {
            Stage::Waiting { .. } => self.finish(desk, Reason::Timeout, By::Network),
            Stage::Ending { reason, by, .. } => {
                let (reason, by) = (*reason, *by);
                self.finish(desk, reason, by);
            }
            Stage::Live(live) if live.talk.media.gone.is_some_and(|gone| gone <= desk.now) => {
                self.end(desk, Reason::Gone, By::Network);
            }
            Stage::Live(_) if self.is_calling() => self.end(desk, Reason::Timeout, By::Network),
            Stage::Live(_) => self.withdraw(desk, Decline::TimedOut),
            Stage::Over => {}
        }
    }
}

/// What the peer's side says after we have changed ours: there is one direction for both, and what one has removed the other
/// does not have.
fn following(remote: Terms, old: Terms, new: Terms) -> Terms {
    let second = match (old.second, new.second) {
        (Some(old), Some(new)) if old != new => remote.second.map(|_| new),
        (Some(_), None) => remote.second.map(|_| Senders::None),
        (Some(_), Some(_)) | (None, _) => remote.second,
    };
    Terms {
        senders: if old.senders == new.senders {
            remote.senders
        } else {
            new.senders
        },
        second,
        ..remote
    }
}
