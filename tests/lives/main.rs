//! Ten thousand lives of a connection, in virtual time: a client and everything that a network, a cloud, a gateway and an
//! application may do to it, as far as chance finds it. After each step all that must hold is looked at (`witness.rs`).
//!
//! A life is named by its number: `OFFHOOK_SEED=1234 cargo test -p offhook-tests --test lives` lives that one again.
//! `OFFHOOK_LIVES=100000` lives more of them.

mod acts;
mod cloud;
mod step;
mod witness;
mod world;

use std::{
    cell::RefCell,
    env,
    panic::{self, AssertUnwindSafe},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
};

use proptest::{
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};

use step::Life;
use witness::Tally;

/// How many lives are lived unless told otherwise.
const LIVES: u64 = 10_000;

/// Which lives are lived twice: every so many.
const TWICE: u64 = 10;

/// What there has to be in so many lives at least, so that what must hold of it is looked at.
const AT_LEAST: [(&str, u64); 9] = [
    ("connections", 15_000),
    ("ends told late", 1_000),
    ("ends while away", 500),
    ("failures to connect", 2_000),
    ("long waits", 300),
    ("renewals", 150),
    ("resumed streams", 1_500),
    ("sessions gone", 300),
    ("transfers", 500),
];

/// How many simpler lives are tried for one that went wrong.
const SIMPLER: usize = 2000;

fn tree(seed: u64) -> impl ValueTree<Value = Life> {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    step::life().new_tree(&mut runner).expect("a life is never rejected")
}

thread_local! {
    /// What went wrong last on this thread.
    static WRONG: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Lives this life; what went wrong, if something did.
fn fate(life: &Life, twice: bool) -> Result<Tally, String> {
    panic::catch_unwind(AssertUnwindSafe(|| {
        let (said, tally) = world::live(life);
        assert!(!twice || said == world::live(life).0, "the same life gave other words");
        tally
    }))
    .map_err(|_| WRONG.take())
}

/// The simplest life found that goes wrong as this one does.
fn simplest(seed: u64) -> (Life, String) {
    let mut tree = tree(seed);
    let twice = true;
    let mut worst = (
        tree.current(),
        fate(&tree.current(), twice)
            .err()
            .unwrap_or_else(|| "it did not go wrong again".to_owned()),
    );
    let mut tries = 0;
    while tries < SIMPLER && tree.simplify() {
        loop {
            tries += 1;
            match fate(&tree.current(), twice) {
                Err(error) => {
                    worst = (tree.current(), error);
                    break;
                }
                Ok(_) if tries < SIMPLER && tree.complicate() => {}
                Ok(_) => return worst,
            }
        }
    }
    worst
}

fn number(variable: &str) -> Option<u64> {
    let text = env::var(variable).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|_| panic!("{variable} is a number, not {text:?}")),
    )
}

#[test]
fn ten_thousand_lives() {
    if let Some(seed) = number("OFFHOOK_SEED") {
        println!("{:#?}", tree(seed).current());
        world::live(&tree(seed).current());
        return;
    }
    let lives = number("OFFHOOK_LIVES").unwrap_or(LIVES);
    let next = AtomicU64::new(0);
    let failed = AtomicU64::new(u64::MAX);
    let tally = Mutex::new(Tally::default());
    let threads = thread::available_parallelism().map_or(1, usize::from);
    // What goes wrong is told once, with the simplest life that leads to it.
    let hook = panic::take_hook();
    panic::set_hook(Box::new(|wrong| WRONG.set(wrong.to_string())));
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while failed.load(Ordering::Relaxed) == u64::MAX {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= lives {
                        return;
                    }
                    match fate(&tree(seed).current(), seed.is_multiple_of(TWICE)) {
                        Ok(lived) => tally.lock().expect("nobody panics with it").add(&lived),
                        Err(_) => drop(failed.fetch_min(seed, Ordering::Relaxed)),
                    }
                }
            });
        }
    });
    let failed = failed.into_inner();
    let found = (failed != u64::MAX).then(|| simplest(failed));
    panic::set_hook(hook);
    if let Some((life, error)) = found {
        panic!(
            "{error}\nOFFHOOK_SEED={failed} lives this life again; the simplest one that goes wrong so is\n{life:#?}"
        );
    }
    let tally = tally.into_inner().expect("nobody panics with it");
    println!("{tally:#?}");
    for (what, least) in AT_LEAST {
        let times = tally.0.get(what).copied().unwrap_or_default();
        assert!(
            times * LIVES >= least * lives,
            "only {times} {what}: the lives are not what they should be"
        );
    }
}
