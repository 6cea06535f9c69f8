//! What nobody should say, and somebody does: repetitions of what others said, and inventions.

use offhook_jingle::{Dialect, Reason, SessionId, stanza::Senders};

use super::{
    network::{Cargo, Packet},
    ops::{choose, role_of_speaker},
    wire,
    words::{Act, Hollow, Info, Message, Terms, Transport, Who},
    world::World,
};

const ALL: [Who; 4] = [Who::Alice, Who::Bob, Who::Twin, Who::Mallory];

/// Says again, or in the name of somebody else, or to somebody else, what was said before.
pub fn repeat(world: &mut World, first: u8, second: u8) {
    let Some((from, to, element)) = choose(&world.overheard, first) else {
        return;
    };
    let liar = if world.manner.honest || second & 1 == 0 {
        Who::Mallory
    } else {
        choose(&ALL, second >> 1).unwrap_or(from)
    };
    let to = if second & 128 == 0 {
        to
    } else {
        choose(&Who::ALL, second >> 3).unwrap_or(to)
    };
    let cargo = if offhook_jingle::InitiationMessage::parse(&element).is_some() {
        let message = wire::message(&element);
        if is_believed(world, liar, to, message_id(&message)) {
            world.spoilt.insert(message_id(&message).clone());
        }
        Cargo::Message(element)
    } else {
        let ask = wire::ask(&element);
        if is_believed(world, liar, to, &ask.id) {
            world.spoilt.insert(ask.id);
        }
        Cargo::Request(0, element)
    };
    say(world, liar, to, cargo);
}

fn say(world: &mut World, from: Who, to: Who, cargo: Cargo) {
    world.count(if from == Who::Mallory {
        "words of a stranger"
    } else {
        "lies"
    });
    let (sure, since) = (false, world.now);
    world.network.send(Packet {
        from,
        to,
        cargo,
        sure,
        since,
    });
}

/// Whether what this one says of the session may have an effect; who is not of it must have none.
fn is_believed(world: &World, liar: Who, to: Who, id: &SessionId) -> bool {
    // Who has no session of this name now may have one when the words arrive.
    liar != Who::Mallory || world.phone(to).model.calls.get(id).is_none_or(|call| call.peer == liar)
}

fn message_id(message: &Message) -> &SessionId {
    match message {
        Message::Propose { id, .. }
        | Message::Ringing(id)
        | Message::Proceed(id)
        | Message::Accept(id)
        | Message::Reject { id, .. }
        | Message::Retract { id, .. }
        | Message::Finish(id) => id,
    }
}

/// All names of sessions that anybody knows, and two that nobody does.
fn names(world: &World) -> Vec<SessionId> {
    let mut names = Vec::new();
    for phone in &world.phones {
        names.extend(phone.model.calls.keys().cloned());
        names.extend(phone.model.table.rows.keys().cloned());
        names.extend(phone.model.table.own.keys().cloned());
    }
    names.extend(["!", "~"].map(SessionId::new));
    names
}

pub fn invent(world: &mut World, first: u8, second: u8) {
    let to = Who::ALL[usize::from(first) % 3];
    let Some(id) = choose(&names(world), first / 3) else {
        return;
    };
    let peer = world.phone(to).model.calls.get(&id).map(|call| call.peer);
    let row = world.phone(to).model.table.rows.get(&id).map(|row| row.from);
    // Mostly somebody to whom one listens.
    let liar = match second % 4 {
        0 => choose(&ALL, second >> 2),
        _ => peer.or(row).or(choose(&ALL, second >> 2)),
    };
    let liar = liar.filter(|liar| *liar != to && !world.manner.honest);
    let liar = liar.unwrap_or(Who::Mallory);
    if is_believed(world, liar, to, &id) {
        world.spoilt.insert(id.clone());
    }
    let number = super::commands::fresh(world);
    let what = second >> 2 & 63;
    if what >= 54 {
        let message = message(id, what);
        return say(world, liar, to, Cargo::Message(wire::message_element(&message)));
    }
    let dialect = world.phone(to).model.calls.get(&id).map(|call| call.dialect);
    let dialect = dialect.unwrap_or(if number & 1 == 0 {
        Dialect::Jingle
    } else {
        Dialect::SdpOverXmpp
    });
    let remote = world
        .phone(to)
        .model
        .calls
        .get(&id)
        .and_then(super::model::Call::remote);
    let act = act(what, number, remote, &names(world)[0]);
    let element = match dialect {
        Dialect::Jingle => wire::jingle_element(&id, &act, role_of_speaker(world, to, &id)),
        Dialect::SdpOverXmpp => wire::rpc_element(&id, &act),
    };
    say(world, liar, to, Cargo::Request(0, element));
}

fn message(id: SessionId, what: u8) -> Message {
    let tie_break = what & 1 == 1;
    match what {
        54 | 55 => {
            let (conversation, dialect) = (Some(what & 1), Dialect::Jingle);
            Message::Propose {
                id,
                conversation,
                dialect,
            }
        }
        56 => Message::Ringing(id),
        57 => Message::Proceed(id),
        58 => Message::Accept(id),
        59 | 60 => Message::Reject { id, tie_break },
        61 | 62 => Message::Retract { id, tie_break },
        _ => Message::Finish(id),
    }
}

fn act(what: u8, number: u32, remote: Option<Terms>, other: &SessionId) -> Act {
    let fresh = Transport {
        ice: number,
        print: number,
    };
    let same = remote.map_or(fresh, |remote| remote.transport);
    let restarted = Transport { ice: number, ..same };
    let terms = |transport| Terms {
        transport,
        senders: Senders::Both,
        line: 0,
        second: None,
    };
    let mark = |number: u32| format!("j{number}");
    let conversation = (number & 1 == 0).then_some(2);
    let offer = |number, transport| Act::Initiate {
        mark: mark(number),
        conversation,
        terms: terms(transport),
    };
    let replace = |transport| Act::Replace { transport, both: false };
    match what {
        0..=2 => offer(number, fresh),
        3 => offer(number, same),
        4 => offer(number & 3, same),
        5 => offer(number & 3, fresh),
        6 => Act::Accept(terms(fresh)),
        7 => Act::Accept(remote.unwrap_or(terms(same))),
        8 => Act::Terminate {
            reason: Reason::Cancel,
            alternative: None,
        },
        9 => Act::Terminate {
            reason: Reason::AlternativeSession,
            alternative: Some(other.clone()),
        },
        10..=12 => Act::Candidate { ice: None, number },
        13 | 14 => Act::Candidate {
            ice: Some(same.ice),
            number,
        },
        15 => Act::Candidate {
            ice: Some(number & 15),
            number,
        },
        16 => Act::EndOfCandidates { ice: None },
        17 => Act::EndOfCandidates { ice: Some(same.ice) },
        18..=20 => Act::Restart(restarted),
        21 => Act::Restart(same),
        22 => Act::Restart(fresh),
        23 | 24 => replace(fresh),
        25 => replace(restarted),
        26 => Act::AcceptTransport(fresh),
        27 => Act::AcceptTransport(same),
        28 => Act::RejectTransport,
        29 | 30 => Act::Modify {
            first: Some(Senders::Initiator),
            second: None,
        },
        31 => Act::Modify {
            first: Some(Senders::None),
            second: None,
        },
        32 => Act::Modify {
            first: None,
            second: Some(Senders::Responder),
        },
        33 => Act::Describe(number),
        34..=36 => Act::Add(Senders::Both, same),
        37 => Act::AcceptContent(Senders::Both, same),
        38 => Act::RejectContent,
        39 | 40 => Act::RemoveContent,
        41 => Act::Info(Info::Ping),
        42 => Act::Info(Info::Ringing),
        43 => Act::Info(Info::Active),
        44 => Act::Info(Info::Hold(number & 1 == 0)),
        45 => Act::Info(Info::Mute(number & 1 == 0)),
        46 => Act::Info(Info::Unknown),
        47 => Act::Security,
        48 => Act::Hollow(Hollow::Initiate),
        49 => Act::Hollow(Hollow::Accept),
        50 => Act::Hollow(Hollow::Replace),
        51 => Act::Hollow(Hollow::Modify),
        52 => Act::Hollow(Hollow::Add),
        _ => Act::Noise,
    }
}
