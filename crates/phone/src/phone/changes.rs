//! What the application does with calls, by REST.

use std::time::{Duration, Instant};

use offhook_jingle::{ConversationId, Reason, SessionId, session::EndedBy};
use serde_json::{Value, json};

use super::{CallToken, Phone};
use crate::{
    conversations::{CallState, Mark, TrackedCall},
    error::{CallChangeError, CommandError},
    event::Event,
    http::{HttpId, Method, ReplyError},
    rest::{Reply, Retry},
};

const CHANGE: &str = "changing the user's part in a call (PATCH conversations/calls/{id}/participants/{id})";
const REPLACE: &str = "sending a call to voicemail (POST conversations/calls/{id}/participants/{id}/replace)";
const DIGITS: &str = "pressing keys (POST conversations/{id}/participants/{id}/digits)";
const FIND: &str = "reading the conversation (GET conversations/calls/{id})";

/// How long a session may live on after REST has ended its call.
const END_DUE: Duration = Duration::from_secs(5);

/// What to do with a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CallChange {
    /// Have the cloud take nothing from the user's microphone, or take it again.
    Muted(bool),
    /// Put the others on hold, or talk to them again. Where the station has several lines, whoever else the user talks to is put on hold
    /// for that. On hold already, or without media that could be: nothing to do.
    Held(bool),
    /// Press keys of a telephone: `0` to `9`, `*`, `#`, `A` to `D`, and a comma for a pause.
    Digits(String),
    /// Answer it, where no proposal does that: on a persistent connection.
    Answered,
    /// Refuse it: a call to the user goes to voicemail, any other to whoever is next.
    Declined,
    /// Send it to the user's voicemail.
    Voicemail,
    /// Hang up. If REST does not, the session that carries it is ended.
    Ended,
}

/// What a REST request about calls was for.
#[derive(Debug)]
pub(super) enum Errand {
    /// A change that the application waits for.
    Change {
        token: CallToken,
        conversation: ConversationId,
        change: CallChange,
    },
    /// The user's part, for a change that needs it.
    Find {
        token: CallToken,
        conversation: ConversationId,
        change: CallChange,
    },
    /// The list of conversations, as they were at this moment or later.
    List(Mark),
    /// The user with their station.
    UserStation,
    Station,
    /// Who rings.
    Lead(CallToken),
    /// Nobody waits for it.
    Quiet,
}

impl Phone {
    /// Changes a call by REST. How that went is told by [`Event::CallChanged`], what it leads to by [`Event::Call`].
    ///
    /// # Errors
    /// When there is no such call, when the phone is no softphone (only [`CallChange::Ended`] needs none), for a guest, and after
    /// `shutdown`.
    pub fn change_call(
        &mut self,
        now: Instant,
        conversation: &ConversationId,
        change: CallChange,
    ) -> Result<CallToken, CommandError> {
        self.command(now)?;
        let call = self
            .calls
            .tracked
            .call(conversation)
            .filter(|call| !call.state.is_ended());
        let call = call
            .ok_or_else(|| CommandError::UnknownCall(conversation.clone()))?
            .clone();
        self.user_only()?;
        if !self.config.softphone && change != CallChange::Ended {
            return Err(CommandError::NoSoftphone);
        }
        let token = CallToken(self.ids.next());
        self.begin_change(token, &call, change);
        Ok(token)
    }

    fn begin_change(&mut self, token: CallToken, call: &TrackedCall, change: CallChange) {
        match change {
            // Nothing is heard that could be kept from anybody.
            CallChange::Held(true) if call.held || call.state != CallState::Connected => self.changed(token, Ok(())),
            CallChange::Ended if !self.config.softphone => {
                let result = self.hang_up_directly(&call.conversation);
                self.changed(token, result);
            }
            change => self.change_by_rest(token, call, change),
        }
    }

    fn change_by_rest(&mut self, token: CallToken, call: &TrackedCall, change: CallChange) {
        if let CallChange::Answered | CallChange::Held(false) = change {
            self.hold_others(&call.conversation);
        }
        let conversation = call.conversation.clone();
        let Some(participant) = call.participant.clone() else {
            let path = format!("conversations/calls/{}", segment(conversation.as_str()));
            let id = self.ask(FIND, Method::Get, &path, None, Retry::Once);
            let find = Errand::Find {
                token,
                conversation,
                change,
            };
            self.calls.asked.insert(id, find);
            return;
        };
        let id = self.ask_change(call, &participant, &change);
        let errand = Errand::Change {
            token,
            conversation,
            change,
        };
        self.calls.asked.insert(id, errand);
    }

    fn ask_change(&mut self, call: &TrackedCall, participant: &str, change: &CallChange) -> HttpId {
        let (conversation, participant) = (segment(call.conversation.as_str()), segment(participant));
        let part = format!("conversations/calls/{conversation}/participants/{participant}");
        let mut patch = |body: Value| self.ask(CHANGE, Method::Patch, &part, Some(body), Retry::Once);
        match change {
            CallChange::Muted(muted) => patch(json!({ "muted": muted })),
            CallChange::Held(held) => patch(json!({ "held": held })),
            CallChange::Answered => patch(json!({ "state": "connected" })),
            CallChange::Declined if call.purpose.as_deref() != Some("user") => {
                patch(json!({ "state": "disconnected" }))
            }
            CallChange::Ended => patch(json!({ "state": "disconnected" })),
            CallChange::Declined | CallChange::Voicemail => {
                let body = json!({ "voicemail": true });
                self.ask(
                    REPLACE,
                    Method::Post,
                    &format!("{part}/replace"),
                    Some(body),
                    Retry::Once,
                )
            }
            CallChange::Digits(digits) => {
                let path = format!("conversations/{conversation}/participants/{participant}/digits");
                let body = json!({ "digits": digits });
                self.ask(DIGITS, Method::Post, &path, Some(body), Retry::Once)
            }
        }
    }

    /// Takes a reply that is about calls, or gives it back.
    pub(super) fn softphone_replied(
        &mut self,
        id: HttpId,
        result: Result<Reply, ReplyError>,
    ) -> Option<Result<Reply, ReplyError>> {
        match self.calls.asked.remove(&id) {
            None => return Some(result),
            Some(Errand::List(mark)) => self.listed(mark, result),
            Some(Errand::UserStation) => self.user_station_read(result),
            Some(Errand::Station) => self.station_read(result),
            Some(Errand::Lead(token)) => self.changed(token, result.map(drop).map_err(CallChangeError::from)),
            Some(Errand::Find {
                token,
                conversation,
                change,
            }) => self.found(token, &conversation, change, result),
            Some(Errand::Change {
                token,
                conversation,
                change,
            }) => self.change_replied(token, &conversation, &change, result),
            Some(Errand::Quiet) => {
                if let Err(error) = result {
                    tracing::warn!(%error, "the cloud did not take what it was told of a call");
                }
            }
        }
        None
    }

    /// The conversation was read for the user's part in it.
    fn found(
        &mut self,
        token: CallToken,
        conversation: &ConversationId,
        change: CallChange,
        result: Result<Reply, ReplyError>,
    ) {
        match result.and_then(|reply| reply.json::<Value>()) {
            Ok(body) => self.track(|calls| calls.updated(&body)),
            Err(error) if change != CallChange::Ended => return self.changed(token, Err(error.into())),
            Err(error) => tracing::warn!(%error, "the user's part in a call cannot be read"),
        }
        let call = self.calls.tracked.call(conversation).cloned();
        match call.filter(|call| !call.state.is_ended()) {
            Some(call) if call.participant.is_some() => self.change_by_rest(token, &call, change),
            Some(_) if change == CallChange::Ended => {
                let result = self.hang_up_directly(conversation);
                self.changed(token, result);
            }
            Some(_) => self.changed(token, Err(CallChangeError::NoPart)),
            // It is as the change wanted it, or past wanting.
            None if change == CallChange::Ended => self.changed(token, Ok(())),
            None => self.changed(token, Err(CallChangeError::Over)),
        }
    }

    fn change_replied(
        &mut self,
        token: CallToken,
        conversation: &ConversationId,
        change: &CallChange,
        result: Result<Reply, ReplyError>,
    ) {
        let result = match result {
            Ok(_) => {
                if let (CallChange::Ended, Some(_)) = (change, self.carrying(conversation)) {
                    self.calls.leaving.insert(conversation.clone(), self.now + END_DUE);
                }
                Ok(())
            }
            Err(error) if *change == CallChange::Ended => {
                let fallback = self.hang_up_directly(conversation);
                fallback.map_err(|_| CallChangeError::Rest(error))
            }
            Err(error) => Err(CallChangeError::Rest(error)),
        };
        self.changed(token, result);
    }

    pub(super) fn changed(&mut self, call: CallToken, result: Result<(), CallChangeError>) {
        self.emit(Event::CallChanged { call, result });
    }

    /// The session that carries a live call and has nothing else to do. One that stays open between calls outlives them.
    fn carrying(&self, conversation: &ConversationId) -> Option<SessionId> {
        let call = self
            .calls
            .tracked
            .call(conversation)
            .filter(|call| !call.state.is_ended())?;
        let session = call.session.clone()?;
        let shared = self.calls.station.as_ref().is_some_and(|station| station.lines <= 1);
        let others = self
            .calls
            .tracked
            .live()
            .any(|other| other.conversation != *conversation);
        let persistent = self.calls.persistent.as_ref() == Some(&session);
        let ends_with_it = !(persistent || shared && others);
        ends_with_it.then_some(session)
    }

    /// Ends the session of a call, since REST does not end the call or takes too long.
    fn hang_up_directly(&mut self, conversation: &ConversationId) -> Result<(), CallChangeError> {
        let session = self.carrying(conversation).ok_or(CallChangeError::NoPart)?;
        self.end_session(session, Reason::Success.into(), EndedBy::Local);
        Ok(())
    }

    /// Sessions that did not follow their calls in time are ended.
    pub(super) fn expire_calls(&mut self) {
        let now = self.now;
        let due: Vec<_> = self.calls.leaving.extract_if(.., |_, until| *until <= now).collect();
        for (conversation, _) in due {
            tracing::warn!(%conversation, "the session lives on after its call was ended, and is ended too");
            drop(self.hang_up_directly(&conversation));
        }
    }

    /// Puts whoever else the user talks to on hold, where a station has lines for several.
    pub(super) fn hold_others(&mut self, than: &ConversationId) {
        if self.calls.station.as_ref().is_none_or(|station| station.lines <= 1) {
            return;
        }
        let talking = |call: &&TrackedCall| {
            call.conversation != *than && !call.held && call.session.is_some() && call.state == CallState::Connected
        };
        let others: Vec<_> = self.calls.tracked.live().filter(talking).cloned().collect();
        for other in others {
            if let Some(participant) = other.participant.clone() {
                let id = self.ask_change(&other, &participant, &CallChange::Held(true));
                self.calls.asked.insert(id, Errand::Quiet);
            }
        }
    }

    /// Answers the call that rings on the session that stays open; whether there is one.
    pub(super) fn accept_offered(&mut self, session: &SessionId) -> Result<bool, CommandError> {
        let Some(conversation) = self.offered_on(session) else {
            return Ok(false);
        };
        if let Some(offered) = self.calls.offered.as_mut() {
            if offered.accepted {
                return Ok(true);
            }
            offered.accepted = true;
        }
        let now = self.now;
        self.change_call(now, &conversation, CallChange::Answered)?;
        Ok(true)
    }

    /// Refuses the call that rings on the session that stays open, or forgets it; whether there is one.
    pub(super) fn reject_offered(&mut self, session: &SessionId, ignore: bool) -> Result<bool, CommandError> {
        let Some(conversation) = self.offered_on(session) else {
            return Ok(false);
        };
        if ignore {
            self.calls.offered = None;
        } else {
            self.change_call(self.now, &conversation, CallChange::Declined)?;
        }
        Ok(true)
    }

    fn offered_on(&self, session: &SessionId) -> Option<ConversationId> {
        let offered = self.calls.offered.as_ref().filter(|offered| offered.id == *session);
        offered.and_then(|offered| offered.conversation.clone())
    }
}

/// A text as one segment of a URL's path.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect()
}
