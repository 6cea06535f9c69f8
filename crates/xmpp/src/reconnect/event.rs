//! What goes into the policy and what comes out of it.

use std::time::{Duration, Instant};

use super::Memory;

/// What happened outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// The attempt succeeded: the stream is connected.
    Connected,
    /// The attempt failed.
    Failed(Failure),
    /// The connection ended. Before [`Connected`](Self::Connected) it is a failed attempt.
    Lost(Loss),
    /// The server wants this client on another channel sooner or later: the next reconnect makes a new one.
    Hard,
    /// The instant of the last [`Output::Timeout`] has come.
    Timeout,
    /// The machine slept.
    Resumed {
        /// How much longer it slept than `now` has moved on.
        asleep: Duration,
    },
}

/// How an attempt failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    /// What follows from it.
    pub kind: FailureKind,
    /// How long the server asked to be left alone.
    pub retry_after: Option<Duration>,
}

/// What follows from a failed attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FailureKind {
    /// The server will not have these credentials: trying again is of no use.
    Refused,
    /// It may work the next time.
    Transient,
    /// It may work the next time, on a new channel.
    TransientHard,
    /// The credentials were refused, but the application has others. This is no failure of the connection: the next attempt is
    /// made as soon as two may follow each other.
    Renewed,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It broke, or the server closed it.
    Dropped {
        /// How long the server asked to be left alone.
        retry_after: Option<Duration>,
    },
    /// Another client took over, or the channel is no longer subscribed: the old channel is of no more use.
    Superseded,
    /// The server asked to move to a new channel. This is no failure.
    Transferred,
    /// The application closed it: as after [`Reconnect::disconnect`](super::Reconnect::disconnect), none is sought.
    ByUs,
}

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Make an attempt now, and say how it ended: [`Input::Connected`], [`Input::Failed`] or [`Input::Lost`].
    Attempt {
        /// On which channel.
        channel: Channel,
    },
    /// Store this, in the place of what was stored before, for [`Reconnect::new`](super::Reconnect::new) of the next process.
    Remember(Memory),
    /// No further attempt is made until [`Reconnect::connect`](super::Reconnect::connect).
    GaveUp(GiveUp),
    /// Nothing to do until then: pass [`Input::Timeout`] in at that instant, unless something else happens earlier.
    Timeout(Instant),
}

/// Which notification channel an attempt uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A new one: whatever was subscribed on the old one is gone.
    Fresh,
    /// The one of the attempt before. If that one failed before it had a channel, a new one.
    Same,
}

/// Why no further attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum GiveUp {
    /// [`FailureKind::Refused`].
    #[error("the server refuses these credentials: connect again with others")]
    Refused,
    /// The first attempt failed, and [`ReconnectConfig::keep_trying`](super::ReconnectConfig::keep_trying) is off.
    #[error("the first attempt to connect failed")]
    FirstAttemptFailed,
    /// As many attempts as [`ReconnectConfig::max_attempts`](super::ReconnectConfig::max_attempts) failed in a row.
    #[error("{attempts} attempts to connect failed in a row")]
    TooManyAttempts {
        /// How many.
        attempts: u32,
    },
}

/// Where things stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nobody wants a connection, or it was given up.
    Idle,
    /// The next attempt is made later.
    Waiting {
        /// When.
        until: Instant,
    },
    /// An attempt is being made.
    Attempting,
    /// Connected.
    Connected {
        /// Since when.
        since: Instant,
    },
}
