//! The sessions, found by what one looks for: their name, when they want to be woken, whom we are calling. Nothing here goes
//! through all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use jid::Jid;
use minidom::Element;

use crate::{Session, SessionId, Token};

/// The sessions that there are.
#[derive(Debug, Default)]
pub(super) struct Lines {
    lines: BTreeMap<SessionId, Line>,
    /// When each wants to be woken.
    wakes: BTreeSet<(Instant, SessionId)>,
    /// Those that we began and that nobody has answered yet, by who is called.
    calling: BTreeSet<(Jid, SessionId)>,
    /// What overtook its offer.
    overtaken: BTreeMap<SessionId, Overtaken>,
}

#[derive(Debug)]
struct Line {
    session: Session,
    wake: Option<Instant>,
    /// Requests of lower numbers are of an earlier session of the same name.
    first_request: Token,
}

/// What a proposer sent before its offer, acknowledged already.
#[derive(Debug)]
struct Overtaken {
    until: Instant,
    payloads: Vec<Element>,
}

impl Lines {
    pub(super) fn len(&self) -> usize {
        self.lines.len()
    }

    pub(super) fn session(&self, id: &SessionId) -> Option<&Session> {
        self.lines.get(id).map(|line| &line.session)
    }

    pub(super) fn session_mut(&mut self, id: &SessionId) -> Option<&mut Session> {
        self.lines.get_mut(id).map(|line| &mut line.session)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Session> {
        self.lines.values().map(|line| &line.session)
    }

    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.lines.keys().cloned().collect()
    }

    /// Whether it was this session that made the request.
    pub(super) fn made(&self, id: &SessionId, request: Token) -> bool {
        self.lines.get(id).is_some_and(|line| line.first_request <= request)
    }

    /// Takes in a session whose first request will have this number, or a higher one.
    pub(super) fn insert(&mut self, session: Session, first_request: Token) {
        let id = session.id().clone();
        if session.is_calling() {
            self.calling.insert((session.peer().clone(), id.clone()));
        }
        let line = Line {
            session,
            wake: None,
            first_request,
        };
        self.lines.insert(id, line);
    }

    /// Notes what became of a session after it has said all it had to say: when it wants to be woken, or that it is over. Says
    /// whether it is.
    pub(super) fn settle(&mut self, id: &SessionId, wake: Instant) -> bool {
        let Some(line) = self.lines.get_mut(id) else {
            return false;
        };
        if let Some(old) = line.wake.take() {
            self.wakes.remove(&(old, id.clone()));
        }
        if !line.session.is_calling() {
            let call = (line.session.peer().clone(), id.clone());
            self.calling.remove(&call);
        }
        let is_over = line.session.is_ended();
        if is_over {
            self.lines.remove(id);
        } else {
            line.wake = Some(wake);
            self.wakes.insert((wake, id.clone()));
        }
        is_over
    }

    /// The session that wants to be woken first, if its time has come.
    pub(super) fn due(&self, now: Instant) -> Option<SessionId> {
        let (wake, id) = self.wakes.first()?;
        (*wake <= now).then(|| id.clone())
    }

    /// When the next one wants to be woken.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.wakes.first().map(|(wake, _)| *wake)
    }

    /// The first of our unanswered calls to somebody.
    pub(super) fn calling(&self, peer: &Jid) -> Option<&SessionId> {
        let from = (peer.clone(), SessionId::new(""));
        let (called, id) = self.calling.range(from..).next()?;
        (called == peer).then_some(id)
    }

    /// Keeps what overtook its offer, if there is room for it.
    pub(super) fn keep_overtaken(
        &mut self,
        now: Instant,
        keep: Duration,
        (proposals, each): (usize, usize),
        id: &SessionId,
        payload: Element,
    ) -> bool {
        self.overtaken.retain(|_, overtaken| overtaken.until > now);
        let is_full = self.overtaken.len() >= proposals && !self.overtaken.contains_key(id);
        if is_full {
            return false;
        }
        let overtaken = self.overtaken.entry(id.clone()).or_insert_with(|| Overtaken {
            until: now + keep,
            payloads: Vec::new(),
        });
        let has_room = overtaken.payloads.len() < each;
        if has_room {
            overtaken.payloads.push(payload);
        }
        has_room
    }

    /// Takes out what overtook the offer that has come now.
    pub(super) fn take_overtaken(&mut self, now: Instant, id: &SessionId) -> Vec<Element> {
        let overtaken = self.overtaken.remove(id).filter(|overtaken| overtaken.until > now);
        overtaken.map(|overtaken| overtaken.payloads).unwrap_or_default()
    }

    pub(super) fn forget_overtaken(&mut self, id: &SessionId) {
        self.overtaken.remove(id);
    }
}
