//! Several sources as one: a source with music or prompts over it.

use std::fmt;

use crate::{Frame, Played, SILENT_FRAME, Source};

/// A prompt in a [`Mixer`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PromptId(u64);

/// As many prompts play as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{most} prompts play already; stop one first", most = Mixer::MOST_PROMPTS)]
pub struct MixerFull;

/// A source with prompts over it: their samples are added, and what is louder than full scale is clipped.
///
/// A prompt ends by itself when its source does. The mixer goes as its base does: it ends with it, after the last prompt.
pub struct Mixer {
    base: Box<dyn Source>,
    prompts: Vec<Prompt>,
    ended: Vec<Ended>,
    /// Counts the prompts.
    next: u64,
}

struct Prompt {
    id: PromptId,
    source: Box<dyn Source>,
}

/// A prompt that is over.
pub struct Ended {
    /// Which.
    pub id: PromptId,
    /// How its source ended: [`Played::End`], or [`Played::Failed`].
    pub played: Played,
    /// Its source, to be dropped where that may take its time.
    pub source: Box<dyn Source>,
}

impl Mixer {
    /// How many prompts may play at once.
    pub const MOST_PROMPTS: usize = 8;

    /// This source, with nothing over it yet.
    #[must_use]
    pub fn new(base: Box<dyn Source>) -> Self {
        Self {
            base,
            prompts: Vec::with_capacity(Self::MOST_PROMPTS),
            ended: Vec::with_capacity(Self::MOST_PROMPTS),
            next: 0,
        }
    }

    /// Goes on with another base from the next frame on, and gives the former back, to be dropped where that may take its time.
    pub fn set_base(&mut self, base: Box<dyn Source>) -> Box<dyn Source> {
        std::mem::replace(&mut self.base, base)
    }

    /// Plays a prompt over the base from the next frame on.
    ///
    /// # Errors
    /// When [`Mixer::MOST_PROMPTS`] play.
    pub fn play(&mut self, prompt: Box<dyn Source>) -> Result<PromptId, MixerFull> {
        if self.prompts.len() + self.ended.len() >= Self::MOST_PROMPTS {
            return Err(MixerFull);
        }
        let id = PromptId(self.next);
        self.next += 1;
        self.prompts.push(Prompt { id, source: prompt });
        Ok(id)
    }

    /// Plays a prompt no longer, and gives its source back if it has not ended yet.
    pub fn stop(&mut self, prompt: PromptId) -> Option<Box<dyn Source>> {
        let at = self.prompts.iter().position(|playing| playing.id == prompt)?;
        Some(self.prompts.remove(at).source)
    }

    /// Takes a prompt that has ended by itself. They are kept until they are taken, and count among those that may play.
    pub fn take_ended(&mut self) -> Option<Ended> {
        self.ended.pop()
    }

    /// The prompts that play, in the order in which they were begun.
    pub fn prompts(&self) -> impl ExactSizeIterator<Item = PromptId> {
        self.prompts.iter().map(|prompt| prompt.id)
    }
}

impl Source for Mixer {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let base = self.base.read(frame);
        let mut index = 0;
        while index < self.prompts.len() {
            let mut over = SILENT_FRAME;
            let played = self.prompts[index].source.read(&mut over);
            add(frame, &over);
            if played.is_over() {
                let Prompt { id, source } = self.prompts.remove(index);
                self.ended.push(Ended { id, played, source });
            } else {
                index += 1;
            }
        }
        match base {
            Played::End if !self.prompts.is_empty() => Played::Full,
            base => base,
        }
    }

    /// The packet of the base while nothing lies over it.
    fn packet(&mut self) -> Option<&[u8]> {
        match self.prompts.is_empty() {
            true => self.base.packet(),
            false => None,
        }
    }

    fn skip(&mut self) -> Played {
        match self.prompts.is_empty() {
            true => self.base.skip(),
            false => self.read(&mut { SILENT_FRAME }),
        }
    }
}

impl fmt::Debug for Mixer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prompts: Vec<_> = self.prompts().collect();
        f.debug_struct("Mixer")
            .field("prompts", &prompts)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, played, source: _ } = self;
        f.debug_struct("Ended")
            .field("id", id)
            .field("played", played)
            .finish_non_exhaustive()
    }
}

/// Adds `over` to `frame`, within full scale.
fn add(frame: &mut Frame, over: &Frame) {
    for (sample, over) in frame.iter_mut().zip(over) {
        *sample = sample.saturating_add(*over);
    }
}

/// A source made louder or softer, such as music that speech lies over.
#[derive(Debug, Clone)]
pub struct Volume<S> {
    source: S,
    factor: f32,
}

impl<S: Source> Volume<S> {
    /// Changes the level of `source` by so many decibels; -12 is soft music behind speech. What becomes louder than full scale is
    /// clipped.
    #[must_use]
    pub fn new(source: S, decibels: f32) -> Self {
        Self {
            source,
            factor: 10_f32.powf(decibels / 20.0),
        }
    }
}

impl<S: Source> Source for Volume<S> {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let played = self.source.read(frame);
        for sample in frame {
            // As casts of floats do, this stays within the range of a sample.
            *sample = (f32::from(*sample) * self.factor).round() as i16;
        }
        played
    }
}

#[cfg(test)]
mod tests;
