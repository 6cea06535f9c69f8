//! Sessions that stay between calls, as a station may have it (`webRtcPersistentEnabled`): the user's next call is told by
//! the conversation alone, is picked up by REST, and has the session that there is.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jid::{FullJid, Jid};
use offhook_jingle::{ConversationId, Reason, SessionId};
use tokio::sync::{mpsc, watch};

use super::CallInput;
use super::call::{Call, Flow, Phase};
use super::session::Progress;
use super::sound::Sound;
use crate::call_state::{CallState, Ended};
use crate::config::User;
use crate::inner::Inner;
use crate::record::CallEvent;

/// What a session is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// Its call.
    Call,
    /// A call that rings, and was not picked up.
    Ringing,
    /// The next call.
    None,
}

/// A session that has been without a call.
struct Line {
    client: FullJid,
    gateway: FullJid,
    session: SessionId,
    /// Of the call that comes next; `None` while there is one.
    next: Option<u32>,
    sender: mpsc::Sender<CallInput>,
}

/// The sessions that have been without a call, by their users' ids.
#[derive(Default)]
pub(crate) struct Lines(Mutex<HashMap<String, Vec<Line>>>);

/// What a call has before anybody knows of which session.
pub(crate) struct NextCall {
    pub(super) conversation: ConversationId,
    pub(super) sound: Sound,
    pub(super) state: watch::Sender<CallState>,
    pub(super) ring: Duration,
    pub(super) duration: Option<Duration>,
    pub(super) undelivered: Arc<AtomicU64>,
    pub(super) replaced: watch::Sender<u32>,
}

/// The way to a call's session.
pub(super) struct Way {
    pub(super) gateway: FullJid,
    pub(super) session: SessionId,
    /// How many calls the session had before.
    pub(super) number: u32,
    pub(super) sender: mpsc::Sender<CallInput>,
    /// The task that is still to be run; `None` if it runs.
    pub(super) call: Option<Box<Call>>,
}

/// What is left of a call whose session stays.
pub(super) struct Over {
    sound: Sound,
    state: watch::Sender<CallState>,
    session: SessionId,
    ended: Ended,
}

impl Lines {
    /// Rings on a session of the user that has no call, if there is one whose client is connected.
    pub(super) fn ring(&self, inner: &Inner, user: &User, next: Box<NextCall>) -> Result<Way, Box<NextCall>> {
        if !inner.stations.of_user(&user.id).is_some_and(|it| it.persistent) {
            return Err(next);
        }
        let connected = inner.hub.connected(&user.id);
        let mut lines = crate::lock(&self.0);
        let mut own = lines.get_mut(&user.id).into_iter().flatten();
        let Some(line) = own.find(|line| line.next.is_some() && connected.contains(&line.client)) else {
            return Err(next);
        };
        let number = line.next.take().unwrap_or_default();
        match line.sender.try_send(CallInput::Next { number, next }) {
            Ok(()) => Ok(Way {
                gateway: line.gateway.clone(),
                session: line.session.clone(),
                number,
                sender: line.sender.clone(),
                call: None,
            }),
            Err(error) => match error.into_inner() {
                CallInput::Next { next, .. } => Err(next),
                CallInput::Stanza { .. } | CallInput::Command { .. } => unreachable!("it was not sent"),
            },
        }
    }

    /// The way to the session with this address of the gateway.
    pub(super) fn of_address(&self, address: &Jid) -> Option<mpsc::Sender<CallInput>> {
        let lines = crate::lock(&self.0);
        let mut lines = lines.values().flatten();
        let found = lines.find(|line| line.gateway.as_str() == address.as_str())?;
        Some(found.sender.clone())
    }

    fn has_one(&self, user: &str) -> bool {
        let lines = crate::lock(&self.0);
        let mut own = lines.get(user).into_iter().flatten();
        own.any(|line| line.next.is_some())
    }

    fn add(&self, user: &str, line: Line) {
        let mut lines = crate::lock(&self.0);
        let own = lines.entry(user.to_owned()).or_default();
        own.retain(|known| known.gateway != line.gateway);
        own.push(line);
    }

    /// The session with this address of the gateway is over.
    pub(super) fn remove(&self, user: &str, gateway: &FullJid) {
        let mut lines = crate::lock(&self.0);
        if let Some(own) = lines.get_mut(user) {
            own.retain(|line| line.gateway != *gateway);
            if own.is_empty() {
                lines.remove(user);
            }
        }
    }
}

impl std::fmt::Debug for NextCall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NextCall")
            .field("conversation", &self.conversation)
            .finish_non_exhaustive()
    }
}

impl NextCall {
    /// It comes to nothing, since the session that it was to have is gone.
    pub(super) fn fail(self) {
        let reason = "the session was lost that it should have had".to_owned();
        self.state.send_replace(CallState::Ended(Ended::MediaFailed { reason }));
    }
}

impl Call {
    /// Whether the session stays when its call is over. One of a user's is enough.
    fn stays(&self) -> bool {
        let Phase::Session(session) = &self.phase else {
            return false;
        };
        let user = &self.signalling.user;
        let station = self.inner.stations.of_user(user);
        matches!(session.progress, Progress::Connected)
            && station.is_some_and(|station| station.persistent)
            && !self.inner.lines.has_one(user)
    }

    /// The gateway's side ends the call: its session stays, or ends with it.
    pub(super) fn hang_up(&mut self, reason: Reason) -> Flow {
        match (&self.phase, self.usage) {
            (Phase::Ringing { .. }, _) => {
                self.take_leave(reason);
                ControlFlow::Break(Ended::Retracted)
            }
            (Phase::Session(_), Usage::Ringing) => self.keep(Ended::Retracted),
            (Phase::Session(_), Usage::Call) if self.stays() => self.keep(Ended::HungUp { reason }),
            (Phase::Session(_), Usage::Call | Usage::None) => {
                self.take_leave(reason);
                ControlFlow::Break(Ended::HungUp { reason })
            }
        }
    }

    /// The time is over that the session has for what it is there for.
    pub(super) fn time_is_up(&mut self) -> Flow {
        match self.usage {
            Usage::Call | Usage::None => self.hang_up(Reason::Success),
            Usage::Ringing => self.keep(Ended::Unanswered),
        }
    }

    /// The call is over, and the session waits for the next one.
    fn keep(&mut self, ended: Ended) -> Flow {
        let until = Instant::now() + self.inner.config.gateway.keep_session;
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        // The table of calls has this one, which has not ended.
        let Some(sender) = self.sender.upgrade() else {
            return ControlFlow::Break(ended);
        };
        session.until = Some(until);
        self.usage = Usage::None;
        self.number += 1;
        let line = Line {
            client: session.client.clone(),
            gateway: self.signalling.gateway.clone(),
            session: self.signalling.session.clone(),
            next: Some(self.number),
            sender,
        };
        self.over.push(Over {
            sound: std::mem::replace(&mut self.sound, Sound::of_nobody()),
            state: std::mem::replace(&mut self.state, watch::Sender::new(CallState::Ringing)),
            session: self.signalling.session.clone(),
            ended,
        });
        self.inner.lines.add(&self.signalling.user, line);
        ControlFlow::Continue(())
    }

    /// The next call rings on the session.
    pub(super) fn ring(&mut self, now: Instant, number: u32, next: NextCall) {
        let Phase::Session(session) = &mut self.phase else {
            return next.fail();
        };
        session.until = Some(now + next.ring);
        self.usage = Usage::Ringing;
        self.number = number;
        self.signalling.conversation = next.conversation;
        self.sound = next.sound;
        self.state = next.state;
        self.settings.duration = next.duration;
        self.settings.undelivered = next.undelivered;
        self.settings.replaced = next.replaced;
        self.record(CallEvent::RingsOnSession);
    }

    /// The user picks up.
    pub(super) fn pick_up(&mut self, now: Instant) {
        let Phase::Session(session) = &mut self.phase else {
            return tracing::debug!("a call that is proposed is picked up by a `proceed`");
        };
        if self.usage != Usage::Ringing {
            return;
        }
        session.until = self.settings.duration.map(|duration| now + duration);
        self.usage = Usage::Call;
        let client = session.client.clone();
        self.record(CallEvent::PickedUp);
        self.state.send_replace(CallState::Connected { client });
    }
}

impl Over {
    /// Frees everything, and then tells how it ended.
    pub(super) async fn finish(self, inner: &Inner) {
        self.sound.finish().await;
        let how = self.ended.to_string();
        inner.recorder.call(&self.session, CallEvent::Ended { how });
        inner.recorder.call(&self.session, CallEvent::SessionKept);
        self.state.send_replace(CallState::Ended(self.ended));
    }
}
