//! What applications do: the same to the endpoint and to its model.

use offhook_jingle::{Dialect, Generation, Jid, SessionId, endpoint::EndpointError, session::CommandError};

use super::{
    model::Model,
    wire,
    words::{Conversation, Effect, Terms, Time, To, Transport, Who, Wish},
    world::World,
};

fn jid(who: &str) -> Jid {
    who.parse().expect("a JID")
}

/// The name of an error, which is all that the model knows of it.
fn name(error: &dyn std::fmt::Debug) -> String {
    let text = format!("{error:?}");
    let end = text
        .find(|letter: char| !letter.is_alphanumeric())
        .unwrap_or(text.len());
    text[..end].to_owned()
}

fn named(error: &EndpointError) -> String {
    match error {
        EndpointError::Proposal(error) => name(error),
        EndpointError::Propose(error) => name(error),
        EndpointError::Session(error) => name(error),
        other => name(other),
    }
}

/// A number that nothing has yet.
pub fn fresh(world: &mut World) -> u32 {
    world.count("numbers");
    let number = world.tally.get("numbers").copied().unwrap_or_default();
    u32::try_from(number).expect("there are not so many")
}

fn fresh_terms(world: &mut World) -> Terms {
    let number = fresh(world);
    Terms {
        transport: Transport {
            ice: number,
            print: number,
        },
        senders: offhook_jingle::stanza::Senders::Both,
        line: 0,
        second: None,
    }
}

pub fn propose(world: &mut World, who: Who, to: To, conversation: Option<Conversation>, dialect: Dialect) {
    let now = world.now;
    world.note(|| format!("{now} {who:?} proposes {dialect:?} to {to:?} of {conversation:?}"));
    let done = world.command(who, |phone, instant| {
        let propose = wire::propose(conversation, dialect);
        let done = phone.endpoint.propose(instant, jid(to.jid()), propose);
        let id = done.as_ref().ok().cloned();
        let (expected, effects) = phone.model.propose(now, id, to, conversation, dialect);
        (done.map_err(|error| named(&error)), expected, effects)
    });
    if done.is_some() {
        world.count("proposals");
    }
}

fn of_proposal(
    world: &mut World,
    who: Who,
    what: &str,
    id: &SessionId,
    real: impl FnOnce(&mut offhook_jingle::Endpoint, std::time::Instant) -> Result<(), EndpointError>,
    model: impl FnOnce(&mut Model, Time) -> (Result<(), &'static str>, Vec<Effect>),
) {
    let now = world.now;
    world.note(|| format!("{now} {who:?} {what} {id}"));
    world.command(who, |phone, instant| {
        let done = real(&mut phone.endpoint, instant);
        let (expected, effects) = model(&mut phone.model, now);
        (done.map_err(|error| named(&error)), expected, effects)
    });
}

pub fn accept(world: &mut World, who: Who, id: &SessionId) {
    let real = |endpoint: &mut offhook_jingle::Endpoint, now| endpoint.accept(now, id);
    of_proposal(world, who, "accepts", id, real, |model, now| {
        model.act(now, |model, desk| model.table.accept(desk, id))
    });
}

pub fn ring(world: &mut World, who: Who, id: &SessionId) {
    let real = |endpoint: &mut offhook_jingle::Endpoint, now| endpoint.ring(now, id);
    of_proposal(world, who, "rings for", id, real, |model, now| {
        model.act(now, |model, desk| model.table.ring(desk, id))
    });
}

pub fn reject(world: &mut World, who: Who, id: &SessionId, ignore: bool) {
    let real = |endpoint: &mut offhook_jingle::Endpoint, now| endpoint.reject(now, id, ignore);
    of_proposal(world, who, "rejects", id, real, |model, now| {
        model.act(now, |model, desk| model.table.reject(desk, id, ignore))
    });
}

pub fn retract(world: &mut World, who: Who, id: &SessionId) {
    let real = |endpoint: &mut offhook_jingle::Endpoint, now| endpoint.retract(now, id);
    of_proposal(world, who, "retracts", id, real, |model, now| {
        model.act(now, |model, desk| model.table.retract(desk, id))
    });
}

pub fn begin(world: &mut World, who: Who, id: &SessionId) {
    let terms = fresh_terms(world);
    let now = world.now;
    world.note(|| format!("{now} {who:?} begins {id}"));
    let done = world.command(who, |phone, instant| {
        let sdp = wire::description(&terms, offhook_jingle::stanza::Role::Initiator);
        let done = phone.endpoint.begin(instant, id, &sdp);
        let (expected, effects) = phone.model.begin(now, id, terms);
        (done.map_err(|error| named(&error)), expected, effects)
    });
    begun(world, who, done.map(|()| id.clone()), terms);
}

pub fn call(world: &mut World, who: Who, peer: Who, dialect: Dialect) {
    let terms = fresh_terms(world);
    let now = world.now;
    world.note(|| format!("{now} {who:?} calls {peer:?} in {dialect:?}"));
    let done = world.command(who, |phone, instant| {
        let sdp = wire::description(&terms, offhook_jingle::stanza::Role::Initiator);
        let done = phone.endpoint.call(instant, jid(peer.jid()), dialect, &sdp);
        let id = done.as_ref().ok().cloned();
        let (expected, effects) = phone.model.call(now, id, peer, dialect, None, terms);
        (done.map_err(|error| named(&error)), expected, effects)
    });
    begun(world, who, done, terms);
}

fn begun(world: &mut World, who: Who, done: Option<SessionId>, terms: Terms) {
    let Some(id) = done else { return };
    world.count("calls");
    if let Some(known) = world.phone_mut(who).app.sessions.get_mut(&id) {
        known.offering = Some(terms);
    }
}

/// The latest media, as the application knows it.
pub fn generation(world: &World, who: Who, id: &SessionId) -> u32 {
    let known = world.phone(who).app.sessions.get(id);
    known.map_or(0, |known| known.generation.number())
}

pub fn answer(world: &mut World, who: Who, id: &SessionId, agrees: bool) {
    let number = fresh(world);
    let Some(known) = world.phone(who).app.sessions.get(id) else {
        return;
    };
    let (generation, terms) = (known.generation.number(), known.answer(number, agrees));
    if wish(world, who, id, &Wish::Answer(generation, terms)) {
        world.count("answers");
    }
}

pub fn offer(world: &mut World, who: Who, id: &SessionId, terms: Terms) {
    if wish(world, who, id, &Wish::Offer(terms)) {
        world.count("later offers");
    }
}

/// A command to a session; whether it could be carried out.
pub fn wish(world: &mut World, who: Who, id: &SessionId, wish: &Wish) -> bool {
    let now = world.now;
    world.note(|| format!("{now} {who:?} {id}: {wish:?}"));
    let done = world.command(who, |phone, instant| {
        let known = phone.app.sessions.get(id);
        let (role, latest) = known.map_or((offhook_jingle::stanza::Role::Initiator, Generation::FIRST), |known| {
            (known.role, known.generation)
        });
        // The number that was asked for is the latest, or one that was told before.
        let generation = |number: u32| {
            if number == latest.number() {
                latest
            } else {
                phone.app.generation(number)
            }
        };
        let done = phone.endpoint.with_session(instant, id, |session, now| match wish {
            Wish::Answer(number, terms) => session.answer(now, generation(*number), wire::description(terms, role)),
            Wish::Decline(number) => session.decline(now, generation(*number)),
            Wish::Offer(terms) => session.offer(now, &wire::description(terms, role)).map(drop),
            Wish::Ring => session.ring(now),
            Wish::Candidate {
                generation: latest,
                ice,
                number,
            } => session.local_candidate(now, generation(*latest), "0", &wire::candidate(*number, *ice)),
            Wish::EndOfCandidates(number) => session.end_of_candidates(now, generation(*number)),
            Wish::Connected(number) => session.media_connected(now, generation(*number)),
            Wish::Failed => session.media_failed(now, offhook_jingle::Reason::FailedTransport),
            Wish::Mute(muted) => session.set_muted(now, *muted),
            Wish::Hold(held) => session.set_held(now, *held),
            Wish::End(reason) => session.end(now, *reason),
        });
        let (expected, effects) = phone.model.wish(now, id, wish);
        if let Ok(Ok(())) = &done {
            note(phone, id, wish);
        }
        let done: Result<(), String> = match done {
            Ok(done) => done.map_err(|error: CommandError| name(&error)),
            Err(error) => Err(named(&error)),
        };
        (done, expected, effects)
    });
    done.is_some()
}

/// What the application did, before it hears what comes of it.
fn note(phone: &mut super::world::Phone, id: &SessionId, wish: &Wish) {
    let latest = phone.endpoint.session(id).and_then(offhook_jingle::Session::generation);
    let Some(known) = phone.app.sessions.get_mut(id) else {
        return;
    };
    match wish {
        Wish::Answer(_, terms) => known.answered(*terms),
        Wish::Decline(_) => known.declined(),
        Wish::Offer(terms) => known.offers(latest.unwrap_or(known.generation), *terms),
        Wish::Ring
        | Wish::Candidate { .. }
        | Wish::EndOfCandidates(_)
        | Wish::Connected(_)
        | Wish::Failed
        | Wish::Mute(_)
        | Wish::Hold(_)
        | Wish::End(_) => {}
    }
}
