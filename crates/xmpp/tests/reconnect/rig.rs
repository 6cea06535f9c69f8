//! A policy with its clocks, and shorthands for what befalls it.

use std::time::{Duration, Instant};

use offhook_xmpp::reconnect::{
    Channel, Failure, FailureKind, GiveUp, Input, Loss, Memory, Output, Reconnect, ReconnectConfig, Status,
};

/// The time of day when a rig starts: 14 November 2023.
pub const WALL: Duration = Duration::from_secs(1_700_000_000);

pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Without jitter, so that waits are exact.
pub fn exact() -> ReconnectConfig {
    let mut config = ReconnectConfig::default();
    config.jitter = 0.0;
    config
}

/// Where virtual time begins.
#[expect(
    clippy::disallowed_methods,
    reason = "an `Instant` cannot be had otherwise; only differences count"
)]
fn origin() -> Instant {
    Instant::now()
}

pub struct Rig {
    pub policy: Reconnect,
    pub now: Instant,
    /// The time of day.
    pub wall: Duration,
    /// What came out since [`Rig::take`], `Timeout` aside.
    pub outputs: Vec<Output>,
    /// The memory as it was stored last.
    pub stored: Option<Memory>,
    /// The last `Timeout`.
    pub until: Instant,
    /// When attempts were made.
    pub attempts: Vec<Duration>,
    seed: u8,
}

impl Rig {
    pub fn new(config: ReconnectConfig) -> Self {
        Self::started(config, None, WALL, 0)
    }

    pub fn started(config: ReconnectConfig, memory: Option<Memory>, wall: Duration, seed: u8) -> Self {
        let now = origin();
        let mut rig = Self {
            policy: Reconnect::new(config, memory.clone(), wall, [seed; 32], now),
            now,
            wall,
            outputs: Vec::new(),
            stored: memory,
            until: now,
            attempts: Vec::new(),
            seed,
        };
        rig.drain();
        rig
    }

    /// Another process takes over, `down` later, with what is stored.
    pub fn restarted(&mut self, config: ReconnectConfig, down: Duration) {
        let attempts = std::mem::take(&mut self.attempts);
        *self = Self::started(config, self.stored.clone(), self.wall + down, self.seed.wrapping_add(1));
        self.attempts = attempts;
    }

    pub fn connect(&mut self) {
        self.policy.connect(self.now);
        self.drain();
    }

    pub fn disconnect(&mut self) {
        self.policy.disconnect(self.now);
        self.drain();
    }

    pub fn input(&mut self, input: Input) {
        self.policy.handle_input(self.now, input);
        self.drain();
    }

    pub fn fails(&mut self, kind: FailureKind, retry_after: Option<Duration>) {
        self.input(Input::Failed(Failure { kind, retry_after }));
    }

    /// A passing failure.
    pub fn fails_again(&mut self) {
        self.fails(FailureKind::Transient, None);
    }

    pub fn connects(&mut self) {
        self.input(Input::Connected);
    }

    /// The connection lives so long and drops then.
    pub fn lives(&mut self, lived: Duration) {
        self.passes(lived);
        self.input(Input::Lost(Loss::Dropped { retry_after: None }));
    }

    /// Time passes, with a `Timeout` whenever one is due.
    pub fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while self.until <= end {
            self.advance(self.until);
            self.input(Input::Timeout);
        }
        self.advance(end);
    }

    /// How long it is to the next attempt, and on which channel that is made. Time passes until then.
    pub fn next_attempt(&mut self) -> (Duration, Channel) {
        let start = self.now;
        loop {
            if let Some(channel) = self.attempted() {
                return (self.now - start, channel);
            }
            assert!(
                matches!(self.policy.state(), Status::Waiting { .. }),
                "an attempt is due: {:?}",
                self.policy.state()
            );
            self.advance(self.until);
            self.input(Input::Timeout);
        }
    }

    /// The attempt that was asked for, if there was one. What came before it is forgotten.
    pub fn attempted(&mut self) -> Option<Channel> {
        let at = self
            .outputs
            .iter()
            .position(|output| matches!(output, Output::Attempt { .. }))?;
        match self.outputs.drain(..=at).next_back() {
            Some(Output::Attempt { channel }) => Some(channel),
            _ => None,
        }
    }

    pub fn gave_up(&self) -> Option<GiveUp> {
        self.outputs.iter().find_map(|output| match output {
            Output::GaveUp(why) => Some(*why),
            Output::Attempt { .. } | Output::Remember(_) | Output::Timeout(_) => None,
        })
    }

    pub fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.outputs)
    }

    fn advance(&mut self, to: Instant) {
        self.wall += to.saturating_duration_since(self.now);
        self.now = self.now.max(to);
    }

    fn drain(&mut self) {
        loop {
            match self.policy.poll_output() {
                Output::Timeout(at) => {
                    self.until = at;
                    return;
                }
                Output::Remember(memory) => {
                    assert_eq!(memory, self.policy.memory());
                    self.stored = Some(memory.clone());
                    self.outputs.push(Output::Remember(memory));
                }
                Output::Attempt { channel } => {
                    self.attempts.push(self.wall);
                    self.outputs.push(Output::Attempt { channel });
                }
                Output::GaveUp(why) => self.outputs.push(Output::GaveUp(why)),
            }
        }
    }
}
