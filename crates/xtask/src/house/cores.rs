//! Cores do no I/O: they are told the time, draw from a seed, and speak by outputs.

use super::Text;
use super::source::{imports, lines_with, without_comments_and_texts, without_tests};

/// The crates whose `src` is bound by this.
const CORES: [&str; 4] = ["jingle", "media", "phone", "xmpp"];

/// What may not be used, as a path that is imported or written out, in whole or as the beginning of a longer one.
const FORBIDDEN: [&str; 17] = [
    "actix",
    "async_std",
    "getrandom",
    "mio",
    "rand::random",
    "rand::rng",
    "std::env",
    "std::fs",
    "std::io::stderr",
    "std::io::stdin",
    "std::io::stdout",
    "std::net::TcpListener",
    "std::net::TcpStream",
    "std::net::UdpSocket",
    "std::process",
    "std::thread",
    "tokio",
];

/// What may not be called, whatever it was imported as.
const CALLS: [&str; 7] = [
    "Instant::now",
    "SystemTime::now",
    ".elapsed(",
    "thread_rng(",
    "println!",
    "eprintln!",
    "dbg!",
];

/// Where a core breaks its bounds.
pub(super) fn faults(text: &Text) -> Vec<String> {
    if !is_core(text) {
        return Vec::new();
    }
    let code = without_tests(&without_comments_and_texts(&text.text));
    let mut faults = Vec::new();
    for (line, path) in imports(&code) {
        let forbidden = FORBIDDEN.iter().find(|forbidden| {
            path.strip_prefix(**forbidden)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
        });
        if let Some(forbidden) = forbidden {
            faults.push(format!("{} imports {forbidden}", text.at(line)));
        }
    }
    let imported = |line: &str| line.trim_start().trim_start_matches("pub ").starts_with("use ");
    for forbidden in FORBIDDEN.iter().filter(|path| path.contains("::")).chain(&CALLS) {
        for line in lines_with(&code, forbidden) {
            if !code.lines().nth(line - 1).is_some_and(imported) {
                faults.push(format!("{} uses {}", text.at(line), forbidden.trim_matches(['.', '('])));
            }
        }
    }
    for root in FORBIDDEN.iter().filter(|path| !path.contains("::")) {
        let used = format!("{root}::");
        for line in lines_with(&code, &used) {
            if !code.lines().nth(line - 1).is_some_and(imported) {
                faults.push(format!("{} uses {root}", text.at(line)));
            }
        }
    }
    faults
}

/// Whether a file is part of a core as it is shipped: not its tests, and not the bodies of its fuzz targets, which are
/// tests that need an origin for their virtual time.
fn is_core(text: &Text) -> bool {
    let Some((name, path)) = text
        .path
        .strip_prefix("crates/")
        .and_then(|path| path.split_once("/src/"))
    else {
        return false;
    };
    let test = |part: &str| matches!(part, "tests" | "tests.rs" | "fuzzing" | "fuzzing.rs");
    text.is_rust() && CORES.contains(&name) && !path.split('/').any(test)
}
