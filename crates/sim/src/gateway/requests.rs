//! What clients say to a call, and what it answers.

use std::ops::ControlFlow;
use std::time::Instant;

use jid::FullJid;
use minidom::Element;
use offhook_jingle::Reason;
use offhook_jingle::genesys::Method;

use super::call::{Call, Flow, Phase};
use super::session::Progress;
use super::signalling::Said;
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
            // A client that proceeds again answers a repeated proposal; another one was too late,
            // and learns it from the winner's `accept`.
            (Said::Proceed | Said::Reject, Some(_)) => ControlFlow::Continue(()),
            (Said::Request(method), Some(client)) if client == from => self.handle_request(now, stanza, method),
            (Said::Left(session, reason), Some(client)) if client == from => {
                self.record(CallEvent::Left { session, reason });
                self.acknowledge(from, stanza);
                ControlFlow::Continue(())
            }
            (Said::Request(_) | Said::Left(..) | Said::Unreadable, _) => {
                if stanza::is_request(stanza) {
                    self.send(from, stanza::error(stanza, "cancel", "item-not-found"));
                }
                ControlFlow::Continue(())
            }
            (Said::Nothing, _) => ControlFlow::Continue(()),
        }
    }

    pub(super) fn handle_request(&mut self, now: Instant, request: &Element, method: Method) -> Flow {
        let Phase::Session(session) = &mut self.phase else {
            return ControlFlow::Continue(());
        };
        let client = session.client.clone();
        match method {
            Method::Answer { sdp, .. } => {
                return self.take_answer(now, &client, request, &sdp);
            }
            Method::Candidate { candidate, .. } => {
                if let Err(reason) = session.take_candidate(now, candidate) {
                    self.record(CallEvent::Unusable { reason });
                }
            }
            Method::EndOfCandidates { .. } => {}
            Method::Info { status, .. } => self.record(CallEvent::Info { status }),
            Method::Mute { .. } => self.record(CallEvent::ClientMuted { muted: true }),
            Method::Unmute { .. } => self.record(CallEvent::ClientMuted { muted: false }),
            Method::Terminate { reason, .. } => {
                self.send(&client, stanza::result(request, None));
                return ControlFlow::Break(Ended::Terminated { reason });
            }
            Method::Offer { .. } => {
                // Only the gateway offers.
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
        let is_first = session.next.is_none();
        let (progress, media) = match &mut session.next {
            Some(next) => (&mut next.progress, &mut next.media),
            None => (&mut session.progress, &mut session.media),
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
