//! A conversation as all of its calls share it.

use std::sync::{Arc, Mutex};

use offhook_jingle::{ConversationId, SessionId};
use serde_json::{Value, json};

use super::part::{Part, Who};
use super::{ConversationError, Destination, Participant, ParticipantChange, ParticipantState, Participation, SpeakTo};
use crate::events;
use crate::gateway::{Party, Voice};
use crate::inner::Inner;
use crate::record::CallEvent;

/// What stands for the music in the list of those who are heard.
const MUSIC: &str = "hold";

pub(crate) struct Room(Mutex<State>);

struct State {
    id: ConversationId,
    parts: Vec<Part>,
    /// All are there who are in it from the beginning.
    complete: bool,
    over: bool,
    /// What who is apart hears, and the others of who has put them on hold.
    music: Arc<Party>,
    consultation: Option<Consultation>,
    published: Option<Value>,
}

/// Somebody is consulted about the call of another one.
struct Consultation {
    object: String,
    destination: String,
    speak_to: SpeakTo,
}

impl Room {
    /// An empty one.
    pub(crate) fn new(inner: &Inner, id: ConversationId) -> Self {
        Self(Mutex::new(State {
            id,
            parts: Vec::new(),
            complete: false,
            over: false,
            music: Arc::new(Party::new(inner.hold.source())),
            consultation: None,
            published: None,
        }))
    }

    pub(crate) fn id(&self) -> ConversationId {
        crate::lock(&self.0).id.clone()
    }

    pub(super) fn rename(&self, id: ConversationId) {
        crate::lock(&self.0).id = id;
    }

    /// Somebody takes part from now on.
    pub(crate) fn enter(&self, part: Part) {
        crate::lock(&self.0).parts.push(part);
    }

    /// All are there who are in it from the beginning: from now on, nobody stays alone.
    pub(crate) fn complete(self: &Arc<Self>, inner: &Inner) {
        crate::lock(&self.0).complete = true;
        self.update(inner);
    }

    /// Who comes in the place of this one if it is not answered.
    pub(crate) fn otherwise(&self, participant: &str, destination: Destination) {
        let mut state = crate::lock(&self.0);
        if let Some(part) = state.parts.iter_mut().find(|part| part.id == participant) {
            part.otherwise = Some(destination);
        }
    }

    /// Who is to come now, since another one has not answered.
    pub(super) fn successors(&self) -> Vec<Destination> {
        let mut state = crate::lock(&self.0);
        let unanswered = state.parts.iter_mut().filter(|part| part.is_to_be_replaced());
        unanswered.filter_map(|part| part.otherwise.take()).collect()
    }

    pub(crate) fn participants(&self) -> Vec<Participant> {
        crate::lock(&self.0).parts.iter().map(Part::participant).collect()
    }

    /// Whether the user takes part, or has.
    pub(crate) fn is_known_to(&self, user: &str) -> bool {
        let state = crate::lock(&self.0);
        state.parts.iter().any(|part| part.user() == Some(user))
    }

    /// Whether the user takes part now.
    pub(crate) fn is_live_for(&self, user: &str) -> bool {
        let state = crate::lock(&self.0);
        state.live().any(|part| part.user() == Some(user))
    }

    /// The conversation as REST shows it.
    pub(crate) fn describe(&self) -> Value {
        crate::lock(&self.0).describe()
    }

    /// The party beyond the gateway, if there is just one that lives.
    pub(super) fn only_party(&self) -> Option<Arc<Party>> {
        let state = crate::lock(&self.0);
        let mut parties = state.live().filter_map(|part| match &part.who {
            Who::Beyond { party, .. } => Some(Arc::clone(party)),
            Who::Client(_) | Who::Queue { .. } | Who::Voicemail { .. } => None,
        });
        parties.next().filter(|_| parties.next().is_none())
    }

    /// The session of the call that has this id within the conversation.
    pub(crate) fn session_of(&self, communication: &str) -> Option<SessionId> {
        let state = crate::lock(&self.0);
        let part = state.parts.iter().find(|part| part.communication == communication)?;
        part.participant().session
    }

    /// This one presses keys: the other clients hear them (RFC 4733), and they are recorded.
    pub(crate) fn press(&self, inner: &Inner, participant: &str, digits: &str) -> Result<(), ConversationError> {
        let mut state = crate::lock(&self.0);
        let pressing = state.live_part(participant)?.participant();
        for part in state.live().filter(|part| part.id != participant) {
            if let Who::Client(call) = &part.who {
                call.send_digits(digits);
            }
        }
        if let Some(session) = pressing.session {
            let digits = digits.to_owned();
            inner.recorder.call(&session, CallEvent::UserDigits { digits });
        }
        Ok(())
    }

    /// How many calls of users there are in it, and were.
    pub(crate) fn calls(&self) -> usize {
        let state = crate::lock(&self.0);
        state.parts.iter().filter(|part| part.is_client()).count()
    }

    /// Whether there is a user in it, who may speak.
    pub(crate) fn has_clients(&self) -> bool {
        let state = crate::lock(&self.0);
        let mut live = state.live();
        live.any(|part| part.is_client() && part.state() != ParticipantState::Alerting)
    }

    /// Whom this one hears at the moment.
    pub(crate) fn heard_by_part(&self, participant: &str) -> Vec<Voice> {
        let state = crate::lock(&self.0);
        let at = state.parts.iter().position(|part| part.id == participant);
        let heard = at.map_or_else(Vec::new, |at| state.heard_by(at));
        heard.into_iter().map(|(_, voice)| voice).collect()
    }

    /// The user whose part this is.
    pub(crate) fn user_of(&self, participant: &str) -> Option<String> {
        let state = crate::lock(&self.0);
        let part = state.parts.iter().find(|part| part.id == participant)?;
        part.user().map(ToOwned::to_owned)
    }

    /// Whether somebody of this id takes part.
    pub(super) fn check(&self, participant: &str) -> Result<(), ConversationError> {
        crate::lock(&self.0).live_part(participant).map(drop)
    }

    /// What a change by `PATCH` makes of the participant's part. A part that is over stays so, which is no error: who
    /// hangs up may say so by the session too.
    pub(crate) fn change(
        self: &Arc<Self>,
        inner: &Inner,
        participant: &str,
        change: &ParticipantChange,
    ) -> Result<(), ConversationError> {
        let wanted = {
            let state = crate::lock(&self.0);
            let part = state.parts.iter().find(|part| part.id == participant);
            let part = part.ok_or_else(|| ConversationError::NoSuchParticipant {
                participant: participant.to_owned(),
            })?;
            if !part.is_live() {
                return Ok(());
            }
            change.applied_to(part.participation())
        };
        self.set_participation(inner, participant, wanted)?;
        match change.state.as_deref() {
            Some("disconnected") => self.disconnect(inner, participant),
            Some("connected") => crate::lock(&self.0).live_part(participant).map(|part| part.pick_up()),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn set_participation(
        self: &Arc<Self>,
        inner: &Inner,
        participant: &str,
        wanted: Participation,
    ) -> Result<(), ConversationError> {
        crate::lock(&self.0).live_part(participant)?.set_participation(wanted);
        self.update(inner);
        Ok(())
    }

    pub(super) fn disconnect(self: &Arc<Self>, inner: &Inner, participant: &str) -> Result<(), ConversationError> {
        crate::lock(&self.0).live_part(participant)?.end();
        self.update(inner);
        Ok(())
    }

    /// Whether this one takes part.
    pub(crate) fn is_live(&self, participant: &str) -> bool {
        self.check(participant).is_ok()
    }

    /// This one takes part no more, if it did.
    pub(crate) fn leave(self: &Arc<Self>, inner: &Inner, participant: &str) {
        // Who is gone already has left.
        let _ = self.disconnect(inner, participant);
    }

    /// The participant leaves, since another one has come in its place.
    pub(super) fn replaced(self: &Arc<Self>, inner: &Inner, participant: &str) -> Result<(), ConversationError> {
        {
            let mut state = crate::lock(&self.0);
            let part = state.live_part(participant)?;
            part.transferred = true;
            part.end();
        }
        self.update(inner);
        Ok(())
    }

    /// Whether somebody can be consulted about the call of this participant.
    pub(super) fn may_consult(&self, object: &str) -> Result<(), ConversationError> {
        let mut state = crate::lock(&self.0);
        state.live_part(object)?;
        match state.consultation {
            Some(_) => Err(ConversationError::Consulting),
            None => Ok(()),
        }
    }

    pub(super) fn consulting(self: &Arc<Self>, inner: &Inner, object: &str, destination: &str, speak_to: SpeakTo) {
        crate::lock(&self.0).consultation = Some(Consultation {
            object: object.to_owned(),
            destination: destination.to_owned(),
            speak_to,
        });
        self.update(inner);
    }

    pub(super) fn speak_to(self: &Arc<Self>, inner: &Inner, wanted: SpeakTo) -> Result<(), ConversationError> {
        match &mut crate::lock(&self.0).consultation {
            Some(consultation) => consultation.speak_to = wanted,
            None => return Err(ConversationError::NotConsulting),
        }
        self.update(inner);
        Ok(())
    }

    pub(super) fn end_consultation(self: &Arc<Self>, inner: &Inner) -> Result<(), ConversationError> {
        let consultation = crate::lock(&self.0).consultation.take();
        let Some(consultation) = consultation else {
            return Err(ConversationError::NotConsulting);
        };
        self.disconnect(inner, &consultation.destination)
    }

    /// Does what follows from how the calls are now: ends what is left alone, says who hears whom, and publishes it.
    pub(crate) fn update(self: &Arc<Self>, inner: &Inner) {
        let is_over = {
            let mut state = crate::lock(&self.0);
            let was_over = state.over;
            state.settle();
            state.wire();
            state.publish(inner);
            state.over && !was_over
        };
        if is_over {
            inner.conversations.ended(self);
            inner.floor.touch();
        }
    }
}

impl State {
    fn live(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().filter(|part| part.is_live())
    }

    fn live_part(&mut self, participant: &str) -> Result<&mut Part, ConversationError> {
        let mut parts = self.parts.iter_mut();
        let found = parts.find(|part| part.id == participant && part.is_live());
        found.ok_or_else(|| ConversationError::NoSuchParticipant {
            participant: participant.to_owned(),
        })
    }

    /// Parties beyond the gateway answer when there is somebody to speak with; nobody stays alone; a consultation is
    /// over when one of the two has left, or all others have.
    fn settle(&mut self) {
        let connected = |part: &Part| part.is_client() && part.state() == ParticipantState::Connected;
        if self.parts.iter().any(connected) {
            self.parts.iter_mut().for_each(Part::answer);
        }
        if self.complete && self.is_at_its_end() {
            for part in self.parts.iter_mut().filter(|part| part.is_live()) {
                part.end();
            }
            let over = !self.parts.iter().any(Part::is_live);
            self.over = over;
        }
        self.settle_consultation();
    }

    /// While the conversation waits in a queue, or a message is left, it goes on as long as somebody waits or speaks;
    /// later as long as there are two, and one of them at a client.
    fn is_at_its_end(&self) -> bool {
        if self.parts.iter().any(Part::is_to_be_replaced) {
            return false;
        }
        if self.live().any(Part::is_waiting) {
            let waits = |part: &&Part| !part.is_waiting() && part.state() != ParticipantState::Alerting;
            return self.live().find(waits).is_none();
        }
        !self.live().any(Part::is_client) || self.live().count() == 1
    }

    fn settle_consultation(&mut self) {
        let goes_on = |consultation: &Consultation| {
            let both = [&consultation.object, &consultation.destination];
            let both = self.live().filter(|part| both.contains(&&part.id)).count();
            both == 2 && self.live().count() > 2
        };
        if !self.consultation.as_ref().is_some_and(goes_on) {
            self.consultation = None;
        }
        let apart = self
            .consultation
            .as_ref()
            .and_then(|consultation| match consultation.speak_to {
                SpeakTo::Destination => Some(&consultation.object),
                SpeakTo::Object => Some(&consultation.destination),
                SpeakTo::Both => None,
            });
        for part in &mut self.parts {
            part.apart = apart == Some(&part.id);
        }
    }

    /// Makes everybody hear all others.
    fn wire(&mut self) {
        for at in 0..self.parts.len() {
            let heard = match &self.parts[at].who {
                Who::Client(_) if self.parts[at].is_live() => self.heard_by(at),
                Who::Client(_) | Who::Beyond { .. } | Who::Queue { .. } | Who::Voicemail { .. } => continue,
            };
            let ids: Vec<_> = heard.iter().map(|(id, _)| id.clone()).collect();
            let part = &mut self.parts[at];
            if part.hears.as_ref() != Some(&ids)
                && let Who::Client(call) = &part.who
            {
                call.hear(heard.into_iter().map(|(_, voice)| voice).collect());
                part.hears = Some(ids);
            }
        }
    }

    /// Whom this one hears, with their ids.
    fn heard_by(&self, at: usize) -> Vec<(String, Voice)> {
        let music = || (MUSIC.to_owned(), Voice::Beyond(Arc::clone(&self.music)));
        if self.parts[at].apart {
            return vec![music()];
        }
        let mut heard = Vec::new();
        for (other, part) in self.parts.iter().enumerate() {
            if other == at || part.apart || !part.is_live() {
                continue;
            }
            let voice = part.voice().filter(|_| !part.participation().held);
            if let Some(voice) = voice {
                heard.push((part.id.clone(), voice));
            } else if heard.iter().all(|(id, _)| id != MUSIC) {
                heard.push(music());
            }
        }
        heard
    }

    fn describe(&self) -> Value {
        let id = self.id.as_str();
        let parts: Vec<_> = self.parts.iter().map(Part::describe).collect();
        json!({
            "id": id,
            "selfUri": format!("/api/v2/conversations/calls/{id}"),
            "participants": parts,
        })
    }

    /// Tells those who take part, and once those who do no more.
    fn publish(&mut self, inner: &Inner) {
        let conversation = self.describe();
        if !self.complete || self.published.as_ref() == Some(&conversation) {
            return;
        }
        let mut users: Vec<&str> = Vec::new();
        for part in self.parts.iter().filter(|part| !part.told_end) {
            users.extend(part.user().filter(|user| !users.contains(user)));
        }
        for user in users {
            let topic = format!("v2.users.{user}.conversations");
            events::publish(inner, Some(user), &topic, &conversation);
        }
        for part in &mut self.parts {
            part.told_end = !part.is_live();
        }
        // Clients have to see that it rings.
        for part in self.parts.iter().filter(|part| part.is_automatic()) {
            part.pick_up();
        }
        self.published = Some(conversation);
    }
}
