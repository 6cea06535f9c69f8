//! What an offer means in each state: decided here, carried out by [`State::offered`].

use std::time::{Duration, Instant};

use super::{
    Limits, OfferKind, Refusal, SessionEvent,
    early::Trickled,
    ice::Credentials,
    news::Unheard,
    states::{Dialogue, Media, Offer, Offered, Past, State},
};
use crate::Generation;

/// What an offer is, given all that came before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The application has to answer it.
    Fresh { generation: Generation, kind: OfferKind },
    /// Our answer is out and may be lost: send it again.
    AnswerAgain,
    /// Known, and nothing to be done about it.
    Known,
    /// The session is ending.
    TooLate,
}

impl State {
    /// Decides what the offer is. An offer that repeats the JSON-RPC id of another is that other one.
    pub(super) fn judge(&self, rpc: &str, sdp: &str, credentials: Option<&Credentials>) -> Verdict {
        match self {
            State::AwaitingOffer(_) => Verdict::Fresh {
                generation: Generation::FIRST,
                kind: OfferKind::Initial,
            },
            State::Offered(offered) => offered.judge(rpc, sdp, credentials),
            State::Answering(answering) if !rpc.is_empty() && answering.rpc == rpc => Verdict::AnswerAgain,
            State::Answering(answering) => answering.dialogue.judge(rpc, credentials),
            State::Answered(dialogue) => dialogue.judge(rpc, credentials),
            State::Ending(_) | State::Ended => Verdict::TooLate,
        }
    }

    /// The state after a fresh offer, and the candidates that waited for it.
    pub(super) fn offered(
        self,
        now: Instant,
        generation: Generation,
        offer: Offer,
        credentials: Option<Credentials>,
    ) -> (State, Vec<Trickled>) {
        let mut dialogue = match self {
            State::AwaitingOffer(awaiting) => Dialogue {
                media: Media::new(generation, credentials),
                early: awaiting.early,
                past: Past::default(),
                unheard: Unheard::default(),
            },
            State::Offered(Offered { dialogue, offer }) => dialogue.renewed(generation, credentials, Some(offer.rpc)),
            State::Answering(answering) => {
                let rpc = Some(answering.rpc);
                answering.dialogue.renewed(generation, credentials, rpc)
            }
            State::Answered(dialogue) => dialogue.renewed(generation, credentials, None),
            // `judge` calls no offer fresh in these.
            over @ (State::Ending(_) | State::Ended) => return (over, Vec::new()),
        };
        let credentials = dialogue.media.credentials.as_ref();
        let released = dialogue.early.release(now, credentials);
        (State::Offered(Offered { dialogue, offer }), released)
    }
}

impl Offered {
    /// An offer that comes before the former is answered replaces it. What was not answered cannot be renegotiated, so then the
    /// media are new too.
    fn judge(&self, rpc: &str, sdp: &str, credentials: Option<&Credentials>) -> Verdict {
        let same_rpc = !rpc.is_empty() && self.offer.rpc == rpc;
        if same_rpc || self.offer.sdp == sdp || self.dialogue.past.knows_offer(rpc) {
            return Verdict::Known;
        }
        let next = self.dialogue.media.generation.next();
        match self.offer.kind {
            OfferKind::Renegotiation => self.dialogue.judge(rpc, credentials),
            kind @ (OfferKind::Initial | OfferKind::Reinvite) => Verdict::Fresh { generation: next, kind },
        }
    }
}

impl Dialogue {
    /// With negotiated media: the same ICE credentials renegotiate them, other ones (or none) begin new ones.
    fn judge(&self, rpc: &str, credentials: Option<&Credentials>) -> Verdict {
        if self.past.knows_offer(rpc) {
            return Verdict::Known;
        }
        if credentials.is_some() && credentials == self.media.credentials.as_ref() {
            Verdict::Fresh {
                generation: self.media.generation,
                kind: OfferKind::Renegotiation,
            }
        } else {
            Verdict::Fresh {
                generation: self.media.generation.next(),
                kind: OfferKind::Reinvite,
            }
        }
    }

    /// With the JSON-RPC id of the offer that is replaced, unless it is remembered already.
    fn renewed(
        mut self,
        generation: Generation,
        credentials: Option<Credentials>,
        replaced: Option<String>,
    ) -> Dialogue {
        if let Some(rpc) = replaced {
            self.past.remember_offer(rpc);
        }
        if generation == self.media.generation {
            return self;
        }
        let media = Media::new(generation, credentials);
        let old = std::mem::replace(&mut self.media, media);
        self.past.remember_media(old);
        self.unheard.forget_media();
        self
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
            Trickled::End => {
                let told = std::mem::replace(&mut self.remote_complete, true);
                Ok((!told).then_some(SessionEvent::RemoteEndOfCandidates { generation }))
            }
        }
    }
}
