//! Others come into a conversation: conferences, transfers, consultations.

use std::sync::Arc;

use super::{ConversationError, Destination, Part, Purpose, Room, SpeakTo};
use crate::gateway::{self, CallRequest, Party};
use crate::inner::Inner;

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
    }
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
    room.replaced(inner, participant)?;
    Ok(part)
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
