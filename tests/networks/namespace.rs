//! Network namespaces of one's own, by `ip netns`: the near one is the client's, the far one is the cloud's.

use std::{
    env,
    ffi::OsStr,
    io::{self, Write as _},
    path::Path,
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering::Relaxed},
};

use crate::agent;

/// Tells a program in the far namespace the name of the near one.
const NEAR_NAME: &str = "OFFHOOK_NEAR_NAMESPACE";

/// A network namespace, known by its name.
#[derive(Debug, Clone)]
pub struct Namespace(String);

/// Deletes its namespace.
struct Lease(Namespace);

impl Namespace {
    fn create(what: &str) -> Lease {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let name = format!("offhook-{}-{what}-{}", process::id(), MADE.fetch_add(1, Relaxed));
        run(Command::new("ip").args(["netns", "add", &name]));
        let lease = Lease(Self(name));
        lease.0.ip("link set lo up");
        lease
    }

    /// A program that runs in it.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.0]).arg(program);
        command
    }

    /// Does this to its interfaces, addresses or routes.
    pub fn ip(&self, arguments: &str) {
        run(Command::new("ip").args(["-n", &self.0]).args(arguments.split(' ')));
    }

    /// Gives it a network interface of ours.
    pub fn take(&self, interface: &str) {
        run(Command::new("ip").args(["link", "set", interface, "netns", &self.0]));
    }

    /// Removes the first address of this interface in favour of a second one, which stays.
    pub fn promotes_addresses_of(&self, interface: &str) {
        let set = format!("echo 1 > /proc/sys/net/ipv4/conf/{interface}/promote_secondaries");
        run(self.command("sh").args(["-c", &set]));
    }

    /// Filters what comes into it.
    pub fn filter(&self, rules: &str) {
        filter(self.command("nft"), rules);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // If that fails, there is nobody to tell.
        let _ = Command::new("ip").args(["netns", "delete", &self.0.0]).status();
    }
}

/// Does this to the interfaces, addresses or routes of the namespace in which we are.
pub fn ip(arguments: &str) {
    run(Command::new("ip").args(arguments.split(' ')));
}

/// Filters what comes into the namespace in which we are.
pub fn filter_here(rules: &str) {
    filter(Command::new("nft"), rules);
}

fn filter(mut nft: Command, rules: &str) {
    let mut nft = nft
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nftables is installed");
    let mut input = nft.stdin.take().expect("it is piped");
    input.write_all(rules.as_bytes()).expect("it reads");
    drop(input);
    assert!(nft.wait().expect("it ends").success(), "nft refuses {rules}");
}

/// The test of this name runs in a pair of namespaces: called from outside it makes them and runs itself in the far one, which
/// gives nothing; called from there, it is given the near one.
pub fn near(test: &str) -> Option<Namespace> {
    if let Ok(name) = env::var(NEAR_NAME) {
        return Some(Namespace(name));
    }
    let is_root = Command::new("id").arg("-u").output().expect("coreutils are there");
    assert!(
        is_root.stdout == b"0\n",
        "network namespaces are made by root only: run this as root, with the Debian packages iproute2, nftables and coturn"
    );
    agent::build();
    delete_those_left_behind();
    let (near, far) = (Namespace::create("near"), Namespace::create("far"));
    let this = env::current_exe().expect("it runs");
    let arguments = ["--exact", test, "--ignored", "--nocapture"];
    let ended = far.0.command(this).args(arguments).env(NEAR_NAME, &near.0.0).output();
    let Output { status, stdout, stderr } = ended.expect("iproute2 is installed");
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    let rows: String = said
        .lines()
        .filter(|line| line.starts_with('|'))
        .map(|row| format!("{row}\n"))
        .collect();
    if !rows.is_empty() {
        // Not by `println!`, which the test runner keeps to itself.
        let _ = write!(io::stdout(), "\n{rows}");
    }
    // What tells results there is not to be counted here.
    let said: Vec<_> = said.lines().filter(|line| !line.starts_with("test ")).collect();
    let said = said.join("\n");
    assert!(
        status.success(),
        "in its namespaces the test fails:\n{said}\n{complained}"
    );
    None
}

/// A process that was killed could not delete its namespaces.
fn delete_those_left_behind() {
    let list = Command::new("ip").args(["netns", "list"]).output();
    let list = list.expect("iproute2 is installed").stdout;
    for line in String::from_utf8_lossy(&list).lines() {
        let name = line.split(' ').next().unwrap_or_default();
        let maker = name.strip_prefix("offhook-").and_then(|rest| rest.split('-').next());
        if maker.is_some_and(|maker| !Path::new("/proc").join(maker).exists()) {
            let _ = Command::new("ip").args(["netns", "delete", name]).status();
        }
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("iproute2 is installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
}
