//! The examples run, each against a cloud of its own, and say what they should.

use std::{path::PathBuf, process::Command, sync::OnceLock};

/// Where the examples are, built.
fn folder() -> &'static PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| {
        // From the whole workspace: selecting a package would change features and build it anew.
        let build = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--examples"])
            .status();
        assert!(build.expect("cargo runs").success());
        let test = std::env::current_exe().expect("this program");
        test.ancestors().nth(2).expect("the target folder").join("examples")
    })
}

/// Runs an example; what it prints.
fn printed(example: &str, arguments: &[&str]) -> String {
    let output = Command::new(folder().join(example)).args(arguments).output();
    let output = output.expect("it was built");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{example}: {output:?}");
    printed
}

#[track_caller]
fn says(example: &str, arguments: &[&str], lines: &[&str]) {
    let printed = printed(example, arguments);
    for line in lines {
        assert!(printed.contains(line), "{example} does not say {line:?}:\n{printed}");
    }
}

#[test]
fn answer_and_echo() {
    says("answer_and_echo", &[], &["heard 440 Hz come back"]);
}

#[test]
fn place_call() {
    says("place_call", &[], &["the prompt was played", "the call ended: success"]);
}

#[test]
fn record_all() {
    let printed = printed("record_all", &[]);
    assert_eq!(printed.matches(".wav: ").count(), 2, "{printed}");
}

#[test]
fn load() {
    let printed = printed("load", &["5"]);
    let packets = printed.rsplit(": ").next().and_then(|words| words.split(' ').next());
    let packets: u64 = packets.and_then(|number| number.parse().ok()).expect("a number");
    assert!(packets > 5 * 50, "{printed}");
}

#[test]
fn survive() {
    says(
        "survive",
        &[],
        &["reconnecting: true", "connected again", "0 interruptions"],
    );
}

#[test]
fn embed_jingle() {
    says(
        "embed_jingle",
        &[],
        &[
            "session-initiate",
            "session-accept",
            "the call is answered",
            "the call ended: success",
        ],
    );
}

#[test]
fn embed_media() {
    says("embed_media", &[], &["Connected", "two heard 96000 samples"]);
}
