//! Dependencies point one way.

use crate::workspace::Package;

/// Which packages of the workspace a package may depend on.
const ALLOWED: [(&str, &[&str]); 10] = [
    ("agent", &["offhook", "offhook-audio", "offhook-sim"]),
    (
        "offhook",
        &[
            "offhook-audio",
            "offhook-jingle",
            "offhook-media",
            "offhook-phone",
            "offhook-xmpp",
        ],
    ),
    ("offhook-audio", &[]),
    ("offhook-jingle", &[]),
    ("offhook-media", &[]),
    ("offhook-phone", &["offhook-jingle", "offhook-xmpp"]),
    (
        "offhook-sim",
        &["offhook-audio", "offhook-jingle", "offhook-media", "offhook-xmpp"],
    ),
    (
        "offhook-tests",
        &[
            "agent",
            "offhook",
            "offhook-audio",
            "offhook-jingle",
            "offhook-media",
            "offhook-phone",
            "offhook-sim",
            "offhook-xmpp",
        ],
    ),
    ("offhook-xmpp", &[]),
    ("xtask", &[]),
];

/// The cores.
const CORES: [&str; 4] = ["offhook-jingle", "offhook-media", "offhook-phone", "offhook-xmpp"];

/// What no core depends on, also when it does not use it.
const NOT_IN_CORES: [&str; 9] = [
    "actix",
    "async-std",
    "axum",
    "hyper",
    "mio",
    "reqwest",
    "rustls",
    "tokio",
    "tokio-tungstenite",
];

/// The dependencies that point the wrong way.
pub(super) fn faults(packages: &[Package]) -> Vec<String> {
    let mut faults = Vec::new();
    for package in packages {
        let name = package.name.as_str();
        let Some((_, allowed)) = ALLOWED.iter().find(|(known, _)| *known == name) else {
            faults.push(format!(
                "{name} is not in the table of crates/xtask/src/house/directions.rs"
            ));
            continue;
        };
        for dependency in package.dependencies.iter().map(String::as_str) {
            let of_workspace = packages.iter().any(|package| package.name == dependency);
            if of_workspace && !allowed.contains(&dependency) {
                faults.push(format!("{name} depends on {dependency}"));
            }
            if CORES.contains(&name) && NOT_IN_CORES.contains(&dependency) {
                faults.push(format!("the core {name} depends on {dependency}"));
            }
            // The tests put a client into an actix system of their own, as applications may.
            if dependency == "actix" && !["offhook", "offhook-tests"].contains(&name) {
                faults.push(format!("{name} depends on actix, which only offhook may"));
            }
        }
    }
    faults
}
