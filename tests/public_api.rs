//! The public API of every library crate, word for word: what changes in it is seen in `docs/api`, or is a mistake.
//!
//! `OFFHOOK_WRITE_API=1 cargo test -p offhook-tests --test public_api -- --ignored` writes down what it is now.

use std::{
    collections::HashSet,
    env,
    fmt::Write,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const CRATES: [&str; 7] = [
    "offhook",
    "offhook-audio",
    "offhook-jingle",
    "offhook-media",
    "offhook-phone",
    "offhook-sim",
    "offhook-xmpp",
];

/// Where the repository is.
fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Has the nightly toolchain describe all crates at once; where it does.
fn described() -> PathBuf {
    let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    // Its own, since the other toolchain's is of no use.
    let target = target.join("api");
    let mut cargo = Command::new("rustup");
    cargo
        .args(["run", "nightly", "cargo", "doc", "--quiet", "--no-deps", "--lib"])
        .args(CRATES.iter().flat_map(|name| ["--package", name]))
        .env(
            "RUSTDOCFLAGS",
            "-Z unstable-options --output-format json --cap-lints allow",
        )
        .env("CARGO_TARGET_DIR", &target)
        .env_remove("CARGO")
        .env_remove("RUSTC")
        .env_remove("RUSTDOC")
        .current_dir(root());
    assert!(
        cargo.status().expect("rustup runs").success(),
        "the crates are not described"
    );
    target.join("doc")
}

/// A crate's public items, one a line; without what every type has, and what is derived.
fn api_of(described: &Path, name: &str) -> String {
    let json = described.join(name.replace('-', "_")).with_extension("json");
    let api = public_api::Builder::from_rustdoc_json(json)
        .omit_blanket_impls(true)
        .omit_auto_trait_impls(true)
        .omit_auto_derived_impls(true)
        .build()
        .unwrap_or_else(|error| panic!("the description of {name} cannot be read: {error}"));
    let mut text = String::new();
    for item in api.items() {
        writeln!(text, "{item}").expect("a string takes all");
    }
    text
}

/// The lines that went, and those that came.
fn difference(text: &mut String, known: &str, now: &str) {
    for (mark, lines, others) in [('-', known, now), ('+', now, known)] {
        let others: HashSet<_> = others.lines().collect();
        for line in lines.lines().filter(|line| !others.contains(line)) {
            writeln!(text, "{mark} {line}").expect("a string takes all");
        }
    }
}

#[test]
#[ignore = "needs a nightly toolchain: cargo xtask test installs it and runs this"]
fn the_public_api_is_what_was_written_down() {
    let write = env::var_os("OFFHOOK_WRITE_API").is_some();
    let described = described();
    let mut changed = String::new();
    for name in CRATES {
        let path = root().join("docs/api").join(format!("{name}.txt"));
        let now = api_of(&described, name);
        if write {
            fs::write(&path, &now).expect("the folder is there");
            continue;
        }
        let known = fs::read_to_string(&path).unwrap_or_default();
        if known != now {
            writeln!(changed, "{name}:").expect("a string takes all");
            difference(&mut changed, &known, &now);
        }
    }
    assert!(
        changed.is_empty(),
        "the public API has changed; if that is meant, note it in the changelog and write it down anew \
         (OFFHOOK_WRITE_API=1 cargo test -p offhook-tests --test public_api -- --ignored)\n{changed}"
    );
}
