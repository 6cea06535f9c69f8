//! A session as the model sees it: what was said and is not settled, and nothing else.

use std::collections::BTreeMap;

use offhook_jingle::{
    Dialect, Reason, SessionId,
    session::OfferKind,
    stanza::{Role, Senders},
};

use super::{Limits, unheard::Unheard};
use crate::play::words::{Act, Ask, By, Conversation, Effect, Event, Message, News, Terms, Time, To, Transport, Who};

/// How many earlier offers and ICE credentials a session knows again.
const REMEMBERED: usize = 5;

/// How many tellings of one thing are waited for.
const WAITED_FOR: usize = 8;

/// What a session needs of the endpoint that it belongs to.
pub struct Desk<'a> {
    pub me: Who,
    pub now: Time,
    pub up: bool,
    pub limits: &'a Limits,
    pub effects: &'a mut Vec<Effect>,
    /// Which session made which request.
    pub asked: &'a mut BTreeMap<u64, SessionId>,
    pub next_token: &'a mut u64,
    /// Messages that wait for signalling.
    pub held: &'a mut Vec<Effect>,
}

impl Desk<'_> {
    /// Messages have to wait for a stream.
    pub fn send(&mut self, to: To, message: Message) {
        let message = Effect::Message(to, message);
        if self.up {
            self.effects.push(message);
        } else {
            self.held.push(message);
        }
    }

    pub fn ask(&mut self, to: Who, ask: Ask) -> u64 {
        let token = *self.next_token;
        *self.next_token += 1;
        self.asked.insert(token, ask.id.clone());
        self.effects.push(Effect::Ask(token, to, ask));
        token
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    pub id: SessionId,
    pub peer: Who,
    pub role: Role,
    pub dialect: Dialect,
    pub conversation: Option<Conversation>,
    /// Our other resources are still to be told that we have the call.
    pub announce: bool,
    pub muted: bool,
    pub holding: bool,
    pub held: bool,
    pub stage: Stage,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Stage {
    /// For the first offer.
    Waiting {
        until: Time,
        early: Vec<Early>,
    },
    Live(Box<Live>),
    /// Our `terminate` is out.
    Ending {
        token: u64,
        reason: Reason,
        alternative: Option<SessionId>,
        by: By,
        until: Time,
    },
    Over,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Live {
    pub talk: Talk,
    pub turn: Turn,
}

/// Whose turn it is to say something of the media.
#[derive(Debug, Clone, PartialEq)]
pub enum Turn {
    Nobody,
    /// Our offer has no answer.
    Ours(Ours),
    /// Their offer has no answer.
    Theirs(Theirs),
    /// Our answer is not acknowledged.
    Answered(Answered),
}

/// What an offer changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Everything,
    Content,
    Transport,
    Restart,
    /// What holds as soon as it is acknowledged.
    Terms,
}

impl Change {
    pub fn is_of_transport(self) -> bool {
        matches!(self, Change::Transport | Change::Restart)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Ours {
    pub first: bool,
    pub change: Change,
    pub generation: u32,
    pub local: Terms,
    pub words: Act,
    pub told: Told,
    /// The peer has acknowledged it.
    pub heard: bool,
    pub until: Time,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Theirs {
    pub mark: String,
    /// What was asked, by which a repetition is known.
    pub asked: Act,
    pub kind: OfferKind,
    pub change: Change,
    /// The peer's side, if we agree.
    pub remote: Terms,
    /// The media that go on if we do not.
    pub before: Option<Media>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Answered {
    pub mark: String,
    pub asked: Option<Act>,
    pub words: Vec<Act>,
    pub told: Told,
}

/// Whether something that has to be acknowledged was said.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    pub due: bool,
    pub repeated: bool,
    pub tokens: Vec<u64>,
}

impl Told {
    pub fn not_yet() -> Self {
        Self {
            due: true,
            repeated: false,
            tokens: Vec::new(),
        }
    }

    pub fn say(&mut self, token: u64) {
        self.due = false;
        self.repeated |= !self.tokens.is_empty();
        self.tokens.push(token);
        let old = self.tokens.len().saturating_sub(WAITED_FOR);
        self.tokens.drain(..old);
    }

    pub fn lose(&mut self, token: u64) {
        self.tokens.retain(|known| *known != token);
        self.repeated = true;
        self.due |= self.tokens.is_empty();
    }
}

/// What lasts from the first offer to the end.
#[derive(Debug, Clone, PartialEq)]
pub struct Talk {
    pub media: Media,
    /// The highest number that any media ever had here.
    pub newest: u32,
    pub local: Option<Terms>,
    pub remote: Option<Terms>,
    pub marks: Vec<String>,
    pub ices: Vec<u32>,
    /// When the peer restarted ICE.
    pub restarts: Vec<Time>,
    pub early: Vec<Early>,
    /// Answers that another offer has overtaken.
    pub overtaken: Vec<u64>,
    pub unheard: Unheard,
}

/// One generation of media.
#[derive(Debug, Clone, PartialEq)]
pub struct Media {
    pub generation: u32,
    /// The peer's credentials.
    pub ice: Option<u32>,
    pub candidates: usize,
    pub complete: bool,
    /// They died without signalling; so long the session waits for it.
    pub gone: Option<Time>,
}

impl Media {
    pub fn new(generation: u32, ice: Option<u32>) -> Self {
        Self {
            generation,
            ice,
            candidates: 0,
            complete: false,
            gone: None,
        }
    }
}

/// What was trickled for an offer that has not come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Early {
    pub until: Time,
    pub trickled: Trickled,
}

/// A candidate by its number, or the end of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trickled {
    pub ice: Option<u32>,
    pub candidate: Option<u32>,
}

impl Talk {
    pub fn new(media: Media, early: Vec<Early>) -> Self {
        Self {
            newest: media.generation,
            media,
            local: None,
            remote: None,
            marks: Vec::new(),
            ices: Vec::new(),
            restarts: Vec::new(),
            early,
            overtaken: Vec::new(),
            unheard: Unheard::default(),
        }
    }

    pub fn overtake(&mut self, answer: &Told) {
        self.overtaken.extend(&answer.tokens);
        let old = self.overtaken.len().saturating_sub(WAITED_FOR);
        self.overtaken.drain(..old);
    }

    pub fn remember_mark(&mut self, mark: String) {
        if !mark.is_empty() {
            self.marks.push(mark);
            let old = self.marks.len().saturating_sub(REMEMBERED);
            self.marks.drain(..old);
        }
    }

    /// New media take the place of those there are, which are returned.
    pub fn renew(&mut self, generation: u32, ice: Option<u32>) -> Option<Media> {
        if generation == self.media.generation {
            return None;
        }
        let old = std::mem::replace(&mut self.media, Media::new(generation, ice));
        self.newest = generation;
        self.ices.extend(old.ice);
        let forgotten = self.ices.len().saturating_sub(REMEMBERED);
        self.ices.drain(..forgotten);
        self.unheard.forget_media();
        Some(old)
    }

    /// The media before are taken up again.
    pub fn revive(&mut self, before: Option<Media>) {
        if let Some(before) = before {
            self.ices.retain(|ice| Some(*ice) != before.ice);
            self.media = before;
            self.unheard.forget_media();
        }
    }

    /// What waited for these credentials, or for any.
    pub fn release(&mut self, now: Time) -> Vec<Trickled> {
        let ice = self.media.ice;
        let fits = |early: &Early| early.trickled.ice.is_none() || ice.is_none() || early.trickled.ice == ice;
        self.early.retain(|early| early.until > now);
        let (due, others): (Vec<_>, Vec<_>) = self.early.drain(..).partition(fits);
        self.early = others;
        due.into_iter().map(|early| early.trickled).collect()
    }
}

/// Keeps what came too early; says whether there is room.
pub fn keep(early: &mut Vec<Early>, now: Time, limits: &Limits, trickled: Trickled) -> bool {
    early.retain(|early| early.until > now);
    let room = early.len() < limits.early_candidates;
    if room {
        let until = now + limits.early;
        early.push(Early { until, trickled });
    }
    room
}

impl Call {
    pub fn ask(&self, act: Act) -> Ask {
        Ask {
            id: self.id.clone(),
            dialect: self.dialect,
            act,
        }
    }

    pub fn tell(&self, desk: &mut Desk, news: News) {
        let event = Event::Session(self.id.clone(), news);
        desk.effects.push(Effect::Tell(event));
    }

    pub fn is_over(&self) -> bool {
        self.stage == Stage::Over
    }

    pub fn live(&self) -> Option<&Live> {
        match &self.stage {
            Stage::Live(live) => Some(live),
            Stage::Waiting { .. } | Stage::Ending { .. } | Stage::Over => None,
        }
    }

    pub fn live_mut(&mut self) -> Option<&mut Live> {
        match &mut self.stage {
            Stage::Live(live) => Some(live),
            Stage::Waiting { .. } | Stage::Ending { .. } | Stage::Over => None,
        }
    }

    /// Our first offer waits for its answer.
    pub fn is_calling(&self) -> bool {
        self.live()
            .is_some_and(|live| matches!(&live.turn, Turn::Ours(ours) if ours.first))
    }

    /// The media that commands are about.
    pub fn generation(&self) -> Option<u32> {
        self.live().map(|live| match &live.turn {
            Turn::Ours(ours) => ours.generation,
            Turn::Nobody | Turn::Theirs(_) | Turn::Answered(_) => live.talk.media.generation,
        })
    }

    /// What the peer has said of its side, an unanswered offer included.
    pub fn remote(&self) -> Option<Terms> {
        let live = self.live()?;
        match &live.turn {
            Turn::Theirs(theirs) => Some(theirs.remote),
            Turn::Nobody | Turn::Ours(_) | Turn::Answered(_) => live.talk.remote,
        }
    }

    /// What we have said of ours, an unanswered offer included.
    pub fn local(&self) -> Option<Terms> {
        let live = self.live()?;
        match &live.turn {
            Turn::Ours(ours) => Some(ours.local),
            Turn::Nobody | Turn::Theirs(_) | Turn::Answered(_) => live.talk.local,
        }
    }

    /// When something happens though nothing does.
    pub fn deadline(&self) -> Option<Time> {
        match &self.stage {
            Stage::Waiting { until, .. } | Stage::Ending { until, .. } => Some(*until),
            Stage::Live(live) => {
                let answer = match &live.turn {
                    Turn::Ours(ours) => Some(ours.until),
                    Turn::Nobody | Turn::Theirs(_) | Turn::Answered(_) => None,
                };
                live.talk.media.gone.into_iter().chain(answer).min()
            }
            Stage::Over => None,
        }
    }
}

/// The terms with this difference.
pub fn with_transport(terms: Terms, transport: Transport) -> Terms {
    Terms { transport, ..terms }
}

/// A session of nothing is none.
pub fn is_empty(terms: &Terms) -> bool {
    terms.senders == Senders::None && terms.second.is_none_or(|second| second == Senders::None)
}
