//! What the peer hears of our media besides the answer, and what it has not heard yet: what waits for the answer or for a
//! stream, and what is on its way.

use crate::{Token, session::Outcome};

/// Something that the peer should know of our media.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum News {
    Candidate { mid: String, candidate: String },
    EndOfCandidates,
    Active,
    Muted(bool),
    Held(bool),
}

impl News {
    fn topic(&self) -> Topic {
        match self {
            News::Candidate { .. } => Topic::Candidate,
            News::EndOfCandidates => Topic::EndOfCandidates,
            News::Active => Topic::Activity,
            News::Muted(_) => Topic::Muting,
            News::Held(_) => Topic::Holding,
        }
    }
}

/// What news are about, in the order in which they are said together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    Candidate,
    EndOfCandidates,
    Activity,
    Muting,
    Holding,
}

impl Topic {
    /// Whether the latest news of it make all earlier ones void.
    fn has_one_truth(self) -> bool {
        match self {
            Topic::Candidate => false,
            Topic::EndOfCandidates | Topic::Activity | Topic::Muting | Topic::Holding => true,
        }
    }

    /// Whether the news still mean something once the media are replaced.
    fn outlives_media(self) -> bool {
        match self {
            Topic::Muting | Topic::Holding => true,
            Topic::Candidate | Topic::EndOfCandidates | Topic::Activity => false,
        }
    }
}

/// All that the peer is not known to have heard.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    news: Vec<(News, Way)>,
}

/// How far news have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// To be said, for the first time or again.
    Waiting,
    /// Said in this request, which has no outcome yet.
    Asked(Token),
}

/// More candidates wait than may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooMany;

impl Unheard {
    /// Keeps news that cannot be said now; of candidates, which alone can be many, at most `limit`.
    pub(super) fn wait(&mut self, limit: usize, news: News) -> Result<(), TooMany> {
        if news.topic() == Topic::Candidate && self.waiting_candidates() >= limit {
            return Err(TooMany);
        }
        self.put(news, Way::Waiting);
        Ok(())
    }

    /// Notes in which request the news were said.
    pub(super) fn asked(&mut self, token: Token, news: News) {
        self.put(news, Way::Asked(token));
    }

    /// Takes out all that waits, in the order in which it is to be said.
    pub(super) fn take_waiting(&mut self) -> Vec<News> {
        let waiting = self.news.extract_if(.., |(_, way)| *way == Way::Waiting);
        let mut waiting: Vec<_> = waiting.map(|(news, _)| news).collect();
        waiting.sort_by_key(News::topic);
        waiting
    }

    /// The outcome of a request: what is lost waits again, unless too many candidates do already. News that were overtaken
    /// since have no outcome any more.
    pub(super) fn on_outcome(&mut self, limit: usize, token: Token, outcome: &Outcome) {
        let asked = |(_, way): &(News, Way)| *way == Way::Asked(token);
        let Some(at) = self.news.iter().position(asked) else {
            return;
        };
        let (news, _) = self.news.remove(at);
        match outcome {
            // Who refuses has heard it; saying it again would not help.
            Outcome::Done | Outcome::Refused(_) => {}
            Outcome::Lost if news.topic() == Topic::Candidate && self.waiting_candidates() >= limit => {}
            Outcome::Lost => self.news.insert(at, (news, Way::Waiting)),
        }
    }

    /// The media are replaced: most news of the old ones interest nobody any more.
    pub(super) fn forget_media(&mut self) {
        self.news.retain(|(news, _)| news.topic().outlives_media());
    }

    fn put(&mut self, news: News, way: Way) {
        let topic = news.topic();
        if topic.has_one_truth() {
            self.news.retain(|(earlier, _)| earlier.topic() != topic);
        }
        self.news.push((news, way));
    }

    fn waiting_candidates(&self) -> usize {
        let waits = |(news, way): &&(News, Way)| news.topic() == Topic::Candidate && *way == Way::Waiting;
        self.news.iter().filter(waits).count()
    }
}
