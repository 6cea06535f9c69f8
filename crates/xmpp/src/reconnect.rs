//! When and how the next attempt to connect is made.
//!
//! [`Reconnect`] is the policy alone: it holds no socket and no token, opens nothing and reads no clock. It is told what
//! became of each attempt and of each connection, and says when the next attempt is due and whether it may use the old
//! notification channel. What a restarted process has to know, so that it does not hammer a server that its predecessor
//! was backing off from, is a [`Memory`] for the application to store.
//!
//! | after | the next attempt is made |
//! |---|---|
//! | [`connect`](Reconnect::connect) | at once |
//! | a connection that had lived | at once |
//! | a failed attempt, or a connection that had not lived | 2 s later, then 4, 8 and so on up to 90, each lengthened by up to a quarter |
//! | a connection transfer | at once, on a new channel |
//! | a refusal, when the application has other credentials | at once |
//! | a refusal otherwise | not before somebody asks for it |
//!
//! Whatever the case, it waits as long as a `Retry-After` asks for (a day at most, and lengthened too), until 2 s after the attempt before,
//! and until there were fewer than sixty within an hour. A success does not wipe out the delay that is remembered: it
//! halves after five times itself, and is forgotten below 2 s or an hour after the last failure.
//!
//! ```
//! use std::time::{Duration, Instant};
//!
//! use offhook_xmpp::reconnect::{
//!     Channel, Failure, FailureKind, Input, Output, Reconnect, ReconnectConfig,
//! };
//!
//! let now = Instant::now();
//! let wall = Duration::from_secs(1_700_000_000);
//! let mut policy = Reconnect::new(ReconnectConfig::default(), None, wall, [0; 32], now);
//! policy.connect(now);
//! assert!(matches!(policy.poll_output(), Output::Remember(_)));
//! assert_eq!(policy.poll_output(), Output::Attempt { channel: Channel::Fresh });
//!
//! // The server is overloaded.
//! policy.handle_input(now, Input::Failed(Failure {
//!     kind: FailureKind::Transient,
//!     retry_after: Some(Duration::from_secs(60)),
//! }));
//! let Output::Remember(memory) = policy.poll_output() else { panic!("a failure is remembered") };
//! let Output::Timeout(at) = policy.poll_output() else { panic!("it waits") };
//! assert!(at - now >= Duration::from_secs(60));
//!
//! // The process ends, and another one begins half a minute later: it waits for the rest.
//! let (now, wall) = (now + Duration::from_secs(30), wall + Duration::from_secs(30));
//! let mut policy = Reconnect::new(ReconnectConfig::default(), Some(memory), wall, [1; 32], now);
//! policy.connect(now);
//! let Output::Timeout(again) = policy.poll_output() else { panic!("it waits") };
//! assert!(again - now >= Duration::from_secs(30));
//! ```

mod attempts;
mod backoff;
mod clock;
mod config;
mod event;
mod memory;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use rand::{SeedableRng as _, rngs::StdRng};
use tracing::debug;

use self::{
    attempts::Attempts,
    backoff::Backoff,
    clock::{Clock, Time},
};
pub use self::{
    config::ReconnectConfig,
    event::{Channel, Failure, FailureKind, GiveUp, Input, Loss, Output, Status},
    memory::Memory,
};

/// How far ahead the timeout lies when nothing is waited for.
const IDLE: Duration = Duration::from_secs(24 * 60 * 60);

/// Decides when the next attempt to connect is made, and on which channel.
///
/// Its methods fall into three classes:
///
/// - **input**: [`handle_input`](Self::handle_input) says what became of attempts and connections;
/// - **commands**: [`connect`](Self::connect) and [`disconnect`](Self::disconnect) say what the application wants;
/// - **output**: [`poll_output`](Self::poll_output) says what to do about it.
///
/// After [`new`](Self::new) and after every input or command, poll until [`Output::Timeout`].
///
/// Inputs speak of the one attempt or connection that is current. What an attempt says after it was cancelled by
/// [`disconnect`](Self::disconnect) must not be passed on once another has begun.
#[derive(Debug)]
pub struct Reconnect {
    config: ReconnectConfig,
    rng: StdRng,
    clock: Clock,
    state: State,
    backoff: Backoff,
    attempts: Attempts,
    channel: Reuse,
    outbox: VecDeque<Output>,
}

#[derive(Debug)]
enum State {
    Idle,
    Waiting {
        until: Time,
        seeking: Seeking,
    },
    Attempting {
        seeking: Seeking,
    },
    Connected {
        since: Time,
        /// When the connection began by the caller's clock.
        at: Instant,
        /// From when on the remembered delay counts towards its next halving.
        delay_since: Time,
    },
}

/// What a row of attempts has come to.
#[derive(Debug, Clone, Copy)]
struct Seeking {
    /// Whether nothing has connected since the application asked for it.
    first: bool,
    /// How many attempts failed since the last connection.
    failed: u32,
}

/// On which channel the next attempt is made.
#[derive(Debug, Clone, Copy)]
enum Reuse {
    Never,
    /// On the old one, which so many attempts have used again.
    After(u32),
}

/// How a connection or an attempt that is over is to be followed up.
#[derive(Debug, Clone, Copy)]
enum End {
    Broken { retry_after: Option<Duration>, hard: bool },
    Refused { retry_after: Option<Duration> },
    Transferred,
    Renewed { retry_after: Option<Duration> },
    ByUs,
}

impl Reconnect {
    /// A policy that wants no connection yet.
    ///
    /// `memory` is what the last process was told to [remember](Output::Remember). `wall` is the time of day at `now`,
    /// since the Unix epoch: it dates the memory and serves for nothing else. The jitter is drawn from `seed`: the same
    /// seed, inputs and commands give the same outputs.
    #[must_use]
    pub fn new(config: ReconnectConfig, memory: Option<Memory>, wall: Duration, seed: [u8; 32], now: Instant) -> Self {
        let clock = Clock::new(now, wall);
        let (backoff, attempts) = memory.unwrap_or_default().recall(&config, clock.time());
        Self {
            config,
            rng: StdRng::from_seed(seed),
            clock,
            state: State::Idle,
            backoff,
            attempts,
            channel: Reuse::Never,
            outbox: VecDeque::new(),
        }
    }

    /// Asks for a connection. The attempt is made at once, unless an earlier one or what is remembered stands against
    /// it. If a connection is wanted already, nothing changes: a wait is not shortened.
    pub fn connect(&mut self, now: Instant) {
        self.advance(now);
        match self.state {
            State::Idle => self.seek(Seeking { first: true, failed: 0 }),
            State::Waiting { .. } | State::Attempting { .. } | State::Connected { .. } => {}
        }
        self.attempt_if_due();
    }

    /// Wants no connection any more: a wait is over, an attempt is cancelled, a connection given up; to close what is
    /// open is the caller's part. The next connection is made on a new channel.
    pub fn disconnect(&mut self, now: Instant) {
        self.advance(now);
        self.rest();
    }

    /// Takes in what happened outside. Time never runs backwards here: an earlier `now` than the last counts as that.
    pub fn handle_input(&mut self, now: Instant, input: Input) {
        self.advance(now);
        match input {
            Input::Connected => self.connected(),
            Input::Failed(failure) => self.ended(End::of_failure(failure)),
            Input::Lost(loss) => self.ended(End::of_loss(loss)),
            Input::Hard => self.channel = Reuse::Never,
            Input::Timeout => {}
            Input::Resumed { asleep } => {
                self.clock.slept(asleep);
                self.halve_if_due();
            }
        }
        self.attempt_if_due();
    }

    /// What to do next. After [`Output::Timeout`] there is nothing more to do until that instant.
    #[must_use]
    pub fn poll_output(&mut self) -> Output {
        self.outbox.pop_front().unwrap_or_else(|| {
            let due = match self.state {
                State::Waiting { until, .. } => Some(until),
                State::Connected { delay_since, .. } => self.backoff.halves_at(delay_since),
                State::Idle | State::Attempting { .. } => None,
            };
            Output::Timeout(due.map_or(self.clock.now() + IDLE, |due| self.clock.instant(due)))
        })
    }

    /// Where things stand.
    pub fn state(&self) -> Status {
        match self.state {
            State::Idle => Status::Idle,
            State::Waiting { until, .. } => Status::Waiting {
                until: self.clock.instant(until),
            },
            State::Attempting { .. } => Status::Attempting,
            State::Connected { at, .. } => Status::Connected { since: at },
        }
    }

    /// What a restarted process must know. It changes when [`Output::Remember`] says so.
    pub fn memory(&self) -> Memory {
        Memory::of(&self.backoff, &self.attempts, self.clock.time())
    }

    fn advance(&mut self, now: Instant) {
        self.clock.advance(now);
        self.halve_if_due();
    }

    fn connected(&mut self) {
        match self.state {
            State::Attempting { .. } => {
                let since = self.clock.time();
                self.state = State::Connected {
                    since,
                    at: self.clock.now(),
                    delay_since: since,
                };
            }
            // An attempt that was abandoned never becomes a connection.
            State::Idle | State::Waiting { .. } | State::Connected { .. } => {}
        }
    }

    /// Follows up the end of the current attempt or connection; without one there is nothing that could end.
    fn ended(&mut self, end: End) {
        let (seeking, lived) = match self.state {
            State::Idle | State::Waiting { .. } => return,
            State::Attempting { seeking } => (seeking, None),
            State::Connected { since, .. } => {
                let lived = self.clock.time().since(since);
                (
                    Seeking {
                        first: false,
                        failed: 0,
                    },
                    Some(lived),
                )
            }
        };
        match end {
            End::Broken { retry_after, hard } => {
                if hard {
                    self.channel = Reuse::Never;
                }
                match lived {
                    Some(lived) if lived >= self.config.lived => self.lost(seeking, retry_after),
                    Some(_) => self.failed(seeking, retry_after),
                    None => self.failed(
                        Seeking {
                            failed: seeking.failed.saturating_add(1),
                            ..seeking
                        },
                        retry_after,
                    ),
                }
            }
            End::Refused { retry_after } => {
                self.pause(retry_after);
                self.give_up(GiveUp::Refused);
            }
            End::Transferred => {
                self.channel = Reuse::Never;
                self.seek(seeking);
            }
            End::Renewed { retry_after } => {
                self.pause(retry_after);
                self.seek(seeking);
            }
            End::ByUs => self.rest(),
        }
    }

    /// A connection that had lived is sought again at once, unless the server asked for patience.
    fn lost(&mut self, seeking: Seeking, retry_after: Option<Duration>) {
        self.pause(retry_after);
        self.seek(seeking);
    }

    fn failed(&mut self, seeking: Seeking, retry_after: Option<Duration>) {
        let now = self.clock.time();
        self.backoff.fail(now, retry_after, &self.config, &mut self.rng);
        self.remember();
        let max = self.config.max_attempts;
        if seeking.first && !self.config.keep_trying {
            self.give_up(GiveUp::FirstAttemptFailed);
        } else if max.is_some_and(|max| seeking.failed >= max.max(1)) {
            let attempts = seeking.failed;
            self.give_up(GiveUp::TooManyAttempts { attempts });
        } else {
            self.seek(seeking);
        }
    }

    fn pause(&mut self, retry_after: Option<Duration>) {
        if let Some(wait) = retry_after {
            let now = self.clock.time();
            self.backoff.pause(now, wait, &self.config, &mut self.rng);
            self.remember();
        }
    }

    /// Waits for the next attempt: at once, but not before a pause is over and the attempts made allow for another.
    fn seek(&mut self, seeking: Seeking) {
        let pause = self.backoff.pause.map(|pause| pause.until());
        let allowed = self.attempts.allow_another_at(&self.config);
        let until = pause.max(allowed).unwrap_or(self.clock.time()).max(self.clock.time());
        debug!(wait = ?until.since(self.clock.time()), failed = seeking.failed, "seeking a connection");
        self.state = State::Waiting { until, seeking };
    }

    fn give_up(&mut self, why: GiveUp) {
        debug!(%why, "gave up");
        self.rest();
        self.outbox.push_back(Output::GaveUp(why));
    }

    fn rest(&mut self) {
        self.state = State::Idle;
        self.channel = Reuse::Never;
    }

    fn attempt_if_due(&mut self) {
        let now = self.clock.time();
        let seeking = match self.state {
            State::Waiting { until, seeking } if until <= now => seeking,
            State::Idle | State::Waiting { .. } | State::Attempting { .. } | State::Connected { .. } => return,
        };
        let channel = match self.channel {
            Reuse::After(reused) if reused < self.config.channel_reuse => {
                self.channel = Reuse::After(reused + 1);
                Channel::Same
            }
            Reuse::After(_) | Reuse::Never => {
                self.channel = Reuse::After(0);
                Channel::Fresh
            }
        };
        self.state = State::Attempting { seeking };
        self.backoff.pause = None;
        self.attempts.record(now, &self.config);
        // Before the attempt, so that a process that dies of it is remembered to have made it.
        self.remember();
        self.outbox.push_back(Output::Attempt { channel });
    }

    /// While connected the remembered delay fades.
    fn halve_if_due(&mut self) {
        let now = self.clock.time();
        let State::Connected { delay_since, .. } = &mut self.state else {
            return;
        };
        let before = self.backoff.delay;
        while let Some(at) = self.backoff.halves_at(*delay_since).filter(|at| *at <= now) {
            self.backoff.halve(&self.config);
            *delay_since = at;
        }
        if self.backoff.delay != before {
            self.remember();
        }
    }

    fn remember(&mut self) {
        self.outbox.push_back(Output::Remember(self.memory()));
    }
}

impl End {
    fn of_failure(failure: Failure) -> Self {
        let Failure { kind, retry_after } = failure;
        match kind {
            FailureKind::Refused => Self::Refused { retry_after },
            FailureKind::Transient => Self::Broken {
                retry_after,
                hard: false,
            },
            FailureKind::TransientHard => Self::Broken {
                retry_after,
                hard: true,
            },
            FailureKind::Renewed => Self::Renewed { retry_after },
        }
    }

    fn of_loss(loss: Loss) -> Self {
        match loss {
            Loss::Dropped { retry_after } => Self::Broken {
                retry_after,
                hard: false,
            },
            Loss::Superseded => Self::Broken {
                retry_after: None,
                hard: true,
            },
            Loss::Transferred => Self::Transferred,
            Loss::ByUs => Self::ByUs,
        }
    }
}
