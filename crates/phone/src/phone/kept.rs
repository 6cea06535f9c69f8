//! Offers that came before anybody accepted them: without a proposal, or of one that still rings. A gateway's is treated as a
//! proposal that must be accepted, and kept until it is; then the session begins without a `proceed`. Others are refused.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use offhook_jingle::{Dialect, Proposal, Reason, SessionId};
use offhook_xmpp::{self as xmpp, Condition, ErrorKind};

use super::{
    Phone,
    lines::terminate,
    opening::Opening,
    ringing::{Ringing, is_gateway},
};
use crate::event::Event;

/// How many offers are kept; more are refused with `resource-constraint`.
const KEPT: usize = 10;

/// How long one is kept.
const KEPT_FOR: Duration = Duration::from_secs(60);

/// The offers that wait to be accepted, by their sessions.
#[derive(Debug, Default)]
pub(super) struct Kept(BTreeMap<SessionId, Waiting>);

#[derive(Debug)]
struct Waiting {
    until: Instant,
    opening: Opening,
}

impl Kept {
    pub(super) fn next_expiry(&self) -> Option<Instant> {
        self.0.values().map(|waiting| waiting.until).min()
    }

    /// Forgets an offer that nobody will answer any more; says whether there was one.
    pub(super) fn forget(&mut self, session: &SessionId) -> Option<Opening> {
        self.0.remove(session).map(|waiting| waiting.opening)
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn sessions(&self) -> Vec<SessionId> {
        self.0.keys().cloned().collect()
    }
}

impl Phone {
    /// An offer that nobody has accepted.
    pub(super) fn offered_unasked(&mut self, ticket: xmpp::Ticket, opening: Opening) {
        let known = self.proposal(&opening.session);
        let welcome = match known {
            Some(proposal) => proposal.from == opening.from,
            None => is_gateway(&opening.from),
        };
        if !(welcome && self.takes_calls()) {
            return self.refuse_opening(ticket, &opening);
        }
        if self.kept.0.len() >= KEPT && !self.kept.0.contains_key(&opening.session) {
            return self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
        }
        let now = self.now;
        let Some(Ringing { proposals, .. }) = &mut self.ringing else {
            return;
        };
        let admitted = proposals.unsolicited(
            now,
            opening.from.clone(),
            opening.session.clone(),
            opening.conversation.clone(),
            opening.dialect == Dialect::SdpOverXmpp,
        );
        match admitted {
            Ok(()) => {
                self.reply(ticket, xmpp::Reply::Result(None));
                let until = now + KEPT_FOR;
                let waiting = Waiting { until, opening };
                self.kept.0.insert(waiting.opening.session.clone(), waiting);
            }
            Err(refusal) if refusal.is_limit() => {
                tracing::warn!(session = %opening.session, %refusal, "an offer is refused");
                self.refuse(ticket, ErrorKind::Wait, Condition::ResourceConstraint);
            }
            Err(refusal) => {
                tracing::debug!(session = %opening.session, %refusal, "an offer is refused");
                self.refuse_opening(ticket, &opening);
            }
        }
        self.drain_proposals();
    }

    /// Begins a session whose offer is kept, if it is accepted by now.
    pub(super) fn begin_kept(&mut self, session: &SessionId) {
        let accepted = self.proposal(session).is_some_and(|proposal| proposal.accepted);
        if accepted
            && self.takes_calls()
            && self.has_room()
            && let Some(opening) = self.kept.forget(session)
        {
            self.begin(None, opening);
        }
    }

    /// Begins all that were accepted while they could not begin.
    pub(super) fn begin_all_kept(&mut self) {
        for session in self.kept.sessions() {
            self.begin_kept(&session);
        }
    }

    /// The gateway has our acknowledgement of an offer that nobody takes now: it is told so.
    pub(super) fn decline_kept(&mut self, session: &SessionId, reason: Reason) {
        if let Some(opening) = self.kept.forget(session) {
            let rpc = self.ids.next().to_string();
            let payload = terminate(opening.dialect, session, reason, rpc);
            self.farewell(session.clone(), opening.from, payload);
        }
    }

    /// The gateway takes an offer back by which nothing has begun; says whether there was one.
    pub(super) fn withdraw_kept(&mut self, session: &SessionId, from: &jid::Jid) {
        let of_sender = |waiting: &&Waiting| waiting.opening.from == *from;
        if self.kept.0.get(session).filter(of_sender).is_some() {
            self.drop_proposal(session);
        }
    }

    pub(super) fn expire_kept(&mut self) {
        let now = self.now;
        let due = self.kept.0.iter().filter(|(_, waiting)| waiting.until <= now);
        for session in due.map(|(session, _)| session.clone()).collect::<Vec<_>>() {
            self.decline_kept(&session, Reason::Expired);
            // What was also proposed goes on ringing, as long as proposals do.
            let unproposed = |proposal: &Proposal| proposal.unsolicited;
            if self.proposal(&session).is_some_and(unproposed) {
                self.drop_proposal(&session);
            }
        }
    }

    /// What rings under this id rings no more.
    pub(super) fn drop_proposal(&mut self, session: &SessionId) {
        let now = self.now;
        let Some(Ringing { proposals, .. }) = &mut self.ringing else {
            return;
        };
        if proposals.offered(now, session).is_some() {
            self.lines.forget_early(session);
            drop(self.kept.forget(session));
            self.emit(Event::ProposalCancelled(session.clone()));
        }
        self.drain_proposals();
    }
}
