//! `cargo xtask fuzz`: fuzz targets on the nightly toolchain, and the replay of their corpora on the stable one.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use crate::step::{Error, Step};
use crate::tools::{self, Install};
use crate::workspace::Workspace;

/// How long a target runs when nothing else is said.
pub(crate) const DEFAULT_SECONDS: u64 = 600;

/// Longest that building a target from nothing may take, on top of the time that it runs.
const BUILD_LIMIT: Duration = Duration::from_secs(1800);
/// Longest that the replay may take, its build included.
const REPLAY_LIMIT: Duration = Duration::from_secs(1800);
/// Memory at which a target has gone out of bounds.
const MEMORY_MIB: u32 = 2048;
/// Longest that a single input may take.
const INPUT_SECONDS: u32 = 10;

/// A fuzz target.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Target {
    /// The name of its program, its feature and its corpus.
    pub(crate) name: &'static str,
    /// The longest input that is worth trying, in bytes.
    max_length: u32,
}

/// Every target of `fuzz/Cargo.toml`, those of one crate together.
pub(crate) const TARGETS: [Target; 17] = [
    Target {
        name: "xmpp_frame",
        max_length: 65_536,
    },
    Target {
        name: "genesys_webrtc",
        max_length: 32_768,
    },
    Target {
        name: "jingle_stanza",
        max_length: 16_384,
    },
    Target {
        name: "sdp_roundtrip",
        max_length: 16_384,
    },
    Target {
        name: "jingle_ops",
        max_length: 608,
    },
    Target {
        name: "session_operations",
        max_length: 512,
    },
    Target {
        name: "proposal_operations",
        max_length: 512,
    },
    Target {
        name: "sdp_offer",
        max_length: 16_384,
    },
    Target {
        name: "sdp_answer",
        max_length: 16_384,
    },
    Target {
        name: "candidate",
        max_length: 4096,
    },
    Target {
        name: "datagrams",
        max_length: 2048,
    },
    Target {
        name: "jitter_buffer",
        max_length: 3072,
    },
    Target {
        name: "server_stream",
        max_length: 32_768,
    },
    Target {
        name: "stun",
        max_length: 2048,
    },
    Target {
        name: "wav",
        max_length: 4096,
    },
    Target {
        name: "ogg_opus",
        max_length: 8192,
    },
    Target {
        name: "websocket_frames",
        max_length: 4096,
    },
];

/// The target of this name.
pub(crate) fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}

/// Fuzzes one target for so many seconds. New inputs are kept under the target folder; the committed corpus is the seed.
pub(crate) fn run(workspace: &Workspace, install: Install, name: &str, seconds: u64) -> Result<(), Error> {
    let Some(target) = target(name) else {
        let fault = format!("there is no fuzz target `{name}`");
        return Err(Error::Output {
            command: "cargo xtask fuzz".to_owned(),
            fault,
        });
    };
    let step = Fuzzer::prepare(workspace, install)?.step(workspace, target, seconds)?;
    println!("{step}");
    step.run()
}

/// What fuzzing needs, installed.
pub(crate) struct Fuzzer {
    /// The folder of cargo-fuzz, if it is none of the search path.
    tool: Option<PathBuf>,
}

impl Fuzzer {
    /// Sees to it that targets can be built and run.
    pub(crate) fn prepare(workspace: &Workspace, install: Install) -> Result<Self, Error> {
        tools::for_fuzzing(install)?;
        tools::nightly(install)?;
        let tool = tools::cargo_tool(workspace, "cargo-fuzz", install)?;
        Ok(Self { tool })
    }

    /// The command that fuzzes this target.
    pub(crate) fn step(&self, workspace: &Workspace, target: Target, seconds: u64) -> Result<Step, Error> {
        let name = target.name;
        let found = workspace.target.join("fuzz-corpus").join(name);
        fs::create_dir_all(&found).map_err(|source| Error::File {
            path: found.clone(),
            source,
        })?;
        let limit = BUILD_LIMIT + Duration::from_secs(seconds);
        // The feature of the target's name is its dependency: a target builds no more than the crate it tests.
        let step = Step::new("cargo", &["+nightly", "fuzz", "run", "--features", name, name], limit)
            .argument(&found)
            .argument(workspace.root.join("fuzz/corpus").join(name))
            .argument("--")
            .argument(format!("-max_total_time={seconds}"))
            .argument(format!("-max_len={}", target.max_length))
            .argument(format!("-rss_limit_mb={MEMORY_MIB}"))
            .argument(format!("-timeout={INPUT_SECONDS}"))
            .argument("-print_final_stats=1")
            .folder(&workspace.root);
        Ok(match &self.tool {
            Some(folder) => step.variable("PATH", tools::path_with(folder)),
            None => step,
        })
    }
}

/// How many inputs a fuzzer says at its end that it has tried.
pub(crate) fn inputs(output: &str) -> Option<u64> {
    let told = output
        .lines()
        .rev()
        .find_map(|line| line.strip_prefix("stat::number_of_executed_units:"))?;
    told.trim().parse().ok()
}

/// Runs every committed corpus through its target's body, on the stable toolchain.
pub(crate) fn replay(workspace: &Workspace) -> Result<(), Error> {
    let replay = ["test", "--workspace", "--test", "fuzz_replay"];
    Step::new("cargo", &replay, REPLAY_LIMIT).folder(&workspace.root).run()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_number_of_inputs_is_read_from_what_a_fuzzer_prints() {
        let output = "Done 4411 runs in 2 second(s)\nstat::number_of_executed_units: 4411\nstat::peak_rss_mb:  48\n";
        assert_eq!(inputs(output), Some(4411));
        assert_eq!(inputs("error: could not compile"), None);
    }

    #[test]
    fn every_target_has_its_program_its_corpus_and_its_replay() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let read = |path: &str| fs::read_to_string(root.join(path)).expect(path);
        let (manifest, replay) = (read("fuzz/Cargo.toml"), read("tests/fuzz_replay.rs"));
        for Target { name, .. } in TARGETS {
            let program = read(&format!("fuzz/fuzz_targets/{name}.rs"));
            assert!(program.contains(&format!("::{name}(")), "{name}");
            assert!(
                manifest.contains(&format!("required-features = [\"{name}\"]")),
                "{name}"
            );
            assert!(replay.contains(&format!("replay(\"{name}\", {name})")), "{name}");
            let seeds = fs::read_dir(root.join("fuzz/corpus").join(name)).expect(name).count();
            assert!(seeds > 0, "{name}");
        }
        assert_eq!(manifest.matches("[[bin]]").count(), TARGETS.len());
        assert_eq!(replay.matches("#[test]").count(), TARGETS.len());
    }
}
