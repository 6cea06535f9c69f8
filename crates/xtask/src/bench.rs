//! `cargo xtask bench`: benchmarks, and what they came to as one table with its ratios.

mod figures;
mod live;
mod quality;

use std::fs;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::npm;
use crate::stage::{CommandStage, Outcome, command, conclude, stage};
use crate::step::{Error, Step};
use crate::tally::Tally;
use crate::tools::Install;
use crate::workspace::Workspace;
use figures::Figures;

/// Longest that a benchmark may take, its build included.
const LIMIT: Duration = Duration::from_secs(1800);
/// Longest that a program may take to tell its version.
const VERSION_LIMIT: Duration = Duration::from_secs(60);

/// A set of benchmarks that give one table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bench {
    /// What it is called on the command line.
    pub(crate) name: &'static str,
    /// The benchmark that measures time, by criterion, with its package.
    timed: Option<(&'static str, &'static str)>,
    /// The benchmarks that print `figure NAME VALUE`, each with its package.
    counted: &'static [(&'static str, &'static str)],
    /// The same done by a program that others wrote.
    other: Option<Other>,
    /// Its figures are scores of speech that was heard.
    speech: Option<Speech>,
    /// What its columns are called, and how the names of their figures begin.
    columns: &'static [(&'static str, &'static str)],
    rows: &'static [Row],
}

impl Bench {
    /// Its benchmarks, each with its package.
    fn programs(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.timed.into_iter().chain(self.counted.iter().copied())
    }
}

/// How speech is played that is scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Speech {
    /// In virtual time.
    Virtual,
    /// Live, to a call of ours and to a page of Chromium.
    Live,
}

/// A program in Node that does what a benchmark does, and prints its speed as JSON: `stanzas_per_second`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Other {
    /// What it is.
    name: &'static str,
    /// The folder of the program, with the list of packages that it needs.
    project: &'static str,
    program: &'static str,
    /// What it is to handle.
    recording: &'static str,
    /// The name of its figure.
    figure: &'static str,
}

/// One row of a table: what is asked, and what it is read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Row {
    /// Elements handled in a second.
    Rate(&'static str, &'static str),
    /// A figure as it was printed.
    Count(&'static str, &'static str),
    /// The time of the first as a multiple of the second's, an element each.
    Ratio(&'static str, &'static str, &'static str),
    /// Elements handled in a second, as a multiple of a rate that was printed.
    Multiple(&'static str, &'static str, &'static str),
}

/// Every set, in the order in which they run.
pub(crate) const BENCHES: [Bench; 7] = [JINGLE, MEDIA, SETUP, SOCKETS, SCALE, quality::QUALITY, live::LIVE];

const JINGLE: Bench = Bench {
    name: "jingle",
    timed: Some(("offhook-jingle", "calls")),
    counted: &[("offhook-jingle", "memory")],
    other: Some(Other {
        name: "stanza in Node",
        project: "tests/stanza",
        program: "bench.js",
        recording: "tests/recordings/A-client-terminate.jsonl",
        figure: "jingle/stanza",
    }),
    speech: None,
    columns: &[("SDP over XMPP", "sdp-over-xmpp"), ("Jingle", "jingle")],
    rows: &[
        Row::Rate("stanzas a second, 1 session", "elements/1"),
        Row::Rate("stanzas a second, 10,000 sessions", "elements/10000"),
        Row::Ratio(
            "time of a stanza among 10,000 sessions, as a multiple of that of 1",
            "elements/10000",
            "elements/1",
        ),
        Row::Rate("stanzas a second with XML, 1 session", "text/1"),
        Row::Rate("stanzas a second with XML, 10,000 sessions", "text/10000"),
        Row::Ratio("the same multiple, with XML", "text/10000", "text/1"),
        Row::Count("stanzas a second by `stanza` in Node", "stanza"),
        Row::Multiple("offhook with XML, as a multiple of that", "text/1", "stanza"),
        Row::Count("allocations a stanza", "elements/allocations"),
        Row::Count("allocations a stanza, with XML", "text/allocations"),
        Row::Count("bytes allocated a stanza", "elements/bytes-allocated"),
        Row::Count("bytes allocated a stanza, with XML", "text/bytes-allocated"),
        Row::Count("bytes held by a live session", "held/bytes"),
    ],
};

/// What a call costs and holds.
const MEDIA: Bench = Bench {
    name: "media",
    timed: None,
    counted: &[("offhook-media", "media"), ("offhook-media", "call_memory")],
    other: None,
    speech: None,
    columns: &[
        ("complexity 0", "complexity-0"),
        ("5", "complexity-5"),
        ("9", "complexity-9"),
        ("ready-made packets", "ready-made"),
    ],
    rows: &[
        Row::Count("µs of processor to encode a frame", "encode"),
        Row::Count("to decode it", "decode"),
        Row::Count("for the jitter buffer around that", "buffer"),
        Row::Count("to encrypt and decrypt its packet", "srtp"),
        Row::Count("ms a second of call, both ends", "call"),
        Row::Count("the most that it may be", "call-limit"),
        Row::Count("the codec alone, both ends", "floor"),
        Row::Count("the call as a multiple of that", "ratio"),
        Row::Count("the most that it may be", "ratio-limit"),
        Row::Count("bytes held, both ends", "bytes"),
        Row::Count("the most that they may be", "bytes-limit"),
    ],
};

/// From accepting a call to its first audio packet.
const SETUP: Bench = Bench {
    name: "setup",
    timed: None,
    counted: &[("offhook-media", "setup"), ("offhook-tests", "client_setup")],
    other: None,
    speech: None,
    columns: &[
        ("media alone, no delay", "none"),
        ("50 ms one way", "50-ms"),
        ("the client, no delay", "client-none"),
        ("50 ms one way", "client-50-ms"),
    ],
    rows: &[
        Row::Count("ms until the offer is here, median", "offer"),
        Row::Count("ms until all candidates are known", "gathered"),
        Row::Count("ms until the first check is sent", "first-check"),
        Row::Count("ms until ICE has a path", "ice"),
        Row::Count("ms until DTLS is through", "dtls"),
        Row::Count("ms until the first audio packet is sent", "audio"),
        Row::Count("the same, 95th percentile", "audio-p95"),
        Row::Count("the most that its median may be", "limit"),
    ],
};

/// Five hundred calls with a socket each, or one for all.
const SOCKETS: Bench = Bench {
    name: "sockets",
    timed: None,
    counted: &[("offhook-tests", "sockets")],
    other: None,
    speech: None,
    columns: &[
        ("one each", "own"),
        ("one for all", "shared"),
        ("one for all, read in batches", "batched"),
    ],
    rows: &[
        Row::Count("µs of processor a datagram, received or sent", "datagram"),
        Row::Count("ms of processor a second of call", "second"),
        Row::Count("µs until a datagram is at its call, median", "delay"),
        Row::Count("the same, 99th percentile", "delay-99"),
        Row::Count("of 10,000 datagrams lost", "lost"),
        Row::Count("the same while the thread is held up 50 ms a second", "lost-held-up"),
        Row::Count("µs to open it for a call", "opening"),
        Row::Count("ports", "ports"),
    ],
};

/// A thousand agents and five hundred calls, without a codec.
const SCALE: Bench = Bench {
    name: "scale",
    timed: None,
    counted: &[("offhook-tests", "scale")],
    other: None,
    speech: None,
    columns: &[("1,000 agents, 500 calls", "scale")],
    rows: &[
        Row::Count("s until all agents are connected", "connecting"),
        Row::Count("s until all calls carry audio", "calling"),
        Row::Count("bytes of an agent, with the cloud's side", "agent-bytes"),
        Row::Count("bytes of a call, both ends", "call-bytes"),
        Row::Count("ms of processor a second of call, the client", "client"),
        Row::Count("the same, the cloud", "cloud"),
        Row::Count("processors kept busy", "processors"),
        Row::Count("packets a second that a call sends, each way", "pace"),
        Row::Count("of 10,000 packets lost", "lost"),
        Row::Count("descriptors", "descriptors"),
    ],
};

/// The set of this name.
pub(crate) fn bench(name: &str) -> Option<Bench> {
    BENCHES.into_iter().find(|bench| bench.name == name)
}

/// Runs these sets, and prints the table of each.
pub(crate) fn run(workspace: &Workspace, install: Install, benches: &[Bench]) -> Result<ExitCode, Error> {
    let start = Instant::now();
    let mut total = Tally::default();
    for bench in benches {
        let (tally, figures) = measured(workspace, install, bench)?;
        total += tally;
        println!("\n{}, on {}\n", bench.name, machine());
        print!("{}", table(bench, &figures));
    }
    Ok(conclude(start, total))
}

fn measured(workspace: &Workspace, install: Install, bench: &Bench) -> Result<(Tally, Figures), Error> {
    // Of this run alone: what criterion has from an earlier one is gone.
    let criterion = workspace.target.join("xtask").join("criterion").join(bench.name);
    if let Err(source) = fs::remove_dir_all(&criterion)
        && source.kind() != std::io::ErrorKind::NotFound
    {
        return Err(Error::File {
            path: criterion,
            source,
        });
    }
    let mut tally = Tally::default();
    for (package, target) in bench.programs() {
        let arguments = ["bench", "--package", package, "--bench", target];
        let measuring = CommandStage {
            name: target,
            step: Step::new("cargo", &arguments, LIMIT).variable("CRITERION_HOME", &criterion),
            counts_tests: false,
            shows_table: false,
        };
        tally += command(workspace, measuring);
    }
    let mut figures = Figures::default();
    if tally.failed == 0 {
        if bench.timed.is_some() {
            figures.add_criterion(&criterion)?;
        }
        for (_, target) in bench.counted {
            let log = workspace.log(target);
            let printed = fs::read_to_string(&log).map_err(|source| Error::File { path: log, source })?;
            figures.add_printed(&printed);
        }
    }
    if let Some(other) = bench.other {
        tally += stage(other.name, || match others_rate(workspace, install, &other) {
            Ok(rate) => {
                figures.add_printed(&format!("figure {} {}", other.figure, rounded(rate)));
                Outcome::of(Tally::one(true), String::new())
            }
            Err(error) => Outcome::of(Tally::one(false), format!("{error}\n")),
        });
    }
    if let Some(speech) = bench.speech {
        let scores = || match speech {
            Speech::Virtual => quality::scores(workspace, install),
            Speech::Live => live::scores(workspace, install),
        };
        tally += stage("speech", || match scores() {
            Ok(scores) => {
                figures.add_printed(&scores);
                Outcome::of(Tally::one(true), String::new())
            }
            Err(error) => Outcome::of(Tally::one(false), format!("{error}\n")),
        });
    }
    Ok((tally, figures))
}

/// How many stanzas the program handles in a second.
fn others_rate(workspace: &Workspace, install: Install, other: &Other) -> Result<f64, Error> {
    let modules = npm::modules(workspace, other.project, install)?;
    let step = Step::new("node", &[], LIMIT)
        .argument(workspace.root.join(other.project).join(other.program))
        .argument(workspace.root.join(other.recording))
        .variable("NODE_PATH", modules);
    let printed = step.captured()?;
    let told: Option<serde_json::Value> = serde_json::from_slice(&printed).ok();
    let rate = told.and_then(|told| told["stanzas_per_second"].as_f64());
    rate.ok_or_else(|| Error::Output {
        command: step.to_string(),
        fault: String::from_utf8_lossy(&printed).into_owned(),
    })
}

/// The figures as a table in Markdown; what was not measured is a dash.
fn table(bench: &Bench, figures: &Figures) -> String {
    let titles = bench.columns.iter().map(|(title, _)| (*title).to_owned());
    let mut lines = vec![line("", titles)];
    lines.push(format!("|---{}|", "|---:".repeat(bench.columns.len())));
    for row in bench.rows {
        let cells = bench.columns.iter().map(|(_, prefix)| cell(row, prefix, figures));
        let (Row::Rate(what, _) | Row::Count(what, _) | Row::Ratio(what, _, _) | Row::Multiple(what, _, _)) = row;
        lines.push(line(what, cells));
    }
    lines.join("\n") + "\n"
}

fn line(what: &str, cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells.collect();
    format!("| {what} | {} |", cells.join(" | "))
}

fn cell(row: &Row, column: &str, figures: &Figures) -> String {
    let nanoseconds = |name| figures.nanoseconds(&format!("{column}/{name}"));
    let value = match row {
        Row::Rate(_, name) => nanoseconds(name).map(|each| rounded(1e9 / each)),
        Row::Count(_, name) => figures.count(&format!("{column}/{name}")).map(str::to_owned),
        Row::Ratio(_, of, to) => nanoseconds(of)
            .zip(nanoseconds(to))
            .map(|(of, to)| format!("{:.2}", of / to)),
        Row::Multiple(_, of, to) => nanoseconds(of)
            .zip(figures.count(&format!("{column}/{to}")).and_then(number))
            .map(|(of, to)| format!("{:.1}", 1e9 / of / to)),
    };
    value.unwrap_or_else(|| "–".to_owned())
}

/// To three digits, with commas between thousands: what is measured is not known any better.
fn rounded(value: f64) -> String {
    let unit = 10f64.powf((value.log10().floor() - 2.0).max(0.0));
    let digits = format!("{:.0}", (value / unit).round() * unit);
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join(",")
}

/// What [`rounded`] wrote.
fn number(text: &str) -> Option<f64> {
    text.replace(',', "").parse().ok()
}

/// What this is measured on.
fn machine() -> String {
    let told = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = told.lines().find(|line| line.starts_with("model name"));
    let model = model
        .and_then(|line| line.split_once(": "))
        .map_or("a processor that tells no name", |(_, name)| name);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let compiler = Step::new("rustc", &["--version"], VERSION_LIMIT).captured();
    let compiler = compiler.map_or_else(
        |_| String::new(),
        |text| String::from_utf8_lossy(&text).trim().to_owned(),
    );
    format!("{model}, {threads} threads, {compiler}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn rates_counts_and_ratios_stand_in_one_table() {
        let bench = Bench {
            columns: &[("A", "a"), ("B", "b")],
            rows: &[
                Row::Rate("rate", "x/1"),
                Row::Ratio("ratio", "x/2", "x/1"),
                Row::Count("bytes", "held"),
                Row::Multiple("multiple", "x/1", "other"),
            ],
            ..BENCHES[0]
        };
        let mut figures = Figures::default();
        figures.add_timed("a/x/1", 1111.0);
        figures.add_timed("a/x/2", 1500.0);
        figures.add_printed("figure a/held 12\nfigure b/held 13\nfigure a/other 1,000\n");
        let expected = "\
|  | A | B |
|---|---:|---:|
| rate | 900,000 | – |
| ratio | 1.35 | – |
| bytes | 12 | 13 |
| multiple | 900.1 | – |
";
        assert_eq!(table(&bench, &figures), expected);
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        for (value, text) in [
            (1_234_567.0, "1,230,000"),
            (999.6, "1,000"),
            (45_678.0, "45,700"),
            (12.3, "12"),
            (1.0, "1"),
        ] {
            assert_eq!(rounded(value), text);
        }
    }

    #[test]
    fn every_set_has_its_programs() {
        for bench in BENCHES {
            for (package, target) in bench.programs() {
                let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
                let folder = match package {
                    "offhook-tests" => root.join("tests"),
                    package => root.join("crates").join(package.trim_start_matches("offhook-")),
                };
                let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("a manifest");
                let declared = format!("[[bench]]\nname = \"{target}\"");
                assert!(manifest.contains(&declared), "{target}");
                let program = folder.join("benches").join(target);
                assert!(
                    program.with_extension("rs").is_file() || program.join("main.rs").is_file(),
                    "{target}"
                );
            }
        }
    }
}
