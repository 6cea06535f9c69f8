//! What an offer of the peer is, after all that was said before.

use offhook_jingle::{session::OfferKind, stanza::Role};

use super::call::{Change, Live, Turn};
use crate::play::words::{Act, Terms};

/// An offer of the peer, understood.
pub struct Offer {
    /// What was asked, by which a repetition is known.
    pub asked: Act,
    pub mark: String,
    pub change: Change,
    pub remote: Terms,
}

/// What an offer is.
pub enum Verdict {
    Fresh(u32, OfferKind),
    /// Ours, made at the same time, goes first.
    TieBreak,
    Known,
    AnswerAgain,
    OutOfOrder,
}

impl Live {
    /// SDP over XMPP: an offer is a whole, and its ICE credentials say what it is.
    pub fn judge_whole(&self, offer: &Offer) -> Verdict {
        let talk = &self.talk;
        let next = talk.newest + 1;
        if talk.marks.contains(&offer.mark) {
            return Verdict::Known;
        }
        let same_mark = |mark: &str| !mark.is_empty() && mark == offer.mark;
        match &self.turn {
            Turn::Theirs(theirs) if same_mark(&theirs.mark) || theirs.remote == offer.remote => return Verdict::Known,
            Turn::Theirs(theirs) if theirs.kind != OfferKind::Renegotiation => {
                return Verdict::Fresh(next, theirs.kind);
            }
            Turn::Answered(answered) if same_mark(&answered.mark) => return Verdict::AnswerAgain,
            Turn::Ours(_) => return Verdict::OutOfOrder,
            Turn::Theirs(_) | Turn::Answered(_) | Turn::Nobody => {}
        }
        if talk.media.ice == Some(offer.remote.transport.ice) {
            Verdict::Fresh(talk.media.generation, OfferKind::Renegotiation)
        } else {
            Verdict::Fresh(next, OfferKind::Reinvite)
        }
    }

    /// Jingle: an action says what it changes.
    pub fn judge_change(&self, role: Role, offer: &Offer) -> Verdict {
        let talk = &self.talk;
        if offer.change == Change::Everything {
            let again = match &self.turn {
                Turn::Theirs(theirs) => theirs.change == Change::Everything && theirs.remote == offer.remote,
                Turn::Ours(ours) if ours.first => false,
                Turn::Ours(_) | Turn::Answered(_) | Turn::Nobody => talk.media.ice == Some(offer.remote.transport.ice),
            };
            return match &self.turn {
                Turn::Answered(_) if again => Verdict::AnswerAgain,
                _ if again => Verdict::Known,
                _ => Verdict::OutOfOrder,
            };
        }
        let mut next = talk.newest + 1;
        let changes_nothing = talk.remote == Some(offer.remote);
        match &self.turn {
            Turn::Theirs(theirs) if offer.change == Change::Terms => {
                return Verdict::Fresh(talk.media.generation, theirs.kind);
            }
            // Who offers another transport has given up the one before.
            Turn::Theirs(theirs) if theirs.change.is_of_transport() && offer.change.is_of_transport() => {
                if changes_nothing {
                    return Verdict::Known;
                }
            }
            Turn::Theirs(_) => return Verdict::OutOfOrder,
            Turn::Ours(ours) if ours.first => return Verdict::OutOfOrder,
            Turn::Answered(_) if changes_nothing => return Verdict::AnswerAgain,
            Turn::Ours(_) | Turn::Nobody if changes_nothing => return Verdict::Known,
            Turn::Ours(_) if role == Role::Initiator => return Verdict::TieBreak,
            // A number that was given to media of ours is not given again.
            Turn::Ours(ours) => next = next.max(ours.generation + 1),
            Turn::Answered(_) | Turn::Nobody => {}
        }
        let same_print = talk
            .remote
            .is_some_and(|known| known.transport.print == offer.remote.transport.print);
        match offer.change {
            Change::Everything | Change::Content | Change::Terms => {
                Verdict::Fresh(talk.media.generation, OfferKind::Renegotiation)
            }
            Change::Restart => Verdict::Fresh(next, OfferKind::Restart),
            Change::Transport if same_print => Verdict::Fresh(next, OfferKind::Restart),
            Change::Transport => Verdict::Fresh(next, OfferKind::Reinvite),
        }
    }
}
