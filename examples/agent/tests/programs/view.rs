//! The live view, in a terminal of tmux: keys go in, a screen comes out.

use std::{process::Output, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::{process::Command, time};

use crate::harness::{Cloud, LIMIT};

/// How long between two looks at the screen.
const GLANCE: Duration = Duration::from_millis(50);

/// One terminal with the agent in it. Its server has a socket of its own, and ends with it.
struct Screen {
    folder: TempDir,
}

impl Screen {
    async fn with_agent(cloud: &Cloud) -> Self {
        let screen = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let program = env!("CARGO_BIN_EXE_agent");
        let (api, streaming) = (&cloud.api, &cloud.streaming);
        let command = format!(
            "OFFHOOK_TOKEN=offhook-sim-token '{program}' run --answer placed --play tone:440 --api {api} --streaming {streaming}; \
             echo it left $?; exec sh"
        );
        let options = ["new-session", "-d", "-x", "120", "-y", "24"];
        screen.tmux(&[&options[..], &[&command]].concat()).await;
        screen
    }

    async fn tmux(&self, arguments: &[&str]) -> Output {
        let socket = self.folder.path().join("tmux");
        let running = Command::new("tmux")
            .args(["-f", "/dev/null", "-S"])
            .arg(socket)
            .args(arguments)
            .env("TERM", "screen-256color")
            .env("LANG", "C.UTF-8")
            .output();
        let output = time::timeout(LIMIT, running).await.unwrap().expect("tmux is installed");
        assert!(output.status.success(), "tmux {arguments:?}: {output:?}");
        output
    }

    async fn press(&self, keys: &str) {
        self.tmux(&["send-keys", keys]).await;
    }

    /// Waits until all of these texts are on the screen, and gives it.
    async fn shows(&self, texts: &[&str]) -> String {
        let mut shown = String::new();
        let looking = async {
            loop {
                let output = self.tmux(&["capture-pane", "-p"]).await;
                shown = String::from_utf8_lossy(&output.stdout).into_owned();
                if texts.iter().all(|text| shown.contains(text)) {
                    return;
                }
                time::sleep(GLANCE).await;
            }
        };
        let looked = time::timeout(LIMIT, looking).await;
        assert!(looked.is_ok(), "not all of {texts:?} on\n{shown}");
        shown
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let socket = self.folder.path().join("tmux");
        let server = std::process::Command::new("tmux")
            .arg("-S")
            .arg(socket)
            .arg("kill-server")
            .output();
        drop(server);
    }
}

async fn records(cloud: &Cloud) -> Vec<Value> {
    let records = cloud.control("records").await;
    records.as_array().expect("a list").clone()
}

/// Waits until the far end hears this key.
async fn heard(cloud: &Cloud, digit: char) {
    let listening = async {
        let is_it = |record: &Value| record["event"] == json!({"event": "digitHeard", "digit": digit});
        while !records(cloud).await.iter().any(is_it) {
            time::sleep(GLANCE).await;
        }
    };
    let heard = time::timeout(LIMIT, listening).await;
    assert!(heard.is_ok(), "the far end does not hear {digit}");
}

#[tokio::test]
#[ignore = "needs tmux: cargo xtask test installs it and runs this"]
async fn a_whole_call_is_handled_by_keys() {
    let cloud = Cloud::start().await;
    let screen = Screen::with_agent(&cloud).await;
    screen.shows(&["connected as", "no calls", "q quit"]).await;

    cloud.call_for(60.0).await;
    screen.shows(&["1 call", "ringing"]).await;
    screen.press("a").await;
    screen
        .shows(&["connected", "0:0", " %", " ms", "MOS", "\u{2588}"])
        .await;
    screen.press("m").await;
    screen.shows(&["muted"]).await;
    screen.press("m").await;
    screen.press("5").await;
    heard(&cloud, '5').await;
    screen.press("x").await;
    screen.shows(&["no calls", "ended after"]).await;

    // Another one is refused, and one is placed.
    cloud.does("calls", json!({"durationSeconds": 60})).await;
    screen.shows(&["1 call", "ringing"]).await;
    screen.press("r").await;
    screen.shows(&["no calls"]).await;
    for key in ["d", "+", "4", "9"] {
        screen.press(key).await;
    }
    screen.shows(&["dial", "+49"]).await;
    screen.press("Enter").await;
    screen.shows(&["1 call", "connected", "0:0"]).await;

    screen.press("q").await;
    screen.shows(&["it left 0"]).await;
}
