use super::*;
use crate::workspace::Package;

fn text(path: &str, text: &str) -> Text {
    Text {
        path: path.to_owned(),
        text: text.to_owned(),
    }
}

#[test]
fn a_rust_file_ends_at_600_lines() {
    let lines = |count| "\n".repeat(count);
    assert!(too_long(&text("crates/xmpp/src/lib.rs", &lines(600))).is_empty());
    assert_eq!(too_long(&text("tests/a.rs", &lines(601))), ["tests/a.rs has 601 lines"]);
    assert!(too_long(&text("docs/a.md", &lines(601))).is_empty());
}

#[test]
fn a_core_that_does_what_it_may_not_is_found() {
    let source = "\
use std::{fs::File, time::{Duration, Instant}};
use tokio::time::sleep;
fn now() -> Instant { Instant::now() }
fn since(at: Instant) -> Duration { at.elapsed() }
fn read() { std::thread::spawn(|| std::env::var(\"X\")); actix::run(); }
";
    let at = |line: usize, what: &str| format!("crates/phone/src/a.rs:{line} {what}");
    let mut faults = cores::faults(&text("crates/phone/src/a.rs", source));
    faults.sort();
    assert_eq!(
        faults,
        [
            at(1, "imports std::fs"),
            at(2, "imports tokio"),
            at(3, "uses Instant::now"),
            at(4, "uses elapsed"),
            at(5, "uses actix"),
            at(5, "uses std::env"),
            at(5, "uses std::thread"),
        ]
    );
}

#[test]
fn a_core_may_talk_about_anything_and_test_with_anything() {
    let source = "\
//! let now = Instant::now(); tokio::spawn(x);
use std::net::{IpAddr, SocketAddr};
fn name() -> &'static str { \"std::fs::read\" }
fn filesystem(std_fs: u8, tokio: u8) -> u8 { std_fs + tokio }
#[cfg(test)]
mod tests {
    use std::fs;
    fn start() -> Instant { Instant::now() }
}
";
    assert_eq!(cores::faults(&text("crates/media/src/a.rs", source)), [""; 0]);
    for free in [
        "crates/media/src/call/tests.rs",
        "crates/xmpp/src/fuzzing/mod.rs",
        "crates/offhook/src/a.rs",
        "tests/a.rs",
    ] {
        assert_eq!(
            cores::faults(&text(free, "use tokio::net::UdpSocket;")),
            [""; 0],
            "{free}"
        );
    }
}

#[test]
fn what_is_unfinished_is_found() {
    let mark = concat!("TO", "DO");
    let placeholder = concat!("to", "do!");
    let ignored = concat!("#[ig", "nore]");
    assert_eq!(
        texts::unfinished(&text("a.md", &format!("fine\n{mark}: later"))),
        [format!("a.md:2 has {mark}")]
    );
    assert_eq!(
        texts::unfinished(&text("a.rs", &format!("{placeholder}()"))),
        [format!("a.rs:1 has {placeholder}")]
    );
    assert_eq!(texts::unfinished(&text("a.rs", ignored)).len(), 1);
    let elsewhere = ignored.replace(
        ']',
        " = \"needs a server: cargo xtask test installs it and runs this\"]",
    );
    assert!(texts::unfinished(&text("a.rs", &elsewhere)).is_empty());
    let long = ignored.replace(']', " = \"needs an hour: cargo xtask test runs this\"]");
    assert!(texts::unfinished(&text("a.rs", &long)).is_empty());
    for (told, otherwise) in [("needs", "dislikes"), ("cargo xtask test", "somebody")] {
        for reason in [&elsewhere, &long] {
            assert_eq!(
                texts::unfinished(&text("a.rs", &reason.replace(told, otherwise))).len(),
                1
            );
        }
    }
    assert!(texts::unfinished(&text("a.rs", &format!("// no {placeholder} here"))).is_empty());
    assert!(texts::unfinished(&text("a.md", concat!("XX", "XX: a masked value"))).is_empty());
}

#[test]
fn hosts_of_registries_are_found_outside_the_lock_file() {
    let host = concat!("index.crates", ".io");
    assert_eq!(
        texts::registry_hosts(&text("a.toml", host)),
        [concat!("a.toml:1 has crates", ".io")]
    );
    assert!(texts::registry_hosts(&text("fuzz/Cargo.lock", host)).is_empty());
}

#[test]
fn paths_of_one_machine_are_found() {
    let path = concat!("/ho", "me/me/offhook");
    assert_eq!(texts::machine_paths(&text("a.md", &format!("see {path}"))).len(), 1);
    assert!(texts::machine_paths(&text("a.md", &format!("see https://host.example{path}"))).is_empty());
}

#[test]
fn dependencies_that_point_the_wrong_way_are_found() {
    let package = |name: &str, dependencies: &[&str]| Package {
        name: name.to_owned(),
        dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
    };
    let packages = [
        package("offhook-xmpp", &["minidom", "offhook-jingle", "tokio"]),
        package("offhook-jingle", &["minidom"]),
        package("offhook-phone", &["offhook-jingle", "offhook-xmpp"]),
        package("offhook-sim", &["actix", "tokio"]),
        package("stranger", &[]),
    ];
    assert_eq!(
        directions::faults(&packages),
        [
            "offhook-xmpp depends on offhook-jingle",
            "the core offhook-xmpp depends on tokio",
            "offhook-sim depends on actix, which only offhook may",
            "stranger is not in the table of crates/xtask/src/house/directions.rs",
        ]
    );
}

#[test]
fn without_git_the_tree_is_walked_and_build_folders_are_left_out() {
    let root = std::env::temp_dir().join(format!("offhook-xtask-{}-tree", std::process::id()));
    for folder in ["src", "target/debug", "fuzz/target"] {
        std::fs::create_dir_all(root.join(folder)).expect("created");
        std::fs::write(root.join(folder).join("a.rs"), "").expect("written");
    }
    let paths = walked(&root, &root).expect("read");
    std::fs::remove_dir_all(&root).expect("removed");
    assert_eq!(paths, [Path::new("src/a.rs")]);
}
