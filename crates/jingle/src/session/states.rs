//! The states of a session, each holding what is valid in it.
//!
//! ```text
//! AwaitingOffer --offer--> Offered --answer--> Answering --acknowledged--> Answered
//!                             ^                    |                          |
//!                             +-------offer--------+----------offer-----------+
//! Offering --their answer--> Answered --our offer--> Offering --declined, or no answer in time--> Answered
//! any of them --end--> Ending --acknowledged or 2 s--> Ended
//! any of them --terminate--> Ended
//! any of them --end, while signalling is lost--> Ended
//! Ending --signalling lost--> Ended
//! ```

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use minidom::Element;

use super::{
    EndedBy, OfferKind, Refusal,
    early::Early,
    heard::{Change, Words},
    ice::Credentials,
    news::Unheard,
    terms::{Side, Terms},
};
use crate::{Generation, Token, stanza::Farewell};

/// How many answered or replaced offers are remembered; the platform's own client remembers as many.
const REMEMBERED: usize = 5;

/// How often what is not acknowledged is tracked: a response to an older request means nothing new.
const TRACKED: usize = 8;

#[derive(Debug)]
pub(super) enum State {
    AwaitingOffer(AwaitingOffer),
    Offering(Box<Offering>),
    Offered(Box<Offered>),
    Answering(Box<Answering>),
    Answered(Box<Dialogue>),
    Ending(Ending),
    Ended,
}

/// `proceed` was sent, and the peer has to offer.
#[derive(Debug)]
pub(super) struct AwaitingOffer {
    pub(super) early: Early,
    pub(super) deadline: Instant,
}

/// Our offer is out, and not answered.
#[derive(Debug)]
pub(super) struct Offering {
    /// Before the first answer, its media are those that we offer.
    pub(super) dialogue: Dialogue,
    pub(super) ours: Ours,
}

impl Offering {
    /// Whether the offer is one of a new generation, and not the first.
    pub(super) fn is_of_new_media(&self) -> bool {
        self.ours.generation != self.dialogue.media.generation
    }

    /// Whether the peer's side is this already.
    pub(super) fn knows(&self, remote: &Side) -> bool {
        *remote == self.dialogue.terms.remote
    }
}

/// An offer of ours.
#[derive(Debug)]
pub(super) struct Ours {
    /// It begins the session.
    pub(super) is_first: bool,
    pub(super) change: Change,
    /// The media that it is about.
    pub(super) generation: Generation,
    pub(super) local: Side,
    pub(super) offer: Told<Words>,
    /// The peer has acknowledged it.
    pub(super) heard: bool,
    pub(super) deadline: Instant,
}

impl Ours {
    /// The peer declines this much of it; says whether nothing is left. Contents are declined each for itself.
    pub(super) fn lose(&mut self, declined: &Change) -> Result<bool, Refusal> {
        let (Change::Contents(ours), Change::Contents(names)) = (&mut self.change, declined) else {
            return Ok(true);
        };
        if let Some(name) = names.iter().find(|name| !ours.contains(name)) {
            let name = name.clone();
            return Err(Refusal::WrongContent { name });
        }
        ours.retain(|name| !names.contains(name));
        self.local.decline(names);
        Ok(ours.is_empty() || names.is_empty())
    }
}

/// The application has an offer to answer.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) dialogue: Dialogue,
    pub(super) offer: Offer,
    /// The media that go on if it is declined.
    pub(super) before: Option<Media>,
}

/// The answer is out, and not acknowledged.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) dialogue: Dialogue,
    /// By which the offer that it answers is known.
    pub(super) mark: String,
    pub(super) stanza: Option<Element>,
    pub(super) answer: Told<Vec<Words>>,
}

/// Something that is said until it is acknowledged.
#[derive(Debug)]
pub(super) struct Told<W> {
    pub(super) words: W,
    /// Of each time that it was said and not lost; any of them acknowledges it.
    pub(super) tokens: VecDeque<Token>,
    /// It is to be said, for the first time or again.
    pub(super) due: bool,
    /// It was said more than once.
    pub(super) repeated: bool,
}

impl<W> Told<W> {
    pub(super) fn new(words: W) -> Self {
        Self {
            words,
            tokens: VecDeque::new(),
            due: true,
            repeated: false,
        }
    }

    pub(super) fn said(&mut self, token: Token) {
        self.due = false;
        if self.tokens.len() == TRACKED {
            self.tokens.pop_front();
        }
        self.repeated |= !self.tokens.is_empty();
        self.tokens.push_back(token);
    }

    /// Gives its numbers to those of its kind that were overtaken.
    pub(super) fn overtake(self, overtaken: &mut VecDeque<Token>) {
        overtaken.extend(self.tokens);
        let forgotten = overtaken.len().saturating_sub(TRACKED);
        overtaken.drain(..forgotten);
    }

    /// One time is lost, and unless another is still under way it is to be said again.
    pub(super) fn lost(&mut self, token: Token) {
        self.tokens.retain(|known| *known != token);
        self.repeated = true;
        self.due |= self.tokens.is_empty();
    }
}

/// The end is told, and not acknowledged.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) token: Token,
    pub(super) farewell: Farewell,
    pub(super) by: EndedBy,
    pub(super) deadline: Instant,
}

/// What lasts from the first offer to the end.
#[derive(Debug)]
pub(super) struct Dialogue {
    pub(super) media: Media,
    /// The newest media that there ever were; a declined offer leaves a gap.
    pub(super) newest: Generation,
    pub(super) terms: Terms,
    /// For an offer that is still to come.
    pub(super) early: Early,
    pub(super) past: Past,
    /// Answers without an outcome that another offer of the peer has overtaken.
    pub(super) overtaken: VecDeque<Token>,
    /// What must not reach the peer before the answer does, and what may be lost.
    pub(super) unheard: Unheard,
}

impl Dialogue {
    pub(super) fn new(media: Media, early: Early) -> Self {
        Self {
            newest: media.generation,
            media,
            terms: Terms::default(),
            early,
            past: Past::default(),
            overtaken: VecDeque::new(),
            unheard: Unheard::default(),
        }
    }
}

/// An offer that the application has.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) mark: String,
    pub(super) stanza: Option<Element>,
    pub(super) sdp: String,
    pub(super) kind: OfferKind,
    pub(super) change: Change,
    pub(super) remote: Side,
}

/// The latest generation of media.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) generation: Generation,
    /// The peer's.
    pub(super) credentials: Option<Credentials>,
    pub(super) remote_candidates: usize,
    pub(super) remote_complete: bool,
    /// They are dead, and until then the session waits for signalling to say so.
    pub(super) gone: Option<Instant>,
}

impl Media {
    pub(super) fn new(generation: Generation, credentials: Option<Credentials>) -> Self {
        Self {
            generation,
            credentials,
            remote_candidates: 0,
            remote_complete: false,
            gone: None,
        }
    }
}

/// What came before the latest offer.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The marks of offers that were answered or replaced.
    offers: VecDeque<String>,
    /// `ufrag`s of earlier generations.
    ufrags: VecDeque<String>,
    /// When the peer restarted ICE lately.
    restarts: VecDeque<Instant>,
}

impl Past {
    pub(super) fn knows_offer(&self, mark: &str) -> bool {
        self.offers.iter().any(|known| known == mark)
    }

    pub(super) fn knows_ufrag(&self, ufrag: &str) -> bool {
        self.ufrags.iter().any(|known| known == ufrag)
    }

    pub(super) fn remember_offer(&mut self, mark: String) {
        // An offer without a mark has no repetitions.
        if !mark.is_empty() {
            remember(&mut self.offers, mark);
        }
    }

    pub(super) fn remember_media(&mut self, media: &Media) {
        if let Some(credentials) = &media.credentials {
            remember(&mut self.ufrags, credentials.ufrag().to_owned());
        }
    }

    /// One more restart, if there were less than so many within this time.
    pub(super) fn restart(&mut self, now: Instant, within: Duration, limit: usize) -> Result<(), Refusal> {
        self.restarts.retain(|at| *at + within > now);
        if self.restarts.len() >= limit {
            return Err(Refusal::TooManyRestarts { limit });
        }
        self.restarts.push_back(now);
        Ok(())
    }

    /// The media are in use again.
    pub(super) fn revive_media(&mut self, media: &Media) {
        let ufrag = media.credentials.as_ref().map(Credentials::ufrag);
        self.ufrags.retain(|known| Some(known.as_str()) != ufrag);
    }
}

fn remember(known: &mut VecDeque<String>, text: String) {
    if known.len() == REMEMBERED {
        known.pop_front();
    }
    known.push_back(text);
}

impl State {
    /// When the state ends by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        match self {
            State::AwaitingOffer(awaiting) => Some(awaiting.deadline),
            State::Offering(offering) => {
                let gone = offering.dialogue.media.gone;
                Some(gone.map_or(offering.ours.deadline, |gone| gone.min(offering.ours.deadline)))
            }
            State::Ending(ending) => Some(ending.deadline),
            State::Offered(offered) => offered.dialogue.media.gone,
            State::Answering(answering) => answering.dialogue.media.gone,
            State::Answered(dialogue) => dialogue.media.gone,
            State::Ended => None,
        }
    }

    /// The dialogue, in the states that have one.
    pub(super) fn dialogue(&self) -> Option<&Dialogue> {
        match self {
            State::Offering(offering) => Some(&offering.dialogue),
            State::Offered(offered) => Some(&offered.dialogue),
            State::Answering(answering) => Some(&answering.dialogue),
            State::Answered(dialogue) => Some(dialogue),
            State::AwaitingOffer(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// The dialogue, in the states that have one.
    pub(super) fn dialogue_mut(&mut self) -> Option<&mut Dialogue> {
        match self {
            State::Offering(offering) => Some(&mut offering.dialogue),
            State::Offered(offered) => Some(&mut offered.dialogue),
            State::Answering(answering) => Some(&mut answering.dialogue),
            State::Answered(dialogue) => Some(dialogue),
            State::AwaitingOffer(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// What the peer has said of its side, an offer that waits for its answer included.
    pub(super) fn remote(&self) -> Option<&Side> {
        match self {
            State::Offered(offered) => Some(&offered.offer.remote),
            State::Offering(offering) if offering.ours.is_first => None,
            other => other.dialogue().map(|dialogue| &dialogue.terms.remote),
        }
    }

    /// What we have said of our side, an offer that waits for its answer included.
    pub(super) fn local(&self) -> Option<&Side> {
        match self {
            State::Offering(offering) => Some(&offering.ours.local),
            other => other.dialogue().map(|dialogue| &dialogue.terms.local),
        }
    }

    /// The name of the state, for logs and tables.
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::AwaitingOffer(_) => "AwaitingOffer",
            State::Offering(_) => "Offering",
            State::Offered(_) => "Offered",
            State::Answering(_) => "Answering",
            State::Answered(_) => "Answered",
            State::Ending(_) => "Ending",
            State::Ended => "Ended",
        }
    }
}
