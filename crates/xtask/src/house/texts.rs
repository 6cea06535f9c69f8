//! What no committed text may say.

use super::Text;
use super::source::{lines_with, without_comments_and_texts};

/// Words by which people mark what they have not finished. Taken apart here, so that this file is none of them.
const MARKS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("X", "XX")];

/// Code that stands for code that is not there, and tests that do not run.
const PLACEHOLDERS: [&str; 3] = [concat!("to", "do!"), concat!("unimpl", "emented!"), IGNORED];

/// A test that does not run.
const IGNORED: &str = concat!("#[ig", "nore");

/// The one reason for which a test may be ignored: it needs a program or much time, and a stage of its own runs it.
const NEEDS: &str = concat!("#[ig", "nore = \"needs ");

/// What the reason ends with: what is needed is installed before, or is only time.
const RUN_ELSEWHERE: [&str; 2] = [
    ": cargo xtask test installs it and runs this\"]",
    ": cargo xtask test runs this\"]",
];

/// Hosts of package registries: a checkout builds through whatever registry its user has configured.
const REGISTRIES: [&str; 9] = [
    concat!("crates", ".io"),
    concat!("registry.np", "mjs.org"),
    concat!("registry.ya", "rnpkg.com"),
    concat!("np", "mjs.com"),
    concat!("py", "pi.org"),
    concat!("pythonho", "sted.org"),
    concat!("proxy.gol", "ang.org"),
    concat!("ruby", "gems.org"),
    concat!("repo.maven.apa", "che.org"),
];

/// Beginnings of paths that exist on one machine only.
const MACHINE_PATHS: [&str; 3] = [concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/wo", "rk/")];

/// The lock file names the registry by its nature.
const LOCK_FILE: &str = "Cargo.lock";

/// Marks of unfinished work, in any text; placeholders and ignored tests, in Rust.
pub(super) fn unfinished(text: &Text) -> Vec<String> {
    let mut faults = found(text, &text.text, &MARKS);
    if text.is_rust() {
        let code = without_comments_and_texts(&text.text);
        for word in PLACEHOLDERS {
            let lines = lines_with(&code, word).filter(|line| word != IGNORED || !runs_elsewhere(text, *line));
            faults.extend(lines.map(|line| format!("{} has {word}", text.at(line))));
        }
    }
    faults
}

fn runs_elsewhere(text: &Text, line: usize) -> bool {
    let line = text.text.lines().nth(line - 1).unwrap_or_default().trim();
    line.starts_with(NEEDS) && RUN_ELSEWHERE.iter().any(|end| line.ends_with(end))
}

/// Hosts of package registries, outside the lock file.
pub(super) fn registry_hosts(text: &Text) -> Vec<String> {
    if text.path.ends_with(LOCK_FILE) {
        Vec::new()
    } else {
        found(text, &text.text, &REGISTRIES)
    }
}

/// Paths of a developer's machine.
pub(super) fn machine_paths(text: &Text) -> Vec<String> {
    let mut faults = Vec::new();
    for (n, line) in text.text.lines().enumerate() {
        for path in MACHINE_PATHS {
            // Within a longer path or an address it is something else: `docs/home/`, `https://host/home/`.
            let begins = |at: usize| {
                line[..at]
                    .chars()
                    .next_back()
                    .is_none_or(|c| !c.is_alphanumeric() && !"_-.~}".contains(c))
            };
            if line.match_indices(path).any(|(at, _)| begins(at)) {
                faults.push(format!("{} names {path}", text.at(n + 1)));
            }
        }
    }
    faults
}

fn found(text: &Text, searched: &str, words: &[&str]) -> Vec<String> {
    let lines = |word| lines_with(searched, word).map(move |line| format!("{} has {word}", text.at(line)));
    words.iter().flat_map(|word| lines(word)).collect()
}
