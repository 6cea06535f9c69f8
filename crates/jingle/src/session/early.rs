//! Candidates that came before their offer. XMPP keeps the order of one sender, but a gateway is more than one sender behind one
//! name.

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use super::{
    Refusal,
    ice::{Credentials, ufrag_of_candidate},
};

/// What the peer trickles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trickled {
    Candidate {
        mid: Option<String>,
        candidate: String,
    },
    /// There are no more, of these credentials if they are named.
    End {
        ufrag: Option<String>,
    },
}

impl Trickled {
    pub(super) fn ufrag(&self) -> Option<&str> {
        match self {
            Trickled::Candidate { mid: _, candidate } => ufrag_of_candidate(candidate),
            Trickled::End { ufrag } => ufrag.as_deref(),
        }
    }
}

/// The ones that wait, in the order in which they came.
#[derive(Debug, Clone, Default)]
pub(super) struct Early {
    waiting: VecDeque<(Instant, Trickled)>,
}

impl Early {
    /// Keeps one for so long; at most `limit` at a time.
    pub(super) fn keep(
        &mut self,
        now: Instant,
        keep: Duration,
        limit: usize,
        trickled: Trickled,
    ) -> Result<(), Refusal> {
        self.waiting.retain(|(until, _)| *until > now);
        if self.waiting.len() >= limit {
            return Err(Refusal::TooManyCandidates { limit });
        }
        self.waiting.push_back((now + keep, trickled));
        Ok(())
    }

    /// Takes out what belongs to an offer with these credentials: all that names its `ufrag` or none.
    pub(super) fn release(&mut self, now: Instant, credentials: Option<&Credentials>) -> Vec<Trickled> {
        let (due, others) = std::mem::take(&mut self.waiting)
            .into_iter()
            .filter(|(until, _)| *until > now)
            .partition(|(_, trickled)| match (trickled.ufrag(), credentials) {
                (Some(theirs), Some(credentials)) => theirs == credentials.ufrag(),
                (None, _) | (_, None) => true,
            });
        let due: VecDeque<_> = due;
        self.waiting = others;
        due.into_iter().map(|(_, trickled)| trickled).collect()
    }
}
