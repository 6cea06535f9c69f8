//! Our own proposals: sessions that we proposed to somebody and that are not under way yet.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Instant,
};

use jid::{BareJid, FullJid, Jid};

use crate::{SessionId, message::Propose};

/// A session that we proposed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnProposal {
    /// What we proposed.
    pub propose: Propose,
    /// To whom: all resources of an account, or one of them.
    pub to: Jid,
    /// The resources that said that they ring.
    pub ringing: BTreeSet<Jid>,
    /// The resource that asked us to begin: the session is with it.
    pub proceeded: Option<Jid>,
}

/// A row of our own.
#[derive(Debug, Clone)]
pub(super) struct Own {
    pub(super) proposal: OwnProposal,
    /// Who we were when we proposed.
    from: FullJid,
    until: Instant,
}

impl Own {
    pub(super) fn new(from: FullJid, to: Jid, propose: Propose, until: Instant) -> Self {
        let proposal = OwnProposal {
            propose,
            to,
            ringing: BTreeSet::new(),
            proceeded: None,
        };
        Self { proposal, from, until }
    }

    pub(super) fn id(&self) -> &SessionId {
        &self.proposal.propose.id
    }

    /// Whether this one is of the account that we called.
    pub(super) fn is_of_callee(&self, from: &Jid) -> bool {
        from.to_bare() == self.proposal.to.to_bare()
    }

    /// Whether this one may end what we proposed: any resource of the account that we called, and after `proceed` the one that
    /// sent it.
    pub(super) fn is_ended_by(&self, from: &Jid) -> bool {
        match &self.proposal.proceeded {
            None => self.is_of_callee(from),
            Some(by) => by == from,
        }
    }

    /// Whether theirs, proposed to us at the same time, overrules ours: the lower id does, and of equal ids that of the lower JID, by
    /// octets (XEP-0353 section 4.1).
    fn is_overruled_by(&self, id: &SessionId, from: &Jid) -> bool {
        (id.as_str(), from.as_str()) < (self.id().as_str(), self.from.as_str())
    }
}

/// What becomes of a proposal by somebody to whom we proposed something at the same time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TieBreak {
    /// We proposed nothing that nobody answered yet.
    None,
    /// One of ours overrules it.
    Ours,
    /// It overrules all of ours, which are these.
    Theirs(Vec<SessionId>),
}

/// All rows of our own. All maps are ordered, so that the same inputs give the same outputs.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnRows {
    rows: BTreeMap<SessionId, Own>,
    /// Those that nobody answered yet, by the account that we called.
    unanswered: BTreeMap<BareJid, BTreeSet<SessionId>>,
    deadlines: BTreeSet<(Instant, SessionId)>,
}

impl OwnRows {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(super) fn get(&self, id: &SessionId) -> Option<&Own> {
        self.rows.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &OwnProposal> {
        self.rows.values().map(|own| &own.proposal)
    }

    pub(super) fn insert(&mut self, own: Own) {
        let id = own.id().clone();
        let callee = own.proposal.to.to_bare();
        self.unanswered.entry(callee).or_default().insert(id.clone());
        self.deadlines.insert((own.until, id.clone()));
        self.rows.insert(id, own);
    }

    pub(super) fn remove(&mut self, id: &SessionId) -> Option<Own> {
        let own = self.rows.remove(id)?;
        self.deadlines.remove(&(own.until, id.clone()));
        self.answered(id, &own.proposal.to.to_bare());
        Some(own)
    }

    fn answered(&mut self, id: &SessionId, callee: &BareJid) {
        if let Some(ids) = self.unanswered.get_mut(callee) {
            ids.remove(id);
            if ids.is_empty() {
                self.unanswered.remove(callee);
            }
        }
    }

    /// A resource of the account rings. Whether that is news.
    pub(super) fn rings(&mut self, id: &SessionId, by: Jid, limit: usize) -> bool {
        self.rows.get_mut(id).is_some_and(|own| {
            let ringing = &mut own.proposal.ringing;
            ringing.len() < limit && ringing.insert(by)
        })
    }

    /// A resource of the account asks us to begin, and we have until then.
    pub(super) fn proceed(&mut self, id: &SessionId, by: Jid, until: Instant) {
        let Some(own) = self.rows.get_mut(id) else {
            return;
        };
        own.proposal.proceeded = Some(by);
        self.deadlines.remove(&(own.until, id.clone()));
        own.until = until;
        self.deadlines.insert((until, id.clone()));
        let callee = own.proposal.to.to_bare();
        self.answered(id, &callee);
    }

    /// Whether a proposal made to us crossed one that we made to the same account.
    pub(super) fn tie_break(&self, id: &SessionId, from: &Jid) -> TieBreak {
        let Some(ours) = self.unanswered.get(&from.to_bare()) else {
            return TieBreak::None;
        };
        // The lowest of ours decides: what it overrules need not overrule the others.
        let lowest = ours.first().and_then(|lowest| self.rows.get(lowest));
        if lowest.is_some_and(|lowest| lowest.is_overruled_by(id, from)) {
            TieBreak::Theirs(ours.iter().cloned().collect())
        } else {
            TieBreak::Ours
        }
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(at, _)| *at)
    }

    /// A row whose time is over.
    pub(super) fn due(&self, now: Instant) -> Option<SessionId> {
        let (at, id) = self.deadlines.first()?;
        (*at <= now).then(|| id.clone())
    }
}
