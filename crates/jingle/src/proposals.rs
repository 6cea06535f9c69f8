//! The ringing table: sessions that were proposed to us and have no offer yet (XEP-0353, the responder's side).
//!
//! A proposal enters by `propose` and leaves when its offer arrives ([`Proposals::offered`]), when it is rejected, retracted, handled by
//! another resource of the account, or not withdrawn in time.

mod event;
mod pending;
mod rules;

#[cfg(test)]
mod tests;

use std::{
    collections::{BTreeMap, VecDeque},
    time::{Duration, Instant},
};

use jid::{FullJid, Jid};
use minidom::Element;

pub use event::{CancelCause, ProposalError, ProposalEvent, ProposalRefusal};
pub use pending::Proposal;

use crate::{InitiationMessage, SessionId, idle::IDLE};
use pending::{Memory, Pending};

/// How the table behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProposalsConfig {
    /// Our own full JID, as bound.
    pub local: FullJid,
    /// A proposal that was not repeated for so long goes away: 120 s unless told otherwise.
    pub expiry: Duration,
    /// How long an ignored proposal stays ignored: 6 h unless told otherwise.
    pub ignore_for: Duration,
    /// The most proposals at one time; further ones are refused: 100 unless told otherwise.
    pub limit: usize,
    /// The most proposals of one sender (by bare JID) at one time: 8 unless told otherwise. Nobody alone fills the table.
    pub limit_per_sender: usize,
    /// The most ignored or settled proposals that are remembered; the oldest is forgotten first: 1000 unless told otherwise.
    pub memory: usize,
}

impl ProposalsConfig {
    /// The defaults for this JID.
    pub fn new(local: FullJid) -> Self {
        Self {
            local,
            expiry: Duration::from_secs(120),
            ignore_for: Duration::from_secs(6 * 60 * 60),
            limit: 100,
            limit_per_sender: 8,
            memory: 1000,
        }
    }
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A message arrived. Payloads that are not Jingle Message Initiation are passed over, so that all may be given here.
    Message {
        /// Who sent it.
        from: Jid,
        /// One of its payloads.
        payload: Element,
    },
    /// The instant of [`Output::Timeout`] has come.
    Timeout,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message: no `id`, `type` or `from` of its own.
    Message {
        /// To whom.
        to: Jid,
        /// Its payload.
        payload: Element,
    },
    /// Something the application should know.
    Event(ProposalEvent),
    /// Nothing more for now: call [`Proposals::handle_input`] with [`Input::Timeout`] no later than this.
    Timeout(Instant),
}

/// The table of proposals. See the [module](self).
///
/// Give it inputs and commands, and after each drain [`Proposals::poll_output`] until [`Output::Timeout`].
#[derive(Debug, Clone)]
pub struct Proposals {
    config: ProposalsConfig,
    /// In the order of their ids, so that the same inputs give the same outputs.
    pending: BTreeMap<SessionId, Pending>,
    ignored: Memory,
    settled: Memory,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Proposals {
    /// An empty table.
    pub fn new(config: ProposalsConfig, now: Instant) -> Self {
        Self {
            ignored: Memory::new(config.ignore_for, config.memory),
            settled: Memory::new(config.expiry, config.memory),
            config,
            pending: BTreeMap::new(),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Tells the table the full JID that the latest stream bound. Proposals outlive streams.
    pub fn set_local(&mut self, local: FullJid) {
        self.config.local = local;
    }

    /// The pending proposal of this session.
    pub fn proposal(&self, id: &SessionId) -> Option<&Proposal> {
        self.pending.get(id).map(Pending::proposal)
    }

    /// All pending proposals, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.pending.values().map(Pending::proposal)
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = now;
        self.expire(now);
        match input {
            Input::Message { from, payload } => match InitiationMessage::parse(&payload) {
                Some(Ok(message)) => self.on_message(now, from, message),
                Some(Err(cause)) => self.refuse(from, None, ProposalRefusal::Malformed(cause)),
                None => {}
            },
            Input::Timeout => {}
        }
    }

    /// Asks the proposer to begin: sends `proceed` to the JID that proposed.
    ///
    /// # Errors
    /// [`ProposalError`], if the proposal is not (or no longer) in the table, or was accepted before.
    pub fn accept(&mut self, now: Instant, id: &SessionId) -> Result<(), ProposalError> {
        self.now = now;
        self.proceed(id)
    }

    /// Declines. With `ignore` nobody is told, and repetitions of the proposal stay unreported; without it `reject` goes to our
    /// bare JID, for our other resources, and to the proposer.
    ///
    /// # Errors
    /// [`ProposalError::Unknown`], if the proposal is not (or no longer) in the table.
    pub fn reject(&mut self, now: Instant, id: &SessionId, ignore: bool) -> Result<(), ProposalError> {
        self.now = now;
        self.decline(now, id, ignore)
    }

    /// The offer of this session arrived: the proposal leaves the table and repetitions of it, crossing on the way, stay
    /// unreported. A candidate that comes before its offer needs no call. `None` if the table does not hold it.
    pub fn offered(&mut self, now: Instant, id: &SessionId) -> Option<Proposal> {
        self.now = now;
        let pending = self.pending.remove(id)?;
        self.settled.insert(now, id.clone());
        Some(pending.into_proposal())
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more until the next input or command.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let next = self.pending.values().map(Pending::expires).min();
        Output::Timeout(next.unwrap_or(self.now + IDLE))
    }
}
