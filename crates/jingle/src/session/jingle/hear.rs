//! What a stanza of the peer means.

use minidom::Element;

use crate::{
    Candidate, Reason,
    sdp::mid_of,
    session::{
        Refusal, SessionConfig, SessionEvent,
        early::Trickled,
        heard::{Change, Heard, HeardOffer, Words},
        states::State,
        terms::{self, Side},
    },
    stanza::{Action, Application, Content, Farewell, Info, Jingle, JingleError, Role, Rtp, Senders, Transport},
};

/// What the stanza says to whoever has this role, after what was said before.
pub(in crate::session) fn hear(
    config: &SessionConfig,
    role: Role,
    state: &State,
    payload: &Element,
) -> Result<Heard, Refusal> {
    let jingle = Jingle::parse_within(payload, &config.limits.jingle).map_err(Refusal::MalformedJingle)?;
    if jingle.sid != config.id {
        return Err(Refusal::OtherSession);
    }
    let hearing = Hearing {
        config,
        role,
        state,
        action: jingle.action,
        stanza: payload,
    };
    hearing.understand(jingle)
}

/// The action by which an offer of the peer came.
pub(in crate::session) fn action_of(change: &Change) -> Action {
    match change {
        Change::Session => Action::SessionInitiate,
        Change::Contents(_) => Action::ContentAdd,
        Change::Transport => Action::TransportReplace,
        Change::Restart => Action::TransportInfo,
        Change::Terms => Action::ContentModify,
    }
}

struct Hearing<'a> {
    config: &'a SessionConfig,
    role: Role,
    state: &'a State,
    action: Action,
    stanza: &'a Element,
}

impl Hearing<'_> {
    fn understand(&self, jingle: Jingle) -> Result<Heard, Refusal> {
        let Jingle {
            contents,
            groups,
            reason,
            info,
            ..
        } = jingle;
        match self.action {
            Action::SessionInitiate => self.initiated(Side::new(contents, groups)),
            Action::SessionAccept => self.accepted(Side::new(contents, groups)),
            Action::SessionTerminate => Ok(Heard::Terminate(reason.unwrap_or(Farewell::new(Reason::Success)))),
            Action::SessionInfo => self.told(info),
            Action::TransportInfo => self.trickled(contents),
            Action::TransportReplace => self.transport_replaced(contents),
            Action::TransportAccept => {
                let remote = self.known()?.with_transports(contents);
                Ok(self.answered(Change::Transport, remote))
            }
            Action::TransportReject => Ok(self.declined(Change::Transport)),
            Action::ContentAdd => self.contents_added(contents),
            Action::ContentAccept => self.contents_accepted(contents),
            Action::ContentReject => {
                let names = contents.into_iter().map(|content| content.name);
                Ok(self.declined(Change::Contents(names.collect())))
            }
            Action::ContentModify => self.changed(contents, |own, new| {
                own.senders = new.senders;
                Ok(())
            }),
            Action::ContentRemove => self.contents_removed(&contents),
            Action::DescriptionInfo => self.changed(contents, |own, new| self.described(own, new)),
            Action::SecurityInfo => Err(Refusal::UnsupportedAction { action: self.action }),
        }
    }

    /// What the peer has said of its side.
    fn known(&self) -> Result<&Side, Refusal> {
        let out_of_order = Refusal::OutOfOrder { action: self.action };
        self.state.remote().ok_or(out_of_order)
    }

    /// The version of the next description of the peer.
    fn version(&self) -> u64 {
        self.state.dialogue().map_or(0, |dialogue| dialogue.terms.version) + 1
    }

    fn offered(&self, change: Change, remote: Side, trickled: Vec<Trickled>) -> Result<Heard, Refusal> {
        let limit = self.config.limits.contents;
        if remote.contents.len() > limit {
            return Err(Refusal::TooManyContents { limit });
        }
        Ok(Heard::Offer(Box::new(HeardOffer {
            mark: String::new(),
            conversation: None,
            sdp: remote.sdp(self.role.other(), self.version()),
            change,
            remote,
            trickled,
            stanza: Some(self.stanza.clone()),
        })))
    }

    fn answered(&self, change: Change, remote: Side) -> Heard {
        Heard::Answer {
            change,
            sdp: remote.sdp(self.role.other(), self.version()),
            remote,
            action: self.action,
        }
    }

    fn declined(&self, change: Change) -> Heard {
        Heard::Declined {
            change,
            action: self.action,
        }
    }

    fn initiated(&self, remote: Side) -> Result<Heard, Refusal> {
        if self.role == Role::Initiator {
            return Err(Refusal::OutOfOrder { action: self.action });
        }
        if remote.contents.is_empty() {
            return Err(Refusal::NothingSaid { action: self.action });
        }
        self.offered(Change::Session, remote, Vec::new())
    }

    fn accepted(&self, remote: Side) -> Result<Heard, Refusal> {
        if self.role == Role::Responder {
            return Err(Refusal::OutOfOrder { action: self.action });
        }
        if remote.contents.is_empty() {
            return Err(Refusal::NothingSaid { action: self.action });
        }
        let remote = match self.state.local() {
            Some(local) => remote.in_answer_to(local),
            None => remote,
        };
        Ok(self.answered(Change::Session, remote))
    }

    /// XEP-0166 section 6.8; without a payload it asks whether we are still there.
    fn told(&self, info: Option<Info>) -> Result<Heard, Refusal> {
        let muted = |muted, name: Option<String>| SessionEvent::RemoteMuted {
            muted,
            mid: name.map(|name| mid_of(&name)),
        };
        let event = match info {
            None => return Ok(Heard::Nothing),
            Some(Info::Ringing) => SessionEvent::RemoteRinging,
            Some(Info::Active) => SessionEvent::RemoteActive,
            Some(Info::Hold) => SessionEvent::RemoteHeld { held: true },
            Some(Info::Unhold) => SessionEvent::RemoteHeld { held: false },
            Some(Info::Mute { name, .. }) => muted(true, name),
            Some(Info::Unmute { name, .. }) => muted(false, name),
            Some(Info::Unknown { name, namespace }) => return Err(Refusal::UnsupportedInfo { name, namespace }),
        };
        Ok(Heard::News(event))
    }

    /// XEP-0176 section 5.5. New credentials restart ICE; an old `ufrag` says what a candidate belongs to.
    fn trickled(&self, contents: Vec<Content>) -> Result<Heard, Refusal> {
        let trickled = contents.iter().flat_map(candidates).collect();
        match self.state.remote() {
            Some(known) if contents.iter().any(|content| self.restarts(known, content)) => {
                let mut remote = known.clone();
                for content in contents {
                    restart(&mut remote, content);
                }
                self.offered(Change::Restart, Side::new(remote.contents, remote.groups), trickled)
            }
            Some(_) | None => Ok(Heard::Trickled(trickled)),
        }
    }

    /// Whether the content names credentials that are not those that hold, and never were.
    fn restarts(&self, known: &Side, content: &Content) -> bool {
        let new = content.ice().and_then(terms::credentials);
        let own = known.content(&content.name).and_then(Content::ice);
        let past = self.state.dialogue().map(|dialogue| &dialogue.past);
        new.is_some_and(|new| {
            let is_past = past.is_some_and(|past| past.knows_ufrag(new.ufrag()));
            !is_past && own.is_some_and(|own| terms::credentials(own) != Some(new))
        })
    }

    /// XEP-0166 section 7.2.15.
    fn transport_replaced(&self, contents: Vec<Content>) -> Result<Heard, Refusal> {
        let known = self.known()?;
        let content = self.known_contents(known, &contents)?;
        match &content.transport {
            Some(Transport::Ice(_)) => {
                let remote = known.with_transports(contents);
                self.offered(Change::Transport, remote, Vec::new())
            }
            Some(Transport::Other(_)) => {
                let rejected = Jingle {
                    contents,
                    reason: Some(Farewell::new(Reason::UnsupportedTransports)),
                    ..Jingle::new(Action::TransportReject, self.config.id.clone())
                };
                Ok(Heard::Unacceptable(Words::Jingle(rejected)))
            }
            None => Err(Refusal::NothingSaid { action: self.action }),
        }
    }

    /// XEP-0166 section 7.2.2. A content that carries nothing any more makes room for another of its name.
    fn contents_added(&self, contents: Vec<Content>) -> Result<Heard, Refusal> {
        let mut remote = self.known()?.clone();
        if contents.is_empty() {
            return Err(Refusal::NothingSaid { action: self.action });
        }
        let names = contents.iter().map(|content| content.name.clone()).collect();
        for content in contents {
            match remote.contents.iter().position(|known| known.name == content.name) {
                Some(at) if remote.contents[at].senders == Senders::None => remote.contents[at] = content,
                Some(_) => return Err(Refusal::WrongContent { name: content.name }),
                None => remote.contents.push(content),
            }
        }
        let remote = Side::new(remote.contents, remote.groups);
        self.offered(Change::Contents(names), remote, Vec::new())
    }

    /// XEP-0166 section 7.2.1. What was offered and is not accepted is declined.
    fn contents_accepted(&self, contents: Vec<Content>) -> Result<Heard, Refusal> {
        let offered = match self.state {
            State::Offering(offering) => match &offering.ours.change {
                Change::Contents(names) => Some((names, &offering.ours.local)),
                Change::Session | Change::Transport | Change::Restart | Change::Terms => None,
            },
            State::AwaitingOffer(_)
            | State::Offered(_)
            | State::Answering(_)
            | State::Answered(_)
            | State::Ending(_)
            | State::Ended => None,
        };
        if contents.is_empty() {
            return Err(Refusal::NothingSaid { action: self.action });
        }
        let mut remote = self.known()?.clone();
        if let Some((names, _)) = offered
            && let Some(other) = contents.iter().find(|content| !names.contains(&content.name))
        {
            let name = other.name.clone();
            return Err(Refusal::WrongContent { name });
        }
        for content in contents {
            match remote.content_mut(&content.name) {
                Some(known) => *known = content,
                None => remote.contents.push(content),
            }
        }
        let remote = match offered {
            Some((_, local)) => remote.in_answer_to(local),
            None => Side::new(remote.contents, remote.groups),
        };
        Ok(self.answered(Change::Contents(Vec::new()), remote))
    }

    /// XEP-0166 section 7.2.4. The content stays as one that carries nothing, so that descriptions keep their order.
    fn contents_removed(&self, contents: &[Content]) -> Result<Heard, Refusal> {
        let mut remote = self.known()?.clone();
        self.known_contents(&remote, contents)?;
        for removed in contents {
            if let Some(content) = remote.content_mut(&removed.name) {
                content.senders = Senders::None;
            }
        }
        if remote.contents.iter().all(|content| content.senders == Senders::None) {
            return Ok(Heard::Emptied);
        }
        self.offered(Change::Terms, remote, Vec::new())
    }

    fn changed(
        &self,
        contents: Vec<Content>,
        change: impl Fn(&mut Content, Content) -> Result<(), Refusal>,
    ) -> Result<Heard, Refusal> {
        let mut remote = self.known()?.clone();
        self.known_contents(&remote, &contents)?;
        for content in contents {
            if let Some(own) = remote.content_mut(&content.name) {
                change(own, content)?;
            }
        }
        self.offered(Change::Terms, remote, Vec::new())
    }

    /// XEP-0166 section 7.2.7 and XEP-0167 section 7.2: what is said replaces what was said of the same.
    fn described(&self, own: &mut Content, new: Content) -> Result<(), Refusal> {
        match (&mut own.description, new.description) {
            (Some(Application::Rtp(own)), Some(Application::Rtp(new))) => {
                merge(own, new);
                self.check_sources(own)
            }
            (own, Some(new)) => {
                *own = Some(new);
                Ok(())
            }
            (_, None) => Err(Refusal::NothingSaid { action: self.action }),
        }
    }

    /// The other lists cannot grow: they are replaced, or are of payload types, which are few.
    fn check_sources(&self, rtp: &Rtp) -> Result<(), Refusal> {
        let (what, limit) = ("sources", self.config.limits.jingle.entries);
        if rtp.sources.len() > limit {
            return Err(Refusal::MalformedJingle(JingleError::TooMany { what, limit }));
        }
        Ok(())
    }

    /// The first of the contents, all of which have to be known.
    fn known_contents<'c>(&self, known: &Side, contents: &'c [Content]) -> Result<&'c Content, Refusal> {
        if let Some(unknown) = contents.iter().find(|content| known.content(&content.name).is_none()) {
            let name = unknown.name.clone();
            return Err(Refusal::WrongContent { name });
        }
        contents.first().ok_or(Refusal::NothingSaid { action: self.action })
    }
}

/// What a content of `transport-info` trickles. A candidate is marked with the `ufrag` of its transport, which says which ICE it
/// belongs to.
fn candidates(content: &Content) -> Vec<Trickled> {
    let Some(ice) = content.ice() else {
        return Vec::new();
    };
    let mid = mid_of(&content.name);
    let marked = |candidate: &Candidate| {
        let mut candidate = candidate.clone();
        candidate.ufrag = candidate.ufrag.or_else(|| ice.ufrag.clone());
        Trickled::Candidate {
            mid: Some(mid.clone()),
            candidate: candidate.to_string(),
        }
    };
    let end = ice.gathering_complete.then(|| Trickled::End {
        ufrag: ice.ufrag.clone(),
    });
    ice.candidates.iter().map(marked).chain(end).collect()
}

/// The contents that are bundled with it share its transport, and so its new credentials.
fn restart(remote: &mut Side, content: Content) {
    let old = remote
        .content(&content.name)
        .and_then(Content::ice)
        .and_then(terms::credentials);
    let Some(new) = content.ice().cloned() else {
        return;
    };
    for own in &mut remote.contents {
        if let Some(Transport::Ice(ice)) = &mut own.transport
            && terms::credentials(ice) == old
        {
            ice.ufrag.clone_from(&new.ufrag);
            ice.pwd.clone_from(&new.pwd);
            ice.candidates.clear();
            ice.gathering_complete = false;
            if !new.fingerprints.is_empty() {
                ice.fingerprints.clone_from(&new.fingerprints);
            }
        }
    }
}

fn merge(own: &mut Rtp, new: Rtp) {
    for payload_type in new.payload_types {
        match own.payload_types.iter_mut().find(|own| own.id == payload_type.id) {
            Some(own) => *own = payload_type,
            None => own.payload_types.push(payload_type),
        }
    }
    for source in new.sources {
        match own.sources.iter_mut().find(|own| own.ssrc == source.ssrc) {
            Some(own) => *own = source,
            None => own.sources.push(source),
        }
    }
    if !new.source_groups.is_empty() {
        own.source_groups = new.source_groups;
    }
    if !new.extensions.is_empty() {
        own.extensions = new.extensions;
    }
    own.ssrc = new.ssrc.or(own.ssrc);
}
