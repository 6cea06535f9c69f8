//! The ringing table: sessions that are proposed and not under way yet (XEP-0353), in both roles.
//!
//! What is proposed **to us** enters by `propose`, or by an offer that nobody proposed ([`Proposals::unsolicited`]), and leaves when it is
//! under way ([`Proposals::offered`]), rejected, withdrawn, handled by another resource of the account, or not withdrawn in time.
//!
//! What **we** propose enters by [`Proposals::propose`] and leaves when it is under way ([`Proposals::begun`]), declined, retracted, or not
//! answered in time. Proposals that cross on the way to each other are resolved as XEP-0353 section 4.1 says: the lower id stays.
//!
//! Only the proposer withdraws, only the account that was called answers, and only our own account settles what rings here; whatever
//! anybody else says of a session touches nothing. A session that *begins* while another one with the same account is under way
//! (section 4.2) is for the parent to judge, who knows the sessions: it may [`finish`](Proposals::finish) the old one as migrated.

mod calling;
mod error;
mod event;
mod memory;
mod own;
mod pending;
mod rows;
mod rules;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use jid::{FullJid, Jid};
use minidom::Element;

pub use error::{ProposalError, ProposalRefusal, ProposeError};
pub use event::{CancelCause, LapseCause, ProposalEvent};
pub use own::OwnProposal;
pub use pending::Proposal;

use crate::{
    ConversationId, Farewell, InitiationMessage, Reason, SessionId,
    idle::IDLE,
    message::{Ending, Finish, Propose},
};
use memory::Memory;
use own::OwnRows;
use pending::Pending;
use rows::Rows;

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
    /// The most ignored, settled or withdrawn proposals that are remembered, of each kind; the oldest is forgotten first: 1000 unless told
    /// otherwise.
    pub memory: usize,
    /// A proposal of ours that nobody answers for so long, or that is answered and not begun, is retracted: 60 s unless told otherwise.
    pub give_up_after: Duration,
    /// The most proposals of our own at one time: 100 unless told otherwise.
    pub limit_own: usize,
    /// The most ringing resources that are told of one proposal of ours: 32 unless told otherwise.
    pub limit_ringing: usize,
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
            give_up_after: Duration::from_secs(60),
            limit_own: 100,
            limit_ringing: 32,
        }
    }
}

/// What happened outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// A message arrived. Payloads that are not Jingle Message Initiation are passed over, so that all may be given here, but for those of
    /// `type="error"`.
    ///
    /// The `proceed`, `accept` or `reject` of another resource of ours, of which a carbon copy tells (XEP-0280), may be given as
    /// if it had been sent to us.
    Message {
        /// Who sent it.
        from: Jid,
        /// One of its payloads.
        payload: Element,
    },
    /// A message of ours came back (`type="error"`).
    Undelivered {
        /// Who sent it back: as a rule, to whom we sent it.
        from: Jid,
        /// The payload that we sent.
        payload: Element,
    },
    /// The instant of [`Output::Timeout`] has come.
    Timeout,
}

/// What to do next.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send a message: no `id` or `from` of its own, and `type` and hints as [the place](crate::message) wants them.
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
    /// What was proposed to us.
    rows: Rows,
    /// What we proposed.
    own: OwnRows,
    ignored: Memory<SessionId>,
    settled: Memory<SessionId>,
    /// By whom something was withdrawn that the table did not hold (any more).
    withdrawn: Memory<(SessionId, Jid)>,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Proposals {
    /// An empty table.
    pub fn new(config: ProposalsConfig, now: Instant) -> Self {
        Self {
            ignored: Memory::new(config.ignore_for, config.memory),
            settled: Memory::new(config.expiry, config.memory),
            withdrawn: Memory::new(config.expiry, config.memory),
            config,
            rows: Rows::default(),
            own: OwnRows::default(),
            outputs: VecDeque::new(),
            now,
        }
    }

    /// Tells the table the full JID that the latest stream bound. Proposals outlive streams.
    pub fn set_local(&mut self, local: FullJid) {
        self.config.local = local;
    }

    /// The pending proposal of this session, if it was proposed to us.
    pub fn proposal(&self, id: &SessionId) -> Option<&Proposal> {
        self.rows.get(id).map(Pending::proposal)
    }

    /// All that is proposed to us, in the order of the ids.
    pub fn iter(&self) -> impl Iterator<Item = &Proposal> {
        self.rows.iter().map(Pending::proposal)
    }

    /// The proposal of this session, if it is ours.
    pub fn own(&self, id: &SessionId) -> Option<&OwnProposal> {
        self.own.get(id).map(|own| &own.proposal)
    }

    /// All that we propose, in the order of the ids.
    pub fn iter_own(&self) -> impl Iterator<Item = &OwnProposal> {
        self.own.iter()
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
            Input::Undelivered { from, payload } => match InitiationMessage::parse(&payload) {
                Some(Ok(InitiationMessage::Propose(propose))) => self.on_uncalled(&from, propose.id),
                Some(Ok(InitiationMessage::Proceed(id))) => self.on_undelivered(&from, id),
                Some(_) | None => {}
            },
            Input::Timeout => {}
        }
    }

    /// The application rings: sends `ringing` to the proposer, once, however often it is called. Not of an offer that nobody proposed:
    /// its session can say so itself.
    ///
    /// It tells the proposer that we are there, and so is for the application to decide (XEP-0353 section 6).
    ///
    /// # Errors
    /// [`ProposalError`], if the proposal is not (or no longer) in the table, or was accepted before.
    pub fn ring(&mut self, now: Instant, id: &SessionId) -> Result<(), ProposalError> {
        self.now = now;
        self.rings(id)
    }

    /// Asks the proposer to begin: sends `proceed` to the JID that proposed. An offer that nobody proposed is here already: of that
    /// one nothing is sent.
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
        if ignore {
            self.ignore(now, id)
        } else {
            self.decline(now, Ending::new(id.clone()))
        }
    }

    /// Declines as [`reject`](Self::reject) does, and says why.
    ///
    /// # Errors
    /// [`ProposalError::Unknown`], if the proposal is not (or no longer) in the table.
    pub fn reject_because(&mut self, now: Instant, id: &SessionId, why: Farewell) -> Result<(), ProposalError> {
        self.now = now;
        self.decline(now, Ending::because(id.clone(), why))
    }

    /// An offer arrived of a session that nobody proposed, from somebody of whom the parent takes such (a gateway). It becomes a row of the
    /// table, told as [`ProposalEvent::Proposed`], which has to be accepted as any other; the parent keeps the offer as long as the row is
    /// there. Repeated offers are told again until the row is accepted. `Ok` means that the table holds the session for this sender.
    ///
    /// # Errors
    /// [`ProposalRefusal`], for which the parent refuses the offer.
    pub fn unsolicited(
        &mut self,
        now: Instant,
        from: Jid,
        id: SessionId,
        conversation: Option<ConversationId>,
        sdp_over_xmpp: bool,
    ) -> Result<(), ProposalRefusal> {
        self.now = now;
        let mut propose = Propose::new(id);
        propose.media.clear();
        propose.conversation = conversation;
        propose.sdp_over_xmpp = sdp_over_xmpp;
        self.on_unsolicited(now, from, propose)
    }

    /// The offer of this session arrived, or the kept one is being answered: the proposal leaves the table and repetitions of it, crossing on
    /// the way, stay unreported. A candidate that comes before its offer needs no call. `None` if the table does not hold it.
    pub fn offered(&mut self, now: Instant, id: &SessionId) -> Option<Proposal> {
        self.now = now;
        let row = self.rows.remove(id)?;
        self.settled.insert(now, id.clone());
        Some(row.into_proposal())
    }

    /// A session of this conversation is connected: what else is proposed for it, by whomever, is cleared.
    pub fn conversation_connected(&mut self, now: Instant, conversation: &ConversationId) {
        self.now = now;
        for id in self.rows.all_of_conversation(conversation) {
            self.settled.insert(now, id.clone());
            self.cancel(id, CancelCause::Connected);
        }
    }

    /// Proposes a session: sends `propose`, to all resources of an account if `to` is its bare JID. The id is the parent's to draw.
    ///
    /// # Errors
    /// [`ProposeError`], if the id cannot be used, if there are too many already, or if we would call ourselves.
    pub fn propose(&mut self, now: Instant, to: Jid, propose: Propose) -> Result<(), ProposeError> {
        self.now = now;
        self.call(now, to, propose)
    }

    /// Sends a proposal of ours again, for those that may not have heard it. The time that it waits for an answer stays as it is.
    ///
    /// # Errors
    /// [`ProposeError`], if there is no such proposal of ours, or if it was answered.
    pub fn repeat(&mut self, now: Instant, id: &SessionId) -> Result<(), ProposeError> {
        self.now = now;
        self.call_again(id)
    }

    /// Takes a proposal of ours back, also after somebody asked us to begin: sends `retract` with the reason `cancel` to whom we proposed.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`], if there is no such proposal of ours.
    pub fn retract(&mut self, now: Instant, id: &SessionId) -> Result<(), ProposeError> {
        self.retract_because(now, id, Reason::Cancel.into())
    }

    /// Takes a proposal of ours back as [`retract`](Self::retract) does, for another reason.
    ///
    /// # Errors
    /// [`ProposeError::Unknown`], if there is no such proposal of ours.
    pub fn retract_because(&mut self, now: Instant, id: &SessionId, why: Farewell) -> Result<(), ProposeError> {
        self.now = now;
        self.take_back(Ending::because(id.clone(), why))
    }

    /// The session that we proposed was initiated: the proposal leaves the table, and its id is not taken for another one. `None` if the table
    /// does not hold it.
    pub fn begun(&mut self, now: Instant, id: &SessionId) -> Option<OwnProposal> {
        self.now = now;
        let own = self.own.remove(id)?;
        self.settled.insert(now, id.clone());
        Some(own.proposal)
    }

    /// The session is over: its id is not taken for another one for a while.
    pub(crate) fn ended(&mut self, now: Instant, id: &SessionId) {
        self.now = now;
        self.settled.insert(now, id.clone());
    }

    /// Whether nothing more becomes of the session, by whom it was rejected, withdrawn or ended.
    pub(crate) fn is_over(&mut self, now: Instant, id: &SessionId, from: &Jid) -> bool {
        let withdrawn = self.withdrawn.contains(now, &(id.clone(), from.clone()));
        withdrawn || self.ignored.contains(now, id) || self.settled.contains(now, id)
    }

    /// Tells the other party, and by carbons and archives all devices of both, that a session which had begun is over (XEP-0353 section
    /// 3.7). The table holds such sessions no more: this is no more than the message.
    pub fn finish(&mut self, now: Instant, to: Jid, finish: Finish) {
        self.now = now;
        self.send(to, &InitiationMessage::Finish(finish));
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more until the next input or command.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let next = [self.rows.next_deadline(), self.own.next_deadline()];
        let next = next.into_iter().flatten().min();
        Output::Timeout(next.unwrap_or(self.now + IDLE))
    }

    fn send(&mut self, to: Jid, message: &InitiationMessage) {
        let payload = message.to_element();
        self.outputs.push_back(Output::Message { to, payload });
    }

    fn tell(&mut self, event: ProposalEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}
