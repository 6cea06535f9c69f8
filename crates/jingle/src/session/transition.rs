//! What an offer of the peer means in each state: decided here, carried out by [`State::offered`].

use std::time::{Duration, Instant};

use minidom::Element;

use super::{
    Limits, OfferKind, Refusal, SessionEvent,
    early::Trickled,
    heard::{Change, HeardOffer},
    ice::Credentials,
    states::{Answering, Dialogue, Media, Offer, Offered, State},
};
use crate::{Dialect, Generation, stanza::Role};

/// What an offer is, given all that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The application has to answer it.
    Fresh { generation: Generation, kind: OfferKind },
    /// Fresh as soon as ours, made at the same time, has given way to it.
    GoesFirst,
    /// Ours, made at the same time, goes first.
    Yields,
    /// Our answer is out and may be lost: send it again.
    AnswerAgain,
    /// Known, and nothing to be done about it.
    Known,
    /// It cannot come now.
    OutOfOrder,
    /// The session is ending.
    TooLate,
}

impl State {
    /// Decides what the offer is; `role` is ours.
    pub(super) fn judge(&self, dialect: Dialect, role: Role, heard: &HeardOffer) -> Verdict {
        match (self, dialect) {
            (State::AwaitingOffer(_), _) if heard.change == Change::Session => Verdict::Fresh {
                generation: Generation::FIRST,
                kind: OfferKind::Initial,
            },
            (State::AwaitingOffer(_), _) => Verdict::OutOfOrder,
            (State::Offered(offered), Dialect::SdpOverXmpp) => offered.judge_rpc(heard),
            (State::Offered(offered), Dialect::Jingle) => offered.judge_jingle(heard),
            (State::Answering(answering), Dialect::SdpOverXmpp) => {
                if !heard.mark.is_empty() && answering.mark == heard.mark {
                    return Verdict::AnswerAgain;
                }
                answering.dialogue.judge_rpc(heard)
            }
            (State::Answering(answering), Dialect::Jingle) => match answering.dialogue.judge_jingle(heard) {
                Verdict::Known => Verdict::AnswerAgain,
                other => other,
            },
            (State::Answered(dialogue), Dialect::SdpOverXmpp) => dialogue.judge_rpc(heard),
            (State::Answered(dialogue), Dialect::Jingle) => dialogue.judge_jingle(heard),
            (State::Offering(offering), _) => {
                let verdict = match (dialect, offering.ours.is_first) {
                    (Dialect::SdpOverXmpp, _) | (Dialect::Jingle, true) => Verdict::OutOfOrder,
                    (Dialect::Jingle, false) => offering.dialogue.judge_jingle(heard),
                };
                match (verdict, role) {
                    (Verdict::Fresh { .. }, Role::Initiator) => Verdict::Yields,
                    (Verdict::Fresh { .. }, Role::Responder) => Verdict::GoesFirst,
                    (other, _) => other,
                }
            }
            (State::Ending(_) | State::Ended, _) => Verdict::TooLate,
        }
    }

    /// Whether this is the offer that waits for its answer, or whose answer is not acknowledged. Who had no acknowledgement says it
    /// again.
    pub(super) fn knows_stanza(&self, stanza: &Element) -> bool {
        let known = match self {
            State::Offered(offered) => offered.offer.stanza.as_ref(),
            State::Answering(answering) => answering.stanza.as_ref(),
            State::AwaitingOffer(_) | State::Offering(_) | State::Answered(_) | State::Ending(_) | State::Ended => None,
        };
        known == Some(stanza)
    }

    /// The state after a fresh offer, and the candidates that waited for it.
    pub(super) fn offered(
        self,
        now: Instant,
        generation: Generation,
        kind: OfferKind,
        heard: HeardOffer,
    ) -> (State, Vec<Trickled>) {
        let credentials = heard.remote.credentials.clone();
        let (mut dialogue, replaced, pending) = match self {
            State::AwaitingOffer(awaiting) => {
                let media = Media::new(generation, credentials.clone());
                (Dialogue::new(media, awaiting.early), None, None)
            }
            State::Offered(offered) => {
                let Offered {
                    dialogue,
                    offer,
                    before,
                } = *offered;
                (dialogue, Some(offer.mark), Some((offer.change, before)))
            }
            State::Answering(answering) => {
                let Answering {
                    mut dialogue,
                    mark,
                    stanza: _,
                    answer,
                } = *answering;
                answer.overtake(&mut dialogue.overtaken);
                (dialogue, Some(mark), None)
            }
            State::Answered(dialogue) => (*dialogue, None, None),
            // `judge` calls no offer fresh in these.
            over @ (State::Offering(_) | State::Ending(_) | State::Ended) => return (over, Vec::new()),
        };
        if let Some(mark) = replaced {
            dialogue.past.remember_offer(mark);
        }
        let before = dialogue.renew(generation, credentials);
        // What comes on top of an unanswered offer is answered with it.
        let (change, before) = match pending {
            Some((pending, before)) if heard.change == Change::Terms => (pending, before),
            Some((_, former)) => (heard.change, former.or(before)),
            None => (heard.change, before),
        };
        dialogue.terms.version += 1;
        let released = dialogue.early.release(now, dialogue.media.credentials.as_ref());
        let offer = Offer {
            mark: heard.mark,
            stanza: heard.stanza,
            sdp: heard.sdp,
            kind,
            change,
            remote: heard.remote,
        };
        let offered = Offered {
            dialogue,
            offer,
            before,
        };
        (State::Offered(Box::new(offered)), released)
    }
}

impl Offered {
    /// An offer that comes before the former is answered replaces it. What was not answered cannot be renegotiated, so then the
    /// media are new too.
    fn judge_rpc(&self, heard: &HeardOffer) -> Verdict {
        let same_mark = !heard.mark.is_empty() && self.offer.mark == heard.mark;
        if same_mark || self.offer.sdp == heard.sdp || self.dialogue.past.knows_offer(&heard.mark) {
            return Verdict::Known;
        }
        match self.offer.kind {
            OfferKind::Renegotiation => self.dialogue.judge_rpc(heard),
            kind @ (OfferKind::Initial | OfferKind::Restart | OfferKind::Reinvite) => Verdict::Fresh {
                generation: self.dialogue.newest.next(),
                kind,
            },
        }
    }

    /// New terms join the offer that waits. Who offers another transport has given up the one before. Anything else has to wait for
    /// its answer.
    fn judge_jingle(&self, heard: &HeardOffer) -> Verdict {
        let of_transport = |change: &Change| matches!(change, Change::Transport | Change::Restart);
        match &heard.change {
            change if of_transport(change) && of_transport(&self.offer.change) => self.dialogue.judge_jingle(heard),
            Change::Session if self.offer.change == Change::Session && self.offer.remote == heard.remote => {
                Verdict::Known
            }
            Change::Terms => Verdict::Fresh {
                generation: self.dialogue.media.generation,
                kind: self.offer.kind,
            },
            Change::Session | Change::Contents(_) | Change::Transport | Change::Restart => Verdict::OutOfOrder,
        }
    }
}

impl Dialogue {
    /// With negotiated media: the same ICE credentials renegotiate them, other ones (or none) begin new ones.
    fn judge_rpc(&self, heard: &HeardOffer) -> Verdict {
        if self.past.knows_offer(&heard.mark) {
            return Verdict::Known;
        }
        let credentials = &heard.remote.credentials;
        if credentials.is_some() && *credentials == self.media.credentials {
            Verdict::Fresh {
                generation: self.media.generation,
                kind: OfferKind::Renegotiation,
            }
        } else {
            Verdict::Fresh {
                generation: self.newest.next(),
                kind: OfferKind::Reinvite,
            }
        }
    }

    /// With an answered session: only one that repeats the first offer may come as a first offer, and what changes nothing was
    /// heard before.
    fn judge_jingle(&self, heard: &HeardOffer) -> Verdict {
        let (generation, kind) = match heard.change {
            _ if heard.remote == self.terms.remote => return Verdict::Known,
            Change::Session if heard.remote.credentials == self.media.credentials => return Verdict::Known,
            Change::Session => return Verdict::OutOfOrder,
            Change::Contents(_) | Change::Terms => (self.media.generation, OfferKind::Renegotiation),
            Change::Restart => (self.newest.next(), OfferKind::Restart),
            Change::Transport if heard.remote.fingerprints() == self.terms.remote.fingerprints() => {
                (self.newest.next(), OfferKind::Restart)
            }
            Change::Transport => (self.newest.next(), OfferKind::Reinvite),
        };
        Verdict::Fresh { generation, kind }
    }

    /// Begins the next generation, unless it is the one there is, and returns the old one.
    pub(super) fn renew(&mut self, generation: Generation, credentials: Option<Credentials>) -> Option<Media> {
        if generation == self.media.generation {
            return None;
        }
        let old = std::mem::replace(&mut self.media, Media::new(generation, credentials));
        self.newest = generation;
        self.past.remember_media(&old);
        self.unheard.forget_media();
        Some(old)
    }

    /// Takes the old generation up again.
    pub(super) fn revive(&mut self, old: Option<Media>) {
        if let Some(old) = old {
            self.past.revive_media(&old);
            self.media = old;
            self.unheard.forget_media();
        }
    }
}

/// Where a candidate belongs.
enum Fate {
    Early,
    Current,
    Void,
}

impl Dialogue {
    /// Takes in what the peer trickles, and says what to tell of it.
    pub(super) fn take_in(
        &mut self,
        now: Instant,
        keep: Duration,
        limits: &Limits,
        trickled: Trickled,
    ) -> Result<Option<SessionEvent>, Refusal> {
        match self.fate(&trickled) {
            Fate::Current => self.media.admit(limits.remote_candidates, trickled),
            Fate::Early => {
                let limit = limits.early_candidates;
                self.early.keep(now, keep, limit, trickled).map(|()| None)
            }
            Fate::Void => Ok(None),
        }
    }

    /// A `ufrag` that is neither of the latest media nor of earlier ones is of media still to be offered.
    fn fate(&self, trickled: &Trickled) -> Fate {
        match (trickled.ufrag(), &self.media.credentials) {
            (Some(ufrag), Some(latest)) if ufrag != latest.ufrag() => {
                if self.past.knows_ufrag(ufrag) {
                    Fate::Void
                } else {
                    Fate::Early
                }
            }
            (Some(_) | None, Some(_) | None) => Fate::Current,
        }
    }
}

impl Media {
    /// Counts what the peer trickled for these media, and says what to tell of it.
    pub(super) fn admit(&mut self, limit: usize, trickled: Trickled) -> Result<Option<SessionEvent>, Refusal> {
        let generation = self.generation;
        match trickled {
            Trickled::Candidate { .. } if self.remote_candidates >= limit => Err(Refusal::TooManyCandidates { limit }),
            Trickled::Candidate { mid, candidate } => {
                self.remote_candidates += 1;
                Ok(Some(SessionEvent::RemoteCandidate {
                    generation,
                    mid,
                    candidate,
                }))
            }
            Trickled::End { .. } => {
                let told = std::mem::replace(&mut self.remote_complete, true);
                Ok((!told).then_some(SessionEvent::RemoteEndOfCandidates { generation }))
            }
        }
    }
}
