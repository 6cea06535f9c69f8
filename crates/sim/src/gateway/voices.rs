//! Whom a call's client hears: clients of other calls, parties beyond the gateway, and several of them at once.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex};

use offhook_audio::{FRAME_SAMPLES, Frame, Played, SILENT_FRAME, Source};

use crate::call_state::{CallHandle, KeptAudio};

/// Frames by which one hears the other later, so that there always is one.
const BEHIND: u64 = 2;
/// Frames by which nobody is later.
const FAR_BEHIND: u64 = 10;

/// What is heard of another call's client, as it is heard.
pub(crate) struct Overheard {
    audio: Arc<Mutex<KeptAudio>>,
    /// Counts the frames that were taken or left out; none before the first was heard.
    next: Option<u64>,
}

impl Overheard {
    pub(crate) fn new(call: &CallHandle) -> Self {
        Self {
            audio: Arc::clone(&call.audio),
            next: None,
        }
    }
}

impl Source for Overheard {
    fn read(&mut self, frame: &mut Frame) -> Played {
        *frame = SILENT_FRAME;
        let audio = crate::lock(&self.audio);
        let heard = audio.frames();
        let next = match self.next {
            Some(next) if heard <= next + FAR_BEHIND => next,
            Some(_) | None => heard.saturating_sub(BEHIND),
        };
        if audio.frame(next, frame) {
            self.next = Some(next + 1);
        }
        Played::Full
    }
}

/// A party beyond the gateway: a source that all calls of a conversation hear at the same place. Whoever is first has
/// the next frame made, and it is kept for the others.
pub(crate) struct Party(Mutex<Told>);

struct Told {
    source: Box<dyn Source>,
    muted: bool,
    /// The last frames, the newest at the end.
    frames: VecDeque<Frame>,
    /// The number of the next frame.
    next: u64,
}

impl Party {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self(Mutex::new(Told {
            source,
            muted: false,
            frames: VecDeque::with_capacity(FAR_BEHIND as usize + 1),
            next: 0,
        }))
    }

    /// Says something else from now on.
    pub(crate) fn say(&self, source: Box<dyn Source>) {
        crate::lock(&self.0).source = source;
    }

    /// Is not heard from now on, or again. What it says goes on.
    pub(crate) fn set_muted(&self, muted: bool) {
        crate::lock(&self.0).muted = muted;
    }
}

impl Told {
    /// The frame of this number, or as near to it as there is one; its number.
    fn frame(&mut self, number: Option<u64>, frame: &mut Frame) -> u64 {
        let number = match number {
            Some(number) if self.next <= number + FAR_BEHIND => number.min(self.next),
            Some(_) => self.next - BEHIND,
            None => self.next,
        };
        if number == self.next {
            let mut made = SILENT_FRAME;
            let _ = self.source.read(&mut made);
            if self.muted {
                made = SILENT_FRAME;
            }
            if self.frames.len() > FAR_BEHIND as usize {
                self.frames.pop_front();
            }
            self.frames.push_back(made);
            self.next += 1;
        }
        let back = (self.next - number) as usize;
        *frame = match self.frames.len().checked_sub(back).and_then(|at| self.frames.get(at)) {
            Some(kept) => *kept,
            None => SILENT_FRAME,
        };
        number
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Party")
    }
}

/// One who can be heard.
#[derive(Debug, Clone)]
pub(crate) enum Voice {
    /// The client of another call.
    Client(CallHandle),
    /// A party beyond the gateway.
    Beyond(Arc<Party>),
}

impl Voice {
    fn listen(&self) -> Box<dyn Source> {
        match self {
            Self::Client(call) => Box::new(Overheard::new(call)),
            Self::Beyond(party) => Box::new(Listener {
                party: Arc::clone(party),
                next: None,
            }),
        }
    }
}

/// One place at which a party is heard.
struct Listener {
    party: Arc<Party>,
    next: Option<u64>,
}

impl Source for Listener {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let number = crate::lock(&self.party.0).frame(self.next, frame);
        self.next = Some(number + 1);
        Played::Full
    }
}

/// Several sources at once: their sum, as far as a sample holds it.
struct Mix {
    sources: Vec<Box<dyn Source>>,
}

impl Source for Mix {
    fn read(&mut self, frame: &mut Frame) -> Played {
        let mut sum = [0_i32; FRAME_SAMPLES];
        for source in &mut self.sources {
            let _ = source.read(frame);
            for (sum, sample) in sum.iter_mut().zip(frame.iter()) {
                *sum += i32::from(*sample);
            }
        }
        for (sample, sum) in frame.iter_mut().zip(sum) {
            *sample = sum.clamp(i16::MIN.into(), i16::MAX.into()) as i16;
        }
        Played::Full
    }
}

/// What somebody hears who hears these voices.
pub(crate) fn mix(voices: &[Voice]) -> Box<dyn Source> {
    match voices {
        [voice] => voice.listen(),
        voices => Box::new(Mix {
            sources: voices.iter().map(Voice::listen).collect(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says the number of its frame.
    struct Counting(i16);

    impl Source for Counting {
        fn read(&mut self, frame: &mut Frame) -> Played {
            frame.fill(self.0);
            self.0 = self.0.saturating_add(1);
            Played::Full
        }
    }

    fn party(first: i16) -> Arc<Party> {
        Arc::new(Party::new(Box::new(Counting(first))))
    }

    fn next(source: &mut dyn Source) -> i16 {
        let mut frame = SILENT_FRAME;
        let _ = source.read(&mut frame);
        frame[0]
    }

    #[test]
    fn all_hear_the_same_of_a_party_whoever_is_first() {
        let party = party(0);
        let voice = Voice::Beyond(Arc::clone(&party));
        let (mut one, mut two) = (voice.listen(), voice.listen());
        assert_eq!(next(&mut one), 0);
        assert_eq!(
            [next(&mut two), next(&mut two)],
            [1, 2],
            "who comes later hears what is said then"
        );
        assert_eq!([next(&mut one), next(&mut one)], [1, 2]);
        party.set_muted(true);
        assert_eq!([next(&mut two), next(&mut one)], [0, 0]);
        party.set_muted(false);
        assert_eq!([next(&mut two), next(&mut one)], [4, 4]);
    }

    #[test]
    fn who_stays_far_behind_misses_something() {
        let voice = Voice::Beyond(party(0));
        let (mut one, mut two) = (voice.listen(), voice.listen());
        next(&mut two);
        for _ in 0..12 {
            next(&mut one);
        }
        assert_eq!([next(&mut two), next(&mut two)], [11, 12]);
    }

    #[test]
    fn voices_are_added_and_do_not_wrap() {
        let mut both = mix(&[Voice::Beyond(party(1_000)), Voice::Beyond(party(-300))]);
        assert_eq!(next(&mut both), 700);
        let mut loud = mix(&[Voice::Beyond(party(i16::MAX)), Voice::Beyond(party(i16::MAX))]);
        assert_eq!(next(&mut loud), i16::MAX);
        assert_eq!(next(&mut mix(&[])), 0);
    }
}
