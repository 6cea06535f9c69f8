//! How much is alive: calls, sockets and tasks, counted by guards that cannot be forgotten.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde::Serialize;
use tokio::sync::watch;

/// What a cloud holds at the moment, besides its listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Live {
    /// Calls that have not ended, and sessions that stay between calls.
    pub calls: usize,
    /// UDP sockets of media.
    pub media_sockets: usize,
    /// Streaming WebSockets.
    pub streams: usize,
    /// Tasks of calls, streams and delayed actions.
    pub tasks: usize,
}

/// What a guard stands for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Call,
    MediaSocket,
    Stream,
    Task,
}

#[derive(Debug, Clone)]
pub(crate) struct Gauge {
    live: Arc<watch::Sender<Live>>,
}

impl Gauge {
    pub(crate) fn new() -> Self {
        Self {
            live: Arc::new(watch::Sender::new(Live::default())),
        }
    }

    pub(crate) fn count(&self, kind: Kind) -> Counted {
        self.live.send_modify(|live| *slot(live, kind) += 1);
        Counted {
            kind,
            live: Arc::clone(&self.live),
        }
    }

    pub(crate) fn live(&self) -> Live {
        *self.live.borrow()
    }

    pub(crate) fn watch(&self) -> watch::Receiver<Live> {
        self.live.subscribe()
    }
}

fn slot(live: &mut Live, kind: Kind) -> &mut usize {
    match kind {
        Kind::Call => &mut live.calls,
        Kind::MediaSocket => &mut live.media_sockets,
        Kind::Stream => &mut live.streams,
        Kind::Task => &mut live.tasks,
    }
}

/// One counted thing; dropping it counts down.
#[derive(Debug)]
pub(crate) struct Counted {
    kind: Kind,
    live: Arc<watch::Sender<Live>>,
}

impl Drop for Counted {
    fn drop(&mut self) {
        let kind = self.kind;
        self.live.send_modify(|live| *slot(live, kind) -= 1);
    }
}

/// Numbers things.
#[derive(Debug, Default)]
pub(crate) struct Counter(AtomicUsize);

impl Counter {
    pub(crate) fn next(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed) as u64
    }
}
