//! The agent and the simulated cloud as programs: call after call, and what is left of them.

mod connection;
mod every;
mod harness;
mod login;
mod options;
mod sound;
mod view;

use std::time::Duration;

use serde_json::json;
use tokio::{io::AsyncWriteExt, process::Command, time::timeout};

use self::harness::{Agent, Cloud, LIMIT};

#[tokio::test]
async fn calls_at_once_and_one_after_the_other_leave_nothing_behind() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    let mut first = None;
    for round in 1..=10 {
        let at_once = [cloud.call().await, cloud.call().await];
        for _ in &at_once {
            agent.event("terminated").await;
        }
        let after = cloud.call().await;
        agent.event("terminated").await;
        for session in at_once.iter().chain([&after]) {
            let call = cloud.control(&format!("calls/{session}")).await;
            let heard = call["heard"]["toneHertz"].as_f64().unwrap_or_default();
            assert!((heard - 440.0).abs() < 5.0, "round {round}: {call}");
        }
        // The last task and socket of a call end a moment after it was told to have ended.
        let settled = async {
            loop {
                let holds = agent.holds().await;
                let (sockets, tasks) = *first.get_or_insert(holds);
                if holds.0 <= sockets && holds.1 <= tasks {
                    return holds;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let (sockets, tasks) = timeout(LIMIT, settled)
            .await
            .unwrap_or_else(|_| panic!("round {round} leaks: at first {first:?}"));
        println!("after round {round}: {sockets} sockets, {tasks} tasks");
    }
    assert_eq!(agent.errors, 0);
    let live = cloud.control("live").await;
    assert_eq!(
        (&live["calls"], &live["mediaSockets"]),
        (&json!(0), &json!(0)),
        "{live}"
    );
    assert_eq!(agent.command(json!({"command": "quit"})).await["ok"], true);
    let status = timeout(LIMIT, agent.child.wait()).await.unwrap().unwrap();
    assert!(status.success(), "{status}");
    assert!(cloud.child.id().is_some());
}

#[tokio::test]
async fn commands_are_answered_and_what_is_wrong_is_said() {
    let cloud = Cloud::start().await;
    let mut agent = Agent::start(&cloud).await;
    let cases = [
        (json!({"command": "acceptRtcSession", "sessionId": "none"}), "failed"),
        (json!({"command": "acceptRtcSession"}), "bad_command"),
        (json!({"command": "acceptSession", "sessionId": "s"}), "failed"),
        (json!({"command": "setHeld", "sessionId": "s", "held": true}), "failed"),
        (json!({"command": "setHeld", "sessionId": "s"}), "bad_command"),
        (json!({"command": "setMute", "sessionId": "s", "muted": true}), "failed"),
        (json!({"command": "setMute", "sessionId": "s"}), "bad_command"),
        (json!({"command": "sendDigits", "digits": "1"}), "bad_command"),
        (
            json!({"command": "sendDigits", "conversationId": "c", "digits": "1"}),
            "not_found",
        ),
        (json!({"command": "dance"}), "bad_command"),
        (json!([]), "bad_command"),
        (json!({"command": "endRtcSessions", "reason": "boredom"}), "bad_command"),
        (json!({"command": "endCall", "conversationId": "c"}), "not_found"),
    ];
    for (command, code) in cases {
        let reply = agent.command(command.clone()).await;
        assert_eq!(
            (&reply["ok"], &reply["error"]["code"]),
            (&json!(false), &json!(code)),
            "{command}: {reply}"
        );
    }
    assert_eq!(agent.errors, 2, "what cannot be accepted is told as an event too");
    let placed = agent
        .command(json!({"command": "placeCall", "phoneNumber": "+4930"}))
        .await;
    let conversation = placed["result"]["conversationId"].clone();
    assert!(conversation.is_string(), "{placed}");
    let started = agent.event("incomingRtcSession").await;
    assert_eq!(started["conversationId"], conversation);
    let active = agent.event("change:active").await;
    assert_eq!(
        (&active["active"], &active["sessionId"]),
        (&json!(true), &started["sessionId"])
    );
    // The reply comes when all have ended; the end itself is told before.
    agent
        .commands
        .write_all(b"{\"command\":\"endRtcSessions\",\"id\":\"x\"}\n")
        .await
        .unwrap();
    let terminated = agent.event("terminated").await;
    assert_eq!(
        (&terminated["reason"], &terminated["by"]),
        (&json!("success"), &json!("local")),
        "{terminated}"
    );
    let reply = agent.event("reply").await;
    assert_eq!(
        (&reply["id"], &reply["result"]["sessionIds"]),
        (&json!("x"), &json!([started["sessionId"]])),
        "{reply}"
    );
    // The end of standard input ends the agent.
    let Agent {
        mut child, commands, ..
    } = agent;
    drop(commands);
    assert!(timeout(LIMIT, child.wait()).await.unwrap().unwrap().success());
}

#[tokio::test]
async fn exit_statuses_tell_what_was_wrong() {
    let cloud = Cloud::start().await;
    let (api, streaming) = (cloud.api.as_str(), cloud.streaming.as_str());
    let right = "offhook-sim-token";
    let cases: [(&[&str], &str, i32, &str); 6] = [
        (&["--api", api, "--streaming", streaming], "wrong", 3, "access token"),
        (
            &["--api", "http://127.0.0.1:9", "--streaming", "ws://127.0.0.1:9"],
            right,
            4,
            "127.0.0.1:9",
        ),
        (
            &["--api", "http://example.com", "--streaming", streaming],
            right,
            2,
            "not encrypted",
        ),
        (
            &["--api", api, "--streaming", streaming, "--calls-at-once", "0"],
            right,
            2,
            "--calls-at-once",
        ),
        (
            &["--api", api, "--streaming", streaming, "--play", "file:Cargo.toml"],
            right,
            2,
            "WAV",
        ),
        (
            &["--api", api, "--streaming", streaming, "--play", "device"],
            right,
            2,
            "device",
        ),
    ];
    for (options, token, status, word) in cases {
        let run = Command::new(env!("CARGO_BIN_EXE_agent"))
            .arg("run")
            .args(options)
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("OFFHOOK_TOKEN", token)
            .kill_on_drop(true)
            .output();
        let output = timeout(LIMIT, run).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(status), "{options:?}: {said}");
        assert!(said.contains(word), "{options:?}: {said}");
    }
}

#[tokio::test]
async fn a_call_is_placed_from_the_command_line() {
    let cloud = Cloud::with(&["--outbound-seconds", "1"]).await;
    let call = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args([
            "call",
            "+493012345678",
            "--api",
            &cloud.api,
            "--streaming",
            &cloud.streaming,
        ])
        .env("OFFHOOK_TOKEN", "offhook-sim-token")
        .env("OFFHOOK_LOG", "trace")
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, call).await.unwrap().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{said} {}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(said.contains("is connected") && said.contains("success"), "{said}");
    let log = String::from_utf8_lossy(&output.stderr);
    assert!(log.contains("TRACE"), "{log}");
    for secret in ["offhook-sim-token", "authKey", "<auth", "Bearer"] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn a_call_that_nobody_answers_ends_with_its_own_status() {
    let cloud = Cloud::start().await;
    // Nothing accepts the proposal here, and no program is there to do it.
    let call = Command::new(env!("CARGO_BIN_EXE_agent"))
        .args(["call", "+493012345678", "--answer", "never", "--timeout", "0.5"])
        .args(["--api", &cloud.api, "--streaming", &cloud.streaming])
        .env("OFFHOOK_TOKEN", "offhook-sim-token")
        .kill_on_drop(true)
        .output();
    let output = timeout(LIMIT, call).await.unwrap().unwrap();
    assert_eq!(
        output.status.code(),
        Some(5),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
