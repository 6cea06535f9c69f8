//! Changes of the media that there are: directions in both dialects, ICE restarts in Jingle, by either side.

use std::ops::ControlFlow;
use std::time::Instant;

use jid::FullJid;
use minidom::Element;
use offhook_jingle::Dialect;
use offhook_media::{Change, Direction};

use super::call::{Call, Flow, Phase};
use super::session::Progress;
use super::words::Words;
use crate::record::CallEvent;
use crate::stanza;

/// A change of the gateway that has no answer yet.
pub(super) struct Changing {
    /// Of the IQ that says it.
    id: String,
    change: Change,
}

impl Call {
    /// Offers a change, if nothing else is being negotiated.
    pub(super) fn change(&mut self, now: Instant, change: Change) {
        let dialect = self.signalling.dialect;
        let Phase::Session(session) = &mut self.phase else {
            return tracing::debug!("a call that rings is not changed");
        };
        let is_settled = matches!(session.progress, Progress::Answered | Progress::Connected);
        if !is_settled || session.next.is_some() || session.change.is_some() {
            return tracing::debug!("a call that is being negotiated is not changed");
        }
        let offer = match (dialect, change) {
            (Dialect::SdpOverXmpp, Change::Restart) => {
                return tracing::debug!("a call in SDP over XMPP is reinvited, not restarted");
            }
            (_, change) => session.media.offer_change(now, change),
        };
        let offer = match offer {
            Ok(offer) => offer,
            Err(error) => return tracing::debug!(%error, "a change that cannot be offered"),
        };
        let id = self.inner.draw_id();
        session.change = Some(Changing { id: id.clone(), change });
        let mid = session.media.mid().to_owned();
        let client = session.client.clone();
        let words = match (dialect, change) {
            (Dialect::Jingle, Change::Direction(direction)) => Words::Turn { mid, direction },
            (Dialect::Jingle, Change::Restart) => Words::Restart { sdp: offer },
            (Dialect::SdpOverXmpp, _) => self.signalling.other_terms(offer),
        };
        self.send(&client, self.signalling.request(&id, &id, &client, words));
    }

    /// In Jingle directions hold when they are acknowledged; everything else has an answer of its own.
    pub(super) fn change_acknowledged(&mut self, now: Instant, id: &str) {
        let Phase::Session(session) = &self.phase else { return };
        let is_answer = match &session.change {
            Some(changing) if changing.id == id => match (self.signalling.dialect, changing.change) {
                (Dialect::Jingle, Change::Direction(_)) => true,
                (Dialect::Jingle, Change::Restart) | (Dialect::SdpOverXmpp, _) => false,
            },
            Some(_) | None => false,
        };
        if is_answer {
            let remote = session.remote.clone();
            self.change_answered(now, &remote);
        }
    }

    pub(super) fn change_refused(&mut self, now: Instant, id: &str, condition: &str) {
        if let Phase::Session(session) = &mut self.phase
            && session.change.take_if(|changing| changing.id == id).is_some()
        {
            session.media.withdraw_change(now);
            let condition = condition.to_owned();
            self.record(CallEvent::ChangeRefused { condition });
        }
    }

    /// The client's side after the gateway's change.
    pub(super) fn change_answered(&mut self, now: Instant, sdp: &str) {
        let Phase::Session(session) = &mut self.phase else {
            return;
        };
        let Some(changing) = session.change.take() else { return };
        match session.media.accept_answer(now, sdp) {
            Ok(()) => {
                sdp.clone_into(&mut session.remote);
                let to = match changing.change {
                    Change::Restart => "restart".to_owned(),
                    Change::Direction(direction) => name(direction).to_owned(),
                };
                self.record(CallEvent::Changed { to });
            }
            Err(error) => {
                session.media.withdraw_change(now);
                let reason = error.to_string();
                self.record(CallEvent::Unusable { reason });
            }
        }
    }

    /// The client changes the direction.
    pub(super) fn client_turns(
        &mut self,
        now: Instant,
        client: &FullJid,
        request: &Element,
        direction: Direction,
    ) -> Flow {
        let revised = self.client_description(|line| match line {
            "a=sendrecv" | "a=sendonly" | "a=recvonly" | "a=inactive" => Some(format!("a={}", name(direction))),
            _ => None,
        });
        if self.client_changes(now, client, request, revised).is_some() {
            let to = name(match direction {
                Direction::SendRecv => Direction::SendRecv,
                Direction::SendOnly => Direction::RecvOnly,
                Direction::RecvOnly => Direction::SendOnly,
                Direction::Inactive => Direction::Inactive,
            });
            self.record(CallEvent::Changed { to: to.to_owned() });
        }
        ControlFlow::Continue(())
    }

    /// The client restarts ICE, or answers the gateway's restart.
    pub(super) fn client_restarts(
        &mut self,
        now: Instant,
        client: &FullJid,
        request: &Element,
        ufrag: &str,
        password: &str,
    ) -> Flow {
        let revised = self.client_description(|line| {
            if line.starts_with("a=ice-ufrag:") {
                Some(format!("a=ice-ufrag:{ufrag}"))
            } else if line.starts_with("a=ice-pwd:") {
                Some(format!("a=ice-pwd:{password}"))
            } else {
                None
            }
        });
        let is_answer = matches!(&self.phase, Phase::Session(session) if session.change.is_some());
        if is_answer {
            self.acknowledge(client, request);
            self.change_answered(now, &revised);
        } else if let Some(answer) = self.client_changes(now, client, request, revised) {
            self.request(client, Words::Restart { sdp: answer });
            let to = "restart".to_owned();
            self.record(CallEvent::Changed { to });
        }
        ControlFlow::Continue(())
    }

    /// Applies the client's new description; the answer, unless it is refused.
    fn client_changes(
        &mut self,
        now: Instant,
        client: &FullJid,
        request: &Element,
        description: String,
    ) -> Option<String> {
        let Phase::Session(session) = &mut self.phase else {
            return None;
        };
        match session.media.accept_offer(now, &description) {
            Ok(answer) => {
                session.remote = description;
                self.acknowledge(client, request);
                Some(answer)
            }
            Err(error) => {
                self.send(client, stanza::error(request, "modify", "not-acceptable"));
                let reason = error.to_string();
                self.record(CallEvent::Unusable { reason });
                None
            }
        }
    }

    /// The client's description with other lines in place of some.
    fn client_description(&self, revise: impl Fn(&str) -> Option<String>) -> String {
        let Phase::Session(session) = &self.phase else {
            return String::new();
        };
        let lines = session.remote.lines();
        let lines = lines.map(|line| revise(line).unwrap_or_else(|| line.to_owned()) + "\r\n");
        lines.collect()
    }
}

fn name(direction: Direction) -> &'static str {
    match direction {
        Direction::SendRecv => "sendrecv",
        Direction::SendOnly => "sendonly",
        Direction::RecvOnly => "recvonly",
        Direction::Inactive => "inactive",
    }
}
