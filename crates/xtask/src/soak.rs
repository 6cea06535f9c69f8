//! `cargo xtask soak`: what `cargo xtask test` does, for as long as it takes to find what is rare.

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::fuzz::{self, Fuzzer, Target};
use crate::stage::{CommandStage, Outcome, command, conclude, log_shown, stage};
use crate::step::{Error, Step};
use crate::tally::Tally;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest that a share may take, its build included.
const LIMIT: Duration = Duration::from_secs(12 * 3600);

/// One kind of soaking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    /// What it is called, on the command line and in its result.
    pub(crate) name: &'static str,
    /// What there is much of.
    pub(crate) unit: &'static str,
    /// How much of it unless told otherwise.
    pub(crate) usual: u64,
    work: Work,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// A test of the workspace that reads from this variable how much it shall do.
    Test {
        /// What cargo is told, so that it runs this test alone.
        selection: &'static [&'static str],
        /// Where that is read.
        source: &'static str,
        variable: &'static str,
        /// What it needs.
        needs: Needs,
    },
    /// Every fuzz target, so many seconds each.
    Fuzz,
}

/// What a test needs beside its build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    Nothing,
    /// Network namespaces, and programs in them; without these it is ignored.
    Networks,
}

/// Every share, in the order in which they run.
pub(crate) const SHARES: [Share; 6] = [
    Share {
        name: "jingle-model",
        unit: "sequences",
        usual: 100_000,
        work: Work::Test {
            selection: &["--test", "model", "--", "--nocapture"],
            source: "crates/jingle/tests/model/main.rs",
            variable: "OFFHOOK_SEQUENCES",
            needs: Needs::Nothing,
        },
    },
    Share {
        name: "lives",
        unit: "lives",
        usual: 250_000,
        work: Work::Test {
            selection: &["--test", "lives", "--", "--nocapture"],
            source: "tests/lives/main.rs",
            variable: "OFFHOOK_LIVES",
            needs: Needs::Nothing,
        },
    },
    Share {
        name: "calls",
        unit: "courses of two softphones",
        usual: 10_000,
        work: Work::Test {
            selection: &["--lib", "whatever_happens_to_two_softphones"],
            source: "crates/phone/src/phone/tests/explored.rs",
            variable: "OFFHOOK_CALLS",
            needs: Needs::Nothing,
        },
    },
    Share {
        name: "network-sim",
        unit: "calls on each network",
        usual: 1_000,
        work: Work::Test {
            selection: &["--test", "networks", "--", "--nocapture"],
            source: "crates/media/tests/networks/main.rs",
            variable: "OFFHOOK_NETWORK_SEEDS",
            needs: Needs::Nothing,
        },
    },
    Share {
        name: "network",
        unit: "calls on each network",
        usual: 50,
        work: Work::Test {
            selection: &["--test", "namespaces", "--", "--ignored"],
            source: "tests/networks/main.rs",
            variable: "OFFHOOK_NETWORK_CALLS",
            needs: Needs::Networks,
        },
    },
    Share {
        name: "fuzz",
        unit: "seconds a target",
        usual: 1800,
        work: Work::Fuzz,
    },
];

/// The share of this name.
pub(crate) fn share(name: &str) -> Option<Share> {
    SHARES.into_iter().find(|share| share.name == name)
}

/// Runs these shares, each with as much as is said, and prints their times and the final count.
pub(crate) fn run(workspace: &Workspace, install: Install, shares: &[(Share, u64)]) -> Result<ExitCode, Error> {
    let start = Instant::now();
    tools::for_building(install)?;
    let mut total = Tally::default();
    for &(share, amount) in shares {
        println!("{}: {amount} {}", share.name, share.unit);
        total += match share.work {
            Work::Test {
                selection,
                variable,
                needs,
                ..
            } => {
                if needs == Needs::Networks {
                    tools::for_networks(install)?;
                }
                test(workspace, share.name, selection, variable, amount)
            }
            Work::Fuzz => every_target(workspace, &Fuzzer::prepare(workspace, install)?, amount),
        };
    }
    Ok(conclude(start, total))
}

/// A test is selected from the whole workspace: selecting its package would change features and build it anew.
fn test(workspace: &Workspace, name: &'static str, selection: &[&str], variable: &str, amount: u64) -> Tally {
    let arguments = [&["test", "--workspace"], selection].concat();
    let soaking = CommandStage {
        name,
        step: Step::new("cargo", &arguments, LIMIT).variable(variable, amount.to_string()),
        counts_tests: true,
        shows_table: true,
    };
    command(workspace, soaking)
}

fn every_target(workspace: &Workspace, fuzzer: &Fuzzer, seconds: u64) -> Tally {
    let mut tally = Tally::default();
    for target in fuzz::TARGETS {
        tally += stage(target.name, || fuzzed(workspace, fuzzer, target, seconds));
    }
    tally
}

fn fuzzed(workspace: &Workspace, fuzzer: &Fuzzer, target: Target, seconds: u64) -> Outcome {
    let log = workspace.log(&format!("fuzz {}", target.name));
    let ended = fuzzer
        .step(workspace, target, seconds)
        .and_then(|step| step.logged(&log));
    let output = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
    let mut outcome = Outcome::of(Tally::one(ended.is_ok()), log_shown(&output, workspace.relative(&log)));
    if let Some(inputs) = fuzz::inputs(&output) {
        outcome.table = format!("{:<20} {inputs} inputs\n", "");
    }
    if let Err(error) = ended {
        outcome.report += &format!("{error}\n");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_test_of_every_share_is_there_and_reads_its_variable() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for share in SHARES {
            if let Work::Test { source, variable, .. } = share.work {
                let source = fs::read_to_string(root.join(source)).expect(source);
                assert!(
                    source.contains(&format!("\"{variable}\"")),
                    "{} reads {variable}",
                    share.name
                );
            }
        }
    }
}
