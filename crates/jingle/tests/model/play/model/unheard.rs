//! What the peer should know of our media beside their description. All of it is kept, in the order in which it was wanted; what
//! is owed follows from that.

use crate::play::words::{Act, Info};

/// One thing that the peer should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    Candidate { ice: Option<u32>, number: u32 },
    EndOfCandidates,
    Active,
    Muted(bool),
    Held(bool),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Owed,
    Asked(u64),
    Heard,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Unheard(Vec<(Word, Fate)>);

/// The order in which things are said together; of all but candidates, only the latest counts.
fn topic(word: Word) -> u8 {
    match word {
        Word::Candidate { .. } => 0,
        Word::EndOfCandidates => 1,
        Word::Active => 2,
        Word::Muted(_) => 3,
        Word::Held(_) => 4,
    }
}

impl Unheard {
    fn owed_candidates(&self) -> usize {
        let owed = |(word, fate): &&(Word, Fate)| topic(*word) == 0 && *fate == Fate::Owed;
        self.0.iter().filter(owed).count()
    }

    /// Wants it to be said later; `false` if too much is wanted.
    pub fn owe(&mut self, limit: usize, word: Word) -> bool {
        let room = topic(word) > 0 || self.owed_candidates() < limit;
        if room {
            self.0.push((word, Fate::Owed));
        }
        room
    }

    pub fn asked(&mut self, token: u64, word: Word) {
        self.0.push((word, Fate::Asked(token)));
    }

    /// All that is owed, which is said now.
    pub fn owed(&mut self) -> Vec<Word> {
        let mut owed = Vec::new();
        for number in 0..5 {
            let of_topic: Vec<_> = self.0.iter().filter(|(word, _)| topic(*word) == number).collect();
            let counts = if number == 0 {
                0
            } else {
                of_topic.len().saturating_sub(1)
            };
            let due = of_topic[counts..].iter().filter(|(_, fate)| *fate == Fate::Owed);
            owed.extend(due.map(|(word, _)| *word));
        }
        self.0.retain(|(_, fate)| *fate != Fate::Owed);
        owed
    }

    pub fn on_outcome(&mut self, limit: usize, token: u64, lost: bool) {
        let room = self.owed_candidates() < limit;
        let Some(at) = self.0.iter().position(|(_, fate)| *fate == Fate::Asked(token)) else {
            return;
        };
        if !lost {
            self.0[at].1 = Fate::Heard;
        } else if topic(self.0[at].0) > 0 || room {
            self.0[at].1 = Fate::Owed;
        } else {
            self.0.remove(at);
        }
    }

    /// What is said of media has no meaning without them.
    pub fn forget_media(&mut self) {
        self.0.retain(|(word, _)| topic(*word) > 2);
    }
}

/// How it is said. SDP over XMPP has no word for holding.
pub fn act(word: Word, local_ice: Option<u32>, jingle: bool) -> Option<Act> {
    Some(match word {
        Word::Candidate { ice, number } => Act::Candidate {
            ice: if jingle { local_ice } else { ice },
            number,
        },
        Word::EndOfCandidates => Act::EndOfCandidates {
            ice: if jingle { local_ice } else { None },
        },
        Word::Active => Act::Info(Info::Active),
        Word::Muted(muted) => Act::Info(Info::Mute(muted)),
        Word::Held(held) if jingle => Act::Info(Info::Hold(held)),
        Word::Held(_) => return None,
    })
}
