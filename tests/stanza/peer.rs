//! The peer that others wrote: a Node process that runs `peer.js`.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use offhook_tests::prosody::PASSWORD;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use offhook_tests::diary::Diary;

/// How far from its pitch a tone may be heard, in hertz: the grid on which the peer looks for it.
const NEAR: f64 = 5.0;
/// A tone that arrives whole is played at -15 dBov; libwebrtc's gain control may take some of it.
const LOUD_ENOUGH_DBOV: f64 = -30.0;

/// One process. Dropped, it ends.
pub struct Peer {
    jid: String,
    process: Child,
    input: ChildStdin,
    told: Diary<Value>,
}

impl Peer {
    /// Logs in at Prosody, with an account that plays a tone in its calls.
    pub async fn connect(port: u16, account: &str, hertz: u32) -> Self {
        let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target folder");
        let modules = target.join("tools").join("stanza").join("node_modules");
        assert!(modules.is_dir(), "cargo xtask test installs {}", modules.display());
        let mut process = Command::new("node")
            .arg(tests.join("stanza").join("peer.js"))
            .env("NODE_PATH", modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Node is installed");
        let (tell, told) = mpsc::unbounded_channel();
        let output = BufReader::new(process.stdout.take().expect("its output"));
        thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                let _ = tell.send(serde_json::from_str(&line).expect("JSON"));
            }
        });
        let mut peer = Self {
            jid: format!("{account}@localhost/stanza"),
            input: process.stdin.take().expect("its input"),
            process,
            told: Diary::new(told, line),
        };
        peer.does(json!({
            "do": "connect",
            "url": format!("ws://127.0.0.1:{port}/xmpp-websocket"),
            "jid": format!("{account}@localhost"),
            "password": PASSWORD,
            "resource": "stanza",
            "hertz": hertz,
            "trace": true,
        }));
        peer.tells("ready").await;
        peer
    }

    pub fn jid(&self) -> &str {
        &self.jid
    }

    pub fn does(&mut self, command: Value) {
        self.told.note(format!("> {command}"));
        writeln!(self.input, "{command}").expect("it listens");
    }

    /// What needs no more than its name: `accept`, `hold` and the like, of the latest call.
    pub fn just(&mut self, what: &str) {
        self.does(json!({ "do": what }));
    }

    pub fn calls(&mut self, to: &str) {
        self.does(json!({ "do": "call", "to": to }));
    }

    /// The next that it tells of this kind.
    pub async fn tells(&mut self, what: &str) -> Value {
        self.tells_that(what, |_| true).await
    }

    /// The next that it tells of this kind and of which that is true.
    async fn tells_that(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        // With a fault it ends, and tells nothing more.
        let found = |told: &Value| (told["tell"] == what && is(told)).then(|| told.clone());
        let told = self.told.next(found).await;
        told.unwrap_or_else(|_| panic!("{} does not tell {what:?}", self.jid))
    }

    /// Waits until it hears this tone, from now on.
    pub async fn hears(&mut self, hertz: u32) {
        self.told.forget(|told| told["tell"] == "heard");
        // What was half heard by then.
        self.tells("heard").await;
        let loud = |told: &Value| told["dbov"].as_f64().is_some_and(|dbov| dbov > LOUD_ENOUGH_DBOV);
        let right = |told: &Value| {
            let heard = told["hertz"].as_f64();
            heard.is_some_and(|heard| (heard - f64::from(hertz)).abs() <= NEAR)
        };
        self.tells_that("heard", |told| loud(told) && right(told)).await;
    }
}

/// What it plays and hears is told too often for a report.
fn line(told: &Value) -> Option<String> {
    match told["tell"].as_str() {
        Some("heard") => None,
        Some("stanza") => Some(format!("  {} {}", told["way"].as_str()?, told["xml"].as_str()?)),
        _ => Some(told.to_string()),
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if thread::panicking() {
            eprintln!("{}:\n{}", self.jid, self.told.report());
        }
    }
}
