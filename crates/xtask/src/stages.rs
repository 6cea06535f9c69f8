//! `cargo xtask test`: every check and every test, stage by stage.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::house;
use crate::stage::{CommandStage, Outcome, command, conclude, stage};
use crate::step::{Error, Step};
use crate::tally::Tally;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest for what reads the source only.
const READING: Duration = Duration::from_secs(300);
/// Longest for what compiles from nothing.
const BUILDING: Duration = Duration::from_secs(1800);
/// Longest for what runs tests that are built.
const TESTING: Duration = Duration::from_secs(1200);

/// Builds what needs sound devices.
const DEVICES: &str = "--features=agent/device,offhook-tests/device";

/// Runs all stages and prints their times and the final count.
pub(crate) fn run(workspace: &Workspace, install: Install, quick: bool) -> Result<ExitCode, Error> {
    let start = Instant::now();
    tools::for_building(install)?;
    tools::for_checking(install)?;

    let mut total = Tally::default();
    total += command(
        workspace,
        cargo(
            "format",
            &["fmt", "--all", "--check", "--", "--files-with-diff"],
            READING,
        ),
    );
    total += stage("house rules", || house_rules(workspace));
    total += dependencies(workspace, install, quick);
    // Nothing that comes after can tell more about a build that is broken. The programs are built as users build them, and
    // tests that start them find them there.
    let mut build = command(
        workspace,
        cargo("build programs", &["build", "--workspace", "--bins"], BUILDING),
    );
    let tests = ["test", "--workspace", "--all-targets", "--no-run"];
    build += command(workspace, cargo("build tests", &tests, BUILDING));
    total += build;
    if build.failed == 0 {
        let clippy = ["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"];
        total += command(workspace, cargo("clippy", &clippy, BUILDING));
        let mut docs = cargo("docs", &["doc", "--workspace", "--no-deps"], BUILDING);
        docs.step = docs.step.variable("RUSTDOCFLAGS", "-D warnings");
        total += command(workspace, docs);
        total += command(workspace, testing("unit tests", &["--lib", "--bins", "--examples"]));
        total += command(workspace, testing("end to end tests", &["--test", "*"]));
        total += interop(workspace, install, quick);
        total += devices(workspace, install, quick);
        total += survival(workspace, quick);
        total += public_api(workspace, install, quick);
        total += command(workspace, testing("doc tests", &["--doc"]));
    }
    Ok(conclude(start, total))
}

fn cargo(name: &'static str, arguments: &[&str], limit: Duration) -> CommandStage {
    CommandStage {
        name,
        step: Step::new("cargo", arguments, limit),
        counts_tests: false,
        shows_table: false,
    }
}

/// Tests are selected from the whole workspace: selecting a package would change features and build it anew.
fn testing(name: &'static str, selection: &[&str]) -> CommandStage {
    let arguments = [&["test", "--workspace", "--no-fail-fast"], selection].concat();
    CommandStage {
        counts_tests: true,
        ..cargo(name, &arguments, TESTING)
    }
}

fn house_rules(workspace: &Workspace) -> Outcome {
    let mut outcome = Outcome::of(Tally::default(), String::new());
    match house::check(workspace) {
        Ok(checks) => {
            for check in checks {
                outcome.tally += Tally::one(check.faults.is_empty());
                for fault in check.faults {
                    outcome.report += &format!("{}: {fault}\n", check.rule);
                }
            }
        }
        Err(error) => {
            outcome.tally += Tally::one(false);
            outcome.report = format!("{error}\n");
        }
    }
    outcome
}

/// Licences, sources and banned crates, by cargo-deny.
fn dependencies(workspace: &Workspace, install: Install, quick: bool) -> Tally {
    let name = "dependencies";
    let folder = match tools::cargo_tool(workspace, "cargo-deny", install) {
        Ok(folder) => folder,
        Err(Error::Missing { .. }) if quick => {
            println!("{name:<20} SKIPPED            cargo-deny is not installed, and --quick installs nothing");
            return Tally::default();
        }
        Err(error) => {
            return stage(name, || Outcome::of(Tally::one(false), format!("{error}\n")));
        }
    };
    let mut deny = cargo(name, &["deny", "check", "bans", "licenses", "sources"], READING);
    if let Some(folder) = folder {
        deny.step = deny.step.variable("PATH", tools::path_with(&folder));
    }
    command(workspace, deny)
}

/// The client against programs that others wrote. The tests need them installed, and install nothing themselves.
fn interop(workspace: &Workspace, install: Install, quick: bool) -> Tally {
    let name = "interop tests";
    if quick {
        println!("{name:<20} SKIPPED            they need servers that --quick does not install");
        return Tally::default();
    }
    if let Err(error) = tools::for_interop(workspace, install) {
        return stage(name, || Outcome::of(Tally::one(false), format!("{error}\n")));
    }
    let selection = [
        "--test",
        "prosody",
        "--test",
        "stanza",
        "--test",
        "peers",
        "--test",
        "official",
        "--test",
        "turn",
        "--test",
        "namespaces",
        "--test",
        "programs",
        "--test",
        "killed",
        "--test",
        "bridge",
        "--",
        "--ignored",
    ];
    let tests = CommandStage {
        shows_table: true,
        ..testing(name, &selection)
    };
    command(workspace, tests)
}

/// Whether the public API is what was written down; the nightly toolchain tells what it is.
fn public_api(workspace: &Workspace, install: Install, quick: bool) -> Tally {
    let name = "public API";
    if quick {
        println!("{name:<20} SKIPPED            it builds everything with another toolchain");
        return Tally::default();
    }
    if let Err(error) = tools::nightly(install) {
        return stage(name, || Outcome::of(Tally::one(false), format!("{error}\n")));
    }
    command(workspace, testing(name, &["--test", "public_api", "--", "--ignored"]))
}

/// What is built with sound devices, and calls between devices of a sound server. They take a few minutes, and show what they measured.
fn devices(workspace: &Workspace, install: Install, quick: bool) -> Tally {
    let name = "devices";
    if quick {
        println!("{name:<20} SKIPPED            they need a sound server that --quick does not install");
        return Tally::default();
    }
    if let Err(error) = tools::for_devices(workspace, install) {
        return stage(name, || Outcome::of(Tally::one(false), format!("{error}\n")));
    }
    let clippy = [
        "clippy",
        "--workspace",
        "--all-targets",
        DEVICES,
        "--",
        "-D",
        "warnings",
    ];
    let mut tally = command(workspace, cargo("devices clippy", &clippy, BUILDING));
    let units = [
        "test",
        "-p",
        "offhook-audio",
        "--all-features",
        "--lib",
        "--no-fail-fast",
        "--",
        "--include-ignored",
    ];
    let units = CommandStage {
        counts_tests: true,
        ..cargo("devices unit tests", &units, TESTING)
    };
    tally += command(workspace, units);
    tally += command(workspace, testing("devices doc tests", &[DEVICES, "--doc"]));
    let selection = [DEVICES, "--test", "devices", "--", "--include-ignored", "--nocapture"];
    let tests = CommandStage {
        shows_table: true,
        ..testing(name, &selection)
    };
    tally += command(workspace, tests);
    tally
}

/// Calls of minutes whose signalling fails again and again. They take real time, and show what they measured.
fn survival(workspace: &Workspace, quick: bool) -> Tally {
    let name = "survival";
    if quick {
        println!("{name:<20} SKIPPED            it takes three minutes");
        return Tally::default();
    }
    let selection = ["--test", "survival", "--", "--ignored", "--nocapture"];
    let tests = CommandStage {
        shows_table: true,
        ..testing(name, &selection)
    };
    command(workspace, tests)
}
