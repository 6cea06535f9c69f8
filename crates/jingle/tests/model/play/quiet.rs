//! The end of a sequence: whatever is under way arrives, all time that may pass passes, and then both sides of every session are of
//! one mind. After that everybody hangs up, and nothing is left.

use offhook_jingle::{Reason, SessionId};

use super::{
    commands,
    words::{Who, Wish},
    world::World,
};

/// After so many steps something goes on for ever.
const STEPS: usize = 3000;

pub fn end(world: &mut World) {
    world.note(|| "the network is quiet".to_owned());
    // What was lost is lost with a stream, and so is said again on the next one.
    for who in Who::ALL {
        if world.phone(who).up {
            world.lose_signalling(who);
        }
        world.restore_signalling(who, false);
    }
    settle(world);
    agree(world);
    world.note(|| "everybody hangs up".to_owned());
    for who in Who::ALL {
        let sessions: Vec<_> = world.phone(who).app.sessions.keys().cloned().collect();
        for id in sessions {
            commands::wish(world, who, &id, &Wish::End(Reason::Success));
        }
    }
    settle(world);
    for phone in &world.phones {
        let left = super::seen::tables(&phone.endpoint);
        assert!(
            left.is_empty() && phone.app.sessions.is_empty(),
            "{:?} keeps {left:#?}",
            phone.who
        );
        assert!(phone.waiting.is_empty(), "{:?} waits for ever", phone.who);
    }
}

fn settle(world: &mut World) {
    for _ in 0..STEPS {
        if let Some(place) = world.network.place(0, true, |_| true) {
            let packet = world.network.take(place);
            world.arrive(packet);
        } else if let Some((who, id)) = owed(world) {
            commands::answer(world, who, &id, true);
        } else if let Some(next) = world.next_moment() {
            world.pass_until(next);
        } else {
            return;
        }
    }
    panic!("it never gets quiet");
}

/// An offer that waits for its answer. Nobody has to pick up, but who has does not leave others waiting.
fn owed(world: &World) -> Option<(Who, SessionId)> {
    let answers = world.manner.answers;
    world.phones.iter().find_map(|phone| {
        let mut owed = phone.app.sessions.iter().filter(|(_, known)| known.offered.is_some());
        let (id, _) = owed.find(|(_, known)| answers || known.local.is_some())?;
        let ending = phone.endpoint.session(id)?.phase() == offhook_jingle::session::Phase::Ending;
        (!ending).then(|| (phone.who, id.clone()))
    })
}

/// What one has said the other has heard. Where the words of one sender overtake each other, an end may come before its beginning.
fn agree(world: &mut World) {
    if !world.manner.in_order {
        return;
    }
    let mut agreed = 0;
    for phone in &world.phones {
        for session in phone.endpoint.sessions() {
            let (id, peer) = (session.id(), super::seen::who(session.peer()));
            if peer == Who::Mallory || world.spoilt.contains(id) {
                continue;
            }
            let ours = &phone.app.sessions[id];
            let Some(theirs) = world.phone(peer).app.sessions.get(id) else {
                panic!("{:?} has the session {id}, and {peer:?} has not", phone.who);
            };
            if ours.gave_up || theirs.gave_up {
                continue;
            }
            assert!(ours.is_settled(), "{:?} waits in session {id} for ever", phone.who);
            let transports = |terms: Option<super::words::Terms>| terms.map(|terms| terms.transport);
            assert_eq!(
                transports(ours.local),
                transports(theirs.remote),
                "{:?} and {peer:?} speak of different media in {id}",
                phone.who
            );
            agreed += 1;
        }
    }
    *world.tally.entry("agreements").or_default() += agreed;
}
