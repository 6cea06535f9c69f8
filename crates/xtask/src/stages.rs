//! `cargo xtask test`: every check and every test, stage by stage.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::house;
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
/// As much of a failed stage's log as is shown, in lines.
const SHOWN_LINES: usize = 400;

/// What a stage came to.
struct Outcome {
    tally: Tally,
    /// What there is to see when it failed.
    report: String,
    /// What there is to see in any case.
    table: String,
}

impl Outcome {
    fn of(tally: Tally, report: String) -> Self {
        Self {
            tally,
            report,
            table: String::new(),
        }
    }
}

/// A command that is a stage, and how its result is counted.
struct CommandStage {
    name: &'static str,
    step: Step,
    counts_tests: bool,
    /// Its tests print a table, which is shown.
    shows_table: bool,
}

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
        total += survival(workspace, quick);
        total += command(workspace, testing("doc tests", &["--doc"]));
    }
    println!("\nall of it took {:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
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
            println!("{name:<18} SKIPPED            cargo-deny is not installed, and --quick installs nothing");
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
        println!("{name:<18} SKIPPED            they need servers that --quick does not install");
        return Tally::default();
    }
    if let Err(error) = tools::for_interop(install) {
        return stage(name, || Outcome::of(Tally::one(false), format!("{error}\n")));
    }
    command(workspace, testing(name, &["--test", "prosody", "--", "--ignored"]))
}

/// Calls of minutes whose signalling fails again and again. They take real time, and show what they measured.
fn survival(workspace: &Workspace, quick: bool) -> Tally {
    let name = "survival";
    if quick {
        println!("{name:<18} SKIPPED            it takes three minutes");
        return Tally::default();
    }
    let selection = ["--test", "survival", "--", "--ignored", "--nocapture"];
    let tests = CommandStage {
        shows_table: true,
        ..testing(name, &selection)
    };
    command(workspace, tests)
}

fn command(
    workspace: &Workspace,
    CommandStage {
        name,
        step,
        counts_tests,
        shows_table,
    }: CommandStage,
) -> Tally {
    stage(name, || {
        let log = workspace.log(name);
        let ended = step.folder(&workspace.root).logged(&log);
        let output = String::from_utf8_lossy(&fs::read(&log).unwrap_or_default()).into_owned();
        let tally = if counts_tests {
            Tally::of_run(&output, ended.is_ok())
        } else {
            Tally::one(ended.is_ok())
        };
        let mut report = shortened(&output, workspace.relative(&log));
        if let Err(error) = ended {
            report += &format!("{error}\n");
        }
        let table = if shows_table { table(&output) } else { String::new() };
        Outcome { tally, report, table }
    })
}

/// Runs a stage, prints its line, and what there is to see when it failed.
fn stage(name: &str, body: impl FnOnce() -> Outcome) -> Tally {
    // On a terminal one sees what is running; in a log there is one line for each stage.
    let live = std::io::stdout().is_terminal();
    if live {
        print!("{name:<18} ...");
        let _ = std::io::stdout().flush();
    }
    let start = Instant::now();
    let Outcome { tally, report, table } = body();
    let verdict = if tally.failed == 0 { "PASSED" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f64();
    let line = format!(
        "{name:<18} {verdict} {seconds:>8.1} s   {} passed, {} failed",
        tally.passed, tally.failed
    );
    println!("{}{line}", if live { "\r" } else { "" });
    print!("{table}");
    if tally.failed > 0 {
        println!("{}", report.trim_end());
    }
    tally
}

/// The lines of a log that are rows of a table.
fn table(output: &str) -> String {
    let rows = output.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| format!("{row}\n")).collect()
}

/// What a log tells beyond the progress that was made: its end, if it is long, and where all of it is.
fn shortened(output: &str, log: &Path) -> String {
    let told: Vec<&str> = output.lines().filter(|line| !is_progress(line)).collect();
    let left_out = told.len().saturating_sub(SHOWN_LINES);
    format!(
        "{}\nall of this is in {}\n",
        told[left_out..].join("\n").trim(),
        log.display()
    )
}

/// Whether a line only says that something went as it should.
fn is_progress(line: &str) -> bool {
    let working = [
        "Compiling ",
        "Checking ",
        "Documenting ",
        "Generated ",
        "Finished ",
        "Fresh ",
        "running ",
    ];
    let line = line.trim();
    (line.starts_with("test ") && line.ends_with(" ... ok")) || working.iter().any(|word| line.starts_with(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_log_the_rows_of_tables_are_shown() {
        let log = "running 1 test\ntest a ... \n| at | how |\n|  1 | cut |\nok\n a | b\n";
        assert_eq!(table(log), "| at | how |\n|  1 | cut |\n");
    }

    #[test]
    fn of_a_log_what_went_wrong_is_shown() {
        let log = "   Compiling x v0.1.0\n\nrunning 2 tests\ntest a ... ok\ntest b ... FAILED\n\nb panicked\n";
        assert_eq!(
            shortened(log, Path::new("x.log")),
            "test b ... FAILED\n\nb panicked\nall of this is in x.log\n"
        );
        let long: String = (1..=SHOWN_LINES + 2).map(|n| format!("line {n}\n")).collect();
        let shown = shortened(&long, Path::new("x.log"));
        assert!(shown.starts_with("line 3\n") && shown.contains("line 402\n"));
    }
}
