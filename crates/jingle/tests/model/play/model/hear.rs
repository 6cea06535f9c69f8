//! What a session makes of what its peer asks.

use offhook_jingle::{
    Dialect, Reason,
    session::OfferKind,
    stanza::{JingleCondition, Role, Senders},
};

use super::{
    call::{
        Answered, Call, Change, Desk, Live, Media, Stage, Talk, Theirs, Trickled, Turn, is_empty, keep, with_transport,
    },
    judge::{Offer, Verdict},
};
use crate::play::words::{Act, Answer, Ask, By, Conversation, Decline, Effect, Hollow, Info, News, Terms, Who};

impl Call {
    /// A request that was routed to this session.
    pub fn hear(&mut self, desk: &mut Desk, ticket: Option<u64>, from: Who, ask: &Ask) {
        let before = desk.effects.len();
        let answer = if from == self.peer {
            self.understand(desk, &ask.act)
        } else {
            // A stranger learns nothing, not even that there is such a session.
            Answer::unknown_session()
        };
        if let Some(ticket) = ticket {
            desk.effects.insert(before, Effect::Reply(ticket, answer));
        }
    }

    fn understand(&mut self, desk: &mut Desk, act: &Act) -> Answer {
        if self.dialect == Dialect::Jingle && self.is_repeated(act) {
            return self.answer_again(desk);
        }
        match act {
            Act::Initiate {
                mark,
                conversation,
                terms,
            } => self.initiated(desk, act, mark, *conversation, *terms),
            Act::Accept(terms) => self.accepted(desk, *terms),
            Act::Terminate { reason, .. } => self.terminated(desk, *reason),
            Act::Candidate { ice, number } => {
                let candidate = Some(*number);
                self.trickled(desk, Trickled { ice: *ice, candidate })
            }
            Act::EndOfCandidates { ice } => {
                let candidate = None;
                self.trickled(desk, Trickled { ice: *ice, candidate })
            }
            Act::Info(info) => self.informed(desk, *info),
            Act::Security => Answer::refused("feature-not-implemented"),
            Act::Noise => Answer::bad_request(),
            Act::Hollow(hollow) => self.hollow(*hollow),
            Act::Restart(transport) => match self.remote() {
                Some(remote) if remote.transport.ice != transport.ice && !self.had(transport.ice) => {
                    self.offered(desk, act, Change::Restart, with_transport(remote, *transport))
                }
                // Nothing new, of former media, or nothing to be restarted yet.
                Some(_) | None => self.heard_nothing(desk),
            },
            Act::Replace { transport, both } => self.offered_if(desk, act, Change::Transport, |remote| {
                let known = !both || remote.second.is_some();
                known.then_some(with_transport(remote, *transport))
            }),
            Act::Modify { first, second } => self.offered_if(desk, act, Change::Terms, |remote| {
                Some(Terms {
                    senders: first.unwrap_or(remote.senders),
                    second: match second {
                        Some(second) => Some(remote.second.map(|_| *second)?),
                        None => remote.second,
                    },
                    ..remote
                })
            }),
            Act::Describe(line) => {
                self.offered_if(desk, act, Change::Terms, |remote| Some(Terms { line: *line, ..remote }))
            }
            Act::Add(senders, _) => self.offered_if(desk, act, Change::Content, |remote| {
                let free = remote.second.is_none_or(|second| second == Senders::None);
                free.then_some(Terms {
                    second: Some(*senders),
                    ..remote
                })
            }),
            Act::RemoveContent => self.removed(desk, act),
            Act::AcceptTransport(transport) => {
                self.answered_if(desk, Change::Transport, |remote| with_transport(remote, *transport))
            }
            Act::AcceptContent(senders, _) => self.answered_if(desk, Change::Content, |remote| Terms {
                second: Some(*senders),
                ..remote
            }),
            Act::RejectTransport => self.declined(desk, Change::Transport),
            Act::RejectContent => self.declined(desk, Change::Content),
        }
    }

    /// Whether it is the offer that is not answered, or whose answer is not acknowledged.
    fn is_repeated(&self, act: &Act) -> bool {
        self.live().is_some_and(|live| match &live.turn {
            Turn::Theirs(theirs) => theirs.asked == *act,
            Turn::Answered(answered) => answered.asked.as_ref() == Some(act),
            Turn::Nobody | Turn::Ours(_) => false,
        })
    }

    /// Whether these were the credentials of media that have been replaced since.
    fn had(&self, ice: u32) -> bool {
        self.live().is_some_and(|live| live.talk.ices.contains(&ice))
    }

    fn answer_again(&mut self, desk: &mut Desk) -> Answer {
        if let Some(Turn::Answered(answered)) = self.live_mut().map(|live| &mut live.turn) {
            answered.told.due = true;
        }
        self.heard_nothing(desk)
    }

    fn hollow(&self, hollow: Hollow) -> Answer {
        let wrong_role = match hollow {
            Hollow::Initiate => self.role == Role::Initiator,
            Hollow::Accept => self.role == Role::Responder,
            Hollow::Replace | Hollow::Modify | Hollow::Add => self.remote().is_none(),
        };
        if wrong_role {
            Answer::out_of_order()
        } else {
            Answer::bad_request()
        }
    }

    fn heard_nothing(&mut self, desk: &mut Desk) -> Answer {
        self.say_what_is_due(desk);
        Answer::Done
    }

    fn initiated(
        &mut self,
        desk: &mut Desk,
        act: &Act,
        mark: &str,
        conversation: Option<Conversation>,
        remote: Terms,
    ) -> Answer {
        match (self.role, self.dialect) {
            (Role::Initiator, Dialect::Jingle) => return Answer::out_of_order(),
            (Role::Initiator, Dialect::SdpOverXmpp) => return Answer::refused("unexpected-request"),
            (Role::Responder, _) => {}
        }
        let offer = Offer {
            asked: act.clone(),
            mark: mark.to_owned(),
            change: Change::Everything,
            remote,
        };
        self.consider(desk, offer, conversation)
    }

    /// An offer that changes what the peer has said.
    fn offered_if(
        &mut self,
        desk: &mut Desk,
        act: &Act,
        change: Change,
        new: impl Fn(Terms) -> Option<Terms>,
    ) -> Answer {
        match self.remote().map(new) {
            None => Answer::out_of_order(),
            Some(None) => Answer::bad_request(),
            Some(Some(remote)) => self.offered(desk, act, change, remote),
        }
    }

    fn offered(&mut self, desk: &mut Desk, act: &Act, change: Change, remote: Terms) -> Answer {
        // Two restarts at the same time answer each other.
        if change == Change::Restart && self.offers(Change::Restart) {
            self.come_into_force(desk, remote);
            return self.heard_nothing(desk);
        }
        let offer = Offer {
            asked: act.clone(),
            mark: String::new(),
            change,
            remote,
        };
        self.consider(desk, offer, None)
    }

    fn offers(&self, change: Change) -> bool {
        self.live()
            .is_some_and(|live| matches!(&live.turn, Turn::Ours(ours) if ours.change == change))
    }

    fn removed(&mut self, desk: &mut Desk, act: &Act) -> Answer {
        let without = |remote: Terms| {
            Some(Terms {
                second: Some(remote.second.map(|_| Senders::None)?),
                ..remote
            })
        };
        match self.remote().and_then(without) {
            Some(remote) if is_empty(&remote) => {
                self.end(desk, Reason::Success, By::Them);
                Answer::Done
            }
            Some(_) | None => self.offered_if(desk, act, Change::Terms, without),
        }
    }

    fn consider(&mut self, desk: &mut Desk, offer: Offer, conversation: Option<Conversation>) -> Answer {
        match self.judge(&offer) {
            Verdict::Known => Answer::Done,
            Verdict::OutOfOrder => Answer::out_of_order(),
            Verdict::TieBreak => Answer::tie_break(),
            Verdict::AnswerAgain => self.answer_again(desk),
            Verdict::Fresh(..) if offer.change == Change::Restart && !self.admits_restart(desk) => {
                self.withdraw(desk, Decline::TieBreak);
                Answer::too_much()
            }
            Verdict::Fresh(generation, kind) => {
                // If ours is out, it gives way to theirs.
                self.withdraw(desk, Decline::TieBreak);
                self.take(desk, offer, conversation, generation, kind);
                Answer::Done
            }
        }
    }

    /// So that two sides which take each other's answers for offers come to an end.
    fn admits_restart(&mut self, desk: &Desk) -> bool {
        let Some(live) = self.live_mut() else { return true };
        let restarts = &mut live.talk.restarts;
        restarts.retain(|at| at + desk.limits.change > desk.now);
        let room = restarts.len() < desk.limits.restarts;
        if room {
            restarts.push(desk.now);
        }
        room
    }

    fn judge(&self, offer: &Offer) -> Verdict {
        let live = match &self.stage {
            Stage::Waiting { .. } if offer.change == Change::Everything => {
                return Verdict::Fresh(0, OfferKind::Initial);
            }
            Stage::Waiting { .. } => return Verdict::OutOfOrder,
            Stage::Ending { .. } | Stage::Over => return Verdict::Known,
            Stage::Live(live) => live,
        };
        match self.dialect {
            Dialect::SdpOverXmpp => live.judge_whole(offer),
            Dialect::Jingle => live.judge_change(self.role, offer),
        }
    }

    /// The offer is new, and the application has to answer it.
    fn take(
        &mut self,
        desk: &mut Desk,
        offer: Offer,
        conversation: Option<Conversation>,
        generation: u32,
        kind: OfferKind,
    ) {
        if let Some(named) = conversation
            && conversation != self.conversation
        {
            self.conversation = conversation;
            self.tell(desk, News::ConversationChanged(named));
        }
        let ice = Some(offer.remote.transport.ice);
        let (mut talk, pending) = match std::mem::replace(&mut self.stage, Stage::Over) {
            Stage::Waiting { early, .. } => (Talk::new(Media::new(generation, ice), early), None),
            Stage::Live(live) => {
                let Live { mut talk, turn } = *live;
                let pending = match turn {
                    Turn::Nobody => None,
                    Turn::Theirs(theirs) => {
                        talk.remember_mark(theirs.mark);
                        Some((theirs.change, theirs.before))
                    }
                    Turn::Answered(answered) => {
                        talk.overtake(&answered.told);
                        talk.remember_mark(answered.mark);
                        None
                    }
                    Turn::Ours(_) => unreachable!("it has given way"),
                };
                (talk, pending)
            }
            Stage::Ending { .. } | Stage::Over => unreachable!("no offer is fresh then"),
        };
        let before = talk.renew(generation, ice);
        // Terms that join an unanswered offer are answered with it.
        let (change, before) = match pending {
            Some((pending, before)) if offer.change == Change::Terms => (pending, before),
            Some((_, former)) => (offer.change, former.or(before)),
            None => (offer.change, before),
        };
        let released = talk.release(desk.now);
        let theirs = Theirs {
            mark: offer.mark,
            asked: offer.asked,
            kind,
            change,
            remote: offer.remote,
            before,
        };
        self.tell(desk, News::Offer(generation, offer.remote, kind));
        let turn = Turn::Theirs(theirs);
        self.stage = Stage::Live(Box::new(Live { talk, turn }));
        self.admit_all(desk, released);
    }

    fn accepted(&mut self, desk: &mut Desk, remote: Terms) -> Answer {
        match (self.role, self.dialect) {
            (Role::Responder, Dialect::Jingle) => Answer::out_of_order(),
            (Role::Responder, Dialect::SdpOverXmpp) => Answer::refused("unexpected-request"),
            (Role::Initiator, _) => self.answered(desk, Change::Everything, remote),
        }
    }

    fn answered_if(&mut self, desk: &mut Desk, change: Change, new: impl Fn(Terms) -> Terms) -> Answer {
        match self.remote().map(new) {
            None => Answer::out_of_order(),
            Some(remote) => self.answered(desk, change, remote),
        }
    }

    fn answered(&mut self, desk: &mut Desk, change: Change, remote: Terms) -> Answer {
        // New media have new ICE: this is the last answer again, of one who has not heard of our offer.
        let is_late = self.live().is_some_and(|live| {
            let new = matches!(&live.turn, Turn::Ours(ours) if ours.generation != live.talk.media.generation);
            new && self.repeats(live, &remote)
        });
        if is_late {
            return self.heard_nothing(desk);
        }
        if self.offers(change) {
            self.come_into_force(desk, remote);
            self.say_what_is_due(desk);
            return Answer::Done;
        }
        match &self.stage {
            Stage::Ending { .. } => Answer::Done,
            // It has no acknowledgement, and says it again.
            Stage::Live(live) if live.turn == Turn::Nobody && self.repeats(live, &remote) => self.heard_nothing(desk),
            Stage::Live(_) | Stage::Waiting { .. } | Stage::Over => Answer::out_of_order(),
        }
    }

    /// Whether the answer is the one that holds.
    fn repeats(&self, live: &Live, remote: &Terms) -> bool {
        match (self.dialect, &live.talk.remote) {
            (_, None) => false,
            (Dialect::Jingle, Some(known)) => known == remote,
            (Dialect::SdpOverXmpp, Some(known)) => known.transport.ice == remote.transport.ice,
        }
    }

    /// Our offer holds.
    pub fn come_into_force(&mut self, desk: &mut Desk, remote: Terms) {
        let Some(live) = self.live_mut() else { return };
        let Turn::Ours(ours) = std::mem::replace(&mut live.turn, Turn::Nobody) else {
            return;
        };
        let talk = &mut live.talk;
        let ice = Some(remote.transport.ice);
        if ours.generation == talk.media.generation {
            talk.media.ice = ice;
        } else {
            // News of the new media were given while the offer was out.
            let unheard = talk.unheard.clone();
            talk.renew(ours.generation, ice);
            talk.unheard = unheard;
        }
        talk.local = Some(ours.local);
        talk.remote = Some(remote);
        let released = talk.release(desk.now);
        // The peer may not know of a restart that crossed its own.
        if ours.change == Change::Restart && !ours.heard {
            live.turn = Turn::Answered(Answered {
                mark: String::new(),
                asked: None,
                words: vec![ours.words],
                told: ours.told,
            });
        }
        self.tell(desk, News::Answer(ours.generation, remote));
        self.admit_all(desk, released);
    }

    fn declined(&mut self, desk: &mut Desk, change: Change) -> Answer {
        if self.offers(change) {
            self.withdraw(desk, Decline::Refused);
            return self.heard_nothing(desk);
        }
        match &self.stage {
            Stage::Ending { .. } => Answer::Done,
            Stage::Waiting { .. } | Stage::Live(_) | Stage::Over => Answer::out_of_order(),
        }
    }

    /// Our offer, if there is one, is void; what held before holds.
    pub fn withdraw(&mut self, desk: &mut Desk, why: Decline) {
        let Some(live) = self.live_mut() else { return };
        let turn = std::mem::replace(&mut live.turn, Turn::Nobody);
        let Turn::Ours(ours) = turn else {
            live.turn = turn;
            return;
        };
        let talk = &mut live.talk;
        if ours.generation != talk.media.generation {
            talk.newest = ours.generation;
            talk.unheard.forget_media();
        }
        self.tell(desk, News::OfferDeclined(ours.generation, why));
        self.say_what_is_due(desk);
    }

    fn trickled(&mut self, desk: &mut Desk, trickled: Trickled) -> Answer {
        let calling = self.is_calling();
        let kept = match &mut self.stage {
            Stage::Waiting { early, .. } => keep(early, desk.now, desk.limits, trickled),
            Stage::Ending { .. } | Stage::Over => true,
            Stage::Live(live) => {
                let talk = &mut live.talk;
                let of_others = trickled.ice.filter(|ice| talk.media.ice.is_some_and(|own| own != *ice));
                match of_others {
                    _ if calling => keep(&mut talk.early, desk.now, desk.limits, trickled),
                    Some(ice) if talk.ices.contains(&ice) => true,
                    Some(_) => keep(&mut talk.early, desk.now, desk.limits, trickled),
                    None => self.admit(desk, trickled),
                }
            }
        };
        if kept {
            self.heard_nothing(desk)
        } else {
            Answer::too_much()
        }
    }

    fn admit_all(&mut self, desk: &mut Desk, trickled: Vec<Trickled>) {
        for trickled in trickled {
            self.admit(desk, trickled);
        }
    }

    /// For the media there are; `false` if they have too many already.
    fn admit(&mut self, desk: &mut Desk, trickled: Trickled) -> bool {
        let limit = desk.limits.remote_candidates;
        let Some(media) = self.live_mut().map(|live| &mut live.talk.media) else {
            return true;
        };
        let generation = media.generation;
        match trickled.candidate {
            Some(_) if media.candidates >= limit => return false,
            Some(number) => {
                media.candidates += 1;
                self.tell(desk, News::Candidate(generation, number));
            }
            None if media.complete => {}
            None => {
                media.complete = true;
                self.tell(desk, News::EndOfCandidates(generation));
            }
        }
        true
    }

    fn informed(&mut self, desk: &mut Desk, info: Info) -> Answer {
        let news = match info {
            Info::Ping => return self.heard_nothing(desk),
            Info::Unknown if self.dialect == Dialect::SdpOverXmpp => return self.heard_nothing(desk),
            Info::Unknown => return Answer::jingle("feature-not-implemented", JingleCondition::UnsupportedInfo),
            Info::Ringing => News::Ringing,
            Info::Active => News::Active,
            Info::Hold(held) => News::Held(held),
            Info::Mute(muted) => News::Muted(muted),
        };
        if self.live().is_none() {
            return Answer::Done;
        }
        if let News::Held(held) = news {
            self.held = held;
        }
        // Who is active again holds nobody.
        if news == News::Active && std::mem::take(&mut self.held) {
            self.tell(desk, News::Held(false));
        }
        self.tell(desk, news);
        Answer::Done
    }

    fn terminated(&mut self, desk: &mut Desk, reason: Reason) -> Answer {
        let (reason, by) = match &self.stage {
            // We were first.
            Stage::Ending { reason, by, .. } => (*reason, *by),
            Stage::Waiting { .. } | Stage::Live(_) | Stage::Over => (reason, By::Them),
        };
        self.finish(desk, reason, by);
        Answer::Done
    }
}
