//! The ringing table as XEP-0353 and the platform want it.

use std::collections::{BTreeMap, BTreeSet};

use offhook_jingle::{Dialect, SessionId};

use super::{Done, Model, call::Desk};
use crate::play::words::{Conversation, Effect, Event, Message, Time, To, Who, Why};

/// A session that was proposed to us.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub from: Who,
    pub conversation: Option<Conversation>,
    pub dialect: Dialect,
    pub accepted: bool,
    pub rings: bool,
    pub until: Time,
}

/// A session that we proposed.
#[derive(Debug, Clone, PartialEq)]
pub struct Own {
    pub to: To,
    pub conversation: Option<Conversation>,
    pub dialect: Dialect,
    pub ringing: BTreeSet<Who>,
    pub proceeded: Option<Who>,
    pub until: Time,
}

impl Own {
    fn is_of_callee(&self, from: Who) -> bool {
        self.to.account() == from.account()
    }
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Table {
    pub rows: BTreeMap<SessionId, Row>,
    pub own: BTreeMap<SessionId, Own>,
    /// What is over, and until when that is remembered.
    settled: BTreeMap<SessionId, Time>,
    ignored: BTreeMap<SessionId, Time>,
    withdrawn: BTreeMap<(SessionId, Who), Time>,
}

fn tell(desk: &mut Desk, event: Event) {
    desk.effects.push(Effect::Tell(event));
}

fn remembered<K: Ord>(memory: &BTreeMap<K, Time>, key: &K, now: Time) -> bool {
    memory.get(key).is_some_and(|until| *until > now)
}

impl Table {
    pub fn deadline(&self) -> Option<Time> {
        let rows = self.rows.values().map(|row| row.until);
        rows.chain(self.own.values().map(|own| own.until)).min()
    }

    pub fn time_passes(&mut self, desk: &mut Desk) {
        let now = desk.now;
        for (id, _) in self.rows.extract_if(.., |_, row| row.until <= now) {
            tell(desk, Event::Cancelled(id, Why::Expired));
        }
        for (id, own) in self.own.extract_if(.., |_, own| own.until <= now) {
            let tie_break = false;
            desk.send(
                own.to,
                Message::Retract {
                    id: id.clone(),
                    tie_break,
                },
            );
            tell(desk, Event::Lapsed(id, Why::TimedOut));
        }
    }

    pub fn hear(&mut self, desk: &mut Desk, from: Who, message: &Message) {
        if from == desk.me {
            return;
        }
        match message {
            Message::Propose {
                id,
                conversation,
                dialect,
            } => self.proposed(desk, from, id, *conversation, *dialect),
            Message::Retract { id, tie_break } => {
                let tie_break = *tie_break;
                self.withdrawn(desk, from, id, Why::Retracted { tie_break });
            }
            Message::Finish(id) if self.is_answer(from, id) => {
                if self.leave_to(from, id) {
                    tell(desk, Event::Finished(id.clone(), from));
                }
            }
            Message::Finish(id) => {
                let ours = from.account() == desk.me.account() && self.rows.get(id).is_some_and(|row| row.from != from);
                if ours {
                    self.taken_elsewhere(desk, from, id);
                } else {
                    self.withdrawn(desk, from, id, Why::Finished);
                }
            }
            Message::Ringing(id) => {
                let own = self.own.get_mut(id).filter(|own| own.is_of_callee(from));
                if own.is_some_and(|own| own.proceeded.is_none() && own.ringing.insert(from)) {
                    tell(desk, Event::Ringing(id.clone(), from));
                }
            }
            Message::Proceed(id) if self.is_answer(from, id) => {
                let until = desk.now + desk.limits.give_up;
                if let Some(own) = self.own.get_mut(id).filter(|own| own.proceeded.is_none()) {
                    own.proceeded = Some(from);
                    own.until = until;
                    tell(desk, Event::Proceeded(id.clone(), from));
                }
            }
            // Another resource of ours asks for it. If we did too, its proposer decides.
            Message::Proceed(id) => {
                if self.rows.get(id).is_some_and(|row| !row.accepted) {
                    self.taken_elsewhere(desk, from, id);
                }
            }
            Message::Accept(id) => {
                if !self.is_answer(from, id) {
                    self.taken_elsewhere(desk, from, id);
                }
            }
            Message::Reject { id, tie_break } if self.is_answer(from, id) => {
                if self.leave_to(from, id) {
                    tell(
                        desk,
                        Event::Rejected {
                            id: id.clone(),
                            by: from,
                            tie_break: *tie_break,
                        },
                    );
                }
            }
            Message::Reject { id, .. } => self.taken_elsewhere(desk, from, id),
        }
    }

    /// Whether it speaks as one whom we called.
    fn is_answer(&self, from: Who, id: &SessionId) -> bool {
        self.own.get(id).is_some_and(|own| own.is_of_callee(from))
    }

    /// Before anybody proceeded, any resource may decline for all; afterwards only the one that has it.
    fn leave_to(&mut self, from: Who, id: &SessionId) -> bool {
        let may = self
            .own
            .get(id)
            .is_some_and(|own| own.proceeded.is_none_or(|by| by == from));
        may && self.own.remove(id).is_some()
    }

    fn taken_elsewhere(&mut self, desk: &mut Desk, from: Who, id: &SessionId) {
        if from.account() == desk.me.account() && self.rows.remove(id).is_some() {
            self.settled.insert(id.clone(), desk.now + desk.limits.expiry);
            tell(desk, Event::HandledElsewhere(id.clone()));
        }
    }

    fn withdrawn(&mut self, desk: &mut Desk, from: Who, id: &SessionId, why: Why) {
        let proposer = self.rows.get(id).map(|row| row.from);
        // What is taken back may be proposed again; what is finished may not, nor what is not here yet.
        if proposer.is_none() || (proposer == Some(from) && why == Why::Finished) {
            let until = desk.now + desk.limits.expiry;
            self.withdrawn.insert((id.clone(), from), until);
        }
        if proposer == Some(from) {
            self.rows.remove(id);
            tell(desk, Event::Cancelled(id.clone(), why));
        }
    }

    fn proposed(
        &mut self,
        desk: &mut Desk,
        from: Who,
        id: &SessionId,
        conversation: Option<Conversation>,
        dialect: Dialect,
    ) {
        let now = desk.now;
        let until = now + desk.limits.expiry;
        let ours = self.own.get(id);
        if ours.is_some_and(|own| !own.is_of_callee(from) || own.proceeded.is_some()) {
            return tell(desk, Event::Refused(Some(id.clone()), from, Why::IdInUse));
        }
        if remembered(&self.settled, id, now) || remembered(&self.ignored, id, now) {
            return;
        }
        if let Some(row) = self.rows.get_mut(id) {
            if row.from == from {
                row.until = until;
                let (accepted, conversation, dialect) = (row.accepted, row.conversation, row.dialect);
                if accepted {
                    desk.send(To::One(from), Message::Proceed(id.clone()));
                } else {
                    tell(desk, Event::Proposed(id.clone(), from, conversation, dialect));
                }
            }
            return;
        }
        // Of two that cross, the lower goes first (XEP-0353 section 4.1).
        let crossing = self
            .own
            .iter()
            .filter(|(_, own)| own.is_of_callee(from) && own.proceeded.is_none());
        let crossing: Vec<_> = crossing.map(|(id, own)| (id.clone(), own.to)).collect();
        if let Some((ours, _)) = crossing.first()
            && (ours, desk.me.jid()) < (id, from.jid())
        {
            self.withdrawn.insert((id.clone(), from), until);
            let tie_break = true;
            return desk.send(
                To::One(from),
                Message::Reject {
                    id: id.clone(),
                    tie_break,
                },
            );
        }
        if remembered(&self.withdrawn, &(id.clone(), from), now) {
            return;
        }
        for (ours, to) in crossing {
            self.own.remove(&ours);
            let tie_break = true;
            desk.send(
                to,
                Message::Retract {
                    id: ours.clone(),
                    tie_break,
                },
            );
            tell(desk, Event::Lapsed(ours, Why::Overruled(id.clone())));
        }
        self.admit(
            desk,
            from,
            id,
            Row {
                from,
                conversation,
                dialect,
                accepted: false,
                rings: false,
                until,
            },
        );
    }

    fn admit(&mut self, desk: &mut Desk, from: Who, id: &SessionId, row: Row) {
        let refuse = |desk: &mut Desk, why| tell(desk, Event::Refused(Some(id.clone()), from, why));
        let service = |who: Who| who.account();
        let same = |known: &Row| {
            known.conversation.is_some()
                && known.conversation == row.conversation
                && service(known.from) == service(from)
        };
        let old = self
            .rows
            .iter()
            .find(|(_, known)| same(known))
            .map(|(id, _)| id.clone());
        let of_sender = self
            .rows
            .values()
            .filter(|known| known.from.account() == from.account())
            .count();
        let Some(old) = old else {
            if self.rows.len() >= desk.limits.proposals {
                return refuse(desk, Why::TableFull);
            }
            if of_sender >= desk.limits.per_sender {
                return refuse(desk, Why::TooManyOfSender);
            }
            tell(desk, Event::Proposed(id.clone(), from, row.conversation, row.dialect));
            self.rows.insert(id.clone(), row);
            return;
        };
        // The same call under another name: what was decided holds.
        let Some(known) = self.rows.remove(&old) else { return };
        let row = Row {
            accepted: known.accepted,
            rings: known.rings,
            ..row
        };
        let (accepted, rings) = (row.accepted, row.rings);
        self.rows.insert(id.clone(), row);
        if accepted {
            desk.send(To::One(from), Message::Proceed(id.clone()));
        } else if rings {
            desk.send(To::One(from), Message::Ringing(id.clone()));
        }
        let new = id.clone();
        tell(desk, Event::Replaced { old, new, accepted });
    }

    pub fn accept(&mut self, desk: &mut Desk, id: &SessionId) -> Done {
        let row = self.rows.get_mut(id).ok_or("Unknown")?;
        if std::mem::replace(&mut row.accepted, true) {
            return Err("AlreadyAccepted");
        }
        desk.send(To::One(row.from), Message::Proceed(id.clone()));
        Ok(())
    }

    pub fn ring(&mut self, desk: &mut Desk, id: &SessionId) -> Done {
        let row = self.rows.get_mut(id).ok_or("Unknown")?;
        if row.accepted {
            return Err("AlreadyAccepted");
        }
        if !std::mem::replace(&mut row.rings, true) {
            desk.send(To::One(row.from), Message::Ringing(id.clone()));
        }
        Ok(())
    }

    pub fn reject(&mut self, desk: &mut Desk, id: &SessionId, ignore: bool) -> Done {
        let row = self.rows.remove(id).ok_or("Unknown")?;
        if ignore {
            self.ignored.insert(id.clone(), desk.now + desk.limits.ignore);
            return Ok(());
        }
        self.settled.insert(id.clone(), desk.now + desk.limits.expiry);
        for to in [To::All(desk.me.account()), To::One(row.from)] {
            let (id, tie_break) = (id.clone(), false);
            desk.send(to, Message::Reject { id, tie_break });
        }
        Ok(())
    }

    pub fn retract(&mut self, desk: &mut Desk, id: &SessionId) -> Done {
        let own = self.own.remove(id).ok_or("Unknown")?;
        let (id, tie_break) = (id.clone(), false);
        desk.send(own.to, Message::Retract { id, tie_break });
        Ok(())
    }

    /// Whether nothing becomes of a session of this name.
    pub fn is_over(&self, now: Time, from: Who, id: &SessionId) -> bool {
        remembered(&self.withdrawn, &(id.clone(), from), now)
            || remembered(&self.settled, id, now)
            || remembered(&self.ignored, id, now)
    }

    /// The session has begun.
    pub fn begun(&mut self, now: Time, remember: Time, id: &SessionId) {
        self.rows.remove(id);
        self.own.remove(id);
        self.over(now, remember, id);
    }

    /// The name is not taken for another session.
    pub fn over(&mut self, now: Time, remember: Time, id: &SessionId) {
        self.settled.insert(id.clone(), now + remember);
    }
}

impl Model {
    /// We propose; the name is drawn by whoever asks.
    pub fn propose(
        &mut self,
        now: Time,
        id: Option<SessionId>,
        to: To,
        conversation: Option<Conversation>,
        dialect: Dialect,
    ) -> (Done, Vec<Effect>) {
        self.act(now, |model, desk| {
            if to == To::One(desk.me) {
                return Err("Ourselves");
            }
            if model.table.own.len() >= desk.limits.own {
                return Err("TooMany");
            }
            let id = id.expect("it is there, since nothing stands against it");
            let own = Own {
                to,
                conversation,
                dialect,
                ringing: BTreeSet::new(),
                proceeded: None,
                until: desk.now + desk.limits.give_up,
            };
            model.table.own.insert(id.clone(), own);
            desk.send(
                to,
                Message::Propose {
                    id,
                    conversation,
                    dialect,
                },
            );
            Ok(())
        })
    }
}
