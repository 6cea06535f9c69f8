//! Twenty thousand sequences of what may happen to phones: what both sides' applications do, what a network loses, doubles, delays
//! and puts in another order, what strangers say in the name of others. After each step the phone has done and is what a model of the
//! standards says (`play/model`), and when the network is quiet, both sides of each call are of one mind.
//!
//! A sequence is named by its number: `OFFHOOK_SEED=1234 cargo test -p offhook-jingle --test model` plays that one again and shows it.
//! `OFFHOOK_SEQUENCES=100000` plays more of them.

#![allow(
    clippy::disallowed_methods,
    reason = "a test may be told how much to do, and do it on all cores"
)]

mod play;

use std::{
    cell::RefCell,
    collections::BTreeMap,
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use proptest::{
    collection::vec,
    prelude::any,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

type Tally = BTreeMap<&'static str, u64>;

/// How many sequences are played unless told otherwise.
const SEQUENCES: u64 = 20_000;

/// The most operations of one.
const OPERATIONS: usize = 200;

/// Which sequences are played twice: every so many.
const TWICE: u64 = 10;

/// What there has to be in so many sequences at least, so that what must hold of it is looked at.
const AT_LEAST: [(&str, u64); 9] = [
    ("agreements", 15_000),
    ("answers", 25_000),
    ("calls", 60_000),
    ("doubled", 20_000),
    ("later offers", 5000),
    ("lies", 20_000),
    ("lost", 40_000),
    ("signalling lost", 15_000),
    ("words of a stranger", 50_000),
];

/// How many simpler sequences are tried for one that went wrong.
const SIMPLER: usize = 6000;

/// The sequence of this number.
fn sequence(seed: u64) -> Vec<u8> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let header = any::<[u8; play::HEADER]>();
    let operations = vec(any::<[u8; play::LENGTH]>(), 0..=OPERATIONS);
    let bytes = |(header, operations): ([u8; play::HEADER], Vec<[u8; play::LENGTH]>)| {
        header
            .into_iter()
            .chain(operations.into_iter().flatten())
            .collect::<Vec<_>>()
    };
    let sequences = (header, operations).prop_map(bytes);
    sequences
        .new_tree(&mut runner)
        .expect("a sequence is never rejected")
        .current()
}

thread_local! {
    /// What went wrong last on this thread.
    static WRONG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Plays it; what went wrong, if something did.
fn outcome(data: &[u8], twice: bool) -> Result<Tally, String> {
    panic::catch_unwind(AssertUnwindSafe(|| {
        let played = play::play(data, twice);
        assert!(
            !twice || played.log == play::play(data, true).log,
            "the same sequence gave other words"
        );
        played.tally
    }))
    .map_err(|_| WRONG.take())
}

/// The simplest sequence found that goes wrong: as few operations as possible.
fn simplest(mut data: Vec<u8>) -> (Vec<u8>, String) {
    let mut error = "it did not go wrong again".to_owned();
    let mut size = data.len() / play::LENGTH;
    let mut tries = 0;
    while size > 0 && tries < SIMPLER {
        let mut at = play::HEADER;
        let before = data.len();
        while at < data.len() && tries < SIMPLER {
            let mut simpler = data.clone();
            simpler.drain(at..data.len().min(at + size * play::LENGTH));
            tries += 1;
            match outcome(&simpler, true) {
                Err(wrong) => (data, error) = (simpler, wrong),
                Ok(_) => at += size * play::LENGTH,
            }
        }
        if size > 1 || data.len() == before {
            size /= 2;
        }
    }
    // The last one tried may have gone well.
    (data.clone(), outcome(&data, true).err().unwrap_or(error))
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    let number = text.parse();
    Some(number.unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")))
}

#[test]
fn twenty_thousand_sequences_agree_with_the_model() {
    if let Some(seed) = number("OFFHOOK_SEED") {
        let played = play::play(&sequence(seed), true);
        println!("{}", played.log.join("\n"));
        return;
    }
    let sequences = number("OFFHOOK_SEQUENCES").unwrap_or(SEQUENCES);
    let (next, failed) = (AtomicU64::new(0), AtomicU64::new(u64::MAX));
    let tally = Mutex::new(Tally::new());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // What goes wrong is told once, with the simplest sequence that leads to it.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|wrong| WRONG.set(wrong.to_string())));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut seen = Tally::new();
                while failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= sequences {
                        break;
                    }
                    match outcome(&sequence(seed), seed.is_multiple_of(TWICE)) {
                        Ok(played) => played
                            .into_iter()
                            .for_each(|(what, times)| *seen.entry(what).or_default() += times),
                        Err(_) => drop(failed.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
                let mut tally = tally.lock().expect("nobody panics with it");
                seen.into_iter()
                    .for_each(|(what, times)| *tally.entry(what).or_default() += times);
            });
        }
    });
    let failed = failed.into_inner();
    let found = (failed != u64::MAX).then(|| simplest(sequence(failed)));
    panic::set_hook(hook);
    if let Some((data, error)) = found {
        panic!(
            "{}\n{error}\nOFFHOOK_SEED={failed} plays this sequence again; above is the simplest that goes wrong: {data:?}",
            play::last_words()
        );
    }
    let tally = tally.into_inner().expect("nobody panics with it");
    println!("{tally:#?}");
    for (what, least) in AT_LEAST {
        let times = tally.get(what).copied().unwrap_or_default();
        assert!(
            times * SEQUENCES >= least * sequences,
            "only {times} {what}: the sequences are not what they should be"
        );
    }
}
