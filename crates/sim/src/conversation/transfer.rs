//! Others come into a conversation: conferences, transfers, consultations.

use std::sync::Arc;

use super::{ConversationError, Destination, Part, Purpose, Room, SpeakTo};
use crate::gateway::{self, CallError, CallRequest, Party};
use crate::gauge::Kind;
use crate::inner::Inner;
use crate::queue::Waiting;
use crate::voicemail::{self, Beep};

/// Calls somebody into the conversation; the id of the new part.
fn invite(inner: &Arc<Inner>, room: &Arc<Room>, destination: &Destination) -> Result<String, ConversationError> {
    match destination {
        Destination::User(user) => {
            let request = CallRequest {
                user: Some(user.clone()),
                ..CallRequest::default()
            };
            let (part, _) = gateway::place(inner, room, request, Purpose::User, room.only_party())?;
            Ok(part)
        }
        Destination::Number(number) => {
            let party = Arc::new(Party::new(inner.source.source()));
            let ids = [inner.draw_id(), inner.draw_id()];
            let id = ids[0].clone();
            room.enter(Part::beyond(ids, Purpose::External, number, party));
            Ok(id)
        }
        Destination::Queue(queue) => {
            let party = room.only_party();
            Ok(enqueue(inner, room, queue, CallRequest::default(), party)?)
        }
        Destination::Voicemail(user) => Ok(leave_message(inner, room, user)?),
    }
}

/// A message is left for this user from now on; the id of the voicemail's part.
fn leave_message(inner: &Arc<Inner>, room: &Arc<Room>, user: &str) -> Result<String, CallError> {
    let unknown = || CallError::UnknownUser { user: user.to_owned() };
    let owner = inner.user(user).ok_or_else(unknown)?;
    let ids = [inner.draw_id(), inner.draw_id()];
    let part = ids[0].clone();
    let party = Arc::new(Party::new(Box::new(Beep::new())));
    room.enter(Part::voicemail(ids, owner, party));
    let (cloud, room) = (Arc::clone(inner), Arc::clone(room));
    let task = inner.gauge.count(Kind::Task);
    tokio::spawn(voicemail::take_message(
        cloud,
        room,
        part.clone(),
        user.to_owned(),
        task,
    ));
    Ok(part)
}

/// The conversation waits in a queue from now on; the id of the queue's part. `request` is how its members are called,
/// and `party` who speaks by their calls.
pub(crate) fn enqueue(
    inner: &Arc<Inner>,
    room: &Arc<Room>,
    queue: &str,
    request: CallRequest,
    party: Option<Arc<Party>>,
) -> Result<String, CallError> {
    let queue = inner.queue(queue)?.clone();
    let ids = [inner.draw_id(), inner.draw_id()];
    let part = ids[0].clone();
    room.enter(Part::queue(ids, &queue.name));
    let waiting = Waiting {
        room: Arc::clone(room),
        part: part.clone(),
        queue,
        request,
        party,
    };
    tokio::spawn(waiting.serve(Arc::clone(inner), inner.gauge.count(Kind::Task)));
    Ok(part)
}

pub(super) fn add(
    inner: &Arc<Inner>,
    room: &Arc<Room>,
    destination: &Destination,
) -> Result<String, ConversationError> {
    let part = invite(inner, room, destination)?;
    room.update(inner);
    Ok(part)
}

pub(super) fn replace(
    inner: &Arc<Inner>,
    room: &Arc<Room>,
    participant: &str,
    destination: &Destination,
) -> Result<String, ConversationError> {
    room.check(participant)?;
    let part = invite(inner, room, destination)?;
    if let Some(user) = room.user_of(participant) {
        room.otherwise(&part, Destination::User(user));
    }
    room.replaced(inner, participant)?;
    Ok(part)
}

/// Those come who are to come in the place of others who have not answered.
pub(super) fn succeed(inner: &Arc<Inner>, room: &Arc<Room>) {
    for destination in room.successors() {
        if let Err(error) = invite(inner, room, &destination) {
            tracing::debug!(%error, "nobody comes in the place of who has not answered");
        }
    }
}

pub(super) fn consult(
    inner: &Arc<Inner>,
    room: &Arc<Room>,
    object: &str,
    destination: &Destination,
    speak_to: SpeakTo,
) -> Result<String, ConversationError> {
    room.may_consult(object)?;
    let part = invite(inner, room, destination)?;
    room.consulting(inner, object, &part, speak_to);
    Ok(part)
}
