//! `cargo xtask bench live`: what speech sounds like in a call of ours and in a page of Chromium that are sent the same packets at the same time
//! through the same network.

use std::fmt::Write as _;

use super::quality::{Rows, Spoken};
use super::{Bench, Row, Speech};
use crate::step::Error;
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// The network that is played: not one that anything was tuned with.
const SEED: &str = "1009";
/// The folders of what was heard, and the columns that begin with their names.
const SIDES: [&str; 2] = ["ours", "theirs"];

pub(super) const LIVE: Bench = Bench {
    name: "live",
    timed: None,
    counted: &[],
    other: None,
    speech: Some(Speech::Live),
    columns: &[
        ("offhook: PESQ", "ours-pesq"),
        ("PLCMOS", "ours-plcmos"),
        ("buffer, ms", "ours-delay"),
        ("Chromium: PESQ", "theirs-pesq"),
        ("PLCMOS", "theirs-plcmos"),
        ("buffer, ms", "theirs-delay"),
    ],
    rows: &[
        Row::Count("nothing lost, nothing late", "clean"),
        Row::Count("10 % lost, FEC", "loss-10-fec"),
        Row::Count("20 % lost, FEC", "loss-20-fec"),
        Row::Count("10 % lost", "loss-10"),
        Row::Count("20 % lost in bursts of 3, FEC", "bursts-20-fec"),
        Row::Count("jitter of a Wi-Fi", "wifi"),
        Row::Count("stalls of 100 to 250 ms", "stalls"),
        Row::Count("10 % come 25 to 45 ms late", "late-10"),
    ],
};

/// Plays and scores; returns the figures as lines `figure NAME VALUE`.
pub(super) fn scores(workspace: &Workspace, install: Install) -> Result<String, Error> {
    tools::for_peers(workspace, install)?;
    let speech = Spoken::new(workspace, "live", install)?;
    let waited = speech.played("offhook-tests", "live", &[SEED])?;
    let mut printed = String::new();
    for side in SIDES {
        let mut rows = Rows::default();
        rows.add(&speech.scored(side)?);
        rows.add(&waited);
        printed += &figures(side, &rows);
    }
    Ok(printed)
}

fn figures(side: &str, rows: &Rows) -> String {
    let mut printed = String::new();
    for row in LIVE.rows {
        let Row::Count(_, name) = row else { continue };
        let told = [
            ("pesq", rows.mean(name, "pesq"), 2),
            ("plcmos", rows.mean(name, "plcmos"), 2),
            ("delay", rows.mean(&format!("{side}/{name}"), "delay_ms"), 0),
        ];
        for (column, value, digits) in told {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = writeln!(printed, "figure {side}-{column}/{name} {value:.digits$}");
            }
        }
    }
    printed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_side_has_its_own_figures() {
        let mut rows = Rows::default();
        rows.add(b"{\"row\": \"clean\", \"pesq\": 4.36, \"plcmos\": 4.5}\n");
        rows.add(b"{\"row\": \"ours/clean\", \"delay_ms\": 18.6}\n{\"row\": \"theirs/clean\", \"delay_ms\": 33.4}\n");
        let expected = "figure ours-pesq/clean 4.36\nfigure ours-plcmos/clean 4.50\nfigure ours-delay/clean 19\n";
        assert_eq!(figures("ours", &rows), expected);
        assert!(figures("theirs", &rows).contains("figure theirs-delay/clean 33\n"));
    }
}
