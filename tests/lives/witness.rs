//! What must hold after everything that happens.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use offhook_jingle::{Reason, SessionId, session::EndedBy};
use offhook_phone::{AttemptId, CallToken, Event, SignallingState, TopicEvent, TopicsToken};
use offhook_tests::desk::Desk;

use crate::cloud::Cloud;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// A memory keeps whole milliseconds, so what is said over a restart is so exact.
const GRAIN: Duration = Duration::from_millis(3);

/// The longest wait without `Retry-After`: the cap, lengthened by a quarter.
const LONGEST_BACKOFF: Duration = Duration::from_millis(112_500);

/// The longest that an attempt takes once its WebSocket was dialled (15 s for the stream, the services, the pings each), or REST
/// asked (30 s) as well.
const ATTEMPT: Duration = s(75);

/// How long the shell lets a WebSocket open.
pub const DIAL: Duration = s(15);

/// How long an application is given for another token, and REST for what it was refused.
const RENEWAL: Duration = s(60);

/// How long a hang-up is owed.
const OWED: Duration = s(600);

/// How long the gateway may have to wait for it on a stream that is well.
const TOLD_WITHIN: Duration = s(30);

/// What is known from outside, kept apart from the client.
#[derive(Debug, Default)]
pub struct Witness {
    /// Attempts by the clock of the world, that of earlier processes too.
    pub attempts: Vec<Duration>,
    seen: usize,
    /// Until when the cloud has asked to be left alone, and how long that may be lengthened.
    pub not_before: Duration,
    pub asked_until: Duration,
    connecting_since: Option<(usize, Instant)>,
    /// The application was asked for a token in this attempt.
    renewed: bool,
    /// It wants a connection and was not told that it has none.
    pub seeking: Option<Seeking>,
    /// When what is open has to be closed.
    pub closed_by: Option<Instant>,
    pub shut_down_by: Option<Instant>,
    /// Which stream has lost its place, and until when it may stand.
    pub superseded: Option<(AttemptId, Instant)>,
    /// When the client agreed to go to another server, and how many attempts it had made.
    transferred: Option<(usize, Instant)>,
    pub tally: Tally,
    shut_down: bool,
    /// Sessions that have not ended.
    pub live: BTreeMap<SessionId, Live>,
    ended: BTreeSet<SessionId>,
    /// Ends that the gateway has yet to hear of, and since when.
    owed: BTreeMap<SessionId, Instant>,
    connected_since: Option<Instant>,
    well_since: Option<Instant>,
    /// Commands that are not answered.
    pub topics: BTreeSet<TopicsToken>,
    pub calls: BTreeSet<CallToken>,
}

/// How often what happened, so that lives are not spent on nothing.
#[derive(Debug, Default)]
pub struct Tally(pub BTreeMap<&'static str, u64>);

impl Tally {
    pub fn count(&mut self, what: &'static str) {
        *self.0.entry(what).or_default() += 1;
    }

    pub fn add(&mut self, other: &Self) {
        for (what, times) in &other.0 {
            *self.0.entry(what).or_default() += times;
        }
    }
}

/// What the application knows of its connection.
#[derive(Debug, Default)]
pub struct Seeking {
    up: bool,
    established: bool,
    /// It has asked for another one while this one closes.
    again: bool,
}

#[derive(Debug, Default)]
pub struct Live {
    /// Its media failed while signalling was away.
    pub gone: Option<Instant>,
    /// The application has ended it.
    pub hung_up: bool,
}

impl Witness {
    /// The process ends, and everything in it.
    pub fn restarted(&mut self) {
        *self = Self {
            attempts: std::mem::take(&mut self.attempts),
            not_before: self.not_before,
            asked_until: self.asked_until,
            tally: std::mem::take(&mut self.tally),
            ..Self::default()
        };
    }

    pub fn connect_asked(&mut self, state: SignallingState) {
        let seeking = self.seeking.get_or_insert_default();
        seeking.again |= self.closed_by.take().is_some() && state == SignallingState::Closing;
    }

    pub fn disconnect_asked(&mut self, now: Instant) {
        self.closed_by.get_or_insert(now + s(5));
        self.transferred = None;
    }

    pub fn transferred(&mut self, now: Instant) {
        self.tally.count("transfers");
        self.transferred = Some((self.seen, now));
    }

    pub fn token_asked(&mut self) {
        self.renewed = true;
    }

    pub fn event(&mut self, now: Instant, event: &Event, cloud: &mut Cloud) {
        assert!(!self.shut_down, "{event:?} after the last event");
        match event {
            Event::Connected { .. } => {
                let seeking = self.seeking.as_mut().expect("nobody wants a connection");
                assert!(!seeking.up, "connected twice");
                (seeking.up, seeking.established) = (true, true);
                self.tally.count("connections");
            }
            Event::Disconnected { reconnecting: true, .. } => {
                let seeking = self.seeking.as_mut().expect("nobody wants a connection");
                assert!(seeking.up || seeking.again, "lost what was not there");
                seeking.up = false;
                seeking.established &= !std::mem::take(&mut seeking.again);
            }
            Event::Disconnected {
                reconnecting: false, ..
            } => {
                let seeking = self.seeking.take().expect("ended twice");
                assert!(seeking.established, "lost what never was there");
                self.tally.count("ends");
            }
            Event::ConnectFailed(_) => {
                let seeking = self.seeking.as_mut().expect("failed twice");
                if !std::mem::take(&mut seeking.again) {
                    assert!(!seeking.up, "failed while it stood");
                    self.seeking = None;
                    self.tally.count("failures to connect");
                }
            }
            Event::SessionStarted { session, .. } => {
                let first = self.live.insert(session.clone(), Live::default()).is_none();
                assert!(first && !self.ended.contains(session), "{session} started twice");
                self.tally.count("sessions");
            }
            Event::SessionEnded {
                session, reason, by, ..
            } => self.session_ended(now, session, *reason, *by, cloud),
            Event::Topics(TopicEvent::Settled { command, .. }) => {
                assert!(self.topics.remove(command), "{command:?} was answered before");
            }
            Event::CallPlaced { call, .. } | Event::CallRefused { call, .. } => {
                assert!(self.calls.remove(call), "{call:?} was answered before");
            }
            Event::ShutDown => self.shut_down = true,
            _ => {}
        }
    }

    fn session_ended(&mut self, now: Instant, id: &SessionId, reason: Reason, by: EndedBy, cloud: &mut Cloud) {
        let live = self.live.remove(id);
        let live = live.unwrap_or_else(|| panic!("{id} ended without having started, or twice"));
        self.ended.insert(id.clone());
        let call = cloud.call(id.as_str()).expect("only the gateway begins calls");
        if !call.over && !call.told {
            self.owed.insert(id.clone(), now);
            if self.connected_since.is_none() {
                self.tally.count("ends while away");
            }
        }
        if reason == Reason::Gone {
            self.tally.count("sessions gone");
        }
        if live.gone.is_some() && !live.hung_up && !call.over && self.shut_down_by.is_none() {
            assert_eq!(
                (reason, by),
                (Reason::Gone, EndedBy::Network),
                "{id}: its media were gone"
            );
        }
    }

    /// A session's media failed.
    pub fn media_failed(&mut self, now: Instant, id: &SessionId, away: bool) {
        if let Some(live) = self.live.get_mut(id).filter(|_| away) {
            live.gone.get_or_insert(now);
        }
    }

    /// New media were offered for those that were gone.
    pub fn media_offered(&mut self, id: &SessionId) {
        if let Some(live) = self.live.get_mut(id) {
            live.gone = None;
        }
    }

    pub fn check(&mut self, desk: &Desk, cloud: &mut Cloud, wall: impl Fn(Instant) -> Duration) {
        self.count_attempts(desk, &wall);
        self.check_signalling(desk, &wall);
        self.check_sessions(desk, cloud);
        assert!(cloud.is_content(), "the client acknowledged what it was not sent");
    }

    fn count_attempts(&mut self, desk: &Desk, wall: &impl Fn(Instant) -> Duration) {
        for attempt in &desk.attempts[self.seen..] {
            let at = wall(attempt.begun);
            if let Some(last) = self.attempts.last() {
                assert!(
                    at + GRAIN >= *last + s(2),
                    "two attempts within {:?}",
                    at.saturating_sub(*last)
                );
            }
            if let Some(first) = self.attempts.len().checked_sub(60) {
                let first = self.attempts[first];
                assert!(at + GRAIN >= first + s(3600), "more than sixty attempts in an hour");
            }
            assert!(
                at + GRAIN >= self.not_before,
                "an attempt {:?} before the server allows it",
                self.not_before - at
            );
            self.attempts.push(at);
            self.tally.count("attempts");
        }
        self.seen = desk.attempts.len();
    }

    fn check_signalling(&mut self, desk: &Desk, wall: &impl Fn(Instant) -> Duration) {
        let now = desk.now;
        let has_socket = desk.stream.is_some() || desk.dialling.is_some();
        let up = self.seeking.as_ref().map(|seeking| seeking.up);
        let state = desk.phone.signalling();
        match state {
            SignallingState::Offline => {
                assert!(up.is_none(), "given up without a word");
                assert!(!has_socket, "a socket is left over");
            }
            SignallingState::Waiting { until } => {
                assert_eq!(up, Some(false));
                assert!(!has_socket, "a socket is left over");
                assert!(until > now, "what is due is not done");
                let hour = self
                    .attempts
                    .len()
                    .checked_sub(60)
                    .map(|first| self.attempts[first] + s(3600));
                let longest = (wall(now) + LONGEST_BACKOFF)
                    .max(self.asked_until)
                    .max(hour.unwrap_or_default());
                if wall(until) > wall(now) + LONGEST_BACKOFF {
                    self.tally.count("long waits");
                }
                assert!(
                    wall(until) <= longest + GRAIN,
                    "waits for {:?}, {:?} too long",
                    until - now,
                    wall(until) - longest
                );
            }
            SignallingState::Connecting => {
                assert_eq!(up, Some(false));
                let begun = match self.connecting_since {
                    Some((attempt, begun)) if attempt == self.seen => begun,
                    Some(_) | None => {
                        self.renewed = false;
                        now
                    }
                };
                self.connecting_since = Some((self.seen, begun));
                let renewal = if self.renewed { RENEWAL } else { Duration::ZERO };
                assert!(
                    now <= begun + ATTEMPT + DIAL + renewal,
                    "an attempt takes {:?}",
                    now - begun
                );
            }
            SignallingState::Connected => {
                assert_eq!(up, Some(true));
                assert!(desk.stream.is_some(), "connected without a socket");
            }
            SignallingState::Closing => assert!(up.is_some() && desk.stream.is_some()),
        }
        if state != SignallingState::Connecting {
            self.connecting_since = None;
        }
        if let Some((attempt, _)) = self.superseded.filter(|(_, by)| *by < now) {
            let same = desk.stream.as_ref().is_some_and(|(current, _)| *current == attempt);
            assert!(
                state != SignallingState::Connected || !same,
                "it stays where it has no place"
            );
            self.superseded = None;
        }
        if let Some((attempts, since)) = self.transferred.take_if(|(attempts, _)| *attempts == self.seen) {
            let hour = self
                .attempts
                .len()
                .checked_sub(60)
                .map(|first| self.attempts[first] + s(3600));
            let allowed = hour.is_none_or(|hour| hour < wall(now));
            assert!(
                !allowed || now <= since + s(60),
                "no attempt within a minute after a transfer"
            );
            self.transferred = up.map(|_| (attempts, since));
        }
        if let Some(by) = self.closed_by.filter(|by| *by <= now) {
            assert_eq!(
                state,
                SignallingState::Offline,
                "disconnected {:?} ago",
                now - by + s(5)
            );
            self.closed_by = None;
        }
        if self.shut_down_by.is_some_and(|by| by <= now) {
            assert!(
                self.shut_down && desk.sessions.is_empty() && !has_socket,
                "the shutdown takes too long"
            );
        }
    }

    fn check_sessions(&mut self, desk: &Desk, cloud: &mut Cloud) {
        let now = desk.now;
        if desk.phone.is_connected() {
            self.connected_since.get_or_insert(now);
        } else {
            self.connected_since = None;
        }
        if self.connected_since.is_some() && cloud.is_well() {
            self.well_since.get_or_insert(now);
        } else {
            self.well_since = None;
        }
        for (id, live) in &self.live {
            let Some(gone) = live.gone else { continue };
            assert!(now <= gone + s(123), "{id} lives on without media");
            let back = self.connected_since.is_some_and(|since| now > since + s(3));
            assert!(!back, "{id} lives on without media though signalling is back");
        }
        let owed = self.owed.len();
        let waits = |id: &SessionId| {
            cloud
                .calls
                .iter()
                .any(|call| call.id == id.as_str() && !call.told && !call.over)
        };
        self.owed.retain(|id, _| waits(id));
        for _ in self.owed.len()..owed {
            self.tally.count("ends told late");
        }
        let (Some(connected), Some(well)) = (self.connected_since, self.well_since) else {
            return;
        };
        for (id, since) in &self.owed {
            let in_time = connected < *since + OWED;
            let waited = well.max(*since) + TOLD_WITHIN < now;
            assert!(!(in_time && waited), "the gateway was never told of the end of {id}");
        }
    }

    /// Whether nothing is left to be told or answered.
    pub fn is_at_rest(&self) -> bool {
        let gone = self.live.values().any(|live| live.gone.is_some());
        !gone && self.owed.is_empty() && self.topics.is_empty() && self.calls.is_empty()
    }

    /// Nothing is left to be answered.
    pub fn check_rest(&self) {
        assert!(
            self.topics.is_empty(),
            "commands about topics were not answered: {:?}",
            self.topics
        );
        assert!(
            self.calls.is_empty(),
            "placed calls were not answered: {:?}",
            self.calls
        );
    }
}
