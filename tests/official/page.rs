//! A page with the platform's own client in it: a process that drives a browser.

use std::{
    io::{BufRead as _, BufReader, Write as _},
    path::Path,
    process::{Child, ChildStdin, Command, Stdio},
    thread,
};

use offhook_tests::diary::Diary;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::place::Place;

/// How far from its pitch a tone may be heard, in hertz: the grid on which a page looks for it.
const NEAR: f64 = 6.0;
/// A tone that arrives whole is played at -15 dBov.
const LOUD_ENOUGH_DBOV: f64 = -30.0;
/// Nothing is louder than this that is not meant to be heard.
const SILENT_DBOV: f64 = -55.0;

/// What is in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// npm `genesys-cloud-streaming-client`.
    Client,
    /// npm `genesys-cloud-webrtc-sdk`.
    Sdk,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Sdk => "sdk",
        }
    }
}

/// One page in a browser of its own. Dropped, it ends.
#[derive(Debug)]
pub struct Page {
    process: Child,
    input: Option<ChildStdin>,
    told: Diary<Value>,
}

impl Page {
    /// A page that knows the way to this place, and has not connected.
    pub fn open(place: &Place, kind: Kind) -> Self {
        let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("official");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .parent()
            .expect("the target folder");
        let modules = target.join("tools").join("official").join("node_modules");
        assert!(modules.exists(), "cargo xtask test installs {}", modules.display());
        let wishes = json!({
            "page": kind.name(),
            "authority": place.authority(),
            "port": place.port(),
            "microphone": place.microphone(),
        });
        let mut process = Command::new("node")
            .args(["driver.js", &wishes.to_string()])
            .current_dir(programs)
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
        Self {
            input: process.stdin.take(),
            process,
            // What it hears is told too often for a report.
            told: Diary::new(told, |told: &Value| (told["tell"] != "heard").then(|| told.to_string())),
        }
    }

    /// Commands it.
    pub fn does(&mut self, command: &Value) {
        self.told.note(format!("> {command}"));
        let input = self.input.as_mut().expect("it is open until the end");
        writeln!(input, "{command}").expect("it listens");
    }

    /// The next that it tells of this kind and of which that is true.
    pub async fn tells(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let found = |told: &Value| (told["tell"] == what && is(told)).then(|| told.clone());
        match self.told.next(found).await {
            Ok(told) => told,
            Err(_) => panic!("the page does not tell {what:?}:\n{}", self.told.report()),
        }
    }

    /// The next that it tells of this kind about a session.
    pub async fn tells_of(&mut self, what: &str, session: &str) -> Value {
        self.tells(what, |told| told["session"] == session).await
    }

    /// Waits until it hears this tone in a session, from now on.
    pub async fn hears(&mut self, session: &str, hertz: u32) {
        self.told.forget(|told| told["tell"] == "heard");
        let right = |told: &Value| {
            let near = told["hertz"]
                .as_f64()
                .is_some_and(|heard| (heard - f64::from(hertz)).abs() <= NEAR);
            let loud = told["dbov"].as_f64().is_some_and(|dbov| dbov > LOUD_ENOUGH_DBOV);
            told["session"] == session && near && loud
        };
        self.tells("heard", right).await;
    }

    /// Waits until it hears nothing in a session, from now on.
    pub async fn hears_nothing(&mut self, session: &str) {
        self.told.forget(|told| told["tell"] == "heard");
        let silent = |told: &Value| {
            let quiet = told["dbov"].as_f64().is_some_and(|dbov| dbov < SILENT_DBOV);
            told["session"] == session && quiet
        };
        self.tells("heard", silent).await;
    }
}

impl Drop for Page {
    /// Told the end of its input, it ends, and the browser that it started with it.
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}
