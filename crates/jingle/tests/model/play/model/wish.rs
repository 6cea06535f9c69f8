//! What a session makes of what its application wants, and what it says. An error is named as the crate names it.

use offhook_jingle::{
    Dialect, Reason, SessionId,
    session::OfferKind,
    stanza::{Role, Senders},
};

use super::{
    call::{Answered, Call, Change, Desk, Live, Media, Ours, Stage, Talk, Theirs, Told, Turn},
    unheard::{self, Word},
};
use crate::play::words::{Act, Ask, By, Effect, Info, Message, News, Terms, To, Wish};

pub type Done = Result<(), &'static str>;

impl Call {
    /// Our call, with its first offer.
    pub fn begin(&mut self, desk: &mut Desk, local: Terms) {
        let ours = Ours {
            first: true,
            change: Change::Everything,
            generation: 0,
            local,
            words: Act::Initiate {
                mark: String::new(),
                conversation: self.conversation.filter(|_| self.dialect == Dialect::SdpOverXmpp),
                terms: local,
            },
            told: Told::not_yet(),
            heard: false,
            until: desk.now + desk.limits.answer,
        };
        let talk = Talk::new(Media::new(0, None), Vec::new());
        let turn = Turn::Ours(ours);
        self.stage = Stage::Live(Box::new(Live { talk, turn }));
        self.say_what_is_due(desk);
    }

    pub fn wish(&mut self, desk: &mut Desk, wish: &Wish) -> Done {
        match wish {
            Wish::Answer(generation, terms) => self.answer(desk, *generation, *terms),
            Wish::Decline(generation) => self.decline(desk, *generation),
            Wish::Offer(terms) => self.offer(desk, *terms),
            Wish::Ring => self.ring(desk),
            Wish::Candidate {
                generation,
                ice,
                number,
            } => self.news(
                desk,
                Some(*generation),
                Word::Candidate {
                    ice: *ice,
                    number: *number,
                },
            ),
            Wish::EndOfCandidates(generation) => self.news(desk, Some(*generation), Word::EndOfCandidates),
            Wish::Connected(generation) => self.news(desk, Some(*generation), Word::Active),
            Wish::Failed => self.failed(desk),
            Wish::Mute(muted) => {
                self.check_live()?;
                if *muted != std::mem::replace(&mut self.muted, *muted) {
                    self.news(desk, None, Word::Muted(*muted))?;
                }
                Ok(())
            }
            Wish::Hold(holding) => {
                self.check_live()?;
                if self.dialect == Dialect::SdpOverXmpp {
                    return Err("NotInDialect");
                }
                if *holding != std::mem::replace(&mut self.holding, *holding) {
                    self.news(desk, None, Word::Held(*holding))?;
                }
                Ok(())
            }
            Wish::End(reason) => match &self.stage {
                Stage::Ending { .. } | Stage::Over => Err("Ended"),
                Stage::Waiting { .. } | Stage::Live(_) => {
                    self.end(desk, *reason, By::Us);
                    Ok(())
                }
            },
        }
    }

    fn check_live(&self) -> Done {
        match &self.stage {
            Stage::Waiting { .. } => Err("NoOffer"),
            Stage::Live(_) => Ok(()),
            Stage::Ending { .. } | Stage::Over => Err("Ended"),
        }
    }

    fn check(&self, given: u32) -> Done {
        self.check_live()?;
        match self.generation() {
            Some(latest) if given < latest => Err("Superseded"),
            Some(latest) if given > latest => Err("UnknownGeneration"),
            Some(_) | None => Ok(()),
        }
    }

    fn answer(&mut self, desk: &mut Desk, generation: u32, local: Terms) -> Done {
        self.check(generation)?;
        let jingle = self.dialect == Dialect::Jingle;
        let Some((talk, theirs)) = self.take_theirs() else {
            return Err("NothingToAnswer");
        };
        let mut remote = theirs.remote;
        let words = match theirs.change {
            Change::Everything => vec![Act::Accept(local)],
            _ if !jingle => vec![Act::Accept(local)],
            Change::Content => match local.second {
                Some(senders) if senders != Senders::None => vec![Act::AcceptContent(senders, local.transport)],
                Some(_) | None => {
                    // What is rejected is no part of the session.
                    remote.second = talk.remote.and_then(|known| known.second);
                    vec![Act::RejectContent]
                }
            },
            Change::Transport => vec![Act::AcceptTransport(local.transport)],
            Change::Restart => vec![Act::Restart(local.transport)],
            Change::Terms => Vec::new(),
        };
        let talk = Talk {
            local: Some(within(local, remote)),
            remote: Some(remote),
            ..talk
        };
        self.settle(desk, talk, (theirs.mark, theirs.asked), words);
        Ok(())
    }

    fn decline(&mut self, desk: &mut Desk, generation: u32) -> Done {
        self.check(generation)?;
        match self.live().map(|live| &live.turn) {
            Some(Turn::Theirs(theirs)) => match (self.dialect, theirs.change) {
                (_, Change::Everything) if theirs.kind == OfferKind::Initial => return Err("FirstOffer"),
                (Dialect::SdpOverXmpp, _) | (_, Change::Everything) => return Err("NotInDialect"),
                (Dialect::Jingle, _) => {}
            },
            Some(Turn::Nobody | Turn::Ours(_) | Turn::Answered(_)) | None => return Err("NothingToAnswer"),
        }
        let Some((mut talk, theirs)) = self.take_theirs() else {
            return Err("NothingToAnswer");
        };
        let words = match theirs.change {
            Change::Content => vec![Act::RejectContent],
            Change::Transport => vec![Act::RejectTransport],
            Change::Everything | Change::Restart | Change::Terms => Vec::new(),
        };
        talk.revive(theirs.before);
        // Terms hold from their acknowledgement on, whatever we think of them.
        let declined = theirs.remote;
        talk.remote = talk.remote.map(|known| Terms {
            senders: declined.senders,
            line: declined.line,
            second: if theirs.change == Change::Content {
                known.second
            } else {
                declined.second
            },
            ..known
        });
        self.settle(desk, talk, (theirs.mark, theirs.asked), words);
        Ok(())
    }

    fn take_theirs(&mut self) -> Option<(Talk, Theirs)> {
        match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Live(live) => {
                let Live { talk, turn } = *live;
                match turn {
                    Turn::Theirs(theirs) => Some((talk, theirs)),
                    turn @ (Turn::Nobody | Turn::Ours(_) | Turn::Answered(_)) => {
                        self.stage = Stage::Live(Box::new(Live { talk, turn }));
                        None
                    }
                }
            }
            stage @ (Stage::Waiting { .. } | Stage::Ending { .. } | Stage::Over) => {
                self.stage = stage;
                None
            }
        }
    }

    fn settle(&mut self, desk: &mut Desk, talk: Talk, (mark, asked): (String, Act), words: Vec<Act>) {
        let generation = talk.media.generation;
        let is_said = !words.is_empty();
        let turn = if is_said {
            let told = Told::not_yet();
            let asked = Some(asked);
            Turn::Answered(Answered {
                mark,
                asked,
                words,
                told,
            })
        } else {
            Turn::Nobody
        };
        self.stage = Stage::Live(Box::new(Live { talk, turn }));
        if !is_said {
            self.tell(desk, News::AnswerAcknowledged(generation));
        }
        self.say_what_is_due(desk);
    }

    fn offer(&mut self, desk: &mut Desk, local: Terms) -> Done {
        self.check_live()?;
        let Some(live) = self.live().filter(|live| live.turn == Turn::Nobody) else {
            return Err("Negotiating");
        };
        let (Some(held), Some(remote)) = (live.talk.local, live.talk.remote) else {
            return Err("Negotiating");
        };
        let local = within(local, remote);
        let (change, words) = match (self.dialect, self.role) {
            (Dialect::SdpOverXmpp, Role::Responder) => return Err("NotInDialect"),
            (Dialect::SdpOverXmpp, Role::Initiator) => (
                Change::Everything,
                Act::Initiate {
                    mark: String::new(),
                    conversation: self.conversation,
                    terms: local,
                },
            ),
            (Dialect::Jingle, _) => difference(held, local)?,
        };
        let generation = if local.transport.ice == held.transport.ice {
            live.talk.media.generation
        } else {
            live.talk.newest + 1
        };
        let until = desk.now + desk.limits.change;
        let Some(live) = self.live_mut() else {
            return Err("Ended");
        };
        if generation != live.talk.media.generation {
            live.talk.unheard.forget_media();
        }
        live.turn = Turn::Ours(Ours {
            first: false,
            change,
            generation,
            local,
            words,
            told: Told::not_yet(),
            heard: false,
            until,
        });
        self.say_what_is_due(desk);
        Ok(())
    }

    fn ring(&mut self, desk: &mut Desk) -> Done {
        match (&self.stage, self.dialect) {
            (Stage::Ending { .. } | Stage::Over, _) => Err("Ended"),
            (_, Dialect::SdpOverXmpp) => Err("NotInDialect"),
            (Stage::Waiting { .. }, _) => Err("NoOffer"),
            (Stage::Live(live), Dialect::Jingle) => match &live.turn {
                // Ringing is of the moment: it is not made up for.
                Turn::Theirs(_) if !desk.up => Ok(()),
                Turn::Theirs(theirs) if theirs.kind == OfferKind::Initial => {
                    let ringing = self.ask(Act::Info(Info::Ringing));
                    desk.ask(self.peer, ringing);
                    Ok(())
                }
                Turn::Theirs(_) | Turn::Nobody | Turn::Ours(_) | Turn::Answered(_) => Err("NothingToAnswer"),
            },
        }
    }

    fn news(&mut self, desk: &mut Desk, generation: Option<u32>, word: Word) -> Done {
        match generation {
            Some(generation) => self.check(generation)?,
            None => self.check_live()?,
        }
        if desk.up && self.may_tell() {
            self.say(desk, word);
            return Ok(());
        }
        let limit = desk.limits.held;
        let owed = self.live_mut().is_none_or(|live| live.talk.unheard.owe(limit, word));
        if owed { Ok(()) } else { Err("TooManyHeld") }
    }

    fn failed(&mut self, desk: &mut Desk) -> Done {
        let until = desk.now + desk.limits.gone;
        match &mut self.stage {
            Stage::Ending { .. } | Stage::Over => Err("Ended"),
            Stage::Live(live) if !desk.up => {
                live.talk.media.gone.get_or_insert(until);
                Ok(())
            }
            Stage::Waiting { .. } | Stage::Live(_) => {
                self.end(desk, Reason::FailedTransport, By::Network);
                Ok(())
            }
        }
    }

    /// Begins to end; without signalling there is nobody to wait for.
    pub fn end(&mut self, desk: &mut Desk, reason: Reason, by: By) {
        self.end_for(desk, reason, None, by);
    }

    pub fn end_for(&mut self, desk: &mut Desk, reason: Reason, alternative: Option<SessionId>, by: By) {
        if !desk.up {
            return self.leave(desk, reason, alternative, by);
        }
        let token = desk.ask(self.peer, self.goodbye(reason, alternative.clone()));
        let until = desk.now + desk.limits.end;
        self.stage = Stage::Ending {
            token,
            reason,
            alternative,
            by,
            until,
        };
    }

    fn goodbye(&self, reason: Reason, alternative: Option<SessionId>) -> Ask {
        // SDP over XMPP has room for the reason alone.
        let alternative = alternative.filter(|_| self.dialect == Dialect::Jingle);
        self.ask(Act::Terminate { reason, alternative })
    }

    /// Over at once; the peer is to be told by somebody else.
    pub fn leave(&mut self, desk: &mut Desk, reason: Reason, alternative: Option<SessionId>, by: By) {
        let goodbye = self.goodbye(reason, alternative);
        desk.effects.push(Effect::Farewell(self.peer, goodbye));
        self.finish(desk, reason, by);
    }

    pub fn finish(&mut self, desk: &mut Desk, reason: Reason, by: By) {
        self.stage = Stage::Over;
        self.tell(desk, News::Ended(reason, by));
    }

    /// Whether the peer can make something of news of our media.
    fn may_tell(&self) -> bool {
        let Some(live) = self.live() else { return false };
        match &live.turn {
            Turn::Nobody | Turn::Answered(_) => true,
            Turn::Theirs(_) => false,
            Turn::Ours(ours) => match (self.dialect, ours.change) {
                (Dialect::Jingle, Change::Everything) => ours.heard,
                (Dialect::Jingle, Change::Transport) => false,
                (Dialect::SdpOverXmpp, _) | (Dialect::Jingle, Change::Content | Change::Restart | Change::Terms) => {
                    !ours.told.due
                }
            },
        }
    }

    fn say(&mut self, desk: &mut Desk, word: Word) {
        let ice = self.local().map(|local| local.transport.ice);
        let Some(act) = unheard::act(word, ice, self.dialect == Dialect::Jingle) else {
            return;
        };
        let token = desk.ask(self.peer, self.ask(act));
        if let Some(live) = self.live_mut() {
            live.talk.unheard.asked(token, word);
        }
    }

    /// Everything that the peer should have heard and has not, or may not have: the offer or answer first.
    pub fn say_what_is_due(&mut self, desk: &mut Desk) {
        if !desk.up {
            return;
        }
        let words = match self.live().map(|live| &live.turn) {
            Some(Turn::Ours(ours)) if ours.told.due => vec![ours.words.clone()],
            Some(Turn::Answered(answered)) if answered.told.due => answered.words.clone(),
            Some(Turn::Ours(_) | Turn::Answered(_) | Turn::Theirs(_) | Turn::Nobody) | None => Vec::new(),
        };
        let answers = self.live().is_some_and(|live| matches!(live.turn, Turn::Answered(_)));
        if answers && !words.is_empty() && std::mem::take(&mut self.announce) {
            let account = To::All(desk.me.account());
            desk.send(account, Message::Accept(self.id.clone()));
        }
        let tokens: Vec<_> = words
            .into_iter()
            .map(|act| desk.ask(self.peer, self.ask(act)))
            .collect();
        if let (Some(live), Some(token)) = (self.live_mut(), tokens.last()) {
            match &mut live.turn {
                Turn::Ours(ours) => ours.told.say(*token),
                Turn::Answered(answered) => answered.told.say(*token),
                Turn::Theirs(_) | Turn::Nobody => {}
            }
        }
        if !self.may_tell() {
            return;
        }
        let owed = self.live_mut().map(|live| live.talk.unheard.owed());
        for word in owed.into_iter().flatten() {
            self.say(desk, word);
        }
    }
}

/// A content that carries nothing and that the peer does not know is not there.
fn within(local: Terms, remote: Terms) -> Terms {
    let is_there = local.second != Some(Senders::None) || remote.second.is_some();
    Terms {
        second: local.second.filter(|_| is_there),
        ..local
    }
}

/// What of our side is new, and how that is said. Jingle has one action for each kind of difference.
fn difference(held: Terms, new: Terms) -> Result<(Change, Act), &'static str> {
    let mut changes = Vec::new();
    match (held.second, new.second) {
        (None, Some(second)) => changes.push((Change::Content, Act::Add(second, new.transport))),
        (Some(_), None) => changes.push((Change::Terms, Act::RemoveContent)),
        (Some(_), Some(_)) | (None, None) => {}
    }
    if held.transport.ice != new.transport.ice {
        changes.push(if held.transport.print == new.transport.print {
            (Change::Restart, Act::Restart(new.transport))
        } else {
            let transport = new.transport;
            let both = new.second.is_some();
            (Change::Transport, Act::Replace { transport, both })
        });
    }
    let first = Some(new.senders).filter(|new| *new != held.senders);
    let second = held.second.and(new.second).filter(|new| Some(*new) != held.second);
    if first.is_some() || second.is_some() {
        changes.push((Change::Terms, Act::Modify { first, second }));
    }
    if held.line != new.line {
        changes.push((Change::Terms, Act::Describe(new.line)));
    }
    match changes.len() {
        0 => Err("NothingNew"),
        1 => Ok(changes.remove(0)),
        _ => Err("TooManyChanges"),
    }
}
