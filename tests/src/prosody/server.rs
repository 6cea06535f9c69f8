//! A Prosody of one's own.

use std::{
    fs,
    io::{BufRead as _, BufReader},
    net::TcpListener,
    path::PathBuf,
    process::{Child, Command, Stdio},
    thread,
};

use tempfile::TempDir;
use tokio::{sync::watch, task::spawn_blocking, time::timeout};

use super::LIMIT;

/// The accounts, each with [`PASSWORD`].
const ACCOUNTS: [&str; 2] = ["alice", "bob"];

/// The password of both accounts.
pub const PASSWORD: &str = "a pass word, ünlike others";

/// How many lines of the log are shown when a test fails.
const SHOWN_LINES: usize = 80;

/// One that runs in a temporary folder, on a free port of the loopback, until it is dropped.
pub struct Prosody {
    folder: TempDir,
    port: u16,
    process: Option<Child>,
    /// What it has logged.
    log: watch::Sender<Vec<String>>,
}

impl Prosody {
    /// Starts one with two accounts, guests, publish-subscribe and three external services.
    pub async fn start() -> Self {
        Self::with("").await
    }

    /// The same, with more lines of configuration.
    pub async fn with(extra: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        fs::create_dir(&data).unwrap();
        let port = free_port();
        let prosody = Self {
            port,
            process: None,
            log: watch::Sender::new(Vec::new()),
            folder,
        };
        fs::write(
            prosody.configuration(),
            configuration(&data.display().to_string(), port, extra),
        )
        .unwrap();
        for account in ACCOUNTS {
            prosody.control(&["register", account, "localhost", PASSWORD]).await;
        }
        let mut prosody = prosody;
        prosody.begin().await;
        prosody
    }

    /// Of its WebSocket.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Starts it, on the port it had before.
    pub async fn begin(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        self.log.send_replace(Vec::new());
        let mut process = Command::new("prosody")
            .arg("--config")
            .arg(self.configuration())
            .arg("-F")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Prosody is installed");
        let (output, log) = (process.stdout.take().unwrap(), self.log.clone());
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                log.send_modify(|lines| lines.push(line));
            }
        });
        self.process = Some(process);
        self.logged("Activated service 'http' on [127.0.0.1]").await;
    }

    /// Ends it as an administrator does: it says goodbye to its clients.
    pub async fn stop(&mut self) {
        let process = self.process.take().expect("it runs");
        let mut terminate = Command::new("kill");
        terminate.arg(process.id().to_string());
        assert!(terminate.status().unwrap().success());
        ended(process).await;
    }

    /// Ends it as a power cut does.
    pub async fn kill(&mut self) {
        let mut process = self.process.take().expect("it runs");
        process.kill().unwrap();
        ended(process).await;
    }

    /// A line of its administrator's shell.
    pub async fn shell(&self, line: &str) {
        self.control(&["shell", line]).await;
    }

    /// Waits until it has logged something with these words, since it was started.
    pub async fn logged(&self, words: &str) {
        let mut log = self.log.subscribe();
        let found = log.wait_for(|lines| lines.iter().any(|line| line.contains(words)));
        if timeout(LIMIT, found).await.is_err() {
            panic!("Prosody did not log {words:?}");
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("prosody.cfg.lua")
    }

    async fn control(&self, arguments: &[&str]) {
        let mut command = Command::new("prosodyctl");
        command
            .arg("--config")
            .arg(self.configuration())
            .args(arguments)
            .stdin(Stdio::null());
        let output = timeout(LIMIT, spawn_blocking(move || command.output()))
            .await
            .expect("prosodyctl ends")
            .unwrap()
            .expect("Prosody is installed");
        assert!(
            output.status.success(),
            "prosodyctl {arguments:?}: {}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

impl Drop for Prosody {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = process.kill();
            let _ = process.wait();
        }
        if thread::panicking() {
            let log = self.log.borrow();
            let shown = &log[log.len().saturating_sub(SHOWN_LINES)..];
            eprintln!("Prosody's log ends with:\n{}", shown.join("\n"));
        }
    }
}

async fn ended(mut process: Child) {
    timeout(LIMIT, spawn_blocking(move || process.wait()))
        .await
        .expect("Prosody ends")
        .unwrap()
        .unwrap();
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn configuration(data: &str, port: u16, extra: &str) -> String {
    let user = Command::new("id").arg("-un").output().unwrap().stdout;
    let user = String::from_utf8(user).unwrap();
    let user = user.trim();
    format!(
        r#"
run_as_root = true
prosody_user = "{user}"
prosody_group = "{user}"
pidfile = "{data}/prosody.pid"
data_path = "{data}"
certificates = "{data}"
admin_socket = "{data}/prosody.sock"
log = {{ {{ levels = {{ min = "debug" }}, to = "console" }} }}
modules_enabled = {{
    "roster", "saslauth", "disco", "ping", "websocket", "smacks", "external_services", "pep", "admin_shell"
}}
modules_disabled = {{ "tls", "s2s" }}
interfaces = {{ "127.0.0.1" }}
local_interfaces = {{ "127.0.0.1" }}
c2s_ports = {{}}
https_ports = {{}}
http_ports = {{ {port} }}
http_interfaces = {{ "127.0.0.1" }}
http_default_host = "localhost"
c2s_require_encryption = false
allow_unencrypted_plain_auth = true
consider_websocket_secure = true
authentication = "internal_plain"
smacks_hibernation_time = 60
external_services = {{
    {{ type = "stun", transport = "udp", host = "127.0.0.1", port = 13478 }},
    {{ type = "turn", transport = "udp", host = "127.0.0.1", port = 13478, username = "turner", password = "turn pw" }},
    {{ type = "turns", transport = "tcp", host = "127.0.0.1", port = 15349, username = "turner", password = "turn pw" }},
}}
{extra}
VirtualHost "localhost"
VirtualHost "guests.localhost"
    authentication = "anonymous"
Component "pubsub.localhost" "pubsub"
    admins = {{ "alice@localhost" }}
"#
    )
}
