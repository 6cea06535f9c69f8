//! The phone: one user's client without its I/O.
//!
//! It judges; the shell carries out. Its parts share the work, each with its own file: `signalling` (from offline to online and
//! back), `login` (what an attempt needs first), `errands` (REST and tokens), `notifications` (topics), `owed` (what outlives a
//! lost stream), `ice` (STUN and TURN servers), `ringing` (proposals), `opening` (how a session begins), `kept` (offers that
//! nobody has accepted), `initiating` (sessions that we propose), `replacing` (a session that takes over from another), `lines`
//! (what becomes of a session), `routing` (which stanza belongs to which session), `outbound` (calls that wait for their
//! proposal), `reporting` (telemetry) and `output` (what the shell is asked to do). Above them all is the softphone: `calls`
//! (what becomes of conversations), `changes` (what the application does with them by REST) and `station`.

mod calls;
mod changes;
mod errands;
mod ice;
mod initiating;
mod kept;
mod kind;
mod lines;
mod login;
mod notifications;
mod opening;
mod outbound;
mod output;
mod owed;
mod replacing;
mod reporting;
mod ringing;
mod routing;
mod signalling;
mod station;

#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use jid::Jid;
use offhook_jingle::{ConversationId, Proposal, Reason, SessionId, session::EndedBy};
use offhook_xmpp::{
    Timeouts,
    reconnect::{Memory, ReconnectConfig},
};
use rand::{Rng, SeedableRng, rngs::StdRng};
use secrecy::SecretString;

use self::{
    calls::Calls, errands::Renewal, ice::Ice, kept::Kept, lines::Lines, notifications::Subscribing, outbound::Outbound,
    owed::Owed, reporting::Reporting, ringing::Ringing, signalling::Signalling,
};
pub use self::{
    changes::CallChange,
    ice::{IcePolicy, IceServer, IceServers},
    initiating::Initiation,
    kind::SessionType,
    login::Login,
    outbound::{CallToken, Destination, OutboundCall},
    output::{AttemptId, ChannelId, DialUrl, Input, Output, SessionReport, SessionStart, StreamCommand, TokenRequest},
    signalling::SignallingState,
    station::Station,
};
use crate::{
    endpoints::Endpoints,
    error::CommandError,
    event::Event,
    rest::{Rest, RestConfig},
    telemetry::Telemetry,
    topics::{self, Topics, TopicsConfig},
};

/// How long an idle phone lets the shell sleep.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Which proposals of gateways are accepted without asking the application. Those of anybody else never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnswerPolicy {
    /// Those of calls that this phone placed; a proposal that comes before the REST reply waits for it.
    pub placed: bool,
    /// Those that ask for it: `inin-autoanswer="true"` and silent set-ups of persistent connections.
    pub auto: bool,
    /// All of them.
    pub always: bool,
}

impl Default for AnswerPolicy {
    /// `placed` and `auto`.
    fn default() -> Self {
        Self {
            placed: true,
            auto: true,
            always: false,
        }
    }
}

/// What a phone is made with.
#[derive(Debug, Clone)]
pub struct PhoneConfig {
    /// Where the cloud is.
    pub endpoints: Endpoints,
    /// Who the user is.
    pub login: Login,
    /// The XMPP resource; without one a UUID is drawn, and kept for the phone's life.
    pub resource: Option<String>,
    /// Which proposals are accepted without asking.
    pub answer: AnswerPolicy,
    /// How many calls may be accepted without asking while others go on; as many as there are unless told otherwise. What is more than
    /// that rings, and is accepted when another call has ended.
    pub calls_at_once: Option<usize>,
    /// How long a proposal rings that is neither taken back nor repeated: 120 s unless told otherwise.
    pub proposal_expiry: Duration,
    /// Whether the phone follows the user's conversations and station by REST and notifications (false). Without it calls are what
    /// sessions show of them.
    pub softphone: bool,
    /// Whether sessions and proposals outlive a lost WebSocket (true). If not, a loss (a connection transfer too, but not
    /// `disconnect`) ends them all: sessions with `connectivity-error`, proposals as cancelled.
    pub survivability: bool,
    /// Whether `connect` goes on after a first attempt that failed (false). A connection that was there once is always
    /// brought back.
    pub keep_trying: bool,
    /// Whether the application has another token when one is refused: it is then asked once, by [`Output::AskToken`].
    pub renew_token: bool,
    /// Who tells the cloud how calls fare; without it nobody does. The shell then measures each session every 5 s
    /// ([`SessionReport::Measured`]).
    pub telemetry: Option<Telemetry>,
    /// When attempts are made.
    pub reconnect: ReconnectConfig,
    /// What a process before this one knew of failures, as [`Output::Remember`] told it.
    pub memory: Option<Memory>,
    /// The wall clock when the phone is made, from the Unix epoch on; it dates the memory, and nothing else.
    pub wall: Duration,
    /// How long streams wait for what.
    pub timeouts: Timeouts,
}

impl PhoneConfig {
    /// The defaults, for a user with an access token: proposals expire after 120 s, placed and self-answering calls are
    /// accepted, sessions survive a lost connection.
    pub fn new(endpoints: Endpoints, token: SecretString) -> Self {
        Self::with_login(endpoints, Login::Token(token))
    }

    /// The defaults, for whoever logs in like this.
    pub fn with_login(endpoints: Endpoints, login: Login) -> Self {
        Self {
            endpoints,
            login,
            resource: None,
            answer: AnswerPolicy::default(),
            calls_at_once: None,
            proposal_expiry: Duration::from_secs(120),
            softphone: false,
            survivability: true,
            keep_trying: false,
            renew_token: false,
            telemetry: None,
            reconnect: ReconnectConfig::default(),
            memory: None,
            wall: Duration::ZERO,
            timeouts: Timeouts::default(),
        }
    }
}

/// What [`Phone::end_all`] ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EndedAll {
    /// The proposals that were refused, or taken back.
    pub proposals: Vec<SessionId>,
    /// The sessions that were told to end.
    pub sessions: Vec<SessionId>,
}

/// Whether the phone is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Life {
    Running,
    /// Waiting for sessions and signalling to end, but no longer than until then.
    ShuttingDown {
        until: Instant,
    },
    Over,
}

/// How long a shutdown may take.
const SHUTDOWN: Duration = Duration::from_secs(5);

/// One user's client, sans-IO.
///
/// Methods fall in four classes. *Getters* look. *Inputs* ([`handle_input`](Self::handle_input)) say what happened
/// outside. *Commands* (`connect`, `place_call`, `accept`, ...) say what the application wants; an `Err` means that
/// nothing has changed. After each input and command, call [`poll_output`](Self::poll_output) until it gives
/// [`Output::Timeout`].
#[derive(Debug)]
pub struct Phone {
    config: PhoneConfig,
    resource: String,
    life: Life,
    signalling: Signalling,
    /// From the first time that the stream was bound.
    ringing: Option<Ringing>,
    lines: Lines,
    owed: Owed,
    /// Offers that wait to be accepted.
    kept: Kept,
    ice: Ice,
    rest: Rest,
    rest_wakes: Instant,
    /// What the application has been asked about another token.
    renewal: Renewal,
    topics: Topics,
    topics_wake: Instant,
    subscribing: Subscribing,
    outbound: Outbound,
    calls: Calls,
    reporting: Reporting,
    outputs: VecDeque<Output>,
    ids: Ids,
    now: Instant,
}

/// Where ids and seeds come from.
#[derive(Debug)]
struct Ids {
    random: StdRng,
    last: u64,
}

impl Ids {
    fn next(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// A UUID of version 4.
    fn uuid(&mut self) -> String {
        let mut bytes = [0; 16];
        self.random.fill_bytes(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid().to_string()
    }

    fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.random.fill_bytes(&mut seed);
        seed
    }
}

impl Phone {
    /// A phone that is offline. Everything random is drawn from `seed`.
    pub fn new(config: PhoneConfig, seed: [u8; 32], now: Instant) -> Self {
        let mut ids = Ids {
            random: StdRng::from_seed(seed),
            last: 0,
        };
        let drawn = ids.uuid();
        Self {
            resource: config.resource.clone().unwrap_or(drawn),
            signalling: Signalling::new(&config, ids.seed(), now),
            rest: Rest::new(RestConfig::default(), config.login.secret().clone(), now),
            rest_wakes: now,
            renewal: Renewal::default(),
            topics: Topics::new(TopicsConfig::default(), now),
            topics_wake: now,
            subscribing: Subscribing::default(),
            reporting: Reporting::new(config.telemetry.clone()),
            config,
            life: Life::Running,
            ringing: None,
            lines: Lines::default(),
            owed: Owed::default(),
            kept: Kept::default(),
            ice: Ice::default(),
            outbound: Outbound::default(),
            calls: Calls::default(),
            outputs: VecDeque::new(),
            ids,
            now,
        }
    }

    /// The sessions that have not ended, each with its conversation.
    pub fn sessions(&self) -> impl Iterator<Item = (&SessionId, Option<&ConversationId>)> {
        self.lines.iter()
    }

    /// The proposals that have no offer yet.
    pub fn proposals(&self) -> impl Iterator<Item = &Proposal> {
        let ringing = self.ringing.iter().flat_map(|ringing| ringing.proposals.iter());
        ringing.chain(self.calls.offered.as_ref())
    }

    /// The session that carries a conversation.
    pub fn session_of(&self, conversation: &ConversationId) -> Option<&SessionId> {
        self.lines
            .iter()
            .find(|(_, carried)| *carried == Some(conversation))
            .map(|(session, _)| session)
    }

    /// Says what happened outside.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.now = self.now.max(now);
        if self.life == Life::Over {
            return;
        }
        match input {
            Input::Reply { id, attempt, result } => self.http_replied(id, attempt, result),
            Input::DialFailed { attempt, error } => self.dial_failed(attempt, error),
            Input::Stream { attempt, event } => self.stream_event(attempt, event),
            Input::Closed {
                attempt,
                reason,
                resumption,
            } => self.stream_closed(attempt, reason, resumption.map(|resumption| *resumption)),
            Input::Token { id, result } => self.token_came(id, result),
            Input::Resumed { asleep } => self.resumed(asleep),
            Input::Session { session, report } => self.session_reported(session, report),
            Input::SessionLost { session } => self.session_lost(&session),
            Input::Timeout => {}
        }
        self.expire();
        self.finish_shutdown();
    }

    /// Starts to connect; an attempt that is under way, or a connection that stands, is left alone. It ends in
    /// [`Event::Connected`] or [`Event::ConnectFailed`]. After failures the attempt waits for its time
    /// ([`signalling`](Self::signalling) says when).
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn connect(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now)?;
        self.open_signalling();
        Ok(())
    }

    /// Closes signalling within five seconds; sessions live on. An attempt that is under way, or waits for its time, ends at
    /// once: the first in [`Event::ConnectFailed`], one to come back in [`Event::Disconnected`].
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn disconnect(&mut self, now: Instant) -> Result<(), CommandError> {
        self.command(now)?;
        self.close_signalling();
        Ok(())
    }

    /// Places a call by REST (`POST conversations/calls`). It ends in [`Event::CallPlaced`] or [`Event::CallRefused`];
    /// the call's proposal may come before either.
    ///
    /// # Errors
    /// When signalling does not stand: the call's proposal could not arrive. And for a guest.
    pub fn place_call(&mut self, now: Instant, call: &OutboundCall) -> Result<CallToken, CommandError> {
        self.command(now)?;
        self.user_only()?;
        if !self.is_connected() {
            return Err(CommandError::NotConnected);
        }
        Ok(self.post_call(call))
    }

    /// Accepts a proposal: `proceed` goes out, and an offer will come (XEP-0353 section 3.2); or the offer that is here already begins
    /// its session. Accepting again does nothing.
    ///
    /// # Errors
    /// When signalling neither stands nor is coming back, or no such proposal rings.
    pub fn accept(&mut self, now: Instant, session: &SessionId) -> Result<(), CommandError> {
        self.command(now)?;
        if self.accept_offered(session)? {
            return Ok(());
        }
        self.accept_proposal(session)?;
        self.begin_kept(session);
        Ok(())
    }

    /// Refuses a proposal, on all clients of the user (`reject` to our own bare JID and to the proposer). With `ignore`
    /// nothing is sent, and its repetitions are not told for six hours.
    ///
    /// # Errors
    /// When signalling neither stands nor is coming back, or no such proposal rings.
    pub fn reject(&mut self, now: Instant, session: &SessionId, ignore: bool) -> Result<(), CommandError> {
        self.command(now)?;
        if self.reject_offered(session, ignore)? {
            return Ok(());
        }
        self.with_proposals(session, |proposals, now, id| proposals.reject(now, id, ignore).is_ok())?;
        if ignore {
            drop(self.kept.forget(session));
        } else {
            self.decline_kept(session, Reason::Decline);
        }
        Ok(())
    }

    /// Ends a session, or refuses the proposal that still has this id, or takes it back if it is ours. A session's end is told by
    /// [`Event::SessionEnded`].
    ///
    /// # Errors
    /// When nothing has this id, or a proposal has it and signalling neither stands nor is coming back.
    pub fn end(&mut self, now: Instant, session: &SessionId, reason: Reason) -> Result<(), CommandError> {
        if self.lines.contains(session) {
            self.command(now)?;
            self.end_session(session.clone(), reason.into(), EndedBy::Local);
            return Ok(());
        }
        if self.is_proposed_by_us(session) {
            return self.cancel(now, session);
        }
        match self.reject(now, session, false) {
            Err(CommandError::UnknownProposal(id)) => Err(CommandError::UnknownSession(id)),
            result => result,
        }
    }

    /// Ends every session and refuses every proposal whose far end is at this address, a full or a bare JID; without one, all. Gives
    /// the proposals and the sessions; the end of each session is told by [`Event::SessionEnded`].
    ///
    /// # Errors
    /// After `shutdown`.
    pub fn end_all(&mut self, now: Instant, peer: Option<&Jid>, reason: Reason) -> Result<EndedAll, CommandError> {
        self.command(now)?;
        let same = |peer: &Jid, far: &Jid| {
            let resource = peer.resource();
            peer.node() == far.node()
                && peer.domain() == far.domain()
                && (resource.is_none() || resource == far.resource())
        };
        let meant = |far: &Jid| peer.is_none_or(|peer| same(peer, far));
        let ringing = self.proposals().filter(|proposal| meant(&proposal.from));
        let mut proposals: Vec<_> = ringing.map(|proposal| proposal.id.clone()).collect();
        let sessions = self.lines.sessions.iter().filter(|(_, line)| meant(&line.peer));
        let sessions: Vec<_> = sessions.map(|(id, _)| id.clone()).collect();
        let own = self.proposed_to(meant);
        proposals.retain(|proposal| self.reject(now, proposal, false).is_ok());
        proposals.extend(own.into_iter().filter(|own| self.cancel(now, own).is_ok()));
        for session in &sessions {
            self.end_session(session.clone(), reason.into(), EndedBy::Local);
        }
        Ok(EndedAll { proposals, sessions })
    }

    /// Ends everything: each session with `success`, then signalling; what still rings is told as cancelled. Then comes
    /// [`Event::ShutDown`], within five seconds, and nothing after it.
    pub fn shutdown(&mut self, now: Instant) {
        self.now = self.now.max(now);
        if self.life == Life::Running {
            for own in self.proposed_to(|_| true) {
                drop(self.cancel(now, &own));
            }
            self.life = Life::ShuttingDown {
                until: self.now + SHUTDOWN,
            };
            let sessions: Vec<_> = self.lines.iter().map(|(id, _)| id.clone()).collect();
            for session in sessions {
                self.end_session(session, Reason::Success.into(), EndedBy::Local);
            }
        }
        self.finish_shutdown();
    }

    /// What to do next; [`Output::Timeout`] when there is nothing more to do before that time.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outputs
            .pop_front()
            .unwrap_or_else(|| Output::Timeout(self.next_timeout()))
    }

    /// What every command begins with.
    fn command(&mut self, now: Instant) -> Result<(), CommandError> {
        if self.life != Life::Running {
            return Err(CommandError::ShutDown);
        }
        self.now = self.now.max(now);
        Ok(())
    }

    fn emit(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }

    /// Lets time pass.
    fn expire(&mut self) {
        for conversation in self.outbound.expire(self.now) {
            self.track(|calls| calls.not_proposed(&conversation));
        }
        self.expire_calls();
        self.lines.expire(self.now);
        self.owed.expire(self.now);
        self.expire_kept();
        self.expire_signalling();
        self.expire_requests();
        self.topics_input(topics::Input::Timeout);
        self.expire_proposals();
        self.post_records();
    }

    fn next_timeout(&self) -> Instant {
        let shutdown = match self.life {
            Life::Over => return self.now + IDLE,
            Life::ShuttingDown { until } => Some(until),
            Life::Running => None,
        };
        let ringing = self.ringing.as_ref().map(|ringing| ringing.wake);
        let signalling = Some(self.signalling.next_timeout());
        let wakes = [
            ringing,
            signalling,
            shutdown,
            Some(self.rest_wakes),
            Some(self.topics_wake),
            self.renewal.due(),
            self.outbound.next_expiry(),
            self.calls.next_expiry(),
            self.lines.next_expiry(),
            self.kept.next_expiry(),
            self.next_report(),
        ];
        wakes.into_iter().flatten().min().unwrap_or(self.now + IDLE)
    }

    /// Takes the next step of a shutdown that is under way.
    fn finish_shutdown(&mut self) {
        let Life::ShuttingDown { until } = self.life else {
            return;
        };
        let late = until <= self.now;
        if late {
            self.abandon_sessions();
            self.abandon_signalling();
        } else if !self.lines.is_empty() {
            return;
        }
        self.close_signalling();
        if self.signalling.is_offline() {
            self.life = Life::Over;
            self.drop_proposals();
            self.emit(Event::ShutDown);
        }
    }
}
