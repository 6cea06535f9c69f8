//! Options out of a file, and what shells complete.

use std::fs;

use serde_json::json;
use tokio::{process::Command, time::timeout};

use crate::harness::{Agent, Cloud, LIMIT};

async fn agent(arguments: &[&str]) -> (Option<i32>, String, String) {
    let program = env!("CARGO_BIN_EXE_agent");
    let running = Command::new(program)
        .args(arguments)
        .env_remove("OFFHOOK_TOKEN")
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, running).await.unwrap().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

#[tokio::test]
async fn a_file_gives_options_and_what_is_typed_goes_before_it() {
    let cloud = Cloud::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    fs::write(&file, "play = \"tone:880\"\nanswer = [\"never\"]\ncalls = 1\n").unwrap();
    // The harness types `--play tone:440 --answer always`.
    let mut agent = Agent::with(&cloud, &["--config", file.to_str().unwrap()]).await;

    let session = cloud.call().await;

    let ended = agent.event("terminated").await;
    assert_eq!(ended["sessionId"], json!(session));
    let status = timeout(LIMIT, agent.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "one call was to be made: {status}");
    let heard = cloud.control(&format!("calls/{session}")).await;
    let hertz = heard["heard"]["toneHertz"].as_f64().unwrap_or_default();
    assert!((hertz - 440.0).abs() < 5.0, "{heard}");
}

#[tokio::test]
async fn an_offer_waits_for_its_command() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::with(&cloud, &["--accept", "manual", "--dscp"]).await;
    let session = cloud.call().await;
    let started = agent.event("incomingRtcSession").await;
    assert_eq!(started["sessionId"], json!(session));
    // A command later it still waits.
    let listed = agent.done(json!({"command": "listSessions"})).await;
    assert_eq!(listed["sessions"][0]["sessionId"], json!(session));
    assert_eq!(cloud.control(&format!("calls/{session}")).await["state"], "offered");

    agent
        .done(json!({"command": "acceptSession", "sessionId": session}))
        .await;

    assert_eq!(agent.event("terminated").await["reason"], "success");
    let heard = cloud.control(&format!("calls/{session}")).await;
    let hertz = heard["heard"]["toneHertz"].as_f64().unwrap_or_default();
    assert!((hertz - 440.0).abs() < 5.0, "{heard}");
}

#[tokio::test]
async fn a_program_is_told_the_log() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::with(&cloud, &["--trace"]).await;
    cloud.call().await;

    let told = agent.event("traceRtcSession").await;

    for field in ["level", "message", "at"] {
        assert!(told[field].is_string(), "{told}");
    }
    assert!(told["details"].is_object(), "{told}");
    agent.event("terminated").await;
}

#[tokio::test]
async fn what_is_wrong_in_a_file_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("agent.toml");
    fs::write(&file, "# where\nregion = \"mypurecloud.de\"\ncalls = \"many\"\n").unwrap();
    let path = file.to_str().unwrap();

    let (status, _, said) = agent(&["run", "--config", path]).await;

    assert_eq!(status, Some(2), "{said}");
    assert!(
        said.contains(&format!("{path}:3:")) && said.contains("many") && said.contains("--calls"),
        "{said}"
    );
}

#[tokio::test]
async fn shells_are_told_every_option() {
    for shell in ["bash", "zsh", "fish"] {
        let (status, script, said) = agent(&["completions", shell]).await;

        assert_eq!(status, Some(0), "{said}");
        for option in ["survivability", "ice-policy", "config"] {
            assert!(script.contains(option), "{shell} is not told of {option}");
        }
    }
}
