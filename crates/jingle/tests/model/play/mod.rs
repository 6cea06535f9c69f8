//! Sequences of operations on two phones and a third, each step compared with the model. Bytes say what happens, so that the test
//! and the fuzz target `jingle_ops` share all of it.

mod app;
mod commands;
mod forgery;
mod model;
mod network;
mod ops;
mod quiet;
mod seen;
mod wire;
mod words;
mod world;

use std::collections::BTreeMap;

pub use ops::{HEADER, LENGTH};
use world::World;
pub use world::last_words;

/// What was said and told, line by line, and how often what happened.
pub struct Played {
    pub log: Vec<String>,
    pub tally: BTreeMap<&'static str, u64>,
}

/// Which inputs of the fuzz target are played twice more: those of every so many lengths.
const TWICE: usize = 8;

/// Plays the operations; some of them twice more, since the same operations have to give the same words. The body of the fuzz target of
/// this name.
///
/// # Panics
/// If they do not, or as [`play`].
#[allow(dead_code, reason = "the fuzz target has use for it, the test has not")]
pub fn jingle_ops(data: &[u8]) {
    play(data, false);
    if (data.len() / LENGTH).is_multiple_of(TWICE) {
        assert_eq!(
            play(data, true).log,
            play(data, true).log,
            "the same operations gave other words"
        );
    }
}

/// Plays the operations, and then lets the network be quiet. What was said is kept if that is wanted, and so is what was said before
/// something went wrong ([`last_words`]).
///
/// # Panics
/// If a phone does what it should not.
pub fn play(data: &[u8], logged: bool) -> Played {
    let (header, operations) = data.split_at(data.len().min(HEADER));
    let mut world = World::new(ops::manner(header), logged);
    for operation in operations.chunks_exact(LENGTH) {
        ops::perform(&mut world, [operation[0], operation[1], operation[2]]);
    }
    quiet::end(&mut world);
    let (log, tally) = (world.take_log(), std::mem::take(&mut world.tally));
    Played { log, tally }
}
