//! One stage of a long command: a program or a check with its line of result, its log, and what there is to see of it.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::ExitCode;
use std::time::Instant;

use crate::step::Step;
use crate::tally::Tally;
use crate::workspace::Workspace;

/// As much of a failed stage's log as is shown, in lines.
const SHOWN_LINES: usize = 400;

/// What a stage came to.
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// What there is to see when it failed.
    pub(crate) report: String,
    /// What there is to see in any case.
    pub(crate) table: String,
}

impl Outcome {
    /// What shows its report when it failed, and nothing else.
    pub(crate) fn of(tally: Tally, report: String) -> Self {
        Self {
            tally,
            report,
            table: String::new(),
        }
    }
}

/// A command that is a stage, and how its result is counted.
pub(crate) struct CommandStage {
    pub(crate) name: &'static str,
    pub(crate) step: Step,
    pub(crate) counts_tests: bool,
    /// Its tests print a table, which is shown.
    pub(crate) shows_table: bool,
}

/// Runs a command as a stage, from the workspace's root.
pub(crate) fn command(
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
        let mut report = log_shown(&output, workspace.relative(&log));
        if let Err(error) = ended {
            report += &format!("{error}\n");
        }
        let table = if shows_table { table(&output) } else { String::new() };
        Outcome { tally, report, table }
    })
}

/// Runs a stage, prints its line, and what there is to see when it failed.
pub(crate) fn stage(name: &str, body: impl FnOnce() -> Outcome) -> Tally {
    // On a terminal one sees what is running; in a log there is one line for each stage.
    let live = std::io::stdout().is_terminal();
    if live {
        print!("{name:<20} ...");
        let _ = std::io::stdout().flush();
    }
    let start = Instant::now();
    let Outcome { tally, report, table } = body();
    let verdict = if tally.failed == 0 { "PASSED" } else { "FAILED" };
    let seconds = start.elapsed().as_secs_f64();
    let line = format!(
        "{name:<20} {verdict} {seconds:>8.1} s   {} passed, {} failed",
        tally.passed, tally.failed
    );
    println!("{}{line}", if live { "\r" } else { "" });
    print!("{table}");
    if tally.failed > 0 {
        println!("{}", report.trim_end());
    }
    tally
}

/// Says how long all of it took, and what passed and failed of it: the end of a command of several stages.
pub(crate) fn conclude(start: Instant, total: Tally) -> ExitCode {
    println!("\nall of it took {:.0} s", start.elapsed().as_secs_f64());
    println!("{} passed, {} failed", total.passed, total.failed);
    if total.failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// The lines of a log that are rows of a table.
fn table(output: &str) -> String {
    let rows = output.lines().filter(|line| line.starts_with('|'));
    rows.map(|row| format!("{row}\n")).collect()
}

/// What a log tells beyond the progress that was made: its end, if it is long, and where all of it is.
pub(crate) fn log_shown(output: &str, log: &Path) -> String {
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
            log_shown(log, Path::new("x.log")),
            "test b ... FAILED\n\nb panicked\nall of this is in x.log\n"
        );
        let long: String = (1..=SHOWN_LINES + 2).map(|n| format!("line {n}\n")).collect();
        let shown = log_shown(&long, Path::new("x.log"));
        assert!(shown.starts_with("line 3\n") && shown.contains("line 402\n"));
    }
}
