//! How a session that is gone without having ended is heard of.

use actix::Addr;
use offhook_jingle::SessionId;

use crate::supervisor::{SessionLost, Supervisor};

/// Tells the supervisor that the session is gone without having ended: a panic drops the actor too.
pub(crate) struct Obituary {
    session: SessionId,
    pub(super) supervisor: Addr<Supervisor>,
    /// The session ended properly; there is nothing to tell.
    pub(super) settled: bool,
}

impl Obituary {
    pub(crate) fn new(session: SessionId, supervisor: Addr<Supervisor>) -> Self {
        Self {
            session,
            supervisor,
            settled: false,
        }
    }
}

impl Drop for Obituary {
    fn drop(&mut self) {
        if !self.settled {
            self.supervisor.do_send(SessionLost(self.session.clone()));
        }
    }
}
