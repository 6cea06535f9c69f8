//! New media for a live call, under the same session id or under another one: offered beside the old
//! ones, which they replace once they are connected.

use std::ops::ControlFlow;
use std::time::Instant;

use offhook_jingle::{ConversationId, Dialect, Reason, SessionId};
use offhook_media::Event;

use super::call::{Call, Flow, Phase, REPEAT};
use super::media::Media;
use super::session::Progress;
use crate::call_state::Ended;
use crate::record::CallEvent;

/// New media for a live call.
#[derive(Debug, Clone, Default)]
pub struct Reinvite {
    /// The conversation that the call belongs to from now on; `None` leaves it.
    pub conversation: Option<ConversationId>,
    /// How often the offer is repeated until it is answered, 200 ms apart.
    pub repeat: u32,
    /// The offer has a new session id, as if the gateway had lost sight of the session that there
    /// is; the client is expected to end that one. In Jingle, which has no word for a conversation,
    /// the new session is proposed first, and always: under the same id there are no new media.
    pub new_session: bool,
    /// The gateway acknowledges the answer and loses it: its new media come to nothing, and the old ones go on.
    pub lose_answer: bool,
}

/// The media that are to replace those of a session.
pub(super) struct Next {
    pub(super) media: Media,
    pub(super) progress: Progress,
    /// The client's description.
    pub(super) remote: String,
    /// The answer is lost.
    pub(super) deaf: bool,
    /// The JSON-RPC id of the offer, the same in every repetition.
    id: String,
    offer: String,
    repetitions: u32,
    repeat_at: Instant,
}

impl Next {
    pub(super) fn deadline(&self) -> Instant {
        let media = self.media.deadline();
        if self.is_repeated() {
            media.min(self.repeat_at)
        } else {
            media
        }
    }

    fn is_repeated(&self) -> bool {
        self.repetitions > 0 && matches!(self.progress, Progress::Offered { .. })
    }
}

impl Call {
    /// Offers new media. A call that has no answer yet has nothing to be replaced.
    pub(super) fn reinvite(&mut self, now: Instant, reinvite: Reinvite) {
        let Phase::Session(session) = &mut self.phase else {
            return tracing::debug!("a call that rings is not reinvited");
        };
        if let Progress::Held { .. } | Progress::Offered { .. } = session.progress {
            return tracing::debug!("a call without an answer is not reinvited");
        }
        if self.signalling.dialect == Dialect::Jingle && !reinvite.new_session {
            return tracing::debug!("a call in Jingle is not reinvited under its session id");
        }
        if let Some(conversation) = reinvite.conversation {
            let former = &self.signalling.conversation;
            self.inner.conversations.rename(former, &conversation);
            self.inner.calls.adopt(&self.signalling.session, &conversation);
            self.signalling.conversation = conversation;
        }
        if reinvite.new_session {
            let session = SessionId::new(self.inner.draw_id());
            self.inner.calls.rename(&self.signalling.session, &session);
            let former = std::mem::replace(&mut self.signalling.session, session);
            self.signalling.former.push(former);
        }
        let config = self.settings.media(&self.inner);
        let seed = self.inner.draw_seed();
        let (media, offer) = Media::offer(config, self.settings.faults.path, seed, now, self.inner.gauge.clone());
        let next = Next {
            media,
            progress: match self.signalling.dialect {
                Dialect::Jingle => Progress::Held { offer: offer.clone() },
                Dialect::SdpOverXmpp => Progress::Offered { candidates: Vec::new() },
            },
            remote: String::new(),
            deaf: reinvite.lose_answer,
            id: self.inner.draw_id(),
            offer,
            repetitions: reinvite.repeat,
            repeat_at: now + REPEAT,
        };
        let replaced = session.next.replace(Box::new(next));
        self.retired.extend(replaced.map(|next| next.media));
        match self.signalling.dialect {
            Dialect::Jingle => self.propose(),
            Dialect::SdpOverXmpp => self.offer_next(),
        }
    }

    /// The client proceeds with the session that is to follow.
    pub(super) fn offer_proposed(&mut self) {
        if let Phase::Session(session) = &mut self.phase
            && let Some(next) = &mut session.next
            && let Progress::Held { .. } = next.progress
        {
            next.progress = Progress::Offered { candidates: Vec::new() };
            self.offer_next();
        }
    }

    /// The client wants no session that is to follow.
    pub(super) fn reject_proposed(&mut self) -> Flow {
        let Phase::Session(session) = &self.phase else {
            return ControlFlow::Continue(());
        };
        match session.next.as_ref().map(|next| &next.progress) {
            Some(Progress::Held { .. }) => self.give_next_up("the client rejects the next session".to_owned()),
            Some(Progress::Offered { .. } | Progress::Answered | Progress::Connected) | None => {
                ControlFlow::Continue(())
            }
        }
    }

    fn offer_next(&self) {
        let Phase::Session(session) = &self.phase else { return };
        let Some(next) = &session.next else { return };
        let words = self.signalling.reinvite(next.offer.clone());
        let id = self.inner.draw_id();
        self.send(
            &session.client,
            self.signalling.request(&id, &next.id, &session.client, words),
        );
    }

    pub(super) fn handle_next_timeout(&mut self, now: Instant) {
        let Phase::Session(session) = &mut self.phase else {
            return;
        };
        let Some(next) = &mut session.next else { return };
        next.media.timeout(now);
        if next.is_repeated() && now >= next.repeat_at {
            next.repetitions -= 1;
            next.repeat_at = now + REPEAT;
            self.offer_next();
        }
    }

    /// Passes on what the new peer connection says; when it is connected, it is the call's.
    pub(super) fn handle_next_media(&mut self, now: Instant) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let Some(next) = &mut session.next else {
            return ControlFlow::Continue(());
        };
        let events = next.media.take_events();
        let client = session.client.clone();
        for event in events {
            match event {
                Event::LocalCandidate { mid, candidate } => self.tell_candidate(&client, mid, candidate),
                Event::EndOfCandidates | Event::Interrupted | Event::Recovered | Event::Digit { .. } => {}
                Event::Connected => self.take_next(now),
                Event::Failed(reason) => {
                    let reason = reason.to_string();
                    self.record(CallEvent::MediaFailed { reason: reason.clone() });
                    return self.give_next_up(reason);
                }
            }
        }
        ControlFlow::Continue(())
    }

    fn take_next(&mut self, now: Instant) {
        let Phase::Session(session) = &mut self.phase else {
            return;
        };
        let Some(next) = session.next.take() else { return };
        let old = std::mem::replace(&mut session.media, next.media);
        session.remote = next.remote;
        session.failed = None;
        let client = session.client.clone();
        self.retired.push(old);
        self.connected(now, &client);
        self.settings.replaced.send_modify(|times| *times += 1);
    }

    /// The old media go on, unless they have failed meanwhile.
    fn give_next_up(&mut self, reason: String) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let next = session.next.take();
        self.retired.extend(next.map(|next| next.media));
        if session.failed.is_none() {
            return ControlFlow::Continue(());
        }
        self.take_leave(Reason::FailedTransport);
        ControlFlow::Break(Ended::MediaFailed { reason })
    }
}
