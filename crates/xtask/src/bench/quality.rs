//! `cargo xtask bench quality`: what speech sounds like through bad networks, beside what Chromium makes of it, and beside what is
//! wanted.
//!
//! The speech comes with Debian's packages. It is played by the benchmark `quality` of the crate `media`, and scored in Python.

use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::{Bench, Row, Speech};
use crate::pip;
use crate::step::{Error, Step};
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// Longest that the benchmark may take, its build included.
const PLAYING_LIMIT: Duration = Duration::from_secs(1800);
/// Longest that preparing the speech, or scoring it, may take.
const PYTHON_LIMIT: Duration = Duration::from_secs(1200);
/// The folder of the programs in Python.
const PROJECT: &str = "tests/quality";
/// The networks that are played: none of these is one that anything was tuned with.
const SEEDS: [&str; 5] = ["1009", "2003", "3001", "4001", "5003"];

pub(super) const QUALITY: Bench = Bench {
    name: "quality",
    timed: None,
    counted: &[],
    other: None,
    speech: Some(Speech::Virtual),
    columns: &[
        ("PESQ", "pesq"),
        ("buffer, ms", "delay"),
        ("PLCMOS", "plcmos"),
        ("Chromium: PESQ, ms", "chromium"),
        ("wanted: PESQ, ms", "goal"),
        ("", "verdict"),
    ],
    rows: &[
        Row::Count("nothing lost, nothing late", "clean"),
        Row::Count("5 % lost, FEC", "loss-5-fec"),
        Row::Count("10 % lost, FEC", "loss-10-fec"),
        Row::Count("20 % lost, FEC", "loss-20-fec"),
        Row::Count("30 % lost, FEC", "loss-30-fec"),
        Row::Count("5 % lost", "loss-5"),
        Row::Count("10 % lost", "loss-10"),
        Row::Count("20 % lost", "loss-20"),
        Row::Count("10 % lost in bursts of 3, FEC", "bursts-10-fec"),
        Row::Count("20 % lost in bursts of 3, FEC", "bursts-20-fec"),
        Row::Count("10 % lost in bursts of 3, DRED", "bursts-10-dred"),
        Row::Count("20 % lost in bursts of 3, DRED", "bursts-20-dred"),
        Row::Count("jitter of a Wi-Fi", "wifi"),
        Row::Count("stalls of 100 to 250 ms", "stalls"),
        Row::Count("s until it is below 80 ms again", "calm"),
        Row::Count("10 % come 25 to 45 ms late", "late-10"),
        Row::Count("a clock 1000 ppm fast, 10 min", "drift-fast"),
        Row::Count("a clock 1000 ppm slow, 10 min", "drift-slow"),
    ],
};

/// What is wanted of a row.
struct Goal {
    row: &'static str,
    /// What Chromium 156 came to with clips of this kind, and its buffer.
    chromium: &'static str,
    /// The least score, and the most delay.
    pesq: f64,
    milliseconds: f64,
}

const fn goal(row: &'static str, chromium: &'static str, pesq: f64, milliseconds: f64) -> Goal {
    Goal {
        row,
        chromium,
        pesq,
        milliseconds,
    }
}

/// Nothing is said of the delay.
const ANY: f64 = f64::INFINITY;

const GOALS: [Goal; 15] = [
    goal("clean", "4.32, 31", 4.35, 25.0),
    goal("loss-5-fec", "3.90", 4.00, 45.0),
    goal("loss-10-fec", "3.18", 3.45, 45.0),
    goal("loss-20-fec", "2.47", 2.80, 45.0),
    goal("loss-30-fec", "1.90", 2.20, 45.0),
    goal("loss-5", "2.61", 3.00, ANY),
    goal("loss-10", "1.89", 2.25, ANY),
    goal("loss-20", "1.36", 1.50, ANY),
    goal("bursts-10-fec", "2.25", 2.60, ANY),
    goal("bursts-20-fec", "1.77", 2.05, ANY),
    goal("bursts-10-dred", "–", 2.85, 110.0),
    goal("bursts-20-dred", "–", 2.60, 110.0),
    goal("wifi", "3.7–4.15, 77–125", 4.1, 70.0),
    goal("stalls", "3.3–3.5, 205", 3.5, 170.0),
    goal("late-10", "4.29, 53", 4.30, 50.0),
];

/// A sender's clock that is not ours may cost this much of the score on a clean network.
const DRIFT_COSTS: f64 = 0.1;

/// After stalls, the delay is small again within so many seconds.
const CALM_WITHIN: f64 = 10.0;

/// Plays and scores; returns the figures as lines `figure NAME VALUE`.
pub(super) fn scores(workspace: &Workspace, install: Install) -> Result<String, Error> {
    let speech = Spoken::new(workspace, "quality", install)?;
    let counted = speech.played("offhook-media", "quality", &SEEDS)?;
    let scored = speech.scored("")?;
    let mut rows = Rows::default();
    rows.add(&counted);
    rows.add(&scored);
    Ok(rows.figures())
}

/// Speech that is played and scored, in a folder of its own.
pub(super) struct Spoken<'a> {
    workspace: &'a Workspace,
    python: PathBuf,
    clips: PathBuf,
    heard: PathBuf,
}

impl<'a> Spoken<'a> {
    /// Joins the clips.
    pub(super) fn new(workspace: &'a Workspace, name: &str, install: Install) -> Result<Self, Error> {
        tools::for_speech(install)?;
        let python = pip::environment(workspace, PROJECT, install)?.join("bin/python");
        let folder = workspace.target.join("xtask").join(name);
        if let Err(source) = fs::remove_dir_all(&folder)
            && source.kind() != std::io::ErrorKind::NotFound
        {
            return Err(Error::File { path: folder, source });
        }
        let speech = Self {
            workspace,
            python,
            clips: folder.join("clips"),
            heard: folder.join("heard"),
        };
        speech.program("clips.py").argument(&speech.clips).captured()?;
        Ok(speech)
    }

    /// Has a benchmark play the clips through networks of these seeds; what it prints.
    pub(super) fn played(&self, package: &str, bench: &str, seeds: &[&str]) -> Result<Vec<u8>, Error> {
        let play = ["bench", "--quiet", "--package", package, "--bench", bench, "--"];
        let mut play = Step::new("cargo", &play, PLAYING_LIMIT)
            .argument(&self.clips)
            .argument(&self.heard);
        for seed in seeds {
            play = play.argument(seed);
        }
        play.folder(&self.workspace.root).captured()
    }

    /// The scores of what was heard in this folder.
    pub(super) fn scored(&self, folder: &str) -> Result<Vec<u8>, Error> {
        let score = self.program("score.py").argument(&self.clips);
        score.argument(self.heard.join(folder)).captured()
    }

    fn program(&self, name: &str) -> Step {
        Step::new(&self.python, &[], PYTHON_LIMIT).argument(self.workspace.root.join(PROJECT).join(name))
    }
}

/// What was printed about the rows, an object of JSON a line.
#[derive(Default)]
pub(super) struct Rows(Vec<serde_json::Value>);

impl Rows {
    pub(super) fn add(&mut self, printed: &[u8]) {
        let lines = printed.split(|byte| *byte == b'\n');
        self.0
            .extend(lines.filter_map(|line| serde_json::from_slice(line).ok()));
    }

    /// The mean of a figure of a row.
    pub(super) fn mean(&self, row: &str, figure: &str) -> Option<f64> {
        let of_row = self.0.iter().filter(|line| line["row"] == row);
        let values: Vec<f64> = of_row.filter_map(|line| line[figure].as_f64()).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    fn figures(&self) -> String {
        let mut printed = String::new();
        let mut figure = |column: &str, row: &str, value: &str| {
            // Writing to a string does not fail.
            let _ = writeln!(printed, "figure {column}/{row} {value}");
        };
        let clean = self.mean("clean", "pesq").unwrap_or_default();
        let drifts = ["drift-fast", "drift-slow"].map(|row| goal(row, "–", clean - DRIFT_COSTS, ANY));
        for goal in GOALS.iter().chain(&drifts) {
            let (pesq, delay) = (self.mean(goal.row, "pesq"), self.mean(goal.row, "delay_ms"));
            let told = [
                ("pesq", pesq, 2),
                ("delay", delay, 0),
                ("plcmos", self.mean(goal.row, "plcmos"), 2),
            ];
            for (column, value, digits) in told {
                if let Some(value) = value {
                    figure(column, goal.row, &format!("{value:.digits$}"));
                }
            }
            figure("chromium", goal.row, goal.chromium);
            let most = if goal.milliseconds.is_finite() {
                format!(", {}", goal.milliseconds)
            } else {
                String::new()
            };
            figure("goal", goal.row, &format!("{:.2}{most}", goal.pesq));
            if let (Some(pesq), Some(delay)) = (pesq, delay) {
                let met = pesq >= goal.pesq && delay <= goal.milliseconds;
                figure("verdict", goal.row, if met { "met" } else { "**missed**" });
            }
        }
        if let Some(calm) = self.mean("stalls-then-calm", "calm_after_s") {
            figure("delay", "calm", &format!("{calm:.1} s"));
            figure("goal", "calm", &format!("{CALM_WITHIN} s"));
            figure(
                "verdict",
                "calm",
                if calm <= CALM_WITHIN { "met" } else { "**missed**" },
            );
        }
        printed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_met_by_the_mean_score_within_the_mean_delay() {
        let mut rows = Rows::default();
        rows.add(b"{\"row\": \"clean\", \"pesq\": 4.4}\nnot of JSON\n");
        rows.add(b"{\"row\": \"clean\", \"delay_ms\": 20.0}\n{\"row\": \"clean\", \"delay_ms\": 29.0}\n");
        rows.add(b"{\"row\": \"drift-fast\", \"pesq\": 4.31, \"delay_ms\": 100}\n");
        let told = rows.figures();
        for line in [
            "figure pesq/clean 4.40",
            "figure delay/clean 24",
            "figure goal/clean 4.35, 25",
            "figure verdict/clean met",
            "figure verdict/drift-fast met",
        ] {
            assert!(told.lines().any(|one| one == line), "{line} in {told}");
        }
        rows.add(b"{\"row\": \"clean\", \"delay_ms\": 40.0}\n");
        assert!(rows.figures().contains("verdict/clean **missed**"));
    }

    #[test]
    fn every_goal_has_its_row_in_the_table() {
        for goal in GOALS {
            let shown = |row: &Row| matches!(row, Row::Count(_, name) if *name == goal.row);
            assert!(QUALITY.rows.iter().any(shown), "{}", goal.row);
        }
    }
}
