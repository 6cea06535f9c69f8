//! What clients say to a call, and what it answers.

use std::ops::ControlFlow;
use std::time::Instant;

use jid::FullJid;
use minidom::Element;
use offhook_jingle::Reason;

use super::call::{Call, Flow, Phase};
use super::session::Progress;
use super::signalling::Said;
use super::words::Asked;
use crate::call_state::{CallState, Ended};
use crate::record::CallEvent;
use crate::stanza;

impl Call {
    pub(super) fn handle_stanza(&mut self, now: Instant, from: &FullJid, stanza: &Element) -> Flow {
        let said = self.signalling.read(stanza);
        let client = match &self.phase {
            Phase::Ringing { .. } => None,
            Phase::Session(session) => Some(&session.client),
        };
        match (said, client) {
            (Said::Proceed, None) => {
                self.begin(now, from.clone());
                ControlFlow::Continue(())
            }
            (Said::Reject, None) => ControlFlow::Break(Ended::Rejected),
            // Again, since its proposal was repeated, or with the session that is to follow.
            (Said::Proceed, Some(client)) if client == from => {
                self.offer_proposed();
                ControlFlow::Continue(())
            }
            (Said::Reject, Some(client)) if client == from => self.reject_proposed(),
            // Another client was too late, and learns it from the winner's `accept`.
            (Said::Proceed | Said::Reject, Some(_)) => ControlFlow::Continue(()),
            (Said::Request(asked), Some(client)) if client == from => self.handle_request(now, stanza, asked),
            (Said::Refused(id, condition), Some(client)) if client == from => {
                self.change_refused(now, &id, &condition);
                self.refused(&id, condition)
            }
            (Said::Acknowledged(id), Some(client)) if client == from => {
                self.change_acknowledged(now, &id);
                ControlFlow::Continue(())
            }
            (Said::Left(session, reason), Some(client)) if client == from => {
                self.record(CallEvent::Left { session, reason });
                self.acknowledge(from, stanza);
                ControlFlow::Continue(())
            }
            (Said::Request(_) | Said::Left(..) | Said::Unreadable, _) => {
                if stanza::is_request(stanza) {
                    self.send(from, stanza::no_such_session(stanza));
                }
                ControlFlow::Continue(())
            }
            (Said::Nothing | Said::Refused(..) | Said::Acknowledged(_), _) => ControlFlow::Continue(()),
        }
    }

    /// A call whose offer is refused has come to nothing.
    fn refused(&self, id: &str, condition: String) -> Flow {
        match &self.phase {
            Phase::Session(session) if session.offer_id.as_deref() == Some(id) => {
                ControlFlow::Break(Ended::OfferRefused { condition })
            }
            Phase::Session(_) | Phase::Ringing { .. } => ControlFlow::Continue(()),
        }
    }

    pub(super) fn handle_request(&mut self, now: Instant, request: &Element, asked: Asked) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let client = session.client.clone();
        match asked {
            Asked::Answer(sdp) if session.change.is_some() => self.change_answered(now, &sdp),
            Asked::Turn(direction) => return self.client_turns(now, &client, request, direction),
            Asked::Restart { ufrag, password } => {
                return self.client_restarts(now, &client, request, &ufrag, &password);
            }
            Asked::Answer(sdp) => {
                return self.take_answer(now, &client, request, &sdp);
            }
            Asked::Candidates(candidates) => {
                let refused = candidates.into_iter();
                let refused = refused.filter_map(|candidate| session.take_candidate(now, candidate).err());
                for reason in refused.collect::<Vec<_>>() {
                    self.record(CallEvent::Unusable { reason });
                }
            }
            Asked::Info(status) => self.record(CallEvent::Info { status }),
            Asked::Muted(muted) => self.record(CallEvent::ClientMuted { muted }),
            Asked::End(reason) => {
                self.send(&client, stanza::result(request, None));
                return ControlFlow::Break(Ended::Terminated { reason });
            }
            Asked::Unfit => {
                self.send(&client, stanza::error(request, "modify", "bad-request"));
                return ControlFlow::Continue(());
            }
        }
        self.acknowledge(&client, request);
        ControlFlow::Continue(())
    }

    /// Applies the answer and the candidates that waited for it. A second answer changes nothing.
    pub(super) fn take_answer(&mut self, now: Instant, client: &FullJid, request: &Element, sdp: &str) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        if session.next.as_ref().is_some_and(|next| next.deaf) {
            self.acknowledge(client, request);
            return ControlFlow::Continue(());
        }
        let is_first = session.next.is_none();
        let (progress, media, remote) = match &mut session.next {
            Some(next) => (&mut next.progress, &mut next.media, &mut next.remote),
            None => (&mut session.progress, &mut session.media, &mut session.remote),
        };
        if let Progress::Offered { candidates } = progress {
            let candidates = std::mem::take(candidates);
            if let Err(error) = media.accept_answer(now, sdp) {
                let reason = error.to_string();
                self.send(client, stanza::error(request, "modify", "not-acceptable"));
                self.record(CallEvent::Unusable { reason: reason.clone() });
                self.take_leave(Reason::IncompatibleParameters);
                return ControlFlow::Break(Ended::UnusableAnswer { reason });
            }
            *progress = Progress::Answered;
            sdp.clone_into(remote);
            let refused: Vec<_> = candidates
                .into_iter()
                .filter_map(|candidate| session.take_candidate(now, candidate).err())
                .collect();
            self.record(CallEvent::AnswerApplied);
            for reason in refused {
                self.record(CallEvent::Unusable { reason });
            }
            if is_first {
                self.state.send_replace(CallState::Answered { client: client.clone() });
            }
        }
        self.acknowledge(client, request);
        ControlFlow::Continue(())
    }

    pub(super) fn acknowledge(&self, client: &FullJid, request: &Element) {
        if !self.settings.faults.no_acknowledgements {
            self.send(client, stanza::result(request, None));
        }
    }
}
