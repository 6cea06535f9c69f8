//! The states of a session, each holding what is valid in it.
//!
//! ```text
//! AwaitingOffer --offer--> Offered --answer--> Answering --acknowledged--> Answered
//!                             ^                    |                          |
//!                             +-------offer--------+----------offer-----------+
//! any of them --end--> Ending --acknowledged or 2 s--> Ended
//! any of them --terminate--> Ended
//! any of them --end, while signalling is lost--> Ended
//! Ending --signalling lost--> Ended
//! ```

use std::{collections::VecDeque, time::Instant};

use super::{EndedBy, OfferKind, early::Early, ice::Credentials, news::Unheard};
use crate::{Generation, Reason, Token};

/// How many answered or replaced offers are remembered; the platform's own client remembers as many.
const REMEMBERED: usize = 5;

#[derive(Debug)]
pub(super) enum State {
    AwaitingOffer(AwaitingOffer),
    Offered(Offered),
    Answering(Answering),
    Answered(Dialogue),
    Ending(Ending),
    Ended,
}

/// `proceed` was sent, and the peer has to offer.
#[derive(Debug)]
pub(super) struct AwaitingOffer {
    pub(super) early: Early,
    pub(super) deadline: Instant,
}

/// The application has an offer to answer.
#[derive(Debug)]
pub(super) struct Offered {
    pub(super) dialogue: Dialogue,
    pub(super) offer: Offer,
}

/// The answer is out, and not acknowledged.
#[derive(Debug)]
pub(super) struct Answering {
    pub(super) dialogue: Dialogue,
    /// The JSON-RPC id of the offer that it answers.
    pub(super) rpc: String,
    pub(super) answer: String,
    /// Of each time that it was sent and not lost; any of them acknowledges it.
    pub(super) tokens: VecDeque<Token>,
    /// It is to be sent, for the first time or again.
    pub(super) due: bool,
}

/// `terminate` is out, and not acknowledged.
#[derive(Debug)]
pub(super) struct Ending {
    pub(super) token: Token,
    pub(super) reason: Reason,
    pub(super) by: EndedBy,
    pub(super) deadline: Instant,
}

/// What lasts from the first offer to the end.
#[derive(Debug)]
pub(super) struct Dialogue {
    pub(super) media: Media,
    /// For an offer that is still to come.
    pub(super) early: Early,
    pub(super) past: Past,
    /// What must not reach the peer before the answer does, and what may be lost.
    pub(super) unheard: Unheard,
}

/// An offer that the application has.
#[derive(Debug)]
pub(super) struct Offer {
    pub(super) rpc: String,
    pub(super) sdp: String,
    pub(super) kind: OfferKind,
}

/// The latest generation of media.
#[derive(Debug)]
pub(super) struct Media {
    pub(super) generation: Generation,
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
    /// JSON-RPC ids of offers that were answered or replaced.
    rpcs: VecDeque<String>,
    /// `ufrag`s of earlier generations.
    ufrags: VecDeque<String>,
}

impl Past {
    pub(super) fn knows_offer(&self, rpc: &str) -> bool {
        self.rpcs.iter().any(|known| known == rpc)
    }

    pub(super) fn knows_ufrag(&self, ufrag: &str) -> bool {
        self.ufrags.iter().any(|known| known == ufrag)
    }

    pub(super) fn remember_offer(&mut self, rpc: String) {
        // An offer without an id has no repetitions.
        if !rpc.is_empty() {
            remember(&mut self.rpcs, rpc);
        }
    }

    pub(super) fn remember_media(&mut self, media: Media) {
        if let Some(credentials) = media.credentials {
            remember(&mut self.ufrags, credentials.ufrag().to_owned());
        }
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
            State::Ending(ending) => Some(ending.deadline),
            State::Offered(Offered { dialogue, .. })
            | State::Answering(Answering { dialogue, .. })
            | State::Answered(dialogue) => dialogue.media.gone,
            State::Ended => None,
        }
    }

    /// The dialogue, in the states that have one.
    pub(super) fn dialogue_mut(&mut self) -> Option<&mut Dialogue> {
        match self {
            State::Offered(offered) => Some(&mut offered.dialogue),
            State::Answering(answering) => Some(&mut answering.dialogue),
            State::Answered(dialogue) => Some(dialogue),
            State::AwaitingOffer(_) | State::Ending(_) | State::Ended => None,
        }
    }

    /// The name of the state, for logs and tables.
    pub(super) fn name(&self) -> &'static str {
        match self {
            State::AwaitingOffer(_) => "AwaitingOffer",
            State::Offered(_) => "Offered",
            State::Answering(_) => "Answering",
            State::Answered(_) => "Answered",
            State::Ending(_) => "Ending",
            State::Ended => "Ended",
        }
    }
}
