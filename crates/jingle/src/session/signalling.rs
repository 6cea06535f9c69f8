//! Signalling that goes away and comes back under a session that goes on: audio does not need it, so nothing ends because of
//! it. What is to be said meanwhile waits ([`news`](super::news)); a session that ends meanwhile leaves its `terminate` behind
//! as a farewell.

use std::time::Instant;

use super::{EndedBy, Output, Session, states::State};
use crate::{Reason, stanza::Farewell};

/// Whether anything can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signalling {
    Up,
    Lost,
}

impl Session {
    /// Who is ending would wait for an acknowledgement that cannot come.
    pub(super) fn on_signalling_lost(&mut self) {
        self.signalling = Signalling::Lost;
        if let State::Ending(ending) = &self.state {
            let (farewell, by) = (ending.farewell.clone(), ending.by);
            self.end_with_farewell(farewell, by);
        }
    }

    pub(super) fn on_signalling_restored(&mut self, now: Instant) {
        self.signalling = Signalling::Up;
        let media = self.state.dialogue_mut().map(|dialogue| &dialogue.media);
        if media.is_some_and(|media| media.gone.is_some()) {
            self.begin_ending(now, Reason::Gone, EndedBy::Network);
        } else {
            self.say_what_is_due();
        }
    }

    /// The media are dead. Without signalling the peer can neither be told nor offer others, so a session that has any waits
    /// for it to come back; says whether this one does.
    pub(super) fn outlive_media(&mut self, now: Instant) -> bool {
        let until = now + self.config.timers.gone;
        match (self.signalling, self.state.dialogue_mut()) {
            (Signalling::Lost, Some(dialogue)) => {
                dialogue.media.gone.get_or_insert(until);
                true
            }
            (Signalling::Lost, None) | (Signalling::Up, Some(_) | None) => false,
        }
    }

    /// Ends at once, and leaves it to others to tell the peer.
    pub(super) fn end_with_farewell(&mut self, farewell: Farewell, by: EndedBy) {
        let words = self.goodbye(&farewell);
        let payload = words.element(|| self.uuid());
        self.outputs.push_back(Output::Farewell {
            to: self.config.peer.clone(),
            payload,
        });
        self.ended(farewell, by);
    }
}
