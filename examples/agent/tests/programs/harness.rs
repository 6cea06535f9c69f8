//! The programs: the simulated cloud with its control API, and the agent that is driven by JSON lines.

use std::{
    fs,
    path::Path,
    process::{Command as Cargo, Stdio},
    time::Duration,
};

use reqwest::Client;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines},
    process::{Child, ChildStdin, ChildStdout, Command},
    time::timeout,
};

/// How long anything may take before the test fails.
pub const LIMIT: Duration = Duration::from_secs(20);

/// How long a call lasts once its media are up.
const TALK: f64 = 0.8;

/// The simulated cloud; it is killed when the test ends, however that is.
pub struct Cloud {
    pub child: Child,
    pub api: String,
    pub streaming: String,
    http: Client,
}

impl Cloud {
    pub async fn start() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(options: &[&str]) -> Self {
        let mut child = Command::new(simulator())
            .args(["--listen", "127.0.0.1:0"])
            .args(options)
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the simulator starts");
        let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let line = timeout(LIMIT, lines.next_line())
            .await
            .unwrap()
            .unwrap()
            .expect("a start line");
        let url = |scheme: &str| {
            let found = line.split_whitespace().find(|word| word.starts_with(scheme));
            found
                .unwrap_or_else(|| panic!("no {scheme} URL in {line:?}"))
                .to_owned()
        };
        // The other lines are for people; they must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        // Plain HTTP, but the client wants a TLS library all the same. Another test may have installed it before.
        drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
        let http = Client::builder().no_proxy().build().unwrap();
        Self {
            child,
            api: url("http://"),
            streaming: url("ws://"),
            http,
        }
    }

    /// What asks it.
    pub fn http(&self) -> &Client {
        &self.http
    }

    pub async fn call(&self) -> String {
        self.call_for(TALK).await
    }

    pub async fn call_for(&self, seconds: f64) -> String {
        let call = self.does("calls", json!({"durationSeconds": seconds})).await;
        call["session"]
            .as_str()
            .or(call["sessionId"].as_str())
            .expect("a session")
            .to_owned()
    }

    /// Has the cloud do something; what it answers.
    pub async fn does(&self, path: &str, body: Value) -> Value {
        let url = format!("{}/control/{path}", self.api);
        let request = self.http.post(url).json(&body);
        let reply = timeout(LIMIT, request.send()).await.unwrap().unwrap();
        let text = reply.error_for_status().unwrap().text().await.unwrap();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// Cuts the agent's stream.
    pub async fn cut(&self) {
        let cut = self.does("streams/drop", json!({"how": "reset"})).await;
        assert_eq!(cut["clients"], 1, "{cut}");
    }

    /// From now on the user has this token.
    pub async fn replace_token(&self, token: &str) {
        self.does("users/user-agent/token", json!({"token": token})).await;
    }

    pub async fn control(&self, path: &str) -> Value {
        let url = format!("{}/control/{path}", self.api);
        let reply = timeout(LIMIT, self.http.get(url).send()).await.unwrap().unwrap();
        reply.error_for_status().unwrap().json().await.unwrap()
    }
}

/// The agent, driven by JSON lines.
pub struct Agent {
    pub child: Child,
    pub commands: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
    /// How many `rtcSessionError` came.
    pub errors: usize,
}

impl Agent {
    pub async fn start(cloud: &Cloud) -> Self {
        Self::with(cloud, &[]).await
    }

    pub async fn with(cloud: &Cloud, options: &[&str]) -> Self {
        Self::of("offhook-sim-token", cloud, options).await.0
    }

    /// The second user's, with its address.
    pub async fn second(cloud: &Cloud) -> (Self, String) {
        Self::of("offhook-sim-token-2", cloud, &[]).await
    }

    async fn of(token: &str, cloud: &Cloud, options: &[&str]) -> (Self, String) {
        let mut child = Command::new(env!("CARGO_BIN_EXE_agent"))
            .args(["run", "--json", "--answer", "always", "--play", "tone:440"])
            .args(options)
            .args(["--api", &cloud.api, "--streaming", &cloud.streaming])
            .env("OFFHOOK_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("the agent starts");
        let commands = child.stdin.take().expect("it is piped");
        let events = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let mut agent = Self {
            child,
            commands,
            events,
            errors: 0,
        };
        let ready = agent.event("ready").await;
        assert_eq!(ready["protocol"], 1);
        let jid = agent.event("connected").await["jid"].take();
        (agent, jid.as_str().expect("an address").to_owned())
    }

    /// The next event of this name.
    pub async fn event(&mut self, name: &str) -> Value {
        let waiting = async {
            loop {
                let line = self.events.next_line().await.unwrap().expect("the agent runs");
                let event: Value = serde_json::from_str(&line).expect("a JSON line");
                self.errors += usize::from(event["event"] == "rtcSessionError");
                if event["event"] == name {
                    return event;
                }
            }
        };
        timeout(LIMIT, waiting)
            .await
            .unwrap_or_else(|_| panic!("{name} does not come"))
    }

    pub async fn command(&mut self, command: Value) -> Value {
        self.commands
            .write_all(format!("{command}\n").as_bytes())
            .await
            .unwrap();
        self.event("reply").await
    }

    /// What a command has for its result.
    pub async fn done(&mut self, command: Value) -> Value {
        let mut reply = self.command(command.clone()).await;
        assert_eq!(reply["ok"], true, "{command}: {reply}");
        reply["result"].take()
    }

    /// The event that a command causes; whether it comes before the reply is left to chance.
    pub async fn causes(&mut self, command: Value, name: &str) -> Value {
        self.commands
            .write_all(format!("{command}\n").as_bytes())
            .await
            .unwrap();
        let (mut caused, mut replied) = (None, false);
        let reading = async {
            while caused.is_none() || !replied {
                let line = self.events.next_line().await.unwrap().expect("the agent runs");
                let event: Value = serde_json::from_str(&line).expect("a JSON line");
                if event["event"] == "reply" {
                    assert_eq!(event["ok"], true, "{command}: {event}");
                    replied = true;
                } else if event["event"] == name {
                    caused = Some(event);
                }
            }
        };
        timeout(LIMIT, reading).await.unwrap();
        caused.expect("it was waited for")
    }

    /// Sockets of the process, and tasks of its engine.
    pub async fn holds(&mut self) -> (usize, u64) {
        let listed = self.command(json!({"command": "listSessions", "id": 1})).await;
        assert_eq!((&listed["ok"], &listed["id"]), (&json!(true), &json!(1)), "{listed}");
        assert_eq!(listed["result"]["sessions"], json!([]));
        let sockets = sockets(self.child.id().expect("it runs"));
        (sockets, listed["result"]["tasks"].as_u64().expect("a number of tasks"))
    }
}

/// How many sockets a process has open.
fn sockets(process: u32) -> usize {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).expect("the process runs");
    let links = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
    links
        .filter(|link| link.to_string_lossy().starts_with("socket:"))
        .count()
}

/// The simulator's program, built beside the agent's.
fn simulator() -> std::path::PathBuf {
    let build = Cargo::new(env!("CARGO"))
        .args(["build", "--quiet", "--workspace", "--bin", "offhook-sim"])
        .status();
    assert!(build.expect("cargo runs").success());
    Path::new(env!("CARGO_BIN_EXE_agent")).with_file_name("offhook-sim")
}
