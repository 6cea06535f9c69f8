//! The client: the program `agent` in the near namespace, and everything that it tells.

use std::{
    env,
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, Stdio},
    thread,
    time::Instant,
};

use offhook_sim::{Cloud, User};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::{
    sync::watch,
    time::{Duration, timeout},
};

use crate::namespace::Namespace;

/// An event of the agent, and when it came.
#[derive(Debug, Clone)]
pub struct Told {
    pub at: Instant,
    pub event: Value,
}

/// One that runs until it is dropped.
pub struct Agent {
    process: Child,
    /// It ends when its standard input does.
    _commands: ChildStdin,
    told: watch::Receiver<Vec<Told>>,
    /// What it logged.
    log: watch::Receiver<Vec<String>>,
}

impl Agent {
    /// Starts one that answers every call to this user, and trusts this authority.
    pub fn start(near: &Namespace, cloud: &Cloud, user: &User, authority: Option<&Path>) -> Self {
        let mut command = near.command(program());
        command
            .args([
                "run",
                "--json",
                "--answer",
                "always",
                "--play",
                "tone:440",
                "--insecure",
            ])
            .args(["--api", &cloud.api_url(), "--streaming", &cloud.streaming_url()]);
        if let Some(authority) = authority {
            command.arg("--ca").arg(authority);
        }
        let mut process = command
            .env("OFFHOOK_TOKEN", user.token.expose_secret())
            .env("NO_PROXY", "*")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("iproute2 is installed");
        let commands = process.stdin.take().expect("it is piped");
        let events = BufReader::new(process.stdout.take().expect("it is piped"));
        let (tell, told) = watch::channel(Vec::new());
        thread::spawn(move || {
            for line in events.lines().map_while(Result::ok) {
                let at = Instant::now();
                let event = serde_json::from_str(&line).expect("the agent writes JSON");
                tell.send_modify(|told| told.push(Told { at, event }));
            }
        });
        let lines = BufReader::new(process.stderr.take().expect("it is piped"));
        let (write, log) = watch::channel(Vec::new());
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                write.send_modify(|log| log.push(line));
            }
        });
        Self {
            process,
            _commands: commands,
            told,
            log,
        }
    }

    /// The first event that is as wished, of all that there were and will be.
    pub async fn tells(&self, limit: Duration, wished: impl Fn(&Told) -> bool) -> Option<Told> {
        let mut told = self.told.clone();
        let there = timeout(limit, told.wait_for(|told| told.iter().any(&wished))).await;
        there.ok()?.ok()?.iter().find(|told| wished(told)).cloned()
    }

    /// The last event that is as wished, of those that there were.
    pub fn told_last(&self, wished: impl Fn(&Told) -> bool) -> Option<Told> {
        self.told.borrow().iter().rev().find(|told| wished(told)).cloned()
    }

    /// What it told and logged, for the report of a failure.
    pub fn report(&self) -> String {
        let (told, log) = (self.told.borrow(), self.log.borrow());
        let told = told.iter().map(|told| format!("{}\n", told.event));
        told.chain(log.iter().map(|line| format!("{line}\n"))).collect()
    }

    /// What it logged as an error.
    pub fn errors(&self) -> Vec<String> {
        let log = self.log.borrow();
        log.iter().filter(|line| line.contains("ERROR")).cloned().collect()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Builds the agent's program. In the namespaces there is no way to what it is built from.
pub fn build() {
    let build = Command::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bin", "agent"])
        .status();
    assert!(build.expect("cargo runs").success());
}

/// The agent's program, beside the folder of this one.
fn program() -> PathBuf {
    let this = env::current_exe().expect("it runs");
    let folder = this.ancestors().nth(2).expect("it is in a folder of the target folder");
    folder.join("agent")
}
