//! Everything of one account in one value: its proposals, its sessions, and which stanza belongs to which.
//!
//! That is what a program embeds that makes calls over an XMPP connection of its own. Whoever runs each session elsewhere, in an actor
//! or on a thread, keeps [`Proposals`] and [`Session`]s apart and routes by [`Envelope`](crate::Envelope) itself.

mod exchange;
mod index;
mod outputs;
mod routing;

#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Instant};

use jid::{FullJid, Jid};
use rand::{Rng, SeedableRng, rngs::StdRng};

pub use outputs::{EndpointError, EndpointEvent, Input, Output};

use crate::{
    Dialect, Proposals, ProposalsConfig, Session, SessionConfig, SessionId,
    message::{Finish, Propose},
    proposals,
    session::{self, Limits, Timers},
    stanza::Farewell,
};
use exchange::Exchange;
use index::Lines;

/// What becomes of a call that nobody proposed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unsolicited {
    /// It is refused with `service-unavailable`.
    #[default]
    Refuse,
    /// It becomes a session, as is usual among clients of plain XMPP servers.
    Take,
}

/// How an endpoint behaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointConfig {
    /// Its own proposals, and those made to it; with our own full JID.
    pub proposals: ProposalsConfig,
    /// What becomes of a call that nobody proposed.
    pub unsolicited: Unsolicited,
    /// The most sessions at one time; further ones are refused with `resource-constraint`: 1000 unless told otherwise.
    pub sessions: usize,
    /// The most proposals for which candidates are kept that overtook their offer: 10 unless told otherwise. How many and how
    /// long is said by [`Limits::early_candidates`] and [`Timers::early_candidate`].
    pub overtaken: usize,
    /// The most messages that wait for signalling to come back; further ones are dropped: 256 unless told otherwise.
    pub held: usize,
    /// How much a peer may ask each session to hold.
    pub limits: Limits,
    /// How long each session waits.
    pub timers: Timers,
}

impl EndpointConfig {
    /// The defaults for this JID.
    pub fn new(local: FullJid) -> Self {
        Self {
            proposals: ProposalsConfig::new(local),
            unsolicited: Unsolicited::default(),
            sessions: 1000,
            overtaken: 10,
            held: 256,
            limits: Limits::default(),
            timers: Timers::default(),
        }
    }
}

/// One account's proposals and sessions. See the [module](self).
///
/// Give it inputs and commands, and after each drain [`Endpoint::poll_output`] until [`Output::Timeout`].
#[derive(Debug)]
pub struct Endpoint {
    config: EndpointConfig,
    proposals: Proposals,
    /// When the proposals want to be woken.
    proposals_wake: Instant,
    lines: Lines,
    exchange: Exchange,
    random: StdRng,
    outputs: VecDeque<Output>,
    now: Instant,
}

impl Endpoint {
    /// An endpoint without calls. All ids that it draws come from `seed`.
    pub fn new(config: EndpointConfig, seed: [u8; 32], now: Instant) -> Self {
        let proposals = Proposals::new(config.proposals.clone(), now);
        let mut endpoint = Self {
            proposals,
            proposals_wake: now,
            lines: Lines::default(),
            exchange: Exchange::default(),
            config,
            random: StdRng::from_seed(seed),
            outputs: VecDeque::new(),
            now,
        };
        endpoint.drain_proposals();
        endpoint
    }

    /// Tells it the full JID that the latest stream bound. Sessions and proposals outlive streams.
    pub fn set_local(&mut self, local: FullJid) {
        self.config.proposals.local = local.clone();
        self.proposals.set_local(local);
    }

    /// The proposals that have no offer yet.
    pub fn proposals(&self) -> &Proposals {
        &self.proposals
    }

    /// A session that has not ended.
    pub fn session(&self, id: &SessionId) -> Option<&Session> {
        self.lines.session(id)
    }

    /// The sessions that have not ended, in the order of their ids.
    pub fn sessions(&self) -> impl Iterator<Item = &Session> {
        self.lines.iter()
    }

    /// Takes in what happened.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = now;
        self.pass_time();
        match input {
            Input::Message { from, payload } => {
                let input = proposals::Input::Message { from, payload };
                self.proposals.handle_input(now, input);
                self.drain_proposals();
            }
            Input::Request { ticket, from, payload } => self.route(ticket, from, payload),
            Input::Response { token, outcome } => {
                if let Some((id, token)) = self
                    .exchange
                    .answered(token)
                    .filter(|(id, _)| self.lines.made(id, token))
                {
                    self.tell_session(&id, session::Input::Response { token, outcome });
                }
            }
            Input::SignallingLost => {
                self.exchange.lose();
                self.tell_all(&session::Input::SignallingLost);
            }
            Input::SignallingRestored => {
                let held = self.exchange.restore();
                self.outputs.extend(held);
                self.tell_all(&session::Input::SignallingRestored);
            }
            Input::Timeout => {}
        }
    }

    /// Proposes a call (XEP-0353 section 3.1) to all resources of an account, or to one, and returns the name of the session that
    /// may come of it. When a resource has proceeded, [`begin`](Self::begin) it.
    ///
    /// # Errors
    /// [`EndpointError::Propose`], if there are too many proposals of ours, or we would call ourselves.
    pub fn propose(&mut self, now: Instant, to: Jid, mut propose: Propose) -> Result<SessionId, EndpointError> {
        self.now = now;
        propose.id = self.draw_id();
        let id = propose.id.clone();
        self.proposals.propose(now, to, propose)?;
        self.drain_proposals();
        Ok(id)
    }

    /// Takes a proposal of ours back.
    ///
    /// # Errors
    /// [`EndpointError::Propose`], if there is no such proposal any more.
    pub fn retract(&mut self, now: Instant, id: &SessionId) -> Result<(), EndpointError> {
        self.with_proposals(now, |proposals| proposals.retract(now, id))
    }

    /// Lets the proposer of a call begin it; its offer is told as an event of the session.
    ///
    /// # Errors
    /// [`EndpointError::Proposal`], if there is no such proposal, or it was accepted before.
    pub fn accept(&mut self, now: Instant, id: &SessionId) -> Result<(), EndpointError> {
        self.with_proposals(now, |proposals| proposals.accept(now, id))
    }

    /// Declines a proposal; with `ignore` nobody is told.
    ///
    /// # Errors
    /// [`EndpointError::Proposal`], if there is no such proposal.
    pub fn reject(&mut self, now: Instant, id: &SessionId, ignore: bool) -> Result<(), EndpointError> {
        self.lines.forget_overtaken(id);
        self.with_proposals(now, |proposals| proposals.reject(now, id, ignore))
    }

    /// Tells the proposer of a call that it rings here.
    ///
    /// # Errors
    /// [`EndpointError::Proposal`], if there is no such proposal.
    pub fn ring(&mut self, now: Instant, id: &SessionId) -> Result<(), EndpointError> {
        self.with_proposals(now, |proposals| proposals.ring(now, id))
    }

    /// Tells the other party of a proposed session, and by carbons and archives all devices of both, that it is over (XEP-0353
    /// section 3.7).
    pub fn finish(&mut self, now: Instant, to: Jid, finish: Finish) {
        self.now = now;
        self.proposals.finish(now, to, finish);
        self.drain_proposals();
    }

    /// Begins a session that was proposed by us, with whoever proceeded.
    ///
    /// # Errors
    /// [`EndpointError`], if nobody has proceeded, there are too many sessions, or the offer cannot be used.
    pub fn begin(&mut self, now: Instant, id: &SessionId, offer: &str) -> Result<(), EndpointError> {
        self.now = now;
        let own = self.proposals.own(id);
        let proceeded = own.and_then(|own| Some((&own.propose, own.proceeded.clone()?)));
        let (propose, peer) = proceeded.ok_or_else(|| EndpointError::NotProceeded { id: id.clone() })?;
        let mut config = self.session_config(id.clone(), routing::dialect_of(propose.sdp_over_xmpp), peer);
        config.conversation.clone_from(&propose.conversation);
        self.initiate(config, offer)?;
        self.proposals.begun(now, id);
        self.drain_proposals();
        Ok(())
    }

    /// Begins a session that nobody proposed.
    ///
    /// # Errors
    /// [`EndpointError`], if there are too many sessions, or the offer cannot be used.
    pub fn call(&mut self, now: Instant, peer: Jid, dialect: Dialect, offer: &str) -> Result<SessionId, EndpointError> {
        self.now = now;
        let id = self.draw_id();
        let config = self.session_config(id.clone(), dialect, peer);
        self.initiate(config, offer)?;
        Ok(id)
    }

    /// Gives a command to a session: [`answer`](Session::answer), [`local_candidate`](Session::local_candidate) and the like.
    ///
    /// # Errors
    /// [`EndpointError::UnknownSession`], if there is no such session (any more). What the command itself says is its own.
    pub fn with_session<R>(
        &mut self,
        now: Instant,
        id: &SessionId,
        command: impl FnOnce(&mut Session, Instant) -> R,
    ) -> Result<R, EndpointError> {
        self.now = now;
        let session = self.lines.session_mut(id);
        let session = session.ok_or_else(|| EndpointError::UnknownSession { id: id.clone() })?;
        let result = command(session, now);
        self.drain_session(id);
        Ok(result)
    }

    /// Ends all sessions, and takes back or rejects all proposals.
    pub fn end_all(&mut self, now: Instant, farewell: &Farewell) {
        for id in self.lines.ids() {
            // One that is ending already is left to it.
            drop(self.with_session(now, &id, |session, now| session.end_with(now, farewell.clone())));
        }
        let proposed: Vec<_> = self.proposals.iter().map(|proposal| proposal.id.clone()).collect();
        for id in proposed {
            drop(self.reject(now, &id, false));
        }
        let own: Vec<_> = self.proposals.iter_own().map(|own| own.propose.id.clone()).collect();
        for id in own {
            drop(self.retract(now, &id));
        }
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more until the next input or command.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        if let Some(output) = self.outputs.pop_front() {
            return output;
        }
        let lines = self.lines.wake();
        Output::Timeout(lines.map_or(self.proposals_wake, |wake| wake.min(self.proposals_wake)))
    }

    fn session_config(&self, id: SessionId, dialect: Dialect, peer: Jid) -> SessionConfig {
        SessionConfig {
            local: Some(self.config.proposals.local.clone()),
            limits: self.config.limits,
            timers: self.config.timers,
            ..SessionConfig::new(id, dialect, peer)
        }
    }

    fn initiate(&mut self, config: SessionConfig, offer: &str) -> Result<(), EndpointError> {
        self.check_room()?;
        let seed = self.draw_seed();
        let initiate = if self.exchange.is_lost() {
            Session::initiate_later
        } else {
            Session::initiate
        };
        let session = initiate(config, seed, self.now, offer)?;
        self.start(session);
        Ok(())
    }

    fn check_room(&self) -> Result<(), EndpointError> {
        let limit = self.config.sessions;
        if self.lines.len() < limit {
            Ok(())
        } else {
            Err(EndpointError::TooManySessions { limit })
        }
    }

    fn start(&mut self, mut session: Session) {
        let started = self.announce(&mut session);
        self.enter(session, started);
    }

    /// A session as it is before anything is said in it; the event is due when it is entered.
    fn announce(&self, session: &mut Session) -> EndpointEvent {
        if self.exchange.is_lost() {
            session.handle_input(self.now, session::Input::SignallingLost);
        }
        EndpointEvent::Started {
            session: session.id().clone(),
            peer: session.peer().clone(),
            role: session.role(),
            dialect: session.dialect(),
            conversation: session.conversation().cloned(),
        }
    }

    fn enter(&mut self, session: Session, started: EndpointEvent) {
        let id = session.id().clone();
        self.tell(started);
        self.lines.insert(session, self.exchange.next());
        self.drain_session(&id);
    }

    fn draw_id(&mut self) -> SessionId {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        SessionId::new(uuid::Builder::from_random_bytes(bytes).into_uuid().to_string())
    }

    fn draw_seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        seed
    }

    fn tell(&mut self, event: EndpointEvent) {
        self.outputs.push_back(Output::Event(event));
    }
}
