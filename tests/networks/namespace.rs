//! Network namespaces of one's own, by `ip netns`: the near one is the client's, the far one is the cloud's.

use std::{
    env,
    ffi::OsStr,
    io::Write as _,
    process::{self, Command, Output, Stdio},
};

/// The address of the far namespace, where the cloud and its servers are.
pub const FAR: &str = "10.77.0.1";
/// The address that the near namespace has at first.
pub const NEAR: &str = "10.77.0.2";

/// Tells a program in the far namespace the name of the near one.
const NEAR_NAME: &str = "OFFHOOK_NEAR_NAMESPACE";

/// A network namespace, known by its name.
#[derive(Debug, Clone)]
pub struct Namespace(String);

/// Deletes its namespace.
struct Lease(Namespace);

impl Namespace {
    fn create(what: &str) -> Lease {
        let name = format!("offhook-{}-{what}", process::id());
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

    /// Sets one of its kernel's variables.
    pub fn sysctl(&self, setting: &str) {
        run(self.command("sysctl").args(["-q", "-w", setting]));
    }

    /// From now on no UDP comes in by this interface. What is dropped where it arrives is lost like on any path; the sender
    /// is told nothing.
    pub fn block_udp(&self, interface: &str) {
        block_udp(self.command("nft"), interface);
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

/// [`Namespace::block_udp`], in the namespace in which we are.
pub fn block_udp_here(interface: &str) {
    block_udp(Command::new("nft"), interface);
}

fn block_udp(mut nft: Command, interface: &str) {
    let rules = format!(
        "table inet offhook {{\n chain input {{\n  type filter hook input priority 0;\n  iifname {interface} meta l4proto udp drop\n }}\n}}\n"
    );
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
    let (near, far) = (Namespace::create("near"), Namespace::create("far"));
    let this = env::current_exe().expect("it runs");
    let arguments = ["--exact", test, "--ignored", "--nocapture"];
    let ended = far.0.command(this).args(arguments).env(NEAR_NAME, &near.0.0).output();
    let Output { status, stdout, stderr } = ended.expect("iproute2 is installed");
    let (said, complained) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    for row in said.lines().filter(|line| line.starts_with('|')) {
        println!("{row}");
    }
    assert!(status.success(), "in its namespaces the test fails:\n{said}\n{complained}");
    None
}

fn run(command: &mut Command) {
    let output = command.output().expect("iproute2 is installed");
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {complaint}");
}
