//! The agent as a program that is driven by JSON lines, as scripts do it.

use std::{
    collections::BTreeMap,
    env,
    io::{BufRead as _, BufReader, Write as _},
    path::PathBuf,
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    sync::Mutex,
    thread,
};

use offhook_sim::Cloud;
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Duration, Instant, sleep},
};

use crate::{diary::Diary, softphone::LIMIT};

/// How often it is looked whether the program has ended.
const LOOK: Duration = Duration::from_millis(20);

/// The program. Dropped, it is killed.
#[derive(Debug)]
pub struct Agent {
    process: Child,
    input: ChildStdin,
    told: Diary<Value>,
    commands: u64,
}

impl Agent {
    /// Builds the program with these features and starts `agent run --json` or `agent call --json` for the user of a cloud
    /// who has this token, with further options.
    ///
    /// # Panics
    /// When it is not built, or does not start.
    pub fn start(features: &str, does: &str, cloud: &Cloud, token: &str, options: &[&str]) -> Self {
        let mut process = Command::new(built(features))
            .args([does, "--json"])
            .args(["--api", &cloud.api_url(), "--streaming", &cloud.streaming_url()])
            .args(options)
            .env("OFFHOOK_TOKEN", token)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let (tell, told) = mpsc::unbounded_channel();
        let output = BufReader::new(process.stdout.take().expect("piped"));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                // The test may have ended.
                let _ = tell.send(serde_json::from_str(&line).expect("a JSON object a line"));
            }
        });
        Self {
            input: process.stdin.take().expect("piped"),
            process,
            // The figures are told too often for a report.
            told: Diary::new(told, |told: &Value| {
                (told["event"] != "stats").then(|| told.to_string())
            }),
            commands: 0,
        }
    }

    /// The result of a command.
    ///
    /// # Panics
    /// When it is refused, or not answered.
    pub async fn does(&mut self, mut command: Value) -> Value {
        self.commands += 1;
        command["id"] = self.commands.into();
        self.told.note(format!("> {command}"));
        writeln!(self.input, "{command}").expect("it reads");
        let id = json!(self.commands);
        let mut reply = self.tells("reply", |told| told["id"] == id).await;
        assert_eq!(reply["ok"], true, "{command}: {reply}\n{}", self.told.report());
        reply["result"].take()
    }

    /// The next event of this name of which that is true.
    ///
    /// # Panics
    /// When it is not told.
    pub async fn tells(&mut self, event: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = |told: &Value| (told["event"] == event && is(told)).then(|| told.clone());
        match self.told.next(found).await {
            Ok(told) => told,
            Err(_) => panic!("the agent does not tell {event:?}:\n{}", self.told.report()),
        }
    }

    /// The next event of this name about a session.
    pub async fn tells_of(&mut self, event: &str, session: &str) -> Value {
        self.tells(event, |told| told["sessionId"] == session).await
    }

    /// How the program ends by itself.
    ///
    /// # Panics
    /// When it does not.
    pub async fn ends(&mut self) -> ExitStatus {
        let limit = Instant::now() + LIMIT;
        loop {
            if let Some(status) = self.process.try_wait().expect("it is ours") {
                return status;
            }
            assert!(Instant::now() < limit, "it goes on:\n{}", self.told.report());
            sleep(LOOK).await;
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the program is, which is built once.
fn built(features: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("it was built before");
    built
        .entry(features.to_owned())
        .or_insert_with(|| build(features))
        .clone()
}

fn build(features: &str) -> PathBuf {
    let status = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "build",
            "--quiet",
            "--workspace",
            "--bin",
            "agent",
            "--features",
            features,
        ])
        .status();
    assert!(status.expect("cargo runs").success(), "the agent cannot be built");
    let test = env::current_exe().expect("this program");
    let folder = test.ancestors().nth(2).expect("the folder of what is built");
    folder.join("agent")
}
