//! What an application knows of its sessions, from events and from what it did itself: enough to give sensible commands.

use std::collections::BTreeMap;

use offhook_jingle::{
    Dialect, EndpointEvent, Generation, SessionEvent, SessionId,
    session::{DeclineCause, OfferKind},
    stanza::{Role, Senders},
};

use super::{
    wire,
    words::{Terms, Transport},
};

#[derive(Debug, Default)]
pub struct App {
    pub sessions: BTreeMap<SessionId, Known>,
    /// All generations that were ever told, by their numbers.
    generations: BTreeMap<u32, Generation>,
}

/// A session that has not ended.
#[derive(Debug)]
pub struct Known {
    pub role: Role,
    pub dialect: Dialect,
    /// The latest media.
    pub generation: Generation,
    /// Its offer waits for our answer.
    pub offered: Option<(OfferKind, Terms)>,
    /// Ours waits for an answer.
    pub offering: Option<Terms>,
    pub local: Option<Terms>,
    pub remote: Option<Terms>,
    /// The media to which a declined offer goes back.
    before: Generation,
    /// Nobody answered an offer of new media in time. Nothing takes it back, so whoever answers it late does so for nothing.
    pub gave_up: bool,
}

impl Known {
    pub fn is_settled(&self) -> bool {
        self.offered.is_none() && self.offering.is_none()
    }

    /// A fitting answer to the offer that waits; `fresh` numbers new transports.
    pub fn answer(&self, fresh: u32, agrees: bool) -> Terms {
        let transport = Transport {
            ice: fresh,
            print: fresh,
        };
        let begins = Terms {
            transport,
            senders: Senders::Both,
            line: 0,
            second: None,
        };
        let Some((kind, offered)) = self.offered else {
            return begins;
        };
        let own = self.local.unwrap_or(begins);
        let transport = match kind {
            OfferKind::Initial | OfferKind::Reinvite => transport,
            OfferKind::Restart => Transport {
                print: own.transport.print,
                ..transport
            },
            OfferKind::Renegotiation => own.transport,
        };
        let second = offered
            .second
            .map(|offered| if agrees { offered } else { Senders::None });
        Terms {
            transport,
            second,
            ..own
        }
    }

    pub fn answered(&mut self, local: Terms) {
        if let Some((_, remote)) = self.offered.take() {
            self.remote = Some(remote);
            self.local = Some(local);
            self.before = self.generation;
        }
    }

    pub fn declined(&mut self) {
        if self.offered.take().is_some() {
            self.generation = self.before;
        }
    }

    pub fn offers(&mut self, generation: Generation, local: Terms) {
        self.offering = Some(local);
        self.generation = generation;
    }
}

impl App {
    pub fn begins(&mut self, id: &SessionId, role: Role, dialect: Dialect, offer: Option<Terms>) {
        let known = Known {
            role,
            dialect,
            generation: Generation::FIRST,
            offered: None,
            offering: offer,
            local: None,
            remote: None,
            before: Generation::FIRST,
            gave_up: false,
        };
        self.sessions.insert(id.clone(), known);
    }

    /// A generation by its number.
    pub fn generation(&self, number: u32) -> Generation {
        self.generations.get(&number).copied().unwrap_or(Generation::FIRST)
    }

    pub fn role(&self, id: &SessionId) -> Role {
        self.sessions
            .get(id)
            .expect("events come between the beginning and the end")
            .role
    }

    pub fn on_event(&mut self, event: &EndpointEvent) {
        let (id, event) = match event {
            EndpointEvent::Proposal(_) => return,
            EndpointEvent::Started {
                session, role, dialect, ..
            } => return self.begins(session, *role, *dialect, None),
            EndpointEvent::Session { session, event } => (session, event),
        };
        let Some(known) = self.sessions.get_mut(id) else {
            panic!("{id} is over, or never began: {event:?}");
        };
        let by = known.role.other();
        match event {
            SessionEvent::Offer { generation, sdp, kind } => {
                assert!(*generation >= known.generation, "no number goes to two media");
                self.generations.insert(generation.number(), *generation);
                known.offered = Some((*kind, wire::terms(sdp, by)));
                known.generation = *generation;
            }
            SessionEvent::Answer { generation, sdp } => {
                let local = known.offering.take().expect("only offers are answered");
                known.local = Some(local);
                known.remote = Some(wire::terms(sdp, by));
                known.generation = *generation;
                known.before = *generation;
            }
            SessionEvent::OfferDeclined { cause, .. } => {
                let offering = known.offering.take().expect("only offers are declined");
                known.generation = known.before;
                let held = known.local.expect("a first offer is not declined");
                known.gave_up |= offering.transport != held.transport && *cause == DeclineCause::TimedOut;
            }
            SessionEvent::RemoteCandidate { generation, .. } | SessionEvent::RemoteEndOfCandidates { generation } => {
                let has_them = *generation == known.generation || *generation == known.before;
                assert!(has_them, "candidates of media that nobody has");
            }
            SessionEvent::Ended { .. } => drop(self.sessions.remove(id)),
            SessionEvent::ConversationChanged { .. }
            | SessionEvent::AnswerAcknowledged { .. }
            | SessionEvent::RemoteRinging
            | SessionEvent::RemoteActive
            | SessionEvent::RemoteHeld { .. }
            | SessionEvent::RemoteMuted { .. }
            | SessionEvent::Redirected { .. } => {}
        }
    }
}
