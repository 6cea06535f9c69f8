//! Where a session stands, for whoever shows it or keeps it.

use super::{Session, states::State};
use crate::Generation;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Phase {
    /// The first offer has not come yet.
    AwaitingOffer,
    /// An offer of ours has no answer yet.
    Offering,
    /// The application has an offer to answer.
    Offered,
    /// Our answer is not acknowledged yet.
    Answering,
    /// There is nothing to be negotiated.
    Settled,
    /// Our `terminate` is not acknowledged yet.
    Ending,
    /// It is over.
    Ended,
}

impl Session {
    /// Where it stands.
    pub fn phase(&self) -> Phase {
        match &self.state {
            State::AwaitingOffer(_) => Phase::AwaitingOffer,
            State::Offering(_) => Phase::Offering,
            State::Offered(_) => Phase::Offered,
            State::Answering(_) => Phase::Answering,
            State::Answered(_) => Phase::Settled,
            State::Ending(_) => Phase::Ending,
            State::Ended => Phase::Ended,
        }
    }

    /// The latest media, which commands are about; there are none before the first offer and after the end.
    pub fn generation(&self) -> Option<Generation> {
        self.latest_generation().ok()
    }
}
