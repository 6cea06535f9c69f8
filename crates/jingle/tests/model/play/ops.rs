//! What may happen, read from bytes: three an operation, after two that say how the world is. Any bytes are operations.

use offhook_jingle::{Dialect, Reason, SessionId, stanza::Role, stanza::Senders};

use super::{
    commands, forgery,
    network::{Cargo, Packet, Reply},
    wire,
    words::{Act, Answer, Terms, To, Transport, Who, Wish},
    world::{Manner, World},
};

/// How many bytes say how the world is.
pub const HEADER: usize = 2;

/// How many bytes an operation has.
pub const LENGTH: usize = 3;

/// How the world is; mostly tame.
pub fn manner(header: &[u8]) -> Manner {
    let byte = |at: usize| header.get(at).copied().unwrap_or_default();
    Manner {
        takes: byte(0),
        in_order: byte(0) >> 3 & 3 != 3,
        carbons: byte(0) >> 5 & 1 == 1,
        answers: byte(0) >> 6 & 3 != 0,
        honest: byte(1) & 1 == 1,
    }
}

/// Each kind of operation, and how often it comes.
const KINDS: [(u8, Operation); 23] = [
    (70, deliver),
    (3, drop_one),
    (5, double),
    (12, wait),
    (10, propose),
    (10, accept),
    (3, ring),
    (3, reject),
    (2, retract),
    (10, begin),
    (10, call),
    (28, answer),
    (4, decline),
    (18, offer),
    (12, candidate),
    (8, news),
    (6, mute_or_hold),
    (5, end),
    (3, lose_signalling),
    (7, restore_signalling),
    (7, forgery::repeat),
    (11, forgery::invent),
    (3, refuse),
];

type Operation = fn(&mut World, u8, u8);

/// Carries out one operation.
pub fn perform(world: &mut World, operation: [u8; LENGTH]) {
    let [kind, first, second] = operation;
    let mut at = kind;
    for (weight, act) in KINDS {
        if at < weight {
            return act(world, first, second);
        }
        at -= weight;
    }
    deliver(world, first, second);
}

fn anybody(byte: u8) -> Who {
    Who::ALL[usize::from(byte) % Who::ALL.len()]
}

/// One of them, if there are any.
pub fn choose<T: Clone>(of: &[T], byte: u8) -> Option<T> {
    of.get(usize::from(byte).checked_rem(of.len())?).cloned()
}

fn arrives(world: &World, packet: &Packet) -> bool {
    packet.to == Who::Mallory || world.phone(packet.to).up
}

fn place(world: &World, byte: u8) -> Option<usize> {
    let in_order = world.manner.in_order;
    world
        .network
        .place(usize::from(byte), in_order, |packet| arrives(world, packet))
}

fn deliver(world: &mut World, first: u8, _: u8) {
    if let Some(place) = place(world, first) {
        let packet = world.network.take(place);
        world.arrive(packet);
    }
}

fn drop_one(world: &mut World, first: u8, _: u8) {
    let lossy = |packet: &Packet| !packet.sure;
    if let Some(place) = world.network.place(usize::from(first), false, lossy) {
        let packet = world.network.take(place);
        world.lost(packet);
    }
}

fn double(world: &mut World, first: u8, _: u8) {
    if let Some(place) = place(world, first) {
        if let Cargo::Request(_, payload) = &world.network.peek(place).cargo {
            let ask = wire::ask(payload);
            if ask.begins() {
                world.doubled.insert(ask.id);
            }
        }
        world.network.double(place);
        world.count("doubled");
    }
}

fn wait(world: &mut World, first: u8, second: u8) {
    let time = u64::from(second) + 1;
    let until = match first % 8 {
        0..=2 => world.now + time,
        3 | 4 => world.now + 20 * time,
        5 => world.now + 500 * time,
        6 => world.now + 5000 + time,
        _ => world.next_moment().unwrap_or(world.now),
    };
    world.pass_until(until);
}

fn dialect(byte: u8) -> Dialect {
    if byte & 1 == 0 {
        Dialect::Jingle
    } else {
        Dialect::SdpOverXmpp
    }
}

fn propose(world: &mut World, first: u8, second: u8) {
    let who = anybody(first);
    let others: Vec<_> = Who::ALL.into_iter().collect();
    let to = choose(&others, first / 3).unwrap_or(Who::Bob);
    let to = if second & 2 == 0 {
        To::One(to)
    } else {
        To::All(to.account())
    };
    let conversation = (second & 4 != 0).then_some(second >> 3 & 1);
    commands::propose(world, who, to, conversation, dialect(second));
}

fn proposed(world: &World, who: Who, byte: u8) -> Option<SessionId> {
    let rows: Vec<_> = world
        .phone(who)
        .endpoint
        .proposals()
        .iter()
        .map(|row| row.id.clone())
        .collect();
    choose(&rows, byte)
}

fn own(world: &World, who: Who, byte: u8) -> Option<SessionId> {
    let own = world.phone(who).endpoint.proposals().iter_own();
    let own: Vec<_> = own.map(|own| own.propose.id.clone()).collect();
    choose(&own, byte)
}

/// Who has something, beginning with this one.
fn whoever<T>(first: u8, has: impl Fn(Who) -> Option<T>) -> Option<(Who, T)> {
    let mut all = (0..3).map(|more| anybody(first.wrapping_add(more)));
    all.find_map(|who| Some((who, has(who)?)))
}

fn accept(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| proposed(world, who, second)) {
        commands::accept(world, who, &id);
    }
}

fn ring(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| proposed(world, who, second)) {
        commands::ring(world, who, &id);
    }
}

fn reject(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| proposed(world, who, second)) {
        commands::reject(world, who, &id, second & 128 != 0);
    }
}

fn retract(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| own(world, who, second)) {
        commands::retract(world, who, &id);
    }
}

fn begin(world: &mut World, first: u8, second: u8) {
    let proceeded = |who: Who| {
        let own = world.phone(who).endpoint.proposals().iter_own();
        let proceeded = own.filter(|own| own.proceeded.is_some() || second > 240);
        let proceeded: Vec<_> = proceeded.map(|own| own.propose.id.clone()).collect();
        choose(&proceeded, second)
    };
    if let Some((who, id)) = whoever(first, proceeded) {
        commands::begin(world, who, &id);
    }
}

fn call(world: &mut World, first: u8, second: u8) {
    let who = anybody(first);
    let others: Vec<_> = Who::ALL.into_iter().filter(|other| *other != who).collect();
    if let Some(peer) = choose(&others, first / 3) {
        commands::call(world, who, peer, dialect(second));
    }
}

fn session(world: &World, who: Who, byte: u8) -> Option<SessionId> {
    let sessions: Vec<_> = world.phone(who).app.sessions.keys().cloned().collect();
    choose(&sessions, byte)
}

fn answer(world: &mut World, first: u8, second: u8) {
    let offered = |who: Who| {
        let sessions = world.phone(who).app.sessions.iter();
        let offered: Vec<_> = sessions
            .filter(|(_, known)| known.offered.is_some())
            .map(|(id, _)| id.clone())
            .collect();
        choose(&offered, second)
    };
    let who = anybody(first);
    // Now and then one that nobody waits for.
    let chosen = match first {
        250.. => session(world, who, second).map(|id| (who, id)),
        _ => whoever(first, offered),
    };
    if let Some((who, id)) = chosen {
        commands::answer(world, who, &id, second & 64 == 0);
    }
}

fn decline(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| session(world, who, second)) {
        let generation = commands::generation(world, who, &id);
        commands::wish(world, who, &id, &Wish::Decline(generation));
    }
}

fn offer(world: &mut World, first: u8, second: u8) {
    let settled = |who: Who| {
        let sessions = world.phone(who).app.sessions.iter();
        let settled = sessions.filter(|(_, known)| known.local.is_some() && (known.is_settled() || second > 240));
        let settled: Vec<_> = settled.map(|(id, _)| id.clone()).collect();
        choose(&settled, second >> 4)
    };
    let Some((who, id)) = whoever(first, settled) else {
        return;
    };
    let fresh = commands::fresh(world);
    let Some(held) = world.phone(who).app.sessions.get(&id).and_then(|known| known.local) else {
        return;
    };
    let restarted = Transport {
        ice: fresh,
        ..held.transport
    };
    let turned = match held.senders {
        Senders::Both => Senders::Initiator,
        Senders::Initiator | Senders::Responder | Senders::None => Senders::Both,
    };
    let terms = match second & 15 {
        0..=3 => Terms {
            transport: restarted,
            ..held
        },
        4..=6 => {
            let transport = Transport {
                ice: fresh,
                print: fresh,
            };
            Terms { transport, ..held }
        }
        7 | 8 => Terms {
            senders: turned,
            ..held
        },
        9 => Terms { line: fresh, ..held },
        10..=12 => match held.second {
            None => Terms {
                second: Some(Senders::Both),
                ..held
            },
            Some(_) => Terms { second: None, ..held },
        },
        13 => Terms {
            second: held.second.map(|second| {
                if second == Senders::Both {
                    Senders::Initiator
                } else {
                    Senders::Both
                }
            }),
            ..held
        },
        14 => held,
        _ => Terms {
            senders: turned,
            line: fresh,
            ..held
        },
    };
    commands::offer(world, who, &id, terms);
}

fn candidate(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| session(world, who, second)) {
        let generation = stale(commands::generation(world, who, &id), first);
        let number = commands::fresh(world);
        let known = world.phone(who).app.sessions.get(&id);
        let ice = known.filter(|known| known.dialect == Dialect::SdpOverXmpp && second & 1 == 1);
        let ice = ice.and_then(|known| Some(known.offering.or(known.local)?.transport.ice));
        commands::wish(
            world,
            who,
            &id,
            &Wish::Candidate {
                generation,
                ice,
                number,
            },
        );
    }
}

/// Now and then the generation before.
fn stale(generation: u32, byte: u8) -> u32 {
    if byte > 235 {
        generation.saturating_sub(1)
    } else {
        generation
    }
}

fn news(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| session(world, who, second)) {
        let generation = stale(commands::generation(world, who, &id), first);
        let wish = match first / 3 % 3 {
            0 => Wish::EndOfCandidates(generation),
            1 => Wish::Connected(generation),
            _ => Wish::Ring,
        };
        commands::wish(world, who, &id, &wish);
    }
}

fn mute_or_hold(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| session(world, who, second)) {
        let on = second & 64 != 0;
        let wish = if (first / 3).is_multiple_of(2) {
            Wish::Mute(on)
        } else {
            Wish::Hold(on)
        };
        commands::wish(world, who, &id, &wish);
    }
}

fn end(world: &mut World, first: u8, second: u8) {
    if let Some((who, id)) = whoever(first, |who| session(world, who, second)) {
        let wish = match first / 3 % 3 {
            0 => Wish::Failed,
            1 => Wish::End(Reason::Busy),
            _ => Wish::End(Reason::Success),
        };
        commands::wish(world, who, &id, &wish);
    }
}

fn lose_signalling(world: &mut World, first: u8, _: u8) {
    let who = anybody(first);
    if world.phone(who).up {
        world.count("signalling lost");
        world.lose_signalling(who);
    }
}

/// What was under way to who was away waits for it, or is lost, or comes back.
fn restore_signalling(world: &mut World, first: u8, second: u8) {
    let Some((who, ())) = whoever(first, |who| (!world.phone(who).up).then_some(())) else {
        return;
    };
    let resumed = second & 1 == 1;
    if !resumed && second & 2 == 2 {
        for packet in world.network.take_all(who) {
            if let Cargo::Request(number, payload) = packet.cargo {
                let ask = wire::ask(&payload);
                if second & 4 == 4 || matches!(ask.act, Act::Terminate { .. }) {
                    world.spoilt.insert(ask.id);
                }
                if second & 4 == 4 {
                    let reply = Reply::Answer(Answer::refused("service-unavailable"));
                    world.send(who, packet.from, Cargo::Reply(number, reply), false);
                }
            }
        }
    }
    world.restore_signalling(who, resumed);
}

/// A server says no in the place of the peer.
fn refuse(world: &mut World, first: u8, second: u8) {
    if world.manner.honest {
        return;
    }
    let requests = |packet: &Packet| matches!(packet.cargo, Cargo::Request(1.., _));
    let Some(place) = world.network.place(usize::from(first), false, requests) else {
        return;
    };
    let Packet { from, to, cargo, .. } = world.network.take(place);
    let Cargo::Request(number, payload) = cargo else { return };
    world.spoilt.insert(wire::ask(&payload).id);
    let conditions = [
        "service-unavailable",
        "item-not-found",
        "resource-constraint",
        "not-acceptable",
        "gone",
    ];
    let reply = match conditions.get(usize::from(second) % 6) {
        Some(condition) => Reply::Answer(Answer::refused(condition)),
        None => Reply::Redirect,
    };
    world.count("refused by a server");
    world.send(to, from, Cargo::Reply(number, reply), false);
}

/// Which role somebody has who speaks to this one of the session.
pub fn role_of_speaker(world: &World, to: Who, id: &SessionId) -> Role {
    let known = (to != Who::Mallory)
        .then(|| world.phone(to).app.sessions.get(id))
        .flatten();
    known.map_or(Role::Initiator, |known| known.role.other())
}
